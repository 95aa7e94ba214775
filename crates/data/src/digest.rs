//! A digest of what a table holds, whatever file it came from.

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{Array, ArrayRef, RecordBatch, StringArray};
use arrow_schema::DataType as ArrowType;
use rayon::prelude::*;
use sha2::{Digest, Sha256};

/// Values turned to bytes and hashed at a time.
const BLOCK: usize = 1024;

/// Sixteen hexadecimal digits of a SHA-256 over the schema and all values: the same for equal tables, whether they
/// were read from CSV, JSON lines or Parquet, whole or in slices.
///
/// Each column is hashed by itself (name, type, where values are missing, the values), and the hashes of the columns
/// together, so that columns are hashed in parallel.
#[must_use]
pub fn digest(batch: &RecordBatch) -> String {
    let schema = batch.schema();
    let columns: Vec<[u8; 32]> = schema
        .fields()
        .par_iter()
        .zip(batch.columns())
        .map(|(field, column)| column_digest(field.name(), column))
        .collect();
    let mut hash = Sha256::new();
    hash.update(b"metria-table-1");
    hash.update(count(batch.num_rows()));
    hash.update(count(columns.len()));
    for column in columns {
        hash.update(column);
    }
    hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

fn count(n: usize) -> [u8; 8] {
    (n as u64).to_le_bytes()
}

fn column_digest(name: &str, column: &ArrayRef) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(count(name.len()));
    hash.update(name);
    hash.update(column.data_type().to_string());
    hash.update(b"\0");
    validity(&mut hash, column);
    match column.data_type() {
        ArrowType::Boolean => {
            let values = column.as_boolean();
            let value = |row| [u8::from(values.is_valid(row) && values.value(row))];
            blocks(&mut hash, values.len(), value);
        }
        ArrowType::Int64 => {
            let values = column.as_primitive::<Int64Type>();
            let value = |row| if values.is_valid(row) { values.value(row) } else { 0 }.to_le_bytes();
            blocks(&mut hash, values.len(), value);
        }
        ArrowType::Float64 => {
            let values = column.as_primitive::<Float64Type>();
            let value = |row| if values.is_valid(row) { values.value(row) } else { 0.0 }.to_bits().to_le_bytes();
            blocks(&mut hash, values.len(), value);
        }
        ArrowType::Utf8 => texts(&mut hash, column.as_string::<i32>()),
        // Tables have no other types; those of foreign batches still get a digest of what they show.
        _ => hash.update(format!("{column:?}")),
    }
    hash.finalize().into()
}

/// One bit a row, set where there is a value; nothing when there always is.
fn validity(hash: &mut Sha256, column: &ArrayRef) {
    hash.update(count(column.null_count()));
    if column.null_count() > 0 {
        let bits = |byte: usize| {
            let rows = byte * 8..(byte * 8 + 8).min(column.len());
            let bit = |row: usize| u8::from(column.is_valid(row)) << (row % 8);
            [rows.map(bit).fold(0, |bits, bit| bits | bit)]
        };
        blocks(hash, column.len().div_ceil(8), bits);
    }
}

/// Hashes `N` bytes a row, many rows at a time.
fn blocks<const N: usize>(hash: &mut Sha256, n_rows: usize, bytes: impl Fn(usize) -> [u8; N]) {
    let mut block = Vec::with_capacity(BLOCK * N);
    for start in (0..n_rows).step_by(BLOCK) {
        block.clear();
        for row in start..(start + BLOCK).min(n_rows) {
            block.extend_from_slice(&bytes(row));
        }
        hash.update(&block);
    }
}

/// The length of each text, then all texts.
fn texts(hash: &mut Sha256, values: &StringArray) {
    let length = |row| if values.is_valid(row) { values.value_length(row) } else { 0 };
    blocks(hash, values.len(), |row| length(row).to_le_bytes());
    let offsets = values.value_offsets();
    let (first, last) = (offsets[0], offsets[values.len()]);
    let total: i64 = (0..values.len()).map(|row| i64::from(length(row))).sum();
    if total == i64::from(last - first) {
        // No text hides behind a null, so that they stand end to end.
        #[expect(clippy::cast_sign_loss, reason = "offsets are never negative")]
        hash.update(&values.value_data()[first as usize..last as usize]);
    } else {
        values.iter().flatten().for_each(|text| hash.update(text));
    }
}
