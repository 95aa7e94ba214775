//! Gradient boosting against scikit-learn's, and what must hold of any boosting.

use crate::common::{assert_all_close, assert_same_for_any_threads, floats, golden, known_keys};
use crate::cross_validation::{classes, n_classes, numbers};
use metria_learn::Matrix;
use metria_learn::ensemble::{
    FittedGradientBoostingClassifier, FittedGradientBoostingRegressor, GradientBoostingClassifier,
    GradientBoostingRegressor,
};
use serde_json::{Value, json};

fn classifier(params: &Value) -> GradientBoostingClassifier {
    let mut boosting = GradientBoostingClassifier::default();
    for (name, value) in params.as_object().expect("params") {
        boosting.set_param(name, value).expect("a known parameter");
    }
    boosting
}

fn regressor(params: &Value) -> GradientBoostingRegressor {
    let mut boosting = GradientBoostingRegressor::default();
    for (name, value) in params.as_object().expect("params") {
        boosting.set_param(name, value).expect("a known parameter");
    }
    boosting
}

#[test]
fn boosting_equals_scikit_learns() {
    for case in golden("forests.json")["gbdt_sklearn"].as_array().expect("cases") {
        known_keys(case, &["dataset", "params", "train_loss", "proba_every_9th", "pred_every_9th"]);
        let name = case["dataset"].as_str().expect("a dataset");
        let losses = floats(&case["train_loss"]);
        if let Some(dataset) = name.strip_suffix(" regressor") {
            let (x, y) = numbers(dataset);
            let fitted = regressor(&case["params"]).fit(&x, &y).expect("a fit");
            assert_all_close(&fitted.scores().train_score, &losses, 1e-9, name);
            let predicted = fitted.predict(&x).expect("predictions");
            let some: Vec<f64> = predicted.iter().step_by(9).copied().collect();
            assert_all_close(&some, &floats(&case["pred_every_9th"]), 1e-9, name);
        } else {
            let (x, y) = classes(name);
            let fitted = classifier(&case["params"]).fit(&x, &y, n_classes(&y)).expect("a fit");
            assert_all_close(&fitted.scores().train_score, &losses, 1e-9, name);
            let proba = fitted.predict_proba(&x).expect("probabilities");
            let some: Vec<f64> = proba.chunks(fitted.n_classes()).step_by(9).flatten().copied().collect();
            let expected: Vec<f64> =
                case["proba_every_9th"].as_array().expect("rows").iter().flat_map(floats).collect();
            assert_all_close(&some, &expected, 1e-9, name);
        }
    }
}

fn small(params: Value) -> GradientBoostingClassifier {
    let mut boosting =
        classifier(&json!({"n_estimators": 8, "subsample": 0.7, "max_features": 0.5, "random_state": 4}));
    for (name, value) in params.as_object().expect("params") {
        boosting.set_param(name, value).expect("a known parameter");
    }
    boosting
}

#[test]
fn the_number_of_threads_does_not_matter() {
    for (name, k) in [("wine", 3), ("breast_cancer", 2)] {
        let (x, y) = classes(name);
        assert_same_for_any_threads(|| {
            let fitted = small(json!({})).fit(&x, &y, k).expect("a fit");
            let proba = fitted.predict_proba(&x).expect("probabilities");
            (fitted.scores().clone(), fitted, proba)
        });
    }
    let (x, y) = numbers("diabetes");
    assert_same_for_any_threads(|| {
        let fitted = regressor(&json!({"n_estimators": 8, "subsample": 0.5})).fit(&x, &y).expect("a fit");
        (fitted.predict(&x).expect("predictions"), fitted)
    });
}

#[test]
fn a_row_alone_is_predicted_as_in_a_table() {
    for (name, k) in [("wine", 3), ("breast_cancer", 2)] {
        let (x, y) = classes(name);
        let fitted = small(json!({})).fit(&x, &y, k).expect("a fit");
        let proba = fitted.predict_proba(&x).expect("probabilities");
        for (row, expected) in proba.chunks(k).enumerate().step_by(11) {
            let features: Vec<f32> = (0..x.n_columns()).map(|j| x.get(row, j)).collect();
            let mut got = vec![0.0; k];
            fitted.predict_proba_row(&features, &mut got);
            assert_eq!(got, expected, "{name}, row {row}");
            assert!((got.iter().sum::<f64>() - 1.0).abs() < 1e-12, "{name}, row {row}");
        }
    }
}

#[test]
fn the_training_loss_falls_and_unseen_rows_are_scored() {
    let (x, y) = numbers("diabetes");
    let whole = regressor(&json!({"n_estimators": 30})).fit(&x, &y).expect("a fit");
    assert!(whole.scores().train_score.is_sorted_by(|a, b| a > b), "{:?}", whole.scores().train_score);
    assert!(whole.scores().oob_scores.is_empty() && whole.scores().oob_improvement.is_empty());
    let part = regressor(&json!({"n_estimators": 30, "subsample": 0.5})).fit(&x, &y).expect("a fit");
    let scores = part.scores();
    assert_eq!((scores.oob_scores.len(), scores.oob_improvement.len()), (30, 30));
    for stage in 1..30 {
        let improvement = scores.oob_scores[stage - 1] - scores.oob_scores[stage];
        assert_eq!(improvement, scores.oob_improvement[stage], "stage {stage}");
    }
    assert!(scores.oob_scores[29] < scores.oob_scores[0] / 1.3, "{:?}", scores.oob_scores);
}

#[test]
fn no_learning_predicts_the_prior() {
    let (x, y) = classes("wine");
    let fitted = small(json!({"learning_rate": 0.0})).fit(&x, &y, 3).expect("a fit");
    let proba = fitted.predict_proba(&x).expect("probabilities");
    for (class, got) in proba[..3].iter().enumerate() {
        let share = y.iter().filter(|&&y| y as usize == class).count() as f64 / y.len() as f64;
        assert!((got - share).abs() < 1e-12, "class {class}: {got} and {share}");
    }
}

#[test]
fn importances_are_shares() {
    let (x, y) = classes("breast_cancer");
    let importances = small(json!({})).fit(&x, &y, 2).expect("a fit").feature_importances();
    assert_eq!(importances.len(), x.n_columns());
    assert!(importances.iter().all(|share| (0.0..=1.0).contains(share)));
    assert!((importances.iter().sum::<f64>() - 1.0).abs() < 1e-12);
    let constant = Matrix::from_columns(4, 1, vec![1.0_f32; 4]);
    let flat = small(json!({})).fit(&constant, &[0, 1, 0, 1], 2).expect("a fit");
    assert_eq!(flat.feature_importances(), [0.0], "nothing was split");
}

#[test]
fn stored_boosting_predicts_the_same_and_damage_is_refused() {
    let (x, y) = classes("wine");
    let fitted = small(json!({})).fit(&x, &y, 3).expect("a fit");
    let json = serde_json::to_value(&fitted).expect("JSON");
    let read =
        |json: &Value| -> FittedGradientBoostingClassifier { serde_json::from_value(json.clone()).expect("readable") };
    let again = read(&json).restored().expect("sound");
    assert_eq!(again.predict_proba(&x).expect("answers"), fitted.predict_proba(&x).expect("answers"));
    for (pointer, value) in [
        ("/n_classes", json!(4)),
        ("/n_classes", json!(0)),
        ("/boosted/start", json!([0.0])),
        ("/boosted/n_features", json!(1)),
        ("/boosted/trees", json!([])),
        ("/boosted/trees/0/right/0", json!(0)),
        ("/boosted/trees/0/n_outputs", json!(2)),
    ] {
        let mut damaged = json.clone();
        *damaged.pointer_mut(pointer).expect("a place") = value;
        assert!(read(&damaged).restored().is_err(), "{pointer}");
    }
    let (x, y) = numbers("diabetes");
    let fitted = regressor(&json!({"n_estimators": 3})).fit(&x, &y).expect("a fit");
    let json = serde_json::to_value(&fitted).expect("JSON");
    let again: FittedGradientBoostingRegressor = serde_json::from_value(json).expect("readable");
    let again = again.restored().expect("sound");
    assert_eq!(again.predict(&x).expect("answers"), fitted.predict(&x).expect("answers"));
    let features: Vec<f32> = (0..x.n_columns()).map(|j| x.get(0, j)).collect();
    assert_eq!(again.predict_row(&features), fitted.predict(&x).expect("answers")[0]);
}

#[test]
fn bad_input_is_named() {
    let x = Matrix::from_rows(&[vec![1.0_f32, 2.0], vec![3.0, 4.0]]);
    let fit =
        |x: &Matrix<f32>, y: &[u32], k| GradientBoostingClassifier::default().fit(x, y, k).unwrap_err().to_string();
    assert!(fit(&x, &[0], 2).contains("one class for each row: expected 2, got 1"));
    assert!(fit(&x, &[0, 2], 2).contains("classes must be below 2; got 2"));
    assert!(fit(&x, &[0, 0], 1).contains("at least 2 classes"));
    assert!(fit(&Matrix::from_columns(0, 2, vec![]), &[], 2).contains("0 rows"));
    for bad in [f32::NAN, f32::INFINITY] {
        let x = x.map(|value| if value > 3.0 { bad } else { value });
        assert!(fit(&x, &[0, 1], 2).contains(&format!("feature 1 is {bad} in row 1")));
    }
    let error = GradientBoostingRegressor::default().fit(&x, &[1.0, f64::NAN]).unwrap_err().to_string();
    assert!(error.contains("NaN in row 1"), "{error}");
    let fitted = GradientBoostingClassifier::default().fit(&x, &[0, 1], 2).expect("a fit");
    let narrow = Matrix::from_columns(1, 1, vec![1.0]);
    assert!(fitted.predict_proba(&narrow).unwrap_err().to_string().contains("expected 2, got 1"));
    for (name, value, allowed) in [
        ("learning_rate", json!(-0.1), "a float in the range [0.0, inf)"),
        ("subsample", json!(0.0), "a float in the range (0.0, 1.0]"),
        ("n_estimators", json!(0), "an int in the range [1, inf)"),
        ("max_depth", json!(0), "an int in the range [1, inf) or None"),
        ("min_samples_split", json!(1), "an int in the range [2, inf)"),
        ("min_weight_fraction_leaf", json!(0.6), "a float in the range [0.0, 0.5]"),
    ] {
        let error = GradientBoostingClassifier::default().set_param(name, &value).unwrap_err().to_string();
        let expected =
            format!("The '{name}' parameter of GradientBoostingClassifier must be {allowed}. Got {value} instead.");
        assert_eq!(error, expected);
    }
    let nan = GradientBoostingClassifier { learning_rate: f64::NAN, ..GradientBoostingClassifier::default() };
    assert!(nan.fit(&x, &[0, 1], 2).unwrap_err().to_string().contains("learning_rate"));
}
