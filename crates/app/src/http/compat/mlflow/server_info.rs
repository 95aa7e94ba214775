//! What the server tells about itself, and what it does not do.

use super::error::MlflowError;
use crate::state::AppState;
use axum::Json;
use axum::extract::State;
use axum::http::{Method, StatusCode, Uri};
use serde_json::{Value, json};

/// What upstream has and this server has not, by the beginning of its path behind the prefix and version, and why.
/// `docs/compat/mlflow.md` has the same list.
const NOT_HERE: &[(&str, &str)] = &[
    ("/traces/metrics", "numbers over many traces are not here yet"),
    ("/unified-traces", "traces are listed under `/traces`"),
    ("/get-online-trace-details", "it is a service of Databricks"),
    ("/workspaces", "there is one workspace"),
    ("/scorers", "there are no scorers yet"),
    ("/issues", "there are no issues yet"),
    ("/label-schemas", "there is no labelling yet"),
    ("/review-queues", "there is no labelling yet"),
    ("/prompt-optimization", "prompts are not optimised here yet"),
    ("/gateway", "models of other services are set up in the configuration"),
    ("/gateway-proxy", "models of other services are set up in the configuration"),
    ("/jobs", "there are no jobs for clients"),
    ("/assistant", "there is no assistant"),
    ("/mcp-servers", "tools are not registered here"),
    ("/graphql", "MLflow's own pages use it, and Metria has pages of its own"),
];

/// `server-info`: what clients may use.
pub(super) async fn get(State(state): State<AppState>) -> Json<Value> {
    let signs_urls = state.workspace.artifacts.signs_urls();
    Json(json!({
        "store_type": "SqlStore",
        "workspaces_enabled": false,
        "trace_archival_enabled": false,
        "multipart_uploads_enabled": true,
        "multipart_downloads_enabled": signs_urls,
        "presigned_upload_run_id_supported": signs_urls,
        "presigned_upload_model_id_supported": signs_urls,
        "features_enabled": {"gateway": false},
    }))
}

/// The answer to a path that is not here: 501 where upstream has it, 404 where nobody has.
pub(super) async fn not_here(method: Method, uri: Uri) -> MlflowError {
    let path = uri.path();
    // The prefix is gone where routes are nested below it.
    let rest = ["/mlflow-artifacts", "/mlflow"].iter().find_map(|family| path.split_once(family));
    let rest = rest.map_or(path, |(_, rest)| rest);
    match NOT_HERE.iter().find(|(start, _)| begins(rest, start)) {
        Some((_, why)) => MlflowError::not_implemented(format!("this server does not answer {method} {path}: {why}")),
        None => MlflowError::endpoint(StatusCode::NOT_FOUND, format!("there is no {path}")),
    }
}

/// The answer to a method that a path does not take.
pub(super) async fn wrong_method(method: Method, uri: Uri) -> MlflowError {
    let message = format!("{} does not take {method}; the Allow header names the methods it takes", uri.path());
    MlflowError::endpoint(StatusCode::METHOD_NOT_ALLOWED, message)
}

/// Whether a path is the one that is meant or below it.
fn begins(path: &str, start: &str) -> bool {
    path.strip_prefix(start).is_some_and(|rest| start.ends_with('-') || rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documentation_has_the_same_list() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/compat/mlflow.md");
        let text = std::fs::read_to_string(file).unwrap();
        let rows: Vec<&str> = text.lines().filter(|line| line.starts_with("| `/")).collect();
        let expected: Vec<String> = NOT_HERE.iter().map(|(path, why)| format!("| `{path}` | {why} |")).collect();
        assert_eq!(rows, expected);
    }

    #[test]
    fn beginnings() {
        for (path, start, expected) in [
            ("/traces", "/traces", true),
            ("/traces/x", "/traces", true),
            ("/tracesx", "/traces", false),
            ("/artifacts/presigned-upload-url", "/artifacts/presigned-", true),
            ("", "/traces", false),
        ] {
            assert_eq!(begins(path, start), expected, "{path} {start}");
        }
    }
}
