//! Scaling numbers by median and quantiles, which outliers hardly move.

use super::checks::{Missing, check_fit, check_lengths, check_transform, never_zero};
use crate::error::{Error, Result};
use crate::matrix::Matrix;
use crate::numeric::normal;
use crate::numeric::quantile::{QuantileMethod, median, quantile, sorted_present};
use serde::{Deserialize, Serialize};

const OWNER: &str = "RobustScaler";

/// Subtracts the median of each column and divides by the distance of two quantiles. Missing values (NaN) are left out
/// of the fit and stay missing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RobustScaler {
    /// Whether the median is subtracted (default true).
    pub with_centering: bool,
    /// Whether is divided by the distance of the quantiles (default true).
    pub with_scaling: bool,
    /// The two quantiles in per cent, 0 to 100 (default 25 and 75).
    pub quantile_range: (f64, f64),
    /// Whether a normal distribution is scaled to variance 1 (default false).
    pub unit_variance: bool,
}

impl Default for RobustScaler {
    fn default() -> Self {
        Self { with_centering: true, with_scaling: true, quantile_range: (25.0, 75.0), unit_variance: false }
    }
}

/// A fitted [`RobustScaler`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FittedRobustScaler {
    /// Median of each column; 0 where nothing is subtracted.
    pub center: Vec<f64>,
    /// What each column is divided by; 1 where nothing is.
    pub scale: Vec<f64>,
}

impl RobustScaler {
    /// Learns median and quantiles of each column.
    ///
    /// # Errors
    /// Without rows or columns, for an infinite value, or for quantiles out of order or range.
    pub fn fit(&self, x: &Matrix<f64>) -> Result<FittedRobustScaler> {
        let (low, high) = self.quantile_range;
        if !(0.0 <= low && low <= high && high <= 100.0) {
            return Err(Error::Data(format!("Invalid quantile range: ({low}, {high})")));
        }
        check_fit(OWNER, x, Missing::Allowed)?;
        let normal_distance = normal::ppf(high / 100.0) - normal::ppf(low / 100.0);
        let (mut center, mut scale) = (Vec::new(), Vec::new());
        for j in 0..x.n_columns() {
            let sorted = sorted_present(x.column(j));
            let at = |percent: f64| quantile(&sorted, percent / 100.0, QuantileMethod::Linear);
            let distance = never_zero(at(high) - at(low));
            center.push(if self.with_centering { median(&sorted) } else { 0.0 });
            scale.push(match (self.with_scaling, self.unit_variance) {
                (false, _) => 1.0,
                (true, false) => distance,
                (true, true) => distance / normal_distance,
            });
        }
        Ok(FittedRobustScaler { center, scale })
    }
}

impl FittedRobustScaler {
    /// Scales each column.
    ///
    /// # Errors
    /// When the number of columns differs from that of the fit, or a value is infinite.
    pub fn transform(&self, x: &Matrix<f64>) -> Result<Matrix<f64>> {
        check_transform(OWNER, x, self.scale.len(), Missing::Allowed)?;
        Ok(x.map_cells(|j, value| self.scaled(j, value)))
    }

    /// The values before scaling.
    ///
    /// # Errors
    /// As [`Self::transform`].
    pub fn inverse_transform(&self, x: &Matrix<f64>) -> Result<Matrix<f64>> {
        check_transform(OWNER, x, self.scale.len(), Missing::Allowed)?;
        Ok(x.map_cells(|j, value| value * self.scale[j] + self.center[j]))
    }
    /// Checks what was read from outside, for `n_columns` columns.
    ///
    /// # Errors
    /// [`Error::Format`] when it belongs to another number of columns.
    pub(crate) fn validate(&self, n_columns: usize) -> Result<()> {
        check_lengths(&[&self.center, &self.scale], n_columns)
    }

    /// One value of column `j`, scaled.
    #[must_use]
    pub fn scaled(&self, j: usize, value: f64) -> f64 {
        (value - self.center[j]) / self.scale[j]
    }
}
