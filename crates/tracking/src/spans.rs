//! Spans as they come from an exporter: what they tell about their traces.

use crate::Tracking;
use crate::error::Result;
use crate::trace_search::TRACE_NAME;
use crate::traces::{IN_STORE, SPANS_LOCATION, artifact_tag, checked_tags, cut};
use metria_store::{Span, SpanStatus, Tag, TraceInfo, TraceSpans, TraceState};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Attributes that tell the type of a span, the first that is there.
const TYPES: [&str; 3] = ["mlflow.spanType", "openinference.span.kind", "gen_ai.operation.name"];
/// Attributes of the root that hold what was asked.
const INPUTS: [&str; 3] = ["mlflow.spanInputs", "input.value", "gen_ai.input.messages"];
/// Attributes of the root that hold what was answered.
const OUTPUTS: [&str; 3] = ["mlflow.spanOutputs", "output.value", "gen_ai.output.messages"];
/// Attributes that name the conversation.
const SESSIONS: [&str; 2] = ["session.id", "gen_ai.conversation.id"];
/// Attributes of the root that are tags of the trace begin so.
const TAG_PREFIX: &str = "mlflow.traceTag.";
/// The attribute that spans of MLflow's own client have.
const CLIENT_TRACE_ID: &str = "mlflow.traceRequestId";
const PREVIEW_LENGTH: usize = 1_000;

/// Spans of one resource (a service).
#[derive(Clone, Debug, Default)]
pub struct ResourceSpans {
    /// What the exporter tells about the service; it becomes tags of the traces.
    pub resource: Map<String, Value>,
    /// The spans, of any traces.
    pub spans: Vec<Span>,
}

/// A value as people read it: a text without quotes, everything else as JSON.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn first(attributes: &Map<String, Value>, names: &[&str]) -> Option<String> {
    names.iter().find_map(|name| attributes.get(*name)).filter(|value| !value.is_null()).map(text)
}

fn preview(attributes: &Map<String, Value>, names: &[&str]) -> Option<String> {
    let mut text = first(attributes, names)?;
    if text.chars().nth(PREVIEW_LENGTH).is_some() {
        cut(&mut text, PREVIEW_LENGTH - 3);
        text.push_str("...");
    }
    Some(text)
}

/// The type of a span by its attributes.
#[must_use]
pub fn span_type(attributes: &Map<String, Value>) -> Option<String> {
    let kind = first(attributes, &TYPES)?;
    Some(match kind.as_str() {
        "chat" => "CHAT_MODEL".to_owned(),
        "create_agent" | "invoke_agent" => "AGENT".to_owned(),
        "embeddings" => "EMBEDDING".to_owned(),
        "execute_tool" => "TOOL".to_owned(),
        "generate_content" | "text_completion" | "response" => "LLM".to_owned(),
        _ => kind,
    })
}

fn replace(tags: &mut Vec<Tag>, key: &str, value: String) {
    tags.retain(|tag| tag.key != key);
    tags.push(Tag { key: key.to_owned(), value });
}

/// Nanoseconds as whole milliseconds.
fn ms(time_ns: i64) -> i64 {
    time_ns.div_euclid(1_000_000)
}

/// What one span adds to its trace.
fn add(trace: &mut TraceSpans, span: Span, resource: &[Tag]) {
    let info = &mut trace.info;
    let start = ms(span.start_time_ns);
    let end = span.end_time_ns.map(ms);
    let alone = TraceInfo {
        request_time_ms: start,
        execution_duration_ms: end.map(|end| end.saturating_sub(start)),
        state: match (&span.parent_span_id, span.status) {
            (Some(_), _) => TraceState::InProgress,
            (None, SpanStatus::Error) => TraceState::Error,
            (None, SpanStatus::Ok | SpanStatus::Unset) => TraceState::Ok,
        },
        ..TraceInfo::default()
    };
    if trace.spans.is_empty() {
        info.request_time_ms = alone.request_time_ms;
        info.execution_duration_ms = alone.execution_duration_ms;
        info.state = alone.state;
    } else {
        info.absorb(&alone, false);
    }
    let attributes = &span.content.attributes;
    for tag in resource {
        if !info.tags.iter().any(|there| there.key == tag.key) {
            info.tags.push(tag.clone());
        }
    }
    for (key, names) in [("mlflow.trace.session", &SESSIONS[..]), ("mlflow.trace.user", &["user.id"][..])] {
        if let Some(value) = first(attributes, names)
            && !info.metadata.iter().any(|there| there.key == key)
        {
            info.metadata.push(Tag { key: key.to_owned(), value });
        }
    }
    if span.parent_span_id.is_none() {
        info.request_preview = preview(attributes, &INPUTS).or_else(|| info.request_preview.take());
        info.response_preview = preview(attributes, &OUTPUTS).or_else(|| info.response_preview.take());
        for (key, value) in attributes {
            if let Some(key) = key.strip_prefix(TAG_PREFIX).filter(|key| !key.is_empty()) {
                replace(&mut info.tags, key, text(value));
            }
        }
    }
    trace.spans.push(span);
}

/// A resource as tags: all but what the exporter says about itself and what could be taken for our own.
fn resource_tags(resource: &Map<String, Value>) -> Vec<Tag> {
    let ours = |key: &str| key.starts_with("telemetry.sdk.") || key.starts_with("mlflow.");
    let tags = resource.iter().filter(|(key, _)| !ours(key));
    let tags = tags.map(|(key, value)| Tag { key: key.clone(), value: text(value) });
    tags.filter(|tag| checked_tags(&mut [tag.clone()]).is_ok()).collect()
}

impl Tracking {
    /// Writes spans to their traces, all of them or nothing; traces that are not there are made in an experiment, with
    /// their files below its location that is given. Returns the ids of the traces whose root came.
    ///
    /// # Errors
    /// When a trace is new and the experiment is not there or deleted.
    pub async fn log_spans(
        &self,
        experiment_id: &str,
        experiment_location: &str,
        resources: Vec<ResourceSpans>,
    ) -> Result<Vec<String>> {
        let mut traces: BTreeMap<String, TraceSpans> = BTreeMap::new();
        for ResourceSpans { resource, spans } in resources {
            let tags = resource_tags(&resource);
            for span in spans {
                let trace = traces.entry(span.trace_id.clone()).or_default();
                add(trace, span, &tags);
            }
        }
        let mut roots = Vec::new();
        for (trace_id, trace) in &mut traces {
            let info = &mut trace.info;
            info.trace_id.clone_from(trace_id);
            experiment_id.clone_into(&mut info.experiment_id);
            if let Some(root) = trace.spans.iter().find(|span| span.parent_span_id.is_none()) {
                roots.push(trace_id.clone());
                // MLflow's own client tells the name itself, before or after its spans.
                let told = root.content.attributes.contains_key(CLIENT_TRACE_ID);
                if !told && !info.tags.iter().any(|tag| tag.key == TRACE_NAME) {
                    info.tags.push(Tag { key: TRACE_NAME.to_owned(), value: root.name.clone() });
                }
            }
            info.tags.retain(|tag| checked_tags(&mut [tag.clone()]).is_ok());
            checked_tags(&mut info.tags)?;
            checked_tags(&mut info.metadata)?;
            replace(&mut info.tags, SPANS_LOCATION, IN_STORE.to_owned());
            let artifacts = artifact_tag(experiment_location, trace_id);
            replace(&mut info.tags, &artifacts.key, artifacts.value);
        }
        if !traces.is_empty() {
            self.store.log_spans(traces.into_values().collect()).await?;
        }
        Ok(roots)
    }
}
