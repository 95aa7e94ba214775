//! The choice between the two usual treatments of categories.

use crate::error::Error;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// How texts and booleans become features.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Categories {
    /// A column of zeros and ones for each category.
    #[default]
    OneHot,
    /// The place of the category among the sorted ones.
    Ordinal,
}

impl fmt::Display for Categories {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OneHot => "one_hot",
            Self::Ordinal => "ordinal",
        })
    }
}

impl FromStr for Categories {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text {
            "one_hot" => Ok(Self::OneHot),
            "ordinal" => Ok(Self::Ordinal),
            _ => Err(Error::Data(format!("categories must be one_hot or ordinal; got `{text}`"))),
        }
    }
}
