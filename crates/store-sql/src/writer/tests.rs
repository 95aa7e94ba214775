//! The writer against a database that fails as it is told.

use super::*;
use futures_util::future::{join, join_all};
use metria_core::{ErrorKind, Kinded};
use std::collections::VecDeque;
use std::sync::Arc;

/// A database of a list of numbers that fails as it is told.
#[derive(Default)]
struct Database {
    committed: Vec<u32>,
    connections: usize,
    /// Statements that fail, each once, in this order, and how.
    failures: VecDeque<(&'static str, Failure)>,
    statements: Vec<&'static str>,
}

#[derive(Clone, Copy)]
enum Failure {
    Busy,
    Lost,
    Full,
    /// The commit is done, but its answer is lost.
    LostAfter,
}

impl Failure {
    fn error(self) -> Error {
        match self {
            Self::Busy => Error::Conflict("busy".to_owned()),
            Self::Lost | Self::LostAfter => unavailable::<Fake>("lost"),
            Self::Full => Error::Full { backend: "fake", source: "no room".into() },
        }
    }
}

struct Fake(Arc<Mutex<Database>>);

/// A connection: what its transaction wrote, and how much of that each savepoint keeps.
struct Connection {
    database: Arc<Mutex<Database>>,
    written: Vec<u32>,
    savepoint: usize,
}

impl Link for Fake {
    type Connection = Connection;
    const BACKEND: &'static str = "fake";
    const BEGIN: &'static str = "BEGIN";

    fn open(&self) -> BoxFuture<'_, Result<Connection>> {
        locked(&self.0).connections += 1;
        let database = Arc::clone(&self.0);
        Box::pin(async { Ok(Connection { database, written: Vec::new(), savepoint: 0 }) })
    }

    fn run<'c>(connection: &'c mut Connection, statement: &'static str) -> BoxFuture<'c, Result<()>> {
        Box::pin(async move {
            let mut database = locked(&connection.database);
            database.statements.push(statement);
            let failure = match database.failures.front() {
                Some((of, failure)) if *of == statement => Some(*failure),
                _ => None,
            };
            if failure.is_some() {
                database.failures.pop_front();
            }
            if let Some(failure @ (Failure::Busy | Failure::Lost | Failure::Full)) = failure {
                return Err(failure.error());
            }
            match statement {
                "BEGIN" | "ROLLBACK" => connection.written.clear(),
                "SAVEPOINT request" => connection.savepoint = connection.written.len(),
                "ROLLBACK TO request" => connection.written.truncate(connection.savepoint),
                "COMMIT" => database.committed.append(&mut connection.written),
                _ => {}
            }
            failure.map_or(Ok(()), |failure| Err(failure.error()))
        })
    }

    fn close(_connection: Connection) -> BoxFuture<'static, ()> {
        Box::pin(async {})
    }

    fn is_lost(error: &Error) -> bool {
        matches!(error, Error::Unavailable { .. })
    }
}

fn fake(failures: impl IntoIterator<Item = (&'static str, Failure)>) -> (Writer<Fake>, Arc<Mutex<Database>>) {
    let database = Database { failures: failures.into_iter().collect(), ..Database::default() };
    let database = Arc::new(Mutex::new(database));
    let connection = Connection { database: Arc::clone(&database), written: Vec::new(), savepoint: 0 };
    (Writer::start(Fake(Arc::clone(&database)), connection), database)
}

/// Writes a number; 13 is refused after it was written, 66 panics.
async fn write(writer: &Writer<Fake>, number: u32) -> Result<u32> {
    writer
        .write("a record", number, |connection, number| {
            Box::pin(async move {
                connection.written.push(*number);
                match number {
                    13 => Err(Error::NotFound { kind: "number", id: "13".to_owned() }),
                    66 => panic!("66"),
                    _ => Ok(*number),
                }
            })
        })
        .await
}

/// Writes numbers at once, so that they form a group.
async fn write_all(writer: &Writer<Fake>, numbers: impl IntoIterator<Item = u32>) -> Vec<Result<u32>> {
    join_all(numbers.into_iter().map(|number| write(writer, number))).await
}

#[tokio::test]
async fn a_group_is_committed_once_and_without_savepoints() {
    let (writer, database) = fake([]);
    let answers = write_all(&writer, 100..150).await;
    assert!(answers.into_iter().zip(100..).all(|(answer, number)| answer.unwrap() == number));
    let database = locked(&database);
    assert_eq!(database.committed, (100..150).collect::<Vec<_>>());
    assert_eq!(database.statements, ["BEGIN", "COMMIT"]);
}

#[tokio::test]
async fn a_refused_request_takes_nothing_with_it() {
    let (writer, database) = fake([]);
    let answers = write_all(&writer, [1, 13, 2, 13, 3]).await;
    let kinds: Vec<Option<ErrorKind>> = answers.iter().map(|answer| answer.as_ref().err().map(Kinded::kind)).collect();
    let gone = Some(ErrorKind::NotFound);
    assert_eq!(kinds, [None, gone, None, gone, None]);
    assert_eq!(locked(&database).committed, [1, 2, 3]);
    assert_eq!(write(&writer, 13).await.unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(write(&writer, 4).await.unwrap(), 4);
    assert_eq!(locked(&database).committed, [1, 2, 3, 4]);
}

#[tokio::test]
async fn a_panic_is_answered_and_the_writer_goes_on() {
    let (writer, database) = fake([]);
    let answers = write_all(&writer, [1, 66, 13, 2]).await;
    assert_eq!(answers[0].as_ref().unwrap(), &1);
    assert_eq!(answers[1].as_ref().unwrap_err().kind(), ErrorKind::Internal);
    assert_eq!(answers[2].as_ref().unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(answers[3].as_ref().unwrap(), &2);
    assert_eq!(write(&writer, 66).await.unwrap_err().kind(), ErrorKind::Internal);
    assert_eq!(write(&writer, 3).await.unwrap(), 3);
    let database = locked(&database);
    assert_eq!(database.committed, [1, 2, 3]);
    assert_eq!(database.connections, 2, "a connection in doubt is not used again");
}

#[tokio::test]
async fn everyone_gets_the_error_of_a_transaction_that_does_not_begin() {
    let (writer, database) = fake([("BEGIN", Failure::Busy), ("BEGIN", Failure::Full)]);
    for kind in [ErrorKind::Conflict, ErrorKind::StorageFull] {
        for answer in write_all(&writer, 0..5).await {
            assert_eq!(answer.unwrap_err().kind(), kind);
        }
    }
    assert_eq!(write(&writer, 7).await.unwrap(), 7);
    assert_eq!(locked(&database).committed, [7]);
}

#[tokio::test]
async fn everyone_gets_the_error_of_a_commit() {
    let (writer, database) = fake([("COMMIT", Failure::Full)]);
    for answer in write_all(&writer, 0..5).await {
        assert_eq!(answer.unwrap_err().kind(), ErrorKind::StorageFull);
    }
    assert_eq!(write(&writer, 7).await.unwrap(), 7);
    assert_eq!(locked(&database).committed, [7]);
}

#[tokio::test]
async fn a_connection_lost_before_the_commit_is_opened_again() {
    let (writer, database) = fake([("BEGIN", Failure::Lost), ("BEGIN", Failure::Lost)]);
    for answer in write_all(&writer, 0..5).await {
        answer.unwrap();
    }
    let database = locked(&database);
    assert_eq!((database.connections, database.committed.len()), (2, 5));
}

#[tokio::test]
async fn a_database_that_stays_away_is_unavailable() {
    let (writer, _) = fake([("BEGIN", Failure::Lost); 6]);
    for answer in write_all(&writer, 0..5).await {
        assert_eq!(answer.unwrap_err().kind(), ErrorKind::Unavailable);
    }
    write(&writer, 1).await.unwrap();
}

#[tokio::test]
async fn a_connection_lost_during_the_commit_says_that_nobody_knows() {
    let (writer, database) = fake([("COMMIT", Failure::LostAfter)]);
    for answer in write_all(&writer, 0..3).await {
        let error = answer.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert!(error.to_string().contains("may or may not be kept"), "{error}");
    }
    assert_eq!(locked(&database).committed, [0, 1, 2], "it is not written a second time");
}

#[tokio::test]
async fn closing_lets_the_queue_end() {
    let (writer, database) = fake([]);
    let (answers, ()) = join(write_all(&writer, 0..20), writer.close()).await;
    let kept = answers.iter().filter(|answer| answer.is_ok()).count();
    assert_eq!(locked(&database).committed.len(), kept);
    assert_eq!(write(&writer, 1).await.unwrap_err().kind(), ErrorKind::Unavailable);
}
