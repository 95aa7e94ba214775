use crate::tables::{json_lines, types, values};
use metria_core::DataType;
use metria_data::{ReadOptions, read_bytes};
use serde_json::{Value, json};

#[test]
fn the_columns_are_the_union_of_all_keys() {
    let batch = json_lines("{\"a\":1,\"b\":\"x\"}\n\n{\"b\":\"y\",\"c\":true}\r\n{\"a\":2.5}\n{}\n");
    let schema = batch.schema();
    let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    assert_eq!(names, ["a", "b", "c"]);
    assert_eq!(types(&batch), ["double", "string", "boolean"]);
    assert_eq!(values(&batch, "a"), [json!(1.0), Value::Null, json!(2.5), Value::Null]);
    assert_eq!(values(&batch, "b"), [json!("x"), json!("y"), Value::Null, Value::Null]);
    assert_eq!(values(&batch, "c"), [Value::Null, json!(true), Value::Null, Value::Null]);
}

#[test]
fn values_keep_their_json_type() {
    let batch = json_lines(
        "{\"t\":\"12\",\"m\":1,\"i\":9223372036854775807,\"u\":18446744073709551615,\"n\":null,\"s\":\"?\"}\n{\"m\":\"x\",\"s\":\"\"}\n",
    );
    assert_eq!(types(&batch), ["string", "string", "long", "double", "double", "string"]);
    assert_eq!(values(&batch, "m"), [json!("1"), json!("x")]);
    assert_eq!(values(&batch, "i"), [json!(i64::MAX), Value::Null]);
    assert_eq!(values(&batch, "s"), [json!("?"), json!("")]);
}

#[test]
fn options_apply() {
    let mut options = ReadOptions { quoted_missing: true, ..ReadOptions::default() };
    options.types.insert("n".to_owned(), DataType::Long);
    options.types.insert("t".to_owned(), DataType::String);
    options.types.insert("b".to_owned(), DataType::Boolean);
    let text = "{\"n\":\"7\",\"t\":1.5,\"b\":1,\"s\":\"?\"}\n{\"n\":2.0,\"t\":true,\"b\":\"False\",\"s\":\"x\"}\n";
    let batch = read_bytes("t.jsonl", text.as_bytes(), &options).expect("a sound table").batch;
    assert_eq!(values(&batch, "n"), [json!(7), json!(2)]);
    assert_eq!(values(&batch, "t"), [json!("1.5"), json!("true")]);
    assert_eq!(values(&batch, "b"), [json!(true), json!(false)]);
    assert_eq!(values(&batch, "s"), [Value::Null, json!("x")]);
}
