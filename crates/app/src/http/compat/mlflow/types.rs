//! What MLflow's clients read and write, named as they name it. What is empty is left out, as Protocol Buffers' JSON
//! has it.

use super::input::{double, integer};
use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;

/// A key with a value: a param, a tag.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct KeyValue {
    pub(super) key: String,
    #[serde(default)]
    pub(super) value: String,
}

/// A page of a list under its name, with the token of the next page if there is one.
#[derive(Debug)]
pub(super) struct Listed<T> {
    pub(super) name: &'static str,
    pub(super) items: Vec<T>,
    pub(super) next_page_token: Option<String>,
}

impl<T> Listed<T> {
    /// A list that has one page.
    pub(super) fn whole(name: &'static str, items: Vec<T>) -> Self {
        Self { name, items, next_page_token: None }
    }
}

impl<T: Serialize> Serialize for Listed<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if !self.items.is_empty() {
            map.serialize_entry(self.name, &self.items)?;
        }
        if let Some(token) = &self.next_page_token {
            map.serialize_entry("next_page_token", token)?;
        }
        map.end()
    }
}

/// An answer that has its list also when it is empty, with the token of the next page if there is one.
pub(super) fn with_token(mut answer: Value, token: Option<String>) -> Value {
    if let Some(token) = token {
        answer["next_page_token"] = Value::String(token);
    }
    answer
}

#[derive(Debug, Serialize)]
pub(super) struct Experiment {
    pub(super) experiment_id: String,
    pub(super) name: String,
    pub(super) artifact_location: String,
    pub(super) lifecycle_stage: &'static str,
    pub(super) creation_time: i64,
    pub(super) last_update_time: i64,
    pub(super) workspace: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) tags: Vec<KeyValue>,
}

#[derive(Debug, Serialize)]
pub(super) struct RunInfo {
    pub(super) run_uuid: String,
    pub(super) run_id: String,
    pub(super) run_name: String,
    pub(super) experiment_id: String,
    pub(super) user_id: String,
    pub(super) status: &'static str,
    pub(super) start_time: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) end_time: Option<i64>,
    pub(super) artifact_uri: String,
    pub(super) lifecycle_stage: &'static str,
}

#[derive(Debug, Serialize)]
pub(super) struct RunData {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) metrics: Vec<Metric>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) params: Vec<KeyValue>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) tags: Vec<KeyValue>,
}

#[derive(Debug, Serialize)]
pub(super) struct RunInputs {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) dataset_inputs: Vec<DatasetInput>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) model_inputs: Vec<ModelInput>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ModelInput {
    pub(super) model_id: String,
}

#[derive(Debug, Serialize)]
pub(super) struct RunOutputs {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) model_outputs: Vec<ModelOutput>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ModelOutput {
    pub(super) model_id: String,
    #[serde(default, deserialize_with = "integer")]
    pub(super) step: Option<i64>,
}

#[derive(Debug, Serialize)]
pub(super) struct Run {
    pub(super) info: RunInfo,
    pub(super) data: RunData,
    pub(super) inputs: RunInputs,
    pub(super) outputs: RunOutputs,
}

#[derive(Debug, Serialize)]
pub(super) struct Metric {
    pub(super) key: String,
    #[serde(with = "metria_store::runs::json_f64")]
    pub(super) value: f64,
    pub(super) timestamp: i64,
    pub(super) step: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) run_id: Option<String>,
    #[serde(flatten)]
    pub(super) of: MeasuredOn,
}

/// The logged model and dataset of a metric.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct MeasuredOn {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) model_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) dataset_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) dataset_digest: Option<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct LoggedModel {
    pub(super) info: LoggedModelInfo,
    pub(super) data: LoggedModelData,
}

#[derive(Debug, Serialize)]
pub(super) struct LoggedModelInfo {
    pub(super) model_id: String,
    pub(super) experiment_id: String,
    pub(super) name: String,
    pub(super) creation_timestamp_ms: i64,
    pub(super) last_updated_timestamp_ms: i64,
    pub(super) artifact_uri: String,
    pub(super) status: &'static str,
    pub(super) model_type: String,
    pub(super) source_run_id: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) tags: Vec<KeyValue>,
}

#[derive(Debug, Serialize)]
pub(super) struct LoggedModelData {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) params: Vec<KeyValue>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) metrics: Vec<Metric>,
}

/// A metric as it is logged.
#[derive(Debug, Deserialize)]
pub(super) struct NewMetric {
    pub(super) key: Option<String>,
    #[serde(default, deserialize_with = "double")]
    pub(super) value: Option<f64>,
    #[serde(default, deserialize_with = "integer")]
    pub(super) timestamp: Option<i64>,
    #[serde(default, deserialize_with = "integer")]
    pub(super) step: Option<i64>,
    #[serde(default)]
    pub(super) model_id: Option<String>,
    #[serde(default)]
    pub(super) dataset_name: Option<String>,
    #[serde(default)]
    pub(super) dataset_digest: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct DatasetInput {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) tags: Vec<KeyValue>,
    pub(super) dataset: Dataset,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Dataset {
    #[serde(default)]
    pub(super) name: String,
    #[serde(default)]
    pub(super) digest: String,
    #[serde(default)]
    pub(super) source_type: String,
    #[serde(default)]
    pub(super) source: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) schema: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) profile: Option<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct DatasetSummary {
    pub(super) experiment_id: String,
    pub(super) name: String,
    pub(super) digest: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) context: Option<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct FileInfo {
    pub(super) path: String,
    pub(super) is_dir: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) file_size: Option<u64>,
}

#[derive(Debug, Serialize)]
pub(super) struct RegisteredModel {
    pub(super) name: String,
    pub(super) creation_timestamp: i64,
    pub(super) last_updated_timestamp: i64,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) description: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) latest_versions: Vec<ModelVersion>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) tags: Vec<KeyValue>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) aliases: Vec<Alias>,
}

#[derive(Debug, Serialize)]
pub(super) struct Alias {
    pub(super) alias: String,
    pub(super) version: String,
}

#[derive(Debug, Serialize)]
pub(super) struct ModelVersion {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) creation_timestamp: i64,
    pub(super) last_updated_timestamp: i64,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) user_id: String,
    pub(super) current_stage: &'static str,
    pub(super) description: String,
    pub(super) source: String,
    pub(super) run_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) model_id: Option<String>,
    pub(super) status: &'static str,
    pub(super) run_link: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) tags: Vec<KeyValue>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) aliases: Vec<String>,
}
