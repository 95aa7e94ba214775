//! The model registry.

use crate::http::error::{ErrorBody, HttpError};
use crate::http::extract::{Json, Path, Query};
use crate::state::AppState;
use axum::extract::State;
use axum::http::StatusCode;
use metria::Registration;
use metria_core::ModelStage;
use metria_store::{GateDecision, ModelVersion, RegisteredModel};
use metria_tracking::{GatePolicy, ModelDetails, VersionComparison};
use serde::Deserialize;
use std::collections::BTreeMap;
use utoipa::{IntoParams, ToSchema};

/// Who acts when nobody says: the API knows no users yet.
const NOBODY: &str = "api";

/// A model to be registered as the next version of a name.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewVersion {
    /// The model: `runs:/RUN_ID/PATH`, `models:/m-ID` or `models:/NAME/VERSION`.
    model_uri: String,
    /// For people.
    description: Option<String>,
    /// Who registers.
    user_id: Option<String>,
}

/// A move to a stage.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewStage {
    /// Where it goes. Production needs the gate's consent, or a reason to override it.
    stage: ModelStage,
    /// Why.
    #[serde(default)]
    description: String,
    /// Why it goes to Production without the gate's consent; recorded.
    override_reason: Option<String>,
    /// Who moves it.
    user_id: Option<String>,
}

/// Who acts.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Actor {
    /// Who.
    user_id: Option<String>,
}

/// What the gate asks; left out, a greater `roc_auc` than the version in Production.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct GateQuestion {
    /// The metric that is compared with the version in Production (default `roc_auc`); more is better.
    metric: Option<String>,
    /// The candidate must be better by more than this (default 0).
    min_improvement: Option<f64>,
    /// The least that metrics must reach.
    #[serde(default)]
    minimums: BTreeMap<String, f64>,
}

/// Where an alias points.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AliasTarget {
    /// The version.
    version: u32,
}

/// Two versions.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct TwoVersions {
    /// The one.
    version1: u32,
    /// The other.
    version2: u32,
}

/// All registered models, by name.
#[utoipa::path(get, path = "/models", tag = "models", operation_id = "list_models",
    responses((status = 200, body = Vec<RegisteredModel>), (status = "4XX", body = ErrorBody)))]
pub(super) async fn list(State(state): State<AppState>) -> Result<axum::Json<Vec<RegisteredModel>>, HttpError> {
    Ok(axum::Json(state.tracking().list_models().await?))
}

/// A model with its versions, their moves between stages and the gate's decisions, each the newest first.
#[utoipa::path(get, path = "/models/{name}", tag = "models", operation_id = "get_model", params(("name" = String, Path)),
    responses((status = 200, body = ModelDetails), (status = "4XX", body = ErrorBody)))]
pub(super) async fn get(
    State(state): State<AppState>,
    Path(name): Path<String>,
) -> Result<axum::Json<ModelDetails>, HttpError> {
    Ok(axum::Json(state.tracking().model_details(&name).await?))
}

/// Makes a model the next version of a name.
#[utoipa::path(post, path = "/models/{name}/versions", tag = "models", operation_id = "register_model_version", params(("name" = String, Path)),
    request_body = NewVersion,
    responses((status = 201, body = ModelVersion), (status = "4XX", body = ErrorBody)))]
pub(super) async fn register(
    State(state): State<AppState>,
    Path(name): Path<String>,
    Json(new): Json<NewVersion>,
) -> Result<(StatusCode, axum::Json<ModelVersion>), HttpError> {
    let registration = Registration {
        name,
        model_uri: new.model_uri,
        description: new.description,
        user: new.user_id.unwrap_or_else(|| NOBODY.to_owned()),
    };
    Ok((StatusCode::CREATED, axum::Json(state.workspace.register_model(&registration).await?)))
}

/// Params and metrics of two versions side by side.
#[utoipa::path(get, path = "/models/{name}/compare", tag = "models", operation_id = "compare_model_versions",
    params(("name" = String, Path), TwoVersions),
    responses((status = 200, body = VersionComparison), (status = "4XX", body = ErrorBody)))]
pub(super) async fn compare(
    State(state): State<AppState>,
    Path(name): Path<String>,
    Query(query): Query<TwoVersions>,
) -> Result<axum::Json<VersionComparison>, HttpError> {
    Ok(axum::Json(state.tracking().compare_versions(&name, query.version1, query.version2).await?))
}

/// Puts the version that was in Production before back there.
#[utoipa::path(post, path = "/models/{name}/rollback", tag = "models", operation_id = "roll_back_model", params(("name" = String, Path)),
    request_body = Actor,
    responses((status = 200, body = ModelVersion), (status = "4XX", body = ErrorBody)))]
pub(super) async fn rollback(
    State(state): State<AppState>,
    Path(name): Path<String>,
    Json(actor): Json<Actor>,
) -> Result<axum::Json<ModelVersion>, HttpError> {
    let user = actor.user_id.as_deref().unwrap_or(NOBODY);
    Ok(axum::Json(state.tracking().rollback(&name, user).await?))
}

/// One version.
#[utoipa::path(get, path = "/models/{name}/versions/{version}", tag = "models", operation_id = "get_model_version",
    params(("name" = String, Path), ("version" = u32, Path)),
    responses((status = 200, body = ModelVersion), (status = "4XX", body = ErrorBody)))]
pub(super) async fn get_version(
    State(state): State<AppState>,
    Path((name, version)): Path<(String, u32)>,
) -> Result<axum::Json<ModelVersion>, HttpError> {
    Ok(axum::Json(state.tracking().get_version(&name, version).await?))
}

/// Asks the gate about a version with the metrics of its run; the decision is stored.
#[utoipa::path(post, path = "/models/{name}/versions/{version}/gate", tag = "models", operation_id = "ask_gate",
    params(("name" = String, Path), ("version" = u32, Path)), request_body = GateQuestion,
    responses((status = 200, body = GateDecision), (status = "4XX", body = ErrorBody)))]
pub(super) async fn ask_gate(
    State(state): State<AppState>,
    Path((name, version)): Path<(String, u32)>,
    Json(question): Json<GateQuestion>,
) -> Result<axum::Json<GateDecision>, HttpError> {
    let defaults = GatePolicy::default();
    let policy = GatePolicy {
        metric: question.metric.unwrap_or(defaults.metric),
        min_improvement: question.min_improvement.unwrap_or(defaults.min_improvement),
        minimums: question.minimums,
    };
    Ok(axum::Json(state.tracking().ask_gate(&name, version, &policy).await?))
}

/// Moves a version to a stage; what was in Production before goes to Archived.
#[utoipa::path(post, path = "/models/{name}/versions/{version}/stage", tag = "models", operation_id = "transition_model_version",
    params(("name" = String, Path), ("version" = u32, Path)), request_body = NewStage,
    responses((status = 200, body = ModelVersion), (status = "4XX", body = ErrorBody)))]
pub(super) async fn transition(
    State(state): State<AppState>,
    Path((name, version)): Path<(String, u32)>,
    Json(to): Json<NewStage>,
) -> Result<axum::Json<ModelVersion>, HttpError> {
    let user = to.user_id.as_deref().unwrap_or(NOBODY);
    let tracking = state.tracking();
    Ok(axum::Json(tracking.promote(&name, version, to.stage, user, &to.description, to.override_reason).await?))
}

/// Points an alias at a version, wherever it pointed before.
#[utoipa::path(put, path = "/models/{name}/aliases/{alias}", tag = "models", operation_id = "set_model_alias",
    params(("name" = String, Path), ("alias" = String, Path)), request_body = AliasTarget,
    responses((status = 204), (status = "4XX", body = ErrorBody)))]
pub(super) async fn set_alias(
    State(state): State<AppState>,
    Path((name, alias)): Path<(String, String)>,
    Json(target): Json<AliasTarget>,
) -> Result<StatusCode, HttpError> {
    state.tracking().set_alias(&name, &alias, target.version).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Removes an alias.
#[utoipa::path(delete, path = "/models/{name}/aliases/{alias}", tag = "models", operation_id = "delete_model_alias",
    params(("name" = String, Path), ("alias" = String, Path)),
    responses((status = 204), (status = "4XX", body = ErrorBody)))]
pub(super) async fn delete_alias(
    State(state): State<AppState>,
    Path((name, alias)): Path<(String, String)>,
) -> Result<StatusCode, HttpError> {
    state.tracking().delete_alias(&name, &alias).await?;
    Ok(StatusCode::NO_CONTENT)
}
