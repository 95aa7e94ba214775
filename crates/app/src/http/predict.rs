//! Predictions and the server's health.

use super::error::HttpError;
use crate::state::AppState;
use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use metria_core::ErrorKind;
use metria_serving::{Health, PredictResponse, ReloadResponse};

/// Longest request id that is taken over from a client.
const REQUEST_ID_LENGTH: usize = 128;

/// `POST /predict/{model}` with `{"instances": [...]}`.
pub(crate) async fn predict(
    State(state): State<AppState>,
    Path(model): Path<String>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<PredictResponse>, HttpError> {
    let body = body.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => HttpError::new(
            ErrorKind::TooLarge,
            format!("the body is larger than {} bytes, which is the limit", state.max_body_bytes),
        ),
        _ => HttpError::new(ErrorKind::InvalidInput, format!("the body could not be read: {rejection}")),
    })?;
    let request_id = headers
        .get("x-request-id")
        .and_then(|value| value.to_str().ok())
        .filter(|id| !id.is_empty() && id.len() <= REQUEST_ID_LENGTH)
        .map(str::to_owned);
    Ok(Json(state.server.predict(&model, &body, request_id).await?))
}

/// `POST /models/{model}/reload`.
pub(crate) async fn reload(
    State(state): State<AppState>,
    Path(model): Path<String>,
) -> Result<Json<ReloadResponse>, HttpError> {
    Ok(Json(state.server.reload(&model).await?))
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
