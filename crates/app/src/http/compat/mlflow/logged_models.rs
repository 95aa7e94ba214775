//! `logged-models/*`, which clients from 3.0 on log models by.

use super::artifacts::{checked, file_info};
use super::convert::{logged_model, params, public_uri, tags};
use super::error::{MlflowError, Result};
use super::experiments::page_size;
use super::input::{Input, flag, integer, required, texts};
use super::types::{FileInfo, KeyValue, Listed, LoggedModel};
use crate::http::files;
use crate::state::AppState;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use metria_store::{DatasetSelector, Lifecycle, LoggedModelStatus};
use metria_tracking::{CreateLoggedModel, OrderLoggedModels, SearchLoggedModels};
use serde::Deserialize;
use serde_json::{Value, json};

/// Most models on a page, and how many when nobody says.
const MOST_RESULTS: i64 = 1_000;
const FEW_RESULTS: i64 = 100;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Fields {
    experiment_id: Option<String>,
    name: Option<String>,
    model_type: Option<String>,
    source_run_id: Option<String>,
    params: Vec<KeyValue>,
    tags: Vec<KeyValue>,
    status: Option<Value>,
    #[serde(deserialize_with = "flag")]
    allow_deleted: bool,
    artifact_directory_path: Option<String>,
    artifact_file_path: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Search {
    #[serde(deserialize_with = "texts")]
    experiment_ids: Vec<String>,
    filter: Option<String>,
    datasets: Vec<Dataset>,
    #[serde(deserialize_with = "integer")]
    max_results: Option<i64>,
    order_by: Vec<Order>,
    page_token: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Dataset {
    dataset_name: Option<String>,
    dataset_digest: Option<String>,
}

impl Dataset {
    fn selector(self) -> Option<DatasetSelector> {
        let name = self.dataset_name.filter(|name| !name.is_empty())?;
        Some(DatasetSelector { name, digest: self.dataset_digest.filter(|digest| !digest.is_empty()) })
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Order {
    field_name: Option<String>,
    ascending: Option<bool>,
    #[serde(flatten)]
    dataset: Dataset,
}

fn said(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

fn answer(state: &AppState, found: metria_store::LoggedModel) -> Json<Value> {
    Json(json!({"model": logged_model(state, found)}))
}

/// `LOGGED_MODEL_READY`, or the number of that name.
fn status(wire: Option<Value>) -> Result<LoggedModelStatus> {
    const NAMES: [&str; 4] = super::convert::LOGGED_MODEL_STATUSES;
    let text = match wire {
        Some(Value::String(text)) => text,
        Some(Value::Number(number)) => number.to_string(),
        _ => required("status", None)?,
    };
    let number = NAMES.iter().position(|name| *name == text).or_else(|| text.parse().ok());
    number.and_then(|number| LoggedModelStatus::ALL.get(number).copied()).ok_or_else(|| {
        MlflowError::invalid(format!("the status of a logged model must be one of {}; got `{text}`", NAMES.join(", ")))
    })
}

pub(super) async fn create(State(state): State<AppState>, Input(fields): Input<Fields>) -> Result<Json<Value>> {
    let new = CreateLoggedModel {
        experiment_id: required("experiment_id", fields.experiment_id)?,
        name: said(fields.name),
        model_type: said(fields.model_type),
        source_run_id: said(fields.source_run_id),
        params: params(fields.params),
        tags: tags(fields.tags),
    };
    let made = state.tracking().create_logged_model(new).await?;
    Ok(answer(&state, made))
}

pub(super) async fn get(
    State(state): State<AppState>,
    Path(model_id): Path<String>,
    Input(fields): Input<Fields>,
) -> Result<Json<Value>> {
    let found = if fields.allow_deleted {
        state.tracking().get_any_logged_model(&model_id).await?
    } else {
        state.tracking().get_logged_model(&model_id).await?
    };
    Ok(answer(&state, found))
}

pub(super) async fn finalize(
    State(state): State<AppState>,
    Path(model_id): Path<String>,
    Input(fields): Input<Fields>,
) -> Result<Json<Value>> {
    let found = state.tracking().finalize_logged_model(&model_id, status(fields.status)?).await?;
    Ok(answer(&state, found))
}

pub(super) async fn delete(State(state): State<AppState>, Path(model_id): Path<String>) -> Result<Json<Value>> {
    state.tracking().set_logged_model_lifecycle(&model_id, Lifecycle::Deleted).await?;
    Ok(Json(json!({})))
}

pub(super) async fn log_params(
    State(state): State<AppState>,
    Path(model_id): Path<String>,
    Input(fields): Input<Fields>,
) -> Result<Json<Value>> {
    state.tracking().log_model_params(&model_id, params(fields.params)).await?;
    Ok(Json(json!({})))
}

pub(super) async fn set_tags(
    State(state): State<AppState>,
    Path(model_id): Path<String>,
    Input(fields): Input<Fields>,
) -> Result<Json<Value>> {
    state.tracking().set_logged_model_tags(&model_id, tags(fields.tags)).await?;
    Ok(Json(json!({})))
}

pub(super) async fn delete_tag(
    State(state): State<AppState>,
    Path((model_id, key)): Path<(String, String)>,
) -> Result<Json<Value>> {
    state.tracking().delete_logged_model_tag(&model_id, &key).await?;
    Ok(Json(json!({})))
}

pub(super) async fn search(
    State(state): State<AppState>,
    Input(fields): Input<Search>,
) -> Result<Json<Listed<LoggedModel>>> {
    if fields.experiment_ids.is_empty() {
        required("experiment_ids", None)?;
    }
    let mut datasets = Vec::with_capacity(fields.datasets.len());
    for dataset in fields.datasets {
        datasets.push(
            dataset
                .selector()
                .ok_or_else(|| MlflowError::invalid("`dataset_name` in the `datasets` clause must be specified."))?,
        );
    }
    let mut order_by = Vec::with_capacity(fields.order_by.len());
    for Order { field_name, ascending, dataset } in fields.order_by {
        let field = required("field_name", field_name)?;
        order_by.push(OrderLoggedModels { field, ascending: ascending.unwrap_or(true), dataset: dataset.selector() });
    }
    let search = SearchLoggedModels {
        experiment_ids: fields.experiment_ids,
        filter: fields.filter.unwrap_or_default(),
        datasets,
        order_by,
        max_results: page_size(fields.max_results.filter(|size| *size != 0), FEW_RESULTS, MOST_RESULTS)?,
        page_token: said(fields.page_token),
        lifecycle: Some(Lifecycle::Active),
    };
    let page = state.tracking().search_logged_models(&search).await?;
    let items = page.items.into_iter().map(|found| logged_model(&state, found)).collect();
    Ok(Json(Listed { name: "models", items, next_page_token: page.next_page_token }))
}

/// `artifacts/directories`: the entries of a folder of a logged model, with paths below its files.
pub(super) async fn list_artifacts(
    State(state): State<AppState>,
    Path(model_id): Path<String>,
    Input(fields): Input<Fields>,
) -> Result<Json<Value>> {
    let folder = fields.artifact_directory_path.unwrap_or_default();
    let found = state.tracking().get_logged_model(&model_id).await?;
    let entries = state.workspace.list_model_artifacts(&model_id, checked(&folder)?).await?;
    let files: Vec<FileInfo> = entries.into_iter().map(file_info).collect();
    Ok(Json(json!({"root_uri": public_uri(&state, &found.artifact_location), "files": files})))
}

/// `artifacts/files`.
pub(super) async fn download(
    State(state): State<AppState>,
    Path(model_id): Path<String>,
    headers: HeaderMap,
    Input(fields): Input<Fields>,
) -> Result<Response> {
    let path = required("artifact_file_path", fields.artifact_file_path)?;
    let whole = state.workspace.model_artifact_path(&model_id, &path).await?;
    Ok(files::send(&state, &whole, &headers).await?)
}
