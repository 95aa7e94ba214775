//! Cross-validation that never looks into the future.

use super::Fold;
use crate::error::{Error, Result};

/// Growing training parts, each followed by the rows that come next.
#[derive(Clone, Debug)]
pub struct TimeSeriesSplit {
    /// Number of cuts, at least 2.
    pub n_splits: usize,
    /// Most rows in a training part; the oldest are left out.
    pub max_train_size: Option<usize>,
    /// Rows in each test part; `n_rows / (n_splits + 1)` when not given.
    pub test_size: Option<usize>,
    /// Rows left out between training and test part.
    pub gap: usize,
}

impl TimeSeriesSplit {
    /// Cuts without a gap and without limits.
    #[must_use]
    pub fn new(n_splits: usize) -> Self {
        Self { n_splits, max_train_size: None, test_size: None, gap: 0 }
    }

    /// The cuts of `n_rows` rows in time order.
    ///
    /// # Errors
    /// When there are too few rows for the cuts.
    pub fn split(&self, n_rows: usize) -> Result<Vec<Fold>> {
        super::check_n_splits("TimeSeriesSplit", self.n_splits)?;
        let n_folds = self.n_splits + 1;
        if n_folds > n_rows {
            return Err(Error::Data(format!(
                "Cannot have number of folds={n_folds} greater than the number of samples={n_rows}."
            )));
        }
        let test_size = self.test_size.unwrap_or(n_rows / n_folds);
        let needed = self.gap + test_size * self.n_splits;
        if needed >= n_rows {
            return Err(Error::Data(format!(
                "Too many splits={} for number of samples={n_rows} with test_size={test_size} and gap={}.",
                self.n_splits, self.gap
            )));
        }
        let first = n_rows - self.n_splits * test_size;
        Ok((0..self.n_splits)
            .map(|split| {
                let start = first + split * test_size;
                let end = start - self.gap;
                let begin = self.max_train_size.map_or(0, |most| end.saturating_sub(most));
                Fold { train: (begin..end).collect(), test: (start..start + test_size).collect() }
            })
            .collect())
    }
}
