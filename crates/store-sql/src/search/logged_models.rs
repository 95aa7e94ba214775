//! A search over logged models as SQL. A page begins after the place of the last model of the page before, by value;
//! without an order it walks the index of the newest.

use super::{Key, Search, Segment, lifecycle_name};
use crate::sql::{Dialect, Sql, Value};
use metria_store::{
    Comparison, Condition, DatasetSelector, Entity, LoggedModelOrder, LoggedModelQuery, PageToken, RunQuery, SortValue,
};

/// The column of an attribute; other names were refused by [`LoggedModelQuery::check`].
fn attribute(key: &str) -> &'static str {
    match key {
        "name" => "name",
        "model_type" => "model_type",
        "status" => "status",
        "source_run_id" => "source_run_id",
        "experiment_id" => "experiment_id",
        "creation_time" => "creation_time_ms",
        "last_update_time" => "last_update_time_ms",
        _ => "model_id",
    }
}

/// The SQL for up to `limit` logged models: all columns, and one `key0`, `key1` … for each order. `places` is
/// [`LoggedModelQuery::places`].
pub(crate) fn page(
    dialect: Dialect,
    query: &LoggedModelQuery,
    places: &RunQuery,
    after: Option<&PageToken>,
    limit: usize,
) -> Sql {
    let mut search = Search { dialect, query: places, segment: Segment::Whole, after, sql: Sql::default() };
    search.sql.push("SELECT p.* FROM (SELECT l.*");
    for (at, order) in query.order_by.iter().enumerate() {
        search.sql.push(", ");
        order_value(&mut search.sql, order);
        search.sql.push(format!(" AS key{at}"));
    }
    search.sql.push(" FROM logged_models l) p WHERE 1 = 1");
    filter(&mut search, query);
    let keys = keys(query, after);
    search.begin_after(&keys);
    search.order(&keys);
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    search.sql.push(" LIMIT ").value(Value::Integer(limit));
    search.sql
}

/// What a model `l` has under an order.
fn order_value(sql: &mut Sql, LoggedModelOrder { by, dataset }: &LoggedModelOrder) {
    if by.entity == Entity::Attribute {
        sql.push(format!("l.{}", attribute(&by.key)));
        return;
    }
    sql.push("(SELECT v.value FROM logged_model_metrics v WHERE v.model_id = l.model_id AND v.key = ").words(&by.key);
    on_datasets(sql, dataset.as_slice());
    sql.push(" ORDER BY v.timestamp_ms DESC, v.step DESC, v.run_id, v.value DESC NULLS LAST LIMIT 1)");
}

/// The orders, then the tie-breakers.
fn keys(query: &LoggedModelQuery, after: Option<&PageToken>) -> Vec<Key> {
    let key = |column: String, ascending: bool, may_be_missing: bool, after: Option<SortValue>| Key {
        column,
        ascending,
        may_be_missing,
        is_long_text: false,
        after,
    };
    let mut keys: Vec<Key> = Vec::new();
    for (at, LoggedModelOrder { by, .. }) in query.order_by.iter().enumerate() {
        let always_there = by.entity == Entity::Attribute && !matches!(&*by.key, "model_type" | "source_run_id");
        let after = after.map(|after| after.keys[at].clone());
        keys.push(key(format!("p.key{at}"), by.ascending, !always_there, after));
    }
    let time = after.map(|after| SortValue::Integer(after.start_time_ms));
    let id = after.map(|after| SortValue::Text(after.run_id.clone()));
    keys.push(key("p.creation_time_ms".to_owned(), false, false, time));
    keys.push(key("p.model_id".to_owned(), true, false, id));
    keys
}

fn filter(search: &mut Search<'_>, query: &LoggedModelQuery) {
    if !query.experiment_ids.is_empty() {
        search.sql.push(" AND p.experiment_id IN ").list(&query.experiment_ids);
    }
    if let Some(lifecycle) = query.lifecycle {
        search.sql.push(" AND p.lifecycle = ").words(lifecycle_name(lifecycle));
    }
    for condition in &query.conditions {
        search.sql.push(" AND ");
        add_condition(search, query, condition);
    }
    if !query.datasets.is_empty() && !query.asks_for_metrics() {
        search.sql.push(" AND EXISTS (SELECT 1 FROM logged_model_metrics v WHERE v.model_id = p.model_id");
        on_datasets(&mut search.sql, &query.datasets);
        search.sql.push(")");
    }
}

fn add_condition(search: &mut Search<'_>, query: &LoggedModelQuery, condition: &Condition) {
    let Condition { entity, key, comparison } = condition;
    let (table, datasets): (_, &[DatasetSelector]) = match entity {
        Entity::Metric => ("logged_model_metrics", &query.datasets),
        Entity::Param => ("logged_model_params", &[]),
        Entity::Tag => ("logged_model_tags", &[]),
        Entity::Attribute | Entity::Dataset => {
            return search.comparison(&format!("p.{}", attribute(key)), comparison);
        }
    };
    search.sql.push(if *comparison == Comparison::IsNull { "NOT EXISTS" } else { "EXISTS" });
    search.sql.push(format!(" (SELECT 1 FROM {table} v WHERE v.model_id = p.model_id AND v.key = ")).words(key);
    on_datasets(&mut search.sql, datasets);
    if !matches!(comparison, Comparison::IsNull | Comparison::IsNotNull) {
        search.sql.push(" AND ");
        search.comparison("v.value", comparison);
    }
    search.sql.push(")");
}

/// Restricts the measurements `v` to those on one of the datasets, if there are any.
fn on_datasets(sql: &mut Sql, datasets: &[DatasetSelector]) {
    for (at, DatasetSelector { name, digest }) in datasets.iter().enumerate() {
        sql.push(if at == 0 { " AND (" } else { " OR " }).push("(v.dataset_name = ").words(name);
        if let Some(digest) = digest {
            sql.push(" AND v.dataset_digest = ").words(digest);
        }
        sql.push(")");
    }
    sql.push(if datasets.is_empty() { "" } else { ")" });
}
