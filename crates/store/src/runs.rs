//! Runs: one execution with its params, metrics over steps, tags and inputs.

use crate::error::Result;
use crate::experiments::Lifecycle;
use crate::logged_models::{ModelMetric, ModelOutput};
use crate::query::{Page, RunQuery};
use serde::{Deserialize, Serialize};

/// How a run stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "UPPERCASE")]
pub enum RunStatus {
    /// Going on.
    #[default]
    Running,
    /// Waiting to start.
    Scheduled,
    /// Ended well.
    Finished,
    /// Ended badly.
    Failed,
    /// Stopped from outside.
    Killed,
}

impl RunStatus {
    /// Every status.
    pub const ALL: [Self; 5] = [Self::Running, Self::Scheduled, Self::Finished, Self::Failed, Self::Killed];

    /// The name on the wire and in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "RUNNING",
            Self::Scheduled => "SCHEDULED",
            Self::Finished => "FINISHED",
            Self::Failed => "FAILED",
            Self::Killed => "KILLED",
        }
    }

    /// The status of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == name)
    }
}

/// What a run is, apart from what was logged to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RunInfo {
    /// 32 hexadecimal characters.
    pub run_id: String,
    /// The experiment it belongs to.
    pub experiment_id: String,
    /// A name for people, not unique.
    pub run_name: String,
    /// Who started it.
    pub user_id: String,
    /// How it stands.
    pub status: RunStatus,
    /// When it started.
    pub start_time_ms: i64,
    /// When it ended.
    pub end_time_ms: Option<i64>,
    /// Root of its artifacts.
    pub artifact_uri: String,
    /// In use or deleted.
    pub lifecycle: Lifecycle,
}

/// One measurement.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Metric {
    /// Its name.
    pub key: String,
    /// Its value; NaN and both infinities are values. -0.0 is kept as 0.0.
    #[serde(with = "crate::runs::json_f64")]
    #[cfg_attr(feature = "openapi", schema(value_type = f64))]
    pub value: f64,
    /// When it was measured.
    pub timestamp_ms: i64,
    /// The step it belongs to.
    pub step: i64,
}

impl Metric {
    /// As it is kept: every NaN alike, and zero without a sign.
    #[must_use]
    pub fn normal(mut self) -> Self {
        self.value = if self.value.is_nan() { f64::NAN } else { self.value + 0.0 };
        self
    }

    /// Whether it is the latest of the two: greater step, then timestamp, then value, NaN below every number.
    #[must_use]
    pub fn is_later_than(&self, other: &Self) -> bool {
        let number = |metric: &Self| if metric.value.is_nan() { None } else { Some(metric.value) };
        let time = |metric: &Self| (metric.step, metric.timestamp_ms);
        time(self) > time(other) || (time(self) == time(other) && number(self) > number(other))
    }
}

/// One setting of a run; it never changes once written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Param {
    /// Its name.
    pub key: String,
    /// Its value.
    pub value: String,
}

/// A key with a value that may change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Tag {
    /// Its name.
    pub key: String,
    /// Its value.
    pub value: String,
}

/// A dataset that a run read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DatasetInput {
    /// Its name.
    pub name: String,
    /// Digest of its content.
    pub digest: String,
    /// `local`, `http`, …
    pub source_type: String,
    /// Where it came from.
    pub source: String,
    /// Its columns, as JSON.
    pub schema: Option<String>,
    /// Facts about it (rows, missing …), as JSON.
    pub profile: Option<String>,
    /// `training`, `evaluation`, …
    pub context: Option<String>,
}

/// A dataset that runs of an experiment read, whatever it was used for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DatasetUse {
    /// The experiment whose runs read it.
    pub experiment_id: String,
    /// Its name.
    pub name: String,
    /// Digest of its content.
    pub digest: String,
    /// `training`, `evaluation`, …
    pub context: Option<String>,
}

/// One run with what was logged to it: params and tags by key, the latest value of each metric by key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Run {
    /// What it is.
    #[serde(flatten)]
    pub info: RunInfo,
    /// Its params, by key ascending.
    pub params: Vec<Param>,
    /// The latest of each metric, by key ascending: greatest (step, timestamp, value), NaN below every number.
    pub metrics: Vec<Metric>,
    /// Its tags, by key ascending.
    pub tags: Vec<Tag>,
    /// What it read, by name and digest ascending.
    pub inputs: Vec<DatasetInput>,
    /// The logged models it used, by id ascending; left out when there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub model_inputs: Vec<String>,
    /// The logged models it made, by id ascending; left out when there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub model_outputs: Vec<ModelOutput>,
}

/// The keys that the runs of an experiment have, each list ascending.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RunKeys {
    /// Of metrics.
    pub metrics: Vec<String>,
    /// Of params.
    pub params: Vec<String>,
    /// Of tags.
    pub tags: Vec<String>,
}

/// Several writes to one run that become visible and durable together.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct LogBatch {
    /// Measurements; one that is there already (same step, timestamp and value, NaN like NaN) is not written twice.
    pub metrics: Vec<Metric>,
    /// Settings; the same value again is no error, another value is a `Conflict` that names both.
    pub params: Vec<Param>,
    /// Tags; a later value replaces an earlier one.
    pub tags: Vec<Tag>,
    /// Datasets read; the same name and digest again replaces.
    pub inputs: Vec<DatasetInput>,
    /// Logged models used, by id, whether they are in this store or not.
    pub model_inputs: Vec<String>,
    /// Logged models made, whether they are in this store or not; the same again replaces its step.
    pub model_outputs: Vec<ModelOutput>,
    /// Measurements of logged models, kept once each; they do not count among the run's own. `NotFound` when a model
    /// is not there.
    pub model_metrics: Vec<ModelMetric>,
}

/// Runs in a store.
///
/// Every call is atomic, a whole batch included: readers see all of it or nothing. An answered write survives `kill -9`.
/// Writing to a run that is not there is `NotFound`; to a deleted run, `Conflict`. A text with NUL is `Invalid`.
#[async_trait::async_trait]
pub trait RunStore: Send + Sync {
    /// Writes a new run with its first tags. `AlreadyExists` when the id is taken; `NotFound` without its
    /// experiment; `Conflict` when that is deleted.
    async fn create_run(&self, info: RunInfo, tags: Vec<Tag>) -> Result<()>;

    /// One run, deleted or not.
    async fn get_run(&self, run_id: &str) -> Result<Run>;

    /// Changes what is `Some`.
    async fn update_run(
        &self,
        run_id: &str,
        status: Option<RunStatus>,
        end_time_ms: Option<i64>,
        run_name: Option<String>,
    ) -> Result<RunInfo>;

    /// Deletes or restores. Doing it twice changes nothing, the time of the deletion included.
    async fn set_run_lifecycle(&self, run_id: &str, lifecycle: Lifecycle, now_ms: i64) -> Result<()>;

    /// Writes a batch, all of it or nothing.
    async fn log_batch(&self, run_id: &str, batch: LogBatch) -> Result<()>;

    /// Removes one tag. `NotFound` when the run or the tag is not there.
    async fn delete_run_tag(&self, run_id: &str, key: &str) -> Result<()>;

    /// Every measurement of one metric, by (step, timestamp, order of writing). Empty for an unknown run or key.
    async fn metric_history(&self, run_id: &str, key: &str) -> Result<Vec<Metric>>;

    /// The measurements of one metric from a step and timestamp on, those of that place included, at most `limit`, in
    /// the order of [`Self::metric_history`].
    async fn metric_history_from(&self, run_id: &str, key: &str, from: (i64, i64), limit: usize)
    -> Result<Vec<Metric>>;

    /// The first `limit` keys of metrics, params and tags each that the runs of an experiment have, deleted runs
    /// included. Empty for an unknown experiment. It costs what the keys are, not what the runs are.
    async fn run_keys(&self, experiment_id: &str, limit: usize) -> Result<RunKeys>;

    /// Runs that were deleted before a time, by id ascending, those after an id, so many at most.
    async fn deleted_runs(&self, before_ms: i64, after: &str, limit: usize) -> Result<Vec<RunInfo>>;

    /// Removes a run and all that was logged to it; nothing brings it back. `Conflict` while neither it nor its
    /// experiment is deleted, and while a model version comes from it: its run, or its run's id in where it is kept.
    async fn delete_run_for_good(&self, run_id: &str) -> Result<()>;

    /// The datasets that runs of these experiments read, each once, by (experiment, name, digest, context) with no
    /// context first; at most `limit`.
    async fn list_dataset_uses(&self, experiment_ids: &[String], limit: usize) -> Result<Vec<DatasetUse>>;

    /// One page of runs. Ties are broken by start time descending, then run id ascending;
    /// runs without the key come last in either direction, and a metric that is NaN counts as none there.
    /// A page begins after the last run of the page before, wherever that stands: runs that come or go in between
    /// shift nothing. What [`RunQuery::check`] refuses is `Invalid`.
    async fn search_runs(&self, query: &RunQuery) -> Result<Page<Run>>;
}

/// JSON has no NaN and no infinity; they travel as the strings `NaN`, `Infinity` and `-Infinity`.
pub mod json_f64 {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    /// Writes a number, or the name of one that JSON lacks.
    ///
    /// # Errors
    /// The serializer's own.
    pub fn serialize<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
        if value.is_finite() {
            serializer.serialize_f64(*value)
        } else if value.is_nan() {
            serializer.serialize_str("NaN")
        } else if *value > 0.0 {
            serializer.serialize_str("Infinity")
        } else {
            serializer.serialize_str("-Infinity")
        }
    }

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Wire {
        Number(f64),
        Name(String),
    }

    /// Reads either form.
    ///
    /// # Errors
    /// When it is neither a number nor one of the three names.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
        match Wire::deserialize(deserializer)? {
            Wire::Number(value) => Ok(value),
            Wire::Name(name) => match name.as_str() {
                "NaN" => Ok(f64::NAN),
                "Infinity" => Ok(f64::INFINITY),
                "-Infinity" => Ok(f64::NEG_INFINITY),
                other => {
                    Err(D::Error::custom(format!("a number, NaN, Infinity or -Infinity was expected; got `{other}`")))
                }
            },
        }
    }
}
