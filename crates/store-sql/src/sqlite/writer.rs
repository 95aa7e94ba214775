//! The one writer: it takes all requests that wait, runs each in a savepoint of its own within one transaction,
//! commits once, and only then answers. A request that fails takes nothing with it.

use super::errors::{backend, unavailable};
use futures_util::future::BoxFuture;
use metria_store::Result;
use sqlx::{Connection, SqliteConnection};
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::task::JoinHandle;

/// Requests that may wait before callers do.
const QUEUE: usize = 1_024;
/// Most requests in one commit, so that the first of them does not wait for long.
const GROUP: usize = 256;

/// Tells a caller how its request ended, once the commit is known.
type Answer = Box<dyn FnOnce(Result<()>) + Send>;
type Job = Box<dyn for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Answer> + Send>;

/// The queue in front of the writing connection.
pub(super) struct Writer {
    jobs: Mutex<Option<mpsc::Sender<Job>>>,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl Writer {
    /// Starts the writing task.
    pub(super) fn start(connection: SqliteConnection) -> Self {
        let (send, receive) = mpsc::channel(QUEUE);
        let task = tokio::spawn(write_groups(connection, receive));
        Self { jobs: Mutex::new(Some(send)), task: Mutex::new(Some(task)) }
    }

    /// Runs a request atomically; the answer comes after the commit.
    pub(super) async fn write<T, F>(&self, request: F) -> Result<T>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Result<T>> + Send + 'static,
    {
        let closed = || unavailable("it is closed".to_owned());
        let (send, receive) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            Box::pin(async move {
                let result = in_savepoint(connection, request).await;
                let answer: Answer = Box::new(move |committed| {
                    // The caller may have gone; the write stays.
                    let _ = send.send(committed.and(result));
                });
                answer
            })
        });
        let queue = self.jobs.lock().await.clone().ok_or_else(closed)?;
        queue.send(job).await.map_err(|_| closed())?;
        receive.await.map_err(|_| closed())?
    }

    /// Lets what is queued end, then closes the connection.
    pub(super) async fn close(&self) {
        self.jobs.lock().await.take();
        if let Some(task) = self.task.lock().await.take() {
            // It ends by itself once the queue is empty; a panic in it has been printed.
            let _ = task.await;
        }
    }
}

async fn in_savepoint<T, F>(connection: &mut SqliteConnection, request: F) -> Result<T>
where
    F: for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Result<T>>,
{
    sqlx::query("SAVEPOINT request").execute(&mut *connection).await.map_err(backend)?;
    let result = request(connection).await;
    if result.is_err() {
        sqlx::query("ROLLBACK TO request").execute(&mut *connection).await.map_err(backend)?;
    }
    sqlx::query("RELEASE request").execute(&mut *connection).await.map_err(backend)?;
    result
}

async fn write_groups(mut connection: SqliteConnection, mut jobs: mpsc::Receiver<Job>) {
    let mut group = Vec::with_capacity(GROUP);
    while jobs.recv_many(&mut group, GROUP).await > 0 {
        write_group(&mut connection, group.drain(..)).await;
    }
    if let Err(error) = connection.close().await {
        tracing::warn!(%error, "the SQLite connection did not close cleanly");
    }
}

async fn write_group(connection: &mut SqliteConnection, jobs: impl Iterator<Item = Job>) {
    let mut answers = Vec::new();
    // IMMEDIATE takes the write lock now, so that waiting for another process happens here and nowhere else.
    let begun = sqlx::query("BEGIN IMMEDIATE").execute(&mut *connection).await;
    if let Err(error) = begun {
        let error = backend(error).to_string();
        jobs.for_each(drop);
        tracing::warn!(error, "SQLite did not begin a transaction");
        return;
    }
    for job in jobs {
        answers.push(job(connection).await);
    }
    let committed = sqlx::query("COMMIT").execute(&mut *connection).await;
    match committed {
        Ok(_) => answers.into_iter().for_each(|answer| answer(Ok(()))),
        Err(error) => {
            let reason = error.to_string();
            let mut first = Some(backend(error));
            // After a failed commit the transaction may still be open; without one this says so, which is fine.
            let _ = sqlx::query("ROLLBACK").execute(&mut *connection).await;
            for answer in answers {
                answer(Err(first.take().unwrap_or_else(|| unavailable(reason.clone()))));
            }
        }
    }
}
