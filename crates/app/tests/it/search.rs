//! The search language beyond MLflow's, on every way in: the command line, our API, MLflow's wire.

use crate::support::{Home, Server, says, text};
use serde_json::{Value, json};

fn post(server: &Server, path: &str, value: &Value) -> Value {
    let answer = server.post(path, value.to_string());
    assert!((200..300).contains(&answer.status), "{answer:?}");
    if answer.body.is_empty() { Value::Null } else { answer.json() }
}

/// Six runs `r0` to `r5`: losses that fall and rise, a depth, and a gap between two metrics.
fn runs(server: &Server) {
    for number in 0..6 {
        let name = format!("r{number}");
        let run =
            post(server, "/api/v1/runs", &json!({"experiment_id": "0", "run_name": name, "start_time_ms": number}));
        let metric =
            |key: &str, value: f64, step: i64| json!({"key": key, "value": value, "timestamp_ms": 1, "step": step});
        let shift = f64::from(number);
        let batch = json!({
            "metrics": [
                metric("loss", 3.0 + shift, 0), metric("loss", shift, 1), metric("loss", 2.0 + shift, 2),
                metric("train", 0.9, 0), metric("test", 0.9 - shift / 10.0, 0),
            ],
            "params": if number < 4 { json!([{"key": "depth", "value": (number / 2).to_string()}]) } else { json!([]) },
        });
        post(server, &format!("/api/v1/runs/{}/log", text(&run["run_id"])), &batch);
    }
}

const SEARCHES: [(&str, &str, &[&str]); 8] = [
    ("params.depth = '0' OR metrics.loss > 6", "start_time ASC", &["r0", "r1", "r5"]),
    ("NOT (params.depth = '0' OR metrics.loss > 6)", "start_time ASC", &["r2", "r3", "r4"]),
    ("metrics.train - metrics.test > 0.25", "start_time ASC", &["r3", "r4", "r5"]),
    ("min(metrics.loss) <= 1 AND max(metrics.loss) - last(metrics.loss) = 1", "start_time ASC", &["r0", "r1"]),
    ("NOT params.depth LIKE '%'", "max(metrics.loss) DESC", &["r5", "r4"]),
    ("0.5 > metrics.test", "mean(metrics.loss)", &["r5"]),
    ("count(metrics.loss) = 3 AND first(metrics.loss) < 5", "min(metrics.loss) DESC", &["r1", "r0"]),
    ("metrics.train / (metrics.loss - metrics.loss) > 0", "start_time ASC", &[]),
];

#[test]
fn every_way_in_speaks_it() {
    let home = Home::new();
    let server = home.server();
    runs(&server);
    let encoded = |text: &str| text.bytes().map(|byte| format!("%{byte:02x}")).collect::<String>();
    for (filter, order, expected) in SEARCHES {
        let names = |runs: &Value, name: fn(&Value) -> &Value| -> Vec<String> {
            runs.as_array().into_iter().flatten().map(|run| text(name(run))).collect()
        };
        let path = format!("/api/v1/runs?filter={}&order_by={}", encoded(filter), encoded(order));
        assert_eq!(names(&server.get(&path).ok()["items"], |run| &run["run_name"]), expected, "{filter}");
        let body = json!({"experiment_ids": ["0"], "filter": filter, "order_by": [order], "max_results": 100});
        for prefix in ["/api", "/ajax-api"] {
            let found = post(&server, &format!("{prefix}/2.0/mlflow/runs/search"), &body);
            assert_eq!(names(&found["runs"], |run| &run["info"]["run_name"]), expected, "{filter}");
        }
        let listed = home.json(&["runs", "list", "--filter", filter, "--order-by", order]);
        assert_eq!(names(&listed, |run| &run["run_name"]), expected, "{filter}");
    }
    let body = json!({"experiment_ids": ["0"], "filter": "metrics.a > 1 XOR metrics.b > 1"});
    let refused = server.post("/api/2.0/mlflow/runs/search", body.to_string());
    assert_eq!((refused.status, &refused.json()["error_code"]), (400, &json!("INVALID_PARAMETER_VALUE")));
    says(&refused.body, &["at character 14", "AND, OR or the end"]);
    let deep = format!("{}metrics.a > 1{}", "(".repeat(10_000), ")".repeat(10_000));
    let body = json!({"experiment_ids": ["0"], "filter": deep});
    says(&server.post("/api/2.0/mlflow/runs/search", body.to_string()).body, &["at most 50 levels"]);
}

#[test]
fn runs_are_grouped() {
    let home = Home::new();
    let server = home.server();
    runs(&server);
    let groups = server.get("/api/v1/runs/group?by=params.depth&metrics=test,metrics.loss").ok();
    assert_eq!((&groups["by"], &groups["runs"]), (&json!("params.depth"), &json!(6)));
    let of = |place: usize| &groups["groups"][place];
    assert_eq!((&of(0)["value"], &of(1)["value"], &of(2)["value"]), (&json!("0"), &json!("1"), &Value::Null));
    let loss = &of(0)["metrics"][1];
    assert_eq!((&loss["key"], &loss["count"], &loss["mean"]), (&json!("loss"), &json!(2), &json!(2.5)));
    // Two values 2 and 3: s = 1/√2, and t of one degree of freedom is 12.7062.
    let close = |value: &Value, expected: f64| assert!((value.as_f64().unwrap() - expected).abs() < 1e-6, "{value}");
    close(&loss["std"], 0.5_f64.sqrt());
    close(&loss["low"], 2.5 - 6.353_102_368);
    close(&loss["high"], 2.5 + 6.353_102_368);
    assert_eq!(home.json(&["runs", "group", "--by", "params.depth", "--metrics", "test,loss"]), groups);
    let told = home.ok(&["runs", "group", "--by", "params.depth", "--metrics", "loss"]);
    let cells: Vec<Vec<&str>> = told.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(cells[1], ["0", "2", "loss", "2", "2.5000", "0.7071", "-3.8531", "8.8531"]);
    assert_eq!(cells[3][..2], ["(none)", "2"]);
    let filtered = home.json(&["runs", "group", "--by", "status", "--filter", "min(metrics.loss) > 2"]);
    assert_eq!((&filtered["runs"], &filtered["groups"][0]["value"]), (&json!(3), &json!("RUNNING")));
    says(&server.get("/api/v1/runs/group?by=metrics.loss").refused(400), &["metrics.loss", "a text"]);
    server.get("/api/v1/runs/group?by=colour").refused(400);
    says(&home.refused(2, &["runs", "group", "--by", "params."]), &["a key in quotes"]);
}
