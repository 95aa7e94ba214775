//! Errors of the facade: those of the crates below, with their meaning kept.

use metria_core::{ErrorKind, Kinded};

/// Result of a facade call.
pub type Result<T> = std::result::Result<T, Error>;

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Reading, checking or writing a table.
    #[error(transparent)]
    Data(#[from] metria_data::Error),
    /// Fitting, predicting or measuring.
    #[error(transparent)]
    Learn(#[from] metria_learn::Error),
    /// Runs and models.
    #[error(transparent)]
    Tracking(#[from] metria_tracking::Error),
    /// Artifact bytes and model folders.
    #[error(transparent)]
    Artifacts(#[from] metria_artifacts::Error),
    /// Records.
    #[error(transparent)]
    Store(#[from] metria_store::Error),
    /// Records that cannot be opened.
    #[error("cannot open the records in {place}: {source}")]
    Records {
        /// The file or server.
        place: String,
        /// Why not.
        source: metria_store::Error,
    },
    /// Tracking from outside the server.
    #[error(transparent)]
    Client(#[from] metria_client::Error),
    /// Serving.
    #[error(transparent)]
    Serving(#[from] metria_serving::Error),
    /// A computation broke.
    #[error(transparent)]
    Cancelled(#[from] metria_runtime::Cancelled),
    /// A model URI.
    #[error(transparent)]
    Uri(#[from] metria_core::model_uri::ModelUriError),
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
    /// A value that cannot be used, in words.
    #[error("{0}")]
    Invalid(String),
}

impl Kinded for Error {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Data(error) => error.kind(),
            Self::Learn(error) => error.kind(),
            Self::Tracking(error) => error.kind(),
            Self::Artifacts(error) => error.kind(),
            Self::Store(error) | Self::Records { source: error, .. } => error.kind(),
            Self::Client(error) => error.kind(),
            Self::Serving(error) => error.kind(),
            Self::Cancelled(error) => error.kind(),
            Self::Uri(error) => error.kind(),
            Self::File { source, .. } => metria_core::error::io_kind(source),
            Self::Invalid(_) => ErrorKind::InvalidInput,
        }
    }
}
