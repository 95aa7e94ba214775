//! From the bytes of a text file to UTF-8.

use crate::error::{Error, Problem, Result};
use encoding_rs::{DecoderResult, Encoding, UTF_8, UTF_16BE, UTF_16LE};
use std::borrow::Cow;

/// Text in UTF-8, or bytes that are taken for it and still to be checked.
pub(crate) struct Text<'a> {
    pub(crate) bytes: Cow<'a, [u8]>,
    /// How many bytes of a byte-order mark were in front, for offsets in messages.
    pub(crate) skipped: usize,
}

/// Decodes by the declared encoding or the byte-order mark. UTF-8 is handed on unchecked, since the readers check it
/// in parallel.
pub(crate) fn decode<'a>(bytes: Cow<'a, [u8]>, label: Option<&str>, path: &str) -> Result<Text<'a>> {
    let declared = label.map(find).transpose()?;
    let (encoding, skipped) = match (declared, Encoding::for_bom(&bytes)) {
        (None, None) => (UTF_8, 0),
        (None, Some((found, length))) => (found, length),
        (Some(declared), Some((found, length))) if found == declared => (declared, length),
        (Some(declared), _) => (declared, 0),
    };
    let content = |problem| Error::Content { path: path.to_owned(), problem };
    if encoding == UTF_8 {
        if let Some(problem) = binary(&bytes[skipped..], declared.is_some()) {
            return Err(content(problem));
        }
        let bytes = match (bytes, skipped) {
            (bytes, 0) => bytes,
            (Cow::Borrowed(bytes), skipped) => Cow::Borrowed(&bytes[skipped..]),
            (Cow::Owned(mut bytes), skipped) => {
                bytes.drain(..skipped);
                Cow::Owned(bytes)
            }
        };
        return Ok(Text { bytes: with_line_feeds(bytes), skipped });
    }
    if encoding != UTF_16LE
        && encoding != UTF_16BE
        && let Some(problem) = binary(&bytes, true)
    {
        return Err(content(problem));
    }
    let decoded = transcode(encoding, &bytes[skipped..], skipped).map_err(content)?;
    Ok(Text { bytes: with_line_feeds(Cow::Owned(decoded.into_bytes())), skipped: 0 })
}

/// How many bytes come before the text, when a file with these first bytes needs no decoding: it is UTF-8 with line
/// feeds, as far as can be seen.
pub(crate) fn plain(start: &[u8], label: Option<&str>) -> Option<usize> {
    let declared = label.map(find).transpose().ok()?;
    let (encoding, skipped) = Encoding::for_bom(start).unwrap_or((UTF_8, 0));
    let text = &start[skipped..];
    let plain = encoding == UTF_8
        && declared.is_none_or(|declared| declared == UTF_8)
        && memchr::memchr(b'\n', text).is_some()
        && binary(text, true).is_none();
    plain.then_some(skipped)
}

fn find(label: &str) -> Result<&'static Encoding> {
    Encoding::for_label_no_replacement(label.as_bytes()).ok_or_else(|| Error::Option {
        name: "encoding",
        allowed: "a label of the WHATWG encoding standard, such as utf-8, utf-16le or windows-1252".to_owned(),
        got: format!("{label:?}"),
    })
}

fn transcode(encoding: &'static Encoding, bytes: &[u8], skipped: usize) -> std::result::Result<String, Problem> {
    let mut decoder = encoding.new_decoder_without_bom_handling();
    let capacity = decoder.max_utf8_buffer_length_without_replacement(bytes.len());
    let mut text = String::with_capacity(capacity.unwrap_or(bytes.len()));
    let (result, read) = decoder.decode_to_string_without_replacement(bytes, &mut text, true);
    match result {
        DecoderResult::InputEmpty => Ok(text),
        DecoderResult::Malformed(bad, extra) => {
            let place = read.saturating_sub(usize::from(bad) + usize::from(extra));
            Err(Problem::Encoding {
                encoding: encoding.name().to_owned(),
                line: 1 + text.bytes().filter(|&byte| byte == b'\n').count(),
                offset: skipped + place,
                byte: bytes.get(place).copied().unwrap_or_default(),
            })
        }
        DecoderResult::OutputFull => Err(Problem::TooLarge {
            what: "the decoded text".to_owned(),
            limit: "the memory of this machine".to_owned(),
        }),
    }
}

/// What a file is when its first bytes are no text.
fn binary(bytes: &[u8], declared: bool) -> Option<Problem> {
    const SIGNATURES: [(&[u8], &str); 10] = [
        (b"PAR1", "a Parquet file (set the format to parquet)"),
        (b"PK\x03\x04", "a zip archive or an Excel workbook"),
        (b"\x1f\x8b", "compressed with gzip"),
        (b"\x28\xb5\x2f\xfd", "compressed with zstd"),
        (b"BZh9", "compressed with bzip2"),
        (b"\xfd7zXZ", "compressed with xz"),
        (b"\xd0\xcf\x11\xe0", "an old Excel workbook"),
        (b"ARROW1", "an Arrow IPC file"),
        (b"SQLite format 3", "an SQLite database"),
        (b"%PDF", "a PDF document"),
    ];
    let start = &bytes[..bytes.len().min(8192)];
    let known = SIGNATURES.iter().find(|(signature, _)| start.starts_with(signature));
    let found = match (known, memchr::memchr(0, start)) {
        (Some((_, name)), _) => format!("it seems to be {name}"),
        (None, Some(place)) if declared => format!("byte {place} is zero"),
        (None, Some(place)) => {
            format!("byte {place} is zero; if it is UTF-16, set the `encoding` option to utf-16le or utf-16be")
        }
        (None, None) => return None,
    };
    Some(Problem::Binary { found, expected: "a CSV or JSON lines file is expected" })
}

/// Lines ended by CR alone, as old Macs wrote them, get the ending that everything else here looks for.
fn with_line_feeds(bytes: Cow<'_, [u8]>) -> Cow<'_, [u8]> {
    if memchr::memchr(b'\n', &bytes).is_some() || memchr::memchr(b'\r', &bytes).is_none() {
        return bytes;
    }
    let mut bytes = bytes.into_owned();
    for byte in bytes.iter_mut().filter(|byte| **byte == b'\r') {
        *byte = b'\n';
    }
    Cow::Owned(bytes)
}

/// The line of an offset, counted from 1.
pub(crate) fn line_of(bytes: &[u8], offset: usize) -> usize {
    1 + memchr::memchr_iter(b'\n', &bytes[..offset.min(bytes.len())]).count()
}
