//! PostgreSQL's errors by meaning.

use metria_store::Error;

const BACKEND: &str = "postgres";

/// The meaning of a driver's error, by its SQLSTATE (PostgreSQL documentation, appendix A).
pub(super) fn backend(error: sqlx::Error) -> Error {
    let Some(database) = error.as_database_error() else { return without_code(error) };
    let words = database.message().to_owned();
    let code = database.code().map(|code| code.into_owned()).unwrap_or_default();
    match (code.get(..2).unwrap_or_default(), code.as_str()) {
        (_, "53100") => Error::Full { backend: BACKEND, source: Box::new(error) },
        (_, "40001" | "40P01") => unavailable("another write was in the way; try again".to_owned()),
        // Out of reach, shutting down, starting up, out of connections, a standby; or a login it does not take.
        ("08" | "28" | "53" | "57" | "3D", _) | (_, "55P03" | "25006") => unavailable(words),
        ("XX", "XX001" | "XX002") => damaged(words),
        (_, "22021") => Error::Invalid("texts must not contain the character NUL".to_owned()),
        (_, "54000") => Error::Invalid(format!("a name is longer than PostgreSQL's indexes can hold: {words}")),
        _ => Error::Backend { backend: BACKEND, source: Box::new(error) },
    }
}

fn without_code(error: sqlx::Error) -> Error {
    match error {
        sqlx::Error::PoolClosed => unavailable("it is closed".to_owned()),
        sqlx::Error::PoolTimedOut => unavailable("no connection came free in time; try again".to_owned()),
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::Protocol(_) | sqlx::Error::WorkerCrashed => {
            unavailable(error.to_string())
        }
        sqlx::Error::Configuration(reason) => Error::Invalid(format!("the URL of the PostgreSQL store: {reason}")),
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => damaged(error.to_string()),
        other => Error::Backend { backend: BACKEND, source: Box::new(other) },
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
