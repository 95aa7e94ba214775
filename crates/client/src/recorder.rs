//! One run, written down as it happens.

use crate::error::{Error, Result};
use crate::sender::{MOST_METRICS, MOST_PARAMS, MOST_TAGS};
use crate::sink::{NewRun, SinkMaker};
use crate::spool::{Event, Spool, Writer};
use crate::worker::{self, Shared};
use metria_core::ids;
use metria_core::names::{check_artifact_path, check_display_name, check_key};
use metria_core::time::now_ms;
use metria_store::{LogBatch, RunStatus};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Longest value of a param and of a tag.
const PARAM_LENGTH: usize = 6_000;
const TAG_LENGTH: usize = 8_000;

/// How a recorder works.
#[derive(Clone, Debug)]
pub struct RecorderOptions {
    /// The folder of the spools.
    pub spool: PathBuf,
    /// How long events wait for others to go with them.
    pub batch_interval: Duration,
    /// So many bytes of events may wait on disk. Beyond it, logging waits for room.
    pub max_unsent_bytes: u64,
    /// How long logging waits for room while nothing is sent, before it is an error.
    pub wait_for_room: Duration,
    /// How long the end of the run may wait for what is not sent yet. The rest stays in the spool.
    pub finish_timeout: Duration,
}

impl RecorderOptions {
    /// Spools below a folder: batches of a fifth of a second, 256 MiB of waiting events, 30 s for room, 10 s at the end.
    #[must_use]
    pub fn at(spool: impl Into<PathBuf>) -> Self {
        Self {
            spool: spool.into(),
            batch_interval: Duration::from_millis(200),
            max_unsent_bytes: 256 << 20,
            wait_for_room: Duration::from_secs(30),
            finish_timeout: Duration::from_secs(10),
        }
    }
}

/// How the end of a run went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivered {
    /// Whether everything has arrived.
    pub all: bool,
    /// Events that the server will never take; they stay in the spool with their reasons.
    pub refused: usize,
    /// What is left on disk for `sync_spools`, or for people.
    pub spool: Option<PathBuf>,
    /// The last thing that went wrong, if not everything has arrived.
    pub trouble: Option<String>,
}

/// Writes a run's events to its spool and has them sent in the background. Dropped without an end, the run is FAILED.
pub struct Recorder {
    handle: Handle,
    thread: Option<JoinHandle<Result<()>>>,
}

/// The part of a recorder that others may hold: it logs, and neither ends the run nor waits for its end.
#[derive(Clone)]
pub(crate) struct Handle(Arc<Inner>);

struct Inner {
    run_id: String,
    attached: bool,
    spool: Spool,
    writer: Mutex<Option<Writer>>,
    shared: Arc<Shared>,
    options: RecorderOptions,
}

impl Recorder {
    /// Begins a run. Nothing is sent before this returns, so it works without a server.
    ///
    /// # Errors
    /// When a name or tag is refused or the spool cannot be written.
    pub fn start(run: NewRun, options: RecorderOptions, make_sink: SinkMaker) -> Result<Self> {
        check_run_id(&run.run_id)?;
        check_display_name("experiment name", &run.experiment)?;
        if let Some(name) = &run.run_name {
            check_display_name("run name", name)?;
        }
        check_batch(&LogBatch { tags: run.tags.clone(), ..LogBatch::default() })?;
        if run.tags.len() > MOST_TAGS {
            return Err(Error::Invalid(format!("a run starts with at most {MOST_TAGS} tags; got {}", run.tags.len())));
        }
        let run_id = run.run_id.clone();
        Self::open(run_id, false, &Event::Start(run), options, make_sink)
    }

    /// Adds to a run that somebody else made and will end.
    ///
    /// # Errors
    /// When the id is none, or the spool cannot be written.
    pub fn attach(run_id: &str, options: RecorderOptions, make_sink: SinkMaker) -> Result<Self> {
        check_run_id(run_id)?;
        Self::open(run_id.to_owned(), true, &Event::Attach { run_id: run_id.to_owned() }, options, make_sink)
    }

    fn open(
        run_id: String,
        attached: bool,
        first: &Event,
        options: RecorderOptions,
        make_sink: SinkMaker,
    ) -> Result<Self> {
        let (spool, mut writer) = Spool::create(&options.spool, &run_id)?;
        let end = writer.append(first)?;
        let shared = Arc::new(Shared::default());
        shared.written(end);
        let thread = {
            let (spool, run_id, shared) = (spool.clone(), run_id.clone(), shared.clone());
            let batch_interval = options.batch_interval;
            std::thread::Builder::new()
                .name("metria-recorder".to_owned())
                .spawn(move || worker::run(&spool, &run_id, &shared, &make_sink, batch_interval))
                .map_err(Error::file("start a thread for", &options.spool))?
        };
        let inner = Inner { run_id, attached, spool, writer: Mutex::new(Some(writer)), shared, options };
        Ok(Self { handle: Handle(Arc::new(inner)), thread: Some(thread) })
    }

    /// The run.
    #[must_use]
    pub fn run_id(&self) -> &str {
        &self.handle.0.run_id
    }

    /// The run's folder in the spool.
    #[must_use]
    pub fn spool(&self) -> &Path {
        self.handle.0.spool.folder()
    }

    pub(crate) fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Writes metrics, params, tags and inputs down, and returns before they are sent.
    ///
    /// # Errors
    /// When a key or value is refused, the run is over, the disk is full, or too much waits to be sent.
    pub fn log(&self, batch: LogBatch) -> Result<()> {
        self.handle.log(batch)
    }

    /// Copies a file into the spool, to be sent to `path` below the run's artifacts. Its digest and size.
    ///
    /// # Errors
    /// When the path is refused, the file cannot be read, or the spool cannot be written.
    pub fn put_file(&self, file: &Path, path: &str) -> Result<(String, u64)> {
        let mut reader = std::fs::File::open(file).map_err(Error::file("open", file))?;
        self.put(&mut reader, file, path)
    }

    /// Has bytes sent as a file to `path` below the run's artifacts. Their digest and size.
    ///
    /// # Errors
    /// When the path is refused or the spool cannot be written.
    pub fn put_bytes(&self, bytes: &[u8], path: &str) -> Result<(String, u64)> {
        self.put(&mut &bytes[..], Path::new(path), path)
    }

    fn put(&self, reader: &mut impl Read, source: &Path, path: &str) -> Result<(String, u64)> {
        let path = check_artifact_path(path)?;
        if path.is_empty() {
            return Err(Error::Invalid("an artifact needs a path below the run's artifacts; got none".to_owned()));
        }
        let kept = self.handle.0.spool.keep(reader, source)?;
        let event = Event::Artifact { path: path.to_owned(), file: kept.name, sha256: kept.sha256.clone() };
        self.handle.append(&[event])?;
        Ok((kept.sha256, kept.size_bytes))
    }

    /// Sends what is written, and waits for it at most so long. Whether all has arrived.
    #[must_use]
    pub fn flush(&self, patience: Duration) -> bool {
        self.handle.0.shared.flush(Instant::now() + patience)
    }

    /// Ends the run and waits, within the time for it, until everything has arrived. What has not stays in the spool,
    /// and is no error. An attached run is only left.
    ///
    /// # Errors
    /// When the spool cannot be written, or the server will never take the run.
    pub fn finish(mut self, status: RunStatus) -> Result<Delivered> {
        self.end(status)
    }

    fn end(&mut self, status: RunStatus) -> Result<Delivered> {
        let inner = &self.handle.0;
        let written = if inner.attached {
            Ok(())
        } else {
            self.handle.append_now(&[Event::Finish { status, end_time_ms: now_ms() }])
        };
        // Nothing more is logged, but the lock stays until the thread has ended.
        let writer = inner.writer().take();
        inner.shared.close(Instant::now() + inner.options.finish_timeout);
        let ended = match self.thread.take().map(JoinHandle::join) {
            Some(Ok(ended)) => ended,
            Some(Err(_)) => Err(Error::Invalid("the sending thread broke; the run is in its spool".to_owned())),
            None => Ok(()),
        };
        written?;
        let (all, trouble) = {
            let progress = inner.shared.progress();
            (progress.sent >= progress.written, progress.trouble.clone())
        };
        let refused = inner.spool.refused();
        drop(writer);
        if all {
            inner.spool.remove()?;
        }
        ended?;
        let left = (!all || refused > 0).then(|| inner.spool.folder().to_path_buf());
        Ok(Delivered { all, refused, spool: left, trouble: if all { None } else { trouble } })
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        if self.thread.is_some()
            && let Err(error) = self.end(RunStatus::Failed)
        {
            tracing::warn!(run.id = self.run_id(), %error, "could not end the run");
        }
    }
}

impl Inner {
    fn writer(&self) -> MutexGuard<'_, Option<Writer>> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Handle {
    pub(crate) fn log(&self, batch: LogBatch) -> Result<()> {
        check_batch(&batch)?;
        let events: Vec<Event> = split(batch).into_iter().map(Event::Log).collect();
        self.append(&events)
    }

    fn append(&self, events: &[Event]) -> Result<()> {
        self.wait_for_room()?;
        self.append_now(events)
    }

    fn append_now(&self, events: &[Event]) -> Result<()> {
        let mut guard = self.0.writer();
        let writer = guard.as_mut().ok_or_else(|| Error::Finished(self.0.run_id.clone()))?;
        for event in events {
            writer.append(event)?;
        }
        self.0.shared.written(writer.end());
        Ok(())
    }

    /// Waits while too much is not sent yet. As long as something is sent, there is hope.
    fn wait_for_room(&self) -> Result<()> {
        let Inner { shared, options, spool, .. } = self.0.as_ref();
        let mut progress = shared.progress();
        let mut seen = progress.sent;
        let mut until = Instant::now() + options.wait_for_room;
        loop {
            let unsent = progress.written.saturating_sub(progress.sent);
            if unsent <= options.max_unsent_bytes {
                return Ok(());
            }
            if progress.sent > seen {
                seen = progress.sent;
                until = Instant::now() + options.wait_for_room;
            }
            if Instant::now() >= until {
                return Err(Error::Full {
                    spool: spool.folder().display().to_string(),
                    unsent,
                    most: options.max_unsent_bytes,
                    seconds: options.wait_for_room.as_secs(),
                    because: progress.trouble.as_ref().map_or_else(String::new, |trouble| format!(": {trouble}")),
                });
            }
            progress = shared.wait(progress, until);
        }
    }
}

fn check_run_id(run_id: &str) -> Result<()> {
    if ids::is_id(run_id) {
        return Ok(());
    }
    Err(Error::Invalid(format!("a run id has 32 hexadecimal characters in lower case; got `{run_id}`")))
}

/// What the server would refuse is refused here, where somebody still looks.
fn check_batch(batch: &LogBatch) -> Result<()> {
    for metric in &batch.metrics {
        check_key("metric key", &metric.key)?;
    }
    let texts = batch.params.iter().map(|param| ("param", &param.key, &param.value, PARAM_LENGTH));
    let texts = texts.chain(batch.tags.iter().map(|tag| ("tag", &tag.key, &tag.value, TAG_LENGTH)));
    for (what, key, value, most) in texts {
        check_key(if what == "tag" { "tag key" } else { "param key" }, key)?;
        let got = value.chars().count();
        if got > most || value.contains('\0') {
            return Err(Error::Invalid(format!(
                "the value of the {what} `{key}` may have at most {most} characters and no NUL; got {got}"
            )));
        }
    }
    Ok(())
}

/// Batches within the limits of one request.
fn split(mut batch: LogBatch) -> Vec<LogBatch> {
    let mut parts = Vec::new();
    loop {
        let take = |length: usize, most: usize| length.saturating_sub(most);
        let rest = LogBatch {
            metrics: batch.metrics.split_off(batch.metrics.len() - take(batch.metrics.len(), MOST_METRICS)),
            params: batch.params.split_off(batch.params.len() - take(batch.params.len(), MOST_PARAMS)),
            tags: batch.tags.split_off(batch.tags.len() - take(batch.tags.len(), MOST_TAGS)),
            ..LogBatch::default()
        };
        let empty = rest.metrics.is_empty() && rest.params.is_empty() && rest.tags.is_empty();
        parts.push(batch);
        if empty {
            return parts;
        }
        batch = rest;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use metria_store::{Metric, Param};

    #[test]
    fn a_batch_is_split_in_order() {
        let metric = |step: i64| Metric { key: "m".into(), value: 0.5, timestamp_ms: 1, step };
        let param = |at: usize| Param { key: format!("p{at}"), value: String::new() };
        let batch = LogBatch {
            metrics: (0..2_500).map(metric).collect(),
            params: (0..101).map(param).collect(),
            ..LogBatch::default()
        };
        let parts = split(batch.clone());
        assert_eq!(parts.iter().map(|part| part.metrics.len()).collect::<Vec<_>>(), [1_000, 1_000, 500]);
        assert_eq!(parts.iter().map(|part| part.params.len()).collect::<Vec<_>>(), [100, 1, 0]);
        let metrics: Vec<Metric> = parts.into_iter().flat_map(|part| part.metrics).collect();
        assert_eq!(metrics, batch.metrics);
    }
}
