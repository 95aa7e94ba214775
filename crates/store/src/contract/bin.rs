//! Promises about the bin: what was deleted, since when, and what removes it for good.

use super::logged_models::{measured, measurements, model as logged, model_id, with_models};
use super::traces::{trace_id, with_traces};
use super::{
    experiment, input, metric, metrics_of, ok, param, query, refused, run_id, run_info, tag, version, with_runs,
};
use crate::{Lifecycle, LogBatch, ModelOutput, ModelVersion, Store};
use metria_core::ErrorKind;

async fn deleted(store: &dyn Store, before_ms: i64) -> Vec<String> {
    ok(store.deleted_runs(before_ms, "", 100).await).into_iter().map(|run| run.run_id).collect()
}

/// The bin is listed by id, page by page, with what came into it before a time; deleting again changes no time, and
/// what was restored and deleted again is there since the second time.
pub async fn the_bin_is_listed(store: &dyn Store) {
    with_runs(store, 6).await;
    for (number, time_ms) in [(4, 50), (1, 10), (3, 20), (5, 30)] {
        ok(store.set_run_lifecycle(&run_id(number), Lifecycle::Deleted, time_ms).await);
    }
    assert_eq!(deleted(store, 31).await, [1, 3, 5].map(run_id));
    assert_eq!(deleted(store, 30).await, [1, 3].map(run_id), "before is not at");
    let page = ok(store.deleted_runs(100, &run_id(1), 2).await);
    assert_eq!(page.iter().map(|run| run.run_id.clone()).collect::<Vec<_>>(), [3, 4].map(run_id));
    assert_eq!(ok(store.get_run(&run_id(3)).await).info, page[0]);
    ok(store.set_run_lifecycle(&run_id(1), Lifecycle::Deleted, 90).await);
    assert_eq!(deleted(store, 11).await, [1].map(run_id));
    ok(store.set_run_lifecycle(&run_id(1), Lifecycle::Active, 91).await);
    assert_eq!(deleted(store, 100).await, [3, 4, 5].map(run_id));
    ok(store.set_run_lifecycle(&run_id(1), Lifecycle::Deleted, 92).await);
    assert_eq!((deleted(store, 92).await.len(), deleted(store, 93).await.len()), (3, 4));
}

/// A run that is removed for good is gone with everything, and its id is free; others keep what they have.
pub async fn runs_are_removed_for_good(store: &dyn Store) {
    with_runs(store, 2).await;
    let batch = || LogBatch {
        metrics: vec![metric("m", 1.0, 0), metric("m", 2.0, 1)],
        params: vec![param("p", "1")],
        tags: vec![tag("t", "1")],
        inputs: vec![input("d", "1", None)],
        ..LogBatch::default()
    };
    for number in 0..2 {
        ok(store.log_batch(&run_id(number), batch()).await);
    }
    let (id, other) = (run_id(0), ok(store.get_run(&run_id(1)).await));
    refused(store.delete_run_for_good(&id).await, ErrorKind::Conflict);
    refused(store.delete_run_for_good(&run_id(9)).await, ErrorKind::NotFound);
    ok(store.set_run_lifecycle(&id, Lifecycle::Deleted, 10).await);
    ok(store.delete_run_for_good(&id).await);
    refused(store.get_run(&id).await, ErrorKind::NotFound);
    refused(store.delete_run_for_good(&id).await, ErrorKind::NotFound);
    refused(store.set_run_lifecycle(&id, Lifecycle::Active, 11).await, ErrorKind::NotFound);
    assert_eq!(ok(store.metric_history(&id, "m").await), []);
    assert_eq!(deleted(store, 100).await, Vec::<String>::new());
    assert_eq!(ok(store.search_runs(&query(10)).await).items, [other]);
    ok(store.create_run(run_info(0), Vec::new()).await);
    ok(store.log_batch(&id, metrics_of(vec![metric("m", 5.0, 0)])).await);
    let again = ok(store.get_run(&id).await);
    assert_eq!((again.params.len(), again.tags.len(), again.metrics), (0, 0, vec![metric("m", 5.0, 0)]));
}

/// A run that a model version comes from stays, whichever way the version tells.
pub async fn runs_of_versions_stay(store: &dyn Store) {
    with_runs(store, 4).await;
    ok(store.create_model(super::model("m")).await);
    let from = |run_id: Option<String>, source: &str, storage_location: &str| ModelVersion {
        run_id,
        source: source.to_owned(),
        storage_location: storage_location.to_owned(),
        ..version("m")
    };
    ok(store.create_version(from(Some(run_id(0)), "x", "y")).await);
    ok(store.create_version(from(None, &format!("runs:/{}/model", run_id(1)), "y")).await);
    ok(store.create_version(from(None, "x", &format!("file:///a/1/{}/artifacts/model", run_id(2)))).await);
    for number in 0..4 {
        ok(store.set_run_lifecycle(&run_id(number), Lifecycle::Deleted, 10).await);
    }
    for number in 0..3 {
        let error = refused(store.delete_run_for_good(&run_id(number)).await, ErrorKind::Conflict).to_string();
        assert!(error.contains(&format!("version {} of m", number + 1)), "{error}");
    }
    ok(store.delete_run_for_good(&run_id(3)).await);
    ok(store.delete_version("m", 1, 20).await);
    ok(store.delete_run_for_good(&run_id(0)).await);
}

/// An experiment is removed for good once it is deleted and empty; its runs need not be deleted themselves.
pub async fn experiments_are_removed_for_good(store: &dyn Store) {
    with_runs(store, 1).await;
    ok(store.set_experiment_tag("1", tag("t", "1"), 5).await);
    refused(store.delete_experiment_for_good("1").await, ErrorKind::Conflict);
    refused(store.delete_experiment_for_good("9").await, ErrorKind::NotFound);
    ok(store.set_experiment_lifecycle("1", Lifecycle::Deleted, 10).await);
    refused(store.delete_experiment_for_good("1").await, ErrorKind::Conflict);
    ok(store.delete_run_for_good(&run_id(0)).await);
    ok(store.delete_experiment_for_good("1").await);
    refused(store.get_experiment("1").await, ErrorKind::NotFound);
    refused(store.delete_experiment_for_good("1").await, ErrorKind::NotFound);
    ok(store.create_experiment(experiment("2", "one")).await);
    ok(store.create_experiment(experiment("1", "another")).await);
    assert_eq!(ok(store.get_experiment("1").await).tags, []);
}

/// A run that is removed leaves its logged models with what it measured of them.
pub async fn logged_models_outlive_their_run(store: &dyn Store) {
    with_models(store, 1).await;
    let output = ModelOutput { model_id: model_id(0), step: 0 };
    let batch = LogBatch { model_outputs: vec![output], ..measurements(vec![measured(0, "m", 1.0, 0, "")]) };
    ok(store.log_batch(&run_id(0), batch).await);
    let before = ok(store.get_logged_model(&model_id(0)).await);
    ok(store.set_run_lifecycle(&run_id(0), Lifecycle::Deleted, 10).await);
    ok(store.delete_run_for_good(&run_id(0)).await);
    assert_eq!(ok(store.get_logged_model(&model_id(0)).await), before);
}

/// Traces and logged models go with their experiment; not when a version comes from one of them or is kept below it.
pub async fn experiments_take_their_traces_and_models(store: &dyn Store) {
    with_traces(store, 2).await;
    for number in 0..2 {
        ok(store.create_logged_model(logged(number)).await);
    }
    let location = ok(store.get_experiment("1").await).artifact_location;
    ok(store.create_model(super::model("m")).await);
    ok(store.create_version(ModelVersion { model_id: Some(model_id(1)), ..version("m") }).await);
    ok(store.create_version(ModelVersion { storage_location: format!("{location}/x"), ..version("m") }).await);
    ok(store.create_version(ModelVersion { storage_location: format!("{location}x/y"), ..version("m") }).await);
    ok(store.set_experiment_lifecycle("1", Lifecycle::Deleted, 10).await);
    for number in 1..3 {
        let error = refused(store.delete_experiment_for_good("1").await, ErrorKind::Conflict).to_string();
        assert!(error.contains(&format!("version {number} of m")), "{error}");
        ok(store.delete_version("m", number, 20).await);
    }
    ok(store.delete_experiment_for_good("1").await);
    refused(store.get_logged_model(&model_id(0)).await, ErrorKind::NotFound);
    assert_eq!(ok(store.get_traces(&[trace_id(0), trace_id(1)]).await), []);
}
