//! The model registry on SQLite.

use super::SqliteStore;
use super::errors::{backend, damaged, insert};
use super::experiments::{get, tags};
use metria_core::ModelStage;
use metria_store::{Error, GateDecision, ModelStore, ModelVersion, RegisteredModel, Result, StageTransition, Tag};
use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;

fn no_model(name: &str) -> Error {
    Error::NotFound { kind: "registered model", id: name.to_owned() }
}

fn no_version(name: &str, version: u32) -> Error {
    Error::NotFound { kind: "model version", id: format!("{name}/{version}") }
}

fn stage(name: &str) -> Result<ModelStage> {
    name.parse().map_err(|_| damaged(format!("the stage `{name}`")))
}

fn number(row: &SqliteRow, column: &str) -> Result<u32> {
    let value: i64 = get(row, column)?;
    u32::try_from(value).map_err(|_| damaged(format!("the version {value}")))
}

fn transition(row: &SqliteRow) -> Result<StageTransition> {
    Ok(StageTransition {
        name: get(row, "name")?,
        version: number(row, "version")?,
        from_stage: stage(get(row, "from_stage")?)?,
        to_stage: stage(get(row, "to_stage")?)?,
        user_id: get(row, "user_id")?,
        description: get(row, "description")?,
        time_ms: get(row, "time_ms")?,
    })
}

fn decision(row: &SqliteRow) -> Result<GateDecision> {
    let checks: String = get(row, "checks")?;
    let compared_with: Option<i64> = get(row, "compared_with")?;
    Ok(GateDecision {
        decision_id: get(row, "decision_id")?,
        name: get(row, "name")?,
        version: number(row, "version")?,
        compared_with: compared_with.and_then(|version| u32::try_from(version).ok()),
        passed: get(row, "passed")?,
        reason: get(row, "reason")?,
        checks: serde_json::from_str(&checks).map_err(|error| damaged(format!("gate checks: {error}")))?,
        time_ms: get(row, "time_ms")?,
    })
}

impl SqliteStore {
    async fn version(&self, row: &SqliteRow) -> Result<ModelVersion> {
        let mut version = bare_version(row)?;
        let found =
            sqlx::query("SELECT key, value FROM model_version_tags WHERE name = ? AND version = ? ORDER BY key")
                .bind(&version.name)
                .bind(version.version)
                .fetch_all(&self.readers)
                .await
                .map_err(backend)?;
        version.tags = tags(&found)?;
        Ok(version)
    }

    async fn model(&self, row: &SqliteRow) -> Result<RegisteredModel> {
        let name: String = get(row, "name")?;
        let found = sqlx::query("SELECT key, value FROM model_tags WHERE name = ? ORDER BY key")
            .bind(&name)
            .fetch_all(&self.readers)
            .await
            .map_err(backend)?;
        let aliases = sqlx::query("SELECT alias, version FROM model_aliases WHERE name = ? ORDER BY alias")
            .bind(&name)
            .fetch_all(&self.readers)
            .await
            .map_err(backend)?;
        Ok(RegisteredModel {
            name,
            description: get(row, "description")?,
            creation_time_ms: get(row, "creation_time_ms")?,
            last_update_time_ms: get(row, "last_update_time_ms")?,
            tags: tags(&found)?,
            aliases: aliases
                .iter()
                .map(|row| Ok((get(row, "alias")?, number(row, "version")?)))
                .collect::<Result<_>>()?,
        })
    }
}

fn bare_version(row: &SqliteRow) -> Result<ModelVersion> {
    Ok(ModelVersion {
        name: get(row, "name")?,
        version: number(row, "version")?,
        description: get(row, "description")?,
        stage: stage(get(row, "stage")?)?,
        source: get(row, "source")?,
        run_id: get(row, "run_id")?,
        storage_location: get(row, "storage_location")?,
        user_id: get(row, "user_id")?,
        creation_time_ms: get(row, "creation_time_ms")?,
        last_update_time_ms: get(row, "last_update_time_ms")?,
        tags: Vec::new(),
    })
}

async fn touch(connection: &mut SqliteConnection, name: &str, now_ms: i64) -> Result<()> {
    let touched = sqlx::query("UPDATE models SET last_update_time_ms = ? WHERE name = ?")
        .bind(now_ms)
        .bind(name)
        .execute(connection)
        .await
        .map_err(backend)?;
    if touched.rows_affected() == 0 { Err(no_model(name)) } else { Ok(()) }
}

async fn touch_version(connection: &mut SqliteConnection, name: &str, version: u32, now_ms: i64) -> Result<()> {
    touch(connection, name, now_ms).await?;
    let touched = sqlx::query("UPDATE model_versions SET last_update_time_ms = ? WHERE name = ? AND version = ?")
        .bind(now_ms)
        .bind(name)
        .bind(version)
        .execute(connection)
        .await
        .map_err(backend)?;
    if touched.rows_affected() == 0 { Err(no_version(name, version)) } else { Ok(()) }
}

async fn find_version(connection: &mut SqliteConnection, name: &str, version: u32) -> Result<ModelVersion> {
    let row = sqlx::query("SELECT * FROM model_versions WHERE name = ? AND version = ?")
        .bind(name)
        .bind(version)
        .fetch_optional(&mut *connection)
        .await
        .map_err(backend)?;
    let mut found = bare_version(&row.ok_or_else(|| no_version(name, version))?)?;
    let labels = sqlx::query("SELECT key, value FROM model_version_tags WHERE name = ? AND version = ? ORDER BY key")
        .bind(name)
        .bind(version)
        .fetch_all(connection)
        .await
        .map_err(backend)?;
    found.tags = tags(&labels)?;
    Ok(found)
}

/// Refuses when a version (or any, for `None`) is in use.
async fn check_unused(connection: &mut SqliteConnection, name: &str, version: Option<u32>) -> Result<()> {
    let used: Option<i64> = sqlx::query_scalar(
        "SELECT version FROM model_versions WHERE name = ?1 AND (?2 IS NULL OR version = ?2)
         AND stage IN ('Staging', 'Production') LIMIT 1",
    )
    .bind(name)
    .bind(version)
    .fetch_optional(connection)
    .await
    .map_err(backend)?;
    match used {
        Some(version) => Err(Error::Conflict(format!(
            "version {version} of {name} is in Staging or Production; archive it before deleting it"
        ))),
        None => Ok(()),
    }
}

async fn move_version(connection: &mut SqliteConnection, to: &StageTransition) -> Result<()> {
    let from = find_version(connection, &to.name, to.version).await?.stage;
    touch_version(connection, &to.name, to.version, to.time_ms).await?;
    sqlx::query("UPDATE model_versions SET stage = ? WHERE name = ? AND version = ?")
        .bind(to.to_stage.as_str())
        .bind(&to.name)
        .bind(to.version)
        .execute(&mut *connection)
        .await
        .map_err(backend)?;
    sqlx::query(
        "INSERT INTO stage_transitions (name, version, from_stage, to_stage, user_id, description, time_ms)
         VALUES (?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(&to.name)
    .bind(to.version)
    .bind(from.as_str())
    .bind(to.to_stage.as_str())
    .bind(&to.user_id)
    .bind(&to.description)
    .bind(to.time_ms)
    .execute(connection)
    .await
    .map_err(backend)?;
    Ok(())
}

#[async_trait::async_trait]
impl ModelStore for SqliteStore {
    async fn create_model(&self, model: RegisteredModel) -> Result<()> {
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    sqlx::query("INSERT INTO models VALUES (?, ?, ?, ?, 1)")
                        .bind(&model.name)
                        .bind(&model.description)
                        .bind(model.creation_time_ms)
                        .bind(model.last_update_time_ms)
                        .execute(&mut *connection)
                        .await
                        .map_err(|error| insert(error, "registered model", &model.name))?;
                    for tag in &model.tags {
                        sqlx::query("INSERT OR REPLACE INTO model_tags VALUES (?, ?, ?)")
                            .bind(&model.name)
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

    async fn get_model(&self, name: &str) -> Result<RegisteredModel> {
        let row = sqlx::query("SELECT * FROM models WHERE name = ?")
            .bind(name)
            .fetch_optional(&self.readers)
            .await
            .map_err(backend)?;
        self.model(&row.ok_or_else(|| no_model(name))?).await
    }

    async fn list_models(&self) -> Result<Vec<RegisteredModel>> {
        let rows = sqlx::query("SELECT * FROM models ORDER BY name").fetch_all(&self.readers).await.map_err(backend)?;
        let mut models = Vec::with_capacity(rows.len());
        for row in &rows {
            models.push(self.model(row).await?);
        }
        Ok(models)
    }

    async fn rename_model(&self, name: &str, new_name: &str, now_ms: i64) -> Result<()> {
        let (name, new_name) = (name.to_owned(), new_name.to_owned());
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    touch(connection, &name, now_ms).await?;
                    sqlx::query("UPDATE models SET name = ? WHERE name = ?")
                        .bind(&new_name)
                        .bind(&name)
                        .execute(connection)
                        .await
                        .map_err(|error| insert(error, "registered model", &new_name))?;
                    Ok(())
                })
            })
            .await
    }

    async fn describe_model(&self, name: &str, description: &str, now_ms: i64) -> Result<()> {
        let (name, description) = (name.to_owned(), description.to_owned());
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    touch(connection, &name, now_ms).await?;
                    sqlx::query("UPDATE models SET description = ? WHERE name = ?")
                        .bind(&description)
                        .bind(&name)
                        .execute(connection)
                        .await
                        .map_err(backend)?;
                    Ok(())
                })
            })
            .await
    }

    async fn delete_model(&self, name: &str) -> Result<()> {
        let name = name.to_owned();
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    check_unused(connection, &name, None).await?;
                    let deleted = sqlx::query("DELETE FROM models WHERE name = ?")
                        .bind(&name)
                        .execute(connection)
                        .await
                        .map_err(backend)?;
                    if deleted.rows_affected() == 0 { Err(no_model(&name)) } else { Ok(()) }
                })
            })
            .await
    }

    async fn set_model_tag(&self, name: &str, tag: Tag, now_ms: i64) -> Result<()> {
        let name = name.to_owned();
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    touch(connection, &name, now_ms).await?;
                    sqlx::query("INSERT OR REPLACE INTO model_tags VALUES (?, ?, ?)")
                        .bind(&name)
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

    async fn create_version(&self, version: ModelVersion) -> Result<ModelVersion> {
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    touch(connection, &version.name, version.creation_time_ms).await?;
                    let next: i64 = sqlx::query_scalar(
                        "UPDATE models SET next_version = next_version + 1 WHERE name = ? RETURNING next_version - 1",
                    )
                    .bind(&version.name)
                    .fetch_one(&mut *connection)
                    .await
                    .map_err(backend)?;
                    let number = u32::try_from(next).map_err(|_| damaged(format!("the next version {next}")))?;
                    sqlx::query("INSERT INTO model_versions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
                        .bind(&version.name)
                        .bind(number)
                        .bind(&version.description)
                        .bind(version.stage.as_str())
                        .bind(&version.source)
                        .bind(&version.run_id)
                        .bind(&version.storage_location)
                        .bind(&version.user_id)
                        .bind(version.creation_time_ms)
                        .bind(version.last_update_time_ms)
                        .execute(&mut *connection)
                        .await
                        .map_err(backend)?;
                    for tag in &version.tags {
                        sqlx::query("INSERT OR REPLACE INTO model_version_tags VALUES (?, ?, ?, ?)")
                            .bind(&version.name)
                            .bind(number)
                            .bind(&tag.key)
                            .bind(&tag.value)
                            .execute(&mut *connection)
                            .await
                            .map_err(backend)?;
                    }
                    find_version(connection, &version.name, number).await
                })
            })
            .await
    }

    async fn get_version(&self, name: &str, version: u32) -> Result<ModelVersion> {
        let row = sqlx::query("SELECT * FROM model_versions WHERE name = ? AND version = ?")
            .bind(name)
            .bind(version)
            .fetch_optional(&self.readers)
            .await
            .map_err(backend)?;
        self.version(&row.ok_or_else(|| no_version(name, version))?).await
    }

    async fn list_versions(&self, name: &str) -> Result<Vec<ModelVersion>> {
        self.get_model(name).await?;
        let rows = sqlx::query("SELECT * FROM model_versions WHERE name = ? ORDER BY version DESC")
            .bind(name)
            .fetch_all(&self.readers)
            .await
            .map_err(backend)?;
        let mut versions = Vec::with_capacity(rows.len());
        for row in &rows {
            versions.push(self.version(row).await?);
        }
        Ok(versions)
    }

    async fn describe_version(&self, name: &str, version: u32, description: &str, now_ms: i64) -> Result<()> {
        let (name, description) = (name.to_owned(), description.to_owned());
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    touch_version(connection, &name, version, now_ms).await?;
                    sqlx::query("UPDATE model_versions SET description = ? WHERE name = ? AND version = ?")
                        .bind(&description)
                        .bind(&name)
                        .bind(version)
                        .execute(connection)
                        .await
                        .map_err(backend)?;
                    Ok(())
                })
            })
            .await
    }

    async fn set_version_tag(&self, name: &str, version: u32, tag: Tag, now_ms: i64) -> Result<()> {
        let name = name.to_owned();
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    touch_version(connection, &name, version, now_ms).await?;
                    sqlx::query("INSERT OR REPLACE INTO model_version_tags VALUES (?, ?, ?, ?)")
                        .bind(&name)
                        .bind(version)
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

    async fn delete_version(&self, name: &str, version: u32, now_ms: i64) -> Result<()> {
        let name = name.to_owned();
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    touch_version(connection, &name, version, now_ms).await?;
                    check_unused(connection, &name, Some(version)).await?;
                    sqlx::query("DELETE FROM model_versions WHERE name = ? AND version = ?")
                        .bind(&name)
                        .bind(version)
                        .execute(connection)
                        .await
                        .map_err(backend)?;
                    Ok(())
                })
            })
            .await
    }

    async fn transition_stage(&self, transition: StageTransition, archive_existing: bool) -> Result<ModelVersion> {
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    find_version(connection, &transition.name, transition.version).await?;
                    if archive_existing {
                        let others: Vec<i64> = sqlx::query_scalar(
                            "SELECT version FROM model_versions WHERE name = ? AND stage = ? AND version <> ? ORDER BY version",
                        )
                        .bind(&transition.name)
                        .bind(transition.to_stage.as_str())
                        .bind(transition.version)
                        .fetch_all(&mut *connection)
                        .await
                        .map_err(backend)?;
                        for other in others {
                            let version = u32::try_from(other).map_err(|_| damaged(format!("the version {other}")))?;
                            let description = format!("version {} took its place", transition.version);
                            let archived =
                                StageTransition { version, to_stage: ModelStage::Archived, description, ..transition.clone() };
                            move_version(connection, &archived).await?;
                        }
                    }
                    move_version(connection, &transition).await?;
                    find_version(connection, &transition.name, transition.version).await
                })
            })
            .await
    }

    async fn list_transitions(&self, name: &str) -> Result<Vec<StageTransition>> {
        let rows = sqlx::query("SELECT * FROM stage_transitions WHERE name = ? ORDER BY transition_id DESC")
            .bind(name)
            .fetch_all(&self.readers)
            .await
            .map_err(backend)?;
        rows.iter().map(transition).collect()
    }

    async fn set_alias(&self, name: &str, alias: &str, version: u32, now_ms: i64) -> Result<()> {
        let (name, alias) = (name.to_owned(), alias.to_owned());
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    touch_version(connection, &name, version, now_ms).await?;
                    sqlx::query("INSERT OR REPLACE INTO model_aliases VALUES (?, ?, ?)")
                        .bind(&name)
                        .bind(&alias)
                        .bind(version)
                        .execute(connection)
                        .await
                        .map_err(backend)?;
                    Ok(())
                })
            })
            .await
    }

    async fn delete_alias(&self, name: &str, alias: &str, now_ms: i64) -> Result<()> {
        let (name, alias) = (name.to_owned(), alias.to_owned());
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    touch(connection, &name, now_ms).await?;
                    let deleted = sqlx::query("DELETE FROM model_aliases WHERE name = ? AND alias = ?")
                        .bind(&name)
                        .bind(&alias)
                        .execute(connection)
                        .await
                        .map_err(backend)?;
                    if deleted.rows_affected() == 0 {
                        return Err(Error::NotFound { kind: "alias", id: alias });
                    }
                    Ok(())
                })
            })
            .await
    }

    async fn record_decision(&self, decision: GateDecision) -> Result<()> {
        let checks = serde_json::to_string(&decision.checks).map_err(|error| damaged(error.to_string()))?;
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    find_version(connection, &decision.name, decision.version).await?;
                    sqlx::query("INSERT INTO gate_decisions VALUES (?, ?, ?, ?, ?, ?, ?, ?)")
                        .bind(&decision.decision_id)
                        .bind(&decision.name)
                        .bind(decision.version)
                        .bind(decision.compared_with)
                        .bind(decision.passed)
                        .bind(&decision.reason)
                        .bind(&checks)
                        .bind(decision.time_ms)
                        .execute(connection)
                        .await
                        .map_err(|error| insert(error, "gate decision", &decision.decision_id))?;
                    Ok(())
                })
            })
            .await
    }

    async fn list_decisions(&self, name: &str) -> Result<Vec<GateDecision>> {
        let rows = sqlx::query("SELECT * FROM gate_decisions WHERE name = ? ORDER BY time_ms DESC, decision_id DESC")
            .bind(name)
            .fetch_all(&self.readers)
            .await
            .map_err(backend)?;
        rows.iter().map(decision).collect()
    }
}
