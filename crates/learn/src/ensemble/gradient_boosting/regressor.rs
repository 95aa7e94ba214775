//! Gradient boosting for numbers.

use super::boosted::{Boosted, BoostingScores};
use super::loss::SquaredErrorLoss;
use super::stages::boost;
use crate::ensemble::MaxFeatures;
use crate::ensemble::layout::predict_rows;
use crate::ensemble::random_forest_regressor::check_target;
use crate::error::Result;
use crate::matrix::Matrix;
use crate::tree::Tree;
use serde::{Deserialize, Serialize};

/// Shallow trees, one stage after another, that lower the squared error.
///
/// For the same `random_state` the trees equal scikit-learn's `GradientBoostingRegressor` node for node, whatever the
/// number of threads.
///
/// # References
/// Friedman (2001), *Greedy Function Approximation: A Gradient Boosting Machine*, doi 10.1214/aos/1013203451.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GradientBoostingRegressor {
    /// What each tree counts for, 0 or more (default 0.1).
    pub learning_rate: f64,
    /// Number of stages, at least 1 (default 100).
    pub n_estimators: usize,
    /// Share of the rows that each stage sees (default: all).
    pub subsample: f64,
    /// Fewest rows in a node that is split, at least 2 (default 2).
    pub min_samples_split: usize,
    /// Fewest rows in a leaf, at least 1 (default 1).
    pub min_samples_leaf: usize,
    /// Least share of the rows in a leaf, 0 to 0.5 (default 0).
    pub min_weight_fraction_leaf: f64,
    /// Deepest level of a tree (default 3).
    pub max_depth: Option<usize>,
    /// Least improvement that a split must bring (default 0).
    pub min_impurity_decrease: f64,
    /// Features looked at for each split (default: all).
    pub max_features: MaxFeatures,
    /// Seed (default 0).
    pub random_state: u32,
}

impl GradientBoostingRegressor {
    /// Fits on rows with a number each.
    ///
    /// # Errors
    /// When shapes differ, a value is not finite, or a setting is out of range.
    pub fn fit(&self, x: &Matrix<f32>, y: &[f64]) -> Result<FittedGradientBoostingRegressor> {
        let settings = self.checked()?;
        check_target(x.n_rows(), y)?;
        Ok(FittedGradientBoostingRegressor { boosted: boost(&settings, &SquaredErrorLoss, x, y)? })
    }
}

/// Fitted boosting.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FittedGradientBoostingRegressor {
    boosted: Boosted,
}

impl FittedGradientBoostingRegressor {
    /// Checks trees that were read from outside and makes them ready to predict.
    ///
    /// # Errors
    /// [`crate::Error::Format`] when a walk through a tree could leave its arrays or never end.
    pub fn restored(self) -> Result<Self> {
        Ok(Self { boosted: self.boosted.restored(1)? })
    }

    /// The trees, one a stage.
    #[must_use]
    pub fn trees(&self) -> &[Tree] {
        self.boosted.trees()
    }

    /// Number of features it was fitted on.
    #[must_use]
    pub fn n_features(&self) -> usize {
        self.boosted.n_features()
    }

    /// How the loss went down in training.
    #[must_use]
    pub fn scores(&self) -> &BoostingScores {
        self.boosted.scores()
    }

    /// How much each feature lowered the squared error, as shares of one.
    #[must_use]
    pub fn feature_importances(&self) -> Vec<f64> {
        self.boosted.feature_importances()
    }

    /// Predicts one row of features; allocates nothing.
    ///
    /// # Panics
    /// When `x` has another length than features.
    #[must_use]
    pub fn predict_row(&self, x: &[f32]) -> f64 {
        assert_eq!(x.len(), self.n_features(), "one value for each feature");
        let mut out = [0.0];
        self.boosted.raw_row(x, &mut out);
        out[0]
    }

    /// Predicts every row.
    ///
    /// # Errors
    /// When the number of features differs from that of the training.
    pub fn predict(&self, x: &Matrix<f32>) -> Result<Vec<f64>> {
        predict_rows(x, self.n_features(), 1, |row, out| self.boosted.raw_row(row, out))
    }
}
