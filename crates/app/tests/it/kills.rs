//! `kill -9` of a training at any moment.

use crate::support::{CREDIT, Home, text, wait_for};
use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::Duration;

const TRAIN: [&str; 10] =
    ["train", CREDIT, "--target", "risk", "--register", "german", "--cv", "stratified:2", "--set", "n_estimators=5"];

/// What a training says as it goes on; it is killed a moment after one of these, or after its start.
const STAGES: [&str; 5] = ["training", "fold 1", "fold 2", "model fitted", "run logged"];
const ROUNDS: usize = 36;

/// Kills a training after a line of its progress and a delay; whether it was still at work.
fn kill_after(home: &Home, stage: Option<&&str>, delay: Duration) -> bool {
    let mut child = home.command(&TRAIN).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("it starts");
    let mut lines = BufReader::new(child.stderr.take().expect("it is piped")).lines().map_while(Result::ok);
    if let Some(stage) = stage {
        lines.find(|line| line.contains(stage)).expect("it gets that far");
    }
    std::thread::sleep(delay);
    // It may have ended by itself.
    let _ = child.kill();
    wait_for(&mut child).is_none()
}

#[test]
fn a_killed_training_leaves_nothing_half_done() {
    let home = Home::new();
    home.ok(&TRAIN);
    let mut killed = 0;
    for round in 0..ROUNDS {
        let stage = (round % (STAGES.len() + 1)).checked_sub(1).map(|stage| &STAGES[stage]);
        let delay = Duration::from_micros(700 * (round / (STAGES.len() + 1)) as u64);
        killed += usize::from(kill_after(&home, stage, delay));
    }
    assert!(killed > ROUNDS / 2, "only {killed} of {ROUNDS} were killed at work");

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
