//! Runs side by side.

use super::format::Number;
use super::page::{PageResult, render};
use crate::http::{HttpError, MOST_COMPARED, Query};
use crate::state::AppState;
use askama::Template;
use axum::extract::State;
use metria_core::ErrorKind;
use metria_store::RunInfo;
use metria_tracking::ComparedRow;
use std::collections::BTreeSet;

/// Runs that are asked which metrics are lines.
const ASKED: usize = 10;

#[derive(Template)]
#[template(path = "compare.html")]
struct ComparePage {
    metrics: Vec<ComparedRow<Number>>,
    params: Vec<ComparedRow<String>>,
    lines: Vec<String>,
    runs: Vec<RunInfo>,
    /// Ids and names of the runs, for the scripts.
    listed: String,
}

/// `GET /runs/compare?run=ID&run=ID`; what else the address holds is for the charts.
pub(super) async fn page(State(state): State<AppState>, Query(pairs): Query<Vec<(String, String)>>) -> PageResult {
    let run_ids: Vec<String> = pairs.into_iter().filter(|(name, _)| name == "run").map(|(_, id)| id).collect();
    if run_ids.is_empty() || run_ids.len() > MOST_COMPARED {
        let message = format!("choose 1 to {MOST_COMPARED} runs to compare (`run=ID&run=ID`); got {}", run_ids.len());
        return Err(HttpError::new(ErrorKind::InvalidInput, message).into());
    }
    let comparison = state.tracking().compare_runs(&run_ids).await?;
    let mut lines = BTreeSet::new();
    for run_id in run_ids.iter().take(ASKED) {
        let run = state.tracking().get_run(run_id).await?;
        lines.extend(run.metrics.into_iter().filter(|metric| metric.step != 0).map(|metric| metric.key));
    }
    let listed = comparison.runs.iter().map(|run| serde_json::json!({"id": run.run_id, "name": run.run_name}));
    let number = |row: ComparedRow<f64>| ComparedRow {
        values: row.values.into_iter().map(|value| value.map(Number)).collect(),
        key: row.key,
        differs: row.differs,
    };
    render(&ComparePage {
        listed: serde_json::Value::from_iter(listed).to_string(),
        metrics: differing_first(comparison.metrics.into_iter().map(number).collect()),
        params: differing_first(comparison.params),
        lines: lines.into_iter().collect(),
        runs: comparison.runs,
    })
}

fn differing_first<T>(mut rows: Vec<ComparedRow<T>>) -> Vec<ComparedRow<T>> {
    // The sort is stable: within both parts the keys stay in order.
    rows.sort_by_key(|row| !row.differs);
    rows
}
