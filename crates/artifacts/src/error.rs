//! Errors of artifacts, by meaning.

use metria_core::names::NameError;
use metria_core::{ErrorKind, Kinded};

/// Result of an artifact call.
pub type Result<T> = std::result::Result<T, Error>;

/// What went wrong with an artifact.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The path could lead out of the root.
    #[error(transparent)]
    Path(#[from] NameError),
    /// Nothing is at that path.
    #[error("no artifact `{0}`")]
    NotFound(String),
    /// The folder is no model.
    #[error("there is no model in `{0}`: it has no MLmodel file")]
    NoModel(String),
    /// The root is of a kind that is not supported.
    #[error("the artifact root must be a folder or `file:` URL; got `{0}`")]
    Root(String),
    /// The storage failed.
    #[error("cannot {action} the artifact `{path}`: {source}")]
    Storage {
        /// What was tried.
        action: &'static str,
        /// Where.
        path: String,
        /// Why not.
        source: object_store::Error,
    },
    /// What was to be written broke off.
    #[error("the upload of `{path}` broke off: {source}")]
    Broken {
        /// Where to.
        path: String,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A local file failed.
    #[error("cannot {action} {path}: {source}")]
    File {
        /// What was tried.
        action: &'static str,
        /// Where.
        path: String,
        /// Why not.
        source: std::io::Error,
    },
    /// The folder is a model, but of another tool.
    #[error("the model `{path}` has no `metria` flavor, only {found}; it cannot be loaded here")]
    Flavor {
        /// Where.
        path: String,
        /// Its flavors.
        found: String,
    },
    /// The model folder is incomplete or damaged.
    #[error("the model `{path}` is damaged: {reason}")]
    Damaged {
        /// Where.
        path: String,
        /// What is wrong.
        reason: String,
    },
    /// The pipeline file cannot be read.
    #[error(transparent)]
    Pipeline(#[from] metria_learn::Error),
}

impl Kinded for Error {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Path(error) => error.kind(),
            Self::Broken { .. } => ErrorKind::InvalidInput,
            Self::NotFound(_) | Self::NoModel(_) => ErrorKind::NotFound,
            Self::Root(_) | Self::Flavor { .. } => ErrorKind::Unsupported,
            Self::Storage { source, .. } => storage_kind(source),
            Self::File { source, .. } => metria_core::error::io_kind(source),
            Self::Damaged { .. } => ErrorKind::DataLoss,
            Self::Pipeline(error) => error.kind(),
        }
    }
}

/// The meaning of a storage error: the operating system's own word where there is one.
fn storage_kind(error: &object_store::Error) -> ErrorKind {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(io) = error.downcast_ref::<std::io::Error>() {
            return metria_core::error::io_kind(io);
        }
        cause = error.source();
    }
    match error {
        object_store::Error::NotFound { .. } => ErrorKind::NotFound,
        object_store::Error::AlreadyExists { .. } => ErrorKind::AlreadyExists,
        object_store::Error::PermissionDenied { .. } | object_store::Error::Unauthenticated { .. } => {
            ErrorKind::PermissionDenied
        }
        _ => ErrorKind::Internal,
    }
}
