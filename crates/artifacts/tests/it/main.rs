//! Artifacts and model folders on a real disk and a real S3 server.

mod contract;
mod roots;

use arrow_array::{ArrayRef, Float64Array, RecordBatch, StringArray};
use metria_artifacts::{ArtifactStore, ModelPackage};
use metria_core::{ErrorKind, Kinded, Labels};
use metria_learn::pipeline::{Estimator, Pipeline};
use std::sync::Arc;
use tempfile::TempDir;

fn store() -> (TempDir, ArtifactStore) {
    let folder = tempfile::tempdir().expect("a folder");
    let store = ArtifactStore::open(&folder.path().join("root").display().to_string()).expect("a store");
    (folder, store)
}

#[tokio::test]
async fn files_come_back_and_folders_are_listed() {
    let (_folder, store) = store();
    store.put("run/model/MLmodel", b"one").await.expect("written");
    store.put("run/note ü.txt", b"two").await.expect("written");
    assert_eq!(store.get("run/note ü.txt").await.expect("read"), "two");
    let entries = store.list("run").await.expect("listed");
    let shown: Vec<(&str, bool, u64)> = entries.iter().map(|e| (e.path.as_str(), e.is_dir, e.size_bytes)).collect();
    assert_eq!(shown, [("model", true, 0), ("note ü.txt", false, 3)]);
    assert!(store.list("nowhere").await.expect("listed").is_empty());
    store.delete("run/note ü.txt").await.expect("deleted");
    store.delete("run/note ü.txt").await.expect("nothing to delete is no error");
    assert_eq!(store.get("run/note ü.txt").await.unwrap_err().kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn folders_are_measured_and_go_whole() {
    let (folder, store) = store();
    for (path, bytes) in [("1/a/x/one", "1234"), ("1/a/two", "56"), ("1/ab/three", "7"), ("2/b/four", "8")] {
        store.put(path, bytes.as_bytes()).await.expect("written");
    }
    let mut top = store.folders("").await.expect("listed");
    top.sort();
    assert_eq!(top, ["1", "2"]);
    let usage = store.usage("1/a").await.expect("measured");
    assert_eq!((usage.files, usage.size_bytes), (2, 6));
    assert!(usage.newest_ms.is_some_and(|newest_ms| newest_ms > 1_700_000_000_000));
    assert_eq!(store.usage("nowhere").await.expect("measured"), metria_artifacts::Usage::default());
    store.delete_all("1/a").await.expect("deleted");
    store.delete_all("1/a").await.expect("nothing to delete is no error");
    assert!(!folder.path().join("root/1/a").exists(), "the folders go, too");
    assert_eq!(store.folders("1").await.expect("listed"), ["ab"], "what begins alike stays");
    store.delete_all("2/b/four").await.expect("a file is deleted");
    assert_eq!(store.folders("").await.expect("listed"), ["1"]);
    assert_eq!(store.folders("../x").await.unwrap_err().kind(), ErrorKind::InvalidInput);
}

#[tokio::test]
async fn paths_cannot_leave_the_root() {
    let (folder, store) = store();
    std::fs::write(folder.path().join("secret"), "x").expect("written");
    for path in ["../secret", "/etc/passwd", "a/../../secret", "a//b", "C:\\x", "a\0b"] {
        assert_eq!(store.get(path).await.unwrap_err().kind(), ErrorKind::InvalidInput, "{path}");
        assert_eq!(store.put(path, b"x").await.unwrap_err().kind(), ErrorKind::InvalidInput, "{path}");
        assert_eq!(store.list(path).await.unwrap_err().kind(), ErrorKind::InvalidInput, "{path}");
    }
    let error = ArtifactStore::open("gs://bucket/x").unwrap_err();
    assert!(error.to_string().contains("gs://bucket/x"), "{error}");
}

fn package() -> (ModelPackage, RecordBatch) {
    let amount: ArrayRef = Arc::new(Float64Array::from_iter_values((0..40).map(f64::from)));
    let home: ArrayRef =
        Arc::new(StringArray::from_iter_values((0..40).map(|i| if i % 3 == 0 { "own" } else { "rent" })));
    let x = RecordBatch::try_from_iter([("amount", amount), ("home", home)]).expect("a table");
    let y = Labels::String((0..40).map(|i| if i > 20 { "good" } else { "bad" }.to_owned()).collect());
    let forest = Estimator::by_name("random_forest").expect("a forest");
    let pipeline = Pipeline::default_for(forest, "risk").fit(&x, &y).expect("a fit");
    let example = serde_json::json!({"columns": ["amount", "home"], "data": [[0.0, "own"]]});
    (ModelPackage::new("0123456789abcdef0123456789abcdef", Arc::new(pipeline)).with_input_example(example), x)
}

#[tokio::test]
async fn a_model_folder_is_what_mlflow_calls_a_model() {
    let (folder, store) = store();
    let (package, x) = package();
    package.write(&store, "7/run/artifacts/model").await.expect("written");
    let text = store.get("7/run/artifacts/model/MLmodel").await.expect("read");
    let model: serde_yaml_ng::Value = serde_yaml_ng::from_slice(&text).expect("YAML");
    assert_eq!(model["artifact_path"], "model");
    assert_eq!(model["run_id"], package.run_id.as_str());
    assert_eq!(model["saved_input_example_info"]["pandas_orient"], "split");
    let inputs: serde_json::Value =
        serde_json::from_str(model["signature"]["inputs"].as_str().expect("a text")).expect("JSON");
    assert_eq!(inputs[1], serde_json::json!({"name": "home", "type": "string", "required": true}));

    let expected = package.pipeline.predict_proba(&x).expect("answers");
    let read = ModelPackage::read(&store, "7/run/artifacts/model").await.expect("readable");
    assert_eq!(read.pipeline.predict_proba(&x).expect("answers"), expected);
    let local = folder.path().join("root/7/run/artifacts/model");
    let read = ModelPackage::read_folder(&local).await.expect("readable");
    assert_eq!(read.model_id, package.model_id);
}

#[tokio::test]
async fn damage_and_other_tools_are_named() {
    let (_folder, store) = store();
    let (package, _) = package();
    package.write(&store, "model").await.expect("written");
    let whole = store.get("model/pipeline.metria").await.expect("read");
    store.put("model/pipeline.metria", &whole[..whole.len() - 1]).await.expect("written");
    let error = ModelPackage::read(&store, "model").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DataLoss);
    assert!(error.to_string().contains("checksum"), "{error}");
    store.delete("model/pipeline.metria").await.expect("deleted");
    let error = ModelPackage::read(&store, "model").await.unwrap_err();
    assert!(error.to_string().contains("model/pipeline.metria"), "{error}");
    assert_eq!(error.kind(), ErrorKind::DataLoss, "the description says that it is there");
    let text = String::from_utf8(store.get("model/MLmodel").await.expect("read").to_vec()).expect("UTF-8");
    store.delete("model/MLmodel").await.expect("deleted");
    assert_eq!(ModelPackage::read(&store, "model").await.unwrap_err().kind(), ErrorKind::NotFound);

    store.put("other/MLmodel", text.replace("  metria:", "  sklearn:").as_bytes()).await.expect("written");
    let error = ModelPackage::read(&store, "other").await.unwrap_err();
    assert!(error.to_string().contains("only sklearn"), "{error}");
    store.put("broken/MLmodel", b"[1, 2").await.expect("written");
    assert_eq!(ModelPackage::read(&store, "broken").await.unwrap_err().kind(), ErrorKind::DataLoss);
}

#[tokio::test]
async fn errors_do_not_tell_where_the_root_is() {
    let (folder, store) = store();
    store.put("file", b"x").await.expect("written");
    store.put("folder/file", b"x").await.expect("written");
    let name = "x".repeat(300);
    for (refused, kind) in [
        (store.get("file/below").await.map(|_| ()), ErrorKind::NotFound),
        (store.put("file/below", b"x").await, ErrorKind::Conflict),
        (store.put("folder", b"x").await, ErrorKind::Conflict),
        (store.delete("folder").await, ErrorKind::Conflict),
        (store.put(&name, b"x").await, ErrorKind::InvalidInput),
        (store.get(&name).await.map(|_| ()), ErrorKind::InvalidInput),
    ] {
        let error = refused.expect_err("it cannot be");
        assert_eq!(error.kind(), kind, "{error}");
        assert!(!error.to_string().contains(&folder.path().display().to_string()), "{error}");
    }
}
