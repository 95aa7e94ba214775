//! The model registry: registered models, their versions, aliases, stages and the gates' decisions.

use crate::error::Result;
use crate::runs::Tag;
use metria_core::ModelStage;
use serde::{Deserialize, Serialize};

/// A name under which versions are collected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RegisteredModel {
    /// Unique.
    pub name: String,
    /// For people.
    pub description: String,
    /// When it was made.
    pub creation_time_ms: i64,
    /// When it, a version, tag or alias last changed.
    pub last_update_time_ms: i64,
    /// Its tags, by key ascending.
    pub tags: Vec<Tag>,
    /// Alias and version, by alias ascending.
    pub aliases: Vec<(String, u32)>,
}

/// One version of a registered model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ModelVersion {
    /// The registered model's name.
    pub name: String,
    /// 1, 2, 3 …; a number is never used twice, even after deletion.
    pub version: u32,
    /// For people.
    pub description: String,
    /// Where it stands.
    pub stage: ModelStage,
    /// The model URI it was registered from.
    pub source: String,
    /// The run that made it.
    pub run_id: Option<String>,
    /// The logged model that it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_id: Option<String>,
    /// Where its folder is.
    pub storage_location: String,
    /// Who registered it.
    pub user_id: String,
    /// When it was registered.
    pub creation_time_ms: i64,
    /// When it or its tags last changed.
    pub last_update_time_ms: i64,
    /// Its tags, by key ascending.
    pub tags: Vec<Tag>,
}

/// Whether a version in this stage is in use and must not be deleted.
#[must_use]
pub fn is_in_use(stage: ModelStage) -> bool {
    matches!(stage, ModelStage::Staging | ModelStage::Production)
}

/// One move of a version between stages: who, when, why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StageTransition {
    /// The registered model's name.
    pub name: String,
    /// The version that moved.
    pub version: u32,
    /// Where it was.
    pub from_stage: ModelStage,
    /// Where it went.
    pub to_stage: ModelStage,
    /// Who moved it.
    pub user_id: String,
    /// Why, or why it went without the gate's consent.
    pub description: String,
    /// When.
    pub time_ms: i64,
}

impl StageTransition {
    /// The transition that archives another version because this one takes its place.
    #[must_use]
    pub fn archiving(&self, version: u32) -> Self {
        let description = format!("version {} took its place", self.version);
        Self { version, to_stage: ModelStage::Archived, description, ..self.clone() }
    }
}

/// One question a gate asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct GateCheck {
    /// What was compared, such as `accuracy >= 0.7` or `roc_auc is no worse than version 1`.
    pub rule: String,
    /// The metric.
    pub metric: String,
    /// The candidate's value.
    #[serde(with = "crate::runs::json_f64")]
    #[cfg_attr(feature = "openapi", schema(value_type = f64))]
    pub value: f64,
    /// What it had to reach.
    #[serde(with = "crate::runs::json_f64")]
    #[cfg_attr(feature = "openapi", schema(value_type = f64))]
    pub threshold: f64,
    /// Whether it did.
    pub passed: bool,
}

/// What a validation gate decided about a version, and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct GateDecision {
    /// 32 hexadecimal characters.
    pub decision_id: String,
    /// The registered model's name.
    pub name: String,
    /// The candidate.
    pub version: u32,
    /// The version it was compared with; none when it was the first.
    pub compared_with: Option<u32>,
    /// Whether it may go to Production.
    pub passed: bool,
    /// The decision in one sentence.
    pub reason: String,
    /// Each question with its answer.
    pub checks: Vec<GateCheck>,
    /// When it was decided.
    pub time_ms: i64,
}

/// The model registry in a store.
///
/// Every call is atomic. Version numbers are given out by the store, without gaps under concurrency. A model, version
/// or alias that is not there is `NotFound`; a text with NUL is `Invalid`.
#[async_trait::async_trait]
pub trait ModelStore: Send + Sync {
    /// Writes a new registered model. `AlreadyExists` when the name is taken.
    async fn create_model(&self, model: RegisteredModel) -> Result<()>;

    /// One registered model.
    async fn get_model(&self, name: &str) -> Result<RegisteredModel>;

    /// All registered models, by name ascending.
    async fn list_models(&self) -> Result<Vec<RegisteredModel>>;

    /// Another name for a model, its versions, aliases, transitions and decisions. `AlreadyExists` when it is taken.
    async fn rename_model(&self, name: &str, new_name: &str, now_ms: i64) -> Result<()>;

    /// Replaces the description.
    async fn describe_model(&self, name: &str, description: &str, now_ms: i64) -> Result<()>;

    /// Removes a model with all its versions. `Conflict` while a version is in Staging or Production.
    async fn delete_model(&self, name: &str) -> Result<()>;

    /// Writes or replaces one tag of a model.
    async fn set_model_tag(&self, name: &str, tag: Tag, now_ms: i64) -> Result<()>;

    /// Removes one tag of a model. `NotFound` when there is none.
    async fn delete_model_tag(&self, name: &str, key: &str, now_ms: i64) -> Result<()>;

    /// Writes a version under the next number (`version.version` is ignored) and returns it whole.
    /// The model's last update is the version's creation.
    async fn create_version(&self, version: ModelVersion) -> Result<ModelVersion>;

    /// One version.
    async fn get_version(&self, name: &str, version: u32) -> Result<ModelVersion>;

    /// All versions of a model, the newest first. `NotFound` without the model.
    async fn list_versions(&self, name: &str) -> Result<Vec<ModelVersion>>;

    /// Replaces the description of a version.
    async fn describe_version(&self, name: &str, version: u32, description: &str, now_ms: i64) -> Result<()>;

    /// Writes or replaces one tag of a version.
    async fn set_version_tag(&self, name: &str, version: u32, tag: Tag, now_ms: i64) -> Result<()>;

    /// Removes one tag of a version. `NotFound` when there is none.
    async fn delete_version_tag(&self, name: &str, version: u32, key: &str, now_ms: i64) -> Result<()>;

    /// Removes a version and its aliases. `Conflict` while it is in Staging or Production.
    async fn delete_version(&self, name: &str, version: u32, now_ms: i64) -> Result<()>;

    /// Moves a version to a stage and writes the transition. With `archive_existing` and Staging or Production,
    /// the other versions in that stage move to Archived in the same write, each with a transition of its own.
    /// `from_stage` of the argument is ignored: the store writes what it found.
    async fn transition_stage(&self, transition: StageTransition, archive_existing: bool) -> Result<ModelVersion>;

    /// All transitions of a model, the last written first. Empty without the model.
    async fn list_transitions(&self, name: &str) -> Result<Vec<StageTransition>>;

    /// Points an alias at a version, wherever it pointed before.
    async fn set_alias(&self, name: &str, alias: &str, version: u32, now_ms: i64) -> Result<()>;

    /// Removes an alias. `NotFound` when there is none.
    async fn delete_alias(&self, name: &str, alias: &str, now_ms: i64) -> Result<()>;

    /// Writes a gate's decision. `NotFound` without the version, `AlreadyExists` when the id is taken.
    async fn record_decision(&self, decision: GateDecision) -> Result<()>;

    /// All decisions about a model, the newest first (time, then id, descending). Empty without the model.
    async fn list_decisions(&self, name: &str) -> Result<Vec<GateDecision>>;
}
