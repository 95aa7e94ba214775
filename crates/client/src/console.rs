//! What a process prints, kept within a size: the beginning, and the end.
//!
//! The bytes go to disk as they come, so that they survive the process: the first half of the size into one file, what
//! follows into two others by turns, of which the older is always the one to go.

use crate::error::{Error, Result};
use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// Bytes that are kept unless said otherwise.
pub const DEFAULT_MOST: u64 = 8 << 20;

/// A log of bounded size. Cheap to clone; clones write to the same.
#[derive(Clone)]
pub struct ConsoleLog(Arc<Mutex<Files>>);

struct Files {
    folder: PathBuf,
    most: u64,
    head: File,
    head_bytes: u64,
    /// The younger tail, how much is in it, and which of the two it is.
    tail: Option<(File, u64, usize)>,
    left_out: u64,
    older_bytes: u64,
}

const HEAD: &str = "console.head";
const TAILS: [&str; 2] = ["console.tail0", "console.tail1"];

impl ConsoleLog {
    /// A log in a folder that keeps at most so many bytes.
    ///
    /// # Errors
    /// When its file cannot be made.
    pub fn create(folder: &Path, most: u64) -> Result<Self> {
        let path = folder.join(HEAD);
        let head = File::create(&path).map_err(Error::file("write", &path))?;
        let folder = folder.to_path_buf();
        let files = Files { folder, most, head, head_bytes: 0, tail: None, left_out: 0, older_bytes: 0 };
        Ok(Self(Arc::new(Mutex::new(files))))
    }

    /// The log as one text, with a line that says how much was left out.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn text(&self) -> Result<Vec<u8>> {
        let files = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = files.read(HEAD)?;
        if files.left_out > 0 {
            text.extend_from_slice(format!("\n... {} bytes left out ...\n", files.left_out).as_bytes());
        }
        if let Some((_, _, which)) = files.tail {
            text.extend(files.read(TAILS[1 - which])?);
            text.extend(files.read(TAILS[which])?);
        }
        Ok(text)
    }

    /// A writer that gives everything on to another, and keeps it here.
    pub fn tee<W: Write>(&self, to: W) -> Tee<W> {
        Tee { log: self.clone(), to }
    }

    fn keep(&self, bytes: &[u8]) -> std::io::Result<()> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).keep(bytes)
    }
}

impl Files {
    fn keep(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        let half = self.most / 2;
        let room = usize::try_from(half - self.head_bytes.min(half)).unwrap_or(usize::MAX);
        let (first, mut rest) = bytes.split_at(room.min(bytes.len()));
        self.head.write_all(first)?;
        self.head_bytes += first.len() as u64;
        let quarter = (self.most / 4).max(1);
        while !rest.is_empty() {
            let (mut file, filled, which) = match self.tail.take() {
                Some((file, filled, which)) if filled < quarter => (file, filled, which),
                full => self.turn(full.map(|(_, filled, which)| (filled, which)))?,
            };
            let room = usize::try_from(quarter - filled).unwrap_or(usize::MAX);
            let (now, later) = rest.split_at(room.min(rest.len()));
            file.write_all(now)?;
            self.tail = Some((file, filled + now.len() as u64, which));
            rest = later;
        }
        Ok(())
    }

    /// The other tail, emptied: what was in it is the oldest there is.
    fn turn(&mut self, full: Option<(u64, usize)>) -> std::io::Result<(File, u64, usize)> {
        let which = full.map_or(0, |(_, which)| 1 - which);
        self.left_out += self.older_bytes;
        self.older_bytes = full.map_or(0, |(filled, _)| filled);
        Ok((File::create(self.folder.join(TAILS[which]))?, 0, which))
    }

    fn read(&self, name: &str) -> Result<Vec<u8>> {
        let path = self.folder.join(name);
        let mut bytes = Vec::new();
        match File::open(&path).and_then(|mut file| file.read_to_end(&mut bytes)) {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => Err(Error::file("read", &path)(source)),
            _ => Ok(bytes),
        }
    }
}

/// A writer that gives everything on and keeps it in a [`ConsoleLog`]. That the log cannot be kept is no reason to lose
/// what is printed, and is not an error.
pub struct Tee<W> {
    log: ConsoleLog,
    to: W,
}

impl<W: Write> Write for Tee<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.to.write(bytes)?;
        if let Err(error) = self.log.keep(&bytes[..written]) {
            tracing::debug!(%error, "the console log was not written");
        }
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.to.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_beginning_and_the_end_stay() {
        let folder = tempfile::tempdir().unwrap();
        let log = ConsoleLog::create(folder.path(), 40).unwrap();
        let mut seen = Vec::new();
        let mut tee = log.tee(&mut seen);
        tee.write_all(b"short").unwrap();
        assert_eq!(log.text().unwrap(), b"short");
        let long: Vec<u8> = (0..200).map(|at| b'a' + (at % 26) as u8).collect();
        for piece in long.chunks(7) {
            tee.write_all(piece).unwrap();
        }
        assert_eq!(seen.len(), 205, "all of it is given on");
        let text = String::from_utf8(log.text().unwrap()).unwrap();
        let (head, tail) = text.split_once("\n... ").unwrap();
        let (count, tail) = tail.split_once(" bytes left out ...\n").unwrap();
        let left_out: usize = count.parse().unwrap();
        let all = String::from_utf8(seen).unwrap();
        assert_eq!(head, &all[..20]);
        assert!(all.ends_with(tail) && (10..=20).contains(&tail.len()), "{tail}");
        assert_eq!(head.len() + left_out + tail.len(), all.len());
        let kept: u64 =
            std::fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().metadata().unwrap().len()).sum();
        assert!(kept <= 40, "{kept} bytes are on disk");
    }
}
