//! The model registry. Compiled once for each database, with its `Connection`, `Row` and `SqlStore` in scope.
//!
//! Every write begins by changing the row of the model, and so takes it for its transaction: version numbers have no
//! gaps, and a stage has one champion, however many processes write.

use super::errors::{backend, damaged, insert};
use super::rows::{get, groups, strings, tag};
use super::stages::{change_stage, decision, record, transition};
use super::{Connection, Row, SqlStore};
use metria_core::ModelStage;
use metria_store::models::is_in_use;
use metria_store::text::{check_tags, check_texts};
use metria_store::{Error, GateDecision, ModelStore, ModelVersion, RegisteredModel, Result, StageTransition, Tag};
use sqlx::AssertSqlSafe;

fn no_model(name: &str) -> Error {
    Error::NotFound { kind: "registered model", id: name.to_owned() }
}

pub(super) fn no_version(name: &str, version: u32) -> Error {
    Error::NotFound { kind: "model version", id: format!("{name}/{version}") }
}

pub(super) fn stage(name: &str) -> Result<ModelStage> {
    name.parse().map_err(|_| damaged(format!("the stage `{name}`")))
}

pub(super) fn number(value: i64) -> Result<u32> {
    u32::try_from(value).map_err(|_| damaged(format!("the version {value}")))
}

fn model(row: &Row) -> Result<RegisteredModel> {
    Ok(RegisteredModel {
        name: get(row, "name")?,
        description: get(row, "description")?,
        creation_time_ms: get(row, "creation_time_ms")?,
        last_update_time_ms: get(row, "last_update_time_ms")?,
        tags: Vec::new(),
        aliases: Vec::new(),
    })
}

fn version(row: &Row) -> Result<ModelVersion> {
    Ok(ModelVersion {
        name: get(row, "name")?,
        version: number(get(row, "version")?)?,
        description: get(row, "description")?,
        stage: stage(get(row, "stage")?)?,
        source: get(row, "source")?,
        run_id: get(row, "run_id")?,
        model_id: get(row, "model_id")?,
        storage_location: get(row, "storage_location")?,
        user_id: get(row, "user_id")?,
        creation_time_ms: get(row, "creation_time_ms")?,
        last_update_time_ms: get(row, "last_update_time_ms")?,
        tags: Vec::new(),
    })
}

/// The models of a name, or all, by name.
async fn models(connection: &mut Connection, name: Option<&str>) -> Result<Vec<RegisteredModel>> {
    let all = async |sql: &'static str, connection: &mut Connection| {
        sqlx::query(sql).bind(name).fetch_all(connection).await.map_err(backend)
    };
    let rows = all("SELECT * FROM models WHERE $1 IS NULL OR name = $1 ORDER BY name", connection).await?;
    let tags = all("SELECT * FROM model_tags WHERE $1 IS NULL OR name = $1 ORDER BY name, key", connection).await?;
    let aliases = "SELECT * FROM model_aliases WHERE $1 IS NULL OR name = $1 ORDER BY name, alias";
    let aliases = all(aliases, connection).await?;
    let owner = |row: &Row| get::<String>(row, "name");
    let mut tags = groups(&tags, owner, tag)?;
    let mut aliases = groups(&aliases, owner, |row| Ok((get(row, "alias")?, number(get(row, "version")?)?)))?;
    let mut models: Vec<RegisteredModel> = rows.iter().map(model).collect::<Result<_>>()?;
    for model in &mut models {
        model.tags = tags.remove(&model.name).unwrap_or_default();
        model.aliases = aliases.remove(&model.name).unwrap_or_default();
    }
    Ok(models)
}

/// A version of a model, or all, the newest first.
pub(super) async fn versions(
    connection: &mut Connection,
    name: &str,
    wanted: Option<u32>,
) -> Result<Vec<ModelVersion>> {
    let all = async |table: &str, order: &str, connection: &mut Connection| {
        let condition = "name = $1 AND ($2 IS NULL OR version = $2)";
        let sql = AssertSqlSafe(format!("SELECT * FROM {table} WHERE {condition} ORDER BY {order}"));
        sqlx::query(sql).bind(name).bind(wanted.map(i64::from)).fetch_all(connection).await.map_err(backend)
    };
    let rows = all("model_versions", "version DESC", connection).await?;
    let tags = all("model_version_tags", "version, key", connection).await?;
    let mut tags = groups(&tags, |row| number(get(row, "version")?), tag)?;
    let mut versions: Vec<ModelVersion> = rows.iter().map(version).collect::<Result<_>>()?;
    for version in &mut versions {
        version.tags = tags.remove(&version.version).unwrap_or_default();
    }
    Ok(versions)
}

pub(super) async fn one_version(connection: &mut Connection, name: &str, wanted: u32) -> Result<ModelVersion> {
    versions(connection, name, Some(wanted)).await?.pop().ok_or_else(|| no_version(name, wanted))
}

/// Takes the row of a model for this transaction. `NotFound` without the model.
async fn lock(connection: &mut Connection, name: &str) -> Result<()> {
    let locked = sqlx::query("UPDATE models SET next_version = next_version WHERE name = $1")
        .bind(name)
        .execute(connection)
        .await
        .map_err(backend)?;
    if locked.rows_affected() == 0 { Err(no_model(name)) } else { Ok(()) }
}

/// Writes the time of a change of a model, and so takes its row for this transaction. `NotFound` without the model.
async fn touch(connection: &mut Connection, name: &str, now_ms: i64) -> Result<()> {
    let touched = sqlx::query("UPDATE models SET last_update_time_ms = $1 WHERE name = $2")
        .bind(now_ms)
        .bind(name)
        .execute(connection)
        .await
        .map_err(backend)?;
    if touched.rows_affected() == 0 { Err(no_model(name)) } else { Ok(()) }
}

/// Writes the time of a change of a version and its model. `NotFound` when either is not there.
pub(super) async fn touch_version(connection: &mut Connection, name: &str, version: u32, now_ms: i64) -> Result<()> {
    touch(connection, name, now_ms).await?;
    let touched = sqlx::query("UPDATE model_versions SET last_update_time_ms = $1 WHERE name = $2 AND version = $3")
        .bind(now_ms)
        .bind(name)
        .bind(i64::from(version))
        .execute(connection)
        .await
        .map_err(backend)?;
    if touched.rows_affected() == 0 { Err(no_version(name, version)) } else { Ok(()) }
}

async fn set_model_tag(connection: &mut Connection, name: &str, tag: &Tag) -> Result<()> {
    sqlx::query(
        "INSERT INTO model_tags (name, key, value) VALUES ($1, $2, $3)
         ON CONFLICT (name, key) DO UPDATE SET value = excluded.value",
    )
    .bind(name)
    .bind(&tag.key)
    .bind(&tag.value)
    .execute(connection)
    .await
    .map_err(backend)?;
    Ok(())
}

async fn set_version_tag(connection: &mut Connection, name: &str, version: u32, tag: &Tag) -> Result<()> {
    sqlx::query(
        "INSERT INTO model_version_tags (name, version, key, value) VALUES ($1, $2, $3, $4)
         ON CONFLICT (name, version, key) DO UPDATE SET value = excluded.value",
    )
    .bind(name)
    .bind(i64::from(version))
    .bind(&tag.key)
    .bind(&tag.value)
    .execute(connection)
    .await
    .map_err(backend)?;
    Ok(())
}

async fn delete_model_tag(connection: &mut Connection, name: &str, key: &str, now_ms: i64) -> Result<()> {
    touch(connection, name, now_ms).await?;
    let deleted = sqlx::query("DELETE FROM model_tags WHERE name = $1 AND key = $2")
        .bind(name)
        .bind(key)
        .execute(connection)
        .await
        .map_err(backend)?;
    if deleted.rows_affected() == 0 { Err(no_tag(key)) } else { Ok(()) }
}

async fn delete_version_tag(
    connection: &mut Connection,
    name: &str,
    version: u32,
    key: &str,
    now_ms: i64,
) -> Result<()> {
    touch_version(connection, name, version, now_ms).await?;
    let deleted = sqlx::query("DELETE FROM model_version_tags WHERE name = $1 AND version = $2 AND key = $3")
        .bind(name)
        .bind(i64::from(version))
        .bind(key)
        .execute(connection)
        .await
        .map_err(backend)?;
    if deleted.rows_affected() == 0 { Err(no_tag(key)) } else { Ok(()) }
}

fn no_tag(key: &str) -> Error {
    Error::NotFound { kind: "tag", id: key.to_owned() }
}

async fn create_model(connection: &mut Connection, model: &RegisteredModel) -> Result<()> {
    sqlx::query(
        "INSERT INTO models (name, description, creation_time_ms, last_update_time_ms, next_version)
         VALUES ($1, $2, $3, $4, 1)",
    )
    .bind(&model.name)
    .bind(&model.description)
    .bind(model.creation_time_ms)
    .bind(model.last_update_time_ms)
    .execute(&mut *connection)
    .await
    .map_err(|error| insert(error, "registered model", &model.name))?;
    for tag in &model.tags {
        set_model_tag(connection, &model.name, tag).await?;
    }
    Ok(())
}

async fn rename(connection: &mut Connection, name: &str, new_name: &str, now_ms: i64) -> Result<()> {
    touch(connection, name, now_ms).await?;
    sqlx::query("UPDATE models SET name = $1 WHERE name = $2")
        .bind(new_name)
        .bind(name)
        .execute(connection)
        .await
        .map_err(|error| insert(error, "registered model", new_name))?;
    Ok(())
}

async fn describe(connection: &mut Connection, name: &str, description: &str, now_ms: i64) -> Result<()> {
    touch(connection, name, now_ms).await?;
    sqlx::query("UPDATE models SET description = $1 WHERE name = $2")
        .bind(description)
        .bind(name)
        .execute(connection)
        .await
        .map_err(backend)?;
    Ok(())
}

async fn delete_model(connection: &mut Connection, name: &str) -> Result<()> {
    lock(connection, name).await?;
    for version in versions(connection, name, None).await? {
        check_unused(&version)?;
    }
    sqlx::query("DELETE FROM models WHERE name = $1").bind(name).execute(connection).await.map_err(backend)?;
    Ok(())
}

/// Refuses a version that is in use.
fn check_unused(version: &ModelVersion) -> Result<()> {
    if is_in_use(version.stage) { Err(Error::version_in_use(&version.name, version.version)) } else { Ok(()) }
}

async fn create_version(connection: &mut Connection, version: &ModelVersion) -> Result<ModelVersion> {
    let next: Option<i64> = sqlx::query_scalar(
        "UPDATE models SET next_version = next_version + 1, last_update_time_ms = $1 WHERE name = $2
         RETURNING next_version - 1",
    )
    .bind(version.creation_time_ms)
    .bind(&version.name)
    .fetch_optional(&mut *connection)
    .await
    .map_err(backend)?;
    let next = next.ok_or_else(|| no_model(&version.name))?;
    sqlx::query(
        "INSERT INTO model_versions (name, version, description, stage, source, run_id, storage_location, user_id,
         creation_time_ms, last_update_time_ms, model_id) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
    )
    .bind(&version.name)
    .bind(next)
    .bind(&version.description)
    .bind(version.stage.as_str())
    .bind(&version.source)
    .bind(&version.run_id)
    .bind(&version.storage_location)
    .bind(&version.user_id)
    .bind(version.creation_time_ms)
    .bind(version.last_update_time_ms)
    .bind(&version.model_id)
    .execute(&mut *connection)
    .await
    .map_err(backend)?;
    let next = number(next)?;
    for tag in &version.tags {
        set_version_tag(connection, &version.name, next, tag).await?;
    }
    one_version(connection, &version.name, next).await
}

async fn describe_version(
    connection: &mut Connection,
    name: &str,
    version: u32,
    description: &str,
    now_ms: i64,
) -> Result<()> {
    touch_version(connection, name, version, now_ms).await?;
    sqlx::query("UPDATE model_versions SET description = $1 WHERE name = $2 AND version = $3")
        .bind(description)
        .bind(name)
        .bind(i64::from(version))
        .execute(connection)
        .await
        .map_err(backend)?;
    Ok(())
}

async fn delete_version(connection: &mut Connection, name: &str, version: u32, now_ms: i64) -> Result<()> {
    touch_version(connection, name, version, now_ms).await?;
    check_unused(&one_version(connection, name, version).await?)?;
    sqlx::query("DELETE FROM model_versions WHERE name = $1 AND version = $2")
        .bind(name)
        .bind(i64::from(version))
        .execute(connection)
        .await
        .map_err(backend)?;
    Ok(())
}

async fn set_alias(connection: &mut Connection, name: &str, alias: &str, version: u32, now_ms: i64) -> Result<()> {
    touch_version(connection, name, version, now_ms).await?;
    sqlx::query(
        "INSERT INTO model_aliases (name, alias, version) VALUES ($1, $2, $3)
         ON CONFLICT (name, alias) DO UPDATE SET version = excluded.version",
    )
    .bind(name)
    .bind(alias)
    .bind(i64::from(version))
    .execute(connection)
    .await
    .map_err(backend)?;
    Ok(())
}

async fn delete_alias(connection: &mut Connection, name: &str, alias: &str, now_ms: i64) -> Result<()> {
    touch(connection, name, now_ms).await?;
    let deleted = sqlx::query("DELETE FROM model_aliases WHERE name = $1 AND alias = $2")
        .bind(name)
        .bind(alias)
        .execute(connection)
        .await
        .map_err(backend)?;
    if deleted.rows_affected() == 0 { Err(Error::NotFound { kind: "alias", id: alias.to_owned() }) } else { Ok(()) }
}

#[async_trait::async_trait]
impl ModelStore for SqlStore {
    async fn create_model(&self, model: RegisteredModel) -> Result<()> {
        model.check()?;
        let about = model.name.clone();
        self.writer.write(&about, model, |connection, model| Box::pin(create_model(connection, model))).await
    }

    async fn get_model(&self, name: &str) -> Result<RegisteredModel> {
        let mut snapshot = self.snapshot().await?;
        let found = models(&mut snapshot, Some(name)).await?.pop();
        snapshot.commit().await.map_err(backend)?;
        found.ok_or_else(|| no_model(name))
    }

    async fn list_models(&self) -> Result<Vec<RegisteredModel>> {
        let mut snapshot = self.snapshot().await?;
        let found = models(&mut snapshot, None).await?;
        snapshot.commit().await.map_err(backend)?;
        Ok(found)
    }

    async fn rename_model(&self, name: &str, new_name: &str, now_ms: i64) -> Result<()> {
        check_texts([new_name])?;
        self.writer
            .write(name, (strings([name, new_name]), now_ms), |connection, ([name, new_name], now_ms)| {
                Box::pin(rename(connection, name, new_name, *now_ms))
            })
            .await
    }

    async fn describe_model(&self, name: &str, description: &str, now_ms: i64) -> Result<()> {
        check_texts([description])?;
        self.writer
            .write(name, (strings([name, description]), now_ms), |connection, ([name, description], now_ms)| {
                Box::pin(describe(connection, name, description, *now_ms))
            })
            .await
    }

    async fn delete_model(&self, name: &str) -> Result<()> {
        self.writer.write(name, name.to_owned(), |connection, name| Box::pin(delete_model(connection, name))).await
    }

    async fn set_model_tag(&self, name: &str, tag: Tag, now_ms: i64) -> Result<()> {
        check_tags([&tag])?;
        self.writer
            .write(name, (name.to_owned(), tag, now_ms), |connection, (name, tag, now_ms)| {
                Box::pin(async move {
                    touch(connection, name, *now_ms).await?;
                    set_model_tag(connection, name, tag).await
                })
            })
            .await
    }

    async fn delete_model_tag(&self, name: &str, key: &str, now_ms: i64) -> Result<()> {
        self.writer
            .write(name, (strings([name, key]), now_ms), |connection, ([name, key], now_ms)| {
                Box::pin(delete_model_tag(connection, name, key, *now_ms))
            })
            .await
    }

    async fn create_version(&self, version: ModelVersion) -> Result<ModelVersion> {
        version.check()?;
        let about = version.name.clone();
        self.writer.write(&about, version, |connection, version| Box::pin(create_version(connection, version))).await
    }

    async fn get_version(&self, name: &str, version: u32) -> Result<ModelVersion> {
        let mut snapshot = self.snapshot().await?;
        let found = one_version(&mut snapshot, name, version).await?;
        snapshot.commit().await.map_err(backend)?;
        Ok(found)
    }

    async fn list_versions(&self, name: &str) -> Result<Vec<ModelVersion>> {
        let mut snapshot = self.snapshot().await?;
        let model = models(&mut snapshot, Some(name)).await?.pop();
        let found = versions(&mut snapshot, name, None).await?;
        snapshot.commit().await.map_err(backend)?;
        model.map(|_| found).ok_or_else(|| no_model(name))
    }

    async fn describe_version(&self, name: &str, version: u32, description: &str, now_ms: i64) -> Result<()> {
        check_texts([description])?;
        let arguments = (strings([name, description]), version, now_ms);
        self.writer
            .write(name, arguments, |connection, ([name, description], version, now_ms)| {
                Box::pin(describe_version(connection, name, *version, description, *now_ms))
            })
            .await
    }

    async fn set_version_tag(&self, name: &str, version: u32, tag: Tag, now_ms: i64) -> Result<()> {
        check_tags([&tag])?;
        self.writer
            .write(name, (name.to_owned(), version, tag, now_ms), |connection, (name, version, tag, now_ms)| {
                Box::pin(async move {
                    touch_version(connection, name, *version, *now_ms).await?;
                    set_version_tag(connection, name, *version, tag).await
                })
            })
            .await
    }

    async fn delete_version_tag(&self, name: &str, version: u32, key: &str, now_ms: i64) -> Result<()> {
        self.writer
            .write(name, (strings([name, key]), version, now_ms), |connection, ([name, key], version, now_ms)| {
                Box::pin(delete_version_tag(connection, name, *version, key, *now_ms))
            })
            .await
    }

    async fn delete_version(&self, name: &str, version: u32, now_ms: i64) -> Result<()> {
        self.writer
            .write(name, (name.to_owned(), version, now_ms), |connection, (name, version, now_ms)| {
                Box::pin(delete_version(connection, name, *version, *now_ms))
            })
            .await
    }

    async fn transition_stage(&self, transition: StageTransition, archive_existing: bool) -> Result<ModelVersion> {
        transition.check()?;
        let about = transition.name.clone();
        self.writer
            .write(&about, (transition, archive_existing), |connection, (transition, archive_existing)| {
                Box::pin(change_stage(connection, transition, *archive_existing))
            })
            .await
    }

    async fn list_transitions(&self, name: &str) -> Result<Vec<StageTransition>> {
        let rows = sqlx::query("SELECT * FROM stage_transitions WHERE name = $1 ORDER BY transition_id DESC")
            .bind(name)
            .fetch_all(&self.readers)
            .await
            .map_err(backend)?;
        rows.iter().map(transition).collect()
    }

    async fn set_alias(&self, name: &str, alias: &str, version: u32, now_ms: i64) -> Result<()> {
        check_texts([alias])?;
        self.writer
            .write(name, (strings([name, alias]), version, now_ms), |connection, ([name, alias], version, now_ms)| {
                Box::pin(set_alias(connection, name, alias, *version, *now_ms))
            })
            .await
    }

    async fn delete_alias(&self, name: &str, alias: &str, now_ms: i64) -> Result<()> {
        self.writer
            .write(name, (strings([name, alias]), now_ms), |connection, ([name, alias], now_ms)| {
                Box::pin(delete_alias(connection, name, alias, *now_ms))
            })
            .await
    }

    async fn record_decision(&self, decision: GateDecision) -> Result<()> {
        decision.check()?;
        let about = decision.name.clone();
        self.writer.write(&about, decision, |connection, decision| Box::pin(record(connection, decision))).await
    }

    async fn list_decisions(&self, name: &str) -> Result<Vec<GateDecision>> {
        let rows = sqlx::query("SELECT * FROM gate_decisions WHERE name = $1 ORDER BY time_ms DESC, decision_id DESC")
            .bind(name)
            .fetch_all(&self.readers)
            .await
            .map_err(backend)?;
        rows.iter().map(decision).collect()
    }
}
