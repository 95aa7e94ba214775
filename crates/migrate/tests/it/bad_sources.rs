//! Sources that are damaged, or meant to do damage.

use crate::history::{RUN, Records};
use metria_migrate::{MlrunsSource, MlrunsTarget, Problems, Source, SqliteSource, check, copy};
use metria_store::{ExperimentStore, ModelStore, RunStore};
use std::os::unix::fs::symlink;
use std::path::Path;

/// An exported folder, spoiled, and then imported: what is there, and what was told.
async fn import(spoil: impl FnOnce(&Path)) -> (tempfile::TempDir, Records, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let ours = Records::full(&folder.path().join("ours")).await;
    let exported = folder.path().join("mlruns");
    let problems = Problems::default();
    let target = MlrunsTarget::open(&exported, problems.clone()).unwrap();
    copy(&ours.side(), &target, &problems, &|_| ()).await.unwrap();
    assert!(problems.list().is_empty());
    spoil(&exported);
    let theirs = Records::empty(&folder.path().join("theirs"));
    let source = MlrunsSource::open(&exported, &[], problems.clone()).unwrap();
    let copied = copy(&source, &theirs.side(), &problems, &|_| ()).await.unwrap();
    check(&source, &theirs.side(), &copied, &problems).await.unwrap();
    (folder, theirs, problems.list())
}

#[tokio::test]
async fn a_damaged_run_is_named_and_the_others_come() {
    for (name, text) in [
        ("no yaml", "a: [b"),
        ("another's", "run_id: '44444444444444444444444444444444'\nexperiment_id: '7'\nstatus: 3\n"),
        ("a path", "run_id: ../../x\nexperiment_id: '7'\nstatus: 3\n"),
        ("a list", "- 1\n- 2\n"),
        ("empty", ""),
    ] {
        let (_folder, theirs, problems) =
            import(|root| std::fs::write(root.join("7").join(RUN).join("meta.yaml"), text).unwrap()).await;
        assert!(
            problems.iter().any(|problem| problem.contains(RUN) && problem.contains("left out")),
            "{name}: {problems:?}"
        );
        assert!(theirs.store.get_run(RUN).await.is_err(), "{name}");
        assert!(theirs.store.get_run("11111111111111111111111111111111").await.is_ok(), "{name}");
        assert!(problems.iter().any(|problem| problem.contains("cannot be loaded here")), "its model has no files");
    }
}

#[tokio::test]
async fn damaged_parts_are_named_and_the_rest_comes() {
    let (_folder, theirs, problems) = import(|root| {
        let run = root.join("7").join(RUN);
        std::fs::write(run.join("metrics/loss"), "5 0.5 0\nnot a line\n5 0.25 1\n").unwrap();
        std::fs::write(run.join("params/depth"), b"\xff\xfe").unwrap();
        std::fs::write(run.join("inputs").join("broken"), "a file").unwrap();
        std::fs::remove_dir_all(root.join("7/datasets")).unwrap();
        std::fs::write(
            root.join("models/credit/version-1/meta.yaml"),
            "current_stage: Nirvana\nname: credit\nversion: 1\n",
        )
        .unwrap();
        std::fs::write(root.join("models/credit/aliases/champion"), "many").unwrap();
        std::fs::write(root.join("8.yaml"), "x").unwrap();
    })
    .await;
    let told = problems.join("\n");
    for words in ["metrics/loss:2", "params/depth", "datasets", "Nirvana", "names no version"] {
        assert!(told.contains(words), "{words}: {told}");
    }
    assert_eq!(theirs.store.metric_history(RUN, "loss").await.unwrap().len(), 2);
    let run = theirs.store.get_run(RUN).await.unwrap();
    assert_eq!((run.params.len(), run.inputs.len()), (1, 0));
    let versions = theirs.store.list_versions("credit").await.unwrap();
    assert_eq!(versions.iter().map(|version| version.version).collect::<Vec<_>>(), [3]);
}

#[tokio::test]
async fn links_lead_nowhere() {
    let (folder, theirs, problems) = import(|root| {
        let secret = root.parent().unwrap().join("secret");
        std::fs::create_dir_all(&secret).unwrap();
        std::fs::write(secret.join("key"), "s3cret").unwrap();
        let run = root.join("7").join(RUN);
        symlink(secret.join("key"), run.join("artifacts/key")).unwrap();
        symlink(&secret, run.join("artifacts/folder")).unwrap();
        symlink(secret.join("key"), run.join("params/key")).unwrap();
        symlink(&secret, root.join("9")).unwrap();
        let other = root.join("7/11111111111111111111111111111111");
        std::fs::remove_dir_all(other.join("artifacts")).unwrap();
        let meta = std::fs::read_to_string(other.join("meta.yaml")).unwrap();
        let lines: Vec<String> = meta
            .lines()
            .map(|line| {
                if line.starts_with("artifact_uri") {
                    format!("artifact_uri: {}", secret.display())
                } else {
                    line.to_owned()
                }
            })
            .collect();
        std::fs::write(other.join("meta.yaml"), lines.join("\n")).unwrap();
    })
    .await;
    let told = problems.join("\n");
    assert!(told.matches("links are not followed").count() >= 3, "{told}");
    assert!(told.contains("lies outside the folders that may be read"), "{told}");
    let run = theirs.store.get_run(RUN).await.unwrap();
    assert_eq!(run.params.len(), 2);
    let mut found = Vec::new();
    let mut folders = vec![folder.path().join("theirs")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { found.push(std::fs::read(&path).unwrap()) }
        }
    }
    assert!(!found.is_empty() && !found.iter().any(|bytes| bytes == b"s3cret"));
}

#[tokio::test]
async fn what_is_no_source_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let open = |path: &Path| MlrunsSource::open(path, &[], Problems::default()).err().map(|error| error.to_string());
    assert!(open(folder.path()).unwrap().contains("holds no experiment"));
    assert!(open(&folder.path().join("nothing")).unwrap().contains("nothing"));
    let file = folder.path().join("x.db");
    std::fs::write(&file, "this is no database, but it is long enough to look like one at first ....").unwrap();
    let refused = SqliteSource::open(&file, &[], Problems::default()).await.err().unwrap().to_string();
    assert!(refused.contains("x.db"), "{refused}");
    std::fs::write(&file, "").unwrap();
    let refused = SqliteSource::open(&file, &[], Problems::default()).await.err().unwrap().to_string();
    assert!(refused.contains("no table `experiments`"), "{refused}");
    let records = Records::empty(&folder.path().join("a"));
    assert!(records.side().experiments().await.unwrap().is_empty());
    assert!(records.store.list_experiments(None).await.unwrap().is_empty());
}
