//! How a file is read and written.

use metria_core::DataType;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// A file format for tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Text with one row a line and a delimiter between the fields; the first line holds the names.
    Csv,
    /// Text with one JSON object a line.
    #[serde(rename = "jsonl")]
    JsonLines,
    /// Apache Parquet.
    Parquet,
}

impl Format {
    /// The name used in options and messages.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::JsonLines => "jsonl",
            Self::Parquet => "parquet",
        }
    }

    /// The format that the ending of a file's name stands for.
    #[must_use]
    pub fn of_path(path: &Path) -> Option<Self> {
        let ending = path.extension()?.to_str()?.to_ascii_lowercase();
        match ending.as_str() {
            "csv" | "tsv" | "tab" | "psv" => Some(Self::Csv),
            "jsonl" | "ndjson" => Some(Self::JsonLines),
            "parquet" | "pq" => Some(Self::Parquet),
            _ => None,
        }
    }
}

impl std::fmt::Display for Format {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How a table is read.
///
/// # Types
/// The type of a CSV column is inferred from all of its values, missing ones aside:
/// - Boolean when every value is `true` or `false` in any case;
/// - Int64 when every value is a whole number of the range of `i64`, with an optional sign;
/// - Float64 when every value is a number, whole numbers beyond `i64` and infinities (`inf`, `-Infinity`) included;
/// - Utf8 otherwise. A number with a superfluous leading zero, such as `007`, is text, since codes lose their meaning
///   as numbers; name the column in [`types`](Self::types) to read it as one.
///
/// A column without any value is Float64, or Utf8 when it has quoted empty fields. `NaN` counts as missing in a number
/// column. [`types`](Self::types) overrides the inference: `long` then takes leading zeros, `boolean` takes `0` and `1`
/// too, and a value that does not fit is an error.
///
/// JSON values keep their JSON type; whole numbers and fractions in one column make it Float64, any other mixture makes
/// it text. Nested values are refused.
///
/// Parquet columns are cast: integers of any width to Int64 (to Float64 when an unsigned value is beyond `i64`),
/// floats to Float64 with NaN as missing, decimals to Int64 when they have no fraction digits and fit, else to Float64,
/// durations to Int64 in their unit, dates, times and timestamps to ISO 8601 text (a time zone is converted to UTC),
/// dictionaries to the type of their values, binary to Utf8 when it is UTF-8. Nested columns are refused by name.
///
/// # Missing values
/// An empty field and the texts of [`missing_values`](Self::missing_values) are missing, compared exactly after
/// trimming. A quoted field is text as it stands (`""` is the empty text, `"NA"` the text NA), unless its column turns
/// out to hold numbers or booleans, as in files that quote everything; [`quoted_missing`](Self::quoted_missing) makes
/// quoted markers missing everywhere, and does so for JSON texts too.
///
/// # CSV
/// RFC 4180: fields may be quoted with `"`, a quote inside is doubled, quoted fields may span lines. Lines end with
/// LF, CRLF or CR. Blanks round an unquoted field are trimmed. A quote inside an unquoted field is an ordinary
/// character. Lines without any character but blanks are skipped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadOptions {
    /// The format; `None` takes it from the file's ending, and failing that from its first bytes.
    pub format: Option<Format>,
    /// The CSV delimiter; `None` finds out which of `,` `;` tab `|` it is.
    pub delimiter: Option<u8>,
    /// Texts that stand for "no value"; see [`default_missing_values`].
    pub missing_values: Vec<String>,
    /// Whether a quoted marker is missing in text columns as well. Default: false.
    pub quoted_missing: bool,
    /// Types by column name, instead of inferring them.
    pub types: BTreeMap<String, DataType>,
    /// The encoding of a text file, by its WHATWG label such as `windows-1252`; `None` is UTF-8, or UTF-16 when the
    /// file opens with its byte-order mark.
    pub encoding: Option<String>,
    /// The longest line or CSV record, in bytes. Default: 16 MiB; at most 1 GiB.
    pub max_line_bytes: usize,
    /// About how many bytes one task of the CSV and JSON readers takes; results do not depend on it.
    pub chunk_bytes: usize,
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self {
            format: None,
            delimiter: None,
            missing_values: default_missing_values(),
            quoted_missing: false,
            types: BTreeMap::new(),
            encoding: None,
            max_line_bytes: 16 << 20,
            chunk_bytes: 512 << 10,
        }
    }
}

/// The texts that are missing unless declared otherwise: those of pandas, and the `?` of the UCI files.
#[must_use]
pub fn default_missing_values() -> Vec<String> {
    let markers = [
        "?", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A",
        "NA", "NULL", "NaN", "None", "n/a", "nan", "null",
    ];
    markers.map(str::to_owned).to_vec()
}

/// How the columns of a Parquet file are compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// Zstandard: small.
    #[default]
    Zstd,
    /// Snappy: read by every program.
    Snappy,
    /// Not at all.
    None,
}

/// How a table is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WriteOptions {
    /// The format; `None` takes it from the file's ending.
    pub format: Option<Format>,
    /// Compression of Parquet columns.
    pub compression: Compression,
}
