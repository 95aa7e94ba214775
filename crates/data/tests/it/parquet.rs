use crate::tables::{csv, error, types, values};
use ::parquet::arrow::ArrowWriter;
use arrow_array::builder::{ListBuilder, StringDictionaryBuilder};
use arrow_array::types::Int8Type;
use arrow_array::*;
use arrow_schema::{Field, Schema};
use metria_core::{DataType, ErrorKind, Kinded};
use metria_data::{ReadOptions, read_bytes, read_table, write_table};
use serde_json::{Value, json};
use std::sync::Arc;

fn file(columns: Vec<(&str, ArrayRef)>) -> Vec<u8> {
    let fields: Vec<Field> =
        columns.iter().map(|(name, array)| Field::new(*name, array.data_type().clone(), true)).collect();
    let arrays = columns.into_iter().map(|(_, array)| array).collect();
    let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).expect("a batch");
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), None).expect("a writer");
    writer.write(&batch).expect("written");
    writer.close().expect("closed");
    bytes
}

fn read(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    let table = read_bytes("t.parquet", &file(columns), &ReadOptions::default());
    table.unwrap_or_else(|error| panic!("{error}")).batch
}

#[test]
fn numbers_of_all_widths() {
    let batch = read(vec![
        ("i8", Arc::new(Int8Array::from(vec![Some(-1), None]))),
        ("i16", Arc::new(Int16Array::from(vec![-2, 2]))),
        ("i32", Arc::new(Int32Array::from(vec![-3, 3]))),
        ("u8", Arc::new(UInt8Array::from(vec![255, 0]))),
        ("u16", Arc::new(UInt16Array::from(vec![65535, 0]))),
        ("u32", Arc::new(UInt32Array::from(vec![u32::MAX, 0]))),
        ("u64", Arc::new(UInt64Array::from(vec![7, 0]))),
        ("u64big", Arc::new(UInt64Array::from(vec![u64::MAX, 0]))),
        ("f32", Arc::new(Float32Array::from(vec![0.5, f32::NAN]))),
        ("f64", Arc::new(Float64Array::from(vec![f64::NAN, f64::INFINITY]))),
        ("dec", Arc::new(Decimal128Array::from(vec![12345, -50]).with_precision_and_scale(10, 2).expect("fits"))),
        ("dec0", Arc::new(Decimal128Array::from(vec![12345, -50]).with_precision_and_scale(10, 0).expect("fits"))),
        ("null", Arc::new(NullArray::new(2))),
    ]);
    let expected = [
        "long", "long", "long", "long", "long", "long", "long", "double", "double", "double", "double", "long",
        "double",
    ];
    assert_eq!(types(&batch), expected);
    assert_eq!(values(&batch, "i8"), [json!(-1), Value::Null]);
    assert_eq!(values(&batch, "u32"), [json!(4_294_967_295_i64), json!(0)]);
    assert_eq!(values(&batch, "u64big"), [json!(18_446_744_073_709_552_000_f64), json!(0.0)]);
    assert_eq!(values(&batch, "f32"), [json!(0.5), Value::Null]);
    assert_eq!(batch.column_by_name("f64").expect("there").null_count(), 1);
    assert_eq!(values(&batch, "dec"), [json!(123.45), json!(-0.5)]);
    assert_eq!(values(&batch, "dec0"), [json!(12345), json!(-50)]);
}

#[test]
fn texts_dates_and_dictionaries() {
    let mut dictionary = StringDictionaryBuilder::<Int8Type>::new();
    dictionary.append_value("x");
    dictionary.append_null();
    let instant = 1_706_700_645_123_456;
    let batch = read(vec![
        ("large", Arc::new(LargeStringArray::from(vec![Some("a"), None]))),
        ("view", Arc::new(StringViewArray::from(vec!["b", "a text longer than twelve bytes"]))),
        ("binary", Arc::new(BinaryArray::from(vec![b"c".as_slice(), "é".as_bytes()]))),
        ("dict", Arc::new(dictionary.finish())),
        ("date", Arc::new(Date32Array::from(vec![19_753, 0]))),
        ("ts", Arc::new(TimestampMicrosecondArray::from(vec![Some(instant), None]))),
        ("tz", Arc::new(TimestampMicrosecondArray::from(vec![instant, 0]).with_timezone("Europe/Berlin"))),
        ("time", Arc::new(Time64MicrosecondArray::from(vec![3_600_000_000, 1]))),
        ("bool", Arc::new(BooleanArray::from(vec![Some(true), None]))),
    ]);
    assert_eq!(types(&batch)[..8], ["string"; 8]);
    assert_eq!(values(&batch, "large"), [json!("a"), Value::Null]);
    assert_eq!(values(&batch, "view"), [json!("b"), json!("a text longer than twelve bytes")]);
    assert_eq!(values(&batch, "binary"), [json!("c"), json!("é")]);
    assert_eq!(values(&batch, "dict"), [json!("x"), Value::Null]);
    assert_eq!(values(&batch, "date"), [json!("2024-01-31"), json!("1970-01-01")]);
    assert_eq!(values(&batch, "ts"), [json!("2024-01-31T11:30:45.123456"), Value::Null]);
    assert_eq!(values(&batch, "tz"), [json!("2024-01-31T11:30:45.123456Z"), json!("1970-01-01T00:00:00Z")]);
    assert_eq!(values(&batch, "time"), [json!("01:00:00"), json!("00:00:00.000001")]);
    assert_eq!(values(&batch, "bool"), [json!(true), Value::Null]);
}

#[test]
fn nested_and_unreadable_columns_are_refused_by_name() {
    let mut list = ListBuilder::new(arrow_array::builder::Int32Builder::new());
    list.append_value([Some(1)]);
    let bytes = file(vec![("ok", Arc::new(Int32Array::from(vec![1]))), ("items", Arc::new(list.finish()))]);
    let message = error("t.parquet", &bytes, &ReadOptions::default()).to_string();
    assert!(message.contains("\"items\"") && message.contains("List"), "{message}");
    let bytes = file(vec![("blob", Arc::new(BinaryArray::from(vec![b"\xff\xfe".as_slice()])))]);
    let message = error("t.parquet", &bytes, &ReadOptions::default()).to_string();
    assert!(message.contains("\"blob\"") && message.contains("Binary"), "{message}");
}

#[test]
fn declared_types() {
    let bytes =
        file(vec![("n", Arc::new(Int32Array::from(vec![1, 0]))), ("t", Arc::new(StringArray::from(vec!["1", "x"])))]);
    let mut options = ReadOptions::default();
    options.types.insert("n".to_owned(), DataType::Boolean);
    let batch = read_bytes("t.parquet", &bytes, &options).expect("a sound file").batch;
    assert_eq!(values(&batch, "n"), [json!(true), json!(false)]);
    options.types.insert("t".to_owned(), DataType::Long);
    let message = error("t.parquet", &bytes, &options).to_string();
    assert!(message.contains("row 2") && message.contains("\"t\"") && message.contains("\"x\""), "{message}");
}

#[test]
fn damaged_files() {
    let sound = file(vec![
        ("n", Arc::new(Int64Array::from_iter_values(0..2000))),
        ("t", Arc::new(StringArray::from_iter_values((0..2000).map(|i| format!("text {}", i % 70))))),
    ]);
    let options = ReadOptions::default();
    for bytes in
        [b"PAR1".to_vec(), b"hello".to_vec(), sound[..sound.len() / 2].to_vec(), sound[1..].to_vec(), vec![0; 1000]]
    {
        let error = error("t.parquet", &bytes, &options);
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains("not a readable Parquet file"), "{error}");
    }
    // A flipped byte anywhere either is seen or changes a value; it never brings the program down.
    for place in (0..sound.len()).step_by(3) {
        for flip in [0xff, 0x80, 0x01] {
            let mut bytes = sound.clone();
            bytes[place] ^= flip;
            let _ = read_bytes("t.parquet", &bytes, &options);
        }
    }
}

#[test]
fn no_rows() {
    let bytes = file(vec![("n", Arc::new(Int64Array::from(Vec::<i64>::new())))]);
    let message = error("t.parquet", &bytes, &ReadOptions::default()).to_string();
    assert!(message.contains("no rows"), "{message}");
}

#[test]
fn compressions() {
    use metria_data::{Compression, WriteOptions, write_table_with};
    let folder = tempfile::tempdir().expect("a folder");
    let batch = csv(&format!("a,b\n{}", "1,some text\n".repeat(10_000)));
    let mut sizes = Vec::new();
    for compression in [Compression::None, Compression::Snappy, Compression::Zstd] {
        let path = folder.path().join("t.parquet");
        write_table_with(&path, &batch, WriteOptions { compression, ..WriteOptions::default() }).expect("written");
        sizes.push(std::fs::metadata(&path).expect("there").len());
        assert_eq!(read_table(&path, &ReadOptions::default()).expect("read").batch, batch);
    }
    write_table(&folder.path().join("d.parquet"), &batch).expect("written");
    assert_eq!(sizes[2], std::fs::metadata(folder.path().join("d.parquet")).expect("there").len());
}
