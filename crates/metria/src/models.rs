//! Models by URI, and the way of a trained model into the registry: register, gate, promote.

use crate::error::{Error, Result};
use crate::evaluation::Evaluation;
use crate::workspace::Workspace;
use arrow_array::RecordBatch;
use metria_artifacts::ModelPackage;
use metria_core::{Labels, ModelStage, ModelUri, VersionSelector};
use metria_learn::pipeline::FittedPipeline;
use metria_store::{GateDecision, ModelVersion};
use metria_tracking::{GatePolicy, RegisterVersion};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What is registered.
#[derive(Clone, Debug)]
pub struct Registration {
    /// The registered model's name.
    pub name: String,
    /// The model: `runs:/ID/model`.
    pub model_uri: String,
    /// For people.
    pub description: Option<String>,
    /// Who registers.
    pub user: String,
}

/// A new version with the gate's answer.
#[derive(Clone, Debug)]
pub struct GateOutcome {
    /// The version as it now is: in Production when the gate let it through.
    pub version: ModelVersion,
    /// The decision with its reasons, as stored.
    pub decision: GateDecision,
    /// The version that was in Production before.
    pub champion: Option<u32>,
}

impl Workspace {
    /// Loads a model by URI.
    ///
    /// # Errors
    /// When the URI names nothing, or the model folder is damaged or of another tool.
    pub async fn load_model(&self, uri: &ModelUri) -> Result<Arc<FittedPipeline>> {
        if let ModelUri::File(folder) = uri {
            return Ok(ModelPackage::read_folder(folder).await?.pipeline);
        }
        let location = self.model_location(uri).await?;
        self.load_from(&location).await
    }

    /// Loads the model folder at a location below the artifact root.
    pub(crate) async fn load_from(&self, location: &str) -> Result<Arc<FittedPipeline>> {
        let path = self.artifact_path(location)?;
        Ok(ModelPackage::read(&self.artifacts, path).await?.pipeline)
    }

    /// Where the model folder of a URI is.
    async fn model_location(&self, uri: &ModelUri) -> Result<String> {
        match uri {
            ModelUri::Registered { name, selector } => {
                Ok(self.tracking.resolve(name, selector).await?.storage_location)
            }
            ModelUri::Run { run_id, path } => {
                let run = self.tracking.get_run(run_id).await?;
                Ok(format!("{}/{path}", run.info.artifact_uri))
            }
            ModelUri::File(folder) => Ok(format!("file://{}", folder.display())),
            ModelUri::Logged(model_id) => Ok(self.tracking.get_logged_model(model_id).await?.artifact_location),
        }
    }

    /// Registers a logged model as the next version of a name. The model must be readable: a version that could never
    /// be served is not made.
    ///
    /// # Errors
    /// When the name is refused or the model cannot be read.
    pub async fn register_model(&self, registration: &Registration) -> Result<ModelVersion> {
        metria_core::names::check_model_name(&registration.name).map_err(|error| Error::Invalid(error.to_string()))?;
        let uri: ModelUri = registration.model_uri.parse()?;
        let (run_id, model_id, storage_location) = match &uri {
            ModelUri::Run { run_id, .. } => (Some(run_id.clone()), None, self.model_location(&uri).await?),
            ModelUri::Logged(model_id) => (None, Some(model_id.clone()), self.model_location(&uri).await?),
            ModelUri::Registered { name, selector } => {
                let version = self.tracking.resolve(name, selector).await?;
                (version.run_id, version.model_id, version.storage_location)
            }
            // Whoever asks may be far away: a folder of this machine is none of theirs, and is not even looked at.
            ModelUri::File(_) => {
                return Err(Error::Invalid(format!(
                    "a version is registered from a run's model (`runs:/RUN_ID/PATH`), a logged model (`models:/m-ID`) or another version (`models:/NAME/VERSION`); got `{uri}`"
                )));
            }
        };
        self.load_from(&storage_location).await?;
        let version = RegisterVersion {
            name: registration.name.clone(),
            source: registration.model_uri.clone(),
            run_id,
            model_id,
            storage_location,
            description: registration.description.clone().unwrap_or_default(),
            user_id: registration.user.clone(),
            tags: Vec::new(),
        };
        Ok(self.tracking.register_version(version).await?)
    }

    /// Registers a model, compares it with the one in Production on the same held-out rows, writes the decision, and
    /// moves it to Production if the gate lets it through.
    ///
    /// # Errors
    /// When registering, reading or writing fails. A gate that says no is no error: see [`GateDecision::passed`].
    pub async fn register_and_gate(
        &self,
        registration: &Registration,
        x_test: &RecordBatch,
        y_test: &Labels,
        policy: &GatePolicy,
    ) -> Result<GateOutcome> {
        let production = VersionSelector::Stage(ModelStage::Production);
        let champion = match self.tracking.latest_in_stage(&registration.name, ModelStage::Production).await? {
            Some(version) => {
                let uri = ModelUri::Registered { name: registration.name.clone(), selector: production };
                let scores = self.measure(&uri, x_test, y_test).await?;
                Some((version.version, scores))
            }
            None => None,
        };
        let version = self.register_model(registration).await?;
        let candidate = self.measure(&registration.model_uri.parse()?, x_test, y_test).await?;
        let champion_version = champion.as_ref().map(|(version, _)| *version);
        let decision =
            self.tracking.evaluate_gate(&version.name, version.version, &candidate, champion, policy).await?;
        let version = if decision.passed {
            self.tracking
                .promote(
                    &version.name,
                    version.version,
                    ModelStage::Production,
                    &registration.user,
                    &decision.reason,
                    None,
                )
                .await?
        } else {
            version
        };
        Ok(GateOutcome { version, decision, champion: champion_version })
    }

    async fn measure(&self, uri: &ModelUri, x: &RecordBatch, y: &Labels) -> Result<BTreeMap<String, f64>> {
        let model = self.load_model(uri).await?;
        let (x, y) = (x.clone(), y.clone());
        let scores = metria_runtime::run_cpu(move || Evaluation::of(&model, &x, &y)).await??;
        Ok(scores.metrics("").into_iter().collect())
    }
}
