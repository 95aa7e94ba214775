//! What of a file is shown: text, a table, a note, a picture, a page in a frame. Only the first bytes are read.

use super::markdown::{self, Rendered};
use serde_json::Value;

/// Bytes of a file that are looked at.
pub(super) const MOST_BYTES: u64 = 256 << 10;
/// Rows and columns of a table that are shown.
const MOST_ROWS: usize = 500;
const MOST_COLUMNS: usize = 100;

/// How a file is looked at, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Json,
    Table(char),
    Markdown,
    Image,
    Page,
    Unknown,
}

/// What is shown of a file.
pub(super) enum Preview {
    Text {
        text: String,
        cut: bool,
    },
    Table {
        head: Vec<String>,
        rows: Vec<Vec<String>>,
        cut: bool,
    },
    Markdown {
        html: Rendered,
        cut: bool,
    },
    /// The picture's address.
    Image(String),
    /// The address for a frame.
    Page(String),
    TooLarge,
    Binary,
}

/// The kind of a file.
pub(super) fn kind(path: &str) -> Kind {
    let name = path.rsplit('/').next().unwrap_or(path);
    match name.rsplit_once('.').map_or("", |(_, ending)| ending).to_ascii_lowercase().as_str() {
        "json" => Kind::Json,
        "csv" => Kind::Table(','),
        "tsv" => Kind::Table('\t'),
        "md" | "markdown" => Kind::Markdown,
        "png" | "jpg" | "jpeg" | "svg" | "gif" | "webp" => Kind::Image,
        "html" | "htm" => Kind::Page,
        "txt" | "log" | "yaml" | "yml" | "toml" | "py" | "rs" | "sql" | "sh" | "ini" | "cfg" => Kind::Text,
        _ => Kind::Unknown,
    }
}

/// What is shown of the first bytes of a file; `cut` says that there are more.
pub(super) fn of(kind: Kind, bytes: &[u8], cut: bool) -> Preview {
    if kind == Kind::Unknown && !looks_like_text(bytes) {
        return Preview::Binary;
    }
    let text = String::from_utf8_lossy(bytes).into_owned();
    match kind {
        Kind::Table(separator) => table(&text, separator, cut),
        Kind::Markdown => Preview::Markdown { html: markdown::render(&text), cut },
        Kind::Json if !cut => json(text),
        _ => Preview::Text { text, cut },
    }
}

/// Whether bytes are UTF-8 without control characters; the last character may be cut.
fn looks_like_text(bytes: &[u8]) -> bool {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return false,
    };
    !text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t' | '\u{c}' | '\u{1b}'))
}

/// JSON laid out; a table where it is one as MLflow logs it (`columns` and `data`).
fn json(text: String) -> Preview {
    let Ok(value) = serde_json::from_str::<Value>(&text) else { return Preview::Text { text, cut: false } };
    if let Some(table) = split_table(&value) {
        return table;
    }
    Preview::Text { text: serde_json::to_string_pretty(&value).unwrap_or(text), cut: false }
}

fn split_table(value: &Value) -> Option<Preview> {
    let (columns, data) = (value.get("columns")?.as_array()?, value.get("data")?.as_array()?);
    let cell = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let head = columns.iter().take(MOST_COLUMNS).map(cell).collect();
    let rows: Option<Vec<Vec<String>>> = data
        .iter()
        .take(MOST_ROWS)
        .map(|row| Some(row.as_array()?.iter().take(MOST_COLUMNS).map(cell).collect()))
        .collect();
    Some(Preview::Table { head, rows: rows?, cut: data.len() > MOST_ROWS || columns.len() > MOST_COLUMNS })
}

/// A delimited text as RFC 4180 has it.
fn table(text: &str, separator: char, mut cut: bool) -> Preview {
    let mut rows = records(text.trim_start_matches('\u{feff}'), separator, MOST_ROWS + 2);
    if cut && rows.len() < MOST_ROWS + 2 {
        // The last one may have been cut through.
        rows.pop();
    }
    cut |= rows.len() > MOST_ROWS + 1 || rows.iter().any(|row| row.len() > MOST_COLUMNS);
    rows.truncate(MOST_ROWS + 1);
    rows.iter_mut().for_each(|row| row.truncate(MOST_COLUMNS));
    let mut rows = rows.into_iter();
    Preview::Table { head: rows.next().unwrap_or_default(), rows: rows.collect(), cut }
}

/// The first records of a delimited text; empty lines are none.
fn records(text: &str, separator: char, most: usize) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    let (mut row, mut field, mut quoted) = (Vec::new(), String::new(), false);
    let mut chars = text.chars().peekable();
    while rows.len() < most {
        let c = chars.next();
        match c {
            Some('"') if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                field.push('"');
            }
            Some('"') if quoted || field.is_empty() => quoted = !quoted,
            Some(c) if quoted => field.push(c),
            Some('\r') if chars.peek() == Some(&'\n') => {}
            Some(c) if c == separator => row.push(std::mem::take(&mut field)),
            Some('\n') | None => {
                if !row.is_empty() || !field.is_empty() {
                    row.push(std::mem::take(&mut field));
                    rows.push(std::mem::take(&mut row));
                }
                if c.is_none() {
                    break;
                }
            }
            Some(c) => field.push(c),
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delimited_texts_are_tables() {
        let text = "a,\"b \"\"x\"\"\"\r\n1,\"2\n3\"\n\n,5\n6";
        assert_eq!(records(text, ',', 9), [vec!["a", "b \"x\""], vec!["1", "2\n3"], vec!["", "5"], vec!["6"]]);
        assert_eq!(records(text, ',', 1).len(), 1);
        let long: String = (0..1_000).map(|row| format!("{row},x\n")).collect();
        let Preview::Table { head, rows, cut } = of(Kind::Table(','), long.as_bytes(), false) else {
            panic!("a table")
        };
        assert_eq!((head, rows.len(), cut), (vec!["0".to_owned(), "x".to_owned()], MOST_ROWS, true));
        let Preview::Table { rows, cut, .. } = of(Kind::Table(','), b"a,b\n1,2\n3,", true) else { panic!("a table") };
        assert_eq!((rows, cut), (vec![vec!["1".to_owned(), "2".to_owned()]], true));
    }

    #[test]
    fn json_is_laid_out_or_a_table() {
        let Preview::Text { text, .. } = of(Kind::Json, br#"{"b":1,"a":[2]}"#, false) else { panic!("a text") };
        assert_eq!(text, "{\n  \"b\": 1,\n  \"a\": [\n    2\n  ]\n}");
        let table = br#"{"columns": ["q", "n"], "data": [["x", 1], [null, 2.5]]}"#;
        let Preview::Table { head, rows, .. } = of(Kind::Json, table, false) else { panic!("a table") };
        assert_eq!(
            (head, rows),
            (
                vec!["q".to_owned(), "n".to_owned()],
                vec![vec!["x".to_owned(), "1".to_owned()], vec!["null".to_owned(), "2.5".to_owned()],]
            )
        );
        assert!(matches!(of(Kind::Json, b"{broken", false), Preview::Text { .. }));
    }

    #[test]
    fn unknown_files_are_shown_when_they_are_text() {
        assert!(matches!(of(Kind::Unknown, "flavors: é\n".as_bytes(), false), Preview::Text { .. }));
        assert!(matches!(of(Kind::Unknown, &"é".as_bytes()[..1], true), Preview::Text { .. }));
        assert!(matches!(of(Kind::Unknown, b"PK\x03\x04\0\0", false), Preview::Binary));
        assert!(matches!(of(Kind::Unknown, b"\xff\xfe", false), Preview::Binary));
        assert_eq!(kind("a/B.CSV"), Kind::Table(','));
        assert_eq!(kind("model/MLmodel"), Kind::Unknown);
    }
}
