//! Between our traces and MLflow's wire.

use super::error::{MlflowError, Result};
use super::types::KeyValue;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use metria_core::time::{from_iso8601, iso8601};
use metria_store::{Assessment, AssessmentKind, Span, SpanStatus, Tag, TraceInfo, TraceState};
use metria_tracking::Trace;
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// The attribute in which clients look for a span's trace.
const REQUEST_ID: &str = "mlflow.traceRequestId";

/// A trace as clients tell it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct TraceInfoFields {
    trace_id: Option<String>,
    trace_location: Option<Location>,
    client_request_id: Option<String>,
    request_time: Option<String>,
    execution_duration: Option<String>,
    state: Option<String>,
    request_preview: Option<String>,
    response_preview: Option<String>,
    trace_metadata: Map<String, Value>,
    tags: Map<String, Value>,
    assessments: Vec<AssessmentFields>,
}

/// Where traces are; of the kinds there are, this server has experiments.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Location {
    mlflow_experiment: Option<ExperimentLocation>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ExperimentLocation {
    experiment_id: Option<String>,
}

impl Location {
    pub(super) fn experiment_id(self) -> Option<String> {
        self.mlflow_experiment?.experiment_id.filter(|id| !id.is_empty())
    }
}

/// An assessment as clients tell it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct AssessmentFields {
    assessment_id: Option<String>,
    assessment_name: Option<String>,
    span_id: Option<String>,
    source: Option<Source>,
    create_time: Option<String>,
    last_update_time: Option<String>,
    feedback: Option<FeedbackFields>,
    expectation: Option<ExpectationFields>,
    issue: Option<IssueFields>,
    rationale: Option<String>,
    metadata: Map<String, Value>,
    overrides: Option<String>,
    valid: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Source {
    source_type: Option<String>,
    source_id: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct FeedbackFields {
    value: Value,
    error: Option<Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ExpectationFields {
    value: Value,
    serialized_value: Option<SerializedValue>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct SerializedValue {
    serialization_format: String,
    value: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct IssueFields {
    issue_name: Option<String>,
}

/// A map of texts as tags, by key.
pub(super) fn tags_of(map: Map<String, Value>) -> Vec<Tag> {
    let text = |value: Value| match value {
        Value::String(text) => text,
        other => other.to_string(),
    };
    let mut tags: Vec<Tag> = map.into_iter().map(|(key, value)| Tag { key, value: text(value) }).collect();
    tags.sort_by(|a, b| a.key.cmp(&b.key));
    tags
}

fn map(tags: &[Tag]) -> Map<String, Value> {
    tags.iter().map(|tag| (tag.key.clone(), Value::from(tag.value.as_str()))).collect()
}

fn time(name: &str, text: &str) -> Result<i64> {
    from_iso8601(text).ok_or_else(|| {
        MlflowError::invalid(format!("`{name}` must be a time such as 2026-11-24T10:59:27Z; got `{text}`"))
    })
}

/// `1.5s` in milliseconds.
fn duration(name: &str, text: &str) -> Result<i64> {
    let seconds = text.trim().strip_suffix('s').and_then(|seconds| seconds.parse::<f64>().ok());
    match seconds.filter(|seconds| seconds.abs() < 1e12) {
        Some(seconds) => Ok((seconds * 1e3).round() as i64),
        None => Err(MlflowError::invalid(format!("`{name}` must be a duration such as 1.5s; got `{text}`"))),
    }
}

fn wire_duration(ms: i64) -> String {
    let sign = if ms < 0 { "-" } else { "" };
    let ms = ms.unsigned_abs();
    match (ms / 1_000, ms % 1_000) {
        (seconds, 0) => format!("{sign}{seconds}s"),
        (seconds, rest) => format!("{sign}{seconds}.{rest:03}s"),
    }
}

pub(super) fn state(name: &str) -> Result<TraceState> {
    let name = name.to_ascii_uppercase();
    let name = if name == "TRACE_STATUS_UNSPECIFIED" { "STATE_UNSPECIFIED" } else { &name };
    TraceState::from_name(name).ok_or_else(|| {
        let known: Vec<&str> = TraceState::ALL.into_iter().map(TraceState::as_str).collect();
        MlflowError::invalid(format!("the state must be one of {}; got `{name}`", known.join(", ")))
    })
}

impl TraceInfoFields {
    pub(super) fn info(self) -> Result<TraceInfo> {
        let experiment_id = self.trace_location.and_then(Location::experiment_id);
        let Some(experiment_id) = experiment_id else {
            return Err(MlflowError::invalid(
                "`trace_location` must name an experiment: {\"mlflow_experiment\": {\"experiment_id\": …}}",
            ));
        };
        let request_time = super::input::required("request_time", self.request_time)?;
        Ok(TraceInfo {
            trace_id: super::input::required("trace_id", self.trace_id)?,
            experiment_id,
            client_request_id: self.client_request_id,
            request_time_ms: time("request_time", &request_time)?,
            execution_duration_ms: self
                .execution_duration
                .map(|text| duration("execution_duration", &text))
                .transpose()?,
            state: self.state.as_deref().map(state).transpose()?.unwrap_or_default(),
            request_preview: self.request_preview,
            response_preview: self.response_preview,
            metadata: tags_of(self.trace_metadata),
            tags: tags_of(self.tags),
            assessments: self.assessments.into_iter().map(AssessmentFields::assessment).collect::<Result<_>>()?,
        })
    }
}

/// What an update of an assessment changes.
impl AssessmentFields {
    /// Kind, value and error.
    fn judgement(&mut self) -> Result<(AssessmentKind, Value, Option<Value>)> {
        match (self.feedback.take(), self.expectation.take(), self.issue.take()) {
            (Some(feedback), None, None) => Ok((AssessmentKind::Feedback, feedback.value, feedback.error)),
            (None, Some(expectation), None) => {
                let value = match expectation.serialized_value {
                    None => expectation.value,
                    Some(SerializedValue { serialization_format, value }) if serialization_format == "JSON_FORMAT" => {
                        serde_json::from_str(&value)
                            .map_err(|error| MlflowError::invalid(format!("the expectation is not JSON: {error}")))?
                    }
                    Some(other) => {
                        let format = other.serialization_format;
                        return Err(MlflowError::invalid(format!(
                            "the serialization format must be JSON_FORMAT; got `{format}`"
                        )));
                    }
                };
                Ok((AssessmentKind::Expectation, value, None))
            }
            (None, None, Some(issue)) => Ok((AssessmentKind::Issue, issue.issue_name.into(), None)),
            _ => Err(MlflowError::invalid("an assessment must have one of `feedback`, `expectation` and `issue`")),
        }
    }

    pub(super) fn assessment(mut self) -> Result<Assessment> {
        let (kind, value, error) = self.judgement()?;
        let source = self.source.unwrap_or_default();
        let at = |name: &str, text: Option<String>| text.map_or(Ok(0), |text| time(name, &text));
        Ok(Assessment {
            assessment_id: self.assessment_id.unwrap_or_default(),
            trace_id: String::new(),
            name: super::input::required("assessment_name", self.assessment_name)?,
            kind,
            value,
            error,
            source_type: source.source_type.unwrap_or_else(|| "CODE".to_owned()),
            source_id: source.source_id.unwrap_or_else(|| "default".to_owned()),
            rationale: self.rationale.filter(|text| !text.is_empty()),
            metadata: tags_of(self.metadata),
            span_id: self.span_id.filter(|id| !id.is_empty()),
            create_time_ms: at("create_time", self.create_time)?,
            last_update_time_ms: at("last_update_time", self.last_update_time)?,
            overrides: self.overrides.filter(|id| !id.is_empty()),
            valid: self.valid.unwrap_or(true),
        })
    }

    /// Changes an assessment in what the mask names.
    pub(super) fn apply(mut self, mask: &[String], assessment: &mut Assessment) -> Result<()> {
        for path in mask {
            match path.as_str() {
                "assessment_name" | "assessmentName" => {
                    assessment.name = super::input::required("assessment_name", self.assessment_name.take())?;
                }
                "feedback" | "expectation" => {
                    let (kind, value, error) = self.judgement()?;
                    if kind != assessment.kind {
                        return Err(MlflowError::invalid(format!(
                            "Cannot update {} value on a {} assessment.",
                            kind.as_str(),
                            assessment.kind.as_str()
                        )));
                    }
                    (assessment.value, assessment.error) = (value, error);
                }
                "rationale" => assessment.rationale = self.rationale.take(),
                "metadata" => {
                    for tag in tags_of(std::mem::take(&mut self.metadata)) {
                        assessment.metadata.retain(|there| there.key != tag.key);
                        assessment.metadata.push(tag);
                    }
                    assessment.metadata.sort_by(|a, b| a.key.cmp(&b.key));
                }
                other => {
                    return Err(MlflowError::invalid(format!(
                        "`update_mask` may name assessment_name, feedback, expectation, rationale and metadata; got `{other}`"
                    )));
                }
            }
        }
        Ok(())
    }
}

/// An assessment as clients read it.
pub(super) fn wire_assessment(assessment: &Assessment) -> Value {
    let mut wire = json!({
        "assessment_id": assessment.assessment_id,
        "assessment_name": assessment.name,
        "trace_id": assessment.trace_id,
        "source": {"source_type": assessment.source_type, "source_id": assessment.source_id},
        "create_time": iso8601(assessment.create_time_ms),
        "last_update_time": iso8601(assessment.last_update_time_ms),
        "valid": assessment.valid,
    });
    match assessment.kind {
        AssessmentKind::Feedback => {
            wire["feedback"] = json!({"value": assessment.value});
            if let Some(error) = &assessment.error {
                wire["feedback"]["error"] = error.clone();
            }
        }
        AssessmentKind::Expectation if assessment.value.is_object() || assessment.value.is_array() => {
            let text = assessment.value.to_string();
            wire["expectation"] = json!({"serialized_value": {"serialization_format": "JSON_FORMAT", "value": text}});
        }
        AssessmentKind::Expectation => wire["expectation"] = json!({"value": assessment.value}),
        AssessmentKind::Issue => wire["issue"] = json!({"issue_name": assessment.value}),
    }
    if !assessment.metadata.is_empty() {
        wire["metadata"] = Value::Object(map(&assessment.metadata));
    }
    let texts =
        [("rationale", &assessment.rationale), ("span_id", &assessment.span_id), ("overrides", &assessment.overrides)];
    for (name, text) in texts {
        if let Some(text) = text {
            wire[name] = Value::from(text.as_str());
        }
    }
    wire
}

/// A trace as clients from 3.0 on read it.
pub(super) fn wire_info(info: &TraceInfo) -> Value {
    let mut wire = json!({
        "trace_id": info.trace_id,
        "trace_location": {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": info.experiment_id}},
        "request_time": iso8601(info.request_time_ms),
        "state": info.state.as_str(),
        "trace_metadata": map(&info.metadata),
        "tags": map(&info.tags),
    });
    if let Some(ms) = info.execution_duration_ms {
        wire["execution_duration"] = Value::from(wire_duration(ms));
    }
    let texts = [
        ("client_request_id", &info.client_request_id),
        ("request_preview", &info.request_preview),
        ("response_preview", &info.response_preview),
    ];
    for (name, text) in texts {
        if let Some(text) = text {
            wire[name] = Value::from(text.as_str());
        }
    }
    if !info.assessments.is_empty() {
        wire["assessments"] = info.assessments.iter().map(wire_assessment).collect();
    }
    wire
}

fn pairs(tags: Vec<Tag>) -> Vec<KeyValue> {
    super::convert::wire_tags(tags)
}

/// A trace as clients before 3.0 read it.
pub(super) fn wire_info_v2(info: TraceInfo) -> Value {
    let status = match info.state {
        TraceState::StateUnspecified => "TRACE_STATUS_UNSPECIFIED",
        state => state.as_str(),
    };
    json!({
        "request_id": info.trace_id,
        "experiment_id": info.experiment_id,
        "timestamp_ms": info.request_time_ms,
        "execution_time_ms": info.execution_duration_ms.unwrap_or(0),
        "status": status,
        "request_metadata": pairs(info.metadata),
        "tags": pairs(info.tags),
    })
}

/// A value as OpenTelemetry's `AnyValue`.
fn any(value: &Value) -> Value {
    match value {
        Value::Null => json!({}),
        Value::Bool(flag) => json!({"bool_value": flag}),
        Value::Number(number) if number.is_i64() => json!({"int_value": number}),
        Value::Number(number) => json!({"double_value": number.as_f64()}),
        Value::String(text) => json!({"string_value": text}),
        Value::Array(values) => json!({"array_value": {"values": values.iter().map(any).collect::<Vec<_>>()}}),
        Value::Object(map) => json!({"kvlist_value": {"values": attributes(map)}}),
    }
}

fn attributes(map: &Map<String, Value>) -> Vec<Value> {
    map.iter().map(|(key, value)| json!({"key": key, "value": any(value)})).collect()
}

/// An id of hexadecimal digits as base64, which proto3 JSON has for bytes.
fn base64(id: &str) -> String {
    let id = id.strip_prefix("tr-").unwrap_or(id);
    let bytes: Option<Vec<u8>> =
        (0..id.len()).step_by(2).map(|at| u8::from_str_radix(id.get(at..at + 2)?, 16).ok()).collect();
    STANDARD.encode(bytes.unwrap_or_default())
}

fn status_code(status: SpanStatus) -> &'static str {
    match status {
        SpanStatus::Unset => "STATUS_CODE_UNSET",
        SpanStatus::Ok => "STATUS_CODE_OK",
        SpanStatus::Error => "STATUS_CODE_ERROR",
    }
}

/// A span as OpenTelemetry has it, in proto3 JSON.
fn wire_span(span: &Span) -> Value {
    let content = &span.content;
    let mut all = content.attributes.clone();
    all.insert(REQUEST_ID.to_owned(), Value::from(span.trace_id.as_str()));
    let mut wire = json!({
        "trace_id": base64(&span.trace_id),
        "span_id": base64(&span.span_id),
        "name": span.name,
        "start_time_unix_nano": span.start_time_ns,
        "attributes": attributes(&all),
        "status": {"code": status_code(span.status), "message": content.status_message},
    });
    if let Some(parent) = &span.parent_span_id {
        wire["parent_span_id"] = Value::from(base64(parent));
    }
    if let Some(end) = span.end_time_ns {
        wire["end_time_unix_nano"] = Value::from(end);
    }
    if content.kind != 0 {
        wire["kind"] = Value::from(content.kind);
    }
    if !content.trace_state.is_empty() {
        wire["trace_state"] = Value::from(content.trace_state.as_str());
    }
    if !content.events.is_empty() {
        let event = |event: &metria_store::SpanEvent| json!({"name": event.name, "time_unix_nano": event.time_ns, "attributes": attributes(&event.attributes)});
        wire["events"] = content.events.iter().map(event).collect();
    }
    if !content.links.is_empty() {
        let link = |link: &metria_store::SpanLink| {
            json!({
                "trace_id": base64(&link.trace_id),
                "span_id": base64(&link.span_id),
                "attributes": attributes(&link.attributes),
            })
        };
        wire["links"] = content.links.iter().map(link).collect();
    }
    wire
}

/// A trace with its spans.
pub(super) fn wire_trace(trace: &Trace) -> Value {
    json!({"trace_info": wire_info(&trace.info), "spans": trace.spans.iter().map(wire_span).collect::<Vec<_>>()})
}

/// The spans of a trace as the file `traces.json` holds them: attributes are JSON in a text.
pub(super) fn trace_file(trace: &Trace) -> Value {
    let span = |span: &Span| {
        let content = &span.content;
        let mut all = content.attributes.clone();
        all.insert(REQUEST_ID.to_owned(), Value::from(span.trace_id.as_str()));
        let texts: Map<String, Value> =
            all.into_iter().map(|(key, value)| (key, Value::from(value.to_string()))).collect();
        let event = |event: &metria_store::SpanEvent| json!({"name": event.name, "time_unix_nano": event.time_ns, "attributes": event.attributes});
        let link = |link: &metria_store::SpanLink| {
            let trace_id = format!("tr-{}", link.trace_id);
            json!({"trace_id": trace_id, "span_id": link.span_id, "attributes": link.attributes})
        };
        json!({
            "trace_id": base64(&span.trace_id),
            "span_id": base64(&span.span_id),
            "parent_span_id": span.parent_span_id.as_deref().map(base64),
            "name": span.name,
            "start_time_unix_nano": span.start_time_ns,
            "end_time_unix_nano": span.end_time_ns,
            "events": content.events.iter().map(event).collect::<Vec<_>>(),
            "status": {"code": status_code(span.status), "message": content.status_message},
            "attributes": texts,
            "links": content.links.iter().map(link).collect::<Vec<_>>(),
        })
    };
    json!({"spans": trace.spans.iter().map(span).collect::<Vec<_>>()})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_times() {
        for (text, ms) in [("0s", 0), ("0.118s", 118), ("1.5s", 1_500), ("-2s", -2_000), ("3.000400s", 3_000)] {
            assert_eq!(duration("d", text).ok(), Some(ms), "{text}");
        }
        for (ms, text) in [(0, "0s"), (118, "0.118s"), (61_000, "61s"), (-1_005, "-1.005s")] {
            assert_eq!(wire_duration(ms), text);
        }
        for text in ["", "s", "1", "1 minute", "1e300s", "NaNs"] {
            assert!(duration("d", text).is_err(), "{text}");
        }
    }

    #[test]
    fn values_keep_their_kinds() {
        let value = json!({"a": [1, 1.0, "x", true, null], "big": u64::MAX});
        let expected = json!({"kvlist_value": {"values": [
            {"key": "a", "value": {"array_value": {"values": [
                {"int_value": 1}, {"double_value": 1.0}, {"string_value": "x"}, {"bool_value": true}, {}]}}},
            {"key": "big", "value": {"double_value": u64::MAX as f64}},
        ]}});
        assert_eq!(any(&value), expected);
        assert_eq!(base64("tr-ca31bdfd867c2fa7a8c1bef31240e0eb"), "yjG9/YZ8L6eowb7zEkDg6w==");
        assert_eq!((base64("zz"), base64("é")), (String::new(), String::new()));
    }
}
