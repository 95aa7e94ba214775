//! What a training process needs to be tracked from outside the server: a client of `/api/v1`, a spool on disk that
//! loses nothing, and what is worth knowing about the process and its machine.
//!
//! [`Recorder`] is the heart: every event of a run is appended to the run's spool before anything else happens, and a
//! background thread sends what the spool holds to a [`RunSink`]. A server that is away, or a process that is killed,
//! leaves a spool behind; [`sync_spools`] sends the rest. Nothing arrives twice, since runs carry ids made here, metrics
//! are kept once by the store, and an artifact is the same file however often it is written.

#![forbid(unsafe_code)]

mod api;
pub mod console;
pub mod environment;
mod error;
pub mod git;
mod gpu;
mod program;
mod recorder;
mod sampler;
mod sender;
mod sink;
mod spool;
mod sync;
mod worker;

pub use api::{Api, file_pieces};
pub use error::{Error, Result};
pub use recorder::{Delivered, Recorder, RecorderOptions};
pub use sampler::SystemSampler;
pub use sink::{NewRun, RunSink, SinkMaker};
pub use sync::{SpoolOutcome, SpoolReport, sync_spools};
