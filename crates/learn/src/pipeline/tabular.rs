//! Fitting a pipeline on a table.

use super::columns::FittedColumn;
use super::estimator::Estimator;
use super::fitted::FittedPipeline;
use crate::error::{Error, Result};
use arrow_array::{ArrayRef, Float64Array, RecordBatch};
use arrow_schema::{DataType, Field, Schema};
use metria_core::Labels;
use std::sync::Arc;

/// Most classes that a classifier is fitted on; more is taken for a target that was meant for regression.
const MAX_CLASSES: usize = 1_000;

/// Preprocessing and an estimator, not fitted yet.
#[derive(Clone, Debug, PartialEq)]
pub struct TabularPipeline {
    /// The estimator at its end.
    pub estimator: Estimator,
    /// Name of the target column, kept with the model.
    pub target: String,
}

impl TabularPipeline {
    /// A pipeline that ends in the given estimator.
    #[must_use]
    pub fn new(estimator: Estimator, target: &str) -> Self {
        Self { estimator, target: target.to_owned() }
    }

    /// Learns columns and model from a table without its target.
    ///
    /// # Errors
    /// When a column or the target cannot be used; the message names it.
    pub fn fit(&self, x: &RecordBatch, y: &Labels) -> Result<FittedPipeline> {
        if x.num_rows() != y.len() {
            return Err(Error::Shape {
                what: "one label for each row".to_owned(),
                expected: x.num_rows(),
                got: y.len(),
            });
        }
        if x.column_by_name(&self.target).is_some() {
            return Err(Error::Data(format!("the target `{}` must not be among the features", self.target)));
        }
        let (classes, codes) = y.encode();
        self.check_classes(&classes, y.len())?;
        let columns = fit_columns(x)?;
        let features = FittedPipeline::features_of(&columns, x)?;
        let estimator = self.estimator.fit(&features, &codes, classes.len())?;
        Ok(FittedPipeline::new(columns, estimator, classes, &self.target))
    }

    fn check_classes(&self, classes: &Labels, n_rows: usize) -> Result<()> {
        let target = &self.target;
        match classes.len() {
            0 => Err(Error::Data(format!("the target `{target}` has no rows"))),
            1 => Err(Error::Data(format!(
                "the target `{target}` is always {}; a classifier needs at least two classes",
                classes.text(0)
            ))),
            n if n == n_rows && n > 2 => Err(Error::Data(format!(
                "the target `{target}` is different in all {n} rows; a classifier needs classes that repeat"
            ))),
            n if n > MAX_CLASSES => {
                Err(Error::Data(format!("the target `{target}` has {n} classes; at most {MAX_CLASSES} are allowed")))
            }
            _ => Ok(()),
        }
    }
}

/// Fits every column: numbers first, then texts and booleans, each in table order.
fn fit_columns(x: &RecordBatch) -> Result<Vec<FittedColumn>> {
    if x.num_columns() == 0 || x.num_rows() == 0 {
        return Err(Error::Data(format!(
            "a pipeline is fitted on at least one column and one row; got {} columns and {} rows",
            x.num_columns(),
            x.num_rows()
        )));
    }
    let fields = x.schema_ref().fields().iter().zip(x.columns());
    fields.map(|(field, array)| FittedColumn::fit(array, field.name())).collect()
}

/// The features of one table as a table: standardised numbers (sample deviation), then a column of zeros and ones for
/// each category of the texts and booleans, sorted, none dropped.
///
/// # Errors
/// When a column cannot be used.
pub fn engineer_features(df: &RecordBatch) -> Result<RecordBatch> {
    let columns = fit_columns(df)?;
    let names = FittedPipeline::names_of(&columns);
    let values = FittedPipeline::values_of(&columns, df)?;
    let arrays = (0..names.len()).map(|j| Arc::new(Float64Array::from(values.column(j).to_vec())) as ArrayRef);
    let fields: Vec<Field> = names.iter().map(|name| Field::new(name, DataType::Float64, false)).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays.collect())
        .map_err(|error| Error::Data(format!("the features do not make a table: {error}")))
}
