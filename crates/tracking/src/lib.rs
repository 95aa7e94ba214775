//! Experiments, runs and the model registry: the rules over the records.
//!
//! Services here make ids and timestamps, check names and limits, read the search language and decide at the gate;
//! a [`metria_store::Store`] keeps what they say.

#![forbid(unsafe_code)]

mod compare;
mod datasets;
mod error;
pub mod events;
mod experiments;
mod gates;
mod groups;
mod lineage;
mod logged_models;
mod models;
mod names;
mod observer;
mod prompts;
mod retention;
mod runs;
pub mod search;
mod select;
mod series;
mod spans;
mod student_t;
pub mod trace_search;
mod traces;
mod webhooks;

pub use compare::{ComparedRow, RunComparison, VersionComparison, VersionSide, VersionsComparison};
pub use datasets::RecordFields;
pub use error::{Error, Result};
pub use experiments::CreateExperiment;
pub use gates::GatePolicy;
pub use groups::{GroupRuns, GroupedMetric, RunGroup, RunGroups};
pub use lineage::{Lineage, LineageEdge, LineageKind, LineageNode};
pub use logged_models::{CreateLoggedModel, OrderLoggedModels, SearchLoggedModels};
pub use models::{ModelDetails, RegisterVersion};
pub use observer::RunObserver;
pub use prompts::is_prompt;
pub use retention::Retention;
pub use runs::{CreateRun, SearchRuns};
pub use select::Search;
pub use series::{Series, USUAL_POINTS};
pub use spans::{ResourceSpans, span_type};
pub use traces::{Correlation, SearchTraces, Trace};
pub use webhooks::CreateWebhook;

use metria_store::Store;
use std::sync::Arc;
use tokio::sync::Notify;

/// The services. Cheap to clone.
#[derive(Clone)]
pub struct Tracking {
    store: Arc<dyn Store>,
    artifact_root: Arc<str>,
    observer: observer::Place,
    /// Told when a delivery waits.
    queued: Arc<Notify>,
}

impl Tracking {
    /// Services over a store, with artifacts below a root URI.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, artifact_root: &str) -> Self {
        let artifact_root = artifact_root.trim_end_matches('/').into();
        Self { store, artifact_root, observer: Arc::default(), queued: Arc::default() }
    }

    /// Answers when the store can be reached.
    ///
    /// # Errors
    /// When it cannot.
    pub async fn ping(&self) -> Result<()> {
        Ok(self.store.ping().await?)
    }
}
