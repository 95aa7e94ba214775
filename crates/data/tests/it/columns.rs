use crate::tables::{csv, values};
use metria_core::{DataType, ErrorKind, Kinded, Labels};
use metria_data::{column_specs, concat, labels, select_columns, split_target, take_rows};
use serde_json::json;

const TEXT: &str = "age,risk,job,score,rate\n1,good,true,1.0,0.5\n2,bad,false,2.0,1.5\n3,good,true,1.0,2.5\n";

#[test]
fn splitting_the_target_off() {
    let batch = csv(TEXT);
    let (x, y) = split_target(&batch, "risk").expect("there");
    let names: Vec<String> = column_specs(&x).into_iter().map(|spec| spec.name).collect();
    assert_eq!(names, ["age", "job", "score", "rate"]);
    assert_eq!(
        labels(&y, "risk").expect("classes"),
        Labels::String(["good", "bad", "good"].map(str::to_owned).to_vec())
    );
    let error = split_target(&batch, "riks").expect_err("misspelt");
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert_eq!(
        error.to_string(),
        "there is no column \"riks\" (did you mean \"risk\"?); the columns are \"age\", \"risk\", \"job\", \"score\", \"rate\""
    );
}

#[test]
fn labels_of_every_type() {
    let batch = csv(TEXT);
    let of = |name: &str| labels(batch.column_by_name(name).expect("there"), name);
    assert_eq!(of("age").expect("classes"), Labels::Long(vec![1, 2, 3]));
    assert_eq!(of("job").expect("classes"), Labels::Boolean(vec![true, false, true]));
    assert_eq!(of("score").expect("classes"), Labels::Long(vec![1, 2, 1]));
    let message = of("rate").expect_err("no classes").to_string();
    assert!(
        message.contains("\"rate\"") && message.contains("0.5 (data row 1)") && message.contains("classification"),
        "{message}"
    );
    let batch = csv("a,y\n1,x\n2,\n3,\n");
    let error = labels(batch.column(1), "y").expect_err("missing");
    assert!(error.to_string().contains("no value in 2 of 3 rows, first in data row 2"), "{error}");
    let batch = csv("a,y\n1,1.0\n2,inf\n");
    assert!(labels(batch.column(1), "y").is_err());
}

#[test]
fn rows_and_columns() {
    let batch = csv(TEXT);
    let rows = take_rows(&batch, &[2, 0, 0]).expect("in range");
    assert_eq!(values(&rows, "age"), [json!(3), json!(1), json!(1)]);
    assert_eq!(take_rows(&batch, &[]).expect("none").num_rows(), 0);
    let error = take_rows(&batch, &[1, 3]).expect_err("beyond");
    assert!(error.to_string().contains("row 3 was asked for; the table has 3 rows"), "{error}");
    let chosen = select_columns(&batch, &["rate", "age"]).expect("there");
    assert_eq!(
        column_specs(&chosen).iter().map(|spec| spec.data_type).collect::<Vec<_>>(),
        [DataType::Double, DataType::Long]
    );
    assert!(select_columns(&batch, &["nope"]).is_err());
    let twice = concat(&[batch.clone(), rows.clone()]).expect("equal columns");
    assert_eq!(values(&twice, "age"), [1, 2, 3, 3, 1, 1].map(|age| json!(age)));
    let error = concat(&[batch, chosen]).expect_err("other columns");
    assert!(error.to_string().contains("\"rate\" Float64"), "{error}");
    assert!(concat(&[]).is_err());
}
