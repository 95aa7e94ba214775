//! k-means of one column, for bins.
//!
//! # References
//! Lloyd (1982), *Least Squares Quantization in PCM*, doi 10.1109/TIT.1982.1056489.

use crate::numeric::mean;

const MOST_STEPS: usize = 300;

/// Centres that have settled are those that move by less than this share of the variance.
const TOLERANCE: f64 = 1e-4;

/// Moves the starts to the centres of the values nearest to them, again and again; returns the centres, ascending.
pub(super) fn k_means_1d(values: &[f64], starts: &[f64]) -> Vec<f64> {
    let middle = mean(values);
    let centred: Vec<f64> = values.iter().map(|value| value - middle).collect();
    let mut centres: Vec<f64> = starts.iter().map(|start| start - middle).collect();
    let spread = mean(&centred.iter().map(|value| value * value).collect::<Vec<_>>());
    let mut nearest: Vec<usize> = Vec::new();
    for _ in 0..MOST_STEPS {
        let now: Vec<usize> = centred.iter().map(|&value| nearest_centre(value, &centres)).collect();
        let moved = means(&centred, &now, &centres);
        let shift: f64 = moved.iter().zip(&centres).map(|(new, old)| (new - old).powi(2)).sum();
        centres = moved;
        if now == nearest || shift <= TOLERANCE * spread {
            break;
        }
        nearest = now;
    }
    centres.sort_unstable_by(f64::total_cmp);
    centres.iter().map(|centre| centre + middle).collect()
}

/// The first of the nearest centres.
fn nearest_centre(value: f64, centres: &[f64]) -> usize {
    let distance = |centre: f64| centre * centre - 2.0 * value * centre;
    let mut best = 0;
    for (place, &centre) in centres.iter().enumerate() {
        if distance(centre) < distance(centres[best]) {
            best = place;
        }
    }
    best
}

/// The mean of the values of each centre. A centre without values takes over the value that is farthest from its own.
fn means(values: &[f64], nearest: &[usize], centres: &[f64]) -> Vec<f64> {
    let mut sums = vec![0.0; centres.len()];
    let mut counts = vec![0.0_f64; centres.len()];
    for (value, &centre) in values.iter().zip(nearest) {
        sums[centre] += value;
        counts[centre] += 1.0;
    }
    let empty: Vec<usize> = (0..centres.len()).filter(|&centre| counts[centre] == 0.0).collect();
    if !empty.is_empty() {
        let distance = |row: usize| (values[row] - centres[nearest[row]]).abs();
        let mut far: Vec<usize> = (0..values.len()).collect();
        far.sort_by(|&a, &b| distance(b).total_cmp(&distance(a)));
        for (centre, row) in empty.into_iter().zip(far).filter(|&(_, row)| distance(row) > 0.0) {
            sums[nearest[row]] -= values[row];
            counts[nearest[row]] -= 1.0;
            (sums[centre], counts[centre]) = (values[row], 1.0);
        }
    }
    let each = sums.iter().zip(&counts).zip(centres);
    each.map(|((sum, &count), &centre)| if count > 0.0 { sum / count } else { centre }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clear_groups_are_found() {
        let values = [1.0, 1.2, 0.8, 10.0, 10.5, 9.5, 30.0];
        let centres = k_means_1d(&values, &[5.0, 15.0, 25.0]);
        for (got, expected) in centres.iter().zip([1.0, 10.0, 30.0]) {
            assert!((got - expected).abs() < 1e-9, "{centres:?}");
        }
    }

    #[test]
    fn a_centre_without_values_finds_some() {
        let centres = k_means_1d(&[0.0, 0.1, 0.2, 10.0, 12.0], &[1.0, 6.0, 6.5]);
        assert!(centres.windows(2).all(|pair| pair[1] > pair[0] + 1.0), "{centres:?}");
    }
}
