//! Assessments of traces. Compiled once for each database, with its `Connection` and `Row` in scope.

use super::errors::{backend, damaged, insert};
use super::rows::get;
use super::{Connection, Row};
use metria_store::{Assessment, AssessmentKind, Error, Result, Tag};

fn json<T: serde::de::DeserializeOwned>(text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|error| damaged(format!("an assessment: {error}")))
}

pub(super) fn assessment(row: &Row) -> Result<Assessment> {
    let kind: &str = get(row, "kind")?;
    let error: Option<String> = get(row, "error")?;
    Ok(Assessment {
        assessment_id: get(row, "assessment_id")?,
        trace_id: get(row, "trace_id")?,
        name: get(row, "name")?,
        kind: AssessmentKind::from_name(kind).ok_or_else(|| damaged(format!("the kind of assessment `{kind}`")))?,
        value: json(get(row, "value")?)?,
        error: error.as_deref().map(json).transpose()?,
        source_type: get(row, "source_type")?,
        source_id: get(row, "source_id")?,
        rationale: get(row, "rationale")?,
        metadata: json(get(row, "metadata")?)?,
        span_id: get(row, "span_id")?,
        create_time_ms: get(row, "create_time_ms")?,
        last_update_time_ms: get(row, "last_update_time_ms")?,
        overrides: get(row, "overrides")?,
        valid: get(row, "valid")?,
    })
}

fn metadata(tags: &[Tag]) -> String {
    serde_json::to_string(tags).expect("texts are always JSON")
}

/// Writes an assessment; with `replace`, in the place of one with its id.
pub(super) async fn write(connection: &mut Connection, assessment: &Assessment, replace: bool) -> Result<()> {
    if replace {
        delete_row(connection, &assessment.trace_id, &assessment.assessment_id).await?;
    }
    sqlx::query(
        "INSERT INTO assessments (trace_id, assessment_id, name, kind, value, number, error, source_type, source_id,
         rationale, metadata, span_id, create_time_ms, last_update_time_ms, overrides, valid)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)",
    )
    .bind(&assessment.trace_id)
    .bind(&assessment.assessment_id)
    .bind(&assessment.name)
    .bind(assessment.kind.as_str())
    .bind(assessment.value.to_string())
    .bind(assessment.number())
    .bind(assessment.error.as_ref().map(ToString::to_string))
    .bind(&assessment.source_type)
    .bind(&assessment.source_id)
    .bind(&assessment.rationale)
    .bind(metadata(&assessment.metadata))
    .bind(&assessment.span_id)
    .bind(assessment.create_time_ms)
    .bind(assessment.last_update_time_ms)
    .bind(&assessment.overrides)
    .bind(assessment.valid)
    .execute(connection)
    .await
    .map_err(|error| insert(error, "assessment", &assessment.assessment_id))?;
    Ok(())
}

async fn delete_row(connection: &mut Connection, trace_id: &str, assessment_id: &str) -> Result<Option<String>> {
    let overrides: Option<Option<String>> =
        sqlx::query_scalar("DELETE FROM assessments WHERE trace_id = $1 AND assessment_id = $2 RETURNING overrides")
            .bind(trace_id)
            .bind(assessment_id)
            .fetch_optional(connection)
            .await
            .map_err(backend)?;
    Ok(overrides.flatten())
}

async fn set_valid(connection: &mut Connection, trace_id: &str, assessment_id: &str, valid: bool) -> Result<u64> {
    let changed = sqlx::query("UPDATE assessments SET valid = $1 WHERE trace_id = $2 AND assessment_id = $3")
        .bind(valid)
        .bind(trace_id)
        .bind(assessment_id)
        .execute(connection)
        .await
        .map_err(backend)?;
    Ok(changed.rows_affected())
}

fn not_found(assessment_id: &str) -> Error {
    Error::NotFound { kind: "assessment", id: assessment_id.to_owned() }
}

/// Writes an assessment of a trace that is there and locked.
pub(super) async fn create(connection: &mut Connection, assessment: &Assessment) -> Result<()> {
    write(connection, assessment, false).await?;
    if let Some(id) = &assessment.overrides
        && (*id == assessment.assessment_id || set_valid(connection, &assessment.trace_id, id, false).await? == 0)
    {
        return Err(not_found(id));
    }
    Ok(())
}

pub(super) async fn update(connection: &mut Connection, change: &Assessment) -> Result<Assessment> {
    let row = sqlx::query(
        "UPDATE assessments SET name = $1, value = $2, number = $3, error = $4, rationale = $5, metadata = $6,
         last_update_time_ms = $7 WHERE trace_id = $8 AND assessment_id = $9 RETURNING *",
    )
    .bind(&change.name)
    .bind(change.value.to_string())
    .bind(change.number())
    .bind(change.error.as_ref().map(ToString::to_string))
    .bind(&change.rationale)
    .bind(metadata(&change.metadata))
    .bind(change.last_update_time_ms)
    .bind(&change.trace_id)
    .bind(&change.assessment_id)
    .fetch_optional(connection)
    .await
    .map_err(backend)?;
    assessment(&row.ok_or_else(|| not_found(&change.assessment_id))?)
}

/// Deletes an assessment of a trace that is there and locked.
pub(super) async fn delete(connection: &mut Connection, trace_id: &str, assessment_id: &str) -> Result<()> {
    if let Some(overridden) = delete_row(connection, trace_id, assessment_id).await? {
        set_valid(connection, trace_id, &overridden, true).await?;
    }
    Ok(())
}
