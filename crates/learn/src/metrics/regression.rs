//! Scores of number predictions.

use super::{check_lengths, weight};
use crate::error::Result;

/// Targets, predictions and weights, checked once; each method is one score.
#[derive(Clone, Copy, Debug)]
pub struct RegressionScores<'a> {
    y_true: &'a [f64],
    y_pred: &'a [f64],
    sample_weight: Option<&'a [f64]>,
}

impl<'a> RegressionScores<'a> {
    /// Checks lengths.
    ///
    /// # Errors
    /// When lengths differ or there are no rows.
    pub fn new(y_true: &'a [f64], y_pred: &'a [f64], sample_weight: Option<&'a [f64]>) -> Result<Self> {
        check_lengths(y_true.len(), y_pred.len(), sample_weight)?;
        Ok(Self { y_true, y_pred, sample_weight })
    }

    /// The weighted mean of a term of each row.
    fn mean(&self, term: impl Fn(f64, f64) -> f64) -> f64 {
        let (mut sum, mut total) = (0.0, 0.0);
        for (row, (&truth, &prediction)) in self.y_true.iter().zip(self.y_pred).enumerate() {
            let weight = weight(self.sample_weight, row);
            sum += weight * term(truth, prediction);
            total += weight;
        }
        sum / total
    }

    /// `mean_squared_error`.
    #[must_use]
    pub fn mean_squared_error(&self) -> f64 {
        self.mean(|truth, prediction| (truth - prediction).powi(2))
    }

    /// `root_mean_squared_error`.
    #[must_use]
    pub fn root_mean_squared_error(&self) -> f64 {
        self.mean_squared_error().sqrt()
    }

    /// `mean_absolute_error`.
    #[must_use]
    pub fn mean_absolute_error(&self) -> f64 {
        self.mean(|truth, prediction| (truth - prediction).abs())
    }

    /// `mean_absolute_percentage_error`, as a share.
    #[must_use]
    pub fn mean_absolute_percentage_error(&self) -> f64 {
        self.mean(|truth, prediction| (truth - prediction).abs() / truth.abs().max(f64::EPSILON))
    }

    /// `median_absolute_error`; with weights, the weighted median.
    #[must_use]
    pub fn median_absolute_error(&self) -> f64 {
        let errors: Vec<f64> = self.y_true.iter().zip(self.y_pred).map(|(truth, p)| (truth - p).abs()).collect();
        weighted_median(&errors, self.sample_weight)
    }

    /// `max_error`.
    #[must_use]
    pub fn max_error(&self) -> f64 {
        self.y_true.iter().zip(self.y_pred).map(|(truth, p)| (truth - p).abs()).fold(0.0, f64::max)
    }

    /// `mean_pinball_loss` at the quantile `alpha`.
    #[must_use]
    pub fn mean_pinball_loss(&self, alpha: f64) -> f64 {
        self.mean(|truth, prediction| {
            let difference = truth - prediction;
            if difference >= 0.0 { alpha * difference } else { (alpha - 1.0) * difference }
        })
    }

    /// `r2_score`; a constant target gives 1 for a perfect and 0 for any other prediction.
    #[must_use]
    pub fn r2_score(&self) -> f64 {
        let mean = self.mean(|truth, _| truth);
        share_explained(self.mean_squared_error(), self.mean(|truth, _| (truth - mean).powi(2)))
    }

    /// `explained_variance_score`.
    #[must_use]
    pub fn explained_variance_score(&self) -> f64 {
        let mean_error = self.mean(|truth, prediction| truth - prediction);
        let mean = self.mean(|truth, _| truth);
        let unexplained = self.mean(|truth, prediction| (truth - prediction - mean_error).powi(2));
        share_explained(unexplained, self.mean(|truth, _| (truth - mean).powi(2)))
    }

    /// `d2_absolute_error_score`: the share of the absolute error of the median that is explained.
    #[must_use]
    pub fn d2_absolute_error_score(&self) -> f64 {
        let median = weighted_median(self.y_true, self.sample_weight);
        share_explained(self.mean_absolute_error(), self.mean(|truth, _| (truth - median).abs()))
    }
}

fn share_explained(unexplained: f64, total: f64) -> f64 {
    match (unexplained == 0.0, total == 0.0) {
        (true, _) => 1.0,
        (false, true) => 0.0,
        (false, false) => 1.0 - unexplained / total,
    }
}

/// The mean of the lower and the upper weighted median.
fn weighted_median(values: &[f64], weights: Option<&[f64]>) -> f64 {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let total: f64 = order.iter().map(|&row| weight(weights, row)).sum();
    let half = 0.5 * total;
    let mut sum = 0.0;
    for (place, &row) in order.iter().enumerate() {
        sum += weight(weights, row);
        if (sum - half).abs() <= f64::EPSILON * total {
            let next = order.get(place + 1).copied().unwrap_or(row);
            return f64::midpoint(values[row], values[next]);
        }
        if sum > half {
            return values[row];
        }
    }
    f64::NAN
}
