//! Turning raw columns into numbers that a model can use, by scikit-learn's names, defaults and results.
//!
//! Each transformer is a struct of settings; `fit` gives the fitted one, which transforms and, where that can be, turns
//! back. Numbers come as `Matrix<f64>` with NaN for a missing value, texts as `Matrix<Option<&str>>`. Output is dense.
//! Deliberately absent: given categories, numbers as categories, sparse output and sample weights.

mod categories;
mod checks;
mod k_bins_discretizer;
mod k_means_1d;
mod max_abs_scaler;
mod min_max_scaler;
mod missing_indicator;
mod one_hot_encoder;
mod ordinal_encoder;
mod polynomial_features;
mod power_transformer;
mod quantile_transformer;
mod robust_scaler;
mod simple_imputer;
mod standard_scaler;

pub use crate::numeric::quantile::QuantileMethod;
pub(crate) use categories::unknown_categories;
pub use categories::{Category, FittedCategories, MinFrequency};
pub use k_bins_discretizer::{BinEncoding, BinWidths, FittedKBinsDiscretizer, KBinsDiscretizer};
pub use max_abs_scaler::{FittedMaxAbsScaler, MaxAbsScaler};
pub use min_max_scaler::{FittedMinMaxScaler, MinMaxScaler};
pub use missing_indicator::{FittedMissingIndicator, IndicatedFeatures, MissingIndicator};
pub use one_hot_encoder::{Drop, FittedOneHotEncoder, HandleUnknown, OneHotEncoder};
pub use ordinal_encoder::{FittedOrdinalEncoder, HandleUnknownOrdinal, OrdinalEncoder};
pub use polynomial_features::{Degree, FittedPolynomialFeatures, PolynomialFeatures};
pub use power_transformer::{FittedPowerTransformer, PowerMethod, PowerTransformer};
pub use quantile_transformer::{FittedQuantileTransformer, OutputDistribution, QuantileTransformer};
pub use robust_scaler::{FittedRobustScaler, RobustScaler};
pub use simple_imputer::{FittedSimpleImputer, ImputerStrategy, SimpleImputer};
pub use standard_scaler::{FittedStandardScaler, StandardScaler};
