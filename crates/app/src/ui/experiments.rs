//! The list of experiments.

use super::format::Moment;
use super::page::{PageResult, render};
use crate::state::AppState;
use askama::Template;
use axum::extract::State;
use metria_store::Lifecycle;

#[derive(Template)]
#[template(path = "experiments.html")]
struct ExperimentsPage {
    rows: Vec<Row>,
}

struct Row {
    id: String,
    name: String,
    created: Moment,
    changed: Moment,
}

/// `GET /experiments`.
pub(super) async fn page(State(state): State<AppState>) -> PageResult {
    let experiments = state.tracking().list_experiments(Some(Lifecycle::Active)).await?;
    let rows = experiments
        .into_iter()
        .map(|experiment| Row {
            created: Moment::new(experiment.creation_time_ms),
            changed: Moment::new(experiment.last_update_time_ms),
            id: experiment.experiment_id,
            name: experiment.name,
        })
        .collect();
    render(&ExperimentsPage { rows })
}
