//! As much of NumPy's `.npy` format, version 1, as the benchmark needs: two-dimensional `<f4` in C order, `<u4` vectors,
//! and `<f8` to write.
//!
//! # References
//! NumPy enhancement proposal 1, *A simple file format for NumPy arrays*.

use metria_learn::Matrix;
use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::Path;

const MAGIC: &[u8] = b"\x93NUMPY\x01\x00";

/// Type, shape and bytes of an array in C order.
struct Array {
    kind: String,
    shape: Vec<usize>,
    bytes: Vec<u8>,
    start: usize,
}

fn wrong(path: &Path, what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("{}: {what}", path.display()))
}

/// The text between two marks.
fn between<'a>(text: &'a str, open: &str, close: &str) -> Option<&'a str> {
    let rest = &text[text.find(open)? + open.len()..];
    Some(&rest[..rest.find(close)?])
}

fn read(path: &Path) -> io::Result<Array> {
    let bytes = fs::read(path)?;
    let length = match bytes.strip_prefix(MAGIC) {
        Some([low, high, ..]) => usize::from(u16::from_le_bytes([*low, *high])),
        _ => return Err(wrong(path, "a .npy file of version 1 is expected")),
    };
    let start = MAGIC.len() + 2 + length;
    let header = bytes.get(MAGIC.len() + 2..start).and_then(|header| std::str::from_utf8(header).ok());
    let header = header.ok_or_else(|| wrong(path, "the header ends too early"))?;
    if !header.contains("'fortran_order': False") {
        return Err(wrong(path, "an array in C order is expected"));
    }
    let kind = between(header, "'descr': '", "'").ok_or_else(|| wrong(path, "no type is given"))?.to_owned();
    let shape = between(header, "'shape': (", ")").ok_or_else(|| wrong(path, "no shape is given"))?;
    let sizes = shape.split(',').map(str::trim).filter(|size| !size.is_empty());
    let shape =
        sizes.map(str::parse).collect::<Result<Vec<usize>, _>>().map_err(|_| wrong(path, "the shape is odd"))?;
    Ok(Array { kind, shape, bytes, start })
}

/// A table of `f32`.
pub(crate) fn read_matrix(path: &Path) -> io::Result<Matrix<f32>> {
    let array = read(path)?;
    let (values, rest) = array.bytes[array.start..].as_chunks::<4>();
    let &[n_rows, n_columns] = array.shape.as_slice() else {
        return Err(wrong(path, "two dimensions are expected"));
    };
    if array.kind != "<f4" || values.len() != n_rows * n_columns || !rest.is_empty() {
        return Err(wrong(path, &format!("{n_rows} x {n_columns} values of type <f4 are expected")));
    }
    let mut columns = vec![0.0; values.len()];
    for (row, cells) in values.chunks(n_columns).enumerate() {
        for (column, cell) in cells.iter().enumerate() {
            columns[column * n_rows + row] = f32::from_le_bytes(*cell);
        }
    }
    Ok(Matrix::from_columns(n_rows, n_columns, columns))
}

/// A vector of `u32`.
pub(crate) fn read_classes(path: &Path) -> io::Result<Vec<u32>> {
    let array = read(path)?;
    let (values, rest) = array.bytes[array.start..].as_chunks::<4>();
    if array.kind != "<u4" || array.shape != [values.len()] || !rest.is_empty() {
        return Err(wrong(path, "a vector of type <u4 is expected"));
    }
    Ok(values.iter().map(|bytes| u32::from_le_bytes(*bytes)).collect())
}

/// Writes `f64` values row after row.
pub(crate) fn write_rows(path: &Path, values: &[f64], n_columns: usize) -> io::Result<()> {
    let n_rows = values.len() / n_columns;
    let mut header = format!("{{'descr': '<f8', 'fortran_order': False, 'shape': ({n_rows}, {n_columns}), }}");
    let length = (MAGIC.len() + 2 + header.len() + 1).next_multiple_of(64) - MAGIC.len() - 2;
    header = format!("{header:<width$}\n", width = length - 1);
    let mut file = BufWriter::new(fs::File::create(path)?);
    file.write_all(MAGIC)?;
    file.write_all(&(length as u16).to_le_bytes())?;
    file.write_all(header.as_bytes())?;
    for value in values {
        file.write_all(&value.to_le_bytes())?;
    }
    file.flush()
}
