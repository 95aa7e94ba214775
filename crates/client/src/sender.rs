//! From a spool to a sink, in order.

use crate::error::{Error, Result};
use crate::sink::RunSink;
use crate::spool::{Event, Next, Reader, Spool};
use metria_store::LogBatch;

/// Limits of one request.
pub(crate) const MOST_METRICS: usize = 1_000;
pub(crate) const MOST_PARAMS: usize = 100;
pub(crate) const MOST_TAGS: usize = 100;
/// Inputs may be large; a few of them make a request.
const MOST_INPUTS: usize = 10;

/// Sends the events of one spool.
pub(crate) struct Sender {
    spool: Spool,
    reader: Reader,
    run_id: String,
}

impl Sender {
    /// Goes on where the last one stopped.
    pub(crate) fn open(spool: &Spool, run_id: &str) -> Result<Self> {
        let reader = Reader::open(&spool.events(), spool.sent())?;
        Ok(Self { spool: spool.clone(), reader, run_id: run_id.to_owned() })
    }

    /// How far the events have arrived.
    pub(crate) fn at(&self) -> u64 {
        self.reader.at()
    }

    /// Sends what is in the spool up to a place. After a temporary error the same call goes on where this one stopped.
    ///
    /// # Errors
    /// When the sink is away, does not take the run itself, or the spool is damaged.
    pub(crate) async fn send(&mut self, sink: &dyn RunSink, up_to: u64) -> Result<()> {
        while self.reader.at() < up_to {
            let start = self.reader.at();
            let group = self.next_group(up_to)?;
            let arrived = match &group {
                Group::Nothing => return Ok(()),
                Group::Logs(batches) => self.log(sink, batches).await,
                Group::One(event) => self.deliver(sink, event).await,
            };
            if let Err(error) = arrived {
                self.reader.seek(start)?;
                return Err(error);
            }
            self.spool.set_sent(self.reader.at())?;
            if let Group::One(Event::Artifact { file, .. }) = &group {
                // It has arrived; what is left behind goes with the folder.
                let _ = std::fs::remove_file(self.spool.file(file));
            }
        }
        Ok(())
    }

    /// What the next request carries: as many logs as fit, or one event of another kind.
    fn next_group(&mut self, up_to: u64) -> Result<Group> {
        let mut batches: Vec<LogBatch> = Vec::new();
        let mut total = Counts::default();
        while self.reader.at() < up_to {
            let before = self.reader.at();
            let event = match self.reader.next()? {
                Next::Event(event, _) => event,
                Next::End | Next::Torn => break,
            };
            match event {
                Event::Log(batch) if batches.is_empty() && !is_plain(&batch) => {
                    return Ok(Group::One(Event::Log(batch)));
                }
                Event::Log(batch) if is_plain(&batch) => {
                    let with = total.plus(&batch);
                    if !batches.is_empty() && !with.fit() {
                        self.reader.seek(before)?;
                        break;
                    }
                    total = with;
                    batches.push(batch);
                }
                other if batches.is_empty() => return Ok(Group::One(other)),
                _ => {
                    self.reader.seek(before)?;
                    break;
                }
            }
        }
        Ok(if batches.is_empty() { Group::Nothing } else { Group::Logs(batches) })
    }

    async fn log(&self, sink: &dyn RunSink, batches: &[LogBatch]) -> Result<()> {
        let mut whole = LogBatch::default();
        for batch in batches {
            whole.metrics.extend_from_slice(&batch.metrics);
            whole.params.extend_from_slice(&batch.params);
            whole.tags.extend_from_slice(&batch.tags);
            whole.inputs.extend_from_slice(&batch.inputs);
        }
        match sink.log(&self.run_id, &whole).await {
            Err(error) if !error.is_temporary() => {}
            done => return done,
        }
        // One of them is refused: the others must not go with it.
        for batch in batches {
            match sink.log(&self.run_id, batch).await {
                Ok(()) => {}
                Err(error) if error.is_temporary() => return Err(error),
                Err(error) => self.refuse(&Event::Log(batch.clone()), &error)?,
            }
        }
        Ok(())
    }

    async fn deliver(&self, sink: &dyn RunSink, event: &Event) -> Result<()> {
        let done = match event {
            // Without the run, nothing else can arrive.
            Event::Start(run) => return sink.create_run(run).await,
            Event::Attach { .. } => return Ok(()),
            Event::Log(batch) => sink.log(&self.run_id, batch).await,
            Event::Artifact { path, file, sha256 } => {
                sink.put_artifact(&self.run_id, path, &self.spool.file(file), sha256).await
            }
            Event::Finish { status, end_time_ms } => sink.finish(&self.run_id, *status, *end_time_ms).await,
        };
        match done {
            Err(error) if !error.is_temporary() => self.refuse(event, &error),
            done => done,
        }
    }

    fn refuse(&self, event: &Event, error: &Error) -> Result<()> {
        tracing::warn!(run.id = %self.run_id, %error, "an event of the run was refused");
        self.spool.refuse(event, &error.to_string())
    }
}

/// Whether a batch holds nothing but what [`Sender::log`] joins.
fn is_plain(batch: &LogBatch) -> bool {
    let mut rest = batch.clone();
    rest.metrics.clear();
    rest.params.clear();
    rest.tags.clear();
    rest.inputs.clear();
    rest == LogBatch::default()
}

/// What one request carries.
enum Group {
    Nothing,
    Logs(Vec<LogBatch>),
    One(Event),
}

#[derive(Clone, Copy, Default)]
struct Counts {
    metrics: usize,
    params: usize,
    tags: usize,
    inputs: usize,
}

impl Counts {
    fn plus(self, batch: &LogBatch) -> Self {
        Self {
            metrics: self.metrics + batch.metrics.len(),
            params: self.params + batch.params.len(),
            tags: self.tags + batch.tags.len(),
            inputs: self.inputs + batch.inputs.len(),
        }
    }

    fn fit(self) -> bool {
        self.metrics <= MOST_METRICS
            && self.params <= MOST_PARAMS
            && self.tags <= MOST_TAGS
            && self.inputs <= MOST_INPUTS
    }
}
