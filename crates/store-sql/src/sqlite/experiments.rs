//! Experiments on SQLite.

use super::SqliteStore;
use super::errors::{backend, damaged, insert};
use metria_store::{Error, Experiment, ExperimentStore, Lifecycle, Result, Tag};
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Row, SqliteConnection};

const COLUMNS: &str =
    "experiment_id, name, artifact_location, lifecycle, creation_time_ms, last_update_time_ms FROM experiments";

pub(super) fn lifecycle_name(lifecycle: Lifecycle) -> &'static str {
    match lifecycle {
        Lifecycle::Active => "active",
        Lifecycle::Deleted => "deleted",
    }
}

pub(super) fn lifecycle(name: &str) -> Result<Lifecycle> {
    match name {
        "active" => Ok(Lifecycle::Active),
        "deleted" => Ok(Lifecycle::Deleted),
        other => Err(damaged(format!("the lifecycle `{other}`"))),
    }
}

fn not_found(experiment_id: &str) -> Error {
    Error::NotFound { kind: "experiment", id: experiment_id.to_owned() }
}

/// A column of a row.
pub(super) fn get<'r, T>(row: &'r SqliteRow, column: &str) -> Result<T>
where
    T: sqlx::Decode<'r, sqlx::Sqlite> + sqlx::Type<sqlx::Sqlite>,
{
    row.try_get(column).map_err(backend)
}

/// Key and value of each row.
pub(super) fn tags(rows: &[SqliteRow]) -> Result<Vec<Tag>> {
    rows.iter().map(|row| Ok(Tag { key: get(row, "key")?, value: get(row, "value")? })).collect()
}

impl SqliteStore {
    async fn experiment(&self, row: &SqliteRow) -> Result<Experiment> {
        let experiment_id: String = get(row, "experiment_id")?;
        let found = sqlx::query("SELECT key, value FROM experiment_tags WHERE experiment_id = ? ORDER BY key")
            .bind(&experiment_id)
            .fetch_all(&self.readers)
            .await
            .map_err(backend)?;
        Ok(Experiment {
            experiment_id,
            name: get(row, "name")?,
            artifact_location: get(row, "artifact_location")?,
            lifecycle: lifecycle(get(row, "lifecycle")?)?,
            creation_time_ms: get(row, "creation_time_ms")?,
            last_update_time_ms: get(row, "last_update_time_ms")?,
            tags: tags(&found)?,
        })
    }

    async fn experiment_where(&self, column: &str, value: &str) -> Result<Experiment> {
        let row = sqlx::query(AssertSqlSafe(format!("SELECT {COLUMNS} WHERE {column} = ?")))
            .bind(value)
            .fetch_optional(&self.readers)
            .await
            .map_err(backend)?;
        self.experiment(&row.ok_or_else(|| not_found(value))?).await
    }
}

/// The lifecycle of an experiment, within a write.
pub(super) async fn lifecycle_of(connection: &mut SqliteConnection, experiment_id: &str) -> Result<Lifecycle> {
    let found: Option<String> = sqlx::query_scalar("SELECT lifecycle FROM experiments WHERE experiment_id = ?")
        .bind(experiment_id)
        .fetch_optional(connection)
        .await
        .map_err(backend)?;
    lifecycle(&found.ok_or_else(|| not_found(experiment_id))?)
}

async fn touch(connection: &mut SqliteConnection, experiment_id: &str, now_ms: i64) -> Result<()> {
    let touched = sqlx::query("UPDATE experiments SET last_update_time_ms = ? WHERE experiment_id = ?")
        .bind(now_ms)
        .bind(experiment_id)
        .execute(connection)
        .await
        .map_err(backend)?;
    if touched.rows_affected() == 0 { Err(not_found(experiment_id)) } else { Ok(()) }
}

#[async_trait::async_trait]
impl ExperimentStore for SqliteStore {
    async fn create_experiment(&self, experiment: Experiment) -> Result<()> {
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    sqlx::query("INSERT INTO experiments VALUES (?, ?, ?, ?, ?, ?)")
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
                        sqlx::query("INSERT OR REPLACE INTO experiment_tags VALUES (?, ?, ?)")
                            .bind(&experiment.experiment_id)
                            .bind(&tag.key)
                            .bind(&tag.value)
                            .execute(&mut *connection)
                            .await
                            .map_err(backend)?;
                    }
                    Ok(())
                })
            })
            .await
    }

    async fn get_experiment(&self, experiment_id: &str) -> Result<Experiment> {
        self.experiment_where("experiment_id", experiment_id).await
    }

    async fn get_experiment_by_name(&self, name: &str) -> Result<Experiment> {
        self.experiment_where("name", name).await
    }

    async fn list_experiments(&self, lifecycle: Option<Lifecycle>) -> Result<Vec<Experiment>> {
        let rows = sqlx::query(AssertSqlSafe(format!(
            "SELECT {COLUMNS} WHERE ?1 IS NULL OR lifecycle = ?1 ORDER BY creation_time_ms DESC, experiment_id DESC"
        )))
        .bind(lifecycle.map(lifecycle_name))
        .fetch_all(&self.readers)
        .await
        .map_err(backend)?;
        let mut experiments = Vec::with_capacity(rows.len());
        for row in &rows {
            experiments.push(self.experiment(row).await?);
        }
        Ok(experiments)
    }

    async fn rename_experiment(&self, experiment_id: &str, name: &str, now_ms: i64) -> Result<()> {
        let (experiment_id, name) = (experiment_id.to_owned(), name.to_owned());
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    if lifecycle_of(connection, &experiment_id).await? == Lifecycle::Deleted {
                        return Err(Error::Conflict(format!(
                            "the experiment {experiment_id} is deleted; restore it before renaming it"
                        )));
                    }
                    sqlx::query("UPDATE experiments SET name = ?, last_update_time_ms = ? WHERE experiment_id = ?")
                        .bind(&name)
                        .bind(now_ms)
                        .bind(&experiment_id)
                        .execute(connection)
                        .await
                        .map_err(|error| insert(error, "experiment", &name))?;
                    Ok(())
                })
            })
            .await
    }

    async fn set_experiment_lifecycle(&self, experiment_id: &str, lifecycle: Lifecycle, now_ms: i64) -> Result<()> {
        let experiment_id = experiment_id.to_owned();
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    touch(connection, &experiment_id, now_ms).await?;
                    sqlx::query("UPDATE experiments SET lifecycle = ? WHERE experiment_id = ?")
                        .bind(lifecycle_name(lifecycle))
                        .bind(&experiment_id)
                        .execute(connection)
                        .await
                        .map_err(backend)?;
                    Ok(())
                })
            })
            .await
    }

    async fn set_experiment_tag(&self, experiment_id: &str, tag: Tag, now_ms: i64) -> Result<()> {
        let experiment_id = experiment_id.to_owned();
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    touch(connection, &experiment_id, now_ms).await?;
                    sqlx::query("INSERT OR REPLACE INTO experiment_tags VALUES (?, ?, ?)")
                        .bind(&experiment_id)
                        .bind(&tag.key)
                        .bind(&tag.value)
                        .execute(connection)
                        .await
                        .map_err(backend)?;
                    Ok(())
                })
            })
            .await
    }

    async fn delete_experiment_tag(&self, experiment_id: &str, key: &str, now_ms: i64) -> Result<()> {
        let (experiment_id, key) = (experiment_id.to_owned(), key.to_owned());
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    touch(connection, &experiment_id, now_ms).await?;
                    let deleted = sqlx::query("DELETE FROM experiment_tags WHERE experiment_id = ? AND key = ?")
                        .bind(&experiment_id)
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
}
