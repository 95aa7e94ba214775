//! Errors in MLflow's shape: `{"error_code", "message"}`.

use crate::http::error::HttpError;
use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use metria_core::{ErrorKind, Kinded};
use serde_json::json;

/// Result of a handler.
pub(super) type Result<T> = std::result::Result<T, MlflowError>;

/// An error on its way to an MLflow client.
pub(super) struct MlflowError {
    status: StatusCode,
    code: &'static str,
    message: String,
}

impl MlflowError {
    /// A value that cannot be used.
    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, code: "INVALID_PARAMETER_VALUE", message: message.into() }
    }

    /// Something that is not there.
    pub(super) fn not_found(message: impl Into<String>) -> Self {
        Self { status: StatusCode::NOT_FOUND, code: "RESOURCE_DOES_NOT_EXIST", message: message.into() }
    }

    /// A name that is taken.
    pub(super) fn already_exists(message: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, code: "RESOURCE_ALREADY_EXISTS", message: message.into() }
    }

    /// A path or method that nobody has.
    pub(super) fn endpoint(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, code: "ENDPOINT_NOT_FOUND", message: message.into() }
    }

    /// Something that this server does not do.
    pub(super) fn not_implemented(message: impl Into<String>) -> Self {
        Self { status: StatusCode::NOT_IMPLEMENTED, code: "NOT_IMPLEMENTED", message: message.into() }
    }
}

impl<E: Kinded> From<E> for MlflowError {
    fn from(error: E) -> Self {
        let (status, code) = match error.kind() {
            // Clients know a refused change, such as another value for a param, as a bad value.
            ErrorKind::InvalidInput | ErrorKind::Conflict | ErrorKind::TooLarge => {
                (StatusCode::BAD_REQUEST, "INVALID_PARAMETER_VALUE")
            }
            ErrorKind::NotFound => (StatusCode::NOT_FOUND, "RESOURCE_DOES_NOT_EXIST"),
            ErrorKind::AlreadyExists => (StatusCode::BAD_REQUEST, "RESOURCE_ALREADY_EXISTS"),
            ErrorKind::GateRefused => (StatusCode::CONFLICT, "RESOURCE_CONFLICT"),
            ErrorKind::PermissionDenied => (StatusCode::FORBIDDEN, "PERMISSION_DENIED"),
            ErrorKind::Unsupported => (StatusCode::NOT_IMPLEMENTED, "NOT_IMPLEMENTED"),
            ErrorKind::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "TEMPORARILY_UNAVAILABLE"),
            ErrorKind::StorageFull => (StatusCode::INSUFFICIENT_STORAGE, "INTERNAL_ERROR"),
            ErrorKind::DataLoss => (StatusCode::INTERNAL_SERVER_ERROR, "DATA_LOSS"),
            ErrorKind::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL_ERROR"),
        };
        if status.is_server_error() {
            tracing::error!(error = %error, cause = ?error.source(), "a request of an MLflow client failed");
        }
        let message = match error.kind() {
            ErrorKind::Internal | ErrorKind::DataLoss => "the server failed; its log says more".to_owned(),
            _ => error.to_string(),
        };
        Self { status, code, message }
    }
}

impl From<HttpError> for MlflowError {
    fn from(error: HttpError) -> Self {
        Self { status: error.status(), code: "BAD_REQUEST", message: error.message().to_owned() }
    }
}

impl IntoResponse for MlflowError {
    fn into_response(self) -> Response {
        (self.status, Json(json!({"error_code": self.code, "message": self.message}))).into_response()
    }
}
