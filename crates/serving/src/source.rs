//! Where a server gets its models.

use metria_core::{ErrorKind, Kinded, ModelStage};
use metria_learn::pipeline::FittedPipeline;
use std::sync::Arc;

/// A version of a model and where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolvedModel {
    /// The version.
    pub version: u32,
    /// What [`ModelSource::load`] understands.
    pub location: String,
}

/// Why a model cannot be had.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct SourceError {
    kind: ErrorKind,
    message: String,
}

impl SourceError {
    /// An error of the given meaning.
    #[must_use]
    pub fn new(kind: ErrorKind, message: String) -> Self {
        Self { kind, message }
    }

    /// No version of the model is in the stage.
    #[must_use]
    pub fn no_model(model: &str, stage: ModelStage) -> Self {
        Self::new(ErrorKind::NotFound, format!("No model found for {model} in {stage}"))
    }
}

impl Kinded for SourceError {
    fn kind(&self) -> ErrorKind {
        self.kind
    }
}

/// A registry as the server sees it.
#[async_trait::async_trait]
pub trait ModelSource: Send + Sync {
    /// The version that is in Production now.
    async fn production_version(&self, model: &str) -> Result<ResolvedModel, SourceError>;

    /// Reads a model into memory, ready to predict.
    async fn load(&self, resolved: &ResolvedModel) -> Result<Arc<FittedPipeline>, SourceError>;
}
