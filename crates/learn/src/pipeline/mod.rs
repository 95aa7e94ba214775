//! Pipelines over raw table rows: what was learned about the columns travels with the model.
//!
//! A [`Pipeline`] is a [`ColumnTransformer`] and an [`Estimator`]. It is fitted on an Arrow table with Boolean, Int64,
//! Float64 and Utf8 columns; the fitted pipeline takes raw rows, as tables or as single rows of
//! [`metria_core::Cell`]s. [`Pipeline::default_for`] has the usual treatment of columns: numbers are filled with the
//! training mean and standardised, texts and booleans become one column for each category.

mod categories;
mod column_transformer;
mod estimator;
mod fit;
mod fitted;
mod fitted_column;
mod fitted_column_transformer;
mod format;
mod format_v1;
mod numbers;
mod transformer;
mod values;

pub use categories::Categories;
pub use column_transformer::ColumnTransformer;
pub use estimator::{Estimator, FittedEstimator};
pub use fit::{Pipeline, engineer_features};
pub use fitted::{FittedPipeline, Probabilities, RowPrediction};
pub use fitted_column_transformer::FittedColumnTransformer;
pub use format::FORMAT_VERSION;
pub use numbers::{Imputer, Numbers, Scaler};
pub use transformer::{ColumnSelector, Remainder, Transformer};
