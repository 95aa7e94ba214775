//! The parts of a column joined end to end while the file is still being read.

use super::column::{Part, Values};
use crate::value::{Kind, Seen};
use arrow_array::{ArrayRef, BooleanArray, Float64Array, Int64Array, StringArray, new_null_array};
use arrow_buffer::{BooleanBufferBuilder, Buffer, NullBufferBuilder, OffsetBuffer, ScalarBuffer};
use arrow_schema::DataType as ArrowType;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The most bytes that the texts of an array may have.
const MAX_TEXT: usize = i32::MAX as usize;

/// A column as far as it has been read. Parts may come in any order; they are joined in that of the file, each as soon
/// as those before it are there, so that few are in memory at a time.
#[derive(Debug)]
pub(crate) struct Sink {
    /// The number of the block whose part comes next.
    next: usize,
    waiting: BTreeMap<usize, Part>,
    values: Joined,
    nulls: NullBufferBuilder,
    n_rows: usize,
    expected_rows: usize,
    /// The most bytes of text to reserve room for.
    most_text: usize,
    seen: Seen,
    /// Whether a quoted marker was taken for a missing value, which it is not in a text column.
    marker_lost: bool,
}

#[derive(Debug)]
enum Joined {
    /// Nothing but missing values.
    Missing,
    Boolean(BooleanBufferBuilder),
    Int(Vec<i64>),
    Float(Vec<f64>),
    /// Where each text ends, a zero in front, and all texts end to end.
    Text(Vec<i32>, Vec<u8>),
    /// Texts beyond what an array can hold.
    TooLarge,
    /// Parts of different types: those of the column must be built again.
    Mixed,
}

/// What has become of a column.
#[derive(Debug)]
pub(crate) enum Outcome {
    Array(ArrayRef),
    /// It must be read again, as this type.
    Again(Kind),
    TooLarge,
}

impl Sink {
    /// A column of about `expected_rows` from a file of `file_bytes`; more or fewer cost time or address space, nothing
    /// else.
    pub(crate) fn new(expected_rows: usize, file_bytes: usize) -> Self {
        Self {
            next: 0,
            waiting: BTreeMap::new(),
            values: Joined::Missing,
            nulls: NullBufferBuilder::new(expected_rows),
            n_rows: 0,
            expected_rows,
            most_text: file_bytes.min(MAX_TEXT),
            seen: Seen::default(),
            marker_lost: false,
        }
    }

    pub(crate) fn n_rows(&self) -> usize {
        self.n_rows
    }

    /// Takes the part of the block with this number.
    pub(crate) fn take(&mut self, block: usize, part: Part) {
        if block != self.next {
            self.waiting.insert(block, part);
            return;
        }
        self.append(part);
        self.next += 1;
        while let Some(part) = self.waiting.remove(&self.next) {
            self.append(part);
            self.next += 1;
        }
    }

    fn append(&mut self, part: Part) {
        let n = part.len();
        self.seen = self.seen.with(part.seen);
        match (&part.values, &part.nulls) {
            (Values::Missing(_), _) => {
                self.marker_lost |= part.seen.has(Seen::QUOTED_MARKER);
                self.nulls.append_n_nulls(n);
            }
            (_, Some(nulls)) => self.nulls.append_buffer(nulls),
            (_, None) => self.nulls.append_n_non_nulls(n),
        }
        if matches!(self.values, Joined::Missing) {
            self.values = Joined::like(&part.values, self.n_rows, self.expected_rows, self.most_text);
        }
        self.n_rows += n;
        self.values.append(part.values);
    }

    /// The column when all parts are there. Its type is the declared one, or what its values make it.
    pub(crate) fn finish(mut self, declared: Option<Kind>) -> Outcome {
        let kind = declared.unwrap_or_else(|| self.seen.kind());
        let nulls = self.nulls.finish();
        Outcome::Array(match (self.values, kind) {
            (Joined::Missing, Kind::Float) => new_null_array(&ArrowType::Float64, self.n_rows),
            (Joined::Missing, Kind::Int) if declared.is_some() => new_null_array(&ArrowType::Int64, self.n_rows),
            (Joined::Missing, Kind::Boolean) if declared.is_some() => new_null_array(&ArrowType::Boolean, self.n_rows),
            (Joined::Boolean(mut values), Kind::Boolean) => Arc::new(BooleanArray::new(values.finish(), nulls)),
            (Joined::Int(values), Kind::Int) => Arc::new(Int64Array::new(buffer(values), nulls)),
            (Joined::Float(values), Kind::Float) => Arc::new(Float64Array::new(buffer(values), nulls)),
            (Joined::Text(offsets, mut bytes), Kind::Text) if !self.marker_lost => {
                bytes.shrink_to_fit();
                let offsets = OffsetBuffer::new(buffer(offsets));
                Arc::new(StringArray::new(offsets, Buffer::from_vec(bytes), nulls))
            }
            (Joined::TooLarge, Kind::Text) => return Outcome::TooLarge,
            _ => return Outcome::Again(kind),
        })
    }
}

/// The values without the room reserved for more.
fn buffer<T: arrow_buffer::ArrowNativeType>(mut values: Vec<T>) -> ScalarBuffer<T> {
    values.shrink_to_fit();
    ScalarBuffer::from(values)
}

impl Joined {
    /// `n_missing` missing values and room for more, as the type of `values`.
    fn like(values: &Values, n_missing: usize, expected_rows: usize, most_text: usize) -> Self {
        let room = expected_rows.max(n_missing);
        match values {
            Values::Missing(_) => Self::Missing,
            Values::Boolean(_) => {
                let mut all = BooleanBufferBuilder::new(room);
                all.append_n(n_missing, false);
                Self::Boolean(all)
            }
            Values::Int(_) => Self::Int(zeros(n_missing, room)),
            Values::Float(_) => Self::Float(zeros(n_missing, room)),
            Values::Text(ends, bytes) => {
                let width = bytes.len().div_ceil(ends.len().max(1));
                let text = Vec::with_capacity(width.saturating_mul(room).min(most_text));
                Self::Text(zeros(n_missing + 1, room + 1), text)
            }
        }
    }

    fn append(&mut self, values: Values) {
        match (&mut *self, values) {
            (Self::Missing, Values::Missing(_)) | (Self::Mixed | Self::TooLarge, _) => {}
            (Self::Boolean(all), Values::Boolean(values)) => all.append_buffer(&values),
            (Self::Boolean(all), Values::Missing(n)) => all.append_n(n, false),
            (Self::Int(all), Values::Int(values)) => all.extend_from_slice(&values),
            (Self::Int(all), Values::Missing(n)) => all.resize(all.len() + n, 0),
            (Self::Float(all), Values::Float(values)) => all.extend_from_slice(&values),
            (Self::Float(all), Values::Missing(n)) => all.resize(all.len() + n, 0.0),
            (Self::Text(offsets, all), Values::Text(ends, bytes)) => {
                if all.len() + bytes.len() > MAX_TEXT {
                    *self = Self::TooLarge;
                    return;
                }
                #[expect(clippy::cast_possible_truncation, clippy::cast_possible_wrap, reason = "both are below 2^31")]
                offsets.extend(ends.iter().map(|&end| all.len() as i32 + end as i32));
                all.extend_from_slice(&bytes);
            }
            (Self::Text(offsets, all), Values::Missing(n)) => {
                #[expect(clippy::cast_possible_truncation, clippy::cast_possible_wrap, reason = "below 2^31")]
                offsets.resize(offsets.len() + n, all.len() as i32);
            }
            (_, _) => *self = Self::Mixed,
        }
    }
}

fn zeros<T: Default + Clone>(n: usize, room: usize) -> Vec<T> {
    let mut values = Vec::with_capacity(room);
    values.resize(n, T::default());
    values
}
