//! Files below one root.

use crate::error::{Error, Result};
use bytes::Bytes;
use futures_util::stream::{BoxStream, Stream, StreamExt, TryStreamExt};
use metria_core::names::check_artifact_path;
use object_store::local::LocalFileSystem;
use object_store::path::Path as StorePath;
use object_store::{GetOptions, GetRange, ObjectStore, ObjectStoreExt, WriteMultipart};
use serde::Serialize;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Pieces of an upload that may be on their way to the storage at once.
const PIECES_UNDER_WAY: usize = 4;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// One entry of a folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ArtifactInfo {
    /// Path below the folder that was listed.
    pub path: String,
    /// Whether it is a folder.
    pub is_dir: bool,
    /// Its size; 0 for a folder.
    pub size_bytes: u64,
}

/// How much is in a folder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Usage {
    /// Files, however deep.
    pub files: u64,
    /// Their size together.
    pub size_bytes: u64,
    /// When the newest of them was written.
    pub newest_ms: Option<i64>,
}

/// Artifacts below one root. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ArtifactStore {
    storage: Arc<dyn ObjectStore>,
    uri: String,
}

impl ArtifactStore {
    /// Opens a folder or `file:` URL, making the folder when it is not there.
    ///
    /// # Errors
    /// When the root is of another kind or cannot be made.
    pub fn open(root: &str) -> Result<Self> {
        let folder = match root.split_once(':') {
            Some(("file", rest)) => PathBuf::from(rest.strip_prefix("//").unwrap_or(rest)),
            Some((scheme, _)) if scheme.len() > 1 && !scheme.contains('/') => return Err(Error::Root(root.to_owned())),
            _ => PathBuf::from(root),
        };
        let failed = |action: &'static str| {
            let path = folder.display().to_string();
            move |source| Error::File { action, path, source }
        };
        std::fs::create_dir_all(&folder).map_err(failed("make the artifact folder"))?;
        let folder = folder.canonicalize().map_err(failed("find the artifact folder"))?;
        let storage = LocalFileSystem::new_with_prefix(&folder)
            .map_err(|source| Error::Storage { action: "open", path: root.to_owned(), source })?
            // A folder goes with its last file.
            .with_automatic_cleanup(true);
        Ok(Self { storage: Arc::new(storage), uri: format!("file://{}", folder.display()) })
    }

    /// The root as a URI, without a slash at its end.
    #[must_use]
    pub fn root_uri(&self) -> String {
        self.uri.clone()
    }

    /// Checks a path and makes it one of the storage. The storage's own escapes must not change it.
    fn path(path: &str) -> Result<StorePath> {
        let checked = check_artifact_path(path)?;
        StorePath::parse(checked).map_err(|_| Error::Path(metria_core::names::NameError::Path(path.to_owned())))
    }

    fn failed(action: &'static str, path: &str) -> impl FnOnce(object_store::Error) -> Error {
        let path = path.to_owned();
        move |source| match source {
            object_store::Error::NotFound { .. } => Error::NotFound(path),
            source => Error::Storage { action, path, source },
        }
    }

    /// Writes a file whole; a reader sees the old content or the new.
    ///
    /// # Errors
    /// When the path is refused or the storage fails.
    pub async fn put(&self, path: &str, bytes: &[u8]) -> Result<()> {
        let payload = Bytes::copy_from_slice(bytes).into();
        self.storage.put(&Self::path(path)?, payload).await.map_err(Self::failed("write", path))?;
        Ok(())
    }

    /// Reads a file whole.
    ///
    /// # Errors
    /// When the path is refused, nothing is there, or the storage fails.
    pub async fn get(&self, path: &str) -> Result<Bytes> {
        let result = self.storage.get(&Self::path(path)?).await.map_err(Self::failed("read", path))?;
        result.bytes().await.map_err(Self::failed("read", path))
    }

    /// Size and content of a file, piece by piece.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub async fn get_stream(&self, path: &str) -> Result<(u64, BoxStream<'static, Result<Bytes>>)> {
        let result = self.storage.get(&Self::path(path)?).await.map_err(Self::failed("read", path))?;
        let size = result.meta.size;
        let path = path.to_owned();
        let stream = result.into_stream().map_err(move |error| Self::failed("read", &path)(error));
        Ok((size, stream.boxed()))
    }

    /// The entries of one folder, folders first, each by name. Empty when nothing is there.
    ///
    /// # Errors
    /// When the path is refused or the storage fails.
    pub async fn list(&self, folder: &str) -> Result<Vec<ArtifactInfo>> {
        let prefix = Self::path(folder)?;
        let found = self.storage.list_with_delimiter(Some(&prefix)).await.map_err(Self::failed("list", folder))?;
        let below = |path: &StorePath| {
            let whole = path.as_ref();
            whole.strip_prefix(prefix.as_ref()).unwrap_or(whole).trim_start_matches('/').to_owned()
        };
        let folders =
            found.common_prefixes.iter().map(|path| ArtifactInfo { path: below(path), is_dir: true, size_bytes: 0 });
        let files = found.objects.iter().map(|meta| ArtifactInfo {
            path: below(&meta.location),
            is_dir: false,
            size_bytes: meta.size,
        });
        let mut entries: Vec<ArtifactInfo> = folders.chain(files).collect();
        entries.sort_by(|a, b| b.is_dir.cmp(&a.is_dir).then_with(|| a.path.cmp(&b.path)));
        Ok(entries)
    }

    /// Size of a file and the content of a part of it, piece by piece. A part that begins behind the end is empty.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub async fn get_range(
        &self,
        path: &str,
        range: Range<u64>,
    ) -> Result<(u64, Range<u64>, BoxStream<'static, Result<Bytes>>)> {
        let options = GetOptions { range: Some(GetRange::Bounded(range)), ..GetOptions::default() };
        let result = self.storage.get_opts(&Self::path(path)?, options).await.map_err(Self::failed("read", path))?;
        let (size, range) = (result.meta.size, result.range.clone());
        let path = path.to_owned();
        let stream = result.into_stream().map_err(move |error| Self::failed("read", &path)(error));
        Ok((size, range, stream.boxed()))
    }

    /// Size of a file.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub async fn size(&self, path: &str) -> Result<u64> {
        Ok(self.storage.head(&Self::path(path)?).await.map_err(Self::failed("read", path))?.size)
    }

    /// Writes a file as its bytes come, never holding more than a few pieces of it; a reader sees nothing of it, or the
    /// old content, until it is whole.
    ///
    /// # Errors
    /// When the path is refused, the bytes break off, or the storage fails.
    pub async fn put_stream<E: Into<BoxError>>(
        &self,
        path: &str,
        mut bytes: impl Stream<Item = std::result::Result<Bytes, E>> + Unpin + Send,
    ) -> Result<()> {
        let failed = || Self::failed("write", path);
        let upload = self.storage.put_multipart(&Self::path(path)?).await.map_err(failed())?;
        let mut writer = WriteMultipart::new(upload);
        while let Some(piece) = bytes.next().await {
            match piece {
                Ok(piece) => {
                    writer.wait_for_capacity(PIECES_UNDER_WAY).await.map_err(failed())?;
                    writer.put(piece);
                }
                Err(error) => {
                    // What was written so far is nobody's; a storage that cannot forget it now does so later.
                    let _ = writer.abort().await;
                    return Err(Error::Broken { path: path.to_owned(), source: error.into() });
                }
            }
        }
        writer.finish().await.map_err(failed())?;
        Ok(())
    }

    /// The names of the folders in a folder; in the root for the empty path.
    ///
    /// # Errors
    /// When the path is refused or the storage fails.
    pub async fn folders(&self, folder: &str) -> Result<Vec<String>> {
        let prefix = if folder.is_empty() { None } else { Some(Self::path(folder)?) };
        let found = self.storage.list_with_delimiter(prefix.as_ref()).await.map_err(Self::failed("list", folder))?;
        Ok(found.common_prefixes.iter().filter_map(|path| path.filename().map(str::to_owned)).collect())
    }

    /// How much is in a folder, however deep.
    ///
    /// # Errors
    /// When the path is refused or the storage fails.
    pub async fn usage(&self, folder: &str) -> Result<Usage> {
        let prefix = Self::path(folder)?;
        let mut usage = Usage::default();
        let mut inside = self.storage.list(Some(&prefix));
        while let Some(found) = inside.next().await {
            match found {
                Ok(meta) => {
                    usage.files += 1;
                    usage.size_bytes += meta.size;
                    usage.newest_ms = usage.newest_ms.max(Some(meta.last_modified.timestamp_millis()));
                }
                // Someone else removed it meanwhile.
                Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => return Err(Self::failed("list", folder)(error)),
            }
        }
        Ok(usage)
    }

    /// Removes a file, or a folder with all that is in it. It is no error when there is none.
    ///
    /// # Errors
    /// When the path is refused or the storage fails.
    pub async fn delete_all(&self, path: &str) -> Result<()> {
        let prefix = Self::path(path)?;
        let mut inside = self.storage.list(Some(&prefix));
        let mut is_folder = false;
        while let Some(found) = inside.next().await {
            is_folder = true;
            match found {
                Ok(meta) => self.delete_at(&meta.location, path).await?,
                // Someone else removed it meanwhile.
                Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => return Err(Self::failed("list", path)(error)),
            }
        }
        // A folder is no file that could be removed.
        if is_folder { Ok(()) } else { self.delete_at(&prefix, path).await }
    }

    /// Removes a file. It is no error when there is none.
    ///
    /// # Errors
    /// When the path is refused or the storage fails.
    pub async fn delete(&self, path: &str) -> Result<()> {
        self.delete_at(&Self::path(path)?, path).await
    }

    async fn delete_at(&self, location: &StorePath, path: &str) -> Result<()> {
        match self.storage.delete(location).await.map_err(Self::failed("delete", path)) {
            Ok(()) | Err(Error::NotFound(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// Reads a file of a folder on this machine.
pub(crate) async fn read_local(folder: &Path, name: &str) -> Result<Bytes> {
    let path = folder.join(name);
    match tokio::fs::read(&path).await {
        Ok(bytes) => Ok(bytes.into()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(Error::NotFound(path.display().to_string())),
        Err(source) => Err(Error::File { action: "read", path: path.display().to_string(), source }),
    }
}
