//! The one writer of a process: it takes all requests that wait, runs them in one transaction, commits once, and only
//! then answers.
//!
//! A request that fails takes nothing with it: the group is rolled back and run again with a savepoint around each
//! request. One that panics, or that the database cannot carry out (a full disk), is answered and left out of the next
//! try. When the connection is lost before the commit, a new one is opened and the group runs again; when it is lost
//! during the commit, nobody knows, and the answer says so.

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use metria_store::{Error, Result};
use std::panic::AssertUnwindSafe;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

/// Requests that may wait before callers do.
const QUEUE: usize = 1_024;
/// Most requests in one commit, so that the first of them does not wait for long.
const GROUP: usize = 256;
/// Waits between the tries of a group whose connection is lost.
const WAITS_MS: [u64; 5] = [50, 150, 400, 900, 1_500];

/// What the writer asks of a database.
pub(crate) trait Link: Send + Sync + 'static {
    /// A connection.
    type Connection: Send;
    /// For errors.
    const BACKEND: &'static str;
    /// Begins a transaction that writes.
    const BEGIN: &'static str;

    /// Opens a connection.
    fn open(&self) -> BoxFuture<'_, Result<Self::Connection>>;

    /// Runs a statement without parameters.
    fn run<'c>(connection: &'c mut Self::Connection, statement: &'static str) -> BoxFuture<'c, Result<()>>;

    /// Closes a connection in an orderly way.
    fn close(connection: Self::Connection) -> BoxFuture<'static, ()>;

    /// Whether the transaction is gone without a trace, so that it may run again on a new connection.
    fn is_lost(error: &Error) -> bool;
}

/// A request's work. It may run several times, so it borrows what it needs.
type Work<C, A, T> = for<'c> fn(&'c mut C, &'c A) -> BoxFuture<'c, Result<T>>;

/// A request in the queue.
trait Job<C>: Send {
    /// What it is about. Processes lock rows in the order of this, so that they seldom wait for each other in a circle.
    fn about(&self) -> &str;

    /// Does the work and keeps the result.
    fn run<'c>(&'c mut self, connection: &'c mut C) -> BoxFuture<'c, ()>;

    /// Why the work failed, if it did.
    fn failure(&self) -> Option<&Error>;

    /// Tells the caller the result, or why there is none.
    fn answer(self: Box<Self>, refusal: Option<Error>);
}

struct Request<C, A, T> {
    about: String,
    arguments: A,
    work: Work<C, A, T>,
    result: Option<Result<T>>,
    caller: oneshot::Sender<Result<T>>,
}

impl<C: Send + 'static, A: Send + Sync, T: Send> Job<C> for Request<C, A, T> {
    fn about(&self) -> &str {
        &self.about
    }

    fn run<'c>(&'c mut self, connection: &'c mut C) -> BoxFuture<'c, ()> {
        self.result = None;
        Box::pin(async move { self.result = Some((self.work)(connection, &self.arguments).await) })
    }

    fn failure(&self) -> Option<&Error> {
        self.result.as_ref().and_then(|result| result.as_ref().err())
    }

    fn answer(self: Box<Self>, refusal: Option<Error>) {
        let result = match (refusal, self.result) {
            (None, Some(result)) => result,
            (Some(error), _) => Err(error),
            (None, None) => Err(Error::Invalid("the request was not run; this is a bug".to_owned())),
        };
        // The caller may have gone; the write stays.
        let _ = self.caller.send(result);
    }
}

type Group<C> = Vec<Box<dyn Job<C>>>;

/// The queue in front of the writing connection.
pub(crate) struct Writer<L: Link> {
    jobs: Mutex<Option<mpsc::Sender<Box<dyn Job<L::Connection>>>>>,
    task: Mutex<Option<JoinHandle<()>>>,
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn unavailable<L: Link>(reason: &str) -> Error {
    Error::Unavailable { backend: L::BACKEND, reason: reason.to_owned() }
}

impl<L: Link> Writer<L>
where
    L::Connection: 'static,
{
    /// Starts the writing task.
    pub(crate) fn start(link: L, connection: L::Connection) -> Self {
        let (send, receive) = mpsc::channel(QUEUE);
        let task = tokio::spawn(write_groups(link, connection, receive));
        Self { jobs: Mutex::new(Some(send)), task: Mutex::new(Some(task)) }
    }

    /// Runs a request about a record atomically; the answer comes after the commit.
    pub(crate) async fn write<A, T>(&self, about: &str, arguments: A, work: Work<L::Connection, A, T>) -> Result<T>
    where
        A: Send + Sync + 'static,
        T: Send + 'static,
    {
        let closed = || unavailable::<L>("it is closed");
        let (caller, answer) = oneshot::channel();
        let request = Request { about: about.to_owned(), arguments, work, result: None, caller };
        let queue = locked(&self.jobs).clone().ok_or_else(closed)?;
        queue.send(Box::new(request)).await.map_err(|_| closed())?;
        drop(queue);
        answer.await.map_err(|_| closed())?
    }

    /// Lets what is queued end, then closes the connection.
    pub(crate) async fn close(&self) {
        locked(&self.jobs).take();
        let task = locked(&self.task).take();
        if let Some(task) = task {
            // It ends by itself once the queue is empty.
            let _ = task.await;
        }
    }
}

async fn write_groups<L: Link>(
    link: L,
    connection: L::Connection,
    mut jobs: mpsc::Receiver<Box<dyn Job<L::Connection>>>,
) {
    let mut connection = Some(connection);
    let mut group = Vec::with_capacity(GROUP);
    while jobs.recv_many(&mut group, GROUP).await > 0 {
        let mut group = std::mem::take(&mut group);
        group.sort_by(|a, b| a.about().cmp(b.about()));
        write_group(&link, &mut connection, group).await;
    }
    if let Some(connection) = connection {
        L::close(connection).await;
    }
}

/// How one try of a group ended.
enum Tried {
    /// It is committed; each request has its result.
    Committed,
    /// A request was refused: try again with a savepoint around each.
    Refused,
    /// A request was taken out and answered: try again without it.
    Shrunk,
    /// The connection was lost before the commit: try again on another.
    Lost(Error),
    /// Nothing was written, and another try would end the same way.
    Failed(Error),
}

async fn write_group<L: Link>(link: &L, connection: &mut Option<L::Connection>, mut group: Group<L::Connection>) {
    let mut waits = WAITS_MS.into_iter();
    let mut savepoints = false;
    while !group.is_empty() {
        match try_group(link, connection, &mut group, savepoints).await {
            Tried::Committed => return group.into_iter().for_each(|job| job.answer(None)),
            Tried::Refused => savepoints = true,
            Tried::Shrunk => {}
            Tried::Lost(error) => match waits.next() {
                Some(wait_ms) => {
                    tracing::warn!(%error, "the {} connection was lost; trying again in {wait_ms} ms", L::BACKEND);
                    tokio::time::sleep(Duration::from_millis(wait_ms)).await;
                }
                None => return refuse(group, &error),
            },
            Tried::Failed(error) => return refuse(group, &error),
        }
    }
}

/// Answers a whole group with one error.
fn refuse<C>(group: Group<C>, error: &Error) {
    for job in group {
        job.answer(Some(copy(error)));
    }
}

/// An error again, its source as text.
fn copy(error: &Error) -> Error {
    let text = |source: &dyn std::error::Error| source.to_string().into();
    match error {
        Error::Full { backend, source } => Error::Full { backend, source: text(source.as_ref()) },
        Error::Unavailable { backend, reason } => Error::Unavailable { backend, reason: reason.clone() },
        Error::Damaged { backend, reason } => Error::Damaged { backend, reason: reason.clone() },
        Error::Backend { backend, source } => Error::Backend { backend, source: text(source.as_ref()) },
        other => Error::Conflict(other.to_string()),
    }
}

/// Whether the request itself is at fault, and the transaction is as good as before.
fn is_refusal(error: &Error) -> bool {
    matches!(error, Error::NotFound { .. } | Error::AlreadyExists { .. } | Error::Conflict(_) | Error::Invalid(_))
}

async fn try_group<L: Link>(
    link: &L,
    slot: &mut Option<L::Connection>,
    group: &mut Group<L::Connection>,
    savepoints: bool,
) -> Tried {
    if slot.is_none() {
        match link.open().await {
            Ok(opened) => *slot = Some(opened),
            Err(error) if L::is_lost(&error) => return Tried::Lost(error),
            Err(error) => return Tried::Failed(error),
        }
    }
    let Some(connection) = slot.as_mut() else { return Tried::Failed(unavailable::<L>("it is closed")) };
    let stop = match run_group::<L>(connection, group, savepoints).await {
        Ok(()) => return commit::<L>(slot).await,
        Err(stop) => stop,
    };
    let is_lost = match &stop {
        Stop::Refused => false,
        Stop::Panicked(_) => true,
        Stop::Unable(at) => group[*at].failure().is_some_and(L::is_lost),
        Stop::Statement(error) => L::is_lost(error),
    };
    // A transaction that is in doubt, or gone by the database's own doing, goes with its connection.
    if is_lost || L::run(connection, "ROLLBACK").await.is_err() {
        *slot = None;
    }
    match stop {
        Stop::Refused => Tried::Refused,
        Stop::Panicked(at) => {
            let source = "a request panicked; this is a bug".into();
            group.remove(at).answer(Some(Error::Backend { backend: L::BACKEND, source }));
            Tried::Shrunk
        }
        Stop::Unable(at) => match group[at].failure() {
            Some(error) if is_lost => Tried::Lost(copy(error)),
            _ => {
                group.remove(at).answer(None);
                Tried::Shrunk
            }
        },
        Stop::Statement(error) if is_lost => Tried::Lost(error),
        Stop::Statement(error) => Tried::Failed(error),
    }
}

/// Why a group was not run to its end.
enum Stop {
    /// A request was refused by its own fault, and there was no savepoint to go back to.
    Refused,
    /// The request at this place panicked.
    Panicked(usize),
    /// The database was not able to do what the request at this place wanted.
    Unable(usize),
    /// A statement of the transaction itself failed.
    Statement(Error),
}

/// Runs a group up to its commit.
async fn run_group<L: Link>(
    connection: &mut L::Connection,
    group: &mut Group<L::Connection>,
    savepoints: bool,
) -> std::result::Result<(), Stop> {
    L::run(connection, L::BEGIN).await.map_err(Stop::Statement)?;
    let alone = group.len() == 1;
    let savepoints = savepoints && !alone;
    for (at, job) in group.iter_mut().enumerate() {
        if savepoints {
            L::run(connection, "SAVEPOINT request").await.map_err(Stop::Statement)?;
        }
        if AssertUnwindSafe(job.run(connection)).catch_unwind().await.is_err() {
            return Err(Stop::Panicked(at));
        }
        let refused = match job.failure() {
            Some(error) if !is_refusal(error) || alone => return Err(Stop::Unable(at)),
            failure => failure.is_some(),
        };
        if refused && !savepoints {
            return Err(Stop::Refused);
        }
        if refused {
            L::run(connection, "ROLLBACK TO request").await.map_err(Stop::Statement)?;
        }
        if savepoints {
            L::run(connection, "RELEASE request").await.map_err(Stop::Statement)?;
        }
    }
    Ok(())
}

async fn commit<L: Link>(slot: &mut Option<L::Connection>) -> Tried {
    let Some(connection) = slot.as_mut() else { return Tried::Failed(unavailable::<L>("it is closed")) };
    let Err(error) = L::run(connection, "COMMIT").await else { return Tried::Committed };
    if L::is_lost(&error) {
        *slot = None;
        let reason =
            "the connection was lost during a commit, so the write may or may not be kept; look before retrying";
        return Tried::Failed(unavailable::<L>(reason));
    }
    if L::run(connection, "ROLLBACK").await.is_err() {
        *slot = None;
    }
    Tried::Failed(error)
}
