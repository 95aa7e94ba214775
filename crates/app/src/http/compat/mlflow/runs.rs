//! `runs/*`.

use super::checks;
use super::convert::{RUN_NAME, add_metric, dataset, run, run_info, status, view};
use super::error::{MlflowError, Result};
use super::experiments::page_size;
use super::input::{Input, WireEnum, integer, required, texts};
use super::types::{DatasetInput, KeyValue, Listed, ModelInput, ModelOutput, NewMetric, Run};
use crate::state::AppState;
use axum::Json;
use axum::extract::State;
use metria_store::{Lifecycle, LogBatch, Tag};
use metria_tracking::{CreateRun, SearchRuns};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Most runs on a page.
const MOST_RESULTS: i64 = 50_000;
/// What a model tells about itself at least.
const MODEL_FIELDS: [&str; 4] = ["artifact_path", "flavors", "utc_time_created", "run_id"];
/// The tag in which clients before 3.0 keep what models a run logged.
const LOGGED_MODELS: &str = "mlflow.log-model.history";

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Fields {
    run_id: Option<String>,
    run_uuid: Option<String>,
    key: Option<String>,
    value: Option<String>,
}

impl Fields {
    fn run_id(&self) -> Result<String> {
        required("run_id", self.run_id.clone().or_else(|| self.run_uuid.clone()))
    }
}

#[derive(Debug, Serialize)]
pub(super) struct Found {
    run: Run,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Create {
    experiment_id: Option<String>,
    user_id: Option<String>,
    run_name: Option<String>,
    #[serde(deserialize_with = "integer")]
    start_time: Option<i64>,
    tags: Vec<KeyValue>,
}

pub(super) async fn create(State(state): State<AppState>, Input(fields): Input<Create>) -> Result<Json<Found>> {
    let mut tags = fields.tags.into_iter().map(checks::tag).collect::<Result<Vec<_>>>()?;
    let tagged = tags.iter().find(|tag| tag.key == RUN_NAME).map(|tag| tag.value.clone());
    let run_name = fields.run_name.filter(|name| !name.is_empty());
    if let (Some(name), Some(tagged)) = (&run_name, &tagged)
        && name != tagged
    {
        return Err(MlflowError::invalid(format!(
            "Both 'run_name' argument and 'mlflow.runName' tag are specified, but with different values (run_name='{name}', mlflow.runName='{tagged}')."
        )));
    }
    let new = CreateRun {
        experiment_id: match fields.experiment_id.filter(|id| !id.is_empty()) {
            Some(id) => checks::experiment_id(id)?,
            None => "0".to_owned(),
        },
        run_name: run_name.or_else(|| tagged.clone()),
        user_id: fields.user_id.unwrap_or_default(),
        start_time_ms: fields.start_time.filter(|time| *time != 0),
        tags: std::mem::take(&mut tags),
    };
    let mut made = state.tracking().create_run(new).await?;
    if tagged.is_none() {
        let tag = Tag { key: RUN_NAME.to_owned(), value: made.info.run_name.clone() };
        let batch = LogBatch { tags: vec![tag], ..LogBatch::default() };
        state.tracking().log_batch(&made.info.run_id, batch).await?;
        made = state.tracking().get_run(&made.info.run_id).await?;
    }
    Ok(Json(Found { run: run(&state, made) }))
}

pub(super) async fn get(State(state): State<AppState>, Input(fields): Input<Fields>) -> Result<Json<Found>> {
    Ok(Json(Found { run: run(&state, state.tracking().get_run(&fields.run_id()?).await?) }))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Update {
    run_id: Option<String>,
    run_uuid: Option<String>,
    run_name: Option<String>,
    status: Option<WireEnum>,
    #[serde(deserialize_with = "integer")]
    end_time: Option<i64>,
}

pub(super) async fn update(State(state): State<AppState>, Input(fields): Input<Update>) -> Result<Json<Value>> {
    let run_id = required("run_id", fields.run_id.or(fields.run_uuid))?;
    let new_status = fields.status.map(status).transpose()?;
    let run_name = fields.run_name.filter(|name| !name.is_empty());
    let info = state.tracking().update_run(&run_id, new_status, fields.end_time, run_name.clone()).await?;
    if let Some(value) = run_name {
        let batch = LogBatch { tags: vec![Tag { key: RUN_NAME.to_owned(), value }], ..LogBatch::default() };
        state.tracking().log_batch(&run_id, batch).await?;
    }
    Ok(Json(json!({"run_info": run_info(&state, info)})))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Search {
    #[serde(deserialize_with = "texts")]
    experiment_ids: Vec<String>,
    filter: Option<String>,
    run_view_type: Option<WireEnum>,
    #[serde(deserialize_with = "integer")]
    max_results: Option<i64>,
    #[serde(deserialize_with = "texts")]
    order_by: Vec<String>,
    page_token: Option<String>,
}

pub(super) async fn search(State(state): State<AppState>, Input(fields): Input<Search>) -> Result<Json<Listed<Run>>> {
    let experiment_ids = fields.experiment_ids.into_iter().map(checks::experiment_id).collect::<Result<Vec<_>>>()?;
    if experiment_ids.is_empty() {
        return Ok(Json(Listed::whole("runs", Vec::new())));
    }
    let search = SearchRuns {
        experiment_ids,
        filter: fields.filter.unwrap_or_default(),
        order_by: fields.order_by,
        max_results: page_size(fields.max_results, 1_000, MOST_RESULTS)?,
        page_token: fields.page_token.filter(|token| !token.is_empty()),
        lifecycle: view(fields.run_view_type)?,
    };
    let page = state.tracking().search_runs(&search).await?;
    let items = page.items.into_iter().map(|found| run(&state, found)).collect();
    Ok(Json(Listed { name: "runs", items, next_page_token: page.next_page_token }))
}

pub(super) async fn delete(State(state): State<AppState>, Input(fields): Input<Fields>) -> Result<Json<Value>> {
    state.tracking().set_run_lifecycle(&fields.run_id()?, Lifecycle::Deleted).await?;
    Ok(Json(json!({})))
}

pub(super) async fn restore(State(state): State<AppState>, Input(fields): Input<Fields>) -> Result<Json<Value>> {
    state.tracking().set_run_lifecycle(&fields.run_id()?, Lifecycle::Active).await?;
    Ok(Json(json!({})))
}

#[derive(Debug, Deserialize)]
pub(super) struct LogMetric {
    run_id: Option<String>,
    run_uuid: Option<String>,
    #[serde(flatten)]
    metric: NewMetric,
}

pub(super) async fn log_metric(State(state): State<AppState>, Input(fields): Input<LogMetric>) -> Result<Json<Value>> {
    let run_id = required("run_id", fields.run_id.or(fields.run_uuid))?;
    let mut batch = LogBatch::default();
    add_metric(&mut batch, fields.metric)?;
    state.tracking().log_batch(&run_id, batch).await?;
    Ok(Json(json!({})))
}

pub(super) async fn log_param(State(state): State<AppState>, Input(fields): Input<Fields>) -> Result<Json<Value>> {
    let run_id = fields.run_id()?;
    let new = KeyValue { key: required("key", fields.key)?, value: fields.value.unwrap_or_default() };
    let param = checks::param(new)?;
    state.tracking().log_batch(&run_id, LogBatch { params: vec![param], ..LogBatch::default() }).await?;
    Ok(Json(json!({})))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Batch {
    run_id: Option<String>,
    metrics: Vec<NewMetric>,
    params: Vec<KeyValue>,
    tags: Vec<KeyValue>,
}

pub(super) async fn log_batch(State(state): State<AppState>, Input(fields): Input<Batch>) -> Result<Json<Value>> {
    let run_id = required("run_id", fields.run_id)?;
    checks::batch(&fields.metrics, &fields.params, &fields.tags)?;
    let mut batch = LogBatch {
        params: fields.params.into_iter().map(checks::param).collect::<Result<_>>()?,
        tags: fields.tags.into_iter().map(checks::tag).collect::<Result<_>>()?,
        ..LogBatch::default()
    };
    fields.metrics.into_iter().try_for_each(|metric| add_metric(&mut batch, metric))?;
    let name = batch.tags.iter().rev().find(|tag| tag.key == RUN_NAME).map(|tag| tag.value.clone());
    state.tracking().log_batch(&run_id, batch).await?;
    rename_to_tag(&state, &run_id, name).await
}

/// A run's name follows its tag.
async fn rename_to_tag(state: &AppState, run_id: &str, name: Option<String>) -> Result<Json<Value>> {
    if let Some(name) = name.filter(|name| !name.is_empty()) {
        state.tracking().update_run(run_id, None, None, Some(name)).await?;
    }
    Ok(Json(json!({})))
}

pub(super) async fn set_tag(State(state): State<AppState>, Input(fields): Input<Fields>) -> Result<Json<Value>> {
    let run_id = fields.run_id()?;
    let new = KeyValue { key: required("key", fields.key)?, value: fields.value.unwrap_or_default() };
    let tag = checks::tag(new)?;
    let name = (tag.key == RUN_NAME).then(|| tag.value.clone());
    state.tracking().log_batch(&run_id, LogBatch { tags: vec![tag], ..LogBatch::default() }).await?;
    rename_to_tag(&state, &run_id, name).await
}

pub(super) async fn delete_tag(State(state): State<AppState>, Input(fields): Input<Fields>) -> Result<Json<Value>> {
    let run_id = fields.run_id()?;
    state.tracking().delete_run_tag(&run_id, &required("key", fields.key)?).await?;
    Ok(Json(json!({})))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct LogInputs {
    run_id: Option<String>,
    datasets: Vec<DatasetInput>,
    models: Vec<ModelInput>,
}

pub(super) async fn log_inputs(State(state): State<AppState>, Input(fields): Input<LogInputs>) -> Result<Json<Value>> {
    let run_id = required("run_id", fields.run_id)?;
    let inputs = fields.datasets.into_iter().map(dataset).collect::<Result<_>>()?;
    let model_inputs = fields.models.into_iter().map(|model| model.model_id).collect();
    state.tracking().log_batch(&run_id, LogBatch { inputs, model_inputs, ..LogBatch::default() }).await?;
    Ok(Json(json!({})))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct LogOutputs {
    run_id: Option<String>,
    models: Vec<ModelOutput>,
}

/// `runs/outputs`: the logged models that a run made.
pub(super) async fn log_outputs(
    State(state): State<AppState>,
    Input(fields): Input<LogOutputs>,
) -> Result<Json<Value>> {
    let run_id = required("run_id", fields.run_id)?;
    let output = |ModelOutput { model_id, step }| metria_store::ModelOutput { model_id, step: step.unwrap_or(0) };
    let model_outputs = fields.models.into_iter().map(output).collect();
    state.tracking().log_batch(&run_id, LogBatch { model_outputs, ..LogBatch::default() }).await?;
    Ok(Json(json!({})))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct LogModel {
    run_id: Option<String>,
    model_json: Option<String>,
}

/// Adds a model to the list that a run keeps of what it logged.
pub(super) async fn log_model(State(state): State<AppState>, Input(fields): Input<LogModel>) -> Result<Json<Value>> {
    let run_id = required("run_id", fields.run_id)?;
    let text = required("model_json", fields.model_json)?;
    let model: Value = serde_json::from_str(&text).map_err(|error| {
        MlflowError::invalid(format!("Malformed model info. \n {text} \n is not valid JSON: {error}"))
    })?;
    if let Some(missing) = MODEL_FIELDS.into_iter().find(|field| model.get(field).is_none()) {
        return Err(MlflowError::invalid(format!("Model json is missing mandatory fields: '{missing}'")));
    }
    let found = state.tracking().get_run(&run_id).await?;
    let known = found.tags.iter().find(|tag| tag.key == LOGGED_MODELS).map(|tag| tag.value.as_str());
    let mut models: Vec<Value> = known.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    models.push(model);
    let tag = Tag { key: LOGGED_MODELS.to_owned(), value: Value::from(models).to_string() };
    state.tracking().log_batch(&run_id, LogBatch { tags: vec![tag], ..LogBatch::default() }).await?;
    Ok(Json(json!({})))
}
