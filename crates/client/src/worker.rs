//! The background thread that empties a spool while its run goes on.

use crate::error::{Error, Result};
use crate::sender::Sender;
use crate::sink::{RunSink, SinkMaker};
use crate::spool::Spool;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// Between two tries to reach a server that is away: at first, at most, and at most while the run's end waits.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(10);
const LONGEST_LAST_WAIT: Duration = Duration::from_millis(500);
/// How often the deadline of the end is looked at.
const TICK: Duration = Duration::from_millis(50);
/// So much waits for no more to come with it.
const ENOUGH: u64 = 256 * 1024;

/// How far the work is.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// Where the spool ends.
    pub(crate) written: u64,
    /// How much of it has arrived.
    pub(crate) sent: u64,
    /// What the sink said when it could not be reached; gone when it could.
    pub(crate) trouble: Option<String>,
    /// The last try ends then.
    deadline: Option<Instant>,
    /// The thread has ended.
    stopped: bool,
}

/// What the thread and its users share.
#[derive(Default)]
pub(crate) struct Shared {
    progress: Mutex<Progress>,
    moved: Condvar,
    wake: Notify,
    hurry: Notify,
}

impl Shared {
    pub(crate) fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells that the spool has grown.
    pub(crate) fn written(&self, end: u64) {
        let mut progress = self.progress();
        progress.written = progress.written.max(end);
        let enough = progress.written - progress.sent.min(progress.written) >= ENOUGH;
        drop(progress);
        self.wake.notify_one();
        if enough {
            self.hurry.notify_one();
        }
    }

    /// Asks the thread to send everything now, and to end then, or at the deadline.
    pub(crate) fn close(&self, deadline: Instant) {
        self.progress().deadline = Some(deadline);
        self.wake.notify_one();
        self.hurry.notify_one();
    }

    /// Waits until something moved, at most until then.
    pub(crate) fn wait<'a>(&self, guard: MutexGuard<'a, Progress>, until: Instant) -> MutexGuard<'a, Progress> {
        let patience = until.saturating_duration_since(Instant::now());
        self.moved.wait_timeout(guard, patience).unwrap_or_else(PoisonError::into_inner).0
    }

    /// Asks for everything to be sent now and waits for it, at most until then. Whether all has arrived.
    pub(crate) fn flush(&self, until: Instant) -> bool {
        let mut progress = self.progress();
        let target = progress.written;
        while progress.sent < target && !progress.stopped && Instant::now() < until {
            self.hurry.notify_one();
            progress = self.wait(progress, until.min(Instant::now() + TICK));
        }
        progress.sent >= target
    }

    fn deadline(&self) -> Option<Instant> {
        self.progress().deadline
    }

    fn moved(&self, change: impl FnOnce(&mut Progress)) {
        change(&mut self.progress());
        self.moved.notify_all();
    }

    /// Ends when the deadline has passed.
    async fn too_late(&self) {
        loop {
            if self.deadline().is_some_and(|deadline| Instant::now() >= deadline) {
                return;
            }
            tokio::time::sleep(TICK).await;
        }
    }

    async fn pause(&self, wait: Duration) {
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = self.hurry.notified() => {}
        }
    }
}

/// Empties the spool until it is asked to end.
pub(crate) fn run(
    spool: &Spool,
    run_id: &str,
    shared: &Arc<Shared>,
    make_sink: &SinkMaker,
    batch_interval: Duration,
) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let ended = match runtime {
        Ok(runtime) => runtime.block_on(async {
            let mut worker = Worker { sender: Sender::open(spool, run_id)?, sink: None, wait: FIRST_WAIT };
            let ended = worker.work(shared, make_sink, batch_interval).await;
            if let Some(sink) = worker.sink {
                sink.close().await;
            }
            ended
        }),
        Err(source) => Err(Error::File { action: "start", path: "the sending thread".to_owned(), source }),
    };
    shared.moved(|progress| {
        progress.stopped = true;
        if let Err(error) = &ended {
            progress.trouble = Some(error.to_string());
        }
    });
    ended
}

struct Worker {
    sender: Sender,
    sink: Option<Arc<dyn RunSink>>,
    wait: Duration,
}

impl Worker {
    async fn work(&mut self, shared: &Shared, make_sink: &SinkMaker, batch_interval: Duration) -> Result<()> {
        loop {
            let (written, closing) = {
                let progress = shared.progress();
                (progress.written, progress.deadline.is_some())
            };
            if self.sender.at() >= written {
                if closing {
                    return Ok(());
                }
                shared.wake.notified().await;
                // What comes in the next moment goes with it.
                if shared.deadline().is_none() {
                    shared.pause(batch_interval).await;
                }
                continue;
            }
            let tried = tokio::select! {
                tried = self.try_send(make_sink, written) => tried,
                () = shared.too_late() => Err(Error::Away("the time for the last try is over".to_owned())),
            };
            let at = self.sender.at();
            match tried {
                Ok(()) => {
                    self.wait = FIRST_WAIT;
                    shared.moved(|progress| {
                        progress.sent = at;
                        progress.trouble = None;
                    });
                }
                Err(error) if error.is_temporary() => {
                    shared.moved(|progress| {
                        progress.sent = at;
                        // What the sink itself said tells more than that the time is over.
                        progress.trouble.get_or_insert_with(|| error.to_string());
                    });
                    let deadline = shared.deadline();
                    if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                        return Ok(());
                    }
                    let longest = if deadline.is_some() { LONGEST_LAST_WAIT } else { LONGEST_WAIT };
                    shared.pause(self.wait.min(longest)).await;
                    self.wait = (self.wait * 2).min(longest);
                }
                Err(error) => return Err(error),
            }
        }
    }

    async fn try_send(&mut self, make_sink: &SinkMaker, up_to: u64) -> Result<()> {
        let sink = match &self.sink {
            Some(sink) => sink.clone(),
            None => self.sink.insert(make_sink().await?).clone(),
        };
        self.sender.send(sink.as_ref(), up_to).await
    }
}
