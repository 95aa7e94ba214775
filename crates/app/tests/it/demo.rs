//! `metria demo`: the newcomer's first command.

use crate::support::{Home, says, signal, text, try_send, wait_for};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::process::Stdio;

/// The demo's document; the demo must keep to the folder it is run in.
fn demo(home: &Home, args: &[&str]) -> Value {
    let output = home.command(&[&["demo", "--json"], args].concat()).env_remove("METRIA_HOME").output();
    let output = output.expect("the program starts");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    serde_json::from_slice(&output.stdout).expect("one JSON document")
}

#[test]
fn the_first_demo_serves_what_it_trained_and_leaves_nothing_running() {
    let home = Home::new();
    let told = demo(&home, &[]);
    assert_eq!(told["version"]["version"], 1);
    assert_eq!(told["version"]["stage"], "Production");
    assert_eq!(told["compared_with"], Value::Null);
    assert_eq!(told["decision"]["passed"], true);
    assert_eq!(told["answer"]["model_version"], 1);
    assert_eq!(told["answer"]["predictions"].as_array().map(Vec::len), Some(3));
    assert_eq!(told["instances"].as_array().map(Vec::len), Some(3));
    for metric in ["accuracy", "precision", "recall", "f1_score", "roc_auc", "cv_mean_accuracy"] {
        let value = told["metrics"][metric].as_f64().expect(metric);
        assert!((0.5..1.0).contains(&value), "{metric} {value}");
    }
    let address = text(&told["url"]).replace("http://", "");
    assert!(TcpStream::connect(&address).is_err(), "something still listens on {address}");
    assert_eq!(home.path("metria-demo").display().to_string(), home.path(&text(&told["home"])).display().to_string());
    assert!(home.path("metria-demo/metria.db").is_file());
}

#[test]
fn the_second_demo_meets_the_gate() {
    let home = Home::new();
    let first = demo(&home, &["--set", "n_estimators=5", "--set", "max_depth=2"]);
    assert_eq!(first["decision"]["passed"], true, "{first}");
    let better = demo(&home, &[]);
    assert_eq!((&better["version"]["version"], &better["compared_with"]), (&2.into(), &1.into()));
    assert_eq!(better["decision"]["passed"], true, "{better}");
    assert_eq!(better["answer"]["model_version"], 2);
    let same = demo(&home, &[]);
    assert_eq!((&same["version"]["version"], &same["compared_with"]), (&3.into(), &2.into()));
    assert_eq!(same["decision"]["passed"], false, "as good is not better: {same}");
    assert_eq!(same["answer"]["model_version"], 2, "what was in Production still serves");
    says(&text(&same["decision"]["reason"]), &["roc_auc", "of version 2"]);
}

#[test]
fn the_text_tells_the_whole_way() {
    let home = Home::new();
    let told = home.ok(&["demo", "--home", "here", "--set", "n_estimators=20"]);
    let lines: Vec<&str> = told.lines().collect();
    let says = |start: &str, words: &[&str]| {
        let line = lines.iter().find(|line| line.starts_with(start)).unwrap_or_else(|| panic!("{start}: {told}"));
        says(line, words);
    };
    says("data", &["german_credit.csv: 1000 rows, 10 columns", "0 missing values", "target `risk`"]);
    says("folds", &["accuracy 0."]);
    says("held out", &["200 rows", "accuracy 0.", "roc_auc 0."]);
    says("run", &["in experiment german-credit"]);
    says("version", &["1 of german-credit, now in Production"]);
    says("gate", &["passed: the first version for Production"]);
    says("served", &["version 1 answered over HTTP"]);
    says("done", &["everything is in here"]);
    says("Try:", &["metria runs list --home here"]);
    assert_eq!(lines.iter().filter(|line| line.contains("true answer")).count(), 3, "{told}");
}

#[test]
fn a_kept_demo_serves_until_it_is_stopped() {
    let home = Home::new();
    let args = ["demo", "--keep", "--port", "0", "--set", "n_estimators=10"];
    let mut child = home.command(&args).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it starts");
    let mut lines = BufReader::new(child.stdout.take().expect("it is piped")).lines().map_while(Result::ok);
    let line = lines.find(|line| line.starts_with("Open http://")).expect("it tells where to look");
    let address = line.trim_start_matches("Open http://").split(' ').next().expect("an address");
    let health = try_send(address, "GET", "/health", &[], b"").expect("it serves").ok();
    assert_eq!(health["loaded_models"], serde_json::json!(["german-credit"]));
    signal(&child, "INT");
    assert_eq!(wait_for(&mut child), Some(0));
}
