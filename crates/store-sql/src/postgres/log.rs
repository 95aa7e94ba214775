//! Logging to runs on PostgreSQL: a batch is a few arrays, whatever its size.

use super::Connection;
use super::errors::backend;
use super::experiments::{lifecycle, not_found};
use super::logged_models::check_measured;
use crate::batch::{Batch, stored};
use metria_store::{DatasetInput, Error, Lifecycle, Metric, Param, Result, Tag};
use std::collections::HashMap;

/// Checks that a run may be added to an experiment, and keeps it from being deleted until the commit.
pub(super) async fn check_experiment(connection: &mut Connection, experiment_id: &str) -> Result<()> {
    let found: Option<String> =
        sqlx::query_scalar("SELECT lifecycle FROM experiments WHERE experiment_id = $1 FOR SHARE")
            .bind(experiment_id)
            .fetch_optional(connection)
            .await
            .map_err(backend)?;
    match lifecycle(&found.ok_or_else(|| not_found(experiment_id))?)? {
        Lifecycle::Active => Ok(()),
        Lifecycle::Deleted => {
            Err(Error::Conflict(format!("the experiment {experiment_id} is deleted; restore it before adding runs")))
        }
    }
}

/// Experiment and lifecycle of a run, whose row is this transaction's until its end.
pub(super) async fn lock_run(connection: &mut Connection, run_id: &str) -> Result<Option<(String, String)>> {
    sqlx::query_as("SELECT experiment_id, lifecycle FROM runs WHERE run_id = $1 FOR NO KEY UPDATE")
        .bind(run_id)
        .fetch_optional(connection)
        .await
        .map_err(backend)
}

pub(super) async fn set_tags(
    connection: &mut Connection,
    run_id: &str,
    experiment_id: &str,
    tags: &[Tag],
) -> Result<()> {
    if tags.is_empty() {
        return Ok(());
    }
    let (keys, values): (Vec<&str>, Vec<&str>) = tags.iter().map(|tag| (tag.key.as_str(), tag.value.as_str())).unzip();
    sqlx::query(
        "INSERT INTO run_tags (run_id, experiment_id, key, value)
         SELECT $1, $2, b.key, b.value FROM unnest($3::text[], $4::text[]) AS b (key, value)
         ON CONFLICT (run_id, key) DO UPDATE SET value = excluded.value",
    )
    .bind(run_id)
    .bind(experiment_id)
    .bind(keys)
    .bind(values)
    .execute(connection)
    .await
    .map_err(backend)?;
    Ok(())
}

async fn log_params(connection: &mut Connection, run_id: &str, experiment_id: &str, params: &[Param]) -> Result<()> {
    if params.is_empty() {
        return Ok(());
    }
    let (keys, values): (Vec<&str>, Vec<&str>) =
        params.iter().map(|param| (param.key.as_str(), param.value.as_str())).unzip();
    let written = sqlx::query(
        "INSERT INTO params (run_id, experiment_id, key, value)
         SELECT $1, $2, b.key, b.value FROM unnest($3::text[], $4::text[]) AS b (key, value)
         ON CONFLICT (run_id, key) DO NOTHING",
    )
    .bind(run_id)
    .bind(experiment_id)
    .bind(&keys)
    .bind(values)
    .execute(&mut *connection)
    .await
    .map_err(backend)?;
    if written.rows_affected() == params.len() as u64 {
        return Ok(());
    }
    let there: Vec<(String, String)> =
        sqlx::query_as("SELECT key, value FROM params WHERE run_id = $1 AND key = ANY($2)")
            .bind(run_id)
            .bind(&keys)
            .fetch_all(connection)
            .await
            .map_err(backend)?;
    let there: HashMap<String, String> = there.into_iter().collect();
    for Param { key, value } in params {
        match there.get(key) {
            Some(first) if first != value => return Err(Error::param_conflict(run_id, key, first, value)),
            _ => {}
        }
    }
    Ok(())
}

/// Metrics as columns.
#[derive(Default)]
struct Columns<'a> {
    keys: Vec<&'a str>,
    values: Vec<Option<f64>>,
    timestamps_ms: Vec<i64>,
    steps: Vec<i64>,
}

impl<'a> Columns<'a> {
    fn new(metrics: impl IntoIterator<Item = &'a Metric>) -> Self {
        let mut columns = Self::default();
        for metric in metrics {
            columns.keys.push(&metric.key);
            columns.values.push(stored(metric.value));
            columns.timestamps_ms.push(metric.timestamp_ms);
            columns.steps.push(metric.step);
        }
        columns
    }
}

/// Writes measurements that are not there yet, in their order, and the latest of each metric, in one round trip. The run
/// is locked, so no other process writes them. The greatest (step, timestamp, value) is the latest; NaN, which is NULL
/// here, is below every number.
async fn log_metrics(connection: &mut Connection, run_id: &str, experiment_id: &str, batch: &Batch) -> Result<()> {
    if batch.metrics.is_empty() {
        return Ok(());
    }
    let (all, latest) = (Columns::new(&batch.metrics), Columns::new(&batch.latest));
    sqlx::query(
        "WITH logged AS (
             INSERT INTO metrics (run_id, key, value, timestamp_ms, step)
             SELECT $1, b.key, b.value, b.timestamp_ms, b.step
             FROM unnest($3::text[], $4::float8[], $5::int8[], $6::int8[])
                 WITH ORDINALITY AS b (key, value, timestamp_ms, step, place)
             WHERE NOT EXISTS (SELECT 1 FROM metrics m WHERE m.run_id = $1 AND m.key = b.key AND m.step = b.step
                 AND m.timestamp_ms = b.timestamp_ms AND m.value IS NOT DISTINCT FROM b.value)
             ORDER BY b.place
         )
         INSERT INTO latest_metrics AS there (run_id, experiment_id, key, value, timestamp_ms, step)
         SELECT $1, $2, b.key, b.value, b.timestamp_ms, b.step
         FROM unnest($7::text[], $8::float8[], $9::int8[], $10::int8[]) AS b (key, value, timestamp_ms, step)
         ON CONFLICT (run_id, key) DO UPDATE
         SET value = excluded.value, timestamp_ms = excluded.timestamp_ms, step = excluded.step
         WHERE excluded.step > there.step
            OR (excluded.step = there.step AND excluded.timestamp_ms > there.timestamp_ms)
            OR (excluded.step = there.step AND excluded.timestamp_ms = there.timestamp_ms
                AND excluded.value IS NOT NULL AND (there.value IS NULL OR excluded.value > there.value))",
    )
    .bind(run_id)
    .bind(experiment_id)
    .bind(all.keys)
    .bind(all.values)
    .bind(all.timestamps_ms)
    .bind(all.steps)
    .bind(latest.keys)
    .bind(latest.values)
    .bind(latest.timestamps_ms)
    .bind(latest.steps)
    .execute(connection)
    .await
    .map_err(backend)?;
    Ok(())
}

async fn log_input(connection: &mut Connection, run_id: &str, input: &DatasetInput) -> Result<()> {
    sqlx::query(
        "INSERT INTO run_inputs (run_id, name, digest, source_type, source, schema, profile, context)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
         ON CONFLICT (run_id, name, digest) DO UPDATE SET source_type = excluded.source_type,
             source = excluded.source, schema = excluded.schema, profile = excluded.profile,
             context = excluded.context",
    )
    .bind(run_id)
    .bind(&input.name)
    .bind(&input.digest)
    .bind(&input.source_type)
    .bind(&input.source)
    .bind(&input.schema)
    .bind(&input.profile)
    .bind(&input.context)
    .execute(connection)
    .await
    .map_err(backend)?;
    Ok(())
}

/// Writes a batch to a run that may be written to.
pub(super) async fn write_batch(
    connection: &mut Connection,
    run_id: &str,
    experiment_id: &str,
    batch: &Batch,
) -> Result<()> {
    log_params(connection, run_id, experiment_id, &batch.params).await?;
    log_metrics(connection, run_id, experiment_id, batch).await?;
    set_tags(connection, run_id, experiment_id, &batch.tags).await?;
    for input in &batch.inputs {
        log_input(connection, run_id, input).await?;
    }
    check_measured(connection, &batch.model_metrics).await?;
    log_model_metrics(connection, run_id, batch).await?;
    link_models(connection, run_id, batch).await
}

async fn log_model_metrics(connection: &mut Connection, run_id: &str, batch: &Batch) -> Result<()> {
    let measured = &batch.model_metrics;
    if measured.is_empty() {
        return Ok(());
    }
    let metrics = Columns::new(measured.iter().map(|measured| &measured.metric));
    sqlx::query(
        "INSERT INTO logged_model_metrics
             (model_id, run_id, key, value, timestamp_ms, step, dataset_name, dataset_digest)
         SELECT b.model_id, $1, b.key, b.value, b.timestamp_ms, b.step, b.dataset_name, b.dataset_digest
         FROM unnest($2::text[], $3::text[], $4::float8[], $5::int8[], $6::int8[], $7::text[], $8::text[])
             WITH ORDINALITY
             AS b (model_id, key, value, timestamp_ms, step, dataset_name, dataset_digest, place)
         WHERE NOT EXISTS (SELECT 1 FROM logged_model_metrics m WHERE m.model_id = b.model_id AND m.run_id = $1
             AND m.key = b.key AND m.step = b.step AND m.timestamp_ms = b.timestamp_ms
             AND m.value IS NOT DISTINCT FROM b.value AND m.dataset_name IS NOT DISTINCT FROM b.dataset_name
             AND m.dataset_digest IS NOT DISTINCT FROM b.dataset_digest)
         ORDER BY b.place",
    )
    .bind(run_id)
    .bind(measured.iter().map(|measured| measured.model_id.as_str()).collect::<Vec<_>>())
    .bind(metrics.keys)
    .bind(metrics.values)
    .bind(metrics.timestamps_ms)
    .bind(metrics.steps)
    .bind(measured.iter().map(|measured| measured.dataset_name.as_deref()).collect::<Vec<_>>())
    .bind(measured.iter().map(|measured| measured.dataset_digest.as_deref()).collect::<Vec<_>>())
    .execute(connection)
    .await
    .map_err(backend)?;
    Ok(())
}

async fn link_models(connection: &mut Connection, run_id: &str, batch: &Batch) -> Result<()> {
    let links = batch.model_links();
    if links.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO run_models (run_id, role, model_id, step)
         SELECT $1, b.role, b.model_id, b.step FROM unnest($2::text[], $3::text[], $4::int8[]) AS b (role, model_id, step)
         ON CONFLICT (run_id, role, model_id) DO UPDATE SET step = excluded.step",
    )
    .bind(run_id)
    .bind(links.iter().map(|(role, ..)| *role).collect::<Vec<_>>())
    .bind(links.iter().map(|(_, model_id, _)| *model_id).collect::<Vec<_>>())
    .bind(links.iter().map(|(.., step)| *step).collect::<Vec<_>>())
    .execute(connection)
    .await
    .map_err(backend)?;
    Ok(())
}
