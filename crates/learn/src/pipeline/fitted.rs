//! Predicting with a fitted pipeline.

use super::columns::{FittedColumn, find_columns, quoted};
use super::estimator::FittedEstimator;
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
    pub(super) columns: Vec<FittedColumn>,
    pub(super) estimator: FittedEstimator,
    pub(super) classes: Labels,
    target: String,
    /// First feature of each column: numbers first, then categories.
    #[serde(skip)]
    offsets: Vec<usize>,
    #[serde(skip)]
    inputs: Vec<ColumnSpec>,
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

/// First feature of each column, numbers before categories.
fn offsets(columns: &[FittedColumn]) -> Vec<usize> {
    let mut offsets = vec![0; columns.len()];
    let mut next = 0;
    for numbers in [true, false] {
        for (offset, column) in offsets.iter_mut().zip(columns).filter(|(_, c)| c.is_number() == numbers) {
            *offset = next;
            next += column.width();
        }
    }
    offsets
}

impl FittedPipeline {
    pub(super) fn new(columns: Vec<FittedColumn>, estimator: FittedEstimator, classes: Labels, target: &str) -> Self {
        let offsets = offsets(&columns);
        let inputs = columns.iter().map(|column| column.spec.clone()).collect();
        Self { columns, estimator, classes, target: target.to_owned(), offsets, inputs }
    }

    /// Checks a pipeline that was read from outside and makes it ready to predict.
    pub(super) fn restored(self) -> Result<Self> {
        self.columns.iter().try_for_each(FittedColumn::validate)?;
        let estimator = self.estimator.restored()?;
        let n_features: usize = self.columns.iter().map(FittedColumn::width).sum();
        if n_features != estimator.n_features() || self.classes.len() != estimator.n_classes() {
            return Err(Error::Format("its columns or classes do not fit its estimator".to_owned()));
        }
        Ok(Self::new(self.columns, estimator, self.classes, &self.target))
    }

    /// The columns it takes, in the order of training.
    #[must_use]
    pub fn input_columns(&self) -> &[ColumnSpec] {
        &self.inputs
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
        Self::names_of(&self.columns)
    }

    /// What it takes and gives.
    #[must_use]
    pub fn signature(&self) -> Signature {
        let output = ColumnSpec { name: self.target.clone(), data_type: self.classes.data_type(), required: true };
        Signature { inputs: self.inputs.clone(), outputs: vec![output] }
    }

    pub(super) fn names_of(columns: &[FittedColumn]) -> Vec<String> {
        let (numbers, categories): (Vec<_>, Vec<_>) = columns.iter().partition(|column| column.is_number());
        numbers.iter().chain(&categories).flat_map(|column| column.feature_names()).collect()
    }

    /// The features of a table as the estimator sees them, in full precision.
    pub(super) fn values_of(columns: &[FittedColumn], x: &RecordBatch) -> Result<Matrix<f64>> {
        let arrays = find_columns(columns, x)?;
        let mut values = Vec::new();
        for numbers in [true, false] {
            for (column, array) in columns.iter().zip(&arrays).filter(|(c, _)| c.is_number() == numbers) {
                column.transform(array, &mut values)?;
            }
        }
        let n_features = columns.iter().map(FittedColumn::width).sum();
        Ok(Matrix::from_columns(x.num_rows(), n_features, values))
    }

    pub(super) fn features_of(columns: &[FittedColumn], x: &RecordBatch) -> Result<Matrix<f32>> {
        Ok(Self::values_of(columns, x)?.map(|value| value as f32))
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
        if row.len() != self.columns.len() {
            let names: Vec<&str> = self.inputs.iter().map(|input| input.name.as_str()).collect();
            return Err(Error::Data(format!(
                "a row must have {} values, for {}; got {}",
                self.columns.len(),
                quoted(&names),
                row.len()
            )));
        }
        SCRATCH.with_borrow_mut(|features| {
            features.clear();
            features.resize(self.estimator.n_features(), 0.0);
            for ((column, cell), &offset) in self.columns.iter().zip(row).zip(&self.offsets) {
                column.transform_cell(*cell, &mut features[offset..offset + column.width()])?;
            }
            let mut proba = vec![0.0; self.classes.len()];
            self.estimator.predict_proba_row(features, &mut proba);
            Ok(RowPrediction { class: argmax(&proba), proba })
        })
    }
}
