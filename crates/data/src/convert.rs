//! Values of any source brought to a column of one of the four types.

use crate::value::{Kind, Seen, float_text, parse_boolean, parse_float, parse_int};
use arrow_array::builder::{BooleanBuilder, Float64Builder, Int64Builder, StringBuilder};
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{Array, ArrayRef};
use arrow_schema::DataType as ArrowType;
use std::borrow::Cow;
use std::sync::Arc;

/// One value of a column.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Scalar<'a> {
    Missing,
    Boolean(bool),
    Int(i64),
    Float(f64),
    Text(&'a str),
}

impl Scalar<'_> {
    pub(crate) fn seen(self) -> Seen {
        match self {
            Self::Missing => Seen::default(),
            Self::Boolean(_) => Seen::BOOLEAN,
            Self::Int(_) => Seen::INT,
            Self::Float(_) => Seen::FLOAT,
            Self::Text(_) => Seen::TEXT,
        }
    }

    pub(crate) fn text(&self) -> Cow<'_, str> {
        match *self {
            Self::Missing => Cow::Borrowed(""),
            Self::Boolean(value) => Cow::Borrowed(if value { "true" } else { "false" }),
            Self::Int(value) => Cow::Owned(value.to_string()),
            Self::Float(value) => Cow::Owned(float_text(value)),
            Self::Text(value) => Cow::Borrowed(value),
        }
    }

    fn boolean(self) -> Option<bool> {
        match self {
            Self::Boolean(value) => Some(value),
            Self::Int(value @ (0 | 1)) => Some(value == 1),
            Self::Text(text) => match text.trim() {
                "1" => Some(true),
                "0" => Some(false),
                text => parse_boolean(text.as_bytes()),
            },
            Self::Missing | Self::Int(_) | Self::Float(_) => None,
        }
    }

    fn int(self) -> Option<i64> {
        match self {
            Self::Int(value) => Some(value),
            Self::Float(value) => whole(value),
            Self::Text(text) => parse_int(text.trim().as_bytes()),
            Self::Missing | Self::Boolean(_) => None,
        }
    }

    fn float(self) -> Option<f64> {
        match self {
            #[expect(clippy::cast_precision_loss, reason = "a column of floats holds the nearest")]
            Self::Int(value) => Some(value as f64),
            Self::Float(value) => Some(value),
            Self::Text(text) => parse_float(text.trim().as_bytes()),
            Self::Missing | Self::Boolean(_) => None,
        }
    }
}

/// The whole number that a float stands for exactly.
pub(crate) fn whole(value: f64) -> Option<i64> {
    const LIMIT: f64 = -(i64::MIN as f64);
    #[expect(clippy::cast_possible_truncation, reason = "the range is checked, and the fraction is zero")]
    let number = (value.fract() == 0.0 && (-LIMIT..LIMIT).contains(&value)).then_some(value as i64);
    number
}

/// The value of an array of one of the four types at a row.
pub(crate) fn scalar(array: &dyn Array, row: usize) -> Scalar<'_> {
    if array.is_null(row) {
        return Scalar::Missing;
    }
    match array.data_type() {
        ArrowType::Boolean => Scalar::Boolean(array.as_boolean().value(row)),
        ArrowType::Int64 => Scalar::Int(array.as_primitive::<Int64Type>().value(row)),
        ArrowType::Float64 => Scalar::Float(array.as_primitive::<Float64Type>().value(row)),
        ArrowType::Utf8 => Scalar::Text(array.as_string::<i32>().value(row)),
        _ => Scalar::Missing,
    }
}

/// A column of `kind`; NaN becomes missing. The error is the row of the first value that does not fit.
pub(crate) fn build<'a>(kind: Kind, values: impl ExactSizeIterator<Item = Scalar<'a>>) -> Result<ArrayRef, usize> {
    let n_rows = values.len();
    Ok(match kind {
        Kind::Boolean => {
            let mut column = BooleanBuilder::with_capacity(n_rows);
            for (row, value) in values.enumerate() {
                column.append_option(fit(value, Scalar::boolean, row)?);
            }
            Arc::new(column.finish())
        }
        Kind::Int => {
            let mut column = Int64Builder::with_capacity(n_rows);
            for (row, value) in values.enumerate() {
                column.append_option(fit(value, Scalar::int, row)?);
            }
            Arc::new(column.finish())
        }
        Kind::Float => {
            let mut column = Float64Builder::with_capacity(n_rows);
            for (row, value) in values.enumerate() {
                let value = fit(value, Scalar::float, row)?;
                column.append_option(value.filter(|value| !value.is_nan()));
            }
            Arc::new(column.finish())
        }
        Kind::Text => {
            let mut column = StringBuilder::with_capacity(n_rows, 8 * n_rows);
            for value in values {
                match value {
                    Scalar::Missing => column.append_null(),
                    value => column.append_value(value.text()),
                }
            }
            Arc::new(column.finish())
        }
    })
}

fn fit<'a, T>(value: Scalar<'a>, convert: impl Fn(Scalar<'a>) -> Option<T>, row: usize) -> Result<Option<T>, usize> {
    match value {
        Scalar::Missing => Ok(None),
        value => convert(value).map(Some).ok_or(row),
    }
}
