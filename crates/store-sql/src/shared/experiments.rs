//! Experiments. Compiled once for each database, with its `Connection`, `Row` and `SqlStore` in scope.

use super::errors::{backend, damaged, insert};
use super::rows::{get, groups, strings, tag};
use super::{Connection, Row, SqlStore};
use crate::search::lifecycle_name;
use metria_store::text::{check_tags, check_texts};
use metria_store::{Error, Experiment, ExperimentStore, Lifecycle, Result, Tag};
use sqlx::AssertSqlSafe;

pub(super) fn lifecycle(name: &str) -> Result<Lifecycle> {
    match name {
        "active" => Ok(Lifecycle::Active),
        "deleted" => Ok(Lifecycle::Deleted),
        other => Err(damaged(format!("the lifecycle `{other}`"))),
    }
}

pub(super) fn not_found(experiment_id: &str) -> Error {
    Error::NotFound { kind: "experiment", id: experiment_id.to_owned() }
}

fn experiment(row: &Row) -> Result<Experiment> {
    Ok(Experiment {
        experiment_id: get(row, "experiment_id")?,
        name: get(row, "name")?,
        artifact_location: get(row, "artifact_location")?,
        lifecycle: lifecycle(get(row, "lifecycle")?)?,
        creation_time_ms: get(row, "creation_time_ms")?,
        last_update_time_ms: get(row, "last_update_time_ms")?,
        tags: Vec::new(),
    })
}

impl SqlStore {
    /// The experiments that a condition on `$1` selects, with their tags.
    async fn experiments_where(&self, condition: &str, value: Option<&str>) -> Result<Vec<Experiment>> {
        let mut snapshot = self.snapshot().await?;
        let all =
            format!("SELECT * FROM experiments WHERE {condition} ORDER BY creation_time_ms DESC, experiment_id DESC");
        let rows = sqlx::query(AssertSqlSafe(all)).bind(value).fetch_all(&mut *snapshot).await.map_err(backend)?;
        let tags = format!(
            "SELECT t.experiment_id, t.key, t.value FROM experiment_tags t JOIN experiments ON
             experiments.experiment_id = t.experiment_id WHERE {condition} ORDER BY t.experiment_id, t.key"
        );
        let tags = sqlx::query(AssertSqlSafe(tags)).bind(value).fetch_all(&mut *snapshot).await.map_err(backend)?;
        snapshot.commit().await.map_err(backend)?;
        let mut experiments: Vec<Experiment> = rows.iter().map(experiment).collect::<Result<_>>()?;
        let mut tags = groups(&tags, |row| get::<String>(row, "experiment_id"), tag)?;
        for experiment in &mut experiments {
            experiment.tags = tags.remove(&experiment.experiment_id).unwrap_or_default();
        }
        Ok(experiments)
    }
}

/// Writes the time of a change, and so takes the row for this transaction. `NotFound` without the experiment.
async fn touch(connection: &mut Connection, experiment_id: &str, now_ms: i64) -> Result<()> {
    let touched = sqlx::query("UPDATE experiments SET last_update_time_ms = $1 WHERE experiment_id = $2")
        .bind(now_ms)
        .bind(experiment_id)
        .execute(connection)
        .await
        .map_err(backend)?;
    if touched.rows_affected() == 0 { Err(not_found(experiment_id)) } else { Ok(()) }
}

async fn set_tag(connection: &mut Connection, experiment_id: &str, tag: &Tag) -> Result<()> {
    sqlx::query(
        "INSERT INTO experiment_tags (experiment_id, key, value) VALUES ($1, $2, $3)
         ON CONFLICT (experiment_id, key) DO UPDATE SET value = excluded.value",
    )
    .bind(experiment_id)
    .bind(&tag.key)
    .bind(&tag.value)
    .execute(connection)
    .await
    .map_err(backend)?;
    Ok(())
}

async fn create(connection: &mut Connection, experiment: &Experiment) -> Result<()> {
    sqlx::query(
        "INSERT INTO experiments
         (experiment_id, name, artifact_location, lifecycle, creation_time_ms, last_update_time_ms)
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(&experiment.experiment_id)
    .bind(&experiment.name)
    .bind(&experiment.artifact_location)
    .bind(lifecycle_name(experiment.lifecycle))
    .bind(experiment.creation_time_ms)
    .bind(experiment.last_update_time_ms)
    .execute(&mut *connection)
    .await
    .map_err(|error| insert(error, "experiment", &experiment.name))?;
    for tag in &experiment.tags {
        set_tag(connection, &experiment.experiment_id, tag).await?;
    }
    Ok(())
}

async fn rename(connection: &mut Connection, experiment_id: &str, name: &str, now_ms: i64) -> Result<()> {
    touch(connection, experiment_id, now_ms).await?;
    let stored: String = sqlx::query_scalar("SELECT lifecycle FROM experiments WHERE experiment_id = $1")
        .bind(experiment_id)
        .fetch_one(&mut *connection)
        .await
        .map_err(backend)?;
    if lifecycle(&stored)? == Lifecycle::Deleted {
        return Err(Error::Conflict(format!(
            "the experiment {experiment_id} is deleted; restore it before renaming it"
        )));
    }
    sqlx::query("UPDATE experiments SET name = $1 WHERE experiment_id = $2")
        .bind(name)
        .bind(experiment_id)
        .execute(connection)
        .await
        .map_err(|error| insert(error, "experiment", name))?;
    Ok(())
}

async fn set_lifecycle(connection: &mut Connection, experiment_id: &str, to: Lifecycle, now_ms: i64) -> Result<()> {
    let changed = sqlx::query(
        "UPDATE experiments SET lifecycle = $1, last_update_time_ms = $2 WHERE experiment_id = $3 AND lifecycle <> $1",
    )
    .bind(lifecycle_name(to))
    .bind(now_ms)
    .bind(experiment_id)
    .execute(&mut *connection)
    .await
    .map_err(backend)?;
    if changed.rows_affected() > 0 {
        sqlx::query("UPDATE runs SET lifecycle = $1 WHERE experiment_id = $2 AND lifecycle <> $1")
            .bind(lifecycle_name(to))
            .bind(experiment_id)
            .execute(connection)
            .await
            .map_err(backend)?;
        return Ok(());
    }
    let there: Option<String> = sqlx::query_scalar("SELECT name FROM experiments WHERE experiment_id = $1")
        .bind(experiment_id)
        .fetch_optional(connection)
        .await
        .map_err(backend)?;
    there.map(|_| ()).ok_or_else(|| not_found(experiment_id))
}

/// What belongs to the traces and logged models of an experiment: the column and table of its owners, and its tables.
const PARTS: [(&str, &str, &[&str]); 2] = [
    ("trace_id", "traces", &["spans", "trace_tags", "trace_metadata", "assessments", "trace_links"]),
    ("model_id", "logged_models", &["logged_model_params", "logged_model_tags", "logged_model_metrics", "run_models"]),
];

async fn delete_for_good(connection: &mut Connection, experiment_id: &str) -> Result<()> {
    // Takes the row for this transaction, so that no run is added meanwhile.
    let stored: Option<String> =
        sqlx::query_scalar("UPDATE experiments SET name = name WHERE experiment_id = $1 RETURNING lifecycle")
            .bind(experiment_id)
            .fetch_optional(&mut *connection)
            .await
            .map_err(backend)?;
    if lifecycle(&stored.ok_or_else(|| not_found(experiment_id))?)? != Lifecycle::Deleted {
        return Err(Error::not_deleted("experiment", experiment_id));
    }
    let run: Option<String> = sqlx::query_scalar("SELECT run_id FROM runs WHERE experiment_id = $1 LIMIT 1")
        .bind(experiment_id)
        .fetch_optional(&mut *connection)
        .await
        .map_err(backend)?;
    if run.is_some() {
        return Err(Error::experiment_with_runs(experiment_id));
    }
    let version: Option<(String, i64)> = sqlx::query_as(
        "SELECT v.name, v.version FROM model_versions v JOIN experiments e ON e.experiment_id = $1
         WHERE v.model_id IN (SELECT model_id FROM logged_models WHERE experiment_id = $1)
         OR substr(v.storage_location, 1, length(e.artifact_location) + 1) = e.artifact_location || '/'
         ORDER BY v.name, v.version LIMIT 1",
    )
    .bind(experiment_id)
    .fetch_optional(&mut *connection)
    .await
    .map_err(backend)?;
    if let Some((name, version)) = version {
        return Err(Error::experiment_in_registry(experiment_id, &name, super::models::number(version)?));
    }
    for (owner, owners, tables) in PARTS {
        for table in tables {
            let sql =
                format!("DELETE FROM {table} WHERE {owner} IN (SELECT {owner} FROM {owners} WHERE experiment_id = $1)");
            sqlx::query(AssertSqlSafe(sql)).bind(experiment_id).execute(&mut *connection).await.map_err(backend)?;
        }
    }
    for table in ["traces", "logged_models", "experiment_tags", "experiments"] {
        let sql = AssertSqlSafe(format!("DELETE FROM {table} WHERE experiment_id = $1"));
        sqlx::query(sql).bind(experiment_id).execute(&mut *connection).await.map_err(backend)?;
    }
    Ok(())
}

async fn delete_tag(connection: &mut Connection, experiment_id: &str, key: &str, now_ms: i64) -> Result<()> {
    touch(connection, experiment_id, now_ms).await?;
    let deleted = sqlx::query("DELETE FROM experiment_tags WHERE experiment_id = $1 AND key = $2")
        .bind(experiment_id)
        .bind(key)
        .execute(connection)
        .await
        .map_err(backend)?;
    if deleted.rows_affected() == 0 { Err(Error::NotFound { kind: "tag", id: key.to_owned() }) } else { Ok(()) }
}

#[async_trait::async_trait]
impl ExperimentStore for SqlStore {
    async fn create_experiment(&self, experiment: Experiment) -> Result<()> {
        experiment.check()?;
        let about = experiment.experiment_id.clone();
        self.writer.write(&about, experiment, |connection, experiment| Box::pin(create(connection, experiment))).await
    }

    async fn get_experiment(&self, experiment_id: &str) -> Result<Experiment> {
        let found = self.experiments_where("experiments.experiment_id = $1", Some(experiment_id)).await?;
        found.into_iter().next().ok_or_else(|| not_found(experiment_id))
    }

    async fn get_experiment_by_name(&self, name: &str) -> Result<Experiment> {
        let found = self.experiments_where("experiments.name = $1", Some(name)).await?;
        found.into_iter().next().ok_or_else(|| not_found(name))
    }

    async fn list_experiments(&self, lifecycle: Option<Lifecycle>) -> Result<Vec<Experiment>> {
        self.experiments_where("($1 IS NULL OR experiments.lifecycle = $1)", lifecycle.map(lifecycle_name)).await
    }

    async fn rename_experiment(&self, experiment_id: &str, name: &str, now_ms: i64) -> Result<()> {
        check_texts([name])?;
        self.writer
            .write(experiment_id, (strings([experiment_id, name]), now_ms), |connection, ([id, name], now_ms)| {
                Box::pin(rename(connection, id, name, *now_ms))
            })
            .await
    }

    async fn set_experiment_lifecycle(&self, experiment_id: &str, lifecycle: Lifecycle, now_ms: i64) -> Result<()> {
        self.writer
            .write(experiment_id, (experiment_id.to_owned(), lifecycle, now_ms), |connection, (id, to, now_ms)| {
                Box::pin(set_lifecycle(connection, id, *to, *now_ms))
            })
            .await
    }

    async fn delete_experiment_for_good(&self, experiment_id: &str) -> Result<()> {
        self.writer
            .write(experiment_id, experiment_id.to_owned(), |connection, id| Box::pin(delete_for_good(connection, id)))
            .await
    }

    async fn set_experiment_tag(&self, experiment_id: &str, tag: Tag, now_ms: i64) -> Result<()> {
        check_tags([&tag])?;
        self.writer
            .write(experiment_id, (experiment_id.to_owned(), tag, now_ms), |connection, (id, tag, now_ms)| {
                Box::pin(async move {
                    touch(connection, id, *now_ms).await?;
                    set_tag(connection, id, tag).await
                })
            })
            .await
    }

    async fn delete_experiment_tag(&self, experiment_id: &str, key: &str, now_ms: i64) -> Result<()> {
        self.writer
            .write(experiment_id, (strings([experiment_id, key]), now_ms), |connection, ([id, key], now_ms)| {
                Box::pin(delete_tag(connection, id, key, *now_ms))
            })
            .await
    }
}
