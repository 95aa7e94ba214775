//! Evaluation datasets and their records.

use crate::Tracking;
use crate::error::{Error, Result};
use crate::search::Subject;
use crate::select::{Found, Search, select, tag_value};
use metria_core::ids::new_id;
use metria_core::time::now_ms;
use metria_store::datasets::Object;
use metria_store::{DatasetRecord, Entity, EvaluationDataset, NewDatasetRecord, Page, RecordSource, Tag, Upserted};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// Longest name of a dataset.
const NAME_LENGTH: usize = 255;
/// Longest key and value of a dataset's tag, as MLflow's clients know them.
const TAG_KEY_LENGTH: usize = 255;
const TAG_VALUE_LENGTH: usize = 5_000;
/// Most experiments in one request.
const MOST_EXPERIMENTS: usize = 1_000;
/// The tag that tells who makes a dataset.
const USER: &str = "mlflow.user";
/// The kinds of a record's source.
const SOURCE_TYPES: [&str; 5] = ["UNSPECIFIED", "TRACE", "HUMAN", "DOCUMENT", "CODE"];

/// What a record is given.
#[derive(Clone, Debug, Default)]
pub struct RecordFields {
    /// What the application is asked; it identifies the record.
    pub inputs: Object,
    /// What it answered; the outer `None` says nothing about it.
    pub outputs: Option<Option<Value>>,
    /// What it should answer.
    pub expectations: Option<Object>,
    /// Its tags.
    pub tags: Option<Object>,
    /// The kind of its source, in any case, and what that tells.
    pub source: Option<(String, Object)>,
}

impl Tracking {
    /// A new dataset, linked to experiments.
    ///
    /// # Errors
    /// When its name or a tag is too long, or an experiment is not there.
    pub async fn create_dataset(
        &self,
        name: &str,
        tags: Vec<Tag>,
        experiment_ids: &[String],
    ) -> Result<EvaluationDataset> {
        check_length("characters in the name of a dataset", NAME_LENGTH, name)?;
        check_tags(&tags)?;
        check_count(experiment_ids)?;
        let now = now_ms();
        let user = tags.iter().rev().find(|tag| tag.key == USER).map(|tag| tag.value.clone());
        let dataset = EvaluationDataset {
            dataset_id: format!("d-{}", new_id()),
            name: name.to_owned(),
            digest: digest(name, now),
            schema: None,
            profile: None,
            created_by: user.clone(),
            last_updated_by: user,
            creation_time_ms: now,
            last_update_time_ms: now,
            tags,
        };
        let dataset_id = dataset.dataset_id.clone();
        self.store.create_dataset(dataset, experiment_ids).await?;
        self.get_dataset(&dataset_id).await
    }

    /// One dataset.
    ///
    /// # Errors
    /// When there is none.
    pub async fn get_dataset(&self, dataset_id: &str) -> Result<EvaluationDataset> {
        Ok(self.store.get_dataset(dataset_id).await?)
    }

    /// Removes a dataset with its records; one that is not there is no error.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn delete_dataset(&self, dataset_id: &str) -> Result<()> {
        missing_is_fine(self.store.delete_dataset(dataset_id).await)
    }

    /// One page of the datasets of any of some experiments, or of all; the newest first unless said otherwise.
    ///
    /// # Errors
    /// When the filter, an order or the token cannot be read.
    pub async fn search_datasets(&self, experiment_ids: &[String], search: &Search) -> Result<Page<EvaluationDataset>> {
        check_count(experiment_ids)?;
        let value = |dataset: &EvaluationDataset, entity: Entity, key: &str| match (entity, key) {
            (Entity::Tag, key) => tag_value(&dataset.tags, key),
            (_, "name") => Some(Found::Text(dataset.name.clone())),
            (_, "created_by") => dataset.created_by.clone().map(Found::Text),
            (_, "last_updated_by") => dataset.last_updated_by.clone().map(Found::Text),
            (_, "created_time") => Some(Found::Integer(dataset.creation_time_ms)),
            (_, "last_update_time") => Some(Found::Integer(dataset.last_update_time_ms)),
            _ => None,
        };
        select(Subject::Datasets, self.store.list_datasets(experiment_ids).await?, search, value)
    }

    /// Writes or replaces tags of a dataset.
    ///
    /// # Errors
    /// When one is too long or there is no such dataset.
    pub async fn set_dataset_tags(&self, dataset_id: &str, tags: Vec<Tag>) -> Result<()> {
        check_tags(&tags)?;
        Ok(self.store.set_dataset_tags(dataset_id, tags).await?)
    }

    /// Removes a tag of a dataset; one that is not there is no error.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn delete_dataset_tag(&self, dataset_id: &str, key: &str) -> Result<()> {
        missing_is_fine(self.store.delete_dataset_tag(dataset_id, key).await)
    }

    /// Writes records: known inputs change the record that is there.
    ///
    /// # Errors
    /// When a source is of no known kind or there is no such dataset.
    pub async fn upsert_dataset_records(&self, dataset_id: &str, records: Vec<RecordFields>) -> Result<Upserted> {
        let dataset = self.get_dataset(dataset_id).await?;
        let now = now_ms();
        let records = records.into_iter().map(new_record).collect::<Result<Vec<_>>>()?;
        let digest = digest(&dataset.name, now);
        Ok(self.store.upsert_dataset_records(dataset_id, records, &digest, now).await?)
    }

    /// One page of a dataset's records, in the order of their first writing.
    ///
    /// # Errors
    /// When the token cannot be read or there is no such dataset.
    pub async fn list_dataset_records(
        &self,
        dataset_id: &str,
        max_results: usize,
        page_token: Option<&str>,
    ) -> Result<Page<DatasetRecord>> {
        let after = page_token.filter(|token| !token.is_empty()).map(place).transpose()?;
        let limit = max_results.max(1);
        let mut items = self.store.list_dataset_records(dataset_id, after, limit + 1).await?;
        let more = items.len() > limit;
        items.truncate(limit);
        let last = items.last().filter(|_| more);
        Ok(Page { next_page_token: last.map(|last| format!("{}:{}", last.creation_time_ms, last.record_id)), items })
    }

    /// Removes records, and tells how many were there.
    ///
    /// # Errors
    /// When there is no such dataset.
    pub async fn delete_dataset_records(&self, dataset_id: &str, record_ids: &[String]) -> Result<usize> {
        Ok(self.store.delete_dataset_records(dataset_id, record_ids).await?)
    }

    /// The experiments that a dataset is linked to; none without the dataset.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn dataset_experiment_ids(&self, dataset_id: &str) -> Result<Vec<String>> {
        Ok(self.store.dataset_experiment_ids(dataset_id).await?)
    }

    /// Links a dataset to experiments.
    ///
    /// # Errors
    /// When the dataset or an experiment is not there.
    pub async fn link_dataset(&self, dataset_id: &str, experiment_ids: &[String]) -> Result<EvaluationDataset> {
        check_count(experiment_ids)?;
        self.store.link_dataset(dataset_id, experiment_ids, now_ms()).await?;
        self.get_dataset(dataset_id).await
    }

    /// Removes a dataset's links to experiments.
    ///
    /// # Errors
    /// When there is no such dataset.
    pub async fn unlink_dataset(&self, dataset_id: &str, experiment_ids: &[String]) -> Result<EvaluationDataset> {
        check_count(experiment_ids)?;
        self.store.unlink_dataset(dataset_id, experiment_ids, now_ms()).await?;
        self.get_dataset(dataset_id).await
    }
}

fn missing_is_fine(result: metria_store::Result<()>) -> Result<()> {
    match result {
        Err(metria_store::Error::NotFound { .. }) => Ok(()),
        other => Ok(other?),
    }
}

fn place(token: &str) -> Result<(i64, String)> {
    let place = token.split_once(':').and_then(|(time, id)| Some((time.parse().ok()?, id.to_owned())));
    place.filter(|(_, id)| !id.contains('\0')).ok_or_else(|| Error::PageToken(token.to_owned()))
}

fn check_length(what: &str, most: usize, text: &str) -> Result<()> {
    let got = text.chars().count();
    if got > most { Err(Error::Limit { what: what.to_owned(), most, got }) } else { Ok(()) }
}

fn check_tags(tags: &[Tag]) -> Result<()> {
    tags.iter().try_for_each(|tag| {
        check_length("characters in the key of a dataset's tag", TAG_KEY_LENGTH, &tag.key)?;
        check_length(&format!("characters in the value of the tag `{}`", tag.key), TAG_VALUE_LENGTH, &tag.value)
    })
}

fn check_count(experiment_ids: &[String]) -> Result<()> {
    let got = experiment_ids.len();
    let what = || "experiments in one request".to_owned();
    if got > MOST_EXPERIMENTS { Err(Error::Limit { what: what(), most: MOST_EXPERIMENTS, got }) } else { Ok(()) }
}

fn new_record(fields: RecordFields) -> Result<NewDatasetRecord> {
    let RecordFields { inputs, outputs, expectations, tags, source } = fields;
    let source = source.map(|(source_type, source_data)| {
        let upper = source_type.to_ascii_uppercase();
        if !SOURCE_TYPES.contains(&upper.as_str()) {
            let known = SOURCE_TYPES.join(", ");
            return Err(Error::Invalid(format!("a record's source must be one of {known}; got `{source_type}`")));
        }
        Ok(RecordSource { source_type: upper, source_data })
    });
    Ok(NewDatasetRecord {
        record_id: format!("dr-{}", new_id()),
        input_hash: input_hash(&inputs),
        inputs,
        outputs,
        expectations,
        tags,
        source: source.transpose()?,
    })
}

/// Eight hexadecimal digits that change with every write, as upstream makes them.
fn digest(name: &str, time_ms: i64) -> String {
    let mut digest = hex(&Sha256::digest(format!("{name}:{time_ms}")));
    digest.truncate(8);
    digest
}

/// The same for equal inputs, whatever the order of their keys.
fn input_hash(inputs: &Object) -> String {
    let mut text = String::new();
    write_sorted_object(inputs, &mut text);
    hex(&Sha256::digest(text))
}

fn write_sorted(value: &Value, text: &mut String) {
    match value {
        Value::Object(object) => write_sorted_object(object, text),
        Value::Array(items) => {
            text.push('[');
            for item in items {
                write_sorted(item, text);
                text.push(',');
            }
            text.push(']');
        }
        plain => text.push_str(&plain.to_string()),
    }
}

fn write_sorted_object(object: &Object, text: &mut String) {
    let mut entries: Vec<_> = object.iter().collect();
    entries.sort_unstable_by_key(|(key, _)| *key);
    text.push('{');
    for (key, value) in entries {
        text.push_str(&Value::from(key.as_str()).to_string());
        text.push(':');
        write_sorted(value, text);
        text.push(',');
    }
    text.push('}');
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn hash(value: Value) -> String {
        match value {
            Value::Object(object) => input_hash(&object),
            other => unreachable!("{other} is no object"),
        }
    }

    #[test]
    fn inputs_are_equal_whatever_the_order_of_keys() {
        let one = hash(json!({"a": {"x": 1, "y": [1, {"p": 1, "q": 2}]}, "b": null}));
        assert_eq!(one, hash(json!({"b": null, "a": {"y": [1, {"q": 2, "p": 1}], "x": 1}})));
        for other in [
            json!({"a": {"x": 1, "y": [{"p": 1, "q": 2}, 1]}, "b": null}),
            json!({"a": {"x": 1.0, "y": [1, {"p": 1, "q": 2}]}, "b": null}),
            json!({"a": {"x": "1", "y": [1, {"p": 1, "q": 2}]}, "b": null}),
            json!({"a": {"x": 1, "y": [1, {"p": 1, "q": 2}]}}),
            json!({}),
        ] {
            assert_ne!(one, hash(other));
        }
    }

    // Python: hashlib.sha256(b"questions:1764000123456").hexdigest()[:8]
    #[test]
    fn digests_are_upstream_s() {
        assert_eq!(digest("questions", 1_764_000_123_456), "ee5241df");
    }

    #[test]
    fn broken_tokens_are_refused() {
        assert_eq!(place("12:dr-1:2").expect("a place"), (12, "dr-1:2".to_owned()));
        for token in ["x", "x:dr-1", "12", "1:\0"] {
            assert!(place(token).is_err(), "{token:?}");
        }
    }
}
