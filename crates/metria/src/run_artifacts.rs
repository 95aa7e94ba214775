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
        Ok(if root.is_empty() { path.to_owned() } else { format!("{root}/{path}") })
    }

    /// The entries of one folder of a run, folders first, each by name, with paths below the run's artifacts. Empty
    /// when there is no such folder.
    ///
    /// # Errors
    /// As [`Self::run_artifact_path`], or when the storage fails.
    pub async fn list_run_artifacts(&self, run_id: &str, folder: &str) -> Result<Vec<ArtifactInfo>> {
        let found = self.artifacts.list(&self.run_artifact_path(run_id, folder).await?).await?;
        let whole = |name: String| if folder.is_empty() { name } else { format!("{folder}/{name}") };
        Ok(found.into_iter().map(|entry| ArtifactInfo { path: whole(entry.path), ..entry }).collect())
    }
}
