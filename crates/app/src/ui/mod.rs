//! The web pages: rendered here, quick and whole without scripts. Scripts draw charts, keep a running run up to date,
//! bring the rows of long tables as one scrolls, and send what people change to the API.
//!
//! A page calls the same services as the API, so that both show the same numbers.

mod compare;
mod experiments;
mod files;
mod format;
mod markdown;
mod models;
mod page;
mod preview;
mod run;
mod runs;
mod static_files;
mod tags;
mod traces;
mod versions;
mod view;

use crate::state::AppState;
use axum::Router;
use axum::response::Redirect;
use axum::routing::get;

/// Every page.
pub(crate) fn router() -> Router<AppState> {
    Router::new()
        .route("/", get(|| async { Redirect::to("/experiments") }))
        .route("/experiments", get(experiments::page))
        .route("/experiments/{experiment_id}", get(runs::page))
        .route("/experiments/{experiment_id}/views/{name}", get(runs::saved))
        .route("/runs/compare", get(compare::page))
        .route("/runs/{run_id}", get(run::page))
        .route("/runs/{run_id}/files", get(files::top))
        .route("/runs/{run_id}/files/{*path}", get(files::page))
        .route("/runs/{run_id}/page/{*path}", get(files::framed))
        .route("/traces", get(traces::list))
        .route("/traces/{trace_id}", get(traces::page))
        .route("/models", get(models::list))
        .route("/models/{name}", get(models::page))
        .route("/models/{name}/compare", get(versions::page))
        .route("/static/{name}", get(static_files::serve))
}
