//! Cutting data into training and validation parts, index for index as scikit-learn does.

mod group;
mod k_fold;
mod shuffle;
mod time_series;

pub use group::{GroupKFold, LeaveOneGroupOut, StratifiedGroupKFold};
pub use k_fold::{KFold, StratifiedKFold};
pub use shuffle::{ShuffleSplit, train_test_split};
pub use time_series::TimeSeriesSplit;

use crate::error::{Error, Result};

/// One cut: rows to train on and rows to validate on, both ascending unless the splitter says otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fold {
    /// Rows of the training part.
    pub train: Vec<usize>,
    /// Rows of the validation part.
    pub test: Vec<usize>,
}

/// The folds of rows that each know the one fold in which they are validated.
fn folds_from_assignment(fold_of_row: &[usize], n_splits: usize) -> Vec<Fold> {
    (0..n_splits)
        .map(|fold| {
            let (test, train) = (0..fold_of_row.len()).partition(|&row| fold_of_row[row] == fold);
            Fold { train, test }
        })
        .collect()
}

fn check_n_splits(owner: &'static str, n_splits: usize) -> Result<()> {
    if n_splits >= 2 {
        return Ok(());
    }
    Err(Error::Data(format!(
        "k-fold cross-validation requires at least one train/test split by setting n_splits=2 or more, got {owner} with n_splits={n_splits}."
    )))
}

fn check_enough_rows(n_splits: usize, n_rows: usize) -> Result<()> {
    if n_splits <= n_rows {
        return Ok(());
    }
    Err(Error::Data(format!(
        "Cannot have number of splits n_splits={n_splits} greater than the number of samples: n_samples={n_rows}."
    )))
}

fn check_same_length(what: &str, expected: usize, got: usize) -> Result<()> {
    if expected == got {
        return Ok(());
    }
    Err(Error::Shape { what: what.to_owned(), expected, got })
}

/// Values as codes `0..n` in ascending order of the values (`np.unique(..., return_inverse=True)`), and n.
fn codes_ascending<T: Ord>(values: &[T]) -> (Vec<usize>, usize) {
    let mut distinct: Vec<&T> = values.iter().collect();
    distinct.sort_unstable();
    distinct.dedup();
    let code = |value: &T| distinct.binary_search(&value).expect("every value is among the distinct ones");
    (values.iter().map(code).collect(), distinct.len())
}
