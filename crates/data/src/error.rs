//! Errors of reading, writing and shaping tables.

use metria_core::error::io_kind;
use metria_core::{ErrorKind, Kinded};

/// Result of a fallible call in this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// What went wrong with a table.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file could not be opened, read or written.
    #[error("cannot {action} {path}: {}", io_words(.source))]
    Io {
        /// `read` or `write`.
        action: &'static str,
        /// The file.
        path: String,
        /// The system's answer.
        source: std::io::Error,
    },
    /// A folder where a file belongs.
    #[error("{path} is a folder; a CSV, JSON lines or Parquet file is expected")]
    IsFolder {
        /// The folder.
        path: String,
    },
    /// The content of a file cannot be used.
    #[error("{path}: {problem}")]
    Content {
        /// The file.
        path: String,
        /// What is wrong and where.
        problem: Problem,
    },
    /// A file name whose ending stands for no format.
    #[error("{path}: the format is taken from the ending, which must be .csv, .tsv, .jsonl, .ndjson or .parquet")]
    UnknownEnding {
        /// The file.
        path: String,
    },
    /// A setting outside its range.
    #[error("{name} must be {allowed}; got {got}")]
    Option {
        /// The setting.
        name: &'static str,
        /// What it may be.
        allowed: String,
        /// What came.
        got: String,
    },
    /// A column that the table does not have.
    #[error("there is no column {column:?}{}; the columns are {}", did_you_mean(.nearest), quoted_list(.columns))]
    NoColumn {
        /// The name asked for.
        column: String,
        /// The most similar name.
        nearest: Option<String>,
        /// All names.
        columns: Vec<String>,
    },
    /// A target without a value in some rows.
    #[error(
        "the target {column:?} has no value in {count} of {n_rows} rows, first in data row {first_row}; remove these rows or fill them"
    )]
    MissingTarget {
        /// The column.
        column: String,
        /// How many rows.
        count: usize,
        /// How many rows there are.
        n_rows: usize,
        /// The first of them, counted from 1.
        first_row: usize,
    },
    /// A target of numbers with fractions.
    #[error(
        "the target {column:?} holds numbers such as {value} (data row {row}); classification needs classes: whole numbers, texts or true/false"
    )]
    ContinuousTarget {
        /// The column.
        column: String,
        /// The first such value.
        value: f64,
        /// Its row, counted from 1.
        row: usize,
    },
    /// A column of a type that tables do not have.
    #[error("column {column:?} has the Arrow type {data_type}; Boolean, Int64, Float64 or Utf8 is expected")]
    ColumnType {
        /// The column.
        column: String,
        /// Its type.
        data_type: String,
    },
    /// Tables that cannot be joined end to end.
    #[error("tables with different columns cannot be joined: expected {expected}, got {got}")]
    Columns {
        /// The columns of the first.
        expected: String,
        /// The columns of the other.
        got: String,
    },
    /// A row beyond the end.
    #[error("row {index} was asked for; the table has {n_rows} rows")]
    Row {
        /// The row, counted from 0.
        index: usize,
        /// How many rows there are.
        n_rows: usize,
    },
    /// A value that the format to write has no form for.
    #[error("column {column:?}, data row {row}: {value} cannot be written as {format}")]
    Unwritable {
        /// The column.
        column: String,
        /// The row, counted from 1.
        row: usize,
        /// The value.
        value: String,
        /// The format.
        format: &'static str,
    },
    /// A fault of ours or of the Arrow library.
    #[error("internal error in {action}: {message}")]
    Internal {
        /// What was being done.
        action: &'static str,
        /// What was said.
        message: String,
    },
}

/// What is wrong with the content of a file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// No bytes, or nothing but blanks.
    #[error("the file is empty; {expected}")]
    Empty {
        /// What it should hold.
        expected: &'static str,
    },
    /// Names but no rows.
    #[error("the file has column names ({n_columns}) but no rows; at least one row of data is expected")]
    NoRows {
        /// How many names.
        n_columns: usize,
    },
    /// Bytes that are no text.
    #[error("the file is not text: {found}; {expected}")]
    Binary {
        /// What it seems to be.
        found: String,
        /// What is expected.
        expected: &'static str,
    },
    /// Bytes that are not of the encoding.
    #[error(
        "line {line}: byte {byte:#04x} at offset {offset} is not {encoding}; if the file has another encoding, name it with the `encoding` option, for example windows-1252"
    )]
    Encoding {
        /// The encoding that was expected.
        encoding: String,
        /// The line, counted from 1.
        line: usize,
        /// The offset in the file, counted from 0.
        offset: usize,
        /// The byte there.
        byte: u8,
    },
    /// A line or record beyond the limit.
    #[error(
        "line {line} is longer than {limit} bytes; a file with line breaks is expected (the `max_line_bytes` option sets the limit){hint}"
    )]
    LineTooLong {
        /// The line, counted from 1.
        line: usize,
        /// The limit.
        limit: usize,
        /// What else may be wrong.
        hint: &'static str,
    },
    /// More than the columns of a table can hold.
    #[error("{what} is more than {limit}")]
    TooLarge {
        /// What.
        what: String,
        /// The limit.
        limit: String,
    },
    /// A row with too few or too many fields.
    #[error("line {line}: expected {expected} columns as in the header, found {found}")]
    Ragged {
        /// The line, counted from 1.
        line: usize,
        /// How many names the header has.
        expected: usize,
        /// How many fields the row has.
        found: usize,
    },
    /// A delimiter that leaves one column where another gives several.
    #[error("with the delimiter {} every line is one column; the delimiter seems to be {}, which gives {n_columns} columns", delimiter_name(*.given), delimiter_name(*.likely))]
    WrongDelimiter {
        /// The delimiter given.
        given: u8,
        /// The one that fits.
        likely: u8,
        /// How many columns it gives.
        n_columns: usize,
    },
    /// A quote that is never closed.
    #[error(
        "line {line}: the quote opened in column {column} is never closed; a quoted field must end with a quote, and a quote inside it must be doubled"
    )]
    UnterminatedQuote {
        /// The line of the opening quote, counted from 1.
        line: usize,
        /// The column, counted from 1.
        column: usize,
    },
    /// Text after a closing quote.
    #[error(
        "line {line}: after the closing quote of column {column} a delimiter or the end of the line is expected, got {found:?}; a quote inside a quoted field must be doubled"
    )]
    AfterQuote {
        /// The line, counted from 1.
        line: usize,
        /// The column, counted from 1.
        column: usize,
        /// What stands there.
        found: String,
    },
    /// A column without a name.
    #[error("column {column} has no name; every column needs one{hint}")]
    EmptyName {
        /// The column, counted from 1.
        column: usize,
        /// Where it may come from.
        hint: &'static str,
    },
    /// Two columns of one name.
    #[error("the column name {name:?} occurs twice (columns {first} and {second}); names must differ")]
    DuplicateName {
        /// The name.
        name: String,
        /// The first, counted from 1.
        first: usize,
        /// The second.
        second: usize,
    },
    /// A declared type for a column that is not there.
    #[error("the type of column {column:?} is declared, but there is no such column{}; the columns are {}", did_you_mean(.nearest), quoted_list(.columns))]
    UnknownTyped {
        /// The name.
        column: String,
        /// The most similar name.
        nearest: Option<String>,
        /// All names.
        columns: Vec<String>,
    },
    /// A value that does not fit the declared type.
    #[error("{place} {row}, column {column:?}: {expected} is expected, got {value:?}")]
    Value {
        /// `line` or `row`.
        place: &'static str,
        /// The line or row, counted from 1.
        row: usize,
        /// The column.
        column: String,
        /// What the declared type takes.
        expected: &'static str,
        /// What came.
        value: String,
    },
    /// Text that is not JSON.
    #[error("line {line}: not valid JSON: {message}; one JSON object a line is expected")]
    Json {
        /// The line, counted from 1.
        line: usize,
        /// What the parser says.
        message: String,
    },
    /// JSON that is not an object.
    #[error("line {line}: one JSON object a line is expected, such as {{\"age\": 42}}; got {found}")]
    NotAnObject {
        /// The line, counted from 1.
        line: usize,
        /// What came.
        found: &'static str,
    },
    /// A value that is itself an object or a list.
    #[error("{}column {column:?}: a number, text, true, false or null is expected; got {found}; flatten nested values first", .line.map(|line| format!("line {line}, ")).unwrap_or_default())]
    Nested {
        /// The line, counted from 1, where lines exist.
        line: Option<usize>,
        /// The column.
        column: String,
        /// What came.
        found: String,
    },
    /// A key that occurs twice in one object.
    #[error("line {line}: the key {column:?} occurs twice in one object")]
    DuplicateKey {
        /// The line, counted from 1.
        line: usize,
        /// The key.
        column: String,
    },
    /// Bytes that are not a sound Parquet file.
    #[error("not a readable Parquet file: {message}")]
    Parquet {
        /// What the reader says.
        message: String,
    },
    /// A Parquet column that cannot be brought to one of the four types.
    #[error(
        "column {column:?} has the type {data_type}, which is not supported; numbers, texts, booleans, dates and times are"
    )]
    ParquetType {
        /// The column.
        column: String,
        /// Its type.
        data_type: String,
    },
}

impl Error {
    pub(crate) fn internal(action: &'static str, error: &dyn std::fmt::Display) -> Self {
        Self::Internal { action, message: error.to_string() }
    }
}

impl Kinded for Error {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Io { source, .. } => io_kind(source),
            Self::Content { problem, .. } => match problem {
                Problem::LineTooLong { .. } | Problem::TooLarge { .. } => ErrorKind::TooLarge,
                _ => ErrorKind::InvalidInput,
            },
            Self::IsFolder { .. }
            | Self::UnknownEnding { .. }
            | Self::Option { .. }
            | Self::NoColumn { .. }
            | Self::MissingTarget { .. }
            | Self::ContinuousTarget { .. }
            | Self::ColumnType { .. }
            | Self::Columns { .. }
            | Self::Row { .. }
            | Self::Unwritable { .. } => ErrorKind::InvalidInput,
            Self::Internal { .. } => ErrorKind::Internal,
        }
    }
}

/// A delimiter as a message shows it.
pub(crate) fn delimiter_name(delimiter: u8) -> String {
    match delimiter {
        b'\t' => "tab".to_owned(),
        other => format!("`{}`", char::from(other)),
    }
}

/// The system's words, with ours in front where they are commonly met.
fn io_words(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
        std::io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        std::io::ErrorKind::StorageFull => "the disk is full".to_owned(),
        _ => error.to_string(),
    }
}

fn did_you_mean(nearest: &Option<String>) -> String {
    nearest.as_ref().map(|name| format!(" (did you mean {name:?}?)")).unwrap_or_default()
}

/// The names in quotes, the first thirty of them.
fn quoted_list(names: &[String]) -> String {
    const SHOWN: usize = 30;
    let shown: Vec<String> = names.iter().take(SHOWN).map(|name| format!("{name:?}")).collect();
    let rest = names.len().saturating_sub(SHOWN);
    let more = if rest > 0 { format!(" and {rest} more") } else { String::new() };
    shown.join(", ") + &more
}
