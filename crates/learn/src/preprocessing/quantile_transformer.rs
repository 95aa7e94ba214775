//! Spreading numbers evenly, or as a normal distribution, by way of their quantiles.

use super::checks::{Missing, check_fit, check_transform};
use crate::error::{Error, Result};
use crate::matrix::Matrix;
use crate::numeric::quantile::{QuantileMethod, quantile, sorted_present};
use crate::numeric::{linspace, normal};
use crate::random::RandomState;
use serde::{Deserialize, Serialize};

const OWNER: &str = "QuantileTransformer";

/// Values this near to the ends of the fit count as the ends, when they are spread as a normal distribution.
const BOUNDS_THRESHOLD: f64 = 1e-7;

/// The distribution after the transformation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutputDistribution {
    /// Even between 0 and 1.
    #[default]
    Uniform,
    /// Normal, with mean 0 and variance 1.
    Normal,
}

/// Replaces each value by its place in the distribution of its column. Missing values (NaN) are left out of the fit and
/// stay missing; values beyond those of the fit go to the ends.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct QuantileTransformer {
    /// Quantiles that are learned, at least 1; at most one for each row (default 1000).
    pub n_quantiles: usize,
    /// The distribution after the transformation (default uniform).
    pub output_distribution: OutputDistribution,
    /// Most rows that the quantiles are learned from; others are drawn out (default 10,000; none for all).
    pub subsample: Option<usize>,
    /// Seed of that draw (default 0).
    pub random_state: u32,
}

impl Default for QuantileTransformer {
    fn default() -> Self {
        Self {
            n_quantiles: 1000,
            output_distribution: OutputDistribution::Uniform,
            subsample: Some(10_000),
            random_state: 0,
        }
    }
}

/// A fitted [`QuantileTransformer`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FittedQuantileTransformer {
    /// Shares that the quantiles stand for, from 0 to 1.
    pub references: Vec<f64>,
    /// Quantiles of each column, ascending.
    pub quantiles: Vec<Vec<f64>>,
    /// The distribution after the transformation.
    pub output_distribution: OutputDistribution,
}

impl QuantileTransformer {
    /// Learns the quantiles of each column.
    ///
    /// # Errors
    /// Without rows or columns, for an infinite value, or for a setting out of range.
    pub fn fit(&self, x: &Matrix<f64>) -> Result<FittedQuantileTransformer> {
        self.check()?;
        check_fit(OWNER, x, Missing::Allowed)?;
        let n_quantiles = self.n_quantiles.min(x.n_rows());
        let references = linspace(0.0, 1.0, n_quantiles);
        let sample = match self.subsample {
            Some(n) if n < x.n_rows() => {
                let mut generator = RandomState::new(self.random_state);
                Some(x.take_rows(&generator.choice_without_replacement(x.n_rows(), n)))
            }
            _ => None,
        };
        let x = sample.as_ref().unwrap_or(x);
        let quantiles = |j: usize| {
            let sorted = sorted_present(x.column(j));
            // By way of per cents, as NumPy's percentiles are asked for.
            let at = |share: &f64| quantile(&sorted, share * 100.0 / 100.0, QuantileMethod::Linear);
            references.iter().map(at).collect()
        };
        let quantiles = (0..x.n_columns()).map(quantiles).collect();
        Ok(FittedQuantileTransformer { references, quantiles, output_distribution: self.output_distribution })
    }

    fn check(&self) -> Result<()> {
        for (name, value) in [("n_quantiles", Some(self.n_quantiles)), ("subsample", self.subsample)] {
            if value == Some(0) {
                let none = if name == "subsample" { " or None" } else { "" };
                return Err(Error::Parameter {
                    owner: OWNER,
                    name: name.to_owned(),
                    allowed: format!("an int in the range [1, inf){none}"),
                    got: "0".to_owned(),
                });
            }
        }
        match self.subsample {
            Some(n) if self.n_quantiles > n => Err(Error::Data(format!(
                "The number of quantiles cannot be greater than the number of samples used. Got {} quantiles and {n} samples.",
                self.n_quantiles
            ))),
            _ => Ok(()),
        }
    }
}

impl FittedQuantileTransformer {
    /// Spreads each column.
    ///
    /// # Errors
    /// When the number of columns differs from that of the fit, or a value is infinite.
    pub fn transform(&self, x: &Matrix<f64>) -> Result<Matrix<f64>> {
        check_transform(OWNER, x, self.quantiles.len(), Missing::Allowed)?;
        Ok(x.map_cells(|j, value| self.spread(&self.quantiles[j], value)))
    }

    /// The values before they were spread.
    ///
    /// # Errors
    /// As [`Self::transform`].
    pub fn inverse_transform(&self, x: &Matrix<f64>) -> Result<Matrix<f64>> {
        check_transform(OWNER, x, self.quantiles.len(), Missing::Allowed)?;
        Ok(x.map_cells(|j, value| self.gather(&self.quantiles[j], value)))
    }

    fn spread(&self, quantiles: &[f64], value: f64) -> f64 {
        let (low, high) = ends(quantiles);
        if value.is_nan() || low.is_nan() {
            return f64::NAN;
        }
        let share = if self.is_end(value, low, true) {
            0.0
        } else if self.is_end(value, high, false) {
            1.0
        } else {
            // Equal quantiles: the middle of the shares that they span.
            let upper = interpolate(value, |i| quantiles[i], |i| self.references[i], quantiles.len());
            let last = quantiles.len() - 1;
            let mirrored =
                interpolate(-value, |i| -quantiles[last - i], |i| -self.references[last - i], quantiles.len());
            0.5 * (upper - mirrored)
        };
        match self.output_distribution {
            OutputDistribution::Uniform => share,
            OutputDistribution::Normal => {
                let margin = BOUNDS_THRESHOLD - f64::EPSILON;
                normal::ppf(share).clamp(normal::ppf(margin), normal::ppf(1.0 - margin))
            }
        }
    }

    fn gather(&self, quantiles: &[f64], value: f64) -> f64 {
        let (low, high) = ends(quantiles);
        let share = match self.output_distribution {
            OutputDistribution::Uniform => value,
            OutputDistribution::Normal => normal::cdf(value),
        };
        if share.is_nan() {
            f64::NAN
        } else if self.is_end(share, 0.0, true) {
            low
        } else if self.is_end(share, 1.0, false) {
            high
        } else {
            interpolate(share, |i| self.references[i], |i| quantiles[i], quantiles.len())
        }
    }

    fn is_end(&self, value: f64, end: f64, lower: bool) -> bool {
        match self.output_distribution {
            OutputDistribution::Uniform => value == end,
            OutputDistribution::Normal if lower => value - BOUNDS_THRESHOLD < end,
            OutputDistribution::Normal => value + BOUNDS_THRESHOLD > end,
        }
    }
}

fn ends(quantiles: &[f64]) -> (f64, f64) {
    (quantiles[0], quantiles[quantiles.len() - 1])
}

/// The line through the points `(x(i), y(i))` with ascending `x`, held at its ends.
fn interpolate(at: f64, x: impl Fn(usize) -> f64, y: impl Fn(usize) -> f64, n: usize) -> f64 {
    let (mut low, mut high) = (0, n);
    while low < high {
        let middle = usize::midpoint(low, high);
        if x(middle) <= at { low = middle + 1 } else { high = middle }
    }
    if low == 0 {
        return y(0);
    }
    let last = low - 1;
    if last == n - 1 || x(last) == at {
        return y(last);
    }
    (y(low) - y(last)) / (x(low) - x(last)) * (at - x(last)) + y(last)
}
