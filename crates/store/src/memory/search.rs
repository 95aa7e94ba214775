//! A search over runs in memory: filter, sort, cut a page.

use super::Records;
use super::runs::StoredRun;
use crate::error::Result;
use crate::page_token::{PageToken, SortValue};
use crate::query::{Comparison, Condition, Entity, OrderBy, Page, RunQuery, Value};
use crate::runs::Run;
use std::cmp::Ordering;

fn value<'a>(run: &'a StoredRun, entity: Entity, key: &str) -> Option<Value<'a>> {
    match entity {
        Entity::Metric => run.metrics.get(key).map(|series| Value::Number(series.latest().value)),
        Entity::Param => run.params.get(key).map(|value| Value::Text(value)),
        Entity::Tag => run.tags.iter().find(|tag| tag.key == key).map(|tag| Value::Text(&tag.value)),
        Entity::Attribute => attribute(run, key),
        Entity::Dataset => None,
    }
}

/// Times as numbers, exact within 285,000 years of 1970.
#[expect(clippy::cast_precision_loss, reason = "milliseconds stay below 2^53")]
fn time(time_ms: i64) -> Value<'static> {
    Value::Number(time_ms as f64)
}

fn attribute<'a>(run: &'a StoredRun, key: &str) -> Option<Value<'a>> {
    let info = &run.info;
    match key {
        "run_id" => Some(Value::Text(&info.run_id)),
        "run_name" => Some(Value::Text(&info.run_name)),
        "status" => Some(Value::Text(info.status.as_str())),
        "user_id" => Some(Value::Text(&info.user_id)),
        "artifact_uri" => Some(Value::Text(&info.artifact_uri)),
        "start_time" => Some(time(info.start_time_ms)),
        "end_time" => info.end_time_ms.map(time),
        _ => None,
    }
}

fn holds(run: &StoredRun, condition: &Condition) -> bool {
    let Condition { entity, key, comparison } = condition;
    if *entity != Entity::Dataset {
        return comparison.holds(value(run, *entity, key).as_ref());
    }
    let fields = run.inputs.values().filter_map(|input| match key.as_str() {
        "name" => Some(input.name.as_str()),
        "digest" => Some(input.digest.as_str()),
        _ => input.context.as_deref(),
    });
    let mut fields = fields.map(Value::Text);
    match comparison {
        Comparison::IsNull => fields.next().is_none(),
        comparison => fields.any(|field| comparison.holds(Some(&field))),
    }
}

fn sort_value(run: &StoredRun, order: &OrderBy) -> SortValue {
    match (order.entity, order.key.as_str()) {
        (Entity::Attribute, "start_time") => SortValue::Integer(run.info.start_time_ms),
        (Entity::Attribute, "end_time") => run.info.end_time_ms.map_or(SortValue::Missing, SortValue::Integer),
        (entity, key) => match value(run, entity, key) {
            Some(Value::Number(number)) if !number.is_nan() => SortValue::Number(number),
            Some(Value::Text(text)) => SortValue::Text(text.to_owned()),
            _ => SortValue::Missing,
        },
    }
}

/// The place of a run.
fn place(query: &RunQuery, run: &StoredRun) -> PageToken {
    let keys = query.order_by.iter().map(|order| sort_value(run, order)).collect();
    PageToken::new(query, keys, run.info.start_time_ms, run.info.run_id.clone())
}

fn compare_keys(a: &SortValue, b: &SortValue, ascending: bool) -> Ordering {
    let ordering = match (a, b) {
        (SortValue::Missing, SortValue::Missing) => return Ordering::Equal,
        (SortValue::Missing, _) => return Ordering::Greater,
        (_, SortValue::Missing) => return Ordering::Less,
        (SortValue::Number(a), SortValue::Number(b)) => a.partial_cmp(b).unwrap_or(Ordering::Equal),
        (SortValue::Integer(a), SortValue::Integer(b)) => a.cmp(b),
        (SortValue::Text(a), SortValue::Text(b)) => a.cmp(b),
        _ => Ordering::Equal,
    };
    if ascending { ordering } else { ordering.reverse() }
}

pub(super) fn compare_places(order_by: &[OrderBy], a: &PageToken, b: &PageToken) -> Ordering {
    let keys = order_by.iter().zip(a.keys.iter().zip(&b.keys));
    let by_keys =
        keys.fold(Ordering::Equal, |so_far, (order, (a, b))| so_far.then_with(|| compare_keys(a, b, order.ascending)));
    by_keys.then_with(|| b.start_time_ms.cmp(&a.start_time_ms)).then_with(|| a.run_id.cmp(&b.run_id))
}

impl Records {
    pub(super) fn search(&self, query: &RunQuery) -> Result<Page<Run>> {
        let after = PageToken::of(query)?;
        let wanted = |run: &&StoredRun| {
            (query.experiment_ids.is_empty() || query.experiment_ids.contains(&run.info.experiment_id))
                && query.lifecycle.is_none_or(|lifecycle| run.info.lifecycle == lifecycle)
                && query.conditions.iter().all(|condition| holds(run, condition))
        };
        let mut found: Vec<(PageToken, &StoredRun)> =
            self.runs.values().filter(wanted).map(|run| (place(query, run), run)).collect();
        found.sort_by(|(a, _), (b, _)| compare_places(&query.order_by, a, b));
        if let Some(after) = after {
            found.retain(|(place, _)| compare_places(&query.order_by, place, &after) == Ordering::Greater);
        }
        let more = found.len() > query.limit;
        found.truncate(query.limit);
        let next_page_token = found.last().filter(|_| more).map(|(place, _)| place.encode());
        Ok(Page { items: found.into_iter().map(|(_, run)| run.whole()).collect(), next_page_token })
    }
}
