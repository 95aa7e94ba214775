//! What happens in the registry, told to webhooks in the words of MLflow 3.17.
//!
//! An event waits in the store before whoever caused it has an answer, so that it outlives the process. It is written
//! after the change, not with it: a store that fails between the two loses the event, which the log then tells, and
//! never the change.

use crate::Tracking;
use crate::prompts::{IS_PROMPT, KIND, TEXT, is_prompt};
use metria_core::ids::new_uuid;
use metria_core::time::{iso8601, now_ms};
use metria_store::{Delivery, ModelVersion, RegisteredModel, Result, Tag};
use serde_json::{Map, Value, json};

/// What a webhook can be told. That a budget is exceeded never happens here, but may be waited for.
pub const EVENTS: [&str; 15] = [
    "registered_model.created",
    "model_version.created",
    "model_version_tag.set",
    "model_version_tag.deleted",
    "model_version_alias.created",
    "model_version_alias.deleted",
    "prompt.created",
    "prompt_version.created",
    "prompt_tag.set",
    "prompt_tag.deleted",
    "prompt_version_tag.set",
    "prompt_version_tag.deleted",
    "prompt_alias.created",
    "prompt_alias.deleted",
    "budget_policy.exceeded",
];

/// Most deliveries that wait for one webhook.
const MOST_WAITING: u32 = 10_000;

/// A change of the registry.
pub(crate) enum Change<'a> {
    ModelCreated(&'a RegisteredModel),
    VersionCreated(&'a ModelVersion),
    ModelTagSet { name: &'a str, tag: &'a Tag },
    ModelTagDeleted { name: &'a str, key: &'a str },
    VersionTagSet { name: &'a str, version: u32, tag: &'a Tag },
    VersionTagDeleted { name: &'a str, version: u32, key: &'a str },
    AliasSet { name: &'a str, alias: &'a str, version: u32 },
    AliasDeleted { name: &'a str, alias: &'a str },
}

impl Change<'_> {
    /// What it is called of a model and of a prompt; a model's own tags are told to nobody.
    fn events(&self) -> (Option<&'static str>, &'static str) {
        match self {
            Self::ModelCreated(_) => (Some("registered_model.created"), "prompt.created"),
            Self::VersionCreated(_) => (Some("model_version.created"), "prompt_version.created"),
            Self::ModelTagSet { .. } => (None, "prompt_tag.set"),
            Self::ModelTagDeleted { .. } => (None, "prompt_tag.deleted"),
            Self::VersionTagSet { .. } => (Some("model_version_tag.set"), "prompt_version_tag.set"),
            Self::VersionTagDeleted { .. } => (Some("model_version_tag.deleted"), "prompt_version_tag.deleted"),
            Self::AliasSet { .. } => (Some("model_version_alias.created"), "prompt_alias.created"),
            Self::AliasDeleted { .. } => (Some("model_version_alias.deleted"), "prompt_alias.deleted"),
        }
    }

    fn data(&self, is_prompt: bool) -> Value {
        match self {
            Self::ModelCreated(model) => {
                let hidden: &[&str] = if is_prompt { &[IS_PROMPT, KIND] } else { &[] };
                json!({"name": model.name, "tags": tags(&model.tags, hidden), "description": model.description})
            }
            Self::VersionCreated(version) if is_prompt => json!({
                "name": version.name,
                "version": version.version.to_string(),
                "template": version.tags.iter().find(|tag| tag.key == TEXT).map(|tag| &tag.value),
                "tags": tags(&version.tags, &[IS_PROMPT, KIND, TEXT]),
                "description": said(&version.description),
            }),
            Self::VersionCreated(version) => json!({
                "name": version.name,
                "version": version.version.to_string(),
                "source": version.source,
                "run_id": version.run_id,
                "tags": tags(&version.tags, &[]),
                "description": said(&version.description),
            }),
            Self::ModelTagSet { name, tag } => json!({"name": name, "key": tag.key, "value": tag.value}),
            Self::ModelTagDeleted { name, key } => json!({"name": name, "key": key}),
            Self::VersionTagSet { name, version, tag } => {
                json!({"name": name, "version": version.to_string(), "key": tag.key, "value": tag.value})
            }
            Self::VersionTagDeleted { name, version, key } => {
                json!({"name": name, "version": version.to_string(), "key": key})
            }
            Self::AliasSet { name, alias, version } => {
                json!({"name": name, "alias": alias, "version": version.to_string()})
            }
            Self::AliasDeleted { name, alias } => json!({"name": name, "alias": alias}),
        }
    }
}

fn tags(tags: &[Tag], hidden: &[&str]) -> Map<String, Value> {
    let shown = tags.iter().filter(|tag| !hidden.contains(&tag.key.as_str()));
    shown.map(|tag| (tag.key.clone(), json!(tag.value))).collect()
}

fn said(description: &str) -> Option<&str> {
    (!description.is_empty()).then_some(description)
}

/// What is sent about an event.
#[must_use]
pub fn event_body(event: &str, data: &Value, time_ms: i64) -> String {
    let (entity, action) = event.split_once('.').unwrap_or((event, ""));
    json!({"entity": entity, "action": action, "timestamp": iso8601(time_ms), "data": data}).to_string()
}

impl Tracking {
    /// Lets whoever asked for it be told about a change. That this fails is for the log only: the change is made.
    pub(crate) async fn announce(&self, change: Change<'_>) {
        if let Err(error) = self.queue(&change).await {
            let (of_model, of_prompt) = change.events();
            tracing::error!(%error, event = of_model.unwrap_or(of_prompt), "webhooks were not told about a change");
        }
    }

    async fn queue(&self, change: &Change<'_>) -> Result<()> {
        let (of_model, of_prompt) = change.events();
        let events: Vec<&str> = of_model.into_iter().chain([of_prompt]).collect();
        let subscribers = self.store.subscribers(&events).await?;
        if subscribers.is_empty() {
            return Ok(());
        }
        let is_prompt = match change {
            Change::ModelCreated(model) => is_prompt(&model.tags),
            Change::VersionCreated(version) => is_prompt(&version.tags),
            Change::ModelTagSet { name, .. }
            | Change::ModelTagDeleted { name, .. }
            | Change::VersionTagSet { name, .. }
            | Change::VersionTagDeleted { name, .. }
            | Change::AliasSet { name, .. }
            | Change::AliasDeleted { name, .. } => is_prompt(&self.store.get_model(name).await?.tags),
        };
        let Some(event) = (if is_prompt { Some(of_prompt) } else { of_model }) else { return Ok(()) };
        let now = now_ms();
        let body = event_body(event, &change.data(is_prompt), now);
        let told = subscribers.into_iter().filter(|(_, asked)| asked == event);
        let deliveries: Vec<Delivery> = told
            .map(|(webhook_id, _)| Delivery {
                delivery_id: new_uuid(),
                webhook_id,
                event: event.to_owned(),
                body: body.clone(),
                attempts: 0,
                creation_time_ms: now,
                next_attempt_ms: now,
            })
            .collect();
        if deliveries.is_empty() {
            return Ok(());
        }
        let wanted = deliveries.len();
        let queued = self.store.queue_deliveries(deliveries, MOST_WAITING).await?;
        if queued < wanted {
            tracing::warn!(
                event,
                "{} of {wanted} webhooks have {MOST_WAITING} deliveries waiting and are not told",
                wanted - queued
            );
        }
        self.queued.notify_one();
        Ok(())
    }
}

/// What a webhook is told when it is tried out.
#[must_use]
pub fn example_data(event: &str) -> Value {
    let is_prompt = event.starts_with("prompt");
    let name = if is_prompt { "example_prompt" } else { "example_model" };
    let tags = || json!({"example_key": "example_value"});
    match event {
        "registered_model.created" => {
            json!({"name": name, "tags": tags(), "description": "An example registered model"})
        }
        "prompt.created" => json!({"name": name, "tags": tags(), "description": "An example prompt"}),
        "model_version.created" => json!({
            "name": name, "version": "1", "source": "models:/123", "run_id": "abcd1234abcd5678", "tags": tags(),
            "description": "An example model version",
        }),
        "prompt_version.created" => json!({
            "name": name, "version": "1", "template": "Hello {{name}}!", "tags": tags(),
            "description": "An example prompt version",
        }),
        "prompt_tag.set" => json!({"name": name, "key": "example_key", "value": "example_value"}),
        "prompt_tag.deleted" => json!({"name": name, "key": "example_key"}),
        "model_version_tag.set" | "prompt_version_tag.set" => {
            json!({"name": name, "version": "1", "key": "example_key", "value": "example_value"})
        }
        "model_version_tag.deleted" | "prompt_version_tag.deleted" => {
            json!({"name": name, "version": "1", "key": "example_key"})
        }
        "model_version_alias.created" | "prompt_alias.created" => {
            json!({"name": name, "alias": "example_alias", "version": "1"})
        }
        "model_version_alias.deleted" | "prompt_alias.deleted" => json!({"name": name, "alias": "example_alias"}),
        "budget_policy.exceeded" => json!({
            "budget_policy_id": "bp-abc123", "budget_unit": "USD", "budget_amount": 100.0, "current_spend": 105.5,
            "duration_unit": "MONTHS", "duration_value": 1, "target_scope": "ENDPOINT", "workspace": "default",
            "target_value": "ep-abc123", "window_start": 1_704_067_200_000_i64,
        }),
        _ => json!({}),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_has_an_example() {
        for event in EVENTS {
            assert_ne!(example_data(event), json!({}), "{event}");
        }
        assert_eq!(example_data("model.created"), json!({}));
    }

    #[test]
    fn bodies() {
        let body: Value = serde_json::from_str(&event_body("prompt_tag.set", &json!({"name": "p"}), 0)).unwrap();
        let expected = json!({
            "entity": "prompt_tag", "action": "set", "timestamp": "1970-01-01T00:00:00.000Z", "data": {"name": "p"},
        });
        assert_eq!(body, expected);
    }
}
