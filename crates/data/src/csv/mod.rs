//! The CSV reader.
//!
//! The file is cut into chunks at record boundaries. Each chunk is a task: it finds the fields of all its records, then
//! goes through them column by column and builds each as the narrowest type that fits. Where chunks disagree about a
//! column, the chunks with the narrower type build that column again. Which values a column holds decides its type, not
//! where the chunks fall, so the result is the same for any chunk size and any number of threads.

mod column;
pub(crate) mod header;
mod scan;

use crate::error::{Error, Problem, Result};
use crate::options::ReadOptions;
use crate::read::{batch_of, check_types};
use crate::value::{Kind, Markers, Seen};
use arrow_array::{ArrayRef, RecordBatch};
use column::{Part, Rules, join};
use header::Header;
use rayon::prelude::*;
use scan::{Fault, FaultKind, Rows};
use std::sync::mpsc;

/// The most bytes a record may have, whatever the options say: places in a chunk are 32-bit numbers.
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
    let reader = Reader::new(data, header, options);
    let chunks = reader.chunks().map_err(complete)?;
    let arrays = reader.columns(chunks).map_err(complete)?;
    batch_of(reader.header.names, arrays)
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

struct Reader<'a> {
    data: &'a [u8],
    header: Header,
    rules: Rules,
    /// Declared types by column.
    declared: Vec<Option<Kind>>,
    /// What the first rows hold, so that chunks start with the right type more often than not.
    sample: Vec<Seen>,
    chunk_bytes: usize,
}

/// The columns of the records between two bytes of the file.
struct Chunk {
    start: usize,
    end: usize,
    parts: Vec<Part>,
    fault: Option<Fault>,
}

impl<'a> Reader<'a> {
    fn new(data: &'a [u8], header: Header, options: &ReadOptions) -> Self {
        let rules = Rules {
            dialect: header.dialect,
            markers: Markers::new(&options.missing_values),
            quoted_missing: options.quoted_missing,
        };
        let declared = header.names.iter().map(|name| options.types.get(name).map(|&t| t.into()));
        let declared = declared.collect();
        let chunk_bytes = options.chunk_bytes.clamp(1, MAX_LINE_BYTES);
        let sample = vec![Seen::default(); header.names.len()];
        let mut reader = Self { data, header, rules, declared, sample, chunk_bytes };
        reader.sample = reader.look_ahead();
        reader
    }

    fn look_ahead(&self) -> Vec<Seen> {
        let start = self.header.end;
        let target = (start + SAMPLE_BYTES).min(self.data.len());
        let end = self.rules.dialect.boundary(self.data, start, target);
        if end - start > 4 * SAMPLE_BYTES {
            return self.sample.clone();
        }
        let sample = &self.data[start..end];
        let (rows, _) = self.rules.dialect.rows(sample, self.header.names.len());
        let seen = |column| self.rules.infer(sample, &rows, column, Seen::default()).seen;
        (0..self.header.names.len()).map(seen).collect()
    }

    /// Cuts the file into chunks and parses them as they are found.
    fn chunks(&self) -> std::result::Result<Vec<Chunk>, Problem> {
        let (sender, receiver) = mpsc::channel();
        rayon::in_place_scope(|scope| {
            let mut start = self.header.end;
            while start < self.data.len() {
                let target = (start + self.chunk_bytes).min(self.data.len());
                let end = self.rules.dialect.boundary(self.data, start, target);
                let sender = sender.clone();
                scope.spawn(move |_| {
                    // The receiver outlives the scope.
                    let _ = sender.send(self.chunk(start, end));
                });
                start = end;
            }
        });
        drop(sender);
        let mut chunks: Vec<Chunk> = receiver.into_iter().collect();
        chunks.sort_unstable_by_key(|chunk| chunk.start);
        let n_columns = self.header.names.len();
        if let Some((chunk, fault)) = chunks.iter().find_map(|c| c.fault.as_ref().map(|f| (c, f))) {
            let problem = header::problem(self.data, chunk.start, fault, n_columns);
            return Err(self.name_column(problem, fault));
        }
        if chunks.iter().all(|chunk| chunk.parts.iter().all(|part| part.len() == 0)) {
            return Err(Problem::NoRows { n_columns });
        }
        Ok(chunks)
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

    fn chunk(&self, start: usize, end: usize) -> Chunk {
        let bytes = &self.data[start..end];
        let (rows, mut fault) = self.rules.dialect.rows(bytes, self.header.names.len());
        if let Err(error) = std::str::from_utf8(bytes) {
            earlier(&mut fault, Fault { at: error.valid_up_to(), what: FaultKind::NotUtf8 });
        }
        let mut parts = Vec::with_capacity(self.header.names.len());
        for (column, declared) in self.declared.iter().enumerate() {
            match declared {
                None => parts.push(self.rules.infer(bytes, &rows, column, self.sample[column])),
                Some(kind) => match self.rules.build(bytes, &rows, column, *kind, true) {
                    Ok(part) => parts.push(part),
                    Err(misfit) => {
                        let fault_here = self.misfit(bytes, &rows, misfit.row, column);
                        earlier(&mut fault, fault_here);
                    }
                },
            }
        }
        Chunk { start, end, parts, fault }
    }

    fn misfit(&self, bytes: &[u8], rows: &Rows, row: usize, column: usize) -> Fault {
        let raw = rows.column(bytes, column).nth(row).unwrap_or_default();
        let text = column::verbatim(self.rules.dialect, raw);
        let value = String::from_utf8_lossy(&text).into_owned();
        Fault { at: rows.start(row, column), what: FaultKind::Misfit { column, value } }
    }

    /// Brings every chunk to the types that fit the whole file, and joins them.
    fn columns(&self, mut chunks: Vec<Chunk>) -> std::result::Result<Vec<ArrayRef>, Problem> {
        let kind = |column: usize| {
            let seen = chunks.iter().map(|chunk| chunk.parts[column].seen);
            self.declared[column].unwrap_or_else(|| seen.fold(Seen::default(), Seen::with).kind())
        };
        let kinds: Vec<Kind> = (0..self.header.names.len()).map(kind).collect();
        chunks.par_iter_mut().for_each(|chunk| self.rebuild(chunk, &kinds));
        let mut columns: Vec<Vec<Part>> = kinds.iter().map(|_| Vec::with_capacity(chunks.len())).collect();
        for chunk in chunks {
            for (column, part) in columns.iter_mut().zip(chunk.parts) {
                column.push(part);
            }
        }
        let join = |((parts, kind), name): ((Vec<Part>, Kind), &String)| {
            join(parts, kind).ok_or_else(|| Problem::TooLarge {
                what: format!("the text of column {name:?}"),
                limit: "2 GiB".to_owned(),
            })
        };
        columns.into_par_iter().zip(kinds).zip(&self.header.names).map(join).collect()
    }

    /// Builds again, as the type of the whole column, what this chunk built as a narrower one.
    fn rebuild(&self, chunk: &mut Chunk, kinds: &[Kind]) {
        if chunk.parts.iter().zip(kinds).all(|(part, kind)| part.is(*kind)) {
            return;
        }
        let bytes = &self.data[chunk.start..chunk.end];
        let (rows, _) = self.rules.dialect.rows(bytes, kinds.len());
        for (column, (part, kind)) in chunk.parts.iter_mut().zip(kinds).enumerate() {
            if !part.is(*kind) {
                let built = self.rules.build(bytes, &rows, column, *kind, false);
                *part = built.expect("the type of the whole column holds every value of it");
            }
        }
    }
}

/// Keeps the fault that stands first in the file.
fn earlier(fault: &mut Option<Fault>, other: Fault) {
    if fault.as_ref().is_none_or(|fault| other.at < fault.at) {
        *fault = Some(other);
    }
}
