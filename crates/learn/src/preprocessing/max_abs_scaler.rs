//! Scaling numbers by the largest of them, zero staying zero.

use super::checks::{Missing, check_fit, check_lengths, check_transform, never_zero};
use crate::error::Result;
use crate::matrix::Matrix;
use serde::{Deserialize, Serialize};

const OWNER: &str = "MaxAbsScaler";

/// Divides each column by its largest absolute value. Missing values (NaN) are left out of the fit and stay missing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MaxAbsScaler {
    /// Whether values beyond those of the fit are held at -1 and 1 (default false).
    pub clip: bool,
}

/// A fitted [`MaxAbsScaler`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FittedMaxAbsScaler {
    /// Largest absolute value of each column.
    pub max_abs: Vec<f64>,
    /// What each column is divided by.
    pub scale: Vec<f64>,
    /// Whether values are held at -1 and 1.
    pub clip: bool,
}

impl MaxAbsScaler {
    /// Learns the largest absolute value of each column.
    ///
    /// # Errors
    /// Without rows or columns, or for an infinite value.
    pub fn fit(&self, x: &Matrix<f64>) -> Result<FittedMaxAbsScaler> {
        check_fit(OWNER, x, Missing::Allowed)?;
        let largest = |j: usize| x.column(j).iter().map(|value| value.abs()).fold(f64::NAN, f64::max);
        let max_abs: Vec<f64> = (0..x.n_columns()).map(largest).collect();
        let scale = max_abs.iter().copied().map(never_zero).collect();
        Ok(FittedMaxAbsScaler { max_abs, scale, clip: self.clip })
    }
}

impl FittedMaxAbsScaler {
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
        Ok(x.map_cells(|j, value| value * self.scale[j]))
    }
    /// Checks what was read from outside, for `n_columns` columns.
    ///
    /// # Errors
    /// [`crate::Error::Format`] when it belongs to another number of columns.
    pub(crate) fn validate(&self, n_columns: usize) -> Result<()> {
        check_lengths(&[&self.max_abs, &self.scale], n_columns)
    }

    /// One value of column `j`, scaled.
    #[must_use]
    pub fn scaled(&self, j: usize, value: f64) -> f64 {
        let scaled = value / self.scale[j];
        if self.clip { scaled.clamp(-1.0, 1.0) } else { scaled }
    }
}
