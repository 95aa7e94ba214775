//! Column types and model signatures, in the words and the JSON that MLflow uses.

use serde::{Deserialize, Serialize};

/// The type of a column as a model sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DataType {
    /// True or false.
    Boolean,
    /// 64-bit integer.
    Long,
    /// 64-bit float.
    Double,
    /// Text.
    String,
}

impl DataType {
    /// The name in MLflow's JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Boolean => "boolean",
            Self::Long => "long",
            Self::Double => "double",
            Self::String => "string",
        }
    }

    /// Whether values of this type are scaled rather than encoded.
    #[must_use]
    pub fn is_numeric(self) -> bool {
        matches!(self, Self::Long | Self::Double)
    }
}

impl std::fmt::Display for DataType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One named, typed column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnSpec {
    /// The column's name.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub data_type: DataType,
    /// Whether every row must have a value.
    #[serde(default = "yes")]
    pub required: bool,
}

fn yes() -> bool {
    true
}

/// What a model takes and gives.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature {
    /// The columns it takes, in the order of training.
    pub inputs: Vec<ColumnSpec>,
    /// The columns it gives.
    pub outputs: Vec<ColumnSpec>,
}
