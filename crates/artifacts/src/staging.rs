//! The parts of uploads to a folder, kept aside below its root until they are put together.
//!
//! `.metria-uploads/ID/` holds `target`, the path that the file will have, and each part as `NUMBER-ETAG`. An etag is
//! made when a part is whole, so a part that was sent twice is there twice, and the completion names the one it means.

use crate::error::{Error, Result};
use crate::folder::Folder;
use crate::multipart::{MOST_PARTS, UploadedPart};
use crate::store::UPLOADS;
use bytes::Bytes;
use futures_util::stream::{Stream, StreamExt};
use metria_core::ids;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use tokio::io::AsyncWriteExt;

/// The file that tells where an upload goes.
const TARGET: &str = "target";
/// An upload to which nothing came for so long is given up.
const TOO_OLD: Duration = Duration::from_secs(24 * 60 * 60);

/// The uploads under way to a folder.
pub(crate) struct Staging<'a> {
    folder: &'a Folder,
}

impl<'a> Staging<'a> {
    pub(crate) fn of(folder: &'a Folder) -> Self {
        Self { folder }
    }

    fn place(&self, upload_id: &str) -> Result<PathBuf> {
        if !ids::is_id(upload_id) {
            return Err(Error::NoUpload(upload_id.to_owned()));
        }
        Ok(self.folder.root.join(UPLOADS).join(upload_id))
    }

    /// Begins an upload; its id. Those that nobody goes on with are given up on the way.
    pub(crate) async fn begin(&self, target: &str) -> Result<String> {
        let upload_id = ids::new_id();
        let (place, text) = (self.place(&upload_id)?, target.trim_end_matches('/').to_owned());
        let all = self.folder.root.join(UPLOADS);
        self.folder
            .run(target, "begin the upload of", move |_| {
                fs::create_dir_all(&place)?;
                fs::write(place.join(TARGET), text)?;
                forget_old(&all, TOO_OLD);
                Ok(())
            })
            .await?;
        Ok(upload_id)
    }

    /// Keeps a part; its etag.
    pub(crate) async fn put<E: Into<Box<dyn std::error::Error + Send + Sync>>>(
        &self,
        upload_id: &str,
        number: u64,
        mut bytes: impl Stream<Item = std::result::Result<Bytes, E>> + Unpin + Send,
    ) -> Result<String> {
        if number == 0 || number > MOST_PARTS as u64 {
            return Err(Error::Parts(format!("the number of a part must be 1 to {MOST_PARTS}; got {number}")));
        }
        let etag = ids::new_id();
        let path = self.place(upload_id)?.join(format!("{number}-{etag}"));
        let shown = || format!("part {number} of {upload_id}");
        let failed = |source: io::Error| match source.kind() {
            ErrorKind::NotFound => Error::NoUpload(upload_id.to_owned()),
            _ => Error::File { action: "write", path: shown(), source },
        };
        let mut part = Part { file: tokio::fs::File::create(&path).await.map_err(failed)?, path: Some(path) };
        while let Some(piece) = bytes.next().await {
            let piece = piece.map_err(|error| Error::Broken { path: shown(), source: error.into() })?;
            part.file.write_all(&piece).await.map_err(failed)?;
        }
        part.file.flush().await.map_err(failed)?;
        part.path = None;
        Ok(etag)
    }

    /// Puts the parts together. They stay until the file is in its place, so that an end that was cut off can be had
    /// again.
    pub(crate) async fn complete(&self, target: &str, upload_id: &str, parts: &[UploadedPart]) -> Result<()> {
        let place = self.known(target, upload_id).await?;
        let mut names = Vec::with_capacity(parts.len());
        for part in parts {
            let etag = part.etag.trim_matches('"');
            if !ids::is_id(etag) {
                return Err(unknown_part(part));
            }
            names.push(format!("{}-{etag}", part.number));
        }
        let joined = place.join(format!("whole-{}", ids::new_id()));
        let from = place.clone();
        let missing = self
            .folder
            .run(target, "complete the upload of", move |target| {
                if let Some(missing) = names.iter().position(|name| !from.join(name).is_file()) {
                    return Ok(Some(missing));
                }
                let done = join(&from, &names, &joined).and_then(|()| move_to(&joined, &target));
                if done.is_err() {
                    // What is half written helps nobody; that it cannot be removed either changes nothing.
                    let _ = fs::remove_file(&joined);
                }
                done?;
                // It is done; what stays behind here is found by its age.
                let _ = fs::remove_dir_all(&from);
                Ok(None)
            })
            .await?;
        match missing {
            Some(index) => Err(unknown_part(&parts[index])),
            None => Ok(()),
        }
    }

    /// Forgets an upload.
    pub(crate) async fn abort(&self, target: &str, upload_id: &str) -> Result<()> {
        match self.known(target, upload_id).await {
            Ok(place) => self.folder.run(target, "give up the upload of", move |_| fs::remove_dir_all(place)).await,
            Err(Error::NoUpload(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// The folder of an upload that goes to that path.
    async fn known(&self, target: &str, upload_id: &str) -> Result<PathBuf> {
        let place = self.place(upload_id)?;
        let file = place.join(TARGET);
        let found = self.folder.run(target, "find the upload of", move |_| match fs::read_to_string(file) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            text => text.map(Some),
        });
        match found.await? {
            Some(text) if text == target.trim_end_matches('/') => Ok(place),
            _ => Err(Error::NoUpload(upload_id.to_owned())),
        }
    }
}

/// A part that is removed when it is dropped before it is whole.
struct Part {
    file: tokio::fs::File,
    /// Nothing once it is whole.
    path: Option<PathBuf>,
}

impl Drop for Part {
    fn drop(&mut self) {
        if let Some(path) = self.path.take() {
            // Nobody knows its etag; with the upload it goes in any case.
            let _ = fs::remove_file(path);
        }
    }
}

fn unknown_part(part: &UploadedPart) -> Error {
    Error::Parts(format!("part {} with the etag `{}` was not sent", part.number, part.etag))
}

fn join(from: &Path, names: &[String], to: &Path) -> io::Result<()> {
    let mut whole = File::create(to)?;
    for name in names {
        io::copy(&mut File::open(from.join(name))?, &mut whole)?;
    }
    Ok(())
}

/// Moves a file to its place in folders that may not be there yet, or may be removed again meanwhile for being empty.
fn move_to(file: &Path, target: &Path) -> io::Result<()> {
    let mut tries = 0;
    loop {
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent)?;
        }
        match fs::rename(file, target) {
            Err(error) if error.kind() == ErrorKind::NotFound && tries < 10 => tries += 1,
            done => return done,
        }
    }
}

/// Forgets uploads to which nothing came for so long. It is tried, and tried again with the next upload.
fn forget_old(uploads: &Path, age: Duration) {
    let Ok(entries) = fs::read_dir(uploads) else { return };
    for entry in entries.flatten() {
        let touched = entry.metadata().and_then(|metadata| metadata.modified());
        let is_old = touched.is_ok_and(|time| SystemTime::now().duration_since(time).is_ok_and(|past| past > age));
        if is_old {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uploads_that_nobody_goes_on_with_are_forgotten() {
        let uploads = tempfile::tempdir().unwrap();
        for name in ["old", "new"] {
            fs::create_dir(uploads.path().join(name)).unwrap();
            fs::write(uploads.path().join(name).join("1-x"), "part").unwrap();
        }
        let long_ago = SystemTime::now() - 2 * TOO_OLD;
        File::open(uploads.path().join("old")).unwrap().set_modified(long_ago).unwrap();
        forget_old(uploads.path(), TOO_OLD);
        assert!(!uploads.path().join("old").exists());
        assert!(uploads.path().join("new/1-x").exists());
    }
}
