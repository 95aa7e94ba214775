//! Runs in memory.

use super::{MemoryStore, Records, delete_tag, set_tag};
use crate::error::{Error, Result};
use crate::experiments::Lifecycle;
use crate::logged_models::ModelOutput;
use crate::query::{NO_MEAN_FROM, Page, RunQuery, Statistic};
use crate::runs::{DatasetInput, DatasetUse, LogBatch, Metric, Param, Run, RunInfo, RunKeys, RunStatus, RunStore, Tag};
use crate::text::{check_tags, check_texts};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

/// A run with everything that was logged to it.
#[derive(Debug)]
pub(super) struct StoredRun {
    pub(super) info: RunInfo,
    pub(super) deleted_time_ms: Option<i64>,
    pub(super) params: BTreeMap<String, String>,
    pub(super) tags: Vec<Tag>,
    pub(super) inputs: BTreeMap<(String, String), DatasetInput>,
    pub(super) metrics: BTreeMap<String, Series>,
    model_inputs: BTreeSet<String>,
    model_outputs: BTreeMap<String, i64>,
}

/// One metric: its measurements in the order of writing, and which of them is the latest.
#[derive(Debug, Default)]
pub(super) struct Series {
    history: Vec<Metric>,
    seen: BTreeSet<(i64, i64, u64)>,
    latest: usize,
}

impl Series {
    pub(super) fn latest(&self) -> &Metric {
        &self.history[self.latest]
    }

    #[expect(clippy::cast_precision_loss, reason = "nobody measures 2^53 times")]
    pub(super) fn statistic(&self, statistic: Statistic) -> Option<f64> {
        let numbers = || self.history.iter().map(|metric| metric.value).filter(|value| !value.is_nan());
        match statistic {
            Statistic::Min => numbers().reduce(f64::min),
            Statistic::Max => numbers().reduce(f64::max),
            Statistic::First => {
                self.history.iter().reduce(|a, b| if a.is_later_than(b) { b } else { a }).map(|metric| metric.value)
            }
            Statistic::Count => Some(self.history.len() as f64),
            Statistic::Mean if numbers().any(|number| number.abs() >= NO_MEAN_FROM) => None,
            Statistic::Mean => match numbers().count() {
                0 => None,
                count => Some(numbers().sum::<f64>() / count as f64),
            },
        }
    }

    fn log(&mut self, metric: Metric) {
        if !self.seen.insert((metric.step, metric.timestamp_ms, metric.value.to_bits())) {
            return;
        }
        if self.history.is_empty() || metric.is_later_than(self.latest()) {
            self.latest = self.history.len();
        }
        self.history.push(metric);
    }
}

impl StoredRun {
    pub(super) fn whole(&self) -> Run {
        Run {
            info: self.info.clone(),
            params: self.params.iter().map(|(key, value)| Param { key: key.clone(), value: value.clone() }).collect(),
            metrics: self.metrics.values().map(|series| series.latest().clone()).collect(),
            tags: self.tags.clone(),
            inputs: self.inputs.values().cloned().collect(),
            model_inputs: self.model_inputs.iter().cloned().collect(),
            model_outputs: self
                .model_outputs
                .iter()
                .map(|(model_id, step)| ModelOutput { model_id: model_id.clone(), step: *step })
                .collect(),
        }
    }

    fn check_params(&self, params: &[Param]) -> Result<()> {
        let mut new: BTreeMap<&str, &str> = BTreeMap::new();
        for param in params {
            let there =
                self.params.get(&param.key).map(String::as_str).or_else(|| new.get(param.key.as_str()).copied());
            match there {
                Some(value) if value != param.value => {
                    return Err(Error::param_conflict(&self.info.run_id, &param.key, value, &param.value));
                }
                _ => new.insert(&param.key, &param.value),
            };
        }
        Ok(())
    }
}

impl Records {
    fn run(&mut self, run_id: &str) -> Result<&mut StoredRun> {
        self.runs.get_mut(run_id).ok_or_else(|| Error::NotFound { kind: "run", id: run_id.to_owned() })
    }

    fn writable(&mut self, run_id: &str) -> Result<&mut StoredRun> {
        let run = self.run(run_id)?;
        if run.info.lifecycle == Lifecycle::Deleted {
            return Err(Error::Conflict(format!("the run {run_id} is deleted; restore it before writing to it")));
        }
        Ok(run)
    }
}

#[async_trait::async_trait]
impl RunStore for MemoryStore {
    async fn create_run(&self, info: RunInfo, tags: Vec<Tag>) -> Result<()> {
        info.check()?;
        check_tags(&tags)?;
        self.with(|records| {
            if records.experiment(&info.experiment_id)?.lifecycle == Lifecycle::Deleted {
                return Err(Error::Conflict(format!(
                    "the experiment {} is deleted; restore it before adding runs",
                    info.experiment_id
                )));
            }
            if records.runs.contains_key(&info.run_id) {
                return Err(Error::AlreadyExists { kind: "run", id: info.run_id });
            }
            let mut run = StoredRun {
                info,
                deleted_time_ms: None,
                params: BTreeMap::new(),
                tags: Vec::new(),
                inputs: BTreeMap::new(),
                metrics: BTreeMap::new(),
                model_inputs: BTreeSet::new(),
                model_outputs: BTreeMap::new(),
            };
            for tag in tags {
                set_tag(&mut run.tags, tag);
            }
            records.runs.insert(run.info.run_id.clone(), run);
            Ok(())
        })
    }

    async fn get_run(&self, run_id: &str) -> Result<Run> {
        self.with(|records| Ok(records.run(run_id)?.whole()))
    }

    async fn update_run(
        &self,
        run_id: &str,
        status: Option<RunStatus>,
        end_time_ms: Option<i64>,
        run_name: Option<String>,
    ) -> Result<RunInfo> {
        check_texts(&run_name)?;
        self.with(|records| {
            let info = &mut records.writable(run_id)?.info;
            info.status = status.unwrap_or(info.status);
            info.end_time_ms = end_time_ms.or(info.end_time_ms);
            if let Some(name) = run_name {
                info.run_name = name;
            }
            Ok(info.clone())
        })
    }

    async fn set_run_lifecycle(&self, run_id: &str, lifecycle: Lifecycle, now_ms: i64) -> Result<()> {
        self.with(|records| {
            let run = records.run(run_id)?;
            run.info.lifecycle = lifecycle;
            run.deleted_time_ms = match lifecycle {
                Lifecycle::Active => None,
                Lifecycle::Deleted => run.deleted_time_ms.or(Some(now_ms)),
            };
            Ok(())
        })
    }

    async fn deleted_runs(&self, before_ms: i64, after: &str, limit: usize) -> Result<Vec<RunInfo>> {
        self.with(|records| {
            let before = |run: &&StoredRun| run.deleted_time_ms.is_some_and(|deleted_ms| deleted_ms < before_ms);
            let later = records.runs.range::<str, _>((Bound::Excluded(after), Bound::Unbounded));
            Ok(later.map(|(_, run)| run).filter(before).take(limit).map(|run| run.info.clone()).collect())
        })
    }

    async fn delete_run_for_good(&self, run_id: &str) -> Result<()> {
        self.with(|records| {
            let info = records.run(run_id)?.info.clone();
            let in_bin = info.lifecycle == Lifecycle::Deleted
                || records.experiment(&info.experiment_id)?.lifecycle == Lifecycle::Deleted;
            if !in_bin {
                return Err(Error::not_deleted("run", run_id));
            }
            let mut versions = records.models.values().flat_map(|model| model.versions.values());
            if let Some(version) = versions.find(|version| {
                version.run_id.as_deref() == Some(run_id)
                    || version.storage_location.contains(run_id)
                    || version.source.contains(run_id)
            }) {
                return Err(Error::run_in_registry(run_id, &version.name, version.version));
            }
            records.runs.remove(run_id);
            Ok(())
        })
    }

    async fn log_batch(&self, run_id: &str, batch: LogBatch) -> Result<()> {
        batch.check()?;
        self.with(|records| {
            records.writable(run_id)?;
            records.check_measured(&batch.model_metrics)?;
            let run = records.writable(run_id)?;
            run.check_params(&batch.params)?;
            for Param { key, value } in batch.params {
                run.params.insert(key, value);
            }
            for metric in batch.metrics {
                run.metrics.entry(metric.key.clone()).or_default().log(metric.normal());
            }
            for tag in batch.tags {
                set_tag(&mut run.tags, tag);
            }
            for input in batch.inputs {
                run.inputs.insert((input.name.clone(), input.digest.clone()), input);
            }
            run.model_inputs.extend(batch.model_inputs);
            run.model_outputs.extend(batch.model_outputs.into_iter().map(|output| (output.model_id, output.step)));
            records.measure(run_id, batch.model_metrics);
            Ok(())
        })
    }

    async fn delete_run_tag(&self, run_id: &str, key: &str) -> Result<()> {
        self.with(|records| delete_tag(&mut records.writable(run_id)?.tags, key))
    }

    async fn metric_history(&self, run_id: &str, key: &str) -> Result<Vec<Metric>> {
        self.with(|records| {
            let series = records.runs.get(run_id).and_then(|run| run.metrics.get(key));
            let mut history = series.map(|series| series.history.clone()).unwrap_or_default();
            // A stable sort keeps the order of writing within a step and time.
            history.sort_by_key(|metric| (metric.step, metric.timestamp_ms));
            Ok(history)
        })
    }

    async fn metric_history_from(
        &self,
        run_id: &str,
        key: &str,
        from: (i64, i64),
        limit: usize,
    ) -> Result<Vec<Metric>> {
        let history = self.metric_history(run_id, key).await?;
        let later = history.into_iter().filter(|metric| (metric.step, metric.timestamp_ms) >= from);
        Ok(later.take(limit).collect())
    }

    async fn run_keys(&self, experiment_id: &str, limit: usize) -> Result<RunKeys> {
        self.with(|records| {
            let mut found: [BTreeSet<&str>; 3] = Default::default();
            for run in records.runs.values().filter(|run| run.info.experiment_id == experiment_id) {
                found[0].extend(run.metrics.keys().map(String::as_str));
                found[1].extend(run.params.keys().map(String::as_str));
                found[2].extend(run.tags.iter().map(|tag| tag.key.as_str()));
            }
            let [metrics, params, tags] =
                found.map(|keys| keys.into_iter().take(limit).map(str::to_owned).collect::<Vec<_>>());
            Ok(RunKeys { metrics, params, tags })
        })
    }

    async fn list_dataset_uses(&self, experiment_ids: &[String], limit: usize) -> Result<Vec<DatasetUse>> {
        self.with(|records| {
            let runs = records.runs.values().filter(|run| experiment_ids.contains(&run.info.experiment_id));
            let uses = runs.flat_map(|run| {
                run.inputs.values().map(|input| DatasetUse {
                    experiment_id: run.info.experiment_id.clone(),
                    name: input.name.clone(),
                    digest: input.digest.clone(),
                    context: input.context.clone(),
                })
            });
            Ok(uses.collect::<BTreeSet<_>>().into_iter().take(limit).collect())
        })
    }

    async fn search_runs(&self, query: &RunQuery) -> Result<Page<Run>> {
        query.check()?;
        self.with(|records| records.search(query))
    }
}
