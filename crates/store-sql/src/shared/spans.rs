//! Spans. Compiled once for each database, with its `Connection` and `Row` in scope.

use super::errors::{backend, damaged};
use super::rows::get;
use super::traces::{insert_head, lock_head, set_entries, update_head};
use super::{Connection, OF_RUNS, Row, id_list};
use metria_store::traces::FINALIZED;
use metria_store::{Result, Span, SpanStatus, TraceSpans};
use sqlx::AssertSqlSafe;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// Spans that one statement writes.
const SIZES: [usize; 3] = [50, 8, 1];
const COLUMNS: usize = 9;

/// A statement for each size of [`SIZES`].
static WRITE: LazyLock<[String; 3]> = LazyLock::new(|| {
    SIZES.map(|rows| {
        let row = |row: usize| {
            let places: Vec<String> = (1..=COLUMNS).map(|column| format!("${}", row * COLUMNS + column)).collect();
            format!("({})", places.join(", "))
        };
        let rows: Vec<String> = (0..rows).map(row).collect();
        format!(
            "INSERT INTO spans (trace_id, span_id, parent_span_id, name, type, status, start_time_ns, end_time_ns,
             content) VALUES {}
             ON CONFLICT (trace_id, span_id) DO UPDATE SET parent_span_id = excluded.parent_span_id,
             name = excluded.name, type = excluded.type, status = excluded.status,
             start_time_ns = excluded.start_time_ns, end_time_ns = excluded.end_time_ns, content = excluded.content",
            rows.join(", ")
        )
    })
});

pub(super) fn span(row: &Row) -> Result<Span> {
    let status: &str = get(row, "status")?;
    let content: &str = get(row, "content")?;
    Ok(Span {
        trace_id: get(row, "trace_id")?,
        span_id: get(row, "span_id")?,
        parent_span_id: get(row, "parent_span_id")?,
        name: get(row, "name")?,
        span_type: get(row, "type")?,
        status: SpanStatus::from_name(status).ok_or_else(|| damaged(format!("the span status `{status}`")))?,
        start_time_ns: get(row, "start_time_ns")?,
        end_time_ns: get(row, "end_time_ns")?,
        content: serde_json::from_str(content).map_err(|error| damaged(format!("the content of a span: {error}")))?,
    })
}

pub(super) async fn read(connection: &mut Connection, trace_ids: &[String]) -> Result<Vec<Span>> {
    let sql = format!(
        "SELECT * FROM spans WHERE trace_id {OF_RUNS}
         ORDER BY trace_id, CASE WHEN parent_span_id IS NULL THEN 0 ELSE 1 END, start_time_ns, span_id"
    );
    let ids = id_list(trace_ids.iter().map(String::as_str));
    let rows = sqlx::query(AssertSqlSafe(sql)).bind(ids).fetch_all(connection).await.map_err(backend)?;
    rows.iter().map(span).collect()
}

/// Each span once, the last that came; with their content as text.
pub(super) fn distinct(spans: &[Span]) -> Vec<(&Span, String)> {
    let last: BTreeMap<&str, &Span> = spans.iter().map(|span| (span.span_id.as_str(), span)).collect();
    last.into_values().map(|span| (span, span.content.to_json())).collect()
}

async fn write(connection: &mut Connection, spans: &[Span]) -> Result<()> {
    let spans = distinct(spans);
    let mut rest = spans.as_slice();
    for (size, statement) in SIZES.into_iter().zip(WRITE.iter()) {
        while let Some((chunk, after)) = rest.split_at_checked(size) {
            let mut query = sqlx::query(AssertSqlSafe(statement.as_str()));
            for (span, content) in chunk {
                query = query
                    .bind(&span.trace_id)
                    .bind(&span.span_id)
                    .bind(&span.parent_span_id)
                    .bind(&span.name)
                    .bind(&span.span_type)
                    .bind(span.status.as_str())
                    .bind(span.start_time_ns)
                    .bind(span.end_time_ns)
                    .bind(content);
            }
            query.execute(&mut *connection).await.map_err(backend)?;
            rest = after;
        }
    }
    Ok(())
}

/// Writes the spans of one trace, and the trace where it is not there.
pub(super) async fn log(connection: &mut Connection, trace: &TraceSpans) -> Result<()> {
    let TraceSpans { info, spans } = trace;
    let mut experiment_id = info.experiment_id.clone();
    if !insert_head(connection, info).await? {
        let mut there = lock_head(connection, &info.trace_id).await?;
        let before = there.clone();
        let finalized = is_finalized(connection, &info.trace_id).await?;
        there.absorb(info, finalized);
        if there != before {
            update_head(connection, &there).await?;
        }
        experiment_id = there.experiment_id;
    }
    set_entries(connection, "trace_tags", &info.trace_id, &experiment_id, &info.tags, true).await?;
    set_entries(connection, "trace_metadata", &info.trace_id, &experiment_id, &info.metadata, false).await?;
    write(connection, spans).await
}

async fn is_finalized(connection: &mut Connection, trace_id: &str) -> Result<bool> {
    let found: Option<i64> =
        sqlx::query_scalar("SELECT CAST(1 AS BIGINT) FROM trace_metadata WHERE trace_id = $1 AND key = $2")
            .bind(trace_id)
            .bind(FINALIZED)
            .fetch_optional(connection)
            .await
            .map_err(backend)?;
    Ok(found.is_some())
}
