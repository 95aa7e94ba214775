//! Gradient boosting for classes.

use super::boosted::{Boosted, BoostingScores};
use super::loss::{BinomialLoss, MultinomialLoss, expit, softmax};
use super::stages::boost;
use crate::ensemble::MaxFeatures;
use crate::ensemble::layout::predict_rows;
use crate::ensemble::random_forest::check_classes;
use crate::error::{Error, Result};
use crate::matrix::Matrix;
use crate::tree::Tree;
use serde::{Deserialize, Serialize};

/// Shallow trees, one stage after another, that lower the log loss.
///
/// For the same `random_state` the trees equal scikit-learn's `GradientBoostingClassifier` node for node, whatever the
/// number of threads.
///
/// # References
/// Friedman (2001), *Greedy Function Approximation: A Gradient Boosting Machine*, doi 10.1214/aos/1013203451.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GradientBoostingClassifier {
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

impl GradientBoostingClassifier {
    /// Fits on rows with classes `0..n_classes`, at least two of them.
    ///
    /// # Errors
    /// When shapes differ, a value is not finite, a class is out of range, or a setting is.
    pub fn fit(&self, x: &Matrix<f32>, y: &[u32], n_classes: usize) -> Result<FittedGradientBoostingClassifier> {
        let settings = self.checked()?;
        check_classes(x.n_rows(), y, n_classes)?;
        if n_classes < 2 {
            return Err(Error::Data(format!("boosting tells at least 2 classes apart; got {n_classes}")));
        }
        let y: Vec<f64> = y.iter().map(|&class| f64::from(class)).collect();
        let boosted = if n_classes == 2 {
            boost(&settings, &BinomialLoss, x, &y)?
        } else {
            boost(&settings, &MultinomialLoss { n_classes }, x, &y)?
        };
        Ok(FittedGradientBoostingClassifier { boosted, n_classes })
    }
}

/// Fitted boosting.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FittedGradientBoostingClassifier {
    boosted: Boosted,
    n_classes: usize,
}

impl FittedGradientBoostingClassifier {
    /// Checks trees that were read from outside and makes them ready to predict.
    ///
    /// # Errors
    /// [`Error::Format`] when a walk through a tree could leave its arrays or never end.
    pub fn restored(self) -> Result<Self> {
        if self.n_classes < 2 {
            return Err(Error::Format("boosted trees without classes".to_owned()));
        }
        let n_raw = if self.n_classes == 2 { 1 } else { self.n_classes };
        Ok(Self { boosted: self.boosted.restored(n_raw)?, ..self })
    }

    /// The trees, stage after stage: one a stage for two classes, else one for each class.
    #[must_use]
    pub fn trees(&self) -> &[Tree] {
        self.boosted.trees()
    }

    /// Number of features it was fitted on.
    #[must_use]
    pub fn n_features(&self) -> usize {
        self.boosted.n_features()
    }

    /// Number of classes.
    #[must_use]
    pub fn n_classes(&self) -> usize {
        self.n_classes
    }

    /// How the loss went down in training.
    #[must_use]
    pub fn scores(&self) -> &BoostingScores {
        self.boosted.scores()
    }

    /// How much each feature helped to follow the gradient, as shares of one.
    #[must_use]
    pub fn feature_importances(&self) -> Vec<f64> {
        self.boosted.feature_importances()
    }

    /// Writes the probability of each class for one row of features; allocates nothing.
    ///
    /// # Panics
    /// When `x` or `out` has another length than features or classes.
    pub fn predict_proba_row(&self, x: &[f32], out: &mut [f64]) {
        assert_eq!(x.len(), self.n_features(), "one value for each feature");
        assert_eq!(out.len(), self.n_classes, "one place for each class");
        if self.n_classes == 2 {
            self.boosted.raw_row(x, &mut out[1..]);
            out[1] = expit(out[1]);
            out[0] = 1.0 - out[1];
        } else {
            self.boosted.raw_row(x, out);
            softmax(out);
        }
    }

    /// The probability of each class for every row: `n_rows x n_classes` values, row after row.
    ///
    /// # Errors
    /// When the number of features differs from that of the training.
    pub fn predict_proba(&self, x: &Matrix<f32>) -> Result<Vec<f64>> {
        predict_rows(x, self.n_features(), self.n_classes, |row, out| self.predict_proba_row(row, out))
    }
}
