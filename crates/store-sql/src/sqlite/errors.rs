//! SQLite's errors by meaning.

use metria_store::Error;

const BACKEND: &str = "sqlite";

/// Result codes of SQLite, the primary part.
mod code {
    pub(super) const PERM: i64 = 3;
    pub(super) const BUSY: i64 = 5;
    pub(super) const LOCKED: i64 = 6;
    pub(super) const READONLY: i64 = 8;
    pub(super) const CORRUPT: i64 = 11;
    pub(super) const FULL: i64 = 13;
    pub(super) const CANTOPEN: i64 = 14;
    pub(super) const TOOBIG: i64 = 18;
    pub(super) const NOTADB: i64 = 26;
    /// An extended code: there is no room for the file beside the write-ahead log.
    pub(super) const IOERR_SHMSIZE: i64 = 4874;
}

/// The meaning of a driver's error.
pub(super) fn backend(error: sqlx::Error) -> Error {
    let code = error.as_database_error().and_then(|error| error.code()?.parse::<i64>().ok());
    let words = error.as_database_error().map(|error| error.message().to_owned()).unwrap_or_default();
    match (code, code.map(|code| code & 0xff)) {
        (Some(code::IOERR_SHMSIZE), _) | (_, Some(code::FULL)) => {
            Error::Full { backend: BACKEND, source: Box::new(error) }
        }
        (_, Some(code::BUSY | code::LOCKED)) => {
            unavailable("another process held its lock for too long; try again".to_owned())
        }
        (_, Some(code::PERM | code::READONLY | code::CANTOPEN)) => unavailable(words),
        (_, Some(code::CORRUPT | code::NOTADB)) => damaged(words),
        (_, Some(code::TOOBIG)) => Error::Invalid("a text is longer than SQLite can keep".to_owned()),
        _ => match error {
            sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => unavailable("it is closed".to_owned()),
            sqlx::Error::PoolTimedOut => unavailable("all its readers are busy; try again".to_owned()),
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => damaged(error.to_string()),
            other => Error::Backend { backend: BACKEND, source: Box::new(other) },
        },
    }
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
