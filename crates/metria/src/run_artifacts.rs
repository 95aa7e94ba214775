//! Files of a run.

use crate::error::Result;
use crate::workspace::Workspace;
use metria_artifacts::ArtifactInfo;
use metria_core::names::check_artifact_path;

impl Workspace {
    /// Where a file or folder of a run is below the artifact root; the run's own folder for the empty path.
    ///
    /// # Errors
    /// When there is no such run, or the path would leave the run's folder.
    pub async fn run_artifact_path(&self, run_id: &str, path: &str) -> Result<String> {
        let run = self.tracking.get_run(run_id).await?;
        let root = self.artifact_path(&run.info.artifact_uri)?;
        if path.is_empty() {
            return Ok(root.to_owned());
        }
        let path = check_artifact_path(path).map_err(metria_artifacts::Error::Path)?;
        Ok(format!("{root}/{path}"))
    }

    /// The entries of one folder of a run, folders first, each by name, with paths below the run's artifacts. Empty
    /// when there is no such folder.
    ///
    /// # Errors
    /// As [`Self::run_artifact_path`], or when the storage fails.
    pub async fn list_run_artifacts(&self, run_id: &str, folder: &str) -> Result<Vec<ArtifactInfo>> {
        let path = self.run_artifact_path(run_id, folder).await?;
        self.list_below(&path, folder).await
    }

    /// The path of a file of a logged model below the artifact root; the empty path is the folder of its files.
    ///
    /// # Errors
    /// When there is no such model, or the path would leave its files.
    pub async fn model_artifact_path(&self, model_id: &str, path: &str) -> Result<String> {
        let model = self.tracking.get_logged_model(model_id).await?;
        let root = self.artifact_path(&model.artifact_location)?;
        let path = check_artifact_path(path).map_err(metria_artifacts::Error::Path)?;
        Ok(if path.is_empty() { root.to_owned() } else { format!("{root}/{path}") })
    }

    /// The entries of one folder of a logged model, as [`Self::list_run_artifacts`].
    ///
    /// # Errors
    /// As [`Self::model_artifact_path`], or when the storage fails.
    pub async fn list_model_artifacts(&self, model_id: &str, folder: &str) -> Result<Vec<ArtifactInfo>> {
        let path = self.model_artifact_path(model_id, folder).await?;
        self.list_below(&path, folder.trim_end_matches('/')).await
    }

    async fn list_below(&self, path: &str, folder: &str) -> Result<Vec<ArtifactInfo>> {
        let found = self.artifacts.list(path).await?;
        let whole = |name: String| if folder.is_empty() { name } else { format!("{folder}/{name}") };
        Ok(found.into_iter().map(|entry| ArtifactInfo { path: whole(entry.path), ..entry }).collect())
    }
}
