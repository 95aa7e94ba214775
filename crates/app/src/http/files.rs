//! Files that somebody uploaded, on their way out: streamed, in parts where a part is asked for, and harmless to a
//! browser.

use crate::state::AppState;
use axum::body::{Body, Bytes};
use axum::http::StatusCode;
use axum::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, Stream, StreamExt};
use std::error::Error;
use std::time::Duration;

/// The file at a path below the artifact root, or the part of it that `Range` asks for.
///
/// # Errors
/// When nothing is there or the storage fails.
pub(crate) async fn send(state: &AppState, path: &str, request: &HeaderMap) -> metria_artifacts::Result<Response> {
    let artifacts = &state.workspace.artifacts;
    let name = path.rsplit('/').next().unwrap_or(path);
    let mut headers = file_headers(name);
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    let asked = request.get(header::RANGE).and_then(|value| value.to_str().ok());
    let Some(asked) = asked.and_then(|text| text.trim().strip_prefix("bytes=")).filter(|text| !text.contains(','))
    else {
        let (size_bytes, stream) = artifacts.get_stream(path).await?;
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(size_bytes));
        return Ok((headers, Body::from_stream(stream)).into_response());
    };
    let size_bytes = artifacts.size(path).await?;
    let Some((start, end)) = part(asked, size_bytes) else {
        headers.insert(header::CONTENT_RANGE, text_value(&format!("bytes */{size_bytes}")));
        return Ok((StatusCode::RANGE_NOT_SATISFIABLE, headers).into_response());
    };
    let (size_bytes, range, stream) = artifacts.get_range(path, start..end).await?;
    let last = range.end.saturating_sub(1);
    headers.insert(header::CONTENT_RANGE, text_value(&format!("bytes {}-{last}/{size_bytes}", range.start)));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(range.end - range.start));
    Ok((StatusCode::PARTIAL_CONTENT, headers, Body::from_stream(stream)).into_response())
}

/// The body of an upload, however long it takes as a whole; whoever sends nothing of it for so long is given up.
pub(crate) fn incoming(
    body: Body,
    patience: Duration,
) -> impl Stream<Item = Result<Bytes, Box<dyn Error + Send + Sync>>> + Unpin + Send {
    let pieces = stream::unfold(Some(body.into_data_stream()), move |pieces| async move {
        let mut pieces = pieces?;
        match tokio::time::timeout(patience, pieces.next()).await {
            Ok(piece) => piece.map(|piece| (piece.map_err(Into::into), Some(pieces))),
            Err(_) => Some((Err(format!("nothing came for {} seconds", patience.as_secs()).into()), None)),
        }
    });
    pieces.fuse().boxed()
}

/// `0-99`, `100-`, `-50` as start and end (not included); nothing when it lies outside.
fn part(text: &str, size: u64) -> Option<(u64, u64)> {
    let (first, last) = text.split_once('-')?;
    let (start, end) = match (first.trim(), last.trim()) {
        ("", last) => (size.saturating_sub(last.parse().ok()?), size),
        (first, "") => (first.parse().ok()?, size),
        (first, last) => (first.parse().ok()?, last.parse::<u64>().ok()?.saturating_add(1).min(size)),
    };
    (start < end).then_some((start, end))
}

fn text_value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static("bytes */0"))
}

/// What a browser is told about a file: it may be shown only where that is harmless, and never runs as a page of ours.
fn file_headers(name: &str) -> HeaderMap {
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending).to_ascii_lowercase();
    let (content_type, inline) = match ending.as_str() {
        "json" => ("application/json", true),
        "png" => ("image/png", true),
        "jpg" | "jpeg" => ("image/jpeg", true),
        "gif" => ("image/gif", true),
        "webp" => ("image/webp", true),
        "svg" => ("image/svg+xml", true),
        "txt" | "log" | "csv" | "md" | "yaml" | "yml" | "toml" | "py" | "rs" | "html" => {
            ("text/plain; charset=utf-8", true)
        }
        _ if name == metria_artifacts::MLMODEL => ("text/plain; charset=utf-8", true),
        _ => ("application/octet-stream", false),
    };
    let safe = |c: char| c.is_ascii_graphic() && c != '"' && c != '\\';
    let plain: String = name.chars().map(|c| if safe(c) { c } else { '_' }).collect();
    let disposition = format!("{}; filename=\"{plain}\"", if inline { "inline" } else { "attachment" });
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    if let Ok(value) = HeaderValue::from_str(&disposition) {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
    headers.insert(HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin"));
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
            let headers = file_headers(name);
            assert_eq!(headers[header::CONTENT_TYPE], content_type, "{name}");
            assert_eq!(headers[header::CONTENT_DISPOSITION], disposition, "{name}");
            assert!(headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap().starts_with("sandbox"));
        }
    }

    #[test]
    fn parts_of_a_file() {
        for (text, expected) in [
            ("0-99", Some((0, 100))),
            ("100-", Some((100, 1_000))),
            ("-50", Some((950, 1_000))),
            ("-5000", Some((0, 1_000))),
            ("990-5000", Some((990, 1_000))),
            ("1000-", None),
            ("7-3", None),
            ("-0", None),
            ("x-", None),
            ("", None),
        ] {
            assert_eq!(part(text, 1_000), expected, "{text}");
        }
    }
}
