//! Experiments.

use crate::http::error::{ErrorBody, HttpError};
use crate::http::extract::{Json, Path, Query};
use crate::state::AppState;
use axum::extract::State;
use axum::http::StatusCode;
use metria_store::{Experiment, Lifecycle, RunKeys, Tag};
use metria_tracking::CreateExperiment;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

/// Which experiments are listed.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListExperiments {
    /// Only the experiment of this name.
    name: Option<String>,
    /// `active` (default) or `deleted`.
    lifecycle: Option<Lifecycle>,
}

/// A new experiment.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewExperiment {
    /// Unique, 1 to 500 characters.
    name: String,
    /// Its first tags.
    #[serde(default)]
    tags: Vec<Tag>,
}

/// What changes; what is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ExperimentChange {
    /// Another name.
    name: Option<String>,
    /// `deleted` to delete, `active` to restore.
    lifecycle: Option<Lifecycle>,
}

/// The experiments, the newest first.
#[utoipa::path(get, path = "/experiments", tag = "experiments", operation_id = "list_experiments", params(ListExperiments),
    responses((status = 200, body = Vec<Experiment>), (status = "4XX", body = ErrorBody)))]
pub(super) async fn list(
    State(state): State<AppState>,
    Query(query): Query<ListExperiments>,
) -> Result<axum::Json<Vec<Experiment>>, HttpError> {
    let lifecycle = query.lifecycle.unwrap_or_default();
    let mut experiments = state.tracking().list_experiments(Some(lifecycle)).await?;
    if let Some(name) = query.name {
        experiments.retain(|experiment| experiment.name == name);
    }
    Ok(axum::Json(experiments))
}

/// A new experiment.
#[utoipa::path(post, path = "/experiments", tag = "experiments", operation_id = "create_experiment", request_body = NewExperiment,
    responses((status = 201, body = Experiment), (status = "4XX", body = ErrorBody)))]
pub(super) async fn create(
    State(state): State<AppState>,
    Json(new): Json<NewExperiment>,
) -> Result<(StatusCode, axum::Json<Experiment>), HttpError> {
    let experiment = state
        .tracking()
        .create_experiment(CreateExperiment { name: new.name, artifact_location: None, tags: new.tags })
        .await?;
    Ok((StatusCode::CREATED, axum::Json(experiment)))
}

/// One experiment.
#[utoipa::path(get, path = "/experiments/{experiment_id}", tag = "experiments", operation_id = "get_experiment",
    params(("experiment_id" = String, Path)),
    responses((status = 200, body = Experiment), (status = "4XX", body = ErrorBody)))]
pub(super) async fn get(
    State(state): State<AppState>,
    Path(experiment_id): Path<String>,
) -> Result<axum::Json<Experiment>, HttpError> {
    Ok(axum::Json(state.tracking().get_experiment(&experiment_id).await?))
}

/// Renames, deletes or restores an experiment.
#[utoipa::path(patch, path = "/experiments/{experiment_id}", tag = "experiments", operation_id = "update_experiment",
    params(("experiment_id" = String, Path)), request_body = ExperimentChange,
    responses((status = 200, body = Experiment), (status = "4XX", body = ErrorBody)))]
pub(super) async fn update(
    State(state): State<AppState>,
    Path(experiment_id): Path<String>,
    Json(change): Json<ExperimentChange>,
) -> Result<axum::Json<Experiment>, HttpError> {
    let tracking = state.tracking();
    if change.lifecycle == Some(Lifecycle::Active) {
        tracking.set_experiment_lifecycle(&experiment_id, Lifecycle::Active).await?;
    }
    if let Some(name) = change.name {
        tracking.rename_experiment(&experiment_id, &name).await?;
    }
    if change.lifecycle == Some(Lifecycle::Deleted) {
        tracking.set_experiment_lifecycle(&experiment_id, Lifecycle::Deleted).await?;
    }
    Ok(axum::Json(tracking.get_experiment(&experiment_id).await?))
}

/// Writes or replaces a tag.
#[utoipa::path(post, path = "/experiments/{experiment_id}/tags", tag = "experiments", operation_id = "set_experiment_tag",
    params(("experiment_id" = String, Path)), request_body = Tag,
    responses((status = 200, body = Experiment), (status = "4XX", body = ErrorBody)))]
pub(super) async fn set_tag(
    State(state): State<AppState>,
    Path(experiment_id): Path<String>,
    Json(tag): Json<Tag>,
) -> Result<axum::Json<Experiment>, HttpError> {
    state.tracking().set_experiment_tag(&experiment_id, tag).await?;
    Ok(axum::Json(state.tracking().get_experiment(&experiment_id).await?))
}

/// Removes a tag.
#[utoipa::path(delete, path = "/experiments/{experiment_id}/tags/{key}", tag = "experiments", operation_id = "delete_experiment_tag",
    params(("experiment_id" = String, Path), ("key" = String, Path)),
    responses((status = 204), (status = "4XX", body = ErrorBody)))]
pub(super) async fn delete_tag(
    State(state): State<AppState>,
    Path((experiment_id, key)): Path<(String, String)>,
) -> Result<StatusCode, HttpError> {
    state.tracking().delete_experiment_tag(&experiment_id, &key).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The keys of metrics, params and tags that its runs have, the first 2,000 of each.
#[utoipa::path(get, path = "/experiments/{experiment_id}/keys", tag = "experiments", operation_id = "list_run_keys",
    params(("experiment_id" = String, Path)),
    responses((status = 200, body = RunKeys), (status = "4XX", body = ErrorBody)))]
pub(super) async fn keys(
    State(state): State<AppState>,
    Path(experiment_id): Path<String>,
) -> Result<axum::Json<RunKeys>, HttpError> {
    Ok(axum::Json(state.tracking().run_keys(&experiment_id).await?))
}
