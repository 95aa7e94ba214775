//! A search over traces, already parsed and checked, and where its pages begin.

use crate::error::{Error, Result};
use crate::page_token::SortValue;
use crate::query::{Comparison, PATTERN_LENGTH};
use crate::text::check_texts;
use serde::{Deserialize, Serialize};

/// The attributes of a trace that conditions and orders may name; those that end in `_ms` are numbers.
pub const TRACE_ATTRIBUTES: [&str; 7] = [
    "trace_id",
    "experiment_id",
    "client_request_id",
    "state",
    "request_time_ms",
    "execution_duration_ms",
    "end_time_ms",
];
/// The fields of a span that conditions may name.
pub const SPAN_FIELDS: [&str; 3] = ["name", "type", "status"];

/// What a condition or an order looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TraceField {
    /// One of [`TRACE_ATTRIBUTES`].
    Attribute,
    /// A tag.
    Tag,
    /// Metadata.
    Metadata,
    /// One of [`SPAN_FIELDS`]. All conditions on spans must hold for one span.
    Span,
    /// An attribute of a span: a text as it is, everything else as JSON.
    SpanAttribute,
    /// The name and content of a span as one text.
    SpanText,
    /// The value of a valid feedback of that name: a number, or JSON; equal texts also fit without their quotes.
    Feedback,
    /// The same of an expectation.
    Expectation,
    /// The id of an issue that the trace refers to; the key says nothing.
    Issue,
    /// The run that the trace was made in or linked to; the key says nothing.
    Run,
    /// A prompt version (`name/version`) that the trace used; the key says nothing.
    Prompt,
}

/// One condition; all of a query's must hold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TraceCondition {
    /// What it looks at.
    pub field: TraceField,
    /// The key within it.
    pub key: String,
    /// How it compares.
    pub comparison: Comparison,
}

/// One order of a result: by an attribute, tag or metadata.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TraceOrder {
    /// What it looks at.
    pub field: TraceField,
    /// The key within it.
    pub key: String,
    /// Smallest first.
    pub ascending: bool,
}

/// A search over traces.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TraceQuery {
    /// In these experiments; empty means all.
    pub experiment_ids: Vec<String>,
    /// All must hold.
    pub conditions: Vec<TraceCondition>,
    /// First order first.
    pub order_by: Vec<TraceOrder>,
    /// Traces on a page, at least 1.
    pub limit: usize,
    /// The token of the page before; opaque, refused with `Invalid` when broken.
    pub page_token: Option<String>,
}

/// Whether an attribute is a number.
#[must_use]
pub fn is_number(attribute: &str) -> bool {
    attribute.ends_with("_ms")
}

impl TraceField {
    fn check_key(self, key: &str) -> Result<()> {
        let known: &[&str] = match self {
            Self::Attribute => &TRACE_ATTRIBUTES,
            Self::Span => &SPAN_FIELDS,
            _ => return Ok(()),
        };
        if known.contains(&key) {
            return Ok(());
        }
        let what = if self == Self::Span { "spans have no field" } else { "traces have no attribute" };
        Err(Error::Invalid(format!("{what} `{key}`; there are {}", known.join(", "))))
    }
}

impl TraceCondition {
    fn fits(&self) -> bool {
        let numeric = matches!(
            self.comparison,
            Comparison::NumberEquals(_)
                | Comparison::NumberNotEquals(_)
                | Comparison::Greater(_)
                | Comparison::GreaterOrEqual(_)
                | Comparison::Less(_)
                | Comparison::LessOrEqual(_)
        );
        let presence = matches!(self.comparison, Comparison::IsNull | Comparison::IsNotNull);
        let list = matches!(self.comparison, Comparison::In(_) | Comparison::NotIn(_));
        match self.field {
            TraceField::Attribute => presence || numeric == is_number(&self.key),
            TraceField::Tag | TraceField::Metadata => !numeric,
            TraceField::Span | TraceField::SpanAttribute => !numeric && !presence,
            TraceField::SpanText => matches!(self.comparison, Comparison::Like(_) | Comparison::ILike(_)),
            TraceField::Feedback | TraceField::Expectation => !list,
            TraceField::Issue | TraceField::Run | TraceField::Prompt => {
                matches!(self.comparison, Comparison::TextEquals(_))
            }
        }
    }

    fn check(&self) -> Result<()> {
        self.field.check_key(&self.key)?;
        check_texts([&self.key])?;
        if !self.fits() {
            return Err(Error::Invalid(format!("`{}` cannot be compared like that", self.key)));
        }
        match &self.comparison {
            Comparison::Like(pattern) | Comparison::ILike(pattern) => {
                let length = pattern.chars().count();
                if length > PATTERN_LENGTH {
                    return Err(Error::Invalid(format!(
                        "a LIKE pattern must have at most {PATTERN_LENGTH} characters; got {length}"
                    )));
                }
                check_texts([pattern])
            }
            Comparison::TextEquals(text) | Comparison::TextNotEquals(text) => check_texts([text]),
            Comparison::In(texts) | Comparison::NotIn(texts) => check_texts(texts),
            _ => Ok(()),
        }
    }
}

impl TraceQuery {
    /// Refuses what no backend can answer: an unknown attribute, numbers compared as text or the other way round, an
    /// order by spans or assessments, a page without room, the NUL character. Every backend asks this first.
    ///
    /// # Errors
    /// [`Error::Invalid`] that names what was wrong.
    pub fn check(&self) -> Result<()> {
        if self.limit == 0 {
            return Err(Error::Invalid("a page must have room for at least 1 trace; got 0".to_owned()));
        }
        check_texts(&self.experiment_ids)?;
        self.conditions.iter().try_for_each(TraceCondition::check)?;
        for TraceOrder { field, key, .. } in &self.order_by {
            check_texts([key])?;
            field.check_key(key)?;
            if !matches!(field, TraceField::Attribute | TraceField::Tag | TraceField::Metadata) {
                return Err(Error::Invalid(format!("traces cannot be ordered by `{key}`")));
            }
        }
        Ok(())
    }
}

/// The place of a trace in the order of a search.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TracePlace {
    /// What it has under each order of the query.
    #[serde(rename = "k")]
    pub keys: Vec<SortValue>,
    /// The first tie-breaker, descending.
    #[serde(rename = "s")]
    pub request_time_ms: i64,
    /// The second tie-breaker, ascending.
    #[serde(rename = "t")]
    pub trace_id: String,
    /// The orders it was made under.
    #[serde(rename = "o")]
    order_by: Vec<TraceOrder>,
}

impl TracePlace {
    /// The place of a trace in the order of a query.
    #[must_use]
    pub fn new(query: &TraceQuery, keys: Vec<SortValue>, request_time_ms: i64, trace_id: String) -> Self {
        Self { keys, request_time_ms, trace_id, order_by: query.order_by.clone() }
    }

    /// The place as a page token.
    #[must_use]
    pub fn encode(&self) -> String {
        let json = serde_json::to_vec(self).expect("texts and numbers are always JSON");
        json.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Where the page of a query begins; nothing for a first page.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the token was not given out by a store, or for another order.
    pub fn of(query: &TraceQuery) -> Result<Option<Self>> {
        let Some(text) = &query.page_token else { return Ok(None) };
        let invalid = |why: &str| Error::Invalid(format!("the page token `{text}` {why}"));
        let place: Self = decode(text)
            .and_then(|json| serde_json::from_slice(&json).ok())
            .ok_or_else(|| invalid("was not given out by this store"))?;
        if place.order_by != query.order_by || !place.fits() {
            return Err(invalid("belongs to a search in another order"));
        }
        Ok(Some(place))
    }

    fn fits(&self) -> bool {
        let kinds_fit = self.keys.iter().zip(&self.order_by).all(|(key, order)| match key {
            SortValue::Missing => true,
            SortValue::Number(_) => false,
            SortValue::Integer(_) => order.field == TraceField::Attribute && is_number(&order.key),
            SortValue::Text(text) => {
                let is_time = order.field == TraceField::Attribute && is_number(&order.key);
                !is_time && !text.contains('\0')
            }
        });
        kinds_fit && self.keys.len() == self.order_by.len() && !self.trace_id.contains('\0')
    }
}

fn decode(text: &str) -> Option<Vec<u8>> {
    if !text.is_ascii() || !text.len().is_multiple_of(2) {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok()).collect()
}
