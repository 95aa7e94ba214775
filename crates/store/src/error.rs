//! Errors of a store, by meaning.

use metria_core::{ErrorKind, Kinded};

/// Result of a store call.
pub type Result<T> = std::result::Result<T, Error>;

/// What went wrong in a store.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The named thing does not exist.
    #[error("no {kind} `{id}`")]
    NotFound {
        /// `experiment`, `run`, `registered model`, `model version`, `alias`, …
        kind: &'static str,
        /// The name or id that came.
        id: String,
    },
    /// The name is taken.
    #[error("{kind} `{id}` exists already")]
    AlreadyExists {
        /// The kind of thing.
        kind: &'static str,
        /// The name or id that came.
        id: String,
    },
    /// The record's present state forbids the change.
    #[error("{0}")]
    Conflict(String),
    /// A value that can never be stored.
    #[error("{0}")]
    Invalid(String),
    /// The disk or database is full.
    #[error("the {backend} store is full; free some space and try again")]
    Full {
        /// Which backend.
        backend: &'static str,
        /// The driver's error.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Closed, busy for too long or out of reach.
    #[error("the {backend} store is not available: {reason}")]
    Unavailable {
        /// Which backend.
        backend: &'static str,
        /// Why.
        reason: String,
    },
    /// The stored schema is newer than this program.
    #[error(
        "the store was written by a newer Metria (schema {found}, this program knows {known}); upgrade this program"
    )]
    NewerSchema {
        /// Version found.
        found: i64,
        /// Newest version known here.
        known: i64,
    },
    /// Stored bytes that cannot be read back.
    #[error("the {backend} store holds a damaged record: {reason}")]
    Damaged {
        /// Which backend.
        backend: &'static str,
        /// What was read.
        reason: String,
    },
    /// The driver failed in a way that has no better name.
    #[error("the {backend} store failed")]
    Backend {
        /// Which backend.
        backend: &'static str,
        /// The driver's error.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl Error {
    /// A param that would change.
    #[must_use]
    pub fn param_conflict(run_id: &str, key: &str, value: &str, other: &str) -> Self {
        Self::Conflict(format!("the param `{key}` of run {run_id} is `{value}` and cannot change to `{other}`"))
    }

    /// A logged model that is not there.
    #[must_use]
    pub fn logged_model_not_found(model_id: &str) -> Self {
        Self::NotFound { kind: "logged model", id: model_id.to_owned() }
    }

    /// A param of a logged model that would change.
    #[must_use]
    pub fn model_param_conflict(model_id: &str, key: &str, value: &str, other: &str) -> Self {
        Self::Conflict(format!(
            "the param `{key}` of the logged model {model_id} is `{value}` and cannot change to `{other}`"
        ))
    }

    /// A version that cannot be deleted in its stage.
    #[must_use]
    pub fn version_in_use(name: &str, version: u32) -> Self {
        Self::Conflict(format!(
            "version {version} of {name} is in Staging or Production; archive it before deleting it"
        ))
    }
}

impl Kinded for Error {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::NotFound { .. } => ErrorKind::NotFound,
            Self::AlreadyExists { .. } => ErrorKind::AlreadyExists,
            Self::Conflict(_) => ErrorKind::Conflict,
            Self::Invalid(_) => ErrorKind::InvalidInput,
            Self::Full { .. } => ErrorKind::StorageFull,
            Self::Unavailable { .. } => ErrorKind::Unavailable,
            Self::NewerSchema { .. } => ErrorKind::Unsupported,
            Self::Damaged { .. } => ErrorKind::DataLoss,
            Self::Backend { .. } => ErrorKind::Internal,
        }
    }
}
