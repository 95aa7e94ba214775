//! SQL under construction: text with numbered places for values.

use metria_store::SortValue;

/// Whose SQL it is, where the two differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// SQLite's.
    Sqlite,
    /// PostgreSQL's.
    Postgres,
}

/// A value for a place in the text.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    /// A text.
    Text(String),
    /// A number.
    Number(f64),
    /// A time.
    Integer(i64),
    /// A text that may be missing.
    Maybe(Option<String>),
}

impl Value {
    /// The value that a run has under an order; nothing when it has none.
    pub(crate) fn of(value: &SortValue) -> Option<Self> {
        match value {
            SortValue::Missing => None,
            SortValue::Number(number) => Some(Self::Number(*number)),
            SortValue::Integer(integer) => Some(Self::Integer(*integer)),
            SortValue::Text(text) => Some(Self::Text(text.clone())),
        }
    }
}

/// Text and values; both databases number their places `$1`, `$2` …
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Sql {
    /// The text.
    pub(crate) text: String,
    /// The values, in the order of their numbers.
    pub(crate) values: Vec<Value>,
}

impl Sql {
    /// Adds text as it is.
    pub(crate) fn push(&mut self, text: impl AsRef<str>) -> &mut Self {
        self.text.push_str(text.as_ref());
        self
    }

    /// Adds a place and its value.
    pub(crate) fn value(&mut self, value: Value) -> &mut Self {
        self.values.push(value);
        self.text.push_str(&format!("${}", self.values.len()));
        self
    }

    /// Keeps a value and returns its place, which may stand in several parts of the text.
    pub(crate) fn place(&mut self, value: Value) -> String {
        self.values.push(value);
        format!("${}", self.values.len())
    }

    /// Adds a place for a text.
    pub(crate) fn words(&mut self, text: impl Into<String>) -> &mut Self {
        self.value(Value::Text(text.into()))
    }

    /// Adds `(a, b, …)`; the empty list is written so that nothing is in it.
    pub(crate) fn list(&mut self, texts: &[String]) -> &mut Self {
        if texts.is_empty() {
            return self.push("(SELECT '' WHERE 1 = 0)");
        }
        for (at, text) in texts.iter().enumerate() {
            self.push(if at == 0 { "(" } else { ", " }).words(text);
        }
        self.push(")")
    }
}
