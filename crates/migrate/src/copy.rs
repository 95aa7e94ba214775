//! From a source to a target.

use crate::error::{Error, Result};
use crate::locations::Locations;
use crate::names::{check_id, check_path};
use crate::side::{Place, Problems, Source, SourceModel, SourceRun, Target};
use futures_util::StreamExt;
use metria_store::{Experiment, Metric, Run};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashSet};

/// How far a copy is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Experiments begun.
    pub experiments: usize,
    /// Runs done.
    pub runs: usize,
    /// Files written.
    pub files: usize,
}

/// What a copy leaves for the check: which experiment of the source is which of the target.
#[derive(Clone, Debug, Default)]
pub struct Copied {
    /// The target's experiment by the source's id.
    pub experiments: BTreeMap<String, Experiment>,
    /// How much was done.
    pub progress: Progress,
}

/// Copies everything. What a record's own fault keeps out is a problem; the others go on.
///
/// # Errors
/// When a side as a whole fails: a full disk, a lost database, a server that is gone. The same again goes on.
pub async fn copy(
    source: &dyn Source,
    target: &dyn Target,
    problems: &Problems,
    tell: &(dyn Fn(Progress) + Sync),
) -> Result<Copied> {
    let models = source.models().await?;
    // Only what versions point to has to be remembered.
    let needed = models.iter().flat_map(|model| &model.versions).filter_map(|version| version.run_id.clone()).collect();
    let mut work =
        Work { source, target, problems, tell, needed, locations: Locations::default(), copied: Copied::default() };
    for experiment in source.experiments().await? {
        work.copied.progress.experiments += 1;
        if let Err(error) = work.experiment(&experiment).await {
            work.problem(&format!("experiment {} (`{}`)", experiment.experiment_id, experiment.name), error)?;
        }
        tell(work.copied.progress);
    }
    for model in models {
        let name = model.model.name.clone();
        if let Err(error) = work.model(model).await {
            work.problem(&format!("registered model `{name}`"), error)?;
        }
    }
    for (what, count) in source.left_out().await? {
        tracing::info!("{count} {what} are not taken over");
    }
    Ok(work.copied)
}

struct Work<'a> {
    source: &'a dyn Source,
    target: &'a dyn Target,
    problems: &'a Problems,
    tell: &'a (dyn Fn(Progress) + Sync),
    needed: HashSet<String>,
    locations: Locations,
    copied: Copied,
}

impl Work<'_> {
    /// Writes a record's fault down; any other is given back.
    fn problem(&self, what: &str, error: Error) -> Result<()> {
        if !error.is_of_one_record() {
            return Err(error);
        }
        self.problems.add(format!("{what}: {error}"));
        Ok(())
    }

    async fn experiment(&mut self, experiment: &Experiment) -> Result<()> {
        check_id("experiment id", &experiment.experiment_id)?;
        let here = self.target.put_experiment(experiment).await?;
        self.copied.experiments.insert(experiment.experiment_id.clone(), here.clone());
        let mut page = None;
        loop {
            let (runs, next) = self.source.runs(experiment, page).await?;
            for run in runs {
                let run_id = run.run.info.run_id.clone();
                if let Err(error) = self.run(experiment, &here, run).await {
                    self.problem(&format!("run {run_id}"), error)?;
                }
                self.copied.progress.runs += 1;
                (self.tell)(self.copied.progress);
            }
            page = next;
            if page.is_none() {
                break;
            }
        }
        for model in self.source.logged_models(experiment).await? {
            check_id("logged model id", &model.model_id)?;
            let (from, to) = (Place::Model(experiment, &model), Place::Model(&here, &model));
            self.locations.add_model(&model.model_id, &model.location, &self.target.location(to));
            if let Err(error) = self.files(from, to, true).await {
                self.problem(&format!("files of the logged model {}", model.model_id), error)?;
            }
        }
        self.target.end_experiment(experiment, &here).await
    }

    async fn run(&mut self, experiment: &Experiment, here: &Experiment, found: SourceRun) -> Result<()> {
        let SourceRun { run, metric_keys } = found;
        let run_id = run.info.run_id.clone();
        check_id("run id", &run_id)?;
        let there = self.target.run(here, &run_id).await?;
        let is_new = there.is_none();
        let mine = self.target.put_run(here, &run).await?;
        if self.needed.contains(&run_id) {
            let new = self.target.location(Place::Run(here, &mine));
            self.locations.add_run(&run_id, &run.info.artifact_uri, &new);
        }
        for key in metric_keys {
            let history = self.source.history(experiment, &run, &key).await?;
            let known = if is_new { Vec::new() } else { self.target.history(here, &mine, &key).await? };
            if !is_new && same_points(&history, &known) {
                continue;
            }
            if let Err(error) = self.target.put_history(here, &mine, &key, history).await {
                self.problem(&format!("metric `{key}` of run {run_id}"), error)?;
            }
        }
        let (from, to) = (Place::Run(experiment, &run), Place::Run(here, &mine));
        if let Err(error) = self.files(from, to, is_new).await {
            self.problem(&format!("artifacts of run {run_id}"), error)?;
        }
        self.target.end_run(here, &run).await
    }

    async fn files(&mut self, from: Place<'_>, to: Place<'_>, is_new: bool) -> Result<()> {
        let files = self.source.files(from).await?;
        let known: HashSet<String> = if is_new && matches!(to, Place::Run(..)) {
            HashSet::new()
        } else {
            self.target.files(to).await?.into_iter().collect()
        };
        for path in files {
            if let Err(error) = check_path("artifact", &path) {
                self.problem("artifact", error)?;
                continue;
            }
            if known.contains(&path)
                && digest(self.source, from, &path).await? == digest(self.target, to, &path).await?
            {
                continue;
            }
            let content = self.source.open(from, &path).await?;
            self.target.put_file(to, &path, content).await?;
            self.copied.progress.files += 1;
            (self.tell)(self.copied.progress);
        }
        Ok(())
    }

    async fn model(&mut self, mut model: SourceModel) -> Result<()> {
        model.versions.sort_by_key(|version| version.version);
        let mut moved: Vec<metria_store::ModelVersion> = Vec::with_capacity(model.versions.len());
        for mut version in std::mem::take(&mut model.versions) {
            match self.locations.of(&version, &moved) {
                Some(location) => version.storage_location = location,
                None => self.problems.add(format!(
                    "version {} of `{}`: its files at `{}` are not among what was taken over, so it cannot be loaded here",
                    version.version,
                    version.name,
                    if version.storage_location.is_empty() { &version.source } else { &version.storage_location },
                )),
            }
            moved.push(version);
        }
        model.versions = moved;
        self.target.put_model(&model, self.problems).await
    }
}

/// Whether two histories hold the same measurements, each counted once.
pub(crate) fn same_points(one: &[Metric], other: &[Metric]) -> bool {
    points(one) == points(other)
}

/// Step, time and value (by its bits) of each measurement, each once.
pub(crate) fn points(history: &[Metric]) -> HashSet<(i64, i64, u64)> {
    history
        .iter()
        .map(|metric| {
            let normal = metric.clone().normal();
            let bits = if normal.value.is_nan() { f64::NAN.to_bits() } else { normal.value.to_bits() };
            (metric.step, metric.timestamp_ms, bits)
        })
        .collect()
}

/// The digest of a file of a side.
pub(crate) async fn digest(side: &dyn Source, place: Place<'_>, path: &str) -> Result<[u8; 32]> {
    let mut content = side.open(place, path).await?;
    let mut hasher = Sha256::new();
    while let Some(piece) = content.next().await {
        hasher.update(&piece?);
    }
    Ok(hasher.finalize().into())
}

/// Params and tags as they are compared.
pub(crate) fn texts(run: &Run) -> (BTreeMap<&str, &str>, BTreeMap<&str, &str>) {
    (
        run.params.iter().map(|param| (param.key.as_str(), param.value.as_str())).collect(),
        run.tags.iter().map(|tag| (tag.key.as_str(), tag.value.as_str())).collect(),
    )
}
