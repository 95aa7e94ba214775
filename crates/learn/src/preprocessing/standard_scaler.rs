//! Standardising numbers: mean 0, deviation 1.

use super::checks::{Missing, check_fit, check_lengths, check_transform};
use crate::error::Result;
use crate::matrix::Matrix;
use serde::{Deserialize, Serialize};

const OWNER: &str = "StandardScaler";

/// Subtracts the mean of each column and divides by its deviation. Missing values (NaN) are left out of both and stay
/// missing; a constant column is only centred.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StandardScaler {
    /// Whether the mean is subtracted (default true).
    pub with_mean: bool,
    /// Whether is divided by the deviation (default true).
    pub with_std: bool,
    /// Delta degrees of freedom of the deviation: 0 (default, scikit-learn) or 1 (the sample deviation).
    pub ddof: u8,
}

impl Default for StandardScaler {
    fn default() -> Self {
        Self { with_mean: true, with_std: true, ddof: 0 }
    }
}

/// A fitted [`StandardScaler`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FittedStandardScaler {
    /// Mean of each column; 0 where nothing is subtracted.
    pub mean: Vec<f64>,
    /// Variance of each column.
    pub var: Vec<f64>,
    /// What each column is divided by.
    pub scale: Vec<f64>,
}

impl StandardScaler {
    /// Learns mean and deviation of each column.
    ///
    /// # Errors
    /// Without rows or columns, or for an infinite value.
    pub fn fit(&self, x: &Matrix<f64>) -> Result<FittedStandardScaler> {
        check_fit(OWNER, x, Missing::Allowed)?;
        let (mut means, mut vars, mut scales) = (Vec::new(), Vec::new(), Vec::new());
        for j in 0..x.n_columns() {
            let (n, mean, var) = moments(x.column(j), f64::from(self.ddof));
            let constant = is_constant(n, mean, var);
            means.push(if self.with_mean { mean } else { 0.0 });
            vars.push(var);
            scales.push(if self.with_std && !constant { var.sqrt() } else { 1.0 });
        }
        Ok(FittedStandardScaler { mean: means, var: vars, scale: scales })
    }
}

/// Whether a variance is no more than rounding leaves of a constant.
pub(super) fn is_constant(n: f64, mean: f64, var: f64) -> bool {
    var <= n * f64::EPSILON * var + (n * mean * f64::EPSILON).powi(2)
}

/// Number, mean and variance of the values that are not missing. A column with none has mean and variance 0.
pub(super) fn moments(column: &[f64], ddof: f64) -> (f64, f64, f64) {
    let present = || column.iter().filter(|value| !value.is_nan());
    let n = present().count() as f64;
    if n == 0.0 {
        return (0.0, 0.0, 0.0);
    }
    let mean = present().sum::<f64>() / n;
    // The second sum corrects what rounding left in the mean.
    let (squares, rest) = present().fold((0.0, 0.0), |(squares, rest), value| {
        let difference = value - mean;
        (squares + difference * difference, rest + difference)
    });
    let freedom = n - ddof;
    let var = if freedom > 0.0 { (squares - rest * rest / n) / freedom } else { 0.0 };
    (n, mean, var)
}

impl FittedStandardScaler {
    /// Scales each column.
    ///
    /// # Errors
    /// When the number of columns differs from that of the fit, or a value is infinite.
    pub fn transform(&self, x: &Matrix<f64>) -> Result<Matrix<f64>> {
        check_transform(OWNER, x, self.mean.len(), Missing::Allowed)?;
        Ok(x.map_cells(|j, value| self.scaled(j, value)))
    }

    /// The values before scaling.
    ///
    /// # Errors
    /// As [`Self::transform`].
    pub fn inverse_transform(&self, x: &Matrix<f64>) -> Result<Matrix<f64>> {
        check_transform(OWNER, x, self.mean.len(), Missing::Allowed)?;
        Ok(x.map_cells(|j, value| value * self.scale[j] + self.mean[j]))
    }

    /// Checks what was read from outside, for `n_columns` columns.
    ///
    /// # Errors
    /// [`crate::Error::Format`] when it belongs to another number of columns.
    pub(crate) fn validate(&self, n_columns: usize) -> Result<()> {
        check_lengths(&[&self.mean, &self.var, &self.scale], n_columns)
    }

    /// One value of column `j`, scaled.
    #[must_use]
    pub fn scaled(&self, j: usize, value: f64) -> f64 {
        (value - self.mean[j]) / self.scale[j]
    }
}
