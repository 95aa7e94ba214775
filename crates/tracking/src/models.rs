//! The model registry.

use crate::Tracking;
use crate::error::{Error, Result};
use crate::events::Change;
use crate::prompts::{asks_for_prompts, is_prompt};
use crate::search::{Subject, parse_expression, split};
use crate::select::{Found, Search, registry_tag_value, select};
use metria_core::names::{check_alias, check_key, check_model_name};
use metria_core::time::now_ms;
use metria_core::{ModelStage, VersionSelector};
use metria_store::{Entity, GateDecision, ModelVersion, Page, RegisteredModel, StageTransition, Tag};
use serde::{Deserialize, Serialize};

/// Longest value of a tag in the registry, as MLflow's clients know it.
const REGISTRY_TAG_LENGTH: usize = 100_000;

/// What a new version is given.
#[derive(Clone, Debug, Default)]
pub struct RegisterVersion {
    /// The registered model's name; made when it is not there.
    pub name: String,
    /// The model URI it is registered from.
    pub source: String,
    /// The run that made it; that of the logged model when not given.
    pub run_id: Option<String>,
    /// The logged model that it is.
    pub model_id: Option<String>,
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
#[derive(Clone, Debug, Serialize, Deserialize)]
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
    /// When the name is refused, the logged model is not there, or the store fails.
    pub async fn register_version(&self, version: RegisterVersion) -> Result<ModelVersion> {
        check_model_name(&version.name)?;
        check_registry_tags(&version.tags)?;
        let logged = match &version.model_id {
            Some(model_id) => Some(self.get_logged_model(model_id).await?),
            None => None,
        };
        let now = now_ms();
        let model = new_model(&version.name, "", Vec::new());
        match self.store.create_model(model.clone()).await {
            Ok(()) => self.announce(Change::ModelCreated(&model)).await,
            Err(metria_store::Error::AlreadyExists { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        let version = ModelVersion {
            name: version.name,
            version: 0,
            description: version.description,
            stage: ModelStage::None,
            source: version.source,
            run_id: version.run_id.or_else(|| logged.as_ref().and_then(|model| model.source_run_id.clone())),
            model_id: version.model_id,
            storage_location: version.storage_location,
            user_id: version.user_id,
            creation_time_ms: now,
            last_update_time_ms: now,
            tags: version.tags,
        };
        let version = self.store.create_version(version).await?;
        if let Some(model) = logged {
            self.note_version(&model, &version).await?;
        }
        self.announce(Change::VersionCreated(&version)).await;
        Ok(version)
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

    /// A new name without versions.
    ///
    /// # Errors
    /// When the name is refused or taken.
    pub async fn create_model(&self, name: &str, description: &str, tags: Vec<Tag>) -> Result<RegisteredModel> {
        check_model_name(name)?;
        check_registry_tags(&tags)?;
        self.store.create_model(new_model(name, description, tags)).await?;
        let made = self.get_model(name).await?;
        self.announce(Change::ModelCreated(&made)).await;
        Ok(made)
    }

    /// One registered model.
    ///
    /// # Errors
    /// When there is none.
    pub async fn get_model(&self, name: &str) -> Result<RegisteredModel> {
        Ok(self.store.get_model(name).await?)
    }

    /// Another name for a model and all that belongs to it.
    ///
    /// # Errors
    /// When the name is refused or taken, or there is no such model.
    pub async fn rename_model(&self, name: &str, new_name: &str) -> Result<RegisteredModel> {
        check_model_name(new_name)?;
        self.store.rename_model(name, new_name, now_ms()).await?;
        self.get_model(new_name).await
    }

    /// Replaces a model's description.
    ///
    /// # Errors
    /// When there is no such model.
    pub async fn describe_model(&self, name: &str, description: &str) -> Result<RegisteredModel> {
        self.store.describe_model(name, description, now_ms()).await?;
        self.get_model(name).await
    }

    /// Removes a model with all its versions.
    ///
    /// # Errors
    /// When there is no such model, or a version is in Staging or Production.
    pub async fn delete_model(&self, name: &str) -> Result<()> {
        Ok(self.store.delete_model(name).await?)
    }

    /// Writes or replaces a model's tag.
    ///
    /// # Errors
    /// When the key is refused or there is no such model.
    pub async fn set_model_tag(&self, name: &str, tag: Tag) -> Result<()> {
        check_registry_tags(std::slice::from_ref(&tag))?;
        self.store.set_model_tag(name, tag.clone(), now_ms()).await?;
        self.announce(Change::ModelTagSet { name, tag: &tag }).await;
        Ok(())
    }

    /// Removes a model's tag.
    ///
    /// # Errors
    /// When the model or the tag is not there.
    pub async fn delete_model_tag(&self, name: &str, key: &str) -> Result<()> {
        self.store.delete_model_tag(name, key, now_ms()).await?;
        self.announce(Change::ModelTagDeleted { name, key }).await;
        Ok(())
    }

    /// Replaces a version's description.
    ///
    /// # Errors
    /// When there is no such version.
    pub async fn describe_version(&self, name: &str, version: u32, description: &str) -> Result<ModelVersion> {
        self.store.describe_version(name, version, description, now_ms()).await?;
        self.get_version(name, version).await
    }

    /// Removes a version and its aliases.
    ///
    /// # Errors
    /// When there is no such version, or it is in Staging or Production.
    pub async fn delete_version(&self, name: &str, version: u32) -> Result<()> {
        Ok(self.store.delete_version(name, version, now_ms()).await?)
    }

    /// Writes or replaces a version's tag.
    ///
    /// # Errors
    /// When the key is refused or there is no such version.
    pub async fn set_version_tag(&self, name: &str, version: u32, tag: Tag) -> Result<()> {
        check_registry_tags(std::slice::from_ref(&tag))?;
        self.store.set_version_tag(name, version, tag.clone(), now_ms()).await?;
        self.announce(Change::VersionTagSet { name, version, tag: &tag }).await;
        Ok(())
    }

    /// Removes a version's tag.
    ///
    /// # Errors
    /// When the version or the tag is not there.
    pub async fn delete_version_tag(&self, name: &str, version: u32, key: &str) -> Result<()> {
        self.store.delete_version_tag(name, version, key, now_ms()).await?;
        self.announce(Change::VersionTagDeleted { name, version, key }).await;
        Ok(())
    }

    /// One page of registered models, by name unless said otherwise: of prompts where the filter asks for them, else of
    /// models.
    ///
    /// # Errors
    /// When the filter, an order or the token cannot be read.
    pub async fn search_models(&self, search: &Search) -> Result<Page<RegisteredModel>> {
        let value = |model: &RegisteredModel, entity: Entity, key: &str| match (entity, key) {
            (Entity::Tag, key) => registry_tag_value(&model.tags, key),
            (_, "name") => Some(Found::Text(model.name.clone())),
            (_, "creation_timestamp") => Some(Found::Integer(model.creation_time_ms)),
            (_, "last_updated_timestamp") => Some(Found::Integer(model.last_update_time_ms)),
            _ => None,
        };
        let prompts_too = asks_for_prompts(&split(parse_expression(Subject::Models, &search.filter)?).0);
        let mut models = self.store.list_models().await?;
        models.retain(|model| prompts_too || !is_prompt(&model.tags));
        select(Subject::Models, models, search, value)
    }

    /// One page of versions of all models, by model and the newest first unless said otherwise: of prompts where the
    /// filter asks for them, else of models.
    ///
    /// # Errors
    /// When the filter, an order or the token cannot be read.
    pub async fn search_versions(&self, search: &Search) -> Result<Page<ModelVersion>> {
        let mut versions = Vec::new();
        let prompts_too = asks_for_prompts(&split(parse_expression(Subject::Versions, &search.filter)?).0);
        for model in self.store.list_models().await? {
            let of_model = self.store.list_versions(&model.name).await?;
            if prompts_too || !of_model.iter().any(|version| is_prompt(&version.tags)) {
                versions.extend(of_model);
            }
        }
        let value = |version: &ModelVersion, entity: Entity, key: &str| match (entity, key) {
            (Entity::Tag, key) => registry_tag_value(&version.tags, key),
            (_, "name") => Some(Found::Text(version.name.clone())),
            (_, "run_id") => version.run_id.clone().map(Found::Text),
            (_, "source_path") => Some(Found::Text(version.source.clone())),
            (_, "version_number") => Some(Found::Integer(i64::from(version.version))),
            (_, "creation_timestamp") => Some(Found::Integer(version.creation_time_ms)),
            (_, "last_updated_timestamp") => Some(Found::Integer(version.last_update_time_ms)),
            _ => None,
        };
        select(Subject::Versions, versions, search, value)
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
        check_alias(alias)?;
        self.store.set_alias(name, alias, version, now_ms()).await?;
        self.announce(Change::AliasSet { name, alias, version }).await;
        Ok(())
    }

    /// Removes an alias.
    ///
    /// # Errors
    /// When there is none.
    pub async fn delete_alias(&self, name: &str, alias: &str) -> Result<()> {
        self.store.delete_alias(name, alias, now_ms()).await?;
        self.announce(Change::AliasDeleted { name, alias }).await;
        Ok(())
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
        let archive_existing = stage == ModelStage::Production;
        self.transition(name, version, stage, archive_existing, user, description).await
    }

    /// Moves a version as MLflow's clients do: one about which the gate was never asked may go to Production, one that
    /// it refused may not. With `archive_existing`, what was in Staging or Production goes to Archived.
    ///
    /// # Errors
    /// When there is no such version, or the gate refused it.
    pub async fn transition_version(
        &self,
        name: &str,
        version: u32,
        stage: ModelStage,
        archive_existing: bool,
        user: &str,
    ) -> Result<ModelVersion> {
        self.store.get_version(name, version).await?;
        if stage == ModelStage::Production
            && let Some(reason) = self.gate_refusal(name, version).await?.flatten()
        {
            return Err(Error::GateRefused { name: name.to_owned(), version, reason });
        }
        self.transition(name, version, stage, archive_existing, user, String::new()).await
    }

    async fn check_gate(&self, name: &str, version: u32) -> Result<()> {
        let reason = match self.gate_refusal(name, version).await? {
            Some(None) => return Ok(()),
            Some(Some(reason)) => reason,
            None => "the gate was not asked; `metria models gate` asks it".to_owned(),
        };
        Err(Error::GateRefused { name: name.to_owned(), version, reason })
    }

    /// The gate's last word about a version: nothing when it was not asked, no reason when it let the version through.
    async fn gate_refusal(&self, name: &str, version: u32) -> Result<Option<Option<String>>> {
        let decisions = self.store.list_decisions(name).await?;
        let latest = decisions.into_iter().find(|decision| decision.version == version);
        Ok(latest.map(|decision| (!decision.passed).then_some(decision.reason)))
    }

    async fn transition(
        &self,
        name: &str,
        version: u32,
        stage: ModelStage,
        archive_existing: bool,
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
        Ok(self.store.transition_stage(transition, archive_existing).await?)
    }

    /// Puts the version that was in Production before the present one back there.
    ///
    /// # Errors
    /// When none was.
    pub async fn rollback(&self, name: &str, user: &str) -> Result<ModelVersion> {
        self.rollback_in(name, ModelStage::Production, user).await
    }

    /// Puts the version that was in a stage before the present one back there; what is there goes to Archived in the
    /// same write, and both moves are recorded.
    ///
    /// # Errors
    /// When none was, or the stage is neither Staging nor Production.
    pub async fn rollback_in(&self, name: &str, stage: ModelStage, user: &str) -> Result<ModelVersion> {
        if !metria_store::models::is_in_use(stage) {
            return Err(Error::Invalid(format!("only Staging and Production are rolled back; got {stage}")));
        }
        let versions = self.store.list_versions(name).await?;
        let present = versions.iter().find(|version| version.stage == stage).map(|v| v.version);
        let transitions = self.store.list_transitions(name).await?;
        let before = transitions.iter().find(|transition| {
            transition.to_stage == stage
                && Some(transition.version) != present
                && versions.iter().any(|version| version.version == transition.version)
        });
        let Some(before) = before else {
            return Err(Error::Conflict(format!(
                "no version of {name} was in {stage} before, so there is nothing to go back to"
            )));
        };
        let description = match present {
            Some(present) => format!("rolled back from version {present}"),
            None => "rolled back".to_owned(),
        };
        self.transition(name, before.version, stage, true, user, description).await
    }
}

fn new_model(name: &str, description: &str, tags: Vec<Tag>) -> RegisteredModel {
    let now = now_ms();
    RegisteredModel {
        name: name.to_owned(),
        description: description.to_owned(),
        creation_time_ms: now,
        last_update_time_ms: now,
        tags,
        aliases: Vec::new(),
    }
}

fn check_registry_tags(tags: &[Tag]) -> Result<()> {
    for tag in tags {
        check_key("tag key", &tag.key)?;
        let got = tag.value.chars().count();
        if got > REGISTRY_TAG_LENGTH {
            let what = format!("characters in the value of the tag `{}`", tag.key);
            return Err(Error::Limit { what, most: REGISTRY_TAG_LENGTH, got });
        }
    }
    Ok(())
}
