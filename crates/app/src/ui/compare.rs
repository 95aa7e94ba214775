//! Runs side by side.

use super::format::{Number, segment};
use super::page::{PageResult, render};
use crate::http::{HttpError, MOST_COMPARED, Query};
use crate::state::AppState;
use askama::Template;
use axum::extract::State;
use metria_core::ErrorKind;
use metria_store::RunInfo;
use metria_tracking::{ComparedRow, RunComparison};

#[derive(Template)]
#[template(path = "compare.html")]
struct ComparePage {
    runs: Vec<RunInfo>,
    metrics: Vec<ComparedRow<Number>>,
    params: Vec<ComparedRow<String>>,
    charts: Vec<Chart>,
}

/// One metric of every run over its steps.
struct Chart {
    title: String,
    /// Addresses of the histories, separated by spaces.
    sources: String,
    /// Names of the runs as a JSON list, in the same order.
    names: String,
}

/// `GET /runs/compare?run=ID&run=ID`.
pub(super) async fn page(State(state): State<AppState>, Query(pairs): Query<Vec<(String, String)>>) -> PageResult {
    let run_ids: Vec<String> = pairs.into_iter().filter(|(name, _)| name == "run").map(|(_, id)| id).collect();
    if run_ids.is_empty() || run_ids.len() > MOST_COMPARED {
        let message = format!("choose 1 to {MOST_COMPARED} runs to compare (`run=ID&run=ID`); got {}", run_ids.len());
        return Err(HttpError::new(ErrorKind::InvalidInput, message).into());
    }
    let comparison = state.tracking().compare_runs(&run_ids).await?;
    render(&ComparePage {
        charts: charts(&comparison),
        runs: comparison.runs,
        metrics: comparison
            .metrics
            .into_iter()
            .map(|row| ComparedRow {
                values: row.values.into_iter().map(|value| value.map(Number)).collect(),
                key: row.key,
                differs: row.differs,
            })
            .collect(),
        params: comparison.params,
    })
}

/// Metrics by fold or step; the others have nothing to draw over.
fn charts(comparison: &RunComparison) -> Vec<Chart> {
    let names: Vec<&str> = comparison.runs.iter().map(|run| run.run_name.as_str()).collect();
    let names = serde_json::Value::from(names).to_string();
    comparison
        .metrics
        .iter()
        .filter(|row| row.key.starts_with("fold_"))
        .map(|row| {
            let source = |run: &RunInfo| format!("/api/v1/runs/{}/metrics/{}", run.run_id, segment(&row.key));
            Chart {
                title: row.key.clone(),
                sources: comparison.runs.iter().map(source).collect::<Vec<_>>().join(" "),
                names: names.clone(),
            }
        })
        .collect()
}
