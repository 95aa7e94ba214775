//! Extractors whose refusals look like every other error of ours.

use super::error::HttpError;
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use metria_core::ErrorKind;
use serde::de::DeserializeOwned;

/// A JSON body.
pub(crate) struct Json<T>(pub(crate) T);

/// The parameters of the query string.
pub(crate) struct Query<T>(pub(crate) T);

/// The parameters of the path.
pub(crate) struct Path<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = HttpError;

    async fn from_request(request: Request, state: &S) -> Result<Self, HttpError> {
        let extracted = axum::Json::<T>::from_request(request, state).await;
        extracted.map(|axum::Json(value)| Self(value)).map_err(|rejection: JsonRejection| {
            let kind = match rejection.status() {
                StatusCode::PAYLOAD_TOO_LARGE => ErrorKind::TooLarge,
                _ => ErrorKind::InvalidInput,
            };
            HttpError::new(kind, rejection.body_text())
        })
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = HttpError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, HttpError> {
        let extracted = axum::extract::Query::<T>::from_request_parts(parts, state).await;
        extracted
            .map(|axum::extract::Query(value)| Self(value))
            .map_err(|rejection: QueryRejection| HttpError::new(ErrorKind::InvalidInput, rejection.body_text()))
    }
}

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = HttpError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, HttpError> {
        let extracted = axum::extract::Path::<T>::from_request_parts(parts, state).await;
        extracted
            .map(|axum::extract::Path(value)| Self(value))
            .map_err(|rejection: PathRejection| HttpError::new(ErrorKind::InvalidInput, rejection.body_text()))
    }
}
