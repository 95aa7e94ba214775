//! HTTP: every route is listed here and in the folders' own routers; handlers extract, call one service and convert.

mod api;
mod compat;
pub(crate) mod connections;
mod error;
mod extract;
pub(crate) mod files;
mod metrics;
mod otlp;
mod predict;
mod security;

pub(crate) use api::MOST_COMPARED;
pub(crate) use error::HttpError;
pub(crate) use extract::{Path, Query};
pub(crate) use metrics::HttpMetrics;
pub(crate) use security::framing_policy;

use crate::state::AppState;
use crate::ui;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use tower_http::compression::CompressionLayer;

/// All routes.
pub(crate) fn router(state: AppState) -> Router {
    // Predictions are small and in a hurry; what people and scripts read in bulk is worth compressing.
    let compressed = api::router().merge(ui::router()).layer(CompressionLayer::new());
    Router::new()
        .route("/predict/{model}", post(predict::predict))
        .route("/models/{model}/reload", post(predict::reload))
        .route("/health", get(predict::health))
        .route("/healthz/live", get(predict::live))
        .route("/healthz/ready", get(predict::ready))
        .route("/metrics", get(metrics::scrape))
        .merge(compat::mlflow::router())
        .merge(otlp::router())
        .merge(compressed)
        .fallback(error::no_such_route)
        .method_not_allowed_fallback(error::wrong_method)
        .layer(DefaultBodyLimit::max(state.max_body_bytes))
        .layer(from_fn_with_state(state.clone(), security::guard))
        .layer(from_fn_with_state(state.clone(), metrics::record))
        .with_state(state)
}
