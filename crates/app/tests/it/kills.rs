//! `kill -9` of a training at any moment.

use crate::support::{CREDIT, Home, signal, text, wait_for};
use std::process::Stdio;
use std::time::{Duration, Instant};

const TRAIN: [&str; 11] = [
    "train",
    CREDIT,
    "--target",
    "risk",
    "--register",
    "german",
    "--cv",
    "stratified:2",
    "--set",
    "n_estimators=5",
    "--json",
];
const ROUNDS: u32 = 30;

#[test]
fn a_killed_training_leaves_nothing_half_done() {
    let home = Home::new();
    let started = Instant::now();
    home.ok(&TRAIN);
    let whole = started.elapsed().max(Duration::from_millis(50));
    let mut killed = 0;
    for round in 0..ROUNDS {
        let mut child = home.command(&TRAIN).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
        std::thread::sleep(whole * round / (ROUNDS - 5));
        if child.try_wait().expect("it can be asked").is_none() {
            signal(&child, "KILL");
        }
        killed += u32::from(wait_for(&mut child).is_none());
    }
    assert!(killed > ROUNDS / 3, "only {killed} of {ROUNDS} were killed at work");

    let runs = home.json(&["runs", "list", "--limit", "100"]);
    let runs = runs.as_array().expect("the records open");
    let mut finished = 0;
    for run in runs {
        let uri = format!("runs:/{}/model", text(&run["run_id"]));
        let output = home.run(&["evaluate", &uri, CREDIT, "--json"]);
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        match run["status"].as_str().expect("a status") {
            "FINISHED" => {
                finished += 1;
                assert_eq!(output.status.code(), Some(0), "a finished run's model loads: {message}");
                assert!(run["metrics"].as_array().is_some_and(|metrics| !metrics.is_empty()));
            }
            "RUNNING" => match output.status.code() {
                // Killed between the model and the end of the run: it is whole.
                Some(0) => {}
                code => assert!(code == Some(1) && message.contains("no model in"), "{message}"),
            },
            other => panic!("a killed run is {other}"),
        }
        let shown = home.json(&["runs", "show", &text(&run["run_id"])]);
        assert_eq!(shown["status"], run["status"]);
    }
    assert!(finished >= 1 && finished < runs.len(), "{finished} of {} runs finished", runs.len());

    let details = home.json(&["models", "show", "german"]);
    let versions = details["versions"].as_array().expect("versions");
    for version in versions {
        home.ok(&["evaluate", &format!("models:/german/{}", version["version"]), CREDIT]);
    }
    let in_production = versions.iter().filter(|version| version["stage"] == "Production").count();
    assert_eq!(in_production, 1);
    let output = home.run(&[&TRAIN[..8], &["--set", "n_estimators=6"]].concat());
    assert!([Some(0), Some(3)].contains(&output.status.code()), "the next training works: {output:?}");
    let newest = &home.json(&["models", "show", "german"])["versions"][0];
    assert_eq!(newest["version"].as_u64(), Some(versions.len() as u64 + 1), "versions count on without a gap");
}
