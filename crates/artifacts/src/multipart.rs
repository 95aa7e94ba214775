//! Uploads in parts, each part by a request of its own: begun, sent in any order, completed or given up.
//!
//! A bucket takes the parts itself, by addresses signed for each. A folder has them brought to this process, and keeps
//! them aside until they are put together.

use crate::error::{Error, Result};
use crate::s3::{ANSWER, PIECE, S3, within};
use crate::staging::Staging;
use crate::store::{ArtifactStore, Place};
use bytes::Bytes;
use futures_util::stream::Stream;
use object_store::multipart::{MultipartStore, PartId};
use std::time::Duration;

/// Most parts of an upload, as S3 has it.
pub const MOST_PARTS: usize = 10_000;
/// How long the address of a part holds: a large file may be long on its way.
const PART_VALID: Duration = Duration::from_secs(24 * 60 * 60);

/// An upload in parts that was begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BegunUpload {
    /// Its id.
    pub upload_id: String,
    /// The address for each part, the first part's first; nothing where parts go through [`ArtifactStore::put_part`].
    pub part_urls: Option<Vec<String>>,
}

/// A part that was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadedPart {
    /// Its number, from 1.
    pub number: u64,
    /// What the storage called it when it took it.
    pub etag: String,
}

/// An address of a file for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedUrl {
    /// The address.
    pub url: String,
    /// The size of what is there.
    pub size_bytes: u64,
}

impl ArtifactStore {
    /// Begins an upload in so many parts.
    ///
    /// # Errors
    /// When the path is refused, there are none or too many parts, or the storage fails.
    pub async fn begin_upload(&self, path: &str, n_parts: usize) -> Result<BegunUpload> {
        if !(1..=MOST_PARTS).contains(&n_parts) {
            return Err(Error::Parts(format!("the number of parts must be 1 to {MOST_PARTS}; got {n_parts}")));
        }
        let whole = self.inside(path).await?;
        match &*self.place {
            Place::Folder(folder) => {
                let upload_id = Staging::of(folder).begin(path).await?;
                Ok(BegunUpload { upload_id, part_urls: None })
            }
            Place::S3(s3) => {
                let failed = || Self::failed("begin the upload of", path);
                let upload_id = within(ANSWER, s3.client.create_multipart(&whole)).await.map_err(failed())?;
                let mut part_urls = Vec::with_capacity(n_parts);
                for number in 1..=n_parts {
                    let query = [("partNumber", &*number.to_string()), ("uploadId", &*upload_id)];
                    part_urls.push(s3.signed("PUT", &whole, &query, PART_VALID).await.map_err(failed())?);
                }
                Ok(BegunUpload { upload_id, part_urls: Some(part_urls) })
            }
        }
    }

    /// Takes a part, as its bytes come; its etag.
    ///
    /// # Errors
    /// When no such upload is under way, the bytes break off, or the disk fails. A bucket takes parts itself.
    pub async fn put_part<E: Into<Box<dyn std::error::Error + Send + Sync>>>(
        &self,
        upload_id: &str,
        number: u64,
        bytes: impl Stream<Item = std::result::Result<Bytes, E>> + Unpin + Send,
    ) -> Result<String> {
        match &*self.place {
            Place::Folder(folder) => Staging::of(folder).put(upload_id, number, bytes).await,
            Place::S3(_) => Err(Error::Unsupported("the parts of an upload go to the bucket, by the addresses given")),
        }
    }

    /// Makes the file of its parts: a reader sees nothing of it, or the old content, until it is whole.
    ///
    /// # Errors
    /// When no such upload is under way, the parts are not those that were sent, or the storage fails.
    pub async fn complete_upload(&self, path: &str, upload_id: &str, parts: &[UploadedPart]) -> Result<()> {
        let whole = self.inside(path).await?;
        if parts.is_empty() || parts.iter().zip(1..).any(|(part, number)| part.number != number) {
            let got: Vec<String> = parts.iter().take(20).map(|part| part.number.to_string()).collect();
            let got = if got.is_empty() { "none".to_owned() } else { got.join(", ") };
            return Err(Error::Parts(format!("its parts must be numbered 1, 2, 3 … without a gap; got {got}")));
        }
        match &*self.place {
            Place::Folder(folder) => Staging::of(folder).complete(path, upload_id, parts).await,
            Place::S3(s3) => {
                let bare = |part: &UploadedPart| PartId { content_id: part.etag.clone() };
                let parts = parts.iter().map(bare).collect();
                let completed = within(PIECE, s3.client.complete_multipart(&whole, &upload_id.to_owned(), parts)).await;
                completed.map(|_| ()).map_err(|error| refused(error, "complete the upload of", path, upload_id))
            }
        }
    }

    /// Gives an upload up, with the parts sent so far. It is no error when there is none.
    ///
    /// # Errors
    /// When the path is refused or the storage fails.
    pub async fn abort_upload(&self, path: &str, upload_id: &str) -> Result<()> {
        let whole = self.inside(path).await?;
        match &*self.place {
            Place::Folder(folder) => Staging::of(folder).abort(path, upload_id).await,
            Place::S3(s3) => match within(ANSWER, s3.client.abort_multipart(&whole, &upload_id.to_owned())).await {
                Ok(()) => Ok(()),
                Err(error) => match refused(error, "give up the upload of", path, upload_id) {
                    Error::NoUpload(_) => Ok(()),
                    error => Err(error),
                },
            },
        }
    }

    /// Whether others may reach files here by signed addresses: a bucket's, not a folder's.
    #[must_use]
    pub fn signs_urls(&self) -> bool {
        matches!(*self.place, Place::S3(_))
    }

    /// An address from which a file can be had for a while, as a download by its own name; nothing for a folder.
    ///
    /// # Errors
    /// When the path is refused, nothing is there, or the storage fails.
    pub async fn download_url(&self, path: &str, valid: Duration) -> Result<Option<SignedUrl>> {
        let Some(s3) = self.bucket() else { return Ok(None) };
        let size_bytes = self.size(path).await?;
        let name = path.rsplit('/').next().unwrap_or(path);
        let plain: String =
            name.chars().map(|c| if c.is_ascii_graphic() && !matches!(c, '"' | '\\') { c } else { '_' }).collect();
        let disposition = format!("attachment; filename=\"{plain}\"");
        let query = [("response-content-disposition", &*disposition)];
        let signed = s3.signed("GET", &self.path(path)?, &query, valid).await;
        Ok(Some(SignedUrl { url: signed.map_err(Self::failed("sign the address of", path))?, size_bytes }))
    }

    /// An address to which a file can be sent for a while; nothing for a folder.
    ///
    /// # Errors
    /// When the path is refused or there is no key to sign with.
    pub async fn upload_url(&self, path: &str, valid: Duration) -> Result<Option<String>> {
        let Some(s3) = self.bucket() else { return Ok(None) };
        let signed = s3.signed("PUT", &self.path(path)?, &[], valid).await;
        Ok(Some(signed.map_err(Self::failed("sign the address of", path))?))
    }

    fn bucket(&self) -> Option<&S3> {
        match &*self.place {
            Place::S3(s3) => Some(s3),
            Place::Folder(_) => None,
        }
    }
}

/// What a bucket has against the end of an upload. Its client keeps the server's word in the text of the error only.
fn refused(error: object_store::Error, action: &'static str, path: &str, upload_id: &str) -> Error {
    let text = error.to_string();
    if matches!(error, object_store::Error::NotFound { .. }) || text.contains("NoSuchUpload") {
        return Error::NoUpload(upload_id.to_owned());
    }
    for (code, meaning) in [
        ("EntityTooSmall", "every part but the last must have at least 5 MiB"),
        ("InvalidPartOrder", "its parts are out of order"),
        ("InvalidPart", "a part is not one that was sent"),
    ] {
        if text.contains(code) {
            return Error::Parts(meaning.to_owned());
        }
    }
    Error::Storage { action, path: path.to_owned(), source: error }
}
