//! `metrics/*`: what was measured over the steps.

use super::convert::wire_metric;
use super::error::{MlflowError, Result};
use super::experiments::page_size;
use super::input::{Input, integer, required, texts};
use super::types::{Listed, Metric};
use crate::state::AppState;
use axum::Json;
use axum::extract::State;
use metria_core::{ErrorKind, Kinded};
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;

/// Most runs in one request.
const MOST_RUNS: usize = 100;
/// Most measurements of one answer, and of one run when sampled.
const MOST_RESULTS: i64 = 25_000;
const MOST_SAMPLED: i64 = 2_500;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Fields {
    #[serde(deserialize_with = "texts")]
    run_id: Vec<String>,
    run_uuid: Option<String>,
    #[serde(deserialize_with = "texts")]
    run_ids: Vec<String>,
    metric_key: Option<String>,
    page_token: Option<String>,
    #[serde(deserialize_with = "integer")]
    max_results: Option<i64>,
    #[serde(deserialize_with = "integer")]
    start_step: Option<i64>,
    #[serde(deserialize_with = "integer")]
    end_step: Option<i64>,
}

/// What was measured in a run, nothing when there is no such run, as upstream has it.
async fn measured(state: &AppState, run_id: &str, key: &str) -> Result<Vec<metria_store::Metric>> {
    match state.tracking().metric_history(run_id, key).await {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        found => Ok(found?),
    }
}

/// By time, then step, then value, as upstream has it, where NaN counts as 0.
fn by_time(a: &metria_store::Metric, b: &metria_store::Metric) -> Ordering {
    let value = |metric: &metria_store::Metric| if metric.value.is_nan() { 0.0 } else { metric.value };
    let places = (a.timestamp_ms, a.step).cmp(&(b.timestamp_ms, b.step));
    places.then_with(|| value(a).total_cmp(&value(b)))
}

/// `metrics/get-history`: all of them, or page by page when a size is given.
pub(super) async fn history(
    State(state): State<AppState>,
    Input(fields): Input<Fields>,
) -> Result<Json<Listed<Metric>>> {
    let run_id = required("run_id", fields.run_id.into_iter().next().or(fields.run_uuid))?;
    let key = required("metric_key", fields.metric_key)?;
    let mut found = measured(&state, &run_id, &key).await?;
    found.sort_by(by_time);
    let start = match fields.page_token.filter(|token| !token.is_empty()) {
        None => 0,
        Some(token) => token
            .parse()
            .map_err(|_| MlflowError::invalid(format!("the page token `{token}` was not given out by this server")))?,
    };
    let size = match fields.max_results {
        None => usize::MAX,
        size => page_size(size, 1, i64::MAX)?,
    };
    let next = start + size.min(found.len().saturating_sub(start));
    let token = (next < found.len()).then(|| next.to_string());
    let items = found.into_iter().skip(start).take(size).map(|metric| wire_metric(metric, None)).collect();
    Ok(Json(Listed { name: "metrics", items, next_page_token: token }))
}

/// The answer that is no message of Protocol Buffers, so that an empty list stands in it.
#[derive(Debug, Serialize)]
pub(super) struct MetricsOfRuns {
    metrics: Vec<Metric>,
}

/// `metrics/get-history-bulk`: of several runs, one after another.
pub(super) async fn history_bulk(
    State(state): State<AppState>,
    Input(fields): Input<Fields>,
) -> Result<Json<MetricsOfRuns>> {
    let key = required("metric_key", fields.metric_key)?;
    let mut most = page_size(fields.max_results, MOST_RESULTS, MOST_RESULTS)?;
    let mut metrics = Vec::new();
    // Upstream names the list `run_id` here and `run_ids` where it samples.
    let mut run_ids = checked(if fields.run_id.is_empty() { fields.run_ids } else { fields.run_id })?;
    run_ids.sort_unstable();
    for run_id in run_ids {
        let mut found = measured(&state, &run_id, &key).await?;
        found.sort_by(by_time);
        let part: Vec<Metric> = found.into_iter().take(most).map(|metric| wire_metric(metric, Some(&run_id))).collect();
        most -= part.len();
        metrics.extend(part);
    }
    Ok(Json(MetricsOfRuns { metrics }))
}

/// `metrics/get-history-bulk-interval`: of several runs, sampled to a number of steps, with the greatest and smallest
/// value of each run kept.
pub(super) async fn history_bulk_interval(
    State(state): State<AppState>,
    Input(fields): Input<Fields>,
) -> Result<Json<Listed<Metric>>> {
    let key = required("metric_key", fields.metric_key)?;
    let most = page_size(fields.max_results, 320, MOST_SAMPLED)?;
    if fields.start_step.is_some() != fields.end_step.is_some() {
        return Err(MlflowError::invalid("If either start step or end step are specified, both must be specified."));
    }
    let range = fields.start_step.unwrap_or(i64::MIN)..=fields.end_step.unwrap_or(i64::MAX);
    if range.is_empty() {
        return Err(MlflowError::invalid(format!(
            "end_step must be greater than start_step. Found start_step={} and end_step={}.",
            range.start(),
            range.end()
        )));
    }
    let mut metrics = Vec::new();
    for run_id in checked(fields.run_ids)? {
        let mut found = measured(&state, &run_id, &key).await?;
        found.retain(|metric| range.contains(&metric.step));
        metrics.extend(sampled(found, most).into_iter().map(|metric| wire_metric(metric, Some(&run_id))));
    }
    Ok(Json(Listed::whole("metrics", metrics)))
}

fn checked(run_ids: Vec<String>) -> Result<Vec<String>> {
    if run_ids.is_empty() || run_ids.len() > MOST_RUNS {
        return Err(MlflowError::invalid(format!(
            "GetMetricHistoryBulk request must specify 1 to {MOST_RUNS} run_ids; got {}",
            run_ids.len()
        )));
    }
    Ok(run_ids)
}

/// At most `most` measurements (and the extremes), evenly over the list, the last always among them.
fn sampled(found: Vec<metria_store::Metric>, most: usize) -> Vec<metria_store::Metric> {
    if found.len() <= most {
        return found;
    }
    let order = |a: &usize, b: &usize| found[*a].value.total_cmp(&found[*b].value);
    let numbers = || (0..found.len()).filter(|place| !found[*place].value.is_nan());
    let mut places: Vec<usize> = (0..most).map(|i| i * found.len() / most).collect();
    places.push(found.len() - 1);
    places.extend(numbers().max_by(order));
    places.extend(numbers().min_by(order));
    places.sort_unstable();
    places.dedup();
    places.into_iter().map(|place| found[place].clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_keep_the_ends_and_the_extremes() {
        let metric = |step: i64, value: f64| metria_store::Metric { key: "m".to_owned(), value, timestamp_ms: 0, step };
        let mut found: Vec<_> = (0..10_000).map(|step| metric(step, 0.5)).collect();
        found[3_333].value = 9.0;
        found[6_667].value = -9.0;
        found[17].value = f64::NAN;
        let kept = sampled(found, 100);
        assert!((100..=103).contains(&kept.len()), "{}", kept.len());
        let steps: Vec<i64> = kept.iter().map(|metric| metric.step).collect();
        for step in [0, 3_333, 6_667, 9_999] {
            assert!(steps.contains(&step), "{step}");
        }
        assert!(steps.is_sorted());
        assert_eq!(sampled(kept.clone(), 1_000), kept);
    }
}
