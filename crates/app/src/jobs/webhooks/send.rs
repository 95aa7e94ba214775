//! One delivery: a POST whose headers tell its id, its time and, with a secret, its signature, as MLflow's receivers
//! check them (they follow standardwebhooks.com).

use super::secret::{self, SecretError};
use super::{AddressRefused, WebhookOptions, address};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use metria_core::time::now_ms;
use metria_store::Webhook;
use reqwest::{Client, StatusCode, header, redirect};
use ring::hmac;
use secrecy::{ExposeSecret, SecretString};
use std::sync::Arc;
use std::time::Duration;

const SIGNATURE: &str = "X-MLflow-Signature";
const TIMESTAMP: &str = "X-MLflow-Timestamp";
const DELIVERY_ID: &str = "X-MLflow-Delivery-Id";
/// Most of an answer that is read, in bytes.
const MOST_READ: usize = 64 * 1_024;

/// Tells webhooks. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Webhooks {
    client: Client,
    options: Arc<WebhookOptions>,
}

/// What a receiver answered.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The status.
    pub(crate) status: StatusCode,
    /// The beginning of the body.
    pub(crate) body: String,
    /// In how long it wants to be asked again.
    pub(super) retry_after: Option<Duration>,
}

/// Why a webhook was not told.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SendError {
    /// Its address is refused.
    #[error(transparent)]
    Address(#[from] AddressRefused),
    /// Its secret cannot be used; without it, nothing is sent.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// No answer came.
    #[error("{0}")]
    Http(String),
}

impl Webhooks {
    /// Tells by these options.
    ///
    /// # Errors
    /// When the HTTP client cannot be made.
    pub(crate) fn new(options: WebhookOptions) -> reqwest::Result<Self> {
        // A proxy or a redirect would lead past the check of addresses.
        let client = Client::builder()
            .redirect(redirect::Policy::none())
            .no_proxy()
            .timeout(options.timeout)
            .user_agent(concat!("metria/", env!("CARGO_PKG_VERSION")))
            .dns_resolver(Arc::new(address::Resolver { allow_private: options.allow_private }))
            .build()?;
        Ok(Self { client, options: Arc::new(options) })
    }

    pub(super) fn options(&self) -> &WebhookOptions {
        &self.options
    }

    /// Checks where a webhook wants to be told.
    ///
    /// # Errors
    /// When it may not be told there.
    pub(crate) async fn check_address(&self, url: &str) -> Result<(), AddressRefused> {
        address::check(url, &self.options.schemes, self.options.allow_private).await.map(|_| ())
    }

    /// A secret as it is stored.
    ///
    /// # Errors
    /// When the key cannot be read or made.
    pub(crate) fn seal(&self, secret: &SecretString) -> Result<String, SecretError> {
        secret::seal(&self.options.key_file, secret)
    }

    /// Sends a body once.
    ///
    /// # Errors
    /// When there is no answer.
    pub(crate) async fn send(&self, webhook: &Webhook, delivery_id: &str, body: &str) -> Result<Answer, SendError> {
        let url = address::check(&webhook.url, &self.options.schemes, self.options.allow_private).await?;
        let timestamp = (now_ms() / 1_000).to_string();
        let mut request = self
            .client
            .post(url)
            .header(header::CONTENT_TYPE, "application/json")
            .header(DELIVERY_ID, delivery_id)
            .header(TIMESTAMP, &timestamp);
        if let Some(sealed) = &webhook.sealed_secret {
            let secret = secret::open(&self.options.key_file, sealed)?;
            request = request.header(SIGNATURE, signature(&secret, delivery_id, &timestamp, body));
        }
        let mut response = request.body(body.to_owned()).send().await.map_err(told)?;
        let wait = response.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
        let mut read = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(told)? {
            read.extend_from_slice(&chunk[..chunk.len().min(MOST_READ - read.len())]);
            if read.len() == MOST_READ {
                break;
            }
        }
        let body = String::from_utf8_lossy(&read).into_owned();
        Ok(Answer { status: response.status(), body, retry_after: wait.map(Duration::from_secs) })
    }
}

/// A client's error with its causes, without the address, which may hold a secret.
fn told(error: reqwest::Error) -> SendError {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    SendError::Http(text)
}

/// `v1,` and the HMAC-SHA256 of `id.timestamp.body` in base64.
fn signature(secret: &SecretString, delivery_id: &str, timestamp: &str, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose_secret().as_bytes());
    let tag = hmac::sign(&key, format!("{delivery_id}.{timestamp}.{body}").as_bytes());
    format!("v1,{}", STANDARD.encode(tag))
}

#[cfg(test)]
mod tests {
    use super::*;

    // Python 3.11: base64.b64encode(hmac.new(b"s3cret", b'id-1.1764000123.{"a": "\xc3\xa9"}', "sha256").digest())
    #[test]
    fn signatures_are_upstream_s() {
        let signed = signature(&SecretString::from("s3cret"), "id-1", "1764000123", r#"{"a": "é"}"#);
        assert_eq!(signed, "v1,S760YlOTcp9tQ70Ml4WhxyiU4MxKzypGzvzqI1fA7Ng=");
    }
}
