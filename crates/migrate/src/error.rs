//! Errors of a migration.

use metria_core::{ErrorKind, Kinded};
use std::path::Path;

/// Result of a step.
pub type Result<T> = std::result::Result<T, Error>;

/// What went wrong with a whole side. What is wrong with one run is a problem, not an error.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Our own records.
    #[error(transparent)]
    Store(#[from] metria_store::Error),
    /// Our own artifacts.
    #[error(transparent)]
    Artifacts(#[from] metria_artifacts::Error),
    /// A file of this machine.
    #[error("cannot {action} {path}: {source}")]
    File {
        /// What was tried.
        action: &'static str,
        /// Where.
        path: String,
        /// Why not.
        source: std::io::Error,
    },
    /// The source is not what it should be.
    #[error("{0}")]
    Source(String),
    /// One record that cannot be taken over, in words.
    #[error("{0}")]
    Record(String),
    /// A database.
    #[error("cannot read {place}: {source}")]
    Database {
        /// The file.
        place: String,
        /// Why not.
        source: sqlx::Error,
    },
    /// A server.
    #[error("{address}: {message}")]
    Server {
        /// Which.
        address: String,
        /// What went wrong.
        message: String,
    },
}

impl Error {
    /// A failed file operation, for `map_err`.
    pub(crate) fn file(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self + use<> {
        let path = path.display().to_string();
        move |source| Self::File { action, path, source }
    }

    /// Whether only one record is concerned, so that the others may go on.
    pub(crate) fn is_of_one_record(&self) -> bool {
        matches!(
            self.kind(),
            ErrorKind::InvalidInput | ErrorKind::Conflict | ErrorKind::NotFound | ErrorKind::AlreadyExists
        ) && !matches!(self, Self::Source(_))
    }
}

impl Kinded for Error {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Store(error) => error.kind(),
            Self::Artifacts(error) => error.kind(),
            Self::File { source, .. } => metria_core::error::io_kind(source),
            Self::Source(_) | Self::Record(_) => ErrorKind::InvalidInput,
            Self::Database { .. } => ErrorKind::Internal,
            Self::Server { .. } => ErrorKind::Unavailable,
        }
    }
}
