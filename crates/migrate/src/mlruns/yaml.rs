//! The `meta.yaml` files.

use crate::error::{Error, Result};
use serde::{Deserialize, Deserializer, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// A longer file is none of MLflow's.
const LONGEST: u64 = 4 << 20;

/// An experiment.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct ExperimentMeta {
    pub(super) artifact_location: Option<String>,
    pub(super) creation_time: Option<i64>,
    #[serde(deserialize_with = "text_or_number")]
    pub(super) experiment_id: String,
    pub(super) last_update_time: Option<i64>,
    pub(super) lifecycle_stage: Option<String>,
    #[serde(deserialize_with = "text_or_number")]
    pub(super) name: String,
}

/// A run.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct RunMeta {
    pub(super) artifact_uri: Option<String>,
    pub(super) end_time: Option<i64>,
    #[serde(default)]
    pub(super) entry_point_name: String,
    #[serde(deserialize_with = "text_or_number")]
    pub(super) experiment_id: String,
    pub(super) lifecycle_stage: Option<String>,
    #[serde(default, deserialize_with = "maybe_text")]
    pub(super) run_id: Option<String>,
    #[serde(default, deserialize_with = "maybe_text")]
    pub(super) run_name: Option<String>,
    /// The name of the id before MLflow 3, which still looks for it.
    #[serde(default, deserialize_with = "maybe_text")]
    pub(super) run_uuid: Option<String>,
    #[serde(default)]
    pub(super) source_name: String,
    #[serde(default)]
    pub(super) source_type: Option<i64>,
    #[serde(default)]
    pub(super) source_version: Option<String>,
    pub(super) start_time: Option<i64>,
    pub(super) status: Option<i64>,
    #[serde(default)]
    pub(super) tags: Vec<String>,
    #[serde(default, deserialize_with = "maybe_text")]
    pub(super) user_id: Option<String>,
}

/// What a run read.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct InputMeta {
    pub(super) destination_id: String,
    pub(super) destination_type: String,
    pub(super) source_id: String,
    pub(super) source_type: String,
    #[serde(default)]
    pub(super) tags: BTreeMap<String, String>,
}

/// A dataset.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct DatasetMeta {
    #[serde(deserialize_with = "text_or_number")]
    pub(super) digest: String,
    #[serde(deserialize_with = "text_or_number")]
    pub(super) name: String,
    pub(super) profile: Option<String>,
    pub(super) schema: Option<String>,
    pub(super) source: String,
    pub(super) source_type: String,
}

/// A registered model.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct ModelMeta {
    pub(super) creation_timestamp: Option<i64>,
    pub(super) description: Option<String>,
    pub(super) last_updated_timestamp: Option<i64>,
    #[serde(deserialize_with = "text_or_number")]
    pub(super) name: String,
}

/// A version of one.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct VersionMeta {
    pub(super) creation_timestamp: Option<i64>,
    pub(super) current_stage: Option<String>,
    pub(super) description: Option<String>,
    pub(super) last_updated_timestamp: Option<i64>,
    #[serde(deserialize_with = "text_or_number")]
    pub(super) name: String,
    #[serde(default, deserialize_with = "maybe_text")]
    pub(super) run_id: Option<String>,
    pub(super) run_link: Option<String>,
    pub(super) source: Option<String>,
    #[serde(default)]
    pub(super) status: Option<String>,
    pub(super) status_message: Option<String>,
    pub(super) storage_location: Option<String>,
    #[serde(default, deserialize_with = "maybe_text")]
    pub(super) user_id: Option<String>,
    pub(super) version: u32,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Scalar {
    Text(String),
    Whole(i64),
    Number(f64),
    Flag(bool),
}

impl Scalar {
    fn text(self) -> String {
        match self {
            Self::Text(text) => text,
            Self::Whole(number) => number.to_string(),
            Self::Number(number) => number.to_string(),
            Self::Flag(flag) => flag.to_string(),
        }
    }
}

/// Old files hold ids as numbers.
fn text_or_number<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<String, D::Error> {
    Scalar::deserialize(deserializer).map(Scalar::text)
}

fn maybe_text<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Option<String>, D::Error> {
    Ok(Option::<Scalar>::deserialize(deserializer)?.map(Scalar::text))
}

/// Reads a file; what is wrong with it is an error of one record that names it.
pub(super) fn read<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T> {
    let bad = |reason: String| Error::Record(format!("{}: {reason}", path.display()));
    let meta = std::fs::symlink_metadata(path).map_err(|error| bad(error.to_string()))?;
    if !meta.is_file() || meta.len() > LONGEST {
        return Err(bad(format!("a file of at most {LONGEST} bytes is expected")));
    }
    let text = std::fs::read_to_string(path).map_err(|error| bad(error.to_string()))?;
    serde_yaml_ng::from_str(&text).map_err(|error| bad(format!("cannot be read: {error}")))
}

/// A file's text.
pub(super) fn text(value: &impl Serialize) -> Result<String> {
    serde_yaml_ng::to_string(value).map_err(|error| Error::Record(error.to_string()))
}
