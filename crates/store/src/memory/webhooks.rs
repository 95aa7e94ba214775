//! Webhooks in memory.

use super::{MemoryStore, Records};
use crate::error::{Error, Result};
use crate::webhooks::{Delivery, Webhook, WebhookChange, WebhookStore};

impl Records {
    fn webhook(&mut self, webhook_id: &str) -> Result<&mut Webhook> {
        let missing = || Error::NotFound { kind: "webhook", id: webhook_id.to_owned() };
        self.webhooks.get_mut(webhook_id).ok_or_else(missing)
    }

    /// The delivery that is due first, of webhooks other than `except`.
    fn first_delivery(&mut self, except: &[String]) -> Option<&mut Delivery> {
        let others = self.deliveries.values_mut().filter(|delivery| !except.contains(&delivery.webhook_id));
        others.min_by(|a, b| (a.next_attempt_ms, &a.delivery_id).cmp(&(b.next_attempt_ms, &b.delivery_id)))
    }
}

#[async_trait::async_trait]
impl WebhookStore for MemoryStore {
    async fn create_webhook(&self, webhook: Webhook) -> Result<()> {
        webhook.check()?;
        self.with(|records| {
            if records.webhooks.contains_key(&webhook.webhook_id) {
                return Err(Error::AlreadyExists { kind: "webhook", id: webhook.webhook_id });
            }
            records.webhooks.insert(webhook.webhook_id.clone(), webhook);
            Ok(())
        })
    }

    async fn get_webhook(&self, webhook_id: &str) -> Result<Webhook> {
        self.with(|records| records.webhook(webhook_id).cloned())
    }

    async fn list_webhooks(&self) -> Result<Vec<Webhook>> {
        self.with(|records| {
            let mut found: Vec<Webhook> = records.webhooks.values().cloned().collect();
            found.sort_by(|a, b| (b.creation_time_ms, &b.webhook_id).cmp(&(a.creation_time_ms, &a.webhook_id)));
            Ok(found)
        })
    }

    async fn update_webhook(&self, webhook_id: &str, change: WebhookChange, now_ms: i64) -> Result<Webhook> {
        change.check()?;
        self.with(|records| {
            let webhook = records.webhook(webhook_id)?;
            change.apply(webhook, now_ms);
            Ok(webhook.clone())
        })
    }

    async fn delete_webhook(&self, webhook_id: &str) -> Result<()> {
        self.with(|records| {
            records.webhook(webhook_id)?;
            records.webhooks.remove(webhook_id);
            records.deliveries.retain(|_, delivery| delivery.webhook_id != webhook_id);
            Ok(())
        })
    }

    async fn subscribers(&self, events: &[&str]) -> Result<Vec<(String, String)>> {
        self.with(|records| {
            let active = records.webhooks.values().filter(|webhook| webhook.is_active);
            let mut found: Vec<(String, String)> = active
                .flat_map(|webhook| webhook.events.iter().map(|event| (webhook.webhook_id.clone(), event.clone())))
                .filter(|(_, event)| events.contains(&event.as_str()))
                .collect();
            found.sort();
            Ok(found)
        })
    }

    async fn queue_deliveries(&self, deliveries: Vec<Delivery>, most: u32) -> Result<usize> {
        self.with(|records| {
            let mut queued = 0;
            for delivery in deliveries {
                let of_same = |there: &&Delivery| there.webhook_id == delivery.webhook_id;
                let waiting = records.deliveries.values().filter(of_same).count();
                if waiting < most as usize && records.webhooks.contains_key(&delivery.webhook_id) {
                    records.deliveries.insert(delivery.delivery_id.clone(), delivery);
                    queued += 1;
                }
            }
            Ok(queued)
        })
    }

    async fn take_delivery(&self, now_ms: i64, until_ms: i64, except: &[String]) -> Result<Option<Delivery>> {
        self.with(|records| {
            let Some(first) = records.first_delivery(except).filter(|first| first.next_attempt_ms <= now_ms) else {
                return Ok(None);
            };
            first.attempts += 1;
            first.next_attempt_ms = until_ms;
            Ok(Some(first.clone()))
        })
    }

    async fn next_delivery_ms(&self, except: &[String]) -> Result<Option<i64>> {
        self.with(|records| Ok(records.first_delivery(except).map(|first| first.next_attempt_ms)))
    }

    async fn postpone_delivery(&self, delivery_id: &str, next_attempt_ms: i64) -> Result<()> {
        self.with(|records| {
            if let Some(delivery) = records.deliveries.get_mut(delivery_id) {
                delivery.next_attempt_ms = next_attempt_ms;
            }
            Ok(())
        })
    }

    async fn remove_delivery(&self, delivery_id: &str) -> Result<()> {
        self.with(|records| {
            records.deliveries.remove(delivery_id);
            Ok(())
        })
    }
}
