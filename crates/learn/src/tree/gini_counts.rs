//! Gini impurity over whole-number weights: the quick way, and exact.
//!
//! With a bootstrap every weight is a count, so class counts and sums of their squares are integers and the order of
//! the rows within a node cannot matter. A cut is then judged without a division: the true gain is compared with the
//! best so far by cross-multiplication, and only what comes near is computed in scikit-learn's own formula.

use super::criterion::{Criterion, Cut, Limits, Variation, same_value, threshold_between};
use super::gini_bins::{Bins, Key};
use super::ranks::RankedColumn;

/// Rows up to which a comparison sort is quicker than counting digits.
const RADIX_FROM: usize = 2048;
const DIGIT: u32 = 11;
/// Rows of two classes from which leaving bins out pays.
const BINS_FROM: usize = 64;

/// Gini impurity of classes with whole-number weights.
pub(crate) struct GiniCounts {
    /// Class and weight of each row.
    payloads: Vec<u32>,
    n_classes: usize,
    keys: Vec<Key>,
    spare: Vec<Key>,
    bins: Bins,
    /// Per rank: number of rows, then weight of each class. All zero between calls.
    histogram: Vec<u32>,
    left: Vec<u64>,
    /// Rows that go right, while a node is split.
    right_rows: Vec<u32>,
}

/// Weight of each class in a node.
pub(crate) struct Counts {
    classes: Vec<u64>,
    total: u64,
    squares: u64,
}

impl Counts {
    fn new(classes: Vec<u64>) -> Self {
        let total = classes.iter().sum();
        let squares = classes.iter().map(|count| count * count).sum();
        Self { classes, total, squares }
    }
}

impl GiniCounts {
    /// A criterion over the rows' classes and weights; weights must be below 2^16 and classes below 2^16.
    pub(crate) fn new(classes: &[u32], weights: &[u32], n_classes: usize) -> Self {
        Self {
            payloads: classes.iter().zip(weights).map(|(&class, &weight)| Key::payload(class, weight)).collect(),
            n_classes,
            keys: Vec::new(),
            spare: Vec::new(),
            bins: Bins::default(),
            histogram: Vec::new(),
            left: vec![0; n_classes],
            right_rows: vec![0; classes.len()],
        }
    }

    /// Few distinct values: one pass over the rows, one over the values.
    fn search_histogram(&mut self, column: &RankedColumn, samples: &[u32], sweep: &mut Sweep<'_>) -> Variation {
        let width = self.n_classes + 1;
        let bins = column.values.len();
        if self.histogram.len() < bins * width {
            self.histogram.resize(bins * width, 0);
        }
        let (mut lowest, mut highest) = (u32::MAX, 0);
        for &row in samples {
            let row = row as usize;
            let rank = column.ranks[row];
            lowest = lowest.min(rank);
            highest = highest.max(rank);
            let at = rank as usize * width;
            self.histogram[at] += 1;
            let payload = self.payloads[row];
            self.histogram[at + 1 + (payload >> 16) as usize] += payload & 0xffff;
        }
        let used = lowest as usize * width..(highest as usize + 1) * width;
        if same_value(column, lowest, highest) {
            self.histogram[used].fill(0);
            return Variation::Constant;
        }
        self.left.fill(0);
        let mut last = lowest;
        for rank in lowest..=highest {
            let at = rank as usize * width;
            let n = self.histogram[at];
            if n == 0 {
                continue;
            }
            if rank != lowest && (column.apart || !same_value(column, last, rank)) {
                sweep.cut(column, last, rank);
            }
            for (class, left) in self.left.iter_mut().enumerate() {
                let weight = u64::from(self.histogram[at + 1 + class]);
                sweep.add(weight, *left, class);
                *left += weight;
            }
            sweep.n_left += n as usize;
            last = rank;
        }
        self.histogram[used].fill(0);
        Variation::Varies
    }

    /// Many distinct values: sort the rows, or those that matter.
    fn search_sorted(&mut self, column: &RankedColumn, samples: &[u32], sweep: &mut Sweep<'_>) -> Variation {
        let (mut lowest, mut highest) = (u32::MAX, 0);
        self.keys.clear();
        self.keys.extend(samples.iter().map(|&row| {
            let rank = column.ranks[row as usize];
            lowest = lowest.min(rank);
            highest = highest.max(rank);
            Key::new(rank, self.payloads[row as usize])
        }));
        if same_value(column, lowest, highest) {
            return Variation::Constant;
        }
        if self.n_classes == 2 && samples.len() >= BINS_FROM {
            self.sweep_bins(column, lowest, highest, sweep);
        } else {
            self.sweep_all(column, sweep);
        }
        Variation::Varies
    }

    fn sort_keys(&mut self, n_ranks: usize) {
        if self.keys.len() < RADIX_FROM {
            self.keys.sort_unstable();
        } else {
            radix_sort(&mut self.keys, &mut self.spare, n_ranks);
        }
    }

    fn sweep_all(&mut self, column: &RankedColumn, sweep: &mut Sweep<'_>) {
        self.sort_keys(column.values.len());
        self.left.fill(0);
        let mut last = self.keys[0].rank();
        for &key in &self.keys {
            let rank = key.rank();
            if rank != last {
                if column.apart || !same_value(column, last, rank) {
                    sweep.cut(column, last, rank);
                }
                last = rank;
            }
            sweep.add(key.weight(), self.left[key.class()], key.class());
            self.left[key.class()] += key.weight();
            sweep.n_left += 1;
        }
    }

    fn sweep_bins(&mut self, column: &RankedColumn, lowest: u32, highest: u32, sweep: &mut Sweep<'_>) {
        self.bins.count(&self.keys, lowest, highest);
        let node = [sweep.node.classes[0], sweep.node.classes[1]];
        sweep.bound = self.bins.prune(&mut self.keys, column, node, sweep.limits, sweep.bound);
        self.sort_keys(column.values.len());
        let (mut left, mut bin, mut last) = ([0, 0], usize::MAX, 0);
        for &key in &self.keys {
            let rank = key.rank();
            if rank != last || bin == usize::MAX {
                let mut is_cut = true;
                if self.bins.of(rank) != bin {
                    bin = self.bins.of(rank);
                    let start = self.bins.start(bin);
                    is_cut = start.follows;
                    left = start.left;
                    sweep.restart(left, start.rows);
                }
                if is_cut && (column.apart || !same_value(column, last, rank)) {
                    sweep.cut(column, last, rank);
                }
                last = rank;
            }
            let class = key.class() & 1;
            sweep.add(key.weight(), left[class], class);
            left[class] += key.weight();
            sweep.n_left += 1;
        }
    }
}

/// The state of one pass over a feature's values.
struct Sweep<'a> {
    node: &'a Counts,
    limits: Limits,
    feature: usize,
    n_samples: usize,
    n_left: usize,
    weight_left: u64,
    squares_left: u64,
    squares_right: u64,
    best: &'a mut Option<Cut>,
    /// A cut whose gain is below this share of the best cannot win.
    bound: f64,
}

impl<'a> Sweep<'a> {
    fn new(node: &'a Counts, n_samples: usize, feature: usize, limits: Limits, best: &'a mut Option<Cut>) -> Self {
        let bound = best.map_or(f64::NEG_INFINITY, |cut| bound(cut.proxy, node.total));
        Self {
            node,
            limits,
            feature,
            n_samples,
            n_left: 0,
            weight_left: 0,
            squares_left: 0,
            squares_right: node.squares,
            best,
            bound,
        }
    }

    /// Goes on where these weights of two classes, in so many rows, are on the left.
    fn restart(&mut self, left: [u64; 2], n_left: usize) {
        let right = [self.node.classes[0] - left[0], self.node.classes[1] - left[1]];
        self.n_left = n_left;
        self.weight_left = left[0] + left[1];
        self.squares_left = left[0] * left[0] + left[1] * left[1];
        self.squares_right = right[0] * right[0] + right[1] * right[1];
    }

    /// Moves `weight` of a class that has `left` on the left side so far.
    #[inline]
    fn add(&mut self, weight: u64, left: u64, class: usize) {
        let right = self.node.classes[class] - left;
        self.squares_left += weight * (2 * left + weight);
        self.squares_right -= weight * (2 * right - weight);
        self.weight_left += weight;
    }

    /// Judges the cut between two values.
    #[inline]
    fn cut(&mut self, column: &RankedColumn, low: u32, high: u32) {
        let (left, right) = (self.weight_left as f64, (self.node.total - self.weight_left) as f64);
        let gain = self.squares_left as f64 * right + self.squares_right as f64 * left;
        if gain < self.bound * (left * right) {
            return;
        }
        self.judge(column, low, high, left, right);
    }

    #[cold]
    fn judge(&mut self, column: &RankedColumn, low: u32, high: u32, left: f64, right: f64) {
        let few = self.limits.min_samples_leaf;
        if self.n_left < few || self.n_samples - self.n_left < few {
            return;
        }
        if left < self.limits.min_weight_leaf || right < self.limits.min_weight_leaf {
            return;
        }
        let proxy = -right * gini(self.squares_right, right) - left * gini(self.squares_left, left);
        if self.best.is_some_and(|best| proxy <= best.proxy) {
            return;
        }
        *self.best = Some(Cut {
            feature: self.feature,
            rank: low,
            threshold: threshold_between(column.values[low as usize], column.values[high as usize]),
            proxy,
        });
        self.bound = bound(proxy, self.node.total);
    }
}

/// The gain `squares_left / left + squares_right / right` that belongs to a proxy, a hair lower, so that rounding can
/// never rule out a cut that is as good.
fn bound(proxy: f64, total: u64) -> f64 {
    (proxy + total as f64) * (1.0 - 1e-10)
}

fn gini(squares: u64, weight: f64) -> f64 {
    1.0 - squares as f64 / (weight * weight)
}

impl Criterion for GiniCounts {
    type Stats = Counts;

    fn stats(&self, samples: &[u32]) -> Counts {
        let mut classes = vec![0; self.n_classes];
        for &row in samples {
            let payload = self.payloads[row as usize];
            classes[(payload >> 16) as usize] += u64::from(payload & 0xffff);
        }
        Counts::new(classes)
    }

    fn weight(&self, stats: &Counts) -> f64 {
        stats.total as f64
    }

    fn impurity(&self, stats: &Counts) -> f64 {
        gini(stats.squares, stats.total as f64)
    }

    fn value(&self, stats: &Counts, out: &mut Vec<f64>) {
        out.extend(stats.classes.iter().map(|&count| count as f64 / stats.total as f64));
    }

    fn search(
        &mut self,
        column: &RankedColumn,
        feature: usize,
        samples: &mut [u32],
        node: &Counts,
        limits: Limits,
        best: &mut Option<Cut>,
    ) -> Variation {
        let mut sweep = Sweep::new(node, samples.len(), feature, limits, best);
        if column.values.len() <= samples.len().max(16) {
            self.search_histogram(column, samples, &mut sweep)
        } else {
            self.search_sorted(column, samples, &mut sweep)
        }
    }

    fn split(
        &mut self,
        column: &RankedColumn,
        cut: u32,
        samples: &mut [u32],
        node: &Counts,
    ) -> (usize, Counts, Counts) {
        let n_left = partition(samples, &mut self.right_rows, &column.ranks, cut);
        let left = self.stats(&samples[..n_left]);
        let right = node.classes.iter().zip(&left.classes).map(|(all, left)| all - left).collect();
        (n_left, left, Counts::new(right))
    }
}

/// Rows with a rank of at most `cut` first, both parts in their old order; returns how many went left.
fn partition(rows: &mut [u32], spare: &mut [u32], ranks: &[u32], cut: u32) -> usize {
    let (mut n_left, mut n_right) = (0, 0);
    for place in 0..rows.len() {
        let row = rows[place];
        let left = usize::from(ranks[row as usize] <= cut);
        // Both writes happen, one of them counts: no branch to mispredict.
        rows[n_left] = row;
        spare[n_right] = row;
        n_left += left;
        n_right += 1 - left;
    }
    rows[n_left..].copy_from_slice(&spare[..n_right]);
    n_left
}

/// Sorts by rank, all below `n_ranks`.
fn radix_sort(keys: &mut Vec<Key>, spare: &mut Vec<Key>, n_ranks: usize) {
    spare.clear();
    spare.resize(keys.len(), Key::new(0, 0));
    let bits = usize::BITS - n_ranks.saturating_sub(1).leading_zeros();
    let passes = bits.div_ceil(DIGIT).max(1);
    let digit = bits.div_ceil(passes).max(1);
    let mask = (1_u32 << digit) - 1;
    for pass in 0..passes {
        let place = |key: Key| (key.rank() >> (pass * digit) & mask) as usize;
        let mut starts = vec![0_u32; mask as usize + 1];
        for &key in keys.iter() {
            starts[place(key)] += 1;
        }
        let mut sum = 0;
        for start in &mut starts {
            sum += std::mem::replace(start, sum);
        }
        for &key in keys.iter() {
            let at = &mut starts[place(key)];
            spare[*at as usize] = key;
            *at += 1;
        }
        std::mem::swap(keys, spare);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn radix_sort_orders_by_rank() {
        let mut generator = crate::random::RandomState::new(1);
        for n_ranks in [1_usize, 2, 70, 5_000, 3_000_000] {
            let max = u32::try_from(n_ranks - 1).unwrap();
            let mut keys: Vec<Key> = (0..5_000).map(|i| Key::new(generator.interval(max), i)).collect();
            let mut expected = keys.clone();
            expected.sort_unstable();
            radix_sort(&mut keys, &mut Vec::new(), n_ranks);
            assert_eq!(keys, expected, "stable, so the payload keeps its order");
        }
    }
}
