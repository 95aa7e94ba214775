//! Files below one root.

use crate::error::{Error, Result};
use crate::folder::Folder;
use crate::root::Root;
use crate::s3::{ANSWER, PIECE, S3, watched, within};
use bytes::Bytes;
use futures_util::stream::{BoxStream, StreamExt, TryStreamExt};
use metria_core::names::{NameError, check_artifact_path};
use object_store::local::LocalFileSystem;
use object_store::path::Path as StorePath;
use object_store::{GetOptions, GetRange, GetResult, ObjectStore, ObjectStoreExt};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

/// Where a folder keeps the parts of uploads under way; no artifact has that name.
pub(crate) const UPLOADS: &str = ".metria-uploads";

/// One entry of a folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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

/// Artifacts below one root: a folder or a bucket, which keep the same promises. Cheap to clone.
#[derive(Clone)]
pub struct ArtifactStore {
    pub(crate) storage: Arc<dyn ObjectStore>,
    pub(crate) place: Arc<Place>,
    uri: Arc<str>,
    /// What stands before every path of ours in the storage: empty, or with a slash at its end.
    prefix: Arc<str>,
}

/// What an [`ArtifactStore`] knows of its root beyond reading and writing.
pub(crate) enum Place {
    Folder(Folder),
    S3(S3),
}

impl fmt::Debug for ArtifactStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ArtifactStore").field(&self.uri).finish()
    }
}

impl ArtifactStore {
    /// Opens a folder or `file:` URL, making the folder when it is not there, or `s3://BUCKET/PREFIX`, reached as the
    /// usual `AWS_*` variables of the environment say: `AWS_ENDPOINT_URL`, `AWS_REGION`, `AWS_ACCESS_KEY_ID`,
    /// `AWS_SECRET_ACCESS_KEY`. A bucket is not asked anything yet; see [`Self::check`].
    ///
    /// # Errors
    /// When the root is of another kind, its folder cannot be made, or the environment does not tell enough.
    pub fn open(root: &str) -> Result<Self> {
        match Root::parse(root)? {
            Root::Folder(folder) => {
                let folder = Folder::open(&folder)?;
                let storage = LocalFileSystem::new_with_prefix(&folder.root)
                    .map_err(|source| Error::Storage { action: "open", path: root.to_owned(), source })?
                    .with_automatic_cleanup(true);
                let uri = format!("file://{}", folder.root.display()).into();
                Ok(Self { storage: Arc::new(storage), place: Arc::new(Place::Folder(folder)), uri, prefix: "".into() })
            }
            Root::S3 { bucket, prefix } => {
                let s3 = S3::open(root, &bucket)?;
                let slash = if prefix.is_empty() { "" } else { "/" };
                let uri = format!("s3://{bucket}{slash}{prefix}").into();
                let prefix = format!("{prefix}{slash}").into();
                Ok(Self { storage: s3.client.clone(), place: Arc::new(Place::S3(s3)), uri, prefix })
            }
        }
    }

    /// Asks a bucket whether it answers; a folder was looked at when it was opened.
    ///
    /// # Errors
    /// When it does not.
    pub async fn check(&self) -> Result<()> {
        if matches!(*self.place, Place::Folder(_)) {
            return Ok(());
        }
        let prefix = StorePath::from(self.prefix.trim_end_matches('/'));
        let first = async { self.storage.list(Some(&prefix)).next().await.transpose() };
        within(ANSWER, first).await.map_err(|source| Error::Unreachable { root: self.root_uri(), source })?;
        Ok(())
    }

    /// The root as a URI, without a slash at its end.
    #[must_use]
    pub fn root_uri(&self) -> String {
        self.uri.as_ref().to_owned()
    }

    /// The path below the root that a URI names; nothing when it lies elsewhere.
    #[must_use]
    pub fn path_of<'a>(&self, uri: &'a str) -> Option<&'a str> {
        let rest = uri.strip_prefix(self.uri.as_ref())?;
        if rest.is_empty() || rest.starts_with('/') { Some(rest.trim_matches('/')) } else { None }
    }

    /// Whether a path may name an artifact here.
    ///
    /// # Errors
    /// When it may not.
    pub fn accepts(&self, path: &str) -> Result<()> {
        self.path(path).map(|_| ())
    }

    /// Checks a path and makes it one of the storage. The storage's own escapes must not change it.
    pub(crate) fn path(&self, path: &str) -> Result<StorePath> {
        let checked = check_artifact_path(path)?;
        if checked.split('/').next_back().is_some_and(is_kept) || checked.split('/').next() == Some(UPLOADS) {
            return Err(Error::Reserved(path.to_owned()));
        }
        let whole = format!("{}{checked}", self.prefix);
        StorePath::parse(whole).map_err(|_| Error::Path(NameError::Path(path.to_owned())))
    }

    /// As [`Self::path`], for what is read or written behind it: links out of a folder are refused.
    pub(crate) async fn inside(&self, path: &str) -> Result<StorePath> {
        let whole = self.path(path)?;
        if let Place::Folder(folder) = &*self.place {
            folder.check(path.trim_end_matches('/')).await?;
        }
        Ok(whole)
    }

    fn read_failed(path: &str) -> impl FnOnce(object_store::Error) -> Error {
        let path = path.to_owned();
        move |source| match source {
            object_store::Error::NotFound { .. } => Error::NotFound(path),
            source => match Error::storage("read", &path, source) {
                // Nothing is below a file.
                Error::File { source, .. } if source.kind() == std::io::ErrorKind::NotADirectory => {
                    Error::NotFound(path)
                }
                error => error,
            },
        }
    }

    pub(crate) fn failed(action: &'static str, path: &str) -> impl FnOnce(object_store::Error) -> Error {
        let path = path.to_owned();
        move |source| Error::storage(action, &path, source)
    }

    /// Reads a file whole.
    ///
    /// # Errors
    /// When the path is refused, nothing is there, or the storage fails.
    pub async fn get(&self, path: &str) -> Result<Bytes> {
        let (size, mut stream) = self.get_stream(path).await?;
        let mut whole = Vec::with_capacity(usize::try_from(size).unwrap_or_default());
        while let Some(piece) = stream.try_next().await? {
            whole.extend_from_slice(&piece);
        }
        Ok(whole.into())
    }

    /// Size and content of a file, piece by piece.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub async fn get_stream(&self, path: &str) -> Result<(u64, BoxStream<'static, Result<Bytes>>)> {
        let result = self.ask(path, GetOptions::default()).await?;
        Ok((result.meta.size, pieces(path, result)))
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
        let nothing = |size| (size, size..size, futures_util::stream::empty().boxed());
        if range.is_empty() {
            return Ok(nothing(self.size(path).await?));
        }
        let start = range.start;
        let options = GetOptions { range: Some(GetRange::Bounded(range)), ..GetOptions::default() };
        match self.ask(path, options).await {
            Ok(result) => Ok((result.meta.size, result.range.clone(), pieces(path, result))),
            Err(error) => match self.size(path).await {
                Ok(size) if size <= start => Ok(nothing(size)),
                _ => Err(error),
            },
        }
    }

    async fn ask(&self, path: &str, options: GetOptions) -> Result<GetResult> {
        let whole = self.inside(path).await?;
        within(ANSWER, self.storage.get_opts(&whole, options)).await.map_err(Self::read_failed(path))
    }

    /// Size of a file.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub async fn size(&self, path: &str) -> Result<u64> {
        let whole = self.inside(path).await?;
        Ok(within(ANSWER, self.storage.head(&whole)).await.map_err(Self::read_failed(path))?.size)
    }

    /// Writes a file whole; a reader sees the old content or the new.
    ///
    /// # Errors
    /// When the path is refused or the storage fails.
    pub async fn put(&self, path: &str, bytes: &[u8]) -> Result<()> {
        let bytes = Bytes::copy_from_slice(bytes);
        if bytes.len() > crate::upload::ONE_PIECE {
            return self.put_stream(path, futures_util::stream::iter([Ok::<_, Error>(bytes)])).await;
        }
        self.put_piece(path, &self.inside(path).await?, bytes.into()).await
    }

    /// Writes a small file in one request.
    pub(crate) async fn put_piece(&self, path: &str, whole: &StorePath, bytes: object_store::PutPayload) -> Result<()> {
        within(PIECE, self.storage.put(whole, bytes)).await.map_err(Self::failed("write", path))?;
        Ok(())
    }

    /// The entries of one folder, folders first, each by name. Empty when nothing is there.
    ///
    /// # Errors
    /// When the path is refused or the storage fails.
    pub async fn list(&self, folder: &str) -> Result<Vec<ArtifactInfo>> {
        let prefix = self.path(folder)?;
        let mut entries = match &*self.place {
            Place::Folder(place) => place.list(folder.trim_end_matches('/')).await?,
            Place::S3(_) => self.list_bucket(folder, &prefix).await?,
        };
        entries.sort_by(|a, b| b.is_dir.cmp(&a.is_dir).then_with(|| a.path.cmp(&b.path)));
        Ok(entries)
    }

    async fn list_bucket(&self, folder: &str, prefix: &StorePath) -> Result<Vec<ArtifactInfo>> {
        let asked = self.storage.list_with_delimiter(Some(prefix));
        let found = within(PIECE, asked).await.map_err(Self::failed("list", folder))?;
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
        // The mark of a folder, which some tools leave, has the folder's own name.
        Ok(folders.chain(files).filter(|entry| !entry.path.is_empty()).collect())
    }

    /// The names of the folders in a folder; in the root for the empty path.
    ///
    /// # Errors
    /// When the path is refused or the storage fails.
    pub async fn folders(&self, folder: &str) -> Result<Vec<String>> {
        let asked = self.path(folder)?;
        let found = self.storage.list_with_delimiter(Some(&asked)).await.map_err(Self::failed("list", folder))?;
        Ok(found.common_prefixes.iter().filter_map(|path| path.filename().map(str::to_owned)).collect())
    }

    /// How much is in a folder, however deep.
    ///
    /// # Errors
    /// When the path is refused or the storage fails.
    pub async fn usage(&self, folder: &str) -> Result<Usage> {
        let prefix = self.path(folder)?;
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
        let whole = self.path(path)?;
        let s3 = match &*self.place {
            Place::Folder(folder) => return folder.delete_all(path.trim_end_matches('/')).await,
            Place::S3(s3) => s3,
        };
        let failed = || Self::failed("delete", path);
        if within(ANSWER, s3.has(&whole)).await.map_err(failed())? {
            self.delete(path).await?;
        }
        let inside = self.storage.list(Some(&whole)).map_ok(|found| found.location).boxed();
        let mut removed = self.storage.delete_stream(inside);
        while let Some(done) = within(PIECE, async { removed.next().await.transpose() }).await.transpose() {
            match done {
                Ok(_) | Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => return Err(failed()(error)),
            }
        }
        Ok(())
    }

    /// Removes a file. It is no error when there is none.
    ///
    /// # Errors
    /// When the path is refused or the storage fails.
    pub async fn delete(&self, path: &str) -> Result<()> {
        let whole = self.path(path)?;
        if let Place::Folder(folder) = &*self.place {
            folder.check_parent(path.trim_end_matches('/')).await?;
        }
        match within(ANSWER, self.storage.delete(&whole)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(Self::failed("delete", path)(error)),
        }
    }
}

/// Whether a folder keeps files of that name for itself: a number sign and digits end what is still being written.
pub(crate) fn is_kept(name: &str) -> bool {
    let digits = name.split_once('#').map_or("", |(_, digits)| digits);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

fn pieces(path: &str, result: GetResult) -> BoxStream<'static, Result<Bytes>> {
    let path = path.to_owned();
    watched(result.into_stream()).map_err(move |error| ArtifactStore::read_failed(&path)(error)).boxed()
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
