//! Style sheet and scripts, out of the program itself.

use crate::http::{HttpError, Path};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use metria_core::ErrorKind;
use plotly::Plot;
use std::sync::LazyLock;

/// Plotly's script, cut out of the tags that its crate gives it in.
static PLOTLY: LazyLock<String> = LazyLock::new(|| {
    let tags = Plot::offline_js_sources();
    let script = tags.split_once('>').map_or("", |(_, rest)| rest);
    script.split_once("</script>").map_or("", |(script, _)| script).to_owned()
});

/// `GET /static/{name}`.
pub(super) async fn serve(Path(name): Path<String>) -> Result<Response, HttpError> {
    let (content_type, content, seconds) = match name.as_str() {
        "style.css" => ("text/css; charset=utf-8", include_str!("static/style.css"), 300),
        "pages.js" => ("text/javascript; charset=utf-8", include_str!("static/pages.js"), 300),
        "plotly.js" => ("text/javascript; charset=utf-8", PLOTLY.as_str(), 86_400),
        _ => return Err(HttpError::new(ErrorKind::NotFound, format!("no such file: {name}"))),
    };
    let cache = format!("public, max-age={seconds}");
    Ok(([(header::CONTENT_TYPE, content_type), (header::CACHE_CONTROL, cache.as_str())], content).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plotly_is_whole_and_bare() {
        assert!(PLOTLY.len() > 1_000_000 && PLOTLY.contains("newPlot"));
        assert!(!PLOTLY.trim_start().starts_with('<') && !PLOTLY.contains("</script>"));
    }
}
