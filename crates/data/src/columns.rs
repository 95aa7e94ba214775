//! Choosing, splitting and joining the columns and rows of a table.

use crate::convert::{Scalar, scalar, whole};
use crate::error::{Error, Result};
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{Array, ArrayRef, RecordBatch, RecordBatchOptions, UInt64Array};
use arrow_schema::{DataType as ArrowType, Schema};
use arrow_select::concat::concat_batches;
use arrow_select::take::take;
use metria_core::names::nearest;
use metria_core::{ColumnSpec, DataType, Labels};
use std::sync::Arc;

/// Name and type of every column; a column without missing values is required.
///
/// Columns of other Arrow types than the four of tables count as text.
#[must_use]
pub fn column_specs(batch: &RecordBatch) -> Vec<ColumnSpec> {
    let schema = batch.schema();
    let spec = |(field, column): (&Arc<arrow_schema::Field>, &ArrayRef)| ColumnSpec {
        name: field.name().clone(),
        data_type: match column.data_type() {
            ArrowType::Boolean => DataType::Boolean,
            ArrowType::Int64 => DataType::Long,
            ArrowType::Float64 => DataType::Double,
            _ => DataType::String,
        },
        required: column.null_count() == 0,
    };
    schema.fields().iter().zip(batch.columns()).map(spec).collect()
}

/// Splits the target off: the other columns in their order, and the target's values.
///
/// # Errors
/// When there is no such column; the message lists the columns.
pub fn split_target(batch: &RecordBatch, target: &str) -> Result<(RecordBatch, ArrayRef)> {
    drop_column(batch, target)
}

/// Takes a column out: the other columns in their order, and its values.
///
/// # Errors
/// When there is no such column.
pub fn drop_column(batch: &RecordBatch, name: &str) -> Result<(RecordBatch, ArrayRef)> {
    let place = index_of(batch, name)?;
    let others: Vec<usize> = (0..batch.num_columns()).filter(|&other| other != place).collect();
    let rest = batch.project(&others).map_err(|error| Error::internal("dropping a column", &error))?;
    Ok((rest, Arc::clone(batch.column(place))))
}

/// The named columns, in the order of the names.
///
/// # Errors
/// When one of them is not there.
pub fn select_columns<S: AsRef<str>>(batch: &RecordBatch, names: &[S]) -> Result<RecordBatch> {
    let places: Vec<usize> = names.iter().map(|name| index_of(batch, name.as_ref())).collect::<Result<_>>()?;
    batch.project(&places).map_err(|error| Error::internal("selecting columns", &error))
}

fn index_of(batch: &RecordBatch, name: &str) -> Result<usize> {
    let schema = batch.schema();
    schema.fields().iter().position(|field| field.name() == name).ok_or_else(|| {
        let columns: Vec<String> = schema.fields().iter().map(|field| field.name().clone()).collect();
        Error::NoColumn {
            column: name.to_owned(),
            nearest: nearest(name, columns.iter().map(String::as_str)).map(str::to_owned),
            columns,
        }
    })
}

/// The values of a target column as class labels. Floats that are all whole numbers become whole numbers.
///
/// # Errors
/// When a value is missing, when a number has a fraction or is infinite, or when the column has another type than the
/// four of tables.
pub fn labels(array: &ArrayRef, name: &str) -> Result<Labels> {
    if let Some(first) = (0..array.len()).find(|&row| array.is_null(row)) {
        return Err(Error::MissingTarget {
            column: name.to_owned(),
            count: array.null_count(),
            n_rows: array.len(),
            first_row: first + 1,
        });
    }
    match array.data_type() {
        ArrowType::Boolean => Ok(Labels::Boolean(array.as_boolean().values().iter().collect())),
        ArrowType::Int64 => Ok(Labels::Long(array.as_primitive::<Int64Type>().values().to_vec())),
        ArrowType::Utf8 => Ok(Labels::String(array.as_string::<i32>().iter().flatten().map(str::to_owned).collect())),
        ArrowType::Float64 => {
            let label = |(row, &value): (usize, &f64)| {
                let class = whole(value);
                class.ok_or_else(|| Error::ContinuousTarget { column: name.to_owned(), value, row: row + 1 })
            };
            let values = array.as_primitive::<Float64Type>().values();
            values.iter().enumerate().map(label).collect::<Result<_>>().map(Labels::Long)
        }
        other => Err(Error::ColumnType { column: name.to_owned(), data_type: other.to_string() }),
    }
}

/// The rows at `indices`, in that order; an index may occur more than once.
///
/// # Errors
/// When an index is beyond the last row.
pub fn take_rows(batch: &RecordBatch, indices: &[usize]) -> Result<RecordBatch> {
    let n_rows = batch.num_rows();
    if let Some(&index) = indices.iter().find(|&&index| index >= n_rows) {
        return Err(Error::Row { index, n_rows });
    }
    let failed = |error: arrow_schema::ArrowError| Error::internal("taking rows", &error);
    let rows = UInt64Array::from_iter_values(indices.iter().map(|&index| index as u64));
    let columns = batch
        .columns()
        .iter()
        .map(|column| take(column.as_ref(), &rows, None).map_err(failed))
        .collect::<Result<_>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(indices.len()));
    RecordBatch::try_new_with_options(batch.schema(), columns, &options).map_err(failed)
}

/// Tables with the same columns, one below the other.
///
/// # Errors
/// When there is none, or names or types differ.
pub fn concat(batches: &[RecordBatch]) -> Result<RecordBatch> {
    let Some(first) = batches.first() else {
        return Err(Error::Columns { expected: "at least one table".to_owned(), got: "none".to_owned() });
    };
    let expected = shape(&first.schema());
    if let Some(other) = batches.iter().map(|batch| shape(&batch.schema())).find(|other| *other != expected) {
        return Err(Error::Columns { expected, got: other });
    }
    concat_batches(&first.schema(), batches).map_err(|error| Error::internal("joining tables", &error))
}

fn shape(schema: &Schema) -> String {
    let column = |field: &Arc<arrow_schema::Field>| format!("{:?} {}", field.name(), field.data_type());
    schema.fields().iter().map(column).collect::<Vec<_>>().join(", ")
}

/// The value of a column at a row as JSON: null where it is missing. Infinity, which JSON does not have, is null too.
///
/// # Panics
/// When the row is beyond the last.
#[must_use]
pub fn json_value(column: &ArrayRef, row: usize) -> serde_json::Value {
    match scalar(column.as_ref(), row) {
        Scalar::Missing => serde_json::Value::Null,
        Scalar::Boolean(value) => value.into(),
        Scalar::Int(value) => value.into(),
        Scalar::Float(value) => value.into(),
        Scalar::Text(value) => value.into(),
    }
}
