//! Many trees that decide together.

mod forest_params;
mod random_forest;
mod voting;

pub use forest_params::MaxFeatures;
pub(crate) use random_forest::argmax;
pub use random_forest::{FittedRandomForestClassifier, RandomForestClassifier};
