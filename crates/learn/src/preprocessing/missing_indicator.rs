//! Where values are missing, as columns of zeros and ones.

use super::checks::{check_n_features, check_not_empty, input_names};
use crate::error::{Error, Result};
use crate::matrix::Matrix;
use serde::{Deserialize, Serialize};

const OWNER: &str = "MissingIndicator";

/// Which input columns have an indicator.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IndicatedFeatures {
    /// Those with missing values in the fit.
    #[default]
    MissingOnly,
    /// All.
    All,
}

/// One column of zeros and ones for each input column: 1 where a value is missing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MissingIndicator {
    /// Which input columns have an indicator (default: those with missing values in the fit).
    pub features: IndicatedFeatures,
    /// Whether a missing value in a column that had none in the fit is an error (default true).
    pub error_on_new: bool,
}

impl Default for MissingIndicator {
    fn default() -> Self {
        Self { features: IndicatedFeatures::MissingOnly, error_on_new: true }
    }
}

/// A fitted [`MissingIndicator`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FittedMissingIndicator {
    /// The input columns that have an indicator.
    pub features: Vec<usize>,
    n_features: usize,
    error_on_new: bool,
}

impl MissingIndicator {
    /// Learns which columns have missing values (NaN).
    ///
    /// # Errors
    /// Without rows or columns.
    pub fn fit(&self, x: &Matrix<f64>) -> Result<FittedMissingIndicator> {
        self.fit_mask(&x.map(f64::is_nan))
    }

    /// Learns the same from a mask, true where a value is missing: for texts, `x.map(|text| text.is_none())`.
    ///
    /// # Errors
    /// Without rows or columns.
    pub fn fit_mask(&self, missing: &Matrix<bool>) -> Result<FittedMissingIndicator> {
        check_not_empty(OWNER, missing.n_rows(), missing.n_columns())?;
        let indicated = |&j: &usize| self.features == IndicatedFeatures::All || missing.column(j).contains(&true);
        let features = (0..missing.n_columns()).filter(indicated).collect();
        let error_on_new = self.error_on_new && self.features == IndicatedFeatures::MissingOnly;
        Ok(FittedMissingIndicator { features, n_features: missing.n_columns(), error_on_new })
    }
}

impl FittedMissingIndicator {
    /// 1 where a value is missing (NaN), 0 elsewhere.
    ///
    /// # Errors
    /// When the number of columns differs from that of the fit, or a value is missing where none was, if that is one.
    pub fn transform(&self, x: &Matrix<f64>) -> Result<Matrix<f64>> {
        self.transform_mask(&x.map(f64::is_nan))
    }

    /// The same from a mask, true where a value is missing.
    ///
    /// # Errors
    /// As [`Self::transform`].
    pub fn transform_mask(&self, missing: &Matrix<bool>) -> Result<Matrix<f64>> {
        check_n_features(OWNER, missing.n_columns(), self.n_features)?;
        let is_new = |j: &usize| !self.features.contains(j) && missing.column(*j).contains(&true);
        let new: Vec<usize> = (0..self.n_features).filter(is_new).collect();
        if self.error_on_new && !new.is_empty() {
            return Err(Error::Data(format!(
                "The features {new:?} have missing values in transform but have no missing values in fit."
            )));
        }
        Ok(missing.take_columns(&self.features).map(|missing| f64::from(u8::from(missing))))
    }

    /// Names of the output columns: `missingindicator_x0`.
    ///
    /// # Errors
    /// When there are not as many input names as input columns.
    pub fn feature_names_out(&self, input_features: Option<&[&str]>) -> Result<Vec<String>> {
        let names = input_names(self.n_features, input_features)?;
        Ok(self.features.iter().map(|&j| format!("missingindicator_{}", names[j])).collect())
    }
}
