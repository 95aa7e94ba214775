//! Forests, node for node.

use crate::common::{
    assert_all_close, assert_close, codes, dataset, float, floats, golden, integers, required_dataset,
};
use metria_learn::Matrix;
use metria_learn::ensemble::{FittedRandomForestClassifier, RandomForestClassifier};
use metria_learn::model_selection::{Fold, GroupKFold, StratifiedKFold, TimeSeriesSplit};
use metria_learn::tree::Tree;
use serde_json::Value;

/// Features as trees see them, and classes.
fn classes(name: &str) -> (Matrix<f32>, Vec<u32>) {
    let (x, y) = required_dataset(name);
    (x.map(|value| value as f32), y.into_iter().map(|class| class as u32).collect())
}

fn n_classes(y: &[u32]) -> usize {
    y.iter().max().map_or(0, |&class| class as usize + 1)
}

fn forest(params: &Value) -> RandomForestClassifier {
    let mut forest = RandomForestClassifier { oob_score: true, ..RandomForestClassifier::default() };
    for (name, value) in params.as_object().expect("params") {
        forest.set_param(name, value).expect("a known parameter");
    }
    forest
}

fn assert_tree(got: &Tree, expected: &Value, what: &str) {
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

/// `RandomForestClassifier(100,max_depth=10,random_state=42)` as settings.
fn described(model: &str) -> RandomForestClassifier {
    let inside = model.split(['(', ')']).nth(1).expect("arguments");
    let mut forest = RandomForestClassifier::default();
    for (place, argument) in inside.split(',').enumerate() {
        let (name, value) = argument.split_once('=').unwrap_or(("n_estimators", argument));
        assert!(place == 0 || argument.contains('='), "{model}");
        let value = if value == "None" { Value::Null } else { serde_json::from_str(value).expect("a number") };
        forest.set_param(name.trim(), &value).expect("a known parameter");
    }
    forest
}

fn predictions(fitted: &FittedRandomForestClassifier, x: &Matrix<f32>) -> Vec<u32> {
    let proba = fitted.predict_proba(x).expect("probabilities");
    proba
        .chunks(fitted.n_classes())
        .map(|row| (0..row.len()).rev().max_by(|&a, &b| row[a].total_cmp(&row[b])).expect("classes") as u32)
        .collect()
}

fn fold_accuracy(forest: &RandomForestClassifier, x: &Matrix<f32>, y: &[u32], folds: &[Fold]) -> (Vec<f64>, Vec<u32>) {
    let take = |rows: &[usize]| rows.iter().map(|&row| y[row]).collect::<Vec<_>>();
    let mut oof = vec![u32::MAX; y.len()];
    let accuracy = folds
        .iter()
        .map(|fold| {
            let fitted = forest.fit(&x.take_rows(&fold.train), &take(&fold.train), n_classes(y)).expect("a fit");
            let got = predictions(&fitted, &x.take_rows(&fold.test));
            for (&row, &class) in fold.test.iter().zip(&got) {
                oof[row] = class;
            }
            let right = got.iter().zip(take(&fold.test)).filter(|(got, truth)| *got == truth).count();
            right as f64 / fold.test.len() as f64
        })
        .collect();
    (accuracy, oof)
}

#[test]
fn cross_validation_end_to_end() {
    for case in golden("forests.json")["cv_end_to_end"].as_array().expect("cases") {
        let name = case["dataset"].as_str().expect("a dataset");
        let forest = described(case["model"].as_str().expect("a model"));
        let Some(file) = name.strip_suffix(".csv rows 0:3000") else {
            let (x, y) = classes(name);
            let folds = StratifiedKFold::new(5).shuffled(42).split(&y).expect("folds");
            let (accuracy, oof) = fold_accuracy(&forest, &x, &y, &folds);
            assert_all_close(&accuracy, &floats(&case["fold_accuracy"]), 1e-12, name);
            assert_eq!(oof, codes(&case["oof_pred"]), "{name}");
            let mean = accuracy.iter().sum::<f64>() / 5.0;
            assert_close(mean, float(&case["mean"]), 1e-12, name);
            let std = (accuracy.iter().map(|a| (a - mean).powi(2)).sum::<f64>() / 5.0).sqrt();
            assert_close(std, float(&case["std"]), 1e-12, name);
            continue;
        };
        let Some((x, y)) = dataset(file) else {
            eprintln!(
                "NOT RUN: {name} needs UCI Adult, which is not part of this repository; set METRIA_ADULT for `make test-data`"
            );
            continue;
        };
        let rows: Vec<usize> = (0..3000).collect();
        let x = x.take_rows(&rows);
        let y: Vec<u32> = y[..3000].iter().map(|&class| class as u32).collect();
        let occupation: Vec<i64> = x.column(6).iter().map(|&code| code as i64).collect();
        let x = x.map(|value| value as f32);
        for (key, folds) in [
            ("TimeSeriesSplit5", TimeSeriesSplit::new(5).split(3000)),
            ("GroupKFold5_by_occupation", GroupKFold::new(5).split(&occupation)),
            ("StratifiedKFold5_shuffle42", StratifiedKFold::new(5).shuffled(42).split(&y)),
        ] {
            let (accuracy, _) = fold_accuracy(&forest, &x, &y, &folds.expect("folds"));
            assert_all_close(&accuracy, &floats(&case[key]), 1e-12, key);
        }
    }
}

#[test]
fn the_number_of_threads_does_not_matter() {
    let (x, y) = classes("wine");
    let forest = RandomForestClassifier { n_estimators: 12, random_state: 3, ..RandomForestClassifier::default() };
    let fit = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
        pool.install(|| {
            let fitted = forest.fit(&x, &y, 3).expect("a fit");
            let proba = fitted.predict_proba(&x).expect("probabilities");
            (fitted, proba)
        })
    };
    let one = fit(1);
    for threads in [2, 3, 7] {
        assert!(fit(threads) == one, "{threads} threads");
    }
}

#[test]
fn acceptance_bands() {
    for case in golden("forests.json")["bands"].as_array().expect("cases") {
        let name = case["dataset"].as_str().expect("a dataset");
        if !case["model"].as_str().is_some_and(|model| model.contains("5-fold")) {
            continue;
        }
        let (x, y) = classes(name);
        let folds = StratifiedKFold::new(5).shuffled(42).split(&y).expect("folds");
        for (seed, expected) in floats(&case["means"]).into_iter().enumerate() {
            let forest = RandomForestClassifier {
                max_depth: Some(10),
                random_state: seed as u32,
                ..RandomForestClassifier::default()
            };
            let (accuracy, _) = fold_accuracy(&forest, &x, &y, &folds);
            assert_close(accuracy.iter().sum::<f64>() / 5.0, expected, 1e-12, &format!("{name}, seed {seed}"));
        }
    }
}
