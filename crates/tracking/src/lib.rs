//! Experiments, runs and the model registry: the rules over the records.
//!
//! Services here make ids and timestamps, check names and limits, read the search language and decide at the gate;
//! a [`metria_store::Store`] keeps what they say.

#![forbid(unsafe_code)]

mod compare;
mod error;
mod experiments;
mod gates;
mod logged_models;
mod models;
mod names;
mod runs;
pub mod search;
mod select;

pub use compare::{ComparedRow, RunComparison, VersionComparison, VersionSide};
pub use error::{Error, Result};
pub use experiments::CreateExperiment;
pub use gates::GatePolicy;
pub use logged_models::{CreateLoggedModel, OrderLoggedModels, SearchLoggedModels};
pub use models::{ModelDetails, RegisterVersion};
pub use runs::{CreateRun, SearchRuns};
pub use select::Search;

use metria_store::Store;
use std::sync::Arc;

/// The services. Cheap to clone.
#[derive(Clone)]
pub struct Tracking {
    store: Arc<dyn Store>,
    artifact_root: Arc<str>,
}

impl Tracking {
    /// Services over a store, with artifacts below a root URI.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, artifact_root: &str) -> Self {
        Self { store, artifact_root: artifact_root.trim_end_matches('/').into() }
    }

    /// Answers when the store can be reached.
    ///
    /// # Errors
    /// When it cannot.
    pub async fn ping(&self) -> Result<()> {
        Ok(self.store.ping().await?)
    }
}
