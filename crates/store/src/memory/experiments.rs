//! Experiments in memory.

use super::{MemoryStore, Records, delete_tag, set_tag};
use crate::error::{Error, Result};
use crate::experiments::{Experiment, ExperimentStore, Lifecycle};
use crate::models::ModelVersion;
use crate::runs::Tag;
use crate::text::{check_tags, check_texts};

fn not_found(id: &str) -> Error {
    Error::NotFound { kind: "experiment", id: id.to_owned() }
}

impl Records {
    pub(super) fn experiment(&mut self, experiment_id: &str) -> Result<&mut Experiment> {
        self.experiments.get_mut(experiment_id).ok_or_else(|| not_found(experiment_id))
    }

    fn experiment_named(&self, name: &str) -> Option<&Experiment> {
        self.experiments.values().find(|experiment| experiment.name == name)
    }
}

#[async_trait::async_trait]
impl ExperimentStore for MemoryStore {
    async fn create_experiment(&self, mut experiment: Experiment) -> Result<()> {
        experiment.check()?;
        self.with(|records| {
            let taken = records.experiments.contains_key(&experiment.experiment_id)
                || records.experiment_named(&experiment.name).is_some();
            if taken {
                return Err(Error::AlreadyExists { kind: "experiment", id: experiment.name });
            }
            for tag in std::mem::take(&mut experiment.tags) {
                set_tag(&mut experiment.tags, tag);
            }
            records.experiments.insert(experiment.experiment_id.clone(), experiment);
            Ok(())
        })
    }

    async fn get_experiment(&self, experiment_id: &str) -> Result<Experiment> {
        self.with(|records| records.experiment(experiment_id).cloned())
    }

    async fn get_experiment_by_name(&self, name: &str) -> Result<Experiment> {
        self.with(|records| records.experiment_named(name).cloned().ok_or_else(|| not_found(name)))
    }

    async fn list_experiments(&self, lifecycle: Option<Lifecycle>) -> Result<Vec<Experiment>> {
        self.with(|records| {
            let wanted = |experiment: &&Experiment| lifecycle.is_none_or(|wanted| experiment.lifecycle == wanted);
            let mut found: Vec<Experiment> = records.experiments.values().filter(wanted).cloned().collect();
            found.sort_by(|a, b| (b.creation_time_ms, &b.experiment_id).cmp(&(a.creation_time_ms, &a.experiment_id)));
            Ok(found)
        })
    }

    async fn rename_experiment(&self, experiment_id: &str, name: &str, now_ms: i64) -> Result<()> {
        check_texts([name])?;
        self.with(|records| {
            if records.experiment(experiment_id)?.lifecycle == Lifecycle::Deleted {
                return Err(Error::Conflict(format!(
                    "the experiment {experiment_id} is deleted; restore it before renaming it"
                )));
            }
            if records.experiment_named(name).is_some_and(|other| other.experiment_id != experiment_id) {
                return Err(Error::AlreadyExists { kind: "experiment", id: name.to_owned() });
            }
            let experiment = records.experiment(experiment_id)?;
            name.clone_into(&mut experiment.name);
            experiment.last_update_time_ms = now_ms;
            Ok(())
        })
    }

    async fn set_experiment_lifecycle(&self, experiment_id: &str, lifecycle: Lifecycle, now_ms: i64) -> Result<()> {
        self.with(|records| {
            let experiment = records.experiment(experiment_id)?;
            if experiment.lifecycle != lifecycle {
                experiment.lifecycle = lifecycle;
                experiment.last_update_time_ms = now_ms;
                let runs = records.runs.values_mut().map(|run| &mut run.info);
                for info in runs.filter(|info| info.experiment_id == experiment_id) {
                    info.lifecycle = lifecycle;
                }
            }
            Ok(())
        })
    }

    async fn delete_experiment_for_good(&self, experiment_id: &str) -> Result<()> {
        self.with(|records| {
            if records.experiment(experiment_id)?.lifecycle != Lifecycle::Deleted {
                return Err(Error::not_deleted("experiment", experiment_id));
            }
            if records.runs.values().any(|run| run.info.experiment_id == experiment_id) {
                return Err(Error::experiment_with_runs(experiment_id));
            }
            let below = format!("{}/", records.experiment(experiment_id)?.artifact_location);
            let is_of_model = |version: &ModelVersion| {
                let model = version.model_id.as_ref().and_then(|model_id| records.logged_models.get(model_id));
                model.is_some_and(|model| model.experiment_id == experiment_id)
            };
            let mut versions = records.models.values().flat_map(|model| model.versions.values());
            if let Some(version) =
                versions.find(|version| is_of_model(version) || version.storage_location.starts_with(&below))
            {
                return Err(Error::experiment_in_registry(experiment_id, &version.name, version.version));
            }
            records.traces.retain(|_, trace| trace.info.experiment_id != experiment_id);
            records.logged_models.retain(|_, model| model.experiment_id != experiment_id);
            records.experiments.remove(experiment_id);
            Ok(())
        })
    }

    async fn set_experiment_tag(&self, experiment_id: &str, tag: Tag, now_ms: i64) -> Result<()> {
        check_tags([&tag])?;
        self.with(|records| {
            let experiment = records.experiment(experiment_id)?;
            set_tag(&mut experiment.tags, tag);
            experiment.last_update_time_ms = now_ms;
            Ok(())
        })
    }

    async fn delete_experiment_tag(&self, experiment_id: &str, key: &str, now_ms: i64) -> Result<()> {
        self.with(|records| {
            let experiment = records.experiment(experiment_id)?;
            delete_tag(&mut experiment.tags, key)?;
            experiment.last_update_time_ms = now_ms;
            Ok(())
        })
    }
}
