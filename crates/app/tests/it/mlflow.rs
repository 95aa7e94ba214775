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
        ("POST", "label-schemas/create", "label schemas"),
        ("GET", "label-schemas/list", "label schemas"),
        ("DELETE", "label-schemas/delete", "label schemas"),
        ("POST", "review-queues/create", "review queues"),
        ("GET", "review-queues/items/list", "review queues"),
        ("POST", "prompt-optimization/jobs", "prompt optimization"),
        ("GET", "prompt-optimization/jobs/1", "prompt optimization"),
        ("POST", "gateway/secrets/create", "AI gateway"),
        ("GET", "gateway/endpoints/list", "AI gateway"),
        ("PATCH", "gateway/guardrails/update-config", "AI gateway"),
        ("GET", "workspaces", "workspaces"),
        ("POST", "workspaces", "workspaces"),
        ("DELETE", "workspaces/default", "workspaces"),
        ("PUT", "scorers/online-config", "scorers"),
        ("GET", "never/heard/of", "never/heard/of"),
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
    }
    for method in ["GET", "POST"] {
        let answer = server.send(method, "/graphql", &["content-type: application/json"], b"{}");
        assert_eq!(answer.status, 501, "{method}");
        assert_eq!(answer.json()["error_code"], json!("NOT_IMPLEMENTED"));
        says(answer.json()["message"].as_str().expect("words"), &["GraphQL"]);
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
