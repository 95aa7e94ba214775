//! Files of a run.

use crate::http::error::{ErrorBody, HttpError};
use crate::http::extract::{Path, Query};
use crate::http::files;
use crate::state::AppState;
use axum::extract::State;
use axum::http::HeaderMap;
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
