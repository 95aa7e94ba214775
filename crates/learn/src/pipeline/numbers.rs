//! Numbers as features: filled where they are missing, then scaled.

use crate::error::{Error, Result};
use crate::matrix::Matrix;
use crate::preprocessing::{
    FittedMaxAbsScaler, FittedMinMaxScaler, FittedRobustScaler, FittedStandardScaler, ImputerStrategy, MaxAbsScaler,
    MinMaxScaler, RobustScaler, SimpleImputer, StandardScaler,
};
use serde::{Deserialize, Serialize};

/// How columns of numbers become features, one feature each.
///
/// The scale is learned from the values that are there, as scikit-learn's scalers do with NaN, unless
/// `scale_on_filled` says otherwise. A column without any value counts as filled with 0 or the constant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Numbers {
    /// What a missing value is replaced by (default the mean).
    pub imputer: Imputer,
    /// How values are scaled then (default by mean and sample deviation).
    pub scaler: Scaler,
    /// Whether the scale is learned from the filled column, as by scikit-learn's pipeline of `SimpleImputer` and a scaler
    /// (default false).
    pub scale_on_filled: bool,
}

impl Default for Numbers {
    fn default() -> Self {
        let scaler = Scaler::Standard(StandardScaler { ddof: 1, ..StandardScaler::default() });
        Self { imputer: Imputer::Mean, scaler, scale_on_filled: false }
    }
}

/// What a missing number is replaced by; see [`SimpleImputer`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Imputer {
    /// Nothing: it stays missing (NaN).
    None,
    /// The mean of its column.
    #[default]
    Mean,
    /// The median.
    Median,
    /// The most frequent value, the least of several.
    MostFrequent,
    /// This number, before scaling.
    Constant(f64),
}

/// How numbers are scaled.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scaler {
    /// Not at all.
    None,
    /// By mean and deviation.
    Standard(StandardScaler),
    /// To a range.
    MinMax(MinMaxScaler),
    /// By median and quantiles.
    Robust(RobustScaler),
    /// By the largest absolute value.
    MaxAbs(MaxAbsScaler),
}

/// One fitted column of numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct FittedNumbers {
    scaler: FittedScaler,
    /// The feature of a missing value; NaN where it stays missing.
    missing: f64,
}

/// The scale of one column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum FittedScaler {
    None,
    Standard(FittedStandardScaler),
    MinMax(FittedMinMaxScaler),
    Robust(FittedRobustScaler),
    MaxAbs(FittedMaxAbsScaler),
}

impl Numbers {
    /// Numbers as they are, missing ones too.
    pub(super) fn untouched() -> Self {
        Self { imputer: Imputer::None, scaler: Scaler::None, scale_on_filled: false }
    }

    /// Learns fill value and scale of one column, with NaN for a missing value.
    pub(super) fn fit(&self, values: Vec<f64>) -> Result<FittedNumbers> {
        let column = Matrix::from_columns(values.len(), 1, values);
        let fill = self.imputer.fill_value(&column)?;
        let empty = column.column(0).iter().all(|value| value.is_nan());
        let scaler = if self.scale_on_filled || empty {
            self.scaler.fit(&column.map(|value| if value.is_nan() { fill } else { value }))?
        } else {
            self.scaler.fit(&column)?
        };
        // The scaler's own mean, if there is one, so that a missing value becomes 0 to the last bit.
        let fill = match (&self.imputer, &self.scaler, &scaler) {
            (Imputer::Mean, Scaler::Standard(settings), FittedScaler::Standard(scaler))
                if settings.with_mean && !self.scale_on_filled =>
            {
                scaler.mean[0]
            }
            _ => fill,
        };
        Ok(FittedNumbers { missing: scaler.scaled(fill), scaler })
    }
}

impl Imputer {
    /// What is filled in; NaN for nothing.
    fn fill_value(self, column: &Matrix<f64>) -> Result<f64> {
        let (strategy, fill_value) = match self {
            Self::None => return Ok(f64::NAN),
            Self::Mean => (ImputerStrategy::Mean, None),
            Self::Median => (ImputerStrategy::Median, None),
            Self::MostFrequent => (ImputerStrategy::MostFrequent, None),
            Self::Constant(value) => (ImputerStrategy::Constant, Some(value)),
        };
        if let Some(value) = fill_value.filter(|value| !value.is_finite()) {
            return Err(Error::Parameter {
                owner: "ColumnTransformer",
                name: "imputer".to_owned(),
                allowed: "none, mean, median, most_frequent or a finite constant".to_owned(),
                got: format!("the constant {value}"),
            });
        }
        let imputer = SimpleImputer { strategy, fill_value, add_indicator: false, keep_empty_features: true };
        Ok(imputer.fit(column)?.statistics[0].unwrap_or(f64::NAN))
    }
}

impl Scaler {
    fn fit(&self, column: &Matrix<f64>) -> Result<FittedScaler> {
        Ok(match self {
            Self::None => FittedScaler::None,
            Self::Standard(scaler) => FittedScaler::Standard(scaler.fit(column)?),
            Self::MinMax(scaler) => FittedScaler::MinMax(scaler.fit(column)?),
            Self::Robust(scaler) => FittedScaler::Robust(scaler.fit(column)?),
            Self::MaxAbs(scaler) => FittedScaler::MaxAbs(scaler.fit(column)?),
        })
    }
}

impl FittedScaler {
    fn scaled(&self, value: f64) -> f64 {
        match self {
            Self::None => value,
            Self::Standard(scaler) => scaler.scaled(0, value),
            Self::MinMax(scaler) => scaler.scaled(0, value),
            Self::Robust(scaler) => scaler.scaled(0, value),
            Self::MaxAbs(scaler) => scaler.scaled(0, value),
        }
    }
}

impl FittedNumbers {
    /// Standardised numbers whose missing values count as the mean.
    pub(super) fn standardised(scaler: FittedStandardScaler) -> Self {
        Self { scaler: FittedScaler::Standard(scaler), missing: 0.0 }
    }

    /// The feature of a number, NaN for a missing one.
    pub(super) fn feature(&self, value: f64) -> f64 {
        if value.is_nan() { self.missing } else { self.scaler.scaled(value) }
    }

    /// The feature of a missing value.
    pub(super) fn missing(&self) -> f64 {
        self.missing
    }

    /// Checks what was read from outside.
    pub(super) fn validate(&self) -> Result<()> {
        match &self.scaler {
            FittedScaler::None => Ok(()),
            FittedScaler::Standard(scaler) => scaler.validate(1),
            FittedScaler::MinMax(scaler) => scaler.validate(1),
            FittedScaler::Robust(scaler) => scaler.validate(1),
            FittedScaler::MaxAbs(scaler) => scaler.validate(1),
        }
    }
}
