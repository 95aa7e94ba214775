//! Webhooks: addresses that are told what happens in the registry, and what is waiting to be told.

use crate::error::Result;
use crate::text::check_texts;
use serde::{Deserialize, Serialize};

/// One webhook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Webhook {
    /// A UUID.
    pub webhook_id: String,
    /// For people; need not be unique.
    pub name: String,
    /// Where it is told.
    pub url: String,
    /// For people.
    pub description: String,
    /// What it is told, such as `model_version.created`, in the order of registration.
    pub events: Vec<String>,
    /// The secret that signs what is sent, encrypted; none when nothing is signed.
    pub sealed_secret: Option<String>,
    /// Whether it is told anything.
    pub is_active: bool,
    /// When it was made.
    pub creation_time_ms: i64,
    /// When it last changed.
    pub last_update_time_ms: i64,
}

/// What a webhook is changed to; what is `None` stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WebhookChange {
    /// Another name.
    pub name: Option<String>,
    /// Another address.
    pub url: Option<String>,
    /// Another description.
    pub description: Option<String>,
    /// Other events.
    pub events: Option<Vec<String>>,
    /// Another encrypted secret, or none from now on.
    pub sealed_secret: Option<Option<String>>,
    /// Told from now on, or no more.
    pub is_active: Option<bool>,
}

impl WebhookChange {
    /// Makes the change.
    pub fn apply(self, webhook: &mut Webhook, now_ms: i64) {
        webhook.last_update_time_ms = now_ms;
        webhook.name = self.name.unwrap_or_else(|| std::mem::take(&mut webhook.name));
        webhook.url = self.url.unwrap_or_else(|| std::mem::take(&mut webhook.url));
        webhook.description = self.description.unwrap_or_else(|| std::mem::take(&mut webhook.description));
        webhook.events = self.events.unwrap_or_else(|| std::mem::take(&mut webhook.events));
        webhook.sealed_secret = self.sealed_secret.unwrap_or_else(|| webhook.sealed_secret.take());
        webhook.is_active = self.is_active.unwrap_or(webhook.is_active);
    }

    /// Refuses what no backend keeps.
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::Error::Invalid) when a text holds the character NUL.
    pub fn check(&self) -> Result<()> {
        check_texts([&self.name, &self.url, &self.description].into_iter().flatten())?;
        check_texts(self.events.iter().flatten())
    }
}

impl Webhook {
    /// Refuses what no backend keeps.
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::Error::Invalid) when a text holds the character NUL.
    pub fn check(&self) -> Result<()> {
        check_texts([&self.webhook_id, &self.name, &self.url, &self.description])?;
        check_texts(&self.events)
    }
}

/// Something that a webhook is to be told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// A UUID; the same at every try, so that a receiver knows what it has.
    pub delivery_id: String,
    /// Whom.
    pub webhook_id: String,
    /// What happened, such as `model_version.created`.
    pub event: String,
    /// What is sent.
    pub body: String,
    /// Tries that were begun.
    pub attempts: u32,
    /// When it happened.
    pub creation_time_ms: i64,
    /// When it is to be tried next.
    pub next_attempt_ms: i64,
}

/// Webhooks in a store, and the deliveries that wait.
///
/// Every call is atomic. A webhook that is not there is `NotFound`; a text with NUL is `Invalid`. Several processes may
/// take deliveries from one store: none is taken by two at once.
#[async_trait::async_trait]
pub trait WebhookStore: Send + Sync {
    /// Writes a new webhook. `AlreadyExists` when its id is taken.
    async fn create_webhook(&self, webhook: Webhook) -> Result<()>;

    /// One webhook.
    async fn get_webhook(&self, webhook_id: &str) -> Result<Webhook>;

    /// All webhooks, the newest first (creation time, then id, descending).
    async fn list_webhooks(&self) -> Result<Vec<Webhook>>;

    /// Changes a webhook and returns it.
    async fn update_webhook(&self, webhook_id: &str, change: WebhookChange, now_ms: i64) -> Result<Webhook>;

    /// Removes a webhook and what it was to be told.
    async fn delete_webhook(&self, webhook_id: &str) -> Result<()>;

    /// The ids of the active webhooks that are told any of these events, each with the event; by id, then event.
    async fn subscribers(&self, events: &[&str]) -> Result<Vec<(String, String)>>;

    /// Lets deliveries wait, at most `most` for one webhook: what is more is left out. Returns how many wait now.
    /// A delivery whose webhook is gone is left out, too.
    async fn queue_deliveries(&self, deliveries: Vec<Delivery>, most: u32) -> Result<usize>;

    /// Takes the delivery that has been due for longest, of webhooks other than `except`: counts the attempt and puts
    /// the next one off to `until_ms`, by when whoever took it must have told how it went.
    async fn take_delivery(&self, now_ms: i64, until_ms: i64, except: &[String]) -> Result<Option<Delivery>>;

    /// When the next delivery is due, of webhooks other than `except`.
    async fn next_delivery_ms(&self, except: &[String]) -> Result<Option<i64>>;

    /// Puts a delivery off. One that is gone stays so.
    async fn postpone_delivery(&self, delivery_id: &str, next_attempt_ms: i64) -> Result<()>;

    /// Removes a delivery. One that is gone stays so.
    async fn remove_delivery(&self, delivery_id: &str) -> Result<()>;
}
