//! Predictions and the server's health.

use super::error::HttpError;
use crate::state::AppState;
use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequest, Path, Request, State};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use metria_core::{ErrorKind, Kinded};
use metria_serving::{Error, Health, PredictResponse, ReloadResponse};

/// Longest request id that is taken over from a client.
const REQUEST_ID_LENGTH: usize = 128;

/// `POST /predict/{model}` with `{"instances": [...]}`.
pub(crate) async fn predict(
    State(state): State<AppState>,
    model: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Json<PredictResponse>, HttpError> {
    let model = name(model)?;
    check_content_type(request.headers())?;
    let request_id = request_id(request.headers());
    let body = read_body(&state, request).await?;
    Ok(Json(state.server.predict(&model, &body, request_id).await?))
}

/// `POST /models/{model}/reload`.
pub(crate) async fn reload(
    State(state): State<AppState>,
    model: Result<Path<String>, PathRejection>,
) -> Result<Json<ReloadResponse>, HttpError> {
    let error = match state.server.reload(&name(model)?).await {
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
    match state.tracking.ping().await {
        Ok(()) => Ok("ok"),
        Err(error) => Err(HttpError::from(error).with_status(StatusCode::SERVICE_UNAVAILABLE)),
    }
}

fn name(path: Result<Path<String>, PathRejection>) -> Result<String, HttpError> {
    let Path(model) = path.map_err(|rejection| {
        let message = format!("the model name in the path cannot be read: {}", rejection.body_text());
        HttpError::new(ErrorKind::InvalidInput, message)
    })?;
    Ok(model)
}

/// JSON, or nothing said: a form or a text that a foreign page sends without asking is refused.
fn check_content_type(headers: &HeaderMap) -> Result<(), HttpError> {
    let Some(value) = headers.get(CONTENT_TYPE) else {
        return Ok(());
    };
    let text = value.to_str().unwrap_or("\u{fffd}");
    let media = text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if media == "application/json" || (media.starts_with("application/") && media.ends_with("+json")) {
        return Ok(());
    }
    let message = format!("the content type must be application/json; got `{text}`");
    Err(HttpError::new(ErrorKind::InvalidInput, message).with_status(StatusCode::UNSUPPORTED_MEDIA_TYPE))
}

fn request_id(headers: &HeaderMap) -> Option<String> {
    headers
        .get("x-request-id")
        .and_then(|value| value.to_str().ok())
        .filter(|id| !id.is_empty() && id.len() <= REQUEST_ID_LENGTH)
        .map(str::to_owned)
}

async fn read_body(state: &AppState, request: Request) -> Result<Bytes, HttpError> {
    let too_large = || {
        let message = format!("the body is larger than {} bytes, which is the limit", state.max_body_bytes);
        HttpError::new(ErrorKind::TooLarge, message)
    };
    let announced = request.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > state.max_body_bytes as u64) {
        return Err(too_large());
    }
    let patience = state.request_timeout;
    let Ok(read) = tokio::time::timeout(patience, Bytes::from_request(request, state)).await else {
        let message = format!("the body did not come within {} seconds", patience.as_secs());
        return Err(HttpError::new(ErrorKind::InvalidInput, message).with_status(StatusCode::REQUEST_TIMEOUT));
    };
    read.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => too_large(),
        _ => HttpError::new(ErrorKind::InvalidInput, format!("the body could not be read: {}", rejection.body_text())),
    })
}
