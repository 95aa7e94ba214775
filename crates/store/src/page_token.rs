//! Where a page of runs begins, as an opaque text: the place of the last run of the page before, by value. Runs that are
//! added or removed between two pages therefore shift nothing.

use crate::error::{Error, Result};
use crate::query::{Entity, OrderBy, RunQuery};
use serde::{Deserialize, Serialize};

/// What a run has under one order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum SortValue {
    /// Nothing; such runs come last. A metric that is NaN counts as nothing.
    #[serde(rename = "m")]
    Missing,
    /// A metric.
    #[serde(rename = "f", with = "crate::runs::json_f64")]
    Number(f64),
    /// A time.
    #[serde(rename = "i")]
    Integer(i64),
    /// A text.
    #[serde(rename = "t")]
    Text(String),
}

/// The place of a run in the order of a search.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PageToken {
    /// What it has under each order of the query.
    #[serde(rename = "k")]
    pub keys: Vec<SortValue>,
    /// The first tie-breaker, descending.
    #[serde(rename = "s")]
    pub start_time_ms: i64,
    /// The second tie-breaker, ascending.
    #[serde(rename = "r")]
    pub run_id: String,
    /// The orders it was made under.
    #[serde(rename = "o")]
    order: u64,
}

impl PageToken {
    /// The place of a run in the order of a query.
    #[must_use]
    pub fn new(query: &RunQuery, keys: Vec<SortValue>, start_time_ms: i64, run_id: String) -> Self {
        Self { keys, start_time_ms, run_id, order: fingerprint(&query.order_by) }
    }

    /// The token as text.
    #[must_use]
    pub fn encode(&self) -> String {
        let json = serde_json::to_vec(self).expect("texts and numbers are always JSON");
        json.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The token of a query; nothing for a first page.
    ///
    /// # Errors
    /// [`Error::Invalid`] when it was not given out by a store, or for another order.
    pub fn of(query: &RunQuery) -> Result<Option<Self>> {
        let Some(text) = &query.page_token else { return Ok(None) };
        let invalid = |why: &str| Error::Invalid(format!("the page token `{text}` {why}"));
        let token: Self = decode(text)
            .and_then(|json| serde_json::from_slice(&json).ok())
            .ok_or_else(|| invalid("was not given out by this store"))?;
        if token.order != fingerprint(&query.order_by) || !token.fits(&query.order_by) {
            return Err(invalid("belongs to a search in another order"));
        }
        if token.run_id.contains('\0') {
            return Err(invalid("was not given out by this store"));
        }
        Ok(Some(token))
    }

    fn fits(&self, order_by: &[OrderBy]) -> bool {
        let kinds_fit = self.keys.iter().zip(order_by).all(|(key, order)| match key {
            SortValue::Missing => true,
            SortValue::Number(number) => matches!(order.entity, Entity::Metric | Entity::Series(_)) && !number.is_nan(),
            SortValue::Integer(_) => order.entity == Entity::Attribute && order.key.ends_with("_time"),
            SortValue::Text(text) => {
                let is_time = order.entity == Entity::Attribute && order.key.ends_with("_time");
                let is_metric = matches!(order.entity, Entity::Metric | Entity::Series(_));
                !is_metric && !is_time && !text.contains('\0')
            }
        });
        kinds_fit && self.keys.len() == order_by.len()
    }
}

fn decode(text: &str) -> Option<Vec<u8>> {
    if !text.is_ascii() || !text.len().is_multiple_of(2) {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok()).collect()
}

/// FNV-1a (64 bits) over the orders, so that a token is not taken for another search's.
fn fingerprint(order_by: &[OrderBy]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut add = |bytes: &[u8]| {
        for byte in bytes {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    };
    for OrderBy { entity, key, ascending } in order_by {
        add(&[code(*entity), u8::from(*ascending)]);
        add(key.as_bytes());
        add(&[0]);
    }
    hash
}

fn code(entity: Entity) -> u8 {
    match entity {
        Entity::Metric => 0,
        Entity::Param => 1,
        Entity::Tag => 2,
        Entity::Attribute => 3,
        Entity::Dataset => 4,
        Entity::Series(statistic) => 5 + statistic as u8,
    }
}
