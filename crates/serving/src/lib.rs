//! Serving: models in use, requests checked field by field, and a log of every prediction.
//!
//! Where models come from is a [`ModelSource`]; HTTP is another crate's matter.

#![forbid(unsafe_code)]

mod body;
mod error;
mod instances;
mod prediction_log;
mod server;
mod source;

pub use error::{Error, Result};
pub use prediction_log::{LoggedPrediction, PredictionLog};
pub use server::{Health, ModelServer, ModelStats, PredictResponse, ReloadResponse, ServerLimits};
pub use source::{ModelSource, ResolvedModel, SourceError};
