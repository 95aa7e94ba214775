//! A run's folder in the spool.

use super::events::Writer;
use crate::error::{Error, Result};
use metria_core::ids;
use serde_json::json;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

/// A file that is kept in the spool until it has arrived.
#[derive(Clone, Debug)]
pub(crate) struct KeptFile {
    /// Its name in the spool.
    pub(crate) name: String,
    /// Its digest in hexadecimal.
    pub(crate) sha256: String,
    /// Its size.
    pub(crate) size_bytes: u64,
}

/// The folder of one run.
#[derive(Clone, Debug)]
pub(crate) struct Spool {
    folder: PathBuf,
}

impl Spool {
    /// Makes a run's folder with a locked file of events. Nobody sees it before it is locked.
    pub(crate) fn create(root: &Path, run_id: &str) -> Result<(Self, Writer)> {
        std::fs::create_dir_all(root).map_err(Error::file("make the spool", root))?;
        let making = root.join(format!(".{run_id}.{}", ids::new_id()));
        std::fs::create_dir(&making).map_err(Error::file("make the spool", &making))?;
        let writer = Writer::create(&making.join("events"))?;
        // A process that attaches to a run may find another's spool of the same run there.
        let name = |n: u32| if n == 0 { run_id.to_owned() } else { format!("{run_id}.{n}") };
        for folder in (0..1_000).map(|n| root.join(name(n))) {
            if folder.exists() {
                continue;
            }
            match std::fs::rename(&making, &folder) {
                Ok(()) => return Ok((Self { folder }, writer)),
                // Another process was quicker.
                Err(_) if folder.exists() => {}
                Err(source) => return Err(Error::file("make the spool", &folder)(source)),
            }
        }
        Err(Error::Invalid(format!("{} has a thousand spools of the run {run_id}; sync them first", root.display())))
    }

    /// An existing folder.
    pub(crate) fn at(folder: &Path) -> Self {
        Self { folder: folder.to_path_buf() }
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn events(&self) -> PathBuf {
        self.folder.join("events")
    }

    /// The lock of the file of events, when its process is gone.
    pub(crate) fn try_lock(&self) -> Result<Option<File>> {
        let path = self.events();
        let file = File::options().append(true).open(&path).map_err(Error::file("open the spool", &path))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(std::fs::TryLockError::WouldBlock) => Ok(None),
            Err(std::fs::TryLockError::Error(source)) => Err(Error::file("lock the spool", &path)(source)),
        }
    }

    /// How far the events have arrived. An unreadable mark means from the start, which is always right.
    pub(crate) fn sent(&self) -> u64 {
        let text = std::fs::read_to_string(self.folder.join("sent")).unwrap_or_default();
        let mark = text.trim().parse().unwrap_or(0);
        let length = std::fs::metadata(self.events()).map_or(0, |file| file.len());
        if mark <= length { mark } else { 0 }
    }

    /// Remembers how far the events have arrived.
    pub(crate) fn set_sent(&self, at: u64) -> Result<()> {
        let path = self.folder.join("sent");
        // The same number of bytes each time, by one call: a kill leaves the old mark or the new one.
        let file = File::options().create(true).write(true).truncate(false).open(&path);
        file.and_then(|mut file| file.write_all(format!("{at:020}\n").as_bytes())).map_err(Error::file("write", &path))
    }

    /// Where a kept file is.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.join("files").join(name)
    }

    /// Copies what a reader holds into the spool, so that its source may change or go. `source` is for messages.
    pub(crate) fn keep(&self, reader: &mut impl Read, source: &Path) -> Result<KeptFile> {
        let files = self.folder.join("files");
        std::fs::create_dir_all(&files).map_err(Error::file("make the spool", &files))?;
        let name = ids::new_id();
        let path = files.join(&name);
        let mut copy = File::create(&path).map_err(Error::file("write to the spool", &path))?;
        match digest_of(reader, |piece| copy.write_all(piece)) {
            Ok((sha256, size_bytes)) => Ok(KeptFile { name, sha256, size_bytes }),
            Err(error) => {
                // What is half copied is nobody's.
                let _ = std::fs::remove_file(&path);
                Err(Error::file("copy into the spool", source)(error))
            }
        }
    }

    /// Writes down what the server will never take.
    pub(crate) fn refuse(&self, event: &impl serde::Serialize, reason: &str) -> Result<()> {
        let path = self.folder.join("refused");
        let line = format!("{}\n", json!({"reason": reason, "event": event}));
        let file = File::options().create(true).append(true).open(&path);
        file.and_then(|mut file| file.write_all(line.as_bytes())).map_err(Error::file("write", &path))
    }

    /// What was refused, one JSON line each.
    pub(crate) fn refused(&self) -> usize {
        std::fs::read_to_string(self.folder.join("refused")).map_or(0, |text| text.lines().count())
    }

    /// Removes the folder once everything has arrived. What was refused stays for people to look at.
    pub(crate) fn remove(&self) -> Result<()> {
        if self.refused() == 0 {
            return std::fs::remove_dir_all(&self.folder).map_err(Error::file("remove", &self.folder));
        }
        let files = self.folder.join("files");
        match std::fs::remove_dir_all(&files) {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => Err(Error::file("remove", &files)(source)),
            _ => {
                let done = self.folder.with_file_name(format!(
                    "{}.refused",
                    self.folder.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
                ));
                std::fs::rename(&self.folder, &done).map_err(Error::file("rename", &self.folder))
            }
        }
    }
}

/// The digest and size of what a reader holds, each piece given on.
fn digest_of(
    reader: &mut impl Read,
    mut piece: impl FnMut(&[u8]) -> std::io::Result<()>,
) -> std::io::Result<(String, u64)> {
    let mut hasher = Sha256::new();
    let mut size_bytes = 0;
    let mut buffer = vec![0; 1 << 16];
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => {
                hasher.update(&buffer[..read]);
                piece(&buffer[..read])?;
                size_bytes += read as u64;
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    let digest = hasher.finalize();
    Ok((digest.iter().map(|byte| format!("{byte:02x}")).collect(), size_bytes))
}

/// The runs' folders in a spool, by name; nothing when there is no spool.
pub(crate) fn run_folders(root: &Path) -> Result<Vec<PathBuf>> {
    let entries = match std::fs::read_dir(root) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(Error::file("read the spool", root)(source)),
    };
    let mut folders = Vec::new();
    for entry in entries {
        let entry = entry.map_err(Error::file("read the spool", root))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_run = !name.starts_with('.') && !name.ends_with(".refused") && entry.path().join("events").is_file();
        if is_run {
            folders.push(entry.path());
        }
    }
    folders.sort();
    Ok(folders)
}
