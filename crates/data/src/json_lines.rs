//! The JSON lines reader.
//!
//! Like the CSV reader it cuts the file into chunks at line ends and parses them in parallel; the columns are the keys
//! of all objects in the order in which they first occur.

use crate::convert::{Scalar, build};
use crate::csv::header::check_names;
use crate::encoding::line_of;
use crate::error::{Error, Problem, Result};
use crate::options::ReadOptions;
use crate::read::{batch_of, check_types};
use crate::value::{Kind, Markers, Seen};
use arrow_array::{ArrayRef, RecordBatch};
use memchr::memchr;
use rayon::prelude::*;
use serde::de::{Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

/// Reads UTF-8 text, of which `skipped` bytes were cut off in front.
pub(crate) fn read(data: &[u8], skipped: usize, options: &ReadOptions, path: &str) -> Result<RecordBatch> {
    let content = |problem| Error::Content { path: path.to_owned(), problem };
    let ranges = ranges(data, options).map_err(content)?;
    let markers = options.quoted_missing.then(|| Markers::new(&options.missing_values));
    let parts: Vec<_> =
        ranges.into_par_iter().map(|(start, end)| Part::parse(data, start, end, markers.as_ref())).collect();
    let mut whole = Vec::with_capacity(parts.len());
    for part in parts {
        whole.push(part.map_err(|fault| content(fault.problem(data, skipped)))?);
    }
    let (names, arrays) = join(data, &whole, options).map_err(content)?;
    batch_of(names, arrays)
}

/// Chunks that end at line ends.
fn ranges(data: &[u8], options: &ReadOptions) -> std::result::Result<Vec<(usize, usize)>, Problem> {
    if data.trim_ascii().is_empty() {
        return Err(Problem::Empty { expected: "one JSON object a line is expected" });
    }
    let mut ranges = Vec::new();
    let mut start = 0;
    while start < data.len() {
        let target = start.saturating_add(options.chunk_bytes).min(data.len());
        let end = memchr(b'\n', &data[target..]).map_or(data.len(), |place| target + place + 1);
        // Lines within a chunk are shorter than the chunk, so only long chunks can hold too long a line.
        if end - start > options.max_line_bytes {
            refuse_long_lines(data, start, end, options.max_line_bytes)?;
        }
        ranges.push((start, end));
        start = end;
    }
    Ok(ranges)
}

fn refuse_long_lines(data: &[u8], start: usize, end: usize, limit: usize) -> std::result::Result<(), Problem> {
    let mut position = start;
    while position < end {
        let length = memchr(b'\n', &data[position..end]).unwrap_or(end - position);
        if length > limit {
            return Err(Problem::LineTooLong { line: line_of(data, position), limit, hint: "" });
        }
        position += length + 1;
    }
    Ok(())
}

/// What is wrong with a line, and where the line begins.
struct Fault {
    at: usize,
    what: FaultKind,
}

enum FaultKind {
    NotUtf8,
    Json(String),
    NotAnObject(&'static str),
    Nested { column: String, found: &'static str },
    DuplicateKey { column: String },
}

impl Fault {
    fn problem(self, data: &[u8], skipped: usize) -> Problem {
        let line = line_of(data, self.at);
        match self.what {
            FaultKind::NotUtf8 => {
                Problem::Encoding { encoding: "UTF-8".to_owned(), line, offset: self.at + skipped, byte: data[self.at] }
            }
            FaultKind::Json(message) => Problem::Json { line, message },
            FaultKind::NotAnObject(found) => Problem::NotAnObject { line, found },
            FaultKind::Nested { column, found } => {
                Problem::Nested { line: Some(line), column, found: found.to_owned() }
            }
            FaultKind::DuplicateKey { column } => Problem::DuplicateKey { line, column },
        }
    }
}

/// A value of a line.
#[derive(Clone, Debug)]
enum Cell {
    Missing,
    Boolean(bool),
    Int(i64),
    Float(f64),
    Text(Box<str>),
    Nested(&'static str),
}

impl Cell {
    fn scalar(&self) -> Scalar<'_> {
        match self {
            Self::Missing | Self::Nested(_) => Scalar::Missing,
            Self::Boolean(value) => Scalar::Boolean(*value),
            Self::Int(value) => Scalar::Int(*value),
            Self::Float(value) => Scalar::Float(*value),
            Self::Text(value) => Scalar::Text(value),
        }
    }
}

/// The columns of one chunk. Those that end early have missing values behind.
#[derive(Default)]
struct Part {
    start: usize,
    end: usize,
    n_rows: usize,
    names: Vec<String>,
    places: HashMap<String, usize>,
    columns: Vec<Vec<Cell>>,
    seen: Vec<Seen>,
}

impl Part {
    fn parse(data: &[u8], start: usize, end: usize, markers: Option<&Markers>) -> std::result::Result<Self, Fault> {
        let text = match std::str::from_utf8(&data[start..end]) {
            Ok(text) => text,
            Err(error) => {
                // What is wrong in the lines before comes first.
                let good = start + error.valid_up_to();
                let line = memchr::memrchr(b'\n', &data[start..good]).map_or(start, |p| start + p + 1);
                Self::parse(data, start, line, markers)?;
                return Err(Fault { at: good, what: FaultKind::NotUtf8 });
            }
        };
        let mut part = Self { start, end, ..Self::default() };
        let mut at = start;
        for line in text.split_inclusive('\n') {
            let trimmed = line.trim_ascii();
            if !trimmed.is_empty() {
                part.line(trimmed, markers).map_err(|what| Fault { at, what })?;
            }
            at += line.len();
        }
        Ok(part)
    }

    fn line(&mut self, line: &str, markers: Option<&Markers>) -> std::result::Result<(), FaultKind> {
        if let Some(found) = other_than_object(line) {
            return Err(FaultKind::NotAnObject(found));
        }
        let mut fault = None;
        let mut deserializer = serde_json::Deserializer::from_str(line);
        let row = Row { part: self, markers, fault: &mut fault };
        let result = row.deserialize(&mut deserializer).and_then(|()| deserializer.end());
        match (result, fault) {
            (Err(error), _) => Err(FaultKind::Json(json_words(&error))),
            (Ok(()), Some(fault)) => Err(fault),
            (Ok(()), None) => {
                self.n_rows += 1;
                Ok(())
            }
        }
    }

    /// The index of a column, which most often is where it was in the line before.
    fn place(&mut self, key: Cow<'_, str>, expected: usize) -> usize {
        if self.names.get(expected).is_some_and(|name| *name == key) {
            return expected;
        }
        if let Some(&place) = self.places.get(key.as_ref()) {
            return place;
        }
        let place = self.names.len();
        self.places.insert(key.clone().into_owned(), place);
        self.names.push(key.into_owned());
        self.columns.push(Vec::new());
        self.seen.push(Seen::default());
        place
    }

    fn scalar(&self, column: Option<usize>, row: usize) -> Scalar<'_> {
        column.and_then(|column| self.columns[column].get(row)).map_or(Scalar::Missing, Cell::scalar)
    }
}

/// What a line holds when it is not an object.
fn other_than_object(line: &str) -> Option<&'static str> {
    match line.as_bytes().first()? {
        b'[' => Some("a list"),
        b'"' => Some("a text"),
        b't' | b'f' if matches!(line, "true" | "false") => Some("a boolean"),
        b'n' if line == "null" => Some("null"),
        b'-' | b'0'..=b'9' => Some("a number"),
        _ => None,
    }
}

/// The parser's words with the column but without its line, which is always the first.
fn json_words(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.split_once(" at line ") {
        Some((words, _)) => format!("{words} at character {}", error.column()),
        None => text,
    }
}

/// Takes one object into a part.
struct Row<'a> {
    part: &'a mut Part,
    markers: Option<&'a Markers>,
    fault: &'a mut Option<FaultKind>,
}

impl<'de> DeserializeSeed<'de> for Row<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> std::result::Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Row<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<(), A::Error> {
        let mut expected = 0;
        while let Some(Key(key)) = map.next_key::<Key<'de>>()? {
            let mut cell: Cell = map.next_value()?;
            let place = self.part.place(key, expected);
            expected = place + 1;
            if let Cell::Nested(found) = cell {
                let column = self.part.names[place].clone();
                self.fault.get_or_insert(FaultKind::Nested { column, found });
            }
            if let (Cell::Text(text), Some(markers)) = (&cell, self.markers)
                && markers.is_missing(text.as_bytes())
            {
                cell = Cell::Missing;
            }
            let row = self.part.n_rows;
            let column = &mut self.part.columns[place];
            if column.len() > row {
                let column = self.part.names[place].clone();
                self.fault.get_or_insert(FaultKind::DuplicateKey { column });
                continue;
            }
            column.resize(row, Cell::Missing);
            self.part.seen[place] = self.part.seen[place].with(cell.scalar().seen());
            column.push(cell);
        }
        Ok(())
    }
}

/// A key, borrowed from the line unless it holds escapes.
struct Key<'de>(Cow<'de, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Borrowing;
        impl<'de> Visitor<'de> for Borrowing {
            type Value = Key<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }

            fn visit_borrowed_str<E>(self, key: &'de str) -> std::result::Result<Key<'de>, E> {
                Ok(Key(Cow::Borrowed(key)))
            }

            fn visit_str<E>(self, key: &str) -> std::result::Result<Key<'de>, E> {
                Ok(Key(Cow::Owned(key.to_owned())))
            }
        }
        deserializer.deserialize_str(Borrowing)
    }
}

impl<'de> Deserialize<'de> for Cell {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_any(CellVisitor)
    }
}

struct CellVisitor;

impl<'de> Visitor<'de> for CellVisitor {
    type Value = Cell;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> std::result::Result<Cell, E> {
        Ok(Cell::Boolean(value))
    }

    fn visit_i64<E>(self, value: i64) -> std::result::Result<Cell, E> {
        Ok(Cell::Int(value))
    }

    fn visit_u64<E>(self, value: u64) -> std::result::Result<Cell, E> {
        #[expect(clippy::cast_precision_loss, reason = "what is beyond i64 is a float")]
        let float = value as f64;
        Ok(i64::try_from(value).map_or(Cell::Float(float), Cell::Int))
    }

    fn visit_f64<E>(self, value: f64) -> std::result::Result<Cell, E> {
        Ok(Cell::Float(value))
    }

    fn visit_str<E>(self, value: &str) -> std::result::Result<Cell, E> {
        Ok(Cell::Text(value.into()))
    }

    fn visit_unit<E>(self) -> std::result::Result<Cell, E> {
        Ok(Cell::Missing)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> std::result::Result<Cell, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Cell::Nested("a list"))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Cell, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Cell::Nested("an object"))
    }
}

/// The columns of all parts end to end.
fn join(
    data: &[u8],
    parts: &[Part],
    options: &ReadOptions,
) -> std::result::Result<(Vec<String>, Vec<ArrayRef>), Problem> {
    let mut places = HashMap::new();
    let mut names: Vec<String> = Vec::new();
    for name in parts.iter().flat_map(|part| &part.names) {
        places.entry(name.as_str()).or_insert_with(|| {
            names.push(name.clone());
            names.len() - 1
        });
    }
    check_names(&names)?;
    check_types(&names, &options.types)?;
    if names.is_empty() {
        return Err(Problem::NoRows { n_columns: 0 });
    }
    let arrays =
        names.par_iter().map(|name| column(data, parts, name, options)).collect::<std::result::Result<_, _>>()?;
    Ok((names, arrays))
}

fn column(data: &[u8], parts: &[Part], name: &str, options: &ReadOptions) -> std::result::Result<ArrayRef, Problem> {
    let places: Vec<Option<usize>> = parts.iter().map(|part| part.places.get(name).copied()).collect();
    let seen = parts.iter().zip(&places).filter_map(|(part, place)| place.map(|place| part.seen[place]));
    let declared = options.types.get(name).map(|&data_type| Kind::from(data_type));
    let kind = declared.unwrap_or_else(|| seen.fold(Seen::default(), Seen::with).kind());
    let mut rows = Vec::with_capacity(parts.iter().map(|part| part.n_rows).sum());
    let mut text_bytes = 0;
    for (part, place) in parts.iter().zip(&places) {
        for row in 0..part.n_rows {
            let scalar = part.scalar(*place, row);
            if let (Kind::Text, Scalar::Text(text)) = (kind, scalar) {
                text_bytes += text.len();
            }
            rows.push(scalar);
        }
    }
    if text_bytes > i32::MAX as usize - 32 * rows.len().min(1 << 20) {
        return Err(Problem::TooLarge { what: format!("the text of column {name:?}"), limit: "2 GiB".to_owned() });
    }
    build(kind, rows.iter().copied()).map_err(|row| Problem::Value {
        place: "line",
        row: line_of_row(data, parts, row),
        column: name.to_owned(),
        expected: kind.expected(),
        value: rows[row].text().into_owned(),
    })
}

/// The line of a data row, blank lines counted in.
fn line_of_row(data: &[u8], parts: &[Part], row: usize) -> usize {
    let mut before = 0;
    for part in parts {
        if row < before + part.n_rows {
            let mut at = part.start;
            let mut left = row - before;
            for line in data[part.start..part.end].split_inclusive(|&byte| byte == b'\n') {
                if !line.trim_ascii().is_empty() {
                    if left == 0 {
                        return line_of(data, at);
                    }
                    left -= 1;
                }
                at += line.len();
            }
        }
        before += part.n_rows;
    }
    line_of(data, data.len())
}
