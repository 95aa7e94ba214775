//! A batch as it is written: each key once, the latest of each metric found.

use metria_store::{DatasetInput, Error, LogBatch, Metric, ModelMetric, ModelOutput, Param, Result, Tag};
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// What a batch comes to.
pub(crate) struct Batch {
    /// Each measurement once, in the order of writing.
    pub(crate) metrics: Vec<Metric>,
    /// The latest of each metric, by key, so that all writers lock rows in the same order.
    pub(crate) latest: Vec<Metric>,
    /// Each param once, by key.
    pub(crate) params: Vec<Param>,
    /// The last value of each tag, by key.
    pub(crate) tags: Vec<Tag>,
    /// The last of each input, by name and digest.
    pub(crate) inputs: Vec<DatasetInput>,
    /// Each logged model that was used once, by id.
    pub(crate) model_inputs: Vec<String>,
    /// The last step of each logged model that was made, by id.
    pub(crate) model_outputs: Vec<ModelOutput>,
    /// Each measurement of a logged model once, in the order of writing.
    pub(crate) model_metrics: Vec<ModelMetric>,
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
            model_inputs: batch.model_inputs.into_iter().collect::<BTreeSet<_>>().into_iter().collect(),
            model_outputs: last_outputs(batch.model_outputs),
            model_metrics: distinct_of_models(batch.model_metrics),
        })
    }
}

impl Batch {
    /// The logged models that were used and made: role, id and step.
    pub(crate) fn model_links(&self) -> Vec<(&'static str, &str, i64)> {
        let used = self.model_inputs.iter().map(|model_id| ("input", model_id.as_str(), 0));
        let made = self.model_outputs.iter().map(|output| ("output", output.model_id.as_str(), output.step));
        used.chain(made).collect()
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

fn distinct_of_models(metrics: Vec<ModelMetric>) -> Vec<ModelMetric> {
    let mut seen = HashSet::new();
    let normal = |measured: ModelMetric| ModelMetric { metric: measured.metric.normal(), ..measured };
    let mut metrics: Vec<ModelMetric> = metrics.into_iter().map(normal).collect();
    metrics.retain(|ModelMetric { model_id, metric, dataset_name, dataset_digest }| {
        let place = (metric.key.clone(), metric.step, metric.timestamp_ms, metric.value.to_bits());
        seen.insert((model_id.clone(), place, dataset_name.clone(), dataset_digest.clone()))
    });
    metrics
}

fn latest(metrics: &[Metric]) -> Vec<Metric> {
    let mut latest: BTreeMap<&str, &Metric> = BTreeMap::new();
    for metric in metrics {
        let present = latest.entry(&metric.key).or_insert(metric);
        if metric.is_later_than(present) {
            *present = metric;
        }
    }
    latest.into_values().cloned().collect()
}

/// The last value of each tag, by key.
pub(crate) fn last_tags(tags: Vec<Tag>) -> Vec<Tag> {
    let last: BTreeMap<String, String> = tags.into_iter().map(|tag| (tag.key, tag.value)).collect();
    last.into_iter().map(|(key, value)| Tag { key, value }).collect()
}

fn last_outputs(outputs: Vec<ModelOutput>) -> Vec<ModelOutput> {
    let last: BTreeMap<String, i64> = outputs.into_iter().map(|output| (output.model_id, output.step)).collect();
    last.into_iter().map(|(model_id, step)| ModelOutput { model_id, step }).collect()
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
