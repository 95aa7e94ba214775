//! What is written reads back the same.

use crate::tables::csv;
use arrow_array::{ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow_schema::{DataType as ArrowType, Field, Schema};
use metria_core::{ErrorKind, Kinded};
use metria_data::{ReadOptions, digest, read_table, write_table};
use proptest::prelude::*;
use std::sync::Arc;

const ENDINGS: [&str; 5] = ["csv", "tsv", "jsonl", "ndjson", "parquet"];

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    let field = |(name, array): &(&str, ArrayRef)| Field::new(*name, array.data_type().clone(), true);
    let schema = Schema::new(columns.iter().map(field).collect::<Vec<_>>());
    RecordBatch::try_new(Arc::new(schema), columns.into_iter().map(|(_, array)| array).collect()).expect("a batch")
}

fn same_after(ending: &str, batch: &RecordBatch) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join(format!("t.{ending}"));
    write_table(&path, batch).unwrap_or_else(|error| panic!("{error}"));
    let table = read_table(&path, &ReadOptions::default()).unwrap_or_else(|error| panic!("{ending}: {error}"));
    assert_eq!(&table.batch, batch, "{ending}");
    assert_eq!(table.digest, digest(batch), "{ending}");
    let files = std::fs::read_dir(folder.path()).expect("a folder").count();
    assert_eq!(files, 1, "nothing but the file is left");
}

#[test]
fn awkward_values() {
    let batch = batch(vec![
        (
            "a, \"name\"",
            Arc::new(StringArray::from(vec![
                Some(""),
                None,
                Some("NA"),
                Some(" blank "),
                Some("a\"b"),
                Some("x;y|z\tw"),
                Some("line\r\nbreak"),
                Some("é東\u{feff}"),
            ])),
        ),
        (
            "f",
            Arc::new(Float64Array::from(vec![
                Some(1.0),
                None,
                Some(-0.0),
                Some(1e300),
                Some(0.1),
                Some(5e-324),
                Some(1e16),
                Some(123_456_789.123),
            ])),
        ),
        (
            "i",
            Arc::new(Int64Array::from(vec![
                Some(i64::MIN),
                Some(i64::MAX),
                None,
                Some(0),
                Some(1),
                Some(2),
                Some(3),
                Some(4),
            ])),
        ),
        ("b", Arc::new(BooleanArray::from(vec![Some(true), None, Some(false), None, None, None, None, None]))),
    ]);
    for ending in ENDINGS {
        same_after(ending, &batch);
    }
}

#[test]
fn a_single_column_with_missing_values() {
    let batch = batch(vec![("t", Arc::new(StringArray::from(vec![None, Some("x"), Some(""), None])))]);
    for ending in ENDINGS {
        same_after(ending, &batch);
    }
}

#[test]
fn infinities() {
    let batch = batch(vec![("f", Arc::new(Float64Array::from(vec![f64::INFINITY, 1.0, f64::NEG_INFINITY])))]);
    same_after("csv", &batch);
    same_after("parquet", &batch);
    let folder = tempfile::tempdir().expect("a folder");
    let error = write_table(&folder.path().join("t.jsonl"), &batch).expect_err("JSON has no infinity");
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.to_string().contains("\"f\", data row 1: inf"), "{error}");
    assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 0);
}

#[test]
fn an_old_file_stays_until_the_new_one_is_whole() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("t.csv");
    write_table(&path, &csv("a,b\n1,2\n")).expect("written");
    let dates = batch(vec![("d", Arc::new(arrow_array::Date32Array::from(vec![1])))]);
    let error = write_table(&path, &dates).expect_err("not one of the four types");
    assert!(error.to_string().contains("Date32"), "{error}");
    assert_eq!(std::fs::read_to_string(&path).expect("the old one"), "a,b\n1,2\n");
    write_table(&path, &csv("c\n3\n")).expect("written");
    assert_eq!(std::fs::read_to_string(&path).expect("the new one"), "c\n3\n");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(60) })]

    #[test]
    fn any_values(
        texts in prop::collection::vec(prop::option::of("[a-z ,;|\"\t\r\n\u{e9}#?/NA0-9]{0,12}"), 1..30),
        floats in prop::collection::vec(prop::option::of(any::<f64>().prop_filter("JSON has no others", |x| x.is_finite())), 30),
        ints in prop::collection::vec(prop::option::of(any::<i64>()), 30),
        flags in prop::collection::vec(prop::option::of(any::<bool>()), 30),
    ) {
        let n = texts.len() + 1;
        // One value of each column tells its type.
        let texts: Vec<Option<String>> = texts.into_iter().chain([Some("text".to_owned())]).collect();
        let last = |row: usize| row + 1 == n;
        let floats = (0..n).map(|row| if last(row) { Some(0.5) } else { floats[row] });
        let ints = (0..n).map(|row| if last(row) { Some(1) } else { ints[row] });
        let flags: Vec<_> = (0..n).map(|row| if last(row) { Some(true) } else { flags[row] }).collect();
        let batch = batch(vec![
            ("t", Arc::new(StringArray::from(texts))),
            ("f", Arc::new(floats.collect::<Float64Array>())),
            ("i", Arc::new(ints.collect::<Int64Array>())),
            ("b", Arc::new(BooleanArray::from(flags))),
        ]);
        for ending in ["csv", "jsonl", "parquet"] {
            same_after(ending, &batch);
        }
    }
}

#[test]
fn only_the_four_types_come_out() {
    let schema = csv("a,b,c,d\n1,1.5,true,x\n").schema();
    let types: Vec<&ArrowType> = schema.fields().iter().map(|field| field.data_type()).collect();
    assert_eq!(types, [&ArrowType::Int64, &ArrowType::Float64, &ArrowType::Boolean, &ArrowType::Utf8]);
}
