//! Artifacts: files below one root, and the model folder.
//!
//! Every path is checked once, here, before it meets the storage. A write is visible whole or not at all.

#![forbid(unsafe_code)]

mod error;
mod package;
mod signature;
mod store;

pub use error::{Error, Result};
pub use package::{MLMODEL, ModelPackage, PIPELINE_FILE};
pub use signature::read_signature;
pub use store::{ArtifactInfo, ArtifactStore, Usage};
