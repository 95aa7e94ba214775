//! What a tree lowers with each split, and how the best place to cut one feature is found.

use super::FEATURE_THRESHOLD;
use super::ranks::RankedColumn;

/// Limits on the two parts of a split.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) min_samples_leaf: usize,
    pub(crate) min_weight_leaf: f64,
}

/// The best cut found so far: rows whose rank is at most `rank` go left.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cut {
    pub(crate) feature: usize,
    pub(crate) rank: u32,
    pub(crate) threshold: f64,
    pub(crate) proxy: f64,
}

/// Whether a feature varies within a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Variation {
    Constant,
    Varies,
}

/// An impurity with the statistics it needs.
pub(crate) trait Criterion {
    /// Statistics of the rows of a node.
    type Stats;

    /// Statistics of the root's rows.
    fn stats(&self, samples: &[u32]) -> Self::Stats;

    /// Weight of the rows.
    fn weight(&self, stats: &Self::Stats) -> f64;

    /// Impurity of a node.
    fn impurity(&self, stats: &Self::Stats) -> f64;

    /// Writes what the node predicts to the end of `out`.
    fn value(&self, stats: &Self::Stats, out: &mut Vec<f64>);

    /// Improvement of a split as a share of the whole tree's weight.
    fn improvement(&self, node: &Self::Stats, left: &Self::Stats, right: &Self::Stats, total_weight: f64) -> f64 {
        let (n, n_left, n_right) = (self.weight(node), self.weight(left), self.weight(right));
        (n / total_weight)
            * (self.impurity(node) - (n_right / n * self.impurity(right)) - (n_left / n * self.impurity(left)))
    }

    /// Looks for a cut of this feature that beats `best` and puts it there. May reorder the rows.
    fn search(
        &mut self,
        column: &RankedColumn,
        feature: usize,
        samples: &mut [u32],
        node: &Self::Stats,
        limits: Limits,
        best: &mut Option<Cut>,
    ) -> Variation;

    /// Puts the rows with a rank of at most `cut` in front; returns how many they are, and the statistics of both parts.
    fn split(
        &mut self,
        column: &RankedColumn,
        cut: u32,
        samples: &mut [u32],
        node: &Self::Stats,
    ) -> (usize, Self::Stats, Self::Stats);
}

/// Where the cut between two neighbouring values is.
pub(crate) fn threshold_between(low: f32, high: f32) -> f64 {
    let middle = f64::from(low) / 2.0 + f64::from(high) / 2.0;
    if middle >= f64::from(high) || middle.is_infinite() { f64::from(low) } else { middle }
}

/// Whether two values of a column count as one.
pub(crate) fn same_value(column: &RankedColumn, low: u32, high: u32) -> bool {
    column.values[high as usize] <= column.values[low as usize] + FEATURE_THRESHOLD
}
