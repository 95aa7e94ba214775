//! What Metria remembers: the record types, one async trait per entity, and a backend in memory.
//!
//! Services make ids and timestamps; a store writes what it is given. The SQL backends live in `metria-store-sql`.
//! The promises of the traits are tested by the suites in `contract` (feature `testsuite`), which every backend passes.

#![forbid(unsafe_code)]

#[cfg(any(test, feature = "testsuite"))]
pub mod contract;
pub mod error;
pub mod experiments;
mod like;
pub mod logged_models;
pub mod memory;
pub mod models;
pub mod page_token;
pub mod query;
pub mod runs;
pub mod text;

pub use error::{Error, Result};
pub use experiments::{Experiment, ExperimentStore, Lifecycle};
pub use logged_models::{
    DatasetSelector, LoggedMetric, LoggedModel, LoggedModelOrder, LoggedModelQuery, LoggedModelStatus,
    LoggedModelStore, ModelMetric, ModelOutput,
};
pub use memory::MemoryStore;
pub use models::{GateCheck, GateDecision, ModelStore, ModelVersion, RegisteredModel, StageTransition};
pub use page_token::{PageToken, SortValue};
pub use query::{Comparison, Condition, Entity, OrderBy, Page, RunQuery, Value};
pub use runs::{DatasetInput, DatasetUse, LogBatch, Metric, Param, Run, RunInfo, RunStatus, RunStore, Tag};

/// All entities in one backend.
#[async_trait::async_trait]
pub trait Store: ExperimentStore + RunStore + ModelStore + LoggedModelStore {
    /// Answers when the backend can be reached.
    ///
    /// # Errors
    /// [`Error`] with kind `Unavailable` when it cannot.
    async fn ping(&self) -> Result<()>;

    /// Finishes what is queued and closes every connection. Later calls fail with kind `Unavailable`.
    async fn close(&self);

    /// For `/health` and logs: `memory`, `sqlite` or `postgres`.
    fn backend(&self) -> &'static str;
}
