//! The only map from the meaning of an error to an HTTP status.

use axum::Json;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use metria_core::{ErrorKind, Kinded};
use serde_json::json;

/// An error on its way out.
pub(crate) struct HttpError {
    kind: ErrorKind,
    status: StatusCode,
    message: String,
}

impl HttpError {
    /// An error of the given meaning.
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, status: status(kind), message: message.into() }
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
        // What went wrong inside is for the log, not for the client.
        let message = match kind {
            ErrorKind::Internal => "the server failed; its log says more".to_owned(),
            _ => error.to_string(),
        };
        Self::new(kind, message)
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
        let body = json!({"error": {"kind": self.kind, "message": self.message}});
        (self.status, Json(body)).into_response()
    }
}

/// The answer to a path that is none of ours.
pub(crate) async fn no_such_route(uri: Uri) -> HttpError {
    HttpError::new(ErrorKind::NotFound, format!("no such path: {}", uri.path()))
}
