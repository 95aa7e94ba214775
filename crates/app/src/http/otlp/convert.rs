//! From OpenTelemetry's spans to ours. A span that cannot be kept is refused alone; the others go on.

use super::proto::{Any, AnyValue, Event, ExportTraceServiceRequest, KeyValue, Link, Span};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use metria_store::{SpanContent, SpanEvent, SpanLink, SpanStatus};
use metria_tracking::{ResourceSpans, span_type};
use serde_json::{Map, Number, Value};

/// Most bytes of one span's attributes, events and links as JSON.
const SPAN_BYTES: usize = 8 << 20;

/// What a request comes to.
#[derive(Default)]
pub(super) struct Converted {
    pub(super) resources: Vec<ResourceSpans>,
    /// Spans that cannot be kept.
    pub(super) rejected: i64,
    /// Why the first of them cannot.
    pub(super) reason: String,
}

pub(super) fn convert(request: ExportTraceServiceRequest) -> Converted {
    let mut converted = Converted::default();
    for group in request.resource_spans {
        let resource = attributes(group.resource.unwrap_or_default().attributes);
        let mut spans = Vec::new();
        for span in group.scope_spans.into_iter().flat_map(|scope| scope.spans) {
            match self::span(span) {
                Ok(span) => spans.push(span),
                Err(reason) => {
                    converted.rejected += 1;
                    if converted.reason.is_empty() {
                        converted.reason = reason;
                    }
                }
            }
        }
        converted.resources.push(ResourceSpans { resource, spans });
    }
    converted
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// An id of so many bytes that are not all zero, as OpenTelemetry demands.
fn id(what: &str, bytes: &[u8], length: usize) -> Result<String, String> {
    if bytes.len() != length || bytes.iter().all(|byte| *byte == 0) {
        return Err(format!("a {what} must be {length} bytes, not all zero; got `{}`", hexadecimal(bytes)));
    }
    Ok(hexadecimal(bytes))
}

fn nanoseconds(what: &str, time: u64) -> Result<i64, String> {
    i64::try_from(time).map_err(|_| format!("the {what} must be at most {} nanoseconds; got {time}", i64::MAX))
}

fn span(span: Span) -> Result<metria_store::Span, String> {
    let trace_id = id("trace id", &span.trace_id, 16)?;
    let span_id = id("span id", &span.span_id, 8)?;
    let parent_span_id = match span.parent_span_id.as_slice() {
        [] => None,
        zero if zero.iter().all(|byte| *byte == 0) => None,
        parent => Some(id("parent span id", parent, 8)?),
    };
    let status = span.status.unwrap_or_default();
    let attributes = attributes(span.attributes);
    let end_time_ns = nanoseconds("end time", span.end_time_unix_nano)?;
    let converted = metria_store::Span {
        trace_id: format!("tr-{trace_id}"),
        parent_span_id,
        name: clean(span.name),
        span_type: span_type(&attributes),
        status: match status.code {
            1 => SpanStatus::Ok,
            2 => SpanStatus::Error,
            _ => SpanStatus::Unset,
        },
        start_time_ns: nanoseconds("start time", span.start_time_unix_nano)?,
        end_time_ns: (end_time_ns > 0).then_some(end_time_ns),
        content: SpanContent {
            status_message: clean(status.message),
            kind: span.kind,
            trace_state: clean(span.trace_state),
            attributes,
            events: span.events.into_iter().map(event).collect::<Result<_, _>>()?,
            links: span.links.into_iter().map(link).collect(),
        },
        span_id,
    };
    let bytes = converted.content.to_json().len();
    if bytes > SPAN_BYTES {
        return Err(format!("a span must have at most {SPAN_BYTES} bytes; {} has {bytes}", converted.span_id));
    }
    Ok(converted)
}

fn event(event: Event) -> Result<SpanEvent, String> {
    Ok(SpanEvent {
        name: clean(event.name),
        time_ns: nanoseconds("time of an event", event.time_unix_nano)?,
        attributes: attributes(event.attributes),
    })
}

fn link(link: Link) -> SpanLink {
    SpanLink {
        trace_id: hexadecimal(&link.trace_id),
        span_id: hexadecimal(&link.span_id),
        attributes: attributes(link.attributes),
    }
}

fn attributes(list: Vec<KeyValue>) -> Map<String, Value> {
    list.into_iter().map(|KeyValue { key, value }| (clean(key), value.map_or(Value::Null, self::value))).collect()
}

/// A text without the character NUL, which no store keeps.
fn clean(text: String) -> String {
    if text.contains('\0') { text.replace('\0', "\u{fffd}") } else { text }
}

/// A value as JSON: numbers that JSON lacks become their names, bytes base64.
fn value(any: AnyValue) -> Value {
    match any.value {
        None => Value::Null,
        Some(Any::Text(text)) => Value::String(clean(text)),
        Some(Any::Flag(flag)) => Value::Bool(flag),
        Some(Any::Integer(integer)) => Value::from(integer),
        Some(Any::Number(number)) => match Number::from_f64(number) {
            Some(number) => Value::Number(number),
            None if number.is_nan() => Value::from("NaN"),
            None => Value::from(if number > 0.0 { "Infinity" } else { "-Infinity" }),
        },
        Some(Any::List(list)) => list.values.into_iter().map(value).collect(),
        Some(Any::Map(map)) => Value::Object(attributes(map.values)),
        Some(Any::Bytes(bytes)) => Value::String(STANDARD.encode(bytes)),
    }
}
