//! Two classes, many distinct values: most rows of a node need not be sorted to find its best cut.
//!
//! Rows are counted in bins of neighbouring ranks. The gain of a cut, `sum(left_c^2) / left + sum(right_c^2) / right`,
//! is a convex function of the class weights on its left, so no cut within a bin gains more than the best of the four
//! corners: none, all, or all of one class of the bin on the left. Bins whose bound stays below the best cut that is
//! known are left out; the answer is the same as over all rows.

use super::criterion::{Limits, same_value};
use super::ranks::RankedColumn;

/// A row of a node: rank, class and weight as one integer that sorts by rank.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key(u64);

impl Key {
    /// Class and weight in one word, both below 2^16.
    pub(super) fn payload(class: u32, weight: u32) -> u32 {
        class << 16 | weight
    }

    pub(super) fn new(rank: u32, payload: u32) -> Self {
        Self(u64::from(rank) << 32 | u64::from(payload))
    }

    pub(super) fn rank(self) -> u32 {
        (self.0 >> 32) as u32
    }

    pub(super) fn class(self) -> usize {
        (self.0 >> 16 & 0xffff) as usize
    }

    pub(super) fn weight(self) -> u64 {
        self.0 & 0xffff
    }
}

const MOST_BINS: usize = 512;
const ROWS_A_BIN: usize = 8;

/// Neighbouring ranks of a node.
#[derive(Clone, Copy, Debug, Default)]
struct Bin {
    /// Weight of the first class in the lower half, of the second in the upper.
    weights: u64,
    rows: u32,
    kept: bool,
    /// No cut at or within its borders gains more.
    bound: f64,
}

impl Bin {
    fn weights(self) -> [u64; 2] {
        [self.weights & 0xffff_ffff, self.weights >> 32]
    }
}

/// Where a kept bin begins.
#[derive(Clone, Copy, Debug)]
pub(super) struct Start {
    /// Weight of each class in the bins before.
    pub(super) left: [u64; 2],
    /// Rows in the bins before.
    pub(super) rows: usize,
    /// Whether the last bin before that has rows was kept too.
    pub(super) follows: bool,
}

/// The rows of a node in bins.
#[derive(Debug, Default)]
pub(super) struct Bins {
    bins: Vec<Bin>,
    lowest: u32,
    shift: u32,
    /// The first bin that [`Bins::start`] has not passed, and what is before it.
    next: usize,
    before: Option<Start>,
}

impl Bins {
    /// Counts the rows of a node, whose ranks are `lowest..=highest`.
    pub(super) fn count(&mut self, keys: &[Key], lowest: u32, highest: u32) {
        let most = (keys.len() / ROWS_A_BIN).clamp(1, MOST_BINS) as u32;
        let width = highest - lowest;
        self.lowest = lowest;
        self.shift = (0..32).find(|shift| width >> shift < most).unwrap_or(31);
        self.bins.clear();
        self.bins.resize((width >> self.shift) as usize + 1, Bin::default());
        for key in keys {
            let bin = &mut self.bins[((key.rank() - lowest) >> self.shift) as usize];
            bin.weights += key.weight() << (key.class() * 32);
            bin.rows += 1;
        }
        (self.next, self.before) = (0, None);
    }

    pub(super) fn of(&self, rank: u32) -> usize {
        ((rank - self.lowest) >> self.shift) as usize
    }

    /// Takes out the keys that no cut better than `bound` can be next to; returns the bound, raised by the cuts between
    /// bins that are known by now.
    pub(super) fn prune(
        &mut self,
        keys: &mut Vec<Key>,
        column: &RankedColumn,
        node: [u64; 2],
        limits: Limits,
        mut bound: f64,
    ) -> f64 {
        let between = self.bound_gains(keys.len(), node, limits);
        if let Some((bin, gain)) = between.filter(|(_, gain)| *gain > bound)
            && (column.apart || self.is_cut(keys, column, bin))
        {
            bound = bound.max(gain * (1.0 - 1e-10));
        }
        for bin in &mut self.bins {
            bin.kept = bin.rows > 0 && bin.bound >= bound;
        }
        let mut n_kept = 0;
        for place in 0..keys.len() {
            let key = keys[place];
            keys[n_kept] = key;
            n_kept += usize::from(self.bins[self.of(key.rank())].kept);
        }
        keys.truncate(n_kept);
        bound
    }

    /// Bounds the gain within each bin; returns the bin before which the best cut between bins is, with its gain.
    fn bound_gains(&mut self, n_rows: usize, node: [u64; 2], limits: Limits) -> Option<(usize, f64)> {
        let node = [node[0] as f64, node[1] as f64];
        let total = node[0] + node[1];
        let whole = (node[0] * node[0] + node[1] * node[1]) / total;
        let gain = |a: f64, b: f64| {
            let (left, right) = (a + b, total - a - b);
            let (c, d) = (node[0] - a, node[1] - b);
            // One side is empty: the limit of the gain is that of no cut.
            if left == 0.0 || right == 0.0 { whole } else { (a * a + b * b) / left + (c * c + d * d) / right }
        };
        let (mut a, mut b, mut rows, mut here) = (0.0_f64, 0.0_f64, 0, whole);
        let mut best: Option<(usize, f64)> = None;
        for (place, bin) in self.bins.iter_mut().enumerate().filter(|(_, bin)| bin.rows > 0) {
            let heavy = (a + b).min(total - a - b) >= limits.min_weight_leaf;
            let many = rows >= limits.min_samples_leaf.max(1) && n_rows - rows >= limits.min_samples_leaf;
            if heavy && many && best.is_none_or(|(_, gain)| here > gain) {
                best = Some((place, here));
            }
            let [first, second] = bin.weights();
            let (first, second) = (a + first as f64, b + second as f64);
            let after = gain(first, second);
            bin.bound = here.max(after).max(gain(first, b)).max(gain(a, second));
            (a, b, here) = (first, second, after);
            rows += bin.rows as usize;
        }
        best
    }

    /// Whether the values on both sides of the border before this bin are apart.
    fn is_cut(&self, keys: &[Key], column: &RankedColumn, bin: usize) -> bool {
        let border = self.lowest + ((bin as u32) << self.shift);
        let (mut last, mut first) = (0, u32::MAX);
        for rank in keys.iter().map(|key| key.rank()) {
            last = last.max(if rank < border { rank } else { 0 });
            first = first.min(if rank < border { u32::MAX } else { rank });
        }
        !same_value(column, last, first)
    }

    /// Where this bin begins; called for kept bins in ascending order.
    pub(super) fn start(&mut self, bin: usize) -> Start {
        let mut start = self.before.unwrap_or(Start { left: [0, 0], rows: 0, follows: false });
        for passed in &self.bins[self.next..bin] {
            let [a, b] = passed.weights();
            start.left = [start.left[0] + a, start.left[1] + b];
            start.rows += passed.rows as usize;
            if passed.rows > 0 {
                start.follows = passed.kept;
            }
        }
        (self.next, self.before) = (bin, Some(start));
        start
    }
}
