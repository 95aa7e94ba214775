//! Logged models: what runs make, each with an id, params, tags and metrics of its own.

use crate::error::{Error, Result};
use crate::experiments::Lifecycle;
use crate::query::{Condition, Entity, OrderBy, Page, RunQuery};
use crate::runs::{Metric, Param, Tag};
use crate::text::check_texts;
use serde::{Deserialize, Serialize};

/// The attributes of a logged model that conditions and orders may name.
pub const LOGGED_MODEL_ATTRIBUTES: [&str; 8] =
    ["model_id", "name", "model_type", "status", "source_run_id", "experiment_id", "creation_time", "last_update_time"];

/// How far a logged model is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "UPPERCASE")]
pub enum LoggedModelStatus {
    /// Nobody said.
    Unspecified,
    /// Its files are on their way.
    #[default]
    Pending,
    /// Its files are there.
    Ready,
    /// Its files did not arrive.
    Failed,
}

impl LoggedModelStatus {
    /// Every status, in the order of the numbers that MLflow gives them.
    pub const ALL: [Self; 4] = [Self::Unspecified, Self::Pending, Self::Ready, Self::Failed];

    /// The name in the database and in filters.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unspecified => "UNSPECIFIED",
            Self::Pending => "PENDING",
            Self::Ready => "READY",
            Self::Failed => "FAILED",
        }
    }

    /// The status of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == name)
    }
}

/// A measurement of a logged model, as a run logs it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ModelMetric {
    /// The logged model that was measured.
    pub model_id: String,
    /// What was measured.
    #[serde(flatten)]
    pub metric: Metric,
    /// The dataset it was measured on.
    pub dataset_name: Option<String>,
    /// Digest of that dataset.
    pub dataset_digest: Option<String>,
}

/// A measurement of a logged model, with the run that logged it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LoggedMetric {
    /// The run that logged it.
    pub run_id: String,
    /// What was logged.
    #[serde(flatten)]
    pub measured: ModelMetric,
}

/// A logged model that a run made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ModelOutput {
    /// The logged model.
    pub model_id: String,
    /// The step at which it was made.
    pub step: i64,
}

/// One logged model with what belongs to it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LoggedModel {
    /// `m-` and 32 hexadecimal characters.
    pub model_id: String,
    /// The experiment it belongs to.
    pub experiment_id: String,
    /// A name for people, not unique.
    pub name: String,
    /// What kind of model it is, in its maker's words.
    pub model_type: Option<String>,
    /// The run that made it.
    pub source_run_id: Option<String>,
    /// How far it is.
    pub status: LoggedModelStatus,
    /// Root of its files.
    pub artifact_location: String,
    /// When it was made.
    pub creation_time_ms: i64,
    /// When it was made, finalized, deleted or restored last.
    pub last_update_time_ms: i64,
    /// In use or deleted.
    pub lifecycle: Lifecycle,
    /// Its params, by key ascending.
    pub params: Vec<Param>,
    /// Its tags, by key ascending.
    pub tags: Vec<Tag>,
    /// Every measurement of it, by key, step, timestamp and order of writing.
    pub metrics: Vec<LoggedMetric>,
}

/// A dataset that metrics were measured on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatasetSelector {
    /// Its name.
    pub name: String,
    /// Its digest; any when not given.
    pub digest: Option<String>,
}

impl DatasetSelector {
    /// Whether a measurement was made on it.
    #[must_use]
    pub fn selects(&self, measured: &ModelMetric) -> bool {
        measured.dataset_name.as_ref() == Some(&self.name)
            && (self.digest.is_none() || measured.dataset_digest == self.digest)
    }
}

/// One order of a search over logged models: by an attribute, or by the last measured value of a metric (greatest
/// timestamp, then step, then the first run by id, then the greatest value).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoggedModelOrder {
    /// What it looks at: an attribute or a metric.
    pub by: OrderBy,
    /// Only measurements on this dataset count.
    pub dataset: Option<DatasetSelector>,
}

/// A search over logged models.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LoggedModelQuery {
    /// In these experiments; empty means all.
    pub experiment_ids: Vec<String>,
    /// Of this lifecycle; `None` means both.
    pub lifecycle: Option<Lifecycle>,
    /// All must hold. One on a metric holds when any measurement fulfils it.
    pub conditions: Vec<Condition>,
    /// Conditions on metrics look at measurements on one of these only; without such a condition the model must have
    /// been measured on one of them. Empty means any.
    pub datasets: Vec<DatasetSelector>,
    /// First order first.
    pub order_by: Vec<LoggedModelOrder>,
    /// Models on a page, at least 1.
    pub limit: usize,
    /// The token of the page before; opaque, refused with `Invalid` when broken.
    pub page_token: Option<String>,
}

impl LoggedModelQuery {
    /// Refuses what no backend can answer. Every backend asks this first.
    ///
    /// # Errors
    /// [`Error::Invalid`] that names what was wrong.
    pub fn check(&self) -> Result<()> {
        if self.limit == 0 {
            return Err(Error::Invalid("a page must have room for at least 1 logged model; got 0".to_owned()));
        }
        check_texts(&self.experiment_ids)?;
        for condition in &self.conditions {
            check_key(condition.entity, &condition.key)?;
            condition.check_comparison()?;
        }
        for LoggedModelOrder { by, .. } in &self.order_by {
            check_texts([&by.key])?;
            check_key(by.entity, &by.key)?;
            if !matches!(by.entity, Entity::Attribute | Entity::Metric) {
                return Err(Error::Invalid(format!(
                    "logged models are ordered by attributes and metrics; got `{}`",
                    by.key
                )));
            }
        }
        let datasets = self.order_by.iter().filter_map(|order| order.dataset.as_ref()).chain(&self.datasets);
        datasets
            .into_iter()
            .try_for_each(|dataset| check_texts([Some(&dataset.name), dataset.digest.as_ref()].into_iter().flatten()))
    }

    /// The orders and the page as those of a search over runs, whose page tokens serve here too: the values of the
    /// orders, then time descending, then id ascending.
    #[must_use]
    pub fn places(&self) -> RunQuery {
        let order = |LoggedModelOrder { by, dataset }: &LoggedModelOrder| {
            let of = dataset.as_ref().map(|DatasetSelector { name, digest }| format!(" of {name} {digest:?}"));
            OrderBy { key: format!("{}{}", by.key, of.unwrap_or_default()), ..by.clone() }
        };
        RunQuery {
            order_by: self.order_by.iter().map(order).collect(),
            limit: self.limit,
            page_token: self.page_token.clone(),
            ..RunQuery::default()
        }
    }

    /// Whether a condition looks at a metric.
    #[must_use]
    pub fn asks_for_metrics(&self) -> bool {
        self.conditions.iter().any(|condition| condition.entity == Entity::Metric)
    }
}

fn check_key(entity: Entity, key: &str) -> Result<()> {
    match entity {
        Entity::Attribute if !LOGGED_MODEL_ATTRIBUTES.contains(&key) => Err(Error::Invalid(format!(
            "logged models have no attribute `{key}`; there are {}",
            LOGGED_MODEL_ATTRIBUTES.join(", ")
        ))),
        Entity::Dataset => Err(Error::Invalid(format!("logged models have no dataset field `{key}`"))),
        Entity::Attribute | Entity::Metric | Entity::Param | Entity::Tag => Ok(()),
    }
}

/// Logged models in a store. Their metrics come by [`RunStore::log_batch`](crate::RunStore::log_batch).
///
/// Every call is atomic. A model that is not there is `NotFound`; a deleted one can be read and written to. A text with
/// NUL is `Invalid`.
#[async_trait::async_trait]
pub trait LoggedModelStore: Send + Sync {
    /// Writes a new logged model with its first params and tags; metrics are ignored. `AlreadyExists` when the id is
    /// taken; `NotFound` without its experiment; `Conflict` when that is deleted.
    async fn create_logged_model(&self, model: LoggedModel) -> Result<()>;

    /// One logged model, deleted or not.
    async fn get_logged_model(&self, model_id: &str) -> Result<LoggedModel>;

    /// Says how far it is.
    async fn finalize_logged_model(&self, model_id: &str, status: LoggedModelStatus, now_ms: i64) -> Result<()>;

    /// Deletes or restores.
    async fn set_logged_model_lifecycle(&self, model_id: &str, lifecycle: Lifecycle, now_ms: i64) -> Result<()>;

    /// Writes params, all of them or none; the same value again is no error, another value is a `Conflict`.
    async fn log_model_params(&self, model_id: &str, params: Vec<Param>) -> Result<()>;

    /// Writes or replaces tags.
    async fn set_logged_model_tags(&self, model_id: &str, tags: Vec<Tag>) -> Result<()>;

    /// Removes one tag. `NotFound` when there is none.
    async fn delete_logged_model_tag(&self, model_id: &str, key: &str) -> Result<()>;

    /// One page of logged models. Ties are broken by creation time descending, then id ascending; models without what
    /// an order looks at come last in either direction, and a metric that is NaN counts as none there. What
    /// [`LoggedModelQuery::check`] refuses is `Invalid`.
    async fn search_logged_models(&self, query: &LoggedModelQuery) -> Result<Page<LoggedModel>>;
}
