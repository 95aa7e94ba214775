//! The vocabulary every other crate shares: errors by kind, identifiers, time, names, model URIs and signatures.
//!
//! No input or output and nothing asynchronous lives here, so any crate may depend on it at no cost.

#![forbid(unsafe_code)]

pub mod error;
pub mod ids;
pub mod model_uri;
pub mod names;
pub mod predict;
pub mod schema;
pub mod stage;
pub mod time;

pub use error::{ErrorKind, Kinded};
pub use model_uri::{ModelUri, VersionSelector};
pub use predict::{Cell, Labels};
pub use schema::{ColumnSpec, DataType, Signature};
pub use stage::ModelStage;
