//! Where the fields and records of a CSV file begin and end.
//!
//! One rule serves every part of the reader, so that chunks fall at the same records whatever their size: a quote
//! opens a quoted field only as the first character of a field, blanks aside; it ends at the next quote that is not
//! doubled; a quote anywhere else is an ordinary character.

use memchr::{memchr, memchr2};

const LOW: u64 = 0x7f7f_7f7f_7f7f_7f7f;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// What is wrong with a record, and at which byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) at: usize,
    pub(crate) what: FaultKind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FaultKind {
    Ragged { found: usize },
    UnterminatedQuote { column: usize },
    AfterQuote { column: usize, found: u8 },
    TooLong { in_quotes: bool },
    NotUtf8,
    Misfit { column: usize, value: String },
}

/// The character between fields, and the limit of a record.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dialect {
    pub(crate) delimiter: u8,
    pub(crate) max_line_bytes: usize,
}

/// The places of all fields of some records: for each record its start, then for each field one past its end plus
/// one. Field `c` of a record `r` is thus `r[c]..r[c + 1] - 1`, the first like all others.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    bounds: Vec<u32>,
    stride: usize,
}

impl Rows {
    /// The raw fields of one column.
    #[inline]
    pub(crate) fn column<'a>(&'a self, chunk: &'a [u8], column: usize) -> impl ExactSizeIterator<Item = &'a [u8]> + 'a {
        self.bounds.chunks_exact(self.stride).map(move |row| &chunk[row[column] as usize..row[column + 1] as usize - 1])
    }

    pub(crate) fn len(&self) -> usize {
        self.bounds.len() / self.stride.max(1)
    }

    /// How many bytes the fields of a column have together, for reserving room.
    pub(crate) fn width(&self, column: usize) -> usize {
        let rows = self.bounds.chunks_exact(self.stride);
        rows.map(|row| (row[column + 1] - row[column]) as usize).sum()
    }

    /// Where a field begins.
    pub(crate) fn start(&self, row: usize, column: usize) -> usize {
        self.bounds[row * self.stride + column] as usize
    }
}

impl Dialect {
    #[inline]
    fn is_blank(self, byte: u8) -> bool {
        byte == b' ' || (byte == b'\t' && self.delimiter != b'\t')
    }

    /// The bytes without blanks at either end.
    #[inline]
    pub(crate) fn trim(self, mut text: &[u8]) -> &[u8] {
        while let [first, rest @ ..] = text {
            if !self.is_blank(*first) {
                break;
            }
            text = rest;
        }
        while let [rest @ .., last] = text {
            if !self.is_blank(*last) {
                break;
            }
            text = rest;
        }
        text
    }

    /// Finds every field of the records in `chunk`, which begins and ends at record boundaries. Stops at the first
    /// fault; `rows` then has the records before it.
    pub(crate) fn rows(self, chunk: &[u8], n_columns: usize, rows: &mut Rows) -> Option<Fault> {
        let mut scanner = Scanner::new(self, chunk, Some(n_columns), std::mem::take(&mut rows.bounds));
        let fault = scanner.run().err();
        scanner.bounds.truncate(scanner.row);
        *rows = Rows { bounds: scanner.bounds, stride: n_columns + 1 };
        fault
    }

    /// The fields of a single record, however many there are; none for a blank one.
    pub(crate) fn record(self, record: &[u8]) -> Result<Vec<&[u8]>, Fault> {
        let mut scanner = Scanner::new(self, record, None, Vec::new());
        scanner.run()?;
        scanner.bounds.truncate(scanner.row);
        let field = |pair: &[u32]| &record[pair[0] as usize..pair[1] as usize - 1];
        Ok(scanner.bounds.windows(2).map(field).collect())
    }

    /// The end of the first record that ends at or after `target`, and begins at or before it: where a new chunk may
    /// start. `from` must be the start of a record.
    pub(crate) fn boundary(self, data: &[u8], from: usize, target: usize) -> usize {
        let mut position = from;
        while position < target {
            match memchr(b'"', &data[position..target]) {
                None => position = target,
                Some(place) => match self.after_quote(data, from, position + place) {
                    Some(next) => position = next,
                    None => return data.len(),
                },
            }
        }
        loop {
            let Some(place) = memchr2(b'\n', b'"', &data[position..]) else {
                return data.len();
            };
            let place = position + place;
            if data[place] == b'\n' {
                return place + 1;
            }
            match self.after_quote(data, from, place) {
                Some(next) => position = next,
                None => return data.len(),
            }
        }
    }

    /// Where to go on after the quote at `quote`; `None` when it opens a field that never ends.
    fn after_quote(self, data: &[u8], from: usize, quote: usize) -> Option<usize> {
        let before = self.trim_end(&data[from..quote]);
        let opens = before.last().is_none_or(|&byte| byte == self.delimiter || byte == b'\n');
        if opens { closing_quote(data, quote + 1).map(|close| close + 1) } else { Some(quote + 1) }
    }

    fn trim_end(self, mut text: &[u8]) -> &[u8] {
        while let [rest @ .., last] = text {
            if !self.is_blank(*last) {
                break;
            }
            text = rest;
        }
        text
    }
}

/// The next quote from `from` on that is not doubled.
fn closing_quote(data: &[u8], mut from: usize) -> Option<usize> {
    loop {
        let place = from + memchr(b'"', data.get(from..)?)?;
        if data.get(place + 1) != Some(&b'"') {
            return Some(place);
        }
        from = place + 2;
    }
}

struct Scanner<'a> {
    dialect: Dialect,
    chunk: &'a [u8],
    /// How many fields a record must have; `None` for any number.
    n_columns: Option<usize>,
    bounds: Vec<u32>,
    /// Index in `bounds` of the start of the present record.
    row: usize,
    delimiters: u64,
}

impl<'a> Scanner<'a> {
    /// The memory of `bounds` is used again.
    fn new(dialect: Dialect, chunk: &'a [u8], n_columns: Option<usize>, mut bounds: Vec<u32>) -> Self {
        bounds.clear();
        // Most files have more than six bytes a field, so that the list seldom grows.
        bounds.reserve(chunk.len().min(4 << 20) / 6 + 16);
        bounds.push(0);
        let delimiters = u64::from(dialect.delimiter) * (u64::MAX / 255);
        Self { dialect, chunk, n_columns, bounds, row: 0, delimiters }
    }

    fn run(&mut self) -> Result<(), Fault> {
        let chunk = self.chunk;
        let mut base = 0;
        'blocks: while base < chunk.len() {
            let mut mask = self.marks(load(chunk, base));
            while mask != 0 {
                let at = base + (mask.trailing_zeros() / 8) as usize;
                mask &= mask - 1;
                let byte = chunk[at];
                if byte == self.dialect.delimiter {
                    self.push(at + 1);
                } else if byte == b'\n' {
                    self.end_row(at)?;
                } else if let Some(next) = self.quote(at)? {
                    base = next;
                    continue 'blocks;
                }
            }
            base += 8;
            self.check_length(base)?;
        }
        let start = self.bounds[self.row] as usize;
        if start < chunk.len() {
            self.end_row(chunk.len())?;
        }
        Ok(())
    }

    /// A bit in the highest place of each byte that is a delimiter, line feed or quote. Carries stay within a byte, so
    /// there are no false marks.
    #[inline]
    fn marks(&self, word: u64) -> u64 {
        let nonzero = |x: u64| ((x & LOW) + LOW) | x;
        let delimiter = nonzero(word ^ self.delimiters);
        let line_feed = nonzero(word ^ (0x0a * (u64::MAX / 255)));
        let quote = nonzero(word ^ (0x22 * (u64::MAX / 255)));
        !(delimiter & line_feed & quote) & HIGH
    }

    #[inline]
    fn push(&mut self, bound: usize) {
        #[expect(clippy::cast_possible_truncation, reason = "check_length keeps offsets below 2^32")]
        self.bounds.push(bound as u32);
    }

    #[inline]
    fn check_length(&self, at: usize) -> Result<(), Fault> {
        let start = self.bounds[self.row] as usize;
        if at.saturating_sub(start) > self.dialect.max_line_bytes + 8 {
            return Err(Fault { at: start, what: FaultKind::TooLong { in_quotes: false } });
        }
        Ok(())
    }

    /// Ends the record at the line feed or end of data at `at`.
    #[inline]
    fn end_row(&mut self, at: usize) -> Result<(), Fault> {
        let start = self.bounds[self.row] as usize;
        let field = self.bounds[self.bounds.len() - 1] as usize;
        let carriage_return = at > field && self.chunk[at - 1] == b'\r';
        self.push(at - usize::from(carriage_return) + 1);
        let found = self.bounds.len() - 1 - self.row;
        if found == 1 && self.dialect.trim(&self.chunk[start..at - usize::from(carriage_return)]).is_empty() {
            self.bounds.truncate(self.row);
        } else if at - start > self.dialect.max_line_bytes {
            return Err(Fault { at: start, what: FaultKind::TooLong { in_quotes: false } });
        } else if self.n_columns.is_some_and(|expected| found != expected) {
            return Err(Fault { at: start, what: FaultKind::Ragged { found } });
        }
        self.row = self.bounds.len();
        self.push((at + 1).min(self.chunk.len()));
        Ok(())
    }

    /// Where to go on after the quote at `at`, when it opens a field.
    fn quote(&self, at: usize) -> Result<Option<usize>, Fault> {
        let field = self.bounds[self.bounds.len() - 1] as usize;
        if !self.dialect.trim(&self.chunk[field..at]).is_empty() {
            return Ok(None);
        }
        let start = self.bounds[self.row] as usize;
        let column = self.bounds.len() - self.row;
        let limit = (start + self.dialect.max_line_bytes + 1).min(self.chunk.len());
        let Some(close) = closing_quote(&self.chunk[..limit], at + 1) else {
            let what = if limit < self.chunk.len() {
                FaultKind::TooLong { in_quotes: true }
            } else {
                FaultKind::UnterminatedQuote { column }
            };
            return Err(Fault { at, what });
        };
        let rest = &self.chunk[close + 1..];
        let next = rest.iter().find(|&&byte| !self.dialect.is_blank(byte) && byte != b'\r');
        match next {
            Some(&found) if found != self.dialect.delimiter && found != b'\n' => {
                Err(Fault { at: close, what: FaultKind::AfterQuote { column, found } })
            }
            _ => Ok(Some(close + 1)),
        }
    }
}

/// Eight bytes from `base` on, zeros behind the end.
#[inline]
fn load(chunk: &[u8], base: usize) -> u64 {
    match chunk.get(base..base + 8) {
        Some(bytes) => u64::from_le_bytes(bytes.try_into().expect("eight bytes were taken")),
        None => {
            let mut bytes = [0; 8];
            let rest = &chunk[base..];
            bytes[..rest.len()].copy_from_slice(rest);
            u64::from_le_bytes(bytes)
        }
    }
}
