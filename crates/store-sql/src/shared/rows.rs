//! Rows as records. Compiled once for each database, with its `Database` and `Row` in scope.

use super::errors::backend;
use super::{Database, Row};
use crate::sql::{Sql, Value};
use metria_store::{Param, Result, Tag};
use sqlx::query::Query;
use sqlx::{AssertSqlSafe, Row as _};
use std::collections::HashMap;

/// A column of a row.
pub(super) fn get<'r, T>(row: &'r Row, column: &str) -> Result<T>
where
    T: sqlx::Decode<'r, Database> + sqlx::Type<Database>,
{
    row.try_get(column).map_err(backend)
}

/// Key and value of a row.
pub(super) fn tag(row: &Row) -> Result<Tag> {
    Ok(Tag { key: get(row, "key")?, value: get(row, "value")? })
}

/// Key and value of a row.
pub(super) fn param(row: &Row) -> Result<Param> {
    Ok(Param { key: get(row, "key")?, value: get(row, "value")? })
}

/// Rows by what they belong to, their order kept.
pub(super) fn groups<K: Eq + std::hash::Hash, T>(
    rows: &[Row],
    owner: impl Fn(&Row) -> Result<K>,
    read: impl Fn(&Row) -> Result<T>,
) -> Result<HashMap<K, Vec<T>>> {
    let mut groups: HashMap<K, Vec<T>> = HashMap::new();
    for row in rows {
        groups.entry(owner(row)?).or_default().push(read(row)?);
    }
    Ok(groups)
}

/// Owned texts, for a request that may outlive its caller.
pub(super) fn strings<const N: usize>(texts: [&str; N]) -> [String; N] {
    texts.map(str::to_owned)
}

/// A query with its values.
pub(super) fn query(sql: Sql) -> Query<'static, Database, <Database as sqlx::Database>::Arguments> {
    let mut query = sqlx::query(AssertSqlSafe(sql.text));
    for value in sql.values {
        query = match value {
            Value::Text(text) => query.bind(text),
            Value::Number(number) => query.bind(number),
            Value::Integer(integer) => query.bind(integer),
            Value::Maybe(text) => query.bind(text),
        };
    }
    query
}
