//! Logged models. Compiled once for each database, with its `Connection`, `Row` and `SqlStore` in scope.
//!
//! Every write but the first begins by taking the row of the model for its transaction.

use super::errors::{backend, damaged, insert};
use super::experiments::lifecycle;
use super::log::check_experiment;
use super::rows::{get, groups, param, query, strings, tag};
use super::{Connection, DIALECT, OF_RUNS, Row, SqlStore, id_list};
use crate::batch::last_tags;
use crate::search::{lifecycle_name, logged_models as search};
use metria_store::text::{check_tags, check_texts};
use metria_store::{
    Entity, Error, Lifecycle, LoggedMetric, LoggedModel, LoggedModelOrder, LoggedModelQuery, LoggedModelStatus,
    LoggedModelStore, Metric, ModelMetric, Page, PageToken, Param, Result, RunQuery, SortValue, Tag,
};
use sqlx::AssertSqlSafe;
use std::collections::BTreeSet;

fn model(row: &Row) -> Result<LoggedModel> {
    let status: &str = get(row, "status")?;
    Ok(LoggedModel {
        model_id: get(row, "model_id")?,
        experiment_id: get(row, "experiment_id")?,
        name: get(row, "name")?,
        model_type: get(row, "model_type")?,
        source_run_id: get(row, "source_run_id")?,
        status: LoggedModelStatus::from_name(status)
            .ok_or_else(|| damaged(format!("the status `{status}` of a logged model")))?,
        artifact_location: get(row, "artifact_location")?,
        creation_time_ms: get(row, "creation_time_ms")?,
        last_update_time_ms: get(row, "last_update_time_ms")?,
        lifecycle: lifecycle(get(row, "lifecycle")?)?,
        params: Vec::new(),
        tags: Vec::new(),
        metrics: Vec::new(),
    })
}

fn logged_metric(row: &Row) -> Result<LoggedMetric> {
    let value: Option<f64> = get(row, "value")?;
    Ok(LoggedMetric {
        run_id: get(row, "run_id")?,
        measured: ModelMetric {
            model_id: get(row, "model_id")?,
            metric: Metric {
                key: get(row, "key")?,
                value: value.unwrap_or(f64::NAN),
                timestamp_ms: get(row, "timestamp_ms")?,
                step: get(row, "step")?,
            },
            dataset_name: get(row, "dataset_name")?,
            dataset_digest: get(row, "dataset_digest")?,
        },
    })
}

/// The models with what belongs to them: three queries, however many models.
async fn whole(connection: &mut Connection, mut models: Vec<LoggedModel>) -> Result<Vec<LoggedModel>> {
    if models.is_empty() {
        return Ok(models);
    }
    let mut parts = Vec::with_capacity(3);
    for (table, order) in [
        ("logged_model_params", "key"),
        ("logged_model_tags", "key"),
        ("logged_model_metrics", "key, step, timestamp_ms, metric_id"),
    ] {
        let sql = format!("SELECT * FROM {table} WHERE model_id {OF_RUNS} ORDER BY model_id, {order}");
        let ids = id_list(models.iter().map(|model| model.model_id.as_str()));
        parts.push(sqlx::query(AssertSqlSafe(sql)).bind(ids).fetch_all(&mut *connection).await.map_err(backend)?);
    }
    let owner = |row: &Row| get::<String>(row, "model_id");
    let mut params = groups(&parts[0], owner, param)?;
    let mut tags = groups(&parts[1], owner, tag)?;
    let mut metrics = groups(&parts[2], owner, logged_metric)?;
    for model in &mut models {
        model.params = params.remove(&model.model_id).unwrap_or_default();
        model.tags = tags.remove(&model.model_id).unwrap_or_default();
        model.metrics = metrics.remove(&model.model_id).unwrap_or_default();
    }
    Ok(models)
}

/// What a row of a page has under an order.
fn sort_value(row: &Row, at: usize, LoggedModelOrder { by, .. }: &LoggedModelOrder) -> Result<SortValue> {
    let column = format!("key{at}");
    let value = match (by.entity, by.key.as_str()) {
        (Entity::Metric, _) => get::<Option<f64>>(row, &column)?.map(SortValue::Number),
        (_, "creation_time" | "last_update_time") => Some(SortValue::Integer(get(row, &column)?)),
        _ => get::<Option<String>>(row, &column)?.map(SortValue::Text),
    };
    Ok(value.unwrap_or(SortValue::Missing))
}

/// The place of a row.
fn place(logged: &LoggedModelQuery, places: &RunQuery, row: &Row) -> Result<PageToken> {
    let keys = logged.order_by.iter().enumerate().map(|(at, order)| sort_value(row, at, order));
    Ok(PageToken::new(places, keys.collect::<Result<_>>()?, get(row, "creation_time_ms")?, get(row, "model_id")?))
}

async fn find(connection: &mut Connection, logged: &LoggedModelQuery) -> Result<Page<LoggedModel>> {
    let places = logged.places();
    let after = PageToken::of(&places)?;
    // One more than asked for tells whether there is a next page.
    let sql = search::page(DIALECT, logged, &places, after.as_ref(), logged.limit.saturating_add(1));
    let found = query(sql).persistent(super::KEEPS_PLANS).fetch_all(&mut *connection).await;
    let mut rows = found.map_err(backend)?;
    let more = rows.len() > logged.limit;
    rows.truncate(logged.limit);
    let next_page_token = match rows.last() {
        Some(row) if more => Some(place(logged, &places, row)?.encode()),
        _ => None,
    };
    let models = rows.iter().map(model).collect::<Result<_>>()?;
    Ok(Page { items: whole(connection, models).await?, next_page_token })
}

async fn create(connection: &mut Connection, model: &LoggedModel) -> Result<()> {
    check_experiment(connection, &model.experiment_id).await?;
    sqlx::query(
        "INSERT INTO logged_models (model_id, experiment_id, name, model_type, source_run_id, status,
         artifact_location, creation_time_ms, last_update_time_ms, lifecycle)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind(&model.model_id)
    .bind(&model.experiment_id)
    .bind(&model.name)
    .bind(&model.model_type)
    .bind(&model.source_run_id)
    .bind(model.status.as_str())
    .bind(&model.artifact_location)
    .bind(model.creation_time_ms)
    .bind(model.last_update_time_ms)
    .bind(lifecycle_name(model.lifecycle))
    .execute(&mut *connection)
    .await
    .map_err(|error| insert(error, "logged model", &model.model_id))?;
    log_params(connection, &model.model_id, &model.params).await?;
    set_tags(connection, &model.model_id, &model.tags).await
}

/// Takes the row of a model for this transaction. `NotFound` without the model.
async fn lock(connection: &mut Connection, model_id: &str) -> Result<()> {
    let locked = sqlx::query("UPDATE logged_models SET status = status WHERE model_id = $1")
        .bind(model_id)
        .execute(connection)
        .await
        .map_err(backend)?;
    if locked.rows_affected() == 0 { Err(Error::logged_model_not_found(model_id)) } else { Ok(()) }
}

/// Refuses measurements of models that are not there.
pub(super) async fn check_measured(connection: &mut Connection, metrics: &[ModelMetric]) -> Result<()> {
    let model_ids: BTreeSet<&str> = metrics.iter().map(|measured| measured.model_id.as_str()).collect();
    for model_id in model_ids {
        let found: Option<String> = sqlx::query_scalar("SELECT model_id FROM logged_models WHERE model_id = $1")
            .bind(model_id)
            .fetch_optional(&mut *connection)
            .await
            .map_err(backend)?;
        found.ok_or_else(|| Error::logged_model_not_found(model_id))?;
    }
    Ok(())
}

async fn log_params(connection: &mut Connection, model_id: &str, params: &[Param]) -> Result<()> {
    for Param { key, value } in params {
        // Writing the key over itself answers with the value that is there.
        let there: String = sqlx::query_scalar(
            "INSERT INTO logged_model_params (model_id, key, value) VALUES ($1, $2, $3)
             ON CONFLICT (model_id, key) DO UPDATE SET key = excluded.key RETURNING value",
        )
        .bind(model_id)
        .bind(key)
        .bind(value)
        .fetch_one(&mut *connection)
        .await
        .map_err(backend)?;
        if there != *value {
            return Err(Error::model_param_conflict(model_id, key, &there, value));
        }
    }
    Ok(())
}

async fn set_tags(connection: &mut Connection, model_id: &str, tags: &[Tag]) -> Result<()> {
    for Tag { key, value } in tags {
        sqlx::query(
            "INSERT INTO logged_model_tags (model_id, key, value) VALUES ($1, $2, $3)
             ON CONFLICT (model_id, key) DO UPDATE SET value = excluded.value",
        )
        .bind(model_id)
        .bind(key)
        .bind(value)
        .execute(&mut *connection)
        .await
        .map_err(backend)?;
    }
    Ok(())
}

async fn delete_tag(connection: &mut Connection, model_id: &str, key: &str) -> Result<()> {
    lock(connection, model_id).await?;
    let deleted = sqlx::query("DELETE FROM logged_model_tags WHERE model_id = $1 AND key = $2")
        .bind(model_id)
        .bind(key)
        .execute(connection)
        .await
        .map_err(backend)?;
    if deleted.rows_affected() == 0 { Err(Error::NotFound { kind: "tag", id: key.to_owned() }) } else { Ok(()) }
}

/// Changes one column of a model, with the time.
async fn change(
    connection: &mut Connection,
    sql: &'static str,
    model_id: &str,
    value: &'static str,
    now_ms: i64,
) -> Result<()> {
    let changed =
        sqlx::query(sql).bind(value).bind(now_ms).bind(model_id).execute(connection).await.map_err(backend)?;
    if changed.rows_affected() == 0 { Err(Error::logged_model_not_found(model_id)) } else { Ok(()) }
}

#[async_trait::async_trait]
impl LoggedModelStore for SqlStore {
    async fn create_logged_model(&self, mut model: LoggedModel) -> Result<()> {
        model.check()?;
        model.tags = last_tags(std::mem::take(&mut model.tags));
        let about = model.model_id.clone();
        self.writer.write(&about, model, |connection, model| Box::pin(create(connection, model))).await
    }

    async fn get_logged_model(&self, model_id: &str) -> Result<LoggedModel> {
        let mut snapshot = self.snapshot().await?;
        let row = sqlx::query("SELECT * FROM logged_models WHERE model_id = $1")
            .bind(model_id)
            .fetch_optional(&mut *snapshot)
            .await
            .map_err(backend)?;
        let found = model(&row.ok_or_else(|| Error::logged_model_not_found(model_id))?)?;
        let found = whole(&mut snapshot, vec![found]).await?.pop();
        snapshot.commit().await.map_err(backend)?;
        found.ok_or_else(|| Error::logged_model_not_found(model_id))
    }

    async fn finalize_logged_model(&self, model_id: &str, status: LoggedModelStatus, now_ms: i64) -> Result<()> {
        self.writer
            .write(model_id, (model_id.to_owned(), status, now_ms), |connection, (model_id, status, now_ms)| {
                let sql = "UPDATE logged_models SET status = $1, last_update_time_ms = $2 WHERE model_id = $3";
                Box::pin(change(connection, sql, model_id, status.as_str(), *now_ms))
            })
            .await
    }

    async fn set_logged_model_lifecycle(&self, model_id: &str, lifecycle: Lifecycle, now_ms: i64) -> Result<()> {
        self.writer
            .write(model_id, (model_id.to_owned(), lifecycle, now_ms), |connection, (model_id, to, now_ms)| {
                let sql = "UPDATE logged_models SET lifecycle = $1, last_update_time_ms = $2 WHERE model_id = $3";
                Box::pin(change(connection, sql, model_id, lifecycle_name(*to), *now_ms))
            })
            .await
    }

    async fn log_model_params(&self, model_id: &str, params: Vec<Param>) -> Result<()> {
        check_texts(params.iter().flat_map(|param| [&param.key, &param.value]))?;
        self.writer
            .write(model_id, (model_id.to_owned(), params), |connection, (model_id, params)| {
                Box::pin(async move {
                    lock(connection, model_id).await?;
                    log_params(connection, model_id, params).await
                })
            })
            .await
    }

    async fn set_logged_model_tags(&self, model_id: &str, tags: Vec<Tag>) -> Result<()> {
        check_tags(&tags)?;
        self.writer
            .write(model_id, (model_id.to_owned(), last_tags(tags)), |connection, (model_id, tags)| {
                Box::pin(async move {
                    lock(connection, model_id).await?;
                    set_tags(connection, model_id, tags).await
                })
            })
            .await
    }

    async fn delete_logged_model_tag(&self, model_id: &str, key: &str) -> Result<()> {
        self.writer
            .write(model_id, strings([model_id, key]), |connection, [model_id, key]| {
                Box::pin(delete_tag(connection, model_id, key))
            })
            .await
    }

    async fn search_logged_models(&self, query: &LoggedModelQuery) -> Result<Page<LoggedModel>> {
        query.check()?;
        let mut snapshot = self.snapshot().await?;
        let page = find(&mut snapshot, query).await?;
        snapshot.commit().await.map_err(backend)?;
        Ok(page)
    }
}
