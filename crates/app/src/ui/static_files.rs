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

/// The modules of the pages.
const SCRIPTS: [(&str, &str); 11] = [
    ("api.js", include_str!("static/api.js")),
    ("charts.js", include_str!("static/charts.js")),
    ("compare.js", include_str!("static/compare.js")),
    ("files.js", include_str!("static/files.js")),
    ("format.js", include_str!("static/format.js")),
    ("forms.js", include_str!("static/forms.js")),
    ("lines.js", include_str!("static/lines.js")),
    ("pages.js", include_str!("static/pages.js")),
    ("run.js", include_str!("static/run.js")),
    ("runs.js", include_str!("static/runs.js")),
    ("table.js", include_str!("static/table.js")),
];

/// `GET /static/{name}`.
pub(super) async fn serve(Path(name): Path<String>) -> Result<Response, HttpError> {
    let (content_type, content, seconds) = match name.as_str() {
        "style.css" => ("text/css; charset=utf-8", include_str!("static/style.css"), 300),
        "plotly.js" => ("text/javascript; charset=utf-8", PLOTLY.as_str(), 86_400),
        _ => match SCRIPTS.iter().find(|(known, _)| *known == name) {
            Some((_, script)) => ("text/javascript; charset=utf-8", *script, 300),
            None => return Err(HttpError::new(ErrorKind::NotFound, format!("no such file: {name}"))),
        },
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
