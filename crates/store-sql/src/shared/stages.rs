//! Stages, transitions and the gates' decisions. Compiled once for each database, with its `Connection` and `Row` in
//! scope.

use super::errors::{backend, damaged, insert};
use super::models::{no_version, number, one_version, stage, touch_version, versions};
use super::rows::get;
use super::{Connection, Row};
use metria_store::models::is_in_use;
use metria_store::{GateDecision, ModelVersion, Result, StageTransition};

pub(super) fn transition(row: &Row) -> Result<StageTransition> {
    Ok(StageTransition {
        name: get(row, "name")?,
        version: number(get(row, "version")?)?,
        from_stage: stage(get(row, "from_stage")?)?,
        to_stage: stage(get(row, "to_stage")?)?,
        user_id: get(row, "user_id")?,
        description: get(row, "description")?,
        time_ms: get(row, "time_ms")?,
    })
}

pub(super) fn decision(row: &Row) -> Result<GateDecision> {
    let checks: String = get(row, "checks")?;
    let compared_with: Option<i64> = get(row, "compared_with")?;
    Ok(GateDecision {
        decision_id: get(row, "decision_id")?,
        name: get(row, "name")?,
        version: number(get(row, "version")?)?,
        compared_with: compared_with.map(number).transpose()?,
        passed: get(row, "passed")?,
        reason: get(row, "reason")?,
        checks: serde_json::from_str(&checks).map_err(|error| damaged(format!("gate checks: {error}")))?,
        time_ms: get(row, "time_ms")?,
    })
}

/// Moves a version, whose model is locked, and writes the transition.
async fn move_version(connection: &mut Connection, to: &StageTransition) -> Result<()> {
    let from = one_version(connection, &to.name, to.version).await?.stage;
    touch_version(connection, &to.name, to.version, to.time_ms).await?;
    sqlx::query("UPDATE model_versions SET stage = $1 WHERE name = $2 AND version = $3")
        .bind(to.to_stage.as_str())
        .bind(&to.name)
        .bind(i64::from(to.version))
        .execute(&mut *connection)
        .await
        .map_err(backend)?;
    sqlx::query(
        "INSERT INTO stage_transitions (name, version, from_stage, to_stage, user_id, description, time_ms)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(&to.name)
    .bind(i64::from(to.version))
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

/// Moves a version and, when asked to, archives the others in that stage.
pub(super) async fn change_stage(
    connection: &mut Connection,
    to: &StageTransition,
    archive_existing: bool,
) -> Result<ModelVersion> {
    touch_version(connection, &to.name, to.version, to.time_ms).await?;
    if archive_existing && is_in_use(to.to_stage) {
        let others: Vec<i64> = sqlx::query_scalar(
            "SELECT version FROM model_versions WHERE name = $1 AND stage = $2 AND version <> $3 ORDER BY version",
        )
        .bind(&to.name)
        .bind(to.to_stage.as_str())
        .bind(i64::from(to.version))
        .fetch_all(&mut *connection)
        .await
        .map_err(backend)?;
        for other in others {
            move_version(connection, &to.archiving(number(other)?)).await?;
        }
    }
    move_version(connection, to).await?;
    one_version(connection, &to.name, to.version).await
}

/// Writes a gate's decision.
pub(super) async fn record(connection: &mut Connection, decision: &GateDecision) -> Result<()> {
    let there = versions(connection, &decision.name, Some(decision.version)).await?;
    if there.is_empty() {
        return Err(no_version(&decision.name, decision.version));
    }
    let checks = serde_json::to_string(&decision.checks).map_err(|error| damaged(error.to_string()))?;
    sqlx::query(
        "INSERT INTO gate_decisions (decision_id, name, version, compared_with, passed, reason, checks, time_ms)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(&decision.decision_id)
    .bind(&decision.name)
    .bind(i64::from(decision.version))
    .bind(decision.compared_with.map(i64::from))
    .bind(decision.passed)
    .bind(&decision.reason)
    .bind(&checks)
    .bind(decision.time_ms)
    .execute(connection)
    .await
    .map_err(|error| insert(error, "gate decision", &decision.decision_id))?;
    Ok(())
}
