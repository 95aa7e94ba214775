//! Artifacts: files below one root, and the model folder.
//!
//! Every path is checked once, here, before it meets the storage. A write is visible whole or not at all. A folder and
//! an S3-compatible bucket keep the same promises.

#![forbid(unsafe_code)]

mod error;
mod folder;
mod multipart;
mod package;
mod root;
mod s3;
mod signature;
mod sigv4;
mod staging;
mod store;
mod upload;

pub use error::{Error, Result};
pub use multipart::{BegunUpload, MOST_PARTS, SignedUrl, UploadedPart};
pub use package::{MLMODEL, ModelPackage, PIPELINE_FILE};
pub use signature::read_signature;
pub use store::{ArtifactInfo, ArtifactStore, Usage};
