//! Metrics as lines of a chart.

use crate::http::error::{ErrorBody, HttpError};
use crate::http::extract::Query;
use crate::state::AppState;
use axum::extract::State;
use metria_tracking::{Series, USUAL_POINTS};
use serde::Deserialize;
use utoipa::IntoParams;

/// Which lines, and how fine.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Lines {
    /// 1 to 100 run ids, separated by commas.
    run_ids: String,
    /// The metric.
    key: String,
    /// Most points of a line, 10 to 20,000 (default 1,000).
    max_points: Option<usize>,
}

/// One metric of several runs, each thinned out so that its first, its last and its extremes stay.
#[utoipa::path(get, path = "/series", tag = "runs", operation_id = "get_metric_series", params(Lines),
    responses((status = 200, body = Vec<Series>), (status = "4XX", body = ErrorBody)))]
pub(super) async fn get(
    State(state): State<AppState>,
    Query(query): Query<Lines>,
) -> Result<axum::Json<Vec<Series>>, HttpError> {
    let mut lines = Vec::new();
    for run_id in super::runs::compared(&query.run_ids)? {
        let most = query.max_points.unwrap_or(USUAL_POINTS);
        lines.push(state.tracking().metric_series(run_id, &query.key, most).await?);
    }
    Ok(axum::Json(lines))
}
