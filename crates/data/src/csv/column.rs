//! One column of one block, from raw fields to typed values.

use super::scan::{Dialect, Rows};
use crate::value::{Kind, Markers, Seen, classify, has_leading_zero, parse_boolean, parse_float, parse_int};
use arrow_buffer::{BooleanBuffer, NullBuffer, NullBufferBuilder};
use std::borrow::Cow;

/// What all columns of a file have in common.
#[derive(Debug)]
pub(crate) struct Rules {
    pub(crate) dialect: Dialect,
    pub(crate) markers: Markers,
    pub(crate) quoted_missing: bool,
}

/// The values of one column in one block.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) values: Values,
    pub(crate) nulls: Option<NullBuffer>,
    pub(crate) seen: Seen,
}

#[derive(Debug)]
pub(crate) enum Values {
    /// Nothing but missing values: fits every type.
    Missing(usize),
    Boolean(BooleanBuffer),
    Int(Vec<i64>),
    Float(Vec<f64>),
    /// The end of each text, and all texts end to end.
    Text(Vec<u32>, Vec<u8>),
}

/// A value that does not fit the type its column is built as.
#[derive(Debug)]
pub(crate) struct Misfit {
    pub(crate) row: usize,
    seen: Seen,
}

enum Cell<'a> {
    Plain(&'a [u8]),
    /// What stands between the quotes, doubled quotes still doubled.
    Quoted(&'a [u8]),
}

impl Part {
    pub(crate) fn len(&self) -> usize {
        match &self.values {
            Values::Missing(n) => *n,
            Values::Boolean(values) => values.len(),
            Values::Int(values) => values.len(),
            Values::Float(values) => values.len(),
            Values::Text(ends, _) => ends.len(),
        }
    }
}

/// The text of a field outside any column of numbers: trimmed, or what stands between its quotes.
pub(crate) fn verbatim(dialect: Dialect, raw: &[u8]) -> Cow<'_, [u8]> {
    match cell(dialect, raw) {
        Cell::Plain(text) => Cow::Borrowed(text),
        Cell::Quoted(text) => unescape(text),
    }
}

#[inline]
fn cell(dialect: Dialect, raw: &[u8]) -> Cell<'_> {
    if let ([first, ..], [.., last]) = (raw, raw)
        && *first > b' '
        && *last > b' '
        && *first != b'"'
    {
        return Cell::Plain(raw);
    }
    let text = dialect.trim(raw);
    match text {
        [b'"', inner @ .., b'"'] => Cell::Quoted(inner),
        // A carriage return may stand behind the closing quote of the last field.
        [b'"', inner @ ..] => Cell::Quoted(&inner[..memchr::memrchr(b'"', inner).unwrap_or(inner.len())]),
        _ => Cell::Plain(text),
    }
}

fn unescape(text: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memchr(b'"', text).is_none() {
        return Cow::Borrowed(text);
    }
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(place) = memchr::memchr(b'"', rest) {
        plain.extend_from_slice(&rest[..=place]);
        rest = rest.get(place + 2..).unwrap_or_default();
    }
    plain.extend_from_slice(rest);
    Cow::Owned(plain)
}

impl Rules {
    /// Builds a column of a block as the narrowest type that holds all its values, knowing that the file holds `seen`.
    pub(crate) fn infer(&self, chunk: &[u8], rows: &Rows, column: usize, seen: Seen) -> Part {
        let mut seen = seen;
        loop {
            // No value seen yet: whole numbers are the most frequent.
            let kind = if seen.has_value() { seen.kind() } else { Kind::Int };
            match self.build(chunk, rows, column, kind, false) {
                Ok(mut part) => {
                    part.seen = part.seen.with(seen);
                    return part;
                }
                Err(misfit) => seen = seen.with(misfit.seen),
            }
        }
    }

    /// Builds a column of a block as one type. `declared` types also take leading zeros, and `0` and `1` as booleans.
    pub(crate) fn build(
        &self,
        chunk: &[u8],
        rows: &Rows,
        column: usize,
        kind: Kind,
        declared: bool,
    ) -> Result<Part, Misfit> {
        let cells = rows.column(chunk, column);
        match kind {
            Kind::Boolean => {
                let parse = |text: &[u8]| match text {
                    b"1" if declared => Some(true),
                    b"0" if declared => Some(false),
                    _ => parse_boolean(text),
                };
                let (values, nulls, seen) = self.parse(cells, Seen::BOOLEAN, parse)?;
                let values = BooleanBuffer::collect_bool(values.len(), |row| values[row]);
                Ok(part(Values::Boolean(values), nulls, seen))
            }
            Kind::Int => {
                let parse = |text: &[u8]| {
                    let value = parse_int(text)?;
                    (declared || !has_leading_zero(text)).then_some(value)
                };
                let (values, nulls, seen) = self.parse(cells, Seen::INT, parse)?;
                Ok(part(Values::Int(values), nulls, seen))
            }
            Kind::Float => {
                let parse = |text: &[u8]| {
                    let value = parse_float(text)?;
                    (declared || !has_leading_zero(text)).then_some(value)
                };
                let (values, nulls, seen) = self.parse(cells, Seen::default(), parse)?;
                Ok(without_nan(values, nulls, seen))
            }
            Kind::Text => Ok(self.texts(cells, rows, column)),
        }
    }

    #[inline]
    fn parse<'a, T: Default + Copy>(
        &self,
        cells: impl ExactSizeIterator<Item = &'a [u8]>,
        sort: Seen,
        parse: impl Fn(&[u8]) -> Option<T>,
    ) -> Result<(Vec<T>, Option<NullBuffer>, Seen), Misfit> {
        let mut values = Vec::with_capacity(cells.len());
        let mut nulls = NullBufferBuilder::new(cells.len());
        let mut seen = Seen::default();
        for (row, raw) in cells.enumerate() {
            let (text, quoted) = match cell(self.dialect, raw) {
                Cell::Plain(text) => (text, false),
                Cell::Quoted(text) => (self.dialect.trim(text), true),
            };
            if self.markers.is_missing(text) {
                if quoted && !self.quoted_missing {
                    seen = seen.with(Seen::QUOTED_MARKER);
                }
                values.push(T::default());
                nulls.append_null();
            } else if let Some(value) = parse(text) {
                values.push(value);
                nulls.append_non_null();
            } else {
                let found = if nulls.len() > null_count(&nulls) { sort } else { Seen::default() };
                return Err(Misfit { row, seen: seen.with(found).with(classify(text)) });
            }
        }
        let nulls = nulls.finish();
        if nulls.as_ref().map_or(0, NullBuffer::null_count) < values.len() {
            seen = seen.with(sort);
        }
        Ok((values, nulls, seen))
    }

    fn texts<'a>(&self, cells: impl ExactSizeIterator<Item = &'a [u8]>, rows: &Rows, column: usize) -> Part {
        let n_rows = cells.len();
        let mut ends = Vec::with_capacity(n_rows);
        let mut bytes = Vec::with_capacity(rows.width(column));
        let mut nulls = NullBufferBuilder::new(n_rows);
        for raw in cells {
            let missing = match cell(self.dialect, raw) {
                Cell::Plain(text) if self.markers.is_missing(text) => true,
                Cell::Quoted(text) if self.quoted_missing && self.markers.is_missing(text) => true,
                Cell::Plain(text) => {
                    bytes.extend_from_slice(text);
                    false
                }
                Cell::Quoted(text) => {
                    bytes.extend_from_slice(&unescape(text));
                    false
                }
            };
            nulls.append(!missing);
            #[expect(
                clippy::cast_possible_truncation,
                reason = "a block is below 2^32 bytes, and texts are no longer than their fields"
            )]
            ends.push(bytes.len() as u32);
        }
        Part { values: Values::Text(ends, bytes), nulls: nulls.finish(), seen: Seen::default() }
    }
}

fn null_count(nulls: &NullBufferBuilder) -> usize {
    nulls.finish_cloned().as_ref().map_or(0, NullBuffer::null_count)
}

fn part(values: Values, nulls: Option<NullBuffer>, seen: Seen) -> Part {
    let part = Part { values, nulls, seen };
    let n_rows = part.len();
    match &part.nulls {
        Some(nulls) if nulls.null_count() == n_rows => Part { values: Values::Missing(n_rows), nulls: None, seen },
        _ => part,
    }
}

/// NaN is no value; a column of nothing else is still one of numbers.
fn without_nan(mut values: Vec<f64>, nulls: Option<NullBuffer>, seen: Seen) -> Part {
    let missing = nulls.as_ref().map_or(0, NullBuffer::null_count);
    let seen = if missing < values.len() { seen.with(Seen::FLOAT) } else { seen };
    if !values.iter().any(|value| value.is_nan()) {
        return part(Values::Float(values), nulls, seen);
    }
    let numbers = BooleanBuffer::collect_bool(values.len(), |row| !values[row].is_nan());
    let nulls = NullBuffer::union(nulls.as_ref(), Some(&NullBuffer::new(numbers)));
    values.iter_mut().filter(|value| value.is_nan()).for_each(|value| *value = 0.0);
    part(Values::Float(values), nulls, seen)
}
