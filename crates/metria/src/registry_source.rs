//! Where the model server gets its models: the registry's Production versions.

use crate::workspace::Workspace;
use metria_core::{ErrorKind, Kinded, ModelStage};
use metria_learn::pipeline::FittedPipeline;
use metria_serving::{ModelSource, ResolvedModel, SourceError};
use std::sync::Arc;

/// The registry as a [`ModelSource`].
pub(crate) struct RegistrySource {
    workspace: Workspace,
}

impl RegistrySource {
    pub(crate) fn new(workspace: Workspace) -> Self {
        Self { workspace }
    }
}

#[async_trait::async_trait]
impl ModelSource for RegistrySource {
    async fn production_version(&self, model: &str) -> Result<ResolvedModel, SourceError> {
        let version = self
            .workspace
            .tracking
            .latest_in_stage(model, ModelStage::Production)
            .await
            .map_err(|error| source_error(&error))?
            .ok_or_else(|| SourceError::no_model(model, ModelStage::Production))?;
        Ok(ResolvedModel { version: version.version, location: version.storage_location })
    }

    async fn load(&self, resolved: &ResolvedModel) -> Result<Arc<FittedPipeline>, SourceError> {
        self.workspace.load_from(&resolved.location).await.map_err(|error| {
            let kind = match error.kind() {
                // The registry says that it is there.
                ErrorKind::NotFound => ErrorKind::DataLoss,
                // Whatever is wrong with a stored model, the client did not send it.
                ErrorKind::InvalidInput | ErrorKind::PermissionDenied => ErrorKind::Internal,
                kind => kind,
            };
            SourceError::new(kind, error.to_string())
        })
    }
}

fn source_error(error: &impl Kinded) -> SourceError {
    SourceError::new(error.kind(), error.to_string())
}
