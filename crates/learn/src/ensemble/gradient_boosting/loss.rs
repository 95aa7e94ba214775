//! Losses: where boosting starts, which gradient a tree follows, and what its leaves are worth.

use crate::numeric::mean;

/// A loss of raw predictions, of which each row has [`Loss::n_raw`].
pub(super) trait Loss: Sync {
    /// Raw predictions of a row, and trees of a stage.
    fn n_raw(&self) -> usize;

    /// What every row is predicted before the first tree.
    fn start(&self, y: &[f64]) -> Vec<f64>;

    /// The negative gradient for one row: one value for each raw prediction.
    fn negative_gradient(&self, y: f64, raw: &[f64], out: &mut [f64]);

    /// The value of a leaf of the `k`-th tree for the rows in it, with their target and negative gradient; nothing when
    /// the mean gradient, which the tree gives already, is right.
    fn leaf_value(&self, k: usize, rows: &[(f64, f64)]) -> Option<f64>;

    /// The loss of one row.
    fn loss(&self, y: f64, raw: &[f64]) -> f64;

    /// The mean loss over rows, each with its raw predictions.
    fn mean_loss<'a>(&self, rows: impl Iterator<Item = (f64, &'a [f64])>) -> f64 {
        mean(&rows.map(|(y, raw)| self.loss(y, raw)).collect::<Vec<_>>())
    }
}

/// One Newton step, or none where the curvature vanishes.
fn newton_step(gradient: f64, curvature: f64) -> f64 {
    if curvature.abs() < 1e-150 { 0.0 } else { gradient / curvature }
}

/// Mean gradient and mean curvature `p (1 - p)` of a leaf, where `p` is the target less its negative gradient.
fn leaf_means(rows: impl Iterator<Item = (f64, f64)>) -> (f64, f64) {
    let (gradients, curvatures): (Vec<f64>, Vec<f64>) = rows
        .map(|(y, gradient)| {
            let proba = y - gradient;
            (gradient, proba * (1.0 - proba))
        })
        .unzip();
    (mean(&gradients), mean(&curvatures))
}

/// Squared error.
pub(super) struct SquaredErrorLoss;

impl Loss for SquaredErrorLoss {
    fn n_raw(&self) -> usize {
        1
    }

    fn start(&self, y: &[f64]) -> Vec<f64> {
        vec![mean(y)]
    }

    fn negative_gradient(&self, y: f64, raw: &[f64], out: &mut [f64]) {
        out[0] = y - raw[0];
    }

    fn leaf_value(&self, _k: usize, _rows: &[(f64, f64)]) -> Option<f64> {
        None
    }

    fn loss(&self, y: f64, raw: &[f64]) -> f64 {
        2.0 * (0.5 * (raw[0] - y) * (raw[0] - y))
    }
}

/// Log loss of two classes; the raw prediction is the log odds of the second.
pub(super) struct BinomialLoss;

impl Loss for BinomialLoss {
    fn n_raw(&self) -> usize {
        1
    }

    fn start(&self, y: &[f64]) -> Vec<f64> {
        let share = y.iter().sum::<f64>() / y.len() as f64;
        vec![logit(share.clamp(f64::EPSILON, 1.0 - f64::EPSILON))]
    }

    fn negative_gradient(&self, y: f64, raw: &[f64], out: &mut [f64]) {
        let raw = raw[0];
        out[0] = if raw > UNDERFLOW {
            let odds_against = (-raw).exp();
            -((1.0 - y - y * odds_against) / (1.0 + odds_against))
        } else {
            -(raw.exp() - y)
        };
    }

    fn leaf_value(&self, _k: usize, rows: &[(f64, f64)]) -> Option<f64> {
        let (gradient, curvature) = leaf_means(rows.iter().copied());
        Some(newton_step(gradient, curvature))
    }

    fn loss(&self, y: f64, raw: &[f64]) -> f64 {
        2.0 * (log_1p_exp(raw[0]) - y * raw[0])
    }
}

/// Below this `exp(x)` and `exp(x) / (1 + exp(x))` are the same number.
const UNDERFLOW: f64 = -37.0;

/// `log(1 + exp(x))` without overflow and without loss of digits (Mächler, *Accurately Computing log(1 - exp(-|a|))*).
fn log_1p_exp(x: f64) -> f64 {
    if x <= UNDERFLOW {
        x.exp()
    } else if x <= -2.0 {
        x.exp().ln_1p()
    } else if x <= 18.0 {
        (1.0 + x.exp()).ln()
    } else if x <= 33.3 {
        x + (-x).exp()
    } else {
        x
    }
}

/// Log odds, near one half by way of `log1p`.
fn logit(p: f64) -> f64 {
    if (0.3..=0.65).contains(&p) {
        let s = 2.0 * (p - 0.5);
        s.ln_1p() - (-s).ln_1p()
    } else {
        (p / (1.0 - p)).ln()
    }
}

/// Log loss of three classes or more; the raw predictions are log probabilities up to a common term.
pub(super) struct MultinomialLoss {
    pub(super) n_classes: usize,
}

impl Loss for MultinomialLoss {
    fn n_raw(&self) -> usize {
        self.n_classes
    }

    fn start(&self, y: &[f64]) -> Vec<f64> {
        let mut shares = vec![0.0; self.n_classes];
        y.iter().for_each(|&class| shares[class as usize] += 1.0);
        for share in &mut shares {
            *share = (*share / y.len() as f64).clamp(f64::EPSILON, 1.0 - f64::EPSILON);
        }
        let logs: Vec<f64> = shares.iter().map(|share| share.ln()).collect();
        let geometric_mean = mean(&logs).exp();
        shares.iter().map(|share| (share / geometric_mean).ln()).collect()
    }

    fn negative_gradient(&self, y: f64, raw: &[f64], out: &mut [f64]) {
        let (_, sum) = exponentials(raw, out);
        for (k, value) in out.iter_mut().enumerate() {
            let own = if k == y as usize { 1.0 } else { 0.0 };
            *value = -(*value / sum - own);
        }
    }

    fn leaf_value(&self, k: usize, rows: &[(f64, f64)]) -> Option<f64> {
        let of_class = |class: f64| if class as usize == k { 1.0 } else { 0.0 };
        let (gradient, curvature) = leaf_means(rows.iter().map(|&(y, gradient)| (of_class(y), gradient)));
        let n_classes = self.n_classes as f64;
        Some(newton_step(gradient * ((n_classes - 1.0) / n_classes), curvature))
    }

    fn loss(&self, y: f64, raw: &[f64]) -> f64 {
        let highest = raw.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let sum = raw.iter().fold(0.0, |sum, value| sum + (value - highest).exp());
        sum.ln() + highest - raw[y as usize]
    }
}

/// Writes `exp(raw - highest)`; returns the highest and the sum.
fn exponentials(raw: &[f64], out: &mut [f64]) -> (f64, f64) {
    let highest = raw.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut sum = 0.0;
    for (value, raw) in out.iter_mut().zip(raw) {
        *value = (raw - highest).exp();
        sum += *value;
    }
    (highest, sum)
}

/// The probability that belongs to log odds.
pub(super) fn expit(raw: f64) -> f64 {
    1.0 / (1.0 + (-raw).exp())
}

/// Raw predictions to probabilities, in place.
pub(super) fn softmax(values: &mut [f64]) {
    let highest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    values.iter_mut().for_each(|value| *value = (*value - highest).exp());
    let sum = crate::numeric::pairwise_sum(values);
    values.iter_mut().for_each(|value| *value /= sum);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The gradient must be the slope of the loss.
    fn check_gradient(loss: &impl Loss, factor: f64, y: f64, raw: &[f64]) {
        let mut gradient = vec![0.0; raw.len()];
        loss.negative_gradient(y, raw, &mut gradient);
        for k in 0..raw.len() {
            let shifted = |by: f64| {
                let mut raw = raw.to_vec();
                raw[k] += by;
                loss.loss(y, &raw)
            };
            let slope = (shifted(1e-6) - shifted(-1e-6)) / 2e-6;
            assert!((slope + factor * gradient[k]).abs() < 1e-6, "{y} {raw:?}: {slope} and {}", gradient[k]);
        }
    }

    #[test]
    fn gradients_are_slopes() {
        for raw in [-40.0, -5.0, -0.3, 0.0, 1.2, 20.0, 35.0] {
            for y in [0.0, 1.0] {
                check_gradient(&BinomialLoss, 2.0, y, &[raw]);
            }
            check_gradient(&SquaredErrorLoss, 2.0, 0.7, &[raw]);
            for y in [0.0, 1.0, 2.0] {
                check_gradient(&MultinomialLoss { n_classes: 3 }, 1.0, y, &[raw, 0.3, -0.2]);
            }
        }
    }

    #[test]
    fn log_odds_and_probabilities_are_inverse() {
        for p in [1e-12, 0.2, 0.4, 0.5, 0.6, 0.99] {
            assert!((expit(logit(p)) - p).abs() < 1e-15);
        }
        let mut values = [1000.0, 1001.0, 999.0];
        softmax(&mut values);
        assert!((values.iter().sum::<f64>() - 1.0).abs() < 1e-15 && values[1] > values[0]);
    }
}
