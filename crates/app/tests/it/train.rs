//! `metria train`: what it prints, what the run holds, and how it fails.

use crate::support::{CREDIT, Home, QUICK, redacted, says, stderr, stdout, text};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;

fn pairs(list: &Value) -> BTreeMap<String, Value> {
    let list = list.as_array().expect("a list");
    list.iter().map(|item| (text(&item["key"]), item["value"].clone())).collect()
}

fn file(folder: &Path, name: &str) -> String {
    std::fs::read_to_string(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[test]
fn what_a_run_holds() {
    let home = Home::new();
    let commit = "0123456789abcdef0123456789abcdef01234567";
    std::fs::create_dir(home.path(".git")).unwrap();
    home.file(".git/HEAD", commit);
    let args = ["train", CREDIT, "--target", "risk", "--cv", "stratified:4", "--set", "n_estimators=12"];
    let told = home.json(&[&args[..], &["--run-name", "first", "--experiment", "credit"]].concat());
    let run_id = text(&told["run_id"]);
    let run = home.json(&["runs", "show", &run_id]);
    assert_eq!(
        (&run["status"], &run["run_name"], &run["user_id"]),
        (&json!("FINISHED"), &json!("first"), &json!("tester"))
    );

    let params = pairs(&run["params"]);
    for (key, value) in [
        ("estimator", "random_forest"),
        ("n_estimators", "12"),
        ("max_depth", "10"),
        ("random_state", "42"),
        ("target", "risk"),
        ("test_size", "0.2"),
        ("split_seed", "42"),
        ("cross_validation", "stratified:4"),
    ] {
        assert_eq!(params[key], value, "{key}");
    }
    let metrics = pairs(&run["metrics"]);
    for key in ["accuracy", "precision", "recall", "f1_score", "roc_auc", "cv_mean_accuracy", "cv_std_accuracy"] {
        assert_eq!(metrics[key], told["metrics"][key], "{key}");
    }
    for key in ["fold_accuracy", "fold_precision", "fold_recall", "fold_f1", "fold_roc_auc"] {
        let steps = run["metric_history"][key].as_array().unwrap_or_else(|| panic!("{key}: {run}"));
        let places: Vec<i64> = steps.iter().map(|metric| metric["step"].as_i64().expect("a step")).collect();
        assert_eq!(places, [0, 1, 2, 3], "{key}");
    }
    let folds: Vec<&Value> =
        run["metric_history"]["fold_accuracy"].as_array().unwrap().iter().map(|metric| &metric["value"]).collect();
    assert_eq!(json!(folds), told["fold_accuracy"]);
    let mean = folds.iter().map(|value| value.as_f64().unwrap()).sum::<f64>() / 4.0;
    assert!((mean - metrics["cv_mean_accuracy"].as_f64().unwrap()).abs() < 1e-12);

    let tags = pairs(&run["tags"]);
    assert_eq!(tags["mlflow.source.git.commit"], commit);
    assert_eq!(tags["mlflow.source.name"], "metria train");
    let checked = home.json(&["data", "check", CREDIT]);
    assert_eq!(run["inputs"][0]["digest"], checked["digest"]);
    assert_eq!(run["inputs"][0]["name"], "german_credit");
    assert!(!text(&run["inputs"][0]["digest"]).is_empty());

    artifacts(&home.artifacts(&run_id), &run_id, &run);
}

fn artifacts(folder: &Path, run_id: &str, run: &Value) {
    let parsed = |name: &str| -> Value { serde_json::from_str(&file(folder, name)).expect(name) };
    let metrics = pairs(&run["metrics"]);
    let matrix = parsed("evaluation/confusion_matrix.json");
    assert_eq!(matrix["labels"], json!(["0", "1"]));
    let cells: Vec<u64> = matrix["matrix"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|row| row.as_array().unwrap())
        .map(|cell| cell.as_f64().unwrap() as u64)
        .collect();
    assert_eq!(cells.iter().sum::<u64>(), 200, "each held-out row once");
    assert!(((cells[0] + cells[3]) as f64 / 200.0 - metrics["accuracy"].as_f64().unwrap()).abs() < 1e-12);
    let roc = parsed("evaluation/roc_curve.json");
    assert_eq!(roc["auc"], metrics["roc_auc"]);
    let ends = |axis: &str| (roc[axis][0].as_f64(), roc[axis].as_array().unwrap().last().unwrap().as_f64());
    assert_eq!((ends("fpr"), ends("tpr")), ((Some(0.0), Some(1.0)), (Some(0.0), Some(1.0))));
    for picture in ["evaluation/confusion_matrix.svg", "evaluation/roc_curve.svg"] {
        let svg = file(folder, picture);
        assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"), "{picture}: {svg}");
    }
    says(&file(folder, "evaluation/classification_report.txt"), &["precision", "weighted avg"]);
    assert_eq!(parsed("data/profile.json")["n_rows"], 1000);

    let example = parsed("model/input_example.json");
    assert_eq!(example["columns"].as_array().unwrap().len(), 9);
    assert_eq!(example["data"].as_array().unwrap().len(), 3);
    assert_eq!(example["data"][0][0], "male");
    let description = file(folder, "model/MLmodel");
    let model: serde_json::Map<String, Value> = description
        .lines()
        .filter_map(|line| line.split_once(": "))
        .map(|(key, value)| (key.trim().to_owned(), json!(value.trim_matches('\''))))
        .collect();
    assert_eq!(model["run_id"], run_id);
    let inputs: Vec<Value> = serde_json::from_str(&text(&model["inputs"])).expect("columns are JSON in the YAML");
    assert_eq!(inputs.len(), 9);
    assert_eq!((&inputs[0]["name"], &inputs[0]["type"]), (&json!("sex"), &json!("string")));
    assert_eq!((&inputs[8]["name"], &inputs[8]["type"]), (&json!("age"), &json!("long")));
    let outputs: Vec<Value> = serde_json::from_str(&text(&model["outputs"])).expect("columns are JSON in the YAML");
    assert_eq!((&outputs[0]["name"], &outputs[0]["type"]), (&json!("risk"), &json!("long")));
}

#[test]
fn the_text() {
    let home = Home::new();
    let args =
        ["train", CREDIT, "--target", "risk", "--cv", "kfold:2", "--set", "n_estimators=10", "--register", "a b"];
    let output = home.run(&args);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let told = redacted(&stdout(&output), &home);
    let lines: Vec<&str> = told.lines().collect();
    says(lines[0], &["folds     accuracy 0.", "  0."]);
    says(lines[1], &["held out  200 rows: accuracy 0.", "f1_score 0.", "cv_std_accuracy 0."]);
    assert_eq!(
        lines[2..],
        [
            "run       ID",
            "model     runs:/ID/model",
            "version   1 of a b, now in Production",
            "gate      passed: the first version for Production, and every minimum is reached",
            "next      metria evaluate runs:/ID/model DATA.csv",
        ]
    );
    says(&stderr(&output), &["training", "fold 2 accuracy 0.", "model fitted", "run logged"]);
}

#[test]
fn a_gate_that_says_no_is_exit_code_3() {
    let home = Home::with_model();
    let again = [&["train", CREDIT, "--target", "risk", "--register", "german"], &QUICK[..]].concat();
    let message = home.refused(3, &again);
    says(&message, &["version 2 of german stays out of Production", "roc_auc", "of version 1"]);
    let output = home.run(&[&again[..], &["--minimum", "accuracy=0.99", "--json"]].concat());
    assert_eq!(output.status.code(), Some(3));
    let told: Value = serde_json::from_str(&stdout(&output)).expect("the result is on stdout all the same");
    assert_eq!(told["decision"]["passed"], false);
    let error: Value = serde_json::from_str(&stderr(&output)).expect("the error is one JSON document");
    assert_eq!(error["error"]["kind"], "gate_refused");
    says(&text(&error["error"]["message"]), &["accuracy", "0.9900"]);
    let details = home.json(&["models", "show", "german"]);
    assert_eq!(details["versions"].as_array().unwrap().len(), 3, "refused versions are kept");
    assert_eq!(details["versions"][2]["stage"], "Production");
}

#[test]
fn a_training_that_fails_leaves_a_failed_run_with_its_reason() {
    let home = Home::new();
    let rows = (0..40).map(|row| format!("{row},yes\n"));
    home.file("t.csv", std::iter::once("n,bought\n".to_owned()).chain(rows).collect::<String>());
    let message = home.refused(1, &["train", "t.csv", "--target", "bought"]);
    says(&message, &["`bought` is always yes", "at least two classes"]);
    let runs = home.json(&["runs", "list"]);
    assert_eq!(runs.as_array().unwrap().len(), 1);
    assert_eq!(runs[0]["status"], "FAILED");
    assert!(runs[0]["end_time_ms"].is_i64());
    let reason = text(&pairs(&runs[0]["tags"])["metria.error"]);
    assert_eq!(format!("error: {reason}\n"), message);
    says(&home.ok(&["runs", "list"]), &["FAILED"]);
    let uri = format!("runs:/{}/model", text(&runs[0]["run_id"]));
    says(&home.refused(1, &["models", "register", &uri, "m"]), &["no model in"]);
}

#[test]
fn bad_usage_is_exit_code_2_and_leaves_no_run() {
    let home = Home::new();
    let train = ["train", CREDIT, "--target", "risk"];
    for (args, words) in [
        (vec!["--set", "n_estimator=3"], vec!["n_estimator", "n_estimators"]),
        (vec!["--set", "n_estimators=-3"], vec!["n_estimators", "-3"]),
        (vec!["--set", "n_estimators"], vec!["NAME=VALUE", "n_estimators"]),
        (vec!["--model", "random_florist"], vec!["random_florist", "random_forest"]),
        (vec!["--cv", "stratified:1"], vec!["--cv", "stratified:K", "stratified:1"]),
        (vec!["--cv", "leave_one_out"], vec!["stratified:K", "leave_one_out"]),
        (vec!["--register", "a/b"], vec!["model name", "`/`", "a/b"]),
        (vec!["--register", ".."], vec!["model name", ".."]),
        (vec!["--register", ""], vec!["model name", "1 to 256"]),
        (vec!["--minimum", "accuracy=high"], vec!["METRIC=NUMBER", "accuracy=high"]),
        (vec!["--test-size", "1.5"], vec!["test_size", "1.5"]),
        (vec!["--delimiter", "ab"], vec!["--delimiter", "ab"]),
        (vec!["--delimiter", "x"], vec!["delimiter", "punctuation"]),
        (vec!["--format", "xlsx"], vec!["--format", "csv, jsonl or parquet", "xlsx"]),
        (vec!["--type", "age=int"], vec!["boolean, long, double or string", "age=int"]),
        (vec!["--encoding", "klingon"], vec!["encoding", "klingon"]),
        (vec!["--experiment", ""], vec!["experiment name", "1 to 500"]),
    ] {
        let message = home.refused(2, &[&train[..], &args].concat());
        says(&message, &words);
    }
    assert_eq!(home.json(&["runs", "list"]), json!([]));
    let clap = home.run(&["train", CREDIT]);
    assert_eq!(clap.status.code(), Some(2));
    says(&stderr(&clap), &["--target"]);
    assert_eq!(home.run(&["no-such-command"]).status.code(), Some(2));
    assert_eq!(home.run(&["--version"]).status.code(), Some(0));
}
