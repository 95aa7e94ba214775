//! Errors of a client, by meaning.

use metria_core::names::NameError;
use metria_core::{ErrorKind, Kinded};
use std::path::Path;

/// Result of a client's call.
pub type Result<T> = std::result::Result<T, Error>;

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server understood and said no; the same again would be refused again.
    #[error("{message}")]
    Refused {
        /// What the refusal means.
        kind: ErrorKind,
        /// The server's words.
        message: String,
    },
    /// The server cannot be reached, or cannot do it now; the same later may succeed.
    #[error("{0}")]
    Away(String),
    /// An address that is no server's.
    #[error("the tracking address must be `http://HOST[:PORT]` or `https://HOST[:PORT]`; got `{0}`")]
    Address(String),
    /// More waits to be sent than is allowed.
    #[error(
        "{unsent} bytes wait in {spool} to be sent, at most {most} may; nothing was sent for {seconds} seconds{because}"
    )]
    Full {
        /// Where they wait.
        spool: String,
        /// How many.
        unsent: u64,
        /// How many may.
        most: u64,
        /// How long was waited.
        seconds: u64,
        /// The last thing the server said, if it said anything.
        because: String,
    },
    /// A spool that cannot be read.
    #[error("the spool {path} is damaged at byte {at}: {reason}")]
    Damaged {
        /// The file.
        path: String,
        /// Where.
        at: u64,
        /// What is wrong.
        reason: String,
    },
    /// A name or path that is refused.
    #[error(transparent)]
    Name(#[from] NameError),
    /// A value that can never be logged.
    #[error("{0}")]
    Invalid(String),
    /// The run is over.
    #[error("the run {0} is finished; start another before logging")]
    Finished(String),
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
}

impl Error {
    /// A failed file operation, for `map_err`.
    pub(crate) fn file(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.display().to_string();
        move |source| Self::File { action, path, source }
    }

    /// The error of a sink that answers with errors of its own: what may pass is [`Error::Away`], the rest a refusal.
    #[must_use]
    pub fn of_sink(error: &impl Kinded) -> Self {
        let message = error.to_string();
        match error.kind() {
            ErrorKind::Unavailable | ErrorKind::StorageFull | ErrorKind::Internal | ErrorKind::DataLoss => {
                Self::Away(message)
            }
            kind => Self::Refused { kind, message },
        }
    }

    /// Whether the same later may succeed.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        matches!(self, Self::Away(_))
    }
}

impl Kinded for Error {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Refused { kind, .. } => *kind,
            Self::Away(_) => ErrorKind::Unavailable,
            Self::Address(_) | Self::Name(_) | Self::Invalid(_) => ErrorKind::InvalidInput,
            Self::Full { .. } => ErrorKind::StorageFull,
            Self::Damaged { .. } => ErrorKind::DataLoss,
            Self::Finished(_) => ErrorKind::Conflict,
            Self::File { source, .. } => metria_core::error::io_kind(source),
        }
    }
}
