//! `datasets`, of version 3.0: evaluation datasets. Tags and records travel as JSON within JSON.

use super::error::{MlflowError, Result};
use super::experiments::page_size;
use super::input::{Input, integer, required, texts};
use super::types::with_token;
use crate::state::AppState;
use axum::extract::{Path, State};
use axum::routing::{delete, get, patch, post};
use axum::{Json, Router};
use metria_store::datasets::Object;
use metria_store::{DatasetRecord, Tag};
use metria_tracking::{RecordFields, Search};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Value, json};

/// Most datasets and records on a page.
const MOST_RESULTS: i64 = 50_000;

pub(super) fn routes() -> Router<AppState> {
    Router::new()
        .route("/datasets/create", post(create))
        .route("/datasets/search", get(search).post(search))
        .route("/datasets/{dataset_id}", get(get_one).delete(delete_one))
        .route("/datasets/{dataset_id}/tags", patch(set_tags))
        .route("/datasets/{dataset_id}/tags/{key}", delete(delete_tag))
        .route("/datasets/{dataset_id}/records", get(records).post(upsert_records).delete(delete_records))
        .route("/datasets/{dataset_id}/experiment-ids", get(experiment_ids))
        .route("/datasets/{dataset_id}/add-experiments", post(add_experiments))
        .route("/datasets/{dataset_id}/remove-experiments", post(remove_experiments))
}

#[derive(Debug, Serialize)]
struct Dataset {
    dataset_id: String,
    name: String,
    tags: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    schema: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    profile: Option<String>,
    digest: String,
    created_time: i64,
    last_update_time: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    created_by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_updated_by: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    experiment_ids: Vec<String>,
}

/// A dataset as it goes out. Only the answer to its making tells its experiments, as upstream has it.
fn wire(dataset: metria_store::EvaluationDataset, experiment_ids: Vec<String>) -> Dataset {
    let tags: Object = dataset.tags.into_iter().map(|tag| (tag.key, Value::String(tag.value))).collect();
    Dataset {
        tags: Value::Object(tags).to_string(),
        dataset_id: dataset.dataset_id,
        name: dataset.name,
        schema: dataset.schema,
        profile: dataset.profile,
        digest: dataset.digest,
        created_time: dataset.creation_time_ms,
        last_update_time: dataset.last_update_time_ms,
        created_by: dataset.created_by,
        last_updated_by: dataset.last_updated_by,
        experiment_ids,
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Fields {
    name: Option<String>,
    #[serde(deserialize_with = "texts")]
    experiment_ids: Vec<String>,
    tags: Option<String>,
    records: Option<String>,
    #[serde(deserialize_with = "texts")]
    dataset_record_ids: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct SearchFields {
    #[serde(deserialize_with = "texts")]
    experiment_ids: Vec<String>,
    filter_string: Option<String>,
    #[serde(deserialize_with = "texts")]
    order_by: Vec<String>,
    #[serde(deserialize_with = "integer")]
    max_results: Option<i64>,
    page_token: Option<String>,
}

/// Tags from their JSON object: null is no tag, and what is no text becomes one.
fn tags(text: &str) -> Result<Vec<Tag>> {
    let object: Object = serde_json::from_str(text)
        .map_err(|error| MlflowError::invalid(format!("the tags must be a JSON object: {error}")))?;
    let tag = |(key, value): (String, Value)| match value {
        Value::Null => None,
        Value::String(value) => Some(Tag { key, value }),
        other => Some(Tag { key, value: other.to_string() }),
    };
    Ok(object.into_iter().filter_map(tag).collect())
}

pub(super) async fn create(State(state): State<AppState>, Input(fields): Input<Fields>) -> Result<Json<Value>> {
    let name = required("name", fields.name)?;
    let tags = fields.tags.as_deref().filter(|text| !text.is_empty()).map(tags).transpose()?.unwrap_or_default();
    let made = state.tracking().create_dataset(&name, tags, &fields.experiment_ids).await?;
    Ok(Json(json!({"dataset": wire(made, fields.experiment_ids)})))
}

pub(super) async fn get_one(State(state): State<AppState>, Path(dataset_id): Path<String>) -> Result<Json<Value>> {
    let found = state.tracking().get_dataset(&dataset_id).await?;
    Ok(Json(json!({"dataset": wire(found, Vec::new())})))
}

pub(super) async fn delete_one(State(state): State<AppState>, Path(dataset_id): Path<String>) -> Result<Json<Value>> {
    state.tracking().delete_dataset(&dataset_id).await?;
    Ok(Json(json!({})))
}

pub(super) async fn search(State(state): State<AppState>, Input(fields): Input<SearchFields>) -> Result<Json<Value>> {
    let search = Search {
        filter: fields.filter_string.unwrap_or_default(),
        order_by: fields.order_by,
        max_results: page_size(fields.max_results.filter(|size| *size != 0), 1_000, MOST_RESULTS)?,
        page_token: fields.page_token,
    };
    let page = state.tracking().search_datasets(&fields.experiment_ids, &search).await?;
    let datasets: Vec<Dataset> = page.items.into_iter().map(|found| wire(found, Vec::new())).collect();
    Ok(Json(with_token(json!({"datasets": datasets}), page.next_page_token)))
}

pub(super) async fn set_tags(
    State(state): State<AppState>,
    Path(dataset_id): Path<String>,
    Input(fields): Input<Fields>,
) -> Result<Json<Value>> {
    let tags = tags(&required("tags", fields.tags)?)?;
    state.tracking().set_dataset_tags(&dataset_id, tags).await?;
    Ok(Json(json!({})))
}

pub(super) async fn delete_tag(
    State(state): State<AppState>,
    Path((dataset_id, key)): Path<(String, String)>,
) -> Result<Json<Value>> {
    state.tracking().delete_dataset_tag(&dataset_id, &key).await?;
    Ok(Json(json!({})))
}

/// A record as it comes.
#[derive(Debug, Deserialize)]
struct NewRecord {
    #[serde(default)]
    inputs: Object,
    #[serde(default, deserialize_with = "said")]
    outputs: Option<Option<Value>>,
    #[serde(default)]
    expectations: Option<Object>,
    #[serde(default)]
    tags: Option<Object>,
    #[serde(default)]
    source: Option<NewSource>,
}

#[derive(Debug, Deserialize)]
struct NewSource {
    source_type: String,
    #[serde(default)]
    source_data: Option<Object>,
}

/// A null that is there, apart from nothing.
fn said<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Option<Option<Value>>, D::Error> {
    Option::<Value>::deserialize(deserializer).map(Some)
}

impl From<NewRecord> for RecordFields {
    fn from(new: NewRecord) -> Self {
        Self {
            inputs: new.inputs,
            outputs: new.outputs,
            expectations: new.expectations,
            tags: new.tags,
            source: new.source.map(|source| (source.source_type, source.source_data.unwrap_or_default())),
        }
    }
}

pub(super) async fn upsert_records(
    State(state): State<AppState>,
    Path(dataset_id): Path<String>,
    Input(fields): Input<Fields>,
) -> Result<Json<Value>> {
    let text = required("records", fields.records)?;
    let records: Vec<NewRecord> = serde_json::from_str(&text).map_err(|error| {
        MlflowError::invalid(format!(
            "the records must be a JSON list of objects with `inputs`, without NaN and Infinity: {error}"
        ))
    })?;
    let records = records.into_iter().map(RecordFields::from).collect();
    let upserted = state.tracking().upsert_dataset_records(&dataset_id, records).await?;
    Ok(Json(json!({"inserted_count": upserted.inserted, "updated_count": upserted.updated})))
}

fn record(record: DatasetRecord) -> Value {
    let mut wire = json!({
        "dataset_record_id": record.record_id,
        "dataset_id": record.dataset_id,
        "inputs": record.inputs,
        "tags": record.tags,
        "created_time": record.creation_time_ms,
        "last_update_time": record.last_update_time_ms,
    });
    let mut add = |key: &str, value: Option<Value>| {
        if let Some(value) = value {
            wire[key] = value;
        }
    };
    add("outputs", record.outputs);
    add("expectations", record.expectations.map(Value::Object));
    add("created_by", record.created_by.map(Value::String));
    add("last_updated_by", record.last_updated_by.map(Value::String));
    if let Some(source) = record.source {
        add("source_id", source.id().map(Value::from));
        add("source_type", Some(Value::from(source.source_type.as_str())));
        add("source", Some(json!({"source_type": source.source_type, "source_data": source.source_data})));
    }
    wire
}

pub(super) async fn records(
    State(state): State<AppState>,
    Path(dataset_id): Path<String>,
    Input(fields): Input<SearchFields>,
) -> Result<Json<Value>> {
    let size = page_size(fields.max_results.filter(|size| *size != 0), 1_000, MOST_RESULTS)?;
    let page = state.tracking().list_dataset_records(&dataset_id, size, fields.page_token.as_deref()).await?;
    let records: Vec<Value> = page.items.into_iter().map(record).collect();
    Ok(Json(with_token(json!({"records": Value::from(records).to_string()}), page.next_page_token)))
}

pub(super) async fn delete_records(
    State(state): State<AppState>,
    Path(dataset_id): Path<String>,
    Input(fields): Input<Fields>,
) -> Result<Json<Value>> {
    let deleted = state.tracking().delete_dataset_records(&dataset_id, &fields.dataset_record_ids).await?;
    Ok(Json(json!({"deleted_count": deleted})))
}

pub(super) async fn experiment_ids(
    State(state): State<AppState>,
    Path(dataset_id): Path<String>,
) -> Result<Json<Value>> {
    let experiment_ids = state.tracking().dataset_experiment_ids(&dataset_id).await?;
    Ok(Json(json!({"experiment_ids": experiment_ids})))
}

pub(super) async fn add_experiments(
    State(state): State<AppState>,
    Path(dataset_id): Path<String>,
    Input(fields): Input<Fields>,
) -> Result<Json<Value>> {
    let changed = state.tracking().link_dataset(&dataset_id, &fields.experiment_ids).await?;
    Ok(Json(json!({"dataset": wire(changed, Vec::new())})))
}

pub(super) async fn remove_experiments(
    State(state): State<AppState>,
    Path(dataset_id): Path<String>,
    Input(fields): Input<Fields>,
) -> Result<Json<Value>> {
    let changed = state.tracking().unlink_dataset(&dataset_id, &fields.experiment_ids).await?;
    Ok(Json(json!({"dataset": wire(changed, Vec::new())})))
}
