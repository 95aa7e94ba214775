//! The model registry.

use crate::Tracking;
use crate::error::{Error, Result};
use metria_core::names::{check_key, check_model_name};
use metria_core::time::now_ms;
use metria_core::{ModelStage, VersionSelector};
use metria_store::{GateDecision, ModelVersion, RegisteredModel, StageTransition, Tag};
use serde::Serialize;

/// What a new version is given.
#[derive(Clone, Debug, Default)]
pub struct RegisterVersion {
    /// The registered model's name; made when it is not there.
    pub name: String,
    /// The model URI it is registered from.
    pub source: String,
    /// The run that made it.
    pub run_id: Option<String>,
    /// Where its folder is.
    pub storage_location: String,
    /// For people.
    pub description: String,
    /// Who registers.
    pub user_id: String,
    /// Its tags.
    pub tags: Vec<Tag>,
}

/// A model with everything that is known about it, each list the newest first.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ModelDetails {
    /// The model.
    pub model: RegisteredModel,
    /// Its versions.
    pub versions: Vec<ModelVersion>,
    /// Their moves between stages.
    pub transitions: Vec<StageTransition>,
    /// What the gate decided about them.
    pub decisions: Vec<GateDecision>,
}

impl Tracking {
    /// The next version of a name.
    ///
    /// # Errors
    /// When the name is refused or the store fails.
    pub async fn register_version(&self, version: RegisterVersion) -> Result<ModelVersion> {
        check_model_name(&version.name)?;
        let now = now_ms();
        let model = RegisteredModel {
            name: version.name.clone(),
            description: String::new(),
            creation_time_ms: now,
            last_update_time_ms: now,
            tags: Vec::new(),
            aliases: Vec::new(),
        };
        match self.store.create_model(model).await {
            Ok(()) | Err(metria_store::Error::AlreadyExists { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        let version = ModelVersion {
            name: version.name,
            version: 0,
            description: version.description,
            stage: ModelStage::None,
            source: version.source,
            run_id: version.run_id,
            storage_location: version.storage_location,
            user_id: version.user_id,
            creation_time_ms: now,
            last_update_time_ms: now,
            tags: version.tags,
        };
        Ok(self.store.create_version(version).await?)
    }

    /// One version.
    ///
    /// # Errors
    /// When there is none.
    pub async fn get_version(&self, name: &str, version: u32) -> Result<ModelVersion> {
        Ok(self.store.get_version(name, version).await?)
    }

    /// All versions of a model, the newest first.
    ///
    /// # Errors
    /// When there is no such model.
    pub async fn list_versions(&self, name: &str) -> Result<Vec<ModelVersion>> {
        Ok(self.store.list_versions(name).await?)
    }

    /// All registered models, by name.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn list_models(&self) -> Result<Vec<RegisteredModel>> {
        Ok(self.store.list_models().await?)
    }

    /// Everything that is known about a model.
    ///
    /// # Errors
    /// When there is no such model.
    pub async fn model_details(&self, name: &str) -> Result<ModelDetails> {
        Ok(ModelDetails {
            model: self.store.get_model(name).await?,
            versions: self.store.list_versions(name).await?,
            transitions: self.store.list_transitions(name).await?,
            decisions: self.store.list_decisions(name).await?,
        })
    }

    /// The newest version in a stage; nothing when there is none, or no such model.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn latest_in_stage(&self, name: &str, stage: ModelStage) -> Result<Option<ModelVersion>> {
        match self.store.list_versions(name).await {
            Ok(versions) => Ok(versions.into_iter().find(|version| version.stage == stage)),
            Err(metria_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The version that a selector means.
    ///
    /// # Errors
    /// When there is none.
    pub async fn resolve(&self, name: &str, selector: &VersionSelector) -> Result<ModelVersion> {
        match selector {
            VersionSelector::Version(version) => self.get_version(name, *version).await,
            VersionSelector::Stage(stage) => self
                .latest_in_stage(name, *stage)
                .await?
                .ok_or_else(|| Error::NotFound(format!("No model found for {name} in {stage}"))),
            VersionSelector::Latest => self
                .list_versions(name)
                .await?
                .into_iter()
                .next()
                .ok_or_else(|| Error::NotFound(format!("the model `{name}` has no versions"))),
            VersionSelector::Alias(alias) => {
                let model = self.store.get_model(name).await?;
                let version = model.aliases.iter().find(|(known, _)| known == alias).map(|(_, version)| *version);
                match version {
                    Some(version) => self.get_version(name, version).await,
                    None => Err(Error::NotFound(format!("the model `{name}` has no alias `{alias}`"))),
                }
            }
        }
    }

    /// Points an alias at a version.
    ///
    /// # Errors
    /// When the alias is refused or there is no such version.
    pub async fn set_alias(&self, name: &str, alias: &str, version: u32) -> Result<()> {
        check_key("alias", alias)?;
        Ok(self.store.set_alias(name, alias, version, now_ms()).await?)
    }

    /// Removes an alias.
    ///
    /// # Errors
    /// When there is none.
    pub async fn delete_alias(&self, name: &str, alias: &str) -> Result<()> {
        Ok(self.store.delete_alias(name, alias, now_ms()).await?)
    }

    /// Moves a version to a stage. Production needs the gate's consent, or a reason to override it, which is recorded;
    /// what was in Production goes to Archived in the same write.
    ///
    /// # Errors
    /// [`Error::GateRefused`] without consent and without a reason.
    pub async fn promote(
        &self,
        name: &str,
        version: u32,
        stage: ModelStage,
        user: &str,
        description: &str,
        override_reason: Option<String>,
    ) -> Result<ModelVersion> {
        self.store.get_version(name, version).await?;
        let description = match (stage, override_reason) {
            (ModelStage::Production, Some(reason)) => {
                if reason.trim().is_empty() {
                    return Err(Error::Conflict("an override of the gate needs a reason".to_owned()));
                }
                format!("gate overridden: {reason}")
            }
            (ModelStage::Production, None) => {
                self.check_gate(name, version).await?;
                description.to_owned()
            }
            (ModelStage::None | ModelStage::Staging | ModelStage::Archived, _) => description.to_owned(),
        };
        self.transition(name, version, stage, user, description).await
    }

    async fn check_gate(&self, name: &str, version: u32) -> Result<()> {
        let decisions = self.store.list_decisions(name).await?;
        let latest = decisions.into_iter().find(|decision| decision.version == version);
        let reason = match latest {
            Some(decision) if decision.passed => return Ok(()),
            Some(decision) => decision.reason,
            None => "the gate was not asked; `metria models gate` asks it".to_owned(),
        };
        Err(Error::GateRefused { name: name.to_owned(), version, reason })
    }

    async fn transition(
        &self,
        name: &str,
        version: u32,
        stage: ModelStage,
        user: &str,
        description: String,
    ) -> Result<ModelVersion> {
        let transition = StageTransition {
            name: name.to_owned(),
            version,
            from_stage: ModelStage::None,
            to_stage: stage,
            user_id: user.to_owned(),
            description,
            time_ms: now_ms(),
        };
        Ok(self.store.transition_stage(transition, stage == ModelStage::Production).await?)
    }

    /// Puts the version that was in Production before the present one back there.
    ///
    /// # Errors
    /// When none was.
    pub async fn rollback(&self, name: &str, user: &str) -> Result<ModelVersion> {
        let versions = self.store.list_versions(name).await?;
        let present = versions.iter().find(|version| version.stage == ModelStage::Production).map(|v| v.version);
        let transitions = self.store.list_transitions(name).await?;
        let before = transitions.iter().find(|transition| {
            transition.to_stage == ModelStage::Production
                && Some(transition.version) != present
                && versions.iter().any(|version| version.version == transition.version)
        });
        let Some(before) = before else {
            return Err(Error::Conflict(format!(
                "no version of {name} was in Production before, so there is nothing to go back to"
            )));
        };
        let description = match present {
            Some(present) => format!("rolled back from version {present}"),
            None => "rolled back".to_owned(),
        };
        self.transition(name, before.version, ModelStage::Production, user, description).await
    }
}
