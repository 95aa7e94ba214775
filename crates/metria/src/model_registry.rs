//! `ModelRegistry`: models from stage to stage, in a home or on a server.

use crate::error::{Error, Result};
use crate::models::Registration;
use crate::tracking_target::{DEFAULT_SERVER, TrackingTarget};
use crate::workspace::Workspace;
use futures_util::StreamExt;
use metria_artifacts::{ArtifactInfo, ModelPackage};
use metria_client::{Api, environment};
use metria_core::names::check_artifact_path;
use metria_core::{ErrorKind, Kinded, ModelStage, ModelUri, VersionSelector};
use metria_learn::pipeline::FittedPipeline;
use metria_store::ModelVersion;
use metria_tracking::{ModelDetails, VersionComparison};
use serde_json::json;
use std::path::Path;
use std::sync::Arc;
use tokio::io::AsyncWriteExt;

/// Registered models: versions, stages, aliases, comparison.
pub struct ModelRegistry {
    backend: Backend,
    user: String,
}

enum Backend {
    Server(Api),
    Home(Box<Workspace>),
}

impl ModelRegistry {
    /// The registry at a tracking URI: a server (`http://HOST:PORT`), a home folder, `sqlite:PATH`. Without one,
    /// `METRIA_TRACKING_URI` says where it is, or it is a server on this machine.
    ///
    /// # Errors
    /// When the URI is refused or the home cannot be opened.
    pub async fn new(tracking_uri: Option<&str>) -> Result<Self> {
        let told = || environment::variable(environment::TRACKING_URI);
        let uri = tracking_uri.map(str::to_owned).or_else(told).unwrap_or_else(|| DEFAULT_SERVER.to_owned());
        let backend = match TrackingTarget::parse(&uri, None)? {
            TrackingTarget::Server(api) => Backend::Server(api),
            TrackingTarget::Home(options) => Backend::Home(Box::new(Workspace::open(options).await?)),
        };
        Ok(Self { backend, user: environment::variable("USER").unwrap_or_else(|| "metria".to_owned()) })
    }

    /// The registry of an opened home.
    #[must_use]
    pub fn of(workspace: &Workspace, user: &str) -> Self {
        Self { backend: Backend::Home(Box::new(workspace.clone())), user: user.to_owned() }
    }

    /// The same, acting for somebody else; transitions keep the name.
    #[must_use]
    pub fn acting_as(self, user: &str) -> Self {
        Self { user: user.to_owned(), ..self }
    }

    /// Makes a run's model (`runs:/RUN_ID/PATH`) or another version (`models:/NAME/VERSION`) the next version of a
    /// name.
    ///
    /// # Errors
    /// When the name is refused or the model cannot be read.
    pub async fn register_model(
        &self,
        model_uri: &str,
        model_name: &str,
        description: Option<&str>,
    ) -> Result<ModelVersion> {
        match &self.backend {
            Backend::Server(api) => {
                let body = json!({"model_uri": model_uri, "description": description, "user_id": self.user});
                Ok(api.post(&["models", model_name, "versions"], &body).await?)
            }
            Backend::Home(workspace) => {
                let registration = Registration {
                    name: model_name.to_owned(),
                    model_uri: model_uri.to_owned(),
                    description: description.map(str::to_owned),
                    user: self.user.clone(),
                };
                workspace.register_model(&registration).await
            }
        }
    }

    /// Moves a version to a stage. Production needs the consent of the gate; what was there goes to Archived. Who, when
    /// and why are kept.
    ///
    /// # Errors
    /// When there is no such version, or the gate did not let it through.
    pub async fn promote_model(
        &self,
        model_name: &str,
        version: u32,
        stage: ModelStage,
        description: Option<&str>,
    ) -> Result<ModelVersion> {
        self.promote(model_name, version, stage, description.unwrap_or_default(), None).await
    }

    /// Moves a version to Production without the gate's consent; the reason is kept.
    ///
    /// # Errors
    /// When there is no such version, or no reason.
    pub async fn promote_overriding_gate(&self, model_name: &str, version: u32, reason: &str) -> Result<ModelVersion> {
        self.promote(model_name, version, ModelStage::Production, "", Some(reason)).await
    }

    async fn promote(
        &self,
        name: &str,
        version: u32,
        stage: ModelStage,
        description: &str,
        override_reason: Option<&str>,
    ) -> Result<ModelVersion> {
        match &self.backend {
            Backend::Server(api) => {
                let body = json!({
                    "stage": stage,
                    "description": description,
                    "override_reason": override_reason,
                    "user_id": self.user,
                });
                Ok(api.post(&["models", name, "versions", &version.to_string(), "stage"], &body).await?)
            }
            Backend::Home(workspace) => {
                let reason = override_reason.map(str::to_owned);
                Ok(workspace.tracking.promote(name, version, stage, &self.user, description, reason).await?)
            }
        }
    }

    /// The newest version in a stage (usually [`ModelStage::Production`]); nothing when there is none.
    ///
    /// # Errors
    /// When the registry cannot be read.
    pub async fn get_model_version(&self, model_name: &str, stage: ModelStage) -> Result<Option<ModelVersion>> {
        match &self.backend {
            Backend::Server(_) => match self.details(model_name).await {
                Ok(details) => Ok(details.versions.into_iter().find(|version| version.stage == stage)),
                Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
                Err(error) => Err(error),
            },
            Backend::Home(workspace) => Ok(workspace.tracking.latest_in_stage(model_name, stage).await?),
        }
    }

    /// Loads the newest version in a stage (usually [`ModelStage::Production`]).
    ///
    /// # Errors
    /// `No model found for {name} in {stage}`, or when the model cannot be read.
    pub async fn load_model(&self, model_name: &str, stage: ModelStage) -> Result<Arc<FittedPipeline>> {
        let Some(version) = self.get_model_version(model_name, stage).await? else {
            return Err(metria_tracking::Error::NotFound(format!("No model found for {model_name} in {stage}")).into());
        };
        match &self.backend {
            Backend::Server(api) => {
                let (run_id, path) = self.model_folder(api, version).await?;
                let folder = tempfile::tempdir().map_err(file("make a folder in", &std::env::temp_dir()))?;
                download(api, &run_id, &path, folder.path()).await?;
                Ok(ModelPackage::read_folder(folder.path()).await?.pipeline)
            }
            Backend::Home(workspace) => workspace.load_from(&version.storage_location).await,
        }
    }

    /// The run's folder that a version was registered from, over other versions where it was registered from those.
    async fn model_folder(&self, api: &Api, version: ModelVersion) -> Result<(String, String)> {
        let mut version = version;
        // A version is registered from an earlier one, so this ends.
        loop {
            match version.source.parse()? {
                ModelUri::Run { run_id, path } => return Ok((run_id, path)),
                ModelUri::Registered { name, selector: VersionSelector::Version(number) } => {
                    version = api.get(&["models", &name, "versions", &number.to_string()], &[]).await?;
                }
                _ => {
                    return Err(Error::Invalid(format!(
                        "version {} of {} was registered from `{}`, which a server does not give out; load it where it is",
                        version.version, version.name, version.source
                    )));
                }
            }
        }
    }

    /// Params and metrics of two versions' runs side by side.
    ///
    /// # Errors
    /// When one of them is not there.
    pub async fn compare_models(&self, model_name: &str, version1: u32, version2: u32) -> Result<VersionComparison> {
        match &self.backend {
            Backend::Server(api) => {
                let (one, two) = (version1.to_string(), version2.to_string());
                let query = [("version1", one.as_str()), ("version2", two.as_str())];
                Ok(api.get(&["models", model_name, "compare"], &query).await?)
            }
            Backend::Home(workspace) => Ok(workspace.tracking.compare_versions(model_name, version1, version2).await?),
        }
    }

    /// A model with its versions, who moved them when and why, and what the gate decided, each the newest first.
    ///
    /// # Errors
    /// When there is no such model.
    pub async fn details(&self, model_name: &str) -> Result<ModelDetails> {
        match &self.backend {
            Backend::Server(api) => Ok(api.get(&["models", model_name], &[]).await?),
            Backend::Home(workspace) => Ok(workspace.tracking.model_details(model_name).await?),
        }
    }

    /// Points an alias at a version, wherever it pointed before.
    ///
    /// # Errors
    /// When the alias is refused or there is no such version.
    pub async fn set_alias(&self, model_name: &str, alias: &str, version: u32) -> Result<()> {
        match &self.backend {
            Backend::Server(api) => {
                let body = json!({"version": version});
                Ok(api.send_json("PUT", &["models", model_name, "aliases", alias], &body).await?)
            }
            Backend::Home(workspace) => Ok(workspace.tracking.set_alias(model_name, alias, version).await?),
        }
    }

    /// Puts the version that was in Production before back there.
    ///
    /// # Errors
    /// When none was.
    pub async fn rollback(&self, model_name: &str) -> Result<ModelVersion> {
        match &self.backend {
            Backend::Server(api) => {
                Ok(api.post(&["models", model_name, "rollback"], &json!({"user_id": self.user})).await?)
            }
            Backend::Home(workspace) => Ok(workspace.tracking.rollback(model_name, &self.user).await?),
        }
    }
}

fn file(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Error + use<> {
    let path = path.display().to_string();
    move |source| Error::File { action, path, source }
}

/// Copies a folder of a run to this machine. Names are checked: a server may be anybody's.
async fn download(api: &Api, run_id: &str, path: &str, to: &Path) -> Result<()> {
    let mut folders = vec![path.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries: Vec<ArtifactInfo> = api.get(&["runs", run_id, "artifacts"], &[("path", &folder)]).await?;
        for entry in entries {
            let below = entry.path.strip_prefix(path).map(|below| below.trim_start_matches('/')).unwrap_or_default();
            let below = check_artifact_path(below).map_err(metria_artifacts::Error::Path)?;
            if below.is_empty() {
                return Err(Error::Invalid(format!("the server lists `{}` in the folder `{folder}`", entry.path)));
            }
            let target = to.join(below);
            if entry.is_dir {
                tokio::fs::create_dir_all(&target).await.map_err(file("make", &target))?;
                folders.push(entry.path);
                continue;
            }
            let mut bytes = api.download(run_id, &entry.path).await?;
            let mut written = tokio::fs::File::create(&target).await.map_err(file("write", &target))?;
            while let Some(piece) = bytes.next().await {
                written.write_all(&piece?).await.map_err(file("write", &target))?;
            }
            written.flush().await.map_err(file("write", &target))?;
        }
    }
    Ok(())
}
