//! The two sides of a migration.

use crate::error::Result;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use metria_store::{Experiment, Metric, ModelVersion, RegisteredModel, Run};
use std::sync::{Arc, Mutex, PoisonError};

/// What could not be taken over, in words, each once. Cheap to clone; clones collect into the same list.
#[derive(Clone, Debug, Default)]
pub struct Problems(Arc<Mutex<Vec<String>>>);

impl Problems {
    /// Writes one down.
    pub fn add(&self, problem: impl Into<String>) {
        let problem = problem.into();
        let mut list = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !list.contains(&problem) {
            tracing::debug!("{problem}");
            list.push(problem);
        }
    }

    /// All of them.
    #[must_use]
    pub fn list(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A run, with the names of its metrics instead of their values.
#[derive(Clone, Debug)]
pub struct SourceRun {
    /// The run; its metrics are left out, and its artifact root is the source's own.
    pub run: Run,
    /// The names of its metrics.
    pub metric_keys: Vec<String>,
}

/// A registered model with its versions, the lowest number first.
#[derive(Clone, Debug)]
pub struct SourceModel {
    /// The model.
    pub model: RegisteredModel,
    /// Its versions; where they are is in the source's own words.
    pub versions: Vec<ModelVersion>,
}

/// The files of a logged model (MLflow 3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedModelFiles {
    /// `m-…`.
    pub model_id: String,
    /// Where its files are, in the source's own words.
    pub location: String,
}

/// A folder of artifacts.
#[derive(Clone, Copy, Debug)]
pub enum Place<'a> {
    /// Of a run of an experiment.
    Run(&'a Experiment, &'a Run),
    /// Of a logged model of an experiment.
    Model(&'a Experiment, &'a LoggedModelFiles),
}

/// A side that gives out.
#[async_trait::async_trait]
pub trait Source: Send + Sync {
    /// What it is, for messages.
    fn name(&self) -> String;

    /// All experiments, deleted ones included.
    async fn experiments(&self) -> Result<Vec<Experiment>>;

    /// A page of an experiment's runs, deleted ones included, and the token of the next.
    async fn runs(&self, experiment: &Experiment, page: Option<String>) -> Result<(Vec<SourceRun>, Option<String>)>;

    /// Every measurement of a metric of a run.
    async fn history(&self, experiment: &Experiment, run: &Run, key: &str) -> Result<Vec<Metric>>;

    /// The logged models of an experiment.
    async fn logged_models(&self, experiment: &Experiment) -> Result<Vec<LoggedModelFiles>>;

    /// The paths of all files in a folder of artifacts, ascending.
    async fn files(&self, place: Place<'_>) -> Result<Vec<String>>;

    /// The content of one of them.
    async fn open(&self, place: Place<'_>, path: &str) -> Result<BoxStream<'static, Result<Bytes>>>;

    /// All registered models.
    async fn models(&self) -> Result<Vec<SourceModel>>;

    /// What is there but is not taken over: kind and number.
    async fn left_out(&self) -> Result<Vec<(&'static str, u64)>>;
}

/// A side that can be asked for what it should have by now.
#[async_trait::async_trait]
pub trait Mirror: Source {
    /// A run by its id.
    async fn run(&self, experiment: &Experiment, run_id: &str) -> Result<Option<SourceRun>>;
}

/// A side that takes. Every call may come again, and then completes what is missing.
#[async_trait::async_trait]
pub trait Target: Mirror {
    /// Takes an experiment, or finds the one that has its name; the target's own is returned, ready to take runs.
    async fn put_experiment(&self, experiment: &Experiment) -> Result<Experiment>;

    /// Takes a run with its params, tags and inputs into an experiment of its own. The run as it is here.
    async fn put_run(&self, experiment: &Experiment, run: &Run) -> Result<Run>;

    /// Takes measurements of a metric.
    async fn put_history(&self, experiment: &Experiment, run: &Run, key: &str, history: Vec<Metric>) -> Result<()>;

    /// Takes a file.
    async fn put_file(&self, place: Place<'_>, path: &str, content: BoxStream<'static, Result<Bytes>>) -> Result<()>;

    /// Where a folder of artifacts is, in the target's own words.
    fn location(&self, place: Place<'_>) -> String;

    /// Everything of the run is here.
    async fn end_run(&self, experiment: &Experiment, run: &Run) -> Result<()>;

    /// Everything of the experiment is here. `source` is what it was there, `experiment` what it is here.
    async fn end_experiment(&self, source: &Experiment, experiment: &Experiment) -> Result<()>;

    /// Takes a registered model; where its versions are is already in the target's own words.
    async fn put_model(&self, model: &SourceModel, problems: &Problems) -> Result<()>;
}
