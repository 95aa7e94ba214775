//! The runs of an experiment as a table: filtered, sorted, with the columns that somebody chose. The first rows come with
//! the page; a script brings the others as one scrolls.

use super::format::{Moment, Number, duration, segment};
use super::markdown;
use super::page::{PageResult, render};
use super::tags::{NOTE, editable, note};
use super::view::{Head, SAVED, View};
use crate::http::{Path, Query};
use crate::state::AppState;
use askama::Template;
use axum::extract::State;
use metria_store::{Experiment, Lifecycle, Page, Run, RunKeys, Tag};
use metria_tracking::SearchRuns;
use std::collections::BTreeSet;

/// Runs that come with the page.
const PAGE: usize = 50;
/// Most columns to choose from.
const MOST_CHOICES: usize = 600;
/// Columns that are shown when nobody chose, as far as there are any.
const USUAL: [&str; 4] = ["metrics.accuracy", "metrics.f1_score", "metrics.roc_auc", "params.estimator"];
/// Where there are none of them: so many metrics and params.
const FIRST_METRICS: usize = 4;
const FIRST_PARAMS: usize = 3;
/// Columns that can be sorted by besides metrics, params and tags.
const ATTRIBUTES: [(&str, &str); 3] = [("run_name", "Run"), ("status", "Status"), ("start_time", "Started")];

#[derive(Template)]
#[template(path = "runs.html")]
struct RunsPage {
    experiment: Experiment,
    deleted_experiment: bool,
    view: View,
    views: Vec<SavedView>,
    note: Option<markdown::Rendered>,
    note_text: String,
    note_api: String,
    tags: Vec<Tag>,
    problem: Option<String>,
    heads: Vec<Head>,
    choices: Vec<Choice>,
    rows: Vec<Row>,
    first_url: Option<String>,
    next_url: Option<String>,
    next_token: String,
}

struct SavedView {
    name: String,
    key: String,
    url: String,
    current: bool,
}

struct Choice {
    column: String,
    chosen: bool,
}

struct Row {
    run_id: String,
    name: String,
    status: &'static str,
    started: Moment,
    duration: String,
    cells: Vec<Cell>,
}

struct Cell {
    text: String,
    whole: String,
    is_number: bool,
}

/// `GET /experiments/{experiment_id}`.
pub(super) async fn page(
    State(state): State<AppState>,
    Path(experiment_id): Path<String>,
    Query(pairs): Query<Vec<(String, String)>>,
) -> PageResult {
    let view = View::from_pairs(pairs)?;
    let experiment = state.tracking().get_experiment(&experiment_id).await?;
    show(&state, experiment, view, None).await
}

/// `GET /experiments/{experiment_id}/views/{name}`: a saved view.
pub(super) async fn saved(
    State(state): State<AppState>,
    Path((experiment_id, name)): Path<(String, String)>,
) -> PageResult {
    let experiment = state.tracking().get_experiment(&experiment_id).await?;
    let view = View::saved(&experiment.tags, &name)?;
    show(&state, experiment, view, Some(&name)).await
}

async fn show(state: &AppState, experiment: Experiment, view: View, current: Option<&str>) -> PageResult {
    let search = SearchRuns {
        experiment_ids: vec![experiment.experiment_id.clone()],
        filter: view.filter.clone(),
        order_by: view.order_by(),
        max_results: PAGE,
        page_token: view.page_token.clone(),
        lifecycle: Some(view.lifecycle()),
    };
    // A filter that cannot be read is said beside the filter, which stays to be mended.
    let (found, problem) = match state.tracking().search_runs(&search).await {
        Ok(found) => (found, None),
        Err(error @ metria_tracking::Error::Search(_)) => {
            (Page { items: Vec::new(), next_page_token: None }, Some(error.to_string()))
        }
        Err(error) => return Err(error.into()),
    };
    let known = columns(&state.tracking().run_keys(&experiment.experiment_id).await?);
    let shown = view.columns.clone().unwrap_or_else(|| usual(&known));
    let path = format!("/experiments/{}", segment(&experiment.experiment_id));
    let heads = ATTRIBUTES.iter().map(|(key, label)| view.head(&path, key, label));
    let heads = heads.chain(shown.iter().map(|column| view.head(&path, column, short(column)))).collect();
    let first_url = view.page_token.is_some().then(|| View { page_token: None, ..view.clone() }.url(&path));
    let next_token = found.next_page_token.clone().unwrap_or_default();
    let next_url = found.next_page_token.map(|token| View { page_token: Some(token), ..view.clone() }.url(&path));
    let choices = shown.iter().chain(&known).take(MOST_CHOICES).collect::<BTreeSet<_>>().into_iter();
    render(&RunsPage {
        problem,
        heads,
        choices: choices.map(|column| Choice { column: column.clone(), chosen: shown.contains(column) }).collect(),
        rows: found.items.iter().map(|run| row(run, &shown)).collect(),
        first_url,
        next_url,
        next_token,
        views: saved_views(&experiment, &path, current),
        note: note(&experiment.tags).map(markdown::render),
        note_text: note(&experiment.tags).unwrap_or_default().to_owned(),
        note_api: format!("POST /api/v1/experiments/{}/tags", segment(&experiment.experiment_id)),
        tags: editable(&experiment.tags),
        deleted_experiment: experiment.lifecycle == Lifecycle::Deleted,
        experiment,
        view,
    })
}

fn saved_views(experiment: &Experiment, path: &str, current: Option<&str>) -> Vec<SavedView> {
    let named = experiment.tags.iter().filter_map(|tag| Some((tag, tag.key.strip_prefix(SAVED)?)));
    named
        .map(|(tag, name)| SavedView {
            name: name.to_owned(),
            key: tag.key.clone(),
            url: format!("{path}/views/{}", segment(name)),
            current: current == Some(name),
        })
        .collect()
}

/// Everything that can be a column, metrics first.
fn columns(keys: &RunKeys) -> Vec<String> {
    let with = |entity: &'static str, keys: &[String]| -> Vec<String> {
        keys.iter().map(|key| format!("{entity}.{key}")).collect()
    };
    [with("metrics", &keys.metrics), with("params", &keys.params), with("tags", &keys.tags)].concat()
}

/// The columns that are shown when nobody chose.
fn usual(known: &[String]) -> Vec<String> {
    let usual: Vec<String> =
        USUAL.iter().filter(|usual| known.iter().any(|column| column == *usual)).map(|c| (*c).to_owned()).collect();
    if !usual.is_empty() {
        return usual;
    }
    let first = |entity: &'static str, n: usize| known.iter().filter(move |column| column.starts_with(entity)).take(n);
    first("metrics.", FIRST_METRICS).chain(first("params.", FIRST_PARAMS)).cloned().collect()
}

/// A column without its entity, unless that would hide what it is.
fn short(column: &str) -> &str {
    column.strip_prefix("metrics.").or_else(|| column.strip_prefix("params.")).unwrap_or(column)
}

fn row(run: &Run, columns: &[String]) -> Row {
    Row {
        run_id: run.info.run_id.clone(),
        name: run.info.run_name.clone(),
        status: run.info.status.as_str(),
        started: Moment::new(run.info.start_time_ms),
        duration: duration(&run.info),
        cells: columns.iter().map(|column| cell(run, column)).collect(),
    }
}

fn cell(run: &Run, column: &str) -> Cell {
    let (entity, key) = column.split_once('.').unwrap_or(("", column));
    if entity == "metrics" {
        let value = run.metrics.iter().find(|metric| metric.key == key).map(|metric| Number(metric.value));
        return Cell {
            text: value.as_ref().map(Number::to_string).unwrap_or_default(),
            whole: value.as_ref().map(Number::whole).unwrap_or_default(),
            is_number: true,
        };
    }
    let text = match entity {
        "params" => run.params.iter().find(|param| param.key == key).map(|param| param.value.clone()),
        "tags" => run.tags.iter().find(|tag| tag.key == key).map(|tag| tag.value.clone()),
        _ => None,
    };
    let text = text.unwrap_or_default();
    Cell { whole: text.clone(), text, is_number: false }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_chosen_when_nobody_did() {
        let keys = |metrics: &[&str]| RunKeys {
            metrics: metrics.iter().map(|key| (*key).to_owned()).collect(),
            params: ["a", "b", "c", "d"].map(str::to_owned).to_vec(),
            tags: vec!["t".to_owned()],
        };
        assert_eq!(usual(&columns(&keys(&["accuracy", "loss"]))), ["metrics.accuracy"]);
        assert_eq!(usual(&columns(&keys(&["loss"]))), ["metrics.loss", "params.a", "params.b", "params.c"]);
        assert_eq!(short("tags.t"), "tags.t");
    }
}
