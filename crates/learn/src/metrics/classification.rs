//! Scores of class predictions.

use super::{check_lengths, weight};
use crate::error::{Error, Result};
use serde::Serialize;

/// Weight of the rows that were right.
///
/// # Errors
/// When lengths differ or there are no rows.
pub fn accuracy_score(y_true: &[u32], y_pred: &[u32], sample_weight: Option<&[f64]>) -> Result<f64> {
    check_lengths(y_true.len(), y_pred.len(), sample_weight)?;
    let rows = || 0..y_true.len();
    let right: f64 = rows().filter(|&row| y_true[row] == y_pred[row]).map(|row| weight(sample_weight, row)).sum();
    Ok(right / rows().map(|row| weight(sample_weight, row)).sum::<f64>())
}

/// The mean recall over the classes that occur.
#[must_use]
pub fn balanced_accuracy_score(matrix: &[Vec<f64>]) -> f64 {
    let recalls: Vec<f64> = matrix
        .iter()
        .enumerate()
        .map(|(class, row)| row[class] / row.iter().sum::<f64>())
        .filter(|recall| !recall.is_nan())
        .collect();
    recalls.iter().sum::<f64>() / recalls.len() as f64
}

fn margins(matrix: &[Vec<f64>]) -> (Vec<f64>, Vec<f64>) {
    let columns = (0..matrix.len()).map(|j| matrix.iter().map(|row| row[j]).sum());
    (matrix.iter().map(|row| row.iter().sum()).collect(), columns.collect())
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Matthews' correlation coefficient of a confusion matrix; 0 when it is undefined.
///
/// # References
/// Gorodkin (2004), doi 10.1016/j.compbiolchem.2004.09.006.
#[must_use]
pub fn matthews_corrcoef(matrix: &[Vec<f64>]) -> f64 {
    let (truth, predicted) = margins(matrix);
    let right: f64 = (0..matrix.len()).map(|class| matrix[class][class]).sum();
    let n: f64 = truth.iter().sum();
    let covariance = right * n - dot(&truth, &predicted);
    let spread = (n * n - dot(&predicted, &predicted)) * (n * n - dot(&truth, &truth));
    if spread == 0.0 { 0.0 } else { covariance / spread.sqrt() }
}

/// Cohen's kappa of a confusion matrix: agreement beyond chance; NaN with one class only.
#[must_use]
pub fn cohen_kappa_score(matrix: &[Vec<f64>]) -> f64 {
    let (truth, predicted) = margins(matrix);
    let n: f64 = truth.iter().sum();
    let right: f64 = (0..matrix.len()).map(|class| matrix[class][class]).sum();
    let by_chance = dot(&truth, &predicted) / n;
    1.0 - (n - right) / (n - by_chance)
}

/// What a score is where it would divide by zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ZeroDivision {
    /// 0 (scikit-learn's "warn", whose warning is in [`ClassCounts::undefined`]).
    #[default]
    Zero,
    /// 1.
    One,
    /// NaN, and the class is left out of averages.
    Nan,
}

impl ZeroDivision {
    fn value(self) -> f64 {
        match self {
            Self::Zero => 0.0,
            Self::One => 1.0,
            Self::Nan => f64::NAN,
        }
    }
}

/// How the scores of classes become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Average {
    /// Over all rows at once.
    Micro,
    /// The mean of the classes.
    Macro,
    /// The mean of the classes, each by the weight of its rows.
    Weighted,
}

/// Precision, recall, F-beta and Jaccard of one class or of an average.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Averaged {
    /// Of the rows predicted so, the share that is so.
    pub precision: f64,
    /// Of the rows that are so, the share predicted so.
    pub recall: f64,
    /// Their weighted harmonic mean.
    pub fbeta: f64,
    /// Intersection over union.
    pub jaccard: f64,
}

/// Weights of the rows of each class: predicted rightly, predicted, and true.
#[derive(Clone, Debug, PartialEq)]
pub struct ClassCounts {
    /// Predicted rightly.
    pub right: Vec<f64>,
    /// Predicted.
    pub predicted: Vec<f64>,
    /// True: the support.
    pub truth: Vec<f64>,
}

impl ClassCounts {
    /// Counts the classes `classes` (codes); rows of other classes count against them only.
    ///
    /// # Errors
    /// When lengths differ or there are no rows.
    pub fn new(y_true: &[u32], y_pred: &[u32], classes: &[u32], sample_weight: Option<&[f64]>) -> Result<Self> {
        check_lengths(y_true.len(), y_pred.len(), sample_weight)?;
        if classes.is_empty() {
            return Err(Error::Data("a score needs at least one class".to_owned()));
        }
        let place = |class: u32| classes.iter().position(|&known| known == class);
        let zeros = vec![0.0; classes.len()];
        let mut counts = Self { right: zeros.clone(), predicted: zeros.clone(), truth: zeros };
        for (row, (&truth, &prediction)) in y_true.iter().zip(y_pred).enumerate() {
            let weight = weight(sample_weight, row);
            let (truth, prediction) = (place(truth), place(prediction));
            if let Some(class) = truth {
                counts.truth[class] += weight;
            }
            if let Some(class) = prediction {
                counts.predicted[class] += weight;
                if truth == prediction {
                    counts.right[class] += weight;
                }
            }
        }
        Ok(counts)
    }

    /// The scores of each class.
    #[must_use]
    pub fn by_class(&self, beta: f64, zero: ZeroDivision) -> Vec<Averaged> {
        (0..self.truth.len())
            .map(|class| scores(self.right[class], self.predicted[class], self.truth[class], beta, zero))
            .collect()
    }

    /// The average of the classes' scores.
    #[must_use]
    pub fn average(&self, average: Average, beta: f64, zero: ZeroDivision) -> Averaged {
        let sum = |values: &[f64]| values.iter().sum::<f64>();
        let weights = match average {
            Average::Micro => return scores(sum(&self.right), sum(&self.predicted), sum(&self.truth), beta, zero),
            Average::Macro => vec![1.0; self.truth.len()],
            Average::Weighted if sum(&self.truth) == 0.0 => {
                let value = zero.value();
                return Averaged { precision: value, recall: value, fbeta: value, jaccard: value };
            }
            Average::Weighted => self.truth.clone(),
        };
        let classes = self.by_class(beta, zero);
        let mean = |of: fn(&Averaged) -> f64| nan_average(classes.iter().map(of), &weights);
        Averaged {
            precision: mean(|class| class.precision),
            recall: mean(|class| class.recall),
            fbeta: mean(|class| class.fbeta),
            jaccard: mean(|class| class.jaccard),
        }
    }

    /// Classes for which precision (never predicted) or recall (never true) is undefined.
    #[must_use]
    pub fn undefined(&self) -> (Vec<usize>, Vec<usize>) {
        let empty = |sums: &[f64]| (0..sums.len()).filter(|&class| sums[class] == 0.0).collect();
        (empty(&self.predicted), empty(&self.truth))
    }
}

fn scores(right: f64, predicted: f64, truth: f64, beta: f64, zero: ZeroDivision) -> Averaged {
    let divide = |numerator: f64, denominator: f64| {
        if denominator == 0.0 { zero.value() } else { numerator / denominator }
    };
    let beta2 = beta * beta;
    Averaged {
        precision: divide(right, predicted),
        recall: divide(right, truth),
        fbeta: divide((1.0 + beta2) * right, beta2 * truth + predicted),
        jaccard: divide(right, truth + predicted - right),
    }
}

/// The weighted mean of the values that are numbers.
fn nan_average(values: impl Iterator<Item = f64>, weights: &[f64]) -> f64 {
    let (mut sum, mut total) = (0.0, 0.0);
    for (value, weight) in values.zip(weights).filter(|(value, _)| !value.is_nan()) {
        sum += value * weight;
        total += weight;
    }
    sum / total
}
