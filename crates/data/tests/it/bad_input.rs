//! Every way a file can be wrong, and what is said about it.

use crate::tables::error;
use metria_core::{DataType, ErrorKind, Kinded};
use metria_data::{Format, ReadOptions, read_table, write_table};
use std::time::{Duration, Instant};

fn refuse(name: &str, bytes: &[u8], options: &ReadOptions, words: &[&str]) {
    let error = error(name, bytes, options);
    let message = error.to_string();
    for word in words {
        assert!(message.contains(word), "{word:?} is not in: {message}");
    }
    assert!(message.starts_with(name), "{message}");
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{message}");
}

fn refuse_csv(text: &str, words: &[&str]) {
    refuse("t.csv", text.as_bytes(), &ReadOptions::default(), words);
}

#[test]
fn nothing_in_it() {
    for text in ["", "\n\n", " \r\n ", "\u{feff}"] {
        refuse_csv(text, &["the file is empty", "column names"]);
        refuse("t.jsonl", text.as_bytes(), &ReadOptions::default(), &["the file is empty", "JSON object"]);
    }
    refuse("t.parquet", b"", &ReadOptions::default(), &["the file is empty", "Parquet"]);
    for text in ["a,b,c", "a,b,c\n", "a,b,c\n\n  \n"] {
        refuse_csv(text, &["no rows", "(3)"]);
    }
    refuse("t.jsonl", b"{}\n{}\n", &ReadOptions::default(), &["no rows"]);
}

#[test]
fn ragged_rows() {
    refuse_csv("a,b,c\n1,2,3\n4,5\n", &["line 3", "expected 3 columns", "found 2"]);
    refuse_csv("a,b\n1,\"x\ny\"\n4,5,6\n", &["line 4", "expected 2 columns", "found 3"]);
    refuse_csv("a,b\n\n1,2\n\n4\n5,6", &["line 5", "found 1"]);
    refuse_csv("a,b\n1,2\n3,4,", &["line 3", "found 3"]);
}

#[test]
fn the_wrong_delimiter() {
    let options = ReadOptions { delimiter: Some(b','), ..ReadOptions::default() };
    refuse("t.csv", b"a;b;c\n1;2;3\n", &options, &["delimiter `,`", "seems to be `;`", "3 columns"]);
    refuse("t.csv", b"a\tb\n1\t2\n", &options, &["seems to be tab", "2 columns"]);
    let options = ReadOptions { delimiter: Some(b';'), ..ReadOptions::default() };
    refuse("t.csv", b"a,b\n1,2\n", &options, &["delimiter `;`", "seems to be `,`"]);
    for delimiter in [b'"', b'\n', b'a', 0, 0xc3] {
        let options = ReadOptions { delimiter: Some(delimiter), ..ReadOptions::default() };
        let error = error("t.csv", b"a,b\n1,2\n", &options);
        assert!(error.to_string().contains("the delimiter must be"), "{error}");
    }
}

#[test]
fn names() {
    refuse_csv("a,b,a\n1,2,3\n", &["\"a\"", "twice", "columns 1 and 3"]);
    refuse_csv("a,,c\n1,2,3\n", &["column 2 has no name"]);
    refuse_csv(",a\n0,1\n", &["column 1 has no name", "index=False"]);
    refuse_csv("a,b,\n0,1,\n", &["column 3 has no name", "delimiter too many"]);
    refuse("t.jsonl", b"{\"\":1}\n", &ReadOptions::default(), &["has no name"]);
}

#[test]
fn quotes() {
    refuse_csv("a,b\n1,\"x\n2,y\n", &["line 2", "column 2", "never closed"]);
    refuse_csv("a,\"b\n1,2\n", &["line 1", "never closed"]);
    refuse_csv("a,b\n1,\"say \\\"hi\\\"\"\n", &["line 2", "closing quote of column 2", "\"h\"", "doubled"]);
    refuse_csv("a,b\n\"x\"y,2\n", &["line 2", "column 1", "\"y\""]);
}

#[test]
fn declared_types_that_do_not_fit() {
    let mut options = ReadOptions::default();
    options.types.insert("age".to_owned(), DataType::Long);
    refuse("t.csv", b"age,b\n1,x\n \"old\" ,y\n", &options, &["line 3", "\"age\"", "\"old\"", "whole number"]);
    refuse("t.csv", b"age,b\n1,x\n2.5,y\n", &options, &["line 3", "\"2.5\""]);
    refuse("t.csv", b"b,Age\n1,x\n", &options, &["\"age\"", "did you mean \"Age\"", "\"b\""]);
    refuse("t.jsonl", b"{\"age\":1}\n\n{\"age\":\"x\"}\n", &options, &["line 3", "\"age\"", "\"x\""]);
    refuse("t.jsonl", b"{\"b\":1}\n", &options, &["\"age\"", "no such column"]);
    options.types.insert("age".to_owned(), DataType::Boolean);
    refuse("t.csv", b"age,b\n1,x\n2,y\n", &options, &["line 3", "\"2\"", "true, false"]);
    options.types.insert("age".to_owned(), DataType::Double);
    refuse("t.csv", b"age,b\n1,x\n1;2,y\n", &options, &["line 3", "\"1;2\"", "a number"]);
}

#[test]
fn other_encodings() {
    let options = ReadOptions::default();
    refuse(
        "t.csv",
        b"a,b\n1,x\n2,K\xf6ln\n",
        &options,
        &["line 3", "0xf6", "offset 11", "UTF-8", "`encoding`", "windows-1252"],
    );
    refuse("t.csv", b"\xef\xbb\xbfa,b\n1,x\n2,K\xf6ln\n", &options, &["line 3", "offset 14"]);
    refuse("t.csv", b"a,\xf6\n1,x\n", &options, &["line 1", "offset 2"]);
    refuse("t.jsonl", b"{\"a\":1}\n{\"a\":\"\xf6\"}\n", &options, &["line 2", "offset 14"]);
    let utf16: Vec<u8> = "a,b\n1,2\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    refuse("t.csv", &utf16, &options, &["not text", "byte 1 is zero", "utf-16le"]);
    refuse("t.csv", b"\xff\xfea\0,\0b\0\n\x001\0,\0\x00\xd8\n\0", &options, &["UTF-16LE", "line 2"]);
    let named = |label: &str| ReadOptions { encoding: Some(label.to_owned()), ..ReadOptions::default() };
    refuse("t.csv", b"a,b\n1,\x81\x20\n", &named("shift_jis"), &["Shift_JIS", "line 2"]);
    let message = error("t.csv", b"a,b\n1,2\n", &named("klingon")).to_string();
    assert!(message.contains("encoding must be") && message.contains("\"klingon\""), "{message}");
}

#[test]
fn binary_files() {
    let options = ReadOptions::default();
    for (bytes, words) in [
        (b"PK\x03\x04\x14\0\x06\0".as_slice(), "Excel"),
        (b"\x1f\x8b\x08\0\0", "gzip"),
        (b"PAR1\x15\x04", "Parquet"),
        (b"\x7fELF\x02\x01\x01\0\0\0", "byte 7 is zero"),
    ] {
        refuse("t.csv", bytes, &options, &["not text", words]);
        refuse("t.jsonl", bytes, &options, &["not text", words]);
    }
}

#[test]
fn no_file_and_a_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    let missing = folder.path().join("nowhere.csv");
    let error = read_table(&missing, &ReadOptions::default()).expect_err("there is none");
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().contains("nowhere.csv: there is no such file"), "{error}");
    let error = read_table(folder.path(), &ReadOptions::default()).expect_err("a folder");
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.to_string().contains("is a folder"), "{error}");
    let batch = crate::tables::csv("a,b\n1,2\n");
    let error = write_table(&folder.path().join("no/such/t.csv"), &batch).expect_err("no folder");
    assert_eq!(error.kind(), ErrorKind::NotFound);
    let error = write_table(&folder.path().join("t.xlsx"), &batch).expect_err("no format");
    assert!(error.to_string().contains(".parquet"), "{error}");
}

#[test]
fn one_line_of_100_megabytes() {
    let started = Instant::now();
    let plain = vec![b'x'; 100 << 20];
    let delimiters = vec![b','; 100 << 20];
    let mut quoted = b"a,b\n1,\"".to_vec();
    quoted.resize(100 << 20, b'\n');
    let mut later = b"a,b\n1,2\n3,".to_vec();
    later.resize(100 << 20, b'4');
    for (bytes, line) in [(plain, "line 1"), (delimiters, "line 1"), (quoted, "line 2"), (later, "line 3")] {
        for (name, format) in [("t.csv", Format::Csv), ("t.jsonl", Format::JsonLines)] {
            if format == Format::JsonLines && line == "line 2" {
                continue;
            }
            let error = error(name, &bytes, &ReadOptions::default());
            assert_eq!(error.kind(), ErrorKind::TooLarge, "{error}");
            let message = error.to_string();
            assert!(message.contains(line) && message.contains("16777216"), "{message}");
        }
    }
    assert!(started.elapsed() < Duration::from_secs(20), "took {:?}", started.elapsed());
}

#[test]
fn the_limit_of_a_line_is_exact() {
    let options = ReadOptions { max_line_bytes: 40, ..ReadOptions::default() };
    let line = |length: usize| format!("a,b\n1,2\n1,{}\n3,4\n", "x".repeat(length - 2));
    assert!(metria_data::read_bytes("t.csv", line(40).as_bytes(), &options).is_ok());
    assert_eq!(error("t.csv", line(41).as_bytes(), &options).kind(), ErrorKind::TooLarge);
    let object = |length: usize| format!("{{\"a\":1}}\n{{\"a\":\"{}\"}}\n", "x".repeat(length - 8));
    assert!(metria_data::read_bytes("t.jsonl", object(40).as_bytes(), &options).is_ok());
    let error = error("t.jsonl", object(41).as_bytes(), &options);
    assert_eq!(error.kind(), ErrorKind::TooLarge);
    assert!(error.to_string().contains("line 2"), "{error}");
}

#[test]
fn json() {
    let refuse = |text: &str, words: &[&str]| refuse("t.jsonl", text.as_bytes(), &ReadOptions::default(), words);
    refuse("{\"a\":1}\n\n{\"a\":\n", &["line 3", "not valid JSON", "one JSON object a line"]);
    refuse("{\"a\":1} {\"a\":2}\n", &["line 1", "not valid JSON", "character"]);
    refuse("{\"a\":1}\n[1,2]\n", &["line 2", "a list"]);
    for (value, found) in [("3", "a number"), ("\"x\"", "a text"), ("null", "null"), ("true", "a boolean")] {
        refuse(&format!("{{\"a\":1}}\n{value}\n"), &["line 2", "got ", found]);
    }
    refuse("{\"a\":1}\n{\"b\":2,\"a\":{\"x\":1}}\n", &["line 2", "column \"a\"", "an object"]);
    refuse("{\"a\":1}\n{\"a\":[1]}\n", &["line 2", "column \"a\"", "a list", "flatten"]);
    refuse("{\"a\":1,\"a\":2}\n", &["line 1", "\"a\"", "twice"]);
    refuse("{\"a\":NaN}\n", &["line 1", "not valid JSON"]);
}
