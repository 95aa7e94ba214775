//! Uploads in parts (`mlflow-artifacts/mpu/*`), signed addresses (`presigned*`), and the page's own small uploads.
//!
//! A bucket takes parts by addresses that it signs. For a folder the addresses are this server's own.

use super::artifacts::checked;
use super::error::{MlflowError, Result};
use super::input::{Input, integer, required};
use crate::http::extract::read_body;
use crate::http::files;
use crate::state::AppState;
use axum::Json;
use axum::body::Body;
use axum::extract::{Path, Query, Request, State};
use axum::http::Uri;
use axum::http::header::{self, HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use metria_artifacts::UploadedPart;
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Duration;

/// Where parts come in.
const PARTS: &str = "/api/2.0/mlflow-artifacts/mpu/parts";
/// What clients take for "send it whole instead".
const NO_DOWNLOAD_URL: &str = "Multipart download is not supported for the current artifact repository";
/// How upstream refuses signed addresses for a root that has none.
const NO_PRESIGNED_UPLOAD: &str = "Presigned upload is not supported for the current artifact repository";
const NO_PRESIGNED_DOWNLOAD: &str = "Presigned download is not supported for the current artifact repository";
/// How long a signed address holds when nobody says.
const DOWNLOAD_SECONDS: i64 = 300;
const UPLOAD_SECONDS: i64 = 900;
/// The longest that a signed address may hold: seven days, as S3 has it.
const MOST_SECONDS: i64 = 604_800;
/// Largest upload of the page.
const MOST_PAGE_BYTES: usize = 10 * 1024 * 1024;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct UploadFields {
    /// The file on the client's disk; its name is that of the artifact.
    path: Option<String>,
    #[serde(deserialize_with = "integer")]
    num_parts: Option<i64>,
    upload_id: Option<String>,
    parts: Vec<PartFields>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct PartFields {
    #[serde(deserialize_with = "integer")]
    part_number: Option<i64>,
    etag: Option<String>,
}

/// Where an upload goes: into a folder, under the name that the file has on the client's disk.
fn target(folder: &str, file: Option<String>) -> Result<String> {
    let file = required("path", file)?;
    let name = file.rsplit(['/', '\\']).next().unwrap_or_default();
    if name.is_empty() {
        return Err(MlflowError::invalid(format!("the path of the file must end in its name; got `{file}`")));
    }
    Ok(checked(&format!("{}/{name}", checked(folder)?))?.to_owned())
}

/// `mpu/create/{path}`: an address for each part.
pub(super) async fn create(
    State(state): State<AppState>,
    Path(folder): Path<String>,
    uri: Uri,
    headers: HeaderMap,
    Input(fields): Input<UploadFields>,
) -> Result<Json<Value>> {
    let target = target(&folder, fields.path)?;
    let n_parts = usize::try_from(fields.num_parts.unwrap_or(1)).unwrap_or(0);
    let begun = state.workspace.artifacts.begin_upload(&target, n_parts).await?;
    let own = || {
        let parts = format!("{}{PARTS}/{}", own_address(&uri, &headers), begun.upload_id);
        (1..=n_parts).map(|number| format!("{parts}/{number}")).collect()
    };
    let urls: Vec<String> = begun.part_urls.unwrap_or_else(own);
    let credentials: Vec<Value> =
        urls.into_iter().zip(1..).map(|(url, number)| json!({"url": url, "part_number": number})).collect();
    Ok(Json(json!({"upload_id": begun.upload_id, "credentials": credentials})))
}

/// The address by which the client reached this server, also through a proxy in front of it.
fn own_address(uri: &Uri, headers: &HeaderMap) -> String {
    let told = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let scheme = if told("x-forwarded-proto") == Some("https") { "https" } else { "http" };
    let host = told("host").or_else(|| uri.authority().map(axum::http::uri::Authority::as_str)).unwrap_or("127.0.0.1");
    let prefix = told("x-forwarded-prefix").unwrap_or_default().trim_end_matches('/');
    format!("{scheme}://{host}{prefix}")
}

/// `PUT mpu/parts/{upload_id}/{number}`: a part, kept as it comes.
pub(super) async fn part(
    State(state): State<AppState>,
    Path((upload_id, number)): Path<(String, String)>,
    body: Body,
) -> Result<Response> {
    let number = number
        .parse()
        .map_err(|_| MlflowError::invalid(format!("the number of a part must be a whole number; got `{number}`")))?;
    let bytes = files::incoming(body, state.request_timeout);
    let etag = state.workspace.artifacts.put_part(&upload_id, number, bytes).await?;
    let etag = HeaderValue::from_str(&format!("\"{etag}\""))
        .map_err(|error| MlflowError::invalid(format!("the part has no etag: {error}")))?;
    Ok(([(header::ETAG, etag)], Json(json!({}))).into_response())
}

/// `mpu/complete/{path}`.
pub(super) async fn complete(
    State(state): State<AppState>,
    Path(folder): Path<String>,
    Input(fields): Input<UploadFields>,
) -> Result<Json<Value>> {
    let target = target(&folder, fields.path)?;
    let upload_id = required("upload_id", fields.upload_id)?;
    let part = |fields: PartFields| UploadedPart {
        number: fields.part_number.and_then(|number| u64::try_from(number).ok()).unwrap_or(0),
        etag: fields.etag.unwrap_or_default(),
    };
    let parts: Vec<UploadedPart> = fields.parts.into_iter().map(part).collect();
    state.workspace.artifacts.complete_upload(&target, &upload_id, &parts).await?;
    Ok(Json(json!({})))
}

/// `mpu/abort/{path}`.
pub(super) async fn abort(
    State(state): State<AppState>,
    Path(folder): Path<String>,
    Input(fields): Input<UploadFields>,
) -> Result<Json<Value>> {
    let target = target(&folder, fields.path)?;
    state.workspace.artifacts.abort_upload(&target, &required("upload_id", fields.upload_id)?).await?;
    Ok(Json(json!({})))
}

/// `mlflow-artifacts/presigned/{path}`: an address from which clients fetch a file in parts.
pub(super) async fn presigned_download(State(state): State<AppState>, Path(path): Path<String>) -> Result<Json<Value>> {
    let valid = seconds(None, DOWNLOAD_SECONDS)?;
    match state.workspace.artifacts.download_url(checked(&path)?, valid).await? {
        Some(signed) => Ok(Json(json!({"url": signed.url, "headers": {}, "file_size": signed.size_bytes}))),
        None => Err(MlflowError::not_implemented(NO_DOWNLOAD_URL)),
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct SignFields {
    run_id: Option<String>,
    model_id: Option<String>,
    path: Option<String>,
    #[serde(deserialize_with = "integer")]
    expiration: Option<i64>,
}

/// `artifacts/presigned-download-url`.
pub(super) async fn presigned_download_of_run(
    State(state): State<AppState>,
    Input(fields): Input<SignFields>,
) -> Result<Json<Value>> {
    let run_id = required("run_id", fields.run_id)?;
    let path = required("path", fields.path)?;
    let valid = seconds(fields.expiration, DOWNLOAD_SECONDS)?;
    let whole = state.workspace.run_artifact_path(&run_id, &path).await?;
    match state.workspace.artifacts.download_url(&whole, valid).await? {
        Some(signed) => Ok(Json(json!({"presigned_url": signed.url, "file_size": signed.size_bytes}))),
        None => Err(MlflowError::not_implemented(NO_PRESIGNED_DOWNLOAD)),
    }
}

/// `artifacts/presigned-upload-url`.
pub(super) async fn presigned_upload(
    State(state): State<AppState>,
    Input(fields): Input<SignFields>,
) -> Result<Json<Value>> {
    let path = required("path", fields.path)?;
    let valid = seconds(fields.expiration, UPLOAD_SECONDS)?;
    let given = |id: Option<String>| id.filter(|id| !id.is_empty());
    let whole = match (given(fields.run_id), given(fields.model_id)) {
        (Some(run_id), None) => state.workspace.run_artifact_path(&run_id, &path).await?,
        (None, Some(model_id)) => {
            let model = state.tracking().get_logged_model(&model_id).await?;
            let root = state.workspace.artifact_path(&model.artifact_location)?;
            format!("{root}/{}", checked(&path)?)
        }
        _ => return Err(MlflowError::invalid("Exactly one of run_id and model_id must be provided.")),
    };
    match state.workspace.artifacts.upload_url(&whole, valid).await? {
        Some(url) => Ok(Json(json!({"presigned_url": url}))),
        None => Err(MlflowError::not_implemented(NO_PRESIGNED_UPLOAD)),
    }
}

fn seconds(asked: Option<i64>, default: i64) -> Result<Duration> {
    match asked.unwrap_or(default) {
        seconds @ 1..=MOST_SECONDS => Ok(Duration::from_secs(seconds.unsigned_abs())),
        other => {
            Err(MlflowError::invalid(format!("expiration must be between 1 and {MOST_SECONDS} seconds (got {other}).")))
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct PageFields {
    run_uuid: Option<String>,
    path: Option<String>,
}

/// `upload-artifact`: a small file of a run, its bytes as the body.
pub(super) async fn upload_of_run(
    State(state): State<AppState>,
    Query(fields): Query<PageFields>,
    request: Request,
) -> Result<Response> {
    let given = |name: &str, value: Option<String>| {
        let missing = || MlflowError::invalid(format!("Request must specify {name}."));
        value.filter(|value| !value.is_empty()).ok_or_else(missing)
    };
    let run_id = given("run_uuid", fields.run_uuid)?;
    let path = given("path", fields.path)?;
    let whole = state.workspace.run_artifact_path(&run_id, &path).await?;
    let bytes = read_body(&state, request).await?;
    if bytes.is_empty() {
        return Err(MlflowError::invalid("Request must specify data."));
    }
    if bytes.len() > MOST_PAGE_BYTES {
        return Err(MlflowError::invalid("Artifact size is too large. Max size is 10MB."));
    }
    state.workspace.artifacts.put(&whole, &bytes).await?;
    Ok([(header::CONTENT_TYPE, "application/json")].into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upload_keeps_the_name_of_the_file() {
        for (folder, file, expected) in [
            ("1/run/artifacts", "/home/me/model.bin", "1/run/artifacts/model.bin"),
            ("1/run/artifacts/", "C:\\data\\model.bin", "1/run/artifacts/model.bin"),
            ("a", "plain", "a/plain"),
        ] {
            assert_eq!(target(folder, Some(file.to_owned())).ok().as_deref(), Some(expected));
        }
        for (folder, file) in [("a", "/tmp/"), ("a", "/tmp/.."), ("../a", "x"), ("a", ""), ("a", "b/%2e%2e")] {
            assert!(target(folder, Some(file.to_owned())).is_err(), "{folder} {file}");
        }
    }

    #[test]
    fn the_address_is_the_one_that_the_client_used() {
        let uri: Uri = "/api/2.0/mlflow-artifacts/mpu/create/a".parse().unwrap();
        let mut headers = HeaderMap::new();
        headers.insert("host", HeaderValue::from_static("localhost:5000"));
        assert_eq!(own_address(&uri, &headers), "http://localhost:5000");
        headers.insert("x-forwarded-proto", HeaderValue::from_static("https"));
        headers.insert("x-forwarded-prefix", HeaderValue::from_static("/mlflow/"));
        assert_eq!(own_address(&uri, &headers), "https://localhost:5000/mlflow");
        let whole: Uri = "http://127.0.0.1:7/api".parse().unwrap();
        assert_eq!(own_address(&whole, &HeaderMap::new()), "http://127.0.0.1:7");
    }
}
