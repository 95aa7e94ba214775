//! What must hold of any preprocessing: ways back, order of rows, and words for bad input.

use metria_learn::Matrix;
use metria_learn::preprocessing::*;
use proptest::prelude::*;

/// Columns of different scale, one of them constant, some values missing.
fn numbers(with_missing: bool) -> impl Strategy<Value = Matrix<f64>> {
    let value = prop_oneof![8 => (-1000.0..1000.0_f64).boxed(), 1 => Just(0.0).boxed()];
    let value = value.prop_flat_map(
        move |value| prop_oneof![9 => Just(value), 1 => Just(if with_missing { f64::NAN } else { value })],
    );
    (2..30_usize).prop_flat_map(move |n| {
        prop::collection::vec(value.clone(), 3 * n).prop_map(move |mut values| {
            values[2 * n..].fill(7.0);
            // Each column has a value at least.
            (values[0], values[n]) = (1.0, -2.0);
            values[n..2 * n].iter_mut().for_each(|value| *value /= 1000.0);
            Matrix::from_columns(n, 3, values)
        })
    })
}

fn texts() -> impl Strategy<Value = Vec<Vec<Option<&'static str>>>> {
    let text = prop_oneof![Just(None), prop::sample::select(vec!["a", "b", "bb", "é", ""]).prop_map(Some)];
    prop::collection::vec(prop::collection::vec(text, 2), 1..30)
}

fn assert_near(got: &Matrix<f64>, expected: &Matrix<f64>, tolerance: f64) -> Result<(), TestCaseError> {
    prop_assert_eq!((got.n_rows(), got.n_columns()), (expected.n_rows(), expected.n_columns()));
    for j in 0..expected.n_columns() {
        for (got, expected) in got.column(j).iter().zip(expected.column(j)) {
            let near = (got - expected).abs() <= tolerance * expected.abs().max(1.0);
            prop_assert!(near || (got.is_nan() && expected.is_nan()), "column {}: {} and {}", j, got, expected);
        }
    }
    Ok(())
}

fn reversed<T: Copy>(x: &Matrix<T>) -> Matrix<T> {
    x.take_rows(&(0..x.n_rows()).rev().collect::<Vec<_>>())
}

proptest! {
    #[test]
    fn scaled_values_find_back(x in numbers(true)) {
        let fitted = StandardScaler::default().fit(&x).expect("a fit");
        assert_near(&fitted.inverse_transform(&fitted.transform(&x).expect("output")).expect("input"), &x, 1e-9)?;
        let fitted = MinMaxScaler { feature_range: (-3.0, 5.0), clip: true }.fit(&x).expect("a fit");
        assert_near(&fitted.inverse_transform(&fitted.transform(&x).expect("output")).expect("input"), &x, 1e-9)?;
        let fitted = MaxAbsScaler { clip: true }.fit(&x).expect("a fit");
        assert_near(&fitted.inverse_transform(&fitted.transform(&x).expect("output")).expect("input"), &x, 1e-9)?;
        let fitted = RobustScaler::default().fit(&x).expect("a fit");
        assert_near(&fitted.inverse_transform(&fitted.transform(&x).expect("output")).expect("input"), &x, 1e-9)?;
    }

    #[test]
    fn quantiles_find_back(x in numbers(true)) {
        let fitted = QuantileTransformer::default().fit(&x).expect("a fit");
        let spread = fitted.transform(&x).expect("output");
        for j in 0..3 {
            prop_assert!(spread.column(j).iter().all(|share| share.is_nan() || (0.0..=1.0).contains(share)));
        }
        assert_near(&fitted.inverse_transform(&spread).expect("input"), &x, 1e-6)?;
    }

    #[test]
    fn powers_find_back(x in numbers(true)) {
        let fitted = PowerTransformer { standardize: false, ..PowerTransformer::default() }.fit(&x).expect("a fit");
        let powers = fitted.transform(&x).expect("output");
        // Where the power is steep, near values are one value after it.
        let mild = fitted.lambdas.iter().all(|lambda| (-1.0..=3.0).contains(lambda));
        prop_assume!(mild);
        assert_near(&fitted.inverse_transform(&powers).expect("input"), &x, 1e-4)?;
        let positive = x.map(|value| value.abs() + 0.5).take_columns(&[0]);
        prop_assume!(positive.column(0).iter().any(|value| *value > positive.get(0, 0)));
        let settings = PowerTransformer { method: PowerMethod::BoxCox, standardize: false };
        let fitted = settings.fit(&positive).expect("a fit");
        prop_assume!((-1.0..=3.0).contains(&fitted.lambdas[0]));
        let powers = fitted.transform(&positive).expect("output");
        assert_near(&fitted.inverse_transform(&powers).expect("input"), &positive, 1e-4)?;
    }

    #[test]
    fn bins_hold_their_values(x in numbers(false), n_bins in 2..8_usize) {
        for strategy in [BinWidths::Uniform, BinWidths::Quantile, BinWidths::KMeans] {
            let ordinal = KBinsDiscretizer { n_bins, strategy, encode: BinEncoding::Ordinal, ..KBinsDiscretizer::default() };
            let fitted = ordinal.fit(&x).expect("a fit");
            let bins = fitted.transform(&x).expect("output");
            for j in 0..x.n_columns() {
                let edges = &fitted.bin_edges[j];
                prop_assert!(edges.is_sorted(), "{:?}", edges);
                for (&value, &bin) in x.column(j).iter().zip(bins.column(j)) {
                    prop_assert!(edges[bin as usize] - 1e-7 <= value && value <= edges[bin as usize + 1] + 1e-7);
                }
            }
            // The middle of a bin is in that bin.
            let middles = fitted.inverse_transform(&bins).expect("input").take_columns(&[0, 1]);
            let both = middles.beside(&x.take_columns(&[2]));
            assert_near(&fitted.transform(&both).expect("output"), &bins, 0.0)?;
            let one_hot = KBinsDiscretizer { encode: BinEncoding::OneHot, ..ordinal }.fit(&x).expect("a fit");
            let columns = one_hot.transform(&x).expect("output");
            prop_assert_eq!(one_hot.feature_names_out(None).expect("names").len(), columns.n_columns());
            assert_near(&one_hot.inverse_transform(&columns).expect("input").take_columns(&[0, 1]),
                &fitted.inverse_transform(&bins).expect("input").take_columns(&[0, 1]), 0.0)?;
        }
    }

    #[test]
    fn missing_values_are_filled_and_made_missing_again(x in numbers(true)) {
        for strategy in
            [ImputerStrategy::Mean, ImputerStrategy::Median, ImputerStrategy::MostFrequent, ImputerStrategy::Constant]
        {
            let settings = SimpleImputer::<f64> { strategy, add_indicator: true, ..SimpleImputer::default() };
            let fitted = settings.fit(&x).expect("a fit");
            let filled = fitted.transform(&x).expect("output");
            for j in 0..filled.n_columns() {
                prop_assert!(filled.column(j).iter().all(|value| value.is_finite()));
            }
            prop_assert_eq!(fitted.feature_names_out(None).expect("names").len(), filled.n_columns());
            assert_near(&fitted.inverse_transform(&filled).expect("input"), &x, 0.0)?;
        }
    }

    #[test]
    fn the_order_of_rows_does_not_matter(x in numbers(true), rows in texts()) {
        let back = reversed(&x);
        let (a, b) = (RobustScaler::default().fit(&x).expect("a fit"), RobustScaler::default().fit(&back).expect("a fit"));
        prop_assert_eq!(a, b);
        let quantiles = |x| format!("{:?}", QuantileTransformer::default().fit(x).expect("a fit"));
        prop_assert_eq!(quantiles(&x), quantiles(&back));
        let imputer = SimpleImputer::<f64> { strategy: ImputerStrategy::MostFrequent, ..SimpleImputer::default() };
        prop_assert_eq!(imputer.fit(&x).expect("a fit"), imputer.fit(&back).expect("a fit"));
        let table = Matrix::from_rows(&rows);
        let encoder = OneHotEncoder { min_frequency: Some(MinFrequency::Count(2)), ..OneHotEncoder::default() };
        prop_assert_eq!(encoder.fit(&table).expect("a fit"), encoder.fit(&reversed(&table)).expect("a fit"));
    }

    #[test]
    fn encoded_texts_find_back(rows in texts()) {
        let x = Matrix::from_rows(&rows);
        for drop in [None, Some(Drop::First), Some(Drop::IfBinary)] {
            let fitted = OneHotEncoder { drop, ..OneHotEncoder::default() }.fit(&x).expect("a fit");
            let encoded = fitted.transform(&x).expect("output");
            prop_assert_eq!(fitted.inverse_transform(&encoded).expect("input"), x.clone());
            prop_assert_eq!(fitted.feature_names_out(None).expect("names").len(), encoded.n_columns());
        }
        let fitted = OrdinalEncoder { encoded_missing_value: Some(-1.0), ..OrdinalEncoder::default() }.fit(&x).expect("a fit");
        prop_assert_eq!(fitted.inverse_transform(&fitted.transform(&x).expect("output")).expect("input"), x);
    }

    #[test]
    fn products_are_products(x in numbers(false), high in 1..4_usize) {
        let settings = PolynomialFeatures { degree: Degree::Max(high), ..PolynomialFeatures::default() };
        let fitted = settings.fit(&x).expect("a fit");
        let products = fitted.transform(&x).expect("output");
        for (j, powers) in fitted.powers().iter().enumerate() {
            for row in 0..x.n_rows() {
                let expected: f64 = (0..3).map(|f| x.get(row, f).powi(powers[f] as i32)).product();
                prop_assert!((products.get(row, j) - expected).abs() <= 1e-9 * expected.abs().max(1.0));
            }
        }
    }
}

/// Each transformer by name, as something that is fitted and then transforms.
type Transform = Box<dyn Fn(&Matrix<f64>, &Matrix<f64>) -> metria_learn::Result<Matrix<f64>>>;

fn transformers() -> Vec<(&'static str, bool, Transform)> {
    vec![
        ("StandardScaler", true, Box::new(|x, new| StandardScaler::default().fit(x)?.transform(new))),
        ("MinMaxScaler", true, Box::new(|x, new| MinMaxScaler::default().fit(x)?.transform(new))),
        ("MaxAbsScaler", true, Box::new(|x, new| MaxAbsScaler::default().fit(x)?.transform(new))),
        ("RobustScaler", true, Box::new(|x, new| RobustScaler::default().fit(x)?.transform(new))),
        ("QuantileTransformer", true, Box::new(|x, new| QuantileTransformer::default().fit(x)?.transform(new))),
        ("PowerTransformer", true, Box::new(|x, new| PowerTransformer::default().fit(x)?.transform(new))),
        ("SimpleImputer", true, Box::new(|x, new| SimpleImputer::<f64>::default().fit(x)?.transform(new))),
        ("KBinsDiscretizer", false, Box::new(|x, new| KBinsDiscretizer::default().fit(x)?.transform(new))),
        ("PolynomialFeatures", false, Box::new(|x, new| PolynomialFeatures::default().fit(x)?.transform(new))),
    ]
}

#[test]
fn every_transformer_refuses_what_it_cannot_use() {
    let good = Matrix::from_rows(&[vec![1.0, 2.0], vec![3.0, 5.0], vec![4.0, 6.0]]);
    let with = |bad: f64| good.map(|value| if value > 5.5 { bad } else { value });
    for (name, missing_allowed, transform) in transformers() {
        let error = |x: &Matrix<f64>, new: &Matrix<f64>| transform(x, new).unwrap_err().to_string();
        assert!(transform(&good, &good).is_ok(), "{name}");
        let empty = Matrix::from_columns(0, 2, vec![]);
        assert_eq!(
            error(&empty, &good),
            format!("Found array with 0 sample(s) (shape=(0, 2)) while a minimum of 1 is required by {name}.")
        );
        assert!(error(&Matrix::from_columns(3, 0, vec![]), &good).contains("0 feature(s)"), "{name}");
        let narrow = good.take_columns(&[0]);
        assert_eq!(error(&good, &narrow), format!("features that {name} takes: expected 2, got 1"));
        for (x, new) in [(&with(f64::INFINITY), &good), (&good, &with(f64::NEG_INFINITY))] {
            let error = error(x, new);
            assert!(error.contains("inf in row 2, feature 1") && error.contains(name), "{error}");
        }
        assert_eq!(transform(&with(f64::NAN), &good).is_ok(), missing_allowed, "{name}: NaN in the fit");
        assert_eq!(transform(&good, &with(f64::NAN)).is_ok(), missing_allowed, "{name}: NaN later");
    }
}

#[test]
fn settings_out_of_range_are_named() {
    let x = Matrix::from_rows(&[vec![1.0], vec![2.0], vec![2.5]]);
    let message = |error: metria_learn::Error| error.to_string();
    assert_eq!(
        message(MinMaxScaler { feature_range: (1.0, 1.0), clip: false }.fit(&x).unwrap_err()),
        "Minimum of desired feature range must be smaller than maximum. Got (1, 1)."
    );
    let range = |quantile_range| RobustScaler { quantile_range, ..RobustScaler::default() }.fit(&x).map(|_| ());
    for bad in [(75.0, 25.0), (-1.0, 50.0), (50.0, 101.0), (f64::NAN, 50.0)] {
        assert!(message(range(bad).unwrap_err()).starts_with("Invalid quantile range"), "{bad:?}");
    }
    assert_eq!(
        message(KBinsDiscretizer { n_bins: 1, ..KBinsDiscretizer::default() }.fit(&x).unwrap_err()),
        "The 'n_bins' parameter of KBinsDiscretizer must be an int in the range [2, inf). Got 1 instead."
    );
    assert!(
        message(QuantileTransformer { n_quantiles: 0, ..QuantileTransformer::default() }.fit(&x).unwrap_err())
            .contains("'n_quantiles' parameter of QuantileTransformer")
    );
    let few = QuantileTransformer { subsample: Some(10), ..QuantileTransformer::default() };
    assert!(message(few.fit(&x).unwrap_err()).contains("Got 1000 quantiles and 10 samples."));
    let products = |degree, include_bias| PolynomialFeatures { degree, include_bias, interaction_only: false };
    assert!(message(products(Degree::Range(3, 2), true).fit(&x).unwrap_err()).contains("min_degree <= max_degree"));
    assert!(message(products(Degree::Max(0), false).fit(&x).unwrap_err()).contains("empty output array"));
    let wide = Matrix::from_columns(1, 300, vec![1.0; 300]);
    assert!(message(products(Degree::Max(9), true).fit(&wide).unwrap_err()).contains("lower degree"));
}

#[test]
fn powers_need_the_right_numbers() {
    let box_cox = PowerTransformer { method: PowerMethod::BoxCox, ..PowerTransformer::default() };
    let message = |x: &Matrix<f64>| box_cox.fit(x).unwrap_err().to_string();
    assert!(message(&Matrix::from_rows(&[vec![1.0], vec![0.0]])).contains("strictly positive data; got 0"));
    assert!(message(&Matrix::from_rows(&[vec![2.0], vec![2.0]])).contains("Data must not be constant"));
    let nothing = Matrix::from_rows(&[vec![f64::NAN], vec![f64::NAN]]);
    let error = PowerTransformer::default().fit(&nothing).unwrap_err().to_string();
    assert!(error.contains("all nan") && error.contains("feature 0"), "{error}");
    let fitted = box_cox.fit(&Matrix::from_rows(&[vec![1.0], vec![2.0], vec![5.0]])).expect("a fit");
    assert!(fitted.transform(&Matrix::from_rows(&[vec![-1.0]])).is_err());
}

#[test]
fn columns_without_values_are_left_out_or_kept() {
    let x = Matrix::from_rows(&[vec![f64::NAN, 1.0], vec![f64::NAN, f64::NAN]]);
    let settings = SimpleImputer { add_indicator: true, ..SimpleImputer::<f64>::default() };
    let fitted = settings.fit(&x).expect("a fit");
    let names = fitted.feature_names_out(Some(&["gone", "there"])).expect("names");
    assert_eq!(names, ["there", "missingindicator_gone", "missingindicator_there"]);
    let filled = fitted.transform(&x).expect("output");
    assert_eq!(
        (filled.column(0), filled.column(1), filled.column(2)),
        (&[1.0, 1.0][..], &[1.0, 1.0][..], &[0.0, 1.0][..])
    );
    let back = fitted.inverse_transform(&filled).expect("input");
    assert!(back.get(0, 0).is_nan() && back.get(1, 0).is_nan() && back.get(0, 1) == 1.0 && back.get(1, 1).is_nan());
    let keep = SimpleImputer { keep_empty_features: true, ..SimpleImputer::<f64>::default() };
    assert_eq!(keep.fit(&x).expect("a fit").transform(&x).expect("output").column(0), [0.0, 0.0]);
    let plain = SimpleImputer::<f64>::default().fit(&x).expect("a fit");
    assert!(plain.inverse_transform(&x).unwrap_err().to_string().contains("add_indicator=True"));
}

#[test]
fn texts_are_filled() {
    let x = Matrix::from_rows(&[vec![Some("b"), None], vec![Some("a"), None], vec![None, None], vec![Some("b"), None]]);
    let settings = |strategy| SimpleImputer::<String> { strategy, ..SimpleImputer::default() };
    let frequent = settings(ImputerStrategy::MostFrequent).fit(&x).expect("a fit");
    let filled = frequent.transform(&x).expect("output");
    assert_eq!((filled.n_columns(), filled.column(0)), (1, &["b", "a", "b", "b"][..]));
    let constant = SimpleImputer { keep_empty_features: true, ..settings(ImputerStrategy::Constant) };
    let fitted = constant.fit(&x).expect("a fit");
    assert_eq!(fitted.transform(&x).expect("output").column(1), ["missing_value"; 4]);
    let error = settings(ImputerStrategy::Mean).fit(&x).unwrap_err().to_string();
    assert!(error.contains("Cannot use mean strategy with non-numeric data"), "{error}");
    let error = SimpleImputer { add_indicator: true, ..constant }.fit(&x).unwrap_err().to_string();
    assert!(error.contains("MissingIndicator"), "{error}");
    let mask = x.map(|text| text.is_none());
    let indicator = MissingIndicator::default().fit_mask(&mask).expect("a fit");
    assert_eq!(indicator.transform_mask(&mask).expect("output").column(0), [0.0, 0.0, 1.0, 0.0]);
}

#[test]
fn new_missing_values_are_named() {
    let fit = Matrix::from_rows(&[vec![1.0, f64::NAN], vec![2.0, 3.0]]);
    let new = Matrix::from_rows(&[vec![f64::NAN, 1.0]]);
    let strict = MissingIndicator::default().fit(&fit).expect("a fit");
    assert_eq!(
        strict.transform(&new).unwrap_err().to_string(),
        "The features [0] have missing values in transform but have no missing values in fit."
    );
    let all = MissingIndicator { features: IndicatedFeatures::All, ..MissingIndicator::default() };
    let fitted = all.fit(&fit).expect("a fit");
    assert_eq!(fitted.feature_names_out(None).expect("names"), ["missingindicator_x0", "missingindicator_x1"]);
    assert_eq!(fitted.transform(&new).expect("output").column(0), [1.0]);
}

#[test]
fn unknown_texts_are_named() {
    let x = Matrix::from_rows(&[vec![Some("a"), Some("x")], vec![Some("b"), Some("x")]]);
    let new = Matrix::from_rows(&[vec![Some("z"), Some("x")], vec![None, Some("x")], vec![Some("c"), Some("x")]]);
    let expected = "Found unknown categories ['c', 'z', None] in column 0 during transform";
    let one_hot = OneHotEncoder::default().fit(&x).expect("a fit");
    assert_eq!(one_hot.transform(&new).unwrap_err().to_string(), expected);
    let ordinal = OrdinalEncoder::default().fit(&x).expect("a fit");
    assert_eq!(ordinal.transform(&new).unwrap_err().to_string(), expected);
    assert_eq!(
        ordinal.transform(&x.take_columns(&[0])).unwrap_err().to_string(),
        "features that OrdinalEncoder takes: expected 2, got 1"
    );
    assert!(
        ordinal
            .inverse_transform(&Matrix::from_rows(&[vec![7.0, 0.0]]))
            .unwrap_err()
            .to_string()
            .contains("codes 0 to 1; got 7")
    );
    let zeros = Matrix::from_columns(1, 3, vec![0.0; 3]);
    assert!(one_hot.inverse_transform(&zeros).unwrap_err().to_string().contains("contains all zeros"));
    let empty: Matrix<Option<&str>> = Matrix::from_columns(0, 2, vec![]);
    assert!(OneHotEncoder::default().fit(&empty).unwrap_err().to_string().contains("0 sample(s)"));
    assert!(OrdinalEncoder::default().fit(&empty).unwrap_err().to_string().contains("0 sample(s)"));
}

#[test]
fn settings_of_encoders_are_checked() {
    let x = Matrix::from_rows(&[vec![Some("a")], vec![None], vec![Some("b")]]);
    let one_hot = |min_frequency, max_categories| {
        let settings = OneHotEncoder { min_frequency, max_categories, ..OneHotEncoder::default() };
        settings.fit(&x).unwrap_err().to_string()
    };
    assert_eq!(
        one_hot(Some(MinFrequency::Share(1.0)), None),
        "The 'min_frequency' parameter of OneHotEncoder must be an int in the range [1, inf), a float in the range (0.0, 1.0) or None. Got 1 instead."
    );
    assert!(one_hot(Some(MinFrequency::Count(0)), None).contains("min_frequency"));
    assert!(one_hot(None, Some(0)).contains("max_categories"));
    let ordinal = |settings: OrdinalEncoder| settings.fit(&x).unwrap_err().to_string();
    let encoded = |unknown_value| OrdinalEncoder {
        handle_unknown: HandleUnknownOrdinal::UseEncodedValue,
        unknown_value,
        ..OrdinalEncoder::default()
    };
    assert!(ordinal(encoded(None)).ends_with("got None."));
    assert!(ordinal(encoded(Some(0.5))).contains("should be an integer or np.nan"));
    assert!(ordinal(encoded(Some(1.0))).contains("unknown_value 1 is one of the values already used"));
    assert!(
        ordinal(OrdinalEncoder { unknown_value: Some(9.0), ..OrdinalEncoder::default() }).contains("only be set when")
    );
    let missing = |value| OrdinalEncoder { encoded_missing_value: Some(value), ..OrdinalEncoder::default() };
    assert!(
        ordinal(missing(1.0))
            .contains("encoded_missing_value (1) is already used to encode a known category in features: [0]")
    );
    assert!(ordinal(missing(0.5)).contains("'encoded_missing_value' parameter of OrdinalEncoder"));
}

#[test]
fn settings_are_read_by_scikit_learns_names() {
    let read = |json: &str| serde_json::from_str::<OneHotEncoder>(json).expect("settings");
    let settings = read(r#"{"handle_unknown": "infrequent_if_exist", "drop": "if_binary", "min_frequency": 0.1}"#);
    assert_eq!(settings.min_frequency, Some(MinFrequency::Share(0.1)));
    assert_eq!((settings.drop, settings.max_categories), (Some(Drop::IfBinary), None));
    let settings: PolynomialFeatures = serde_json::from_str(r#"{"degree": [1, 3]}"#).expect("settings");
    assert_eq!(settings.degree, Degree::Range(1, 3));
    let settings: PowerTransformer = serde_json::from_str(r#"{"method": "box-cox"}"#).expect("settings");
    assert!(settings.method == PowerMethod::BoxCox && settings.standardize);
    let json = r#"{"encode": "onehot", "strategy": "kmeans", "quantile_method": "hazen"}"#;
    let settings: KBinsDiscretizer = serde_json::from_str(json).expect("settings");
    assert_eq!((settings.strategy, settings.quantile_method), (BinWidths::KMeans, QuantileMethod::Hazen));
    assert!(serde_json::from_str::<MinMaxScaler>(r#"{"feature_rang": [0, 1]}"#).is_err(), "unknown names are refused");
}
