//! Answers for every row of a table, as a table.

use crate::error::{Error, Result};
use arrow_array::{ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray};
use metria_core::Labels;
use metria_learn::pipeline::FittedPipeline;
use std::sync::Arc;

/// The columns `prediction` and, for each class, `probability_CLASS`; one row for each row of the table.
///
/// # Errors
/// When a column is missing or holds a value of another type.
pub fn predict_table(model: &FittedPipeline, x: &RecordBatch) -> Result<RecordBatch> {
    let proba = model.predict_proba(x)?;
    let places: Vec<usize> = proba.most_probable().into_iter().map(|class| class as usize).collect();
    let prediction: ArrayRef = match model.classes().take(&places) {
        Labels::Boolean(values) => Arc::new(BooleanArray::from(values)),
        Labels::Long(values) => Arc::new(Int64Array::from(values)),
        Labels::String(values) => Arc::new(StringArray::from(values)),
    };
    let mut columns = vec![("prediction".to_owned(), prediction)];
    for class in 0..model.classes().len() {
        let name = format!("probability_{}", model.classes().text(class));
        columns.push((name, Arc::new(Float64Array::from(proba.class(class)))));
    }
    RecordBatch::try_from_iter(columns).map_err(|error| Error::Invalid(error.to_string()))
}

/// Columns of a table that the model does not use, its target aside.
#[must_use]
pub fn unused_columns(model: &FittedPipeline, x: &RecordBatch) -> Vec<String> {
    let used = |name: &str| name == model.target() || model.input_columns().iter().any(|column| column.name == name);
    let schema = x.schema();
    schema.fields().iter().map(|field| field.name()).filter(|name| !used(name)).cloned().collect()
}
