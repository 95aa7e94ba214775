//! K-fold cross-validation, plain and with the classes in proportion.

use super::{Fold, check_enough_rows, check_n_splits, folds_from_assignment};
use crate::error::{Error, Result};
use crate::random::RandomState;

/// K folds of consecutive rows, or of shuffled ones.
#[derive(Clone, Debug)]
pub struct KFold {
    /// Number of folds, at least 2.
    pub n_splits: usize,
    /// Seed of the shuffle; rows keep their order without one.
    pub shuffle: Option<u32>,
}

impl KFold {
    /// Folds of consecutive rows.
    #[must_use]
    pub fn new(n_splits: usize) -> Self {
        Self { n_splits, shuffle: None }
    }

    /// Folds of shuffled rows.
    #[must_use]
    pub fn shuffled(self, seed: u32) -> Self {
        Self { shuffle: Some(seed), ..self }
    }

    /// The folds of `n_rows` rows.
    ///
    /// # Errors
    /// With fewer than two folds, or more folds than rows.
    pub fn split(&self, n_rows: usize) -> Result<Vec<Fold>> {
        check_n_splits("KFold", self.n_splits)?;
        check_enough_rows(self.n_splits, n_rows)?;
        let mut rows: Vec<usize> = (0..n_rows).collect();
        if let Some(seed) = self.shuffle {
            RandomState::new(seed).shuffle(&mut rows);
        }
        let mut fold_of_row = vec![0; n_rows];
        let (size, larger) = (n_rows / self.n_splits, n_rows % self.n_splits);
        let mut start = 0;
        for fold in 0..self.n_splits {
            let stop = start + size + usize::from(fold < larger);
            for &row in &rows[start..stop] {
                fold_of_row[row] = fold;
            }
            start = stop;
        }
        Ok(folds_from_assignment(&fold_of_row, self.n_splits))
    }
}

/// K folds in which each class has its share.
#[derive(Clone, Debug)]
pub struct StratifiedKFold {
    /// Number of folds, at least 2.
    pub n_splits: usize,
    /// Seed of the shuffle within each class; rows keep their order without one.
    pub shuffle: Option<u32>,
}

impl StratifiedKFold {
    /// Folds in row order.
    #[must_use]
    pub fn new(n_splits: usize) -> Self {
        Self { n_splits, shuffle: None }
    }

    /// Folds shuffled within each class.
    #[must_use]
    pub fn shuffled(self, seed: u32) -> Self {
        Self { shuffle: Some(seed), ..self }
    }

    /// The folds of rows with the given classes.
    ///
    /// # Errors
    /// With fewer than two folds, more folds than rows, or when every class has fewer rows than there are folds.
    pub fn split(&self, y: &[u32]) -> Result<Vec<Fold>> {
        check_n_splits("StratifiedKFold", self.n_splits)?;
        check_enough_rows(self.n_splits, y.len())?;
        let (codes, n_classes) = codes_by_appearance(y);
        let mut counts = vec![0_usize; n_classes];
        for &code in &codes {
            counts[code] += 1;
        }
        if counts.iter().all(|&count| self.n_splits > count) {
            return Err(Error::Data(format!(
                "n_splits={} cannot be greater than the number of members in each class.",
                self.n_splits
            )));
        }
        let allocation = self.allocation(&codes, n_classes);
        let mut generator = self.shuffle.map(RandomState::new);
        let mut fold_of_row = vec![0; y.len()];
        for class in 0..n_classes {
            let shares = allocation.iter().map(|classes| classes[class]).enumerate();
            let mut folds: Vec<usize> = shares.flat_map(|(fold, n)| std::iter::repeat_n(fold, n)).collect();
            if let Some(generator) = &mut generator {
                generator.shuffle(&mut folds);
            }
            let rows = (0..y.len()).filter(|&row| codes[row] == class);
            for (row, fold) in rows.zip(folds) {
                fold_of_row[row] = fold;
            }
        }
        Ok(folds_from_assignment(&fold_of_row, self.n_splits))
    }

    /// How many rows of each class each fold gets: the sorted classes dealt out like cards.
    fn allocation(&self, codes: &[usize], n_classes: usize) -> Vec<Vec<usize>> {
        let mut sorted = codes.to_vec();
        sorted.sort_unstable();
        let mut allocation = vec![vec![0; n_classes]; self.n_splits];
        for (place, &code) in sorted.iter().enumerate() {
            allocation[place % self.n_splits][code] += 1;
        }
        allocation
    }
}

/// Classes numbered in the order in which they first appear.
pub(super) fn codes_by_appearance(y: &[u32]) -> (Vec<usize>, usize) {
    let mut seen = std::collections::HashMap::new();
    let codes = y
        .iter()
        .map(|&class| {
            let next = seen.len();
            *seen.entry(class).or_insert(next)
        })
        .collect();
    (codes, seen.len())
}
