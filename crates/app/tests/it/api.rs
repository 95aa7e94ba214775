//! `/api/v1` and its description, `/metrics`, and the pages as far as they go without a browser.

use crate::support::{Home, Server, body, rows, says, text};
use serde_json::{Value, json};
use std::collections::BTreeSet;

fn post(server: &Server, path: &str, value: &Value) -> Value {
    let answer = server.post(path, value.to_string());
    assert!((200..300).contains(&answer.status), "{answer:?}");
    if answer.body.is_empty() { Value::Null } else { answer.json() }
}

fn send(server: &Server, method: &str, path: &str, value: &Value) -> crate::support::Answer {
    server.send(method, path, &["content-type: application/json"], value.to_string().as_bytes())
}

#[test]
fn a_run_from_creation_to_deletion() {
    let home = Home::new();
    let server = home.server();
    let experiment = post(&server, "/api/v1/experiments", &json!({"name": "trials", "tags": []}));
    let id = text(&experiment["experiment_id"]);
    assert_eq!(server.get(&format!("/api/v1/experiments/{id}")).ok(), experiment);
    let again = server.post("/api/v1/experiments", r#"{"name": "trials"}"#).refused(409);
    says(&again, &["trials", "exists already"]);

    let tags = json!([{"key": "team", "value": "risk"}]);
    let run = post(&server, "/api/v1/runs", &json!({"experiment_id": id, "run_name": "first", "tags": tags}));
    let path = format!("/api/v1/runs/{}", text(&run["run_id"]));
    let metric = |step: i64, value: Value| json!({"key": "a/b", "value": value, "timestamp_ms": 5, "step": step});
    let batch = json!({
        "metrics": [metric(0, json!(0.25)), metric(1, json!("NaN")), metric(2, json!("-Infinity"))],
        "params": [{"key": "depth", "value": "3"}],
    });
    post(&server, &format!("{path}/log"), &batch);
    let found = server.get(&path).ok();
    assert_eq!(found["metrics"], json!([metric(2, json!("-Infinity"))]), "the latest is that of the last step");
    assert_eq!(found["params"], json!([{"key": "depth", "value": "3"}]));
    assert_eq!(found["tags"], tags);
    assert_eq!(server.get(&format!("{path}/metrics/a%2Fb")).ok(), batch["metrics"]);

    let conflict = json!({"metrics": [metric(9, json!(1.0))], "params": [{"key": "depth", "value": "4"}]});
    let message = server.post(&format!("{path}/log"), conflict.to_string()).refused(409);
    says(&message, &["depth", "`3`", "`4`"]);
    assert_eq!(server.get(&format!("{path}/metrics/a%2Fb")).ok(), batch["metrics"], "all of a batch or nothing");

    let change = json!({"status": "FINISHED", "end_time_ms": 9, "run_name": "renamed"});
    let ended = send(&server, "PATCH", &path, &change).ok();
    assert_eq!((&ended["status"], &ended["end_time_ms"]), (&json!("FINISHED"), &json!(9)));
    assert_eq!(server.send("DELETE", &format!("{path}/tags/team"), &[], b"").status, 204);
    server.send("DELETE", &format!("{path}/tags/team"), &[], b"").refused(404);

    let search = format!("/api/v1/runs?experiment_ids={id}&filter=params.depth%20%3D%20%273%27");
    assert_eq!(server.get(&search).ok()["items"][0]["run_name"], "renamed");
    send(&server, "PATCH", &path, &json!({"lifecycle": "deleted"})).ok();
    assert_eq!(server.get(&search).ok()["items"], json!([]));
    server.post(&format!("{path}/log"), "{}").refused(409);
    send(&server, "PATCH", &path, &json!({"lifecycle": "active"})).ok();
    assert_eq!(server.get(&search).ok()["items"].as_array().map(Vec::len), Some(1));
}

#[test]
fn pages_of_runs_are_complete_and_in_order() {
    let home = Home::new();
    let server = home.server();
    for value in [3, 1, 2, 5, 4] {
        let run = post(&server, "/api/v1/runs", &json!({"experiment_id": "0"}));
        let metric = json!({"key": "loss", "value": value, "timestamp_ms": 1, "step": 0});
        post(&server, &format!("/api/v1/runs/{}/log", text(&run["run_id"])), &json!({"metrics": [metric]}));
    }
    let mut seen = Vec::new();
    let mut token = String::new();
    loop {
        let page = format!("/api/v1/runs?order_by=metrics.loss%20ASC&max_results=2&page_token={token}");
        let page = server.get(&page).ok();
        seen.extend(page["items"].as_array().unwrap().iter().map(|run| run["metrics"][0]["value"].as_f64().unwrap()));
        match page["next_page_token"].as_str() {
            Some(next) => token = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(seen, [1.0, 2.0, 3.0, 4.0, 5.0]);
    says(&server.get("/api/v1/runs?page_token=zzz").refused(400), &["page token", "zzz"]);
    says(&server.get("/api/v1/runs?filter=metrics.a%20%3E%20%27x%27").refused(400), &["a number"]);
    says(&server.get("/api/v1/runs?max_results=50001").refused(400), &["50000", "50001"]);
    says(&server.get("/api/v1/runs?fliter=x").refused(400), &["fliter", "filter"]);
}

#[test]
fn logged_models_with_their_metrics() {
    let home = Home::new();
    let server = home.server();
    let run_id = text(&post(&server, "/api/v1/runs", &json!({"experiment_id": "0"}))["run_id"]);
    let made: Vec<String> = ["first", "second"]
        .into_iter()
        .map(|name| {
            let new = json!({"experiment_id": "0", "name": name, "params": [{"key": "depth", "value": "3"}]});
            text(&post(&server, "/api/2.0/mlflow/logged-models", &new)["model"]["info"]["model_id"])
        })
        .collect();
    let measured = |model_id: &str, value: f64, dataset: &str| {
        json!({"model_id": model_id, "key": "loss", "value": value, "timestamp_ms": 5, "step": 1,
               "dataset_name": dataset, "dataset_digest": "d"})
    };
    let batch = json!({
        "model_metrics": [measured(&made[0], 0.25, "train"), measured(&made[1], 0.5, "train"), measured(&made[0], 9.0, "test")],
        "model_outputs": [{"model_id": made[0], "step": 2}],
        "model_inputs": [made[1]],
    });
    post(&server, &format!("/api/v1/runs/{run_id}/log"), &batch);
    let run = server.get(&format!("/api/v1/runs/{run_id}")).ok();
    assert_eq!((&run["model_outputs"], &run["model_inputs"]), (&batch["model_outputs"], &batch["model_inputs"]));
    let found = server.get(&format!("/api/v1/logged-models/{}", made[0])).ok();
    assert_eq!((&found["name"], &found["status"]), (&json!("first"), &json!("PENDING")));
    let mut expected = measured(&made[0], 0.25, "train");
    expected["run_id"] = json!(run_id);
    assert_eq!(found["metrics"][0], expected);
    server.get("/api/v1/logged-models/m-none").refused(404);

    let names = |query: &str| -> Vec<String> {
        let page = server.get(&format!("/api/v1/logged-models?experiment_ids=0&{query}")).ok();
        page["items"].as_array().unwrap().iter().map(|model| text(&model["name"])).collect()
    };
    assert_eq!(names("order_by=creation_time"), ["first", "second"]);
    assert_eq!(names("order_by=metrics.loss%20DESC&dataset_name=train"), ["second", "first"]);
    assert_eq!(names("order_by=metrics.loss%20ASC&dataset_name=test&dataset_digest=d"), ["first"]);
    assert_eq!(names("filter=metrics.loss%20%3E%200.3&dataset_name=train"), ["second"]);
    assert_eq!(names("lifecycle=deleted"), [""; 0]);
    server.send("DELETE", &format!("/api/2.0/mlflow/logged-models/{}", made[1]), &[], b"").ok();
    assert_eq!((names(""), names("lifecycle=deleted")), (vec!["first".to_owned()], vec!["second".to_owned()]));
    for (query, word) in
        [("filter=colour%20=%201", "model_id"), ("dataset_digest=d", "dataset_name"), ("max_results=1001", "1000")]
    {
        says(&server.get(&format!("/api/v1/logged-models?{query}")).refused(400), &[word]);
    }
}

#[test]
fn files_of_a_run_stay_inside_it() {
    let home = Home::new();
    let run_id = home.run_id(&[]);
    let server = home.server();
    let path = format!("/api/v1/runs/{run_id}/artifacts");
    let top = server.get(&path).ok();
    let names: Vec<String> = top.as_array().unwrap().iter().map(|entry| text(&entry["path"])).collect();
    assert_eq!(names, ["data", "evaluation", "model"]);
    let inner = server.get(&format!("{path}?path=evaluation")).ok();
    let roc = inner.as_array().unwrap().iter().find(|entry| entry["path"] == "evaluation/roc_curve.json").unwrap();
    let file = server.get(&format!("{path}/evaluation/roc_curve.json"));
    assert_eq!(json!(file.body.len()), roc["size_bytes"]);
    assert!(file.ok()["auc"].as_f64().unwrap() > 0.5);
    assert!(file.header("content-security-policy").unwrap().starts_with("sandbox"));
    assert_eq!(file.header("x-content-type-options"), Some("nosniff"));
    server.get(&format!("{path}/evaluation/nothing.json")).refused(404);
    for escape in
        ["..%2F..%2Fmetria.db", "%2Fetc%2Fpasswd", "model%2F..%2F..%2F..%2Fmetria.db", "..%5Cx", "model//MLmodel"]
    {
        let answer = server.get(&format!("{path}/{escape}"));
        assert!(matches!(answer.status, 400 | 404), "{escape}: {answer:?}");
    }
    says(&server.get(&format!("{path}?path=../..")).refused(400), &["inside its folder"]);
}

#[test]
fn a_model_from_a_run_to_production_and_back() {
    let home = Home::new();
    let (first, second) = (home.run_id(&[]), home.run_id(&["--set", "max_depth=1", "--set", "n_estimators=1"]));
    let server = home.server();
    let register = |run_id: &str| {
        let new = json!({"model_uri": format!("runs:/{run_id}/model"), "description": "by the API", "user_id": "ana"});
        post(&server, "/api/v1/models/credit/versions", &new)["version"].clone()
    };
    assert_eq!((register(&first), register(&second)), (json!(1), json!(2)));

    let promote = |version: u32, more: &Value| {
        let mut to = json!({"stage": "Production", "user_id": "ana"});
        to.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
        server.post(&format!("/api/v1/models/credit/versions/{version}/stage"), to.to_string())
    };
    says(&promote(1, &json!({})).refused(409), &["may not go to Production", "gate was not asked"]);
    assert_eq!(post(&server, "/api/v1/models/credit/versions/1/gate", &json!({}))["passed"], true);
    assert_eq!(promote(1, &json!({})).ok()["stage"], "Production");
    let decision = post(&server, "/api/v1/models/credit/versions/2/gate", &json!({}));
    assert_eq!((&decision["passed"], &decision["compared_with"]), (&json!(false), &json!(1)));
    says(&promote(2, &json!({})).refused(409), &["not met", "roc_auc"]);
    assert_eq!(promote(2, &json!({"override_reason": "a drill"})).ok()["stage"], "Production");
    assert_eq!(server.post("/predict/credit", body(&rows(1))).ok()["model_version"], 2);
    assert_eq!(post(&server, "/api/v1/models/credit/rollback", &json!({"user_id": "ben"}))["version"], 1);

    let details = server.get("/api/v1/models/credit").ok();
    let moves: Vec<_> =
        details["transitions"].as_array().unwrap().iter().map(|t| (&t["version"], &t["to_stage"])).collect();
    assert_eq!(moves.iter().filter(|(version, stage)| **version == 1 && **stage == "Production").count(), 2);
    assert!(details.to_string().contains("gate overridden: a drill"));

    let alias = "/api/v1/models/credit/aliases/champion";
    assert_eq!(send(&server, "PUT", alias, &json!({"version": 2})).status, 204);
    assert_eq!(server.get("/api/v1/models/credit").ok()["model"]["aliases"], json!([["champion", 2]]));
    send(&server, "PUT", alias, &json!({"version": 7})).refused(404);
    assert_eq!(server.send("DELETE", alias, &[], b"").status, 204);

    let compared = server.get("/api/v1/models/credit/compare?version1=1&version2=2").ok();
    assert_eq!(compared["version2"]["params"]["max_depth"], "1");
    assert_eq!(server.get("/api/v1/models").ok()[0]["name"], "credit");
    says(&server.post("/api/v1/models/credit/versions", r#"{"model_uri": "ftp:x"}"#).refused(400), &["ftp:x"]);
    server.get("/api/v1/models/nobody").refused(404);
}

#[test]
fn bodies_that_cannot_be_used() {
    let home = Home::new();
    let server = home.server();
    for (sent, words) in [
        ("", vec!["JSON object"]),
        ("[]", vec!["JSON object"]),
        ("{", vec!["cannot be used"]),
        (r#"{"name": 3}"#, vec!["string"]),
        (r#"{"nmae": "x"}"#, vec!["nmae", "name"]),
        (r#"{"name": ""}"#, vec!["1 to 500"]),
    ] {
        says(&server.post("/api/v1/experiments", sent).refused(400), &words);
    }
    let form = server.send("POST", "/api/v1/experiments", &["content-type: text/plain"], b"{\"name\": \"x\"}");
    says(&form.refused(415), &["application/json", "text/plain"]);
    says(&server.send("DELETE", "/api/v1/experiments", &[], b"").refused(405), &["DELETE"]);
    server.get("/api/v1/nothing").refused(404);
    says(&server.get("/api/v1/runs/compare?run_ids=").refused(400), &["1 to 100"]);
}

#[test]
fn the_document_describes_every_route() {
    let home = Home::new();
    let server = home.server();
    let document = server.get("/api/v1/openapi.json").ok();
    assert!(text(&document["openapi"]).starts_with("3.1"));
    let mut ids = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        assert!(path.starts_with("/api/v1/") && !path.contains('*'), "{path}");
        for (method, operation) in item.as_object().unwrap() {
            let what = format!("{method} {path}");
            assert!(!text(&operation["summary"]).is_empty(), "{what}");
            assert!(ids.insert(text(&operation["operationId"])), "{what}: its id is taken");
            for name in path.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name) {
                let named =
                    operation["parameters"].as_array().unwrap().iter().any(|p| p["name"] == name && p["in"] == "path");
                assert!(named, "{what}: {name}");
            }
            // A route that is described is there: it refuses nonsense in our words, or answers.
            let filled = path.split('/').map(|part| if part.starts_with('{') { "1" } else { part }).collect::<Vec<_>>();
            let answer = server.send(&method.to_uppercase(), &filled.join("/"), &[], b"");
            let unknown = answer.status == 404 && answer.body.contains("no such path");
            assert!(!unknown && answer.status != 405 && answer.status < 500, "{what}: {answer:?}");
        }
    }
    assert_eq!(ids.len(), 25);
    let schemas = document["components"]["schemas"].as_object().unwrap();
    for reference in document.to_string().split("#/components/schemas/").skip(1) {
        let name = reference.split('"').next().unwrap();
        assert!(schemas.contains_key(name), "{name} is referred to but not there");
    }
}

#[test]
fn metrics_count_what_happened() {
    let home = Home::with_model();
    let server = home.server();
    server.post("/predict/german", body(&rows(3))).ok();
    server.post("/predict/german", "{}").refused(400);
    server.get("/no/such/path").refused(404);
    for method in ["BREW", "WHEN"] {
        server.send(method, "/no/such/path", &[], b"").refused(404);
    }
    let answer = server.get("/metrics");
    assert_eq!(answer.header("content-type"), Some("application/openmetrics-text; version=1.0.0; charset=utf-8"));
    for line in [
        r#"metria_http_requests_total{method="POST",route="/predict/{model}",status="200"} 1"#,
        r#"metria_http_requests_total{method="POST",route="/predict/{model}",status="400"} 1"#,
        r#"metria_http_requests_total{method="GET",route="none",status="404"} 1"#,
        r#"metria_http_requests_total{method="other",route="none",status="404"} 2"#,
        r#"metria_http_request_duration_seconds_count{route="/predict/{model}"} 2"#,
        r#"metria_prediction_requests_total{model="german"} 1"#,
        r#"metria_prediction_refusals_total{model="german"} 1"#,
        r#"metria_prediction_rows_total{model="german"} 3"#,
    ] {
        assert!(answer.body.lines().any(|found| found == line), "{line} is not in:\n{}", answer.body);
    }
    assert!(answer.body.trim_end().ends_with("# EOF"));
}

#[test]
fn pages_escape_what_users_wrote() {
    let home = Home::new();
    let server = home.server();
    let evil = r#"<script>alert("1")</script>"#;
    let experiment = post(&server, "/api/v1/experiments", &json!({"name": evil}));
    let id = text(&experiment["experiment_id"]);
    let run = post(&server, "/api/v1/runs", &json!({"experiment_id": id, "run_name": evil}));
    let run_id = text(&run["run_id"]);
    let metric = json!({"key": evil, "value": 1.0, "timestamp_ms": 1, "step": 3});
    let pair = json!([{"key": evil, "value": evil}]);
    post(&server, &format!("/api/v1/runs/{run_id}/log"), &json!({"metrics": [metric], "params": pair, "tags": pair}));
    for path in [
        "/experiments".to_owned(),
        format!("/experiments/{id}?filter=%3Cscript%3E"),
        format!("/experiments/{id}?column=metrics.%3Cscript%3E"),
        format!("/runs/{run_id}"),
        format!("/runs/compare?run={run_id}"),
    ] {
        let page = server.get(&path);
        assert_eq!(page.status, 200, "{path}");
        assert!(!page.body.contains("<script>"), "{path}: {}", page.body);
        assert!(page.body.contains("&#60;script&#62;"), "{path}");
        assert!(page.header("content-security-policy").unwrap().contains("script-src 'self'"), "{path}");
    }
    let missing = server.get("/models/%3Cscript%3E");
    assert_eq!(missing.status, 404);
    assert!(missing.body.contains("&#60;script&#62;") && !missing.body.contains("<script>"));
}

#[test]
fn scripts_come_from_here_and_compressed() {
    let home = Home::new();
    let server = home.server();
    for (name, content_type) in
        [("style.css", "text/css"), ("pages.js", "text/javascript"), ("plotly.js", "text/javascript")]
    {
        let path = format!("/static/{name}");
        let plain = server.get(&path);
        assert!(plain.header("content-type").unwrap().starts_with(content_type), "{name}");
        let packed = server.send("GET", &path, &["accept-encoding: gzip"], b"");
        assert_eq!(packed.header("content-encoding"), Some("gzip"), "{name}");
    }
    assert_eq!(server.get("/static/..%2FCargo.toml").status, 404);
    assert_eq!(server.get("/").header("location"), Some("/experiments"));
}
