//! Forests, node for node.

use crate::common::{
    assert_all_close, assert_close, assert_same_for_any_threads, codes, float, floats, golden, integers, known_keys,
};
use crate::cross_validation::{classes, cross_validate, described, n_classes, numbers};
use metria_learn::Matrix;
use metria_learn::ensemble::{FittedRandomForestRegressor, MaxFeatures, RandomForestClassifier, RandomForestRegressor};
use metria_learn::metrics::{
    RegressionScores, ReportOptions, ZeroDivision, classification_report, roc_auc_score, roc_auc_score_ovr,
};
use metria_learn::model_selection::{Fold, KFold, StratifiedKFold};
use metria_learn::tree::Tree;
use serde_json::Value;

fn forest(params: &Value) -> RandomForestClassifier {
    let mut forest = RandomForestClassifier { oob_score: true, ..RandomForestClassifier::default() };
    for (name, value) in params.as_object().expect("params") {
        forest.set_param(name, value).expect("a known parameter");
    }
    forest
}

fn assert_tree(got: &Tree, expected: &Value, what: &str) {
    known_keys(expected, &["feature", "threshold", "left", "right", "n", "wn", "impurity"]);
    let ints = |values: &[i32]| values.iter().map(|&v| i64::from(v)).collect::<Vec<_>>();
    assert_eq!(ints(&got.feature), integers(&expected["feature"]), "{what}: feature");
    assert_eq!(got.threshold, floats(&expected["threshold"]), "{what}: threshold");
    assert_eq!(ints(&got.left), integers(&expected["left"]), "{what}: left");
    assert_eq!(ints(&got.right), integers(&expected["right"]), "{what}: right");
    assert_eq!(got.n_node_samples, codes(&expected["n"]), "{what}: n");
    assert_eq!(got.weighted_n_node_samples, floats(&expected["wn"]), "{what}: wn");
    for (node, (got, expected)) in got.impurity.iter().zip(floats(&expected["impurity"])).enumerate() {
        assert!((got - expected).abs() < 1e-11, "{what}: impurity of node {node}");
    }
}

#[test]
fn trees_equal_scikit_learns_node_for_node() {
    for case in golden("forests.json")["rf_exact"].as_array().expect("cases") {
        let name = case["dataset"].as_str().expect("a dataset");
        known_keys(
            case,
            &["dataset", "params", "tree_seeds", "trees", "proba_every_7th_row", "feature_importances", "oob_score"],
        );
        let (x, y) = classes(name);
        let fitted = forest(&case["params"]).fit(&x, &y, n_classes(&y)).expect("a fit");
        assert_eq!(fitted.tree_seeds(), codes(&case["tree_seeds"]), "{name}: seeds");
        let expected = case["trees"].as_array().expect("trees");
        assert_eq!(fitted.trees().len(), expected.len(), "{name}: number of trees");
        for (number, (tree, expected)) in fitted.trees().iter().zip(expected).enumerate() {
            assert_tree(tree, expected, &format!("{name}, tree {number}"));
        }
        let proba = fitted.predict_proba(&x).expect("probabilities");
        let k = fitted.n_classes();
        for (place, expected) in case["proba_every_7th_row"].as_array().expect("rows").iter().enumerate() {
            assert_all_close(&proba[place * 7 * k..][..k], &floats(expected), 1e-12, name);
        }
        assert_all_close(&fitted.feature_importances(), &floats(&case["feature_importances"]), 1e-12, name);
        // With a handful of trees the reference may leave rows unseen and then states no score.
        if !case["oob_score"].is_null() {
            assert_close(fitted.oob_score().expect("asked for"), float(&case["oob_score"]), 1e-12, name);
        }
    }
}

#[test]
fn cross_validation_end_to_end() {
    for case in golden("forests.json")["cv_end_to_end"].as_array().expect("cases") {
        let name = case["dataset"].as_str().expect("a dataset");
        if name.starts_with("adult") {
            // That dataset may not be part of this repository: tests/adult covers the case (`make test-adult`).
            continue;
        }
        known_keys(case, &["dataset", "model", "cv", "fold_accuracy", "mean", "std", "oof_pred", "report", "auc"]);
        let (x, y) = classes(name);
        let forest = described(case["model"].as_str().expect("a model"));
        assert_eq!(case["cv"], "StratifiedKFold(5,shuffle=True,random_state=42)", "{name}");
        let folds = StratifiedKFold::new(5).shuffled(42).split(&y).expect("folds");
        let result = cross_validate(&forest, &x, &y, &folds);
        assert_all_close(&result.accuracy, &floats(&case["fold_accuracy"]), 1e-12, name);
        let predicted = result.predicted();
        assert_eq!(predicted, codes(&case["oof_pred"]), "{name}");
        let mean = result.mean_accuracy();
        assert_close(mean, float(&case["mean"]), 1e-12, name);
        let std = (result.accuracy.iter().map(|a| (a - mean).powi(2)).sum::<f64>() / 5.0).sqrt();
        assert_close(std, float(&case["std"]), 1e-12, name);
        assert_report(&y, &predicted, &case["report"], name);
        let auc = if result.n_classes == 2 {
            let positive: Vec<bool> = y.iter().map(|&class| class == 1).collect();
            let score: Vec<f64> = result.proba.iter().skip(1).step_by(2).copied().collect();
            roc_auc_score(&positive, &score, None, None)
        } else {
            roc_auc_score_ovr(&y, &result.proba, result.n_classes, false)
        };
        assert_close(auc.expect("an area"), float(&case["auc"]), 1e-12, name);
    }
}

fn assert_report(y_true: &[u32], y_pred: &[u32], expected: &Value, name: &str) {
    let names: Vec<String> = (0..n_classes(y_true)).map(|class| class.to_string()).collect();
    let options = ReportOptions { labels: None, sample_weight: None, zero_division: ZeroDivision::Zero };
    let report = classification_report(y_true, y_pred, &names, &options).expect("a report");
    let got = serde_json::to_value(&report).expect("JSON");
    let (got, expected) = (got.as_object().expect("a dict"), expected.as_object().expect("a dict"));
    assert!(got.keys().eq(expected.keys()), "{name}: rows of the report");
    for (row, expected) in expected {
        match expected.as_object() {
            None => assert_close(float(&got[row]), float(expected), 1e-12, name),
            Some(scores) => {
                for (score, expected) in scores {
                    assert_close(float(&got[row][score]), float(expected), 1e-12, &format!("{name}, {row}, {score}"));
                }
            }
        }
    }
}

#[test]
fn the_number_of_threads_does_not_matter() {
    let (x, y) = classes("wine");
    let forest = RandomForestClassifier { n_estimators: 12, random_state: 3, ..RandomForestClassifier::default() };
    assert_same_for_any_threads(|| {
        let fitted = forest.fit(&x, &y, 3).expect("a fit");
        let proba = fitted.predict_proba(&x).expect("probabilities");
        (fitted, proba)
    });
}

#[test]
fn acceptance_bands() {
    for case in golden("forests.json")["bands"].as_array().expect("cases") {
        let name = case["dataset"].as_str().expect("a dataset");
        let model = case["model"].as_str().expect("a model");
        known_keys(case, &["dataset", "model", "means", "min", "max"]);
        let means = floats(&case["means"]);
        let got: Vec<f64> = match model {
            "RF(100,depth 10) 5-fold seed 42, forest seeds 0..7" => {
                let (x, y) = classes(name);
                let folds = StratifiedKFold::new(5).shuffled(42).split(&y).expect("folds");
                let accuracy = |random_state| {
                    let forest = RandomForestClassifier { max_depth: Some(10), random_state, ..Default::default() };
                    cross_validate(&forest, &x, &y, &folds).mean_accuracy()
                };
                (0..8).map(accuracy).collect()
            }
            "RF regressor(100) R2, KFold(5,shuffle,42), seeds 0..4" => {
                let (x, y) = numbers(name);
                let folds = KFold::new(5).shuffled(42).split(y.len()).expect("folds");
                (0..5)
                    .map(|seed| {
                        mean_r2(&RandomForestRegressor { random_state: seed, ..Default::default() }, &x, &y, &folds)
                    })
                    .collect()
            }
            other => panic!("no test knows the model {other}"),
        };
        assert_all_close(&got, &means, 1e-9, &format!("{name}, {model}"));
        let (low, high) = got.iter().fold((f64::MAX, f64::MIN), |(low, high), &mean| (low.min(mean), high.max(mean)));
        for (key, got) in [("min", low), ("max", high)] {
            if let Some(expected) = case.get(key) {
                assert_close(got, float(expected), 1e-9, &format!("{name}, {key}"));
            }
        }
    }
}

fn mean_r2(forest: &RandomForestRegressor, x: &Matrix<f32>, y: &[f64], folds: &[Fold]) -> f64 {
    let take = |rows: &[usize]| rows.iter().map(|&row| y[row]).collect::<Vec<_>>();
    let score = |fold: &Fold| {
        let fitted = forest.fit(&x.take_rows(&fold.train), &take(&fold.train)).expect("a fit");
        let predicted = fitted.predict(&x.take_rows(&fold.test)).expect("predictions");
        RegressionScores::new(&take(&fold.test), &predicted, None).expect("scores").r2_score()
    };
    folds.iter().map(score).sum::<f64>() / folds.len() as f64
}

fn regressor(params: &Value) -> RandomForestRegressor {
    let mut forest = RandomForestRegressor::default();
    for (name, value) in params.as_object().expect("params") {
        forest.set_param(name, value).expect("a known parameter");
    }
    forest
}

#[test]
fn regression_forests_equal_scikit_learns() {
    for case in golden("forests.json")["rf_regressor"].as_array().expect("cases") {
        let name = case["dataset"].as_str().expect("a dataset");
        known_keys(case, &["dataset", "params", "pred_every_5th", "importances", "node_counts"]);
        let (x, y) = numbers(name);
        let fitted = regressor(&case["params"]).fit(&x, &y).expect("a fit");
        let node_counts: Vec<i64> = fitted.trees().iter().map(|tree| tree.node_count() as i64).collect();
        assert_eq!(node_counts, integers(&case["node_counts"]), "{name}");
        let predicted = fitted.predict(&x).expect("predictions");
        let some: Vec<f64> = predicted.iter().step_by(5).copied().collect();
        assert_all_close(&some, &floats(&case["pred_every_5th"]), 1e-9, name);
        assert_all_close(&fitted.feature_importances(), &floats(&case["importances"]), 1e-9, name);
    }
}

#[test]
fn a_regression_forest_is_the_same_for_any_number_of_threads() {
    let (x, y) = numbers("diabetes");
    let forest = RandomForestRegressor { n_estimators: 9, random_state: 5, oob_score: true, ..Default::default() };
    assert_same_for_any_threads(|| {
        let fitted = forest.fit(&x, &y).expect("a fit");
        let predicted = fitted.predict(&x).expect("predictions");
        (fitted.oob_score(), fitted, predicted)
    });
}

#[test]
fn a_row_alone_is_predicted_as_in_a_table() {
    let (x, y) = numbers("diabetes");
    let fitted = RandomForestRegressor { n_estimators: 7, ..Default::default() }.fit(&x, &y).expect("a fit");
    let predicted = fitted.predict(&x).expect("predictions");
    for (row, expected) in predicted.iter().enumerate().step_by(13) {
        let features: Vec<f32> = (0..x.n_columns()).map(|j| x.get(row, j)).collect();
        assert_eq!(fitted.predict_row(&features), *expected, "row {row}");
    }
}

#[test]
fn the_out_of_bag_score_judges_unseen_rows() {
    let (x, y) = numbers("diabetes");
    let forest = RandomForestRegressor { n_estimators: 60, oob_score: true, ..Default::default() };
    let fitted = forest.fit(&x, &y).expect("a fit");
    let seen = RegressionScores::new(&y, &fitted.predict(&x).expect("predictions"), None).expect("scores").r2_score();
    let unseen = fitted.oob_score().expect("asked for");
    assert!((0.3..0.6).contains(&unseen) && seen > 0.85, "{unseen} and {seen}");
}

#[test]
fn a_stored_regression_forest_predicts_the_same() {
    let (x, y) = numbers("diabetes");
    let fitted = RandomForestRegressor { n_estimators: 3, ..Default::default() }.fit(&x, &y).expect("a fit");
    let json = serde_json::to_value(&fitted).expect("JSON");
    let again: FittedRandomForestRegressor = serde_json::from_value(json.clone()).expect("readable");
    let again = again.restored().expect("sound");
    assert_eq!(again.predict(&x).expect("predictions"), fitted.predict(&x).expect("predictions"));
    let mut endless = json;
    endless["trees"][0]["right"][0] = 0.into();
    let endless: FittedRandomForestRegressor = serde_json::from_value(endless).expect("readable");
    assert!(endless.restored().unwrap_err().to_string().contains("child out of order"));
}

#[test]
fn bad_input_is_named() {
    let x = Matrix::from_rows(&[vec![1.0_f32, 2.0], vec![3.0, 4.0]]);
    let fit = |x: &Matrix<f32>, y: &[f64]| RandomForestRegressor::default().fit(x, y).unwrap_err().to_string();
    assert!(fit(&x, &[1.0]).contains("one target for each row: expected 2, got 1"));
    assert!(fit(&x, &[1.0, f64::NAN]).contains("NaN in row 1"));
    assert!(fit(&x, &[f64::INFINITY, 1.0]).contains("inf in row 0"));
    assert!(fit(&Matrix::from_columns(0, 2, vec![]), &[]).contains("0 rows"));
    assert!(fit(&x.map(|v| if v > 3.0 { f32::NAN } else { v }), &[1.0, 2.0]).contains("feature 1 is NaN in row 1"));
    let fitted = RandomForestRegressor { n_estimators: 2, ..Default::default() }.fit(&x, &[1.0, 2.0]).expect("a fit");
    let narrow = Matrix::from_columns(1, 1, vec![1.0]);
    assert!(fitted.predict(&narrow).unwrap_err().to_string().contains("expected 2, got 1"));
    let bad = |forest: RandomForestRegressor| forest.fit(&x, &[1.0, 2.0]).unwrap_err().to_string();
    assert_eq!(
        bad(RandomForestRegressor { min_samples_split: 1, ..Default::default() }),
        "The 'min_samples_split' parameter of RandomForestRegressor must be an int in the range [2, inf). Got 1 instead."
    );
    assert!(bad(RandomForestRegressor { max_samples: Some(1.5), ..Default::default() }).contains("(0.0, 1.0]"));
    assert!(
        bad(RandomForestRegressor { max_features: MaxFeatures::Fraction(f64::NAN), ..Default::default() })
            .contains("max_features")
    );
    let error = RandomForestRegressor::default().set_param("max_sample", &Value::Null).unwrap_err().to_string();
    assert!(error.contains("did you mean 'max_samples'?"), "{error}");
    assert!(RandomForestRegressor::default().set_param("max_samples", &1.into()).is_err(), "a count, not a share");
}
