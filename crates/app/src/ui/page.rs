//! What every page shares: rendering, and errors that are pages too.

use crate::http::HttpError;
use askama::Template;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use metria_core::ErrorKind;

/// A rendered page, or the page that tells why there is none.
pub(super) type PageResult = Result<Html<String>, PageError>;

/// Renders a page.
pub(super) fn render(template: &impl Template) -> PageResult {
    template.render().map(Html).map_err(|error| {
        tracing::error!(%error, "a page could not be rendered");
        PageError(HttpError::new(ErrorKind::Internal, "the page could not be rendered; the server's log says more"))
    })
}

/// An error as a page.
pub(super) struct PageError(HttpError);

impl<E: Into<HttpError>> From<E> for PageError {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage<'a> {
    title: &'a str,
    message: &'a str,
}

impl IntoResponse for PageError {
    fn into_response(self) -> Response {
        let status = self.0.status();
        let title = status.canonical_reason().unwrap_or("Error");
        let page = ErrorPage { title, message: self.0.message() };
        match page.render() {
            Ok(text) => (status, Html(text)).into_response(),
            Err(error) => {
                tracing::error!(%error, "the error page could not be rendered");
                (StatusCode::INTERNAL_SERVER_ERROR, "the page could not be rendered").into_response()
            }
        }
    }
}
