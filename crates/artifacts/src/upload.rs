//! Files written as their bytes come: small ones in one request, large ones in pieces, never more than a few at once in
//! memory.

use crate::error::{Error, Result};
use crate::s3::{PIECE, within};
use crate::store::ArtifactStore;
use bytes::Bytes;
use futures_util::stream::{Stream, StreamExt};
use object_store::{MultipartUpload, PutPayload, PutPayloadMut};
use tokio::task::JoinSet;

/// Bytes of a file that is written in one request.
pub(crate) const ONE_PIECE: usize = 1 << 20;
/// Bytes of a piece of a larger one. S3 takes 10,000 pieces, each but the last of 5 MiB or more.
const PIECE_BYTES: usize = 8 << 20;
/// Pieces of an upload that may be on their way to the storage at once.
const PIECES_UNDER_WAY: usize = 4;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

impl ArtifactStore {
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
        let whole = self.inside(path).await?;
        let broken = |error: E| Error::Broken { path: path.to_owned(), source: error.into() };
        let failed = || Self::failed("write", path);
        let mut begin = PutPayloadMut::new();
        while begin.content_length() <= ONE_PIECE {
            match bytes.next().await {
                Some(piece) => begin.push(piece.map_err(broken)?),
                None => return self.put_piece(path, &whole, begin.into()).await,
            }
        }
        let upload =
            within(PIECE, self.storage.put_multipart_opts(&whole, Default::default())).await.map_err(failed())?;
        let mut upload = Upload { upload: Some(upload), piece: PutPayloadMut::new(), under_way: JoinSet::new() };
        for piece in PutPayload::from(begin) {
            upload.add(piece).await.map_err(failed())?;
        }
        while let Some(piece) = bytes.next().await {
            upload.add(piece.map_err(broken)?).await.map_err(failed())?;
        }
        upload.finish().await.map_err(failed())
    }
}

/// An upload that is given up when it is dropped before its end.
struct Upload {
    /// Nothing once it is done.
    upload: Option<Box<dyn MultipartUpload>>,
    piece: PutPayloadMut,
    under_way: JoinSet<object_store::Result<()>>,
}

impl Upload {
    async fn add(&mut self, mut bytes: Bytes) -> object_store::Result<()> {
        while !bytes.is_empty() {
            let room = PIECE_BYTES - self.piece.content_length();
            self.piece.push(bytes.split_to(room.min(bytes.len())));
            if self.piece.content_length() == PIECE_BYTES {
                self.send(PIECES_UNDER_WAY - 1).await?;
            }
        }
        Ok(())
    }

    /// Sends the piece off once at most so many others are on their way.
    async fn send(&mut self, others: usize) -> object_store::Result<()> {
        self.wait(others).await?;
        let piece = std::mem::take(&mut self.piece);
        if let Some(upload) = &mut self.upload {
            self.under_way.spawn(within(PIECE, upload.put_part(piece.into())));
        }
        Ok(())
    }

    async fn wait(&mut self, others: usize) -> object_store::Result<()> {
        while self.under_way.len() > others {
            if let Some(done) = self.under_way.join_next().await {
                done??;
            }
        }
        Ok(())
    }

    async fn finish(mut self) -> object_store::Result<()> {
        if !self.piece.is_empty() {
            self.send(PIECES_UNDER_WAY - 1).await?;
        }
        self.wait(0).await?;
        if let Some(upload) = &mut self.upload {
            within(PIECE, upload.complete()).await?;
        }
        self.upload = None;
        Ok(())
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        self.under_way.abort_all();
        if let (Some(mut upload), Ok(runtime)) = (self.upload.take(), tokio::runtime::Handle::try_current()) {
            // What was written so far is nobody's; a storage that cannot forget it now does so later.
            runtime.spawn(async move { upload.abort().await });
        }
    }
}
