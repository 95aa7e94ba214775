//! SQLite's errors by meaning.

use metria_store::Error;

const BACKEND: &str = "sqlite";

/// Primary result codes of SQLite.
const BUSY: &str = "5";
const LOCKED: &str = "6";
const FULL: &str = "13";

/// The meaning of a driver's error.
pub(super) fn backend(error: sqlx::Error) -> Error {
    let code = error.as_database_error().and_then(|error| error.code().map(|code| primary(&code)));
    match (&error, code.as_deref()) {
        (_, Some(FULL)) => Error::Full { backend: BACKEND, source: Box::new(error) },
        (_, Some(BUSY | LOCKED)) => unavailable("another process held its lock for too long; try again".to_owned()),
        (sqlx::Error::PoolClosed, _) => unavailable("it is closed".to_owned()),
        (sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_), _) => damaged(error.to_string()),
        _ => Error::Backend { backend: BACKEND, source: Box::new(error) },
    }
}

/// The primary part of an extended code.
fn primary(code: &str) -> String {
    code.parse::<i64>().map_or_else(|_| code.to_owned(), |code| (code & 0xff).to_string())
}

pub(super) fn unavailable(reason: String) -> Error {
    Error::Unavailable { backend: BACKEND, reason }
}

pub(super) fn damaged(reason: String) -> Error {
    Error::Damaged { backend: BACKEND, reason }
}

/// The meaning of an error of an insert: a taken key is [`Error::AlreadyExists`].
pub(super) fn insert(error: sqlx::Error, kind: &'static str, id: &str) -> Error {
    match error.as_database_error() {
        Some(database) if database.is_unique_violation() => Error::AlreadyExists { kind, id: id.to_owned() },
        _ => backend(error),
    }
}
