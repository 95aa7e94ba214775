//! A search over traces as SQL. Conditions on spans look at the spans of one trace after the other, newest first, until
//! the page is full; equal tags and metadata are entered by their index.

use super::compare::compare;
use crate::sql::{Dialect, Sql, Value};
use metria_store::traces::SOURCE_RUN;
use metria_store::{Comparison, SortValue, TraceCondition, TraceField, TraceOrder, TracePlace, TraceQuery};

/// The SQL for up to `limit` traces after a place: all columns of `traces`, and one `key0`, `key1` … for each order.
pub(crate) fn page(dialect: Dialect, query: &TraceQuery, after: Option<&TracePlace>, limit: usize) -> Sql {
    let mut search = Search { dialect, query, sql: Sql::default() };
    search.sql.push("SELECT t.*");
    for (at, order) in query.order_by.iter().enumerate() {
        search.sql.push(format!(", {} AS key{at}", column(at, order)));
    }
    search.sql.push(" FROM traces t");
    search.join_orders();
    search.filter();
    let keys = keys(query, after);
    if after.is_some() {
        search.sql.push(" AND ");
        search.begin_after(&keys);
    }
    search.order(&keys);
    search.sql.push(" LIMIT ").value(Value::Integer(i64::try_from(limit).unwrap_or(i64::MAX)));
    search.sql
}

/// The SQL that counts the traces that a query finds.
pub(crate) fn count(dialect: Dialect, query: &TraceQuery) -> Sql {
    let mut search = Search { dialect, query, sql: Sql::default() };
    search.sql.push("SELECT count(*) FROM traces t");
    search.filter();
    search.sql
}

/// The column of an attribute; other names were refused by [`TraceQuery::check`].
fn attribute(key: &str) -> &'static str {
    match key {
        "experiment_id" => "t.experiment_id",
        "client_request_id" => "t.client_request_id",
        "state" => "t.state",
        "request_time_ms" => "t.request_time_ms",
        "execution_duration_ms" => "t.execution_duration_ms",
        "end_time_ms" => "(t.request_time_ms + coalesce(t.execution_duration_ms, 0))",
        _ => "t.trace_id",
    }
}

fn column(at: usize, order: &TraceOrder) -> String {
    match order.field {
        TraceField::Tag | TraceField::Metadata => format!("o{at}.value"),
        _ => attribute(&order.key).to_owned(),
    }
}

fn table(field: TraceField) -> &'static str {
    if field == TraceField::Tag { "trace_tags" } else { "trace_metadata" }
}

/// One column of the order, and where the page begins in it.
struct Key {
    column: String,
    ascending: bool,
    may_be_missing: bool,
    after: Option<SortValue>,
}

/// The orders, then the tie-breakers.
fn keys(query: &TraceQuery, after: Option<&TracePlace>) -> Vec<Key> {
    let mut keys: Vec<Key> = Vec::new();
    for (at, order) in query.order_by.iter().enumerate() {
        keys.push(Key {
            column: column(at, order),
            ascending: order.ascending,
            may_be_missing: order.field != TraceField::Attribute
                || matches!(order.key.as_str(), "client_request_id" | "execution_duration_ms"),
            after: after.map(|after| after.keys[at].clone()),
        });
    }
    let last = |column: &str, ascending: bool, after: Option<SortValue>| Key {
        column: column.to_owned(),
        ascending,
        may_be_missing: false,
        after,
    };
    keys.push(last("t.request_time_ms", false, after.map(|after| SortValue::Integer(after.request_time_ms))));
    keys.push(last("t.trace_id", true, after.map(|after| SortValue::Text(after.trace_id.clone()))));
    keys
}

struct Search<'a> {
    dialect: Dialect,
    query: &'a TraceQuery,
    sql: Sql,
}

impl Search<'_> {
    fn join_orders(&mut self) {
        for (at, order) in self.query.order_by.iter().enumerate() {
            if order.field == TraceField::Attribute {
                continue;
            }
            let table = table(order.field);
            self.sql.push(format!(" LEFT JOIN {table} o{at} ON o{at}.trace_id = t.trace_id AND o{at}.key = "));
            self.sql.words(&order.key);
        }
    }

    fn filter(&mut self) {
        let query = self.query;
        self.sql.push(" WHERE 1 = 1");
        match query.experiment_ids.as_slice() {
            [] => {}
            // Said so, SQLite walks the index in the order of the page.
            [one] => drop(self.sql.push(" AND t.experiment_id = ").words(one)),
            many => drop(self.sql.push(" AND t.experiment_id IN ").list(many)),
        }
        let (on_spans, others): (Vec<&TraceCondition>, Vec<&TraceCondition>) =
            query.conditions.iter().partition(|condition| {
                matches!(condition.field, TraceField::Span | TraceField::SpanAttribute | TraceField::SpanText)
            });
        for condition in others {
            self.sql.push(" AND ");
            self.condition(condition);
        }
        if !on_spans.is_empty() {
            self.sql.push(" AND EXISTS (SELECT 1 FROM spans s WHERE s.trace_id = t.trace_id");
            for condition in on_spans {
                self.sql.push(" AND ");
                self.on_span(condition);
            }
            self.sql.push(")");
        }
    }

    fn condition(&mut self, condition: &TraceCondition) {
        let TraceCondition { field, key, comparison } = condition;
        match (field, comparison) {
            (TraceField::Tag | TraceField::Metadata, comparison) => self.entry(table(*field), key, comparison),
            (TraceField::Feedback, comparison) => self.said("feedback", key, comparison),
            (TraceField::Expectation, comparison) => self.said("expectation", key, comparison),
            (TraceField::Issue, Comparison::TextEquals(id)) => {
                self.sql.push("EXISTS (SELECT 1 FROM assessments a WHERE a.trace_id = t.trace_id AND a.kind = 'issue'");
                self.sql.push(" AND a.name = ").words(id).push(")");
            }
            (TraceField::Run, Comparison::TextEquals(id)) => {
                self.sql.push("(");
                self.linked("run", id);
                self.sql.push(" OR EXISTS (SELECT 1 FROM trace_metadata m WHERE m.trace_id = t.trace_id AND m.key = ");
                self.sql.words(SOURCE_RUN).push(" AND m.value = ").words(id).push("))");
            }
            (TraceField::Prompt, Comparison::TextEquals(id)) => self.linked("prompt", id),
            _ => compare(&mut self.sql, self.dialect, attribute(key), comparison),
        }
    }

    fn linked(&mut self, kind: &'static str, target: &str) {
        self.sql.push(format!("t.trace_id IN (SELECT l.trace_id FROM trace_links l WHERE l.kind = '{kind}' AND "));
        self.sql.push("l.target = ").words(target).push(")");
    }

    /// A condition on a tag or on metadata.
    fn entry(&mut self, table: &'static str, key: &str, comparison: &Comparison) {
        if let (Comparison::TextEquals(text), [experiment_id]) = (comparison, self.query.experiment_ids.as_slice()) {
            let start = if self.dialect == Dialect::Sqlite { "substr(v.value, 1, 100)" } else { "left(v.value, 100)" };
            self.sql.push(format!("t.trace_id IN (SELECT v.trace_id FROM {table} v WHERE v.experiment_id = "));
            self.sql.words(experiment_id).push(" AND v.key = ").words(key);
            self.sql.push(format!(" AND {start} = ")).words(text.chars().take(100).collect::<String>());
            self.sql.push(" AND v.value = ").words(text).push(")");
            return;
        }
        let negated = if *comparison == Comparison::IsNull { "NOT " } else { "" };
        self.sql.push(format!("{negated}EXISTS (SELECT 1 FROM {table} v WHERE v.trace_id = t.trace_id AND v.key = "));
        self.sql.words(key);
        if !matches!(comparison, Comparison::IsNull | Comparison::IsNotNull) {
            self.sql.push(" AND ");
            compare(&mut self.sql, self.dialect, "v.value", comparison);
        }
        self.sql.push(")");
    }

    /// A condition on what is said about a trace.
    fn said(&mut self, kind: &'static str, name: &str, comparison: &Comparison) {
        let negated = if *comparison == Comparison::IsNull { "NOT " } else { "" };
        self.sql.push(format!("{negated}EXISTS (SELECT 1 FROM assessments a WHERE a.trace_id = t.trace_id"));
        self.sql.push(format!(" AND a.kind = '{kind}' AND a.valid AND a.name = ")).words(name);
        match comparison {
            Comparison::IsNull | Comparison::IsNotNull => {}
            Comparison::TextEquals(text) | Comparison::TextNotEquals(text) => {
                let json = serde_json::Value::from(text.as_str()).to_string();
                let is_in = if matches!(comparison, Comparison::TextEquals(_)) { "IN" } else { "NOT IN" };
                self.sql.push(format!(" AND a.value {is_in} ")).list(&[text.clone(), json]);
            }
            Comparison::Like(_) | Comparison::ILike(_) => {
                self.sql.push(" AND ");
                compare(&mut self.sql, self.dialect, "a.value", comparison);
            }
            _ => {
                self.sql.push(" AND ");
                compare(&mut self.sql, self.dialect, "a.number", comparison);
            }
        }
        self.sql.push(")");
    }

    /// A condition on the span `s`.
    fn on_span(&mut self, condition: &TraceCondition) {
        let TraceCondition { field, key, comparison } = condition;
        match field {
            TraceField::SpanText => {
                self.sql.push("(");
                compare(&mut self.sql, self.dialect, "s.name", comparison);
                self.sql.push(" OR ");
                compare(&mut self.sql, self.dialect, "s.content", comparison);
                self.sql.push(")");
            }
            TraceField::SpanAttribute => {
                let (rows, value) = match self.dialect {
                    Dialect::Sqlite => (
                        "json_each(s.content, '$.attributes') j",
                        "CASE j.type WHEN 'true' THEN 'true' WHEN 'false' THEN 'false' WHEN 'null' THEN 'null' \
                         ELSE CAST(j.value AS TEXT) END",
                    ),
                    Dialect::Postgres => (
                        "json_each(s.content::json -> 'attributes') j",
                        "(CASE json_typeof(j.value) WHEN 'string' THEN j.value #>> '{}' ELSE j.value::text END \
                         COLLATE \"C\")",
                    ),
                };
                self.sql.push(format!("EXISTS (SELECT 1 FROM {rows} WHERE j.key = ")).words(key).push(" AND ");
                compare(&mut self.sql, self.dialect, value, comparison);
                self.sql.push(")");
            }
            _ => {
                let column = match key.as_str() {
                    "type" => "s.type",
                    "status" => "s.status",
                    _ => "s.name",
                };
                compare(&mut self.sql, self.dialect, column, comparison);
            }
        }
    }

    /// `(first is after) OR (first is equal AND (second is after OR …))`.
    fn begin_after(&mut self, keys: &[Key]) {
        let Some((key, rest)) = keys.split_first() else {
            self.sql.push("1 = 0");
            return;
        };
        let column = &key.column;
        match key.after.as_ref().and_then(Value::of) {
            // What is missing comes last: after it there are only those that lack it too.
            None => drop(self.sql.push(format!("({column} IS NULL AND "))),
            Some(value) => {
                if !key.may_be_missing {
                    // Implied by what follows, but this is what an index can be entered by.
                    let operator = if key.ascending { " >= " } else { " <= " };
                    self.sql.push(column).push(operator).value(value.clone()).push(" AND ");
                }
                self.sql.push("(").push(column).push(if key.ascending { " > " } else { " < " }).value(value.clone());
                if key.may_be_missing {
                    self.sql.push(format!(" OR {column} IS NULL"));
                }
                self.sql.push(format!(" OR {column} = ")).value(value).push(" AND ");
            }
        }
        self.begin_after(rest);
        self.sql.push(")");
    }

    fn order(&mut self, keys: &[Key]) {
        for (at, key) in keys.iter().enumerate() {
            self.sql.push(if at == 0 { " ORDER BY " } else { ", " });
            self.sql.push(&key.column).push(if key.ascending { " ASC" } else { " DESC" });
            if key.may_be_missing {
                self.sql.push(" NULLS LAST");
            }
        }
    }
}
