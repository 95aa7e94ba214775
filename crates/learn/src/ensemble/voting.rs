//! The forest laid out for prediction: all nodes in one array, twelve bytes each.

use crate::tree::Tree;

/// A node asks whether `x[feature] <= threshold`; yes goes to the next node, no to `right`.
/// A leaf has feature `LEAF` and `right` is the place of its values.
#[derive(Clone, Copy, Debug)]
struct Node {
    feature: u32,
    threshold: f32,
    right: u32,
}

const LEAF: u32 = u32::MAX;

/// All trees of a forest, ready to predict.
#[derive(Clone, Debug, Default)]
pub(super) struct Voting {
    nodes: Vec<Node>,
    roots: Vec<u32>,
    values: Vec<f64>,
}

impl Voting {
    /// Lays out trees that are sound.
    pub(super) fn new(trees: &[Tree], n_classes: usize) -> Self {
        let mut voting = Self::default();
        for tree in trees {
            let root = voting.nodes.len();
            voting.roots.push(root as u32);
            for node in 0..tree.node_count() {
                let laid_out = match u32::try_from(tree.feature[node]) {
                    Ok(feature) => Node {
                        feature,
                        threshold: at_most(tree.threshold[node]),
                        right: (root + tree.right[node] as usize) as u32,
                    },
                    Err(_) => {
                        voting.values.extend_from_slice(tree.node_value(node));
                        Node { feature: LEAF, threshold: 0.0, right: (voting.values.len() - n_classes) as u32 }
                    }
                };
                voting.nodes.push(laid_out);
            }
        }
        voting
    }

    /// The mean over the trees, summed in tree order.
    pub(super) fn predict_row(&self, x: &[f32], out: &mut [f64]) {
        out.fill(0.0);
        for &root in &self.roots {
            let mut at = root as usize;
            let mut node = self.nodes[at];
            while node.feature != LEAF {
                at = if x[node.feature as usize] <= node.threshold { at + 1 } else { node.right as usize };
                node = self.nodes[at];
            }
            let values = &self.values[node.right as usize..node.right as usize + out.len()];
            for (sum, value) in out.iter_mut().zip(values) {
                *sum += value;
            }
        }
        let n_trees = self.roots.len() as f64;
        out.iter_mut().for_each(|sum| *sum /= n_trees);
    }
}

/// The leaf that a row of features falls into.
pub(super) fn leaf_of(tree: &Tree, x: &[f32]) -> usize {
    let mut node = 0;
    while let Ok(feature) = usize::try_from(tree.feature[node]) {
        let left = f64::from(x[feature]) <= tree.threshold[node];
        node = (if left { tree.left[node] } else { tree.right[node] }) as usize;
    }
    node
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
