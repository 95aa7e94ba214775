//! Growing one tree depth first, with scikit-learn's draws of features.

use super::criterion::{Criterion, Cut, Limits, Variation};
use super::nodes::Tree;
use super::ranks::RankedMatrix;
use crate::random::RandomState;

/// What stops the growth.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Growth {
    pub(crate) max_depth: usize,
    pub(crate) min_samples_split: usize,
    pub(crate) limits: Limits,
    pub(crate) min_impurity_decrease: f64,
    pub(crate) max_features: usize,
}

/// The splitter's own generator: xorshift with 32 bits of state, 31 of them used.
struct XorShift(u32);

impl XorShift {
    /// Uniform enough in `low..high`; the slight bias is scikit-learn's.
    fn draw(&mut self, low: usize, high: usize) -> usize {
        if self.0 == 0 {
            self.0 = 1;
        }
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        low + (self.0 & 0x7fff_ffff) as usize % (high - low)
    }
}

/// Features in the order of drawing; those known to be constant stand in front.
struct FeatureDraw {
    features: Vec<usize>,
    constant: Vec<usize>,
    generator: XorShift,
}

/// A node that waits to be split.
struct Waiting<S> {
    start: usize,
    end: usize,
    depth: usize,
    /// The node whose right child this is.
    right_of: Option<usize>,
    stats: S,
    n_constant: usize,
}

/// The seed of a tree's draws: the first number of a generator that the tree has to itself.
pub(crate) fn draw_seed(tree_seed: u32) -> u32 {
    draw_seed_from(&mut RandomState::new(tree_seed))
}

/// The seed of a tree's draws, taken from a generator that several trees share.
pub(crate) fn draw_seed_from(generator: &mut RandomState) -> u32 {
    u32::try_from(generator.randint(0, 0x7fff_ffff)).expect("below 2^31")
}

/// Grows a tree over the rows in `samples` (those with a weight), which are reordered on the way.
pub(crate) fn grow<C: Criterion>(
    x: &RankedMatrix,
    criterion: &mut C,
    samples: &mut [u32],
    growth: Growth,
    draw_seed: u32,
) -> Tree {
    let n_features = x.columns.len();
    let mut draw = FeatureDraw {
        features: (0..n_features).collect(),
        constant: vec![0; n_features],
        generator: XorShift(draw_seed),
    };
    let stats = criterion.stats(samples);
    let total_weight = criterion.weight(&stats);
    let mut tree = Tree::default();
    let root = Waiting { start: 0, end: samples.len(), depth: 0, right_of: None, stats, n_constant: 0 };
    let mut stack = vec![root];
    while let Some(mut node) = stack.pop() {
        let rows = &mut samples[node.start..node.end];
        let impurity = criterion.impurity(&node.stats);
        let weight = criterion.weight(&node.stats);
        let index = tree.push(impurity, rows.len() as u32, weight);
        criterion.value(&node.stats, &mut tree.value);
        if let Some(parent) = node.right_of {
            tree.right[parent] = index as i32;
        }
        if must_stay_leaf(node.depth, rows.len(), weight, impurity, growth) {
            continue;
        }
        let Some(cut) = best_cut(x, criterion, rows, &node.stats, growth, &mut draw, &mut node.n_constant) else {
            continue;
        };
        let (n_left, left, right) = criterion.split(&x.columns[cut.feature], cut.rank, rows, &node.stats);
        let improvement = criterion.improvement(&node.stats, &left, &right, total_weight);
        if improvement + f64::EPSILON < growth.min_impurity_decrease {
            continue;
        }
        tree.feature[index] = cut.feature as i32;
        tree.threshold[index] = cut.threshold;
        tree.left[index] = index as i32 + 1;
        let middle = node.start + n_left;
        let child = |start, end, right_of, stats| Waiting {
            start,
            end,
            depth: node.depth + 1,
            right_of,
            stats,
            n_constant: node.n_constant,
        };
        stack.push(child(middle, node.end, Some(index), right));
        stack.push(child(node.start, middle, None, left));
    }
    tree.n_outputs = tree.value.len() / tree.node_count();
    tree
}

fn must_stay_leaf(depth: usize, n_rows: usize, weight: f64, impurity: f64, growth: Growth) -> bool {
    depth >= growth.max_depth
        || n_rows < growth.min_samples_split
        || n_rows < 2 * growth.limits.min_samples_leaf
        || weight < 2.0 * growth.limits.min_weight_leaf
        || impurity <= f64::EPSILON
}

/// Draws features without replacement until `max_features` that vary were looked at, and returns the best cut.
/// Features found constant here are known to be constant in every node below.
fn best_cut<C: Criterion>(
    x: &RankedMatrix,
    criterion: &mut C,
    rows: &mut [u32],
    stats: &C::Stats,
    growth: Growth,
    draw: &mut FeatureDraw,
    n_constant: &mut usize,
) -> Option<Cut> {
    let n_known = *n_constant;
    let mut best = None;
    let mut undrawn = draw.features.len();
    let (mut n_visited, mut n_found, mut n_drawn_constant, mut n_total) = (0, 0, 0, n_known);
    while undrawn > n_total && (n_visited < growth.max_features || n_visited <= n_found + n_drawn_constant) {
        n_visited += 1;
        let place = draw.generator.draw(n_drawn_constant, undrawn - n_found);
        if place < n_known {
            draw.features.swap(n_drawn_constant, place);
            n_drawn_constant += 1;
            continue;
        }
        let place = place + n_found;
        let feature = draw.features[place];
        match criterion.search(&x.columns[feature], feature, rows, stats, growth.limits, &mut best) {
            Variation::Constant => {
                draw.features.swap(place, n_total);
                n_found += 1;
                n_total += 1;
            }
            Variation::Varies => {
                undrawn -= 1;
                draw.features.swap(undrawn, place);
            }
        }
    }
    draw.features[..n_known].copy_from_slice(&draw.constant[..n_known]);
    draw.constant[n_known..n_total].copy_from_slice(&draw.features[n_known..n_total]);
    *n_constant = n_total;
    best
}
