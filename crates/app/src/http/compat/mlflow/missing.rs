//! What upstream has and this server has not: each answer names it.

use super::error::MlflowError;
use axum::http::{Method, Uri};

/// Families of paths, below the version of the API, and what they are.
const FAMILIES: [(&str, &str); 13] = [
    ("traces", "traces"),
    ("unified-traces", "traces"),
    ("get-online-trace-details", "online trace details"),
    ("logged-models", "logged models"),
    ("scorers", "scorers"),
    ("issues", "issues"),
    ("label-schemas", "label schemas"),
    ("review-queues", "review queues"),
    ("prompt-optimization", "prompt optimization"),
    ("gateway", "the AI gateway and its administration"),
    ("gateway-proxy", "the AI gateway"),
    ("workspaces", "workspaces"),
    ("graphql", "GraphQL"),
];

/// The answer to what upstream has and this server has not.
pub(super) async fn not_here(method: Method, uri: Uri) -> MlflowError {
    let path = uri.path();
    // The router takes prefixes off, or leaves them on.
    let mut parts =
        path.split('/').skip_while(|part| matches!(*part, "" | "api" | "ajax-api" | "2.0" | "3.0" | "mlflow"));
    let family = parts.next().unwrap_or_default();
    match FAMILIES.iter().find(|(name, _)| *name == family) {
        Some((_, what)) => MlflowError::not_implemented(format!(
            "this server has no {what} yet, so it does not answer {method} {path}"
        )),
        None => MlflowError::not_implemented(format!("this server does not answer {method} {path}")),
    }
}
