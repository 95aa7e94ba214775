//! Evaluation datasets: what a language application is asked, and what it should answer.
//!
//! Inputs identify a record: the same inputs again change the record that is there.

use crate::error::Result;
use crate::runs::Tag;
use crate::text::{check_tags, check_texts};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// A JSON object.
pub type Object = Map<String, Value>;

/// The tag of a record that tells who wrote it.
const USER: &str = "mlflow.user";

/// One evaluation dataset, without its records.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvaluationDataset {
    /// `d-` and 32 hexadecimal characters.
    pub dataset_id: String,
    /// For people; need not be unique.
    pub name: String,
    /// Changes with the records.
    pub digest: String,
    /// The fields of its records and their types, as JSON; none before the first record.
    pub schema: Option<String>,
    /// How many records there are, as JSON; none before the first record.
    pub profile: Option<String>,
    /// Who made it.
    pub created_by: Option<String>,
    /// Who last wrote records.
    pub last_updated_by: Option<String>,
    /// When it was made.
    pub creation_time_ms: i64,
    /// When its records or experiments last changed.
    pub last_update_time_ms: i64,
    /// Its tags, by key ascending.
    pub tags: Vec<Tag>,
}

/// Where a record came from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RecordSource {
    /// `TRACE`, `HUMAN`, `DOCUMENT`, `CODE` or `UNSPECIFIED`.
    pub source_type: String,
    /// What its kind of source tells, such as a trace's id.
    pub source_data: Object,
}

impl RecordSource {
    /// The id of what it came from, such as a trace.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        let key = if self.source_type == "TRACE" { "trace_id" } else { "source_id" };
        self.source_data.get(key).and_then(Value::as_str)
    }
}

/// One record of an evaluation dataset.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DatasetRecord {
    /// `dr-` and 32 hexadecimal characters.
    pub record_id: String,
    /// Whose it is.
    pub dataset_id: String,
    /// Identifies the inputs within the dataset.
    pub input_hash: String,
    /// What the application is asked.
    pub inputs: Object,
    /// What it answered.
    pub outputs: Option<Value>,
    /// What it should answer.
    pub expectations: Option<Object>,
    /// Its tags.
    pub tags: Object,
    /// Where it came from.
    pub source: Option<RecordSource>,
    /// Who wrote it first.
    pub created_by: Option<String>,
    /// Who wrote it last.
    pub last_updated_by: Option<String>,
    /// When it was first written.
    pub creation_time_ms: i64,
    /// When it was last written.
    pub last_update_time_ms: i64,
}

/// A record as it comes.
#[derive(Clone, Debug, PartialEq)]
pub struct NewDatasetRecord {
    /// The id it gets if it is new.
    pub record_id: String,
    /// Identifies the inputs.
    pub input_hash: String,
    /// What the application is asked.
    pub inputs: Object,
    /// What it answered; the outer `None` says nothing about it.
    pub outputs: Option<Option<Value>>,
    /// What it should answer.
    pub expectations: Option<Object>,
    /// Its tags.
    pub tags: Option<Object>,
    /// Where it came from.
    pub source: Option<RecordSource>,
}

impl NewDatasetRecord {
    /// Who writes it, where its tags say so.
    #[must_use]
    pub fn user(&self) -> Option<String> {
        self.tags.as_ref()?.get(USER)?.as_str().map(str::to_owned)
    }

    /// The record of inputs that are new. Outputs about which nothing is said are the empty object.
    #[must_use]
    pub fn into_record(self, dataset_id: &str, now_ms: i64) -> DatasetRecord {
        let user = self.user();
        DatasetRecord {
            record_id: self.record_id,
            dataset_id: dataset_id.to_owned(),
            input_hash: self.input_hash,
            inputs: self.inputs,
            outputs: self.outputs.unwrap_or_else(|| Some(json!({}))),
            expectations: self.expectations,
            tags: self.tags.unwrap_or_default(),
            source: self.source,
            created_by: user.clone(),
            last_updated_by: user,
            creation_time_ms: now_ms,
            last_update_time_ms: now_ms,
        }
    }

    /// Changes the record of the same inputs: outputs are replaced, expectations and tags are added to; its source and
    /// its first writer stay.
    pub fn merge_into(self, record: &mut DatasetRecord, now_ms: i64) {
        if let Some(user) = self.user() {
            record.last_updated_by = Some(user);
        }
        if let Some(outputs) = self.outputs {
            record.outputs = outputs;
        }
        if let Some(expectations) = self.expectations.filter(|expectations| !expectations.is_empty()) {
            record.expectations.get_or_insert_default().extend(expectations);
        }
        record.tags.extend(self.tags.unwrap_or_default());
        record.last_update_time_ms = now_ms;
    }
}

/// What writing records came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Upserted {
    /// Records that were new.
    pub inserted: usize,
    /// Records that changed one that was there.
    pub updated: usize,
}

/// A schema with the fields that records bring; a field's type is that of its first value.
#[must_use]
pub fn grown_schema(schema: Option<&str>, records: &[NewDatasetRecord]) -> Option<String> {
    if schema.is_none() && records.is_empty() {
        return None;
    }
    let known = schema.and_then(|schema| serde_json::from_str(schema).ok());
    let mut schema: Object = known.unwrap_or_default();
    for part in ["inputs", "outputs", "expectations"] {
        schema.entry(part).or_insert_with(|| json!({}));
    }
    schema.entry("version").or_insert_with(|| json!("1.0"));
    for record in records {
        add_fields(&mut schema["inputs"], &record.inputs);
        match record.outputs.as_ref().and_then(Option::as_ref) {
            Some(Value::Object(outputs)) => add_fields(&mut schema["outputs"], outputs),
            Some(other) if schema["outputs"] == json!({}) => schema["outputs"] = json!(type_name(other)),
            _ => {}
        }
        if let Some(expectations) = &record.expectations {
            add_fields(&mut schema["expectations"], expectations);
        }
    }
    Some(Value::Object(schema).to_string())
}

fn add_fields(part: &mut Value, fields: &Object) {
    // A part that is the type of a plain output has no fields.
    let Value::Object(part) = part else { return };
    for (key, value) in fields {
        if !part.contains_key(key) {
            part.insert(key.clone(), json!(type_name(value)));
        }
    }
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "float",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// What a dataset of so many records says about itself.
#[must_use]
pub fn profile(records: u64) -> Option<String> {
    (records > 0).then(|| json!({"num_records": records}).to_string())
}

impl EvaluationDataset {
    /// Refuses what no backend keeps.
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::Error::Invalid) when a text holds the character NUL.
    pub fn check(&self) -> Result<()> {
        check_texts([&self.dataset_id, &self.name, &self.digest])?;
        check_texts([&self.schema, &self.profile, &self.created_by, &self.last_updated_by].into_iter().flatten())?;
        check_tags(&self.tags)
    }
}

/// Evaluation datasets in a store.
///
/// Every call is atomic. A dataset, tag or experiment that is not there is `NotFound`; a text with NUL is `Invalid`,
/// but within the JSON of records, where it is kept.
#[async_trait::async_trait]
pub trait DatasetStore: Send + Sync {
    /// Writes a new dataset and links it to experiments. `AlreadyExists` when its id is taken.
    async fn create_dataset(&self, dataset: EvaluationDataset, experiment_ids: &[String]) -> Result<()>;

    /// One dataset.
    async fn get_dataset(&self, dataset_id: &str) -> Result<EvaluationDataset>;

    /// The datasets that are linked to any of some experiments, or all where none is named; the newest first (creation
    /// time, then id, descending).
    async fn list_datasets(&self, experiment_ids: &[String]) -> Result<Vec<EvaluationDataset>>;

    /// Removes a dataset with its records, tags and links.
    async fn delete_dataset(&self, dataset_id: &str) -> Result<()>;

    /// Writes or replaces tags.
    async fn set_dataset_tags(&self, dataset_id: &str, tags: Vec<Tag>) -> Result<()>;

    /// Removes one tag.
    async fn delete_dataset_tag(&self, dataset_id: &str, key: &str) -> Result<()>;

    /// Writes records, one after the other: of inputs that are there, it changes the record. Schema, profile, digest,
    /// last writer and time of the dataset follow.
    async fn upsert_dataset_records(
        &self,
        dataset_id: &str,
        records: Vec<NewDatasetRecord>,
        digest: &str,
        now_ms: i64,
    ) -> Result<Upserted>;

    /// So many records after a place, in the order of (creation time, id).
    async fn list_dataset_records(
        &self,
        dataset_id: &str,
        after: Option<(i64, String)>,
        limit: usize,
    ) -> Result<Vec<DatasetRecord>>;

    /// Removes the records of these ids that are there, and tells how many were. The profile follows.
    async fn delete_dataset_records(&self, dataset_id: &str, record_ids: &[String]) -> Result<usize>;

    /// The experiments that a dataset is linked to, by id ascending. Empty without the dataset.
    async fn dataset_experiment_ids(&self, dataset_id: &str) -> Result<Vec<String>>;

    /// Links a dataset to experiments; a link that is there stays.
    async fn link_dataset(&self, dataset_id: &str, experiment_ids: &[String], now_ms: i64) -> Result<()>;

    /// Removes the links to experiments that there are. The time of the last update changes only with a link.
    async fn unlink_dataset(&self, dataset_id: &str, experiment_ids: &[String], now_ms: i64) -> Result<()>;
}
