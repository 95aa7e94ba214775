//! Traces. Compiled once for each database, with its `Connection`, `Row` and `SqlStore` in scope.

use super::errors::{backend, damaged};
use super::log::check_experiment;
use super::rows::{get, groups, query, strings, tag};
use super::{Connection, DIALECT, OF_RUNS, Row, SqlStore, assessments, id_list, spans};
use crate::batch::last_tags;
use crate::search::traces::{count, page};
use crate::sql::{Dialect, Sql, Value};
use metria_store::text::{check_tags, check_texts};
use metria_store::{
    Assessment, Error, Page, Result, SortValue, Span, Tag, TraceField, TraceInfo, TraceOrder, TracePlace, TraceQuery,
    TraceSelection, TraceSpans, TraceState, TraceStore,
};
use sqlx::{AssertSqlSafe, Row as _};
use std::collections::HashMap;

fn not_found(trace_id: &str) -> Error {
    Error::NotFound { kind: "trace", id: trace_id.to_owned() }
}

/// A row of `traces`: a trace without tags, metadata and assessments.
fn head(row: &Row) -> Result<TraceInfo> {
    let state: &str = get(row, "state")?;
    Ok(TraceInfo {
        trace_id: get(row, "trace_id")?,
        experiment_id: get(row, "experiment_id")?,
        client_request_id: get(row, "client_request_id")?,
        request_time_ms: get(row, "request_time_ms")?,
        execution_duration_ms: get(row, "execution_duration_ms")?,
        state: TraceState::from_name(state).ok_or_else(|| damaged(format!("the trace state `{state}`")))?,
        request_preview: get(row, "request_preview")?,
        response_preview: get(row, "response_preview")?,
        ..TraceInfo::default()
    })
}

/// The traces with what belongs to them but their spans: three queries, however many traces.
async fn whole(connection: &mut Connection, heads: Vec<TraceInfo>) -> Result<Vec<TraceInfo>> {
    if heads.is_empty() {
        return Ok(Vec::new());
    }
    let mut parts = Vec::with_capacity(3);
    for (columns, table, order) in [
        ("trace_id, key, value", "trace_tags", "key"),
        ("trace_id, key, value", "trace_metadata", "key"),
        ("*", "assessments", "create_time_ms, assessment_id"),
    ] {
        let sql = format!("SELECT {columns} FROM {table} WHERE trace_id {OF_RUNS} ORDER BY trace_id, {order}");
        let ids = id_list(heads.iter().map(|head| head.trace_id.as_str()));
        parts.push(sqlx::query(AssertSqlSafe(sql)).bind(ids).fetch_all(&mut *connection).await.map_err(backend)?);
    }
    let owner = |row: &Row| get::<String>(row, "trace_id");
    let mut tags = groups(&parts[0], owner, tag)?;
    let mut metadata = groups(&parts[1], owner, tag)?;
    let mut said = groups(&parts[2], owner, assessments::assessment)?;
    let trace = |head: TraceInfo| TraceInfo {
        tags: tags.remove(&head.trace_id).unwrap_or_default(),
        metadata: metadata.remove(&head.trace_id).unwrap_or_default(),
        assessments: said.remove(&head.trace_id).unwrap_or_default(),
        ..head
    };
    Ok(heads.into_iter().map(trace).collect())
}

/// Writes a trace that is not there; says whether it did.
pub(super) async fn insert_head(connection: &mut Connection, info: &TraceInfo) -> Result<bool> {
    let there: Option<String> = sqlx::query_scalar("SELECT trace_id FROM traces WHERE trace_id = $1")
        .bind(&info.trace_id)
        .fetch_optional(&mut *connection)
        .await
        .map_err(backend)?;
    if there.is_some() {
        return Ok(false);
    }
    check_experiment(connection, &info.experiment_id).await?;
    // Another process may have written it in between.
    let written = sqlx::query(
        "INSERT INTO traces (trace_id, experiment_id, client_request_id, request_time_ms, execution_duration_ms, state,
         request_preview, response_preview) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (trace_id) DO NOTHING",
    )
    .bind(&info.trace_id)
    .bind(&info.experiment_id)
    .bind(&info.client_request_id)
    .bind(info.request_time_ms)
    .bind(info.execution_duration_ms)
    .bind(info.state.as_str())
    .bind(&info.request_preview)
    .bind(&info.response_preview)
    .execute(connection)
    .await
    .map_err(backend)?;
    Ok(written.rows_affected() > 0)
}

/// A trace without what belongs to it. Nobody else changes it until the commit.
pub(super) async fn lock_head(connection: &mut Connection, trace_id: &str) -> Result<TraceInfo> {
    // SQLite has one writer, which this transaction is.
    let lock = if DIALECT == Dialect::Postgres { " FOR NO KEY UPDATE" } else { "" };
    let row = sqlx::query(AssertSqlSafe(format!("SELECT * FROM traces WHERE trace_id = $1{lock}")))
        .bind(trace_id)
        .fetch_optional(connection)
        .await
        .map_err(backend)?;
    head(&row.ok_or_else(|| not_found(trace_id))?)
}

pub(super) async fn update_head(connection: &mut Connection, info: &TraceInfo) -> Result<()> {
    sqlx::query(
        "UPDATE traces SET experiment_id = $2, client_request_id = $3, request_time_ms = $4,
         execution_duration_ms = $5, state = $6, request_preview = $7, response_preview = $8 WHERE trace_id = $1",
    )
    .bind(&info.trace_id)
    .bind(&info.experiment_id)
    .bind(&info.client_request_id)
    .bind(info.request_time_ms)
    .bind(info.execution_duration_ms)
    .bind(info.state.as_str())
    .bind(&info.request_preview)
    .bind(&info.response_preview)
    .execute(connection)
    .await
    .map_err(backend)?;
    Ok(())
}

/// Writes tags or metadata, whose keys differ, by one statement; those that are there are replaced or kept.
pub(super) async fn set_entries(
    connection: &mut Connection,
    table: &'static str,
    trace_id: &str,
    experiment_id: &str,
    entries: &[Tag],
    replace: bool,
) -> Result<()> {
    if entries.is_empty() {
        return Ok(());
    }
    let pairs = last_tags(entries.to_vec()).into_iter().map(|tag| [tag.key, tag.value]);
    let pairs = serde_json::Value::from_iter(pairs.map(|pair| pair.to_vec())).to_string();
    let rows = if DIALECT == Dialect::Sqlite { "json_each($3)" } else { "json_array_elements($3::json)" };
    let conflict = if replace { "UPDATE SET value = excluded.value" } else { "NOTHING" };
    let sql = format!(
        "INSERT INTO {table} (trace_id, experiment_id, key, value)
         SELECT $1, $2, value ->> 0, value ->> 1 FROM {rows} WHERE true ON CONFLICT (trace_id, key) DO {conflict}"
    );
    sqlx::query(AssertSqlSafe(sql))
        .bind(trace_id)
        .bind(experiment_id)
        .bind(pairs)
        .execute(connection)
        .await
        .map_err(backend)?;
    Ok(())
}

async fn start(connection: &mut Connection, info: &TraceInfo) -> Result<TraceInfo> {
    if !insert_head(connection, info).await? {
        check_experiment(connection, &info.experiment_id).await?;
        let there = lock_head(connection, &info.trace_id).await?;
        let merged = TraceInfo {
            request_preview: info.request_preview.clone().or(there.request_preview),
            response_preview: info.response_preview.clone().or(there.response_preview),
            ..info.clone()
        };
        update_head(connection, &merged).await?;
        if there.experiment_id != info.experiment_id {
            for table in ["trace_tags", "trace_metadata"] {
                let sql = format!("UPDATE {table} SET experiment_id = $1 WHERE trace_id = $2");
                let query = sqlx::query(AssertSqlSafe(sql)).bind(&info.experiment_id).bind(&info.trace_id);
                query.execute(&mut *connection).await.map_err(backend)?;
            }
        }
    }
    set_entries(connection, "trace_tags", &info.trace_id, &info.experiment_id, &info.tags, true).await?;
    set_entries(connection, "trace_metadata", &info.trace_id, &info.experiment_id, &info.metadata, true).await?;
    for assessment in &info.assessments {
        assessments::write(connection, assessment, true).await?;
    }
    let heads = vec![lock_head(connection, &info.trace_id).await?];
    whole(connection, heads).await?.pop().ok_or_else(|| not_found(&info.trace_id))
}

/// What a row of a page has under an order.
fn sort_value(row: &Row, at: usize, order: &TraceOrder) -> Result<SortValue> {
    let column = format!("key{at}");
    let value = if order.field == TraceField::Attribute && metria_store::trace_query::is_number(&order.key) {
        get::<Option<i64>>(row, &column)?.map(SortValue::Integer)
    } else {
        get::<Option<String>>(row, &column)?.map(SortValue::Text)
    };
    Ok(value.unwrap_or(SortValue::Missing))
}

async fn search(connection: &mut Connection, wanted: &TraceQuery) -> Result<Page<TraceInfo>> {
    let after = TracePlace::of(wanted)?;
    // One more than asked for tells whether there is a next page.
    let sql = page(DIALECT, wanted, after.as_ref(), wanted.limit.saturating_add(1));
    let mut rows = query(sql).persistent(super::KEEPS_PLANS).fetch_all(&mut *connection).await.map_err(backend)?;
    let more = rows.len() > wanted.limit;
    rows.truncate(wanted.limit);
    let next_page_token = match rows.last() {
        Some(row) if more => {
            let keys = wanted.order_by.iter().enumerate().map(|(at, order)| sort_value(row, at, order));
            let place = TracePlace::new(
                wanted,
                keys.collect::<Result<_>>()?,
                get(row, "request_time_ms")?,
                get(row, "trace_id")?,
            );
            Some(place.encode())
        }
        _ => None,
    };
    let heads = rows.iter().map(head).collect::<Result<_>>()?;
    Ok(Page { items: whole(connection, heads).await?, next_page_token })
}

async fn set_tag(connection: &mut Connection, trace_id: &str, tag: &Tag) -> Result<()> {
    let there = lock_head(connection, trace_id).await?;
    set_entries(connection, "trace_tags", trace_id, &there.experiment_id, std::slice::from_ref(tag), true).await
}

async fn delete_tag(connection: &mut Connection, trace_id: &str, key: &str) -> Result<()> {
    lock_head(connection, trace_id).await?;
    let deleted = sqlx::query("DELETE FROM trace_tags WHERE trace_id = $1 AND key = $2")
        .bind(trace_id)
        .bind(key)
        .execute(connection)
        .await
        .map_err(backend)?;
    if deleted.rows_affected() == 0 { Err(Error::NotFound { kind: "tag", id: key.to_owned() }) } else { Ok(()) }
}

async fn delete(connection: &mut Connection, experiment_id: &str, which: &TraceSelection) -> Result<Vec<String>> {
    let mut sql = Sql::default();
    sql.push("SELECT trace_id FROM traces WHERE experiment_id = ").words(experiment_id);
    if let Some(most) = which.max_request_time_ms {
        sql.push(" AND request_time_ms <= ").value(Value::Integer(most));
    }
    if let Some(ids) = &which.trace_ids {
        sql.push(" AND trace_id IN ").list(ids);
    }
    let most = which.limit.and_then(|limit| i64::try_from(limit).ok()).unwrap_or(i64::MAX);
    sql.push(" ORDER BY request_time_ms, trace_id LIMIT ").value(Value::Integer(most));
    if DIALECT == Dialect::Postgres {
        sql.push(" FOR UPDATE");
    }
    let rows = query(sql).persistent(false).fetch_all(&mut *connection).await.map_err(backend)?;
    let ids: Vec<String> = rows.iter().map(|row| get(row, "trace_id")).collect::<Result<_>>()?;
    if ids.is_empty() {
        return Ok(ids);
    }
    for table in ["spans", "trace_tags", "trace_metadata", "assessments", "trace_links", "traces"] {
        sqlx::query(AssertSqlSafe(format!("DELETE FROM {table} WHERE trace_id {OF_RUNS}")))
            .bind(id_list(ids.iter().map(String::as_str)))
            .execute(&mut *connection)
            .await
            .map_err(backend)?;
    }
    Ok(ids)
}

/// Links those of the traces that are there.
async fn link(connection: &mut Connection, trace_ids: &[String], kind: &str, targets: &[String]) -> Result<()> {
    let sql = format!(
        "INSERT INTO trace_links (trace_id, kind, target) SELECT trace_id, $2, $3 FROM traces WHERE trace_id {OF_RUNS}
         ON CONFLICT DO NOTHING"
    );
    for target in targets {
        sqlx::query(AssertSqlSafe(sql.clone()))
            .bind(id_list(trace_ids.iter().map(String::as_str)))
            .bind(kind)
            .bind(target)
            .execute(&mut *connection)
            .await
            .map_err(backend)?;
    }
    Ok(())
}

#[async_trait::async_trait]
impl TraceStore for SqlStore {
    async fn start_trace(&self, info: TraceInfo) -> Result<TraceInfo> {
        info.check()?;
        let about = info.trace_id.clone();
        self.writer.write(&about, info, |connection, info| Box::pin(start(connection, info))).await
    }

    async fn log_spans(&self, mut traces: Vec<TraceSpans>) -> Result<()> {
        traces.iter().try_for_each(TraceSpans::check)?;
        // In the same order in every process, so that they do not wait for each other in a circle.
        traces.sort_by(|a, b| a.info.trace_id.cmp(&b.info.trace_id));
        let about = traces.first().map(|trace| trace.info.trace_id.clone()).unwrap_or_default();
        self.writer
            .write(&about, traces, |connection, traces| {
                Box::pin(async move {
                    for trace in traces {
                        spans::log(connection, trace).await?;
                    }
                    Ok(())
                })
            })
            .await
    }

    async fn get_traces(&self, trace_ids: &[String]) -> Result<Vec<TraceInfo>> {
        let mut snapshot = self.snapshot().await?;
        let rows = sqlx::query(AssertSqlSafe(format!("SELECT * FROM traces WHERE trace_id {OF_RUNS}")))
            .bind(id_list(trace_ids.iter().map(String::as_str)))
            .fetch_all(&mut *snapshot)
            .await
            .map_err(backend)?;
        let heads = rows.iter().map(head).collect::<Result<_>>()?;
        let found = whole(&mut snapshot, heads).await?;
        snapshot.commit().await.map_err(backend)?;
        let mut found: HashMap<String, TraceInfo> =
            found.into_iter().map(|info| (info.trace_id.clone(), info)).collect();
        Ok(trace_ids.iter().filter_map(|id| found.remove(id)).collect())
    }

    async fn get_spans(&self, trace_ids: &[String]) -> Result<Vec<Span>> {
        let mut snapshot = self.snapshot().await?;
        let found = spans::read(&mut snapshot, trace_ids).await?;
        snapshot.commit().await.map_err(backend)?;
        Ok(found)
    }

    async fn search_traces(&self, query: &TraceQuery) -> Result<Page<TraceInfo>> {
        query.check()?;
        let mut snapshot = self.snapshot().await?;
        let page = search(&mut snapshot, query).await?;
        snapshot.commit().await.map_err(backend)?;
        Ok(page)
    }

    async fn count_traces(&self, wanted: &TraceQuery) -> Result<u64> {
        wanted.check()?;
        let row = query(count(DIALECT, wanted)).persistent(super::KEEPS_PLANS).fetch_one(&self.readers).await;
        let number: i64 = row.map_err(backend)?.try_get(0).map_err(backend)?;
        u64::try_from(number).map_err(|_| damaged(format!("a count of {number}")))
    }

    async fn set_trace_tag(&self, trace_id: &str, tag: Tag) -> Result<()> {
        check_tags([&tag])?;
        self.writer
            .write(trace_id, (trace_id.to_owned(), tag), |connection, (trace_id, tag)| {
                Box::pin(set_tag(connection, trace_id, tag))
            })
            .await
    }

    async fn delete_trace_tag(&self, trace_id: &str, key: &str) -> Result<()> {
        self.writer
            .write(trace_id, strings([trace_id, key]), |connection, [trace_id, key]| {
                Box::pin(delete_tag(connection, trace_id, key))
            })
            .await
    }

    async fn delete_traces(&self, experiment_id: &str, which: TraceSelection) -> Result<Vec<String>> {
        self.writer
            .write(experiment_id, (experiment_id.to_owned(), which), |connection, (experiment_id, which)| {
                Box::pin(delete(connection, experiment_id, which))
            })
            .await
    }

    async fn link_traces_to_run(&self, trace_ids: &[String], run_id: &str) -> Result<()> {
        check_texts([run_id])?;
        self.writer
            .write(run_id, (trace_ids.to_vec(), run_id.to_owned()), |connection, (trace_ids, run_id)| {
                Box::pin(link(connection, trace_ids, "run", std::slice::from_ref(run_id)))
            })
            .await
    }

    async fn link_prompts(&self, trace_id: &str, prompts: &[String]) -> Result<()> {
        check_texts(prompts)?;
        self.writer
            .write(trace_id, (trace_id.to_owned(), prompts.to_vec()), |connection, (trace_id, prompts)| {
                Box::pin(async move {
                    lock_head(connection, trace_id).await?;
                    link(connection, std::slice::from_ref(trace_id), "prompt", prompts).await
                })
            })
            .await
    }

    async fn create_assessment(&self, assessment: Assessment) -> Result<()> {
        assessment.check()?;
        let about = assessment.trace_id.clone();
        self.writer
            .write(&about, assessment, |connection, assessment| {
                Box::pin(async move {
                    lock_head(connection, &assessment.trace_id).await?;
                    assessments::create(connection, assessment).await
                })
            })
            .await
    }

    async fn update_assessment(&self, assessment: Assessment) -> Result<Assessment> {
        assessment.check()?;
        let about = assessment.trace_id.clone();
        self.writer
            .write(&about, assessment, |connection, assessment| {
                Box::pin(async move {
                    lock_head(connection, &assessment.trace_id).await?;
                    assessments::update(connection, assessment).await
                })
            })
            .await
    }

    async fn delete_assessment(&self, trace_id: &str, assessment_id: &str) -> Result<()> {
        self.writer
            .write(trace_id, strings([trace_id, assessment_id]), |connection, [trace_id, assessment_id]| {
                Box::pin(async move {
                    lock_head(connection, trace_id).await?;
                    assessments::delete(connection, trace_id, assessment_id).await
                })
            })
            .await
    }
}
