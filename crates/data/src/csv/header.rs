//! The first lines of a CSV file: which delimiter it has, and the names of its columns.

use super::scan::{Dialect, Fault, FaultKind};
use crate::encoding::line_of;
use crate::error::Problem;
use std::collections::HashMap;

const CANDIDATES: [u8; 4] = *b",;\t|";
/// How much of a file is looked at to find the delimiter.
const SAMPLE_BYTES: usize = 64 << 10;
const SAMPLE_RECORDS: usize = 100;

/// The dialect, the column names and where the rows begin.
#[derive(Debug)]
pub(crate) struct Header {
    pub(crate) dialect: Dialect,
    pub(crate) names: Vec<String>,
    pub(crate) end: usize,
}

impl Header {
    /// Whether it would be the same if more than `data` of the file had been there.
    pub(crate) fn is_certain(&self, data: &[u8]) -> bool {
        let looked_at = self.end + SAMPLE_BYTES;
        self.end < data.len() && data.get(looked_at..).is_some_and(|rest| memchr::memchr(b'\n', rest).is_some())
    }
}

/// Reads the header of a file.
pub(crate) fn read(data: &[u8], delimiter: Option<u8>, max_line_bytes: usize) -> Result<Header, Problem> {
    let empty = Problem::Empty { expected: "a line of column names and at least one row of data are expected" };
    let start = data.iter().position(|byte| !byte.is_ascii_whitespace()).ok_or(empty)?;
    // Back to the start of that line, since a blank first name before a tab counts.
    let start = memchr::memrchr(b'\n', &data[..start]).map_or(0, |place| place + 1);
    let found = sniff(data, start, max_line_bytes);
    let delimiter = match (delimiter, found) {
        (None, found) => found.map_or(b',', |shape| shape.delimiter),
        (Some(given), found) => {
            if let Some(found) = found.filter(|found| found.delimiter != given) {
                refuse_wrong_delimiter(data, start, max_line_bytes, given, &found)?;
            }
            given
        }
    };
    let dialect = Dialect { delimiter, max_line_bytes };
    let end = dialect.boundary(data, start, start);
    let fields = dialect.record(&data[start..end]).map_err(|fault| problem(data, start, &fault, 0))?;
    let names = names(dialect, &fields, data, start)?;
    check_names(&names)?;
    Ok(Header { dialect, names, end })
}

/// A fault as a problem; `offset` is where the scanned bytes begin.
pub(crate) fn problem(data: &[u8], offset: usize, fault: &Fault, n_columns: usize) -> Problem {
    let at = offset + fault.at;
    let line = line_of(data, at);
    match fault.what {
        FaultKind::UnterminatedQuote { column } => Problem::UnterminatedQuote { line, column },
        FaultKind::AfterQuote { column, found } => {
            Problem::AfterQuote { line, column, found: char::from(found).to_string() }
        }
        FaultKind::Ragged { found } => Problem::Ragged { line, expected: n_columns, found },
        FaultKind::TooLong { in_quotes } => Problem::LineTooLong {
            line,
            limit: 0,
            hint: if in_quotes { "; perhaps a quote opened there is never closed" } else { "" },
        },
        FaultKind::NotUtf8 => Problem::Encoding {
            encoding: "UTF-8".to_owned(),
            line,
            offset: at,
            byte: data.get(at).copied().unwrap_or_default(),
        },
        FaultKind::Misfit { column, ref value } => {
            Problem::Value { place: "line", row: line, column: column.to_string(), expected: "", value: value.clone() }
        }
    }
}

fn names(dialect: Dialect, fields: &[&[u8]], data: &[u8], start: usize) -> Result<Vec<String>, Problem> {
    let text = |field: &&[u8]| {
        let bytes = super::column::verbatim(dialect, field);
        match std::str::from_utf8(&bytes) {
            Ok(text) => Ok(text.to_owned()),
            Err(_) => Err(invalid_utf8(data, start)),
        }
    };
    fields.iter().map(text).collect()
}

/// The first byte from `start` on that is not UTF-8.
fn invalid_utf8(data: &[u8], start: usize) -> Problem {
    let at = std::str::from_utf8(&data[start..]).err().map_or(0, |error| error.valid_up_to());
    problem(data, start, &Fault { at, what: FaultKind::NotUtf8 }, 0)
}

/// Refuses names that are empty or occur twice.
pub(crate) fn check_names(names: &[String]) -> Result<(), Problem> {
    let mut places = HashMap::new();
    for (place, name) in names.iter().enumerate() {
        if name.is_empty() {
            let hint = match place {
                0 => " (pandas writes its index so; `to_csv(..., index=False)` leaves it out)",
                _ if place + 1 == names.len() => " (the header may end with a delimiter too many)",
                _ => "",
            };
            return Err(Problem::EmptyName { column: place + 1, hint });
        }
        if let Some(first) = places.insert(name, place) {
            return Err(Problem::DuplicateName { name: name.clone(), first: first + 1, second: place + 1 });
        }
    }
    Ok(())
}

/// What a delimiter makes of the first lines.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Shape {
    delimiter: u8,
    n_columns: usize,
    /// How many of the records have as many fields as the header.
    regular: usize,
    n_records: usize,
}

/// The delimiter under which most of the first records have as many fields as the header, and at least two.
fn sniff(data: &[u8], start: usize, max_line_bytes: usize) -> Option<Shape> {
    let sample = sample(data, start, max_line_bytes);
    let shapes = CANDIDATES.map(|delimiter| shape(sample, Dialect { delimiter, max_line_bytes }));
    let quality = |shape: &Shape| {
        #[expect(clippy::cast_precision_loss, reason = "at most a hundred records")]
        let share = shape.regular as f64 / shape.n_records.max(1) as f64;
        (share, shape.n_columns)
    };
    let usable = shapes.into_iter().flatten().filter(|shape| shape.n_columns > 1);
    // The last of equals wins, so the order is reversed for the comma to.
    usable.rev().max_by(|a, b| quality(a).partial_cmp(&quality(b)).expect("shares are finite"))
}

/// The first lines, whole ones if there are several.
fn sample(data: &[u8], start: usize, max_line_bytes: usize) -> &[u8] {
    let rest = &data[start..];
    if rest.len() <= SAMPLE_BYTES {
        return rest;
    }
    let limit = rest.len().min(SAMPLE_BYTES.saturating_add(max_line_bytes));
    let end = memchr::memchr(b'\n', &rest[SAMPLE_BYTES..limit]).map_or(limit, |place| SAMPLE_BYTES + place + 1);
    &rest[..end]
}

fn shape(sample: &[u8], dialect: Dialect) -> Option<Shape> {
    let mut shape = Shape { delimiter: dialect.delimiter, n_columns: 0, regular: 0, n_records: 0 };
    let mut position = 0;
    while position < sample.len() && shape.n_records < SAMPLE_RECORDS {
        let end = dialect.boundary(sample, position, position);
        let Ok(fields) = dialect.record(&sample[position..end]) else {
            // A record cut off by the end of the sample says nothing; a faulty header does.
            return (shape.n_columns > 0).then_some(shape);
        };
        position = end;
        if fields.is_empty() {
            continue;
        }
        if shape.n_columns == 0 {
            shape.n_columns = fields.len();
        } else {
            shape.n_records += 1;
            shape.regular += usize::from(fields.len() == shape.n_columns);
        }
    }
    (shape.n_columns > 0).then_some(shape)
}

/// An explicit delimiter that leaves one column where another divides every line alike is a mistake.
fn refuse_wrong_delimiter(
    data: &[u8],
    start: usize,
    max_line_bytes: usize,
    given: u8,
    found: &Shape,
) -> Result<(), Problem> {
    let sample = sample(data, start, max_line_bytes);
    let single = shape(sample, Dialect { delimiter: given, max_line_bytes }).is_some_and(|shape| shape.n_columns == 1);
    if single && found.regular == found.n_records {
        return Err(Problem::WrongDelimiter { given, likely: found.delimiter, n_columns: found.n_columns });
    }
    Ok(())
}

/// The delimiter must be one byte that means nothing else in a CSV file.
pub(crate) fn check_delimiter(delimiter: u8) -> bool {
    delimiter == b'\t' || (delimiter.is_ascii_punctuation() && delimiter != b'"') || delimiter == b' '
}
