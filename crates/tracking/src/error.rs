//! Errors of tracking, by meaning.

use crate::search::SearchError;
use metria_core::names::NameError;
use metria_core::{ErrorKind, Kinded};

/// Result of a tracking call.
pub type Result<T> = std::result::Result<T, Error>;

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The store said no or failed.
    #[error(transparent)]
    Store(#[from] metria_store::Error),
    /// A name that is refused.
    #[error(transparent)]
    Name(#[from] NameError),
    /// A filter or order that cannot be read.
    #[error(transparent)]
    Search(#[from] SearchError),
    /// More than a limit allows.
    #[error("{what}: at most {most} are allowed; got {got}")]
    Limit {
        /// What is limited.
        what: String,
        /// The limit.
        most: usize,
        /// What came.
        got: usize,
    },
    /// The gate did not let the version through.
    #[error("version {version} of {name} may not go to Production: {reason}")]
    GateRefused {
        /// The model.
        name: String,
        /// The version.
        version: u32,
        /// Why not.
        reason: String,
    },
    /// A page token that was not given out.
    #[error("the page token `{0}` was not given out by this server")]
    PageToken(String),
    /// The present state forbids it.
    #[error("{0}")]
    Conflict(String),
    /// Nothing is there.
    #[error("{0}")]
    NotFound(String),
    /// What can never be done, in words.
    #[error("{0}")]
    Invalid(String),
}

impl Kinded for Error {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Store(error) => error.kind(),
            Self::Name(error) => error.kind(),
            Self::Search(_) | Self::Limit { .. } | Self::PageToken(_) | Self::Invalid(_) => ErrorKind::InvalidInput,
            Self::GateRefused { .. } => ErrorKind::GateRefused,
            Self::Conflict(_) => ErrorKind::Conflict,
            Self::NotFound(_) => ErrorKind::NotFound,
        }
    }
}
