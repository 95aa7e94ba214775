//! The files of a run: a tree, and a look at one of them.

use super::format::{segment, segments, size};
use super::page::{PageError, PageResult, render};
use super::preview::{self, Preview};
use crate::http::{HttpError, Path, Query, files};
use crate::state::AppState;
use askama::Template;
use axum::extract::State;
use axum::http::header::{self, HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use metria_artifacts::ArtifactInfo;
use metria_core::ErrorKind;
use serde::Deserialize;

/// Most entries of a folder that are listed.
const MOST_ENTRIES: usize = 1_000;
/// Largest HTML file that is shown.
const LARGEST_PAGE: u64 = 32 << 20;

#[derive(Template)]
#[template(path = "files.html")]
struct FilesPage {
    run_id: String,
    run_name: String,
    tree: Vec<Node>,
    file: Option<Shown>,
}

/// One line of the tree.
struct Node {
    name: String,
    url: String,
    level: usize,
    is_dir: bool,
    open: bool,
    current: bool,
    size: String,
}

/// The file that is looked at.
struct Shown {
    path: String,
    download: String,
    size: String,
    preview: Preview,
}

/// `GET /runs/{run_id}/files`.
pub(super) async fn top(state: State<AppState>, Path(run_id): Path<String>) -> Result<Response, PageError> {
    show(&state, &run_id, "").await
}

/// `GET /runs/{run_id}/files/{*path}`: a folder or a file.
pub(super) async fn page(
    state: State<AppState>,
    Path((run_id, path)): Path<(String, String)>,
) -> Result<Response, PageError> {
    show(&state, &run_id, path.trim_end_matches('/')).await
}

async fn show(state: &AppState, run_id: &str, path: &str) -> Result<Response, PageError> {
    let run = state.tracking().get_run(run_id).await?;
    let tree = tree(state, run_id, path).await?;
    let file = match tree.iter().any(|node| node.current && !node.is_dir) {
        true => Some(look(state, run_id, path).await?),
        false if path.is_empty() || tree.iter().any(|node| node.current) => None,
        false => return Err(HttpError::new(ErrorKind::NotFound, format!("the run has no file `{path}`")).into()),
    };
    let page: PageResult = render(&FilesPage { run_id: run_id.to_owned(), run_name: run.info.run_name, tree, file });
    let mut response = page?.into_response();
    // Only this page may hold a frame, and only with what we give out for it.
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, crate::http::framing_policy());
    Ok(response)
}

/// The tree with the folders on the way to a path open.
async fn tree(state: &AppState, run_id: &str, path: &str) -> Result<Vec<Node>, HttpError> {
    let mut nodes = Vec::new();
    // Folders that are being listed, the innermost last, each with the entries that are left.
    let mut open = vec![entries(state, run_id, "").await?.into_iter()];
    while let Some(folder) = open.last_mut() {
        let Some(entry) = folder.next() else {
            open.pop();
            continue;
        };
        let on_the_way = path == entry.path || path.starts_with(&format!("{}/", entry.path));
        let is_open = entry.is_dir && on_the_way;
        nodes.push(Node {
            name: entry.path.rsplit('/').next().unwrap_or_default().to_owned(),
            url: format!("/runs/{}/files/{}", segment(run_id), segments(&entry.path)),
            level: open.len(),
            is_dir: entry.is_dir,
            open: is_open,
            current: path == entry.path,
            size: if entry.is_dir { String::new() } else { size(entry.size_bytes) },
        });
        if is_open {
            open.push(entries(state, run_id, &entry.path).await?.into_iter());
        }
    }
    Ok(nodes)
}

async fn entries(state: &AppState, run_id: &str, folder: &str) -> Result<Vec<ArtifactInfo>, HttpError> {
    let mut entries = state.workspace.list_run_artifacts(run_id, folder).await?;
    entries.truncate(MOST_ENTRIES);
    Ok(entries)
}

async fn look(state: &AppState, run_id: &str, path: &str) -> Result<Shown, HttpError> {
    let whole = state.workspace.run_artifact_path(run_id, path).await?;
    let size_bytes = state.workspace.artifacts.size(&whole).await?;
    let download = format!("/api/v1/runs/{}/artifacts/{}", segment(run_id), segments(path));
    let frame = format!("/runs/{}/page/{}", segment(run_id), segments(path));
    let preview = match preview::kind(path) {
        preview::Kind::Page if size_bytes <= LARGEST_PAGE => Preview::Page(frame),
        preview::Kind::Image if size_bytes <= LARGEST_PAGE => Preview::Image(download.clone()),
        preview::Kind::Page | preview::Kind::Image => Preview::TooLarge,
        kind => {
            let head = head(state, &whole, size_bytes.min(preview::MOST_BYTES)).await?;
            preview::of(kind, &head, size_bytes > preview::MOST_BYTES)
        }
    };
    Ok(Shown { path: path.to_owned(), download, size: size(size_bytes), preview })
}

/// The first bytes of a file.
async fn head(state: &AppState, path: &str, n_bytes: u64) -> Result<Vec<u8>, HttpError> {
    use futures_util::TryStreamExt;
    if n_bytes == 0 {
        return Ok(Vec::new());
    }
    let (_, _, stream) = state.workspace.artifacts.get_range(path, 0..n_bytes).await?;
    let pieces: Vec<_> = stream.try_collect().await?;
    Ok(pieces.concat())
}

/// Whether the scripts of an HTML file may run.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Scripts {
    #[serde(default)]
    scripts: bool,
}

/// `GET /runs/{run_id}/page/{*path}`: an HTML file for a frame. It gets an origin of its own, reaches no network, and runs
/// scripts only when asked to, there.
pub(super) async fn framed(
    State(state): State<AppState>,
    Path((run_id, path)): Path<(String, String)>,
    Query(asked): Query<Scripts>,
) -> Result<Response, HttpError> {
    if preview::kind(&path) != preview::Kind::Page {
        return Err(HttpError::new(ErrorKind::InvalidInput, format!("only HTML files are shown so; got `{path}`")));
    }
    let whole = state.workspace.run_artifact_path(&run_id, &path).await?;
    if state.workspace.artifacts.size(&whole).await? > LARGEST_PAGE {
        let message = format!("HTML files of more than {} are not shown", size(LARGEST_PAGE));
        return Err(HttpError::new(ErrorKind::TooLarge, message));
    }
    let mut response = files::send(&state, &whole, &HeaderMap::new()).await?;
    let policy = if asked.scripts {
        "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval' blob:; worker-src blob:; \
         style-src 'unsafe-inline'; img-src data: blob:; font-src data:; frame-ancestors 'self'"
    } else {
        "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; frame-ancestors 'self'"
    };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("SAMEORIGIN"));
    Ok(response)
}
