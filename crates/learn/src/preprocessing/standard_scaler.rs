//! Standardising numbers: mean 0, deviation 1.

use crate::error::{Error, Result};
use crate::matrix::Matrix;
use serde::{Deserialize, Serialize};

/// Subtracts the mean of each column and divides by its deviation. Missing values (NaN) are left out of both and stay
/// missing; a constant column is only centred.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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
    /// Without rows.
    pub fn fit(&self, x: &Matrix<f64>) -> Result<FittedStandardScaler> {
        if x.n_rows() == 0 {
            return Err(Error::Data("StandardScaler needs at least one row; got none".to_owned()));
        }
        let (mut means, mut vars, mut scales) = (Vec::new(), Vec::new(), Vec::new());
        for j in 0..x.n_columns() {
            let (n, mean, var) = moments(x.column(j), f64::from(self.ddof));
            let constant = var <= n * f64::EPSILON * var + (n * mean * f64::EPSILON).powi(2);
            means.push(if self.with_mean { mean } else { 0.0 });
            vars.push(var);
            scales.push(if self.with_std && !constant { var.sqrt() } else { 1.0 });
        }
        Ok(FittedStandardScaler { mean: means, var: vars, scale: scales })
    }
}

/// Number, mean and variance of the values that are not missing. A column with none has mean and variance 0.
fn moments(column: &[f64], ddof: f64) -> (f64, f64, f64) {
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
    /// When the number of columns differs from that of the fit.
    pub fn transform(&self, x: &Matrix<f64>) -> Result<Matrix<f64>> {
        if x.n_columns() != self.mean.len() {
            return Err(Error::Shape { what: "columns".to_owned(), expected: self.mean.len(), got: x.n_columns() });
        }
        let scaled = |j: usize| x.column(j).iter().map(move |value| self.scaled(j, *value));
        let values = (0..x.n_columns()).flat_map(scaled).collect();
        Ok(Matrix::from_columns(x.n_rows(), x.n_columns(), values))
    }

    /// One value of column `j`, scaled.
    #[must_use]
    pub fn scaled(&self, j: usize, value: f64) -> f64 {
        (value - self.mean[j]) / self.scale[j]
    }
}
