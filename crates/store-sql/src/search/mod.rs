//! A search over runs as SQL, the same for both databases but for three spellings.
//!
//! A page begins after the place of the last run of the page before, by value (keyset). When the first order looks at a
//! metric, param or tag, a search has two segments: the runs that have it, along its index, then those that have not.
//! On SQLite, which knows nothing of how often a value occurs, a condition that few runs fulfil leads instead: [`probe`]
//! counts them, and the search looks at those only. PostgreSQL decides that by its statistics.

pub(crate) mod logged_models;

use crate::sql::{Dialect, Sql, Value};
use metria_store::{Comparison, Condition, Entity, Lifecycle, OrderBy, PageToken, RunQuery, SortValue};

/// Characters of a param or tag that PostgreSQL's indexes hold; its index entries are limited to a third of a page.
const INDEXED: usize = 100;

/// A part of a search whose runs stand together in the result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Segment {
    /// All runs.
    Whole,
    /// The runs that have what the first order looks at.
    With,
    /// The runs that have not.
    Without,
    /// The few runs that fulfil the condition at this place.
    Few(usize),
}

/// So many runs are few: they are looked up and sorted faster than an order is walked in search of them.
const FEW: usize = 1_000;

/// The segments of a search from a place on, in the order of the result.
pub(crate) fn segments(query: &RunQuery, after: Option<&PageToken>, few: Option<usize>) -> Vec<Segment> {
    if let Some(few) = few {
        return vec![Segment::Few(few)];
    }
    let walks_index = query.order_by.first().is_some_and(|order| is_indexed(query, order.entity));
    match after.and_then(|after| after.keys.first()) {
        _ if !walks_index => vec![Segment::Whole],
        Some(SortValue::Missing) => vec![Segment::Without],
        _ => vec![Segment::With, Segment::Without],
    }
}

/// Whether an index leads to the values of an entity within the experiments of a search.
fn is_indexed(query: &RunQuery, entity: Entity) -> bool {
    match entity {
        Entity::Metric => true,
        Entity::Param | Entity::Tag => query.experiment_ids.len() == 1,
        Entity::Attribute | Entity::Dataset => false,
    }
}

/// The SQL that counts the runs that fulfil the condition at a place, but not further than tells few from many; nothing
/// when no index leads to them.
pub(crate) fn probe(query: &RunQuery, at: usize) -> Option<Sql> {
    let Condition { entity, key: _, comparison } = &query.conditions[at];
    let by_index = match comparison {
        Comparison::NumberEquals(_)
        | Comparison::Greater(_)
        | Comparison::GreaterOrEqual(_)
        | Comparison::Less(_)
        | Comparison::LessOrEqual(_)
        | Comparison::TextEquals(_)
        | Comparison::In(_)
        | Comparison::IsNotNull => is_indexed(query, *entity),
        _ => false,
    };
    let table = table(*entity).filter(|_| by_index)?;
    let mut search =
        Search { dialect: Dialect::Sqlite, query, segment: Segment::Few(at), after: None, sql: Sql::default() };
    search.sql.push(format!("SELECT count(*) FROM (SELECT 1 FROM {table} w WHERE 1 = 1"));
    search.fulfils(at);
    search.sql.push(format!(" LIMIT {})", FEW + 1));
    Some(search.sql)
}

/// Whether a count of [`probe`] is of few runs.
pub(crate) fn is_few(count: i64) -> bool {
    usize::try_from(count).is_ok_and(|count| count <= FEW)
}

/// The table of an entity that has rows of its own.
fn table(entity: Entity) -> Option<&'static str> {
    match entity {
        Entity::Metric => Some("latest_metrics"),
        Entity::Param => Some("params"),
        Entity::Tag => Some("run_tags"),
        Entity::Attribute | Entity::Dataset => None,
    }
}

/// The column of an attribute; other names were refused by [`RunQuery::check`].
fn attribute(key: &str) -> &'static str {
    match key {
        "run_name" => "r.run_name",
        "status" => "r.status",
        "user_id" => "r.user_id",
        "artifact_uri" => "r.artifact_uri",
        "start_time" => "r.start_time_ms",
        "end_time" => "r.end_time_ms",
        _ => "r.run_id",
    }
}

/// The column of a dataset's field; other names were refused by [`RunQuery::check`].
fn dataset_field(key: &str) -> &'static str {
    match key {
        "digest" => "d.digest",
        "context" => "d.context",
        _ => "d.name",
    }
}

/// How a lifecycle is stored.
pub(crate) fn lifecycle_name(lifecycle: Lifecycle) -> &'static str {
    match lifecycle {
        Lifecycle::Active => "active",
        Lifecycle::Deleted => "deleted",
    }
}

/// One column of the order, and where the page begins in it.
struct Key {
    column: String,
    ascending: bool,
    /// Whether some runs have none; they come last.
    may_be_missing: bool,
    /// Whether PostgreSQL's index holds only the first characters.
    is_long_text: bool,
    after: Option<SortValue>,
}

struct Search<'a> {
    dialect: Dialect,
    query: &'a RunQuery,
    segment: Segment,
    after: Option<&'a PageToken>,
    sql: Sql,
}

/// The SQL for up to `limit` runs of a segment: all columns of `runs`, and one `key0`, `key1` … for each order.
pub(crate) fn page(
    dialect: Dialect,
    query: &RunQuery,
    segment: Segment,
    after: Option<&PageToken>,
    limit: usize,
) -> Sql {
    let mut search = Search { dialect, query, segment, after, sql: Sql::default() };
    let keys = search.keys();
    search.select_from(&keys);
    search.filter();
    search.begin_after(&keys);
    search.order(&keys);
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    search.sql.push(" LIMIT ").value(Value::Integer(limit));
    search.sql
}

impl Search<'_> {
    /// The orders, then the tie-breakers.
    fn keys(&self) -> Vec<Key> {
        let after = |at: usize| self.after.map(|after| after.keys[at].clone());
        let mut keys: Vec<Key> = Vec::new();
        for (at, OrderBy { entity, key, ascending }) in self.query.order_by.iter().enumerate() {
            let walked = at == 0 && self.segment == Segment::With;
            let (column, may_be_missing) = match table(*entity) {
                _ if at == 0 && self.segment == Segment::Without => ("NULL".to_owned(), true),
                Some(_) => (format!("o{at}.value"), !walked),
                None => (attribute(key).to_owned(), key == "end_time"),
            };
            let is_long_text = walked && *entity != Entity::Metric;
            keys.push(Key { column, ascending: *ascending, may_be_missing, is_long_text, after: after(at) });
        }
        let last = |column: &str, ascending: bool, after: Option<SortValue>| Key {
            column: column.to_owned(),
            ascending,
            may_be_missing: false,
            is_long_text: false,
            after,
        };
        keys.push(last("r.start_time_ms", false, self.after.map(|after| SortValue::Integer(after.start_time_ms))));
        keys.push(last("r.run_id", true, self.after.map(|after| SortValue::Text(after.run_id.clone()))));
        keys
    }

    /// The one experiment that is searched, if it is one.
    fn one_experiment(&self) -> Option<&str> {
        match self.query.experiment_ids.as_slice() {
            [one] => Some(one),
            _ => None,
        }
    }

    fn select_from(&mut self, keys: &[Key]) {
        self.sql.push("SELECT r.*");
        let orders = self.query.order_by.len();
        for (at, key) in keys.iter().take(orders).enumerate() {
            self.sql.push(format!(", {} AS key{at}", key.column));
        }
        self.sql.push(" FROM ");
        let first = self.query.order_by.first().and_then(|order| table(order.entity));
        let few = match self.segment {
            Segment::Few(at) => table(self.query.conditions[at].entity),
            _ => None,
        };
        // SQLite keeps the order of a CROSS JOIN: along the index, to each entry its run.
        let join = if self.dialect == Dialect::Sqlite { "CROSS JOIN" } else { "JOIN" };
        match (few, first) {
            (Some(table), _) => self.sql.push(format!("{table} w {join} runs r ON r.run_id = w.run_id")),
            (None, Some(table)) if self.segment == Segment::With => {
                self.sql.push(format!("{table} o0 {join} runs r ON r.run_id = o0.run_id"))
            }
            _ => self.sql.push("runs r"),
        };
        for (at, order) in self.query.order_by.iter().enumerate() {
            let Some(table) = table(order.entity) else { continue };
            if at > 0 || matches!(self.segment, Segment::Whole | Segment::Few(_)) {
                self.sql.push(format!(" LEFT JOIN {table} o{at} ON o{at}.run_id = r.run_id AND o{at}.key = "));
                self.sql.words(&order.key);
            }
        }
    }

    fn filter(&mut self) {
        self.sql.push(" WHERE 1 = 1");
        let query = self.query;
        if let Some(order) = query.order_by.first() {
            self.in_segment(order);
        }
        if !query.experiment_ids.is_empty() {
            self.sql.push(" AND r.experiment_id IN ").list(&query.experiment_ids);
        }
        if let Some(lifecycle) = query.lifecycle {
            self.sql.push(" AND r.lifecycle = ").words(lifecycle_name(lifecycle));
        }
        for (at, condition) in query.conditions.iter().enumerate() {
            if self.segment == Segment::Few(at) {
                self.fulfils(at);
            } else {
                self.sql.push(" AND ");
                self.condition(condition);
            }
        }
    }

    /// Restricts the rows `w` to those that fulfil the condition at a place.
    fn fulfils(&mut self, at: usize) {
        let Condition { key, comparison, .. } = &self.query.conditions[at];
        if let Some(experiment) = self.one_experiment().map(str::to_owned) {
            self.sql.push(" AND w.experiment_id = ").words(experiment);
        }
        self.sql.push(" AND w.key = ").words(key);
        if *comparison != Comparison::IsNotNull {
            self.sql.push(" AND ");
            self.comparison("w.value", comparison);
        }
    }

    /// Restricts to the runs of the segment.
    fn in_segment(&mut self, first: &OrderBy) {
        let Some(table) = table(first.entity) else { return };
        let present = present(first.entity, "o0.value");
        match self.segment {
            Segment::Whole | Segment::Few(_) => {}
            Segment::With => {
                if let Some(experiment) = self.one_experiment().map(str::to_owned) {
                    self.sql.push(" AND o0.experiment_id = ").words(experiment);
                }
                self.sql.push(" AND o0.key = ").words(&first.key).push(present);
            }
            Segment::Without => {
                self.sql.push(format!(
                    " AND NOT EXISTS (SELECT 1 FROM {table} o0 WHERE o0.run_id = r.run_id AND o0.key = "
                ));
                self.sql.words(&first.key).push(present).push(")");
            }
        }
    }

    fn condition(&mut self, condition: &Condition) {
        let Condition { entity, key, comparison } = condition;
        match (entity, table(*entity)) {
            (_, Some(table)) => {
                self.sql.push(if *comparison == Comparison::IsNull { "NOT EXISTS" } else { "EXISTS" });
                self.sql.push(format!(" (SELECT 1 FROM {table} v WHERE v.run_id = r.run_id AND v.key = ")).words(key);
                if !matches!(comparison, Comparison::IsNull | Comparison::IsNotNull) {
                    self.sql.push(" AND ");
                    self.comparison("v.value", comparison);
                }
                self.sql.push(")");
            }
            (Entity::Dataset, _) => {
                let field = dataset_field(key);
                self.sql.push(if *comparison == Comparison::IsNull { "NOT EXISTS" } else { "EXISTS" });
                self.sql.push(" (SELECT 1 FROM run_inputs d WHERE d.run_id = r.run_id AND ");
                match comparison {
                    Comparison::IsNull => self.comparison(field, &Comparison::IsNotNull),
                    other => self.comparison(field, other),
                }
                self.sql.push(")");
            }
            _ => self.comparison(attribute(key), comparison),
        }
    }

    fn comparison(&mut self, column: &str, comparison: &Comparison) {
        let sql = &mut self.sql;
        let mut number = |operator: &str, value: f64| {
            if value.is_nan() {
                // Nothing compares with NaN; PostgreSQL would have it above every number.
                sql.push("1 = 0");
            } else {
                sql.push(column).push(operator).value(Value::Number(value));
            }
        };
        match comparison {
            Comparison::NumberEquals(value) => number(" = ", *value),
            Comparison::NumberNotEquals(value) => number(" <> ", *value),
            Comparison::Greater(value) => number(" > ", *value),
            Comparison::GreaterOrEqual(value) => number(" >= ", *value),
            Comparison::Less(value) => number(" < ", *value),
            Comparison::LessOrEqual(value) => number(" <= ", *value),
            Comparison::TextEquals(text) => {
                sql.push(column).push(" = ").words(text);
            }
            Comparison::TextNotEquals(text) => {
                sql.push(column).push(" <> ").words(text);
            }
            Comparison::Like(pattern) => self.like(column, pattern),
            Comparison::ILike(pattern) => self.ilike(column, pattern),
            Comparison::In(texts) => {
                sql.push(column).push(" IN ").list(texts);
            }
            Comparison::NotIn(texts) => {
                sql.push(column).push(" NOT IN ").list(texts);
            }
            Comparison::IsNull => {
                sql.push(column).push(" IS NULL");
            }
            Comparison::IsNotNull => {
                sql.push(column).push(" IS NOT NULL");
            }
        }
    }

    fn like(&mut self, column: &str, pattern: &str) {
        match self.dialect {
            // GLOB tells upper and lower case apart, which SQLite's LIKE does not.
            Dialect::Sqlite => self.sql.push(column).push(" GLOB ").words(glob(pattern)),
            Dialect::Postgres => self.sql.push(column).push(" LIKE ").words(pattern).push(" ESCAPE ''"),
        };
    }

    fn ilike(&mut self, column: &str, pattern: &str) {
        match self.dialect {
            Dialect::Sqlite => self.sql.push(column).push(" LIKE ").words(pattern),
            // Under the collation C only ASCII letters have two cases.
            Dialect::Postgres => self.sql.push(column).push(" ILIKE ").words(pattern).push(" ESCAPE ''"),
        };
    }

    /// Restricts to what comes after the place of the last page.
    fn begin_after(&mut self, keys: &[Key]) {
        let keys: &[Key] = match self.segment {
            // All of its runs lack the first key.
            Segment::Without => &keys[1..],
            Segment::Whole | Segment::With | Segment::Few(_) => keys,
        };
        // The segment is entered at its first run when the page before ended in the one before it.
        let ended_before = self.segment == Segment::Without
            && self.after.is_some_and(|after| after.keys.first() != Some(&SortValue::Missing));
        if self.after.is_none() || ended_before {
            return;
        }
        if let Some(key) = keys.first().filter(|key| !key.may_be_missing) {
            // Implied by what follows, but this is what an index can be entered by.
            self.sql.push(" AND ");
            self.bound(key);
        }
        self.sql.push(" AND ");
        self.after(keys);
    }

    fn bound(&mut self, key: &Key) {
        let Some(value) = key.after.as_ref().and_then(Value::of) else {
            self.sql.push("1 = 1");
            return;
        };
        let operator = if key.ascending { " >= " } else { " <= " };
        if key.is_long_text && self.dialect == Dialect::Postgres {
            let column = &key.column;
            self.sql.push(format!("left({column}, {INDEXED}){operator}left("));
            self.sql.value(value).push(format!(", {INDEXED})"));
        } else {
            self.sql.push(&key.column).push(operator).value(value);
        }
    }

    /// `(first is after) OR (first is equal AND (second is after OR …))`.
    fn after(&mut self, keys: &[Key]) {
        let Some((key, rest)) = keys.split_first() else {
            self.sql.push("1 = 0");
            return;
        };
        let column = &key.column;
        match key.after.as_ref().and_then(Value::of) {
            // What is missing comes last: after it there are only those that lack it too.
            None => {
                self.sql.push(format!("({column} IS NULL AND "));
            }
            Some(value) => {
                let operator = if key.ascending { " > " } else { " < " };
                self.sql.push("(").push(column).push(operator).value(value.clone());
                if key.may_be_missing {
                    self.sql.push(format!(" OR {column} IS NULL"));
                }
                self.sql.push(format!(" OR {column} = ")).value(value).push(" AND ");
            }
        }
        self.after(rest);
        self.sql.push(")");
    }

    fn order(&mut self, keys: &[Key]) {
        let keys = if self.segment == Segment::Without { &keys[1..] } else { keys };
        for (at, key) in keys.iter().enumerate() {
            self.sql.push(if at == 0 { " ORDER BY " } else { ", " });
            let direction = if key.ascending { " ASC" } else { " DESC" };
            if key.is_long_text && self.dialect == Dialect::Postgres {
                self.sql.push(format!("left({}, {INDEXED}){direction}, ", key.column));
            }
            self.sql.push(&key.column).push(direction);
            if key.may_be_missing {
                self.sql.push(" NULLS LAST");
            }
        }
    }
}

/// The condition that a value is there; a metric may be NaN, which is kept as NULL and counts as none in an order.
fn present(entity: Entity, column: &str) -> String {
    if entity == Entity::Metric { format!(" AND {column} IS NOT NULL") } else { String::new() }
}

/// A `LIKE` pattern as a `GLOB` pattern.
fn glob(pattern: &str) -> String {
    let mut glob = String::with_capacity(pattern.len());
    for c in pattern.chars() {
        match c {
            '%' => glob.push('*'),
            '_' => glob.push('?'),
            '*' | '?' | '[' => {
                glob.push('[');
                glob.push(c);
                glob.push(']');
            }
            other => glob.push(other),
        }
    }
    glob
}

#[cfg(test)]
mod tests;
