//! MLflow's protocol where its own client does not go: what upstream has and this server has not.

use crate::support::{Home, says};
use serde_json::json;

#[test]
fn what_is_missing_is_named() {
    let home = Home::new();
    let server = home.server();
    let missing = [
        ("POST", "issues", "issues"),
        ("PATCH", "issues/1", "issues"),
        ("POST", "issues/search", "issues"),
        ("POST", "label-schemas/create", "labelling"),
        ("GET", "label-schemas/list", "labelling"),
        ("DELETE", "label-schemas/delete", "labelling"),
        ("POST", "review-queues/create", "labelling"),
        ("GET", "review-queues/items/list", "labelling"),
        ("POST", "prompt-optimization/jobs", "not optimised"),
        ("GET", "prompt-optimization/jobs/1", "not optimised"),
        ("POST", "gateway/secrets/create", "configuration"),
        ("GET", "gateway/endpoints/list", "configuration"),
        ("PATCH", "gateway/guardrails/update-config", "configuration"),
        ("GET", "workspaces", "one workspace"),
        ("POST", "workspaces", "one workspace"),
        ("DELETE", "workspaces/default", "one workspace"),
        ("PUT", "scorers/online-config", "scorers"),
    ];
    for prefix in ["/api/2.0/mlflow", "/api/3.0/mlflow", "/ajax-api/2.0/mlflow", "/ajax-api/3.0/mlflow"] {
        for (method, path, named) in missing {
            let whole = format!("{prefix}/{path}");
            let answer = server.send(method, &whole, &["content-type: application/json"], b"{}");
            assert_eq!(answer.status, 501, "{method} {whole}");
            let body = answer.json();
            assert_eq!(body["error_code"], json!("NOT_IMPLEMENTED"), "{method} {whole}");
            says(body["message"].as_str().expect("words"), &[named, method]);
        }
        let answer = server.get(&format!("{prefix}/never/heard/of"));
        assert_eq!(answer.status, 404, "{prefix}");
        assert_eq!(answer.json()["error_code"], json!("ENDPOINT_NOT_FOUND"), "{prefix}");
    }
    for method in ["GET", "POST"] {
        let answer = server.send(method, "/graphql", &["content-type: application/json"], b"{}");
        assert_eq!(answer.status, 501, "{method}");
        assert_eq!(answer.json()["error_code"], json!("NOT_IMPLEMENTED"));
        says(answer.json()["message"].as_str().expect("words"), &["pages of its own"]);
    }
}

#[test]
fn a_method_that_a_path_does_not_have() {
    let home = Home::new();
    let server = home.server();
    for (method, path) in [
        ("PUT", "/api/2.0/mlflow/webhooks"),
        ("POST", "/api/2.0/mlflow/webhooks/1"),
        ("GET", "/api/2.0/mlflow/webhooks/1/test"),
        ("PATCH", "/api/3.0/mlflow/datasets/d-1"),
        ("PUT", "/api/3.0/mlflow/datasets/d-1/records"),
    ] {
        assert_eq!(server.send(method, path, &[], b"").status, 405, "{method} {path}");
    }
}
