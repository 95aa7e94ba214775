//! How well probabilities match what happened.

use super::{check_lengths, weight};
use crate::error::{Error, Result};

/// Mean negative log-likelihood; probabilities are kept `f64::EPSILON` away from 0 and 1.
///
/// # Errors
/// When `proba` does not have `n_classes` values for each row, or there are no rows.
pub fn log_loss(y_true: &[u32], proba: &[f64], n_classes: usize, sample_weight: Option<&[f64]>) -> Result<f64> {
    check_shape(y_true, proba, n_classes)?;
    check_lengths(y_true.len(), y_true.len(), sample_weight)?;
    let eps = f64::EPSILON;
    let loss = |row: usize| -proba[row * n_classes + y_true[row] as usize].clamp(eps, 1.0 - eps).ln();
    Ok(weighted_mean(y_true.len(), sample_weight, loss))
}

fn weighted_mean(n_rows: usize, sample_weight: Option<&[f64]>, term: impl Fn(usize) -> f64) -> f64 {
    let total: f64 = (0..n_rows).map(|row| weight(sample_weight, row)).sum();
    (0..n_rows).map(|row| weight(sample_weight, row) * term(row)).sum::<f64>() / total
}

/// Mean squared difference between the probability of the positive class and what happened.
///
/// # Errors
/// When lengths differ or there are no rows.
pub fn brier_score_loss(y_true: &[bool], proba: &[f64], sample_weight: Option<&[f64]>) -> Result<f64> {
    check_lengths(y_true.len(), proba.len(), sample_weight)?;
    let squared = |row: usize| (proba[row] - f64::from(u8::from(y_true[row]))).powi(2);
    Ok(weighted_mean(y_true.len(), sample_weight, squared))
}

/// Mean over the rows of the squared differences of all classes.
///
/// # Errors
/// As [`log_loss`].
pub fn brier_score_loss_multiclass(y_true: &[u32], proba: &[f64], n_classes: usize) -> Result<f64> {
    check_shape(y_true, proba, n_classes)?;
    let squared = |truth: u32, row: &[f64]| -> f64 {
        let happened = |class: usize| if class == truth as usize { 1.0 } else { 0.0 };
        row.iter().enumerate().map(|(class, p)| (p - happened(class)).powi(2)).sum()
    };
    let sum: f64 = y_true.iter().zip(proba.chunks(n_classes)).map(|(&truth, row)| squared(truth, row)).sum();
    Ok(sum / y_true.len() as f64)
}

fn check_shape(y_true: &[u32], proba: &[f64], n_classes: usize) -> Result<()> {
    if n_classes == 0 || proba.len() != y_true.len() * n_classes {
        let expected = y_true.len() * n_classes;
        return Err(Error::Shape { what: "probabilities".to_owned(), expected, got: proba.len() });
    }
    check_lengths(y_true.len(), y_true.len(), None)?;
    match y_true.iter().find(|&&truth| truth as usize >= n_classes) {
        Some(class) => Err(Error::Data(format!("classes must be below {n_classes}; got {class}"))),
        None => Ok(()),
    }
}

/// Where the bins of a calibration curve end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BinStrategy {
    /// Equal width.
    Uniform,
    /// Equal numbers of rows.
    Quantile,
}

/// For each bin that has rows: the share that was positive, and the mean probability.
///
/// # Errors
/// When lengths differ, there are no rows or bins, or a probability is outside [0, 1].
pub fn calibration_curve(
    y_true: &[bool],
    proba: &[f64],
    n_bins: usize,
    strategy: BinStrategy,
) -> Result<(Vec<f64>, Vec<f64>)> {
    check_lengths(y_true.len(), proba.len(), None)?;
    if n_bins == 0 {
        return Err(Error::Data("a calibration curve needs at least one bin".to_owned()));
    }
    if let Some(p) = proba.iter().find(|p| !(0.0..=1.0).contains(*p)) {
        return Err(Error::Data(format!("a probability must be in [0, 1]; got {p}")));
    }
    let shares = (0..=n_bins).map(|i| i as f64 / n_bins as f64);
    let edges: Vec<f64> = match strategy {
        BinStrategy::Uniform => shares.collect(),
        BinStrategy::Quantile => {
            let mut sorted = proba.to_vec();
            sorted.sort_unstable_by(f64::total_cmp);
            shares.map(|share| quantile(&sorted, share)).collect()
        }
    };
    let inner = &edges[1..n_bins];
    let mut bins = vec![(0.0, 0.0, 0.0); n_bins];
    for (&truth, &p) in y_true.iter().zip(proba) {
        let bin = &mut bins[inner.partition_point(|&edge| edge < p)];
        bin.0 += f64::from(u8::from(truth));
        bin.1 += p;
        bin.2 += 1.0;
    }
    Ok(bins.iter().filter(|bin| bin.2 > 0.0).map(|bin| (bin.0 / bin.2, bin.1 / bin.2)).unzip())
}

/// NumPy's linear quantile of sorted values.
pub(crate) fn quantile(sorted: &[f64], share: f64) -> f64 {
    let place = share * (sorted.len() - 1) as f64;
    let low = place.floor() as usize;
    let high = (low + 1).min(sorted.len() - 1);
    let t = place - low as f64;
    let (a, b) = (sorted[low], sorted[high]);
    // NumPy's lerp: from the nearer end, so that it is exact at both.
    if t >= 0.5 { b - (b - a) * (1.0 - t) } else { a + (b - a) * t }
}
