//! A search over runs as SQL.

use super::SqliteStore;
use super::errors::backend;
use super::experiments::lifecycle_name;
use super::runs::info;
use metria_store::{Comparison, Condition, Entity, Error, OrderBy, Page, Result, Run, RunQuery};
use sqlx::{QueryBuilder, Sqlite};

/// The query under construction.
struct Search {
    sql: QueryBuilder<Sqlite>,
}

/// The table, key column and value column of an entity that has rows of its own.
fn table(entity: Entity) -> Option<&'static str> {
    match entity {
        Entity::Metric => Some("latest_metrics"),
        Entity::Param => Some("params"),
        Entity::Tag => Some("run_tags"),
        Entity::Attribute | Entity::Dataset => None,
    }
}

/// The column of an attribute; names that are none were refused by the parser.
fn attribute(key: &str) -> Result<&'static str> {
    match key {
        "run_id" => Ok("r.run_id"),
        "run_name" => Ok("r.run_name"),
        "status" => Ok("r.status"),
        "user_id" => Ok("r.user_id"),
        "artifact_uri" => Ok("r.artifact_uri"),
        "start_time" => Ok("r.start_time_ms"),
        "end_time" => Ok("r.end_time_ms"),
        other => Err(Error::Invalid(format!("runs have no attribute `{other}`"))),
    }
}

fn dataset_column(key: &str) -> Result<&'static str> {
    match key {
        "name" => Ok("d.name"),
        "digest" => Ok("d.digest"),
        "context" => Ok("d.context"),
        other => Err(Error::Invalid(format!("datasets have no field `{other}`"))),
    }
}

impl Search {
    fn new(query: &RunQuery) -> Result<Self> {
        let mut search = Self { sql: QueryBuilder::new("SELECT r.* FROM runs r WHERE 1 = 1") };
        if !query.experiment_ids.is_empty() {
            search.sql.push(" AND r.experiment_id IN (");
            search.list(&query.experiment_ids);
            search.sql.push(")");
        }
        if let Some(lifecycle) = query.lifecycle {
            search.sql.push(" AND r.lifecycle = ").push_bind(lifecycle_name(lifecycle));
        }
        for condition in &query.conditions {
            search.condition(condition)?;
        }
        search.order(&query.order_by)?;
        Ok(search)
    }

    fn list(&mut self, values: &[String]) {
        let mut list = self.sql.separated(", ");
        for value in values {
            list.push_bind(value.clone());
        }
    }

    fn condition(&mut self, condition: &Condition) -> Result<()> {
        let Condition { entity, key, comparison } = condition;
        let column = match (table(*entity), entity) {
            (Some(table), _) => {
                let missing = matches!(comparison, Comparison::IsNull);
                self.sql.push(if missing { " AND NOT EXISTS" } else { " AND EXISTS" });
                self.sql.push(format!(" (SELECT 1 FROM {table} v WHERE v.run_id = r.run_id AND v.key = "));
                self.sql.push_bind(key.clone());
                if !matches!(comparison, Comparison::IsNull | Comparison::IsNotNull) {
                    self.sql.push(" AND ");
                    self.comparison("v.value", comparison);
                }
                self.sql.push(")");
                return Ok(());
            }
            (None, Entity::Dataset) => {
                self.sql.push(" AND EXISTS (SELECT 1 FROM run_inputs d WHERE d.run_id = r.run_id AND ");
                self.comparison(dataset_column(key)?, comparison);
                self.sql.push(")");
                return Ok(());
            }
            (None, _) => attribute(key)?,
        };
        self.sql.push(" AND ");
        self.comparison(column, comparison);
        Ok(())
    }

    fn comparison(&mut self, column: &'static str, comparison: &Comparison) {
        self.sql.push(column);
        let mut number = |operator: &'static str, value: f64| {
            self.sql.push(operator).push_bind(value);
        };
        match comparison {
            Comparison::NumberEquals(value) => number(" = ", *value),
            Comparison::NumberNotEquals(value) => number(" <> ", *value),
            Comparison::Greater(value) => number(" > ", *value),
            Comparison::GreaterOrEqual(value) => number(" >= ", *value),
            Comparison::Less(value) => number(" < ", *value),
            Comparison::LessOrEqual(value) => number(" <= ", *value),
            Comparison::TextEquals(text) => {
                self.sql.push(" = ").push_bind(text.clone());
            }
            Comparison::TextNotEquals(text) => {
                self.sql.push(" <> ").push_bind(text.clone());
            }
            // GLOB tells upper and lower case apart, which SQLite's LIKE does not.
            Comparison::Like(pattern) => {
                self.sql.push(" GLOB ").push_bind(glob(pattern));
            }
            Comparison::ILike(pattern) => {
                self.sql.push(" LIKE ").push_bind(pattern.clone());
            }
            Comparison::In(values) => {
                self.sql.push(" IN (");
                self.list(values);
                self.sql.push(")");
            }
            Comparison::NotIn(values) => {
                self.sql.push(" NOT IN (");
                self.list(values);
                self.sql.push(")");
            }
            Comparison::IsNull => {
                self.sql.push(" IS NULL");
            }
            Comparison::IsNotNull => {
                self.sql.push(" IS NOT NULL");
            }
        }
    }

    fn order(&mut self, order_by: &[OrderBy]) -> Result<()> {
        self.sql.push(" ORDER BY ");
        for OrderBy { entity, key, ascending } in order_by {
            let direction = if *ascending { " ASC NULLS LAST, " } else { " DESC NULLS LAST, " };
            match table(*entity) {
                Some(table) => {
                    let value = format!("(SELECT o.value FROM {table} o WHERE o.run_id = r.run_id AND o.key = ");
                    self.sql.push(value).push_bind(key.clone()).push(")");
                }
                None => {
                    self.sql.push(attribute(key)?);
                }
            }
            self.sql.push(direction);
        }
        self.sql.push("r.start_time_ms DESC, r.run_id ASC");
        Ok(())
    }
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

/// Where a page begins. Tokens are opaque to callers: a letter and the number of runs before the page.
fn offset(token: Option<&str>) -> Result<usize> {
    let Some(token) = token else { return Ok(0) };
    let number = token.strip_prefix('o').and_then(|digits| digits.parse().ok());
    number.ok_or_else(|| Error::Invalid(format!("the page token `{token}` was not given out by this store")))
}

impl SqliteStore {
    pub(super) async fn search(&self, query: &RunQuery) -> Result<Page<Run>> {
        let start = offset(query.page_token.as_deref())?;
        let limit = query.limit.max(1);
        let mut search = Search::new(query)?;
        let bound = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
        // One more than asked for tells whether there is a next page.
        search.sql.push(" LIMIT ").push_bind(bound(limit.saturating_add(1)));
        search.sql.push(" OFFSET ").push_bind(bound(start));
        let mut rows = search.sql.build().fetch_all(&self.readers).await.map_err(backend)?;
        let more = rows.len() > limit;
        rows.truncate(limit);
        let mut items = Vec::with_capacity(rows.len());
        for row in &rows {
            items.push(self.whole(info(row)?).await?);
        }
        Ok(Page { items, next_page_token: more.then(|| format!("o{}", start + limit)) })
    }
}
