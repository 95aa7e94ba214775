//! Configuration: defaults, then `metria.toml`, then `METRIA_*` variables, then flags; the later wins.
//!
//! [`Raw`] is what was said and where; [`Config`] is what came of it, checked and ready to use.

mod keys;
mod raw;

pub(crate) use keys::KEYS;
pub(crate) use raw::{Raw, Refused, environment};

use crate::jobs::webhooks::WebhookOptions;
use anyhow::Result;
use metria::{Durability, WorkspaceOptions};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A checked configuration.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    /// Where everything is kept.
    pub(crate) home: PathBuf,
    /// Records: a store URL.
    pub(crate) store_url: String,
    /// Artifacts: a folder or URL.
    pub(crate) artifact_root: String,
    /// What an answered write survives.
    pub(crate) durability: Durability,
    /// Where the server listens.
    pub(crate) bind: SocketAddr,
    /// More names that may stand in the `Host` header.
    pub(crate) allowed_hosts: Vec<String>,
    /// Largest request body.
    pub(crate) max_body_bytes: usize,
    /// How long a client may take to send the head or the body of a request.
    pub(crate) request_timeout: Duration,
    /// Predictions under way at once before the server says it is busy.
    pub(crate) max_in_flight: usize,
    /// Most rows in one prediction request.
    pub(crate) max_instances: usize,
    /// How webhooks are told.
    pub(crate) webhooks: WebhookOptions,
    /// Log filter.
    pub(crate) log_filter: String,
    /// Logs as JSON lines.
    pub(crate) log_json: bool,
}

impl Config {
    /// Checks what was said.
    ///
    /// # Errors
    /// When a value does not fit its key, or listening beyond loopback was not confirmed.
    pub(crate) fn from_raw(raw: &Raw) -> Result<Self> {
        let home = PathBuf::from(raw.text("home"));
        let host: IpAddr = match raw.text("server.host") {
            "localhost" => IpAddr::from([127, 0, 0, 1]),
            text => text.parse().map_err(|_| raw.refuse("server.host", "an IP address or `localhost`"))?,
        };
        if !host.is_loopback() && !raw.boolean("server.insecure_no_auth")? {
            let message = format!(
                "listening on {host} would open the server to other machines without authentication; \
                 say --insecure-no-auth if that is what you want, or use 127.0.0.1"
            );
            return Err(raw.refuse_for("server.host", message));
        }
        metria_runtime::telemetry::check(raw.text("log.filter"))
            .map_err(|_| raw.refuse("log.filter", "a level (error, warn, info, debug, trace) or target=level pairs"))?;
        Ok(Self {
            store_url: match raw.text("store.url") {
                "" => format!("sqlite:{}", home.join("metria.db").display()),
                url => url.to_owned(),
            },
            artifact_root: match raw.text("artifacts.root") {
                "" => home.join("artifacts").display().to_string(),
                root => root.to_owned(),
            },
            durability: match raw.text("store.durability") {
                "process" => Durability::Process,
                "power_loss" => Durability::PowerLoss,
                _ => return Err(raw.refuse("store.durability", "`process` or `power_loss`")),
            },
            bind: SocketAddr::new(host, raw.number("server.port", 0, 65_535)?.try_into()?),
            allowed_hosts: list(raw, "server.allowed_hosts"),
            max_body_bytes: raw.number("server.max_body_bytes", 1_000, 1 << 40)?,
            request_timeout: Duration::from_secs(raw.number("server.request_timeout_seconds", 1, 86_400)? as u64),
            max_in_flight: raw.number("serving.max_in_flight", 1, 1_000_000)?,
            max_instances: raw.number("serving.max_instances", 1, 100_000_000)?,
            webhooks: webhooks(raw, &home)?,
            log_filter: raw.text("log.filter").to_owned(),
            log_json: match raw.text("log.format") {
                "text" => false,
                "json" => true,
                _ => return Err(raw.refuse("log.format", "`text` or `json`")),
            },
            home,
        })
    }

    /// How the workspace is opened.
    pub(crate) fn workspace(&self) -> WorkspaceOptions {
        WorkspaceOptions {
            home: self.home.clone(),
            store_url: self.store_url.clone(),
            artifact_root: self.artifact_root.clone(),
            durability: self.durability,
        }
    }
}

/// Texts with commas between, in lower case.
fn list(raw: &Raw, name: &str) -> Vec<String> {
    let parts = raw.text(name).split(',').map(|part| part.trim().to_ascii_lowercase());
    parts.filter(|part| !part.is_empty()).collect()
}

fn webhooks(raw: &Raw, home: &Path) -> Result<WebhookOptions> {
    let schemes = list(raw, "webhooks.schemes");
    if schemes.is_empty() || schemes.iter().any(|scheme| !["https", "http"].contains(&scheme.as_str())) {
        return Err(raw.refuse("webhooks.schemes", "`https`, `http` or both"));
    }
    Ok(WebhookOptions {
        allow_private: raw.boolean("webhooks.allow_private")?,
        schemes,
        key_file: match raw.text("webhooks.key_file") {
            "" => home.join("webhooks.key"),
            path => PathBuf::from(path),
        },
        timeout: Duration::from_secs(raw.number("webhooks.timeout_seconds", 1, 300)? as u64),
        max_retries: raw.number("webhooks.max_retries", 0, 20)?.try_into()?,
    })
}
