//! A file in blocks of whole records, each read when a worker asks for it.

use super::scan::Dialect;
use std::fs::File;
use std::io::{self, Read};

/// Where the records come from.
#[derive(Debug)]
pub(crate) enum Input<'a> {
    /// All of them.
    Memory(&'a [u8]),
    /// An open file, and what has been read of it but not been handed out.
    File { file: &'a File, rest: Vec<u8> },
}

/// Hands out the blocks in their order. Where they are cut depends on the block size, but always between two records.
#[derive(Debug)]
pub(crate) struct Blocks<'a> {
    input: Input<'a>,
    dialect: Dialect,
    /// The least length of a block, the last one aside.
    block_bytes: usize,
    /// Where the next block begins.
    position: usize,
    /// How many blocks were handed out.
    count: usize,
    stopped: bool,
}

/// Some records.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Block<'b> {
    /// Its number, counted from 0.
    pub(crate) index: usize,
    /// Where it begins.
    pub(crate) start: usize,
    pub(crate) bytes: &'b [u8],
}

impl<'a> Blocks<'a> {
    /// The records from `position` on.
    pub(crate) fn new(input: Input<'a>, position: usize, dialect: Dialect, block_bytes: usize) -> Self {
        Self { input, dialect, block_bytes, position, count: 0, stopped: false }
    }

    /// Hands out nothing more.
    pub(crate) fn stop(&mut self) {
        self.stopped = true;
    }

    /// The next block, `None` at the end. What comes from a file is read into `buffer`.
    ///
    /// # Errors
    /// When the file cannot be read, or a record is so long that it would not fit into memory.
    pub(crate) fn next<'b>(&mut self, buffer: &'b mut Vec<u8>) -> io::Result<Option<Block<'b>>>
    where
        'a: 'b,
    {
        if self.stopped {
            return Ok(None);
        }
        let (index, start) = (self.count, self.position);
        let bytes = match &mut self.input {
            Input::Memory(data) => {
                let data: &'a [u8] = data;
                let target = (start + self.block_bytes).min(data.len());
                &data[start..self.dialect.boundary(data, start, target)]
            }
            Input::File { file, rest } => {
                fill(file, self.dialect, self.block_bytes, rest, buffer)?;
                buffer.as_slice()
            }
        };
        self.count += 1;
        self.position += bytes.len();
        self.stopped = bytes.is_empty();
        Ok((!self.stopped).then_some(Block { index, start, bytes }))
    }
}

/// Reads at least `block_bytes` and up to the end of a record; what was read beyond it goes to `rest`.
fn fill(
    mut file: &File,
    dialect: Dialect,
    block_bytes: usize,
    rest: &mut Vec<u8>,
    buffer: &mut Vec<u8>,
) -> io::Result<()> {
    buffer.clear();
    buffer.append(rest);
    let mut margin = block_bytes / 64 + 64;
    loop {
        let missing = (block_bytes + margin).saturating_sub(buffer.len());
        buffer.reserve(missing);
        let read = file.by_ref().take(missing as u64).read_to_end(buffer)?;
        let end = dialect.boundary(buffer, 0, block_bytes.min(buffer.len()));
        // An end that is the end of what was read may be that of a record or not.
        if end < buffer.len() {
            rest.extend_from_slice(&buffer[end..]);
            buffer.truncate(end);
            return Ok(());
        }
        if read < missing {
            return Ok(());
        }
        if margin > dialect.max_line_bytes {
            return Err(io::Error::from(io::ErrorKind::FileTooLarge));
        }
        margin *= 2;
    }
}
