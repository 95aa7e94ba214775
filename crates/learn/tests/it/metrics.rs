//! Scores, curves and reports to the twelfth digit.

use crate::common::{assert_all_close, assert_close, codes, float, floats, golden, known_keys};
use metria_core::Labels;
use metria_learn::metrics::*;
use serde_json::{Value, json};

fn texts(value: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    value.as_array().expect("a list").iter().map(text).collect()
}

fn rows(value: &Value) -> Vec<Vec<f64>> {
    value.as_array().expect("rows").iter().map(floats).collect()
}

/// A report case with its classes as codes.
struct Case<'a> {
    golden: &'a Value,
    y_true: Vec<u32>,
    y_pred: Vec<u32>,
    names: Vec<String>,
    labels: Option<Vec<u32>>,
    weights: Option<Vec<f64>>,
}

impl<'a> Case<'a> {
    fn new(golden: &'a Value) -> Self {
        let kwargs = &golden["kwargs"];
        let (truth, pred) = (texts(&golden["y_true"]), texts(&golden["y_pred"]));
        let n = truth.len();
        let (classes, both) = Labels::String(truth.into_iter().chain(pred).collect()).encode();
        let mut names: Vec<String> = (0..classes.len()).map(|class| classes.text(class)).collect();
        let labels = kwargs.get("labels").map(|labels| {
            let code = |label: &String| names.iter().position(|name| name == label).expect("a class") as u32;
            texts(labels).iter().map(code).collect()
        });
        if let Some(given) = kwargs.get("target_names") {
            names = texts(given);
        }
        Self {
            golden,
            y_true: both[..n].to_vec(),
            y_pred: both[n..].to_vec(),
            names,
            labels,
            weights: kwargs.get("sample_weight").map(floats),
        }
    }

    fn report(&self, zero_division: ZeroDivision) -> ClassificationReport {
        let options =
            ReportOptions { labels: self.labels.as_deref(), sample_weight: self.weights.as_deref(), zero_division };
        let mut report = classification_report(&self.y_true, &self.y_pred, &self.names, &options).expect("a report");
        if let Some(digits) = self.golden["kwargs"].get("digits") {
            report.digits = digits.as_u64().expect("digits") as usize;
        }
        report
    }

    fn counts(&self) -> ClassCounts {
        let all: Vec<u32> = (0..self.names.len() as u32).collect();
        let classes = self.labels.as_ref().unwrap_or(&all);
        ClassCounts::new(&self.y_true, &self.y_pred, classes, self.weights.as_deref()).expect("counts")
    }
}

#[test]
fn every_case_is_read() {
    known_keys(&golden("metrics.json"), &["_about", "binary", "multiclass", "regression", "edge", "ndcg"]);
    let reports = golden("classification_report.json");
    known_keys(&reports, &["_about", "rule", "cases"]);
    let averages =
        ["prfs", "fbeta2", "jaccard"].map(|score| ["micro", "macro", "weighted"].map(|of| format!("{score}_{of}")));
    let averages = averages.concat();
    let inputs = ["name", "y_true", "y_pred", "kwargs"];
    let matrices =
        ["confusion_matrix", "confusion_matrix_norm_true", "confusion_matrix_norm_pred", "confusion_matrix_norm_all"];
    let scores = ["report", "text_zero_division_0", "accuracy", "balanced_accuracy", "mcc", "kappa"];
    let averages: Vec<&str> = averages.iter().map(String::as_str).collect();
    let known = [&inputs[..], &matrices, &scores, &averages].concat();
    for case in reports["cases"].as_array().expect("cases") {
        known_keys(case, &known);
        known_keys(&case["kwargs"], &["labels", "target_names", "sample_weight", "digits"]);
        known_keys(&case["report"], &["warn", "0", "1", "nan", "text_zero_division_0"]);
    }
}

fn zero_divisions() -> [(&'static str, ZeroDivision); 4] {
    [("warn", ZeroDivision::Zero), ("0", ZeroDivision::Zero), ("1", ZeroDivision::One), ("nan", ZeroDivision::Nan)]
}

fn assert_row(row: &ReportRow, expected: &Value, what: &str) {
    let expected = &expected[&row.name];
    for (key, got) in [
        ("precision", row.scores.precision),
        ("recall", row.scores.recall),
        ("f1-score", row.scores.fbeta),
        ("support", row.support),
    ] {
        assert_close(got, float(&expected[key]), 1e-12, &format!("{what}, {}, {key}", row.name));
    }
}

#[test]
fn reports_as_dict_and_text() {
    for golden in golden("classification_report.json")["cases"].as_array().expect("cases") {
        let case = Case::new(golden);
        let name = golden["name"].as_str().expect("a name");
        for (key, zero) in zero_divisions() {
            let expected = &golden["report"][key];
            let report = case.report(zero);
            let n_rows = report.classes.len() + report.averages.len() + usize::from(report.accuracy.is_some());
            assert_eq!(n_rows, expected.as_object().expect("a dict").len(), "{name}: rows");
            for row in report.classes.iter().chain(&report.averages) {
                assert_row(row, expected, &format!("{name}, {key}"));
            }
            match report.accuracy {
                Some(accuracy) => assert_close(accuracy, float(&expected["accuracy"]), 1e-12, name),
                None => assert!(expected.get("accuracy").is_none(), "{name}"),
            }
            let json = serde_json::to_value(&report).expect("JSON");
            let keys = |value: &Value| value.as_object().expect("a dict").keys().cloned().collect::<Vec<_>>();
            assert_eq!(keys(&json), keys(expected), "{name}: order");
        }
        let text = golden["report"].get("text_zero_division_0").or_else(|| golden.get("text_zero_division_0"));
        let text = text.and_then(Value::as_str).expect("the text of a report");
        assert_eq!(case.report(ZeroDivision::Zero).to_string(), text, "{name}");
    }
}

#[test]
fn scores_of_classes() {
    for golden in golden("classification_report.json")["cases"].as_array().expect("cases") {
        let case = Case::new(golden);
        let name = golden["name"].as_str().expect("a name");
        let weights = case.weights.as_deref();
        let full = confusion_matrix(&case.y_true, &case.y_pred, case.names.len(), weights).expect("a matrix");
        let shown: Vec<Vec<f64>> = match &case.labels {
            Some(labels) => {
                let cells = |i: &u32| labels.iter().map(|&j| full[*i as usize][j as usize]).collect();
                labels.iter().map(cells).collect()
            }
            None => full.clone(),
        };
        let compare = |got: &[Vec<f64>], key: &str| {
            assert_eq!(got.len(), rows(&golden[key]).len(), "{name}, {key}");
            for (got, expected) in got.iter().zip(rows(&golden[key])) {
                assert_all_close(got, &expected, 1e-12, &format!("{name}, {key}"));
            }
        };
        compare(&shown, "confusion_matrix");
        compare(&normalized(&shown, Normalize::True), "confusion_matrix_norm_true");
        compare(&normalized(&shown, Normalize::Pred), "confusion_matrix_norm_pred");
        compare(&normalized(&shown, Normalize::All), "confusion_matrix_norm_all");
        let check = |key: &str, got: f64| assert_close(got, float(&golden[key]), 1e-12, &format!("{name}, {key}"));
        check("accuracy", accuracy_score(&case.y_true, &case.y_pred, weights).expect("a score"));
        check("balanced_accuracy", balanced_accuracy_score(&full));
        check("mcc", matthews_corrcoef(&full));
        check("kappa", cohen_kappa_score(&full));
        let counts = case.counts();
        for (suffix, average) in [("micro", Average::Micro), ("macro", Average::Macro), ("weighted", Average::Weighted)]
        {
            let got = counts.average(average, 1.0, ZeroDivision::Zero);
            let prf = [got.precision, got.recall, got.fbeta];
            assert_all_close(&prf, &floats(&golden[format!("prfs_{suffix}")]), 1e-12, name);
            check(&format!("jaccard_{suffix}"), got.jaccard);
            check(&format!("fbeta2_{suffix}"), counts.average(average, 2.0, ZeroDivision::Zero).fbeta);
        }
    }
}

fn positives(value: &Value) -> Vec<bool> {
    codes(value).into_iter().map(|class| class == 1).collect()
}

#[test]
fn binary_curves_and_areas() {
    for case in golden("metrics.json")["binary"].as_array().expect("cases") {
        let name = case["name"].as_str().expect("a name");
        known_keys(
            case,
            &[
                "name",
                "y",
                "score",
                "sample_weight",
                "roc_curve_drop_True",
                "roc_curve_drop_False",
                "roc_auc",
                "roc_auc_max_fpr_0.2",
                "pr_curve",
                "average_precision",
                "pr_auc_trapezoid",
                "log_loss",
                "brier",
                "calibration_uniform",
                "calibration_quantile",
            ],
        );
        let (y, score) = (positives(&case["y"]), floats(&case["score"]));
        let weights = case.get("sample_weight").map(floats);
        let w = weights.as_deref();
        for (key, drop) in [("roc_curve_drop_True", true), ("roc_curve_drop_False", false)] {
            let curve = roc_curve(&y, &score, w, drop).expect("a curve");
            assert_all_close(&curve.x, &floats(&case[key]["fpr"]), 1e-12, name);
            assert_all_close(&curve.y, &floats(&case[key]["tpr"]), 1e-12, name);
            assert_all_close(&curve.thresholds, &floats(&case[key]["thresholds"]), 1e-12, name);
        }
        let check = |key: &str, got: f64| {
            if let Some(expected) = case.get(key) {
                assert_close(got, float(expected), 1e-12, &format!("{name}, {key}"));
            }
        };
        check("roc_auc", roc_auc_score(&y, &score, w, None).expect("an area"));
        check("roc_auc_max_fpr_0.2", roc_auc_score(&y, &score, w, Some(0.2)).expect("an area"));
        let pr = precision_recall_curve(&y, &score, w).expect("a curve");
        assert_all_close(&pr.y, &floats(&case["pr_curve"]["precision"]), 1e-12, name);
        assert_all_close(&pr.x, &floats(&case["pr_curve"]["recall"]), 1e-12, name);
        assert_all_close(&pr.thresholds, &floats(&case["pr_curve"]["thresholds"]), 1e-12, name);
        check("average_precision", average_precision_score(&y, &score, w).expect("a score"));
        check("pr_auc_trapezoid", auc(&pr.x, &pr.y));
        if case.get("log_loss").is_some() {
            let proba: Vec<f64> = score.iter().flat_map(|p| [1.0 - p, *p]).collect();
            check("log_loss", log_loss(&codes(&case["y"]), &proba, 2, w).expect("a loss"));
        }
        if case.get("brier").is_some() {
            check("brier", brier_score_loss(&y, &score, w).expect("a loss"));
        }
        for (key, strategy) in
            [("calibration_uniform", BinStrategy::Uniform), ("calibration_quantile", BinStrategy::Quantile)]
        {
            let Some(expected) = case.get(key) else { continue };
            let (prob_true, prob_pred) = calibration_curve(&y, &score, 5, strategy).expect("a curve");
            assert_all_close(&prob_true, &floats(&expected["prob_true"]), 1e-12, name);
            assert_all_close(&prob_pred, &floats(&expected["prob_pred"]), 1e-12, name);
        }
    }
}

#[test]
fn multiclass_scores() {
    let case = &golden("metrics.json")["multiclass"];
    let (y, proba) = (codes(&case["y"]), rows(&case["proba"]));
    let n_classes = proba[0].len();
    let proba = proba.concat();
    known_keys(
        case,
        &[
            "y",
            "proba",
            "log_loss",
            "top2",
            "brier_multiclass",
            "roc_auc_ovr_macro",
            "roc_auc_ovr_weighted",
            "roc_auc_ovo_macro",
            "roc_auc_ovo_weighted",
        ],
    );
    let check = |key: &str, got: metria_learn::Result<f64>| {
        assert_close(got.expect("a score"), float(&case[key]), 1e-12, key);
    };
    check("log_loss", log_loss(&y, &proba, n_classes, None));
    check("top2", top_k_accuracy_score(&y, &proba, n_classes, 2));
    check("brier_multiclass", brier_score_loss_multiclass(&y, &proba, n_classes));
    check("roc_auc_ovr_macro", roc_auc_score_ovr(&y, &proba, n_classes, false));
    check("roc_auc_ovr_weighted", roc_auc_score_ovr(&y, &proba, n_classes, true));
    check("roc_auc_ovo_macro", roc_auc_score_ovo(&y, &proba, n_classes, false));
    check("roc_auc_ovo_weighted", roc_auc_score_ovo(&y, &proba, n_classes, true));
}

#[test]
fn regression_scores() {
    let case = &golden("metrics.json")["regression"];
    known_keys(case, &["y", "pred", "w", "plain", "weighted", "constant_truth_r2", "constant_truth_r2_bad"]);
    let (y, pred, w) = (floats(&case["y"]), floats(&case["pred"]), floats(&case["w"]));
    for (key, weights) in [("plain", None), ("weighted", Some(w.as_slice()))] {
        let scores = RegressionScores::new(&y, &pred, weights).expect("scores");
        let got = json!({
            "mse": scores.mean_squared_error(),
            "rmse": scores.root_mean_squared_error(),
            "mae": scores.mean_absolute_error(),
            "mape": scores.mean_absolute_percentage_error(),
            "medae": scores.median_absolute_error(),
            "r2": scores.r2_score(),
            "evs": scores.explained_variance_score(),
            "pinball_09": scores.mean_pinball_loss(0.9),
            "d2_mae": scores.d2_absolute_error_score(),
            "max_error": scores.max_error(),
        });
        for (name, expected) in case[key].as_object().expect("scores") {
            assert_close(float(&got[name]), float(expected), 1e-12, &format!("{key}, {name}"));
        }
    }
    let constant = [2.0; 3];
    let score = |pred: &[f64]| RegressionScores::new(&constant, pred, None).expect("scores").r2_score();
    assert_close(score(&constant), float(&case["constant_truth_r2"]), 0.0, "a perfect constant");
    assert_close(score(&[1.0, 2.0, 3.0]), float(&case["constant_truth_r2_bad"]), 0.0, "an imperfect constant");
}

#[test]
fn edge_cases_and_ranking() {
    let metrics = golden("metrics.json");
    known_keys(&metrics["edge"], &["log_loss_hard_wrong", "roc_auc_single_class", "roc_auc_single_class_value"]);
    let hard = &metrics["edge"]["log_loss_hard_wrong"];
    known_keys(hard, &["y", "p", "value", "rule"]);
    let proba: Vec<f64> = floats(&hard["p"]).iter().flat_map(|p| [1.0 - p, *p]).collect();
    assert_close(log_loss(&codes(&hard["y"]), &proba, 2, None).expect("a loss"), float(&hard["value"]), 1e-12, "hard");
    let single = roc_auc_score(&[true, true], &[0.1, 0.9], None, None).expect("an area");
    assert_close(single, float(&metrics["edge"]["roc_auc_single_class_value"]), 0.0, "one class");
    let ndcg = &metrics["ndcg"];
    known_keys(ndcg, &["y", "s", "ndcg", "ndcg3", "dcg"]);
    let (y, s) = (rows(&ndcg["y"]).concat(), rows(&ndcg["s"]).concat());
    assert_close(ndcg_score(&y, &s, None), float(&ndcg["ndcg"]), 1e-12, "ndcg");
    assert_close(ndcg_score(&y, &s, Some(3)), float(&ndcg["ndcg3"]), 1e-12, "ndcg3");
    assert_close(dcg_score(&y, &s, None), float(&ndcg["dcg"]), 1e-12, "dcg");
}

#[test]
fn what_is_refused() {
    let message = |error: metria_learn::Error| error.to_string();
    assert!(message(accuracy_score(&[], &[], None).unwrap_err()).contains("at least one row"));
    assert!(message(accuracy_score(&[1], &[1, 0], None).unwrap_err()).contains("expected 1, got 2"));
    assert!(message(confusion_matrix(&[3], &[0], 2, None).unwrap_err()).contains("below 2"));
    assert!(message(roc_curve(&[true, false], &[f64::NAN, 0.0], None, true).unwrap_err()).contains("row 0 is NaN"));
    assert!(message(calibration_curve(&[true], &[1.5], 5, BinStrategy::Uniform).unwrap_err()).contains("[0, 1]"));
}
