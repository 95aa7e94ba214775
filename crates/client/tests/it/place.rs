//! A place for runs in memory, with the store's rules and a server's faults.

use futures_util::FutureExt;
use metria_client::{Error, NewRun, RecorderOptions, Result, RunSink, SinkMaker};
use metria_core::ErrorKind;
use metria_store::{LogBatch, Metric, RunStatus};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// One run as it is kept.
#[derive(Clone, Debug, Default)]
pub(crate) struct Kept {
    pub(crate) experiment: String,
    pub(crate) metrics: Vec<Metric>,
    pub(crate) params: BTreeMap<String, String>,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) artifacts: BTreeMap<String, Vec<u8>>,
    pub(crate) status: Option<(RunStatus, i64)>,
}

impl Kept {
    /// The steps of a metric, in the order in which they came.
    pub(crate) fn steps(&self, key: &str) -> Vec<i64> {
        self.metrics.iter().filter(|metric| metric.key == key).map(|metric| metric.step).collect()
    }
}

#[derive(Default)]
pub(crate) struct Place {
    runs: Mutex<BTreeMap<String, Kept>>,
    pub(crate) away: AtomicBool,
    /// Every so-manieth call is done, but its answer is lost.
    pub(crate) lose_answers: AtomicUsize,
    pub(crate) calls: AtomicUsize,
    pub(crate) largest_batch: AtomicUsize,
}

impl Place {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self::default())
    }

    pub(crate) fn maker(self: &Arc<Self>) -> SinkMaker {
        let place = self.clone();
        Box::new(move || {
            let place: Arc<dyn RunSink> = place.clone();
            async move { Ok(place) }.boxed_local()
        })
    }

    pub(crate) fn run(&self, run_id: &str) -> Kept {
        self.runs.lock().unwrap().get(run_id).cloned().expect("the run is there")
    }

    pub(crate) fn n_runs(&self) -> usize {
        self.runs.lock().unwrap().len()
    }

    fn call<T>(&self, work: impl FnOnce(&mut BTreeMap<String, Kept>) -> Result<T>) -> Result<T> {
        let call = self.calls.fetch_add(1, Ordering::SeqCst) + 1;
        if self.away.load(Ordering::SeqCst) {
            return Err(Error::Away("nobody is there".to_owned()));
        }
        let done = work(&mut self.runs.lock().unwrap());
        let every = self.lose_answers.load(Ordering::SeqCst);
        if every > 0 && call.is_multiple_of(every) {
            return Err(Error::Away("the answer was lost".to_owned()));
        }
        done
    }
}

fn refused(message: String) -> Error {
    Error::Refused { kind: ErrorKind::Conflict, message }
}

#[async_trait::async_trait]
impl RunSink for Place {
    async fn create_run(&self, run: &NewRun) -> Result<()> {
        self.call(|runs| {
            if run.experiment == "deleted" {
                return Err(refused("the experiment is deleted".to_owned()));
            }
            let tags = run.tags.iter().map(|tag| (tag.key.clone(), tag.value.clone())).collect();
            let kept = Kept { experiment: run.experiment.clone(), tags, ..Kept::default() };
            runs.entry(run.run_id.clone()).or_insert(kept);
            Ok(())
        })
    }

    async fn log(&self, run_id: &str, batch: &LogBatch) -> Result<()> {
        self.largest_batch.fetch_max(batch.metrics.len(), Ordering::SeqCst);
        self.call(|runs| {
            let run = runs.get_mut(run_id).ok_or_else(|| refused(format!("no run {run_id}")))?;
            let mut params = run.params.clone();
            for param in &batch.params {
                let known = params.entry(param.key.clone()).or_insert_with(|| param.value.clone());
                if *known != param.value {
                    return Err(refused(format!("{} is {known}", param.key)));
                }
            }
            run.params = params;
            run.tags.extend(batch.tags.iter().map(|tag| (tag.key.clone(), tag.value.clone())));
            for metric in &batch.metrics {
                if !run.metrics.contains(metric) {
                    run.metrics.push(metric.clone());
                }
            }
            Ok(())
        })
    }

    async fn put_artifact(&self, run_id: &str, path: &str, file: &Path, _sha256: &str) -> Result<()> {
        let bytes = std::fs::read(file).map_err(|source| {
            let path = file.display().to_string();
            Error::File { action: "read", path, source }
        })?;
        self.call(|runs| {
            let run = runs.get_mut(run_id).ok_or_else(|| refused(format!("no run {run_id}")))?;
            run.artifacts.insert(path.to_owned(), bytes);
            Ok(())
        })
    }

    async fn finish(&self, run_id: &str, status: RunStatus, end_time_ms: i64) -> Result<()> {
        self.call(|runs| {
            let run = runs.get_mut(run_id).ok_or_else(|| refused(format!("no run {run_id}")))?;
            run.status = Some((status, end_time_ms));
            Ok(())
        })
    }
}

pub(crate) fn new_run() -> NewRun {
    NewRun { run_id: metria_core::ids::new_id(), experiment: "tests".to_owned(), start_time_ms: 7, ..NewRun::default() }
}

/// Options that do not make a test wait.
pub(crate) fn options(spool: &Path) -> RecorderOptions {
    RecorderOptions {
        batch_interval: Duration::from_millis(5),
        finish_timeout: Duration::from_secs(30),
        ..RecorderOptions::at(spool)
    }
}

pub(crate) fn metric(step: i64) -> LogBatch {
    let metric = Metric { key: "loss".to_owned(), value: 1.0 / (step + 1) as f64, timestamp_ms: step, step };
    LogBatch { metrics: vec![metric], ..LogBatch::default() }
}

/// How many runs have something in a spool.
pub(crate) fn left_in(spool: &Path) -> usize {
    std::fs::read_dir(spool).map_or(0, Iterator::count)
}
