//! MLflow's search language: conditions joined by AND, such as
//! `metrics.accuracy > 0.8 AND params.model = 'forest' AND tags.team ILIKE 'a%'`; and what goes beyond it: OR, NOT,
//! parentheses, arithmetic, and numbers about all measurements of a metric, such as
//! `NOT (metrics.train - metrics.test > 0.1 OR min(metrics.loss) > 2)`. `docs/search.md` has the grammar.

mod lexer;
mod parser;
#[cfg(test)]
mod tests;

use metria_store::logged_models::LOGGED_MODEL_ATTRIBUTES;
use metria_store::query::RUN_ATTRIBUTES;
use metria_store::{Condition, Entity, Expression, OrderBy};
use parser::Parser;

/// A text that is not of the language, with the place where it stops being so.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("at character {position} of `{}`: {expected} is expected; got {got}", excerpt(text))]
pub struct SearchError {
    /// The whole text.
    pub text: String,
    /// Characters before the place.
    pub position: usize,
    /// What may stand there.
    pub expected: String,
    /// What stands there.
    pub got: String,
}

/// A text, or the beginning of a long one.
fn excerpt(text: &str) -> String {
    match text.char_indices().nth(1_000) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// What is searched, which decides what a condition may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// Runs: metrics, params, tags, attributes and datasets.
    Runs,
    /// Experiments: tags and attributes.
    Experiments,
    /// Registered models: tags and attributes.
    Models,
    /// Model versions: tags and attributes.
    Versions,
    /// Evaluation datasets: tags and attributes.
    Datasets,
    /// Logged models: metrics, params, tags and attributes.
    LoggedModels,
}

impl Subject {
    fn attributes(self) -> &'static [&'static str] {
        match self {
            Self::Runs => &RUN_ATTRIBUTES,
            Self::LoggedModels => &LOGGED_MODEL_ATTRIBUTES,
            Self::Experiments => &["name", "creation_time", "last_update_time"],
            Self::Models => &["name", "creation_timestamp", "last_updated_timestamp"],
            Self::Datasets => &["name", "created_time", "last_update_time", "created_by", "last_updated_by"],
            Self::Versions => {
                &["name", "run_id", "source_path", "version_number", "creation_timestamp", "last_updated_timestamp"]
            }
        }
    }

    pub(crate) fn attribute(self, key: &str) -> Option<&'static str> {
        let key = key.to_ascii_lowercase();
        let alias = match (self, key.as_str()) {
            (Self::Runs, "created") => "start_time",
            (Self::Runs, "run name") => "run_name",
            (Self::Runs, "user") => "user_id",
            (Self::Models | Self::Versions, "timestamp") => "last_updated_timestamp",
            (Self::LoggedModels, "creation_timestamp" | "creation_timestamp_ms") => "creation_time",
            (Self::LoggedModels, "last_updated_timestamp" | "last_updated_timestamp_ms") => "last_update_time",
            (_, other) => other,
        };
        self.attributes().iter().copied().find(|name| *name == alias)
    }

    fn has(self, entity: Entity) -> bool {
        match self {
            Self::Runs => true,
            Self::LoggedModels => !matches!(entity, Entity::Dataset | Entity::Series(_)),
            Self::Experiments | Self::Models | Self::Versions | Self::Datasets => {
                matches!(entity, Entity::Attribute | Entity::Tag)
            }
        }
    }
}

/// Whether the values of a key are numbers.
fn is_number(entity: Entity, key: &str) -> bool {
    match entity {
        Entity::Metric | Entity::Series(_) => true,
        Entity::Attribute => ["_time", "_timestamp", "_number"].iter().any(|ending| key.ends_with(ending)),
        Entity::Param | Entity::Tag | Entity::Dataset => false,
    }
}

fn entity(name: &str) -> Option<Entity> {
    match name.to_ascii_lowercase().as_str() {
        "metric" | "metrics" => Some(Entity::Metric),
        "param" | "params" | "parameter" | "parameters" => Some(Entity::Param),
        "tag" | "tags" => Some(Entity::Tag),
        "attribute" | "attributes" | "attr" | "run" => Some(Entity::Attribute),
        "dataset" | "datasets" => Some(Entity::Dataset),
        _ => None,
    }
}

/// Reads a filter in the whole language; the empty text is no condition. All of what it returns must hold.
///
/// # Errors
/// [`SearchError`] with the place.
pub fn parse_expression(subject: Subject, text: &str) -> Result<Vec<Expression>, SearchError> {
    Parser::new(subject, text)?.filter()
}

/// Reads a filter of conditions joined by AND, and nothing else; the empty text is no condition.
///
/// # Errors
/// [`SearchError`] with the place.
pub fn parse_filter(subject: Subject, text: &str) -> Result<Vec<Condition>, SearchError> {
    Parser::new(subject, text)?.conditions()
}

/// Reads an order such as `metrics.accuracy DESC` or `min(metrics.loss)`; ascending when nothing is said.
///
/// # Errors
/// [`SearchError`] with the place.
pub fn parse_order_by(subject: Subject, text: &str) -> Result<OrderBy, SearchError> {
    Parser::new(subject, text)?.order()
}

/// Reads a key alone, such as `params.depth`.
///
/// # Errors
/// [`SearchError`] with the place.
pub(crate) fn parse_key(subject: Subject, text: &str) -> Result<(Entity, String), SearchError> {
    Parser::new(subject, text)?.only_key()
}

/// Conditions that an index can answer, and the rest.
pub(crate) fn split(expressions: Vec<Expression>) -> (Vec<Condition>, Vec<Expression>) {
    let mut conditions = Vec::new();
    let mut rest = Vec::new();
    for expression in expressions {
        match expression {
            Expression::Condition(condition) => conditions.push(condition),
            other => rest.push(other),
        }
    }
    (conditions, rest)
}
