//! Reading Arrow columns as numbers or categories.

use crate::error::{Error, Result};
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{Array, ArrayRef};
use metria_core::DataType;

/// The type of an Arrow column, if pipelines take it.
pub(super) fn data_type(array: &ArrayRef, name: &str) -> Result<DataType> {
    use arrow_schema::DataType as Arrow;
    match array.data_type() {
        Arrow::Boolean => Ok(DataType::Boolean),
        Arrow::Int64 => Ok(DataType::Long),
        Arrow::Float64 => Ok(DataType::Double),
        Arrow::Utf8 => Ok(DataType::String),
        other => Err(Error::Data(format!(
            "column `{name}` must be boolean, 64-bit integer, 64-bit float or text; got {other}"
        ))),
    }
}

/// The numbers of a column; missing ones are NaN. Infinity is refused.
pub(super) fn numbers(array: &ArrayRef, name: &str) -> Result<Vec<f64>> {
    let values: Vec<f64> = if let Some(integers) = array.as_primitive_opt::<Int64Type>() {
        integers.iter().map(|value| value.map_or(f64::NAN, |value| value as f64)).collect()
    } else if let Some(floats) = array.as_primitive_opt::<Float64Type>() {
        floats.iter().map(|value| value.unwrap_or(f64::NAN)).collect()
    } else if array.null_count() == array.len() {
        vec![f64::NAN; array.len()]
    } else {
        return Err(wrong_type(array, name, "a number"));
    };
    match values.iter().position(|value| value.is_infinite()) {
        Some(row) => Err(Error::Data(format!(
            "column `{name}` is {} in row {row}; a finite number or a missing value is expected",
            values[row]
        ))),
        None => Ok(values),
    }
}

/// The booleans of a column as 0 and 1; missing ones are NaN.
pub(super) fn flags(array: &ArrayRef, name: &str) -> Result<Vec<f64>> {
    if let Some(flags) = array.as_boolean_opt() {
        Ok(flags.iter().map(|flag| flag.map_or(f64::NAN, flag_value)).collect())
    } else if array.null_count() == array.len() {
        Ok(vec![f64::NAN; array.len()])
    } else {
        Err(wrong_type(array, name, "a boolean"))
    }
}

/// The categories of a column; a missing one is none.
pub(super) fn categories<'a>(array: &'a ArrayRef, name: &str) -> Result<Vec<Option<&'a str>>> {
    if let Some(texts) = array.as_string_opt::<i32>() {
        Ok(texts.iter().collect())
    } else if let Some(flags) = array.as_boolean_opt() {
        Ok(flags.iter().map(|flag| flag.map(flag_name)).collect())
    } else if array.null_count() == array.len() {
        Ok(vec![None; array.len()])
    } else {
        Err(wrong_type(array, name, "a text or boolean"))
    }
}

/// A boolean as a category.
pub(super) fn flag_name(flag: bool) -> &'static str {
    if flag { "true" } else { "false" }
}

/// A boolean as a number.
pub(super) fn flag_value(flag: bool) -> f64 {
    f64::from(u8::from(flag))
}

/// Names the first value that is of the wrong kind.
fn wrong_type(array: &ArrayRef, name: &str, expected: &str) -> Error {
    let row = (0..array.len()).find(|&row| array.is_valid(row)).unwrap_or(0);
    let got = if let Some(texts) = array.as_string_opt::<i32>() {
        format!("the text \"{}\"", texts.value(row))
    } else if let Some(integers) = array.as_primitive_opt::<Int64Type>() {
        format!("the number {}", integers.value(row))
    } else if let Some(floats) = array.as_primitive_opt::<Float64Type>() {
        format!("the number {}", floats.value(row))
    } else if let Some(flags) = array.as_boolean_opt() {
        format!("the boolean {}", flags.value(row))
    } else {
        format!("a value of type {}", array.data_type())
    };
    Error::Data(format!("column `{name}`: {expected} is expected; row {row} has {got}"))
}

/// Names in backticks with commas between.
pub(super) fn quoted<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    names.into_iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
