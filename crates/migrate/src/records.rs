//! Records of ours, made from what sources hold.

use metria_core::ModelStage;
use metria_store::{Experiment, Lifecycle, Metric, ModelVersion, Param, RegisteredModel, Run, RunInfo, RunStatus, Tag};

/// The tag of a dataset that tells what it was used for.
pub(crate) const DATASET_CONTEXT: &str = "mlflow.data.context";
/// The stage in which MLflow hides deleted versions.
pub(crate) const DELETED_STAGE: &str = "Deleted_Internal";

pub(crate) fn tag((key, value): (String, String)) -> Tag {
    Tag { key, value }
}

pub(crate) fn param((key, value): (String, String)) -> Param {
    Param { key, value }
}

pub(crate) fn metric(key: &str, value: f64, timestamp_ms: i64, step: i64) -> Metric {
    Metric { key: key.to_owned(), value, timestamp_ms, step }.normal()
}

/// A run without what was logged to it.
pub(crate) fn run(info: RunInfo) -> Run {
    Run {
        info,
        params: Vec::new(),
        metrics: Vec::new(),
        tags: Vec::new(),
        inputs: Vec::new(),
        model_inputs: Vec::new(),
        model_outputs: Vec::new(),
    }
}

/// A version without tags.
pub(crate) fn version(name: &str, number: u32, stage: ModelStage) -> ModelVersion {
    ModelVersion {
        name: name.to_owned(),
        version: number,
        description: String::new(),
        stage,
        source: String::new(),
        run_id: None,
        model_id: None,
        storage_location: String::new(),
        user_id: String::new(),
        creation_time_ms: 0,
        last_update_time_ms: 0,
        tags: Vec::new(),
    }
}

/// A model without tags and aliases.
pub(crate) fn model(
    name: &str,
    description: String,
    creation_time_ms: i64,
    last_update_time_ms: i64,
) -> RegisteredModel {
    RegisteredModel {
        name: name.to_owned(),
        description,
        creation_time_ms,
        last_update_time_ms,
        tags: Vec::new(),
        aliases: Vec::new(),
    }
}

/// An experiment without tags.
pub(crate) fn experiment(experiment_id: &str, name: String, artifact_location: String) -> Experiment {
    Experiment {
        experiment_id: experiment_id.to_owned(),
        name,
        artifact_location,
        lifecycle: Lifecycle::Active,
        creation_time_ms: 0,
        last_update_time_ms: 0,
        tags: Vec::new(),
    }
}

pub(crate) fn lifecycle(name: Option<&str>) -> Lifecycle {
    match name {
        Some("deleted") => Lifecycle::Deleted,
        _ => Lifecycle::Active,
    }
}

pub(crate) fn lifecycle_name(lifecycle: Lifecycle) -> &'static str {
    match lifecycle {
        Lifecycle::Active => "active",
        Lifecycle::Deleted => "deleted",
    }
}

/// A run's status by the number that `mlruns` folders hold.
pub(crate) const STATUS_NUMBERS: [(RunStatus, i64); 5] = [
    (RunStatus::Running, 1),
    (RunStatus::Scheduled, 2),
    (RunStatus::Finished, 3),
    (RunStatus::Failed, 4),
    (RunStatus::Killed, 5),
];
