//! Experiments: the folders that runs live in.

use crate::error::Result;
use crate::runs::Tag;
use serde::{Deserialize, Serialize};

/// Whether a record is in use or in the bin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Lifecycle {
    /// In use.
    #[default]
    Active,
    /// Deleted, restorable.
    Deleted,
}

/// One experiment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Experiment {
    /// Decimal digits; `0` is the experiment `Default`, which always exists.
    pub experiment_id: String,
    /// Unique among all experiments, deleted ones included.
    pub name: String,
    /// Root of its runs' artifacts.
    pub artifact_location: String,
    /// In use or deleted.
    pub lifecycle: Lifecycle,
    /// When it was made.
    pub creation_time_ms: i64,
    /// When it or its tags last changed.
    pub last_update_time_ms: i64,
    /// Its tags, by key ascending.
    pub tags: Vec<Tag>,
}

/// Experiments in a store.
///
/// Every call is atomic. Reads see every write that was answered before they began. What is not there is `NotFound`;
/// a text with the character NUL is `Invalid`.
#[async_trait::async_trait]
pub trait ExperimentStore: Send + Sync {
    /// Writes a new experiment. `AlreadyExists` when its id or name is taken.
    async fn create_experiment(&self, experiment: Experiment) -> Result<()>;

    /// One experiment, deleted or not. `NotFound` when there is none.
    async fn get_experiment(&self, experiment_id: &str) -> Result<Experiment>;

    /// The experiment of that name, deleted or not. `NotFound` when there is none.
    async fn get_experiment_by_name(&self, name: &str) -> Result<Experiment>;

    /// All experiments of a lifecycle (or all), the newest first (creation time, then id, descending).
    async fn list_experiments(&self, lifecycle: Option<Lifecycle>) -> Result<Vec<Experiment>>;

    /// Gives an active experiment another name. `AlreadyExists` when it is taken, `Conflict` when it is deleted.
    async fn rename_experiment(&self, experiment_id: &str, name: &str, now_ms: i64) -> Result<()>;

    /// Deletes or restores. Doing it twice changes nothing, the time of the last update included.
    /// Its runs go with it: all are deleted, all are restored, those that were deleted one by one too.
    async fn set_experiment_lifecycle(&self, experiment_id: &str, lifecycle: Lifecycle, now_ms: i64) -> Result<()>;

    /// Removes an experiment with its traces and logged models; nothing brings it back. `Conflict` while it is not
    /// deleted or has runs, deleted or not, and while a model version comes from it: one of its logged models, or where
    /// it is kept.
    async fn delete_experiment_for_good(&self, experiment_id: &str) -> Result<()>;

    /// Writes or replaces one tag, whether the experiment is deleted or not.
    async fn set_experiment_tag(&self, experiment_id: &str, tag: Tag, now_ms: i64) -> Result<()>;

    /// Removes one tag. `NotFound` when the experiment or the tag is not there.
    async fn delete_experiment_tag(&self, experiment_id: &str, key: &str, now_ms: i64) -> Result<()>;
}
