//! What an error means, independent of the crate it comes from.
//!
//! Every library crate has its own error enum; [`Kinded::kind`] is the only thing the outer maps look at:
//! HTTP status and exit code in the binary, exception class in Python.

use serde::{Deserialize, Serialize};

/// The meaning of an error, as far as a caller can act on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// The caller sent something that can never work: a wrong value, type, shape or syntax.
    InvalidInput,
    /// The named thing does not exist.
    NotFound,
    /// Something of that name exists already.
    AlreadyExists,
    /// The request is well-formed but the present state forbids it.
    Conflict,
    /// A validation gate said no.
    GateRefused,
    /// The caller may not do this.
    PermissionDenied,
    /// More than a stated limit allows.
    TooLarge,
    /// Not available in this build, configuration or version.
    Unsupported,
    /// Busy, overloaded or out of reach; the same call may succeed later.
    Unavailable,
    /// The disk or database is full; the same call succeeds once there is room.
    StorageFull,
    /// Stored bytes are not what was written.
    DataLoss,
    /// A fault of ours.
    Internal,
}

/// An error that knows what it means.
pub trait Kinded: std::error::Error {
    /// The meaning of this error.
    fn kind(&self) -> ErrorKind;
}

/// An I/O error's meaning, for the crates that touch files.
#[must_use]
pub fn io_kind(error: &std::io::Error) -> ErrorKind {
    match error.kind() {
        std::io::ErrorKind::NotFound => ErrorKind::NotFound,
        std::io::ErrorKind::AlreadyExists => ErrorKind::AlreadyExists,
        std::io::ErrorKind::PermissionDenied => ErrorKind::PermissionDenied,
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => ErrorKind::StorageFull,
        std::io::ErrorKind::InvalidInput | std::io::ErrorKind::InvalidData | std::io::ErrorKind::InvalidFilename => {
            ErrorKind::InvalidInput
        }
        // A file where a folder is needed, or the other way round.
        std::io::ErrorKind::IsADirectory
        | std::io::ErrorKind::NotADirectory
        | std::io::ErrorKind::DirectoryNotEmpty => ErrorKind::Conflict,
        _ => ErrorKind::Internal,
    }
}
