//! Trees laid out for prediction: all nodes in one array, twelve bytes each, siblings side by side.
//!
//! No branch of a walk depends on the row: a step adds one comparison to the place of the children, and a leaf leads to
//! itself. So several walks are under way at the same time, which hides the wait for memory.

use crate::error::{Error, Result};
use crate::matrix::Matrix;
use crate::tree::Tree;
use rayon::prelude::*;
use std::array::from_fn;

/// A node asks whether `x[feature] <= threshold`: no goes to the node at `children`, yes to the one after it.
/// A leaf has NaN for threshold, so that every answer is no, and is its own child.
#[derive(Clone, Copy, Debug)]
struct Node {
    threshold: f32,
    feature: u32,
    children: u32,
}

/// Walks that are under way at the same time.
const WALKS: usize = 8;

/// Rows that go through the trees together, so that a tree is read once for all of them.
const BLOCK: usize = 128;

/// All trees of an ensemble, ready to predict.
#[derive(Clone, Debug, Default)]
pub(super) struct Layout {
    nodes: Vec<Node>,
    roots: Vec<u32>,
    /// For each leaf the place of its values; for other nodes 0.
    value_places: Vec<u32>,
    values: Vec<f64>,
}

impl Layout {
    /// Lays out trees that are sound and have `n_outputs` values a leaf.
    pub(super) fn new(trees: &[Tree], n_outputs: usize) -> Self {
        let mut layout = Self::default();
        for tree in trees {
            let root = layout.reserve(1);
            layout.roots.push(root);
            let mut waiting = vec![(0, root)];
            while let Some((node, place)) = waiting.pop() {
                if let Ok(feature) = u32::try_from(tree.feature[node]) {
                    let children = layout.reserve(2);
                    layout.nodes[place as usize] = Node { threshold: at_most(tree.threshold[node]), feature, children };
                    waiting.push((tree.right[node] as usize, children));
                    waiting.push((tree.left[node] as usize, children + 1));
                } else {
                    layout.value_places[place as usize] = layout.values.len() as u32;
                    layout.values.extend_from_slice(&tree.node_value(node)[..n_outputs]);
                }
            }
        }
        layout
    }

    /// Adds so many leaves and returns the place of the first.
    fn reserve(&mut self, n: usize) -> u32 {
        let first = self.nodes.len();
        let leaf = |place| Node { threshold: f32::NAN, feature: 0, children: place as u32 };
        self.nodes.extend((first..first + n).map(leaf));
        self.value_places.resize(first + n, 0);
        first as u32
    }

    /// The leaves at the ends of walks from these nodes, each with its row.
    #[inline]
    fn walk(&self, mut at: [u32; WALKS], rows: [&[f32]; WALKS]) -> [u32; WALKS] {
        loop {
            let mut moved = 0;
            for (at, row) in at.iter_mut().zip(rows) {
                let node = self.nodes[*at as usize];
                let next = node.children + u32::from(row[node.feature as usize] <= node.threshold);
                moved |= next ^ *at;
                *at = next;
            }
            if moved == 0 {
                return at;
            }
        }
    }

    fn values(&self, leaf: u32, n_outputs: usize) -> &[f64] {
        let place = self.value_places[leaf as usize] as usize;
        &self.values[place..place + n_outputs]
    }

    /// The values of the leaf that a row of features falls into, tree after tree.
    #[inline]
    pub(super) fn leaves<'a>(&'a self, x: &'a [f32], n_outputs: usize) -> impl Iterator<Item = &'a [f64]> {
        self.roots.chunks(WALKS).flat_map(move |roots| {
            let ends = self.walk(from_fn(|walk| roots[walk.min(roots.len() - 1)]), [x; WALKS]);
            ends.into_iter().take(roots.len()).map(move |leaf| self.values(leaf, n_outputs))
        })
    }

    /// The mean over the trees, summed in tree order.
    pub(super) fn mean_row(&self, x: &[f32], out: &mut [f64]) {
        out.fill(0.0);
        for values in self.leaves(x, out.len()) {
            add(out, values);
        }
        self.divide(out);
    }

    /// The same for every row: `n_outputs` values a row, row after row.
    ///
    /// # Errors
    /// When the number of features differs from that of the training.
    pub(super) fn mean_rows(&self, x: &Matrix<f32>, n_features: usize, n_outputs: usize) -> Result<Vec<f64>> {
        predict_blocks(x, n_features, n_outputs, |rows, out| {
            for &root in &self.roots {
                for (rows, out) in rows.chunks(WALKS * n_features).zip(out.chunks_mut(WALKS * n_outputs)) {
                    let last = rows.len() / n_features - 1;
                    let row = |walk: usize| &rows[walk.min(last) * n_features..][..n_features];
                    let ends = self.walk([root; WALKS], from_fn(row));
                    out.chunks_mut(n_outputs).zip(ends).for_each(|(out, leaf)| add(out, self.values(leaf, n_outputs)));
                }
            }
            self.divide(out);
        })
    }

    fn divide(&self, sums: &mut [f64]) {
        let n_trees = self.roots.len() as f64;
        sums.iter_mut().for_each(|sum| *sum /= n_trees);
    }
}

fn add(sums: &mut [f64], values: &[f64]) {
    sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
}

/// Predicts every row by itself, many at once: `n_outputs` values a row, row after row.
///
/// # Errors
/// When the number of features differs from that of the training.
pub(super) fn predict_rows(
    x: &Matrix<f32>,
    n_features: usize,
    n_outputs: usize,
    predict: impl Fn(&[f32], &mut [f64]) + Sync,
) -> Result<Vec<f64>> {
    predict_blocks(x, n_features, n_outputs, |rows, out| {
        rows.chunks(n_features).zip(out.chunks_mut(n_outputs)).for_each(|(row, out)| predict(row, out));
    })
}

/// Predicts blocks of rows; `predict` gets features and zeros, row after row.
fn predict_blocks(
    x: &Matrix<f32>,
    n_features: usize,
    n_outputs: usize,
    predict: impl Fn(&[f32], &mut [f64]) + Sync,
) -> Result<Vec<f64>> {
    if x.n_columns() != n_features {
        return Err(Error::Shape { what: "features".to_owned(), expected: n_features, got: x.n_columns() });
    }
    let mut out = vec![0.0; x.n_rows() * n_outputs];
    out.par_chunks_mut(BLOCK * n_outputs).enumerate().for_each_init(Vec::new, |rows, (block, out)| {
        let n_rows = out.len() / n_outputs;
        rows.resize(n_rows * n_features, 0.0);
        for j in 0..n_features {
            let column = &x.column(j)[block * BLOCK..][..n_rows];
            rows.iter_mut().skip(j).step_by(n_features).zip(column).for_each(|(to, from)| *to = *from);
        }
        predict(rows, out);
    });
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
    use crate::random::RandomState;

    /// A tree over two features, and values that tell its leaves apart.
    fn tree(generator: &mut RandomState, depth: u32) -> Tree {
        fn grow(tree: &mut Tree, generator: &mut RandomState, depth: u32) -> i32 {
            let node = tree.push(0.0, 1, 1.0);
            tree.value.push(node as f64);
            if depth > 0 && generator.interval(3) > 0 {
                tree.feature[node] = generator.interval(1) as i32;
                tree.threshold[node] = generator.random_sample();
                tree.left[node] = grow(tree, generator, depth - 1);
                tree.right[node] = grow(tree, generator, depth - 1);
            }
            node as i32
        }
        let mut tree = Tree { n_outputs: 1, ..Tree::default() };
        grow(&mut tree, generator, depth);
        tree
    }

    #[test]
    fn walks_end_where_the_trees_say() {
        let mut generator = RandomState::new(5);
        for n_trees in [1, 7, 8, 9, 20] {
            let trees: Vec<Tree> = (0..n_trees).map(|_| tree(&mut generator, 6)).collect();
            let layout = Layout::new(&trees, 1);
            let mut values: Vec<f32> = (0..300).map(|_| generator.random_sample() as f32).collect();
            values[5] = f32::NAN;
            let x = Matrix::from_columns(150, 2, values);
            let means = layout.mean_rows(&x, 2, 1).unwrap();
            for (row, &mean) in means.iter().enumerate() {
                let leaves = trees.iter().map(|tree| tree.leaf_of(|feature| x.get(row, feature)) as f64);
                assert_eq!(mean.to_bits(), (leaves.sum::<f64>() / f64::from(n_trees)).to_bits(), "row {row}");
                let mut one = [0.0];
                layout.mean_row(&[x.get(row, 0), x.get(row, 1)], &mut one);
                assert_eq!(mean.to_bits(), one[0].to_bits(), "row {row}");
            }
        }
    }

    #[test]
    fn thresholds_round_down() {
        for threshold in [0.1, -0.1, 1e-40, 16_777_217.0, -16_777_217.0, 0.0] {
            let low = at_most(threshold);
            assert!(f64::from(low) <= threshold && f64::from(low.next_up()) > threshold);
        }
    }
}
