//! The Parquet reader, and the rules by which its many types become our four.

use crate::convert::{build, scalar};
use crate::csv::header::check_names;
use crate::error::{Error, Problem, Result};
use crate::options::ReadOptions;
use crate::read::{batch_of, check_types};
use crate::value::Kind;
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, UInt64Type};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_cast::cast::{CastOptions, cast_with_options};
use arrow_schema::{ArrowError, DataType as ArrowType, TimeUnit};
use arrow_select::concat::concat;
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use rayon::prelude::*;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

type Found<T> = std::result::Result<T, Problem>;

/// Reads the bytes of a Parquet file.
pub(crate) fn read(bytes: Vec<u8>, options: &ReadOptions, path: &str) -> Result<RecordBatch> {
    let content = |problem| Error::Content { path: path.to_owned(), problem };
    if bytes.is_empty() {
        let problem = Problem::Empty { expected: "a Parquet file is expected" };
        return Err(content(problem));
    }
    // The Parquet library checks what it reads, but not every offset of a damaged file.
    let read = catch_unwind(AssertUnwindSafe(|| columns(Bytes::from(bytes), options)));
    let damaged = || Problem::Parquet { message: "the file is damaged".to_owned() };
    let (names, arrays) = read.unwrap_or_else(|_| Err(damaged())).map_err(content)?;
    batch_of(names, arrays)
}

fn columns(bytes: Bytes, options: &ReadOptions) -> Found<(Vec<String>, Vec<ArrayRef>)> {
    let failed = |error: &dyn std::fmt::Display| Problem::Parquet { message: error.to_string() };
    let builder = ParquetRecordBatchReaderBuilder::try_new(bytes).map_err(|error| failed(&error))?;
    let schema = Arc::clone(builder.schema());
    let names: Vec<String> = schema.fields().iter().map(|field| field.name().clone()).collect();
    check_names(&names)?;
    check_types(&names, &options.types)?;
    for field in schema.fields() {
        refuse_nested(field.name(), field.data_type())?;
    }
    let reader = builder.with_batch_size(64 << 10).build().map_err(|error| failed(&error))?;
    let batches: Vec<RecordBatch> =
        reader.collect::<std::result::Result<_, ArrowError>>().map_err(|error| failed(&error))?;
    if names.is_empty() || batches.iter().all(|batch| batch.num_rows() == 0) {
        return Err(Problem::NoRows { n_columns: names.len() });
    }
    let column = |(place, name): (usize, &String)| {
        let parts: Vec<&dyn Array> = batches.iter().map(|batch| batch.column(place).as_ref()).collect();
        let array = concat(&parts).map_err(|error| failed(&error))?;
        let array = to_four(name, &array)?;
        match options.types.get(name) {
            Some(&data_type) => declared(name, &array, data_type.into()),
            None => Ok(array),
        }
    };
    let arrays = names.par_iter().enumerate().map(column).collect::<Found<_>>()?;
    Ok((names, arrays))
}

fn refuse_nested(name: &str, data_type: &ArrowType) -> Found<()> {
    if !data_type.is_nested() || matches!(data_type, ArrowType::RunEndEncoded(..)) {
        return Ok(());
    }
    Err(Problem::Nested { line: None, column: name.to_owned(), found: format!("values of type {data_type}") })
}

/// The column as the declared type.
fn declared(name: &str, array: &ArrayRef, kind: Kind) -> Found<ArrayRef> {
    let rows = (0..array.len()).map(|row| scalar(array.as_ref(), row));
    build(kind, rows).map_err(|row| Problem::Value {
        place: "row",
        row: row + 1,
        column: name.to_owned(),
        expected: kind.expected(),
        value: scalar(array.as_ref(), row).text().into_owned(),
    })
}

/// The column as Boolean, Int64, Float64 or Utf8, by the rules written at [`ReadOptions`].
pub(crate) fn to_four(name: &str, array: &ArrayRef) -> Found<ArrayRef> {
    use ArrowType as T;
    let to = |target: &ArrowType| strict_cast(name, array, target);
    match array.data_type() {
        T::Boolean | T::Int64 | T::Utf8 => Ok(Arc::clone(array)),
        T::Float64 => Ok(without_nan(array)),
        T::Int8 | T::Int16 | T::Int32 | T::UInt8 | T::UInt16 | T::UInt32 => to(&T::Int64),
        T::UInt64 => {
            let values = array.as_primitive::<UInt64Type>();
            let fits = values.iter().flatten().all(|value| i64::try_from(value).is_ok());
            to(if fits { &T::Int64 } else { &T::Float64 })
        }
        T::Float16 | T::Float32 => Ok(without_nan(&to(&T::Float64)?)),
        T::Decimal32(_, scale) | T::Decimal64(_, scale) | T::Decimal128(_, scale) | T::Decimal256(_, scale) => {
            if *scale <= 0
                && let Ok(array) = to(&T::Int64)
            {
                return Ok(array);
            }
            to(&T::Float64)
        }
        T::Null => to(&T::Float64),
        T::Duration(_) => to(&T::Int64),
        T::LargeUtf8 | T::Utf8View | T::Date32 | T::Date64 | T::Time32(_) | T::Time64(_) => to(&T::Utf8),
        T::Binary | T::LargeBinary | T::BinaryView => to(&T::Utf8),
        T::Timestamp(unit, zone) => timestamps(name, array, *unit, zone.is_some()),
        T::Dictionary(_, values) => to_four(name, &to(values)?),
        T::RunEndEncoded(_, values) if !values.data_type().is_nested() => to_four(name, &to(values.data_type())?),
        other => Err(unsupported(name, other)),
    }
}

/// ISO 8601 text; an instant with a time zone is written in UTC.
fn timestamps(name: &str, array: &ArrayRef, unit: TimeUnit, zoned: bool) -> Found<ArrayRef> {
    let zone = zoned.then(|| Arc::from("+00:00"));
    let utc = strict_cast(name, array, &ArrowType::Timestamp(unit, zone))?;
    strict_cast(name, &utc, &ArrowType::Utf8)
}

/// A cast in which a value that does not fit is an error instead of a null.
fn strict_cast(name: &str, array: &ArrayRef, target: &ArrowType) -> Found<ArrayRef> {
    let options = CastOptions { safe: false, ..CastOptions::default() };
    cast_with_options(array.as_ref(), target, &options).map_err(|_| unsupported(name, array.data_type()))
}

fn unsupported(name: &str, data_type: &ArrowType) -> Problem {
    Problem::ParquetType { column: name.to_owned(), data_type: data_type.to_string() }
}

fn without_nan(array: &ArrayRef) -> ArrayRef {
    let values = array.as_primitive::<Float64Type>();
    if values.values().iter().any(|value| value.is_nan()) {
        let numbers = values.iter().map(|value| value.filter(|value| !value.is_nan()));
        return Arc::new(numbers.collect::<arrow_array::Float64Array>());
    }
    Arc::clone(array)
}
