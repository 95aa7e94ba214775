//! Pipelines over raw table rows: what was learned about the columns travels with the model.
//!
//! A [`TabularPipeline`] is fitted on an Arrow table with Boolean, Int64, Float64 and Utf8 columns. Numbers are
//! imputed with the training mean and standardised; texts and booleans become one column for each category. The fitted
//! pipeline takes raw rows, as tables or as single rows of [`metria_core::Cell`]s.

mod columns;
mod estimator;
mod fitted;
mod format;
mod tabular;

pub use estimator::{Estimator, FittedEstimator};
pub use fitted::{FittedPipeline, Probabilities, RowPrediction};
pub use format::FORMAT_VERSION;
pub use tabular::{TabularPipeline, engineer_features};
