//! Logs on stderr, as text for people or JSON for machines.

use metria_core::{ErrorKind, Kinded};
use tracing_subscriber::EnvFilter;

/// A filter that cannot be read, or a second initialisation.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter's text is wrong.
    #[error(
        "the log filter must be a level (error, warn, info, debug, trace) or `target=level` pairs with commas between; got `{filter}`"
    )]
    Filter {
        /// What came.
        filter: String,
        /// Where it is wrong.
        #[source]
        source: tracing_subscriber::filter::ParseError,
    },
    /// Logs were set up before.
    #[error("logs are set up once a process")]
    Twice,
}

impl Kinded for TelemetryError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Filter { .. } => ErrorKind::InvalidInput,
            Self::Twice => ErrorKind::Internal,
        }
    }
}

/// Sends logs that pass the filter to stderr.
///
/// # Errors
/// When the filter cannot be read or logs were set up before.
pub fn init(filter: &str, json: bool) -> Result<(), TelemetryError> {
    let parsed = parse(filter)?;
    let builder = tracing_subscriber::fmt().with_env_filter(parsed).with_writer(std::io::stderr);
    let done = if json { builder.json().try_init() } else { builder.try_init() };
    done.map_err(|_| TelemetryError::Twice)
}

/// Whether a filter can be read, without setting anything up.
///
/// # Errors
/// When it cannot.
pub fn check(filter: &str) -> Result<(), TelemetryError> {
    parse(filter).map(|_| ())
}

fn parse(filter: &str) -> Result<EnvFilter, TelemetryError> {
    EnvFilter::try_new(filter).map_err(|source| TelemetryError::Filter { filter: filter.to_owned(), source })
}
