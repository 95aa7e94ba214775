//! Reloading a model while it serves.

use crate::damage::flip;
use crate::support::{CREDIT, Home, body, rows, says, text, try_send};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

/// Ends the load, also when the test fails.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// Trains and promotes the next version of `german`, which differs from the others in its answers.
fn next_version(home: &Home, n_estimators: usize) -> Value {
    let trees = format!("n_estimators={n_estimators}");
    let run = home.json(&["train", CREDIT, "--target", "risk", "--cv", "none", "--set", &trees]);
    let version = home.json(&["models", "register", &text(&run["model_uri"]), "german"]);
    let number = version["version"].to_string();
    home.json(&["models", "promote", "german", &number, "--override-gate", "a test"]);
    json!({"run_id": run["run_id"], "version": version["version"]})
}

#[test]
fn no_request_is_dropped_and_each_version_answers_for_itself() {
    let home = Home::with_model();
    let server = home.server();
    let request = body(&rows(20));
    let ask = || {
        try_send(&server.address, "POST", "/predict/german", &["content-type: application/json"], request.as_bytes())
    };
    let mut expected = vec![ask().unwrap().ok()["probabilities"].clone()];
    let over = AtomicBool::new(false);
    let answers = std::thread::scope(|scope| {
        let client = || {
            let mut answers = Vec::new();
            while !over.load(Ordering::Acquire) {
                answers.push(ask());
            }
            answers
        };
        // Whatever fails below, the clients must not run on.
        let _stop = Stop(&over);
        let clients: Vec<_> = (0..4).map(|_| scope.spawn(client)).collect();
        for n_estimators in [11, 12, 13] {
            let version = next_version(&home, n_estimators)["version"].clone();
            let told = server.post("/models/german/reload", "").ok();
            assert_eq!(told["model_version"], version);
            assert_eq!(told["message"], format!("Model german reloaded (version {version})"));
            let now = ask().unwrap().ok();
            assert_eq!(now["model_version"], version, "an answer after the reload is the new version's");
            expected.push(now["probabilities"].clone());
        }
        over.store(true, Ordering::Release);
        clients.into_iter().flat_map(|client| client.join().expect("the client lives")).collect::<Vec<_>>()
    });
    assert_eq!(expected.iter().map(Value::to_string).collect::<BTreeSet<_>>().len(), 4, "the versions differ");
    let mut versions = BTreeSet::new();
    for answer in answers {
        let answer = answer.expect("no request is dropped").ok();
        let version = answer["model_version"].as_u64().expect("a version");
        assert_eq!(answer["probabilities"], expected[version as usize - 1], "version {version}");
        versions.insert(version);
    }
    assert!(versions.len() > 1, "the load went on over a reload: {versions:?}");
}

#[test]
fn the_old_version_stays_when_the_new_one_is_damaged() {
    let home = Home::with_model();
    let server = home.server();
    let before = server.post("/predict/german", body(&rows(5))).ok();
    let next = next_version(&home, 11);
    let pipeline = home.artifacts(&text(&next["run_id"])).join("model/pipeline.metria");
    let sound = std::fs::read(&pipeline).unwrap();
    flip(&pipeline, 2_000);
    let answer = server.post("/models/german/reload", "");
    let message = answer.refused(500);
    says(&message, &["model `german` was not reloaded", "version 1 still serves", "damaged"]);
    says(&server.log(), &["checksum"]);
    let after = server.post("/predict/german", body(&rows(5))).ok();
    assert_eq!((&after["model_version"], &after["probabilities"]), (&json!(1), &before["probabilities"]));

    std::fs::remove_file(&pipeline).unwrap();
    says(&server.post("/models/german/reload", "").refused(500), &["version 1 still serves"]);
    std::fs::write(&pipeline, sound).unwrap();
    assert_eq!(server.post("/models/german/reload", "").ok()["model_version"], 2, "once it is sound again");
    assert_eq!(server.post("/predict/german", body(&rows(1))).ok()["model_version"], 2);
}

#[test]
fn nothing_in_production_any_more() {
    let home = Home::with_model();
    let server = home.server();
    server.post("/predict/german", body(&rows(1))).ok();
    home.ok(&["models", "promote", "german", "1", "Archived"]);
    let message = server.post("/models/german/reload", "").refused(404);
    says(&message, &["version 1 still serves", "No model found for german in Production"]);
    assert_eq!(server.post("/predict/german", body(&rows(1))).status, 200);
    says(&server.post("/models/nobody/reload", "").refused(404), &["No model found for nobody"]);
}
