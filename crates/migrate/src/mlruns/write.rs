//! An `mlruns` folder as a target.

use super::read::MlrunsSource;
use super::yaml::{self, DatasetMeta, ExperimentMeta, InputMeta, RunMeta};
use super::{MODELS, TRASH, files, registry};
use crate::error::{Error, Result};
use crate::local;
use crate::names::{check_id, check_key_path, check_path};
use crate::records::{DATASET_CONTEXT, STATUS_NUMBERS, lifecycle_name};
use crate::side::{LoggedModelFiles, Mirror, Place, Problems, Source, SourceModel, SourceRun, Target};
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use md5::{Digest, Md5};
use metria_store::{DatasetInput, Experiment, Lifecycle, Metric, Run, RunInfo};
use reqwest::Url;
use std::path::{Path, PathBuf};
use tokio::io::AsyncWriteExt;

/// Says that the folder was written here, so that it may be written again.
const MARK: &str = ".metria-export";
/// MLflow's number for runs that were started on somebody's machine.
const SOURCE_TYPE_LOCAL: i64 = 4;

/// A folder that MLflow's file store reads.
pub struct MlrunsTarget {
    root: PathBuf,
    reader: MlrunsSource,
    problems: Problems,
}

impl MlrunsTarget {
    /// Makes a folder, or goes on with one that was written here before.
    ///
    /// # Errors
    /// When it holds something else.
    pub fn open(root: &Path, problems: Problems) -> Result<Self> {
        std::fs::create_dir_all(root).map_err(Error::file("make the folder", root))?;
        let mark = root.join(MARK);
        let is_empty = std::fs::read_dir(root).map_err(Error::file("read", root))?.next().is_none();
        if !is_empty && !mark.exists() {
            return Err(Error::Source(format!(
                "{} holds something that was not exported here; name an empty folder or a new one",
                root.display()
            )));
        }
        std::fs::write(&mark, "written by `metria export mlflow`\n").map_err(Error::file("write", &mark))?;
        let root = root.canonicalize().map_err(Error::file("find", root))?;
        // What a reader looks for, even where there is no experiment yet.
        let models = root.join(MODELS);
        std::fs::create_dir_all(&models).map_err(Error::file("make the folder", &models))?;
        let reader = MlrunsSource::open(&root, &[], problems.clone())?;
        Ok(Self { root, reader, problems })
    }

    fn folder(&self, experiment: &Experiment) -> PathBuf {
        self.root.join(&experiment.experiment_id)
    }

    fn run_folder(&self, experiment: &Experiment, run: &Run) -> PathBuf {
        self.folder(experiment).join(&run.info.run_id)
    }

    fn artifacts(&self, place: Place<'_>) -> PathBuf {
        match place {
            Place::Run(experiment, run) => self.run_folder(experiment, run).join("artifacts"),
            Place::Model(experiment, model) => {
                self.folder(experiment).join("models").join(&model.model_id).join("artifacts")
            }
        }
    }

    fn put_input(&self, experiment: &Experiment, run: &Run, input: &DatasetInput) -> Result<()> {
        let dataset_id = md5(&[&input.name, &input.digest]);
        let dataset = DatasetMeta {
            digest: input.digest.clone(),
            name: input.name.clone(),
            profile: input.profile.clone(),
            schema: input.schema.clone(),
            source: input.source.clone(),
            source_type: input.source_type.clone(),
        };
        let path = self.folder(experiment).join("datasets").join(&dataset_id).join("meta.yaml");
        files::write(&path, yaml::text(&dataset)?.as_bytes())?;
        let tags = input.context.iter().map(|context| (DATASET_CONTEXT.to_owned(), context.clone())).collect();
        let input = InputMeta {
            destination_id: run.info.run_id.clone(),
            destination_type: "RUN".to_owned(),
            source_id: dataset_id.clone(),
            source_type: "DATASET".to_owned(),
            tags,
        };
        let name = md5(&[&dataset_id, &run.info.run_id]);
        let path = self.run_folder(experiment, run).join("inputs").join(name).join("meta.yaml");
        files::write(&path, yaml::text(&input)?.as_bytes())
    }

    fn put_meta(&self, experiment: &Experiment, run: &Run) -> Result<()> {
        let info = &run.info;
        let status = STATUS_NUMBERS.iter().find(|(status, _)| *status == info.status).map(|(_, number)| *number);
        let meta = RunMeta {
            artifact_uri: Some(self.location(Place::Run(experiment, run))),
            end_time: info.end_time_ms,
            entry_point_name: String::new(),
            experiment_id: experiment.experiment_id.clone(),
            lifecycle_stage: Some(lifecycle_name(info.lifecycle).to_owned()),
            run_id: Some(info.run_id.clone()),
            run_name: Some(info.run_name.clone()),
            run_uuid: Some(info.run_id.clone()),
            source_name: String::new(),
            source_type: Some(SOURCE_TYPE_LOCAL),
            source_version: Some(String::new()),
            start_time: Some(info.start_time_ms),
            status,
            tags: Vec::new(),
            user_id: Some(info.user_id.clone()),
        };
        files::write(&self.run_folder(experiment, run).join("meta.yaml"), yaml::text(&meta)?.as_bytes())
    }
}

/// MLflow's ids of datasets and of what reads them.
fn md5(parts: &[&str]) -> String {
    let mut hasher = Md5::new();
    for part in parts {
        hasher.update(part.as_bytes());
    }
    hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn uri(path: &Path) -> String {
    Url::from_file_path(path).map_or_else(|()| path.display().to_string(), |url| url.to_string())
}

#[async_trait::async_trait]
impl Source for MlrunsTarget {
    fn name(&self) -> String {
        self.reader.name()
    }

    async fn experiments(&self) -> Result<Vec<Experiment>> {
        self.reader.experiments().await
    }

    async fn runs(&self, experiment: &Experiment, page: Option<String>) -> Result<(Vec<SourceRun>, Option<String>)> {
        self.reader.runs(experiment, page).await
    }

    async fn history(&self, experiment: &Experiment, run: &Run, key: &str) -> Result<Vec<Metric>> {
        if check_key_path("metric", key).is_err() {
            return Ok(Vec::new());
        }
        self.reader.history(experiment, run, key).await
    }

    async fn logged_models(&self, experiment: &Experiment) -> Result<Vec<LoggedModelFiles>> {
        self.reader.logged_models(experiment).await
    }

    async fn files(&self, place: Place<'_>) -> Result<Vec<String>> {
        let folder = self.reader.own_artifacts(place);
        if folder.is_dir() { local::list(&folder, &self.problems) } else { Ok(Vec::new()) }
    }

    async fn open(&self, place: Place<'_>, path: &str) -> Result<BoxStream<'static, Result<Bytes>>> {
        local::open(&self.reader.own_artifacts(place), path).await
    }

    async fn models(&self) -> Result<Vec<SourceModel>> {
        self.reader.models().await
    }

    async fn left_out(&self) -> Result<Vec<(&'static str, u64)>> {
        self.reader.left_out().await
    }
}

#[async_trait::async_trait]
impl Mirror for MlrunsTarget {
    async fn run(&self, experiment: &Experiment, run_id: &str) -> Result<Option<SourceRun>> {
        self.reader.run(experiment, run_id).await
    }
}

#[async_trait::async_trait]
impl Target for MlrunsTarget {
    async fn put_experiment(&self, experiment: &Experiment) -> Result<Experiment> {
        check_id("experiment id", &experiment.experiment_id)?;
        let folder = self.folder(experiment);
        let deleted = self.root.join(TRASH).join(&experiment.experiment_id);
        if deleted.exists() && !folder.exists() {
            std::fs::rename(&deleted, &folder).map_err(Error::file("restore", &deleted))?;
        }
        let mine = Experiment { artifact_location: uri(&folder), ..experiment.clone() };
        let pairs = experiment.tags.iter().map(|tag| (tag.key.as_str(), tag.value.as_str()));
        files::write_pairs(&folder.join("tags"), "tag", pairs, &self.problems)?;
        let meta = ExperimentMeta {
            artifact_location: Some(mine.artifact_location.clone()),
            creation_time: Some(experiment.creation_time_ms),
            experiment_id: experiment.experiment_id.clone(),
            last_update_time: Some(experiment.last_update_time_ms),
            lifecycle_stage: Some(lifecycle_name(experiment.lifecycle).to_owned()),
            name: experiment.name.clone(),
        };
        files::write(&folder.join("meta.yaml"), yaml::text(&meta)?.as_bytes())?;
        Ok(mine)
    }

    async fn put_run(&self, experiment: &Experiment, run: &Run) -> Result<Run> {
        let folder = self.run_folder(experiment, run);
        let artifact_uri = self.location(Place::Run(experiment, run));
        let info = RunInfo { experiment_id: experiment.experiment_id.clone(), artifact_uri, ..run.info.clone() };
        let mine = Run { info, ..run.clone() };
        for folder in ["metrics", "artifacts"].map(|name| folder.join(name)) {
            std::fs::create_dir_all(&folder).map_err(Error::file("make the folder", &folder))?;
        }
        let params = run.params.iter().map(|param| (param.key.as_str(), param.value.as_str()));
        files::write_pairs(&folder.join("params"), "param", params, &self.problems)?;
        let tags = run.tags.iter().map(|tag| (tag.key.as_str(), tag.value.as_str()));
        files::write_pairs(&folder.join("tags"), "tag", tags, &self.problems)?;
        for input in &run.inputs {
            self.put_input(experiment, &mine, input)?;
        }
        Ok(mine)
    }

    async fn put_history(&self, experiment: &Experiment, run: &Run, key: &str, history: Vec<Metric>) -> Result<()> {
        check_key_path("metric", key)?;
        let path = self.run_folder(experiment, run).join("metrics").join(key);
        match files::write(&path, files::lines(&history).as_bytes()) {
            Err(Error::File { source, path, .. }) if files::is_in_the_way(&source) => {
                Err(Error::Record(format!("{path} is in the way: {source}")))
            }
            done => done,
        }
    }

    async fn put_file(
        &self,
        place: Place<'_>,
        path: &str,
        mut content: BoxStream<'static, Result<Bytes>>,
    ) -> Result<()> {
        let path = self.artifacts(place).join(check_path("artifact", path)?);
        let making = files::begin(&path)?;
        let mut file = tokio::fs::File::create(&making).await.map_err(Error::file("write", &making))?;
        while let Some(piece) = content.next().await {
            file.write_all(&piece?).await.map_err(Error::file("write", &making))?;
        }
        file.flush().await.map_err(Error::file("write", &making))?;
        drop(file);
        tokio::fs::rename(&making, &path).await.map_err(Error::file("write", &path))
    }

    fn location(&self, place: Place<'_>) -> String {
        uri(&self.artifacts(place))
    }

    async fn end_run(&self, experiment: &Experiment, run: &Run) -> Result<()> {
        // Last, so that a reader sees whole runs only.
        self.put_meta(experiment, run)
    }

    async fn end_experiment(&self, _: &Experiment, experiment: &Experiment) -> Result<()> {
        if experiment.lifecycle == Lifecycle::Active {
            return Ok(());
        }
        let trash = self.root.join(TRASH);
        std::fs::create_dir_all(&trash).map_err(Error::file("make the folder", &trash))?;
        let folder = self.folder(experiment);
        std::fs::rename(&folder, trash.join(&experiment.experiment_id)).map_err(Error::file("move", &folder))
    }

    async fn put_model(&self, model: &SourceModel, problems: &Problems) -> Result<()> {
        registry::write(&self.root.join(MODELS), model, problems)
    }
}
