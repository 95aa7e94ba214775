//! Turning raw columns into numbers that a model can use.

mod one_hot;
mod standard_scaler;

pub use one_hot::{FittedOneHotColumn, MISSING_CATEGORY};
pub use standard_scaler::{FittedStandardScaler, StandardScaler};
