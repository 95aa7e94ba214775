//! Sums and grids, as NumPy computes them.

/// The sum by halves, which keeps rounding small: NumPy's `sum` over contiguous values, to the last bit.
pub(crate) fn pairwise_sum(values: &[f64]) -> f64 {
    /// Length up to which values are summed in eight lanes.
    const BLOCK: usize = 128;
    const LANES: usize = 8;
    let n = values.len();
    if n < LANES {
        return values.iter().fold(0.0, |sum, value| sum + value);
    }
    if n > BLOCK {
        let half = n / 2 - n / 2 % LANES;
        return pairwise_sum(&values[..half]) + pairwise_sum(&values[half..]);
    }
    let mut lanes = [0.0; LANES];
    let chunks = values.chunks_exact(LANES);
    let rest = chunks.remainder();
    for chunk in chunks {
        for (lane, value) in lanes.iter_mut().zip(chunk) {
            *lane += value;
        }
    }
    let [a, b, c, d, e, f, g, h] = lanes;
    rest.iter().fold(((a + b) + (c + d)) + ((e + f) + (g + h)), |sum, value| sum + value)
}

/// The mean by way of [`pairwise_sum`]; NaN for no values.
pub(crate) fn mean(values: &[f64]) -> f64 {
    pairwise_sum(values) / values.len() as f64
}

/// `n` values from `low` to `high`, both included, evenly apart.
pub(crate) fn linspace(low: f64, high: f64, n: usize) -> Vec<f64> {
    if n < 2 {
        return vec![low; n];
    }
    let step = (high - low) / (n - 1) as f64;
    (0..n).map(|i| if i == n - 1 { high } else { i as f64 * step + low }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_of_every_length() {
        for n in [0_usize, 1, 7, 8, 9, 127, 128, 129, 1000, 4096] {
            let values: Vec<f64> = (0..n).map(|i| i as f64).collect();
            let expected = (n * n.saturating_sub(1) / 2) as f64;
            assert!((pairwise_sum(&values) - expected).abs() < 1e-9, "{n}");
        }
    }

    #[test]
    fn grids_end_where_they_should() {
        assert_eq!(linspace(0.0, 1.0, 5), [0.0, 0.25, 0.5, 0.75, 1.0]);
        assert_eq!(linspace(0.1, 0.7, 4).last(), Some(&0.7));
        assert_eq!(linspace(2.0, 3.0, 1), [2.0]);
    }
}
