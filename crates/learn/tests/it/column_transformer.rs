//! Transformers by column: scikit-learn's results, names, settings and refusals.

use crate::common::{assert_all_close, assert_close, floats, golden, integers, known_keys};
use crate::preprocessing::{EXACT, assert_matrix, matrix, names, texts};
use arrow_array::{ArrayRef, BooleanArray, Date32Array, Float64Array, Int64Array, RecordBatch, StringArray};
use metria_core::{Cell, Labels};
use metria_learn::pipeline::*;
use metria_learn::preprocessing::*;
use metria_learn::{Error, Matrix};
use serde_json::{Value, json};
use std::sync::Arc;

/// A transformer of some columns.
pub(crate) fn step(
    name: &str,
    transformer: Transformer,
    columns: ColumnSelector,
) -> (String, Transformer, ColumnSelector) {
    (name.to_owned(), transformer, columns)
}

pub(crate) fn named(columns: &[&str]) -> ColumnSelector {
    ColumnSelector::Names(columns.iter().map(|&name| name.to_owned()).collect())
}

/// One transformer for every column of its class.
fn only(transformer: Transformer, columns: ColumnSelector) -> ColumnTransformer {
    ColumnTransformer { transformers: vec![step("all", transformer, columns)], ..ColumnTransformer::default() }
}

pub(crate) fn numbers(imputer: Imputer, scaler: Scaler) -> Transformer {
    Transformer::Numbers(Numbers { imputer, scaler, scale_on_filled: false })
}

/// Numbers as a table of `x0`, `x1` and so on, with NaN as a missing value.
fn number_table(x: &Matrix<f64>) -> RecordBatch {
    let column = |j: usize| -> ArrayRef {
        Arc::new(x.column(j).iter().map(|&value| (!value.is_nan()).then_some(value)).collect::<Float64Array>())
    };
    RecordBatch::try_from_iter((0..x.n_columns()).map(|j| (format!("x{j}"), column(j)))).expect("a table")
}

fn text_table(x: &Matrix<Option<&str>>) -> RecordBatch {
    let column = |j: usize| -> ArrayRef { Arc::new(x.column(j).iter().copied().collect::<StringArray>()) };
    RecordBatch::try_from_iter((0..x.n_columns()).map(|j| (format!("x{j}"), column(j)))).expect("a table")
}

#[test]
fn golden_scalers() {
    let golden = golden("preprocessing.json");
    let (x, x_new) = (number_table(&matrix(&golden["X"])), number_table(&matrix(&golden["X_new"])));
    for (name, scaler) in [
        ("standard", Scaler::Standard(StandardScaler::default())),
        ("minmax", Scaler::MinMax(MinMaxScaler::default())),
        ("robust", Scaler::Robust(RobustScaler::default())),
        ("maxabs", Scaler::MaxAbs(MaxAbsScaler::default())),
    ] {
        let fitted = only(numbers(Imputer::None, scaler), ColumnSelector::Numeric).fit(&x).expect("a fit");
        assert_matrix(&fitted.transform(&x).expect("output"), &golden[name]["fit_transform"], EXACT, name);
        assert_matrix(&fitted.transform(&x_new).expect("output"), &golden[name]["transform_new"], EXACT, name);
    }
    let x = number_table(&matrix(&golden["X_missing"]));
    let standard = numbers(Imputer::None, Scaler::Standard(StandardScaler::default()));
    let fitted = only(standard, ColumnSelector::Numeric).fit(&x).expect("a fit");
    let expected = &golden["standard_with_nan"]["transform"];
    assert_matrix(&fitted.transform(&x).expect("output"), expected, EXACT, "standard_with_nan");
}

#[test]
fn golden_imputers() {
    let golden = golden("preprocessing.json");
    let x = number_table(&matrix(&golden["X_missing"]));
    for (name, imputer) in [
        ("impute_mean", Imputer::Mean),
        ("impute_median", Imputer::Median),
        ("impute_most_frequent", Imputer::MostFrequent),
        ("impute_constant", Imputer::Constant(floats(&golden["impute_constant"]["statistics"])[0])),
    ] {
        let fitted = only(numbers(imputer, Scaler::None), ColumnSelector::Numeric).fit(&x).expect("a fit");
        let got = fitted.transform(&x).expect("output");
        // One case has indicators behind the values.
        let expected = matrix(&golden[name]["out"]).take_columns(&(0..got.n_columns()).collect::<Vec<_>>());
        let rows: Vec<Vec<f64>> = (0..expected.n_rows())
            .map(|row| (0..expected.n_columns()).map(|j| expected.get(row, j)).collect())
            .collect();
        assert_matrix(&got, &json!(rows), EXACT, name);
    }
}

#[test]
fn golden_encoders() {
    let golden = golden("preprocessing.json");
    let case = &golden["one_hot"];
    let (x, new) = (texts(&case["X"]), texts(&case["new"]));
    let (x, new) = (text_table(&x), text_table(&new));
    let ignore = OneHotEncoder { handle_unknown: HandleUnknown::Ignore, ..OneHotEncoder::default() };
    let infrequent = OneHotEncoder {
        handle_unknown: HandleUnknown::InfrequentIfExist,
        min_frequency: Some(MinFrequency::Count(4)),
        ..OneHotEncoder::default()
    };
    let drop_first = OneHotEncoder { drop: Some(Drop::First), ..OneHotEncoder::default() };
    for (encoder, names_key, out, out_new) in [
        (ignore, "names", "out", Some("out_new")),
        (infrequent, "infrequent_min4_names", "infrequent_min4_out", Some("infrequent_out_new")),
        (drop_first, "drop_first_names", "drop_first", None),
    ] {
        let settings = only(Transformer::OneHot(encoder), ColumnSelector::Categorical);
        let fitted = settings.fit(&x).expect("a fit");
        let expected: Vec<String> =
            names(&case[names_key]).iter().map(|name| name.replace("infrequent_sklearn", "infrequent")).collect();
        assert_eq!(fitted.feature_names_out(), expected);
        assert_matrix(&fitted.transform(&x).expect("output"), &case[out], 0.0, out);
        match out_new {
            Some(key) => assert_matrix(&fitted.transform(&new).expect("output"), &case[key], 0.0, key),
            None => {
                let error = fitted.transform(&new).unwrap_err().to_string();
                assert_eq!(error, "Found unknown categories ['Z'] in column `x0` during transform");
                let error = fitted.transform_row(&[Cell::Text("A"), Cell::Text("q")], &mut [0.0; 5]).unwrap_err();
                assert_eq!(error.to_string(), "Found unknown categories ['q'] in column `x1` during transform");
            }
        }
    }
    let ordinal = OrdinalEncoder {
        handle_unknown: HandleUnknownOrdinal::UseEncodedValue,
        unknown_value: Some(-1.0),
        ..OrdinalEncoder::default()
    };
    let fitted = only(Transformer::Ordinal(ordinal), ColumnSelector::Categorical).fit(&x).expect("a fit");
    assert_matrix(&fitted.transform(&x).expect("output"), &golden["ordinal"]["out"], 0.0, "ordinal");
    assert_matrix(&fitted.transform(&new).expect("output"), &golden["ordinal"]["out_new"], 0.0, "ordinal, new");
}

#[test]
fn a_scale_may_be_learned_from_the_filled_column() {
    let golden = golden("preprocessing.json");
    let x = matrix(&golden["X_missing"]);
    for (scaler, expected) in {
        let filled = SimpleImputer::<f64>::default().fit(&x).and_then(|fitted| fitted.transform(&x)).expect("filled");
        let robust = RobustScaler::default();
        let standard = StandardScaler::default();
        [
            (Scaler::Robust(robust.clone()), robust.fit(&filled).and_then(|fitted| fitted.transform(&filled))),
            (Scaler::Standard(standard.clone()), standard.fit(&filled).and_then(|fitted| fitted.transform(&filled))),
        ]
    } {
        let settings = Numbers { imputer: Imputer::Mean, scaler, scale_on_filled: true };
        let fitted =
            only(Transformer::Numbers(settings), ColumnSelector::Numeric).fit(&number_table(&x)).expect("a fit");
        assert_eq!(fitted.transform(&number_table(&x)).expect("output"), expected.expect("scaled"));
    }
}

/// `home`, `amount`, `member`, `age` and a column without values.
fn people() -> RecordBatch {
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("home", Arc::new(StringArray::from(vec![Some("rent"), Some("own"), None, Some("own")]))),
        ("amount", Arc::new(Float64Array::from(vec![Some(1.0), None, Some(3.0), Some(8.0)]))),
        ("member", Arc::new(BooleanArray::from(vec![Some(true), Some(false), None, Some(true)]))),
        ("age", Arc::new(Int64Array::from(vec![20, 30, 40, 50]))),
        ("nothing", Arc::new(Float64Array::from(vec![None, None, None, None]))),
    ];
    RecordBatch::try_from_iter(columns).expect("a table")
}

#[test]
fn declared_order_and_verbose_names() {
    let settings = ColumnTransformer {
        transformers: vec![
            step("codes", Transformer::Ordinal(OrdinalEncoder::default()), named(&["member", "home"])),
            step("range", numbers(Imputer::Median, Scaler::MinMax(MinMaxScaler::default())), named(&["age", "amount"])),
            step("out", Transformer::Drop, named(&["nothing"])),
            step("one_hot", Transformer::OneHot(OneHotEncoder::default()), named(&["home"])),
        ],
        remainder: Remainder::Passthrough,
        verbose_feature_names_out: true,
    };
    let fitted = settings.fit(&people()).expect("a fit");
    let verbose = [
        "codes__member",
        "codes__home",
        "range__age",
        "range__amount",
        "one_hot__home_own",
        "one_hot__home_rent",
        "one_hot__home_missing",
    ];
    assert_eq!(fitted.feature_names_out(), verbose);
    let inputs: Vec<&str> = fitted.input_columns().iter().map(|spec| spec.name.as_str()).collect();
    assert_eq!(inputs, ["home", "amount", "member", "age"], "without the dropped column");
    let features = fitted.transform(&people()).expect("features");
    assert_eq!(features.n_columns(), fitted.n_features_out());
    assert_all_close(features.column(2), &[0.0, 1.0 / 3.0, 2.0 / 3.0, 1.0], EXACT, "age");
    assert_close(features.get(1, 3), 2.0 / 7.0, EXACT, "the median 3 in the range 1 to 8");
    assert_eq!(features.column(1)[..2], [1.0, 0.0]);
    assert!(features.column(1)[2].is_nan(), "the default of scikit-learn for a missing value");

    let brief = ColumnTransformer { verbose_feature_names_out: false, ..settings };
    assert_eq!(brief.fit(&people()).expect("a fit").feature_names_out()[..3], ["member", "home", "age"]);
}

#[test]
fn the_remainder_comes_last_as_it_is() {
    let mut settings = ColumnTransformer {
        transformers: vec![step("home", Transformer::OneHot(OneHotEncoder::default()), named(&["home"]))],
        remainder: Remainder::Passthrough,
        verbose_feature_names_out: true,
    };
    let fitted = settings.fit(&people()).expect("a fit");
    let rest = ["remainder__amount", "remainder__member", "remainder__age", "remainder__nothing"];
    assert_eq!(fitted.feature_names_out()[3..], rest);
    let features = fitted.transform(&people()).expect("features");
    assert_eq!(features.column(5), [20.0, 30.0, 40.0, 50.0]);
    assert_eq!((features.get(0, 4), features.get(1, 4)), (1.0, 0.0));
    assert!(features.get(1, 3).is_nan() && features.get(2, 4).is_nan() && features.get(0, 6).is_nan());
    settings.remainder = Remainder::Drop;
    assert_eq!(settings.fit(&people()).expect("a fit").n_features_out(), 3);
}

#[test]
fn ordinal_codes_for_trees() {
    let fitted = ColumnTransformer::for_categories(Categories::Ordinal).fit(&people()).expect("a fit");
    assert_eq!(fitted.feature_names_out(), ["amount", "age", "nothing", "home", "member"]);
    let features = fitted.transform(&people()).expect("features");
    assert_eq!(features.column(0), [1.0, 4.0, 3.0, 8.0], "filled with the mean, not scaled");
    assert_eq!(features.column(2), [0.0; 4]);
    assert_eq!(features.column(3), [1.0, 0.0, -1.0, 0.0]);
    assert_eq!(features.column(4), [1.0, 0.0, -1.0, 1.0]);
    let mut row = [9.0; 5];
    let cells = [Cell::Text("castle"), Cell::Missing, Cell::Missing, Cell::Number(7.0), Cell::Number(2.0)];
    fitted.transform_row(&cells, &mut row).expect("features");
    assert_eq!(row, [4.0, 7.0, 2.0, -1.0, -1.0]);
}

#[test]
fn constant_and_empty_columns() {
    let constant: ArrayRef = Arc::new(Float64Array::from(vec![5.0; 3]));
    let empty: ArrayRef = Arc::new(Float64Array::from(vec![None, None, None]));
    let texts: ArrayRef = Arc::new(StringArray::from(vec![None::<&str>, None, None]));
    let x = RecordBatch::try_from_iter([("constant", constant), ("empty", empty), ("texts", texts)]).expect("a table");
    for scaler in [
        Scaler::Standard(StandardScaler::default()),
        Scaler::MinMax(MinMaxScaler::default()),
        Scaler::Robust(RobustScaler::default()),
    ] {
        let fitted = only(numbers(Imputer::Mean, scaler), ColumnSelector::Numeric).fit(&x).expect("a fit");
        let features = fitted.transform(&x).expect("features");
        assert_eq!(features.column(0), [0.0; 3]);
        assert_eq!(features.column(1), [0.0; 3]);
    }
    let fill = numbers(Imputer::Constant(7.0), Scaler::None);
    let features =
        only(fill, ColumnSelector::Numeric).fit(&x).and_then(|fitted| fitted.transform(&x)).expect("features");
    assert_eq!(features.column(1), [7.0; 3]);
    let fitted = ColumnTransformer::default().fit(&x).expect("a fit");
    assert_eq!(fitted.feature_names_out(), ["constant", "empty", "texts_missing"]);
    assert_eq!(fitted.transform(&x).expect("features").column(2), [1.0; 3]);
}

#[test]
fn settings_are_written_and_read() {
    let settings = ColumnTransformer {
        transformers: vec![
            step(
                "a",
                numbers(Imputer::Constant(1.5), Scaler::Robust(RobustScaler::default())),
                ColumnSelector::Numeric,
            ),
            step("b", Transformer::OneHot(OneHotEncoder::default()), named(&["home"])),
            step("c", Transformer::Passthrough, named(&["member"])),
        ],
        remainder: Remainder::Passthrough,
        verbose_feature_names_out: true,
    };
    for settings in [settings, ColumnTransformer::default(), ColumnTransformer::for_categories(Categories::Ordinal)] {
        let text = serde_json::to_string(&settings).expect("JSON");
        assert_eq!(serde_json::from_str::<ColumnTransformer>(&text).expect("settings"), settings, "{text}");
    }
    let short = json!({"transformers": [
        ["scaled", {"numbers": {"imputer": "median", "scaler": {"standard": {}}}}, "numeric"],
        ["codes", {"ordinal": {}}, {"names": ["home"]}],
        ["as_is", "passthrough", {"names": ["member"]}],
    ]});
    let settings: ColumnTransformer = serde_json::from_value(short).expect("settings");
    assert_eq!(settings.transformers[0].1, numbers(Imputer::Median, Scaler::Standard(StandardScaler::default())));
    assert_eq!(serde_json::from_str::<ColumnTransformer>("{}").expect("settings"), ColumnTransformer::default());
    assert!(serde_json::from_str::<ColumnTransformer>(r#"{"remain": "drop"}"#).is_err());
}

#[test]
fn bad_declarations_are_named() {
    let refuse = |transformers| {
        let settings = ColumnTransformer { transformers, ..ColumnTransformer::default() };
        settings.fit(&people()).unwrap_err()
    };
    let pass = |name: &str, column: &str| step(name, Transformer::Passthrough, named(&[column]));
    for (transformers, parts) in [
        (vec![pass("a", "age"), pass("a", "amount")], ["different names", "`a` among `a`, `a`"]),
        (vec![pass("a__b", "age")], ["without `__`", "`a__b`"]),
        (vec![step("n", numbers(Imputer::Constant(f64::NAN), Scaler::None), named(&["age"]))], ["'imputer'", "NaN"]),
    ] {
        let error = refuse(transformers);
        assert!(matches!(error, Error::Parameter { owner: "ColumnTransformer", .. }), "{error}");
        assert!(parts.iter().all(|part| error.to_string().contains(part)), "{error}");
    }
    let one_hot = || Transformer::OneHot(OneHotEncoder::default());
    let clashing = OrdinalEncoder { encoded_missing_value: Some(1.0), ..OrdinalEncoder::default() };
    for (transformers, parts) in [
        (vec![pass("a", "wage")], ["the transformer `a` takes the columns `wage`", "the table has `home`"]),
        (vec![pass("a", "age"), pass("b", "age")], ["`age` is taken more than once", "verbose_feature_names_out"]),
        (vec![step("a", one_hot(), named(&["age"]))], ["column `age`: a text or boolean", "row 0 has the number 20"]),
        (vec![pass("a", "home")], ["column `home`: a number", "the text \"rent\""]),
        (vec![step("a", numbers(Imputer::Mean, Scaler::None), named(&["member"]))], ["`member`: a number", "true"]),
        (
            vec![step("a", Transformer::Ordinal(clashing), named(&["home"]))],
            ["column `home`:", "encoded_missing_value (1)"],
        ),
        (vec![step("a", Transformer::Drop, ColumnSelector::Numeric)], ["no transformer takes a column", "`home`"]),
    ] {
        let error = refuse(transformers);
        assert!(matches!(error, Error::Data(_)), "{error}");
        assert!(parts.iter().all(|part| error.to_string().contains(part)), "{error}");
    }
    let frequency = OneHotEncoder { min_frequency: Some(MinFrequency::Count(0)), ..OneHotEncoder::default() };
    let error = refuse(vec![step("a", Transformer::OneHot(frequency), ColumnSelector::Categorical)]);
    assert!(matches!(error, Error::Parameter { owner: "OneHotEncoder", .. }), "{error}");
}

#[test]
fn bad_tables_are_named() {
    let fitted = ColumnTransformer::default().fit(&people()).expect("a fit");
    let error = fitted.transform(&people().project(&[0, 1, 2]).expect("a table")).unwrap_err().to_string();
    assert!(error.contains("needs the columns `age`, `nothing`"), "{error}");
    let twice = people().project(&[0, 1, 2, 3, 4, 3]).expect("a table");
    for error in [fitted.transform(&twice).unwrap_err(), ColumnTransformer::default().fit(&twice).unwrap_err()] {
        assert_eq!(error, Error::Data("the table has more than one column `age`".to_owned()));
    }
    let error = ColumnTransformer::default().fit(&people().slice(0, 0)).unwrap_err().to_string();
    assert!(error.contains("got 5 columns and 0 rows"), "{error}");
    let error = fitted.transform_row(&[Cell::Missing; 5], &mut [0.0; 3]).unwrap_err().to_string();
    assert!(error.contains("expected 9, got 3"), "{error}");

    let dates: ArrayRef = Arc::new(Date32Array::from(vec![1, 2, 3, 4]));
    let columns = people().columns().iter().cloned().chain([dates]).collect::<Vec<_>>();
    let dated =
        RecordBatch::try_from_iter(["home", "amount", "member", "age", "nothing", "day"].into_iter().zip(columns))
            .expect("a table");
    let error = ColumnTransformer::default().fit(&dated).unwrap_err().to_string();
    assert!(error.contains("column `day` must be boolean") && error.contains("Date32"), "{error}");
    let mut settings = ColumnTransformer::default();
    settings.transformers.push(step("left_out", Transformer::Drop, named(&["day"])));
    let wider = settings.fit(&dated).expect("a fit");
    assert_eq!(wider, fitted, "a dropped column leaves no trace");
    assert_eq!(wider.transform(&dated).expect("features"), fitted.transform(&people()).expect("features"));
}

/// A table written as an object of lists: texts, whole numbers or floats, with null for a missing value.
fn table_of(columns: &Value) -> RecordBatch {
    let array = |values: &Value| -> ArrayRef {
        let values = values.as_array().expect("a list");
        if values.iter().any(Value::is_string) {
            Arc::new(values.iter().map(Value::as_str).collect::<StringArray>())
        } else if values.iter().all(Value::is_i64) {
            Arc::new(values.iter().map(Value::as_i64).collect::<Int64Array>())
        } else {
            Arc::new(values.iter().map(Value::as_f64).collect::<Float64Array>())
        }
    };
    let columns = columns.as_object().expect("columns").iter();
    RecordBatch::try_from_iter(columns.map(|(name, values)| (name, array(values)))).expect("a table")
}

/// `stored/columns.json` holds what scikit-learn's own `ColumnTransformer` and forest make of rows of German Credit.
#[test]
fn whole_tables_as_scikit_learn_has_them() {
    let golden: Value = serde_json::from_str(include_str!("stored/columns.json")).expect("JSON");
    known_keys(&golden, &["_about", "known", "new", "y", "forest", "cases"]);
    let (known, new) = (table_of(&golden["known"]), table_of(&golden["new"]));
    let y = Labels::Long(integers(&golden["y"]));
    let mut estimator = Estimator::by_name("random_forest").expect("a forest");
    for (name, value) in golden["forest"].as_object().expect("parameters") {
        estimator.set_param(name, value).expect("a parameter");
    }
    for case in golden["cases"].as_array().expect("cases") {
        known_keys(case, &["name", "settings", "names", "features_new", "proba_new"]);
        let name = case["name"].as_str().expect("a name");
        let columns: ColumnTransformer = serde_json::from_value(case["settings"].clone()).expect("settings");
        let model = Pipeline { columns, estimator: estimator.clone(), target: "risk".to_owned() };
        let model = model.fit(&known, &y).expect("a fit");
        let brief = |name: String| name.replace("_nan", "_missing").replace("infrequent_sklearn", "infrequent");
        assert_eq!(model.feature_names_out(), names(&case["names"]).into_iter().map(brief).collect::<Vec<_>>());
        let features = model.columns().transform(&new).expect("features");
        assert_matrix(&features, &case["features_new"], EXACT, name);
        let proba = model.predict_proba(&new).expect("answers").class(1);
        assert_all_close(&proba, &floats(&case["proba_new"]), EXACT, name);
    }
}
