//! Runs.

use super::columns::{self, Columns};
use crate::http::error::{ErrorBody, HttpError};
use crate::http::extract::{Json, Path, Query};
use crate::state::AppState;
use axum::extract::State;
use axum::http::StatusCode;
use metria_core::ErrorKind;
use metria_store::{Lifecycle, LogBatch, Metric, Page, Run, RunStatus, Tag};
use metria_tracking::{CreateRun, GroupRuns, RunComparison, RunGroups, SearchRuns};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

/// Most runs side by side.
pub(crate) const MOST_COMPARED: usize = 100;

/// A search over runs.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct RunSearch {
    /// Experiment ids, separated by commas; all when left out.
    #[serde(default)]
    experiment_ids: String,
    /// MLflow's filter language and more, such as `metrics.accuracy > 0.8 AND NOT (params.model = 'forest' OR
    /// min(metrics.loss) > 1)`.
    #[serde(default)]
    filter: String,
    /// Such as `metrics.accuracy DESC, start_time ASC`; the newest first when left out.
    #[serde(default)]
    order_by: String,
    /// Runs on a page, 1 to 50,000 (default 100).
    max_results: Option<usize>,
    /// `next_page_token` of the page before.
    page_token: Option<String>,
    /// `active` (default) or `deleted`.
    lifecycle: Option<Lifecycle>,
    /// What is told of each run besides what it is, such as ``metrics.loss, params.`a,b` ``; everything when left out.
    columns: Option<String>,
}

/// A new run.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewRun {
    /// An id that the caller made, 32 hexadecimal characters, so that asking again makes no second run: the answer is
    /// then 200 with the run that is there. A new one when left out.
    run_id: Option<String>,
    /// The experiment it belongs to.
    experiment_id: String,
    /// A name; a random one when left out.
    run_name: Option<String>,
    /// Who starts it.
    #[serde(default)]
    user_id: String,
    /// Its first tags.
    #[serde(default)]
    tags: Vec<Tag>,
    /// When it started, in milliseconds; now when left out.
    start_time_ms: Option<i64>,
}

/// What changes; what is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RunChange {
    /// How it stands.
    status: Option<RunStatus>,
    /// When it ended, in milliseconds.
    end_time_ms: Option<i64>,
    /// Another name.
    run_name: Option<String>,
    /// `deleted` to delete, `active` to restore.
    lifecycle: Option<Lifecycle>,
}

/// One page of runs.
#[utoipa::path(get, path = "/runs", tag = "runs", operation_id = "search_runs", params(RunSearch),
    responses((status = 200, body = Page<Run>), (status = "4XX", body = ErrorBody)))]
pub(super) async fn search(
    State(state): State<AppState>,
    Query(query): Query<RunSearch>,
) -> Result<axum::Json<Page<Run>>, HttpError> {
    let defaults = SearchRuns::default();
    let search = SearchRuns {
        experiment_ids: columns::list(&query.experiment_ids),
        order_by: columns::list(&query.order_by),
        filter: query.filter,
        max_results: query.max_results.unwrap_or(defaults.max_results),
        page_token: query.page_token.filter(|token| !token.is_empty()),
        lifecycle: query.lifecycle.or(defaults.lifecycle),
    };
    let mut page = state.tracking().search_runs(&search).await?;
    if let Some(columns) = &query.columns {
        let wanted = Columns::parse(columns)?;
        page.items.iter_mut().for_each(|run| wanted.keep(run));
    }
    Ok(axum::Json(page))
}

/// The parts between commas.
fn list(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

/// Which runs are grouped, and by what.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Grouping {
    /// Experiment ids, separated by commas; all when left out.
    #[serde(default)]
    experiment_ids: String,
    /// Only runs that fulfil this filter.
    #[serde(default)]
    filter: String,
    /// What runs of a group have in common: `params.depth`, `tags.team`, `status` …
    by: String,
    /// Names of up to 100 metrics, separated by commas.
    #[serde(default)]
    metrics: String,
}

/// Runs grouped by what they have in common: count, mean, standard deviation and 95 % confidence interval (Student's t)
/// of metrics. Only finite values count; runs without the value are a group of their own, the last.
#[utoipa::path(get, path = "/runs/group", tag = "runs", operation_id = "group_runs", params(Grouping),
    responses((status = 200, body = RunGroups), (status = "4XX", body = ErrorBody)))]
pub(super) async fn group(
    State(state): State<AppState>,
    Query(query): Query<Grouping>,
) -> Result<axum::Json<RunGroups>, HttpError> {
    let group = GroupRuns {
        experiment_ids: list(&query.experiment_ids),
        filter: query.filter,
        by: query.by,
        metrics: list(&query.metrics),
    };
    Ok(axum::Json(state.tracking().group_runs(&group).await?))
}

/// A new run.
#[utoipa::path(post, path = "/runs", tag = "runs", operation_id = "create_run", request_body = NewRun,
    responses((status = 201, body = Run), (status = 200, body = Run, description = "The run of that id was there already"),
              (status = "4XX", body = ErrorBody)))]
pub(super) async fn create(
    State(state): State<AppState>,
    Json(new): Json<NewRun>,
) -> Result<(StatusCode, axum::Json<Run>), HttpError> {
    let run = CreateRun {
        experiment_id: new.experiment_id,
        run_name: new.run_name,
        user_id: new.user_id,
        tags: new.tags,
        start_time_ms: new.start_time_ms,
    };
    let (run, is_new) = match new.run_id {
        Some(run_id) => state.tracking().get_or_create_run(&run_id, run).await?,
        None => (state.tracking().create_run(run).await?, true),
    };
    Ok((if is_new { StatusCode::CREATED } else { StatusCode::OK }, axum::Json(run)))
}

/// Runs side by side.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Compared {
    /// 1 to 100 run ids, separated by commas.
    run_ids: String,
}

/// Params and metrics of several runs side by side.
#[utoipa::path(get, path = "/runs/compare", tag = "runs", operation_id = "compare_runs", params(Compared),
    responses((status = 200, body = RunComparison), (status = "4XX", body = ErrorBody)))]
pub(super) async fn compare(
    State(state): State<AppState>,
    Query(query): Query<Compared>,
) -> Result<axum::Json<RunComparison>, HttpError> {
    Ok(axum::Json(state.tracking().compare_runs(&compared(&query.run_ids)?).await?))
}

/// The ids of a list separated by commas.
pub(super) fn compared(list: &str) -> Result<Vec<&str>, HttpError> {
    let run_ids: Vec<&str> = list.split(',').map(str::trim).filter(|id| !id.is_empty()).collect();
    if run_ids.is_empty() || run_ids.len() > MOST_COMPARED {
        return Err(HttpError::new(
            ErrorKind::InvalidInput,
            format!("run_ids must name 1 to {MOST_COMPARED} runs, separated by commas; got {}", run_ids.len()),
        ));
    }
    Ok(run_ids)
}

/// One run with what was logged to it.
#[utoipa::path(get, path = "/runs/{run_id}", tag = "runs", operation_id = "get_run", params(("run_id" = String, Path)),
    responses((status = 200, body = Run), (status = "4XX", body = ErrorBody)))]
pub(super) async fn get(
    State(state): State<AppState>,
    Path(run_id): Path<String>,
) -> Result<axum::Json<Run>, HttpError> {
    Ok(axum::Json(state.tracking().get_run(&run_id).await?))
}

/// Ends, renames, deletes or restores a run.
#[utoipa::path(patch, path = "/runs/{run_id}", tag = "runs", operation_id = "update_run", params(("run_id" = String, Path)),
    request_body = RunChange, responses((status = 200, body = Run), (status = "4XX", body = ErrorBody)))]
pub(super) async fn update(
    State(state): State<AppState>,
    Path(run_id): Path<String>,
    Json(change): Json<RunChange>,
) -> Result<axum::Json<Run>, HttpError> {
    let tracking = state.tracking();
    if change.lifecycle == Some(Lifecycle::Active) {
        tracking.set_run_lifecycle(&run_id, Lifecycle::Active).await?;
    }
    if change.status.is_some() || change.end_time_ms.is_some() || change.run_name.is_some() {
        tracking.update_run(&run_id, change.status, change.end_time_ms, change.run_name).await?;
    }
    if change.lifecycle == Some(Lifecycle::Deleted) {
        tracking.set_run_lifecycle(&run_id, Lifecycle::Deleted).await?;
    }
    Ok(axum::Json(tracking.get_run(&run_id).await?))
}

/// Writes metrics, params, tags and inputs, all of them or nothing; the answer means that they are kept.
#[utoipa::path(post, path = "/runs/{run_id}/log", tag = "runs", operation_id = "log_batch", params(("run_id" = String, Path)),
    request_body = LogBatch, responses((status = 204), (status = "4XX", body = ErrorBody)))]
pub(super) async fn log(
    State(state): State<AppState>,
    Path(run_id): Path<String>,
    Json(batch): Json<LogBatch>,
) -> Result<StatusCode, HttpError> {
    state.tracking().log_batch(&run_id, batch).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Removes a tag.
#[utoipa::path(delete, path = "/runs/{run_id}/tags/{key}", tag = "runs", operation_id = "delete_run_tag",
    params(("run_id" = String, Path), ("key" = String, Path)),
    responses((status = 204), (status = "4XX", body = ErrorBody)))]
pub(super) async fn delete_tag(
    State(state): State<AppState>,
    Path((run_id, key)): Path<(String, String)>,
) -> Result<StatusCode, HttpError> {
    state.tracking().delete_run_tag(&run_id, &key).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Every measurement of one metric, by step.
#[utoipa::path(get, path = "/runs/{run_id}/metrics/{key}", tag = "runs", operation_id = "get_metric_history",
    params(("run_id" = String, Path), ("key" = String, Path)),
    responses((status = 200, body = Vec<Metric>), (status = "4XX", body = ErrorBody)))]
pub(super) async fn metric_history(
    State(state): State<AppState>,
    Path((run_id, key)): Path<(String, String)>,
) -> Result<axum::Json<Vec<Metric>>, HttpError> {
    Ok(axum::Json(state.tracking().metric_history(&run_id, &key).await?))
}
