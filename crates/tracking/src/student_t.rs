//! Student's t distribution, for intervals about a mean.
//!
//! # References
//! W. J. Lentz' continued fraction of the incomplete beta function: Press et al., Numerical Recipes, 3rd ed., section
//! 6.4; DLMF, 8.17.22.

/// What a variable with `degrees` degrees of freedom exceeds in absolute value with probability `alpha`; 0.05 for an
/// interval of 95 %.
///
/// # Shapes
/// `alpha` in (0, 1), `degrees` at least 1.
pub(crate) fn two_sided_quantile(alpha: f64, degrees: f64) -> f64 {
    // P(|T| > t) is I_x(degrees / 2, 1 / 2) at x = degrees / (degrees + t^2), which grows with x.
    let (mut low, mut high) = (0.0_f64, 1.0_f64);
    for _ in 0..200 {
        let middle = f64::midpoint(low, high);
        if regularized_beta(middle, degrees / 2.0, 0.5) < alpha {
            low = middle;
        } else {
            high = middle;
        }
    }
    let x = f64::midpoint(low, high);
    (degrees * (1.0 - x) / x).sqrt()
}

/// The regularized incomplete beta function I_x(a, b).
fn regularized_beta(x: f64, a: f64, b: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return x.clamp(0.0, 1.0);
    }
    let front = (libm::lgamma(a + b) - libm::lgamma(a) - libm::lgamma(b) + a * x.ln() + b * (-x).ln_1p()).exp();
    // The fraction converges fast below the mean only; above it, the other tail is computed.
    if x < (a + 1.0) / (a + b + 2.0) {
        front * fraction(x, a, b) / a
    } else {
        1.0 - front * fraction(1.0 - x, b, a) / b
    }
}

/// The continued fraction of the incomplete beta function.
fn fraction(x: f64, a: f64, b: f64) -> f64 {
    const TINY: f64 = 1e-300;
    let away_from_zero = |value: f64| if value.abs() < TINY { TINY } else { value };
    let mut c = 1.0;
    let mut d = 1.0 / away_from_zero(1.0 - (a + b) * x / (a + 1.0));
    let mut result = d;
    for m in (1..=10_000).map(f64::from) {
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        d = 1.0 / away_from_zero(1.0 + even * d);
        c = away_from_zero(1.0 + even / c);
        result *= d * c;
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        d = 1.0 / away_from_zero(1.0 + odd * d);
        c = away_from_zero(1.0 + odd / c);
        result *= d * c;
        if (d * c - 1.0).abs() < 1e-15 {
            break;
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::two_sided_quantile;

    /// Values of SciPy 1.17.1's `stats.t.ppf(1 - alpha / 2, degrees)`.
    #[test]
    fn quantiles_are_those_of_the_tables() {
        for (alpha, degrees, expected) in [
            (0.05, 1.0, 12.706_204_736_174_7),
            (0.05, 2.0, 4.302_652_729_749_46),
            (0.05, 4.0, 2.776_445_105_197_79),
            (0.05, 9.0, 2.262_157_162_798_2),
            (0.05, 30.0, 2.042_272_456_301_24),
            (0.05, 100.0, 1.983_971_518_523_55),
            (0.01, 5.0, 4.032_142_983_555_23),
            (0.5, 3.0, 0.764_892_328_404_345),
            (0.05, 1e7, 1.959_964_221_767_2),
        ] {
            let got = two_sided_quantile(alpha, degrees);
            assert!((got / expected - 1.0).abs() < 1e-9, "{alpha} {degrees}: {got} is not {expected}");
        }
    }
}
