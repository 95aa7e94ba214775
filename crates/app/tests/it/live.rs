//! Runs that are watched while they go on, lines of charts, and what the pages need besides.

use crate::support::{Home, Server, says, signal, text, wait_for};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

/// A stream of server-sent events.
struct Events(BufReader<TcpStream>);

impl Events {
    fn of(server: &Server, run_id: &str) -> Self {
        let mut stream = server.connect();
        let head = format!(
            "GET /api/v1/runs/{run_id}/events HTTP/1.1\r\nhost: {}\r\naccept-encoding: gzip\r\n\r\n",
            server.address
        );
        stream.write_all(head.as_bytes()).unwrap();
        let mut events = Self(BufReader::new(stream));
        let head = events.until(|line| line.is_empty());
        assert!(head[0].starts_with("HTTP/1.1 200"), "{head:?}");
        let said = |words: &str| head.iter().any(|line| line.eq_ignore_ascii_case(words));
        assert!(said("content-type: text/event-stream") && !said("content-encoding: gzip"), "{head:?}");
        events
    }

    /// The lines up to one that is wanted, or to the end of the stream.
    fn until(&mut self, wanted: impl Fn(&str) -> bool) -> Vec<String> {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            let end = self.0.read_line(&mut line).unwrap() == 0;
            lines.push(line.trim_end().to_owned());
            if end || wanted(lines.last().unwrap()) {
                return lines;
            }
        }
    }

    /// The name and data of the next event.
    fn next(&mut self) -> (String, Value) {
        let lines = self.until(|line| line.starts_with("data: "));
        let field = |name: &str| lines.iter().find_map(|line| line.strip_prefix(name)).unwrap_or_default().to_owned();
        (field("event: "), serde_json::from_str(&field("data: ")).unwrap())
    }
}

fn new_run(server: &Server) -> String {
    let made = server.post("/api/v1/runs", r#"{"experiment_id": "0"}"#);
    assert_eq!(made.status, 201, "{made:?}");
    text(&made.json()["run_id"])
}

fn log(server: &Server, run_id: &str, values: &[(i64, f64)]) {
    let metric =
        |(step, value): &(i64, f64)| json!({"key": "loss", "value": value, "timestamp_ms": step, "step": step});
    let batch = json!({"metrics": values.iter().map(metric).collect::<Vec<_>>()});
    assert_eq!(server.post(&format!("/api/v1/runs/{run_id}/log"), batch.to_string()).status, 204);
}

#[test]
fn a_watched_run_tells_what_is_new() {
    let home = Home::new();
    let (server, other) = (home.server(), home.server());
    let run_id = new_run(&server);
    log(&server, &run_id, &[(0, 0.5)]);
    let mut events = Events::of(&server, &run_id);
    let (name, run) = events.next();
    assert_eq!((name.as_str(), &run["run_id"], &run["metrics"][0]["value"]), ("run", &json!(run_id), &json!(0.5)));
    // One line written here, one by the server of another process; a client of MLflow writes like any other.
    for (writer, value) in [(&server, 0.25), (&other, 0.125)] {
        let step = if value > 0.2 { 1 } else { 2 };
        let point = json!({"run_id": run_id, "key": "loss", "value": value, "timestamp": step, "step": step});
        assert_eq!(writer.post("/api/2.0/mlflow/runs/log-metric", point.to_string()).status, 200);
        let (name, change) = events.next();
        assert_eq!((name.as_str(), &change["metrics"][0]["value"]), ("change", &json!(value)), "{change}");
        let series = &change["series"][0];
        assert_eq!((&series["key"], &series["steps"]), (&json!("loss"), &json!([step - 1, step])), "{change}");
    }
    let end = json!({"status": "FINISHED", "end_time_ms": 9});
    let path = format!("/api/v1/runs/{run_id}");
    server.send("PATCH", &path, &["content-type: application/json"], end.to_string().as_bytes()).ok();
    assert_eq!(events.next().1["info"]["status"], "FINISHED");
    server.get("/api/v1/runs/nobody/events").refused(404);
}

#[test]
fn watchers_do_not_hold_up_the_end_of_the_server() {
    let home = Home::new();
    let mut server = home.server();
    let run_id = new_run(&server);
    let mut watchers: Vec<Events> = (0..20).map(|_| Events::of(&server, &run_id)).collect();
    watchers.iter_mut().for_each(|events| assert_eq!(events.next().0, "run"));
    signal(&server.child, "TERM");
    let started = std::time::Instant::now();
    assert_eq!(wait_for(&mut server.child), Some(0));
    assert!(started.elapsed().as_secs() < 10, "it took {:?}", started.elapsed());
    for mut events in watchers {
        assert!(events.until(|line| line.starts_with("data: ")).last().unwrap().is_empty(), "the stream ended");
    }
}

#[test]
fn series_keep_ends_and_extremes() {
    let home = Home::new();
    let server = home.server();
    let (run_id, empty) = (new_run(&server), new_run(&server));
    for start in [0, 1_000, 2_000] {
        let value = |step: i64| if step == 1_234 { 9.0 } else { step as f64 / 1e4 };
        log(&server, &run_id, &(start..start + 1_000).map(|step| (step, value(step))).collect::<Vec<_>>());
    }
    let path = format!("/api/v1/series?run_ids={run_id},{empty}&key=loss");
    let found = server.get(&format!("{path}&max_points=50")).ok();
    let steps: Vec<i64> = serde_json::from_value(found[0]["steps"].clone()).unwrap();
    assert_eq!((steps[0], steps[steps.len() - 1], &found[0]["n_points"]), (0, 2_999, &json!(3_000)));
    assert!(steps.len() <= 50 && steps.contains(&1_234) && steps.is_sorted(), "{steps:?}");
    for column in ["values", "timestamps_ms"] {
        assert_eq!(found[0][column].as_array().unwrap().len(), steps.len());
    }
    assert_eq!((&found[1]["run_id"], &found[1]["steps"]), (&json!(empty), &json!([])));
    assert_eq!(server.get(&path).ok()[0]["steps"].as_array().map(|steps| steps.len() <= 1_000), Some(true));
    says(&server.get(&format!("{path}&max_points=9")).refused(400), &["10 to 20000", "got 9"]);
    says(&server.get("/api/v1/series?run_ids=,&key=loss").refused(400), &["1 to 100"]);
    server.get("/api/v1/series?run_ids=nobody&key=loss").refused(404);
}

#[test]
fn tables_hold_the_columns_that_are_wanted() {
    let home = Home::new();
    let server = home.server();
    let run_id = new_run(&server);
    let pair = |key: &str| json!({"key": key, "value": "x"});
    let metric = |key: &str| json!({"key": key, "value": 1.5, "timestamp_ms": 1, "step": 0});
    let batch = json!({
        "metrics": [metric("a"), metric("b,c")], "params": [pair("p"), pair("q`r")], "tags": [pair("t"), pair("u")],
    });
    assert_eq!(server.post(&format!("/api/v1/runs/{run_id}/log"), batch.to_string()).status, 204);
    let keys = |run: &Value, what: &str| -> Vec<String> {
        run[what].as_array().unwrap().iter().map(|pair| text(&pair["key"])).collect()
    };
    let get = |columns: &str| server.get(&format!("/api/v1/runs?columns={columns}")).ok()["items"][0].clone();
    let run = get("metrics.%60b,c%60,params.%22q%60r%22,tags.t");
    assert_eq!(
        (keys(&run, "metrics"), keys(&run, "params"), keys(&run, "tags")),
        (vec!["b,c".into()], vec!["q`r".into()], vec!["t".into()])
    );
    assert!(keys(&get(""), "metrics").is_empty() && run["run_name"].is_string());
    says(&server.get("/api/v1/runs?columns=loss").refused(400), &["metrics.KEY", "`loss`"]);
    let sorted = server.get("/api/v1/runs?order_by=metrics.%60b,c%60%20DESC").ok();
    assert_eq!(sorted["items"][0]["run_id"], json!(run_id));

    let known = server.get("/api/v1/experiments/0/keys").ok();
    assert_eq!((&known["metrics"], &known["params"]), (&json!(["a", "b,c"]), &json!(["p", "q`r"])));
    assert!(known["tags"].as_array().unwrap().contains(&json!("u")));
    server.get("/api/v1/experiments/nobody/keys").refused(404);
}

#[test]
fn what_pages_change() {
    let home = Home::new();
    let run_id = home.run_id(&[]);
    let server = home.server();
    let send = |method: &str, path: &str, body: Value| {
        server.send(method, path, &["content-type: application/json"], body.to_string().as_bytes())
    };
    let version = json!({"model_uri": format!("runs:/{run_id}/model")});
    assert_eq!(server.post("/api/v1/models/old/versions", version.to_string()).status, 201);
    let changed = send("PATCH", "/api/v1/models/old", json!({"description": "**good**", "name": "new"})).ok();
    assert_eq!((&changed["name"], &changed["description"]), (&json!("new"), &json!("**good**")));
    let path = "/api/v1/models/new/versions/1";
    assert_eq!(send("PATCH", path, json!({"description": "first"})).ok()["description"], "first");
    assert_eq!(send("PATCH", path, json!({})).ok()["description"], "first");
    says(&send("PATCH", path, json!({"stage": "Production"})).refused(400), &["stage", "description"]);
    send("PATCH", "/api/v1/models/old", json!({})).refused(404);

    let tag = json!({"key": "a/b é", "value": "1"});
    assert_eq!(send("POST", "/api/v1/experiments/0/tags", tag).status, 200);
    let path = "/api/v1/experiments/0/tags/a%2Fb%20%C3%A9";
    assert_eq!(server.send("DELETE", path, &[], b"").status, 204);
    server.send("DELETE", path, &[], b"").refused(404);
}

#[test]
fn files_are_shown_without_power() {
    let home = Home::new();
    let run_id = home.run_id(&[]);
    let server = home.server();
    let folder = home.artifacts(&run_id);
    std::fs::write(folder.join("evil.html"), "<script>parent.stolen = 1</script>").unwrap();
    std::fs::write(folder.join("note.md"), "a <script>b</script> [c](javascript:d)").unwrap();
    let page = server.get(&format!("/runs/{run_id}/files/evil.html"));
    assert_eq!(page.status, 200);
    assert!(page.body.contains("<iframe class=\"page\" id=\"preview\" sandbox src=") && !page.body.contains("stolen"));
    assert!(page.header("content-security-policy").unwrap().ends_with("frame-src 'self'"));
    for (query, scripts) in [("", false), ("?scripts=false", false), ("?scripts=true", true)] {
        let framed = server.get(&format!("/runs/{run_id}/page/evil.html{query}"));
        assert_eq!((framed.status, framed.header("content-type")), (200, Some("text/html; charset=utf-8")));
        let policy = framed.header("content-security-policy").unwrap();
        assert_eq!(policy.contains("allow-scripts"), scripts, "{policy}");
        assert!(policy.starts_with("sandbox") && policy.contains("default-src 'none'"), "{policy}");
        assert!(!policy.contains("allow-same-origin") && !policy.contains("connect-src"), "{policy}");
    }
    let note = server.get(&format!("/runs/{run_id}/files/note.md")).body;
    assert!(note.contains("a &lt;script&gt;b&lt;/script&gt; c") && !note.contains("javascript:"), "{note}");
    assert_eq!(server.get(&format!("/runs/{run_id}/files")).status, 200);
    assert_eq!(server.get(&format!("/runs/{run_id}/files/model")).status, 200);
    for (path, status) in [
        ("files/nothing.txt", 404),
        ("page/nothing.html", 404),
        ("page/note.md", 400),
        ("page/evil.html?scripts=maybe", 400),
        ("files/..%2F..%2F..%2Fmetria.db", 404),
        ("page/..%2F..%2Fx.html", 400),
        ("page/%2Fetc%2Fx.html", 400),
    ] {
        assert_eq!(server.get(&format!("/runs/{run_id}/{path}")).status, status, "{path}");
    }
}
