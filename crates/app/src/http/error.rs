//! The only map from the meaning of an error to an HTTP status.

use axum::Json;
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use metria_core::{ErrorKind, Kinded};
use serde::Serialize;
use utoipa::ToSchema;

/// An error on its way out.
pub(crate) struct HttpError {
    kind: ErrorKind,
    status: StatusCode,
    message: String,
}

/// The body of every error.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ErrorBody {
    /// What went wrong.
    error: ErrorDetail,
}

/// What went wrong.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ErrorDetail {
    /// What it means for the caller.
    kind: ErrorKind,
    /// In words.
    message: String,
}

impl HttpError {
    /// An error of the given meaning.
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, status: status(kind), message: message.into() }
    }

    /// Its status.
    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    /// It in words.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// The same with words in front of its message.
    pub(crate) fn after(self, words: &str) -> Self {
        Self { message: format!("{words}: {}", self.message), ..self }
    }

    /// The same with another status.
    pub(crate) fn with_status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }
}

impl<E: Kinded> From<E> for HttpError {
    fn from(error: E) -> Self {
        let kind = error.kind();
        if status(kind).is_server_error() {
            tracing::error!(error = %error, cause = ?error.source(), "a request failed");
        }
        // What went wrong inside, with its paths, is for the log and not for the client.
        match kind {
            ErrorKind::Internal => Self::new(kind, "the server failed; its log says more"),
            ErrorKind::DataLoss => Self::new(kind, "stored data is damaged or gone; the server's log says more"),
            ErrorKind::StorageFull => Self::new(kind, "the server's disk is full"),
            _ => Self::new(kind, error.to_string()),
        }
    }
}

fn status(kind: ErrorKind) -> StatusCode {
    match kind {
        ErrorKind::InvalidInput => StatusCode::BAD_REQUEST,
        ErrorKind::NotFound => StatusCode::NOT_FOUND,
        ErrorKind::AlreadyExists | ErrorKind::Conflict | ErrorKind::GateRefused => StatusCode::CONFLICT,
        ErrorKind::PermissionDenied => StatusCode::FORBIDDEN,
        ErrorKind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        ErrorKind::Unsupported => StatusCode::NOT_IMPLEMENTED,
        ErrorKind::Unavailable => StatusCode::TOO_MANY_REQUESTS,
        ErrorKind::StorageFull => StatusCode::INSUFFICIENT_STORAGE,
        ErrorKind::DataLoss | ErrorKind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

impl IntoResponse for HttpError {
    fn into_response(self) -> Response {
        (self.status, Json(ErrorBody { error: ErrorDetail { kind: self.kind, message: self.message } })).into_response()
    }
}

/// The answer to a path that is none of ours.
pub(crate) async fn no_such_route(uri: Uri) -> HttpError {
    HttpError::new(ErrorKind::NotFound, format!("no such path: {}", uri.path()))
}

/// The answer to a method that a path does not have; the `Allow` header names those it has.
pub(crate) async fn wrong_method(method: Method, uri: Uri) -> HttpError {
    let message = format!("{} does not take {method}; the Allow header names the methods it takes", uri.path());
    HttpError::new(ErrorKind::InvalidInput, message).with_status(StatusCode::METHOD_NOT_ALLOWED)
}
