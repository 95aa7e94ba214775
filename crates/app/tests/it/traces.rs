//! Traces by OpenTelemetry's protocol, in our own API and on the pages.

use crate::support::{Home, Server, says, text};
use serde_json::json;

/// A field of a Protocol Buffers message that holds bytes.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let mut message = vec![number << 3 | 2];
    let mut length = bytes.len();
    while length >= 128 {
        message.push((length % 128) as u8 | 128);
        length /= 128;
    }
    message.push(length as u8);
    [message.as_slice(), bytes].concat()
}

/// A field that holds a fixed 64-bit number.
fn fixed(number: u8, value: u64) -> Vec<u8> {
    [&[number << 3 | 1][..], &value.to_le_bytes()].concat()
}

fn attribute(key: &str, value: &str) -> Vec<u8> {
    [field(1, key.as_bytes()), field(2, &field(1, value.as_bytes()))].concat()
}

/// One span as an exporter sends it: trace and span id, parent, name, times, an attribute, a status.
fn span(trace: u8, id: u8, parent: Option<u8>, name: &str, start_ms: u64, status: u8) -> Vec<u8> {
    let mut span = [field(1, &[trace; 16]), field(2, &[id; 8])].concat();
    span.extend(parent.map(|parent| field(4, &[parent; 8])).unwrap_or_default());
    span.extend(
        [
            field(5, name.as_bytes()),
            fixed(7, start_ms * 1_000_000),
            fixed(8, (start_ms + 100) * 1_000_000),
            field(9, &attribute("input.value", "a <question>")),
            field(15, &[3 << 3, status]),
        ]
        .concat(),
    );
    span
}

fn request(spans: &[Vec<u8>]) -> Vec<u8> {
    let spans: Vec<u8> = spans.iter().flat_map(|span| field(2, span)).collect();
    let resource = field(1, &field(1, &attribute("service.name", "shop")));
    field(1, &[resource, field(2, &spans)].concat())
}

fn export(server: &Server, body: &[u8], headers: &[&str]) -> crate::support::Answer {
    let headers = [&["content-type: application/x-protobuf"], headers].concat();
    server.send("POST", "/v1/traces", &headers, body)
}

#[test]
fn spans_of_an_exporter_become_a_trace() {
    let home = Home::new();
    let server = home.server();
    let first = request(&[span(7, 2, Some(1), "query", 1_050, 1)]);
    let answer = export(&server, &first, &[]);
    assert_eq!((answer.status, answer.body.as_str()), (200, ""));
    assert_eq!(answer.header("content-type"), Some("application/x-protobuf"));
    let path = format!("/api/v1/traces/tr-{}", "07".repeat(16));
    assert_eq!(server.get(&path).ok()["info"]["state"], "IN_PROGRESS");
    let rest = request(&[span(7, 1, None, "<checkout>", 1_000, 2), span(8, 1, None, "other", 5_000, 0)]);
    assert_eq!(export(&server, &rest, &["x-mlflow-experiment-id: 0"]).status, 200);
    let trace = server.get(&path).ok();
    let info = &trace["info"];
    assert_eq!((&info["state"], &info["experiment_id"]), (&json!("ERROR"), &json!("0")));
    assert_eq!((&info["request_time_ms"], &info["execution_duration_ms"]), (&json!(1_000), &json!(150)));
    assert_eq!(info["request_preview"], "a <question>");
    let names: Vec<String> = trace["spans"].as_array().unwrap().iter().map(|span| text(&span["name"])).collect();
    assert_eq!(names, ["<checkout>", "query"]);
    assert_eq!(trace["spans"][1]["parent_span_id"], "01".repeat(8));

    let found = server.get("/api/v1/traces?filter=status%20%3D%20%27ERROR%27&max_results=1").ok();
    assert_eq!(found["items"].as_array().map(Vec::len), Some(1));
    assert_eq!(found["items"][0]["tags"].as_array().unwrap().iter().filter(|tag| tag["value"] == "shop").count(), 1);
    let newest = server.get("/api/v1/traces?max_results=1").ok();
    assert!(newest["next_page_token"].is_string() && newest["items"][0]["request_time_ms"] == 5_000);
    says(&server.get("/api/v1/traces?filter=colour%20%3D%20%27x%27").refused(400), &["colour", "trace_id"]);
    says(&server.get("/api/v1/traces?max_results=501").refused(400), &["500", "501"]);
    server.get("/api/v1/traces/nobody").refused(404);

    for page in ["/traces", "/traces?filter=span.name+%3D+%27query%27", &path[7..]] {
        let page = server.get(page);
        assert_eq!(page.status, 200);
        assert!(page.body.contains("&#60;checkout&#62;") && !page.body.contains("<checkout>"), "{}", page.body);
    }
    assert!(server.get("/traces?filter=nonsense").body.contains("class=\"problem\""));
}

#[test]
fn what_an_exporter_is_told() {
    let home = Home::new();
    let server = home.server();
    let nameless = request(&[span(0, 1, None, "x", 1, 1)]);
    let partial = export(&server, &nameless, &[]);
    assert!(partial.status == 200 && partial.body.contains("not all zero"), "{partial:?}");
    for (answer, status, words) in [
        (export(&server, b"\xff\xff", &[]), 400, "ExportTraceServiceRequest"),
        (export(&server, b"x", &["content-encoding: gzip"]), 400, "unpacked"),
        (export(&server, b"x", &["content-encoding: br"]), 415, "gzip"),
        (export(&server, &request(&[span(1, 1, None, "x", 1, 1)]), &["x-mlflow-experiment-id: 77"]), 404, "77"),
        (
            export(&server, &request(&[span(1, 1, None, "x", 1, 1)]), &["origin: http://elsewhere.example"]),
            403,
            "Origin",
        ),
        (server.send("POST", "/v1/traces", &["content-type: text/plain"], b"x"), 415, "protobuf"),
        (server.send("GET", "/v1/traces", &[], b""), 405, "GET"),
    ] {
        assert_eq!(answer.status, status, "{answer:?}");
        assert!(answer.body.contains(words), "{answer:?}");
    }
    let json = server.send("POST", "/v1/traces", &["content-type: application/json; charset=utf-8"], b"{}");
    assert_eq!((json.status, json.body.as_str()), (200, "{}"));
}
