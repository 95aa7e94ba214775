//! Traces: what one request did, as a tree of spans with inputs, outputs, times and outcome.

use crate::error::Result;
use crate::query::Page;
use crate::runs::Tag;
use crate::text::{check_tags, check_texts};
use crate::trace_query::TraceQuery;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The metadata that says that a client has told times and state of a trace; spans change them no more.
pub const FINALIZED: &str = "mlflow.trace.infoFinalized";
/// The metadata that names the run in which a trace was made.
pub const SOURCE_RUN: &str = "mlflow.sourceRun";

/// How a trace stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum TraceState {
    /// Nobody said.
    #[default]
    StateUnspecified,
    /// Ended well.
    Ok,
    /// Ended badly.
    Error,
    /// Going on.
    InProgress,
}

impl TraceState {
    /// Every state.
    pub const ALL: [Self; 4] = [Self::StateUnspecified, Self::Ok, Self::Error, Self::InProgress];

    /// The name on the wire and in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::StateUnspecified => "STATE_UNSPECIFIED",
            Self::Ok => "OK",
            Self::Error => "ERROR",
            Self::InProgress => "IN_PROGRESS",
        }
    }

    /// The state of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }

    /// Whether a trace in this state may still end.
    #[must_use]
    pub fn is_open(self) -> bool {
        matches!(self, Self::StateUnspecified | Self::InProgress)
    }
}

/// A trace without its spans.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TraceInfo {
    /// `tr-` and the 32 hexadecimal characters of OpenTelemetry's trace id, or what a client chose.
    pub trace_id: String,
    /// The experiment it belongs to.
    pub experiment_id: String,
    /// The caller's own name for the request.
    pub client_request_id: Option<String>,
    /// When the request came.
    pub request_time_ms: i64,
    /// How long it took; nothing while it goes on.
    pub execution_duration_ms: Option<i64>,
    /// How it stands.
    pub state: TraceState,
    /// The start of what was asked.
    pub request_preview: Option<String>,
    /// The start of what was answered.
    pub response_preview: Option<String>,
    /// Facts that do not change, by key ascending.
    pub metadata: Vec<Tag>,
    /// Tags, by key ascending.
    pub tags: Vec<Tag>,
    /// What people and judges say about it, by time of creation, then id.
    pub assessments: Vec<Assessment>,
}

impl TraceInfo {
    /// Refuses what no backend keeps.
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::Error::Invalid) when a text holds the character NUL.
    pub fn check(&self) -> Result<()> {
        check_texts([&self.trace_id, &self.experiment_id])?;
        check_texts([&self.client_request_id, &self.request_preview, &self.response_preview].into_iter().flatten())?;
        check_tags(&self.metadata)?;
        check_tags(&self.tags)?;
        self.assessments.iter().try_for_each(Assessment::check)
    }

    /// When it ended.
    #[must_use]
    pub fn end_time_ms(&self) -> i64 {
        self.request_time_ms.saturating_add(self.execution_duration_ms.unwrap_or(0))
    }

    /// Takes in what spans that came later tell about the same trace. Times and state that a client has told itself
    /// (`finalized`) stay; so do previews that are there.
    pub fn absorb(&mut self, later: &Self, finalized: bool) {
        if !finalized {
            let end = match (self.execution_duration_ms, later.execution_duration_ms) {
                (None, None) => None,
                (Some(_), None) => Some(self.end_time_ms()),
                (None, Some(_)) => Some(later.end_time_ms()),
                (Some(_), Some(_)) => Some(self.end_time_ms().max(later.end_time_ms())),
            };
            self.request_time_ms = self.request_time_ms.min(later.request_time_ms);
            self.execution_duration_ms = end.map(|end| end.saturating_sub(self.request_time_ms));
        }
        if self.state.is_open() && !later.state.is_open() {
            self.state = later.state;
        }
        if self.request_preview.is_none() {
            self.request_preview.clone_from(&later.request_preview);
        }
        if self.response_preview.is_none() {
            self.response_preview.clone_from(&later.response_preview);
        }
    }
}

/// How a span ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "UPPERCASE")]
pub enum SpanStatus {
    /// Nobody said, which OpenTelemetry reads as well.
    #[default]
    Unset,
    /// Well.
    Ok,
    /// Badly.
    Error,
}

impl SpanStatus {
    /// Every status.
    pub const ALL: [Self; 3] = [Self::Unset, Self::Ok, Self::Error];

    /// The name in searches and in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unset => "UNSET",
            Self::Ok => "OK",
            Self::Error => "ERROR",
        }
    }

    /// The status of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == name)
    }
}

/// One step of a trace.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Span {
    /// The trace it belongs to.
    pub trace_id: String,
    /// 16 hexadecimal characters.
    pub span_id: String,
    /// The step it is part of; nothing at the root.
    pub parent_span_id: Option<String>,
    /// Its name.
    pub name: String,
    /// `LLM`, `RETRIEVER`, `TOOL`, …
    pub span_type: Option<String>,
    /// How it ended.
    pub status: SpanStatus,
    /// When it began, in nanoseconds.
    pub start_time_ns: i64,
    /// When it ended, in nanoseconds; nothing while it goes on.
    pub end_time_ns: Option<i64>,
    /// The rest.
    pub content: SpanContent,
}

/// What a span tells besides its place, times and outcome.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct SpanContent {
    /// The outcome in words.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub status_message: String,
    /// OpenTelemetry's kind: 0 unspecified, 1 internal, 2 server, 3 client, 4 producer, 5 consumer.
    #[serde(skip_serializing_if = "is_zero")]
    pub kind: i32,
    /// W3C trace state.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub trace_state: String,
    /// Attributes by name, in the order in which they came.
    #[cfg_attr(feature = "openapi", schema(value_type = std::collections::HashMap<String, Value>))]
    pub attributes: Map<String, Value>,
    /// What happened in it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<SpanEvent>,
    /// Spans of other traces that it has to do with.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<SpanLink>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(number: &i32) -> bool {
    *number == 0
}

impl SpanContent {
    /// As it is kept.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("texts and numbers are always JSON")
    }
}

impl SpanContent {
    fn check(&self) -> Result<()> {
        check_texts([&self.status_message, &self.trace_state])?;
        check_texts(self.events.iter().map(|event| &event.name))?;
        check_texts(self.links.iter().flat_map(|link| [&link.trace_id, &link.span_id]))?;
        check_map(&self.attributes)?;
        self.events.iter().try_for_each(|event| check_map(&event.attributes))?;
        self.links.iter().try_for_each(|link| check_map(&link.attributes))
    }
}

fn check_map(map: &Map<String, Value>) -> Result<()> {
    check_texts(map.keys())?;
    map.values().try_for_each(check_value)
}

fn check_value(value: &Value) -> Result<()> {
    match value {
        Value::String(text) => check_texts([text]),
        Value::Array(values) => values.iter().try_for_each(check_value),
        Value::Object(map) => check_map(map),
        Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
    }
}

/// Something that happened in a span.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SpanEvent {
    /// Its name.
    pub name: String,
    /// When, in nanoseconds.
    pub time_ns: i64,
    /// Attributes by name.
    #[cfg_attr(feature = "openapi", schema(value_type = std::collections::HashMap<String, Value>))]
    pub attributes: Map<String, Value>,
}

/// A span of another trace.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SpanLink {
    /// Its trace, as 32 hexadecimal characters.
    pub trace_id: String,
    /// 16 hexadecimal characters.
    pub span_id: String,
    /// Attributes by name.
    #[cfg_attr(feature = "openapi", schema(value_type = std::collections::HashMap<String, Value>))]
    pub attributes: Map<String, Value>,
}

/// What a store is told about one trace by spans that came together.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TraceSpans {
    /// The trace as these spans alone tell it; its tags replace, its metadata is added where it is missing.
    pub info: TraceInfo,
    /// The spans; one that is there already is replaced.
    pub spans: Vec<Span>,
}

impl TraceSpans {
    /// Refuses what no backend keeps.
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::Error::Invalid) when a text holds the character NUL, in an attribute, too.
    pub fn check(&self) -> Result<()> {
        self.info.check()?;
        for span in &self.spans {
            check_texts([&span.trace_id, &span.span_id, &span.name])?;
            check_texts([&span.parent_span_id, &span.span_type].into_iter().flatten())?;
            span.content.check()?;
        }
        Ok(())
    }
}

/// What kind of thing is said about a trace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum AssessmentKind {
    /// How good it was.
    #[default]
    Feedback,
    /// What would have been right.
    Expectation,
    /// A known problem, whose id is the assessment's name.
    Issue,
}

impl AssessmentKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Feedback, Self::Expectation, Self::Issue];

    /// The name in searches and in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Feedback => "feedback",
            Self::Expectation => "expectation",
            Self::Issue => "issue",
        }
    }

    /// The kind of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// What somebody says about a trace or one of its spans.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Assessment {
    /// Unique within the trace.
    pub assessment_id: String,
    /// The trace it is about.
    pub trace_id: String,
    /// What is judged: `correctness`, `expected_answer`, …
    pub name: String,
    /// Feedback, expectation or issue.
    pub kind: AssessmentKind,
    /// The judgement, any JSON.
    pub value: Value,
    /// Why there is no judgement, as JSON.
    pub error: Option<Value>,
    /// `HUMAN`, `LLM_JUDGE`, `CODE`, …
    pub source_type: String,
    /// Who or what judged.
    pub source_id: String,
    /// Why.
    pub rationale: Option<String>,
    /// Facts about it, by key ascending.
    pub metadata: Vec<Tag>,
    /// The span it is about; the whole trace when not given.
    pub span_id: Option<String>,
    /// When it was made.
    pub create_time_ms: i64,
    /// When it was changed last.
    pub last_update_time_ms: i64,
    /// The assessment that it takes the place of.
    pub overrides: Option<String>,
    /// Whether none has taken its place.
    pub valid: bool,
}

impl Assessment {
    /// Refuses what no backend keeps.
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::Error::Invalid) when a text holds the character NUL.
    pub fn check(&self) -> Result<()> {
        check_texts([&self.assessment_id, &self.trace_id, &self.name, &self.source_type, &self.source_id])?;
        check_texts([&self.rationale, &self.span_id, &self.overrides].into_iter().flatten())?;
        check_tags(&self.metadata)?;
        check_value(&self.value)?;
        self.error.iter().try_for_each(check_value)
    }

    /// The value where it is a number that can be compared.
    #[must_use]
    pub fn number(&self) -> Option<f64> {
        self.value.as_f64().filter(|number| number.is_finite())
    }
}

/// Which traces of an experiment go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TraceSelection {
    /// Those that came at this time or before; all when not given.
    pub max_request_time_ms: Option<i64>,
    /// The oldest so many; all when not given.
    pub limit: Option<usize>,
    /// Only these; all when not given.
    pub trace_ids: Option<Vec<String>>,
}

/// Traces in a store.
///
/// Every call is atomic; an answered write survives `kill -9`. A text with NUL is `Invalid`.
#[async_trait::async_trait]
pub trait TraceStore: Send + Sync {
    /// Writes what a client tells about a trace and returns it as it now is. Where spans made the trace already, times,
    /// state and request id are replaced, previews where they are given, tags, metadata and assessments key by key.
    /// `NotFound` without its experiment, `Conflict` when that is deleted.
    async fn start_trace(&self, info: TraceInfo) -> Result<TraceInfo>;

    /// Writes spans of several traces, all of them or nothing. A trace that is not there is made in the experiment of
    /// its [`TraceSpans::info`]; one that is there [absorbs](TraceInfo::absorb) it and stays in its experiment.
    /// `NotFound` without the experiment of a new trace, `Conflict` when that is deleted.
    async fn log_spans(&self, traces: Vec<TraceSpans>) -> Result<()>;

    /// The traces of these ids that are there, in the order of the ids, each once.
    async fn get_traces(&self, trace_ids: &[String]) -> Result<Vec<TraceInfo>>;

    /// The spans of these traces: by trace id, then the roots first, then by start, then by id.
    async fn get_spans(&self, trace_ids: &[String]) -> Result<Vec<Span>>;

    /// One page of traces. Ties are broken by request time descending, then trace id ascending; traces without the key
    /// come last in either direction. A page begins after the last trace of the page before, wherever that stands.
    /// What [`TraceQuery::check`] refuses is `Invalid`.
    async fn search_traces(&self, query: &TraceQuery) -> Result<Page<TraceInfo>>;

    /// How many traces a query finds; its order and page do not matter.
    async fn count_traces(&self, query: &TraceQuery) -> Result<u64>;

    /// Writes or replaces a tag. `NotFound` without the trace.
    async fn set_trace_tag(&self, trace_id: &str, tag: Tag) -> Result<()>;

    /// Removes a tag. `NotFound` when the trace or the tag is not there.
    async fn delete_trace_tag(&self, trace_id: &str, key: &str) -> Result<()>;

    /// Deletes traces of an experiment with all that belongs to them, the oldest first; returns their ids.
    async fn delete_traces(&self, experiment_id: &str, which: TraceSelection) -> Result<Vec<String>>;

    /// Says that traces belong to a run; doing it twice changes nothing, ids without a trace are passed over.
    async fn link_traces_to_run(&self, trace_ids: &[String], run_id: &str) -> Result<()>;

    /// Says which versions of prompts (`name/version`) a trace used; doing it twice changes nothing. `NotFound` without
    /// the trace.
    async fn link_prompts(&self, trace_id: &str, prompts: &[String]) -> Result<()>;

    /// Writes an assessment. What it overrides is no longer valid. `NotFound` when the trace, or what it overrides, is
    /// not there; `AlreadyExists` when the id is taken in that trace.
    async fn create_assessment(&self, assessment: Assessment) -> Result<()>;

    /// Replaces an assessment: all but its id, kind, source, span, time of creation, and what overrides what.
    /// Returns it as it now is. `NotFound` when it is not there.
    async fn update_assessment(&self, assessment: Assessment) -> Result<Assessment>;

    /// Deletes an assessment; what it overrode is valid again. Nothing happens when it is not there; `NotFound` without
    /// the trace.
    async fn delete_assessment(&self, trace_id: &str, assessment_id: &str) -> Result<()>;
}
