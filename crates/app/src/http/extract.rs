//! Extractors whose refusals look like every other error of ours.

use super::error::HttpError;
use crate::state::AppState;
use axum::body::Bytes;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use metria_core::ErrorKind;
use serde::de::DeserializeOwned;

/// A body that is a JSON object.
pub(crate) struct Json<T>(pub(crate) T);

/// The parameters of the query string.
pub(crate) struct Query<T>(pub(crate) T);

/// The parameters of the path.
pub(crate) struct Path<T>(pub(crate) T);

/// The bytes of a body that says it is JSON, within the limits of size and time.
pub(crate) struct JsonBytes(pub(crate) Bytes);

impl FromRequest<AppState> for JsonBytes {
    type Rejection = HttpError;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, HttpError> {
        check_content_type(request.headers())?;
        read_body(state, request).await.map(Self)
    }
}

impl<T: DeserializeOwned> FromRequest<AppState> for Json<T> {
    type Rejection = HttpError;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, HttpError> {
        let JsonBytes(body) = JsonBytes::from_request(request, state).await?;
        let refused = |what: String| HttpError::new(ErrorKind::InvalidInput, what);
        // A list would be read as the fields in their order, which nobody means.
        if body.trim_ascii_start().first() != Some(&b'{') {
            return Err(refused("the body must be a JSON object".to_owned()));
        }
        serde_json::from_slice(&body).map(Self).map_err(|error| refused(format!("the body cannot be used: {error}")))
    }
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

/// The bytes of a body, within the limits of size and time.
pub(crate) async fn read_body(state: &AppState, request: Request) -> Result<Bytes, HttpError> {
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

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = HttpError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, HttpError> {
        let extracted = axum::extract::Query::<T>::from_request_parts(parts, state).await;
        extracted.map(|axum::extract::Query(value)| Self(value)).map_err(|rejection: QueryRejection| {
            HttpError::new(ErrorKind::InvalidInput, format!("the query cannot be used: {}", rejection.body_text()))
        })
    }
}

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = HttpError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, HttpError> {
        let extracted = axum::extract::Path::<T>::from_request_parts(parts, state).await;
        extracted.map(|axum::extract::Path(value)| Self(value)).map_err(|rejection: PathRejection| {
            HttpError::new(ErrorKind::InvalidInput, format!("the path cannot be used: {}", rejection.body_text()))
        })
    }
}
