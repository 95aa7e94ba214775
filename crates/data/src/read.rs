//! Reading a table from a file or from bytes.

use crate::error::{Error, Problem, Result};
use crate::options::{Format, ReadOptions};
use crate::{csv, digest, encoding, json_lines, parquet_file};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{Field, Schema};
use metria_core::DataType;
use metria_core::names::nearest;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

/// How much of a file is looked at before it is read in blocks: more than the CSV reader needs for the header.
const START_BYTES: u64 = 256 << 10;

/// A table and where it came from.
#[derive(Clone, Debug)]
pub struct Table {
    /// The columns: Boolean, Int64, Float64 or Utf8.
    pub batch: RecordBatch,
    /// The path or name as it was given.
    pub source: String,
    /// The [`digest`] of the content.
    pub digest: String,
    /// The format it was read from.
    pub format: Format,
}

/// Reads a file.
///
/// # Errors
/// When the file cannot be read or its content breaks the rules at [`ReadOptions`]; the message names the place.
///
/// # Examples
/// ```
/// # fn main() -> metria_data::Result<()> {
/// # let folder = tempfile::tempdir().expect("a temporary folder");
/// # let path = folder.path().join("people.csv");
/// # std::fs::write(&path, "name,age\nAda,36\nAlan,?\n").expect("a temporary file");
/// use metria_data::{ReadOptions, profile, read_table};
///
/// let table = read_table(&path, &ReadOptions::default())?;
/// let profile = profile(&table.batch);
/// assert_eq!(profile.n_rows, 2);
/// assert_eq!(profile.columns[1].missing, 1);
/// # Ok(())
/// # }
/// ```
pub fn read_table(path: &Path, options: &ReadOptions) -> Result<Table> {
    let (batch, format) = load(path, options)?;
    Ok(Table { digest: digest(&batch), batch, source: path.display().to_string(), format })
}

/// Reads a file without computing its digest.
///
/// # Errors
/// As [`read_table`].
pub fn read_batch(path: &Path, options: &ReadOptions) -> Result<RecordBatch> {
    load(path, options).map(|(batch, _)| batch)
}

/// Reads bytes; `name` stands in messages and decides the format by its ending, as a file's would.
///
/// # Errors
/// As [`read_table`].
pub fn read_bytes(name: &str, bytes: &[u8], options: &ReadOptions) -> Result<Table> {
    let format = format_of(Path::new(name), bytes, options);
    let batch = parse(Cow::Borrowed(bytes), format, options, name)?;
    Ok(Table { digest: digest(&batch), batch, source: name.to_owned(), format })
}

fn load(path: &Path, options: &ReadOptions) -> Result<(RecordBatch, Format)> {
    let failed = |source| Error::Io { action: "read", path: path.display().to_string(), source };
    let metadata = std::fs::metadata(path).map_err(failed)?;
    if metadata.is_dir() {
        return Err(Error::IsFolder { path: path.display().to_string() });
    }
    if metadata.is_file() {
        let file = File::open(path).map_err(failed)?;
        if let Some(batch) = in_blocks(path, &file, options).map_err(failed)? {
            return Ok((batch, Format::Csv));
        }
    }
    let bytes = std::fs::read(path).map_err(failed)?;
    let format = format_of(path, &bytes, options);
    let batch = parse(Cow::Owned(bytes), format, options, &path.display().to_string())?;
    Ok((batch, format))
}

/// Reads a CSV file without holding all of it; `None` when it is no such file or must be seen as a whole.
fn in_blocks(path: &Path, file: &File, options: &ReadOptions) -> std::io::Result<Option<RecordBatch>> {
    let mut start = Vec::new();
    file.take(START_BYTES).read_to_end(&mut start)?;
    if format_of(path, &start, options) != Format::Csv {
        return Ok(None);
    }
    let length = file.metadata()?.len();
    let Some(skipped) = encoding::plain(&start, options.encoding.as_deref()) else {
        return Ok(None);
    };
    Ok(csv::read_file(file, &start, skipped, length.max(start.len() as u64), options))
}

/// The declared format, or that of the ending, or the one the first bytes look like.
fn format_of(path: &Path, bytes: &[u8], options: &ReadOptions) -> Format {
    let guess = || {
        let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii_start();
        if bytes.starts_with(b"PAR1") {
            Format::Parquet
        } else if text.starts_with(b"{") {
            Format::JsonLines
        } else {
            Format::Csv
        }
    };
    options.format.or_else(|| Format::of_path(path)).unwrap_or_else(guess)
}

fn parse(bytes: Cow<'_, [u8]>, format: Format, options: &ReadOptions, path: &str) -> Result<RecordBatch> {
    if format == Format::Parquet {
        return parquet_file::read(bytes.into_owned(), options, path);
    }
    let text = encoding::decode(bytes, options.encoding.as_deref(), path)?;
    match format {
        Format::JsonLines => json_lines::read(&text.bytes, text.skipped, options, path),
        Format::Csv | Format::Parquet => csv::read(&text.bytes, text.skipped, options, path),
    }
}

/// Refuses declared types for columns that are not there.
pub(crate) fn check_types(names: &[String], types: &BTreeMap<String, DataType>) -> std::result::Result<(), Problem> {
    match types.keys().find(|name| !names.contains(name)) {
        None => Ok(()),
        Some(name) => Err(Problem::UnknownTyped {
            column: name.clone(),
            nearest: nearest(name, names.iter().map(String::as_str)).map(str::to_owned),
            columns: names.to_vec(),
        }),
    }
}

/// A batch of named columns, all of them nullable.
pub(crate) fn batch_of(names: Vec<String>, arrays: Vec<ArrayRef>) -> Result<RecordBatch> {
    let field = |(name, array): (String, &ArrayRef)| Field::new(name, array.data_type().clone(), true);
    let fields: Vec<Field> = names.into_iter().zip(&arrays).map(field).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)
        .map_err(|error| Error::internal("joining columns", &error))
}
