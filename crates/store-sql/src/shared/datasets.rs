//! Evaluation datasets. Compiled once for each database, with its `Connection`, `Row` and `SqlStore` in scope.
//!
//! Every write begins by changing the row of the dataset, and so takes it for its transaction.

use super::dataset_records::{delete_records, list_records, upsert_records};
use super::errors::{backend, insert};
use super::experiments::not_found;
use super::rows::{get, groups, query, strings, tag};
use super::{Connection, Row, SqlStore};
use crate::sql::Sql;
use metria_store::text::check_tags;
use metria_store::{DatasetRecord, DatasetStore, Error, EvaluationDataset, NewDatasetRecord, Result, Tag, Upserted};

fn no_dataset(dataset_id: &str) -> Error {
    Error::NotFound { kind: "evaluation dataset", id: dataset_id.to_owned() }
}

fn dataset(row: &Row) -> Result<EvaluationDataset> {
    Ok(EvaluationDataset {
        dataset_id: get(row, "dataset_id")?,
        name: get(row, "name")?,
        digest: get(row, "digest")?,
        schema: get(row, "schema")?,
        profile: get(row, "profile")?,
        created_by: get(row, "created_by")?,
        last_updated_by: get(row, "last_updated_by")?,
        creation_time_ms: get(row, "creation_time_ms")?,
        last_update_time_ms: get(row, "last_update_time_ms")?,
        tags: Vec::new(),
    })
}

/// The datasets that a condition on the column `dataset_id` selects, with their tags, the newest first.
async fn datasets(connection: &mut Connection, condition: Sql) -> Result<Vec<EvaluationDataset>> {
    let selected = |start: &str, order: &str| {
        let text = format!("{start} WHERE {} ORDER BY {order}", condition.text);
        query(Sql { text, values: condition.values.clone() })
    };
    let newest = "creation_time_ms DESC, dataset_id DESC";
    let rows = selected("SELECT * FROM evaluation_datasets", newest).fetch_all(&mut *connection).await;
    let mut datasets: Vec<EvaluationDataset> = rows.map_err(backend)?.iter().map(dataset).collect::<Result<_>>()?;
    let tags = selected("SELECT * FROM evaluation_dataset_tags", "dataset_id, key").fetch_all(connection).await;
    let mut tags = groups(&tags.map_err(backend)?, |row| get::<String>(row, "dataset_id"), tag)?;
    for dataset in &mut datasets {
        dataset.tags = tags.remove(&dataset.dataset_id).unwrap_or_default();
    }
    Ok(datasets)
}

/// One dataset.
pub(super) async fn one(connection: &mut Connection, dataset_id: &str) -> Result<EvaluationDataset> {
    let mut condition = Sql::default();
    condition.push("dataset_id = ").words(dataset_id);
    datasets(connection, condition).await?.pop().ok_or_else(|| no_dataset(dataset_id))
}

/// Takes the row of a dataset for this transaction, with the time of a change where there is one.
pub(super) async fn touch(connection: &mut Connection, dataset_id: &str, now_ms: Option<i64>) -> Result<()> {
    let touched = sqlx::query(
        "UPDATE evaluation_datasets SET last_update_time_ms = coalesce($1, last_update_time_ms) WHERE dataset_id = $2",
    )
    .bind(now_ms)
    .bind(dataset_id)
    .execute(connection)
    .await
    .map_err(backend)?;
    if touched.rows_affected() == 0 { Err(no_dataset(dataset_id)) } else { Ok(()) }
}

async fn set_tags(connection: &mut Connection, dataset_id: &str, tags: &[Tag]) -> Result<()> {
    for tag in tags {
        sqlx::query(
            "INSERT INTO evaluation_dataset_tags (dataset_id, key, value) VALUES ($1, $2, $3)
             ON CONFLICT (dataset_id, key) DO UPDATE SET value = excluded.value",
        )
        .bind(dataset_id)
        .bind(&tag.key)
        .bind(&tag.value)
        .execute(&mut *connection)
        .await
        .map_err(backend)?;
    }
    Ok(())
}

/// Links a dataset that is there to experiments. `NotFound` when one of them is not.
async fn link(connection: &mut Connection, dataset_id: &str, experiment_ids: &[String]) -> Result<()> {
    for id in experiment_ids {
        let there: Option<String> = sqlx::query_scalar("SELECT name FROM experiments WHERE experiment_id = $1")
            .bind(id)
            .fetch_optional(&mut *connection)
            .await
            .map_err(backend)?;
        if there.is_none() {
            return Err(not_found(id));
        }
        sqlx::query(
            "INSERT INTO evaluation_dataset_experiments (dataset_id, experiment_id) VALUES ($1, $2)
             ON CONFLICT (dataset_id, experiment_id) DO NOTHING",
        )
        .bind(dataset_id)
        .bind(id)
        .execute(&mut *connection)
        .await
        .map_err(backend)?;
    }
    Ok(())
}

async fn unlink(connection: &mut Connection, dataset_id: &str, experiment_ids: &[String], now_ms: i64) -> Result<()> {
    touch(connection, dataset_id, None).await?;
    let mut sql = Sql::default();
    sql.push("DELETE FROM evaluation_dataset_experiments WHERE dataset_id = ").words(dataset_id);
    sql.push(" AND experiment_id IN ").list(experiment_ids);
    let removed = query(sql).execute(&mut *connection).await.map_err(backend)?;
    if removed.rows_affected() > 0 { touch(connection, dataset_id, Some(now_ms)).await } else { Ok(()) }
}

async fn create(connection: &mut Connection, dataset: &EvaluationDataset, experiment_ids: &[String]) -> Result<()> {
    sqlx::query(
        "INSERT INTO evaluation_datasets (dataset_id, name, digest, schema, profile, created_by, last_updated_by,
         creation_time_ms, last_update_time_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(&dataset.dataset_id)
    .bind(&dataset.name)
    .bind(&dataset.digest)
    .bind(&dataset.schema)
    .bind(&dataset.profile)
    .bind(&dataset.created_by)
    .bind(&dataset.last_updated_by)
    .bind(dataset.creation_time_ms)
    .bind(dataset.last_update_time_ms)
    .execute(&mut *connection)
    .await
    .map_err(|error| insert(error, "evaluation dataset", &dataset.dataset_id))?;
    set_tags(connection, &dataset.dataset_id, &dataset.tags).await?;
    link(connection, &dataset.dataset_id, experiment_ids).await
}

async fn delete(connection: &mut Connection, dataset_id: &str) -> Result<()> {
    let deleted = sqlx::query("DELETE FROM evaluation_datasets WHERE dataset_id = $1")
        .bind(dataset_id)
        .execute(connection)
        .await
        .map_err(backend)?;
    if deleted.rows_affected() == 0 { Err(no_dataset(dataset_id)) } else { Ok(()) }
}

async fn delete_tag(connection: &mut Connection, dataset_id: &str, key: &str) -> Result<()> {
    touch(connection, dataset_id, None).await?;
    let deleted = sqlx::query("DELETE FROM evaluation_dataset_tags WHERE dataset_id = $1 AND key = $2")
        .bind(dataset_id)
        .bind(key)
        .execute(connection)
        .await
        .map_err(backend)?;
    if deleted.rows_affected() == 0 { Err(Error::NotFound { kind: "tag", id: key.to_owned() }) } else { Ok(()) }
}

#[async_trait::async_trait]
impl DatasetStore for SqlStore {
    async fn create_dataset(&self, dataset: EvaluationDataset, experiment_ids: &[String]) -> Result<()> {
        dataset.check()?;
        let about = dataset.dataset_id.clone();
        self.writer
            .write(&about, (dataset, experiment_ids.to_vec()), |connection, (dataset, experiment_ids)| {
                Box::pin(create(connection, dataset, experiment_ids))
            })
            .await
    }

    async fn get_dataset(&self, dataset_id: &str) -> Result<EvaluationDataset> {
        let mut snapshot = self.snapshot().await?;
        let found = one(&mut snapshot, dataset_id).await?;
        snapshot.commit().await.map_err(backend)?;
        Ok(found)
    }

    async fn list_datasets(&self, experiment_ids: &[String]) -> Result<Vec<EvaluationDataset>> {
        let mut condition = Sql::default();
        if experiment_ids.is_empty() {
            condition.push("1 = 1");
        } else {
            condition.push("dataset_id IN (SELECT dataset_id FROM evaluation_dataset_experiments");
            condition.push(" WHERE experiment_id IN ").list(experiment_ids).push(")");
        }
        let mut snapshot = self.snapshot().await?;
        let found = datasets(&mut snapshot, condition).await?;
        snapshot.commit().await.map_err(backend)?;
        Ok(found)
    }

    async fn delete_dataset(&self, dataset_id: &str) -> Result<()> {
        self.writer.write(dataset_id, dataset_id.to_owned(), |connection, id| Box::pin(delete(connection, id))).await
    }

    async fn set_dataset_tags(&self, dataset_id: &str, tags: Vec<Tag>) -> Result<()> {
        check_tags(&tags)?;
        self.writer
            .write(dataset_id, (dataset_id.to_owned(), tags), |connection, (id, tags)| {
                Box::pin(async move {
                    touch(connection, id, None).await?;
                    set_tags(connection, id, tags).await
                })
            })
            .await
    }

    async fn delete_dataset_tag(&self, dataset_id: &str, key: &str) -> Result<()> {
        self.writer
            .write(dataset_id, strings([dataset_id, key]), |connection, [id, key]| {
                Box::pin(delete_tag(connection, id, key))
            })
            .await
    }

    async fn upsert_dataset_records(
        &self,
        dataset_id: &str,
        records: Vec<NewDatasetRecord>,
        digest: &str,
        now_ms: i64,
    ) -> Result<Upserted> {
        let arguments = (strings([dataset_id, digest]), records, now_ms);
        self.writer
            .write(dataset_id, arguments, |connection, ([id, digest], records, now_ms)| {
                Box::pin(upsert_records(connection, id, records, digest, *now_ms))
            })
            .await
    }

    async fn list_dataset_records(
        &self,
        dataset_id: &str,
        after: Option<(i64, String)>,
        limit: usize,
    ) -> Result<Vec<DatasetRecord>> {
        let mut snapshot = self.snapshot().await?;
        one(&mut snapshot, dataset_id).await?;
        let found = list_records(&mut snapshot, dataset_id, after, limit).await?;
        snapshot.commit().await.map_err(backend)?;
        Ok(found)
    }

    async fn delete_dataset_records(&self, dataset_id: &str, record_ids: &[String]) -> Result<usize> {
        self.writer
            .write(dataset_id, (dataset_id.to_owned(), record_ids.to_vec()), |connection, (id, record_ids)| {
                Box::pin(delete_records(connection, id, record_ids))
            })
            .await
    }

    async fn dataset_experiment_ids(&self, dataset_id: &str) -> Result<Vec<String>> {
        let sql = "SELECT experiment_id FROM evaluation_dataset_experiments WHERE dataset_id = $1 ORDER BY 1";
        sqlx::query_scalar(sql).bind(dataset_id).fetch_all(&self.readers).await.map_err(backend)
    }

    async fn link_dataset(&self, dataset_id: &str, experiment_ids: &[String], now_ms: i64) -> Result<()> {
        let arguments = (dataset_id.to_owned(), experiment_ids.to_vec(), now_ms);
        self.writer
            .write(dataset_id, arguments, |connection, (id, experiment_ids, now_ms)| {
                Box::pin(async move {
                    touch(connection, id, Some(*now_ms)).await?;
                    link(connection, id, experiment_ids).await
                })
            })
            .await
    }

    async fn unlink_dataset(&self, dataset_id: &str, experiment_ids: &[String], now_ms: i64) -> Result<()> {
        let arguments = (dataset_id.to_owned(), experiment_ids.to_vec(), now_ms);
        self.writer
            .write(dataset_id, arguments, |connection, (id, experiment_ids, now_ms)| {
                Box::pin(unlink(connection, id, experiment_ids, *now_ms))
            })
            .await
    }
}
