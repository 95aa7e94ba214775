//! Searches over lists that are short enough to be looked through: experiments, registered models, versions.

use crate::error::{Error, Result};
use crate::prompts::IS_PROMPT;
use crate::search::{Subject, parse_expression, parse_order_by};
use metria_store::{Condition, Entity, Facts, Page, Tag, Value};
use std::cmp::Ordering;

/// A search as people write it.
#[derive(Clone, Debug)]
pub struct Search {
    /// MLflow's filter language.
    pub filter: String,
    /// Such as `name ASC`.
    pub order_by: Vec<String>,
    /// Records on a page.
    pub max_results: usize,
    /// The token of the page before.
    pub page_token: Option<String>,
}

impl Default for Search {
    fn default() -> Self {
        Self { filter: String::new(), order_by: Vec::new(), max_results: 1_000, page_token: None }
    }
}

/// A value of a record.
#[derive(Clone, Debug, PartialEq, PartialOrd)]
pub(crate) enum Found {
    Integer(i64),
    Text(String),
}

impl Found {
    #[expect(clippy::cast_precision_loss, reason = "times in milliseconds and version numbers stay below 2^53")]
    fn as_value(&self) -> Value<'_> {
        match self {
            Self::Integer(number) => Value::Number(*number as f64),
            Self::Text(text) => Value::Text(text),
        }
    }
}

/// A record by what it answers.
struct Record<F>(F);

impl<F: Fn(Entity, &str) -> Option<Found>> Facts for Record<F> {
    fn fulfils(&self, condition: &Condition) -> bool {
        let found = (self.0)(condition.entity, &condition.key);
        condition.comparison.holds(found.as_ref().map(Found::as_value).as_ref())
    }

    fn number(&self, entity: Entity, key: &str) -> Option<f64> {
        match (self.0)(entity, key)?.as_value() {
            Value::Number(number) => Some(number),
            Value::Text(_) => None,
        }
    }
}

pub(crate) fn tag_value(tags: &[Tag], key: &str) -> Option<Found> {
    tags.iter().find(|tag| tag.key == key).map(|tag| Found::Text(tag.value.clone()))
}

/// A tag of the registry. Whatever lacks the tag of prompts is a model: clients ask for what is no prompt by `!=`, which
/// would leave out whatever has no such tag.
pub(crate) fn registry_tag_value(tags: &[Tag], key: &str) -> Option<Found> {
    tag_value(tags, key).or_else(|| (key == IS_PROMPT).then(|| Found::Text("false".to_owned())))
}

/// The records that a search wants, sorted and cut to a page. Records come in the order that breaks ties.
pub(crate) fn select<T>(
    subject: Subject,
    records: Vec<T>,
    search: &Search,
    value: impl Fn(&T, Entity, &str) -> Option<Found>,
) -> Result<Page<T>> {
    let expressions = parse_expression(subject, &search.filter)?;
    let orders = search.order_by.iter().map(|text| parse_order_by(subject, text));
    let orders = orders.collect::<std::result::Result<Vec<_>, _>>()?;
    let start = offset(search.page_token.as_deref())?;
    let wanted = |record: &T| {
        let facts = Record(|entity, key: &str| value(record, entity, key));
        expressions.iter().all(|expression| expression.holds(&facts))
    };
    let mut found: Vec<T> = records.into_iter().filter(wanted).collect();
    found.sort_by(|a, b| {
        orders.iter().fold(Ordering::Equal, |so_far, order| {
            so_far.then_with(|| {
                let of = |record| value(record, order.entity, &order.key);
                missing_last(of(a), of(b), order.ascending)
            })
        })
    });
    let end = start.saturating_add(search.max_results.max(1));
    let more = found.len() > end;
    let items = found.into_iter().skip(start).take(end - start).collect();
    Ok(Page { items, next_page_token: more.then(|| format!("o{end}")) })
}

fn missing_last(a: Option<Found>, b: Option<Found>, ascending: bool) -> Ordering {
    match (a, b) {
        (Some(a), Some(b)) => {
            let ordering = a.partial_cmp(&b).unwrap_or(Ordering::Equal);
            if ascending { ordering } else { ordering.reverse() }
        }
        (a, b) => b.is_some().cmp(&a.is_some()),
    }
}

pub(crate) fn offset(token: Option<&str>) -> Result<usize> {
    let Some(token) = token.filter(|token| !token.is_empty()) else { return Ok(0) };
    let number = token.strip_prefix('o').and_then(|digits| digits.parse().ok());
    number.ok_or_else(|| Error::PageToken(token.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(record: &(String, i64), _: Entity, key: &str) -> Option<Found> {
        match key {
            "name" => Some(Found::Text(record.0.clone())),
            "creation_time" => (record.1 > 0).then_some(Found::Integer(record.1)),
            _ => None,
        }
    }

    fn names(search: &Search) -> (Vec<String>, Option<String>) {
        let records = [("b", 2), ("a", 3), ("c", 0), ("ab", 1)].map(|(name, time)| (name.to_owned(), time));
        let page = select(Subject::Experiments, records.to_vec(), search, value).unwrap();
        (page.items.into_iter().map(|(name, _)| name).collect(), page.next_page_token)
    }

    #[test]
    fn filters_orders_and_pages() {
        let filtered = Search { filter: "name LIKE 'a%' AND creation_time >= 1".to_owned(), ..Search::default() };
        assert_eq!(names(&filtered).0, ["a", "ab"]);
        for (order, expected) in
            [("creation_time ASC", ["ab", "b", "a", "c"]), ("creation_time DESC", ["a", "b", "ab", "c"])]
        {
            let sorted = Search { order_by: vec![order.to_owned()], ..Search::default() };
            assert_eq!(names(&sorted).0, expected, "{order}: what has none comes last");
        }
        let mut page = Search { max_results: 3, order_by: vec!["name".to_owned()], ..Search::default() };
        let (first, token) = names(&page);
        page.page_token = token;
        assert_eq!((first, names(&page)), (vec!["a".into(), "ab".into(), "b".into()], (vec!["c".into()], None)));
        page.page_token = Some("x".to_owned());
        assert!(select(Subject::Experiments, Vec::new(), &page, value).is_err());
        assert!(names(&Search { max_results: 4, ..Search::default() }).1.is_none(), "a full page may be the last");
    }
}
