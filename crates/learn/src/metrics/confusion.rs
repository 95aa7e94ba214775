//! The confusion matrix.

use super::{check_lengths, weight};
use crate::error::{Error, Result};

/// What the entries of a confusion matrix are divided by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Normalize {
    /// The row's sum: shares of each true class.
    True,
    /// The column's sum: shares of each predicted class.
    Pred,
    /// The sum of all.
    All,
}

/// Weight of the rows of each true class (down) predicted as each class (across).
///
/// # Errors
/// When lengths differ, there are no rows, or a class is out of range.
pub fn confusion_matrix(
    y_true: &[u32],
    y_pred: &[u32],
    n_classes: usize,
    sample_weight: Option<&[f64]>,
) -> Result<Vec<Vec<f64>>> {
    check_lengths(y_true.len(), y_pred.len(), sample_weight)?;
    let mut matrix = vec![vec![0.0; n_classes]; n_classes];
    for (row, (&truth, &prediction)) in y_true.iter().zip(y_pred).enumerate() {
        let cell = matrix.get_mut(truth as usize).and_then(|line| line.get_mut(prediction as usize));
        let Some(cell) = cell else {
            return Err(Error::Data(format!(
                "classes must be below {n_classes}; row {row} has {truth}, predicted {prediction}"
            )));
        };
        *cell += weight(sample_weight, row);
    }
    Ok(matrix)
}

/// A matrix divided by its sums; an empty row or column stays zero.
#[must_use]
pub fn normalized(matrix: &[Vec<f64>], how: Normalize) -> Vec<Vec<f64>> {
    let total: f64 = matrix.iter().flatten().sum();
    let column = |j: usize| matrix.iter().map(|row| row[j]).sum::<f64>();
    let share = |value: f64, sum: f64| if sum == 0.0 { 0.0 } else { value / sum };
    matrix
        .iter()
        .map(|row| {
            let row_sum: f64 = row.iter().sum();
            let cells = row.iter().enumerate().map(|(j, &value)| match how {
                Normalize::True => share(value, row_sum),
                Normalize::Pred => share(value, column(j)),
                Normalize::All => share(value, total),
            });
            cells.collect()
        })
        .collect()
}
