//! What the tests share: reading texts and showing tables.

use arrow_array::RecordBatch;
use metria_core::Kinded;
use metria_data::{Error, ReadOptions, column_specs, json_value, read_bytes};
use serde_json::Value;

/// The table of a CSV text with the default options.
pub(crate) fn csv(text: &str) -> RecordBatch {
    csv_with(text, &ReadOptions::default())
}

pub(crate) fn csv_with(text: &str, options: &ReadOptions) -> RecordBatch {
    read_bytes("t.csv", text.as_bytes(), options).unwrap_or_else(|error| panic!("{error}")).batch
}

pub(crate) fn json_lines(text: &str) -> RecordBatch {
    read_bytes("t.jsonl", text.as_bytes(), &ReadOptions::default()).unwrap_or_else(|error| panic!("{error}")).batch
}

/// The error of a file, with its kind, as a user sees it.
pub(crate) fn error(name: &str, bytes: &[u8], options: &ReadOptions) -> Error {
    match read_bytes(name, bytes, options) {
        Err(error) => {
            let _ = error.kind();
            error
        }
        Ok(table) => panic!("was read: {:?}", table.batch),
    }
}

/// The types of all columns.
pub(crate) fn types(batch: &RecordBatch) -> Vec<&'static str> {
    column_specs(batch).iter().map(|spec| spec.data_type.as_str()).collect()
}

/// The values of a column.
pub(crate) fn values(batch: &RecordBatch, column: &str) -> Vec<Value> {
    let column = batch.column_by_name(column).unwrap_or_else(|| panic!("no column {column}"));
    (0..column.len()).map(|row| json_value(column, row)).collect()
}
