use crate::tables::{csv, csv_with, types, values};
use metria_core::DataType;
use metria_data::{Format, ReadOptions, column_specs, profile, read_bytes, read_table};
use serde_json::{Value, json};
use std::path::Path;

#[test]
fn types_are_inferred_from_all_values() {
    let batch = csv("b,i,f,t,mixed,zip,big,none,inf\n\
         true,1,1,x,1,007,9223372036854775808,,1.5\n\
         FALSE,-2,2.5,y,true,12,1,NA,inf\n\
         ?,+3,1e3,,3,5,2,?,-Infinity\n");
    assert_eq!(
        types(&batch),
        ["boolean", "long", "double", "string", "string", "string", "double", "double", "double"]
    );
    assert_eq!(values(&batch, "b"), [json!(true), json!(false), Value::Null]);
    assert_eq!(values(&batch, "i"), [json!(1), json!(-2), json!(3)]);
    assert_eq!(values(&batch, "f"), [json!(1.0), json!(2.5), json!(1000.0)]);
    assert_eq!(values(&batch, "t"), [json!("x"), json!("y"), Value::Null]);
    assert_eq!(values(&batch, "mixed"), [json!("1"), json!("true"), json!("3")]);
    assert_eq!(values(&batch, "zip"), [json!("007"), json!("12"), json!("5")]);
    assert_eq!(values(&batch, "none"), [Value::Null, Value::Null, Value::Null]);
    let required: Vec<bool> = column_specs(&batch).iter().map(|spec| spec.required).collect();
    assert_eq!(required, [false, true, true, false, true, true, true, false, true]);
}

#[test]
fn the_last_row_can_change_a_type() {
    let rows: String = (0..50_000).map(|i| format!("{i},{i},true\n")).collect();
    let batch = csv(&format!("a,b,c\n{rows}1.5,x,1\n"));
    assert_eq!(types(&batch), ["double", "string", "string"]);
    assert_eq!(values(&batch, "a")[49_999], json!(49_999.0));
    assert_eq!(values(&batch, "b")[7], json!("7"));
    assert_eq!(values(&batch, "c")[7], json!("true"));
}

#[test]
fn declared_types_override() {
    let mut options = ReadOptions::default();
    options.types.insert("zip".to_owned(), DataType::Long);
    options.types.insert("n".to_owned(), DataType::String);
    options.types.insert("flag".to_owned(), DataType::Boolean);
    options.types.insert("x".to_owned(), DataType::Double);
    let batch = csv_with("zip,n,flag,x\n007,1,0,1\n08,2,True,\n?,,1,3\n", &options);
    assert_eq!(types(&batch), ["long", "string", "boolean", "double"]);
    assert_eq!(values(&batch, "zip"), [json!(7), json!(8), Value::Null]);
    assert_eq!(values(&batch, "n"), [json!("1"), json!("2"), Value::Null]);
    assert_eq!(values(&batch, "flag"), [json!(false), json!(true), json!(true)]);
    assert_eq!(values(&batch, "x"), [json!(1.0), Value::Null, json!(3.0)]);
}

#[test]
fn quoting_follows_rfc_4180() {
    let batch = csv(
        "name,\"the \"\"text\"\"\"\r\na,\"one, two\"\r\nb,\"line\nbreak\"\r\nc,\"a \"\"q\"\"\"\r\nd,5\" pipe\r\n e ,\" kept \" \r\n",
    );
    assert_eq!(
        values(&batch, "the \"text\""),
        [json!("one, two"), json!("line\nbreak"), json!("a \"q\""), json!("5\" pipe"), json!(" kept ")]
    );
    assert_eq!(values(&batch, "name"), ["a", "b", "c", "d", "e"].map(Value::from));
}

#[test]
fn blanks_round_values_are_trimmed() {
    let batch = csv("age, workclass, y\n39, State-gov, <=50K\n50, ?,\t>50K \n\n   \n 17 , Private , <=50K\n");
    assert_eq!(values(&batch, "age"), [json!(39), json!(50), json!(17)]);
    assert_eq!(values(&batch, "workclass"), [json!("State-gov"), Value::Null, json!("Private")]);
    assert_eq!(values(&batch, "y"), [json!("<=50K"), json!(">50K"), json!("<=50K")]);
}

#[test]
fn quoted_markers_are_text_in_text_columns_only() {
    let text = "n,t,only\n\"1\",\"\",\"\"\n\"\",\"NA\",\"\"\n\"3\",x,\"\"\n";
    let batch = csv(text);
    assert_eq!(types(&batch), ["long", "string", "string"]);
    assert_eq!(values(&batch, "n"), [json!(1), Value::Null, json!(3)]);
    assert_eq!(values(&batch, "t"), [json!(""), json!("NA"), json!("x")]);
    assert_eq!(values(&batch, "only"), [json!(""), json!(""), json!("")]);
    let options = ReadOptions { quoted_missing: true, ..ReadOptions::default() };
    let batch = csv_with(text, &options);
    assert_eq!(values(&batch, "t"), [Value::Null, Value::Null, json!("x")]);
    assert_eq!(types(&batch), ["long", "string", "double"]);
}

#[test]
fn missing_markers_are_declared() {
    let options = ReadOptions { missing_values: vec!["-999".into(), "unknown".into()], ..ReadOptions::default() };
    let batch = csv_with("a,b,c\n-999,unknown,1\n1,NA,NaN\n", &options);
    assert_eq!(values(&batch, "a"), [Value::Null, json!(1)]);
    assert_eq!(values(&batch, "b"), [Value::Null, json!("NA")]);
    // NaN is a number that is missing, whatever the markers are.
    assert_eq!(values(&batch, "c"), [json!(1.0), Value::Null]);
    assert_eq!(types(&batch), ["long", "string", "double"]);
    for marker in metria_data::default_missing_values() {
        let batch = csv(&format!("a,b\n{marker},x\n1,{marker}\n"));
        assert_eq!(values(&batch, "a"), [Value::Null, json!(1)], "{marker}");
        assert_eq!(values(&batch, "b"), [json!("x"), Value::Null], "{marker}");
    }
}

#[test]
fn the_delimiter_is_found_out_or_given() {
    for delimiter in [",", ";", "\t", "|"] {
        let text = "a,b,c\n1,2.5,x\n2,3.5,y y\n".replace(',', delimiter);
        let batch = csv(&text);
        assert_eq!(types(&batch), ["long", "double", "string"], "{delimiter:?}");
    }
    // Decimal commas do not make the comma the delimiter.
    let batch = csv("a;b\n1,5;x\n2,5;y\n");
    assert_eq!(values(&batch, "a"), [json!("1,5"), json!("2,5")]);
    let options = ReadOptions { delimiter: Some(b'^'), ..ReadOptions::default() };
    assert_eq!(values(&csv_with("a^b\n1^2\n", &options), "b"), [json!(2)]);
    assert_eq!(values(&csv("single\n1\n2\n"), "single"), [json!(1), json!(2)]);
    assert_eq!(values(&csv("single,\"x\"\n\"a;b\",1\n"), "single"), [json!("a;b")]);
}

#[test]
fn line_ends_and_a_missing_last_one() {
    for text in ["a,b\n1,x\n2,y\n", "a,b\n1,x\n2,y", "a,b\r\n1,x\r\n2,y\r\n", "a,b\r\n1,x\r\n2,y", "a,b\r1,x\r2,y\r"] {
        let batch = csv(text);
        assert_eq!(values(&batch, "a"), [json!(1), json!(2)], "{text:?}");
        assert_eq!(values(&batch, "b"), [json!("x"), json!("y")], "{text:?}");
    }
    assert_eq!(values(&csv("a,b\n1,\n2,"), "b"), [Value::Null, Value::Null]);
    assert_eq!(values(&csv("\n\na,b\n\n1,2\n\n"), "b"), [json!(2)]);
}

#[test]
fn encodings() {
    let read = |bytes: &[u8], encoding: Option<&str>| {
        let options = ReadOptions { encoding: encoding.map(str::to_owned), ..ReadOptions::default() };
        let batch = read_bytes("t.csv", bytes, &options).unwrap_or_else(|error| panic!("{error}")).batch;
        (batch.schema().field(0).name().clone(), values(&batch, "ort"))
    };
    let expected = ("größe".to_owned(), vec![json!("Köln"), json!("東京")]);
    let text = "größe,ort\n1,Köln\n2,東京\n";
    assert_eq!(read(text.as_bytes(), None), expected);
    assert_eq!(read(&[b"\xef\xbb\xbf", text.as_bytes()].concat(), None), expected);
    assert_eq!(read(&[b"\xef\xbb\xbf", text.as_bytes()].concat(), Some("utf-8")), expected);
    let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
    assert_eq!(read(&[b"\xff\xfe", little.as_slice()].concat(), None), expected);
    assert_eq!(read(&[b"\xfe\xff", big.as_slice()].concat(), None), expected);
    assert_eq!(read(&little, Some("utf-16le")), expected);
    let latin = b"gr\xf6\xdfe,ort\n1,K\xf6ln\n2,\x80\n";
    assert_eq!(read(latin, Some("windows-1252")), ("größe".to_owned(), vec![json!("Köln"), json!("€")]));
}

#[test]
fn german_credit() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/german_credit.csv");
    let table = read_table(&path, &ReadOptions::default()).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(table.format, Format::Csv);
    let profile = profile(&table.batch);
    assert_eq!((profile.n_rows, profile.n_columns), (1000, 10));
    assert_eq!(profile.columns.iter().map(|column| column.missing).sum::<usize>(), 0);
    let by_name = |name: &str| profile.columns.iter().find(|column| column.name == name).expect("a column");
    assert_eq!(by_name("risk").data_type, DataType::Long);
    assert_eq!(by_name("purpose").data_type, DataType::String);
    assert_eq!(by_name("risk").top[0].count, 700);
    assert_eq!(table.digest.len(), 16);
}

#[test]
fn the_format_is_found_by_ending_or_content() {
    let options = ReadOptions::default();
    let format =
        |name: &str, bytes: &[u8]| read_bytes(name, bytes, &options).unwrap_or_else(|error| panic!("{error}")).format;
    assert_eq!(format("a.CSV", b"a,b\n1,2\n"), Format::Csv);
    assert_eq!(format("a.tsv", b"a\tb\n1\t2\n"), Format::Csv);
    assert_eq!(format("a.ndjson", b"{\"a\":1}\n"), Format::JsonLines);
    assert_eq!(format("a", b"\n {\"a\":1}\n"), Format::JsonLines);
    assert_eq!(format("a.data", b"a,b\n1,2\n"), Format::Csv);
    let given = ReadOptions { format: Some(Format::JsonLines), ..ReadOptions::default() };
    assert_eq!(read_bytes("a.csv", b"{\"a\":1}", &given).expect("read").format, Format::JsonLines);
}
