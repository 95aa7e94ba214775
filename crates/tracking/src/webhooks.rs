//! Webhooks: who is told what, and the deliveries that wait.

use crate::Tracking;
use crate::error::{Error, Result};
use crate::events::EVENTS;
use crate::select::offset;
use metria_core::ids::new_uuid;
use metria_core::time::now_ms;
use metria_store::{Delivery, Page, Webhook, WebhookChange};

/// Longest name of a webhook.
const NAME_LENGTH: usize = 63;
/// Longest address and description.
const TEXT_LENGTH: usize = 2_000;
/// Most webhooks; each is asked about at every change of the registry.
const MOST_WEBHOOKS: usize = 1_000;

/// What a webhook is given.
#[derive(Clone, Debug, Default)]
pub struct CreateWebhook {
    /// For people.
    pub name: String,
    /// Where it is told; that it may be told there is for the caller to check.
    pub url: String,
    /// For people.
    pub description: String,
    /// What it is told.
    pub events: Vec<String>,
    /// The encrypted secret.
    pub sealed_secret: Option<String>,
    /// Whether it is told anything.
    pub is_active: bool,
}

impl Tracking {
    /// A new webhook.
    ///
    /// # Errors
    /// When its name or an event is refused, or there are too many.
    pub async fn create_webhook(&self, new: CreateWebhook) -> Result<Webhook> {
        check_name(&new.name)?;
        check_texts([&new.url, &new.description])?;
        let events = checked_events(new.events)?;
        let got = self.store.list_webhooks().await?.len() + 1;
        if got > MOST_WEBHOOKS {
            return Err(Error::Limit { what: "webhooks".to_owned(), most: MOST_WEBHOOKS, got });
        }
        let now = now_ms();
        let webhook = Webhook {
            webhook_id: new_uuid(),
            name: new.name,
            url: new.url,
            description: new.description,
            events,
            sealed_secret: new.sealed_secret,
            is_active: new.is_active,
            creation_time_ms: now,
            last_update_time_ms: now,
        };
        self.store.create_webhook(webhook.clone()).await?;
        Ok(webhook)
    }

    /// One webhook.
    ///
    /// # Errors
    /// When there is none.
    pub async fn get_webhook(&self, webhook_id: &str) -> Result<Webhook> {
        Ok(self.store.get_webhook(webhook_id).await?)
    }

    /// One page of webhooks, the newest first.
    ///
    /// # Errors
    /// When the token cannot be read.
    pub async fn list_webhooks(&self, max_results: usize, page_token: Option<&str>) -> Result<Page<Webhook>> {
        let start = offset(page_token)?;
        let end = start.saturating_add(max_results.max(1));
        let all = self.store.list_webhooks().await?;
        let next_page_token = (all.len() > end).then(|| format!("o{end}"));
        Ok(Page { items: all.into_iter().skip(start).take(end - start).collect(), next_page_token })
    }

    /// Changes a webhook.
    ///
    /// # Errors
    /// When its name or an event is refused, or there is no such webhook.
    pub async fn update_webhook(&self, webhook_id: &str, change: WebhookChange) -> Result<Webhook> {
        if let Some(name) = &change.name {
            check_name(name)?;
        }
        check_texts([&change.url, &change.description].into_iter().flatten())?;
        let events = change.events.map(checked_events).transpose()?;
        Ok(self.store.update_webhook(webhook_id, WebhookChange { events, ..change }, now_ms()).await?)
    }

    /// Removes a webhook and what it was to be told.
    ///
    /// # Errors
    /// When there is no such webhook.
    pub async fn delete_webhook(&self, webhook_id: &str) -> Result<()> {
        Ok(self.store.delete_webhook(webhook_id).await?)
    }

    /// Ends when this process has something for a webhook; what other processes have shows only in
    /// [`Tracking::next_delivery_ms`].
    pub async fn delivery_queued(&self) {
        self.queued.notified().await;
    }

    /// When the next delivery is due, of webhooks other than `except`.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn next_delivery_ms(&self, except: &[String]) -> Result<Option<i64>> {
        Ok(self.store.next_delivery_ms(except).await?)
    }

    /// Takes a delivery that is due, of webhooks other than `except`, until a time: if nobody has said by then how it
    /// went, it is due again.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn take_delivery(&self, until_ms: i64, except: &[String]) -> Result<Option<Delivery>> {
        Ok(self.store.take_delivery(now_ms(), until_ms, except).await?)
    }

    /// Puts a delivery off.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn postpone_delivery(&self, delivery_id: &str, next_attempt_ms: i64) -> Result<()> {
        Ok(self.store.postpone_delivery(delivery_id, next_attempt_ms).await?)
    }

    /// Removes a delivery that arrived, or that is given up.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn remove_delivery(&self, delivery_id: &str) -> Result<()> {
        Ok(self.store.remove_delivery(delivery_id).await?)
    }
}

/// Letters, digits, `.`, `_` and `-`, with a letter or digit at both ends.
fn check_name(name: &str) -> Result<()> {
    let is_inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let ends = [name.chars().next(), name.chars().next_back()];
    let ends_fit = ends.into_iter().all(|end| end.is_some_and(|c| c.is_ascii_alphanumeric()));
    if ends_fit && name.len() <= NAME_LENGTH && name.chars().all(is_inner) {
        return Ok(());
    }
    Err(Error::Invalid(format!(
        "a webhook's name must have 1 to {NAME_LENGTH} letters, digits, `.`, `_` and `-`, with a letter or digit at both ends; got `{name}`"
    )))
}

fn check_texts<'a>(texts: impl IntoIterator<Item = &'a String>) -> Result<()> {
    texts.into_iter().try_for_each(|text| {
        let got = text.chars().count();
        let what = || "characters in the address or description of a webhook".to_owned();
        if got > TEXT_LENGTH { Err(Error::Limit { what: what(), most: TEXT_LENGTH, got }) } else { Ok(()) }
    })
}

/// Known events, each once.
fn checked_events(events: Vec<String>) -> Result<Vec<String>> {
    if events.is_empty() {
        return Err(Error::Invalid("a webhook must have at least one event".to_owned()));
    }
    let mut checked: Vec<String> = Vec::with_capacity(events.len());
    for event in events {
        if !EVENTS.contains(&event.as_str()) {
            let known = EVENTS.join(", ");
            return Err(Error::Invalid(format!("a webhook's event must be one of {known}; got `{event}`")));
        }
        if !checked.contains(&event) {
            checked.push(event);
        }
    }
    Ok(checked)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let long = "x".repeat(NAME_LENGTH);
        for name in ["a", "A-1", "a.b_c-d", &long] {
            assert!(check_name(name).is_ok(), "{name}");
        }
        for name in ["", "-a", "a-", "a b", "ä", "a/b", &format!("{long}x")] {
            assert!(check_name(name).is_err(), "{name}");
        }
    }

    #[test]
    fn events_are_known_and_there_once() {
        let events = |names: &[&str]| checked_events(names.iter().map(|name| (*name).to_owned()).collect());
        let twice = ["prompt.created", "model_version.created", "prompt.created"];
        assert_eq!(events(&twice).expect("known events"), twice[..2]);
        assert!(events(&[]).is_err());
        let refused = events(&["prompt.updated"]).expect_err("no such event").to_string();
        assert!(refused.contains("`prompt.updated`") && refused.contains("prompt_alias.deleted"), "{refused}");
    }
}
