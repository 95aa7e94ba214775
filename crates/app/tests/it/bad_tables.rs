//! Files that are no table, or none to train on: exit code 1 and a message that says what was expected.

use crate::support::{CREDIT, Home, says, stderr};
use std::process::Command;
use std::time::{Duration, Instant};

fn utf16(text: &str, mark: bool) -> Vec<u8> {
    let mark = if mark { "\u{feff}" } else { "" };
    format!("{mark}{text}").encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// 40 rows with a text, a number and a target of two classes.
fn sound() -> String {
    let rows = (0..40).map(|row| format!("Köln{},{},{}\n", row % 3, row * 7 % 31, row % 2));
    std::iter::once("city,n,y\n".to_owned()).chain(rows).collect()
}

#[test]
fn files_that_cannot_be_read() {
    let home = Home::new();
    let table = sound();
    let windows: Vec<u8> = table.chars().map(|c| if c == 'ö' { 0xf6 } else { c as u8 }).collect();
    for (name, bytes, words) in [
        ("empty.csv", Vec::new(), vec!["the file is empty", "column names"]),
        ("blank.csv", b"\n\n  \n".to_vec(), vec!["the file is empty"]),
        ("head.csv", b"city,n,y\n".to_vec(), vec!["no rows", "at least one row"]),
        ("ragged.csv", format!("{table}a,b\n").into_bytes(), vec!["line 42", "expected 3 columns", "found 2"]),
        ("utf16.csv", utf16(&table, false), vec!["not text", "utf-16le"]),
        ("windows.csv", windows, vec!["line 2", "0xf6", "UTF-8", "`encoding`", "windows-1252"]),
        ("broken.csv", b"city,y\na\xff\xfe,1\n".to_vec(), vec!["line 2", "0xff", "UTF-8"]),
        ("twice.csv", b"a,a\n1,2\n".to_vec(), vec!["\"a\"", "twice"]),
        ("quote.csv", b"a,y\n\"x,1\n".to_vec(), vec!["line 2", "never closed"]),
        ("book.csv", b"PK\x03\x04\x14\0\x06\0".to_vec(), vec!["not text", "Excel"]),
        ("bad.parquet", b"PAR1 and then something else".to_vec(), vec!["Parquet"]),
        ("bad.jsonl", b"{\"a\": 1}\n{\"a\": NaN}\n".to_vec(), vec!["line 2", "not valid JSON"]),
    ] {
        home.file(name, bytes);
        let train = home.refused(1, &["train", name, "--target", "y"]);
        says(&train, &words);
        says(&train, &[name]);
        says(&home.refused(1, &["data", "check", name]), &words);
        says(&home.refused(1, &["data", "profile", name]), &words);
    }
    says(&home.refused(1, &["data", "check", "nowhere.csv"]), &["nowhere.csv: there is no such file"]);
    says(&home.refused(1, &["data", "check", "."]), &["is a folder"]);
    let runs = home.json(&["runs", "list"]);
    assert!(runs.as_array().unwrap().is_empty(), "a file that cannot be read makes no run: {runs}");
    let experiments = home.json(&["runs", "list", "--filter", "attributes.status = 'RUNNING'"]);
    assert!(experiments.as_array().unwrap().is_empty());
}

#[test]
fn other_encodings_and_delimiters_are_read_when_named_or_marked() {
    let home = Home::new();
    let table = sound();
    home.file("plain.csv", &table);
    let digest = home.json(&["data", "check", "plain.csv"])["digest"].clone();
    let windows: Vec<u8> = table.chars().map(|c| if c == 'ö' { 0xf6 } else { c as u8 }).collect();
    home.file("marked.csv", utf16(&table, true));
    home.file("unmarked.csv", utf16(&table, false));
    home.file("windows.csv", windows);
    home.file("bom.csv", format!("\u{feff}{table}"));
    home.file("semicolon.csv", table.replace(',', ";"));
    home.file("tab.tsv", table.replace(',', "\t"));
    for args in [
        vec!["marked.csv"],
        vec!["unmarked.csv", "--encoding", "utf-16le"],
        vec!["windows.csv", "--encoding", "windows-1252"],
        vec!["bom.csv"],
        vec!["semicolon.csv"],
        vec!["semicolon.csv", "--delimiter", ";"],
        vec!["tab.tsv", "--delimiter", "\\t"],
    ] {
        let checked = home.json(&[&["data", "check"], &args[..]].concat());
        assert_eq!(checked["digest"], digest, "{args:?}");
    }
    let message = home.refused(1, &["train", "semicolon.csv", "--target", "y", "--delimiter", ","]);
    says(&message, &["delimiter `,`", "seems to be `;`", "3 columns"]);
}

#[test]
fn targets_that_cannot_be_learnt() {
    let home = Home::new();
    let table = |cell: fn(usize) -> String| -> String {
        std::iter::once("n,y\n".to_owned()).chain((0..40).map(|row| format!("{row},{}\n", cell(row)))).collect()
    };
    for (name, text, words) in [
        ("constant.csv", table(|_| "1".into()), vec!["`y` is always 1", "at least two classes"]),
        (
            "different.csv",
            table(|row| format!("id{row}")),
            vec!["`y` has 40 classes in 40 rows", "40 of them occur once", "`id0`"],
        ),
        ("numbers.csv", table(|row| format!("{row}.25")), vec!["\"y\"", "0.25", "needs classes"]),
        (
            "gaps.csv",
            table(|row| if row % 4 == 3 { String::new() } else { (row % 2).to_string() }),
            vec!["\"y\"", "10 of 40 rows", "data row 4"],
        ),
        ("infinite.csv", table(|row| ["0", "1", "inf"][row % 3].into()), vec!["\"y\"", "inf"]),
        ("void.csv", table(|_| "NA".into()), vec!["\"y\"", "no value", "40 of 40"]),
    ] {
        home.file(name, text);
        says(&home.refused(1, &["train", name, "--target", "y"]), &words);
    }
    home.file("sound.csv", table(|row| (row % 2).to_string()));
    let message = home.refused(1, &["train", "sound.csv", "--target", "yy"]);
    says(&message, &["no column \"yy\"", "did you mean \"y\"", "\"n\""]);
    home.file("alone.csv", "y\n1\n0\n".repeat(20).replace("y\n", "").replacen('1', "y\n1", 1));
    says(&home.refused(1, &["train", "alone.csv", "--target", "y"]), &["no column besides the target `y`"]);
    home.file("late.csv", "n,y\n".to_owned() + &"1,0\n".repeat(70) + "inf,1\n" + &"1,1\n".repeat(70));
    says(&home.refused(1, &["train", "late.csv", "--target", "y"]), &["`n` is inf in data row 71", "finite"]);
    home.file("few.csv", "n,y\n1,0\n2,1\n");
    says(&home.refused(1, &["train", "few.csv", "--target", "y"]), &["2 classes in 2 rows", "at least 2"]);
}

#[test]
fn values_that_are_odd_but_no_error() {
    let home = Home::new();
    let mut table = String::from("n,constant,void,text,y\n");
    for row in 0..60 {
        let n = if row % 5 == 0 { "NaN".to_owned() } else { row.to_string() };
        table += &format!("{n},7,,{},{}\n", ["\"a,b\"", "?", ""][row % 3], row % 2);
    }
    home.file("odd.csv", table);
    let told = home.json(&["train", "odd.csv", "--target", "y", "--set", "n_estimators=5", "--register", "odd"]);
    assert!(told["metrics"]["accuracy"].is_f64());
    home.ok(&["predict", "models:/odd/1", "odd.csv", "-o", "out.csv"]);
}

#[test]
fn one_line_of_100_megabytes() {
    let home = Home::new();
    home.file("line.csv", vec![b'x'; 100 << 20]);
    let started = Instant::now();
    // The file itself is read whole; nothing of a multiple of its size may be asked for.
    let output = Command::new("sh")
        .arg("-c")
        .arg("ulimit -v 1200000; exec \"$@\"")
        .args(["sh", env!("CARGO_BIN_EXE_metria"), "train", "line.csv", "--target", "y"])
        .current_dir(home.path(""))
        .env("METRIA_HOME", home.path("home"))
        .env("RAYON_NUM_THREADS", "2")
        .output()
        .expect("sh starts");
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    says(&stderr(&output), &["line 1 is longer than 16777216 bytes", "line breaks"]);
    assert!(started.elapsed() < Duration::from_secs(30), "took {:?}", started.elapsed());
}

#[test]
fn profile_and_check_of_a_sound_table() {
    let home = Home::new();
    let profile = home.json(&["data", "profile", CREDIT]);
    assert_eq!((&profile["n_rows"], &profile["n_columns"]), (&1000.into(), &10.into()));
    says(&home.ok(&["data", "profile", CREDIT]), &["1000", "credit_amount", "checking_account"]);
    let told = home.ok(&["data", "check", CREDIT]);
    says(&told, &["german_credit.csv is sound: 1000 rows, 10 columns, digest "]);
    let text = home.json(&["data", "profile", CREDIT, "--type", "age=string"]);
    let age = |profile: &serde_json::Value| {
        profile["columns"].as_array().unwrap().iter().find(|column| column["name"] == "age").unwrap()["type"].clone()
    };
    assert_eq!((age(&profile), age(&text)), ("long".into(), "string".into()));
}
