//! The CSV reader.
//!
//! Workers take the file block by block, each cut at a record boundary. Of its block a worker finds the fields of all
//! records, then goes through them column by column, builds each as the narrowest type that fits, and hands it to the
//! sink of that column, which joins the parts. Columns whose blocks disagree are read again, now that their type is
//! known. Which values a column holds decides its type, not where the blocks fall, so the result is the same for any
//! block size and any number of threads.

mod blocks;
mod column;
pub(crate) mod header;
mod scan;
mod sink;

use crate::error::{Error, Problem, Result};
use crate::options::ReadOptions;
use crate::read::{batch_of, check_types};
use crate::value::{Kind, Markers, Seen};
use arrow_array::{ArrayRef, RecordBatch};
use blocks::{Block, Blocks, Input};
use column::Rules;
use header::Header;
use rayon::prelude::*;
use scan::{Fault, FaultKind, Rows};
use sink::{Outcome, Sink};
use std::fs::File;
use std::io::{self, Seek, SeekFrom};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The most bytes a record may have, whatever the options say: places in a block are 32-bit numbers.
const MAX_LINE_BYTES: usize = 1 << 30;
/// How much of the file is looked at for a first idea of the types.
const SAMPLE_BYTES: usize = 16 << 10;

/// Reads UTF-8 text, of which `skipped` bytes were cut off in front.
pub(crate) fn read(data: &[u8], skipped: usize, options: &ReadOptions, path: &str) -> Result<RecordBatch> {
    if let Some(delimiter) = options.delimiter.filter(|&byte| !header::check_delimiter(byte)) {
        return Err(Error::Option {
            name: "the delimiter",
            allowed: "tab, blank or an ASCII punctuation character other than the quote".to_owned(),
            got: format!("{:?}", char::from(delimiter)),
        });
    }
    let content = |problem| Error::Content { path: path.to_owned(), problem };
    let limit = options.max_line_bytes.min(MAX_LINE_BYTES);
    let complete = |problem| content(with_place(problem, limit, skipped));
    let header = header::read(data, options.delimiter, limit).map_err(complete)?;
    check_types(&header.names, &options.types).map_err(content)?;
    let reader = Reader::new(header, data, data.len(), options);
    let input = || Ok(Input::Memory(data));
    let arrays = reader.read(input).map_err(|stop| reader.error(data, stop, complete))?;
    batch_of(reader.header.names, arrays)
}

/// Reads an open file of which `start` are the first bytes, without ever having all of it in memory. `skipped` of them
/// come before the text, which must be UTF-8 with line feeds; `length` is that of the file.
///
/// `None` when anything is unusual or wrong: [`read`] then finds out what.
pub(crate) fn read_file(
    file: &File,
    start: &[u8],
    skipped: usize,
    length: u64,
    options: &ReadOptions,
) -> Option<RecordBatch> {
    if options.delimiter.is_some_and(|byte| !header::check_delimiter(byte)) {
        return None;
    }
    let text = &start[skipped..];
    let header = header::read(text, options.delimiter, options.max_line_bytes.min(MAX_LINE_BYTES)).ok()?;
    check_types(&header.names, &options.types).ok()?;
    let length = usize::try_from(length).ok()?;
    if start.len() < length && !header.is_certain(text) {
        return None;
    }
    let reader = Reader::new(header, text, length - skipped, options);
    let first = (skipped + reader.header.end) as u64;
    let input = || {
        let mut file = file;
        file.seek(SeekFrom::Start(first))?;
        Ok(Input::File { file, rest: Vec::new() })
    };
    let arrays = reader.read(input).ok()?;
    batch_of(reader.header.names, arrays).ok()
}

/// Fills in what the scanner does not know.
fn with_place(problem: Problem, max_line_bytes: usize, skipped: usize) -> Problem {
    match problem {
        Problem::LineTooLong { line, hint, .. } => Problem::LineTooLong { line, limit: max_line_bytes, hint },
        Problem::Encoding { encoding, line, offset, byte } => {
            Problem::Encoding { encoding, line, offset: offset + skipped, byte }
        }
        other => other,
    }
}

/// Why reading ended early.
enum Stop {
    /// Something is wrong in the block that starts at this byte.
    Fault(usize, Fault),
    NoRows,
    /// The text of this column is more than an array can hold.
    TooLarge(usize),
    File(io::Error),
}

struct Reader {
    header: Header,
    rules: Rules,
    /// Declared types by column.
    declared: Vec<Option<Kind>>,
    /// What columns have been seen to hold so far, so that blocks start with the right type more often than not.
    seen: Vec<AtomicU8>,
    expected_rows: usize,
    file_bytes: usize,
    block_bytes: usize,
}

/// How a column is built.
#[derive(Clone, Copy)]
enum Plan {
    Infer,
    Declared(Kind),
    /// Once more, as the type of all its values.
    Again(Kind),
    /// It is complete.
    Skip,
}

/// What the workers of one pass over the file share.
struct Pass<'a> {
    plans: Vec<Plan>,
    sinks: Vec<Mutex<Sink>>,
    blocks: Mutex<Blocks<'a>>,
    /// The fault that stands first in the file.
    stop: Mutex<Option<Stop>>,
}

impl Reader {
    /// `text` are the first bytes of a file of `length`, the header included.
    fn new(header: Header, text: &[u8], length: usize, options: &ReadOptions) -> Self {
        let rules = Rules {
            dialect: header.dialect,
            markers: Markers::new(&options.missing_values),
            quoted_missing: options.quoted_missing,
        };
        let declared = header.names.iter().map(|name| options.types.get(name).map(|&t| t.into())).collect();
        let seen = header.names.iter().map(|_| AtomicU8::default()).collect();
        let block_bytes = options.chunk_bytes.clamp(1, MAX_LINE_BYTES);
        let mut reader = Self { header, rules, declared, seen, expected_rows: 0, file_bytes: length, block_bytes };
        reader.look_ahead(text, length);
        reader
    }

    /// Takes a first idea of the types and the number of rows from the first records.
    fn look_ahead(&mut self, text: &[u8], length: usize) {
        let start = self.header.end;
        let target = (start + SAMPLE_BYTES).min(text.len());
        let end = self.rules.dialect.boundary(text, start, target);
        // A record that is cut off would show values that are none.
        let cut_off = end == text.len() && end < length;
        if cut_off || end - start > 4 * SAMPLE_BYTES {
            return;
        }
        let sample = &text[start..end];
        let mut rows = Rows::default();
        let fault = self.rules.dialect.rows(sample, self.header.names.len(), &mut rows);
        for column in 0..self.seen.len() {
            self.learn(column, self.rules.infer(sample, &rows, column, Seen::default()).seen);
        }
        if fault.is_none() {
            let rest = (length - start) as u64;
            let estimate = rows.len() as u64 * rest / (sample.len().max(1) as u64);
            // A little more costs only addresses. No column is given more of them than the file has bytes.
            self.expected_rows = (estimate + estimate / 32).min(rest / 8) as usize;
        }
    }

    fn learn(&self, column: usize, seen: Seen) {
        self.seen[column].fetch_or(seen.bits(), Ordering::Relaxed);
    }

    /// The columns of the records that `input` starts with.
    fn read<'a>(&self, input: impl Fn() -> io::Result<Input<'a>>) -> std::result::Result<Vec<ArrayRef>, Stop> {
        let plan = |declared: &Option<Kind>| declared.map_or(Plan::Infer, Plan::Declared);
        let plans: Vec<Plan> = self.declared.iter().map(plan).collect();
        let mut outcomes = self.pass(plans, input().map_err(Stop::File)?)?;
        let again =
            |outcome: &Outcome| if let Outcome::Again(kind) = outcome { Plan::Again(*kind) } else { Plan::Skip };
        let plans: Vec<Plan> = outcomes.iter().map(again).collect();
        if plans.iter().any(|plan| matches!(plan, Plan::Again(_))) {
            let second = self.pass(plans, input().map_err(Stop::File)?)?;
            for (outcome, second) in outcomes.iter_mut().zip(second) {
                if matches!(outcome, Outcome::Again(_)) {
                    *outcome = second;
                }
            }
        }
        let array = |(column, outcome)| match outcome {
            Outcome::Array(array) => Ok(array),
            Outcome::TooLarge => Err(Stop::TooLarge(column)),
            // Only a file that changes while it is read has other values the second time.
            Outcome::Again(_) => Err(Stop::File(io::Error::other("the file has changed"))),
        };
        let arrays: Vec<ArrayRef> =
            outcomes.into_iter().enumerate().map(array).collect::<std::result::Result<_, _>>()?;
        let n_rows = arrays.first().map_or(0, |array| array.len());
        if arrays.iter().any(|array| array.len() != n_rows) {
            return Err(Stop::File(io::Error::other("the file has changed")));
        }
        Ok(arrays)
    }

    fn pass(&self, plans: Vec<Plan>, input: Input<'_>) -> std::result::Result<Vec<Outcome>, Stop> {
        let position = if let Input::Memory(_) = input { self.header.end } else { 0 };
        let blocks = Blocks::new(input, position, self.rules.dialect, self.block_bytes);
        let sinks = plans.iter().map(|_| Mutex::new(Sink::new(self.expected_rows, self.file_bytes))).collect();
        let pass = Pass { plans, sinks, blocks: Mutex::new(blocks), stop: Mutex::new(None) };
        (0..rayon::current_num_threads()).into_par_iter().for_each(|_| pass.work(self));
        if let Some(stop) = into_inner(pass.stop) {
            return Err(stop);
        }
        let sinks: Vec<Sink> = pass.sinks.into_iter().map(into_inner).collect();
        let read = |(sink, plan): &(&Sink, &Plan)| !matches!(plan, Plan::Skip) && sink.n_rows() > 0;
        if !sinks.iter().zip(&pass.plans).any(|pair| read(&pair)) {
            return Err(Stop::NoRows);
        }
        let finish = |(sink, plan): (Sink, Plan)| match plan {
            Plan::Infer | Plan::Skip => sink.finish(None),
            Plan::Declared(kind) | Plan::Again(kind) => sink.finish(Some(kind)),
        };
        Ok(sinks.into_par_iter().zip(pass.plans).map(finish).collect())
    }

    fn misfit(&self, bytes: &[u8], rows: &Rows, row: usize, column: usize) -> Fault {
        let raw = rows.column(bytes, column).nth(row).unwrap_or_default();
        let text = column::verbatim(self.rules.dialect, raw);
        let value = String::from_utf8_lossy(&text).into_owned();
        Fault { at: rows.start(row, column), what: FaultKind::Misfit { column, value } }
    }

    /// What to say about it; `data` is the whole file.
    fn error(&self, data: &[u8], stop: Stop, complete: impl Fn(Problem) -> Error) -> Error {
        let n_columns = self.header.names.len();
        complete(match stop {
            Stop::Fault(start, fault) => {
                let problem = header::problem(data, start, &fault, n_columns);
                self.name_column(problem, &fault)
            }
            Stop::NoRows => Problem::NoRows { n_columns },
            Stop::TooLarge(column) => Problem::TooLarge {
                what: format!("the text of column {:?}", self.header.names[column]),
                limit: "2 GiB".to_owned(),
            },
            Stop::File(error) => return Error::internal("reading records", &error),
        })
    }

    /// Puts the column's name and type into the message about a value that does not fit.
    fn name_column(&self, problem: Problem, fault: &Fault) -> Problem {
        match (problem, &fault.what) {
            (Problem::Value { place, row, value, .. }, FaultKind::Misfit { column, .. }) => {
                let kind = self.declared[*column].unwrap_or(Kind::Text);
                let name = self.header.names[*column].clone();
                Problem::Value { place, row, column: name, expected: kind.expected(), value }
            }
            (problem, _) => problem,
        }
    }
}

impl Pass<'_> {
    /// Takes blocks until there are no more.
    fn work(&self, reader: &Reader) {
        let (mut buffer, mut rows) = (Vec::new(), Rows::default());
        loop {
            let next = lock(&self.blocks).next(&mut buffer);
            match next {
                Ok(Some(block)) => {
                    if let Some(fault) = self.block(reader, block, &mut rows) {
                        self.stop(Stop::Fault(block.start, fault));
                    }
                }
                Ok(None) => return,
                Err(error) => self.stop(Stop::File(error)),
            }
        }
    }

    /// Builds the columns of a block and hands them on; gives the first fault in it.
    fn block(&self, reader: &Reader, block: Block<'_>, rows: &mut Rows) -> Option<Fault> {
        let (rules, bytes) = (&reader.rules, block.bytes);
        let mut fault = rules.dialect.rows(bytes, self.plans.len(), rows);
        if let Err(error) = std::str::from_utf8(bytes) {
            earlier(&mut fault, Fault { at: error.valid_up_to(), what: FaultKind::NotUtf8 });
        }
        for (column, plan) in self.plans.iter().enumerate() {
            let built = match *plan {
                Plan::Skip => continue,
                Plan::Infer => {
                    let seen = Seen::from_bits(reader.seen[column].load(Ordering::Relaxed));
                    let part = rules.infer(bytes, rows, column, seen);
                    reader.learn(column, part.seen);
                    Ok(part)
                }
                Plan::Declared(kind) => rules.build(bytes, rows, column, kind, true),
                Plan::Again(kind) => rules.build(bytes, rows, column, kind, false),
            };
            match built {
                Ok(part) => lock(&self.sinks[column]).take(block.index, part),
                Err(misfit) => earlier(&mut fault, reader.misfit(bytes, rows, misfit.row, column)),
            }
        }
        fault
    }

    /// Ends the reading. Blocks are handed out in the order of the file, so no earlier one is left out.
    fn stop(&self, stop: Stop) {
        lock(&self.blocks).stop();
        let mut first = lock(&self.stop);
        let earlier = match (&*first, &stop) {
            (Some(Stop::Fault(first, _)), Stop::Fault(start, _)) => start < first,
            (first, _) => first.is_none(),
        };
        if earlier {
            *first = Some(stop);
        }
    }
}

/// A worker that panics takes the whole reading with it, so what it left is never looked at.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn into_inner<T>(mutex: Mutex<T>) -> T {
    mutex.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// Keeps the fault that stands first in the file.
fn earlier(fault: &mut Option<Fault>, other: Fault) {
    if fault.as_ref().is_none_or(|fault| other.at < fault.at) {
        *fault = Some(other);
    }
}
