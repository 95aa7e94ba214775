//! Errors of artifacts, by meaning.

use metria_core::names::NameError;
use metria_core::{ErrorKind, Kinded};
use object_store::client::{HttpError, HttpErrorKind};

/// Result of an artifact call.
pub type Result<T> = std::result::Result<T, Error>;

/// What went wrong with an artifact.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The path could lead out of the root.
    #[error(transparent)]
    Path(#[from] NameError),
    /// A name that this storage keeps for itself.
    #[error(
        "the path `{0}` has a name that is kept for uploads under way (`.metria-uploads`, or `#` and digits at the end)"
    )]
    Reserved(String),
    /// A symbolic link leads out of the root.
    #[error("the path `{0}` leads out of the artifact folder by a symbolic link")]
    Link(String),
    /// Nothing is at that path.
    #[error("no artifact `{0}`")]
    NotFound(String),
    /// The folder is no model.
    #[error("there is no model in `{0}`: it has no MLmodel file")]
    NoModel(String),
    /// The root is of a kind that is not supported.
    #[error("the artifact root must be a folder, a `file:` URL or s3://BUCKET/PREFIX; got `{0}`")]
    Root(String),
    /// The environment has no key to the bucket.
    #[error(
        "there is no key to the bucket of `{0}`: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_METADATA_ENDPOINT for the role of this machine"
    )]
    NoKey(String),
    /// The environment does not say how to reach the bucket.
    #[error("cannot use the bucket of `{root}` with the AWS_* variables of the environment: {source}")]
    Bucket {
        /// The root.
        root: String,
        /// What is missing or wrong.
        source: object_store::Error,
    },
    /// The bucket or its server does not answer as it should.
    #[error("cannot reach the artifact root `{root}`: {source}")]
    Unreachable {
        /// The root.
        root: String,
        /// Why not.
        source: object_store::Error,
    },
    /// An upload in parts that is not under way.
    #[error("no upload `{0}` to that path is under way; it was never begun, is done, was given up, or grew too old")]
    NoUpload(String),
    /// The parts of an upload do not make a file.
    #[error("the upload cannot be completed: {0}")]
    Parts(String),
    /// Something that this kind of root does not do.
    #[error("{0}")]
    Unsupported(&'static str),
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
            Self::Broken { .. }
            | Self::Reserved(_)
            | Self::Link(_)
            | Self::Parts(_)
            | Self::NoKey(_)
            | Self::Bucket { .. } => ErrorKind::InvalidInput,
            Self::NotFound(_) | Self::NoModel(_) | Self::NoUpload(_) => ErrorKind::NotFound,
            Self::Root(_) | Self::Flavor { .. } | Self::Unsupported(_) => ErrorKind::Unsupported,
            Self::Storage { source, .. } => storage_kind(source),
            Self::Unreachable { .. } => ErrorKind::Unavailable,
            Self::File { source, .. } => metria_core::error::io_kind(source),
            Self::Damaged { .. } => ErrorKind::DataLoss,
            Self::Pipeline(error) => error.kind(),
        }
    }
}

impl Error {
    /// A failure of the storage. What the operating system says is told without the place of the root, which is nobody's
    /// business.
    pub(crate) fn storage(action: &'static str, path: &str, source: object_store::Error) -> Self {
        let path = path.to_owned();
        match system_error(&source) {
            Some(source) => Self::File { action, path, source },
            None => Self::Storage { action, path, source },
        }
    }
}

/// The operating system's own error behind that of a folder.
fn system_error(error: &object_store::Error) -> Option<std::io::Error> {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if error.is::<HttpError>() {
            return None;
        }
        if let Some(io) = error.downcast_ref::<std::io::Error>() {
            return Some(io.raw_os_error().map_or_else(|| io.kind().into(), std::io::Error::from_raw_os_error));
        }
        cause = error.source();
    }
    None
}

/// The meaning of a storage error: whether a server was reached where it is far away. What that server says about our keys is no client's fault.
fn storage_kind(error: &object_store::Error) -> ErrorKind {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(http) = error.downcast_ref::<HttpError>() {
            return match http.kind() {
                HttpErrorKind::Decode => ErrorKind::Internal,
                _ => ErrorKind::Unavailable,
            };
        }
        if error.is::<NoAnswer>() {
            return ErrorKind::Unavailable;
        }
        cause = error.source();
    }
    match error {
        object_store::Error::NotFound { .. } => ErrorKind::NotFound,
        object_store::Error::AlreadyExists { .. } => ErrorKind::AlreadyExists,
        object_store::Error::InvalidPath { .. } => ErrorKind::InvalidInput,
        _ => ErrorKind::Internal,
    }
}

/// A server that took a request and never answered.
#[derive(Debug, thiserror::Error)]
#[error("no answer came within {0:?}")]
pub(crate) struct NoAnswer(pub(crate) std::time::Duration);
