//! Quantiles of a sample.

use serde::{Deserialize, Serialize};

/// How a quantile between two values of a sample is told, by NumPy's names.
///
/// # References
/// Hyndman and Fan (1996), *Sample Quantiles in Statistical Packages*, doi 10.2307/2684934.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QuantileMethod {
    /// The value at which the empirical distribution reaches the share.
    InvertedCdf,
    /// The same, with the mean of two values where the distribution is flat.
    AveragedInvertedCdf,
    /// The nearest value, the even one of two.
    ClosestObservation,
    /// Interpolates the empirical distribution.
    InterpolatedInvertedCdf,
    /// Interpolates with each value in the middle of its share.
    Hazen,
    /// Interpolates with the values at their expected shares.
    Weibull,
    /// Interpolates from the lowest to the highest value.
    #[default]
    Linear,
    /// Interpolates with the values at the medians of their shares.
    MedianUnbiased,
    /// Interpolates as fits a normal distribution.
    NormalUnbiased,
}

/// The quantile at `q` in 0 to 1 of values in ascending order; NaN for no values.
pub(crate) fn quantile(sorted: &[f64], q: f64, method: QuantileMethod) -> f64 {
    if sorted.is_empty() {
        return f64::NAN;
    }
    let n = sorted.len() as f64;
    let between = |alpha: f64, beta: f64| n * q + (alpha + q * (1.0 - alpha - beta)) - 1.0;
    let discrete = |index: f64, low: bool| if low { index.floor() } else { index.floor() + 1.0 };
    let place = match method {
        QuantileMethod::InvertedCdf => discrete(n * q - 1.0, (n * q).fract() == 0.0),
        QuantileMethod::AveragedInvertedCdf => {
            let index = n * q - 1.0;
            if index.fract() == 0.0 { index + 0.5 } else { index.floor() + 1.0 }
        }
        QuantileMethod::ClosestObservation => {
            let index = n * q - 1.5;
            discrete(index, index.fract() == 0.0 && index.rem_euclid(2.0) == 1.0)
        }
        QuantileMethod::InterpolatedInvertedCdf => between(0.0, 1.0),
        QuantileMethod::Hazen => between(0.5, 0.5),
        QuantileMethod::Weibull => between(0.0, 0.0),
        QuantileMethod::Linear => (n - 1.0) * q,
        QuantileMethod::MedianUnbiased => between(1.0 / 3.0, 1.0 / 3.0),
        QuantileMethod::NormalUnbiased => between(3.0 / 8.0, 3.0 / 8.0),
    };
    at(sorted, place)
}

/// The value at a place, interpolated between its neighbours and held at the ends.
fn at(sorted: &[f64], place: f64) -> f64 {
    if place < 0.0 {
        return sorted[0];
    }
    let low = place.floor();
    if low >= (sorted.len() - 1) as f64 {
        return sorted[sorted.len() - 1];
    }
    let (a, b, share) = (sorted[low as usize], sorted[low as usize + 1], place - low);
    // From the nearer end, so that either end is met exactly.
    if share < 0.5 { a + (b - a) * share } else { b - (b - a) * (1.0 - share) }
}

/// The values that are not missing, ascending.
pub(crate) fn sorted_present(values: &[f64]) -> Vec<f64> {
    let mut present: Vec<f64> = values.iter().copied().filter(|value| !value.is_nan()).collect();
    present.sort_unstable_by(f64::total_cmp);
    present
}

/// The median of values in ascending order; NaN for none.
pub(crate) fn median(sorted: &[f64]) -> f64 {
    let n = sorted.len();
    match n {
        0 => f64::NAN,
        n if n % 2 == 1 => sorted[n / 2],
        _ => f64::midpoint(sorted[n / 2 - 1], sorted[n / 2]),
    }
}
