//! Gradient boosting, scikit-learn's classic one: each tree follows the gradient of the loss left by those before it.
//!
//! [`stages`] grows the trees, a [`loss`] says what they follow and what their leaves are worth. Deliberately absent:
//! other losses than log loss and squared error, early stopping, warm start, pruning and sample weights.
//!
//! # References
//! Friedman (2001), *Greedy Function Approximation: A Gradient Boosting Machine*, doi 10.1214/aos/1013203451;
//! Friedman (2002), *Stochastic Gradient Boosting*, doi 10.1016/S0167-9473(01)00065-2.

mod boosted;
mod classifier;
mod loss;
mod params;
mod regressor;
mod stages;

pub use boosted::BoostingScores;
pub use classifier::{FittedGradientBoostingClassifier, GradientBoostingClassifier};
pub use regressor::{FittedGradientBoostingRegressor, GradientBoostingRegressor};
