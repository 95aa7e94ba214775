//! The file of events.

use crate::error::{Error, Result};
use crate::sink::NewRun;
use metria_store::{LogBatch, RunStatus};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// What the file begins with: the name and version of its format.
const MAGIC: &[u8; 16] = b"metria spool 01\n";
/// Length and checksum in front of a payload, both as four bytes, the lowest first.
const HEAD: usize = 8;
/// A longer payload is a sign of damage.
const LONGEST: usize = 64 << 20;

/// Something that happened in a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Event {
    /// The run was made here.
    Start(NewRun),
    /// Somebody else made the run; this process adds to it and does not end it.
    Attach {
        /// The run.
        run_id: String,
    },
    /// Metrics, params, tags and inputs.
    Log(LogBatch),
    /// A file, kept in the spool until it has arrived.
    Artifact {
        /// Where it goes below the run's artifacts.
        path: String,
        /// Its name among the spool's files.
        file: String,
        /// Its digest in hexadecimal.
        sha256: String,
    },
    /// The run ended.
    Finish {
        /// How.
        status: RunStatus,
        /// When.
        end_time_ms: i64,
    },
}

/// Appends events.
pub(crate) struct Writer {
    file: File,
    path: PathBuf,
    end: u64,
}

impl Writer {
    /// Makes the file and takes its lock.
    pub(crate) fn create(path: &Path) -> Result<Self> {
        let file =
            File::options().create_new(true).append(true).open(path).map_err(Error::file("make the spool", path))?;
        file.try_lock().map_err(|error| Error::file("lock the spool", path)(error.into()))?;
        let mut writer = Self { file, path: path.to_path_buf(), end: 0 };
        writer.write(MAGIC)?;
        Ok(writer)
    }

    /// Appends an event; where the file ends now.
    pub(crate) fn append(&mut self, event: &Event) -> Result<u64> {
        let mut frame = vec![0; HEAD];
        serde_json::to_writer(&mut frame, event).map_err(|error| Error::Invalid(error.to_string()))?;
        let payload = &frame[HEAD..];
        let length =
            u32::try_from(payload.len()).ok().filter(|length| *length as usize <= LONGEST).ok_or_else(|| {
                Error::Invalid(format!("one call may log at most {LONGEST} bytes; got {}", payload.len()))
            })?;
        let checksum = crc32fast::hash(payload);
        frame[..4].copy_from_slice(&length.to_le_bytes());
        frame[4..HEAD].copy_from_slice(&checksum.to_le_bytes());
        self.write(&frame)?;
        Ok(self.end)
    }

    /// Where the file ends.
    pub(crate) fn end(&self) -> u64 {
        self.end
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let written = self.file.write_all(bytes);
        if let Err(source) = written {
            // A torn frame would hide whatever comes behind it.
            let _ = self.file.set_len(self.end);
            return Err(Error::file("write to the spool", &self.path)(source));
        }
        self.end += bytes.len() as u64;
        Ok(())
    }
}

/// What comes next in the file.
#[derive(Debug, PartialEq)]
pub(crate) enum Next {
    /// An event, with the place behind it.
    Event(Event, u64),
    /// Nothing yet.
    End,
    /// A frame without its end: the writing process was killed in the middle of it.
    Torn,
}

/// Reads events from a place on.
pub(crate) struct Reader {
    file: BufReader<File>,
    path: PathBuf,
    at: u64,
}

impl Reader {
    /// Opens the file at a place behind whole frames; 0 is the start.
    pub(crate) fn open(path: &Path, at: u64) -> Result<Self> {
        let file = File::open(path).map_err(Error::file("open the spool", path))?;
        let mut reader = Self { file: BufReader::new(file), path: path.to_path_buf(), at: 0 };
        let mut magic = [0; MAGIC.len()];
        let whole = reader.fill(&mut magic)?;
        if whole && &magic != MAGIC {
            return Err(reader.damaged("it does not begin as a spool does"));
        }
        reader.seek(at.max(MAGIC.len() as u64))?;
        Ok(reader)
    }

    /// Where the next frame begins.
    pub(crate) fn at(&self) -> u64 {
        self.at
    }

    /// Goes to a place behind whole frames.
    pub(crate) fn seek(&mut self, at: u64) -> Result<()> {
        self.file.seek(SeekFrom::Start(at)).map_err(Error::file("read the spool", &self.path))?;
        self.at = at;
        Ok(())
    }

    /// The next event.
    pub(crate) fn next(&mut self) -> Result<Next> {
        let mut head = [0; HEAD];
        let found = self.read_up_to(&mut head)?;
        if found < HEAD {
            self.seek(self.at)?;
            return Ok(if found == 0 { Next::End } else { Next::Torn });
        }
        let number = |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
        let (length, checksum) = (number(0) as usize, number(4));
        if length > LONGEST {
            return Err(self.damaged("a frame is longer than any that is written"));
        }
        let mut payload = vec![0; length];
        if !self.fill(&mut payload)? {
            self.seek(self.at)?;
            return Ok(Next::Torn);
        }
        if crc32fast::hash(&payload) != checksum {
            return Err(self.damaged("a checksum does not match"));
        }
        let event = serde_json::from_slice(&payload).map_err(|error| self.damaged(&error.to_string()))?;
        self.at += (HEAD + length) as u64;
        Ok(Next::Event(event, self.at))
    }

    fn damaged(&self, reason: &str) -> Error {
        Error::Damaged { path: self.path.display().to_string(), at: self.at, reason: reason.to_owned() }
    }

    fn fill(&mut self, buffer: &mut [u8]) -> Result<bool> {
        Ok(self.read_up_to(buffer)? == buffer.len())
    }

    /// Fills the buffer as far as the file goes.
    fn read_up_to(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.file.read(&mut buffer[filled..]) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Error::file("read the spool", &self.path)(error)),
            }
        }
        Ok(filled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use metria_store::{Metric, Tag};

    fn event(step: i64) -> Event {
        let metric = Metric { key: "loss".into(), value: f64::NAN, timestamp_ms: 7, step };
        let tag = Tag { key: "k".into(), value: "é\n\"".into() };
        Event::Log(LogBatch { metrics: vec![metric], tags: vec![tag], ..LogBatch::default() })
    }

    fn read_all(path: &Path) -> (usize, Result<Next>) {
        let mut reader = Reader::open(path, 0).unwrap();
        let mut n_events = 0;
        loop {
            match reader.next() {
                Ok(Next::Event(..)) => n_events += 1,
                last => return (n_events, last),
            }
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events");
        let mut writer = Writer::create(&path).unwrap();
        let ends: Vec<u64> = (0..3).map(|step| writer.append(&event(step)).unwrap()).collect();
        let mut reader = Reader::open(&path, 0).unwrap();
        for end in &ends {
            let Next::Event(Event::Log(batch), at) = reader.next().unwrap() else { panic!("an event is expected") };
            assert!(batch.metrics[0].value.is_nan());
            assert_eq!((at, reader.at()), (*end, *end));
        }
        assert_eq!(reader.next().unwrap(), Next::End);
        let mut later = Reader::open(&path, ends[1]).unwrap();
        assert!(matches!(later.next().unwrap(), Next::Event(Event::Log(batch), _) if batch.metrics[0].step == 2));
        writer.append(&Event::Finish { status: RunStatus::Finished, end_time_ms: 1 }).unwrap();
        assert!(matches!(later.next().unwrap(), Next::Event(Event::Finish { .. }, _)), "a reader sees what came later");
    }

    #[test]
    fn every_cut_leaves_whole_events() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events");
        let mut writer = Writer::create(&path).unwrap();
        let ends: Vec<u64> = (0..3).map(|step| writer.append(&event(step)).unwrap()).collect();
        let bytes = std::fs::read(&path).unwrap();
        for cut in MAGIC.len()..=bytes.len() {
            let torn = folder.path().join("torn");
            std::fs::write(&torn, &bytes[..cut]).unwrap();
            let whole = ends.iter().filter(|end| **end <= cut as u64).count();
            let (n_events, last) = read_all(&torn);
            assert_eq!(n_events, whole, "cut at {cut}");
            let at_an_end = cut == MAGIC.len() || ends.contains(&(cut as u64));
            assert_eq!(last.unwrap(), if at_an_end { Next::End } else { Next::Torn });
        }
    }

    #[test]
    fn every_changed_bit_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events");
        Writer::create(&path).unwrap().append(&event(1)).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        for at in MAGIC.len()..bytes.len() {
            let mut other = bytes.clone();
            other[at] ^= 4;
            let changed = folder.path().join("changed");
            std::fs::write(&changed, &other).unwrap();
            let (n_events, last) = read_all(&changed);
            assert_eq!(n_events, 0, "byte {at}");
            assert!(matches!(last, Ok(Next::Torn) | Err(Error::Damaged { .. })), "byte {at}: {last:?}");
        }
        std::fs::write(&path, b"something else entirely").unwrap();
        assert!(matches!(Reader::open(&path, 0), Err(Error::Damaged { at: 0 | 16, .. })));
    }
}
