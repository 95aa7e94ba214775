//! Many trees that decide together.

mod forest_params;
mod gradient_boosting;
mod layout;
mod max_features;
mod random_forest;
mod random_forest_regressor;
mod setting;

pub use gradient_boosting::{
    BoostingScores, FittedGradientBoostingClassifier, FittedGradientBoostingRegressor, GradientBoostingClassifier,
    GradientBoostingRegressor,
};
pub use max_features::MaxFeatures;
pub(crate) use random_forest::argmax;
pub use random_forest::{FittedRandomForestClassifier, RandomForestClassifier};
pub use random_forest_regressor::{FittedRandomForestRegressor, RandomForestRegressor};
