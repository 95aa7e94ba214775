//! Cross-validation that keeps groups of rows together.

use super::k_fold::codes_by_appearance;
use super::{Fold, check_n_splits, check_same_length, codes_ascending, folds_from_assignment};
use crate::error::{Error, Result};
use crate::random::RandomState;

/// K folds of about equal size in which no group is in two folds.
#[derive(Clone, Debug)]
pub struct GroupKFold {
    /// Number of folds, at least 2.
    pub n_splits: usize,
}

impl GroupKFold {
    /// Folds of whole groups.
    #[must_use]
    pub fn new(n_splits: usize) -> Self {
        Self { n_splits }
    }

    /// The folds of rows with the given groups: the heaviest group goes to the lightest fold.
    ///
    /// # Errors
    /// With fewer than two folds, or more folds than groups.
    pub fn split<G: Ord>(&self, groups: &[G]) -> Result<Vec<Fold>> {
        check_n_splits("GroupKFold", self.n_splits)?;
        let (codes, n_groups) = codes_ascending(groups);
        if self.n_splits > n_groups {
            return Err(Error::Data(format!(
                "Cannot have number of splits n_splits={} greater than the number of groups: {n_groups}.",
                self.n_splits
            )));
        }
        let mut sizes = vec![0_usize; n_groups];
        for &code in &codes {
            sizes[code] += 1;
        }
        let mut order: Vec<usize> = (0..n_groups).collect();
        order.sort_by_key(|&group| sizes[group]);
        let mut fold_sizes = vec![0_usize; self.n_splits];
        let mut fold_of_group = vec![0; n_groups];
        for &group in order.iter().rev() {
            let lightest = (0..self.n_splits).min_by_key(|&fold| fold_sizes[fold]).unwrap_or(0);
            fold_sizes[lightest] += sizes[group];
            fold_of_group[group] = lightest;
        }
        let fold_of_row: Vec<usize> = codes.iter().map(|&code| fold_of_group[code]).collect();
        Ok(folds_from_assignment(&fold_of_row, self.n_splits))
    }
}

/// One fold a group, groups ascending.
#[derive(Clone, Copy, Debug, Default)]
pub struct LeaveOneGroupOut;

impl LeaveOneGroupOut {
    /// The folds of rows with the given groups.
    ///
    /// # Errors
    /// With fewer than two groups.
    pub fn split<G: Ord>(&self, groups: &[G]) -> Result<Vec<Fold>> {
        let (codes, n_groups) = codes_ascending(groups);
        if n_groups <= 1 {
            return Err(Error::Data(format!(
                "The groups parameter contains fewer than 2 unique groups ({n_groups}). LeaveOneGroupOut expects at least 2."
            )));
        }
        Ok(folds_from_assignment(&codes, n_groups))
    }
}

/// K folds that keep groups together and the classes as much in proportion as that allows.
#[derive(Clone, Debug)]
pub struct StratifiedGroupKFold {
    /// Number of folds, at least 2.
    pub n_splits: usize,
    /// Seed of the shuffle of the groups; they keep their order without one.
    pub shuffle: Option<u32>,
}

impl StratifiedGroupKFold {
    /// Folds without a shuffle.
    #[must_use]
    pub fn new(n_splits: usize) -> Self {
        Self { n_splits, shuffle: None }
    }

    /// The folds of rows with the given classes and groups.
    ///
    /// # Errors
    /// With fewer than two folds, or when every class has fewer rows than there are folds.
    pub fn split<G: Ord>(&self, y: &[u32], groups: &[G]) -> Result<Vec<Fold>> {
        check_n_splits("StratifiedGroupKFold", self.n_splits)?;
        check_same_length("groups", y.len(), groups.len())?;
        let (classes, n_classes) = codes_by_appearance(y);
        let (groups, n_groups) = codes_ascending(groups);
        let mut class_totals = vec![0.0; n_classes];
        let mut group_counts = vec![vec![0.0; n_classes]; n_groups];
        for (&class, &group) in classes.iter().zip(&groups) {
            class_totals[class] += 1.0;
            group_counts[group][class] += 1.0;
        }
        if class_totals.iter().all(|&total| self.n_splits as f64 > total) {
            return Err(Error::Data(format!(
                "n_splits={} cannot be greater than the number of members in each class.",
                self.n_splits
            )));
        }
        let fold_of_group = self.assign(&group_counts, &class_totals);
        let fold_of_row: Vec<usize> = groups.iter().map(|&group| fold_of_group[group]).collect();
        Ok(folds_from_assignment(&fold_of_row, self.n_splits))
    }

    /// Groups with the most uneven classes first, each to the fold where the shares stay the most even.
    fn assign(&self, group_counts: &[Vec<f64>], class_totals: &[f64]) -> Vec<usize> {
        let mut order: Vec<usize> = (0..group_counts.len()).collect();
        if let Some(seed) = self.shuffle {
            RandomState::new(seed).shuffle(&mut order);
        }
        let spread: Vec<f64> = group_counts.iter().map(|counts| deviation(counts)).collect();
        order.sort_by(|&a, &b| spread[b].total_cmp(&spread[a]));
        let mut folds = vec![vec![0.0; class_totals.len()]; self.n_splits];
        let mut fold_of_group = vec![0; group_counts.len()];
        for group in order {
            let best = self.best_fold(&mut folds, &group_counts[group], class_totals);
            add(&mut folds[best], &group_counts[group], 1.0);
            fold_of_group[group] = best;
        }
        fold_of_group
    }

    fn best_fold(&self, folds: &mut [Vec<f64>], counts: &[f64], class_totals: &[f64]) -> usize {
        let (mut best, mut least, mut fewest) = (0, f64::INFINITY, f64::INFINITY);
        for fold in 0..self.n_splits {
            add(&mut folds[fold], counts, 1.0);
            let unevenness = class_totals
                .iter()
                .enumerate()
                .map(|(class, total)| {
                    let shares: Vec<f64> = folds.iter().map(|counts| counts[class] / total).collect();
                    deviation(&shares)
                })
                .sum::<f64>()
                / class_totals.len() as f64;
            let rows: f64 = folds[fold].iter().sum();
            add(&mut folds[fold], counts, -1.0);
            let level = (unevenness - least).abs() <= 1e-8 + 1e-5 * least.abs();
            if unevenness < least || (level && rows < fewest) {
                (best, least, fewest) = (fold, unevenness, rows);
            }
        }
        best
    }
}

fn add(total: &mut [f64], counts: &[f64], sign: f64) {
    for (sum, count) in total.iter_mut().zip(counts) {
        *sum += sign * count;
    }
}

/// Population standard deviation.
fn deviation(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / n).sqrt()
}
