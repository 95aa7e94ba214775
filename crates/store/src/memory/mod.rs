//! Records in memory: plain maps under one lock. For tests, tries and small tools; what is written lives as long as the
//! store.

mod experiments;
mod logged_models;
mod models;
mod runs;
mod search;
#[cfg(test)]
mod tests;

use crate::error::{Error, Result};
use crate::experiments::Experiment;
use crate::logged_models::LoggedModel;
use crate::models::{GateDecision, ModelVersion, RegisteredModel, StageTransition};
use crate::runs::Tag;
use crate::{Store, memory::runs::StoredRun};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A store in memory.
#[derive(Debug)]
pub struct MemoryStore {
    /// `None` once closed.
    records: Mutex<Option<Records>>,
}

/// A registered model with what belongs to it.
#[derive(Debug)]
struct StoredModel {
    model: RegisteredModel,
    next_version: u32,
    versions: BTreeMap<u32, ModelVersion>,
    transitions: Vec<StageTransition>,
    decisions: Vec<GateDecision>,
}

/// Everything there is.
#[derive(Debug, Default)]
struct Records {
    experiments: BTreeMap<String, Experiment>,
    runs: BTreeMap<String, StoredRun>,
    models: BTreeMap<String, StoredModel>,
    /// Their metrics in the order of writing.
    logged_models: BTreeMap<String, LoggedModel>,
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self { records: Mutex::new(Some(Records::default())) }
    }

    /// The lock. Every call checks before it changes anything, so a panic of another holder left nothing half done.
    fn lock(&self) -> MutexGuard<'_, Option<Records>> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs one call under the lock.
    fn with<T>(&self, call: impl FnOnce(&mut Records) -> Result<T>) -> Result<T> {
        let closed = || Error::Unavailable { backend: "memory", reason: "it is closed".to_owned() };
        call(self.lock().as_mut().ok_or_else(closed)?)
    }
}

/// Writes or replaces a tag in a list that is sorted by key.
fn set_tag(tags: &mut Vec<Tag>, tag: Tag) {
    match tags.binary_search_by(|there| there.key.cmp(&tag.key)) {
        Ok(at) => tags[at] = tag,
        Err(at) => tags.insert(at, tag),
    }
}

/// Removes a tag from a list that is sorted by key.
fn delete_tag(tags: &mut Vec<Tag>, key: &str) -> Result<()> {
    match tags.binary_search_by(|there| there.key.as_str().cmp(key)) {
        Ok(at) => {
            tags.remove(at);
            Ok(())
        }
        Err(_) => Err(Error::NotFound { kind: "tag", id: key.to_owned() }),
    }
}

#[async_trait::async_trait]
impl Store for MemoryStore {
    async fn ping(&self) -> Result<()> {
        self.with(|_| Ok(()))
    }

    async fn close(&self) {
        self.lock().take();
    }

    fn backend(&self) -> &'static str {
        "memory"
    }
}
