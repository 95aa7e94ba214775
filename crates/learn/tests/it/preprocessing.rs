//! Preprocessing against scikit-learn's results.

use crate::common::{assert_all_close, float, floats, golden, known_keys};
use metria_learn::Matrix;
use metria_learn::preprocessing::*;
use serde_json::Value;

pub(crate) const EXACT: f64 = 1e-12;
/// The powers are found by a search, whose steps may differ.
const SEARCHED: f64 = 1e-6;

pub(crate) fn matrix(value: &Value) -> Matrix<f64> {
    Matrix::from_rows(&value.as_array().expect("rows").iter().map(floats).collect::<Vec<_>>())
}

pub(crate) fn assert_matrix(got: &Matrix<f64>, expected: &Value, tolerance: f64, what: &str) {
    let expected = matrix(expected);
    assert_eq!((got.n_rows(), got.n_columns()), (expected.n_rows(), expected.n_columns()), "{what}: shape");
    for j in 0..expected.n_columns() {
        assert_all_close(got.column(j), expected.column(j), tolerance, &format!("{what}, column {j}"));
    }
}

fn assert_params(params: &[(&str, &[f64])], expected: &Value, tolerance: f64, what: &str) {
    known_keys(expected, &params.iter().map(|(name, _)| *name).collect::<Vec<_>>());
    for (name, values) in params {
        assert_all_close(values, &floats(&expected[*name]), tolerance, &format!("{what}, {name}"));
    }
}

/// The golden file with the matrices that most cases share.
struct Golden {
    all: Value,
    x: Matrix<f64>,
    x_missing: Matrix<f64>,
    x_new: Matrix<f64>,
}

impl Golden {
    fn read() -> Self {
        let all = golden("preprocessing.json");
        let (x, x_missing, x_new) = (matrix(&all["X"]), matrix(&all["X_missing"]), matrix(&all["X_new"]));
        Self { all, x, x_missing, x_new }
    }

    /// Compares one transformer: on the rows of the fit, on new ones, and in what it has learned.
    fn check(
        &self,
        name: &str,
        transform: impl Fn(&Matrix<f64>) -> metria_learn::Result<Matrix<f64>>,
        params: &[(&str, &[f64])],
        tolerance: f64,
    ) {
        let case = &self.all[name];
        known_keys(case, &["fit_transform", "transform_new", "params"]);
        assert_matrix(&transform(&self.x).expect("output"), &case["fit_transform"], tolerance, name);
        assert_matrix(&transform(&self.x_new).expect("output"), &case["transform_new"], tolerance, name);
        assert_params(params, &case["params"], tolerance, name);
    }
}

#[test]
fn every_case_is_read() {
    let scalers = ["standard", "minmax", "robust", "maxabs", "quantile10", "power_yj", "standard_with_nan"];
    let others = ["kbins5_quantile", "kbins5_uniform", "poly2", "one_hot", "ordinal"];
    let imputers = ["impute_mean", "impute_median", "impute_most_frequent", "impute_constant"];
    let known = [&["_about", "X", "X_missing", "X_new"], &scalers[..], &others[..], &imputers[..]].concat();
    known_keys(&golden("preprocessing.json"), &known);
}

#[test]
fn scalers() {
    let golden = Golden::read();
    let fitted = StandardScaler::default().fit(&golden.x).expect("a fit");
    let params: [(&str, &[f64]); 3] = [("mean_", &fitted.mean), ("var_", &fitted.var), ("scale_", &fitted.scale)];
    golden.check("standard", |x| fitted.transform(x), &params, EXACT);

    let fitted = MinMaxScaler::default().fit(&golden.x).expect("a fit");
    let params: [(&str, &[f64]); 4] = [
        ("scale_", &fitted.scale),
        ("min_", &fitted.min),
        ("data_min_", &fitted.data_min),
        ("data_max_", &fitted.data_max),
    ];
    golden.check("minmax", |x| fitted.transform(x), &params, EXACT);

    let fitted = RobustScaler::default().fit(&golden.x).expect("a fit");
    golden.check("robust", |x| fitted.transform(x), &[("scale_", &fitted.scale), ("center_", &fitted.center)], EXACT);

    let fitted = MaxAbsScaler::default().fit(&golden.x).expect("a fit");
    golden.check("maxabs", |x| fitted.transform(x), &[("scale_", &fitted.scale)], EXACT);
}

#[test]
fn missing_values_stay_missing() {
    let golden = Golden::read();
    let case = &golden.all["standard_with_nan"];
    known_keys(case, &["mean", "scale", "transform"]);
    let fitted = StandardScaler::default().fit(&golden.x_missing).expect("a fit");
    assert_all_close(&fitted.mean, &floats(&case["mean"]), EXACT, "mean");
    assert_all_close(&fitted.scale, &floats(&case["scale"]), EXACT, "scale");
    assert_matrix(&fitted.transform(&golden.x_missing).expect("output"), &case["transform"], EXACT, "with NaN");
}

#[test]
fn distributions() {
    let golden = Golden::read();
    let settings = QuantileTransformer { n_quantiles: 10, ..QuantileTransformer::default() };
    let fitted = settings.fit(&golden.x).expect("a fit");
    golden.check("quantile10", |x| fitted.transform(x), &[], EXACT);
    let fitted = PowerTransformer::default().fit(&golden.x).expect("a fit");
    golden.check("power_yj", |x| fitted.transform(x), &[("lambdas_", &fitted.lambdas)], SEARCHED);
}

#[test]
fn bins_and_products() {
    let golden = Golden::read();
    for (name, strategy) in [("kbins5_quantile", BinWidths::Quantile), ("kbins5_uniform", BinWidths::Uniform)] {
        // The golden bins are those of linear quantiles, not of scikit-learn's default method.
        let settings = KBinsDiscretizer {
            n_bins: 5,
            encode: BinEncoding::Ordinal,
            strategy,
            quantile_method: QuantileMethod::Linear,
            ..KBinsDiscretizer::default()
        };
        let fitted = settings.fit(&golden.x).expect("a fit");
        golden.check(name, |x| fitted.transform(x), &[], 0.0);
    }
    let settings = PolynomialFeatures { include_bias: false, ..PolynomialFeatures::default() };
    let fitted = settings.fit(&golden.x).expect("a fit");
    golden.check("poly2", |x| fitted.transform(x), &[], EXACT);
}

#[test]
fn imputers() {
    let golden = Golden::read();
    for (name, strategy) in [
        ("impute_mean", ImputerStrategy::Mean),
        ("impute_median", ImputerStrategy::Median),
        ("impute_most_frequent", ImputerStrategy::MostFrequent),
        ("impute_constant", ImputerStrategy::Constant),
    ] {
        let case = &golden.all[name];
        known_keys(case, &["statistics", "out", "note"]);
        let add_indicator = match case["note"].as_str().expect("a note") {
            "" => false,
            "add_indicator=True" => true,
            other => panic!("{name}: no test knows the setting {other}"),
        };
        // A constant is a setting, which the file tells among the statistics.
        let fill_value = (strategy == ImputerStrategy::Constant).then(|| float(&case["statistics"][0]));
        let settings = SimpleImputer { strategy, fill_value, add_indicator, keep_empty_features: false };
        let fitted = settings.fit(&golden.x_missing).expect("a fit");
        let statistics: Vec<f64> = fitted.statistics.iter().map(|value| value.unwrap_or(f64::NAN)).collect();
        assert_all_close(&statistics, &floats(&case["statistics"]), EXACT, name);
        assert_matrix(&fitted.transform(&golden.x_missing).expect("output"), &case["out"], EXACT, name);
    }
}

pub(crate) fn texts(value: &Value) -> Matrix<Option<&str>> {
    let rows = value.as_array().expect("rows").iter();
    Matrix::from_rows(
        &rows.map(|row| row.as_array().expect("a row").iter().map(Value::as_str).collect()).collect::<Vec<_>>(),
    )
}

pub(crate) fn names(value: &Value) -> Vec<String> {
    value.as_array().expect("names").iter().map(|name| name.as_str().expect("a name").to_owned()).collect()
}

#[test]
fn encoders() {
    let golden = golden("preprocessing.json");
    let case = &golden["one_hot"];
    known_keys(
        case,
        &[
            "X",
            "new",
            "names",
            "out",
            "out_new",
            "infrequent_min4_names",
            "infrequent_min4_out",
            "infrequent_out_new",
            "drop_first_names",
            "drop_first",
        ],
    );
    let (x, new) = (texts(&case["X"]), texts(&case["new"]));
    let ignore = OneHotEncoder { handle_unknown: HandleUnknown::Ignore, ..OneHotEncoder::default() };
    let infrequent = OneHotEncoder {
        handle_unknown: HandleUnknown::InfrequentIfExist,
        min_frequency: Some(MinFrequency::Count(4)),
        ..OneHotEncoder::default()
    };
    let drop_first = OneHotEncoder { drop: Some(Drop::First), ..OneHotEncoder::default() };
    for (settings, names_key, out, out_new) in [
        (ignore, "names", "out", Some("out_new")),
        (infrequent, "infrequent_min4_names", "infrequent_min4_out", Some("infrequent_out_new")),
        (drop_first, "drop_first_names", "drop_first", None),
    ] {
        let fitted = settings.fit(&x).expect("a fit");
        assert_eq!(fitted.feature_names_out(None).expect("names"), names(&case[names_key]));
        assert_matrix(&fitted.transform(&x).expect("output"), &case[out], 0.0, out);
        if let Some(key) = out_new {
            assert_matrix(&fitted.transform(&new).expect("output"), &case[key], 0.0, key);
        }
    }
    let case = &golden["ordinal"];
    known_keys(case, &["out", "out_new"]);
    let settings = OrdinalEncoder {
        handle_unknown: HandleUnknownOrdinal::UseEncodedValue,
        unknown_value: Some(-1.0),
        ..OrdinalEncoder::default()
    };
    let fitted = settings.fit(&x).expect("a fit");
    assert_matrix(&fitted.transform(&x).expect("output"), &case["out"], 0.0, "ordinal");
    assert_matrix(&fitted.transform(&new).expect("output"), &case["out_new"], 0.0, "ordinal, new");
}
