//! Who may ask: the `Host` must be ours and the `Origin`, if there is one, too. Every answer forbids sniffing and
//! framing.

use super::error::HttpError;
use crate::state::AppState;
use axum::extract::{Request, State};
use axum::http::header::{self, HeaderValue};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use metria_core::ErrorKind;
use std::net::IpAddr;

/// Refuses foreign hosts and origins, and marks every answer.
pub(crate) async fn guard(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let mut response = match check(&state, &request) {
        Ok(()) => next.run(request).await,
        Err(refusal) => refusal.into_response(),
    };
    mark(response.headers_mut());
    response
}

fn check(state: &AppState, request: &Request) -> Result<(), HttpError> {
    let text = |name| request.headers().get(name).map(|value: &HeaderValue| value.to_str().unwrap_or("\u{fffd}"));
    let host = text(header::HOST).or_else(|| request.uri().host()).unwrap_or_default();
    if !is_our_host(state, host) {
        return Err(foreign("Host", host));
    }
    match text(header::ORIGIN) {
        None => Ok(()),
        Some(origin) => {
            let from = origin.split_once("://").map_or("", |(_, host)| host);
            // A page that this server gave out has the same host and port.
            let same = !from.is_empty() && from.eq_ignore_ascii_case(host);
            if same || is_ours(state, from) { Ok(()) } else { Err(foreign("Origin", origin)) }
        }
    }
}

fn foreign(header: &str, value: &str) -> HttpError {
    let message = format!("the {header} `{value}` is not one of this server's; --allowed-host adds a name");
    HttpError::new(ErrorKind::PermissionDenied, message).with_status(StatusCode::FORBIDDEN)
}

/// Whether a `Host` means this server. Where it listens on all addresses of the machine, any address may: only names
/// can be pointed here by a foreign name server.
fn is_our_host(state: &AppState, host: &str) -> bool {
    is_ours(state, host) || (state.bind.ip().is_unspecified() && host_name(host).parse::<IpAddr>().is_ok())
}

/// Whether a host (with or without a port) is loopback, the address listened on, or a name that was allowed.
fn is_ours(state: &AppState, host: &str) -> bool {
    let name = host_name(host).to_ascii_lowercase();
    if name == "localhost" || state.allowed_hosts.contains(&name) {
        return true;
    }
    name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback() || address == state.bind.ip())
}

/// A host without its port and brackets.
fn host_name(host: &str) -> &str {
    if let Some(rest) = host.strip_prefix('[') {
        return rest.split(']').next().unwrap_or(rest);
    }
    host.rsplit_once(':').map_or(host, |(name, _)| name)
}

/// What the pages of ours may load and run. Plotly places its labels by style attributes, and adds an empty style element
/// (the hash is that of nothing) to put rules in by script.
const POLICY: &str = "default-src 'none'; script-src 'self'; \
    style-src 'self' 'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='; style-src-attr 'unsafe-inline'; \
    img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// The same for a page that shows others of this server in frames.
pub(crate) fn framing_policy() -> HeaderValue {
    let policy = format!("{POLICY}; frame-src 'self'");
    HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static("default-src 'none'"))
}

fn mark(headers: &mut HeaderMap) {
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "same-origin"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
    ] {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_and_brackets_are_cut_off() {
        for (host, name) in [
            ("localhost:5000", "localhost"),
            ("127.0.0.1", "127.0.0.1"),
            ("[::1]:5000", "::1"),
            ("example.org:80", "example.org"),
        ] {
            assert_eq!(host_name(host), name);
        }
    }
}
