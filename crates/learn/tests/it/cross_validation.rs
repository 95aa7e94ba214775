//! Cross-validation of forests, as the golden files describe it.

use crate::common::dataset;
use metria_learn::Matrix;
use metria_learn::ensemble::RandomForestClassifier;
use metria_learn::model_selection::Fold;
use serde_json::Value;

/// Features as trees see them, and numbers.
pub(crate) fn numbers(name: &str) -> (Matrix<f32>, Vec<f64>) {
    let (x, y) = dataset(name);
    (x.map(|value| value as f32), y)
}

/// Features as trees see them, and classes.
pub(crate) fn classes(name: &str) -> (Matrix<f32>, Vec<u32>) {
    let (x, y) = numbers(name);
    (x, y.into_iter().map(|class| class as u32).collect())
}

pub(crate) fn n_classes(y: &[u32]) -> usize {
    y.iter().max().map_or(0, |&class| class as usize + 1)
}

/// `RandomForestClassifier(100,max_depth=10,random_state=42)` as settings.
pub(crate) fn described(model: &str) -> RandomForestClassifier {
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

/// What the folds gave: accuracy of each, and probabilities of every row by the forest that did not see it.
pub(crate) struct CrossValidation {
    pub(crate) accuracy: Vec<f64>,
    pub(crate) proba: Vec<f64>,
    pub(crate) n_classes: usize,
}

impl CrossValidation {
    pub(crate) fn mean_accuracy(&self) -> f64 {
        self.accuracy.iter().sum::<f64>() / self.accuracy.len() as f64
    }

    pub(crate) fn predicted(&self) -> Vec<u32> {
        self.proba.chunks(self.n_classes).map(most_probable).collect()
    }
}

/// The first of the most probable classes.
fn most_probable(proba: &[f64]) -> u32 {
    (0..proba.len()).rev().max_by(|&a, &b| proba[a].total_cmp(&proba[b])).expect("classes") as u32
}

pub(crate) fn cross_validate(
    forest: &RandomForestClassifier,
    x: &Matrix<f32>,
    y: &[u32],
    folds: &[Fold],
) -> CrossValidation {
    let n_classes = n_classes(y);
    let mut proba = vec![f64::NAN; y.len() * n_classes];
    let accuracy = folds.iter().map(|fold| {
        let y_train: Vec<u32> = fold.train.iter().map(|&row| y[row]).collect();
        let fitted = forest.fit(&x.take_rows(&fold.train), &y_train, n_classes).expect("a fit");
        let got = fitted.predict_proba(&x.take_rows(&fold.test)).expect("probabilities");
        for (&row, got) in fold.test.iter().zip(got.chunks(n_classes)) {
            proba[row * n_classes..][..n_classes].copy_from_slice(got);
        }
        let right = fold.test.iter().zip(got.chunks(n_classes)).filter(|(row, got)| most_probable(got) == y[**row]);
        right.count() as f64 / fold.test.len() as f64
    });
    let accuracy = accuracy.collect();
    CrossValidation { accuracy, proba, n_classes }
}
