//! Between our records and MLflow's wire.

use super::checks;
use super::error::{MlflowError, Result};
use super::input::WireEnum;
use super::types::{
    Alias, Dataset, DatasetInput, Experiment, KeyValue, LoggedModel, LoggedModelData, LoggedModelInfo, MeasuredOn,
    Metric, ModelInput, ModelOutput, ModelVersion, NewMetric, RegisteredModel, Run, RunData, RunInfo, RunInputs,
    RunOutputs,
};
use crate::state::AppState;
use metria_store::{Lifecycle, LogBatch, LoggedModelStatus, ModelMetric, Param, RunStatus, Tag};

/// The tag that holds a run's name.
pub(super) const RUN_NAME: &str = "mlflow.runName";
/// The tag of a dataset that tells what it was used for.
const DATASET_CONTEXT: &str = "mlflow.data.context";
/// The workspace that everything belongs to: there is one.
const WORKSPACE: &str = "default";
/// The names of [`LoggedModelStatus::ALL`].
pub(super) const LOGGED_MODEL_STATUSES: [&str; 4] =
    ["LOGGED_MODEL_STATUS_UNSPECIFIED", "LOGGED_MODEL_PENDING", "LOGGED_MODEL_READY", "LOGGED_MODEL_UPLOAD_FAILED"];
/// How clients name what this server keeps for them.
const PROXIED: &str = "mlflow-artifacts:";

/// The address under which clients reach a location: what lies below our root goes through this server.
pub(in crate::http) fn public_uri(state: &AppState, location: &str) -> String {
    match state.workspace.artifacts.path_of(location) {
        Some(path) => format!("{PROXIED}/{path}"),
        None => location.to_owned(),
    }
}

/// The location behind an address that a client gives: below our root where the client means this server.
/// A place on this server's own disk is refused.
pub(super) fn location(state: &AppState, uri: &str) -> Result<String> {
    let artifacts = &state.workspace.artifacts;
    if let Some(rest) = uri.strip_prefix(PROXIED) {
        // `mlflow-artifacts://host:port/path` and `mlflow-artifacts:/path` mean the same here.
        let path = match rest.strip_prefix("//") {
            Some(with_host) => with_host.split_once('/').map_or("", |(_, path)| path),
            None => rest.trim_start_matches('/'),
        };
        return own_location(state, path);
    }
    match uri.split_once("://") {
        // A bucket's own address of what is ours means the same; a folder's is none that others may name.
        Some((scheme, _)) if !scheme.eq_ignore_ascii_case("file") && artifacts.path_of(uri).is_some() => {
            own_location(state, artifacts.path_of(uri).unwrap_or_default())
        }
        Some((scheme, rest)) if !scheme.eq_ignore_ascii_case("file") && !rest.is_empty() && !rest.contains("..") => {
            Ok(uri.to_owned())
        }
        _ => Err(MlflowError::invalid(format!(
            "the location `{uri}` is not one that other machines can reach; leave it out, or give a URL such as s3://bucket/path"
        ))),
    }
}

/// The location of a path below our root.
pub(super) fn own_location(state: &AppState, path: &str) -> Result<String> {
    let artifacts = &state.workspace.artifacts;
    artifacts.accepts(path)?;
    Ok(format!("{}/{}", artifacts.root_uri(), path.trim_end_matches('/')))
}

pub(super) fn lifecycle(lifecycle: Lifecycle) -> &'static str {
    match lifecycle {
        Lifecycle::Active => "active",
        Lifecycle::Deleted => "deleted",
    }
}

/// `ACTIVE_ONLY`, `DELETED_ONLY` or `ALL`.
pub(super) fn view(name: Option<WireEnum>) -> Result<Option<Lifecycle>> {
    match name.map(|WireEnum(name)| name.to_ascii_uppercase()).as_deref() {
        None | Some("ACTIVE_ONLY" | "1") => Ok(Some(Lifecycle::Active)),
        Some("DELETED_ONLY" | "2") => Ok(Some(Lifecycle::Deleted)),
        Some("ALL" | "3") => Ok(None),
        Some(other) => {
            Err(MlflowError::invalid(format!("the view must be ACTIVE_ONLY, DELETED_ONLY or ALL; got `{other}`")))
        }
    }
}

/// A run's status, by name or by its number on the wire.
pub(super) fn status(WireEnum(name): WireEnum) -> Result<RunStatus> {
    let known = match name.as_str() {
        "1" => Some(RunStatus::Running),
        "2" => Some(RunStatus::Scheduled),
        "3" => Some(RunStatus::Finished),
        "4" => Some(RunStatus::Failed),
        "5" => Some(RunStatus::Killed),
        _ => RunStatus::from_name(&name.to_ascii_uppercase()),
    };
    known.ok_or_else(|| {
        let known: Vec<&str> = RunStatus::ALL.into_iter().map(RunStatus::as_str).collect();
        MlflowError::invalid(format!("the status must be one of {}; got `{name}`", known.join(", ")))
    })
}

/// Tags as they come; those of runs, experiments and the registry go through [`checks`].
pub(super) fn tags(wire: Vec<KeyValue>) -> Vec<Tag> {
    wire.into_iter().map(|KeyValue { key, value }| Tag { key, value }).collect()
}

/// Params as they come; those of runs go through [`checks`].
pub(super) fn params(wire: Vec<KeyValue>) -> Vec<Param> {
    wire.into_iter().map(|KeyValue { key, value }| Param { key, value }).collect()
}

pub(super) fn wire_tags(tags: Vec<Tag>) -> Vec<KeyValue> {
    tags.into_iter().map(|Tag { key, value }| KeyValue { key, value }).collect()
}

/// Adds a metric to a batch: to the run's own, and to those of its logged model if it names one.
pub(super) fn add_metric(batch: &mut LogBatch, new: NewMetric) -> Result<()> {
    let key = checks::key(super::input::required("key", new.key)?)?;
    let Some(value) = new.value else {
        return Err(MlflowError::invalid(format!("the metric `{key}` has no value")));
    };
    let Some(timestamp_ms) = new.timestamp.filter(|time| *time >= 0) else {
        return Err(MlflowError::invalid(format!(
            "the metric `{key}` needs a timestamp: milliseconds since 1970, not below 0"
        )));
    };
    let metric = metria_store::Metric { key, value, timestamp_ms, step: new.step.unwrap_or(0) };
    let said = |text: Option<String>| text.filter(|text| !text.is_empty());
    if let Some(model_id) = said(new.model_id) {
        let (dataset_name, dataset_digest) = (said(new.dataset_name), said(new.dataset_digest));
        batch.model_metrics.push(ModelMetric { model_id, metric: metric.clone(), dataset_name, dataset_digest });
    }
    batch.metrics.push(metric);
    Ok(())
}

pub(super) fn wire_metric(metric: metria_store::Metric, run_id: Option<&str>) -> Metric {
    Metric {
        key: metric.key,
        value: metric.value,
        timestamp: metric.timestamp_ms,
        step: metric.step,
        run_id: run_id.map(str::to_owned),
        of: MeasuredOn::default(),
    }
}

pub(super) fn dataset(wire: DatasetInput) -> Result<metria_store::DatasetInput> {
    checks::dataset(&wire)?;
    let context = wire.tags.into_iter().find(|tag| tag.key == DATASET_CONTEXT).map(|tag| tag.value);
    let Dataset { name, digest, source_type, source, schema, profile } = wire.dataset;
    Ok(metria_store::DatasetInput { name, digest, source_type, source, schema, profile, context })
}

fn wire_dataset(input: metria_store::DatasetInput) -> DatasetInput {
    let metria_store::DatasetInput { name, digest, source_type, source, schema, profile, context } = input;
    let tag = |value| KeyValue { key: DATASET_CONTEXT.to_owned(), value };
    DatasetInput {
        tags: context.map(tag).into_iter().collect(),
        dataset: Dataset { name, digest, source_type, source, schema, profile },
    }
}

pub(super) fn experiment(state: &AppState, experiment: metria_store::Experiment) -> Experiment {
    Experiment {
        artifact_location: public_uri(state, &experiment.artifact_location),
        lifecycle_stage: lifecycle(experiment.lifecycle),
        creation_time: experiment.creation_time_ms,
        workspace: WORKSPACE,
        last_update_time: experiment.last_update_time_ms,
        tags: wire_tags(experiment.tags),
        experiment_id: experiment.experiment_id,
        name: experiment.name,
    }
}

pub(super) fn run_info(state: &AppState, info: metria_store::RunInfo) -> RunInfo {
    RunInfo {
        run_uuid: info.run_id.clone(),
        artifact_uri: public_uri(state, &info.artifact_uri),
        lifecycle_stage: lifecycle(info.lifecycle),
        status: info.status.as_str(),
        run_id: info.run_id,
        run_name: info.run_name,
        experiment_id: info.experiment_id,
        user_id: info.user_id,
        start_time: info.start_time_ms,
        end_time: info.end_time_ms,
    }
}

pub(super) fn run(state: &AppState, run: metria_store::Run) -> Run {
    let mut tags = wire_tags(run.tags);
    // Runs of other origins have a name without the tag that clients look for.
    if !tags.iter().any(|tag| tag.key == RUN_NAME) {
        tags.push(KeyValue { key: RUN_NAME.to_owned(), value: run.info.run_name.clone() });
    }
    Run {
        info: run_info(state, run.info),
        data: RunData {
            metrics: run.metrics.into_iter().map(|metric| wire_metric(metric, None)).collect(),
            params: run.params.into_iter().map(|Param { key, value }| KeyValue { key, value }).collect(),
            tags,
        },
        inputs: RunInputs {
            dataset_inputs: run.inputs.into_iter().map(wire_dataset).collect(),
            model_inputs: run.model_inputs.into_iter().map(|model_id| ModelInput { model_id }).collect(),
        },
        outputs: RunOutputs {
            model_outputs: run
                .model_outputs
                .into_iter()
                .map(|output| ModelOutput { model_id: output.model_id, step: Some(output.step) })
                .collect(),
        },
    }
}

pub(super) fn logged_model(state: &AppState, model: metria_store::LoggedModel) -> LoggedModel {
    let metric = |logged: metria_store::LoggedMetric| {
        let ModelMetric { model_id, metric, dataset_name, dataset_digest } = logged.measured;
        let of = MeasuredOn { model_id: Some(model_id), dataset_name, dataset_digest };
        Metric { of, ..wire_metric(metric, Some(&logged.run_id)) }
    };
    let place = LoggedModelStatus::ALL.iter().position(|status| *status == model.status).unwrap_or(0);
    LoggedModel {
        info: LoggedModelInfo {
            artifact_uri: public_uri(state, &model.artifact_location),
            creation_timestamp_ms: model.creation_time_ms,
            last_updated_timestamp_ms: model.last_update_time_ms,
            status: LOGGED_MODEL_STATUSES[place],
            model_type: model.model_type.unwrap_or_default(),
            source_run_id: model.source_run_id.unwrap_or_default(),
            tags: wire_tags(model.tags),
            model_id: model.model_id,
            experiment_id: model.experiment_id,
            name: model.name,
        },
        data: LoggedModelData {
            params: model.params.into_iter().map(|Param { key, value }| KeyValue { key, value }).collect(),
            metrics: model.metrics.into_iter().map(metric).collect(),
        },
    }
}

/// A version, with the aliases of its model.
pub(super) fn version(version: metria_store::ModelVersion, aliases: &[(String, u32)]) -> ModelVersion {
    ModelVersion {
        aliases: aliases.iter().filter(|(_, of)| *of == version.version).map(|(alias, _)| alias.clone()).collect(),
        version: version.version.to_string(),
        creation_timestamp: version.creation_time_ms,
        last_updated_timestamp: version.last_update_time_ms,
        current_stage: version.stage.as_str(),
        run_id: version.run_id.unwrap_or_default(),
        model_id: version.model_id,
        status: "READY",
        run_link: String::new(),
        tags: wire_tags(version.tags),
        name: version.name,
        user_id: version.user_id,
        description: version.description,
        source: version.source,
    }
}

/// A model with the newest version of each stage.
pub(super) fn model(
    model: metria_store::RegisteredModel,
    versions: Vec<metria_store::ModelVersion>,
) -> RegisteredModel {
    RegisteredModel {
        // As upstream has it, a version tells its aliases only where it is asked for itself.
        latest_versions: newest_of_each_stage(versions).into_iter().map(|newest| version(newest, &[])).collect(),
        creation_timestamp: model.creation_time_ms,
        last_updated_timestamp: model.last_update_time_ms,
        tags: wire_tags(model.tags),
        aliases: model
            .aliases
            .into_iter()
            .map(|(alias, version)| Alias { alias, version: version.to_string() })
            .collect(),
        name: model.name,
        description: model.description,
    }
}

/// The newest version of each stage that has one, by number; versions come the newest first.
pub(super) fn newest_of_each_stage(versions: Vec<metria_store::ModelVersion>) -> Vec<metria_store::ModelVersion> {
    let mut newest: Vec<metria_store::ModelVersion> = Vec::new();
    for version in versions {
        if !newest.iter().any(|there| there.stage == version.stage) {
            newest.push(version);
        }
    }
    newest.reverse();
    newest
}
