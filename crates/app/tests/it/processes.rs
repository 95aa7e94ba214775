//! Several processes on one home.

use crate::support::{CREDIT, Home, QUICK, body, rows, stderr, text, wait_for};
use serde_json::Value;
use std::collections::BTreeSet;
use std::process::Stdio;

#[test]
fn many_may_open_an_empty_home_at_once() {
    for _ in 0..4 {
        let home = Home::new();
        let children: Vec<_> = (0..6)
            .map(|_| {
                home.command(&["runs", "list", "--json"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
            })
            .collect();
        for child in children {
            let output = child.wait_with_output().unwrap();
            assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
            assert_eq!(output.stdout.trim_ascii(), b"[]");
        }
    }
}

#[test]
fn trainings_at_once_make_a_version_each() {
    let home = Home::new();
    let args = [&["train", CREDIT, "--target", "risk", "--register", "german", "--json"], &QUICK[..]].concat();
    let children: Vec<_> =
        (0..4).map(|_| home.command(&args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()).collect();
    let mut versions = BTreeSet::new();
    for child in children {
        let output = child.wait_with_output().unwrap();
        // The gate may refuse all but the first, since they are equal.
        assert!([Some(0), Some(3)].contains(&output.status.code()), "{}", stderr(&output));
        let told: Value = serde_json::from_slice(&output.stdout).expect("one JSON document");
        versions.insert(told["version"]["version"].as_u64().expect("a version"));
    }
    assert_eq!(versions, BTreeSet::from([1, 2, 3, 4]));
    let details = home.json(&["models", "show", "german"]);
    let in_production =
        details["versions"].as_array().unwrap().iter().filter(|version| version["stage"] == "Production");
    assert_eq!(in_production.count(), 1);
    let runs = home.json(&["runs", "list"]);
    assert!(runs.as_array().unwrap().iter().all(|run| run["status"] == "FINISHED"), "{runs}");
    assert_eq!(runs.as_array().unwrap().len(), 4);
}

#[test]
fn two_servers_and_a_training_share_a_home() {
    let home = Home::with_model();
    let servers = [home.server(), home.server()];
    let training = [&["train", CREDIT, "--target", "risk"], &QUICK[..]].concat();
    let mut trainer = home.command(&training).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let mut ids = BTreeSet::new();
    for number in 0..40 {
        let answer = servers[number % 2].post("/predict/german", body(&rows(2))).ok();
        ids.insert(text(&answer["request_id"]));
    }
    assert_eq!(wait_for(&mut trainer), Some(0));
    let log = metria_serving::PredictionLog::open(&home.path("home/predictions")).unwrap();
    let logged: BTreeSet<String> = log.read("german", 0).unwrap().into_iter().map(|line| line.request_id).collect();
    assert_eq!(logged, ids, "both servers' predictions are in the log");

    let source = text(&home.json(&["models", "show", "german"])["versions"][0]["source"]);
    home.ok(&["models", "register", &source, "german"]);
    home.ok(&["models", "promote", "german", "2", "--override-gate", "a test"]);
    for server in &servers {
        assert_eq!(server.post("/models/german/reload", "").ok()["model_version"], 2);
    }
}
