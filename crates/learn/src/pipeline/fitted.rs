//! Predicting with a fitted pipeline.

use super::estimator::FittedEstimator;
use super::fitted_column_transformer::FittedColumnTransformer;
use crate::ensemble::argmax;
use crate::error::{Error, Result};
use crate::matrix::Matrix;
use arrow_array::RecordBatch;
use metria_core::{Cell, ColumnSpec, Labels, Signature};
use serde::{Deserialize, Serialize};
use std::cell::RefCell;

/// A fitted pipeline: raw rows in, classes and probabilities out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FittedPipeline {
    columns: FittedColumnTransformer,
    estimator: FittedEstimator,
    classes: Labels,
    target: String,
}

/// Class probabilities, row after row.
#[derive(Clone, Debug, PartialEq)]
pub struct Probabilities {
    values: Vec<f64>,
    n_classes: usize,
}

impl Probabilities {
    /// Number of rows.
    #[must_use]
    pub fn n_rows(&self) -> usize {
        self.values.len() / self.n_classes
    }

    /// The probabilities of one row.
    #[must_use]
    pub fn row(&self, row: usize) -> &[f64] {
        &self.values[row * self.n_classes..(row + 1) * self.n_classes]
    }

    /// The probability of one class in every row.
    #[must_use]
    pub fn class(&self, class: usize) -> Vec<f64> {
        self.values.iter().skip(class).step_by(self.n_classes).copied().collect()
    }

    /// All, row after row.
    #[must_use]
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// The most probable class of every row (the first of equals).
    #[must_use]
    pub fn most_probable(&self) -> Vec<u32> {
        self.values.chunks(self.n_classes).map(|row| argmax(row) as u32).collect()
    }
}

/// The answer for one row.
#[derive(Clone, Debug, PartialEq)]
pub struct RowPrediction {
    /// Place of the most probable class.
    pub class: usize,
    /// Probability of each class.
    pub proba: Vec<f64>,
}

thread_local! {
    /// Features of the row at hand, kept so that a prediction need not ask for memory.
    static SCRATCH: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
}

impl FittedPipeline {
    pub(super) fn new(
        columns: FittedColumnTransformer,
        estimator: FittedEstimator,
        classes: Labels,
        target: String,
    ) -> Self {
        Self { columns, estimator, classes, target }
    }

    /// Checks a pipeline that was read from outside and makes it ready to predict.
    pub(super) fn restored(self) -> Result<Self> {
        let (columns, estimator) = (self.columns.restored()?, self.estimator.restored()?);
        if columns.n_features_out() != estimator.n_features() || self.classes.len() != estimator.n_classes() {
            return Err(Error::Format("its columns or classes do not fit its estimator".to_owned()));
        }
        Ok(Self::new(columns, estimator, self.classes, self.target))
    }

    /// The columns it takes, in the order of training.
    #[must_use]
    pub fn input_columns(&self) -> &[ColumnSpec] {
        self.columns.input_columns()
    }

    /// What turns them into features.
    #[must_use]
    pub fn columns(&self) -> &FittedColumnTransformer {
        &self.columns
    }

    /// The column it predicts.
    #[must_use]
    pub fn target(&self) -> &str {
        &self.target
    }

    /// The classes, ascending: the order of the probabilities.
    #[must_use]
    pub fn classes(&self) -> &Labels {
        &self.classes
    }

    /// The estimator at its end.
    #[must_use]
    pub fn estimator(&self) -> &FittedEstimator {
        &self.estimator
    }

    /// Names of the features that the estimator sees.
    #[must_use]
    pub fn feature_names_out(&self) -> Vec<String> {
        self.columns.feature_names_out()
    }

    /// What it takes and gives.
    #[must_use]
    pub fn signature(&self) -> Signature {
        let output = ColumnSpec { name: self.target.clone(), data_type: self.classes.data_type(), required: true };
        Signature { inputs: self.input_columns().to_vec(), outputs: vec![output] }
    }

    /// The features of a table as the estimator sees them.
    pub(super) fn features_of(columns: &FittedColumnTransformer, x: &RecordBatch) -> Result<Matrix<f32>> {
        let features = columns.transform(x)?.map(|value| value as f32);
        for j in 0..features.n_columns() {
            if let Some(row) = features.column(j).iter().position(|value| value.is_nan()) {
                return Err(missing_feature(columns, j, Some(row)));
            }
        }
        Ok(features)
    }

    /// The probability of each class for every row. Columns are found by name; others are ignored.
    ///
    /// # Errors
    /// When a column is missing or holds a value of another type; the message names column, row and value.
    pub fn predict_proba(&self, x: &RecordBatch) -> Result<Probabilities> {
        let values = self.estimator.predict_proba(&Self::features_of(&self.columns, x)?)?;
        Ok(Probabilities { values, n_classes: self.classes.len() })
    }

    /// The most probable class of every row.
    ///
    /// # Errors
    /// As [`Self::predict_proba`].
    pub fn predict(&self, x: &RecordBatch) -> Result<Labels> {
        let classes: Vec<usize> =
            self.predict_proba(x)?.most_probable().into_iter().map(|class| class as usize).collect();
        Ok(self.classes.take(&classes))
    }

    /// The answer for one row, with cells in the order of [`Self::input_columns`].
    ///
    /// # Errors
    /// When the number of cells differs, or a cell is of another type than its column; the message names the column.
    pub fn predict_row(&self, row: &[Cell<'_>]) -> Result<RowPrediction> {
        SCRATCH.with_borrow_mut(|features| {
            features.clear();
            features.resize(self.columns.n_features_out(), 0.0);
            self.columns.write_row(row, features, |value| value as f32)?;
            let missing = || features.iter().position(|value| value.is_nan());
            if let Some(j) = self.columns.can_miss().then(missing).flatten() {
                return Err(missing_feature(&self.columns, j, None));
            }
            let mut proba = vec![0.0; self.classes.len()];
            self.estimator.predict_proba_row(features, &mut proba);
            Ok(RowPrediction { class: argmax(&proba), proba })
        })
    }
}

/// The error for a value that is missing and not filled in, which no estimator here takes.
fn missing_feature(columns: &FittedColumnTransformer, j: usize, row: Option<usize>) -> Error {
    let name = columns.feature_names_out().swap_remove(j);
    let place = row.map_or_else(String::new, |row| format!(" in row {row}"));
    Error::Data(format!("the feature `{name}` is missing (NaN){place}; the estimator takes none, so choose an imputer"))
}
