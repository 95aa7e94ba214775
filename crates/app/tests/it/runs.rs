//! `metria runs`.

use crate::support::{Home, redacted, says};
use serde_json::{Value, json};

#[test]
fn list_show_and_compare() {
    let home = Home::new();
    assert_eq!(home.json(&["runs", "list"]), json!([]));
    says(&home.ok(&["runs", "list"]), &["no runs; make one with `metria train"]);
    let first = home.run_id(&["--run-name", "first"]);
    let second = home.run_id(&["--run-name", "second", "--set", "max_depth=2", "--experiment", "other"]);

    let told = redacted(&home.ok(&["runs", "list"]), &home);
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!(
        lines[0].split_whitespace().collect::<Vec<_>>(),
        ["run", "name", "status", "started", "accuracy", "roc_auc"]
    );
    assert_eq!(
        lines[1].split_whitespace().collect::<Vec<_>>()[..4],
        ["ID", "second", "FINISHED", "TIME"],
        "the newest first"
    );
    assert_eq!(lines[2].split_whitespace().collect::<Vec<_>>()[..4], ["ID", "first", "FINISHED", "TIME"]);

    let names = |args: &[&str]| -> Vec<Value> {
        let runs = home.json(&[&["runs", "list"], args].concat());
        runs.as_array().unwrap().iter().map(|run| run["run_name"].clone()).collect()
    };
    assert_eq!(names(&["--experiment", "other"]), ["second"]);
    assert_eq!(names(&["--filter", "params.max_depth = '10'"]), ["first"]);
    assert_eq!(names(&["--order-by", "params.max_depth ASC"]), ["first", "second"]);
    assert_eq!(names(&["--limit", "1"]), ["second"]);

    let shown = redacted(&home.ok(&["runs", "show", &first]), &home);
    let cell = |key: &str| {
        let line = shown.lines().find(|line| line.split_whitespace().next() == Some(key));
        line.and_then(|line| line.split_whitespace().nth(1)).unwrap_or_else(|| panic!("{key}: {shown}"))
    };
    assert_eq!((cell("status"), cell("ended"), cell("run")), ("FINISHED", "TIME", "ID"));
    assert_eq!((cell("params.n_estimators"), cell("tags.mlflow.user")), ("10", "tester"));
    says(cell("artifacts"), &["file://FOLDER/home/artifacts/"]);
    assert!(cell("metrics.accuracy").starts_with("0.") && !cell("dataset.german_credit").is_empty());

    let compared = home.json(&["runs", "compare", &first, &second]);
    let row = |key: &str| compared["params"].as_array().unwrap().iter().find(|row| row["key"] == key).unwrap().clone();
    assert_eq!(row("max_depth"), json!({"key": "max_depth", "values": ["10", "2"], "differs": true}));
    assert_eq!(row("n_estimators")["differs"], false);
    let text = home.ok(&["runs", "compare", &first, &second]);
    let depth = text.lines().find(|line| line.starts_with("params.max_depth")).expect("a row");
    assert_eq!(depth.split_whitespace().collect::<Vec<_>>(), ["params.max_depth", "10", "2"]);
    says(text.lines().next().unwrap(), &["first", "second"]);
}

#[test]
fn what_is_refused() {
    let home = Home::new();
    let run = home.run_id(&[]);
    says(&home.refused(1, &["runs", "show", "nothing"]), &["no run `nothing`"]);
    says(&home.refused(1, &["runs", "compare", &run, "nothing"]), &["no run `nothing`"]);
    says(&home.refused(1, &["runs", "list", "--experiment", "nothing"]), &["no experiment `nothing`"]);
    says(&home.refused(2, &["runs", "list", "--filter", "metrics.accuracy >> 1"]), &[">"]);
    says(&home.refused(2, &["runs", "list", "--order-by", "accuracy SIDEWAYS"]), &["SIDEWAYS"]);
    assert_eq!(home.run(&["runs", "compare", &run]).status.code(), Some(2), "one run is not compared");
}
