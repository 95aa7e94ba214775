//! Runs as they go on: one poller for each run that somebody watches, however many watch it.
//!
//! A write through this server wakes the run's poller at once; what other processes write it finds by looking, the less
//! often the longer nothing came. It reads what is new and hands one text to all. Who is too slow to take every change
//! gets the whole run again. There is no poller for a run that nobody watches.

mod change;

pub(crate) use change::Change;

use change::Known;
use metria_core::ErrorKind;
use metria_tracking::{RunObserver, Tracking};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, broadcast, watch};

use crate::http::HttpError;

/// Most watchers at once.
const MOST_WATCHERS: usize = 4_096;
/// Changes that may wait for a slow watcher.
const MOST_WAITING: usize = 16;
/// The shortest and longest time until a poller looks without being woken, and the least between two looks.
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(10);
const GAP: Duration = Duration::from_millis(250);

/// What a watcher is told.
pub(crate) enum Event {
    /// The whole run, as JSON.
    Run(String),
    /// What changed, as JSON.
    Change(Arc<str>),
}

/// Everybody who watches a run. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Live(Arc<Shared>);

struct Shared {
    tracking: Tracking,
    feeds: Mutex<HashMap<String, Arc<Feed>>>,
    room: Arc<Semaphore>,
    stopped: watch::Sender<bool>,
}

/// One watched run.
struct Feed {
    changes: broadcast::Sender<Arc<str>>,
    wake: Notify,
}

impl Shared {
    fn feeds(&self) -> MutexGuard<'_, HashMap<String, Arc<Feed>>> {
        self.feeds.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RunObserver for Shared {
    fn run_changed(&self, run_id: &str) {
        if let Some(feed) = self.feeds().get(run_id) {
            feed.wake.notify_one();
        }
    }
}

impl Live {
    /// Watches what is written through these services and, more slowly, everything else.
    pub(crate) fn new(tracking: &Tracking) -> Self {
        let shared = Arc::new(Shared {
            tracking: tracking.clone(),
            feeds: Mutex::default(),
            room: Arc::new(Semaphore::new(MOST_WATCHERS)),
            stopped: watch::Sender::new(false),
        });
        tracking.observe(shared.clone());
        Self(shared)
    }

    /// Ends every watch, and those that are yet to begin.
    pub(crate) fn stop(&self) {
        self.0.stopped.send_replace(true);
    }

    /// Begins to watch a run; the first event is the run as it is.
    pub(crate) async fn watch(&self, run_id: &str) -> Result<Watch, HttpError> {
        let Ok(permit) = self.0.room.clone().try_acquire_owned() else {
            let message = format!("{MOST_WATCHERS} pages watch runs already, which is the limit");
            return Err(HttpError::new(ErrorKind::Unavailable, message));
        };
        let run = self.0.tracking.get_run(run_id).await?;
        let (changes, joined) = self.subscribe(run_id, &run);
        // Between the look and joining another's feed a change may have passed by.
        let run = if joined { self.0.tracking.get_run(run_id).await? } else { run };
        Ok(Watch {
            shared: self.0.clone(),
            run_id: run_id.to_owned(),
            stopped: self.0.stopped.subscribe(),
            first: Some(change::whole(&run)),
            changes,
            _permit: permit,
        })
    }

    fn subscribe(&self, run_id: &str, run: &metria_store::Run) -> (broadcast::Receiver<Arc<str>>, bool) {
        let mut feeds = self.0.feeds();
        if let Some(feed) = feeds.get(run_id) {
            return (feed.changes.subscribe(), true);
        }
        let (changes, receiver) = broadcast::channel(MOST_WAITING);
        let feed = Arc::new(Feed { changes, wake: Notify::new() });
        feeds.insert(run_id.to_owned(), feed.clone());
        tokio::spawn(follow(self.0.clone(), feed, Known::new(run)));
        (receiver, false)
    }
}

/// Reads what is new about a run until nobody watches it.
async fn follow(shared: Arc<Shared>, feed: Arc<Feed>, mut known: Known) {
    let mut stopped = shared.stopped.subscribe();
    // The first look is at what came since `known` was read.
    let mut pause = Duration::ZERO;
    loop {
        let woken = tokio::select! {
            () = feed.wake.notified() => true,
            () = tokio::time::sleep(pause) => false,
            _ = stopped.wait_for(|stopped| *stopped) => break,
        };
        {
            let mut feeds = shared.feeds();
            if feed.changes.receiver_count() == 0 {
                feeds.remove(known.run_id());
                return;
            }
        }
        match known.look(&shared.tracking).await {
            Ok(Some(change)) => {
                // Nobody may be left to hear it; then the next round ends.
                let _ = feed.changes.send(change.into());
                pause = SHORTEST;
            }
            Ok(None) if woken => pause = SHORTEST,
            Ok(None) => pause = (pause * 2).clamp(SHORTEST, LONGEST),
            Err(error) => {
                tracing::warn!(run.id = known.run_id(), %error, "cannot read what is new about a watched run");
                pause = LONGEST;
            }
        }
        tokio::time::sleep(GAP).await;
    }
    shared.feeds().remove(known.run_id());
}

/// Somebody who watches a run.
pub(crate) struct Watch {
    shared: Arc<Shared>,
    run_id: String,
    stopped: watch::Receiver<bool>,
    first: Option<String>,
    changes: broadcast::Receiver<Arc<str>>,
    _permit: OwnedSemaphorePermit,
}

impl Watch {
    /// The next event; nothing when the server stops or the run cannot be read any more.
    pub(crate) async fn next(&mut self) -> Option<Event> {
        if let Some(run) = self.first.take() {
            return Some(Event::Run(run));
        }
        let change = tokio::select! {
            change = self.changes.recv() => change,
            _ = self.stopped.wait_for(|stopped| *stopped) => return None,
        };
        match change {
            Ok(change) => Some(Event::Change(change)),
            Err(RecvError::Lagged(_)) => {
                self.changes = self.changes.resubscribe();
                let run = self.shared.tracking.get_run(&self.run_id).await.ok()?;
                Some(Event::Run(change::whole(&run)))
            }
            Err(RecvError::Closed) => None,
        }
    }
}

#[cfg(test)]
mod tests;
