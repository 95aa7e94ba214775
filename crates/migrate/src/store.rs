//! Our own records and artifacts, as a source and as a target.

use crate::error::{Error, Result};
use crate::records;
use crate::side::{LoggedModelFiles, Mirror, Place, Problems, Source, SourceModel, SourceRun, Target};
use bytes::Bytes;
use futures_util::stream::{BoxStream, StreamExt};
use metria_artifacts::ArtifactStore;
use metria_core::ids;
use metria_core::time::now_ms;
use metria_store::{
    Error as StoreError, Experiment, Lifecycle, LogBatch, Metric, ModelVersion, Run, RunInfo, RunQuery,
    StageTransition, Store,
};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Runs on a page.
const PAGE: usize = 200;
/// Rows that are written at once.
const BATCH: usize = 1_000;
/// Marks a version that only keeps a number taken; it is deleted at once, or by the next try.
const PLACEHOLDER: &str = "metria.migrate.placeholder";
/// Who moved versions to their stages.
const MOVER: &str = "import";

/// Records and artifacts of this program.
pub struct StoreSide {
    store: Arc<dyn Store>,
    artifacts: ArtifactStore,
    /// What experiments of the same name were before the import.
    before: Mutex<HashMap<String, Lifecycle>>,
}

impl StoreSide {
    /// A side over an opened store.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, artifacts: ArtifactStore) -> Self {
        Self { store, artifacts, before: Mutex::new(HashMap::new()) }
    }

    fn path(&self, place: Place<'_>) -> Result<String> {
        let uri = self.location(place);
        let root = self.artifacts.root_uri();
        let below = uri.strip_prefix(root.as_str()).map(|path| path.trim_start_matches('/').to_owned());
        below
            .ok_or_else(|| Error::Record(format!("its artifacts are at `{uri}`, not below the artifact root `{root}`")))
    }

    async fn put_version(&self, version: &ModelVersion, stage_time_ms: i64) -> Result<()> {
        let new = ModelVersion {
            stage: metria_core::ModelStage::None,
            last_update_time_ms: version.last_update_time_ms,
            ..version.clone()
        };
        let made = self.store.create_version(new).await?;
        if made.version != version.version {
            // Somebody registered in between; the number is theirs.
            self.store.delete_version(&made.name, made.version, now_ms()).await?;
            return Err(Error::Record(format!("the number {} was taken in the meantime", version.version)));
        }
        if version.stage == metria_core::ModelStage::None {
            return Ok(());
        }
        let transition = StageTransition {
            name: version.name.clone(),
            version: version.version,
            from_stage: metria_core::ModelStage::None,
            to_stage: version.stage,
            user_id: MOVER.to_owned(),
            description: "as it was where it came from".to_owned(),
            time_ms: stage_time_ms,
        };
        self.store.transition_stage(transition, false).await?;
        Ok(())
    }

    /// Takes the numbers up to one that has to come next, as if their versions had been deleted.
    async fn skip_to(&self, name: &str, number: u32) -> Result<()> {
        loop {
            let marked = records::tag((PLACEHOLDER.to_owned(), "1".to_owned()));
            let placeholder = ModelVersion { tags: vec![marked], ..records::version(name, 0, Default::default()) };
            let made = self.store.create_version(placeholder).await?;
            self.store.delete_version(name, made.version, now_ms()).await?;
            if made.version + 1 >= number {
                return Ok(());
            }
        }
    }
}

fn source_run(mut run: Run) -> SourceRun {
    let metric_keys = std::mem::take(&mut run.metrics).into_iter().map(|metric| metric.key).collect();
    SourceRun { run, metric_keys }
}

#[async_trait::async_trait]
impl Source for StoreSide {
    fn name(&self) -> String {
        format!("the {} records", self.store.backend())
    }

    async fn experiments(&self) -> Result<Vec<Experiment>> {
        let mut experiments = self.store.list_experiments(None).await?;
        experiments.reverse();
        Ok(experiments)
    }

    async fn runs(&self, experiment: &Experiment, page: Option<String>) -> Result<(Vec<SourceRun>, Option<String>)> {
        let query = RunQuery {
            experiment_ids: vec![experiment.experiment_id.clone()],
            lifecycle: None,
            limit: PAGE,
            page_token: page,
            ..RunQuery::default()
        };
        let found = self.store.search_runs(&query).await?;
        Ok((found.items.into_iter().map(source_run).collect(), found.next_page_token))
    }

    async fn history(&self, _: &Experiment, run: &Run, key: &str) -> Result<Vec<Metric>> {
        Ok(self.store.metric_history(&run.info.run_id, key).await?)
    }

    async fn logged_models(&self, experiment: &Experiment) -> Result<Vec<LoggedModelFiles>> {
        let root = self.artifacts.root_uri();
        let Some(below) = experiment.artifact_location.strip_prefix(root.as_str()) else { return Ok(Vec::new()) };
        let folder = format!("{}/models", below.trim_matches('/'));
        let entries = self.artifacts.list(&folder).await?;
        let models = entries.into_iter().filter(|entry| entry.is_dir && entry.path.starts_with("m-"));
        Ok(models
            .map(|entry| {
                let location = format!("{root}/{folder}/{}/artifacts", entry.path);
                LoggedModelFiles { model_id: entry.path, location }
            })
            .collect())
    }

    async fn files(&self, place: Place<'_>) -> Result<Vec<String>> {
        let root = self.path(place)?;
        let mut files = Vec::new();
        let mut folders = vec![String::new()];
        while let Some(folder) = folders.pop() {
            let whole = if folder.is_empty() { root.clone() } else { format!("{root}/{folder}") };
            for entry in self.artifacts.list(&whole).await? {
                let path = if folder.is_empty() { entry.path } else { format!("{folder}/{}", entry.path) };
                if entry.is_dir { folders.push(path) } else { files.push(path) }
            }
        }
        files.sort();
        Ok(files)
    }

    async fn open(&self, place: Place<'_>, path: &str) -> Result<BoxStream<'static, Result<Bytes>>> {
        let (_, content) = self.artifacts.get_stream(&format!("{}/{path}", self.path(place)?)).await?;
        Ok(content.map(|piece| Ok(piece?)).boxed())
    }

    async fn models(&self) -> Result<Vec<SourceModel>> {
        let mut models = Vec::new();
        for model in self.store.list_models().await? {
            let mut versions = self.store.list_versions(&model.name).await?;
            versions.reverse();
            models.push(SourceModel { model, versions });
        }
        Ok(models)
    }

    async fn left_out(&self) -> Result<Vec<(&'static str, u64)>> {
        Ok(Vec::new())
    }
}

#[async_trait::async_trait]
impl Mirror for StoreSide {
    async fn run(&self, experiment: &Experiment, run_id: &str) -> Result<Option<SourceRun>> {
        match self.store.get_run(run_id).await {
            Ok(run) if run.info.experiment_id == experiment.experiment_id => Ok(Some(source_run(run))),
            Ok(run) => Err(Error::Record(format!(
                "there is a run of that id in the experiment {} already; it is not touched",
                run.info.experiment_id
            ))),
            Err(StoreError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

#[async_trait::async_trait]
impl Target for StoreSide {
    async fn put_experiment(&self, experiment: &Experiment) -> Result<Experiment> {
        let found = match self.store.get_experiment_by_name(&experiment.name).await {
            Ok(found) => Some(found),
            Err(StoreError::NotFound { .. }) => None,
            Err(error) => return Err(error.into()),
        };
        let Some(found) = found else {
            let free = match self.store.get_experiment(&experiment.experiment_id).await {
                Err(StoreError::NotFound { .. }) => experiment.experiment_id.clone(),
                Ok(_) => ids::new_experiment_id(),
                Err(error) => return Err(error.into()),
            };
            let mine = Experiment {
                artifact_location: format!("{}/{free}", self.artifacts.root_uri()),
                lifecycle: Lifecycle::Active,
                experiment_id: free,
                ..experiment.clone()
            };
            self.store.create_experiment(mine.clone()).await?;
            return Ok(mine);
        };
        self.before
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entry(found.experiment_id.clone())
            .or_insert(found.lifecycle);
        if found.lifecycle == Lifecycle::Deleted {
            // Nothing can be added to a deleted experiment; it is deleted again at its end.
            self.store.set_experiment_lifecycle(&found.experiment_id, Lifecycle::Active, now_ms()).await?;
        }
        for tag in &experiment.tags {
            if !found.tags.iter().any(|known| known.key == tag.key) {
                self.store
                    .set_experiment_tag(&found.experiment_id, tag.clone(), experiment.last_update_time_ms)
                    .await?;
            }
        }
        Ok(self.store.get_experiment(&found.experiment_id).await?)
    }

    async fn put_run(&self, experiment: &Experiment, run: &Run) -> Result<Run> {
        let run_id = run.info.run_id.clone();
        let info = RunInfo {
            experiment_id: experiment.experiment_id.clone(),
            artifact_uri: format!("{}/{run_id}/artifacts", experiment.artifact_location.trim_end_matches('/')),
            // A deleted run takes nothing; it is deleted again at its end.
            lifecycle: Lifecycle::Active,
            ..run.info.clone()
        };
        match self.store.create_run(info, Vec::new()).await {
            Ok(()) => {}
            Err(StoreError::AlreadyExists { .. }) => {
                self.store.set_run_lifecycle(&run_id, Lifecycle::Active, now_ms()).await?;
                let info = &run.info;
                let name = Some(info.run_name.clone());
                self.store.update_run(&run_id, Some(info.status), info.end_time_ms, name).await?;
            }
            Err(error) => return Err(error.into()),
        }
        for params in run.params.chunks(BATCH) {
            self.store.log_batch(&run_id, LogBatch { params: params.to_vec(), ..LogBatch::default() }).await?;
        }
        let rest = LogBatch { tags: run.tags.clone(), inputs: run.inputs.clone(), ..LogBatch::default() };
        self.store.log_batch(&run_id, rest).await?;
        let mut mine = self.store.get_run(&run_id).await?;
        mine.metrics.clear();
        Ok(mine)
    }

    async fn put_history(&self, _: &Experiment, run: &Run, _: &str, history: Vec<Metric>) -> Result<()> {
        for metrics in history.chunks(BATCH) {
            let batch = LogBatch { metrics: metrics.to_vec(), ..LogBatch::default() };
            self.store.log_batch(&run.info.run_id, batch).await?;
        }
        Ok(())
    }

    async fn put_file(&self, place: Place<'_>, path: &str, content: BoxStream<'static, Result<Bytes>>) -> Result<()> {
        Ok(self.artifacts.put_stream(&format!("{}/{path}", self.path(place)?), content).await?)
    }

    fn location(&self, place: Place<'_>) -> String {
        match place {
            Place::Run(_, run) => run.info.artifact_uri.clone(),
            Place::Model(experiment, model) => {
                format!("{}/models/{}/artifacts", experiment.artifact_location.trim_end_matches('/'), model.model_id)
            }
        }
    }

    async fn end_run(&self, _: &Experiment, run: &Run) -> Result<()> {
        if run.info.lifecycle == Lifecycle::Deleted {
            self.store.set_run_lifecycle(&run.info.run_id, Lifecycle::Deleted, now_ms()).await?;
        }
        Ok(())
    }

    async fn end_experiment(&self, source: &Experiment, experiment: &Experiment) -> Result<()> {
        let before = self.before.lock().unwrap_or_else(PoisonError::into_inner).get(&experiment.experiment_id).copied();
        let own = source.experiment_id == experiment.experiment_id;
        let lifecycle = if own { source.lifecycle } else { before.unwrap_or(source.lifecycle) };
        if lifecycle == Lifecycle::Deleted {
            let time_ms = source.last_update_time_ms;
            self.store.set_experiment_lifecycle(&experiment.experiment_id, Lifecycle::Deleted, time_ms).await?;
        }
        Ok(())
    }

    async fn put_model(&self, model: &SourceModel, problems: &Problems) -> Result<()> {
        let name = &model.model.name;
        metria_core::names::check_model_name(name).map_err(|error| Error::Record(error.to_string()))?;
        let new = metria_store::RegisteredModel { aliases: Vec::new(), ..model.model.clone() };
        match self.store.create_model(new).await {
            Ok(()) => {}
            Err(StoreError::AlreadyExists { .. }) => {
                let known = self.store.get_model(name).await?.tags;
                for tag in model.model.tags.iter().filter(|tag| !known.iter().any(|known| known.key == tag.key)) {
                    self.store.set_model_tag(name, tag.clone(), model.model.last_update_time_ms).await?;
                }
            }
            Err(error) => return Err(error.into()),
        }
        let mut known = self.store.list_versions(name).await?;
        for left in known.iter().filter(|version| version.tags.iter().any(|tag| tag.key == PLACEHOLDER)) {
            self.store.delete_version(name, left.version, now_ms()).await?;
        }
        known.retain(|version| !version.tags.iter().any(|tag| tag.key == PLACEHOLDER));
        let mut next = known.first().map_or(1, |newest| newest.version + 1);
        for version in &model.versions {
            if let Some(there) = known.iter().find(|there| there.version == version.version) {
                if (&there.source, &there.run_id) != (&version.source, &version.run_id) {
                    problems.add(format!(
                        "version {} of `{name}` is there already, from `{}`; it is not touched",
                        version.version, there.source
                    ));
                } else if there.stage != version.stage {
                    let transition = StageTransition {
                        name: name.clone(),
                        version: version.version,
                        from_stage: there.stage,
                        to_stage: version.stage,
                        user_id: MOVER.to_owned(),
                        description: "as it is where it came from".to_owned(),
                        time_ms: version.last_update_time_ms,
                    };
                    self.store.transition_stage(transition, false).await?;
                }
                continue;
            }
            if version.version < next {
                problems.add(format!("version {} of `{name}` was deleted here; it stays so", version.version));
                continue;
            }
            if version.version > next {
                self.skip_to(name, version.version).await?;
            }
            self.put_version(version, version.last_update_time_ms).await?;
            next = version.version + 1;
        }
        for (alias, version) in &model.model.aliases {
            self.store.set_alias(name, alias, *version, model.model.last_update_time_ms).await?;
            // The alias counts as a change of the version; the time of its last one is written again.
            if let Some(version) = model.versions.iter().find(|found| found.version == *version) {
                let (number, time_ms) = (version.version, version.last_update_time_ms);
                self.store.describe_version(name, number, &version.description, time_ms).await?;
            }
        }
        self.store.describe_model(name, &model.model.description, model.model.last_update_time_ms).await?;
        Ok(())
    }
}
