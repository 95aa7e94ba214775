//! Writing a table to a file, all of it or nothing.

use crate::convert::{Scalar, scalar};
use crate::error::{Error, Result};
use crate::options::{Compression, Format, WriteOptions, default_missing_values};
use crate::value::float_text;
use arrow_array::{Array, RecordBatch};
use arrow_schema::DataType as ArrowType;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression as ParquetCompression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Writes a table in the format of the file's ending: `.csv` (`.tsv` with tabs), `.jsonl` or `.ndjson`, `.parquet`.
///
/// The file appears under its name only when it is complete and on disk; until then another of that name stays.
/// Reading it back gives an equal table, with one exception: CSV has no types, so a text column whose values all look
/// like numbers or booleans comes back as those unless [`ReadOptions::types`](crate::ReadOptions::types) says
/// otherwise, and a text column without any value as numbers.
///
/// # Errors
/// When the ending stands for no format, a value has no form in it, or the file cannot be written.
pub fn write_table(path: &Path, batch: &RecordBatch) -> Result<()> {
    write_table_with(path, batch, WriteOptions::default())
}

/// [`write_table`] with the format or compression chosen.
///
/// # Errors
/// As [`write_table`].
pub fn write_table_with(path: &Path, batch: &RecordBatch, options: WriteOptions) -> Result<()> {
    let format = options.format.or_else(|| Format::of_path(path));
    let format = format.ok_or_else(|| Error::UnknownEnding { path: path.display().to_string() })?;
    if path.is_dir() {
        return Err(Error::IsFolder { path: path.display().to_string() });
    }
    check_types(batch)?;
    if format == Format::JsonLines {
        refuse_infinities(batch)?;
    }
    let failed = |source| Error::Io { action: "write", path: path.display().to_string(), source };
    let delimiter = match path.extension().and_then(|ending| ending.to_str()) {
        Some("tsv" | "tab") => b'\t',
        Some("psv") => b'|',
        _ => b',',
    };
    atomically(path, |file| match format {
        Format::Csv => csv(file, batch, delimiter),
        Format::JsonLines => json_lines(file, batch),
        Format::Parquet => parquet(file, batch, options.compression),
    })
    .map_err(failed)
}

fn check_types(batch: &RecordBatch) -> Result<()> {
    for field in batch.schema().fields() {
        if !matches!(field.data_type(), ArrowType::Boolean | ArrowType::Int64 | ArrowType::Float64 | ArrowType::Utf8) {
            let data_type = field.data_type().to_string();
            return Err(Error::ColumnType { column: field.name().clone(), data_type });
        }
    }
    Ok(())
}

/// Fills a temporary file beside `path`, brings it to disk and puts it in place.
fn atomically(path: &Path, fill: impl FnOnce(&mut BufWriter<&File>) -> io::Result<()>) -> io::Result<()> {
    let folder = match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    let (temporary, file) = create_beside(path, folder)?;
    let written = (|| {
        let mut writer = BufWriter::with_capacity(1 << 18, &file);
        fill(&mut writer)?;
        writer.flush()?;
        drop(writer);
        file.sync_all()?;
        std::fs::rename(&temporary, path)
    })();
    if let Err(error) = written {
        // What failed matters more than a file that cannot be removed.
        let _ = std::fs::remove_file(&temporary);
        return Err(error);
    }
    sync_folder(folder)
}

fn create_beside(path: &Path, folder: &Path) -> io::Result<(PathBuf, File)> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    loop {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let temporary = folder.join(format!(".{name}.{}-{number}.tmp", std::process::id()));
        match OpenOptions::new().write(true).create_new(true).open(&temporary) {
            Ok(file) => return Ok((temporary, file)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
}

/// Makes the rename last through a power cut; only Unix lets a folder be opened for that.
fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

fn csv(out: &mut impl Write, batch: &RecordBatch, delimiter: u8) -> io::Result<()> {
    let markers: HashSet<String> = default_missing_values().into_iter().collect();
    // A blank line would be skipped by readers, so the only column of a table needs a visible marker.
    let missing = if batch.num_columns() == 1 { "NA" } else { "" };
    let schema = batch.schema();
    for (place, field) in schema.fields().iter().enumerate() {
        separator(out, place, delimiter)?;
        text(out, field.name(), &markers)?;
    }
    out.write_all(b"\n")?;
    for row in 0..batch.num_rows() {
        for (place, column) in batch.columns().iter().enumerate() {
            separator(out, place, delimiter)?;
            match scalar(column.as_ref(), row) {
                Scalar::Missing => out.write_all(missing.as_bytes())?,
                Scalar::Float(value) if value.is_nan() => out.write_all(missing.as_bytes())?,
                Scalar::Text(value) => text(out, value, &markers)?,
                value => out.write_all(value.text().as_bytes())?,
            }
        }
        out.write_all(b"\n")?;
    }
    Ok(())
}

fn separator(out: &mut impl Write, place: usize, delimiter: u8) -> io::Result<()> {
    if place > 0 { out.write_all(&[delimiter]) } else { Ok(()) }
}

/// A text, quoted where it would otherwise be read as something else. All delimiters count, so that the reader does
/// not mistake one for ours.
fn text(out: &mut impl Write, text: &str, markers: &HashSet<String>) -> io::Result<()> {
    let special = |byte: u8| matches!(byte, b',' | b';' | b'\t' | b'|' | b'"' | b'\r' | b'\n');
    let blank = |byte: Option<&u8>| byte.is_some_and(|&byte| byte == b' ');
    let bytes = text.as_bytes();
    let quoted = text.is_empty()
        || bytes.iter().copied().any(special)
        || blank(bytes.first())
        || blank(bytes.last())
        || text.starts_with('\u{feff}')
        || markers.contains(text);
    if !quoted {
        return out.write_all(bytes);
    }
    write!(out, "\"{}\"", text.replace('"', "\"\""))
}

fn refuse_infinities(batch: &RecordBatch) -> Result<()> {
    let schema = batch.schema();
    for (field, column) in schema.fields().iter().zip(batch.columns()) {
        if field.data_type() != &ArrowType::Float64 {
            continue;
        }
        for row in 0..column.len() {
            if let Scalar::Float(value) = scalar(column.as_ref(), row)
                && value.is_infinite()
            {
                return Err(Error::Unwritable {
                    column: field.name().clone(),
                    row: row + 1,
                    value: float_text(value),
                    format: "JSON",
                });
            }
        }
    }
    Ok(())
}

fn json_lines(out: &mut impl Write, batch: &RecordBatch) -> io::Result<()> {
    let schema = batch.schema();
    let keys: Vec<String> = schema
        .fields()
        .iter()
        .map(|field| serde_json::to_string(field.name()))
        .collect::<std::result::Result<_, _>>()?;
    for row in 0..batch.num_rows() {
        out.write_all(b"{")?;
        for (place, (key, column)) in keys.iter().zip(batch.columns()).enumerate() {
            separator(out, place, b',')?;
            write!(out, "{key}:")?;
            match scalar(column.as_ref(), row) {
                Scalar::Missing => out.write_all(b"null")?,
                Scalar::Boolean(value) => write!(out, "{value}")?,
                Scalar::Int(value) => write!(out, "{value}")?,
                // NaN becomes null, as a missing value.
                Scalar::Float(value) => serde_json::to_writer(&mut *out, &value)?,
                Scalar::Text(value) => serde_json::to_writer(&mut *out, value)?,
            }
        }
        out.write_all(b"}\n")?;
    }
    Ok(())
}

fn parquet(out: &mut (impl Write + Send), batch: &RecordBatch, compression: Compression) -> io::Result<()> {
    let compression = match compression {
        Compression::Zstd => ParquetCompression::ZSTD(ZstdLevel::default()),
        Compression::Snappy => ParquetCompression::SNAPPY,
        Compression::None => ParquetCompression::UNCOMPRESSED,
    };
    let properties = WriterProperties::builder().set_compression(compression).build();
    let mut writer = ArrowWriter::try_new(&mut *out, batch.schema(), Some(properties)).map_err(as_io)?;
    writer.write(batch).map_err(as_io)?;
    writer.close().map_err(as_io)?;
    Ok(())
}

/// The system's error inside one of the Parquet library, so that a full disk is still known as such.
fn as_io(error: parquet::errors::ParquetError) -> io::Error {
    match error {
        parquet::errors::ParquetError::External(inner) => match inner.downcast::<io::Error>() {
            Ok(error) => *error,
            Err(other) => io::Error::other(other),
        },
        other => io::Error::other(other),
    }
}
