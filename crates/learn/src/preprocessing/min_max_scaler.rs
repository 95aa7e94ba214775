//! Scaling numbers to a range.

use super::checks::{Missing, check_fit, check_lengths, check_transform, never_zero};
use crate::error::{Error, Result};
use crate::matrix::Matrix;
use serde::{Deserialize, Serialize};

const OWNER: &str = "MinMaxScaler";

/// Moves and stretches each column so that its values fill a range. Missing values (NaN) are left out of the fit and
/// stay missing; a constant column goes to the lower end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MinMaxScaler {
    /// Lowest and highest value after scaling (default 0 and 1).
    pub feature_range: (f64, f64),
    /// Whether values outside the range of the fit are held at its ends (default false).
    pub clip: bool,
}

impl Default for MinMaxScaler {
    fn default() -> Self {
        Self { feature_range: (0.0, 1.0), clip: false }
    }
}

/// A fitted [`MinMaxScaler`]: `x * scale + min`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FittedMinMaxScaler {
    /// What each column is multiplied with.
    pub scale: Vec<f64>,
    /// What is added then.
    pub min: Vec<f64>,
    /// Lowest value of each column in the fit.
    pub data_min: Vec<f64>,
    /// Highest value of each column in the fit.
    pub data_max: Vec<f64>,
    /// The range that values are held in, if they are.
    pub clip: Option<(f64, f64)>,
}

impl MinMaxScaler {
    /// Learns the range of each column.
    ///
    /// # Errors
    /// Without rows or columns, for an infinite value, or when the range is empty.
    pub fn fit(&self, x: &Matrix<f64>) -> Result<FittedMinMaxScaler> {
        let (low, high) = self.feature_range;
        if low >= high || !low.is_finite() || !high.is_finite() {
            return Err(Error::Data(format!(
                "Minimum of desired feature range must be smaller than maximum. Got ({low}, {high})."
            )));
        }
        check_fit(OWNER, x, Missing::Allowed)?;
        let columns = || (0..x.n_columns()).map(|j| x.column(j).iter().copied());
        let data_min: Vec<f64> = columns().map(|column| column.fold(f64::NAN, f64::min)).collect();
        let data_max: Vec<f64> = columns().map(|column| column.fold(f64::NAN, f64::max)).collect();
        let ranges = data_min.iter().zip(&data_max).map(|(min, max)| max - min);
        let scale: Vec<f64> = ranges.map(|range| (high - low) / never_zero(range)).collect();
        let min = data_min.iter().zip(&scale).map(|(min, scale)| low - min * scale).collect();
        Ok(FittedMinMaxScaler { scale, min, data_min, data_max, clip: self.clip.then_some(self.feature_range) })
    }
}

impl FittedMinMaxScaler {
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
        Ok(x.map_cells(|j, value| (value - self.min[j]) / self.scale[j]))
    }
    /// Checks what was read from outside, for `n_columns` columns.
    ///
    /// # Errors
    /// [`Error::Format`] when it belongs to another number of columns.
    pub(crate) fn validate(&self, n_columns: usize) -> Result<()> {
        check_lengths(&[&self.scale, &self.min, &self.data_min, &self.data_max], n_columns)
    }

    /// One value of column `j`, scaled.
    #[must_use]
    pub fn scaled(&self, j: usize, value: f64) -> f64 {
        let scaled = value * self.scale[j] + self.min[j];
        match self.clip {
            Some((low, _)) if scaled < low => low,
            Some((_, high)) if scaled > high => high,
            _ => scaled,
        }
    }
}
