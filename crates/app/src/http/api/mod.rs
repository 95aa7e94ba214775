//! Our own API under `/api/v1`, described by its OpenAPI document.

mod artifacts;
mod experiments;
mod logged_models;
mod models;
mod runs;

pub(crate) use runs::MOST_COMPARED;

use super::error::{ErrorBody, ErrorDetail};
use crate::state::AppState;
use axum::routing::get;
use axum::{Json, Router};
use std::sync::Arc;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Where the API stands.
const PREFIX: &str = "/api/v1";

/// What the document says about the whole.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Metria",
        description = "Experiments, runs, artifacts and the model registry. Times are UTC in milliseconds since \
                       1970. Numbers that JSON lacks are the strings NaN, Infinity and -Infinity. Every error has \
                       the body `{\"error\": {\"kind\", \"message\"}}`.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    components(schemas(ErrorBody, ErrorDetail))
)]
struct Document;

/// Every route of the API, and the route of its description.
pub(super) fn router() -> Router<AppState> {
    let routes = OpenApiRouter::new()
        .routes(routes!(experiments::list, experiments::create))
        .routes(routes!(experiments::get, experiments::update))
        .routes(routes!(experiments::set_tag))
        .routes(routes!(runs::search, runs::create))
        .routes(routes!(runs::compare))
        .routes(routes!(runs::get, runs::update))
        .routes(routes!(runs::log))
        .routes(routes!(runs::delete_tag))
        .routes(routes!(runs::metric_history))
        .routes(routes!(artifacts::list))
        .routes(routes!(artifacts::download))
        .routes(routes!(logged_models::search))
        .routes(routes!(logged_models::get))
        .routes(routes!(models::list))
        .routes(routes!(models::get))
        .routes(routes!(models::register))
        .routes(routes!(models::compare))
        .routes(routes!(models::rollback))
        .routes(routes!(models::get_version))
        .routes(routes!(models::ask_gate))
        .routes(routes!(models::transition))
        .routes(routes!(models::set_alias, models::delete_alias));
    let (router, mut document) =
        OpenApiRouter::with_openapi(Document::openapi()).nest(PREFIX, routes).split_for_parts();
    // The router's mark of a path that may hold slashes is none of OpenAPI's.
    let paths = std::mem::take(&mut document.paths.paths);
    document.paths.paths = paths.into_iter().map(|(path, item)| (path.replace("{*", "{"), item)).collect();
    let document = Arc::new(document);
    router.route(&format!("{PREFIX}/openapi.json"), get(move || async move { Json(document.as_ref().clone()) }))
}
