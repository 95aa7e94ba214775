//! `experiments/*`.

use super::convert::{experiment, location, tags, view};
use super::error::{MlflowError, Result};
use super::input::{Input, integer, required};
use super::types::{Experiment, KeyValue};
use crate::state::AppState;
use axum::Json;
use axum::extract::State;
use metria_store::{Lifecycle, Tag};
use metria_tracking::{CreateExperiment, Search};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Most experiments on a page.
const MOST_RESULTS: i64 = 50_000;

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
    view_type: Option<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct Found {
    experiment: Experiment,
}

pub(super) async fn create(State(state): State<AppState>, Input(fields): Input<Fields>) -> Result<Json<Value>> {
    let new = CreateExperiment {
        name: required("name", fields.name)?,
        artifact_location: match fields.artifact_location.filter(|location| !location.is_empty()) {
            Some(uri) => Some(location(&state, &uri)?),
            None => None,
        },
        tags: tags(fields.tags),
    };
    let made = state.tracking().create_experiment(new).await?;
    Ok(Json(json!({"experiment_id": made.experiment_id})))
}

pub(super) async fn get(State(state): State<AppState>, Input(fields): Input<Fields>) -> Result<Json<Found>> {
    let experiment_id = required("experiment_id", fields.experiment_id)?;
    let found = state.tracking().get_experiment(&experiment_id).await?;
    Ok(Json(Found { experiment: experiment(&state, found) }))
}

pub(super) async fn get_by_name(State(state): State<AppState>, Input(fields): Input<Fields>) -> Result<Json<Found>> {
    let name = required("experiment_name", fields.experiment_name)?;
    let found = state.tracking().get_experiment_by_name(&name).await?;
    Ok(Json(Found { experiment: experiment(&state, found) }))
}

pub(super) async fn search(State(state): State<AppState>, Input(fields): Input<SearchFields>) -> Result<Json<Value>> {
    let lifecycle = view(fields.view_type.as_deref())?;
    let search = Search {
        filter: fields.filter.unwrap_or_default(),
        order_by: fields.order_by,
        max_results: page_size(fields.max_results, 1_000, MOST_RESULTS)?,
        page_token: fields.page_token,
    };
    let page = state.tracking().search_experiments(lifecycle, &search).await?;
    let experiments: Vec<Experiment> = page.items.into_iter().map(|found| experiment(&state, found)).collect();
    Ok(Json(with_token(json!({"experiments": experiments}), page.next_page_token)))
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

/// An answer with the token of the next page, if there is one.
pub(super) fn with_token(mut answer: Value, token: Option<String>) -> Value {
    if let Some(token) = token {
        answer["next_page_token"] = Value::String(token);
    }
    answer
}

pub(super) async fn update(State(state): State<AppState>, Input(fields): Input<Fields>) -> Result<Json<Value>> {
    let experiment_id = required("experiment_id", fields.experiment_id)?;
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
    let experiment_id = required("experiment_id", fields.experiment_id)?;
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
    let experiment_id = required("experiment_id", fields.experiment_id)?;
    let tag = Tag { key: required("key", fields.key)?, value: fields.value.unwrap_or_default() };
    state.tracking().set_experiment_tag(&experiment_id, tag).await?;
    Ok(Json(json!({})))
}

pub(super) async fn delete_tag(State(state): State<AppState>, Input(fields): Input<Fields>) -> Result<Json<Value>> {
    let experiment_id = required("experiment_id", fields.experiment_id)?;
    state.tracking().delete_experiment_tag(&experiment_id, &required("key", fields.key)?).await?;
    Ok(Json(json!({})))
}
