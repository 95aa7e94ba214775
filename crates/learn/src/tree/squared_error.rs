//! Squared error, with its sums in scikit-learn's order.
//!
//! A node's rows are kept in the order that the searches leave them in, and a part of a node is summed from the nearer
//! end. Both are scikit-learn's, so that rounding, and with it every tie between two splits, falls as it does there.

use super::criterion::{Criterion, Cut, Limits, Variation, same_value, threshold_between};
use super::rank_sort::{Ranked, sort_by_rank};
use super::ranks::RankedColumn;

/// A row's weight, and its weight times the target and times the target's square.
#[derive(Clone, Copy)]
struct Row {
    weight: f64,
    sum: f64,
    squares: f64,
}

/// Squared error of a target under whole-number weights.
pub(crate) struct SquaredError {
    rows: Vec<Row>,
    sorted: Vec<Ranked>,
}

/// Sums over the rows of a node.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sums {
    weight: f64,
    sum: f64,
    squares: f64,
    impurity: f64,
}

/// Weight and sum of the rows before a place.
#[derive(Clone, Copy, Default)]
struct Left {
    place: usize,
    weight: f64,
    sum: f64,
}

impl SquaredError {
    /// A criterion over the rows' targets and weights.
    pub(crate) fn new(y: &[f64], weights: &[u32]) -> Self {
        let row = |(&y, &weight): (&f64, &u32)| {
            let sum = f64::from(weight) * y;
            Row { weight: f64::from(weight), sum, squares: sum * y }
        };
        Self { rows: y.iter().zip(weights).map(row).collect(), sorted: Vec::new() }
    }

    fn sums(&self, samples: &[u32]) -> (f64, f64, f64) {
        samples.iter().fold((0.0, 0.0, 0.0), |(weight, sum, squares), &row| {
            let row = &self.rows[row as usize];
            (weight + row.weight, sum + row.sum, squares + row.squares)
        })
    }

    /// Moves the end of the left part, adding what lies between or taking what lies behind from the whole.
    #[inline]
    fn advance(&self, left: &mut Left, place: usize, n: usize, row_at: impl Fn(usize) -> u32, node: &Sums) {
        if place - left.place <= n - place {
            for at in left.place..place {
                let row = &self.rows[row_at(at) as usize];
                left.sum += row.sum;
                left.weight += row.weight;
            }
        } else {
            (left.weight, left.sum) = (node.weight, node.sum);
            for at in (place..n).rev() {
                let row = &self.rows[row_at(at) as usize];
                left.sum -= row.sum;
                left.weight -= row.weight;
            }
        }
        left.place = place;
    }
}

/// The variance from sums.
fn variance(weight: f64, sum: f64, squares: f64) -> f64 {
    let mean = sum / weight;
    squares / weight - mean * mean
}

impl Criterion for SquaredError {
    type Stats = Sums;

    fn stats(&self, samples: &[u32]) -> Sums {
        let (weight, sum, squares) = self.sums(samples);
        Sums { weight, sum, squares, impurity: variance(weight, sum, squares) }
    }

    fn weight(&self, stats: &Sums) -> f64 {
        stats.weight
    }

    fn impurity(&self, stats: &Sums) -> f64 {
        stats.impurity
    }

    fn value(&self, stats: &Sums, out: &mut Vec<f64>) {
        out.push(stats.sum / stats.weight);
    }

    fn search(
        &mut self,
        column: &RankedColumn,
        feature: usize,
        samples: &mut [u32],
        node: &Sums,
        limits: Limits,
        best: &mut Option<Cut>,
    ) -> Variation {
        let mut sorted = std::mem::take(&mut self.sorted);
        sorted.clear();
        sorted.extend(samples.iter().map(|&row| Ranked { rank: column.ranks[row as usize], row }));
        sort_by_rank(&mut sorted);
        for (sample, ranked) in samples.iter_mut().zip(&sorted) {
            *sample = ranked.row;
        }
        self.sorted = sorted;
        let n = samples.len();
        let rank_at = |place: usize| self.sorted[place].rank;
        if same_value(column, rank_at(0), rank_at(n - 1)) {
            return Variation::Constant;
        }
        let mut left = Left::default();
        for place in 1..n {
            let (low, high) = (rank_at(place - 1), rank_at(place));
            let few = place < limits.min_samples_leaf || n - place < limits.min_samples_leaf;
            if low == high || few || (!column.apart && same_value(column, low, high)) {
                continue;
            }
            self.advance(&mut left, place, n, |at| samples[at], node);
            let right = node.weight - left.weight;
            if left.weight < limits.min_weight_leaf || right < limits.min_weight_leaf {
                continue;
            }
            let right_sum = node.sum - left.sum;
            let proxy = left.sum * left.sum / left.weight + right_sum * right_sum / right;
            if best.is_none_or(|best| proxy > best.proxy) {
                let threshold = threshold_between(column.values[low as usize], column.values[high as usize]);
                *best = Some(Cut { feature, rank: low, threshold, proxy });
            }
        }
        Variation::Varies
    }

    fn split(&mut self, column: &RankedColumn, cut: u32, samples: &mut [u32], node: &Sums) -> (usize, Sums, Sums) {
        let n = samples.len();
        let (mut n_left, mut end) = (0, n);
        while n_left < end {
            if column.ranks[samples[n_left] as usize] <= cut {
                n_left += 1;
            } else {
                end -= 1;
                samples.swap(n_left, end);
            }
        }
        let mut left = Left::default();
        self.advance(&mut left, n_left, n, |at| samples[at], node);
        let squares: f64 = samples[..n_left].iter().fold(0.0, |sum, &row| sum + self.rows[row as usize].squares);
        let impurity_left = variance(left.weight, left.sum, squares);
        let impurity_right = variance(node.weight - left.weight, node.sum - left.sum, node.squares - squares);
        let child = |samples: &[u32], impurity: f64| {
            let (weight, sum, squares) = self.sums(samples);
            Sums { weight, sum, squares, impurity }
        };
        let (left_rows, right_rows) = samples.split_at(n_left);
        (n_left, child(left_rows, impurity_left), child(right_rows, impurity_right))
    }
}
