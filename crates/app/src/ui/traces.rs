//! The traces of all experiments, and one trace as a tree.

use super::format::{Moment, took};
use super::page::{PageResult, render};
use crate::http::{HttpError, Path, Query};
use crate::state::AppState;
use askama::Template;
use axum::extract::State;
use form_urlencoded::Serializer;
use metria_core::{ErrorKind, Kinded};
use metria_store::{Assessment, Span, TraceInfo};
use metria_tracking::{SearchTraces, Trace};
use serde::Deserialize;
use serde_json::Value;
use std::collections::{HashMap, HashSet};

/// Traces on a page.
const PAGE: usize = 50;
/// Most characters of a value that are shown.
const SHOWN: usize = 4_000;
const NAME: &str = "mlflow.traceName";

/// What the address asks for.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct View {
    experiment: String,
    filter: String,
    page: Option<String>,
}

#[derive(Template)]
#[template(path = "traces.html")]
struct TracesPage {
    experiments: Vec<(String, String)>,
    view: View,
    rows: Vec<Row>,
    problem: Option<String>,
    next_url: Option<String>,
}

struct Row {
    id: String,
    name: String,
    state: &'static str,
    began: Moment,
    took: String,
    request: String,
    response: String,
}

fn name(info: &TraceInfo) -> String {
    info.tags.iter().find(|tag| tag.key == NAME).map_or_else(|| info.trace_id.clone(), |tag| tag.value.clone())
}

fn row(info: TraceInfo) -> Row {
    Row {
        name: name(&info),
        state: info.state.as_str(),
        began: Moment::new(info.request_time_ms),
        took: info.execution_duration_ms.map(took).unwrap_or_default(),
        request: info.request_preview.unwrap_or_default(),
        response: info.response_preview.unwrap_or_default(),
        id: info.trace_id,
    }
}

/// `GET /traces`.
pub(super) async fn list(State(state): State<AppState>, Query(view): Query<View>) -> PageResult {
    let experiments = state.tracking().list_experiments(Some(metria_store::Lifecycle::Active)).await?;
    let search = SearchTraces {
        experiment_ids: Some(view.experiment.clone()).filter(|id| !id.is_empty()).into_iter().collect(),
        filter: view.filter.clone(),
        max_results: PAGE,
        page_token: view.page.clone(),
        ..SearchTraces::default()
    };
    let (rows, token, problem) = match state.tracking().search_traces(&search).await {
        Ok(page) => (page.items.into_iter().map(row).collect(), page.next_page_token, None),
        Err(error) if error.kind() == ErrorKind::InvalidInput => (Vec::new(), None, Some(error.to_string())),
        Err(error) => return Err(HttpError::from(error).into()),
    };
    let next_url = token.map(|token| {
        let mut query = Serializer::new(String::from("?"));
        query.append_pair("experiment", &view.experiment).append_pair("filter", &view.filter);
        query.append_pair("page", &token).finish()
    });
    let experiments = experiments.into_iter().map(|experiment| (experiment.experiment_id, experiment.name)).collect();
    render(&TracesPage { experiments, view, rows, problem, next_url })
}

#[derive(Template)]
#[template(path = "trace.html")]
struct TracePage {
    info: TraceInfo,
    name: String,
    began: Moment,
    took: String,
    steps: Vec<Step>,
}

/// A span in its place: how deep, where its time lies within that of the trace.
struct Step {
    span: Span,
    depth: usize,
    took: String,
    start_percent: String,
    width_percent: String,
    facts: Vec<(String, String)>,
}

impl TracePage {
    fn said(&self) -> &[Assessment] {
        &self.info.assessments
    }
}

/// A value as people read it.
fn shown(value: &Value) -> String {
    let mut text = match value {
        Value::String(text) => text.clone(),
        other => serde_json::to_string_pretty(other).unwrap_or_default(),
    };
    if let Some((at, _)) = text.char_indices().nth(SHOWN) {
        text.truncate(at);
        text.push('…');
    }
    text
}

/// Spans with their depth, each after its parent; spans whose parent is not there are roots.
fn tree(spans: Vec<Span>) -> Vec<(usize, Span)> {
    let there: HashSet<String> = spans.iter().map(|span| span.span_id.clone()).collect();
    let mut children: HashMap<Option<String>, Vec<Span>> = HashMap::new();
    for span in spans {
        let parent = span.parent_span_id.clone().filter(|parent| there.contains(parent) && *parent != span.span_id);
        children.entry(parent).or_default().push(span);
    }
    let mut waiting: Vec<(usize, Span)> =
        children.remove(&None).unwrap_or_default().into_iter().rev().map(|span| (0, span)).collect();
    let mut placed = Vec::new();
    while let Some((depth, span)) = waiting.pop() {
        let below = children.remove(&Some(span.span_id.clone())).unwrap_or_default();
        waiting.extend(below.into_iter().rev().map(|child| (depth + 1, child)));
        placed.push((depth, span));
    }
    // What is left goes in circles.
    placed.extend(children.into_values().flatten().map(|span| (0, span)));
    placed
}

fn steps(spans: Vec<Span>) -> Vec<Step> {
    let begin = spans.iter().map(|span| span.start_time_ns).min().unwrap_or(0);
    let end = spans.iter().filter_map(|span| span.end_time_ns).max().unwrap_or(begin);
    let whole = (end - begin).max(1) as f64;
    let percent = |ns: i64| format!("{:.2}", (ns as f64 / whole * 100.0).clamp(0.0, 100.0));
    let step = |(depth, span): (usize, Span)| {
        let took_ns = span.end_time_ns.map(|end| (end - span.start_time_ns).max(0));
        let events = span.content.events.iter();
        let mut facts: Vec<(String, String)> =
            span.content.attributes.iter().map(|(key, value)| (key.clone(), shown(value))).collect();
        facts.extend(
            events.map(|event| (format!("event {}", event.name), shown(&Value::Object(event.attributes.clone())))),
        );
        if !span.content.status_message.is_empty() {
            facts.insert(0, ("outcome".to_owned(), span.content.status_message.clone()));
        }
        Step {
            depth: depth.min(40),
            took: took_ns.map(|ns| took(ns / 1_000_000)).unwrap_or_default(),
            start_percent: percent(span.start_time_ns - begin),
            width_percent: percent(took_ns.unwrap_or(0)),
            facts,
            span,
        }
    };
    tree(spans).into_iter().map(step).collect()
}

/// `GET /traces/{trace_id}`.
pub(super) async fn page(State(state): State<AppState>, Path(trace_id): Path<String>) -> PageResult {
    let Trace { info, spans } = state.tracking().get_trace(&trace_id).await?;
    render(&TracePage {
        name: name(&info),
        began: Moment::new(info.request_time_ms),
        took: info.execution_duration_ms.map(took).unwrap_or_default(),
        steps: steps(spans),
        info,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trees_have_every_span_once() {
        let span = |id: &str, parent: Option<&str>| Span {
            span_id: id.to_owned(),
            parent_span_id: parent.map(str::to_owned),
            ..Span::default()
        };
        let spans = vec![
            span("root", None),
            span("orphan", Some("gone")),
            span("a", Some("root")),
            span("b", Some("root")),
            span("a1", Some("a")),
            span("self", Some("self")),
            span("x", Some("y")),
            span("y", Some("x")),
        ];
        let mut placed: Vec<(usize, String)> =
            tree(spans).into_iter().map(|(depth, span)| (depth, span.span_id)).collect();
        let circle = placed.split_off(6);
        let expected = [(0, "root"), (1, "a"), (2, "a1"), (1, "b"), (0, "orphan"), (0, "self")];
        assert_eq!(placed, expected.map(|(depth, id)| (depth, id.to_owned())));
        assert_eq!(circle.len(), 2);
    }
}
