//! HTTP: every route is listed here; handlers extract, call one service and convert.

pub(crate) mod connections;
mod error;
mod predict;
mod security;

use crate::state::AppState;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};

/// All routes.
pub(crate) fn router(state: AppState) -> Router {
    Router::new()
        .route("/predict/{model}", post(predict::predict))
        .route("/models/{model}/reload", post(predict::reload))
        .route("/health", get(predict::health))
        .route("/healthz/live", get(predict::live))
        .route("/healthz/ready", get(predict::ready))
        .fallback(error::no_such_route)
        .method_not_allowed_fallback(error::wrong_method)
        .layer(DefaultBodyLimit::max(state.max_body_bytes))
        .layer(axum::middleware::from_fn_with_state(state.clone(), security::guard))
        .with_state(state)
}
