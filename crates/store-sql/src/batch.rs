//! A batch as it is written: each key once, the latest of each metric found.

use metria_store::{DatasetInput, Error, LogBatch, Metric, Param, Result, Tag};
use std::collections::{BTreeMap, HashSet};

/// What a batch comes to.
pub(crate) struct Batch {
    /// Each measurement once, in the order of writing.
    pub(crate) metrics: Vec<Metric>,
    /// What is kept of each metric, by key, so that all writers lock rows in the same order.
    pub(crate) latest: Vec<Latest>,
    /// Each param once, by key.
    pub(crate) params: Vec<Param>,
    /// The last value of each tag, by key.
    pub(crate) tags: Vec<Tag>,
    /// The last of each input, by name and digest.
    pub(crate) inputs: Vec<DatasetInput>,
}

/// What a batch says of one metric.
pub(crate) struct Latest {
    /// The latest measurement.
    pub(crate) metric: Metric,
    /// The least number.
    pub(crate) min: Option<f64>,
    /// The greatest number.
    pub(crate) max: Option<f64>,
}

impl Batch {
    /// Brings a batch for a run into order.
    ///
    /// # Errors
    /// `Conflict` when it gives one param two values, `Invalid` when a text cannot be stored.
    pub(crate) fn new(run_id: &str, batch: LogBatch) -> Result<Self> {
        batch.check()?;
        let mut params: BTreeMap<String, String> = BTreeMap::new();
        for Param { key, value } in batch.params {
            match params.get(&key) {
                Some(first) if *first != value => return Err(Error::param_conflict(run_id, &key, first, &value)),
                _ => params.insert(key, value),
            };
        }
        let metrics = distinct(batch.metrics);
        Ok(Self {
            latest: latest(&metrics),
            metrics,
            params: params.into_iter().map(|(key, value)| Param { key, value }).collect(),
            tags: last_tags(batch.tags),
            inputs: last_inputs(batch.inputs),
        })
    }
}

fn distinct(metrics: Vec<Metric>) -> Vec<Metric> {
    let metrics: Vec<Metric> = metrics.into_iter().map(Metric::normal).collect();
    let mut seen = HashSet::new();
    let is_new: Vec<bool> = metrics
        .iter()
        .map(|metric| seen.insert((metric.key.as_str(), metric.step, metric.timestamp_ms, metric.value.to_bits())))
        .collect();
    metrics.into_iter().zip(is_new).filter_map(|(metric, is_new)| is_new.then_some(metric)).collect()
}

fn latest(metrics: &[Metric]) -> Vec<Latest> {
    let mut latest: BTreeMap<&str, (&Metric, Option<f64>, Option<f64>)> = BTreeMap::new();
    for metric in metrics {
        let (present, min, max) = latest.entry(&metric.key).or_insert((metric, None, None));
        if metric.is_later_than(present) {
            *present = metric;
        }
        if let Some(value) = stored(metric.value) {
            *min = Some(min.map_or(value, |min| min.min(value)));
            *max = Some(max.map_or(value, |max| max.max(value)));
        }
    }
    latest.into_values().map(|(metric, min, max)| Latest { metric: metric.clone(), min, max }).collect()
}

/// The last value of each tag, by key.
pub(crate) fn last_tags(tags: Vec<Tag>) -> Vec<Tag> {
    let last: BTreeMap<String, String> = tags.into_iter().map(|tag| (tag.key, tag.value)).collect();
    last.into_iter().map(|(key, value)| Tag { key, value }).collect()
}

fn last_inputs(inputs: Vec<DatasetInput>) -> Vec<DatasetInput> {
    let last: BTreeMap<(String, String), DatasetInput> =
        inputs.into_iter().map(|input| ((input.name.clone(), input.digest.clone()), input)).collect();
    last.into_values().collect()
}

/// NaN is NULL in both databases, so that it is below every number in one order and missing in another.
pub(crate) fn stored(value: f64) -> Option<f64> {
    (!value.is_nan()).then_some(value)
}
