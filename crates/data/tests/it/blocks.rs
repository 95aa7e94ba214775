//! A file read block by block gives what reading all of its bytes gives.

use metria_core::DataType;
use metria_data::{ReadOptions, digest, read_batch, read_bytes};
use proptest::prelude::*;
use std::io::Write;
use tempfile::NamedTempFile;

/// The start of a file up to which its header may need to be seen.
const LOOKED_AT: usize = 256 << 10;

fn file(bytes: &[u8]) -> NamedTempFile {
    let mut file = NamedTempFile::with_suffix(".csv").expect("a temporary file");
    file.write_all(bytes).expect("room for it");
    file
}

/// Reads a file in blocks of several sizes, and its bytes as one; the words of errors are compared as well.
fn same_as_in_memory(bytes: &[u8], options: &ReadOptions, sizes: &[usize]) {
    let file = file(bytes);
    let name = file.path().display().to_string();
    let whole = ReadOptions { chunk_bytes: 1 << 30, ..options.clone() };
    let whole = read_bytes(&name, bytes, &whole).map_err(|error| error.to_string());
    for &chunk_bytes in sizes {
        let options = ReadOptions { chunk_bytes, ..options.clone() };
        let got = read_batch(file.path(), &options).map_err(|error| error.to_string());
        assert_eq!(got, whole.as_ref().map(|table| table.batch.clone()).map_err(String::clone), "{chunk_bytes} bytes");
        if let (Ok(got), Ok(whole)) = (&got, &whole) {
            assert_eq!(digest(got), whole.digest);
        }
    }
}

fn field() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => any::<i16>().prop_map(|value| value.to_string()),
        2 => any::<f32>().prop_map(|value| value.to_string()),
        3 => prop::sample::select(vec![
            "", "?", "nan", "true", "False", "007", "-0", "\"\"", "\"NA\"", "\"7\"", " \" 8 \" ", "\"a,b\"", "\"x\ny\"",
            "\"\r\n,\"\"\"", "\"\"\"\n\"\"\n\"", "5\" pipe", "\u{6771}\u{4eac}", "99999999999999999999",
        ]).prop_map(str::to_owned),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn any_table(
        rows in prop::collection::vec(prop::collection::vec(field(), 3), 1..60),
        line_end in prop::sample::select(vec!["\n", "\r\n", "\r"]),
        mark: bool,
        declared: bool,
    ) {
        let mut options = ReadOptions { delimiter: Some(b','), ..ReadOptions::default() };
        if declared {
            options.types.insert("b".to_owned(), DataType::Double);
        }
        let lines: Vec<String> = rows.iter().map(|row| row.join(",")).collect();
        let mark = if mark { "\u{feff}" } else { "" };
        let text = format!("{mark}a,b,c{line_end}{}", lines.join(line_end));
        same_as_in_memory(text.as_bytes(), &options, &[1, 2, 5, 16, 61, 300, 1 << 20]);
    }

    #[test]
    fn any_bytes(mut bytes in prop::collection::vec(
        prop::sample::select(b"abc1234.,,,;\n\n\n\"\" \r\t?\xc3\xa9\xff".to_vec()), 0..200)) {
        bytes.splice(0..0, *b"a,b\n1,2\n");
        let options = ReadOptions { max_line_bytes: 50, ..ReadOptions::default() };
        same_as_in_memory(&bytes, &options, &[1, 7, 61, 1 << 20]);
    }
}

/// Rows of whole numbers and empty fields, long enough that the types change where no sample sees it.
fn long(line: impl Fn(usize) -> String) -> String {
    let lines: String = (0..60_000).map(line).collect();
    let text = format!("a,b,c,d\n{lines}");
    assert!(text.len() > 2 * LOOKED_AT);
    text
}

#[test]
fn types_that_show_late() {
    for late in ["5,0.5,x,true", "5,-0,\"NA\",\"\"", "x,nan,007,7", "1e3,\"5\",\"a\nb\",nan"] {
        for place in [40_000, 59_999] {
            let text = long(|i| if i == place { format!("{late}\n") } else { format!("{i},-0,,\n") });
            same_as_in_memory(text.as_bytes(), &ReadOptions::default(), &[10_000, 512 << 10]);
        }
    }
}

#[test]
fn faults_that_show_late() {
    for late in ["1,2,3", "1,\"2,3,4", "1,\"2\"x,3,4", "1,2,3,4,5", "\u{0}\n"] {
        let text = long(|i| if i == 50_000 { format!("{late}\n") } else { format!("{i},1.5,x,true\n") });
        same_as_in_memory(text.as_bytes(), &ReadOptions::default(), &[10_000, 512 << 10]);
    }
    let mut bytes = long(|i| format!("{i},1.5,x,true\n")).into_bytes();
    let place = bytes.len() - 3;
    bytes[place] = 0xff;
    same_as_in_memory(&bytes, &ReadOptions::default(), &[10_000, 512 << 10]);
    let mut options = ReadOptions::default();
    options.types.insert("a".to_owned(), DataType::Long);
    let text = long(|i| if i % 20_000 == 19_000 { "a,1,2,3\n".to_owned() } else { format!("{i},1,2,3\n") });
    same_as_in_memory(text.as_bytes(), &options, &[10_000, 512 << 10]);
}

#[test]
fn headers_that_do_not_end_soon() {
    let name = "n".repeat(LOOKED_AT);
    for text in
        [format!("{name},b\n1,2\n"), format!("a,\"{name}\n\"\n1,2\n"), format!("{}a,b\n1,2\n", "\n".repeat(LOOKED_AT))]
    {
        same_as_in_memory(text.as_bytes(), &ReadOptions::default(), &[1000, 512 << 10]);
    }
    let long_record = format!("a,b\n1,\"{}\"\n2,x\n", "line\n".repeat(LOOKED_AT));
    same_as_in_memory(long_record.as_bytes(), &ReadOptions::default(), &[1000, 512 << 10]);
}
