//! Artifacts: of a run, of a model version, and through the proxy that `mlflow-artifacts:` addresses mean.

use super::error::{MlflowError, Result};
use super::input::{Input, required};
use super::types::FileInfo;
use crate::http::files;
use crate::state::AppState;
use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use metria_artifacts::ArtifactInfo;
use metria_core::names::check_artifact_path;
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Fields {
    run_id: Option<String>,
    run_uuid: Option<String>,
    path: Option<String>,
    name: Option<String>,
    version: Option<String>,
}

pub(super) fn checked(path: &str) -> Result<&str> {
    Ok(check_artifact_path(path).map_err(metria_artifacts::Error::Path)?)
}

pub(super) fn file_info(entry: ArtifactInfo) -> FileInfo {
    FileInfo { path: entry.path, is_dir: entry.is_dir, file_size: (!entry.is_dir).then_some(entry.size_bytes) }
}

/// `artifacts/list`: the entries of a folder of a run, with paths below the run's artifacts.
pub(super) async fn list_of_run(State(state): State<AppState>, Input(fields): Input<Fields>) -> Result<Json<Value>> {
    let run_id = required("run_id", fields.run_id.or(fields.run_uuid))?;
    let run = state.tracking().get_run(&run_id).await?;
    let folder = fields.path.unwrap_or_default();
    let folder = checked(&folder)?;
    let entries = state.workspace.list_run_artifacts(&run_id, folder).await?;
    let files: Vec<FileInfo> = entries.into_iter().map(file_info).collect();
    let root_uri = super::convert::public_uri(&state, &run.info.artifact_uri);
    Ok(Json(json!({"root_uri": root_uri, "files": files})))
}

/// `get-artifact`.
pub(super) async fn download_of_run(
    State(state): State<AppState>,
    headers: HeaderMap,
    Input(fields): Input<Fields>,
) -> Result<Response> {
    let run_id = required("run_id", fields.run_id.or(fields.run_uuid))?;
    let path = required("path", fields.path)?;
    let whole = state.workspace.run_artifact_path(&run_id, &path).await?;
    Ok(files::send(&state, &whole, &headers).await?)
}

/// `model-versions/get-artifact`.
pub(super) async fn download_of_version(
    State(state): State<AppState>,
    headers: HeaderMap,
    Input(fields): Input<Fields>,
) -> Result<Response> {
    let name = required("name", fields.name)?;
    let version = super::model_versions::number(fields.version)?;
    let path = required("path", fields.path)?;
    let found = state.tracking().get_version(&name, version).await?;
    let root = state.workspace.artifact_path(&found.storage_location)?;
    Ok(files::send(&state, &format!("{root}/{}", checked(&path)?), &headers).await?)
}

/// `mlflow-artifacts/artifacts?path=`: the entries of a folder, with bare names.
pub(super) async fn list_proxied(State(state): State<AppState>, Input(fields): Input<Fields>) -> Result<Json<Value>> {
    let folder = fields.path.unwrap_or_default();
    let entries = state.workspace.artifacts.list(checked(&folder)?).await?;
    let files: Vec<FileInfo> = entries.into_iter().map(file_info).collect();
    Ok(Json(json!({"files": files})))
}

/// `GET mlflow-artifacts/artifacts/{path}`.
pub(super) async fn download_proxied(
    State(state): State<AppState>,
    Path(path): Path<String>,
    headers: HeaderMap,
) -> Result<Response> {
    Ok(files::send(&state, checked(&path)?, &headers).await?)
}

/// `PUT mlflow-artifacts/artifacts/{path}`: written as it comes, visible when whole.
pub(super) async fn upload(State(state): State<AppState>, Path(path): Path<String>, body: Body) -> Result<Json<Value>> {
    let path = checked(&path)?;
    if path.is_empty() {
        return Err(MlflowError::invalid("the path of an upload must not be empty"));
    }
    state.workspace.artifacts.put_stream(path, body.into_data_stream()).await?;
    Ok(Json(json!({})))
}

/// `DELETE mlflow-artifacts/artifacts/{path}`: a file, or a folder with all that is in it.
pub(super) async fn delete(State(state): State<AppState>, Path(path): Path<String>) -> Result<Json<Value>> {
    let path = checked(&path)?;
    if path.is_empty() {
        return Err(MlflowError::invalid("the path to delete must not be empty"));
    }
    state.workspace.artifacts.delete_all(path).await?;
    Ok(Json(json!({})))
}
