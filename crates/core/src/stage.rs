//! Stages of a model version, as MLflow names them.

use crate::error::{ErrorKind, Kinded};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Where a model version stands in its life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum ModelStage {
    /// Registered, in no stage.
    #[default]
    None,
    /// A candidate.
    Staging,
    /// What is served.
    Production,
    /// Taken out of use.
    Archived,
}

impl ModelStage {
    /// Every stage.
    pub const ALL: [Self; 4] = [Self::None, Self::Staging, Self::Production, Self::Archived];

    /// The name on the wire and in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "None",
            Self::Staging => "Staging",
            Self::Production => "Production",
            Self::Archived => "Archived",
        }
    }
}

impl fmt::Display for ModelStage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that names no stage.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the stage must be one of None, Staging, Production, Archived; got `{0}`")]
pub struct UnknownStage(pub String);

impl Kinded for UnknownStage {
    fn kind(&self) -> ErrorKind {
        ErrorKind::InvalidInput
    }
}

impl FromStr for ModelStage {
    type Err = UnknownStage;

    /// Upper and lower case are the same, as in MLflow.
    fn from_str(text: &str) -> Result<Self, UnknownStage> {
        Self::ALL
            .into_iter()
            .find(|stage| stage.as_str().eq_ignore_ascii_case(text))
            .ok_or_else(|| UnknownStage(text.to_owned()))
    }
}
