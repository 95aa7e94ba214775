//! Filling in missing values.

use super::checks::{Missing, check_fit, check_n_features, check_not_empty, check_transform, input_names};
use super::missing_indicator::{FittedMissingIndicator, IndicatedFeatures, MissingIndicator};
use crate::error::{Error, Result};
use crate::matrix::Matrix;
use crate::numeric::mean;
use crate::numeric::quantile::{median, sorted_present};
use serde::{Deserialize, Serialize};

const OWNER: &str = "SimpleImputer";

/// What texts are filled with when nothing else is said.
const MISSING_TEXT: &str = "missing_value";

/// What a missing value is replaced by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ImputerStrategy {
    /// The mean of the column (numbers only).
    #[default]
    Mean,
    /// Its median (numbers only).
    Median,
    /// Its most frequent value, the least of several.
    MostFrequent,
    /// The fill value.
    Constant,
}

/// Replaces missing values: NaN in numbers (`SimpleImputer<f64>`), `None` in texts (`SimpleImputer<String>`). A column
/// that had no values in the fit is left out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SimpleImputer<T = f64> {
    /// What a missing value is replaced by (default the mean; for texts choose another).
    pub strategy: ImputerStrategy,
    /// The value of the strategy `constant` (default 0, for texts "missing_value").
    pub fill_value: Option<T>,
    /// Whether columns of zeros and ones tell where values were missing (default false; numbers only).
    pub add_indicator: bool,
    /// Whether a column without values is kept, filled with 0 or the fill value (default false).
    pub keep_empty_features: bool,
}

impl<T> Default for SimpleImputer<T> {
    fn default() -> Self {
        Self { strategy: ImputerStrategy::Mean, fill_value: None, add_indicator: false, keep_empty_features: false }
    }
}

/// A fitted [`SimpleImputer`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FittedSimpleImputer<T = f64> {
    /// What is filled in for each column; none for a column that is left out.
    pub statistics: Vec<Option<T>>,
    /// Where values are missing, if that is told.
    pub indicator: Option<FittedMissingIndicator>,
}

impl SimpleImputer<f64> {
    /// Learns what to fill in.
    ///
    /// # Errors
    /// Without rows or columns, or for an infinite value.
    pub fn fit(&self, x: &Matrix<f64>) -> Result<FittedSimpleImputer<f64>> {
        check_fit(OWNER, x, Missing::Allowed)?;
        let statistics = (0..x.n_columns()).map(|j| self.statistic(&sorted_present(x.column(j)))).collect();
        let indicator = MissingIndicator { features: IndicatedFeatures::MissingOnly, error_on_new: false };
        let indicator = if self.add_indicator { Some(indicator.fit(x)?) } else { None };
        Ok(FittedSimpleImputer { statistics, indicator })
    }

    fn statistic(&self, sorted: &[f64]) -> Option<f64> {
        let fill_value = self.fill_value.unwrap_or(0.0);
        match (sorted, self.strategy) {
            ([], ImputerStrategy::Constant) => self.keep_empty_features.then_some(fill_value),
            ([], _) => self.keep_empty_features.then_some(0.0),
            (_, ImputerStrategy::Mean) => Some(mean(sorted)),
            (_, ImputerStrategy::Median) => Some(median(sorted)),
            (_, ImputerStrategy::MostFrequent) => longest_run(sorted),
            (_, ImputerStrategy::Constant) => Some(fill_value),
        }
    }
}

/// The first of the longest runs of equal values.
fn longest_run<T: PartialEq + Copy>(sorted: &[T]) -> Option<T> {
    let runs = sorted.chunk_by(|a, b| a == b);
    runs.rev().max_by_key(|run| run.len()).map(|run| run[0])
}

impl<T> FittedSimpleImputer<T> {
    /// The input columns that are kept.
    fn kept(&self) -> Vec<usize> {
        (0..self.statistics.len()).filter(|&j| self.statistics[j].is_some()).collect()
    }

    /// Names of the output columns: those of the kept input columns, then those of the indicators.
    ///
    /// # Errors
    /// When there are not as many input names as input columns.
    pub fn feature_names_out(&self, input_features: Option<&[&str]>) -> Result<Vec<String>> {
        let names = input_names(self.statistics.len(), input_features)?;
        let kept = self.kept().into_iter().map(|j| names[j].clone());
        let indicators = match &self.indicator {
            Some(indicator) => indicator.feature_names_out(input_features)?,
            None => Vec::new(),
        };
        Ok(kept.chain(indicators).collect())
    }
}

impl FittedSimpleImputer<f64> {
    /// Fills in the missing values.
    ///
    /// # Errors
    /// When the number of columns differs from that of the fit, or a value is infinite.
    pub fn transform(&self, x: &Matrix<f64>) -> Result<Matrix<f64>> {
        check_transform(OWNER, x, self.statistics.len(), Missing::Allowed)?;
        let fill = |j: usize, value: f64| if value.is_nan() { self.statistics[j].unwrap_or(value) } else { value };
        let filled = x.map_cells(fill).take_columns(&self.kept());
        match &self.indicator {
            Some(indicator) => Ok(filled.beside(&indicator.transform(x)?)),
            None => Ok(filled),
        }
    }

    /// The values with the missing ones missing again; a column that was left out is missing throughout.
    ///
    /// # Errors
    /// Without indicators, or when the number of columns differs from that of the output.
    pub fn inverse_transform(&self, x: &Matrix<f64>) -> Result<Matrix<f64>> {
        let Some(indicator) = &self.indicator else {
            return Err(Error::Data(
                "'inverse_transform' works only when 'SimpleImputer' is instantiated with 'add_indicator=True'."
                    .to_owned(),
            ));
        };
        let kept = self.kept();
        check_n_features(OWNER, x.n_columns(), kept.len() + indicator.features.len())?;
        let n_features = self.statistics.len();
        let mut original = Matrix::from_columns(x.n_rows(), n_features, vec![f64::NAN; x.n_rows() * n_features]);
        for (place, &j) in kept.iter().enumerate() {
            original.column_mut(j).copy_from_slice(x.column(place));
        }
        for (place, &j) in indicator.features.iter().enumerate() {
            let missing = x.column(kept.len() + place);
            for (value, _) in original.column_mut(j).iter_mut().zip(missing).filter(|(_, missing)| **missing != 0.0) {
                *value = f64::NAN;
            }
        }
        Ok(original)
    }
}

impl SimpleImputer<String> {
    /// Learns what to fill in.
    ///
    /// # Errors
    /// Without rows or columns, or for a strategy or setting that needs numbers.
    pub fn fit(&self, x: &Matrix<Option<&str>>) -> Result<FittedSimpleImputer<String>> {
        if matches!(self.strategy, ImputerStrategy::Mean | ImputerStrategy::Median) {
            let strategy = if self.strategy == ImputerStrategy::Mean { "mean" } else { "median" };
            return Err(Error::Data(format!(
                "Cannot use {strategy} strategy with non-numeric data; choose most_frequent or constant"
            )));
        }
        if self.add_indicator {
            return Err(Error::Data(
                "add_indicator needs numbers; for texts use MissingIndicator beside SimpleImputer".to_owned(),
            ));
        }
        check_not_empty(OWNER, x.n_rows(), x.n_columns())?;
        let statistics = (0..x.n_columns()).map(|j| self.statistic(x.column(j))).collect();
        Ok(FittedSimpleImputer { statistics, indicator: None })
    }

    fn statistic(&self, column: &[Option<&str>]) -> Option<String> {
        let mut sorted: Vec<&str> = column.iter().copied().flatten().collect();
        sorted.sort_unstable();
        let fill_value = self.fill_value.as_deref().unwrap_or(MISSING_TEXT);
        let text = match (sorted.as_slice(), self.strategy) {
            ([], _) => self.keep_empty_features.then_some(fill_value),
            (sorted, ImputerStrategy::MostFrequent) => longest_run(sorted),
            _ => Some(fill_value),
        };
        text.map(str::to_owned)
    }
}

impl FittedSimpleImputer<String> {
    /// Fills in the missing texts.
    ///
    /// # Errors
    /// When the number of columns differs from that of the fit.
    pub fn transform<'a>(&'a self, x: &Matrix<Option<&'a str>>) -> Result<Matrix<&'a str>> {
        check_n_features(OWNER, x.n_columns(), self.statistics.len())?;
        let filled = x.map_cells(|j, text| text.or(self.statistics[j].as_deref()).unwrap_or_default());
        Ok(filled.take_columns(&self.kept()))
    }
}
