//! Promises of [`DatasetStore`](crate::DatasetStore).

use super::{experiment, ok, refused, refused_name, tag};
use crate::datasets::Object;
use crate::{DatasetRecord, EvaluationDataset, NewDatasetRecord, RecordSource, Store, Upserted};
use futures_util::future::join_all;
use metria_core::ErrorKind;
use serde_json::{Value, json};

fn dataset(id: &str) -> EvaluationDataset {
    EvaluationDataset {
        dataset_id: id.to_owned(),
        name: format!("dataset {id}"),
        digest: "first".to_owned(),
        schema: None,
        profile: None,
        created_by: Some("ada".to_owned()),
        last_updated_by: None,
        creation_time_ms: 100,
        last_update_time_ms: 100,
        tags: Vec::new(),
    }
}

fn object(value: Value) -> Object {
    match value {
        Value::Object(object) => object,
        other => unreachable!("{other} is no object"),
    }
}

/// A record of the inputs `{"q": number}`.
fn record(number: usize) -> NewDatasetRecord {
    NewDatasetRecord {
        record_id: format!("dr-{number:05}"),
        input_hash: format!("hash-{number}"),
        inputs: object(json!({"q": number})),
        outputs: None,
        expectations: None,
        tags: None,
        source: None,
    }
}

fn ids(records: &[DatasetRecord]) -> Vec<&str> {
    records.iter().map(|record| record.record_id.as_str()).collect()
}

/// A dataset is read back as it was written, its tags by key, with the experiments it is linked to.
pub async fn what_is_written_is_read(store: &dyn Store) {
    ok(store.create_experiment(experiment("1", "one")).await);
    let tags = vec![tag("b", "2"), tag("a", "1"), tag("a", "3")];
    ok(store.create_dataset(EvaluationDataset { tags, ..dataset("d") }, &["1".to_owned()]).await);
    let expected = EvaluationDataset { tags: vec![tag("a", "3"), tag("b", "2")], ..dataset("d") };
    assert_eq!(ok(store.get_dataset("d").await), expected);
    assert_eq!(ok(store.list_datasets(&[]).await), [expected]);
    assert_eq!(ok(store.dataset_experiment_ids("d").await), ["1"]);
    refused(store.create_dataset(dataset("d"), &[]).await, ErrorKind::AlreadyExists);
    refused(store.create_dataset(dataset("e"), &["9".to_owned()]).await, ErrorKind::NotFound);
    refused(store.get_dataset("e").await, ErrorKind::NotFound);
}

/// Every call on what is not there says so, and a text with NUL is refused.
pub async fn what_is_missing_is_not_found(store: &dyn Store) {
    refused(store.get_dataset("d").await, ErrorKind::NotFound);
    refused(store.delete_dataset("d").await, ErrorKind::NotFound);
    refused(store.set_dataset_tags("d", vec![tag("a", "1")]).await, ErrorKind::NotFound);
    refused(store.delete_dataset_tag("d", "a").await, ErrorKind::NotFound);
    refused(store.upsert_dataset_records("d", vec![record(1)], "x", 1).await, ErrorKind::NotFound);
    refused(store.list_dataset_records("d", None, 1).await, ErrorKind::NotFound);
    refused(store.delete_dataset_records("d", &[]).await, ErrorKind::NotFound);
    refused(store.link_dataset("d", &[], 1).await, ErrorKind::NotFound);
    refused(store.unlink_dataset("d", &[], 1).await, ErrorKind::NotFound);
    assert_eq!(ok(store.dataset_experiment_ids("d").await), Vec::<String>::new());
    ok(store.create_dataset(dataset("d"), &[]).await);
    refused(store.delete_dataset_tag("d", "a").await, ErrorKind::NotFound);
    refused(store.link_dataset("d", &["9".to_owned()], 200).await, ErrorKind::NotFound);
    assert_eq!(ok(store.get_dataset("d").await), dataset("d"), "a refused write changes nothing");
    refused(
        store.create_dataset(EvaluationDataset { name: "\0".to_owned(), ..dataset("e") }, &[]).await,
        ErrorKind::InvalidInput,
    );
    refused(store.set_dataset_tags("d", vec![tag("a", "\0")]).await, ErrorKind::InvalidInput);
    refused_name(store.get_dataset("\0").await);
}

/// Lists go by creation time, then id, both descending, and can be restricted to experiments.
pub async fn the_newest_come_first(store: &dyn Store) {
    ok(store.create_experiment(experiment("1", "one")).await);
    ok(store.create_experiment(experiment("2", "two")).await);
    for (id, creation_time_ms) in [("a", 30), ("b", 10), ("c", 30), ("d", 20)] {
        ok(store.create_dataset(EvaluationDataset { creation_time_ms, ..dataset(id) }, &[]).await);
    }
    let names = async |experiments: &[&str]| {
        let experiments: Vec<String> = experiments.iter().map(|id| (*id).to_owned()).collect();
        let found = ok(store.list_datasets(&experiments).await);
        found.into_iter().map(|dataset| dataset.dataset_id).collect::<Vec<_>>()
    };
    assert_eq!(names(&[]).await, ["c", "a", "d", "b"]);
    let (one, both) = (vec!["1".to_owned()], vec!["1".to_owned(), "2".to_owned()]);
    ok(store.link_dataset("a", &one, 200).await);
    ok(store.link_dataset("a", &both, 300).await);
    ok(store.link_dataset("b", &["2".to_owned()], 200).await);
    assert_eq!(names(&["1"]).await, ["a"]);
    assert_eq!(names(&["1", "2"]).await, ["a", "b"]);
    assert_eq!(names(&["9"]).await, Vec::<String>::new());
    assert_eq!(ok(store.get_dataset("a").await).last_update_time_ms, 300);
    ok(store.unlink_dataset("a", &both, 400).await);
    ok(store.unlink_dataset("a", &both, 500).await);
    assert_eq!(ok(store.get_dataset("a").await).last_update_time_ms, 400, "nothing was left to remove");
    assert_eq!(names(&["1"]).await, Vec::<String>::new());
}

/// Tags are replaced and removed.
pub async fn tags(store: &dyn Store) {
    ok(store.create_dataset(dataset("d"), &[]).await);
    ok(store.set_dataset_tags("d", vec![tag("b", "1"), tag("a", "1")]).await);
    ok(store.set_dataset_tags("d", vec![tag("b", "2"), tag("c", "")]).await);
    ok(store.delete_dataset_tag("d", "a").await);
    assert_eq!(ok(store.get_dataset("d").await).tags, [tag("b", "2"), tag("c", "")]);
}

/// New inputs make a record, known ones change it, also within one call; what the dataset says follows.
pub async fn inputs_identify_records(store: &dyn Store) {
    ok(store.create_dataset(dataset("d"), &[]).await);
    let source = RecordSource { source_type: "TRACE".to_owned(), source_data: object(json!({"trace_id": "tr-1"})) };
    let first = NewDatasetRecord {
        expectations: Some(object(json!({"a": 1, "odd": "\0'\"🦀"}))),
        tags: Some(object(json!({"mlflow.user": "ada", "x": "1"}))),
        source: Some(source.clone()),
        ..record(1)
    };
    let again = NewDatasetRecord {
        record_id: "never used".to_owned(),
        outputs: Some(Some(json!([1, 2.5, null]))),
        expectations: Some(object(json!({"a": 2, "b": true}))),
        tags: Some(object(json!({"mlflow.user": "bob"}))),
        source: None,
        ..record(1)
    };
    let call = vec![first, record(2), again];
    assert_eq!(ok(store.upsert_dataset_records("d", call, "second", 200).await), Upserted { inserted: 2, updated: 1 });
    let found = ok(store.list_dataset_records("d", None, 10).await);
    assert_eq!(ids(&found), ["dr-00001", "dr-00002"]);
    let merged = &found[0];
    assert_eq!((&merged.outputs, &merged.source), (&Some(json!([1, 2.5, null])), &Some(source)));
    assert_eq!(merged.expectations, Some(object(json!({"a": 2, "odd": "\0'\"🦀", "b": true}))));
    assert_eq!(merged.tags, object(json!({"mlflow.user": "bob", "x": "1"})));
    assert_eq!((merged.created_by.as_deref(), merged.last_updated_by.as_deref()), (Some("ada"), Some("bob")));
    let plain = &found[1];
    assert_eq!((&plain.outputs, &plain.expectations, &plain.created_by), (&Some(json!({})), &None, &None));

    let said = ok(store.get_dataset("d").await);
    assert_eq!((said.digest.as_str(), said.last_update_time_ms), ("second", 200));
    assert_eq!((said.created_by.as_deref(), said.last_updated_by.as_deref()), (Some("ada"), Some("bob")));
    let read =
        |text: Option<String>| -> Value { serde_json::from_str(&text.expect("it is said")).expect("it is JSON") };
    assert_eq!(read(said.profile), json!({"num_records": 2}));
    let expectations = json!({"a": "integer", "odd": "string", "b": "boolean"});
    let schema =
        json!({"inputs": {"q": "integer"}, "outputs": "array", "expectations": expectations, "version": "1.0"});
    assert_eq!(read(said.schema), schema);

    let later = NewDatasetRecord { outputs: Some(None), ..record(2) };
    ok(store.upsert_dataset_records("d", vec![later], "third", 300).await);
    let found = ok(store.list_dataset_records("d", None, 10).await);
    assert_eq!((found[1].outputs.as_ref(), found[1].creation_time_ms, found[1].last_update_time_ms), (None, 200, 300));
    assert_eq!(ok(store.get_dataset("d").await).last_updated_by, None, "nobody said who wrote last");
    ok(store.create_dataset(dataset("other"), &[]).await);
    let same = ok(store
        .upsert_dataset_records("other", vec![NewDatasetRecord { record_id: "o".to_owned(), ..record(1) }], "x", 1)
        .await);
    assert_eq!(same, Upserted { inserted: 1, updated: 0 }, "inputs identify a record within its dataset only");
}

/// Pages join without gap or repeat, also where times are equal.
pub async fn pages_of_records(store: &dyn Store) {
    ok(store.create_dataset(dataset("d"), &[]).await);
    ok(store.upsert_dataset_records("d", (10..20).map(record).collect(), "x", 200).await);
    ok(store.upsert_dataset_records("d", (0..5).map(record).collect(), "y", 300).await);
    let (mut after, mut seen) = (None, Vec::new());
    loop {
        let page = ok(store.list_dataset_records("d", after.clone(), 4).await);
        let Some(last) = page.last() else { break };
        after = Some((last.creation_time_ms, last.record_id.clone()));
        seen.extend(page.into_iter().map(|record| record.record_id));
    }
    let expected: Vec<String> = (10..20).chain(0..5).map(|number| format!("dr-{number:05}")).collect();
    assert_eq!(seen, expected);
}

/// Thousands of records are written in one call, all or none.
pub async fn many_records(store: &dyn Store) {
    ok(store.create_dataset(dataset("d"), &[]).await);
    let many = || (0..3_001).map(record).collect::<Vec<_>>();
    assert_eq!(ok(store.upsert_dataset_records("d", many(), "x", 200).await), Upserted { inserted: 3_001, updated: 0 });
    assert_eq!(ok(store.upsert_dataset_records("d", many(), "y", 300).await), Upserted { inserted: 0, updated: 3_001 });
    let found = ok(store.list_dataset_records("d", None, 10_000).await);
    assert_eq!(found.len(), 3_001);
    assert!(found.iter().all(|record| (record.creation_time_ms, record.last_update_time_ms) == (200, 300)));
    let half: Vec<String> = found.iter().take(1_500).map(|record| record.record_id.clone()).collect();
    assert_eq!(ok(store.delete_dataset_records("d", &half).await), 1_500);
    assert_eq!(ok(store.delete_dataset_records("d", &half).await), 0);
    assert_eq!(ok(store.get_dataset("d").await).profile.as_deref(), Some(r#"{"num_records":1501}"#));
}

/// Writers at once make each record once, and lose none of what they add to it.
pub async fn writers_at_once(store: &dyn Store) {
    ok(store.create_dataset(dataset("d"), &[]).await);
    let writes = (0..8).map(|writer| {
        let expectations = Some(object(json!({format!("of {writer}"): writer})));
        let records = vec![NewDatasetRecord { record_id: format!("dr-{writer}"), expectations, ..record(1) }];
        store.upsert_dataset_records("d", records, "x", 200)
    });
    let written: Vec<Upserted> = join_all(writes).await.into_iter().map(ok).collect();
    assert_eq!(written.iter().map(|upserted| upserted.inserted).sum::<usize>(), 1);
    let found = ok(store.list_dataset_records("d", None, 10).await);
    assert_eq!(found[0].expectations.as_ref().map(Object::len), Some(8));
}

/// A deleted dataset takes its records and links along.
pub async fn deleting(store: &dyn Store) {
    ok(store.create_experiment(experiment("1", "one")).await);
    ok(store.create_dataset(dataset("d"), &["1".to_owned()]).await);
    ok(store.upsert_dataset_records("d", vec![record(1), record(2)], "x", 200).await);
    assert_eq!(ok(store.delete_dataset_records("d", &["dr-00001".to_owned(), "none".to_owned()]).await), 1);
    assert_eq!(ok(store.delete_dataset_records("d", &["dr-00002".to_owned()]).await), 1);
    assert_eq!(ok(store.get_dataset("d").await).profile, None);
    ok(store.upsert_dataset_records("d", vec![record(1)], "x", 200).await);
    ok(store.delete_dataset("d").await);
    refused(store.get_dataset("d").await, ErrorKind::NotFound);
    assert_eq!(ok(store.list_datasets(&["1".to_owned()]).await), []);
    ok(store.create_dataset(dataset("d"), &[]).await);
    assert_eq!(ok(store.list_dataset_records("d", None, 10).await), []);
    assert_eq!(ok(store.dataset_experiment_ids("d").await), Vec::<String>::new());
}
