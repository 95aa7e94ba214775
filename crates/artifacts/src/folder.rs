//! A folder of this machine as an artifact root. Symbolic links may lead around in it, never out of it.

use crate::error::{Error, Result};
use crate::store::{ArtifactInfo, UPLOADS, is_kept};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// A folder, by its real path.
pub(crate) struct Folder {
    pub(crate) root: PathBuf,
}

impl Folder {
    /// Makes the folder when it is not there.
    pub(crate) fn open(folder: &Path) -> Result<Self> {
        let failed = |action: &'static str| {
            let path = folder.display().to_string();
            move |source| Error::File { action, path, source }
        };
        std::fs::create_dir_all(folder).map_err(failed("make the artifact folder"))?;
        Ok(Self { root: folder.canonicalize().map_err(failed("find the artifact folder"))? })
    }

    /// Refuses a path that a symbolic link leads out of the root. What is not there yet is judged by the folder that
    /// it would be made in.
    pub(crate) async fn check(&self, path: &str) -> Result<()> {
        let root = self.root.clone();
        self.run(path, "find", move |place| {
            for place in place.ancestors().take_while(|place| place.starts_with(&root)) {
                match place.canonicalize() {
                    Ok(real) if real.starts_with(&root) => return Ok(true),
                    Ok(_) => return Ok(false),
                    // A link that leads nowhere is none to write through.
                    Err(_) if place.is_symlink() => return Ok(false),
                    Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {}
                    Err(error) => return Err(error),
                }
            }
            Ok(false)
        })
        .await
        .and_then(|inside| if inside { Ok(()) } else { Err(Error::Link(path.to_owned())) })
    }

    /// As [`Self::check`], for what is to be removed: a link itself may go, what is behind it may not.
    pub(crate) async fn check_parent(&self, path: &str) -> Result<()> {
        self.check(path.rsplit_once('/').map_or("", |(parent, _)| parent)).await
    }

    /// The entries of a folder, in no order. Links out of the root are none of them.
    pub(crate) async fn list(&self, path: &str) -> Result<Vec<ArtifactInfo>> {
        self.check(path).await?;
        let root = self.root.clone();
        self.run(path, "list", move |place| {
            let entries = match std::fs::read_dir(&place) {
                Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                    return Ok(vec![]);
                }
                entries => entries?,
            };
            let mut found = Vec::new();
            for entry in entries {
                let entry = entry?;
                let Ok(name) = entry.file_name().into_string() else { continue };
                if is_kept(&name) || (place == root && name == UPLOADS) {
                    continue;
                }
                let inside = |place: PathBuf| place.canonicalize().is_ok_and(|real| real.starts_with(&root));
                if entry.file_type()?.is_symlink() && !inside(entry.path()) {
                    continue;
                }
                // Behind a link is what it leads to. Whatever was removed meanwhile is not there.
                let Ok(metadata) = entry.path().metadata() else { continue };
                let is_dir = metadata.is_dir();
                found.push(ArtifactInfo { path: name, is_dir, size_bytes: if is_dir { 0 } else { metadata.len() } });
            }
            Ok(found)
        })
        .await
    }

    /// Removes a file or a folder with all that is in it, and the folders above it that this leaves empty. Links are
    /// removed, not followed.
    pub(crate) async fn delete_all(&self, path: &str) -> Result<()> {
        self.check_parent(path).await?;
        let root = self.root.clone();
        self.run(path, "delete", move |place| {
            let removed = match place.symlink_metadata() {
                Ok(metadata) if metadata.is_dir() => std::fs::remove_dir_all(&place),
                Ok(_) => std::fs::remove_file(&place),
                Err(error) => Err(error),
            };
            match removed {
                Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {}
                removed => removed?,
            }
            let above = place.ancestors().skip(1).take_while(|above| *above != root && above.starts_with(&root));
            // The first that is not empty ends it.
            for above in above {
                if std::fs::remove_dir(above).is_err() {
                    break;
                }
            }
            Ok(())
        })
        .await
    }

    /// Does something with the place of a path, on a thread that may wait.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        path: &str,
        action: &'static str,
        work: impl FnOnce(PathBuf) -> std::io::Result<T> + Send + 'static,
    ) -> Result<T> {
        let place = if path.is_empty() { self.root.clone() } else { self.root.join(path) };
        let failed = |source| Error::File { action, path: path.to_owned(), source };
        match tokio::task::spawn_blocking(move || work(place)).await {
            Ok(done) => done.map_err(failed),
            Err(broken) => Err(failed(std::io::Error::other(broken))),
        }
    }
}
