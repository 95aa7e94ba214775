//! `webhooks`: who is told what happens in the registry. Secrets come in and never go out.

use super::error::{MlflowError, Result};
use super::experiments::page_size;
use super::input::{Input, integer, required};
use super::types::with_token;
use crate::state::AppState;
use axum::extract::{Path, State};
use axum::routing::{get, post};
use axum::{Json, Router};
use metria_core::ids::new_uuid;
use metria_core::time::now_ms;
use metria_store::WebhookChange;
use metria_tracking::CreateWebhook;
use metria_tracking::events::{event_body, example_data};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Most webhooks on a page.
const MOST_RESULTS: i64 = 1_000;

pub(super) fn routes() -> Router<AppState> {
    Router::new()
        .route("/webhooks", get(list).post(create))
        .route("/webhooks/{webhook_id}", get(get_one).patch(update).delete(delete))
        .route("/webhooks/{webhook_id}/test", post(test))
}

/// An event: upper-case names of what and of what became of it.
#[derive(Debug, Serialize, Deserialize)]
struct Event {
    entity: String,
    action: String,
}

impl Event {
    fn name(&self) -> String {
        format!("{}.{}", self.entity, self.action).to_ascii_lowercase()
    }

    fn of(name: &str) -> Self {
        let (entity, action) = name.split_once('.').unwrap_or((name, ""));
        Self { entity: entity.to_ascii_uppercase(), action: action.to_ascii_uppercase() }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Fields {
    name: Option<String>,
    url: Option<String>,
    events: Vec<Event>,
    description: Option<String>,
    secret: Option<SecretString>,
    status: Option<String>,
    event: Option<Event>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct PageFields {
    #[serde(deserialize_with = "integer")]
    max_results: Option<i64>,
    page_token: Option<String>,
}

#[derive(Debug, Serialize)]
struct Webhook {
    webhook_id: String,
    name: String,
    url: String,
    events: Vec<Event>,
    #[serde(skip_serializing_if = "String::is_empty")]
    description: String,
    status: &'static str,
    creation_timestamp: i64,
    last_updated_timestamp: i64,
}

fn wire(webhook: metria_store::Webhook) -> Webhook {
    Webhook {
        events: webhook.events.iter().map(|event| Event::of(event)).collect(),
        status: if webhook.is_active { "ACTIVE" } else { "DISABLED" },
        creation_timestamp: webhook.creation_time_ms,
        last_updated_timestamp: webhook.last_update_time_ms,
        webhook_id: webhook.webhook_id,
        name: webhook.name,
        url: webhook.url,
        description: webhook.description,
    }
}

fn is_active(status: &str) -> Result<bool> {
    match status.to_ascii_uppercase().as_str() {
        "ACTIVE" => Ok(true),
        "DISABLED" => Ok(false),
        _ => Err(MlflowError::invalid(format!("the status of a webhook must be ACTIVE or DISABLED; got `{status}`"))),
    }
}

fn names(events: &[Event]) -> Vec<String> {
    events.iter().map(Event::name).collect()
}

/// A secret as it is stored; the empty one is none.
fn sealed(state: &AppState, secret: &SecretString) -> Result<Option<String>> {
    if secret.expose_secret().is_empty() {
        return Ok(None);
    }
    Ok(Some(state.webhooks.seal(secret)?))
}

pub(super) async fn create(State(state): State<AppState>, Input(fields): Input<Fields>) -> Result<Json<Value>> {
    let (name, url) = (required("name", fields.name)?, required("url", fields.url)?);
    state.webhooks.check_address(&url).await?;
    let new = CreateWebhook {
        name,
        url,
        description: fields.description.unwrap_or_default(),
        events: names(&fields.events),
        sealed_secret: fields.secret.map(|secret| sealed(&state, &secret)).transpose()?.flatten(),
        is_active: fields.status.as_deref().map_or(Ok(true), is_active)?,
    };
    let made = state.tracking().create_webhook(new).await?;
    Ok(Json(json!({"webhook": wire(made)})))
}

pub(super) async fn list(State(state): State<AppState>, Input(fields): Input<PageFields>) -> Result<Json<Value>> {
    // Clients that do not care say zero.
    let size = page_size(fields.max_results.filter(|size| *size != 0), 100, MOST_RESULTS)?;
    let page = state.tracking().list_webhooks(size, fields.page_token.as_deref()).await?;
    let webhooks: Vec<Webhook> = page.items.into_iter().map(wire).collect();
    Ok(Json(with_token(json!({"webhooks": webhooks}), page.next_page_token)))
}

pub(super) async fn get_one(State(state): State<AppState>, Path(webhook_id): Path<String>) -> Result<Json<Value>> {
    let found = state.tracking().get_webhook(&webhook_id).await?;
    Ok(Json(json!({"webhook": wire(found)})))
}

pub(super) async fn update(
    State(state): State<AppState>,
    Path(webhook_id): Path<String>,
    Input(fields): Input<Fields>,
) -> Result<Json<Value>> {
    let url = fields.url.filter(|url| !url.is_empty());
    if let Some(url) = &url {
        state.webhooks.check_address(url).await?;
    }
    let change = WebhookChange {
        name: fields.name.filter(|name| !name.is_empty()),
        url,
        description: fields.description,
        events: (!fields.events.is_empty()).then(|| names(&fields.events)),
        sealed_secret: fields.secret.map(|secret| sealed(&state, &secret)).transpose()?,
        is_active: fields.status.as_deref().map(is_active).transpose()?,
    };
    let changed = state.tracking().update_webhook(&webhook_id, change).await?;
    Ok(Json(json!({"webhook": wire(changed)})))
}

pub(super) async fn delete(State(state): State<AppState>, Path(webhook_id): Path<String>) -> Result<Json<Value>> {
    state.tracking().delete_webhook(&webhook_id).await?;
    Ok(Json(json!({})))
}

/// Tells a webhook an example of an event, or of its first one, once, and answers how that went.
pub(super) async fn test(
    State(state): State<AppState>,
    Path(webhook_id): Path<String>,
    Input(fields): Input<Fields>,
) -> Result<Json<Value>> {
    let webhook = state.tracking().get_webhook(&webhook_id).await?;
    let event = fields.event.map(|event| event.name()).or_else(|| webhook.events.first().cloned()).unwrap_or_default();
    let data = example_data(&event);
    if data == json!({}) {
        return Err(MlflowError::invalid(format!("there is no event `{event}`")));
    }
    let result = match state.webhooks.send(&webhook, &new_uuid(), &event_body(&event, &data, now_ms())).await {
        Ok(answer) => json!({
            "success": answer.status.is_success(),
            "response_status": answer.status.as_u16(),
            "response_body": answer.body,
        }),
        Err(error) => json!({"success": false, "error_message": format!("Failed to test webhook: {error}")}),
    };
    Ok(Json(json!({"result": result})))
}
