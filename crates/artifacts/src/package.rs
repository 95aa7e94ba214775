//! The model folder: `MLmodel` as MLflow writes it, the pipeline in our own format, an input example.

use crate::error::{Error, Result};
use crate::store::{ArtifactStore, read_local};
use bytes::Bytes;
use metria_core::time::{iso8601, now_ms};
use metria_core::{Signature, ids};
use metria_learn::pipeline::{FORMAT_VERSION, FittedPipeline};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

/// The file that makes a folder a model.
pub const MLMODEL: &str = "MLmodel";
/// The pipeline within the folder.
pub const PIPELINE_FILE: &str = "pipeline.metria";
const EXAMPLE_FILE: &str = "input_example.json";

/// A model with what its folder says about it.
#[derive(Clone, Debug)]
pub struct ModelPackage {
    /// `m-` and 32 hexadecimal characters.
    pub model_id: String,
    /// The run that made it.
    pub run_id: String,
    /// The fitted pipeline.
    pub pipeline: Arc<FittedPipeline>,
    /// A few rows in pandas' `split` orientation.
    pub input_example: Option<Value>,
}

/// The content of `MLmodel`.
#[derive(Debug, Serialize, Deserialize)]
struct MlModel {
    artifact_path: String,
    flavors: BTreeMap<String, serde_yaml_ng::Value>,
    model_id: String,
    model_uuid: String,
    run_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    saved_input_example_info: Option<ExampleInfo>,
    signature: SignatureText,
    utc_time_created: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct ExampleInfo {
    artifact_path: String,
    pandas_orient: String,
    r#type: String,
}

/// MLflow keeps the column lists as JSON texts inside the YAML.
#[derive(Debug, Serialize, Deserialize)]
struct SignatureText {
    inputs: String,
    outputs: String,
}

/// Our flavor.
#[derive(Debug, Serialize, Deserialize)]
struct MetriaFlavor {
    data: String,
    format_version: u32,
    metria_version: String,
    sha256: String,
}

impl ModelPackage {
    /// A package for a run's model.
    #[must_use]
    pub fn new(run_id: &str, pipeline: Arc<FittedPipeline>) -> Self {
        Self { model_id: format!("m-{}", ids::new_id()), run_id: run_id.to_owned(), pipeline, input_example: None }
    }

    /// Adds a few rows to show what the model takes.
    #[must_use]
    pub fn with_input_example(self, example: Value) -> Self {
        Self { input_example: Some(example), ..self }
    }

    /// Writes the folder; `MLmodel` comes last, so that a folder without it is not a model yet.
    ///
    /// # Errors
    /// When a path is refused or the storage fails.
    pub async fn write(&self, store: &ArtifactStore, folder: &str) -> Result<()> {
        let bytes = self.pipeline.to_bytes();
        let name = folder.rsplit('/').next().unwrap_or(folder);
        let description = self.describe(name, &hex(&Sha256::digest(&bytes)))?;
        store.put(&format!("{folder}/{PIPELINE_FILE}"), &bytes).await?;
        if let Some(example) = &self.input_example {
            store.put(&format!("{folder}/{EXAMPLE_FILE}"), example.to_string().as_bytes()).await?;
        }
        store.put(&format!("{folder}/{MLMODEL}"), description.as_bytes()).await
    }

    fn describe(&self, artifact_path: &str, sha256: &str) -> Result<String> {
        let damaged = |reason: String| Error::Damaged { path: artifact_path.to_owned(), reason };
        let Signature { inputs, outputs } = self.pipeline.signature();
        let columns = |columns| serde_json::to_string(columns).map_err(|error| damaged(error.to_string()));
        let flavor = MetriaFlavor {
            data: PIPELINE_FILE.to_owned(),
            format_version: FORMAT_VERSION,
            metria_version: env!("CARGO_PKG_VERSION").to_owned(),
            sha256: sha256.to_owned(),
        };
        let flavor = serde_yaml_ng::to_value(flavor).map_err(|error| damaged(error.to_string()))?;
        let model = MlModel {
            artifact_path: artifact_path.to_owned(),
            flavors: BTreeMap::from([("metria".to_owned(), flavor)]),
            model_id: self.model_id.clone(),
            model_uuid: self.model_id.trim_start_matches("m-").to_owned(),
            run_id: self.run_id.clone(),
            saved_input_example_info: self.input_example.as_ref().map(|_| ExampleInfo {
                artifact_path: EXAMPLE_FILE.to_owned(),
                pandas_orient: "split".to_owned(),
                r#type: "dataframe".to_owned(),
            }),
            signature: SignatureText { inputs: columns(&inputs)?, outputs: columns(&outputs)? },
            utc_time_created: iso8601(now_ms()).replace('T', " ").replace('Z', "000"),
        };
        serde_yaml_ng::to_string(&model).map_err(|error| damaged(error.to_string()))
    }

    /// Reads a model folder below the root.
    ///
    /// # Errors
    /// When it is not there, of another tool, or damaged.
    pub async fn read(store: &ArtifactStore, folder: &str) -> Result<Self> {
        let description = store.get(&format!("{folder}/{MLMODEL}")).await.map_err(|error| match error {
            Error::NotFound(_) => Error::NoModel(folder.to_owned()),
            error => error,
        })?;
        let (model, flavor) = parse(&description, folder)?;
        let bytes = store.get(&format!("{folder}/{}", flavor.data)).await.map_err(|error| match error {
            Error::NotFound(_) => {
                Error::Damaged { path: folder.to_owned(), reason: format!("{folder}/{} is missing", flavor.data) }
            }
            error => error,
        })?;
        Self::assemble(model, &flavor, &bytes, folder)
    }

    /// Reads a model folder of this machine.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub async fn read_folder(folder: &Path) -> Result<Self> {
        let name = folder.display().to_string();
        let description = read_local(folder, MLMODEL).await.map_err(|error| match error {
            Error::NotFound(_) => Error::NoModel(name.clone()),
            error => error,
        })?;
        let (model, flavor) = parse(&description, &name)?;
        let data = metria_core::names::check_artifact_path(&flavor.data)?;
        let bytes = read_local(folder, data).await.map_err(|error| match error {
            Error::NotFound(_) => Error::Damaged { path: name.clone(), reason: format!("{data} is missing") },
            error => error,
        })?;
        Self::assemble(model, &flavor, &bytes, &name)
    }

    fn assemble(model: MlModel, flavor: &MetriaFlavor, bytes: &Bytes, folder: &str) -> Result<Self> {
        if hex(&Sha256::digest(bytes)) != flavor.sha256 {
            let reason = format!("{} does not match the checksum in {MLMODEL}", flavor.data);
            return Err(Error::Damaged { path: folder.to_owned(), reason });
        }
        let pipeline = Arc::new(FittedPipeline::from_bytes(bytes)?);
        Ok(Self { model_id: model.model_id, run_id: model.run_id, pipeline, input_example: None })
    }
}

fn parse(description: &[u8], folder: &str) -> Result<(MlModel, MetriaFlavor)> {
    let damaged =
        |error: serde_yaml_ng::Error| Error::Damaged { path: folder.to_owned(), reason: format!("{MLMODEL}: {error}") };
    let mut model: MlModel = serde_yaml_ng::from_slice(description).map_err(damaged)?;
    let Some(flavor) = model.flavors.remove("metria") else {
        let found: Vec<&str> = model.flavors.keys().map(String::as_str).collect();
        return Err(Error::Flavor { path: folder.to_owned(), found: found.join(", ") });
    };
    let flavor = serde_yaml_ng::from_value(flavor).map_err(damaged)?;
    Ok((model, flavor))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
