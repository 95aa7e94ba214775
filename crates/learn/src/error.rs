//! Errors of learning, by meaning.

use metria_core::{ErrorKind, Kinded};

/// Result of a fallible call in this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// What went wrong while splitting, fitting, transforming, predicting or measuring.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Error {
    /// A setting outside its range, in scikit-learn's words.
    #[error("The '{name}' parameter of {owner} must be {allowed}. Got {got} instead.")]
    Parameter {
        /// The estimator or function.
        owner: &'static str,
        /// The parameter.
        name: String,
        /// What it may be.
        allowed: String,
        /// What came.
        got: String,
    },
    /// A shape that does not fit.
    #[error("{what}: expected {expected}, got {got}")]
    Shape {
        /// What was counted.
        what: String,
        /// How many there should be.
        expected: usize,
        /// How many came.
        got: usize,
    },
    /// Data that cannot be used, with the place where it stands.
    #[error("{0}")]
    Data(String),
    /// Stored bytes that are not a model of ours, or damaged.
    #[error("the model file is damaged or of another kind: {0}")]
    Format(String),
    /// A model written by a newer program.
    #[error("the model file has format version {found}; this program reads up to {known}; upgrade this program")]
    NewerFormat {
        /// Version found.
        found: u32,
        /// Newest version known here.
        known: u32,
    },
}

impl Kinded for Error {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Parameter { .. } | Self::Shape { .. } | Self::Data(_) => ErrorKind::InvalidInput,
            Self::Format(_) => ErrorKind::DataLoss,
            Self::NewerFormat { .. } => ErrorKind::Unsupported,
        }
    }
}
