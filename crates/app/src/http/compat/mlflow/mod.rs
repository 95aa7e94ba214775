//! MLflow's REST protocol, as its clients 2.22 and 3.17 speak it: experiments, runs, metrics, artifacts,
//! logged models, registry, prompts, evaluation datasets, webhooks, traces.
//!
//! What upstream answers decides; where this server differs, `docs/compat/mlflow.md` says so.

mod artifacts;
mod assessments;
mod checks;
mod convert;
mod datasets;
mod error;
mod experiments;
mod input;
mod logged_models;
mod metrics;
mod model_versions;
mod prompts;
mod registered_models;
mod runs;
mod server_info;
mod trace_wire;
mod traces;
mod traces_v2;
mod types;
mod uploads;
mod webhooks;

pub(in crate::http) use convert::public_uri;

use crate::state::AppState;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{any, delete, get, patch, post, put};

/// The version of MLflow whose protocol this is, which clients ask for.
const VERSION: &str = "3.17.2";

/// Every route, under each prefix that clients use.
pub(crate) fn router() -> Router<AppState> {
    let tracking = Router::new()
        .route("/experiments/create", post(experiments::create))
        .route("/experiments/get", get(experiments::get))
        .route("/experiments/get-by-name", get(experiments::get_by_name))
        .route("/experiments/search", get(experiments::search).post(experiments::search))
        .route("/experiments/update", post(experiments::update))
        .route("/experiments/delete", post(experiments::delete))
        .route("/experiments/restore", post(experiments::restore))
        .route("/experiments/search-datasets", post(experiments::search_datasets))
        .route("/experiments/set-experiment-tag", post(experiments::set_tag))
        .route("/experiments/delete-experiment-tag", post(experiments::delete_tag))
        .route("/runs/create", post(runs::create))
        .route("/runs/get", get(runs::get))
        .route("/runs/update", post(runs::update))
        .route("/runs/search", post(runs::search))
        .route("/runs/delete", post(runs::delete))
        .route("/runs/restore", post(runs::restore))
        .route("/runs/log-metric", post(runs::log_metric))
        .route("/runs/log-parameter", post(runs::log_param))
        .route("/runs/log-batch", post(runs::log_batch))
        .route("/runs/set-tag", post(runs::set_tag))
        .route("/runs/delete-tag", post(runs::delete_tag))
        .route("/runs/log-inputs", post(runs::log_inputs))
        .route("/runs/log-model", post(runs::log_model))
        .route("/runs/outputs", post(runs::log_outputs))
        .route("/metrics/get-history", get(metrics::history))
        .route("/metrics/get-history-bulk", get(metrics::history_bulk))
        .route("/metrics/get-history-bulk-interval", get(metrics::history_bulk_interval))
        .route("/artifacts/list", get(artifacts::list_of_run))
        .route("/artifacts/presigned-upload-url", post(uploads::presigned_upload))
        .route("/artifacts/presigned-download-url", post(uploads::presigned_download_of_run))
        .route("/registered-models/create", post(registered_models::create))
        .route("/registered-models/get", get(registered_models::get))
        .route("/registered-models/search", get(registered_models::search))
        .route("/registered-models/update", patch(registered_models::update))
        .route("/registered-models/rename", post(registered_models::rename))
        .route("/registered-models/delete", delete(registered_models::delete))
        .route(
            "/registered-models/get-latest-versions",
            get(registered_models::latest_versions).post(registered_models::latest_versions),
        )
        .route("/registered-models/set-tag", post(registered_models::set_tag))
        .route("/registered-models/delete-tag", delete(registered_models::delete_tag))
        .route(
            "/registered-models/alias",
            get(registered_models::get_by_alias)
                .post(registered_models::set_alias)
                .delete(registered_models::delete_alias),
        )
        .route("/model-versions/create", post(model_versions::create))
        .route("/model-versions/get", get(model_versions::get))
        .route("/model-versions/search", get(model_versions::search))
        .route("/model-versions/update", patch(model_versions::update))
        .route("/model-versions/transition-stage", post(model_versions::transition))
        .route("/model-versions/delete", delete(model_versions::delete))
        .route("/model-versions/get-download-uri", get(model_versions::download_uri))
        .route("/model-versions/set-tag", post(model_versions::set_tag))
        .route("/model-versions/delete-tag", delete(model_versions::delete_tag))
        .route("/logged-models", post(logged_models::create))
        .route("/logged-models/search", post(logged_models::search))
        .route(
            "/logged-models/{model_id}",
            get(logged_models::get).patch(logged_models::finalize).delete(logged_models::delete),
        )
        .route("/logged-models/{model_id}/params", post(logged_models::log_params))
        .route("/logged-models/{model_id}/tags", patch(logged_models::set_tags))
        .route("/logged-models/{model_id}/tags/{*key}", delete(logged_models::delete_tag))
        .route("/logged-models/{model_id}/artifacts/directories", get(logged_models::list_artifacts))
        .route("/logged-models/{model_id}/artifacts/files", get(logged_models::download))
        .merge(webhooks::routes())
        .merge(traces::routes_v2())
        .method_not_allowed_fallback(server_info::wrong_method)
        .fallback(server_info::not_here);
    let version_3 = Router::new()
        .route("/server-info", get(server_info::get))
        .merge(datasets::routes())
        .merge(traces::routes_v3())
        .method_not_allowed_fallback(server_info::wrong_method)
        .fallback(server_info::not_here);
    let proxied = Router::new()
        .route("/artifacts", get(artifacts::list_proxied))
        .route("/artifacts/{*path}", get(artifacts::download_proxied).put(artifacts::upload).delete(artifacts::delete))
        .route("/mpu/create/{*path}", post(uploads::create))
        .route("/mpu/parts/{upload_id}/{number}", put(uploads::part))
        .route("/mpu/complete/{*path}", post(uploads::complete))
        .route("/mpu/abort/{*path}", post(uploads::abort))
        .route("/presigned/{*path}", get(uploads::presigned_download))
        .layer(DefaultBodyLimit::disable())
        .method_not_allowed_fallback(server_info::wrong_method)
        .fallback(server_info::not_here);
    ["/api", "/ajax-api"].into_iter().fold(outside(), |router, prefix| {
        router
            .nest(&format!("{prefix}/2.0/mlflow"), tracking.clone())
            .nest(&format!("{prefix}/2.0/mlflow-artifacts"), proxied.clone())
            .nest(&format!("{prefix}/3.0/mlflow"), version_3.clone())
            // Upstream has this path without a slash, and its own pages ask with one.
            .route(&format!("{prefix}/2.0mlflow/experiments/search-datasets"), post(experiments::search_datasets))
    })
}

/// The routes outside the API's prefixes.
fn outside() -> Router<AppState> {
    Router::new()
        .route("/version", get(|| async { VERSION }))
        .route("/graphql", any(server_info::not_here))
        .route("/get-artifact", get(artifacts::download_of_run))
        .route("/ajax-api/2.0/mlflow/get-artifact", get(artifacts::download_of_run))
        .route("/ajax-api/2.0/mlflow/upload-artifact", post(uploads::upload_of_run))
        .route("/model-versions/get-artifact", get(artifacts::download_of_version))
}
