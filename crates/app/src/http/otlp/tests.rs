//! Bodies as exporters send them.

use super::*;
use proto::{Any, AnyValue, KeyValue, ResourceSpans, ScopeSpans, Span, Status};
use std::io::Write;

fn attribute(key: &str, value: Any) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }) }
}

fn request() -> ExportTraceServiceRequest {
    let root = Span {
        trace_id: (1..=16).collect(),
        span_id: vec![1; 8],
        name: "GET /".to_owned(),
        kind: 2,
        start_time_unix_nano: 1_700_000_000_000_000_000,
        end_time_unix_nano: 1_700_000_000_250_000_000,
        attributes: vec![
            attribute("text", Any::Text("a\0b".to_owned())),
            attribute("number", Any::Number(f64::NAN)),
            attribute("bytes", Any::Bytes(vec![255, 0])),
            attribute("gen_ai.operation.name", Any::Text("chat".to_owned())),
        ],
        status: Some(Status { code: 2, message: "no".to_owned() }),
        ..Span::default()
    };
    let child =
        Span { span_id: vec![2; 8], parent_span_id: vec![1; 8], end_time_unix_nano: 0, status: None, ..root.clone() };
    let nameless = Span { trace_id: vec![0; 16], ..root.clone() };
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            resource: None,
            scope_spans: vec![ScopeSpans { spans: vec![root, child, nameless] }],
        }],
    }
}

#[test]
fn spans_are_kept_as_they_are() {
    let bytes = request().encode_to_vec();
    let converted = convert(parse(Encoding::Proto, &bytes).ok().expect("it is read"));
    assert_eq!((converted.rejected, converted.reason.contains("16 bytes, not all zero")), (1, true));
    let spans = &converted.resources[0].spans;
    assert_eq!(spans.len(), 2);
    let root = &spans[0];
    assert_eq!(root.trace_id, "tr-0102030405060708090a0b0c0d0e0f10");
    assert_eq!((root.parent_span_id.as_deref(), root.status.as_str()), (None, "ERROR"));
    assert_eq!((root.content.status_message.as_str(), root.content.kind), ("no", 2));
    assert_eq!(root.span_type.as_deref(), Some("CHAT_MODEL"));
    let expected = json!({"text": "a\u{fffd}b", "number": "NaN", "bytes": "/wA=", "gen_ai.operation.name": "chat"});
    assert_eq!(serde_json::Value::Object(root.content.attributes.clone()), expected);
    assert_eq!((spans[1].parent_span_id.as_deref(), spans[1].end_time_ns), (Some("0101010101010101"), None));
}

#[test]
fn json_says_the_same() {
    let body = json!({"resourceSpans": [{
        "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]},
        "scopeSpans": [{"scope": {"name": "x"}, "spans": [{
            "traceId": "5B8EFFF798038103D269B633813FC60C", "spanId": "eee19b7ec3c1b174", "parentSpanId": "",
            "name": "I'm a server span", "kind": "SPAN_KIND_SERVER", "unknown": {"x": 1},
            "startTimeUnixNano": "1544712660000000000", "endTimeUnixNano": 1544712661000000000_u64,
            "attributes": [
                {"key": "i", "value": {"intValue": "-7"}}, {"key": "d", "value": {"doubleValue": 0.5}},
                {"key": "l", "value": {"arrayValue": {"values": [{"boolValue": true}, {}]}}},
                {"key": "m", "value": {"kvlistValue": {"values": [{"key": "a", "value": {"intValue": 1}}]}}},
                {"key": "b", "value": {"bytesValue": "/wA="}}, {"key": "n"}],
            "events": [{"timeUnixNano": "5", "name": "e", "attributes": []}],
            "links": [{"traceId": "00", "spanId": "01"}],
            "status": {"code": 1}}]}]}]});
    let converted = convert(parse(Encoding::Json, body.to_string().as_bytes()).ok().expect("it is read"));
    assert_eq!(converted.rejected, 0, "{}", converted.reason);
    assert_eq!(converted.resources[0].resource, *json!({"service.name": "shop"}).as_object().expect("an object"));
    let span = &converted.resources[0].spans[0];
    assert_eq!((span.trace_id.as_str(), span.content.kind), ("tr-5b8efff798038103d269b633813fc60c", 2));
    assert_eq!((span.start_time_ns, span.end_time_ns), (1_544_712_660_000_000_000, Some(1_544_712_661_000_000_000)));
    let expected = json!({"i": -7, "d": 0.5, "l": [true, null], "m": {"a": 1}, "b": "/wA=", "n": null});
    assert_eq!(serde_json::Value::Object(span.content.attributes.clone()), expected);
    assert_eq!((span.content.events[0].time_ns, span.content.links[0].span_id.as_str()), (5, "01"));
}

#[test]
fn broken_bodies_are_refused() {
    for (encoding, body) in [
        (Encoding::Proto, &b"\xff\xff\xff"[..]),
        (Encoding::Json, b"{"),
        (Encoding::Json, br#"{"resourceSpans": 1}"#),
        (Encoding::Json, br#"{"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": "xyz"}]}]}]}"#),
    ] {
        assert!(parse(encoding, body).is_err());
    }
    let lists = format!("{}{}", r#"{"arrayValue":{"values":["#.repeat(10_000), "]}}".repeat(10_000));
    let deep = format!(r#"{{"resourceSpans":[{{"resource":{{"attributes":[{{"key":"a","value":{lists}}}]}}}}]}}"#);
    assert!(parse(Encoding::Json, deep.as_bytes()).is_err());
    let nest = |inner: AnyValue| AnyValue { value: Some(Any::List(proto::ArrayValue { values: vec![inner] })) };
    let value = Some((0..200).fold(AnyValue::default(), |inner, _| nest(inner)));
    let resource = proto::Resource { attributes: vec![KeyValue { key: "a".to_owned(), value }] };
    let group = ResourceSpans { resource: Some(resource), scope_spans: Vec::new() };
    let deep = ExportTraceServiceRequest { resource_spans: vec![group] }.encode_to_vec();
    assert!(parse(Encoding::Proto, &deep).is_err());
}

#[test]
fn packed_bodies_are_unpacked_within_bounds() {
    let body = vec![b'x'; 100_000];
    let packed = |level| {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), level);
        gzip.write_all(&body).expect("it is packed");
        gzip.finish().expect("it is packed")
    };
    let gzip = packed(flate2::Compression::fast());
    assert_eq!(unpack("gzip", &gzip).ok().flatten().as_deref(), Some(body.as_slice()));
    let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    zlib.write_all(&body).expect("it is packed");
    assert_eq!(unpack("deflate", &zlib.finish().expect("it is packed")).ok().flatten(), Some(body));
    assert!(unpack("gzip", b"no gzip").is_err() && unpack("br", b"").is_err());
    assert!(unpack("identity", b"x").is_ok_and(|unpacked| unpacked.is_none()));
    let bomb = {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        let block = vec![0; 1 << 20];
        for _ in 0..=UNPACKED_BYTES >> 20 {
            gzip.write_all(&block).expect("it is packed");
        }
        gzip.finish().expect("it is packed")
    };
    let refused = unpack("gzip", &bomb).expect_err("it is refused");
    assert_eq!(refused.status(), StatusCode::PAYLOAD_TOO_LARGE);
}
