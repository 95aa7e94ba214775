//! A boosted sum of trees, ready to predict.

use crate::ensemble::layout::{Layout, mean_importances};
use crate::error::{Error, Result};
use crate::tree::Tree;
use serde::{Deserialize, Serialize};

/// How the loss went down, stage after stage.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BoostingScores {
    /// Loss on the rows that the stage saw (scikit-learn's `train_score_`).
    pub train_score: Vec<f64>,
    /// Loss on the other rows; empty without `subsample`.
    pub oob_scores: Vec<f64>,
    /// By how much each stage lowered the loss on the other rows; empty without `subsample`.
    pub oob_improvement: Vec<f64>,
}

/// `start + learning_rate * (sum of trees)` for each raw prediction.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Boosted {
    /// Stage after stage, in each one tree for each raw prediction.
    trees: Vec<Tree>,
    start: Vec<f64>,
    learning_rate: f64,
    n_features: usize,
    scores: BoostingScores,
    #[serde(skip)]
    layout: Layout,
}

impl PartialEq for Boosted {
    fn eq(&self, other: &Self) -> bool {
        self.trees == other.trees && self.start == other.start && self.n_features == other.n_features
    }
}

impl Boosted {
    pub(super) fn new(
        trees: Vec<Tree>,
        start: Vec<f64>,
        learning_rate: f64,
        n_features: usize,
        scores: BoostingScores,
    ) -> Self {
        let layout = Layout::new(&trees, 1);
        Self { trees, start, learning_rate, n_features, scores, layout }
    }

    /// Checks what was read from outside, with `n_raw` raw predictions a row, and makes it ready to predict.
    pub(super) fn restored(mut self, n_raw: usize) -> Result<Self> {
        let whole_stages = n_raw > 0 && !self.trees.is_empty() && self.trees.len().is_multiple_of(n_raw);
        if self.n_features == 0 || self.start.len() != n_raw || !whole_stages {
            return Err(Error::Format("boosted trees that do not fit their classes or features".to_owned()));
        }
        self.trees.iter().try_for_each(|tree| tree.validate(self.n_features, 1))?;
        self.layout = Layout::new(&self.trees, 1);
        Ok(self)
    }

    pub(super) fn trees(&self) -> &[Tree] {
        &self.trees
    }

    pub(super) fn n_features(&self) -> usize {
        self.n_features
    }

    pub(super) fn scores(&self) -> &BoostingScores {
        &self.scores
    }

    /// How much each feature lowered the squared error of the gradients, as shares of one.
    pub(super) fn feature_importances(&self) -> Vec<f64> {
        mean_importances(&self.trees, self.n_features, |tree| tree.impurity_decreases(self.n_features))
    }

    /// Writes the raw predictions of one row, added up in the order of the stages.
    pub(super) fn raw_row(&self, x: &[f32], out: &mut [f64]) {
        out.copy_from_slice(&self.start);
        let n_raw = out.len();
        let mut k = 0;
        for leaf in self.layout.leaves(x, 1) {
            out[k] += self.learning_rate * leaf[0];
            k = if k + 1 == n_raw { 0 } else { k + 1 };
        }
    }
}
