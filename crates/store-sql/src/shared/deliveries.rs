//! What waits to be told to webhooks. Compiled once for each database, with its `Connection` and `Row` in scope.

use super::errors::{backend, damaged};
use super::rows::{get, query};
use super::{Connection, Row};
use crate::sql::Sql;
use metria_store::{Delivery, Result};

fn delivery(row: &Row) -> Result<Delivery> {
    let attempts: i64 = get(row, "attempts")?;
    Ok(Delivery {
        delivery_id: get(row, "delivery_id")?,
        webhook_id: get(row, "webhook_id")?,
        event: get(row, "event")?,
        body: get(row, "body")?,
        attempts: u32::try_from(attempts).map_err(|_| damaged(format!("{attempts} attempts of a delivery")))?,
        creation_time_ms: get(row, "creation_time_ms")?,
        next_attempt_ms: get(row, "next_attempt_ms")?,
    })
}

/// Lets deliveries wait, at most so many for one webhook.
pub(super) async fn queue(connection: &mut Connection, deliveries: &[Delivery], most: u32) -> Result<usize> {
    let mut queued = 0;
    for delivery in deliveries {
        let written = sqlx::query(
            "INSERT INTO webhook_deliveries
             (delivery_id, webhook_id, event, body, attempts, creation_time_ms, next_attempt_ms)
             SELECT $1, webhook_id, $2, $3, $4, $5, $6 FROM webhooks WHERE webhook_id = $7
             AND (SELECT count(*) FROM webhook_deliveries WHERE webhook_id = $7) < $8",
        )
        .bind(&delivery.delivery_id)
        .bind(&delivery.event)
        .bind(&delivery.body)
        .bind(i64::from(delivery.attempts))
        .bind(delivery.creation_time_ms)
        .bind(delivery.next_attempt_ms)
        .bind(&delivery.webhook_id)
        .bind(i64::from(most))
        .execute(&mut *connection)
        .await
        .map_err(backend)?;
        queued += written.rows_affected();
    }
    Ok(usize::try_from(queued).unwrap_or(usize::MAX))
}

/// The delivery that is due first, of webhooks other than `except`.
pub(super) async fn next_due(connection: &mut Connection, except: &[String]) -> Result<Option<Delivery>> {
    let mut sql = Sql::default();
    sql.push("SELECT * FROM webhook_deliveries WHERE webhook_id NOT IN ").list(except);
    sql.push(" ORDER BY next_attempt_ms, delivery_id LIMIT 1");
    let row = query(sql).fetch_optional(connection).await.map_err(backend)?;
    row.as_ref().map(delivery).transpose()
}

/// Takes the delivery that has been due for longest.
pub(super) async fn take(
    connection: &mut Connection,
    now_ms: i64,
    until_ms: i64,
    except: &[String],
) -> Result<Option<Delivery>> {
    let Some(first) = next_due(connection, except).await?.filter(|first| first.next_attempt_ms <= now_ms) else {
        return Ok(None);
    };
    // Another process may have taken it since: then its time is another.
    let taken = sqlx::query(
        "UPDATE webhook_deliveries SET attempts = attempts + 1, next_attempt_ms = $1
         WHERE delivery_id = $2 AND next_attempt_ms = $3",
    )
    .bind(until_ms)
    .bind(&first.delivery_id)
    .bind(first.next_attempt_ms)
    .execute(connection)
    .await
    .map_err(backend)?;
    let taken = (taken.rows_affected() == 1).then_some(first);
    Ok(taken.map(|first| Delivery { attempts: first.attempts + 1, next_attempt_ms: until_ms, ..first }))
}
