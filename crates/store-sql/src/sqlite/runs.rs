//! Runs on SQLite.

use super::SqliteStore;
use super::errors::{backend, damaged, insert};
use super::experiments::{get, lifecycle, lifecycle_name, lifecycle_of, tags};
use metria_store::{
    DatasetInput, Error, Lifecycle, LogBatch, Metric, Page, Param, Result, Run, RunInfo, RunQuery, RunStatus, RunStore,
    Tag,
};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};

fn not_found(run_id: &str) -> Error {
    Error::NotFound { kind: "run", id: run_id.to_owned() }
}

pub(super) fn info(row: &SqliteRow) -> Result<RunInfo> {
    let status: String = get(row, "status")?;
    Ok(RunInfo {
        run_id: get(row, "run_id")?,
        experiment_id: get(row, "experiment_id")?,
        run_name: get(row, "run_name")?,
        user_id: get(row, "user_id")?,
        status: RunStatus::from_name(&status).ok_or_else(|| damaged(format!("the run status `{status}`")))?,
        start_time_ms: get(row, "start_time_ms")?,
        end_time_ms: get(row, "end_time_ms")?,
        artifact_uri: get(row, "artifact_uri")?,
        lifecycle: lifecycle(get(row, "lifecycle")?)?,
    })
}

fn metric(row: &SqliteRow) -> Result<Metric> {
    let value: Option<f64> = row.try_get("value").map_err(backend)?;
    Ok(Metric {
        key: get(row, "key")?,
        value: value.unwrap_or(f64::NAN),
        timestamp_ms: get(row, "timestamp_ms")?,
        step: get(row, "step")?,
    })
}

/// NaN has no value in SQLite.
fn stored(value: f64) -> Option<f64> {
    (!value.is_nan()).then_some(value)
}

impl SqliteStore {
    /// A run with what was logged to it.
    pub(super) async fn whole(&self, info: RunInfo) -> Result<Run> {
        let id = &info.run_id;
        let all = |sql: &'static str| sqlx::query(sql).bind(id).fetch_all(&self.readers);
        let params = all("SELECT key, value FROM params WHERE run_id = ? ORDER BY key").await.map_err(backend)?;
        let metrics = all("SELECT * FROM latest_metrics WHERE run_id = ? ORDER BY key").await.map_err(backend)?;
        let labels = all("SELECT key, value FROM run_tags WHERE run_id = ? ORDER BY key").await.map_err(backend)?;
        let inputs = all("SELECT * FROM run_inputs WHERE run_id = ? ORDER BY name, digest").await.map_err(backend)?;
        let input = |row: &SqliteRow| {
            Ok(DatasetInput {
                name: get(row, "name")?,
                digest: get(row, "digest")?,
                source_type: get(row, "source_type")?,
                source: get(row, "source")?,
                schema: get(row, "schema")?,
                profile: get(row, "profile")?,
                context: get(row, "context")?,
            })
        };
        Ok(Run {
            params: tags(&params)?.into_iter().map(|Tag { key, value }| Param { key, value }).collect(),
            metrics: metrics.iter().map(metric).collect::<Result<_>>()?,
            tags: tags(&labels)?,
            inputs: inputs.iter().map(input).collect::<Result<_>>()?,
            info,
        })
    }
}

async fn find(connection: &mut SqliteConnection, run_id: &str) -> Result<RunInfo> {
    let row = sqlx::query("SELECT * FROM runs WHERE run_id = ?")
        .bind(run_id)
        .fetch_optional(connection)
        .await
        .map_err(backend)?;
    info(&row.ok_or_else(|| not_found(run_id))?)
}

/// The run, if it may be written to.
async fn writable(connection: &mut SqliteConnection, run_id: &str) -> Result<RunInfo> {
    let info = find(connection, run_id).await?;
    if info.lifecycle == Lifecycle::Deleted {
        return Err(Error::Conflict(format!("the run {run_id} is deleted; restore it before writing to it")));
    }
    Ok(info)
}

async fn set_tag(connection: &mut SqliteConnection, run_id: &str, tag: &Tag) -> Result<()> {
    sqlx::query("INSERT OR REPLACE INTO run_tags VALUES (?, ?, ?)")
        .bind(run_id)
        .bind(&tag.key)
        .bind(&tag.value)
        .execute(connection)
        .await
        .map_err(backend)?;
    Ok(())
}

async fn log_param(connection: &mut SqliteConnection, run_id: &str, param: &Param) -> Result<()> {
    let there: Option<String> = sqlx::query_scalar("SELECT value FROM params WHERE run_id = ? AND key = ?")
        .bind(run_id)
        .bind(&param.key)
        .fetch_optional(&mut *connection)
        .await
        .map_err(backend)?;
    match there {
        Some(value) if value == param.value => Ok(()),
        Some(value) => Err(Error::Conflict(format!(
            "the param `{}` of run {run_id} is `{value}` and cannot change to `{}`",
            param.key, param.value
        ))),
        None => {
            sqlx::query("INSERT INTO params VALUES (?, ?, ?)")
                .bind(run_id)
                .bind(&param.key)
                .bind(&param.value)
                .execute(connection)
                .await
                .map_err(backend)?;
            Ok(())
        }
    }
}

async fn log_metric(connection: &mut SqliteConnection, run_id: &str, metric: &Metric) -> Result<()> {
    let same: Option<i64> = sqlx::query_scalar(
        "SELECT 1 FROM metrics WHERE run_id = ? AND key = ? AND step = ? AND timestamp_ms = ? AND value IS ? LIMIT 1",
    )
    .bind(run_id)
    .bind(&metric.key)
    .bind(metric.step)
    .bind(metric.timestamp_ms)
    .bind(stored(metric.value))
    .fetch_optional(&mut *connection)
    .await
    .map_err(backend)?;
    if same.is_some() {
        return Ok(());
    }
    sqlx::query("INSERT INTO metrics (run_id, key, value, timestamp_ms, step) VALUES (?, ?, ?, ?, ?)")
        .bind(run_id)
        .bind(&metric.key)
        .bind(stored(metric.value))
        .bind(metric.timestamp_ms)
        .bind(metric.step)
        .execute(&mut *connection)
        .await
        .map_err(backend)?;
    // The greatest (step, timestamp, value) is the latest; NaN, which is NULL here, is below every number.
    sqlx::query(
        "INSERT INTO latest_metrics VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (run_id, key) DO UPDATE
         SET value = excluded.value, timestamp_ms = excluded.timestamp_ms, step = excluded.step
         WHERE excluded.step > step
            OR (excluded.step = step AND excluded.timestamp_ms > timestamp_ms)
            OR (excluded.step = step AND excluded.timestamp_ms = timestamp_ms
                AND excluded.value IS NOT NULL AND (value IS NULL OR excluded.value > value))",
    )
    .bind(run_id)
    .bind(&metric.key)
    .bind(stored(metric.value))
    .bind(metric.timestamp_ms)
    .bind(metric.step)
    .execute(connection)
    .await
    .map_err(backend)?;
    Ok(())
}

async fn log_input(connection: &mut SqliteConnection, run_id: &str, input: &DatasetInput) -> Result<()> {
    sqlx::query("INSERT OR REPLACE INTO run_inputs VALUES (?, ?, ?, ?, ?, ?, ?, ?)")
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

#[async_trait::async_trait]
impl RunStore for SqliteStore {
    async fn create_run(&self, info: RunInfo, tags: Vec<Tag>) -> Result<()> {
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    if lifecycle_of(connection, &info.experiment_id).await? == Lifecycle::Deleted {
                        return Err(Error::Conflict(format!(
                            "the experiment {} is deleted; restore it before adding runs",
                            info.experiment_id
                        )));
                    }
                    sqlx::query("INSERT INTO runs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)")
                        .bind(&info.run_id)
                        .bind(&info.experiment_id)
                        .bind(&info.run_name)
                        .bind(&info.user_id)
                        .bind(info.status.as_str())
                        .bind(info.start_time_ms)
                        .bind(info.end_time_ms)
                        .bind(&info.artifact_uri)
                        .bind(lifecycle_name(info.lifecycle))
                        .execute(&mut *connection)
                        .await
                        .map_err(|error| insert(error, "run", &info.run_id))?;
                    for tag in &tags {
                        set_tag(connection, &info.run_id, tag).await?;
                    }
                    Ok(())
                })
            })
            .await
    }

    async fn get_run(&self, run_id: &str) -> Result<Run> {
        let row = sqlx::query("SELECT * FROM runs WHERE run_id = ?")
            .bind(run_id)
            .fetch_optional(&self.readers)
            .await
            .map_err(backend)?;
        self.whole(info(&row.ok_or_else(|| not_found(run_id))?)?).await
    }

    async fn update_run(
        &self,
        run_id: &str,
        status: Option<RunStatus>,
        end_time_ms: Option<i64>,
        run_name: Option<String>,
    ) -> Result<RunInfo> {
        let run_id = run_id.to_owned();
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    writable(connection, &run_id).await?;
                    sqlx::query(
                        "UPDATE runs SET status = coalesce(?, status), end_time_ms = coalesce(?, end_time_ms),
                         run_name = coalesce(?, run_name) WHERE run_id = ?",
                    )
                    .bind(status.map(RunStatus::as_str))
                    .bind(end_time_ms)
                    .bind(run_name)
                    .bind(&run_id)
                    .execute(&mut *connection)
                    .await
                    .map_err(backend)?;
                    find(connection, &run_id).await
                })
            })
            .await
    }

    async fn set_run_lifecycle(&self, run_id: &str, lifecycle: Lifecycle, _now_ms: i64) -> Result<()> {
        let run_id = run_id.to_owned();
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    let changed = sqlx::query("UPDATE runs SET lifecycle = ? WHERE run_id = ?")
                        .bind(lifecycle_name(lifecycle))
                        .bind(&run_id)
                        .execute(connection)
                        .await
                        .map_err(backend)?;
                    if changed.rows_affected() == 0 { Err(not_found(&run_id)) } else { Ok(()) }
                })
            })
            .await
    }

    async fn log_batch(&self, run_id: &str, batch: LogBatch) -> Result<()> {
        let run_id = run_id.to_owned();
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    writable(connection, &run_id).await?;
                    for param in &batch.params {
                        log_param(connection, &run_id, param).await?;
                    }
                    for metric in &batch.metrics {
                        log_metric(connection, &run_id, metric).await?;
                    }
                    for tag in &batch.tags {
                        set_tag(connection, &run_id, tag).await?;
                    }
                    for input in &batch.inputs {
                        log_input(connection, &run_id, input).await?;
                    }
                    Ok(())
                })
            })
            .await
    }

    async fn delete_run_tag(&self, run_id: &str, key: &str) -> Result<()> {
        let (run_id, key) = (run_id.to_owned(), key.to_owned());
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    writable(connection, &run_id).await?;
                    let deleted = sqlx::query("DELETE FROM run_tags WHERE run_id = ? AND key = ?")
                        .bind(&run_id)
                        .bind(&key)
                        .execute(connection)
                        .await
                        .map_err(backend)?;
                    if deleted.rows_affected() == 0 {
                        return Err(Error::NotFound { kind: "tag", id: key });
                    }
                    Ok(())
                })
            })
            .await
    }

    async fn metric_history(&self, run_id: &str, key: &str) -> Result<Vec<Metric>> {
        let rows =
            sqlx::query("SELECT * FROM metrics WHERE run_id = ? AND key = ? ORDER BY step, timestamp_ms, metric_id")
                .bind(run_id)
                .bind(key)
                .fetch_all(&self.readers)
                .await
                .map_err(backend)?;
        rows.iter().map(metric).collect()
    }

    async fn search_runs(&self, query: &RunQuery) -> Result<Page<Run>> {
        self.search(query).await
    }
}
