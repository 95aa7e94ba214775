//! Webhooks. Compiled once for each database, with its `Connection`, `Row` and `SqlStore` in scope.

use super::deliveries::{next_due, queue, take};
use super::errors::{backend, insert};
use super::rows::{get, groups, query};
use super::{Connection, Row, SqlStore};
use crate::sql::Sql;
use metria_store::{Delivery, Error, Result, Webhook, WebhookChange, WebhookStore};
use sqlx::AssertSqlSafe;

fn no_webhook(webhook_id: &str) -> Error {
    Error::NotFound { kind: "webhook", id: webhook_id.to_owned() }
}

fn webhook(row: &Row) -> Result<Webhook> {
    Ok(Webhook {
        webhook_id: get(row, "webhook_id")?,
        name: get(row, "name")?,
        url: get(row, "url")?,
        description: get(row, "description")?,
        events: Vec::new(),
        sealed_secret: get(row, "sealed_secret")?,
        is_active: get(row, "is_active")?,
        creation_time_ms: get(row, "creation_time_ms")?,
        last_update_time_ms: get(row, "last_update_time_ms")?,
    })
}

/// The webhooks of an id, or all, the newest first.
async fn webhooks(connection: &mut Connection, webhook_id: Option<&str>) -> Result<Vec<Webhook>> {
    let all = async |table: &str, order: &str, connection: &mut Connection| {
        let sql = format!("SELECT * FROM {table} WHERE $1 IS NULL OR webhook_id = $1 ORDER BY {order}");
        sqlx::query(AssertSqlSafe(sql)).bind(webhook_id).fetch_all(connection).await.map_err(backend)
    };
    let rows = all("webhooks", "creation_time_ms DESC, webhook_id DESC", connection).await?;
    let events = all("webhook_events", "webhook_id, position", connection).await?;
    let mut events = groups(&events, |row| get::<String>(row, "webhook_id"), |row| get(row, "event"))?;
    let mut webhooks: Vec<Webhook> = rows.iter().map(webhook).collect::<Result<_>>()?;
    for webhook in &mut webhooks {
        webhook.events = events.remove(&webhook.webhook_id).unwrap_or_default();
    }
    Ok(webhooks)
}

async fn one(connection: &mut Connection, webhook_id: &str) -> Result<Webhook> {
    webhooks(connection, Some(webhook_id)).await?.pop().ok_or_else(|| no_webhook(webhook_id))
}

async fn write_events(connection: &mut Connection, webhook: &Webhook) -> Result<()> {
    for (position, event) in (0_i64..).zip(&webhook.events) {
        sqlx::query("INSERT INTO webhook_events (webhook_id, position, event) VALUES ($1, $2, $3)")
            .bind(&webhook.webhook_id)
            .bind(position)
            .bind(event)
            .execute(&mut *connection)
            .await
            .map_err(backend)?;
    }
    Ok(())
}

async fn create(connection: &mut Connection, webhook: &Webhook) -> Result<()> {
    sqlx::query(
        "INSERT INTO webhooks (webhook_id, name, url, description, sealed_secret, is_active, creation_time_ms,
         last_update_time_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(&webhook.webhook_id)
    .bind(&webhook.name)
    .bind(&webhook.url)
    .bind(&webhook.description)
    .bind(&webhook.sealed_secret)
    .bind(webhook.is_active)
    .bind(webhook.creation_time_ms)
    .bind(webhook.last_update_time_ms)
    .execute(&mut *connection)
    .await
    .map_err(|error| insert(error, "webhook", &webhook.webhook_id))?;
    write_events(connection, webhook).await
}

async fn update(connection: &mut Connection, webhook_id: &str, change: WebhookChange, now_ms: i64) -> Result<Webhook> {
    // Takes the row, so that changes by two processes come one after the other.
    sqlx::query("UPDATE webhooks SET name = name WHERE webhook_id = $1")
        .bind(webhook_id)
        .execute(&mut *connection)
        .await
        .map_err(backend)?;
    let mut webhook = one(connection, webhook_id).await?;
    change.apply(&mut webhook, now_ms);
    sqlx::query(
        "UPDATE webhooks SET name = $1, url = $2, description = $3, sealed_secret = $4, is_active = $5,
         last_update_time_ms = $6 WHERE webhook_id = $7",
    )
    .bind(&webhook.name)
    .bind(&webhook.url)
    .bind(&webhook.description)
    .bind(&webhook.sealed_secret)
    .bind(webhook.is_active)
    .bind(webhook.last_update_time_ms)
    .bind(webhook_id)
    .execute(&mut *connection)
    .await
    .map_err(backend)?;
    sqlx::query("DELETE FROM webhook_events WHERE webhook_id = $1")
        .bind(webhook_id)
        .execute(&mut *connection)
        .await
        .map_err(backend)?;
    write_events(connection, &webhook).await?;
    Ok(webhook)
}

async fn delete(connection: &mut Connection, webhook_id: &str) -> Result<()> {
    let deleted = sqlx::query("DELETE FROM webhooks WHERE webhook_id = $1")
        .bind(webhook_id)
        .execute(connection)
        .await
        .map_err(backend)?;
    if deleted.rows_affected() == 0 { Err(no_webhook(webhook_id)) } else { Ok(()) }
}

#[async_trait::async_trait]
impl WebhookStore for SqlStore {
    async fn create_webhook(&self, webhook: Webhook) -> Result<()> {
        webhook.check()?;
        let about = webhook.webhook_id.clone();
        self.writer.write(&about, webhook, |connection, webhook| Box::pin(create(connection, webhook))).await
    }

    async fn get_webhook(&self, webhook_id: &str) -> Result<Webhook> {
        let mut snapshot = self.snapshot().await?;
        let found = one(&mut snapshot, webhook_id).await?;
        snapshot.commit().await.map_err(backend)?;
        Ok(found)
    }

    async fn list_webhooks(&self) -> Result<Vec<Webhook>> {
        let mut snapshot = self.snapshot().await?;
        let found = webhooks(&mut snapshot, None).await?;
        snapshot.commit().await.map_err(backend)?;
        Ok(found)
    }

    async fn update_webhook(&self, webhook_id: &str, change: WebhookChange, now_ms: i64) -> Result<Webhook> {
        change.check()?;
        self.writer
            .write(webhook_id, (webhook_id.to_owned(), change, now_ms), |connection, (id, change, now_ms)| {
                Box::pin(update(connection, id, change.clone(), *now_ms))
            })
            .await
    }

    async fn delete_webhook(&self, webhook_id: &str) -> Result<()> {
        self.writer.write(webhook_id, webhook_id.to_owned(), |connection, id| Box::pin(delete(connection, id))).await
    }

    async fn subscribers(&self, events: &[&str]) -> Result<Vec<(String, String)>> {
        let events: Vec<String> = events.iter().map(|event| (*event).to_owned()).collect();
        let mut sql = Sql::default();
        sql.push("SELECT DISTINCT e.webhook_id, e.event FROM webhook_events e JOIN webhooks w");
        sql.push(" ON w.webhook_id = e.webhook_id WHERE w.is_active AND e.event IN ").list(&events);
        sql.push(" ORDER BY e.webhook_id, e.event");
        let rows = query(sql).fetch_all(&self.readers).await.map_err(backend)?;
        rows.iter().map(|row| Ok((get(row, "webhook_id")?, get(row, "event")?))).collect()
    }

    async fn queue_deliveries(&self, deliveries: Vec<Delivery>, most: u32) -> Result<usize> {
        self.writer
            .write("webhook_deliveries", (deliveries, most), |connection, (deliveries, most)| {
                Box::pin(queue(connection, deliveries, *most))
            })
            .await
    }

    async fn take_delivery(&self, now_ms: i64, until_ms: i64, except: &[String]) -> Result<Option<Delivery>> {
        let arguments = (now_ms, until_ms, except.to_vec());
        self.writer
            .write("webhook_deliveries", arguments, |connection, (now_ms, until_ms, except)| {
                Box::pin(take(connection, *now_ms, *until_ms, except))
            })
            .await
    }

    async fn next_delivery_ms(&self, except: &[String]) -> Result<Option<i64>> {
        let mut snapshot = self.snapshot().await?;
        let first = next_due(&mut snapshot, except).await?;
        snapshot.commit().await.map_err(backend)?;
        Ok(first.map(|delivery| delivery.next_attempt_ms))
    }

    async fn postpone_delivery(&self, delivery_id: &str, next_attempt_ms: i64) -> Result<()> {
        self.writer
            .write("webhook_deliveries", (delivery_id.to_owned(), next_attempt_ms), |connection, (id, next_ms)| {
                Box::pin(async move {
                    sqlx::query("UPDATE webhook_deliveries SET next_attempt_ms = $1 WHERE delivery_id = $2")
                        .bind(*next_ms)
                        .bind(id)
                        .execute(connection)
                        .await
                        .map_err(backend)?;
                    Ok(())
                })
            })
            .await
    }

    async fn remove_delivery(&self, delivery_id: &str) -> Result<()> {
        self.writer
            .write("webhook_deliveries", delivery_id.to_owned(), |connection, id| {
                Box::pin(async move {
                    sqlx::query("DELETE FROM webhook_deliveries WHERE delivery_id = $1")
                        .bind(id)
                        .execute(connection)
                        .await
                        .map_err(backend)?;
                    Ok(())
                })
            })
            .await
    }
}
