//! A fitted [`ColumnTransformer`](super::ColumnTransformer).

use super::fitted_column::FittedColumn;
use super::values::quoted;
use crate::error::{Error, Result};
use crate::matrix::Matrix;
use arrow_array::{ArrayRef, Float64Array, RecordBatch};
use arrow_schema::{DataType, Field, Schema};
use metria_core::{Cell, ColumnSpec};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A fitted [`ColumnTransformer`](super::ColumnTransformer): raw rows in, features out. A row by itself and as part of a
/// table gives the same features to the last bit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FittedColumnTransformer {
    /// The columns that give features, in the order of the table.
    inputs: Vec<ColumnSpec>,
    /// What they give, in the order of the features.
    columns: Vec<FittedColumn>,
    verbose_feature_names_out: bool,
    #[serde(skip)]
    n_features: usize,
    /// Whether a feature can be missing (NaN).
    #[serde(skip)]
    can_miss: bool,
}

impl FittedColumnTransformer {
    pub(super) fn new(inputs: Vec<ColumnSpec>, columns: Vec<FittedColumn>, verbose_feature_names_out: bool) -> Self {
        let n_features = columns.iter().map(FittedColumn::width).sum();
        let can_miss = columns.iter().any(FittedColumn::can_miss);
        Self { inputs, columns, verbose_feature_names_out, n_features, can_miss }
    }

    /// Checks what was read from outside and makes it ready.
    pub(super) fn restored(self) -> Result<Self> {
        self.columns.iter().try_for_each(FittedColumn::validate)?;
        if self.columns.iter().any(|column| column.input >= self.inputs.len()) {
            return Err(Error::Format(format!("a feature of a column beyond the {} there are", self.inputs.len())));
        }
        Ok(Self::new(self.inputs, self.columns, self.verbose_feature_names_out))
    }

    /// Two transformers may take one column, but its features must have different names.
    pub(super) fn check_feature_names(&self) -> Result<()> {
        for (input, spec) in self.inputs.iter().enumerate() {
            let columns = self.columns.iter().filter(|column| column.input == input);
            let mut names: Vec<String> = columns.flat_map(|column| self.names_of(column)).collect();
            let n = names.len();
            names.sort_unstable();
            names.dedup();
            if names.len() < n {
                return Err(Error::Data(format!(
                    "the column `{}` is taken more than once and gives features of the same name; \
                     verbose_feature_names_out with different transformers tells them apart",
                    spec.name
                )));
            }
        }
        Ok(())
    }

    fn names_of(&self, column: &FittedColumn) -> Vec<String> {
        let name = &self.inputs[column.input].name;
        if self.verbose_feature_names_out {
            column.feature_names(&format!("{}__{name}", column.transformer))
        } else {
            column.feature_names(name)
        }
    }

    /// The columns it takes, in the order of training; those that are left out are not among them.
    #[must_use]
    pub fn input_columns(&self) -> &[ColumnSpec] {
        &self.inputs
    }

    /// Number of features.
    #[must_use]
    pub fn n_features_out(&self) -> usize {
        self.n_features
    }

    /// Whether some value gives a feature that is missing (NaN).
    pub(super) fn can_miss(&self) -> bool {
        self.can_miss
    }

    /// Names of the features; [`ColumnTransformer`](super::ColumnTransformer) tells how they are made. A feature can
    /// have the name of another column's.
    #[must_use]
    pub fn feature_names_out(&self) -> Vec<String> {
        self.columns.iter().flat_map(|column| self.names_of(column)).collect()
    }

    /// The features of a table, `n_rows x n_features`. Columns are found by name; others are ignored.
    ///
    /// # Errors
    /// When a column is missing, is there twice or holds a value of another type, or for a category that was not in the
    /// fit, if that is one; the message names column and value.
    pub fn transform(&self, x: &RecordBatch) -> Result<Matrix<f64>> {
        let arrays = self.find_columns(x)?;
        let mut values = Vec::with_capacity(x.num_rows() * self.n_features);
        for column in &self.columns {
            column.transform(&self.inputs[column.input], arrays[column.input], &mut values)?;
        }
        Ok(Matrix::from_columns(x.num_rows(), self.n_features, values))
    }

    /// Writes the features of one row, with cells in the order of [`Self::input_columns`], into `out`, without asking
    /// for memory.
    ///
    /// # Errors
    /// When the number of cells or features differs, and as [`Self::transform`].
    pub fn transform_row(&self, row: &[Cell<'_>], out: &mut [f64]) -> Result<()> {
        if out.len() != self.n_features {
            return Err(Error::Shape {
                what: "places for the features".to_owned(),
                expected: self.n_features,
                got: out.len(),
            });
        }
        out.fill(0.0);
        self.write_row(row, out, |value| value)
    }

    /// Writes the features of one row by way of `cast` into `out`, which has a zero for each.
    pub(super) fn write_row<T>(
        &self,
        row: &[Cell<'_>],
        mut out: &mut [T],
        cast: impl Fn(f64) -> T + Copy,
    ) -> Result<()> {
        if row.len() != self.inputs.len() {
            return Err(Error::Data(format!(
                "a row must have {} values, for {}; got {}",
                self.inputs.len(),
                quoted(self.inputs.iter().map(|input| input.name.as_str())),
                row.len()
            )));
        }
        for column in &self.columns {
            let (here, rest) = out.split_at_mut(column.width());
            column.transform_cell(&self.inputs[column.input], row[column.input], here, cast)?;
            out = rest;
        }
        Ok(())
    }

    /// The input columns of a table.
    fn find_columns<'a>(&self, x: &'a RecordBatch) -> Result<Vec<&'a ArrayRef>> {
        let there = || x.schema_ref().fields().iter().map(|field| field.name().as_str());
        let names = || self.inputs.iter().map(|input| input.name.as_str());
        let absent: Vec<&str> = names().filter(|name| x.column_by_name(name).is_none()).collect();
        if !absent.is_empty() {
            return Err(Error::Data(format!(
                "the model needs the columns {}, which are missing; the table has {}",
                quoted(absent),
                quoted(there())
            )));
        }
        if let Some(name) = names().find(|&name| there().filter(|&other| other == name).count() > 1) {
            return Err(Error::Data(format!("the table has more than one column `{name}`")));
        }
        Ok(names().filter_map(|name| x.column_by_name(name)).collect())
    }

    /// The features of a table as a table.
    pub(super) fn transform_to_table(&self, x: &RecordBatch) -> Result<RecordBatch> {
        let (names, values) = (self.feature_names_out(), self.transform(x)?);
        let arrays = (0..names.len()).map(|j| Arc::new(Float64Array::from(values.column(j).to_vec())) as ArrayRef);
        let fields: Vec<Field> = names.iter().map(|name| Field::new(name, DataType::Float64, false)).collect();
        RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays.collect())
            .map_err(|error| Error::Data(format!("the features do not make a table: {error}")))
    }
}
