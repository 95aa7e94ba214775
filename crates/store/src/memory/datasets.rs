//! Evaluation datasets in memory.

use super::{MemoryStore, Records, delete_tag, set_tag};
use crate::datasets::{DatasetRecord, DatasetStore, EvaluationDataset, NewDatasetRecord, Upserted};
use crate::datasets::{grown_schema, profile};
use crate::error::{Error, Result};
use crate::runs::Tag;
use crate::text::check_tags;
use std::collections::{BTreeMap, BTreeSet};

/// A dataset with what belongs to it.
#[derive(Debug)]
pub(super) struct StoredDataset {
    dataset: EvaluationDataset,
    experiment_ids: BTreeSet<String>,
    /// By the hash of their inputs.
    records: BTreeMap<String, DatasetRecord>,
}

impl StoredDataset {
    fn describe(&mut self) {
        self.dataset.profile = profile(self.records.len() as u64);
    }
}

impl Records {
    fn dataset(&mut self, dataset_id: &str) -> Result<&mut StoredDataset> {
        let missing = || Error::NotFound { kind: "evaluation dataset", id: dataset_id.to_owned() };
        self.datasets.get_mut(dataset_id).ok_or_else(missing)
    }

    fn check_experiments(&self, experiment_ids: &[String]) -> Result<()> {
        match experiment_ids.iter().find(|id| !self.experiments.contains_key(*id)) {
            Some(id) => Err(Error::NotFound { kind: "experiment", id: id.clone() }),
            None => Ok(()),
        }
    }
}

#[async_trait::async_trait]
impl DatasetStore for MemoryStore {
    async fn create_dataset(&self, mut dataset: EvaluationDataset, experiment_ids: &[String]) -> Result<()> {
        dataset.check()?;
        self.with(|records| {
            if records.datasets.contains_key(&dataset.dataset_id) {
                return Err(Error::AlreadyExists { kind: "evaluation dataset", id: dataset.dataset_id });
            }
            records.check_experiments(experiment_ids)?;
            for tag in std::mem::take(&mut dataset.tags) {
                set_tag(&mut dataset.tags, tag);
            }
            let experiment_ids = experiment_ids.iter().cloned().collect();
            let id = dataset.dataset_id.clone();
            records.datasets.insert(id, StoredDataset { dataset, experiment_ids, records: BTreeMap::new() });
            Ok(())
        })
    }

    async fn get_dataset(&self, dataset_id: &str) -> Result<EvaluationDataset> {
        self.with(|records| Ok(records.dataset(dataset_id)?.dataset.clone()))
    }

    async fn list_datasets(&self, experiment_ids: &[String]) -> Result<Vec<EvaluationDataset>> {
        self.with(|records| {
            let wanted = |stored: &&StoredDataset| {
                experiment_ids.is_empty() || experiment_ids.iter().any(|id| stored.experiment_ids.contains(id))
            };
            let stored = records.datasets.values().filter(wanted);
            let mut found: Vec<EvaluationDataset> = stored.map(|stored| stored.dataset.clone()).collect();
            found.sort_by(|a, b| (b.creation_time_ms, &b.dataset_id).cmp(&(a.creation_time_ms, &a.dataset_id)));
            Ok(found)
        })
    }

    async fn delete_dataset(&self, dataset_id: &str) -> Result<()> {
        self.with(|records| {
            records.dataset(dataset_id)?;
            records.datasets.remove(dataset_id);
            Ok(())
        })
    }

    async fn set_dataset_tags(&self, dataset_id: &str, tags: Vec<Tag>) -> Result<()> {
        check_tags(&tags)?;
        self.with(|records| {
            let stored = records.dataset(dataset_id)?;
            tags.into_iter().for_each(|tag| set_tag(&mut stored.dataset.tags, tag));
            Ok(())
        })
    }

    async fn delete_dataset_tag(&self, dataset_id: &str, key: &str) -> Result<()> {
        self.with(|records| delete_tag(&mut records.dataset(dataset_id)?.dataset.tags, key))
    }

    async fn upsert_dataset_records(
        &self,
        dataset_id: &str,
        records: Vec<NewDatasetRecord>,
        digest: &str,
        now_ms: i64,
    ) -> Result<Upserted> {
        self.with(|all| {
            let stored = all.dataset(dataset_id)?;
            let schema = grown_schema(stored.dataset.schema.as_deref(), &records);
            let user = records.iter().rev().find_map(NewDatasetRecord::user);
            let mut upserted = Upserted::default();
            for new in records {
                match stored.records.get_mut(&new.input_hash) {
                    Some(record) => {
                        new.merge_into(record, now_ms);
                        upserted.updated += 1;
                    }
                    None => {
                        let record = new.into_record(dataset_id, now_ms);
                        stored.records.insert(record.input_hash.clone(), record);
                        upserted.inserted += 1;
                    }
                }
            }
            stored.describe();
            stored.dataset.schema = schema;
            stored.dataset.last_updated_by = user;
            stored.dataset.last_update_time_ms = now_ms;
            digest.clone_into(&mut stored.dataset.digest);
            Ok(upserted)
        })
    }

    async fn list_dataset_records(
        &self,
        dataset_id: &str,
        after: Option<(i64, String)>,
        limit: usize,
    ) -> Result<Vec<DatasetRecord>> {
        self.with(|all| {
            let place = |record: &DatasetRecord| (record.creation_time_ms, record.record_id.clone());
            let stored = all.dataset(dataset_id)?.records.values();
            let mut found: Vec<DatasetRecord> =
                stored.filter(|record| after.as_ref().is_none_or(|after| place(record) > *after)).cloned().collect();
            found.sort_by_key(place);
            found.truncate(limit);
            Ok(found)
        })
    }

    async fn delete_dataset_records(&self, dataset_id: &str, record_ids: &[String]) -> Result<usize> {
        self.with(|all| {
            let stored = all.dataset(dataset_id)?;
            let before = stored.records.len();
            let wanted: BTreeSet<&String> = record_ids.iter().collect();
            stored.records.retain(|_, record| !wanted.contains(&record.record_id));
            stored.describe();
            Ok(before - stored.records.len())
        })
    }

    async fn dataset_experiment_ids(&self, dataset_id: &str) -> Result<Vec<String>> {
        self.with(|all| {
            let stored = all.datasets.get(dataset_id);
            Ok(stored.map(|stored| stored.experiment_ids.iter().cloned().collect()).unwrap_or_default())
        })
    }

    async fn link_dataset(&self, dataset_id: &str, experiment_ids: &[String], now_ms: i64) -> Result<()> {
        self.with(|all| {
            all.dataset(dataset_id)?;
            all.check_experiments(experiment_ids)?;
            let stored = all.dataset(dataset_id)?;
            stored.experiment_ids.extend(experiment_ids.iter().cloned());
            stored.dataset.last_update_time_ms = now_ms;
            Ok(())
        })
    }

    async fn unlink_dataset(&self, dataset_id: &str, experiment_ids: &[String], now_ms: i64) -> Result<()> {
        self.with(|all| {
            let stored = all.dataset(dataset_id)?;
            let before = stored.experiment_ids.len();
            stored.experiment_ids.retain(|id| !experiment_ids.contains(id));
            if stored.experiment_ids.len() < before {
                stored.dataset.last_update_time_ms = now_ms;
            }
            Ok(())
        })
    }
}
