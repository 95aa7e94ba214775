//! A search over runs, already parsed and checked.

use crate::error::{Error, Result};
use crate::experiments::Lifecycle;
use crate::like::like;
use crate::text::check_texts;
use serde::{Deserialize, Serialize};

/// The attributes of a run that conditions and orders may name.
pub const RUN_ATTRIBUTES: [&str; 7] =
    ["run_id", "run_name", "status", "user_id", "artifact_uri", "start_time", "end_time"];
/// The fields of an input dataset that conditions may name.
pub const DATASET_FIELDS: [&str; 3] = ["name", "digest", "context"];
/// Most characters of a `LIKE` pattern.
pub const PATTERN_LENGTH: usize = 5_000;

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

/// How values are compared: numbers with the six number comparisons (metrics and times), everything else as text.
///
/// A metric whose value is NaN is there, but is neither equal, unequal, greater nor less.
/// Texts are compared by their UTF-8 bytes. A condition on datasets holds when one of the run's datasets fulfils it.
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
    /// SQL `LIKE` with `%` and `_`, upper and lower case apart; no other character means anything but itself.
    Like(String),
    /// The same, upper and lower case alike (ASCII).
    ILike(String),
    /// One of the texts.
    In(Vec<String>),
    /// None of the texts (and the key is there).
    NotIn(Vec<String>),
    /// The key is not there; for datasets: on no dataset of the run.
    IsNull,
    /// The key is there.
    IsNotNull,
}

/// A value as it is compared.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// A metric or a time.
    Number(f64),
    /// Everything else.
    Text(&'a str),
}

impl Comparison {
    /// Whether it holds for a value, or for the absence of one.
    #[must_use]
    #[expect(clippy::float_cmp, reason = "a search for a number means that number")]
    pub fn holds(&self, value: Option<&Value<'_>>) -> bool {
        let Some(value) = value else { return matches!(self, Self::IsNull) };
        match (self, value) {
            (Self::IsNotNull, _) => true,
            (Self::NumberEquals(wanted), Value::Number(number)) => number == wanted,
            // NaN is neither equal nor unequal here.
            (Self::NumberNotEquals(wanted), Value::Number(number)) => {
                number != wanted && !number.is_nan() && !wanted.is_nan()
            }
            (Self::Greater(wanted), Value::Number(number)) => number > wanted,
            (Self::GreaterOrEqual(wanted), Value::Number(number)) => number >= wanted,
            (Self::Less(wanted), Value::Number(number)) => number < wanted,
            (Self::LessOrEqual(wanted), Value::Number(number)) => number <= wanted,
            (Self::TextEquals(wanted), Value::Text(text)) => text == wanted,
            (Self::TextNotEquals(wanted), Value::Text(text)) => text != wanted,
            (Self::Like(pattern), Value::Text(text)) => like(text, pattern, false),
            (Self::ILike(pattern), Value::Text(text)) => like(text, pattern, true),
            (Self::In(wanted), Value::Text(text)) => wanted.iter().any(|wanted| wanted == text),
            (Self::NotIn(wanted), Value::Text(text)) => wanted.iter().all(|wanted| wanted != text),
            _ => false,
        }
    }
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

impl Entity {
    fn is_number(self, key: &str) -> bool {
        match self {
            Self::Metric => true,
            Self::Attribute => key.ends_with("_time"),
            Self::Param | Self::Tag | Self::Dataset => false,
        }
    }

    fn check_key(self, key: &str) -> Result<()> {
        let (what, known): (_, &[&str]) = match self {
            Self::Attribute => ("runs have no attribute", &RUN_ATTRIBUTES),
            Self::Dataset => ("datasets have no field", &DATASET_FIELDS),
            Self::Metric | Self::Param | Self::Tag => return Ok(()),
        };
        if known.contains(&key) {
            return Ok(());
        }
        Err(Error::Invalid(format!("{what} `{key}`; there are {}", known.join(", "))))
    }
}

impl Comparison {
    /// The texts it compares with.
    fn texts(&self) -> &[String] {
        match self {
            Self::TextEquals(text) | Self::TextNotEquals(text) | Self::Like(text) | Self::ILike(text) => {
                std::slice::from_ref(text)
            }
            Self::In(texts) | Self::NotIn(texts) => texts,
            _ => &[],
        }
    }

    /// Whether it compares numbers; `None` when it asks for presence only.
    fn is_number(&self) -> Option<bool> {
        match self {
            Self::IsNull | Self::IsNotNull => None,
            Self::NumberEquals(_)
            | Self::NumberNotEquals(_)
            | Self::Greater(_)
            | Self::GreaterOrEqual(_)
            | Self::Less(_)
            | Self::LessOrEqual(_) => Some(true),
            _ => Some(false),
        }
    }
}

impl Condition {
    fn check(&self) -> Result<()> {
        self.entity.check_key(&self.key)?;
        self.check_comparison()
    }

    /// Refuses what cannot be compared, whatever is searched.
    pub(crate) fn check_comparison(&self) -> Result<()> {
        check_texts([&self.key])?;
        check_texts(self.comparison.texts())?;
        let number = self.entity.is_number(&self.key);
        if self.comparison.is_number().is_some_and(|compares_numbers| compares_numbers != number) {
            let (is, got) = if number { ("numbers", "text") } else { ("text", "numbers") };
            return Err(Error::Invalid(format!("`{}` is compared as {is}; got a comparison of {got}", self.key)));
        }
        if let Comparison::Like(pattern) | Comparison::ILike(pattern) = &self.comparison {
            let length = pattern.chars().count();
            if length > PATTERN_LENGTH {
                return Err(Error::Invalid(format!(
                    "a LIKE pattern must have at most {PATTERN_LENGTH} characters; got {length}"
                )));
            }
        }
        Ok(())
    }
}

impl RunQuery {
    /// Refuses what no backend can answer: an unknown attribute or field, numbers compared as text or the other way
    /// round, an order by datasets, a page without room, the NUL character. Every backend asks this first.
    ///
    /// # Errors
    /// [`Error::Invalid`] that names what was wrong.
    pub fn check(&self) -> Result<()> {
        if self.limit == 0 {
            return Err(Error::Invalid("a page must have room for at least 1 run; got 0".to_owned()));
        }
        check_texts(&self.experiment_ids)?;
        self.conditions.iter().try_for_each(Condition::check)?;
        for OrderBy { entity, key, .. } in &self.order_by {
            check_texts([key])?;
            entity.check_key(key)?;
            if *entity == Entity::Dataset {
                return Err(Error::Invalid(format!("runs cannot be ordered by the dataset field `{key}`")));
            }
        }
        Ok(())
    }
}
