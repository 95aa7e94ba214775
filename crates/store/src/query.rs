//! A search over runs, already parsed and checked.

use crate::experiments::Lifecycle;
use serde::{Deserialize, Serialize};

/// What a condition or an order looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Entity {
    /// The latest value of a metric.
    Metric,
    /// A param.
    Param,
    /// A tag.
    Tag,
    /// A column of the run: `run_id`, `run_name`, `status`, `user_id`, `artifact_uri`, `start_time`, `end_time`.
    Attribute,
    /// A field of an input dataset: `name`, `digest` or `context`.
    Dataset,
}

/// How values are compared.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Comparison {
    /// Same number.
    NumberEquals(f64),
    /// Another number (and the key is there).
    NumberNotEquals(f64),
    /// Greater.
    Greater(f64),
    /// Greater or the same.
    GreaterOrEqual(f64),
    /// Less.
    Less(f64),
    /// Less or the same.
    LessOrEqual(f64),
    /// Same text.
    TextEquals(String),
    /// Another text (and the key is there).
    TextNotEquals(String),
    /// SQL `LIKE` with `%` and `_`, upper and lower case apart.
    Like(String),
    /// The same, upper and lower case alike (ASCII).
    ILike(String),
    /// One of the texts.
    In(Vec<String>),
    /// None of the texts (and the key is there).
    NotIn(Vec<String>),
    /// The key is not there.
    IsNull,
    /// The key is there.
    IsNotNull,
}

/// One condition; all of a query's must hold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Condition {
    /// What it looks at.
    pub entity: Entity,
    /// The key within it.
    pub key: String,
    /// How it compares.
    pub comparison: Comparison,
}

/// One order of a result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderBy {
    /// What it looks at.
    pub entity: Entity,
    /// The key within it.
    pub key: String,
    /// Smallest first.
    pub ascending: bool,
}

/// A search over runs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RunQuery {
    /// In these experiments; empty means all.
    pub experiment_ids: Vec<String>,
    /// Of this lifecycle; `None` means both.
    pub lifecycle: Option<Lifecycle>,
    /// All must hold.
    pub conditions: Vec<Condition>,
    /// First order first.
    pub order_by: Vec<OrderBy>,
    /// Runs on a page, at least 1.
    pub limit: usize,
    /// The token of the page before; opaque, refused with `Invalid` when broken.
    pub page_token: Option<String>,
}

/// One page of a search.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Page<T> {
    /// What was found.
    pub items: Vec<T>,
    /// How to ask for the next page; `None` on the last.
    pub next_page_token: Option<String>,
}
