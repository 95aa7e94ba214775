//! Logging to runs on SQLite: rows are written by few statements of fixed sizes, so that each is prepared once.

use super::Connection;
use super::errors::backend;
use super::experiments::{lifecycle, not_found};
use super::logged_models::check_measured;
use crate::batch::{Batch, stored};
use metria_store::{DatasetInput, Error, Lifecycle, Metric, ModelMetric, Param, Result, Tag};
use std::collections::HashMap;
use std::sync::LazyLock;

/// Rows that one statement writes.
const SIZES: [usize; 3] = [100, 10, 1];

/// A statement for each size of [`SIZES`].
type Statements = LazyLock<[String; 3]>;

/// So many rows of so many places: `(?, ?), (?, ?)`.
fn places(rows: usize, columns: usize) -> String {
    let row = format!("({})", vec!["?"; columns].join(", "));
    vec![row; rows].join(", ")
}

static LOG_METRICS: Statements = LazyLock::new(|| {
    SIZES.map(|rows| {
        format!(
            "INSERT INTO metrics (run_id, key, value, timestamp_ms, step)
             SELECT column1, column2, column3, column4, column5 FROM (VALUES {}) WHERE NOT EXISTS (
                 SELECT 1 FROM metrics m WHERE m.run_id = column1 AND m.key = column2 AND m.step = column5
                 AND m.timestamp_ms = column4 AND m.value IS column3)",
            places(rows, 5)
        )
    })
});

// The greatest (step, timestamp, value) is the latest; NaN, which is NULL here, is below every number.
static SET_LATEST: Statements = LazyLock::new(|| {
    SIZES.map(|rows| {
        format!(
            "INSERT INTO latest_metrics (run_id, experiment_id, key, value, timestamp_ms, step) VALUES {}
             ON CONFLICT (run_id, key) DO UPDATE
             SET value = excluded.value, timestamp_ms = excluded.timestamp_ms, step = excluded.step
             WHERE excluded.step > step
                OR (excluded.step = step AND excluded.timestamp_ms > timestamp_ms)
                OR (excluded.step = step AND excluded.timestamp_ms = timestamp_ms
                    AND excluded.value IS NOT NULL AND (value IS NULL OR excluded.value > value))",
            places(rows, 6)
        )
    })
});

static LOG_PARAMS: Statements = LazyLock::new(|| {
    SIZES.map(|rows| {
        format!(
            "INSERT INTO params (run_id, experiment_id, key, value) VALUES {} ON CONFLICT (run_id, key) DO NOTHING",
            places(rows, 4)
        )
    })
});

static SET_TAGS: Statements = LazyLock::new(|| {
    SIZES.map(|rows| {
        format!(
            "INSERT INTO run_tags (run_id, experiment_id, key, value) VALUES {}
             ON CONFLICT (run_id, key) DO UPDATE SET value = excluded.value",
            places(rows, 4)
        )
    })
});

static LOG_MODEL_METRICS: Statements = LazyLock::new(|| {
    SIZES.map(|rows| {
        format!(
            "INSERT INTO logged_model_metrics
                 (model_id, run_id, key, value, timestamp_ms, step, dataset_name, dataset_digest)
             SELECT * FROM (VALUES {}) WHERE NOT EXISTS (
                 SELECT 1 FROM logged_model_metrics m WHERE m.model_id = column1 AND m.run_id = column2
                 AND m.key = column3 AND m.step = column6 AND m.timestamp_ms = column5 AND m.value IS column4
                 AND m.dataset_name IS column7 AND m.dataset_digest IS column8)",
            places(rows, 8)
        )
    })
});

static LINK_MODELS: Statements = LazyLock::new(|| {
    SIZES.map(|rows| {
        format!(
            "INSERT INTO run_models (run_id, role, model_id, step) VALUES {}
             ON CONFLICT (run_id, role, model_id) DO UPDATE SET step = excluded.step",
            places(rows, 4)
        )
    })
});

type Query = sqlx::query::Query<'static, sqlx::Sqlite, sqlx::sqlite::SqliteArguments>;

/// Writes rows by the largest statements that they fill; says how many were written.
async fn write_rows<T>(
    connection: &mut Connection,
    statements: &'static Statements,
    mut rows: &[T],
    bind: impl Fn(Query, &T) -> Query,
) -> Result<u64> {
    let mut written = 0;
    for (size, statement) in SIZES.into_iter().zip(statements.iter()) {
        while let Some((chunk, rest)) = rows.split_at_checked(size) {
            let query = chunk.iter().fold(sqlx::query(statement.as_str()), &bind);
            written += query.execute(&mut *connection).await.map_err(backend)?.rows_affected();
            rows = rest;
        }
    }
    Ok(written)
}

/// Checks that a run may be added to an experiment.
pub(super) async fn check_experiment(connection: &mut Connection, experiment_id: &str) -> Result<()> {
    let found: Option<String> = sqlx::query_scalar("SELECT lifecycle FROM experiments WHERE experiment_id = ?")
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

/// Experiment and lifecycle of a run. The transaction has SQLite's only write lock already.
pub(super) async fn lock_run(connection: &mut Connection, run_id: &str) -> Result<Option<(String, String)>> {
    sqlx::query_as("SELECT experiment_id, lifecycle FROM runs WHERE run_id = ?")
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
    let bind = |query: Query, tag: &Tag| {
        query.bind(run_id.to_owned()).bind(experiment_id.to_owned()).bind(tag.key.clone()).bind(tag.value.clone())
    };
    write_rows(connection, &SET_TAGS, tags, bind).await?;
    Ok(())
}

async fn log_params(connection: &mut Connection, run_id: &str, experiment_id: &str, params: &[Param]) -> Result<()> {
    let bind = |query: Query, param: &Param| {
        query.bind(run_id.to_owned()).bind(experiment_id.to_owned()).bind(param.key.clone()).bind(param.value.clone())
    };
    let written = write_rows(connection, &LOG_PARAMS, params, bind).await?;
    if written == params.len() as u64 {
        return Ok(());
    }
    let there: Vec<(String, String)> = sqlx::query_as("SELECT key, value FROM params WHERE run_id = ?")
        .bind(run_id)
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

async fn log_input(connection: &mut Connection, run_id: &str, input: &DatasetInput) -> Result<()> {
    sqlx::query(
        "INSERT OR REPLACE INTO run_inputs (run_id, name, digest, source_type, source, schema, profile, context)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
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
    let log = |query: Query, metric: &Metric| {
        let query = query.bind(run_id.to_owned()).bind(metric.key.clone()).bind(stored(metric.value));
        query.bind(metric.timestamp_ms).bind(metric.step)
    };
    write_rows(connection, &LOG_METRICS, &batch.metrics, log).await?;
    let set = |query: Query, metric: &Metric| {
        let query = query.bind(run_id.to_owned()).bind(experiment_id.to_owned()).bind(metric.key.clone());
        query.bind(stored(metric.value)).bind(metric.timestamp_ms).bind(metric.step)
    };
    write_rows(connection, &SET_LATEST, &batch.latest, set).await?;
    set_tags(connection, run_id, experiment_id, &batch.tags).await?;
    for input in &batch.inputs {
        log_input(connection, run_id, input).await?;
    }
    log_models(connection, run_id, batch).await
}

/// Writes what a batch says about logged models.
async fn log_models(connection: &mut Connection, run_id: &str, batch: &Batch) -> Result<()> {
    check_measured(connection, &batch.model_metrics).await?;
    let log = |query: Query, measured: &ModelMetric| {
        let ModelMetric { model_id, metric, dataset_name, dataset_digest } = measured.clone();
        let query = query.bind(model_id).bind(run_id.to_owned()).bind(metric.key).bind(stored(metric.value));
        query.bind(metric.timestamp_ms).bind(metric.step).bind(dataset_name).bind(dataset_digest)
    };
    write_rows(connection, &LOG_MODEL_METRICS, &batch.model_metrics, log).await?;
    let link = |query: Query, (role, model_id, step): &(&'static str, &str, i64)| {
        query.bind(run_id.to_owned()).bind(*role).bind((*model_id).to_owned()).bind(*step)
    };
    write_rows(connection, &LINK_MODELS, &batch.model_links(), link).await?;
    Ok(())
}
