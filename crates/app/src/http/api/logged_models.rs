//! Logged models.

use crate::http::error::{ErrorBody, HttpError};
use crate::http::extract::{Path, Query};
use crate::state::AppState;
use axum::extract::State;
use metria_core::ErrorKind;
use metria_store::{DatasetSelector, Lifecycle, LoggedModel, Page};
use metria_tracking::{OrderLoggedModels, SearchLoggedModels};
use serde::Deserialize;
use utoipa::IntoParams;

/// A search over logged models.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct LoggedModelSearch {
    /// Experiment ids, separated by commas; all when left out.
    #[serde(default)]
    experiment_ids: String,
    /// MLflow's filter language, such as `metrics.accuracy > 0.8 AND params.depth = '3'`.
    #[serde(default)]
    filter: String,
    /// The dataset that the metrics of the filter and the order were measured on; any when left out.
    dataset_name: Option<String>,
    /// Its digest; any when left out.
    dataset_digest: Option<String>,
    /// Such as `metrics.accuracy DESC, creation_time ASC`; the newest first when left out.
    #[serde(default)]
    order_by: String,
    /// Models on a page, 1 to 1,000 (default 100).
    max_results: Option<usize>,
    /// `next_page_token` of the page before.
    page_token: Option<String>,
    /// `active` (default) or `deleted`.
    lifecycle: Option<Lifecycle>,
}

/// One page of logged models.
#[utoipa::path(get, path = "/logged-models", tag = "logged models", operation_id = "search_logged_models",
    params(LoggedModelSearch),
    responses((status = 200, body = Page<LoggedModel>), (status = "4XX", body = ErrorBody)))]
pub(super) async fn search(
    State(state): State<AppState>,
    Query(query): Query<LoggedModelSearch>,
) -> Result<axum::Json<Page<LoggedModel>>, HttpError> {
    let list = |text: &str| -> Vec<String> {
        text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
    };
    let digest = query.dataset_digest;
    if digest.is_some() && query.dataset_name.is_none() {
        let message = "a dataset_digest needs a dataset_name beside it";
        return Err(HttpError::new(ErrorKind::InvalidInput, message));
    }
    let dataset = query.dataset_name.map(|name| DatasetSelector { name, digest });
    let order = |text: String| {
        let (field, ascending) = direction(&text);
        let dataset = dataset.clone().filter(|_| field.starts_with("metrics."));
        OrderLoggedModels { field: field.to_owned(), ascending, dataset }
    };
    let defaults = SearchLoggedModels::default();
    let search = SearchLoggedModels {
        experiment_ids: list(&query.experiment_ids),
        order_by: list(&query.order_by).into_iter().map(order).collect(),
        filter: query.filter,
        datasets: dataset.clone().into_iter().collect(),
        max_results: query.max_results.unwrap_or(defaults.max_results),
        page_token: query.page_token.filter(|token| !token.is_empty()),
        lifecycle: query.lifecycle.or(defaults.lifecycle),
    };
    Ok(axum::Json(state.tracking().search_logged_models(&search).await?))
}

/// `creation_time DESC` as field and direction; ascending when nothing is said.
fn direction(text: &str) -> (&str, bool) {
    match text.rsplit_once(char::is_whitespace) {
        Some((field, word)) if word.eq_ignore_ascii_case("ASC") => (field.trim_end(), true),
        Some((field, word)) if word.eq_ignore_ascii_case("DESC") => (field.trim_end(), false),
        _ => (text, true),
    }
}

/// One logged model with its params, tags and metrics; a deleted one, too.
#[utoipa::path(get, path = "/logged-models/{model_id}", tag = "logged models", operation_id = "get_logged_model",
    params(("model_id" = String, Path)),
    responses((status = 200, body = LoggedModel), (status = "4XX", body = ErrorBody)))]
pub(super) async fn get(
    State(state): State<AppState>,
    Path(model_id): Path<String>,
) -> Result<axum::Json<LoggedModel>, HttpError> {
    Ok(axum::Json(state.tracking().get_any_logged_model(&model_id).await?))
}
