//! What Metria remembers: the record types, one async trait per entity, and a backend in memory.
//!
//! Services make ids and timestamps; a store writes what it is given. The SQL backends live in `metria-store-sql`.
//! The promises of the traits are tested by the suites in `contract` (feature `testsuite`), which every backend passes.

#![forbid(unsafe_code)]

#[cfg(any(test, feature = "testsuite"))]
pub mod contract;
pub mod datasets;
pub mod error;
pub mod experiments;
pub mod expression;
mod like;
pub mod logged_models;
pub mod memory;
pub mod models;
pub mod page_token;
pub mod query;
pub mod runs;
pub mod text;
pub mod trace_query;
pub mod traces;
pub mod webhooks;

pub use datasets::{DatasetRecord, DatasetStore, EvaluationDataset, NewDatasetRecord, RecordSource, Upserted};
pub use error::{Error, Result};
pub use experiments::{Experiment, ExperimentStore, Lifecycle};
pub use expression::{Arithmetic, Expression, Facts, Operator, Term};
pub use logged_models::{
    DatasetSelector, LoggedMetric, LoggedModel, LoggedModelOrder, LoggedModelQuery, LoggedModelStatus,
    LoggedModelStore, ModelMetric, ModelOutput,
};
pub use memory::MemoryStore;
pub use models::{GateCheck, GateDecision, ModelStore, ModelVersion, RegisteredModel, StageTransition};
pub use page_token::{PageToken, SortValue};
pub use query::{Comparison, Condition, Entity, OrderBy, Page, RunQuery, Statistic, Value};
pub use runs::{DatasetInput, DatasetUse, LogBatch, Metric, Param, Run, RunInfo, RunKeys, RunStatus, RunStore, Tag};
pub use trace_query::{TraceCondition, TraceField, TraceOrder, TracePlace, TraceQuery};
pub use traces::{
    Assessment, AssessmentKind, Span, SpanContent, SpanEvent, SpanLink, SpanStatus, TraceInfo, TraceSelection,
    TraceSpans, TraceState, TraceStore,
};
pub use webhooks::{Delivery, Webhook, WebhookChange, WebhookStore};

/// All entities in one backend.
#[async_trait::async_trait]
pub trait Store:
    ExperimentStore + RunStore + ModelStore + LoggedModelStore + TraceStore + DatasetStore + WebhookStore
{
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
