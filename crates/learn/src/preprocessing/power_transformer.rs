//! Making numbers more like a normal distribution, by a power of each column's own.

use super::checks::{Missing, check_fit, check_transform};
use super::standard_scaler::{FittedStandardScaler, StandardScaler, is_constant, moments};
use crate::error::{Error, Result};
use crate::matrix::Matrix;
use crate::numeric::minimize::{bracket, minimize_bounded};
use crate::numeric::{mean, pairwise_sum};
use serde::{Deserialize, Serialize};

const OWNER: &str = "PowerTransformer";

/// To what difference the powers are found.
const TOLERANCE: f64 = 1.48e-8;

/// The family of powers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PowerMethod {
    /// For all numbers.
    #[default]
    YeoJohnson,
    /// For positive numbers only.
    BoxCox,
}

/// Raises each column to the power under which it is most like a normal distribution, by maximum likelihood. Missing
/// values (NaN) are left out of the fit and stay missing.
///
/// # References
/// Yeo and Johnson (2000), *A New Family of Power Transformations to Improve Normality or Symmetry*, doi
/// 10.1093/biomet/87.4.954; Box and Cox (1964), *An Analysis of Transformations*, doi 10.1111/j.2517-6161.1964.tb00553.x.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PowerTransformer {
    /// The family of powers (default Yeo-Johnson).
    pub method: PowerMethod,
    /// Whether the result is standardised (default true).
    pub standardize: bool,
}

impl Default for PowerTransformer {
    fn default() -> Self {
        Self { method: PowerMethod::YeoJohnson, standardize: true }
    }
}

/// A fitted [`PowerTransformer`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FittedPowerTransformer {
    /// Power of each column.
    pub lambdas: Vec<f64>,
    /// The family of powers.
    pub method: PowerMethod,
    /// The scale of the result, if it is standardised.
    pub scaler: Option<FittedStandardScaler>,
}

impl PowerTransformer {
    /// Learns the power of each column.
    ///
    /// # Errors
    /// Without rows or columns, for an infinite value, for a column without values, and for Box-Cox when a value is not
    /// positive or a column is constant.
    pub fn fit(&self, x: &Matrix<f64>) -> Result<FittedPowerTransformer> {
        check_fit(OWNER, x, Missing::Allowed)?;
        self.check_positive(x)?;
        let lambdas = (0..x.n_columns()).map(|j| self.lambda(j, x.column(j))).collect::<Result<Vec<f64>>>()?;
        let mut fitted = FittedPowerTransformer { lambdas, method: self.method, scaler: None };
        if self.standardize {
            fitted.scaler = Some(StandardScaler::default().fit(&fitted.powers(x))?);
        }
        Ok(fitted)
    }

    fn check_positive(&self, x: &Matrix<f64>) -> Result<()> {
        check_positive(self.method, x)
    }

    fn lambda(&self, j: usize, column: &[f64]) -> Result<f64> {
        let present: Vec<f64> = column.iter().copied().filter(|value| !value.is_nan()).collect();
        if present.is_empty() {
            return Err(Error::Data(format!("Column must not be all nan; feature {j} is.")));
        }
        let (n, mean, var) = moments(column, 0.0);
        let constant = is_constant(n, mean, var);
        match self.method {
            PowerMethod::YeoJohnson if constant => Ok(1.0),
            PowerMethod::YeoJohnson => Ok(yeo_johnson_lambda(&present)),
            PowerMethod::BoxCox if constant => Err(Error::Data(format!("Data must not be constant; feature {j} is."))),
            PowerMethod::BoxCox => Ok(box_cox_lambda(&present)),
        }
    }
}

fn check_positive(method: PowerMethod, x: &Matrix<f64>) -> Result<()> {
    let lowest = (0..x.n_columns()).flat_map(|j| x.column(j)).copied().fold(f64::INFINITY, f64::min);
    if method == PowerMethod::BoxCox && lowest <= 0.0 {
        return Err(Error::Data(format!(
            "The Box-Cox transformation can only be applied to strictly positive data; got {lowest}"
        )));
    }
    Ok(())
}

impl FittedPowerTransformer {
    /// Transforms each column.
    ///
    /// # Errors
    /// When the number of columns differs from that of the fit, a value is infinite, or, for Box-Cox, not positive.
    pub fn transform(&self, x: &Matrix<f64>) -> Result<Matrix<f64>> {
        check_transform(OWNER, x, self.lambdas.len(), Missing::Allowed)?;
        check_positive(self.method, x)?;
        let powers = self.powers(x);
        match &self.scaler {
            Some(scaler) => scaler.transform(&powers),
            None => Ok(powers),
        }
    }

    /// The values before the transformation; NaN where no number is transformed to the one given.
    ///
    /// # Errors
    /// When the number of columns differs from that of the fit, or a value is infinite.
    pub fn inverse_transform(&self, x: &Matrix<f64>) -> Result<Matrix<f64>> {
        check_transform(OWNER, x, self.lambdas.len(), Missing::Allowed)?;
        let inverse = match self.method {
            PowerMethod::YeoJohnson => yeo_johnson_inverse,
            PowerMethod::BoxCox => box_cox_inverse,
        };
        let powers = match &self.scaler {
            Some(scaler) => scaler.inverse_transform(x)?,
            None => x.clone(),
        };
        Ok(powers.map_cells(|j, value| inverse(value, self.lambdas[j])))
    }

    fn powers(&self, x: &Matrix<f64>) -> Matrix<f64> {
        let power = match self.method {
            PowerMethod::YeoJohnson => yeo_johnson,
            PowerMethod::BoxCox => box_cox,
        };
        x.map_cells(|j, value| power(value, self.lambdas[j]))
    }
}

/// `((1 + x)^lambda - 1) / lambda` for `x >= 0`, and the mirror image with `2 - lambda` below.
fn yeo_johnson(x: f64, lambda: f64) -> f64 {
    if x >= 0.0 { power_of_log(x.ln_1p(), lambda) } else { -power_of_log((-x).ln_1p(), 2.0 - lambda) }
}

/// `(exp(lambda * log) - 1) / lambda`, or the limit of it at 0.
fn power_of_log(log: f64, lambda: f64) -> f64 {
    if lambda.abs() < f64::EPSILON { log } else { (lambda * log).exp_m1() / lambda }
}

fn yeo_johnson_inverse(x: f64, lambda: f64) -> f64 {
    if x >= 0.0 { inverse_power(x, lambda) } else { -inverse_power(-x, 2.0 - lambda) }
}

fn inverse_power(x: f64, lambda: f64) -> f64 {
    if lambda.abs() < f64::EPSILON { x.exp_m1() } else { ((lambda * x).ln_1p() / lambda).exp_m1() }
}

/// `(x^lambda - 1) / lambda`.
fn box_cox(x: f64, lambda: f64) -> f64 {
    power_of_log(x.ln(), lambda)
}

fn box_cox_inverse(x: f64, lambda: f64) -> f64 {
    if lambda.abs() < f64::EPSILON { x.exp() } else { ((lambda * x).ln_1p() / lambda).exp() }
}

fn variance(values: &[f64]) -> f64 {
    let middle = mean(values);
    mean(&values.iter().map(|value| (value - middle).powi(2)).collect::<Vec<_>>())
}

/// The power of the highest likelihood, searched where no transformed value overflows.
fn yeo_johnson_lambda(x: &[f64]) -> f64 {
    if x.iter().all(|value| *value == 0.0) {
        return 1.0;
    }
    let log_jacobian = pairwise_sum(&x.iter().map(|value| value.signum() * value.abs().ln_1p()).collect::<Vec<_>>());
    let loss = |lambda: f64| {
        let var = variance(&x.iter().map(|&value| yeo_johnson(value, lambda)).collect::<Vec<_>>());
        let log_var = if var >= f64::MIN_POSITIVE { var.ln() } else { f64::NEG_INFINITY };
        let likelihood = -(x.len() as f64) / 2.0 * log_var + (lambda - 1.0) * log_jacobian;
        // A vanishing variance is a failure of the power, not a perfect fit.
        if likelihood.is_finite() { -likelihood } else { f64::INFINITY }
    };
    let largest = x.iter().fold(0.0, |largest: f64, value| largest.max(value.abs()));
    let log_largest = (20.0 * largest).ln_1p();
    let log_epsilon = f64::EPSILON.ln();
    let low = (f64::MIN_POSITIVE.ln() - log_epsilon) / 2.0 / log_largest;
    let high = (f64::MAX.ln() + log_epsilon) / 2.0 / log_largest;
    let (any_negative, all_negative) = (x.iter().any(|value| *value < 0.0), x.iter().all(|value| *value < 0.0));
    let (low, high) = match (any_negative, all_negative) {
        (_, true) => (2.0 - high, 2.0 - low),
        (true, false) => (low.max(2.0 - high), high.min(2.0 - low)),
        (false, false) => (low, high),
    };
    minimize_bounded(loss, low, high, TOLERANCE)
}

fn box_cox_lambda(x: &[f64]) -> f64 {
    let logs: Vec<f64> = x.iter().map(|value| value.ln()).collect();
    let log_jacobian = pairwise_sum(&logs);
    let n = x.len() as f64;
    // The variance by way of logarithms, since the powers themselves may overflow.
    let loss = |lambda: f64| {
        let log_var = if lambda == 0.0 {
            variance(&logs).ln()
        } else {
            let highest = logs.iter().map(|log| lambda * log).fold(f64::NEG_INFINITY, f64::max);
            let powers: Vec<f64> = logs.iter().map(|log| (lambda * log - highest).exp()).collect();
            variance(&powers).ln() + 2.0 * (highest - lambda.abs().ln())
        };
        n / 2.0 * log_var - (lambda - 1.0) * log_jacobian
    };
    let (low, high) = bracket(loss, -2.0, 2.0);
    minimize_bounded(loss, low, high, TOLERANCE)
}
