//! Logged models in memory.

use super::{MemoryStore, Records, delete_tag, set_tag};
use crate::error::{Error, Result};
use crate::experiments::Lifecycle;
use crate::logged_models::{
    LoggedMetric, LoggedModel, LoggedModelOrder, LoggedModelQuery, LoggedModelStatus, LoggedModelStore, ModelMetric,
};
use crate::page_token::{PageToken, SortValue};
use crate::query::{Comparison, Condition, Entity, Page, Value};
use crate::runs::{Metric, Param, Tag};
use crate::text::{check_tags, check_texts};
use std::cmp::{Ordering, Reverse};

/// A number that tells equal measurements, NaN included.
fn bits(metric: &Metric) -> u64 {
    metric.value.to_bits()
}

fn is_same(a: &LoggedMetric, b: &LoggedMetric) -> bool {
    let key = |logged: &LoggedMetric| {
        let metric = &logged.measured.metric;
        (metric.step, metric.timestamp_ms, bits(metric))
    };
    key(a) == key(b)
        && a.run_id == b.run_id
        && a.measured.metric.key == b.measured.metric.key
        && a.measured.dataset_name == b.measured.dataset_name
        && a.measured.dataset_digest == b.measured.dataset_digest
}

impl Records {
    fn logged_model(&mut self, model_id: &str) -> Result<&mut LoggedModel> {
        self.logged_models.get_mut(model_id).ok_or_else(|| Error::logged_model_not_found(model_id))
    }

    /// Refuses measurements of models that are not there.
    pub(super) fn check_measured(&mut self, metrics: &[ModelMetric]) -> Result<()> {
        metrics.iter().try_for_each(|measured| self.logged_model(&measured.model_id).map(|_| ()))
    }

    /// Adds measurements of models that are there, those that are new.
    pub(super) fn measure(&mut self, run_id: &str, metrics: Vec<ModelMetric>) {
        for mut measured in metrics {
            let Some(model) = self.logged_models.get_mut(&measured.model_id) else { continue };
            measured.metric = measured.metric.normal();
            let logged = LoggedMetric { run_id: run_id.to_owned(), measured };
            if !model.metrics.iter().any(|there| is_same(there, &logged)) {
                model.metrics.push(logged);
            }
        }
    }

    fn search_logged_models(&self, query: &LoggedModelQuery) -> Result<Page<LoggedModel>> {
        let places = query.places();
        let after = PageToken::of(&places)?;
        let wanted = |model: &&LoggedModel| {
            let measured = || model.metrics.iter().any(|logged| is_on(query, &logged.measured));
            (query.experiment_ids.is_empty() || query.experiment_ids.contains(&model.experiment_id))
                && query.lifecycle.is_none_or(|lifecycle| model.lifecycle == lifecycle)
                && query.conditions.iter().all(|condition| holds(query, model, condition))
                && (query.datasets.is_empty() || query.asks_for_metrics() || measured())
        };
        let place = |model: &LoggedModel| {
            let keys = query.order_by.iter().map(|order| sort_value(model, order)).collect();
            PageToken::new(&places, keys, model.creation_time_ms, model.model_id.clone())
        };
        let mut found: Vec<(PageToken, &LoggedModel)> =
            self.logged_models.values().filter(wanted).map(|model| (place(model), model)).collect();
        found.sort_by(|(a, _), (b, _)| super::search::compare_places(&places.order_by, a, b));
        if let Some(after) = after {
            found.retain(|(place, _)| {
                super::search::compare_places(&places.order_by, place, &after) == Ordering::Greater
            });
        }
        let more = found.len() > query.limit;
        found.truncate(query.limit);
        let next_page_token = found.last().filter(|_| more).map(|(place, _)| place.encode());
        Ok(Page { items: found.into_iter().map(|(_, model)| whole(model)).collect(), next_page_token })
    }
}

/// A model as it is read: its metrics in order.
fn whole(model: &LoggedModel) -> LoggedModel {
    let mut model = model.clone();
    // A stable sort keeps the order of writing among equals.
    model.metrics.sort_by(|a, b| {
        let key = |logged: &LoggedMetric| (logged.measured.metric.step, logged.measured.metric.timestamp_ms);
        a.measured.metric.key.cmp(&b.measured.metric.key).then(key(a).cmp(&key(b)))
    });
    model
}

/// Whether a measurement was made on one of the datasets that are searched.
fn is_on(query: &LoggedModelQuery, measured: &ModelMetric) -> bool {
    query.datasets.is_empty() || query.datasets.iter().any(|dataset| dataset.selects(measured))
}

fn holds(query: &LoggedModelQuery, model: &LoggedModel, condition: &Condition) -> bool {
    let Condition { entity, key, comparison } = condition;
    let text = |found: Option<&str>| comparison.holds(found.map(Value::Text).as_ref());
    match entity {
        Entity::Metric => {
            let mut values = model
                .metrics
                .iter()
                .filter(|logged| logged.measured.metric.key == *key && is_on(query, &logged.measured))
                .map(|logged| Value::Number(logged.measured.metric.value));
            match comparison {
                Comparison::IsNull => values.next().is_none(),
                comparison => values.any(|value| comparison.holds(Some(&value))),
            }
        }
        Entity::Param => text(model.params.iter().find(|param| param.key == *key).map(|param| param.value.as_str())),
        Entity::Tag => text(model.tags.iter().find(|tag| tag.key == *key).map(|tag| tag.value.as_str())),
        Entity::Attribute => match attribute(model, key) {
            #[expect(clippy::cast_precision_loss, reason = "milliseconds stay below 2^53")]
            SortValue::Integer(time_ms) => comparison.holds(Some(&Value::Number(time_ms as f64))),
            SortValue::Text(found) => text(Some(&found)),
            SortValue::Number(_) | SortValue::Missing => text(None),
        },
        Entity::Dataset => false,
    }
}

fn attribute(model: &LoggedModel, key: &str) -> SortValue {
    let text = |text: &str| SortValue::Text(text.to_owned());
    let optional = |found: &Option<String>| found.as_deref().map_or(SortValue::Missing, text);
    match key {
        "model_id" => text(&model.model_id),
        "name" => text(&model.name),
        "model_type" => optional(&model.model_type),
        "status" => text(model.status.as_str()),
        "source_run_id" => optional(&model.source_run_id),
        "experiment_id" => text(&model.experiment_id),
        "creation_time" => SortValue::Integer(model.creation_time_ms),
        "last_update_time" => SortValue::Integer(model.last_update_time_ms),
        _ => SortValue::Missing,
    }
}

fn sort_value(model: &LoggedModel, LoggedModelOrder { by, dataset }: &LoggedModelOrder) -> SortValue {
    if by.entity == Entity::Attribute {
        return attribute(model, &by.key);
    }
    let is_wanted = |logged: &&LoggedMetric| {
        let measured = &logged.measured;
        measured.metric.key == by.key && dataset.as_ref().is_none_or(|dataset| dataset.selects(measured))
    };
    let last = model.metrics.iter().filter(is_wanted).max_by(|a, b| {
        let key = |logged: &LoggedMetric| {
            let metric = &logged.measured.metric;
            (metric.timestamp_ms, metric.step, Reverse(logged.run_id.clone()))
        };
        let value = |logged: &LoggedMetric| Some(logged.measured.metric.value).filter(|value| !value.is_nan());
        key(a).cmp(&key(b)).then(value(a).partial_cmp(&value(b)).unwrap_or(Ordering::Equal))
    });
    match last.map(|logged| logged.measured.metric.value) {
        Some(value) if !value.is_nan() => SortValue::Number(value),
        _ => SortValue::Missing,
    }
}

/// Writes params that do not change.
fn log_params(model: &mut LoggedModel, params: Vec<Param>) -> Result<()> {
    let mut all = model.params.clone();
    for param in params {
        match all.binary_search_by(|there| there.key.cmp(&param.key)) {
            Ok(at) if all[at].value != param.value => {
                return Err(Error::model_param_conflict(&model.model_id, &param.key, &all[at].value, &param.value));
            }
            Ok(_) => {}
            Err(at) => all.insert(at, param),
        }
    }
    model.params = all;
    Ok(())
}

#[async_trait::async_trait]
impl LoggedModelStore for MemoryStore {
    async fn create_logged_model(&self, mut model: LoggedModel) -> Result<()> {
        model.check()?;
        self.with(|records| {
            if records.experiment(&model.experiment_id)?.lifecycle == Lifecycle::Deleted {
                return Err(Error::Conflict(format!(
                    "the experiment {} is deleted; restore it before adding logged models",
                    model.experiment_id
                )));
            }
            if records.logged_models.contains_key(&model.model_id) {
                return Err(Error::AlreadyExists { kind: "logged model", id: model.model_id });
            }
            let params = std::mem::take(&mut model.params);
            log_params(&mut model, params)?;
            for tag in std::mem::take(&mut model.tags) {
                set_tag(&mut model.tags, tag);
            }
            model.metrics.clear();
            records.logged_models.insert(model.model_id.clone(), model);
            Ok(())
        })
    }

    async fn get_logged_model(&self, model_id: &str) -> Result<LoggedModel> {
        self.with(|records| records.logged_model(model_id).map(|model| whole(model)))
    }

    async fn finalize_logged_model(&self, model_id: &str, status: LoggedModelStatus, now_ms: i64) -> Result<()> {
        self.with(|records| {
            let model = records.logged_model(model_id)?;
            model.status = status;
            model.last_update_time_ms = now_ms;
            Ok(())
        })
    }

    async fn set_logged_model_lifecycle(&self, model_id: &str, lifecycle: Lifecycle, now_ms: i64) -> Result<()> {
        self.with(|records| {
            let model = records.logged_model(model_id)?;
            model.lifecycle = lifecycle;
            model.last_update_time_ms = now_ms;
            Ok(())
        })
    }

    async fn log_model_params(&self, model_id: &str, params: Vec<Param>) -> Result<()> {
        check_texts(params.iter().flat_map(|param| [&param.key, &param.value]))?;
        self.with(|records| log_params(records.logged_model(model_id)?, params))
    }

    async fn set_logged_model_tags(&self, model_id: &str, tags: Vec<Tag>) -> Result<()> {
        check_tags(&tags)?;
        self.with(|records| {
            let model = records.logged_model(model_id)?;
            tags.into_iter().for_each(|tag| set_tag(&mut model.tags, tag));
            Ok(())
        })
    }

    async fn delete_logged_model_tag(&self, model_id: &str, key: &str) -> Result<()> {
        self.with(|records| delete_tag(&mut records.logged_model(model_id)?.tags, key))
    }

    async fn search_logged_models(&self, query: &LoggedModelQuery) -> Result<Page<LoggedModel>> {
        query.check()?;
        self.with(|records| records.search_logged_models(query))
    }
}
