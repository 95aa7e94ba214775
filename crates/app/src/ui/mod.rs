//! The web pages: rendered here, quick without scripts; scripts only draw charts and local times.
//!
//! A page calls the same services as the API, so that both show the same numbers.

mod compare;
mod experiments;
mod format;
mod models;
mod page;
mod run;
mod runs;
mod static_files;
mod traces;

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
        .route("/runs/compare", get(compare::page))
        .route("/runs/{run_id}", get(run::page))
        .route("/traces", get(traces::list))
        .route("/traces/{trace_id}", get(traces::page))
        .route("/models", get(models::list))
        .route("/models/{name}", get(models::page))
        .route("/static/{name}", get(static_files::serve))
}
