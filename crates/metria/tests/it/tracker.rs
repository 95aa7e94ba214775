//! `ExperimentTracker` on a home that it opens itself.

use metria::{Error, ExperimentConfig, ExperimentTracker, TrackerOptions, Workspace, WorkspaceOptions};
use metria_core::Labels;
use metria_store::{Run, RunStatus};
use metria_tracking::SearchRuns;
use serde_json::json;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

fn options(home: &Path) -> TrackerOptions {
    TrackerOptions { system_metrics: None, user: "ada".to_owned(), ..TrackerOptions::at(&home.display().to_string()) }
}

fn tracker(home: &Path) -> ExperimentTracker {
    ExperimentTracker::with("credit", Some("team"), options(home)).unwrap()
}

fn config() -> ExperimentConfig {
    ExperimentConfig {
        model_type: "random_forest".to_owned(),
        features: vec!["age".to_owned()],
        hyperparameters: json!({"tree": {"max_depth": 3}}).as_object().unwrap().clone(),
        ..ExperimentConfig::default()
    }
}

/// What the home holds once the tracker is done with it.
fn look<T>(home: &Path, work: impl AsyncFnOnce(&Workspace) -> T) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let workspace = Workspace::open(WorkspaceOptions::at(home)).await.unwrap();
        let result = work(&workspace).await;
        workspace.close().await;
        result
    })
}

fn run(home: &Path, run_id: &str) -> Run {
    look(home, async |workspace| workspace.tracking.get_run(run_id).await.unwrap())
}

fn artifact(home: &Path, run_id: &str, path: &str) -> Vec<u8> {
    look(home, async |workspace| {
        let whole = workspace.run_artifact_path(run_id, path).await.unwrap();
        workspace.artifacts.get(&whole).await.unwrap().to_vec()
    })
}

#[test]
fn an_experiment_from_start_to_end() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("home");
    let tracker = tracker(&home);
    let run_id = tracker.start_experiment(&config(), None).unwrap();
    assert_eq!(tracker.run_id().as_deref(), Some(run_id.as_str()));
    for step in 0..3 {
        tracker.log_metrics([("loss", 1.0 / f64::from(step + 1)), ("lr", 0.1)], None).unwrap();
    }
    tracker.log_metrics([("accuracy", 0.5)], Some(10)).unwrap();
    tracker.log_metrics([("accuracy", f64::NAN)], None).unwrap();
    let truth = Labels::String(["good", "bad", "good", "bad"].map(str::to_owned).to_vec());
    let scores = [0.9, 0.2, 0.6, 0.7];
    let predicted = Labels::String(["good", "bad", "good", "good"].map(str::to_owned).to_vec());
    tracker.log_model_performance(&truth, &predicted, Some(&scores), "forest").unwrap();
    let console = tracker.console().unwrap();
    writeln!(console.tee(std::io::sink()), "epoch 1").unwrap();
    let model = folder.path().join("model");
    std::fs::create_dir_all(model.join("a")).unwrap();
    std::fs::write(model.join("a/weights"), "v1").unwrap();
    let first = tracker.log_artifacts(&model, "model").unwrap();
    assert_eq!(tracker.log_artifacts(&model, "model").unwrap(), first, "the same content is the same version");
    std::fs::write(model.join("a/weights"), "v2").unwrap();
    let second = tracker.log_artifacts(&model, "model").unwrap();
    assert_eq!((first.version, second.version), (1, 2));
    assert_eq!(first.name, format!("model_{run_id}"));
    // What happens to the files afterwards is of no concern.
    std::fs::remove_dir_all(&model).unwrap();
    let done = tracker.finish_experiment().unwrap();
    assert!(done.all && done.spool.is_none() && done.refused == 0, "{done:?}");
    assert_eq!(tracker.run_id(), None);

    let run = run(&home, &run_id);
    assert_eq!(run.info.status, RunStatus::Finished);
    assert!(run.info.run_name.starts_with("exp_2") && run.info.user_id == "ada");
    let of = |key: &str| run.params.iter().find(|param| param.key == key).map(|param| param.value.as_str());
    assert_eq!((of("hyperparameters.tree.max_depth"), of("features")), (Some("3"), Some("[\"age\"]")));
    let steps = |key: &str| -> Vec<i64> {
        let history = look(&home, async |workspace| workspace.tracking.metric_history(&run_id, key).await.unwrap());
        history.iter().map(|metric| metric.step).collect()
    };
    assert_eq!((steps("loss"), steps("accuracy")), (vec![0, 1, 2], vec![10, 11]));
    let metric = |key: &str| run.metrics.iter().find(|metric| metric.key == key).unwrap().value;
    assert!((metric("forest_roc_auc") - 0.75).abs() < 1e-12 && (metric("forest_accuracy") - 0.75).abs() < 1e-12);
    let tag = |key: &str| run.tags.iter().find(|tag| tag.key == key).map(|tag| tag.value.clone());
    assert_eq!(tag("metria.entity").as_deref(), Some("team"));
    assert!(tag("metria.artifact.model").unwrap().contains(&second.digest));
    for (version, content) in [(&first, "v1"), (&second, "v2")] {
        assert_eq!(artifact(&home, &run_id, &format!("{}/a/weights", version.path)), content.as_bytes());
    }
    assert_eq!(artifact(&home, &run_id, "console.log"), b"epoch 1\n");
    let curve: serde_json::Value =
        serde_json::from_slice(&artifact(&home, &run_id, "performance/forest/roc_curve.json")).unwrap();
    assert_eq!(curve["positive_class"], "good");
    let environment: serde_json::Value =
        serde_json::from_slice(&artifact(&home, &run_id, "environment/environment.json")).unwrap();
    assert_eq!(environment["os"], std::env::consts::OS);
    let experiment = look(&home, async |workspace| workspace.tracking.get_experiment_by_name("credit").await.unwrap());
    assert_eq!(run.info.experiment_id, experiment.experiment_id);
}

#[test]
fn errors_and_panics_fail_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("home");
    let tracker = tracker(&home);
    let refused =
        tracker.experiment(&config(), Some("refused"), |_| Err::<(), _>(Error::Invalid("bad data".to_owned())));
    assert_eq!(refused.unwrap_err().to_string(), "bad data");
    let broken = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        tracker.experiment(&config(), Some("broken"), |_| -> Result<(), Error> { panic!("it breaks") })
    }));
    assert!(broken.is_err());
    let (answer, done) = tracker
        .experiment(&config(), Some("fine"), |tracker| {
            tracker.log_metrics([("x", 1.0)], None)?;
            Ok::<_, Error>(7)
        })
        .unwrap();
    assert!(answer == 7 && done.all);
    tracker.start_experiment(&config(), Some("dropped")).unwrap();
    drop(tracker);
    let runs = look(&home, async |workspace| workspace.tracking.search_runs(&SearchRuns::default()).await.unwrap());
    let of = |name: &str| {
        let run = runs.items.iter().find(|run| run.info.run_name == name).unwrap();
        let reason = run.tags.iter().find(|tag| tag.key == "metria.error").map(|tag| tag.value.clone());
        (run.info.status, reason)
    };
    assert_eq!(of("refused"), (RunStatus::Failed, Some("bad data".to_owned())));
    assert_eq!(of("broken"), (RunStatus::Failed, Some("the training panicked".to_owned())));
    assert_eq!(of("dropped"), (RunStatus::Failed, None));
    assert_eq!(of("fine"), (RunStatus::Finished, None));
}

#[test]
fn a_run_of_somebody_else_is_added_to() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("home");
    let owner = tracker(&home);
    let run_id = owner.start_experiment(&ExperimentConfig::default(), Some("outer")).unwrap();
    assert!(owner.flush(Duration::from_secs(30)).unwrap());
    let guest = TrackerOptions { run_id: Some(run_id.clone()), ..options(&home) };
    let guest = ExperimentTracker::with("elsewhere", None, guest).unwrap();
    assert_eq!(guest.start_experiment(&config(), None).unwrap(), run_id);
    guest.log_metrics([("inner", 1.0)], None).unwrap();
    guest.finish_experiment().unwrap();
    assert_eq!(run(&home, &run_id).info.status, RunStatus::Running, "who made it ends it");
    owner.finish_experiment().unwrap();
    let run = run(&home, &run_id);
    assert_eq!((run.info.status, run.metrics.len()), (RunStatus::Finished, 1));
    assert!(run.params.iter().any(|param| param.key == "model_type"));
}

#[test]
fn what_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("home");
    let tracker = tracker(&home);
    let told = |result: Result<(), Error>| result.unwrap_err().to_string();
    assert!(told(tracker.log_metrics([("x", 1.0)], None)).contains("no experiment is going on"));
    assert!(told(tracker.finish_experiment().map(|_| ())).contains("no experiment is going on"));
    let run_id = tracker.start_experiment(&config(), None).unwrap();
    assert!(told(tracker.start_experiment(&config(), None).map(|_| ())).contains(&run_id));
    assert!(told(tracker.log_metrics([("../x", 1.0)], None)).contains("../x"));
    assert!(told(tracker.log_bytes(b"", "../x")).contains("../x"));
    let labels = Labels::Long(vec![0, 1]);
    assert!(told(tracker.log_model_performance(&labels, &labels, None, "a/b").map(|_| ())).contains("a/b"));
    tracker.finish_experiment().unwrap();
    assert!(ExperimentTracker::with("", None, options(&home)).is_err());
    assert!(ExperimentTracker::with("x", None, TrackerOptions::at("s3://bucket")).is_err());
}
