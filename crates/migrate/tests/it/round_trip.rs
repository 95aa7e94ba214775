//! Records into an `mlruns` folder, and that into other records.

use crate::history::{RUN, Records, tag};
use metria_core::ModelStage;
use metria_migrate::{Mirror, MlrunsSource, MlrunsTarget, Problems, Source, Table, Target, check, copy};
use metria_store::{ExperimentStore, Lifecycle, LogBatch, Metric, ModelStore, RunStatus, RunStore};
use std::path::Path;

async fn carry<T: Target + Mirror>(source: &dyn Source, target: &T) -> (Table, Vec<String>) {
    let problems = Problems::default();
    let copied = copy(source, target, &problems, &|_| ()).await.unwrap();
    (check(source, target, &copied, &problems).await.unwrap(), problems.list())
}

async fn carry_all<T: Target + Mirror>(source: &dyn Source, target: &T) -> Table {
    let (table, problems) = carry(source, target).await;
    assert!(table.is_same() && problems.is_empty(), "{:#?} {problems:?}", table.differences);
    table
}

fn count(table: &Table, what: &str) -> u64 {
    table.rows.iter().find(|row| row.what == what).unwrap().source
}

fn mlruns(folder: &Path) -> MlrunsSource {
    MlrunsSource::open(folder, &[], Problems::default()).unwrap()
}

#[tokio::test]
async fn everything_goes_out_and_comes_in_again() {
    let folder = tempfile::tempdir().unwrap();
    let ours = Records::full(&folder.path().join("ours")).await;
    let exported = folder.path().join("mlruns");
    let table = {
        let target = MlrunsTarget::open(&exported, Problems::default()).unwrap();
        carry_all(&ours.side(), &target).await
    };
    assert_eq!((count(&table, "experiments"), count(&table, "runs"), count(&table, "measurements")), (3, 4, 4 * 1_240));
    assert_eq!(
        (count(&table, "artifact files"), count(&table, "model versions"), count(&table, "aliases")),
        (13, 2, 1)
    );

    let theirs = Records::empty(&folder.path().join("theirs"));
    let source = mlruns(&exported);
    carry_all(&source, &theirs.side()).await;
    let run = theirs.store.get_run(RUN).await.unwrap();
    let original = ours.store.get_run(RUN).await.unwrap();
    assert_eq!((&run.params, &run.tags, &run.inputs), (&original.params, &original.tags, &original.inputs));
    assert_eq!(run.info.run_name, original.info.run_name);
    assert_eq!(format!("{:?}", run.metrics), format!("{:?}", original.metrics), "the latest values agree");
    assert!(run.info.artifact_uri.starts_with(&theirs.artifacts.root_uri()));
    assert_eq!(theirs.store.get_experiment("8").await.unwrap().lifecycle, Lifecycle::Deleted);
    assert_eq!(theirs.store.get_experiment("8").await.unwrap().last_update_time_ms, 250);
    let deleted = theirs.store.get_run("22222222222222222222222222222222").await.unwrap();
    assert_eq!((deleted.info.lifecycle, deleted.info.status), (Lifecycle::Deleted, RunStatus::Failed));
    let versions = theirs.store.list_versions("credit").await.unwrap();
    assert_eq!(
        versions.iter().map(|version| (version.version, version.stage)).collect::<Vec<_>>(),
        [(3, ModelStage::Production), (1, ModelStage::None)]
    );
    let path = versions[0].storage_location.strip_prefix(&theirs.artifacts.root_uri()).unwrap();
    let file = format!("{}/MLmodel", path.trim_start_matches('/'));
    assert_eq!(&theirs.artifacts.get(&file).await.unwrap()[..], b"flavors: {}", "its files have come along");
    assert_eq!(theirs.store.get_model("credit").await.unwrap().last_update_time_ms, 600);
    assert_eq!(theirs.store.list_transitions("credit").await.unwrap()[0].time_ms, 500);

    // Once more changes nothing.
    let before = theirs.store.list_transitions("credit").await.unwrap().len();
    carry_all(&source, &theirs.side()).await;
    assert_eq!(theirs.store.metric_history(RUN, "loss").await.unwrap().len(), 1_234);
    assert_eq!(theirs.store.list_versions("credit").await.unwrap().len(), 2);
    assert_eq!(theirs.store.list_transitions("credit").await.unwrap().len(), before);
    let next = metria_store::ModelVersion { version: 0, stage: ModelStage::None, ..versions[0].clone() };
    assert_eq!(theirs.store.create_version(next).await.unwrap().version, 4);
}

#[tokio::test]
async fn a_second_time_takes_what_is_new() {
    let folder = tempfile::tempdir().unwrap();
    let ours = Records::full(&folder.path().join("ours")).await;
    let exported = folder.path().join("mlruns");
    let open = || MlrunsTarget::open(&exported, Problems::default()).unwrap();
    carry_all(&ours.side(), &open()).await;
    let metric = Metric { key: "loss".to_owned(), value: 0.25, timestamp_ms: 9, step: 5_000 };
    let batch = LogBatch { metrics: vec![metric], tags: vec![tag("note", "other")], ..LogBatch::default() };
    ours.store.log_batch(RUN, batch).await.unwrap();
    ours.store.set_experiment_lifecycle("8", Lifecycle::Active, 260).await.unwrap();
    let file = format!("7/{RUN}/artifacts/model/MLmodel");
    ours.artifacts.put(&file, b"flavors: {a: 1}").await.unwrap();
    carry_all(&ours.side(), &open()).await;
    assert_eq!(std::fs::read(exported.join(&file)).unwrap(), b"flavors: {a: 1}");
    let lines = std::fs::read_to_string(exported.join("7").join(RUN).join("metrics/loss")).unwrap();
    assert_eq!((lines.lines().count(), lines.lines().last()), (1_235, Some("9 0.25 5000")));
    assert!(exported.join("8/meta.yaml").exists() && !exported.join(".trash/8").exists(), "it is restored");
}

#[tokio::test]
async fn names_and_ids_that_are_taken() {
    let folder = tempfile::tempdir().unwrap();
    let ours = Records::full(&folder.path().join("ours")).await;
    let theirs = Records::empty(&folder.path().join("theirs"));
    theirs.experiment("0", "Default").await;
    theirs.experiment("7", "another").await;
    theirs.experiment("99", "gone").await;
    theirs.store.set_experiment_lifecycle("99", Lifecycle::Deleted, 300).await.unwrap();
    theirs.run("7", "11111111111111111111111111111111", RunStatus::Finished).await;
    theirs.model("credit").await;
    let (table, problems) = carry(&ours.side(), &theirs.side()).await;
    assert!(!table.is_same());
    let told = problems.join("\n");
    assert!(
        told.contains("run 11111111111111111111111111111111: there is a run of that id in the experiment 7"),
        "{told}"
    );
    let moved = theirs.store.get_experiment_by_name("credit / scoring").await.unwrap();
    assert_ne!(moved.experiment_id, "7", "the id is taken by another name");
    assert_eq!(theirs.store.get_run(RUN).await.unwrap().info.experiment_id, moved.experiment_id);
    let gone = theirs.store.get_experiment("99").await.unwrap();
    assert_eq!(gone.lifecycle, Lifecycle::Deleted, "it is as it was");
    assert_eq!(theirs.store.get_run("33333333333333333333333333333333").await.unwrap().info.experiment_id, "99");
    assert_eq!(theirs.store.get_run("11111111111111111111111111111111").await.unwrap().info.experiment_id, "7");
}

#[tokio::test]
async fn a_folder_with_something_else_is_not_written_to() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("thesis.txt"), "x").unwrap();
    let refused = MlrunsTarget::open(folder.path(), Problems::default()).err().unwrap().to_string();
    assert!(refused.contains("not exported here"), "{refused}");
}
