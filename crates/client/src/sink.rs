//! Where the events of a run go.

use crate::error::Result;
use futures_util::future::LocalBoxFuture;
use metria_store::{LogBatch, RunStatus, Tag};
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::sync::Arc;

/// A run as its process makes it, before any server knows of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewRun {
    /// Made here, so that the same run is never made twice: 32 hexadecimal characters.
    pub run_id: String,
    /// The experiment's name; it is made when it is not there.
    pub experiment: String,
    /// A name for people; a random one when not given.
    pub run_name: Option<String>,
    /// Who starts it.
    pub user_id: String,
    /// When it started.
    pub start_time_ms: i64,
    /// Its first tags.
    pub tags: Vec<Tag>,
}

/// A place that keeps runs. Every call may come again with the same arguments, and then changes nothing.
///
/// A failure that may pass is [`crate::Error::Away`]; any other error means that the call will never succeed.
#[async_trait::async_trait]
pub trait RunSink: Send + Sync {
    /// Makes the run, and its experiment, where they are not there.
    async fn create_run(&self, run: &NewRun) -> Result<()>;

    /// Writes a batch within the limits of one request.
    async fn log(&self, run_id: &str, batch: &LogBatch) -> Result<()>;

    /// Writes a file below the run's artifacts, visible whole or not at all. `sha256` is its digest in hexadecimal.
    async fn put_artifact(&self, run_id: &str, path: &str, file: &Path, sha256: &str) -> Result<()>;

    /// Ends the run.
    async fn finish(&self, run_id: &str, status: RunStatus, end_time_ms: i64) -> Result<()>;

    /// Lets go of what the sink holds.
    async fn close(&self) {}
}

/// Opens a sink; asked again when it could not.
pub type SinkMaker = Box<dyn Fn() -> LocalBoxFuture<'static, Result<Arc<dyn RunSink>>> + Send + Sync>;
