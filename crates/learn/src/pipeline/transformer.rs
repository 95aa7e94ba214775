//! What a [`ColumnTransformer`](super::ColumnTransformer) is declared with.

use super::numbers::Numbers;
use crate::preprocessing::{OneHotEncoder, OrdinalEncoder};
use metria_core::DataType;
use serde::{Deserialize, Serialize};

/// What becomes of the values of a column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transformer {
    /// Numbers are filled and scaled.
    Numbers(Numbers),
    /// Texts and booleans become a column of zeros and ones for each category.
    OneHot(OneHotEncoder),
    /// Texts and booleans become the place of their category.
    Ordinal(OrdinalEncoder),
    /// Numbers stay as they are, and missing (NaN) where they are; booleans become 0 and 1.
    Passthrough,
    /// The column is left out; it may be of any type.
    Drop,
}

/// Which columns a transformer takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ColumnSelector {
    /// Those of these names, in this order.
    Names(Vec<String>),
    /// All integers and floats, in the order of the table.
    Numeric,
    /// All texts and booleans, in the order of the table.
    Categorical,
}

impl ColumnSelector {
    /// Whether a type is of the class; never for names.
    pub(super) fn takes_type(&self, data_type: DataType) -> bool {
        match self {
            Self::Names(_) => false,
            Self::Numeric => data_type.is_numeric(),
            Self::Categorical => !data_type.is_numeric(),
        }
    }
}

/// What becomes of the columns that no transformer takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Remainder {
    /// They are left out.
    #[default]
    Drop,
    /// They come last, as they are.
    Passthrough,
}
