//! Trees laid out for prediction: all nodes in one array, twelve bytes each.

use crate::error::{Error, Result};
use crate::matrix::Matrix;
use crate::tree::Tree;
use rayon::prelude::*;

/// A node asks whether `x[feature] <= threshold`; yes goes to the next node, no to `right`.
/// A leaf has feature `LEAF` and `right` is the place of its values.
#[derive(Clone, Copy, Debug)]
struct Node {
    feature: u32,
    threshold: f32,
    right: u32,
}

const LEAF: u32 = u32::MAX;

/// All trees of an ensemble, ready to predict.
#[derive(Clone, Debug, Default)]
pub(super) struct Layout {
    nodes: Vec<Node>,
    roots: Vec<u32>,
    values: Vec<f64>,
}

impl Layout {
    /// Lays out trees that are sound and have `n_outputs` values a leaf.
    pub(super) fn new(trees: &[Tree], n_outputs: usize) -> Self {
        let mut layout = Self::default();
        for tree in trees {
            let root = layout.nodes.len();
            layout.roots.push(root as u32);
            for node in 0..tree.node_count() {
                let laid_out = match u32::try_from(tree.feature[node]) {
                    Ok(feature) => Node {
                        feature,
                        threshold: at_most(tree.threshold[node]),
                        right: (root + tree.right[node] as usize) as u32,
                    },
                    Err(_) => {
                        layout.values.extend_from_slice(tree.node_value(node));
                        Node { feature: LEAF, threshold: 0.0, right: (layout.values.len() - n_outputs) as u32 }
                    }
                };
                layout.nodes.push(laid_out);
            }
        }
        layout
    }

    /// The values of the leaf that a row of features falls into, tree after tree.
    #[inline]
    pub(super) fn leaves<'a>(&'a self, x: &'a [f32], n_outputs: usize) -> impl Iterator<Item = &'a [f64]> {
        self.roots.iter().map(move |&root| {
            let mut at = root as usize;
            let mut node = self.nodes[at];
            while node.feature != LEAF {
                at = if x[node.feature as usize] <= node.threshold { at + 1 } else { node.right as usize };
                node = self.nodes[at];
            }
            &self.values[node.right as usize..node.right as usize + n_outputs]
        })
    }

    /// The mean over the trees, summed in tree order.
    pub(super) fn mean_row(&self, x: &[f32], out: &mut [f64]) {
        out.fill(0.0);
        for values in self.leaves(x, out.len()) {
            for (sum, value) in out.iter_mut().zip(values) {
                *sum += value;
            }
        }
        let n_trees = self.roots.len() as f64;
        out.iter_mut().for_each(|sum| *sum /= n_trees);
    }
}

/// Predicts every row, many at once: `n_outputs` values a row, row after row.
///
/// # Errors
/// When the number of features differs from that of the training.
pub(super) fn predict_rows(
    x: &Matrix<f32>,
    n_features: usize,
    n_outputs: usize,
    predict: impl Fn(&[f32], &mut [f64]) + Sync,
) -> Result<Vec<f64>> {
    if x.n_columns() != n_features {
        return Err(Error::Shape { what: "features".to_owned(), expected: n_features, got: x.n_columns() });
    }
    let mut out = vec![0.0; x.n_rows() * n_outputs];
    out.par_chunks_mut(n_outputs).enumerate().for_each_init(
        || vec![0.0_f32; n_features],
        |features, (row, out)| {
            for (j, feature) in features.iter_mut().enumerate() {
                *feature = x.get(row, j);
            }
            predict(features, out);
        },
    );
    Ok(out)
}

/// How much each feature lowered the impurity: the mean over the trees that were split, as shares of one. `shares` tells
/// one tree's part.
pub(super) fn mean_importances(trees: &[Tree], n_features: usize, shares: impl Fn(&Tree) -> Vec<f64>) -> Vec<f64> {
    let mut sums = vec![0.0; n_features];
    for tree in trees.iter().filter(|tree| tree.node_count() > 1) {
        for (sum, value) in sums.iter_mut().zip(shares(tree)) {
            *sum += value;
        }
    }
    let total: f64 = sums.iter().sum();
    if total > 0.0 {
        sums.iter_mut().for_each(|value| *value /= total);
    }
    sums
}

/// The largest `f32` that is at most `threshold`: a value `x` of type `f32` is at most one exactly when it is at most
/// the other.
fn at_most(threshold: f64) -> f32 {
    let near = threshold as f32;
    if f64::from(near) > threshold { near.next_down() } else { near }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_round_down() {
        for threshold in [0.1, -0.1, 1e-40, 16_777_217.0, -16_777_217.0, 0.0] {
            let low = at_most(threshold);
            assert!(f64::from(low) <= threshold && f64::from(low.next_up()) > threshold);
        }
    }
}
