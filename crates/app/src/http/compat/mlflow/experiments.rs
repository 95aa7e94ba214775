//! `experiments/*`.

use super::checks;
use super::convert::{experiment, location, view};
use super::error::{MlflowError, Result};
use super::input::{Input, WireEnum, integer, required};
use super::types::{DatasetSummary, Experiment, KeyValue, Listed};
use crate::state::AppState;
use axum::Json;
use axum::extract::State;
use metria_store::{DatasetUse, Lifecycle};
use metria_tracking::{CreateExperiment, Search};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Most experiments on a page.
const MOST_RESULTS: i64 = 50_000;
/// Most experiments whose datasets are listed, and most datasets.
const MOST_OF_DATASETS: usize = 20;
const MOST_DATASETS: usize = 1_000;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Fields {
    experiment_id: Option<String>,
    experiment_name: Option<String>,
    name: Option<String>,
    new_name: Option<String>,
    artifact_location: Option<String>,
    tags: Vec<KeyValue>,
    key: Option<String>,
    value: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct SearchFields {
    filter: Option<String>,
    #[serde(deserialize_with = "super::input::texts")]
    order_by: Vec<String>,
    #[serde(deserialize_with = "integer")]
    max_results: Option<i64>,
    page_token: Option<String>,
    view_type: Option<WireEnum>,
}

#[derive(Debug, Serialize)]
pub(super) struct Found {
    experiment: Experiment,
}

fn experiment_id(id: Option<String>) -> Result<String> {
    checks::experiment_id(required("experiment_id", id)?)
}

pub(super) async fn create(State(state): State<AppState>, Input(fields): Input<Fields>) -> Result<Json<Value>> {
    let new = CreateExperiment {
        name: required("name", fields.name)?,
        artifact_location: match fields.artifact_location.filter(|location| !location.is_empty()) {
            Some(uri) => Some(location(&state, &uri)?),
            None => None,
        },
        tags: fields.tags.into_iter().map(checks::experiment_tag).collect::<Result<_>>()?,
    };
    let made = state.tracking().create_experiment(new).await?;
    Ok(Json(json!({"experiment_id": made.experiment_id})))
}

pub(super) async fn get(State(state): State<AppState>, Input(fields): Input<Fields>) -> Result<Json<Found>> {
    let experiment_id = experiment_id(fields.experiment_id)?;
    let found = state.tracking().get_experiment(&experiment_id).await?;
    Ok(Json(Found { experiment: experiment(&state, found) }))
}

pub(super) async fn get_by_name(State(state): State<AppState>, Input(fields): Input<Fields>) -> Result<Json<Found>> {
    let name = required("experiment_name", fields.experiment_name)?;
    let found = state.tracking().get_experiment_by_name(&name).await?;
    Ok(Json(Found { experiment: experiment(&state, found) }))
}

pub(super) async fn search(
    State(state): State<AppState>,
    Input(fields): Input<SearchFields>,
) -> Result<Json<Listed<Experiment>>> {
    let lifecycle = view(fields.view_type)?;
    let search = Search {
        filter: fields.filter.unwrap_or_default(),
        order_by: fields.order_by,
        max_results: page_size(fields.max_results, 1_000, MOST_RESULTS)?,
        page_token: fields.page_token,
    };
    let page = state.tracking().search_experiments(lifecycle, &search).await?;
    let items = page.items.into_iter().map(|found| experiment(&state, found)).collect();
    Ok(Json(Listed { name: "experiments", items, next_page_token: page.next_page_token }))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct OfExperiments {
    #[serde(deserialize_with = "super::input::texts")]
    experiment_ids: Vec<String>,
}

/// `experiments/search-datasets`: the datasets that runs of a few experiments read.
pub(super) async fn search_datasets(
    State(state): State<AppState>,
    Input(fields): Input<OfExperiments>,
) -> Result<Json<Listed<DatasetSummary>>> {
    let got = fields.experiment_ids.len();
    if !(1..=MOST_OF_DATASETS).contains(&got) {
        return Err(MlflowError::invalid(format!(
            "SearchDatasets request must specify 1 to {MOST_OF_DATASETS} experiment_ids. Received {got} experiment_ids."
        )));
    }
    let ids = fields.experiment_ids.into_iter().map(checks::experiment_id).collect::<Result<Vec<_>>>()?;
    let found = state.tracking().list_dataset_uses(&ids, MOST_DATASETS).await?;
    let items = found.into_iter().map(|DatasetUse { experiment_id, name, digest, context }| DatasetSummary {
        experiment_id,
        name,
        digest,
        context,
    });
    Ok(Json(Listed::whole("dataset_summaries", items.collect())))
}

/// A page's size, within what is allowed.
pub(super) fn page_size(asked: Option<i64>, default: i64, most: i64) -> Result<usize> {
    let size = asked.unwrap_or(default);
    if !(1..=most).contains(&size) {
        return Err(MlflowError::invalid(format!(
            "Invalid value {size} for parameter 'max_results' supplied. It must be a positive integer up to {most}."
        )));
    }
    Ok(usize::try_from(size).unwrap_or(usize::MAX))
}

pub(super) async fn update(State(state): State<AppState>, Input(fields): Input<Fields>) -> Result<Json<Value>> {
    let experiment_id = experiment_id(fields.experiment_id)?;
    let name = required("new_name", fields.new_name)?;
    state.tracking().rename_experiment(&experiment_id, &name).await?;
    Ok(Json(json!({})))
}

pub(super) async fn delete(State(state): State<AppState>, Input(fields): Input<Fields>) -> Result<Json<Value>> {
    set_lifecycle(&state, fields, Lifecycle::Deleted).await
}

pub(super) async fn restore(State(state): State<AppState>, Input(fields): Input<Fields>) -> Result<Json<Value>> {
    set_lifecycle(&state, fields, Lifecycle::Active).await
}

async fn set_lifecycle(state: &AppState, fields: Fields, lifecycle: Lifecycle) -> Result<Json<Value>> {
    let experiment_id = experiment_id(fields.experiment_id)?;
    let found = state.tracking().get_experiment(&experiment_id).await?;
    if found.lifecycle == lifecycle {
        let wanted = super::convert::lifecycle(if lifecycle == Lifecycle::Active {
            Lifecycle::Deleted
        } else {
            Lifecycle::Active
        });
        return Err(MlflowError::not_found(format!("No {wanted} experiment with id {experiment_id} exists")));
    }
    state.tracking().set_experiment_lifecycle(&experiment_id, lifecycle).await?;
    Ok(Json(json!({})))
}

pub(super) async fn set_tag(State(state): State<AppState>, Input(fields): Input<Fields>) -> Result<Json<Value>> {
    let experiment_id = experiment_id(fields.experiment_id)?;
    let new = KeyValue { key: required("key", fields.key)?, value: fields.value.unwrap_or_default() };
    let tag = checks::experiment_tag(new)?;
    if state.tracking().get_experiment(&experiment_id).await?.lifecycle == Lifecycle::Deleted {
        return Err(MlflowError::invalid(format!(
            "The experiment {experiment_id} must be in the 'active' lifecycle_stage to set tags"
        )));
    }
    state.tracking().set_experiment_tag(&experiment_id, tag).await?;
    Ok(Json(json!({})))
}

pub(super) async fn delete_tag(State(state): State<AppState>, Input(fields): Input<Fields>) -> Result<Json<Value>> {
    let experiment_id = experiment_id(fields.experiment_id)?;
    state.tracking().delete_experiment_tag(&experiment_id, &required("key", fields.key)?).await?;
    Ok(Json(json!({})))
}
