//! A history with everything in it.

use metria_artifacts::ArtifactStore;
use metria_core::ModelStage;
use metria_migrate::StoreSide;
use metria_store::{
    DatasetInput, Experiment, ExperimentStore, Lifecycle, LogBatch, MemoryStore, Metric, ModelStore, ModelVersion,
    Param, RegisteredModel, RunInfo, RunStatus, RunStore, StageTransition, Tag,
};
use std::path::Path;
use std::sync::Arc;

pub(crate) const RUN: &str = "0123456789abcdef0123456789abcdef";

pub(crate) fn tag(key: &str, value: &str) -> Tag {
    Tag { key: key.to_owned(), value: value.to_owned() }
}

/// Records in memory with artifacts in a folder.
pub(crate) struct Records {
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) artifacts: ArtifactStore,
}

impl Records {
    pub(crate) fn empty(folder: &Path) -> Self {
        let artifacts = ArtifactStore::open(&folder.display().to_string()).unwrap();
        Self { store: Arc::new(MemoryStore::default()), artifacts }
    }

    pub(crate) fn side(&self) -> StoreSide {
        StoreSide::new(self.store.clone(), self.artifacts.clone())
    }

    pub(crate) async fn experiment(&self, id: &str, name: &str) {
        let experiment = Experiment {
            experiment_id: id.to_owned(),
            name: name.to_owned(),
            artifact_location: format!("{}/{id}", self.artifacts.root_uri()),
            lifecycle: Lifecycle::Active,
            creation_time_ms: 100,
            last_update_time_ms: 200,
            tags: vec![tag("team", "a\nb"), tag("x/y", "z")],
        };
        self.store.create_experiment(experiment).await.unwrap();
    }

    pub(crate) async fn run(&self, experiment_id: &str, run_id: &str, status: RunStatus) {
        let info = RunInfo {
            run_id: run_id.to_owned(),
            experiment_id: experiment_id.to_owned(),
            run_name: format!("run of {experiment_id}: \"é\""),
            user_id: "ada".to_owned(),
            status,
            start_time_ms: 1_000,
            end_time_ms: (status != RunStatus::Running).then_some(2_000),
            artifact_uri: format!("{}/{experiment_id}/{run_id}/artifacts", self.artifacts.root_uri()),
            lifecycle: Lifecycle::Active,
        };
        self.store.create_run(info, vec![tag("a/b", ""), tag("note", "# Title\n\n- x: y")]).await.unwrap();
        let point = |key: &str, value: f64, step: i64| Metric { key: key.to_owned(), value, timestamp_ms: 5, step };
        let mut metrics: Vec<Metric> = (0..1_234).map(|step| point("loss", 1.0 / (step + 1) as f64, step)).collect();
        for (step, value) in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0, 5e-324, 1e300].into_iter().enumerate() {
            metrics.push(point("odd/values", value, step as i64 - 3));
        }
        let param = |key: &str, value: &str| Param { key: key.to_owned(), value: value.to_owned() };
        let input = DatasetInput {
            name: "credit".to_owned(),
            digest: "abc123".to_owned(),
            source_type: "local".to_owned(),
            source: "{\"uri\": \"x\"}".to_owned(),
            schema: Some("{}".to_owned()),
            profile: None,
            context: Some("training".to_owned()),
        };
        let batch = LogBatch {
            metrics,
            params: vec![param("depth", "3"), param("text", "1: yes # no\n")],
            inputs: vec![input],
            ..LogBatch::default()
        };
        self.store.log_batch(run_id, batch).await.unwrap();
        for (path, bytes) in [("model/MLmodel", &b"flavors: {}"[..]), ("a b/\u{e9}.txt", b"hello"), ("empty", b"")] {
            let path = format!("{experiment_id}/{run_id}/artifacts/{path}");
            self.artifacts.put(&path, bytes).await.unwrap();
        }
    }

    pub(crate) async fn model(&self, name: &str) {
        let model = RegisteredModel {
            name: name.to_owned(),
            description: "a model".to_owned(),
            creation_time_ms: 300,
            last_update_time_ms: 300,
            tags: vec![tag("k", "v")],
            aliases: Vec::new(),
        };
        self.store.create_model(model).await.unwrap();
        for number in 1..=3 {
            let version = ModelVersion {
                name: name.to_owned(),
                version: 0,
                description: format!("version {number}"),
                stage: ModelStage::None,
                source: format!("runs:/{RUN}/model"),
                model_id: None,
                run_id: Some(RUN.to_owned()),
                storage_location: format!("{}/7/{RUN}/artifacts/model", self.artifacts.root_uri()),
                user_id: "ada".to_owned(),
                creation_time_ms: 300 + i64::from(number),
                last_update_time_ms: 300 + i64::from(number),
                tags: vec![tag("n", &number.to_string())],
            };
            self.store.create_version(version).await.unwrap();
        }
        self.store.delete_version(name, 2, 400).await.unwrap();
        let transition = StageTransition {
            name: name.to_owned(),
            version: 3,
            from_stage: ModelStage::None,
            to_stage: ModelStage::Production,
            user_id: "ada".to_owned(),
            description: String::new(),
            time_ms: 500,
        };
        self.store.transition_stage(transition, true).await.unwrap();
        self.store.set_alias(name, "champion", 1, 600).await.unwrap();
    }

    /// Experiments in use and deleted, runs in use, running and deleted, a model with a gap in its versions.
    pub(crate) async fn full(folder: &Path) -> Self {
        let records = Self::empty(folder);
        records.experiment("0", "Default").await;
        records.experiment("7", "credit / scoring").await;
        records.experiment("8", "gone").await;
        records.run("7", RUN, RunStatus::Finished).await;
        records.run("7", "11111111111111111111111111111111", RunStatus::Running).await;
        records.run("7", "22222222222222222222222222222222", RunStatus::Failed).await;
        records.run("8", "33333333333333333333333333333333", RunStatus::Killed).await;
        let logged = "7/models/m-00000000000000000000000000000000/artifacts/MLmodel";
        records.artifacts.put(logged, b"flavors: {}").await.unwrap();
        records.store.set_run_lifecycle("22222222222222222222222222222222", Lifecycle::Deleted, 1).await.unwrap();
        records.store.set_experiment_lifecycle("8", Lifecycle::Deleted, 250).await.unwrap();
        records.model("credit").await;
        records
    }
}
