//! Files of a run.

use crate::error::{Error, Result};
use crate::workspace::Workspace;
use bytes::Bytes;
use futures_util::stream::{self, Stream, StreamExt};
use metria_artifacts::ArtifactInfo;
use metria_core::names::check_artifact_path;
use sha2::{Digest, Sha256};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

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

    /// Writes a file of a run as its bytes come; a reader sees nothing of it, or the old content, until it is whole.
    /// With `sha256`, the digest in hexadecimal, bytes of another digest are refused and nothing of them is kept.
    ///
    /// # Errors
    /// As [`Self::run_artifact_path`], when the bytes break off or are others than announced, or the storage fails.
    pub async fn put_run_artifact<E: Into<BoxError>>(
        &self,
        run_id: &str,
        path: &str,
        bytes: impl Stream<Item = std::result::Result<Bytes, E>> + Unpin + Send,
        sha256: Option<&str>,
    ) -> Result<()> {
        if path.trim_matches('/').is_empty() {
            return Err(Error::Invalid("a file needs a path below the run's artifacts; got none".to_owned()));
        }
        let whole = self.run_artifact_path(run_id, path).await?;
        match sha256 {
            Some(sha256) => self.artifacts.put_stream(&whole, Box::pin(checked(bytes, sha256.to_owned()))).await?,
            None => self.artifacts.put_stream(&whole, bytes).await?,
        }
        Ok(())
    }
}

/// The same bytes, and an error behind them when their digest is another.
fn checked<E: Into<BoxError>>(
    bytes: impl Stream<Item = std::result::Result<Bytes, E>> + Unpin + Send,
    expected: String,
) -> impl Stream<Item = std::result::Result<Bytes, BoxError>> + Send {
    stream::unfold(Some((bytes, Sha256::new())), move |state| {
        let expected = expected.clone();
        async move {
            let (mut bytes, mut hasher) = state?;
            match bytes.next().await {
                Some(Ok(piece)) => {
                    hasher.update(&piece);
                    Some((Ok(piece), Some((bytes, hasher))))
                }
                Some(Err(error)) => Some((Err(error.into()), None)),
                None => {
                    let got: String = hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
                    let other = || format!("its SHA-256 is {got}, announced was {expected}").into();
                    (!got.eq_ignore_ascii_case(&expected)).then(|| (Err(other()), None))
                }
            }
        }
    })
}
