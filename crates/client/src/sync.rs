//! Spools that dead processes left behind.

use crate::error::{Error, Result};
use crate::sender::Sender;
use crate::sink::RunSink;
use crate::spool::{Event, Next, Reader, Spool, run_folders};
use metria_core::time::now_ms;
use metria_store::{LogBatch, RunStatus, Tag};
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// What became of one spool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "outcome")]
pub enum SpoolOutcome {
    /// Its process lives and sends by itself.
    Running,
    /// Everything has arrived.
    Sent {
        /// The process died without ending the run, so it was marked FAILED.
        marked_failed: bool,
        /// Events that the server will never take; they stay on disk with their reasons.
        refused: usize,
    },
    /// It stays where it is.
    Left {
        /// Why.
        reason: String,
    },
}

/// One spool and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SpoolReport {
    /// The run; empty when the spool does not say.
    pub run_id: String,
    /// Its folder.
    pub folder: PathBuf,
    /// What became of it.
    #[serde(flatten)]
    pub outcome: SpoolOutcome,
}

/// Sends what dead processes left behind in a folder of spools, run by run. A run that its process did not end is
/// marked FAILED, as of the last time something was logged.
///
/// # Errors
/// When the folder cannot be read. What is wrong with one spool is in its report.
pub async fn sync_spools(root: &Path, sink: &dyn RunSink) -> Result<Vec<SpoolReport>> {
    let mut reports = Vec::new();
    for folder in run_folders(root)? {
        let spool = Spool::at(&folder);
        let (run_id, outcome) = match sync(&spool, sink).await {
            Ok(done) => done,
            Err(error) => {
                let name = folder.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
                let run_id = name.split('.').next().unwrap_or_default().to_owned();
                (run_id, SpoolOutcome::Left { reason: error.to_string() })
            }
        };
        reports.push(SpoolReport { run_id, folder, outcome });
    }
    Ok(reports)
}

async fn sync(spool: &Spool, sink: &dyn RunSink) -> Result<(String, SpoolOutcome)> {
    let Some(lock) = spool.try_lock()? else {
        let name = spool.folder().file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        return Ok((name, SpoolOutcome::Running));
    };
    let contents = Contents::of(spool)?;
    let Some(run_id) = contents.run_id else {
        // Killed before its first event: there is no run.
        spool.remove()?;
        return Ok((String::new(), SpoolOutcome::Sent { marked_failed: false, refused: 0 }));
    };
    Sender::open(spool, &run_id)?.send(sink, contents.whole).await?;
    let marked_failed = !contents.ended && !contents.attached;
    if marked_failed {
        let reason = match &contents.damage {
            Some(error) => format!("the process ended without finishing the run; {error}"),
            None => "the process ended without finishing the run".to_owned(),
        };
        let tag = Tag { key: "metria.error".to_owned(), value: reason.chars().take(2_000).collect() };
        sink.log(&run_id, &LogBatch { tags: vec![tag], ..LogBatch::default() }).await?;
        sink.finish(&run_id, RunStatus::Failed, last_change_ms(spool)).await?;
    }
    if let Some(error) = contents.damage {
        let reason = format!("{error}; what stood before it has arrived");
        let aside = spool.folder().with_extension("damaged.refused");
        std::fs::rename(spool.folder(), &aside).map_err(Error::file("rename", spool.folder()))?;
        return Ok((run_id, SpoolOutcome::Left { reason }));
    }
    let refused = spool.refused();
    spool.remove()?;
    drop(lock);
    Ok((run_id, SpoolOutcome::Sent { marked_failed, refused }))
}

/// When the spool was last written to: the end of a run whose process did not say.
fn last_change_ms(spool: &Spool) -> i64 {
    let changed = std::fs::metadata(spool.events()).and_then(|file| file.modified()).ok();
    let since = changed.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    since.and_then(|since| i64::try_from(since.as_millis()).ok()).unwrap_or_else(now_ms)
}

/// What a spool holds, before anything is sent.
struct Contents {
    run_id: Option<String>,
    attached: bool,
    ended: bool,
    /// Where its whole events end.
    whole: u64,
    damage: Option<Error>,
}

impl Contents {
    fn of(spool: &Spool) -> Result<Self> {
        let mut reader = Reader::open(&spool.events(), 0)?;
        let mut contents = Self { run_id: None, attached: false, ended: false, whole: 0, damage: None };
        loop {
            match reader.next() {
                Ok(Next::Event(event, at)) => {
                    contents.whole = at;
                    match event {
                        Event::Start(run) => contents.run_id = Some(run.run_id),
                        Event::Attach { run_id } => {
                            contents.run_id = Some(run_id);
                            contents.attached = true;
                        }
                        Event::Finish { .. } => contents.ended = true,
                        Event::Log(_) | Event::Artifact { .. } => {}
                    }
                }
                Ok(Next::End | Next::Torn) => return Ok(contents),
                Err(error @ Error::Damaged { .. }) => {
                    contents.damage = Some(error);
                    return Ok(contents);
                }
                Err(error) => return Err(error),
            }
        }
    }
}
