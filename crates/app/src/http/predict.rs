//! Predictions and the server's health.

use super::error::HttpError;
use super::extract::{JsonBytes, Path};
use crate::state::AppState;
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use metria_core::{ErrorKind, Kinded};
use metria_serving::{Error, Health, PredictResponse, ReloadResponse};

/// Longest request id that is taken over from a client.
const REQUEST_ID_LENGTH: usize = 128;

/// `POST /predict/{model}` with `{"instances": [...]}`.
pub(crate) async fn predict(
    State(state): State<AppState>,
    Path(model): Path<String>,
    headers: HeaderMap,
    JsonBytes(body): JsonBytes,
) -> Result<Json<PredictResponse>, HttpError> {
    Ok(Json(state.server.predict(&model, &body, request_id(&headers)).await?))
}

/// `POST /models/{model}/reload`.
pub(crate) async fn reload(
    State(state): State<AppState>,
    Path(model): Path<String>,
) -> Result<Json<ReloadResponse>, HttpError> {
    let error = match state.server.reload(&model).await {
        Ok(reloaded) => return Ok(Json(reloaded)),
        Err(error) => error,
    };
    // That the old version still serves is worth saying even where the reason stays inside.
    let kept = match &error {
        Error::Reload { model, kept, source } if matches!(source.kind(), ErrorKind::Internal | ErrorKind::DataLoss) => {
            Some(format!("model `{model}` was not reloaded, version {kept} still serves"))
        }
        _ => None,
    };
    let answer = HttpError::from(error);
    Err(match kept {
        Some(words) => answer.after(&words),
        None => answer,
    })
}

/// `GET /health`.
pub(crate) async fn health(State(state): State<AppState>) -> Json<Health> {
    Json(state.server.health())
}

/// `GET /healthz/live`: the process answers.
pub(crate) async fn live() -> &'static str {
    "ok"
}

/// `GET /healthz/ready`: the store answers too.
pub(crate) async fn ready(State(state): State<AppState>) -> Result<&'static str, HttpError> {
    match state.tracking().ping().await {
        Ok(()) => Ok("ok"),
        Err(error) => Err(HttpError::from(error).with_status(StatusCode::SERVICE_UNAVAILABLE)),
    }
}

fn request_id(headers: &HeaderMap) -> Option<String> {
    headers
        .get("x-request-id")
        .and_then(|value| value.to_str().ok())
        .filter(|id| !id.is_empty() && id.len() <= REQUEST_ID_LENGTH)
        .map(str::to_owned)
}
