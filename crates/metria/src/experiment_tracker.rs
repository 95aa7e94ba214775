//! `ExperimentTracker`: what a training does, written down as it happens, with or without a server in reach.

use crate::error::{Error, Result};
use crate::experiment_config::ExperimentConfig;
use crate::logged_artifact::LoggedArtifact;
use crate::model_performance::ModelPerformance;
use crate::run_context::{environment_files, source_tags};
use crate::tracking_target::{DEFAULT_SERVER, TrackingTarget};
use metria_client::console::{ConsoleLog, DEFAULT_MOST};
use metria_client::{
    Delivered, NewRun, Recorder, RecorderOptions, SpoolReport, SystemSampler, environment, git, sync_spools,
};
use metria_core::names::{check_artifact_path, check_display_name};
use metria_core::time::{compact, now_ms};
use metria_core::{Labels, ids};
use metria_store::{DatasetInput, LogBatch, Metric, Param, RunStatus, Tag};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Longest patch of uncommitted changes that is kept.
const LONGEST_PATCH: usize = 1 << 20;

/// How a tracker works.
#[derive(Clone, Debug)]
pub struct TrackerOptions {
    /// A server (`http://HOST:PORT`), or records that this process opens itself: a home folder, `sqlite:PATH` or
    /// `postgres://…`.
    pub tracking_uri: String,
    /// Where artifacts go when the records are `sqlite:` or `postgres:`.
    pub home: Option<PathBuf>,
    /// The folder of spools; `spool` in the home, or `metria-spool` in the working folder for a server.
    pub spool: Option<PathBuf>,
    /// The run that somebody else made for this process: it is added to, and not ended.
    pub run_id: Option<String>,
    /// Who runs the experiments.
    pub user: String,
    /// Between two samples of the machine's load; none are taken without it.
    pub system_metrics: Option<Duration>,
    /// Whether commit, uncommitted changes and environment go into each run.
    pub log_source: bool,
    /// How the background thread works; its folder is set by `spool`.
    pub recorder: RecorderOptions,
}

impl TrackerOptions {
    /// Everything by default: samples each 10 seconds, source and environment logged.
    #[must_use]
    pub fn at(tracking_uri: &str) -> Self {
        Self {
            tracking_uri: tracking_uri.to_owned(),
            home: None,
            spool: None,
            run_id: None,
            user: "metria".to_owned(),
            system_metrics: Some(Duration::from_secs(10)),
            log_source: true,
            recorder: RecorderOptions::at(PathBuf::new()),
        }
    }

    /// What the environment says: `METRIA_TRACKING_URI` (a server on this machine when not set), `METRIA_SPOOL`,
    /// `METRIA_RUN_ID` and `USER`. `metria runs exec` sets the first three for the command it runs.
    #[must_use]
    pub fn from_environment() -> Self {
        let uri = environment::variable(environment::TRACKING_URI);
        let options = Self::at(uri.as_deref().unwrap_or(DEFAULT_SERVER));
        Self {
            spool: environment::variable(environment::SPOOL).map(PathBuf::from),
            run_id: environment::variable(environment::RUN_ID),
            user: environment::variable("USER").unwrap_or_else(|| options.user.clone()),
            ..options
        }
    }
}

/// Experiments of a project, one at a time.
///
/// Whatever is logged is on disk when the call returns, and sent in the background: a server that is away costs
/// nothing but time, and what it has not got at the end stays in the spool for [`Self::sync`] or `metria runs sync`.
/// Calls do not wait for the network; only [`Self::finish_experiment`] does, within a time of its own. In async code it
/// belongs on a thread for blocking work.
///
/// A tracker that is dropped in the middle of an experiment, by a panic or an early return, marks the run FAILED; a
/// process that is killed has its run marked by the next sync.
pub struct ExperimentTracker {
    project_name: String,
    entity: Option<String>,
    target: TrackingTarget,
    options: TrackerOptions,
    active: Mutex<Option<Active>>,
}

/// The experiment that is going on. Fields are dropped in this order: samples end before the run does.
struct Active {
    sampler: Option<SystemSampler>,
    console: Option<ConsoleLog>,
    recorder: Recorder,
    next_step: i64,
    versions: HashMap<String, Vec<LoggedArtifact>>,
}

impl ExperimentTracker {
    /// A tracker of a project, told by the environment where to: see [`TrackerOptions::from_environment`]. `entity` is
    /// the person or team it belongs to.
    ///
    /// # Errors
    /// When a name or the tracking URI is refused.
    pub fn new(project_name: &str, entity: Option<&str>) -> Result<Self> {
        Self::with(project_name, entity, TrackerOptions::from_environment())
    }

    /// A tracker that is told where to.
    ///
    /// # Errors
    /// When a name or the tracking URI is refused.
    pub fn with(project_name: &str, entity: Option<&str>, mut options: TrackerOptions) -> Result<Self> {
        check_display_name("project name", project_name).map_err(metria_client::Error::Name)?;
        let target = TrackingTarget::parse(&options.tracking_uri, options.home.as_deref())?;
        options.recorder.spool = options.spool.clone().unwrap_or_else(|| target.default_spool());
        Ok(Self {
            project_name: project_name.to_owned(),
            entity: entity.map(str::to_owned),
            target,
            options,
            active: Mutex::new(None),
        })
    }

    /// Begins an experiment: a run in the experiment of the project's name, called `experiment_name`, or
    /// `exp_YYYYmmdd_HHMMSS`. The config is logged as params, nested values by dotted keys, and as `config.json`,
    /// unless it says nothing. The run's id.
    ///
    /// # Errors
    /// When another is going on, a name or value is refused, or the spool cannot be written.
    pub fn start_experiment(&self, config: &ExperimentConfig, experiment_name: Option<&str>) -> Result<String> {
        let mut active = self.active();
        if let Some(active) = active.as_ref() {
            return Err(Error::Invalid(format!(
                "the experiment of run {} is going on; finish it before starting another",
                active.recorder.run_id()
            )));
        }
        let folder = std::env::current_dir().unwrap_or_default();
        let recorder = self.recorder(experiment_name, &folder)?;
        let run_id = recorder.run_id().to_owned();
        // From here on the run exists: whatever fails leaves it FAILED, by the recorder's own end.
        if *config != ExperimentConfig::default() {
            recorder.log(LogBatch { params: config.to_params(), ..LogBatch::default() })?;
            let whole = serde_json::to_vec_pretty(&config.to_dict());
            recorder.put_bytes(&whole.map_err(|error| Error::Invalid(error.to_string()))?, "config.json")?;
        }
        if self.options.log_source {
            log_source(&recorder, &folder)?;
        }
        let sampler = self.options.system_metrics.map(|interval| SystemSampler::start(&recorder, interval));
        *active = Some(Active {
            sampler: sampler.transpose()?,
            console: None,
            recorder,
            next_step: 0,
            versions: HashMap::new(),
        });
        Ok(run_id)
    }

    fn recorder(&self, experiment_name: Option<&str>, folder: &Path) -> Result<Recorder> {
        let options = self.options.recorder.clone();
        let sink = self.target.clone().sink_maker();
        if let Some(run_id) = &self.options.run_id {
            return Ok(Recorder::attach(run_id, options, sink)?);
        }
        let now_ms = now_ms();
        let program = std::env::current_exe().map_or_else(|_| "metria".to_owned(), |path| path.display().to_string());
        let mut tags = source_tags(&self.options.user, &program, folder);
        let entity = self.entity.iter();
        tags.extend(entity.map(|entity| Tag { key: "metria.entity".to_owned(), value: entity.clone() }));
        let run = NewRun {
            run_id: ids::new_id(),
            experiment: self.project_name.clone(),
            run_name: Some(experiment_name.map_or_else(|| format!("exp_{}", compact(now_ms)), str::to_owned)),
            user_id: self.options.user.clone(),
            start_time_ms: now_ms,
            tags,
        };
        Ok(Recorder::start(run, options, sink)?)
    }

    /// Runs an experiment to its end: FINISHED when `work` returns `Ok`, FAILED, with the reason in the tag
    /// `metria.error`, when it returns an error, and FAILED when it panics. What `work` returned, and how the end went.
    ///
    /// # Errors
    /// What `work` returned, or what prevented tracking it.
    pub fn experiment<T, E: From<Error> + std::fmt::Display>(
        &self,
        config: &ExperimentConfig,
        experiment_name: Option<&str>,
        work: impl FnOnce(&Self) -> std::result::Result<T, E>,
    ) -> std::result::Result<(T, Delivered), E> {
        self.start_experiment(config, experiment_name)?;
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| work(self)));
        match done {
            Ok(Ok(value)) => Ok((value, self.finish_experiment()?)),
            Ok(Err(error)) => {
                self.fail_experiment(&error.to_string())?;
                Err(error)
            }
            Err(panic) => {
                // The panic is what the caller must see.
                let _ = self.fail_experiment("the training panicked");
                std::panic::resume_unwind(panic)
            }
        }
    }

    /// The run that is going on.
    #[must_use]
    pub fn run_id(&self) -> Option<String> {
        self.active().as_ref().map(|active| active.recorder.run_id().to_owned())
    }

    /// Logs metrics by name. Without a step, each call takes the one after the greatest so far, from 0.
    ///
    /// # Errors
    /// When no experiment is going on, a name is refused, or the spool is full.
    pub fn log_metrics<K: Into<String>>(
        &self,
        metrics: impl IntoIterator<Item = (K, f64)>,
        step: Option<i64>,
    ) -> Result<()> {
        let mut guard = self.active();
        let active = guard.as_mut().ok_or_else(nothing_active)?;
        let step = step.unwrap_or(active.next_step);
        let timestamp_ms = now_ms();
        let metrics =
            metrics.into_iter().map(|(key, value)| Metric { key: key.into(), value, timestamp_ms, step }).collect();
        active.recorder.log(LogBatch { metrics, ..LogBatch::default() })?;
        active.next_step = active.next_step.max(step.saturating_add(1));
        Ok(())
    }

    /// Logs params; one that is logged again must have the same value.
    ///
    /// # Errors
    /// When no experiment is going on, or a name or value is refused.
    pub fn log_params<K: Into<String>, V: Into<String>>(&self, params: impl IntoIterator<Item = (K, V)>) -> Result<()> {
        let params = params.into_iter().map(|(key, value)| Param { key: key.into(), value: value.into() }).collect();
        self.log(LogBatch { params, ..LogBatch::default() })
    }

    /// Writes or replaces tags.
    ///
    /// # Errors
    /// When no experiment is going on, or a name or value is refused.
    pub fn set_tags<K: Into<String>, V: Into<String>>(&self, tags: impl IntoIterator<Item = (K, V)>) -> Result<()> {
        let tags = tags.into_iter().map(|(key, value)| Tag { key: key.into(), value: value.into() }).collect();
        self.log(LogBatch { tags, ..LogBatch::default() })
    }

    /// Says what data the experiment reads.
    ///
    /// # Errors
    /// When no experiment is going on.
    pub fn log_input(&self, dataset: DatasetInput) -> Result<()> {
        self.log(LogBatch { inputs: vec![dataset], ..LogBatch::default() })
    }

    fn log(&self, batch: LogBatch) -> Result<()> {
        let guard = self.active();
        Ok(guard.as_ref().ok_or_else(nothing_active)?.recorder.log(batch)?)
    }

    /// Logs a file, or a folder with all that is in it, as a version of the artifact `{artifact_type}_{run_id}`. The
    /// files are copied before this returns. Content that was logged before under that name is that version, and is
    /// not sent again.
    ///
    /// # Errors
    /// When no experiment is going on, the type is refused, there is no file, one is a link, or the copy fails.
    pub fn log_artifacts(&self, artifact_path: &Path, artifact_type: &str) -> Result<LoggedArtifact> {
        let mut guard = self.active();
        let Active { recorder, versions, .. } = guard.as_mut().ok_or_else(nothing_active)?;
        let (mut artifact, sources) = LoggedArtifact::of(recorder.run_id(), artifact_type, artifact_path)?;
        let versions = versions.entry(artifact.name.clone()).or_default();
        if let Some(known) = versions.iter().find(|known| known.digest == artifact.digest) {
            return Ok(known.clone());
        }
        artifact.version = versions.len() + 1;
        for (file, source) in artifact.files.iter().zip(&sources) {
            let (sha256, _) = recorder.put_file(source, &format!("{}/{}", artifact.path, file.path))?;
            if sha256 != file.sha256 {
                return Err(Error::Invalid(format!("{} changed while it was being logged", source.display())));
            }
        }
        let manifest = serde_json::to_vec_pretty(&artifact).map_err(|error| Error::Invalid(error.to_string()))?;
        recorder.put_bytes(&manifest, &artifact.manifest_path())?;
        let tag = Tag {
            key: format!("metria.artifact.{artifact_type}"),
            value: format!("{} v{} sha256:{}", artifact.name, artifact.version, artifact.digest),
        };
        recorder.log(LogBatch { tags: vec![tag], ..LogBatch::default() })?;
        versions.push(artifact.clone());
        Ok(artifact)
    }

    /// Has bytes kept as a file at `path` below the run's artifacts.
    ///
    /// # Errors
    /// When no experiment is going on, or the path is refused.
    pub fn log_bytes(&self, bytes: &[u8], path: &str) -> Result<()> {
        let guard = self.active();
        guard.as_ref().ok_or_else(nothing_active)?.recorder.put_bytes(bytes, path)?;
        Ok(())
    }

    /// Logs how predictions compare with the truth, below `performance/{model_name}`: the confusion matrix and, for two
    /// classes, the ROC curve, each as data and as a page, with the metrics `{model_name}_accuracy` and
    /// `{model_name}_roc_auc`. `y_score` is the score of the greater class; without it the curve is that of the hard
    /// labels, and says so.
    ///
    /// # Errors
    /// When no experiment is going on, or the values do not fit each other.
    pub fn log_model_performance(
        &self,
        y_true: &Labels,
        y_pred: &Labels,
        y_score: Option<&[f64]>,
        model_name: &str,
    ) -> Result<ModelPerformance> {
        check_artifact_path(model_name).map_err(metria_client::Error::Name)?;
        if model_name.is_empty() || model_name.contains('/') {
            return Err(Error::Invalid(format!("a model's name is one word without `/`; got `{model_name}`")));
        }
        let performance = ModelPerformance::of(y_true, y_pred, y_score, model_name)?;
        let mut guard = self.active();
        let active = guard.as_mut().ok_or_else(nothing_active)?;
        for (name, bytes) in performance.files()? {
            active.recorder.put_bytes(&bytes, &format!("performance/{model_name}/{name}"))?;
        }
        let auc = performance.roc_curve.as_ref().map(|curve| (format!("{model_name}_roc_auc"), curve.auc));
        let timestamp_ms = now_ms();
        let metrics = [(format!("{model_name}_accuracy"), performance.accuracy)].into_iter().chain(auc);
        let metrics = metrics.map(|(key, value)| Metric { key, value, timestamp_ms, step: 0 }).collect();
        active.recorder.log(LogBatch { metrics, ..LogBatch::default() })?;
        Ok(performance)
    }

    /// The experiment's console log, the artifact `console.log` at its end: beginning and end are kept, 8 MiB in all.
    /// What is written to a [`ConsoleLog::tee`] goes where it went before, and into the log.
    ///
    /// # Errors
    /// When no experiment is going on, or its file cannot be made.
    pub fn console(&self) -> Result<ConsoleLog> {
        let mut guard = self.active();
        let active = guard.as_mut().ok_or_else(nothing_active)?;
        if let Some(console) = &active.console {
            return Ok(console.clone());
        }
        let console = ConsoleLog::create(active.recorder.spool(), DEFAULT_MOST)?;
        Ok(active.console.insert(console).clone())
    }

    /// Sends what is logged so far, and waits for it at most so long. Whether all has arrived.
    ///
    /// # Errors
    /// When no experiment is going on.
    pub fn flush(&self, patience: Duration) -> Result<bool> {
        let guard = self.active();
        Ok(guard.as_ref().ok_or_else(nothing_active)?.recorder.flush(patience))
    }

    /// Ends the experiment well and waits, within [`RecorderOptions::finish_timeout`], until everything has arrived.
    /// What has not stays in the spool, and is no error: see [`Delivered`].
    ///
    /// # Errors
    /// When no experiment is going on, the spool cannot be written, or the run itself is refused.
    pub fn finish_experiment(&self) -> Result<Delivered> {
        self.end_experiment(RunStatus::Finished)
    }

    /// Ends the experiment as FAILED, with the reason in the tag `metria.error`.
    ///
    /// # Errors
    /// As [`Self::finish_experiment`].
    pub fn fail_experiment(&self, reason: &str) -> Result<Delivered> {
        let tag = Tag { key: "metria.error".to_owned(), value: reason.chars().take(2_000).collect() };
        self.log(LogBatch { tags: vec![tag], ..LogBatch::default() })?;
        self.end_experiment(RunStatus::Failed)
    }

    /// Ends the experiment with a status.
    ///
    /// # Errors
    /// As [`Self::finish_experiment`].
    pub fn end_experiment(&self, status: RunStatus) -> Result<Delivered> {
        let active = self.active().take().ok_or_else(nothing_active)?;
        drop(active.sampler);
        if let Some(console) = &active.console {
            active.recorder.put_bytes(&console.text()?, "console.log")?;
        }
        Ok(active.recorder.finish(status)?)
    }

    /// Sends what dead processes left behind in this tracker's folder of spools.
    ///
    /// # Errors
    /// When the folder cannot be read, or the target is away.
    pub async fn sync(&self) -> Result<Vec<SpoolReport>> {
        Self::sync_folder(&self.options.recorder.spool, &self.options).await
    }

    /// Sends what dead processes left behind in a folder of spools to where the options say.
    ///
    /// # Errors
    /// When the folder cannot be read, or the target cannot be opened.
    pub async fn sync_folder(spool: &Path, options: &TrackerOptions) -> Result<Vec<SpoolReport>> {
        let target = TrackingTarget::parse(&options.tracking_uri, options.home.as_deref())?;
        let sink = target.open_sink().await?;
        let reports = sync_spools(spool, sink.as_ref()).await;
        sink.close().await;
        Ok(reports?)
    }

    fn active(&self) -> MutexGuard<'_, Option<Active>> {
        self.active.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn nothing_active() -> Error {
    Error::Invalid("no experiment is going on; start one first".to_owned())
}

/// What the run was started from: uncommitted changes and the environment.
fn log_source(recorder: &Recorder, folder: &Path) -> Result<()> {
    if let Some(patch) = git::uncommitted_changes(folder, LONGEST_PATCH) {
        let tag = Tag { key: "metria.git.dirty".to_owned(), value: (!patch.is_empty()).to_string() };
        recorder.log(LogBatch { tags: vec![tag], ..LogBatch::default() })?;
        if !patch.is_empty() {
            recorder.put_bytes(&patch, "git/uncommitted.patch")?;
        }
    }
    for (path, bytes) in environment_files(folder)? {
        recorder.put_bytes(&bytes, &path)?;
    }
    Ok(())
}
