//! Records of evaluation datasets, in bulk. Compiled once for each database, with its `Connection` and `Row` in scope.

use super::datasets::{one, touch};
use super::errors::{backend, damaged};
use super::rows::{get, query};
use super::{Connection, Row};
use crate::sql::{Sql, Value};
use metria_store::datasets::{grown_schema, profile};
use metria_store::{DatasetRecord, NewDatasetRecord, Result, Upserted};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::HashMap;

/// Records in one statement: those that are looked for, and those that are written with all their columns. SQLite finds
/// the name of each place by looking through all of them, so that larger statements are slower.
const LOOKED_FOR: usize = 250;
const WRITTEN: usize = 25;

fn json<T: DeserializeOwned>(text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|error| damaged(format!("the JSON of a dataset's record: {error}")))
}

fn maybe_json<T: DeserializeOwned>(row: &Row, column: &str) -> Result<Option<T>> {
    get::<Option<&str>>(row, column)?.map(json).transpose()
}

fn text<T: Serialize>(value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|error| damaged(format!("a dataset's record: {error}")))
}

fn record(row: &Row) -> Result<DatasetRecord> {
    Ok(DatasetRecord {
        record_id: get(row, "record_id")?,
        dataset_id: get(row, "dataset_id")?,
        input_hash: get(row, "input_hash")?,
        inputs: json(get(row, "inputs")?)?,
        outputs: maybe_json(row, "outputs")?,
        expectations: maybe_json(row, "expectations")?,
        tags: json(get(row, "tags")?)?,
        source: maybe_json(row, "source")?,
        created_by: get(row, "created_by")?,
        last_updated_by: get(row, "last_updated_by")?,
        creation_time_ms: get(row, "creation_time_ms")?,
        last_update_time_ms: get(row, "last_update_time_ms")?,
    })
}

/// So many records after a place.
pub(super) async fn list_records(
    connection: &mut Connection,
    dataset_id: &str,
    after: Option<(i64, String)>,
    limit: usize,
) -> Result<Vec<DatasetRecord>> {
    let mut sql = Sql::default();
    sql.push("SELECT * FROM evaluation_dataset_records WHERE dataset_id = ").words(dataset_id);
    if let Some((time_ms, record_id)) = after {
        sql.push(" AND (creation_time_ms, record_id) > (").value(Value::Integer(time_ms));
        sql.push(", ").words(record_id).push(")");
    }
    sql.push(" ORDER BY creation_time_ms, record_id LIMIT ");
    sql.value(Value::Integer(i64::try_from(limit).unwrap_or(i64::MAX)));
    let rows = query(sql).fetch_all(connection).await.map_err(backend)?;
    rows.iter().map(record).collect()
}

/// The records that are there for some inputs, by their hash.
async fn known(
    connection: &mut Connection,
    dataset_id: &str,
    records: &[NewDatasetRecord],
) -> Result<HashMap<String, DatasetRecord>> {
    let mut known = HashMap::new();
    for chunk in records.chunks(LOOKED_FOR) {
        let hashes: Vec<String> = chunk.iter().map(|record| record.input_hash.clone()).collect();
        let mut sql = Sql::default();
        sql.push("SELECT * FROM evaluation_dataset_records WHERE dataset_id = ").words(dataset_id);
        sql.push(" AND input_hash IN ").list(&hashes);
        for row in query(sql).fetch_all(&mut *connection).await.map_err(backend)? {
            let record = record(&row)?;
            known.insert(record.input_hash.clone(), record);
        }
    }
    Ok(known)
}

async fn write(connection: &mut Connection, records: &[&DatasetRecord]) -> Result<()> {
    for chunk in records.chunks(WRITTEN) {
        let mut sql = Sql::default();
        sql.push("INSERT INTO evaluation_dataset_records (dataset_id, input_hash, record_id, inputs, outputs, ");
        sql.push(
            "expectations, tags, source, created_by, last_updated_by, creation_time_ms, last_update_time_ms) VALUES",
        );
        for (at, record) in chunk.iter().enumerate() {
            sql.push(if at == 0 { " (" } else { ", (" }).words(&record.dataset_id);
            let maybe = [
                record.outputs.as_ref().map(text).transpose()?,
                record.expectations.as_ref().map(text).transpose()?,
                Some(text(&record.tags)?),
                record.source.as_ref().map(text).transpose()?,
                record.created_by.clone(),
                record.last_updated_by.clone(),
            ];
            sql.push(", ").words(&record.input_hash).push(", ").words(&record.record_id);
            sql.push(", ").words(text(&record.inputs)?);
            for value in maybe {
                sql.push(", ").value(Value::Maybe(value));
            }
            sql.push(", ").value(Value::Integer(record.creation_time_ms));
            sql.push(", ").value(Value::Integer(record.last_update_time_ms)).push(")");
        }
        sql.push(" ON CONFLICT (dataset_id, input_hash) DO UPDATE SET outputs = excluded.outputs, ");
        sql.push("expectations = excluded.expectations, tags = excluded.tags, ");
        sql.push("last_updated_by = excluded.last_updated_by, last_update_time_ms = excluded.last_update_time_ms");
        query(sql).execute(&mut *connection).await.map_err(backend)?;
    }
    Ok(())
}

/// Writes records, and what a dataset says about them.
pub(super) async fn upsert_records(
    connection: &mut Connection,
    dataset_id: &str,
    records: &[NewDatasetRecord],
    digest: &str,
    now_ms: i64,
) -> Result<Upserted> {
    touch(connection, dataset_id, Some(now_ms)).await?;
    let dataset = one(connection, dataset_id).await?;
    let mut upserted = Upserted::default();
    let mut written = known(connection, dataset_id, records).await?;
    for new in records.iter().cloned() {
        match written.get_mut(&new.input_hash) {
            Some(record) => {
                new.merge_into(record, now_ms);
                upserted.updated += 1;
            }
            None => {
                let record = new.into_record(dataset_id, now_ms);
                written.insert(record.input_hash.clone(), record);
                upserted.inserted += 1;
            }
        }
    }
    write(connection, &written.values().collect::<Vec<_>>()).await?;
    let user = records.iter().rev().find_map(NewDatasetRecord::user);
    sqlx::query(
        "UPDATE evaluation_datasets SET schema = $1, profile = $2, digest = $3, last_updated_by = $4
         WHERE dataset_id = $5",
    )
    .bind(grown_schema(dataset.schema.as_deref(), records))
    .bind(profile(count(connection, dataset_id).await?))
    .bind(digest)
    .bind(user)
    .bind(dataset_id)
    .execute(connection)
    .await
    .map_err(backend)?;
    Ok(upserted)
}

async fn count(connection: &mut Connection, dataset_id: &str) -> Result<u64> {
    let count: i64 = sqlx::query_scalar("SELECT count(*) FROM evaluation_dataset_records WHERE dataset_id = $1")
        .bind(dataset_id)
        .fetch_one(connection)
        .await
        .map_err(backend)?;
    Ok(count.unsigned_abs())
}

/// Removes records, and counts those that stay.
pub(super) async fn delete_records(
    connection: &mut Connection,
    dataset_id: &str,
    record_ids: &[String],
) -> Result<usize> {
    touch(connection, dataset_id, None).await?;
    let mut deleted = 0;
    for chunk in record_ids.chunks(LOOKED_FOR) {
        let mut sql = Sql::default();
        sql.push("DELETE FROM evaluation_dataset_records WHERE dataset_id = ").words(dataset_id);
        sql.push(" AND record_id IN ").list(chunk);
        deleted += query(sql).execute(&mut *connection).await.map_err(backend)?.rows_affected();
    }
    sqlx::query("UPDATE evaluation_datasets SET profile = $1 WHERE dataset_id = $2")
        .bind(profile(count(connection, dataset_id).await?))
        .bind(dataset_id)
        .execute(connection)
        .await
        .map_err(backend)?;
    Ok(usize::try_from(deleted).unwrap_or(usize::MAX))
}
