//! Errors of serving, by meaning.

use crate::source::SourceError;
use metria_core::{ErrorKind, Kinded};

/// Result of a serving call.
pub type Result<T> = std::result::Result<T, Error>;

/// What went wrong with a request or a model.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request cannot be answered as it is; the message names the place.
    #[error("{0}")]
    Request(String),
    /// More than the server takes.
    #[error("{0}")]
    TooLarge(String),
    /// The model cannot be had.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// A reload failed; the old version still serves.
    #[error("model `{model}` was not reloaded, version {kept} still serves: {source}")]
    Reload {
        /// The model.
        model: String,
        /// The version that still serves.
        kept: u32,
        /// Why not.
        source: SourceError,
    },
    /// Too much is going on.
    #[error("the server is busy: {in_flight} predictions are under way, which is the limit; try again shortly")]
    Busy {
        /// Predictions under way.
        in_flight: usize,
    },
    /// The prediction was made but could not be logged, so it is not given out.
    #[error("the prediction could not be logged in {path}: {source}")]
    Log {
        /// Where.
        path: String,
        /// Why not.
        source: std::io::Error,
    },
    /// A computation broke.
    #[error(transparent)]
    Cancelled(#[from] metria_runtime::Cancelled),
}

impl Kinded for Error {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Request(_) => ErrorKind::InvalidInput,
            Self::TooLarge(_) => ErrorKind::TooLarge,
            Self::Source(source) | Self::Reload { source, .. } => source.kind(),
            Self::Busy { .. } => ErrorKind::Unavailable,
            // Whatever the system said about the log, it is the server's trouble and not the client's.
            Self::Log { source, .. } => match metria_core::error::io_kind(source) {
                ErrorKind::StorageFull => ErrorKind::StorageFull,
                _ => ErrorKind::Internal,
            },
            Self::Cancelled(error) => error.kind(),
        }
    }
}
