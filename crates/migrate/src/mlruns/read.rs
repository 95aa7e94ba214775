//! An `mlruns` folder as a source.

use super::yaml::{self, DatasetMeta, ExperimentMeta, InputMeta, RunMeta};
use super::{NO_RUNS, TRASH, files, registry};
use crate::error::{Error, Result};
use crate::local::{self, LocalRoots};
use crate::names::is_plain_id;
use crate::records::{self, DATASET_CONTEXT, STATUS_NUMBERS};
use crate::side::{LoggedModelFiles, Mirror, Place, Problems, Source, SourceModel, SourceRun};
use bytes::Bytes;
use futures_util::stream::BoxStream;
use metria_store::{DatasetInput, Experiment, Metric, Run, RunInfo, RunStatus};
use std::path::{Path, PathBuf};

/// Runs on a page.
const PAGE: usize = 200;

/// A folder that MLflow's file store wrote, or [`super::MlrunsTarget`].
pub struct MlrunsSource {
    root: PathBuf,
    roots: LocalRoots,
    problems: Problems,
}

impl MlrunsSource {
    /// Opens a folder. Artifacts are read below it and below the folders in `artifacts`, nowhere else.
    ///
    /// # Errors
    /// When there is no such folder, or it holds no experiment.
    pub fn open(root: &Path, artifacts: &[PathBuf], problems: Problems) -> Result<Self> {
        let roots = LocalRoots::new(root, artifacts)?;
        let source = Self { root: root.canonicalize().map_err(Error::file("find", root))?, roots, problems };
        if source.experiment_folders()?.is_empty() && !source.root.join(super::MODELS).is_dir() {
            return Err(Error::Source(format!(
                "{} holds no experiment (a folder with meta.yaml); is it an mlruns folder?",
                root.display()
            )));
        }
        Ok(source)
    }

    /// The folders of experiments, deleted ones included.
    fn experiment_folders(&self) -> Result<Vec<PathBuf>> {
        let mut folders = folders(&self.root, &self.problems)?;
        folders.retain(|folder| folder.file_name().is_none_or(|name| name != super::MODELS));
        let trash = self.root.join(TRASH);
        if trash.is_dir() {
            folders.extend(self::folders(&trash, &self.problems)?);
        }
        folders.retain(|folder| folder.join("meta.yaml").exists());
        Ok(folders)
    }

    /// Where an experiment is.
    fn folder(&self, experiment: &Experiment) -> PathBuf {
        let folder = self.root.join(&experiment.experiment_id);
        let deleted = self.root.join(TRASH).join(&experiment.experiment_id);
        if !folder.exists() && deleted.exists() { deleted } else { folder }
    }

    fn experiment(&self, folder: &Path) -> Result<Experiment> {
        let meta: ExperimentMeta = yaml::read(&folder.join("meta.yaml"))?;
        let name = folder.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        if !is_plain_id(&meta.experiment_id) || name != meta.experiment_id {
            return Err(Error::Record(format!(
                "{}: its meta.yaml is of the experiment `{}`",
                folder.display(),
                meta.experiment_id
            )));
        }
        let tags = files::pairs(&folder.join("tags"), &self.problems)?;
        Ok(Experiment {
            lifecycle: records::lifecycle(meta.lifecycle_stage.as_deref()),
            creation_time_ms: meta.creation_time.unwrap_or(0),
            last_update_time_ms: meta.last_update_time.or(meta.creation_time).unwrap_or(0),
            tags: tags.into_iter().map(records::tag).collect(),
            ..records::experiment(&meta.experiment_id, meta.name, meta.artifact_location.unwrap_or_default())
        })
    }

    fn read_run(&self, experiment: &Experiment, folder: &Path) -> Result<SourceRun> {
        let meta: RunMeta = yaml::read(&folder.join("meta.yaml"))?;
        let run_id = meta.run_id.or(meta.run_uuid).unwrap_or_default();
        let name = folder.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        if !is_plain_id(&run_id) || name != run_id || meta.experiment_id != experiment.experiment_id {
            return Err(Error::Record(format!(
                "{}: its meta.yaml is of the run `{run_id}` of the experiment `{}`",
                folder.display(),
                meta.experiment_id
            )));
        }
        let tags = files::pairs(&folder.join("tags"), &self.problems)?;
        let named = tags.iter().find(|(key, _)| key == "mlflow.runName").map(|(_, value)| value.clone());
        let known = STATUS_NUMBERS.iter().find(|(_, number)| Some(*number) == meta.status);
        let info = RunInfo {
            run_id,
            experiment_id: meta.experiment_id,
            run_name: meta.run_name.filter(|name| !name.is_empty()).or(named).unwrap_or_default(),
            user_id: meta.user_id.unwrap_or_default(),
            status: known.map_or(RunStatus::Running, |(status, _)| *status),
            start_time_ms: meta.start_time.unwrap_or(0),
            end_time_ms: meta.end_time,
            artifact_uri: meta.artifact_uri.unwrap_or_default(),
            lifecycle: records::lifecycle(meta.lifecycle_stage.as_deref()),
        };
        let params = files::pairs(&folder.join("params"), &self.problems)?;
        let run = Run {
            params: params.into_iter().map(records::param).collect(),
            tags: tags.into_iter().map(records::tag).collect(),
            inputs: self.inputs(folder)?,
            ..records::run(info)
        };
        Ok(SourceRun { run, metric_keys: files::keys(&folder.join("metrics"), &self.problems)? })
    }

    fn inputs(&self, run: &Path) -> Result<Vec<DatasetInput>> {
        let folder = run.join("inputs");
        if !folder.is_dir() {
            return Ok(Vec::new());
        }
        let mut inputs = Vec::new();
        for input in folders(&folder, &self.problems)? {
            match self.input(run, &input) {
                Ok(found) => inputs.extend(found),
                Err(error) => self.problems.add(format!("{error}; left out")),
            }
        }
        inputs.sort_by(|a: &DatasetInput, b| (&a.name, &a.digest).cmp(&(&b.name, &b.digest)));
        Ok(inputs)
    }

    fn input(&self, run: &Path, folder: &Path) -> Result<Option<DatasetInput>> {
        let meta: InputMeta = yaml::read(&folder.join("meta.yaml"))?;
        if meta.source_type != "DATASET" {
            return Ok(None);
        }
        if !is_plain_id(&meta.source_id) {
            return Err(Error::Record(format!("{}: `{}` is no dataset's id", folder.display(), meta.source_id)));
        }
        let experiment = run.parent().unwrap_or(run);
        let dataset: DatasetMeta = yaml::read(&experiment.join("datasets").join(&meta.source_id).join("meta.yaml"))?;
        Ok(Some(DatasetInput {
            name: dataset.name,
            digest: dataset.digest,
            source_type: dataset.source_type,
            source: dataset.source,
            schema: dataset.schema,
            profile: dataset.profile,
            context: meta.tags.get(DATASET_CONTEXT).cloned(),
        }))
    }

    /// Where MLflow puts the artifacts of a place, however the whole was moved.
    pub(super) fn own_artifacts(&self, place: Place<'_>) -> PathBuf {
        match place {
            Place::Run(experiment, run) => self.folder(experiment).join(&run.info.run_id).join("artifacts"),
            Place::Model(experiment, model) => {
                self.folder(experiment).join("models").join(&model.model_id).join("artifacts")
            }
        }
    }

    /// The folder of artifacts of a place: where MLflow puts it, or where the source says.
    fn artifacts(&self, place: Place<'_>) -> Result<Option<PathBuf>> {
        let own = self.own_artifacts(place);
        if std::fs::symlink_metadata(&own).is_ok_and(|meta| meta.is_dir()) {
            return Ok(Some(own));
        }
        let told = match place {
            Place::Run(_, run) => &run.info.artifact_uri,
            Place::Model(_, model) => &model.location,
        };
        self.roots.folder(told).map_err(|reason| Error::Record(format!("its artifacts are not read: {reason}")))
    }
}

/// The folders in a folder, by name. Hidden ones and links are left out, the latter as problems.
pub(super) fn folders(parent: &Path, problems: &Problems) -> Result<Vec<PathBuf>> {
    let mut folders = Vec::new();
    for entry in std::fs::read_dir(parent).map_err(Error::file("read", parent))? {
        let entry = entry.map_err(Error::file("read", parent))?;
        let kind = entry.file_type().map_err(Error::file("look at", &entry.path()))?;
        if kind.is_symlink() {
            problems.add(format!("{}: links are not followed; left out", entry.path().display()));
        } else if kind.is_dir() && !entry.file_name().to_string_lossy().starts_with('.') {
            folders.push(entry.path());
        }
    }
    folders.sort();
    Ok(folders)
}

#[async_trait::async_trait]
impl Source for MlrunsSource {
    fn name(&self) -> String {
        self.root.display().to_string()
    }

    async fn experiments(&self) -> Result<Vec<Experiment>> {
        let mut experiments = Vec::new();
        for folder in self.experiment_folders()? {
            match self.experiment(&folder) {
                Ok(experiment) => experiments.push(experiment),
                Err(error) => self.problems.add(format!("{error}; the experiment is left out")),
            }
        }
        Ok(experiments)
    }

    async fn runs(&self, experiment: &Experiment, page: Option<String>) -> Result<(Vec<SourceRun>, Option<String>)> {
        let folder = self.folder(experiment);
        let is_run = |path: &PathBuf| {
            let name = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
            !NO_RUNS.contains(&name.as_str()) && page.as_ref().is_none_or(|page| name > *page)
        };
        let mut folders = folders(&folder, &self.problems)?;
        folders.retain(is_run);
        let more = folders.len() > PAGE;
        folders.truncate(PAGE);
        let last = folders.last().and_then(|path| Some(path.file_name()?.to_string_lossy().into_owned()));
        let mut runs = Vec::with_capacity(folders.len());
        for folder in folders {
            // Other things lie here too when artifacts do, so a folder without meta.yaml is worth a word only if it
            // looks like a run.
            if !folder.join("meta.yaml").exists() && !folder.join("metrics").exists() {
                continue;
            }
            match self.read_run(experiment, &folder) {
                Ok(run) => runs.push(run),
                Err(error) => self.problems.add(format!("{error}; the run is left out")),
            }
        }
        Ok((runs, last.filter(|_| more)))
    }

    async fn history(&self, experiment: &Experiment, run: &Run, key: &str) -> Result<Vec<Metric>> {
        let path = self.folder(experiment).join(&run.info.run_id).join("metrics").join(key);
        if !path.exists() {
            return Ok(Vec::new());
        }
        files::history(&path, key, &self.problems)
    }

    async fn logged_models(&self, experiment: &Experiment) -> Result<Vec<LoggedModelFiles>> {
        let folder = self.folder(experiment).join("models");
        if !folder.is_dir() {
            return Ok(Vec::new());
        }
        let mut models = Vec::new();
        for path in folders(&folder, &self.problems)? {
            let model_id = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
            if is_plain_id(&model_id) && path.join("artifacts").is_dir() {
                let location =
                    format!("{}/models/{model_id}/artifacts", experiment.artifact_location.trim_end_matches('/'));
                models.push(LoggedModelFiles { model_id, location });
            }
        }
        Ok(models)
    }

    async fn files(&self, place: Place<'_>) -> Result<Vec<String>> {
        match self.artifacts(place)? {
            Some(folder) => local::list(&folder, &self.problems),
            None => Ok(Vec::new()),
        }
    }

    async fn open(&self, place: Place<'_>, path: &str) -> Result<BoxStream<'static, Result<Bytes>>> {
        let folder = self.artifacts(place)?.ok_or_else(|| Error::Record("its artifacts are gone".to_owned()))?;
        local::open(&folder, path).await
    }

    async fn models(&self) -> Result<Vec<SourceModel>> {
        registry::read(&self.root.join(super::MODELS), &self.problems)
    }

    async fn left_out(&self) -> Result<Vec<(&'static str, u64)>> {
        let (mut traces, mut models) = (0, 0);
        for folder in self.experiment_folders()? {
            for (name, count) in [("traces", &mut traces), ("models", &mut models)] {
                let folder = folder.join(name);
                if folder.is_dir() {
                    *count += folders(&folder, &self.problems)?.len() as u64;
                }
            }
        }
        Ok(vec![("traces", traces), ("records of logged models", models)])
    }
}

#[async_trait::async_trait]
impl Mirror for MlrunsSource {
    async fn run(&self, experiment: &Experiment, run_id: &str) -> Result<Option<SourceRun>> {
        let folder = self.folder(experiment).join(run_id);
        if !is_plain_id(run_id) || !folder.join("meta.yaml").exists() {
            return Ok(None);
        }
        self.read_run(experiment, &folder).map(Some)
    }
}
