//! The list of experiments.

use super::format::Moment;
use super::page::{PageResult, render};
use crate::http::Query;
use crate::state::AppState;
use askama::Template;
use axum::extract::State;
use metria_store::Lifecycle;
use serde::Deserialize;

/// Which ones are listed.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    lifecycle: Option<Lifecycle>,
}

#[derive(Template)]
#[template(path = "experiments.html")]
struct ExperimentsPage {
    deleted: bool,
    rows: Vec<Row>,
}

struct Row {
    id: String,
    name: String,
    created: Moment,
    changed: Moment,
}

/// `GET /experiments`.
pub(super) async fn page(State(state): State<AppState>, Query(asked): Query<Asked>) -> PageResult {
    let lifecycle = asked.lifecycle.unwrap_or_default();
    let experiments = state.tracking().list_experiments(Some(lifecycle)).await?;
    let rows = experiments
        .into_iter()
        .map(|experiment| Row {
            created: Moment::new(experiment.creation_time_ms),
            changed: Moment::new(experiment.last_update_time_ms),
            id: experiment.experiment_id,
            name: experiment.name,
        })
        .collect();
    render(&ExperimentsPage { deleted: lifecycle == Lifecycle::Deleted, rows })
}
