//! `metria gc`: what it removes, what it keeps, and what a kill leaves.

use crate::support::{Home, Server, says, text, wait_for};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

fn send(server: &Server, method: &str, path: &str, value: &Value) -> Value {
    let answer = server.send(method, path, &["content-type: application/json"], value.to_string().as_bytes());
    assert!((200..300).contains(&answer.status), "{answer:?}");
    if answer.body.is_empty() { Value::Null } else { answer.json() }
}

/// A finished run with files; its id and its folder.
fn run(server: &Server, experiment_id: &str, accuracy: f64, files: usize) -> (String, PathBuf) {
    let run = send(server, "POST", "/api/v1/runs", &json!({"experiment_id": experiment_id}));
    let id = text(&run["run_id"]);
    let metric = json!({"key": "accuracy", "value": accuracy, "timestamp_ms": 1, "step": 0});
    send(server, "POST", &format!("/api/v1/runs/{id}/log"), &json!({"metrics": [metric]}));
    send(server, "PATCH", &format!("/api/v1/runs/{id}"), &json!({"status": "FINISHED", "end_time_ms": 2}));
    let folder = PathBuf::from(text(&run["artifact_uri"]).strip_prefix("file://").expect("it is local"));
    for file in 0..files {
        let inner = folder.join(format!("part{}", file % 3));
        std::fs::create_dir_all(&inner).expect("the folder is made");
        std::fs::write(inner.join(format!("{file}.bin")), [7; 100]).expect("the file is written");
    }
    (id, folder)
}

fn delete(server: &Server, run_id: &str) {
    send(server, "PATCH", &format!("/api/v1/runs/{run_id}"), &json!({"lifecycle": "deleted"}));
}

fn files(folder: &Path) -> usize {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    let paths = entries.map(|entry| entry.expect("the folder is read").path());
    paths.map(|path| if path.is_dir() { files(&path) } else { 1 }).sum()
}

fn ids(list: &Value) -> Vec<String> {
    list.as_array().expect("a list").iter().map(|entry| text(&entry["id"])).collect()
}

#[test]
fn what_was_deleted_goes_and_all_else_stays() {
    let home = Home::with_model();
    let server = home.server();
    let registered = text(&home.json(&["models", "show", "german"])["versions"][0]["run_id"]);
    let (alive, alive_folder) = run(&server, "0", 0.5, 3);
    let (gone, gone_folder) = run(&server, "0", 0.5, 5);
    delete(&server, &gone);
    delete(&server, &registered);
    let orphan = home.path("home/artifacts/0/0123456789abcdef0123456789abcdef/artifacts");
    std::fs::create_dir_all(&orphan).unwrap();
    std::fs::write(orphan.join("left.txt"), "left").unwrap();
    let foreign = home.path("home/artifacts/models/0123456789abcdef0123456789abcdef");
    std::fs::create_dir_all(&foreign).unwrap();
    std::fs::write(foreign.join("other.txt"), "other").unwrap();

    let nothing = home.json(&["gc"]);
    assert_eq!((&nothing["runs"], &nothing["folders"]), (&json!([]), &json!([])), "30 days have not gone by");
    // What came into the bin in the same millisecond as the collection began stays.
    std::thread::sleep(Duration::from_millis(5));

    let planned = home.json(&["gc", "--older-than", "0d", "--dry-run"]);
    assert_eq!((ids(&planned["runs"]), planned["dry_run"].as_bool()), (vec![gone.clone()], Some(true)));
    assert_eq!(ids(&planned["folders"]), ["0/0123456789abcdef0123456789abcdef"]);
    assert_eq!(ids(&planned["kept"]), std::slice::from_ref(&registered));
    assert_eq!((&planned["files"], &planned["size_bytes"]), (&json!(6), &json!(504)));
    assert_eq!((files(&gone_folder), files(&orphan)), (5, 1), "nothing was touched");
    says(&home.ok(&["gc", "--older-than", "0d", "--dry-run"]), &["would be removed", "6 files, 504 B", &gone]);

    let done = home.json(&["gc", "--older-than", "0d"]);
    for part in ["runs", "folders", "files", "size_bytes", "experiments"] {
        assert_eq!(done[part], planned[part], "{part}");
    }
    says(&text(&done["kept"][0]["reason"]), &["version 1 of german", &registered]);
    server.get(&format!("/api/v1/runs/{gone}")).refused(404);
    assert_eq!(server.get(&format!("/api/v1/runs/{alive}")).ok()["lifecycle"], "active");
    assert!(!gone_folder.exists() && !gone_folder.parent().unwrap().exists() && !orphan.exists());
    assert_eq!((files(&alive_folder), files(&foreign)), (3, 1));
    home.ok(&["evaluate", "models:/german/1", crate::support::CREDIT]);
    let again = home.json(&["gc", "--older-than", "0d"]);
    assert_eq!((&again["runs"], &again["files"]), (&json!([]), &json!(0)));
}

#[test]
fn deleted_experiments_go_with_their_runs() {
    let home = Home::new();
    let server = home.server();
    let experiment = send(&server, "POST", "/api/v1/experiments", &json!({"name": "old"}));
    let id = text(&experiment["experiment_id"]);
    let (first, folder) = run(&server, &id, 0.5, 2);
    let (second, _) = run(&server, &id, 0.6, 0);
    delete(&server, &second);
    send(&server, "PATCH", &format!("/api/v1/experiments/{id}"), &json!({"lifecycle": "deleted"}));
    std::thread::sleep(Duration::from_millis(5));
    let planned = home.json(&["gc", "--older-than", "0d", "--dry-run"]);
    let done = home.json(&["gc", "--older-than", "0d"]);
    assert_eq!(done["experiments"], json!([id]));
    assert_eq!((ids(&done["runs"]), &done["files"]), (vec![second, first], &json!(2)));
    assert_eq!((&planned["runs"], &planned["experiments"]), (&done["runs"], &done["experiments"]));
    server.get(&format!("/api/v1/experiments/{id}")).refused(404);
    assert!(!folder.exists());
    send(&server, "POST", "/api/v1/experiments", &json!({"name": "old"}));
}

#[test]
fn rules_say_which_runs_stay() {
    let home = Home::new();
    let server = home.server();
    let accuracies = [0.9, 0.1, 0.5, 0.8, 0.2, 0.3];
    let runs: Vec<String> = accuracies
        .iter()
        .map(|accuracy| {
            std::thread::sleep(Duration::from_millis(2));
            run(&server, "0", *accuracy, 1).0
        })
        .collect();
    let going_on = text(&send(&server, "POST", "/api/v1/runs", &json!({"experiment_id": "0"}))["run_id"]);
    let rules = ["--experiment", "Default", "--keep-newest", "2", "--keep-best", "2", "--by", "metrics.accuracy DESC"];
    let gc = |more: &[&str]| home.json(&[&["gc"][..], &rules, more].concat());
    // The one that goes on and the newest finished run; then the two best.
    let expected = json!([&runs[4], &runs[2], &runs[1]]);
    assert_eq!(gc(&["--dry-run"])["binned"], expected);
    assert_eq!(gc(&["--dry-run", "--keep-younger", "1d"])["binned"], json!([]));
    assert_eq!(gc(&["--dry-run", "--filter", "metrics.accuracy < 0.4"])["binned"], json!([&runs[1]]));
    let lifecycle = |id: &str| text(&server.get(&format!("/api/v1/runs/{id}")).ok()["lifecycle"]);
    assert_eq!(lifecycle(&runs[1]), "active");
    assert_eq!(gc(&[])["binned"], expected);
    assert_eq!(
        (lifecycle(&runs[1]), lifecycle(&runs[0]), lifecycle(&going_on)),
        ("deleted".into(), "active".into(), "active".into())
    );
    assert_eq!(gc(&[])["binned"], json!([]), "what is in the bin is in it");

    says(&home.refused(1, &["gc", "--experiment", "Default"]), &["say which runs stay"]);
    says(&home.refused(2, &["gc", "--older-than", "soon"]), &["30d", "`soon`"]);
    says(&home.refused(2, &["gc", "--experiment", "Default", "--keep-best", "1", "--by", "accuracy"]), &["run_id"]);
    for usage in [&["gc", "--keep-newest", "3"][..], &["gc", "--experiment", "Default", "--keep-best", "3"]] {
        assert_eq!(home.run(usage).status.code(), Some(2), "{usage:?}");
    }
}

/// Whenever it is killed, a run in the bin has all its files, and the next collection finds the rest.
#[test]
fn a_killed_collection_leaves_no_run_without_its_files() {
    const FILES: usize = 12;
    let home = Home::new();
    let server = home.server();
    let mut folders = std::collections::BTreeMap::new();
    for _ in 0..120 {
        let (id, folder) = run(&server, "0", 0.5, FILES);
        delete(&server, &id);
        folders.insert(id, folder);
    }
    std::thread::sleep(Duration::from_millis(5));
    let mut halfway = 0;
    let mut delay = Duration::from_millis(10);
    for _ in 0..60 {
        let mut gc = home.command(&["gc", "--older-than", "0d"]);
        let mut child = gc.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
        std::thread::sleep(delay);
        // It may have ended by itself.
        let _ = child.kill();
        let ended = wait_for(&mut child).is_some();
        let bin = server.get("/api/v1/runs?lifecycle=deleted&max_results=1000").ok();
        let left: Vec<String> = bin["items"].as_array().unwrap().iter().map(|run| text(&run["run_id"])).collect();
        for id in &left {
            assert_eq!(files(&folders[id]), FILES, "the run {id} is in the bin and could be restored");
        }
        halfway += usize::from(!left.is_empty() && left.len() < folders.len());
        if ended {
            break;
        }
        // Longer and longer, so that it gets to its end on any machine.
        delay += Duration::from_millis(if left.len() == folders.len() { 10 } else { 3 });
    }
    assert!(halfway > 0, "it was never killed at work");
    home.ok(&["gc", "--older-than", "0d"]);
    assert_eq!(server.get("/api/v1/runs?lifecycle=deleted").ok()["items"], json!([]));
    assert_eq!(folders.values().map(|folder| files(folder)).sum::<usize>(), 0);
}
