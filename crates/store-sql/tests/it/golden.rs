//! Files that earlier programs wrote still open, and hold what they held.

use crate::open::{open, sqlite_url};
use metria_store::{RunQuery, Store};
use serde_json::{Value, json};
use std::path::Path;

/// Everything in the store, as `examples/golden.rs` wrote it beside the file.
async fn read(store: &dyn Store) -> Value {
    let query = RunQuery { limit: 1_000, ..RunQuery::default() };
    let runs = store.search_runs(&query).await.expect("the runs are found").items;
    let mut histories = Vec::new();
    for run in &runs {
        for metric in &run.metrics {
            let history = store.metric_history(&run.info.run_id, &metric.key).await;
            histories.push(history.expect("the history is read"));
        }
    }
    let mut models = Vec::new();
    for model in store.list_models().await.expect("the models are listed") {
        let name = model.name.clone();
        models.push(json!({
            "versions": store.list_versions(&name).await.expect("the versions are listed"),
            "transitions": store.list_transitions(&name).await.expect("the transitions are listed"),
            "decisions": store.list_decisions(&name).await.expect("the decisions are listed"),
            "model": model,
        }));
    }
    json!({
        "experiments": store.list_experiments(None).await.expect("the experiments are listed"),
        "runs": runs,
        "histories": histories,
        "models": models,
    })
}

/// The schema that this program writes.
const NEWEST: i64 = 6;

/// Opens a copy of a golden file, twice, and compares.
async fn check(version: i64) {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("records.db");
    let file = golden.join(format!("sqlite-v{version}.db"));
    std::fs::copy(&file, &path).expect("the golden file is copied");
    let records = std::fs::read_to_string(golden.join("records.json")).expect("the golden records are read");
    let expected: Value = serde_json::from_str(&records).expect("the golden records are JSON");
    for _ in 0..2 {
        let store = open(&sqlite_url(&path)).await.expect("the golden file opens");
        assert_eq!(read(store.as_ref()).await, expected);
        // A search that walks the indexes finds them, too.
        let order =
            metria_store::OrderBy { entity: metria_store::Entity::Param, key: "depth".to_owned(), ascending: false };
        let query =
            RunQuery { experiment_ids: vec!["1".to_owned()], order_by: vec![order], limit: 2, ..RunQuery::default() };
        let page = store.search_runs(&query).await.expect("the runs are found");
        let depths: Vec<&str> = page.items.iter().map(|run| run.params[0].value.as_str()).collect();
        assert_eq!(depths, ["5", "4"]);
        store.close().await;
    }
    let copies: Vec<String> = std::fs::read_dir(folder.path())
        .expect("the folder is read")
        .map(|entry| entry.expect("the folder is read").file_name().to_string_lossy().into_owned())
        .filter(|name| name.contains(".before-schema-"))
        .collect();
    if version == NEWEST {
        assert_eq!(copies, Vec::<String>::new(), "nothing changed, so nothing was copied");
        return;
    }
    assert_eq!(copies, [format!("records.db.before-schema-{NEWEST}")]);
    let copy = folder.path().join(&copies[0]);
    let store = open(&sqlite_url(&copy)).await.expect("the copy opens");
    assert_eq!(read(store.as_ref()).await, expected);
    store.close().await;
}

/// Schema 1, as the first program wrote it.
#[tokio::test]
async fn schema_1_opens() {
    check(1).await;
}

/// Schema 2, with an experiment in each index.
#[tokio::test]
async fn schema_2_opens() {
    check(2).await;
}

/// Schema 6, with logged models, traces, numbers about series, evaluation datasets and webhooks.
#[tokio::test]
async fn schema_6_opens() {
    check(6).await;
}
