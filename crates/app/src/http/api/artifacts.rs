//! Files of a run.

use crate::http::error::{ErrorBody, HttpError};
use crate::http::extract::{Path, Query};
use crate::state::AppState;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderValue;
use axum::http::header::{self, HeaderMap};
use axum::response::{IntoResponse, Response};
use metria_artifacts::ArtifactInfo;
use serde::Deserialize;
use utoipa::IntoParams;

/// Which folder is listed.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Folder {
    /// A folder below the run's artifacts; the top when left out.
    #[serde(default)]
    path: String,
}

/// The entries of one folder, folders first, each by name; empty when there is none.
#[utoipa::path(get, path = "/runs/{run_id}/artifacts", tag = "artifacts", operation_id = "list_artifacts", params(("run_id" = String, Path), Folder),
    responses((status = 200, body = Vec<ArtifactInfo>), (status = "4XX", body = ErrorBody)))]
pub(super) async fn list(
    State(state): State<AppState>,
    Path(run_id): Path<String>,
    Query(query): Query<Folder>,
) -> Result<axum::Json<Vec<ArtifactInfo>>, HttpError> {
    Ok(axum::Json(state.workspace.list_run_artifacts(&run_id, query.path.trim_matches('/')).await?))
}

/// A file's content.
#[utoipa::path(get, path = "/runs/{run_id}/artifacts/{*path}", tag = "artifacts", operation_id = "download_artifact",
    params(("run_id" = String, Path), ("path" = String, Path)),
    responses((status = 200, content_type = "application/octet-stream", body = Vec<u8>),
              (status = "4XX", body = ErrorBody)))]
pub(super) async fn download(
    State(state): State<AppState>,
    Path((run_id, path)): Path<(String, String)>,
) -> Result<Response, HttpError> {
    let whole = state.workspace.run_artifact_path(&run_id, &path).await?;
    let (size_bytes, stream) = state.workspace.artifacts.get_stream(&whole).await?;
    let name = path.rsplit('/').next().unwrap_or(&path);
    Ok((file_headers(name, size_bytes), Body::from_stream(stream)).into_response())
}

/// What a browser is told about a file that somebody uploaded: it may be shown only where that is harmless, and never
/// runs as a page of ours.
fn file_headers(name: &str, size_bytes: u64) -> HeaderMap {
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending).to_ascii_lowercase();
    let (content_type, inline) = match ending.as_str() {
        "json" => ("application/json", true),
        "png" => ("image/png", true),
        "jpg" | "jpeg" => ("image/jpeg", true),
        "svg" => ("image/svg+xml", true),
        "txt" | "log" | "csv" | "md" | "yaml" | "yml" | "toml" | "py" | "rs" | "html" => {
            ("text/plain; charset=utf-8", true)
        }
        _ if name == metria_artifacts::MLMODEL => ("text/plain; charset=utf-8", true),
        _ => ("application/octet-stream", false),
    };
    let plain: String =
        name.chars().map(|c| if c.is_ascii_graphic() && c != '"' && c != '\\' { c } else { '_' }).collect();
    let disposition = format!("{}; filename=\"{plain}\"", if inline { "inline" } else { "attachment" });
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(size_bytes));
    if let Ok(value) = HeaderValue::from_str(&disposition) {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("sandbox; default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"),
    );
    headers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uploads_never_become_pages_of_ours() {
        for (name, content_type, disposition) in [
            ("a.html", "text/plain; charset=utf-8", "inline; filename=\"a.html\""),
            ("plot.SVG", "image/svg+xml", "inline; filename=\"plot.SVG\""),
            ("model.bin", "application/octet-stream", "attachment; filename=\"model.bin\""),
            ("a\"b\u{fc}\n.csv", "text/plain; charset=utf-8", "inline; filename=\"a_b__.csv\""),
            ("MLmodel", "text/plain; charset=utf-8", "inline; filename=\"MLmodel\""),
        ] {
            let headers = file_headers(name, 3);
            assert_eq!(headers[header::CONTENT_TYPE], content_type, "{name}");
            assert_eq!(headers[header::CONTENT_DISPOSITION], disposition, "{name}");
            assert!(headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap().starts_with("sandbox"));
        }
    }
}
