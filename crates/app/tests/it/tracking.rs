//! `ExperimentTracker`, `metria runs exec` and `metria runs sync`, with servers and trainings that die.

use crate::support::{Home, Server, redacted, says, stderr, stdout, text, wait_for, wait_until};
use metria::{ExperimentConfig, ExperimentTracker, ModelRegistry, ModelStage, TrackerOptions};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A free port's address, which a server may take again.
fn free_address() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("it has an address").to_string()
}

fn server_at(home: &Home, address: &str) -> Server {
    let port = address.rsplit(':').next().expect("a port");
    Server::start(home.command(&["server", "--port", port]), home.path("server.log"))
}

fn options(address: &str, spool: &Path, finish_timeout: Duration) -> TrackerOptions {
    let mut options = TrackerOptions::at(&format!("http://{address}"));
    options.spool = Some(spool.to_path_buf());
    options.system_metrics = None;
    options.recorder.batch_interval = Duration::from_millis(2);
    options.recorder.finish_timeout = finish_timeout;
    options
}

fn config() -> ExperimentConfig {
    ExperimentConfig { model_type: "forest".to_owned(), ..ExperimentConfig::default() }
}

/// The steps of a metric of a run, as the server gives them out.
fn steps(home: &Home, run_id: &str) -> Vec<i64> {
    let run = home.json(&["runs", "show", run_id]);
    let history = run["metric_history"]["loss"].as_array().cloned().unwrap_or_default();
    history.iter().map(|metric| metric["step"].as_i64().expect("a step")).collect()
}

fn sync(home: &Home, spool: &Path, address: &str) -> Value {
    let uri = format!("http://{address}");
    home.json(&["runs", "sync", &spool.display().to_string(), "--tracking-uri", &uri])
}

#[test]
fn a_server_that_was_down_for_the_whole_training_gets_all_of_it_once() {
    let home = Home::new();
    let (address, spool) = (free_address(), home.path("spool"));
    let options = options(&address, &spool, Duration::from_millis(200));
    let tracker = ExperimentTracker::with("offline", None, options).unwrap();
    let run_id = tracker.start_experiment(&config(), Some("lonely")).unwrap();
    for step in 0..1_500 {
        tracker.log_metrics([("loss", 1.0 / f64::from(step + 1))], None).unwrap();
    }
    let model = home.file("weights.bin", vec![7_u8; 300_000]);
    let artifact = tracker.log_artifacts(&model, "model").unwrap();
    let done = tracker.finish_experiment().unwrap();
    assert!(!done.all, "{done:?}");
    says(done.trouble.as_deref().unwrap_or_default(), &[&address, "cannot be reached"]);
    says(
        &home.refused(
            1,
            &["runs", "sync", &spool.display().to_string(), "--tracking-uri", &format!("http://{address}")],
        ),
        &["1 of 1 spools could not be sent"],
    );

    let server = server_at(&home, &address);
    let reports = sync(&home, &spool, &address);
    assert_eq!(reports[0]["outcome"], "sent");
    assert_eq!((&reports[0]["marked_failed"], &reports[0]["refused"]), (&json!(false), &json!(0)));
    assert_eq!(steps(&home, &run_id), (0..1_500).collect::<Vec<i64>>());
    let run = home.json(&["runs", "show", &run_id]);
    assert_eq!((&run["status"], &run["run_name"]), (&json!("FINISHED"), &json!("lonely")));
    let path = format!("/api/v1/runs/{run_id}/artifacts/{}/weights.bin", artifact.path);
    assert_eq!(server.get(&path).body.len(), 300_000);
    assert_eq!(sync(&home, &spool, &address), json!([]), "nothing is left");
    let found = server.get("/api/v1/runs").ok();
    assert_eq!(found["items"].as_array().unwrap().len(), 1, "and nothing came twice");
}

#[test]
fn a_server_that_is_killed_and_comes_back_gets_all_of_it_once() {
    let home = Home::new();
    let (address, spool) = (free_address(), home.path("spool"));
    let mut server = server_at(&home, &address);
    let tracker = ExperimentTracker::with("killed", None, options(&address, &spool, Duration::from_secs(60))).unwrap();
    let run_id = tracker.start_experiment(&config(), None).unwrap();
    let mut step = 0;
    for round in 0..4 {
        for _ in 0..300 {
            tracker.log_metrics([("loss", f64::from(step))], None).unwrap();
            step += 1;
        }
        if round == 3 {
            break;
        }
        // In the middle of what is on its way.
        std::thread::sleep(Duration::from_millis(3 + 7 * round));
        drop(server);
        for _ in 0..100 {
            tracker.log_metrics([("loss", f64::from(step))], None).unwrap();
            step += 1;
        }
        server = server_at(&home, &address);
    }
    let done = tracker.finish_experiment().unwrap();
    assert!(done.all && done.refused == 0, "{done:?}");
    assert_eq!(steps(&home, &run_id), (0..i64::from(step)).collect::<Vec<i64>>());
    assert_eq!(home.json(&["runs", "show", &run_id])["status"], "FINISHED");
    drop(server);
}

/// Where [`a_training_process`] is told what to do.
const TRAINING: &str = "METRIA_TEST_TRAINING";

/// Trains until it is killed when it is told where; to its end otherwise.
#[test]
fn a_training_process() {
    #[expect(clippy::disallowed_methods, reason = "the test starts itself again with this variable")]
    let told = std::env::var(TRAINING).ok();
    let folder = tempfile::tempdir().unwrap();
    let options = match &told {
        Some(told) => {
            let (address, spool) = told.split_once(' ').expect("an address and a folder");
            options(address, Path::new(spool), Duration::from_secs(60))
        }
        None => TrackerOptions { system_metrics: None, ..TrackerOptions::at(&folder.path().display().to_string()) },
    };
    let tracker = ExperimentTracker::with("trainings", None, options).unwrap();
    tracker.start_experiment(&config(), None).unwrap();
    let most = if told.is_some() { 1_000_000 } else { 100 };
    for step in 0..most {
        tracker.log_metrics([("loss", f64::from(step))], None).unwrap();
    }
    assert!(tracker.finish_experiment().unwrap().all);
}

fn training(address: &str, spool: &Path) -> Child {
    let mut command = Command::new(std::env::current_exe().expect("this test has a file"));
    command.args(["tracking::a_training_process", "--exact"]).stdout(Stdio::null()).stderr(Stdio::null());
    command.env(TRAINING, format!("{address} {}", spool.display())).spawn().expect("it starts")
}

#[test]
fn a_training_that_is_killed_is_brought_to_its_end_by_a_sync() {
    let home = Home::new();
    let (address, spool) = (free_address(), home.path("spool"));
    let mut server = Some(server_at(&home, &address));
    for round in 0..6 {
        let mut child = training(&address, &spool);
        let left = || -> Option<PathBuf> {
            let entries = std::fs::read_dir(&spool).ok()?;
            let mut paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
            paths.find(|path| !path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.')))
        };
        wait_until("a spool with events", || {
            left().and_then(|run| run.join("events").metadata().ok()).is_some_and(|file| file.len() > 20_000)
        });
        if round % 2 == 1 {
            // The server goes first: most is in the spool alone.
            server = None;
        }
        std::thread::sleep(Duration::from_micros(900 * round));
        let alive = left().expect("the run has a spool");
        let running: Value = {
            let server = server.get_or_insert_with(|| server_at(&home, &address));
            assert!(!server.address.is_empty());
            sync(&home, &spool, &address)
        };
        assert_eq!(running[0]["outcome"], "running", "a living one is left alone");
        child.kill().expect("it can be killed");
        wait_for(&mut child);
        let run_id = alive.file_name().expect("a name").to_string_lossy().into_owned();
        let reports = sync(&home, &spool, &address);
        assert_eq!((&reports[0]["outcome"], &reports[0]["marked_failed"]), (&json!("sent"), &json!(true)), "{reports}");
        let run = home.json(&["runs", "show", &run_id]);
        assert_eq!(run["status"], "FAILED");
        assert!(
            text(&run["tags"].as_array().unwrap().iter().find(|tag| tag["key"] == "metria.error").unwrap()["value"])
                .contains("without finishing")
        );
        let steps = steps(&home, &run_id);
        assert!(steps.len() > 100, "{} steps", steps.len());
        assert_eq!(steps, (0..steps.len() as i64).collect::<Vec<i64>>(), "without a gap, none twice");
        assert!(left().is_none(), "the spool is gone");
    }
}

#[test]
fn a_command_is_run_as_a_run() {
    let home = Home::new();
    let script = "echo out $METRIA_RUN_ID $MLFLOW_RUN_ID; echo to-stderr >&2; sleep 1.3";
    let output = home.run(&[
        "runs",
        "exec",
        "--experiment",
        "shell",
        "--run-name",
        "first",
        "--system-metrics",
        "1",
        "--",
        "sh",
        "-c",
        script,
    ]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let printed = stdout(&output);
    says(&stderr(&output), &["to-stderr", "FINISHED"]);
    let runs = home.json(&["runs", "list", "--experiment", "shell"]);
    let run_id = text(&runs[0]["run_id"]);
    assert_eq!(printed, format!("out {run_id} {run_id}\n"));
    let shown = home.json(&["runs", "show", &run_id]);
    assert_eq!((&shown["status"], &shown["run_name"]), (&json!("FINISHED"), &json!("first")));
    let cpu = &shown["metric_history"]["system/cpu_utilization_percentage"];
    assert_eq!(cpu.as_array().map(Vec::len), Some(1), "{cpu}");
    let log = std::fs::read_to_string(home.artifacts(&run_id).join("console.log")).expect("the output is kept");
    says(&log, &["out ", "to-stderr"]);
    assert!(home.artifacts(&run_id).join("environment/environment.json").exists());

    for (command, code, status, reason) in [
        (&["sh", "-c", "exit 7"][..], 7, "FAILED", "exit code 7"),
        (&["sh", "-c", "kill -9 $$"], 137, "KILLED", "signal 9"),
        (&["no-such-command-here"], 127, "FAILED", "cannot run `no-such-command-here`"),
    ] {
        let told =
            home.run(&[&["runs", "exec", "--experiment", "failing", "--system-metrics", "0", "--"], command].concat());
        assert_eq!(told.status.code(), Some(code), "{}", stderr(&told));
        says(&stderr(&told), &["error: ", reason]);
        let newest = &home.json(&["runs", "list", "--experiment", "failing", "--limit", "1"])[0];
        assert_eq!(newest["status"], status);
        let tags = newest["tags"].as_array().expect("tags");
        says(&text(&tags.iter().find(|tag| tag["key"] == "metria.error").expect("a reason")["value"]), &[reason]);
    }
    says(&redacted(&home.ok(&["runs", "sync"]), &home), &["nothing was left behind"]);
}

#[test]
fn a_killed_exec_is_brought_to_its_end_by_a_sync() {
    let home = Home::new();
    let mut command = home.command(&["runs", "exec", "--", "sh", "-c", "echo begun; exec sleep 20"]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
    let runs = || home.json(&["runs", "list"]);
    wait_until("the run", || runs().as_array().is_some_and(|runs| !runs.is_empty()));
    assert_eq!(runs()[0]["status"], "RUNNING");
    child.kill().expect("it can be killed");
    wait_for(&mut child);
    says(&home.ok(&["runs", "sync"]), &["FAILED"]);
    assert_eq!(runs()[0]["status"], "FAILED");
}

#[test]
fn a_registry_on_a_server_is_that_of_its_home() {
    let home = Home::with_model();
    let server = home.server();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let uri = format!("http://{}", server.address);
        let registry = ModelRegistry::new(Some(&uri)).await.unwrap().acting_as("ada");
        let production = ModelStage::Production;
        let version = registry.get_model_version("german", production).await.unwrap().expect("it is there");
        let model = registry.load_model("german", production).await.unwrap();
        assert_eq!(model.classes().len(), 2);
        assert_eq!(registry.get_model_version("nothing", production).await.unwrap(), None);
        let missing = registry.load_model("nothing", production).await.unwrap_err().to_string();
        assert_eq!(missing, "No model found for nothing in Production");
        let next = registry.register_model("models:/german/1", "german", Some("again")).await.unwrap();
        assert_eq!((next.version, next.run_id), (2, version.run_id));
        let moved = registry.promote_model("german", 2, ModelStage::Staging, Some("why")).await.unwrap();
        assert_eq!(moved.stage, ModelStage::Staging);
        assert_eq!(registry.load_model("german", ModelStage::Staging).await.unwrap().classes().len(), 2);
        let compared = registry.compare_models("german", 1, 2).await.unwrap();
        assert_eq!(compared.version1.metrics, compared.version2.metrics);
        registry.promote_overriding_gate("german", 2, "a test").await.unwrap();
        assert_eq!(registry.rollback("german").await.unwrap().version, 1);
    });
}

#[test]
fn runs_and_files_are_taken_once_and_whole() {
    let home = Home::new();
    let server = home.server();
    let new = |run_id: &str, experiment: &str| {
        server.post("/api/v1/runs", json!({"run_id": run_id, "experiment_id": experiment}).to_string())
    };
    let run_id = "0123456789abcdef0123456789abcdef";
    let (first, second) = (new(run_id, "0"), new(run_id, "0"));
    assert_eq!((first.status, second.status), (201, 200));
    assert_eq!(first.json(), second.json());
    says(&new("../x", "0").refused(400), &["32 hexadecimal characters", "../x"]);
    says(&new(&run_id.to_uppercase(), "0").refused(400), &["32 hexadecimal"]);
    let other = server.post("/api/v1/experiments", json!({"name": "other"}).to_string()).json();
    says(&new(run_id, &text(&other["experiment_id"])).refused(409), &["exists already"]);

    let put =
        |path: &str, body: &[u8]| server.send("PUT", &format!("/api/v1/runs/{run_id}/artifacts/{path}"), &[], body);
    let sha256 = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
    assert_eq!(put(&format!("a/b.txt?sha256={sha256}"), b"hello").status, 204);
    assert_eq!(put(&format!("a/b.txt?sha256={sha256}"), b"hello").status, 204, "again");
    says(&put(&format!("a/c.txt?sha256={sha256}"), b"hell0").refused(400), &["announced was", sha256]);
    let list = server.get(&format!("/api/v1/runs/{run_id}/artifacts?path=a")).ok();
    assert_eq!(list, json!([{"path": "a/b.txt", "is_dir": false, "size_bytes": 5}]), "what is refused is not kept");
    for path in ["..%2F..%2Fx", "a/..%2F..%2F..%2Fx", "%2Fetc%2Fx", "a%5Cb", "C:%2Fx"] {
        assert_eq!(put(path, b"x").status, 400, "{path}");
    }
    assert_eq!(server.send("PUT", "/api/v1/runs/nothing/artifacts/x", &[], b"x").status, 404);
}
