//! Scores, curves and reports with scikit-learn's names and values.
//!
//! Classes are codes `0..n_classes` in ascending order of their labels ([`metria_core::Labels::encode`]). Where a score
//! is undefined, the functions return what scikit-learn returns (zero or NaN); nothing is printed.

mod calibration;
mod classification;
mod confusion;
mod ranking;
mod regression;
mod report;

pub use calibration::{BinStrategy, brier_score_loss, brier_score_loss_multiclass, calibration_curve, log_loss};
pub use classification::{
    Average, Averaged, ClassCounts, ZeroDivision, accuracy_score, balanced_accuracy_score, cohen_kappa_score,
    matthews_corrcoef,
};
pub use confusion::{Normalize, confusion_matrix, normalized};
pub use ranking::{
    Curve, auc, average_precision_score, dcg_score, ndcg_score, precision_recall_curve, roc_auc_score,
    roc_auc_score_ovo, roc_auc_score_ovr, roc_curve, top_k_accuracy_score,
};
pub use regression::RegressionScores;
pub use report::{ClassificationReport, ReportOptions, ReportRow, classification_report};

use crate::error::{Error, Result};

/// Checks two columns of equal, positive length, and weights if there are any.
fn check_lengths(first: usize, second: usize, weights: Option<&[f64]>) -> Result<()> {
    if first == 0 {
        return Err(Error::Data("a score needs at least one row".to_owned()));
    }
    for got in [Some(second), weights.map(<[f64]>::len)].into_iter().flatten() {
        if got != first {
            return Err(Error::Shape { what: "rows to score".to_owned(), expected: first, got });
        }
    }
    Ok(())
}

/// The weight of a row: one when there are no weights.
fn weight(weights: Option<&[f64]>, row: usize) -> f64 {
    weights.map_or(1.0, |weights| weights[row])
}
