//! Traces.

use crate::http::error::{ErrorBody, HttpError};
use crate::http::extract::{Path, Query};
use crate::state::AppState;
use axum::extract::State;
use metria_store::{Page, TraceInfo};
use metria_tracking::{SearchTraces, Trace};
use serde::Deserialize;
use utoipa::IntoParams;

/// A search over traces.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct TraceSearch {
    /// Experiment ids, separated by commas; all when left out.
    #[serde(default)]
    experiment_ids: String,
    /// MLflow's filter language for traces, such as `status = 'ERROR' AND span.name LIKE 'call%'`.
    #[serde(default)]
    filter: String,
    /// Such as `execution_time_ms DESC, timestamp_ms ASC`; the newest first when left out.
    #[serde(default)]
    order_by: String,
    /// Traces on a page, 1 to 500 (default 100).
    max_results: Option<usize>,
    /// `next_page_token` of the page before.
    page_token: Option<String>,
}

/// One page of traces, without their spans.
#[utoipa::path(get, path = "/traces", tag = "traces", operation_id = "search_traces", params(TraceSearch),
    responses((status = 200, body = Page<TraceInfo>), (status = "4XX", body = ErrorBody)))]
pub(super) async fn search(
    State(state): State<AppState>,
    Query(query): Query<TraceSearch>,
) -> Result<axum::Json<Page<TraceInfo>>, HttpError> {
    let list = |text: &str| -> Vec<String> {
        text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
    };
    let search = SearchTraces {
        experiment_ids: list(&query.experiment_ids),
        order_by: list(&query.order_by),
        filter: query.filter,
        max_results: query.max_results.unwrap_or(SearchTraces::default().max_results),
        page_token: query.page_token.filter(|token| !token.is_empty()),
    };
    Ok(axum::Json(state.tracking().search_traces(&search).await?))
}

/// One trace with its spans.
#[utoipa::path(get, path = "/traces/{trace_id}", tag = "traces", operation_id = "get_trace",
    params(("trace_id" = String, Path)),
    responses((status = 200, body = Trace), (status = "4XX", body = ErrorBody)))]
pub(super) async fn get(
    State(state): State<AppState>,
    Path(trace_id): Path<String>,
) -> Result<axum::Json<Trace>, HttpError> {
    Ok(axum::Json(state.tracking().get_trace(&trace_id).await?))
}
