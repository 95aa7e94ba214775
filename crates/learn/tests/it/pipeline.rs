//! Pipelines over raw rows: fit, predict, store, refuse.

use crate::common::assert_same_for_any_threads;
use arrow_array::{ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray};
use metria_core::{Cell, Labels};
use metria_learn::pipeline::*;
use metria_learn::preprocessing::*;
use serde_json::{Value, json};
use std::sync::Arc;

fn table(n: usize) -> (RecordBatch, Labels) {
    let mut draws = metria_learn::random::RandomState::new(7);
    let amount: Vec<Option<f64>> = (0..n).map(|i| (i % 11 != 3).then(|| draws.random_sample() * 1e4)).collect();
    let age: Vec<i64> = (0..n).map(|_| draws.randint(18, 80)).collect();
    let home: Vec<Option<&str>> =
        (0..n).map(|_| [Some("own"), Some("rent"), None][draws.interval(2) as usize]).collect();
    let member: Vec<bool> = (0..n).map(|_| draws.interval(1) == 1).collect();
    let risk =
        (0..n).map(|i| i64::from(amount[i].unwrap_or(0.0) > 4e3) ^ i64::from(member[i] && age[i] > 60)).collect();
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("home", Arc::new(StringArray::from(home))),
        ("amount", Arc::new(Float64Array::from(amount))),
        ("member", Arc::new(BooleanArray::from(member))),
        ("age", Arc::new(Int64Array::from(age))),
    ];
    (RecordBatch::try_from_iter(columns).expect("a table"), Labels::Long(risk))
}

fn pipeline() -> Pipeline {
    let mut estimator = Estimator::by_name("random_forest").expect("a forest");
    for (name, value) in [("n_estimators", json!(15)), ("max_depth", json!(6)), ("random_state", json!(1))] {
        estimator.set_param(name, &value).expect("a parameter");
    }
    Pipeline::default_for(estimator, "risk")
}

fn fitted() -> (FittedPipeline, RecordBatch) {
    let (x, y) = table(300);
    (pipeline().fit(&x, &y).expect("a fit"), x)
}

#[test]
fn learns_and_describes_itself() {
    let (x, y) = table(300);
    let model = pipeline().fit(&x, &y).expect("a fit");
    let Labels::Long(truth) = &y else { panic!("whole numbers") };
    let Labels::Long(got) = model.predict(&x).expect("answers") else { panic!("whole numbers") };
    let right = got.iter().zip(truth).filter(|(a, b)| a == b).count();
    assert!(right > 280, "{right} of 300");
    let names = ["amount", "age", "home_own", "home_rent", "home_missing", "member_false", "member_true"];
    assert_eq!(model.feature_names_out(), names);
    let signature = serde_json::to_value(model.signature()).expect("JSON");
    assert_eq!(signature["inputs"][0], json!({"name": "home", "type": "string", "required": false}));
    assert_eq!(signature["outputs"], json!([{"name": "risk", "type": "long", "required": true}]));
}

#[test]
fn single_rows_and_tables_agree_to_the_last_bit() {
    let (model, x) = fitted();
    let table = model.predict_proba(&x).expect("answers");
    let texts = x.column(0).as_any().downcast_ref::<StringArray>().expect("texts");
    let amounts = x.column(1).as_any().downcast_ref::<Float64Array>().expect("numbers");
    let members = x.column(2).as_any().downcast_ref::<BooleanArray>().expect("flags");
    let ages = x.column(3).as_any().downcast_ref::<Int64Array>().expect("numbers");
    for (row, text) in texts.iter().enumerate() {
        let amount = amounts.iter().nth(row).flatten();
        let cells = [
            text.map_or(Cell::Missing, Cell::Text),
            amount.map_or(Cell::Missing, Cell::Number),
            Cell::Boolean(members.value(row)),
            Cell::Number(ages.value(row) as f64),
        ];
        assert_eq!(model.predict_row(&cells).expect("an answer").proba, table.row(row), "row {row}");
    }
}

#[test]
fn columns_are_found_by_name() {
    let (model, x) = fitted();
    let expected = model.predict_proba(&x).expect("answers");
    let other = x.project(&[3, 1, 0, 2]).expect("a table");
    assert_eq!(model.predict_proba(&other).expect("answers"), expected);
    let error = model.predict(&x.project(&[0, 1]).expect("a table")).unwrap_err().to_string();
    assert!(error.contains("`member`, `age`") && error.contains("the table has `home`, `amount`"), "{error}");
}

#[test]
fn unseen_categories_and_missing_values_are_no_error() {
    let (model, _) = fitted();
    for home in [Cell::Text("castle"), Cell::Missing] {
        let row = [home, Cell::Missing, Cell::Missing, Cell::Missing];
        let answer = model.predict_row(&row).expect("an answer");
        assert!((answer.proba.iter().sum::<f64>() - 1.0).abs() < 1e-12);
    }
}

#[test]
fn wrong_values_are_named() {
    let (model, x) = fitted();
    let row = |cell| [Cell::Text("own"), cell, Cell::Boolean(true), Cell::Number(30.0)];
    for (cell, got) in [
        (Cell::Text("abc"), "the text \"abc\""),
        (Cell::Number(f64::INFINITY), "the number inf"),
        (Cell::Boolean(true), "the boolean true"),
    ] {
        let error = model.predict_row(&row(cell)).unwrap_err().to_string();
        assert!(error.contains("amount: a finite number is expected") && error.contains(got), "{error}");
    }
    let error = model.predict_row(&[Cell::Missing]).unwrap_err().to_string();
    assert!(error.contains("must have 4 values") && error.contains("got 1"), "{error}");

    let mut columns = x.columns().to_vec();
    columns[1] = Arc::new(StringArray::from(vec!["12,5"; x.num_rows()]));
    let fields = x.schema_ref().fields().iter().map(|field| field.name().clone());
    let texts = RecordBatch::try_from_iter(fields.zip(columns)).expect("a table");
    let error = model.predict(&texts).unwrap_err().to_string();
    assert!(error.contains("`amount`") && error.contains("row 0") && error.contains("12,5"), "{error}");

    let infinite: ArrayRef = Arc::new(Float64Array::from(vec![1.0, f64::INFINITY]));
    let batch = RecordBatch::try_from_iter([("x", infinite)]).expect("a table");
    let error = pipeline().fit(&batch, &Labels::Long(vec![0, 1])).unwrap_err().to_string();
    assert!(error.contains("`x`") && error.contains("row 1"), "{error}");
}

#[test]
fn bad_targets_are_named() {
    let (x, _) = table(40);
    let message = |y: Labels| pipeline().fit(&x, &y).unwrap_err().to_string();
    assert!(message(Labels::Long(vec![1; 40])).contains("always 1"));
    assert!(message(Labels::Long((0..40).collect())).contains("different in all 40 rows"));
    assert!(message(Labels::Long(vec![0, 1])).contains("expected 40, got 2"));
    let leaky = Pipeline { target: "age".to_owned(), ..pipeline() };
    let error = leaky.fit(&x, &Labels::Long((0..40).map(|i| i % 2).collect())).unwrap_err().to_string();
    assert!(error.contains("`age` must not be among the features"), "{error}");
}

#[test]
fn features_of_one_table() {
    let x: ArrayRef = Arc::new(Int64Array::from(vec![1, 2, 3]));
    let constant: ArrayRef = Arc::new(Float64Array::from(vec![5.0; 3]));
    let text: ArrayRef = Arc::new(StringArray::from(vec!["b", "a", "b"]));
    let batch = RecordBatch::try_from_iter([("x", x), ("text", text), ("constant", constant)]).expect("a table");
    let features = engineer_features(&batch).expect("features");
    let column = |name: &str| {
        let column = features.column_by_name(name).unwrap_or_else(|| panic!("{name}"));
        column.as_any().downcast_ref::<Float64Array>().expect("numbers").values().to_vec()
    };
    assert_eq!(column("x"), [-1.0, 0.0, 1.0], "sample deviation");
    assert_eq!(column("constant"), [0.0; 3], "a constant is only centred");
    assert_eq!(column("text_a"), [0.0, 1.0, 0.0]);
    assert_eq!(features.num_columns(), 4);
}

#[test]
fn a_stored_pipeline_predicts_the_same() {
    let (model, x) = fitted();
    let bytes = model.to_bytes();
    let again = FittedPipeline::from_bytes(&bytes).expect("readable");
    assert_eq!(again.predict_proba(&x).expect("answers"), model.predict_proba(&x).expect("answers"));
    assert_eq!(again.to_bytes(), bytes);
    assert_eq!(again.target(), "risk");
}

/// A stored pipeline predicts what the file beside it tells.
fn assert_answers(model: &FittedPipeline, expected: &Value) {
    assert_eq!(json!(model.feature_names_out()), expected["feature_names_out"]);
    for answer in expected["answers"].as_array().expect("answers") {
        let cell = |value: &Value| match value {
            Value::String(text) => Cell::Text(text.clone().leak()),
            Value::Number(number) => Cell::Number(number.as_f64().expect("a number")),
            Value::Bool(flag) => Cell::Boolean(*flag),
            _ => Cell::Missing,
        };
        let row: Vec<Cell<'_>> = answer["row"].as_array().expect("a row").iter().map(cell).collect();
        assert_eq!(json!(model.predict_row(&row).expect("an answer").proba), answer["proba"], "{}", answer["row"]);
    }
}

/// `stored/pipeline_v1.bin` was written by the first version of this program, with the answers beside it.
#[test]
fn a_pipeline_of_format_version_1_is_read_and_predicts_as_it_did() {
    let bytes = include_bytes!("stored/pipeline_v1.bin");
    let expected: Value = serde_json::from_str(include_str!("stored/pipeline_v1.json")).expect("JSON");
    let model = FittedPipeline::from_bytes(bytes).expect("readable");
    assert_answers(&model, &expected);
    let again = model.to_bytes();
    assert_eq!(again[8..12], FORMAT_VERSION.to_le_bytes(), "what is written is always the newest version");
    let again = FittedPipeline::from_bytes(&again).expect("readable");
    assert_eq!(again, model);
    assert_answers(&again, &expected);
}

/// What `stored/pipeline_v2.bin` holds: every transformer and scaler, fitted on `table(120)`.
fn every_transformer() -> Pipeline {
    let numbers = |imputer, scaler| Transformer::Numbers(Numbers { imputer, scaler, scale_on_filled: false });
    let rare = OneHotEncoder {
        handle_unknown: HandleUnknown::InfrequentIfExist,
        max_categories: Some(2),
        ..OneHotEncoder::default()
    };
    let codes = OrdinalEncoder {
        handle_unknown: HandleUnknownOrdinal::UseEncodedValue,
        unknown_value: Some(-1.0),
        encoded_missing_value: Some(-2.0),
        ..OrdinalEncoder::default()
    };
    let transformers = [
        ("standard", numbers(Imputer::Mean, Scaler::Standard(StandardScaler::default())), "amount"),
        ("min_max", numbers(Imputer::Median, Scaler::MinMax(MinMaxScaler::default())), "amount"),
        ("robust", numbers(Imputer::MostFrequent, Scaler::Robust(RobustScaler::default())), "amount"),
        ("max_abs", numbers(Imputer::Constant(-1.0), Scaler::MaxAbs(MaxAbsScaler::default())), "amount"),
        ("rare", Transformer::OneHot(rare), "home"),
        ("codes", Transformer::Ordinal(codes), "home"),
        ("flag", Transformer::Passthrough, "member"),
    ];
    let columns = transformers.map(|(name, transformer, column)| {
        (name.to_owned(), transformer, ColumnSelector::Names(vec![column.to_owned()]))
    });
    Pipeline {
        columns: ColumnTransformer {
            transformers: columns.to_vec(),
            remainder: Remainder::Passthrough,
            verbose_feature_names_out: true,
        },
        ..small()
    }
}

/// A pipeline of three little trees.
fn small() -> Pipeline {
    let mut small = pipeline();
    for (name, value) in [("n_estimators", json!(3)), ("max_depth", json!(3))] {
        small.estimator.set_param(name, &value).expect("a parameter");
    }
    small
}

/// `stored/pipeline_v2.bin` was written when version 2 came, with the answers beside it.
#[test]
fn a_pipeline_of_format_version_2_is_read_and_predicts_as_it_did() {
    let bytes = include_bytes!("stored/pipeline_v2.bin");
    let expected: Value = serde_json::from_str(include_str!("stored/pipeline_v2.json")).expect("JSON");
    let model = FittedPipeline::from_bytes(bytes).expect("readable");
    assert_answers(&model, &expected);
    assert!(model.to_bytes() == bytes, "what is written has not changed either");
    let (x, y) = table(120);
    assert!(every_transformer().fit(&x, &y).expect("a fit").to_bytes() == bytes, "nor has what is learned");
}

/// A missing value that nothing fills in is refused in every way of asking.
#[test]
fn estimators_take_no_missing_values() {
    let (x, y) = table(120);
    let as_is = |imputer| Transformer::Numbers(Numbers { imputer, scaler: Scaler::None, scale_on_filled: false });
    let with = |imputer| Pipeline {
        columns: ColumnTransformer {
            transformers: vec![("numbers".to_owned(), as_is(imputer), ColumnSelector::Numeric)],
            ..ColumnTransformer::default()
        },
        ..small()
    };
    let error = with(Imputer::None).fit(&x, &y).unwrap_err().to_string();
    assert!(error.contains("`amount` is missing (NaN) in row 3") && error.contains("choose an imputer"), "{error}");
    with(Imputer::Median).fit(&x, &y).expect("a fit");

    let whole = x.slice(0, 3);
    let model = with(Imputer::None).fit(&whole, &Labels::Long(vec![0, 1, 1])).expect("a fit");
    assert!(model.predict(&x).unwrap_err().to_string().contains("in row 3"));
    let error = model.predict_row(&[Cell::Missing, Cell::Number(1.0)]).unwrap_err().to_string();
    assert!(error.contains("`amount` is missing (NaN); the estimator takes none"), "{error}");
}

#[test]
fn a_pipeline_without_features_is_refused() {
    let text: ArrayRef = Arc::new(StringArray::from(vec!["same"; 4]));
    let x = RecordBatch::try_from_iter([("text", text)]).expect("a table");
    let first = OneHotEncoder { drop: Some(Drop::First), ..OneHotEncoder::default() };
    let mut pipeline = small();
    pipeline.columns.transformers = vec![("texts".to_owned(), Transformer::OneHot(first), ColumnSelector::Categorical)];
    assert_eq!(pipeline.columns.fit(&x).expect("a fit").transform(&x).expect("nothing").n_columns(), 0);
    let error = pipeline.fit(&x, &Labels::Long(vec![0, 1, 0, 1])).unwrap_err().to_string();
    assert!(error.contains("no feature is left to learn `risk` from"), "{error}");
}

#[test]
fn the_fit_is_the_same_for_any_number_of_threads() {
    let (x, y) = table(120);
    assert_same_for_any_threads(|| every_transformer().fit(&x, &y).expect("a fit").to_bytes());
}

#[test]
fn boosting_ends_a_pipeline_too() {
    let (x, y) = table(300);
    let mut estimator = Estimator::by_name("gradient_boosting").expect("boosting");
    for (name, value) in [("n_estimators", json!(40)), ("learning_rate", json!(0.3)), ("random_state", json!(1))] {
        estimator.set_param(name, &value).expect("a parameter");
    }
    assert!(estimator.params().contains(&("subsample".to_owned(), json!(1.0))));
    assert_eq!(estimator.name(), "gradient_boosting");
    let model = Pipeline::default_for(estimator, "risk").fit(&x, &y).expect("a fit");
    let Labels::Long(truth) = &y else { panic!("whole numbers") };
    let Labels::Long(got) = model.predict(&x).expect("answers") else { panic!("whole numbers") };
    let right = got.iter().zip(truth).filter(|(a, b)| a == b).count();
    assert!(right > 280, "{right} of 300");
    assert_eq!(model.estimator().feature_importances().len(), model.feature_names_out().len());
    let again = FittedPipeline::from_bytes(&model.to_bytes()).expect("readable");
    assert_eq!(again.predict_proba(&x).expect("answers"), model.predict_proba(&x).expect("answers"));
    let row = [Cell::Missing, Cell::Number(5e3), Cell::Boolean(true), Cell::Number(70.0)];
    assert_eq!(again.predict_row(&row).expect("an answer"), model.predict_row(&row).expect("an answer"));
    let error = Estimator::by_name("boosting").unwrap_err().to_string();
    assert!(error.contains("random_forest, gradient_boosting"), "{error}");
}

#[test]
fn damage_is_refused_and_never_a_panic() {
    let (model, _) = fitted();
    let bytes = model.to_bytes();
    for length in [0, 7, 8, 43, 44, bytes.len() / 2, bytes.len() - 1] {
        assert!(FittedPipeline::from_bytes(&bytes[..length]).is_err(), "{length} bytes");
    }
    for place in (0..bytes.len()).step_by(97) {
        let mut damaged = bytes.clone();
        damaged[place] ^= 0x55;
        assert!(FittedPipeline::from_bytes(&damaged).is_err(), "byte {place}");
    }
    let mut newer = bytes;
    newer[8] = 9;
    let error = FittedPipeline::from_bytes(&newer).unwrap_err().to_string();
    assert!(error.contains("version 9") && error.contains("up to 2"), "{error}");
}
