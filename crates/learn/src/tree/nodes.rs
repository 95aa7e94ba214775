//! A grown tree as arrays over its nodes, in depth-first order: the left child follows its parent.

use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};

/// A grown tree. All arrays have one entry a node, as scikit-learn's `tree_`; a leaf has feature -2 and children -1.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Tree {
    /// Feature that a node asks about; -2 for a leaf.
    pub feature: Vec<i32>,
    /// Rows with a value of at most this go left; -2 for a leaf.
    pub threshold: Vec<f64>,
    /// Left child; -1 for a leaf.
    pub left: Vec<i32>,
    /// Right child; -1 for a leaf.
    pub right: Vec<i32>,
    /// Impurity of the training rows in the node.
    pub impurity: Vec<f64>,
    /// Distinct training rows in the node.
    pub n_node_samples: Vec<u32>,
    /// Their weight.
    pub weighted_n_node_samples: Vec<f64>,
    /// `n_outputs` values a node: class shares, or the mean of the target.
    pub value: Vec<f64>,
    /// Values a node has.
    pub n_outputs: usize,
}

/// What a leaf's feature and threshold are.
pub(crate) const LEAF: i32 = -2;

impl Tree {
    /// Number of nodes.
    #[must_use]
    pub fn node_count(&self) -> usize {
        self.feature.len()
    }

    /// The values of one node.
    #[must_use]
    pub fn node_value(&self, node: usize) -> &[f64] {
        &self.value[node * self.n_outputs..(node + 1) * self.n_outputs]
    }

    /// Adds a node without children, whose value the caller appends, and returns its index.
    pub(crate) fn push(&mut self, impurity: f64, n: u32, weight: f64) -> usize {
        self.feature.push(LEAF);
        self.threshold.push(f64::from(LEAF));
        self.left.push(-1);
        self.right.push(-1);
        self.impurity.push(impurity);
        self.n_node_samples.push(n);
        self.weighted_n_node_samples.push(weight);
        self.feature.len() - 1
    }

    /// How much each feature lowered the impurity, as shares of one (all zero for a single leaf).
    #[must_use]
    pub fn feature_importances(&self, n_features: usize) -> Vec<f64> {
        let mut importances = self.impurity_decreases(n_features);
        let total: f64 = importances.iter().sum();
        if total > 0.0 {
            importances.iter_mut().for_each(|value| *value /= total);
        }
        importances
    }

    /// How much each feature lowered the impurity of the whole tree.
    pub(crate) fn impurity_decreases(&self, n_features: usize) -> Vec<f64> {
        let mut importances = vec![0.0; n_features];
        let mass = |node: usize| self.weighted_n_node_samples[node] * self.impurity[node];
        for node in 0..self.node_count() {
            if let (Ok(feature), Ok(left), Ok(right)) = (
                usize::try_from(self.feature[node]),
                usize::try_from(self.left[node]),
                usize::try_from(self.right[node]),
            ) {
                importances[feature] += mass(node) - mass(left) - mass(right);
            }
        }
        let root = self.weighted_n_node_samples[0];
        importances.iter_mut().for_each(|value| *value /= root);
        importances
    }

    /// The leaf that a row of features falls into.
    pub(crate) fn leaf_of(&self, feature_value: impl Fn(usize) -> f32) -> usize {
        let mut node = 0;
        while let Ok(feature) = usize::try_from(self.feature[node]) {
            let left = f64::from(feature_value(feature)) <= self.threshold[node];
            node = (if left { self.left[node] } else { self.right[node] }) as usize;
        }
        node
    }

    /// Checks arrays that came from outside: lengths, ranges, and that every child comes after its parent, so that a
    /// walk always ends.
    ///
    /// # Errors
    /// [`Error::Format`] naming what is wrong.
    pub fn validate(&self, n_features: usize, n_outputs: usize) -> Result<()> {
        let n = self.node_count();
        let wrong = |what: &str| Err(Error::Format(format!("a tree {what}")));
        let lengths = [
            self.threshold.len(),
            self.left.len(),
            self.right.len(),
            self.impurity.len(),
            self.n_node_samples.len(),
            self.weighted_n_node_samples.len(),
        ];
        if n == 0 || lengths.iter().any(|&length| length != n) {
            return wrong("has arrays of different lengths");
        }
        if self.n_outputs != n_outputs || n.checked_mul(n_outputs) != Some(self.value.len()) {
            return wrong("has another number of values than the model");
        }
        for node in 0..n {
            let feature = self.feature[node];
            if feature == LEAF {
                continue;
            }
            if usize::try_from(feature).map_or(true, |feature| feature >= n_features) {
                return wrong("asks about a feature that the model does not have");
            }
            let after = |child: i32| usize::try_from(child).is_ok_and(|child| child > node && child < n);
            if self.left[node] != i32::try_from(node + 1).unwrap_or(-1) || !after(self.right[node]) {
                return wrong("has a child out of order");
            }
        }
        Ok(())
    }
}
