//! Files of a run.

use crate::http::error::{ErrorBody, HttpError};
use crate::http::extract::{Path, Query};
use crate::http::files;
use crate::state::AppState;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
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
    headers: HeaderMap,
) -> Result<Response, HttpError> {
    let whole = state.workspace.run_artifact_path(&run_id, &path).await?;
    Ok(files::send(&state, &whole, &headers).await?)
}

/// What is known of a file before it comes.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Expected {
    /// The digest of its content in hexadecimal; a file with another is refused, and nothing of it is kept.
    sha256: Option<String>,
}

/// Writes a file as it comes; readers see nothing of it, or the old content, until it is whole.
#[utoipa::path(put, path = "/runs/{run_id}/artifacts/{*path}", tag = "artifacts", operation_id = "upload_artifact",
    params(("run_id" = String, Path), ("path" = String, Path), Expected),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 204), (status = "4XX", body = ErrorBody)))]
pub(super) async fn upload(
    State(state): State<AppState>,
    Path((run_id, path)): Path<(String, String)>,
    Query(expected): Query<Expected>,
    body: Body,
) -> Result<StatusCode, HttpError> {
    state.workspace.put_run_artifact(&run_id, &path, body.into_data_stream(), expected.sha256.as_deref()).await?;
    Ok(StatusCode::NO_CONTENT)
}
