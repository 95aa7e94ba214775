//! Runs. Compiled once for each database, with its `Connection`, `Row` and `SqlStore` in scope; what the two databases do
//! differently (a batch, a row's lock) is in `log.rs`.

use super::errors::{backend, damaged, insert};
use super::experiments::lifecycle;
use super::log::{check_experiment, lock_run, set_tags, write_batch};
use super::rows::{get, groups, param, query, tag};
use super::{Connection, DIALECT, OF_RUNS, Row, SqlStore, id_list};
use crate::batch::{Batch, last_tags};
use crate::search::{Segment, is_few, lifecycle_name, page, probe, segments};
use crate::sql::Dialect;
use metria_store::text::{check_tags, check_texts};
use metria_store::{
    DatasetInput, DatasetUse, Entity, Error, Lifecycle, LogBatch, Metric, ModelOutput, OrderBy, Page, PageToken,
    Result, Run, RunInfo, RunKeys, RunQuery, RunStatus, RunStore, SortValue, Tag,
};
use sqlx::{AssertSqlSafe, Row as _};

pub(super) fn not_found(run_id: &str) -> Error {
    Error::NotFound { kind: "run", id: run_id.to_owned() }
}

pub(super) fn info(row: &Row) -> Result<RunInfo> {
    let status: &str = get(row, "status")?;
    Ok(RunInfo {
        run_id: get(row, "run_id")?,
        experiment_id: get(row, "experiment_id")?,
        run_name: get(row, "run_name")?,
        user_id: get(row, "user_id")?,
        status: RunStatus::from_name(status).ok_or_else(|| damaged(format!("the run status `{status}`")))?,
        start_time_ms: get(row, "start_time_ms")?,
        end_time_ms: get(row, "end_time_ms")?,
        artifact_uri: get(row, "artifact_uri")?,
        lifecycle: lifecycle(get(row, "lifecycle")?)?,
    })
}

fn metric(row: &Row) -> Result<Metric> {
    let value: Option<f64> = get(row, "value")?;
    Ok(Metric {
        key: get(row, "key")?,
        value: value.unwrap_or(f64::NAN),
        timestamp_ms: get(row, "timestamp_ms")?,
        step: get(row, "step")?,
    })
}

fn input(row: &Row) -> Result<DatasetInput> {
    Ok(DatasetInput {
        name: get(row, "name")?,
        digest: get(row, "digest")?,
        source_type: get(row, "source_type")?,
        source: get(row, "source")?,
        schema: get(row, "schema")?,
        profile: get(row, "profile")?,
        context: get(row, "context")?,
    })
}

fn dataset_use(row: &Row) -> Result<DatasetUse> {
    Ok(DatasetUse {
        experiment_id: get(row, "experiment_id")?,
        name: get(row, "name")?,
        digest: get(row, "digest")?,
        context: get(row, "context")?,
    })
}

/// A row of a logged model that a run used or made.
fn model_link(row: &Row) -> Result<(bool, ModelOutput)> {
    let is_output = get::<&str>(row, "role")? == "output";
    Ok((is_output, ModelOutput { model_id: get(row, "model_id")?, step: get(row, "step")? }))
}

/// The runs with what was logged to them: five queries, however many runs.
async fn whole(connection: &mut Connection, infos: Vec<RunInfo>) -> Result<Vec<Run>> {
    if infos.is_empty() {
        return Ok(Vec::new());
    }
    let mut parts = Vec::with_capacity(5);
    for (columns, table, order) in [
        ("run_id, key, value", "params", "key"),
        ("run_id, key, value, timestamp_ms, step", "latest_metrics", "key"),
        ("run_id, key, value", "run_tags", "key"),
        ("*", "run_inputs", "name, digest"),
        ("*", "run_models", "model_id"),
    ] {
        let sql = format!("SELECT {columns} FROM {table} WHERE run_id {OF_RUNS} ORDER BY run_id, {order}");
        let ids = id_list(infos.iter().map(|info| info.run_id.as_str()));
        parts.push(sqlx::query(AssertSqlSafe(sql)).bind(ids).fetch_all(&mut *connection).await.map_err(backend)?);
    }
    let owner = |row: &Row| get::<String>(row, "run_id");
    let mut params = groups(&parts[0], owner, param)?;
    let mut metrics = groups(&parts[1], owner, metric)?;
    let mut tags = groups(&parts[2], owner, tag)?;
    let mut inputs = groups(&parts[3], owner, input)?;
    let mut links = groups(&parts[4], owner, model_link)?;
    let run = |info: RunInfo| {
        let links = links.remove(&info.run_id).unwrap_or_default();
        let (outputs, used): (Vec<_>, Vec<_>) = links.into_iter().partition(|(is_output, _)| *is_output);
        Run {
            params: params.remove(&info.run_id).unwrap_or_default(),
            metrics: metrics.remove(&info.run_id).unwrap_or_default(),
            tags: tags.remove(&info.run_id).unwrap_or_default(),
            inputs: inputs.remove(&info.run_id).unwrap_or_default(),
            model_inputs: used.into_iter().map(|(_, link)| link.model_id).collect(),
            model_outputs: outputs.into_iter().map(|(_, link)| link).collect(),
            info,
        }
    };
    Ok(infos.into_iter().map(run).collect())
}

/// What a row of a page has under an order.
fn sort_value(row: &Row, at: usize, order: &OrderBy) -> Result<SortValue> {
    let column = format!("key{at}");
    let value = match (order.entity, order.key.as_str()) {
        (Entity::Metric | Entity::Series(_), _) => get::<Option<f64>>(row, &column)?.map(SortValue::Number),
        (Entity::Attribute, "start_time" | "end_time") => get::<Option<i64>>(row, &column)?.map(SortValue::Integer),
        _ => get::<Option<String>>(row, &column)?.map(SortValue::Text),
    };
    Ok(value.unwrap_or(SortValue::Missing))
}

/// The place of a row, which came from that segment.
fn place(query: &RunQuery, segment: Segment, row: &Row) -> Result<PageToken> {
    let keys = query.order_by.iter().enumerate().map(|(at, order)| match segment {
        Segment::Without if at == 0 => Ok(SortValue::Missing),
        _ => sort_value(row, at, order),
    });
    Ok(PageToken::new(query, keys.collect::<Result<_>>()?, get(row, "start_time_ms")?, get(row, "run_id")?))
}

/// The condition that the fewest runs fulfil, when those are few. Only SQLite needs to be told.
async fn few(connection: &mut Connection, run_query: &RunQuery) -> Result<Option<usize>> {
    if DIALECT != Dialect::Sqlite {
        return Ok(None);
    }
    let mut fewest: Option<(i64, usize)> = None;
    for at in 0..run_query.conditions.len() {
        let Some(sql) = probe(run_query, at) else { continue };
        let row = query(sql).fetch_one(&mut *connection).await.map_err(backend)?;
        let count: i64 = row.try_get(0).map_err(backend)?;
        if is_few(count) && fewest.is_none_or(|(least, _)| count < least) {
            fewest = Some((count, at));
        }
    }
    Ok(fewest.map(|(_, at)| at))
}

async fn search(connection: &mut Connection, run_query: &RunQuery) -> Result<Page<Run>> {
    let after = PageToken::of(run_query)?;
    // One more than asked for tells whether there is a next page.
    let wanted = run_query.limit.saturating_add(1);
    let mut rows: Vec<(Segment, Row)> = Vec::new();
    let few = few(connection, run_query).await?;
    for segment in segments(run_query, after.as_ref(), few) {
        let sql = page(DIALECT, run_query, segment, after.as_ref(), wanted - rows.len());
        let found = query(sql).persistent(super::KEEPS_PLANS).fetch_all(&mut *connection).await.map_err(backend)?;
        rows.extend(found.into_iter().map(|row| (segment, row)));
        if rows.len() >= wanted {
            break;
        }
    }
    let more = rows.len() > run_query.limit;
    rows.truncate(run_query.limit);
    let next_page_token = match rows.last() {
        Some((segment, row)) if more => Some(place(run_query, *segment, row)?.encode()),
        _ => None,
    };
    let infos = rows.iter().map(|(_, row)| info(row)).collect::<Result<_>>()?;
    Ok(Page { items: whole(connection, infos).await?, next_page_token })
}

/// The first keys of a table within an experiment, one entry of its index after the other.
async fn keys(connection: &mut Connection, table: &str, experiment_id: &str, limit: usize) -> Result<Vec<String>> {
    let sql = format!("SELECT min(key) AS key FROM {table} WHERE experiment_id = $1 AND key > $2");
    let mut keys: Vec<String> = Vec::new();
    while keys.len() < limit {
        // No key is empty.
        let last = keys.last().map_or("", String::as_str);
        let row = sqlx::query(AssertSqlSafe(sql.clone()))
            .bind(experiment_id)
            .bind(last)
            .fetch_one(&mut *connection)
            .await
            .map_err(backend)?;
        match get::<Option<String>>(&row, "key")? {
            Some(key) => keys.push(key),
            None => break,
        }
    }
    Ok(keys)
}

async fn create(connection: &mut Connection, info: &RunInfo, tags: &[Tag]) -> Result<()> {
    check_experiment(connection, &info.experiment_id).await?;
    sqlx::query(
        "INSERT INTO runs (run_id, experiment_id, run_name, user_id, status, start_time_ms, end_time_ms, artifact_uri,
         lifecycle) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
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
    set_tags(connection, &info.run_id, &info.experiment_id, tags).await
}

/// The experiment of a run, if the run may be written to. Nobody else writes to it until the commit.
async fn writable(connection: &mut Connection, run_id: &str) -> Result<String> {
    let (experiment_id, stored) = lock_run(connection, run_id).await?.ok_or_else(|| not_found(run_id))?;
    if lifecycle(&stored)? == Lifecycle::Deleted {
        return Err(Error::Conflict(format!("the run {run_id} is deleted; restore it before writing to it")));
    }
    Ok(experiment_id)
}

/// What an update changes.
struct Update {
    run_id: String,
    status: Option<RunStatus>,
    end_time_ms: Option<i64>,
    run_name: Option<String>,
}

async fn update(connection: &mut Connection, update: &Update) -> Result<RunInfo> {
    writable(connection, &update.run_id).await?;
    let row = sqlx::query(
        "UPDATE runs SET status = coalesce($1, status), end_time_ms = coalesce($2, end_time_ms),
         run_name = coalesce($3, run_name) WHERE run_id = $4 RETURNING *",
    )
    .bind(update.status.map(RunStatus::as_str))
    .bind(update.end_time_ms)
    .bind(&update.run_name)
    .bind(&update.run_id)
    .fetch_one(connection)
    .await
    .map_err(backend)?;
    info(&row)
}

async fn set_lifecycle(connection: &mut Connection, run_id: &str, to: Lifecycle, now_ms: i64) -> Result<()> {
    let changed = sqlx::query(
        "UPDATE runs SET lifecycle = $1, deleted_time_ms = CASE WHEN $1 = 'deleted' THEN coalesce(deleted_time_ms, $2) END
         WHERE run_id = $3",
    )
    .bind(lifecycle_name(to))
    .bind(now_ms)
    .bind(run_id)
    .execute(connection)
    .await
    .map_err(backend)?;
    if changed.rows_affected() == 0 { Err(not_found(run_id)) } else { Ok(()) }
}

async fn delete_tag(connection: &mut Connection, run_id: &str, key: &str) -> Result<()> {
    writable(connection, run_id).await?;
    let deleted = sqlx::query("DELETE FROM run_tags WHERE run_id = $1 AND key = $2")
        .bind(run_id)
        .bind(key)
        .execute(connection)
        .await
        .map_err(backend)?;
    if deleted.rows_affected() == 0 { Err(Error::NotFound { kind: "tag", id: key.to_owned() }) } else { Ok(()) }
}

/// What belongs to a run, the run last. What it measured of logged models is theirs.
const TABLES: [&str; 7] = ["params", "run_tags", "latest_metrics", "metrics", "run_inputs", "run_models", "runs"];

async fn delete_for_good(connection: &mut Connection, run_id: &str) -> Result<()> {
    let (experiment_id, stored) = lock_run(connection, run_id).await?.ok_or_else(|| not_found(run_id))?;
    let of_experiment: String = sqlx::query_scalar("SELECT lifecycle FROM experiments WHERE experiment_id = $1")
        .bind(&experiment_id)
        .fetch_one(&mut *connection)
        .await
        .map_err(backend)?;
    if lifecycle(&stored)? == Lifecycle::Active && lifecycle(&of_experiment)? == Lifecycle::Active {
        return Err(Error::not_deleted("run", run_id));
    }
    let version: Option<(String, i64)> = sqlx::query_as(
        "SELECT name, version FROM model_versions
         WHERE run_id = $1 OR storage_location LIKE '%' || $1 || '%' OR source LIKE '%' || $1 || '%'
         ORDER BY name, version LIMIT 1",
    )
    .bind(run_id)
    .fetch_optional(&mut *connection)
    .await
    .map_err(backend)?;
    if let Some((name, version)) = version {
        return Err(Error::run_in_registry(run_id, &name, super::models::number(version)?));
    }
    for table in TABLES {
        let sql = AssertSqlSafe(format!("DELETE FROM {table} WHERE run_id = $1"));
        sqlx::query(sql).bind(run_id).execute(&mut *connection).await.map_err(backend)?;
    }
    Ok(())
}

#[async_trait::async_trait]
impl RunStore for SqlStore {
    async fn create_run(&self, info: RunInfo, tags: Vec<Tag>) -> Result<()> {
        info.check()?;
        check_tags(&tags)?;
        let about = info.run_id.clone();
        self.writer
            .write(&about, (info, last_tags(tags)), |connection, (info, tags)| Box::pin(create(connection, info, tags)))
            .await
    }

    async fn get_run(&self, run_id: &str) -> Result<Run> {
        let mut snapshot = self.snapshot().await?;
        let row = sqlx::query("SELECT * FROM runs WHERE run_id = $1")
            .bind(run_id)
            .fetch_optional(&mut *snapshot)
            .await
            .map_err(backend)?;
        let found = info(&row.ok_or_else(|| not_found(run_id))?)?;
        let run = whole(&mut snapshot, vec![found]).await?.pop();
        snapshot.commit().await.map_err(backend)?;
        run.ok_or_else(|| not_found(run_id))
    }

    async fn update_run(
        &self,
        run_id: &str,
        status: Option<RunStatus>,
        end_time_ms: Option<i64>,
        run_name: Option<String>,
    ) -> Result<RunInfo> {
        check_texts(&run_name)?;
        let arguments = Update { run_id: run_id.to_owned(), status, end_time_ms, run_name };
        self.writer.write(run_id, arguments, |connection, arguments| Box::pin(update(connection, arguments))).await
    }

    async fn set_run_lifecycle(&self, run_id: &str, lifecycle: Lifecycle, now_ms: i64) -> Result<()> {
        self.writer
            .write(run_id, (run_id.to_owned(), lifecycle, now_ms), |connection, (run_id, to, now_ms)| {
                Box::pin(set_lifecycle(connection, run_id, *to, *now_ms))
            })
            .await
    }

    async fn deleted_runs(&self, before_ms: i64, after: &str, limit: usize) -> Result<Vec<RunInfo>> {
        check_texts([after])?;
        let rows = sqlx::query(
            "SELECT * FROM runs WHERE lifecycle = 'deleted' AND deleted_time_ms < $1 AND run_id > $2
             ORDER BY run_id LIMIT $3",
        )
        .bind(before_ms)
        .bind(after)
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(&self.readers)
        .await
        .map_err(backend)?;
        rows.iter().map(info).collect()
    }

    async fn delete_run_for_good(&self, run_id: &str) -> Result<()> {
        self.writer
            .write(run_id, run_id.to_owned(), |connection, run_id| Box::pin(delete_for_good(connection, run_id)))
            .await
    }

    async fn log_batch(&self, run_id: &str, batch: LogBatch) -> Result<()> {
        let batch = Batch::new(run_id, batch)?;
        self.writer
            .write(run_id, (run_id.to_owned(), batch), |connection, (run_id, batch)| {
                Box::pin(async move {
                    let experiment_id = writable(connection, run_id).await?;
                    write_batch(connection, run_id, &experiment_id, batch).await
                })
            })
            .await
    }

    async fn delete_run_tag(&self, run_id: &str, key: &str) -> Result<()> {
        self.writer
            .write(run_id, super::rows::strings([run_id, key]), |connection, [run_id, key]| {
                Box::pin(delete_tag(connection, run_id, key))
            })
            .await
    }

    async fn metric_history(&self, run_id: &str, key: &str) -> Result<Vec<Metric>> {
        let rows = sqlx::query(
            "SELECT key, value, timestamp_ms, step FROM metrics WHERE run_id = $1 AND key = $2
             ORDER BY step, timestamp_ms, metric_id",
        )
        .bind(run_id)
        .bind(key)
        .fetch_all(&self.readers)
        .await
        .map_err(backend)?;
        rows.iter().map(metric).collect()
    }

    async fn metric_history_from(
        &self,
        run_id: &str,
        key: &str,
        from: (i64, i64),
        limit: usize,
    ) -> Result<Vec<Metric>> {
        let rows = sqlx::query(
            "SELECT key, value, timestamp_ms, step FROM metrics
             WHERE run_id = $1 AND key = $2 AND (step, timestamp_ms) >= ($3, $4)
             ORDER BY step, timestamp_ms, metric_id LIMIT $5",
        )
        .bind(run_id)
        .bind(key)
        .bind(from.0)
        .bind(from.1)
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(&self.readers)
        .await
        .map_err(backend)?;
        rows.iter().map(metric).collect()
    }

    async fn run_keys(&self, experiment_id: &str, limit: usize) -> Result<RunKeys> {
        let mut snapshot = self.snapshot().await?;
        let found = RunKeys {
            metrics: keys(&mut snapshot, "latest_metrics", experiment_id, limit).await?,
            params: keys(&mut snapshot, "params", experiment_id, limit).await?,
            tags: keys(&mut snapshot, "run_tags", experiment_id, limit).await?,
        };
        snapshot.commit().await.map_err(backend)?;
        Ok(found)
    }

    async fn list_dataset_uses(&self, experiment_ids: &[String], limit: usize) -> Result<Vec<DatasetUse>> {
        // PostgreSQL sorts NULL last where SQLite sorts it first.
        let sql = format!(
            "SELECT DISTINCT r.experiment_id, d.name, d.digest, d.context, d.context IS NOT NULL AS said
             FROM run_inputs d JOIN runs r ON r.run_id = d.run_id
             WHERE r.experiment_id {OF_RUNS}
             ORDER BY r.experiment_id, d.name, d.digest, said, d.context LIMIT {limit}"
        );
        let ids = id_list(experiment_ids.iter().map(String::as_str));
        let rows = sqlx::query(AssertSqlSafe(sql)).bind(ids).fetch_all(&self.readers).await.map_err(backend)?;
        rows.iter().map(dataset_use).collect()
    }

    async fn search_runs(&self, query: &RunQuery) -> Result<Page<Run>> {
        query.check()?;
        let mut snapshot = self.snapshot().await?;
        let page = search(&mut snapshot, query).await?;
        snapshot.commit().await.map_err(backend)?;
        Ok(page)
    }
}
