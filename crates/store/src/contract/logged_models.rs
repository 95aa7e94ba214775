//! Promises of [`LoggedModelStore`](crate::LoggedModelStore) but for searches.

use super::{experiment, metric, ok, order, param, params_of, refused, run_id, tag, with_runs};
use crate::{
    Comparison, Condition, DatasetSelector, Entity, Lifecycle, LogBatch, LoggedMetric, LoggedModel, LoggedModelOrder,
    LoggedModelQuery, LoggedModelStatus, ModelMetric, ModelOutput, Store,
};
use metria_core::ErrorKind;

pub(super) fn model_id(number: usize) -> String {
    format!("m-{number:032x}")
}

pub(super) fn model(number: usize) -> LoggedModel {
    LoggedModel {
        model_id: model_id(number),
        experiment_id: "1".to_owned(),
        name: format!("model-{number}"),
        model_type: None,
        source_run_id: None,
        status: LoggedModelStatus::Pending,
        artifact_location: format!("artifacts/1/models/{number}"),
        creation_time_ms: 1_000 + i64::try_from(number).expect("a few"),
        last_update_time_ms: 1_000,
        lifecycle: Lifecycle::Active,
        params: Vec::new(),
        tags: Vec::new(),
        metrics: Vec::new(),
    }
}

/// Writes the experiment `1`, two runs, and so many logged models, made one after the other.
pub(super) async fn with_models(store: &dyn Store, models: usize) {
    with_runs(store, 2).await;
    for number in 0..models {
        ok(store.create_logged_model(model(number)).await);
    }
}

/// A measurement of a model on a dataset `name@digest`, `name` or none.
pub(super) fn measured(number: usize, key: &str, value: f64, step: i64, dataset: &str) -> ModelMetric {
    let (name, digest) = match dataset.split_once('@') {
        Some((name, digest)) => (Some(name), Some(digest)),
        None => (Some(dataset).filter(|name| !name.is_empty()), None),
    };
    ModelMetric {
        model_id: model_id(number),
        metric: metric(key, value, step),
        dataset_name: name.map(str::to_owned),
        dataset_digest: digest.map(str::to_owned),
    }
}

pub(super) fn measurements(model_metrics: Vec<ModelMetric>) -> LogBatch {
    LogBatch { model_metrics, ..LogBatch::default() }
}

pub(super) fn condition(entity: Entity, key: &str, comparison: Comparison) -> Condition {
    Condition { entity, key: key.to_owned(), comparison }
}

pub(super) fn text(text: &str) -> String {
    text.to_owned()
}

pub(super) fn dataset(name: &str, digest: Option<&str>) -> DatasetSelector {
    DatasetSelector { name: text(name), digest: digest.map(str::to_owned) }
}

/// The numbers of all models that a query finds, page by page.
pub(super) async fn found(store: &dyn Store, query: &LoggedModelQuery) -> Vec<usize> {
    let mut query = query.clone();
    let mut numbers = Vec::new();
    loop {
        let page = ok(store.search_logged_models(&query).await);
        let last = page.next_page_token.is_none();
        assert!(last || page.items.len() == query.limit, "only the last page may have room left");
        numbers.extend(
            page.items
                .iter()
                .map(|model| usize::from_str_radix(&model.model_id[2..], 16).expect("an id of this suite")),
        );
        if last {
            return numbers;
        }
        assert!(numbers.len() < 1_000, "pages must come to an end");
        query.page_token = page.next_page_token;
    }
}

pub(super) fn all() -> LoggedModelQuery {
    LoggedModelQuery { limit: 100, ..LoggedModelQuery::default() }
}

/// A logged model is read back as it was written: params and tags by key; metrics are not taken here.
pub async fn what_is_written_is_read(store: &dyn Store) {
    with_runs(store, 1).await;
    let written = LoggedModel {
        model_type: Some(text("forest")),
        source_run_id: Some(run_id(0)),
        params: vec![param("q", "1"), param("p", "")],
        tags: vec![tag("b", "2"), tag("a", "1")],
        metrics: vec![LoggedMetric { run_id: run_id(0), measured: measured(1, "m", 1.0, 0, "") }],
        ..model(1)
    };
    ok(store.create_logged_model(written.clone()).await);
    let expected = LoggedModel {
        params: vec![param("p", ""), param("q", "1")],
        tags: vec![tag("a", "1"), tag("b", "2")],
        metrics: Vec::new(),
        ..written
    };
    assert_eq!(ok(store.get_logged_model(&model_id(1)).await), expected);
    assert_eq!(ok(store.search_logged_models(&all()).await).items, [expected]);
    ok(store.create_logged_model(model(2)).await);
    assert_eq!(ok(store.get_logged_model(&model_id(2)).await), model(2));
}

/// A taken id is refused.
pub async fn an_id_is_taken_once(store: &dyn Store) {
    with_models(store, 1).await;
    let again = LoggedModel { name: text("again"), tags: vec![tag("a", "1")], ..model(0) };
    refused(store.create_logged_model(again).await, ErrorKind::AlreadyExists);
    assert_eq!(ok(store.get_logged_model(&model_id(0)).await), model(0));
}

/// A logged model needs an experiment that is there and not deleted.
pub async fn experiments_must_be_there_and_active(store: &dyn Store) {
    refused(store.create_logged_model(model(1)).await, ErrorKind::NotFound);
    ok(store.create_experiment(experiment("1", "one")).await);
    ok(store.set_experiment_lifecycle("1", Lifecycle::Deleted, 200).await);
    refused(store.create_logged_model(model(1)).await, ErrorKind::Conflict);
    ok(store.set_experiment_lifecycle("1", Lifecycle::Active, 300).await);
    ok(store.create_logged_model(model(1)).await);
}

/// Every call on a model or tag that is not there says so.
pub async fn what_is_missing_is_not_found(store: &dyn Store) {
    with_models(store, 1).await;
    let (missing, gone) = (model_id(99), ErrorKind::NotFound);
    refused(store.get_logged_model(&missing).await, gone);
    refused(store.finalize_logged_model(&missing, LoggedModelStatus::Ready, 1).await, gone);
    refused(store.set_logged_model_lifecycle(&missing, Lifecycle::Deleted, 1).await, gone);
    refused(store.log_model_params(&missing, vec![param("p", "1")]).await, gone);
    refused(store.log_model_params(&missing, Vec::new()).await, gone);
    refused(store.set_logged_model_tags(&missing, vec![tag("a", "1")]).await, gone);
    refused(store.delete_logged_model_tag(&missing, "a").await, gone);
    let error = refused(store.delete_logged_model_tag(&model_id(0), "a").await, gone);
    assert!(error.to_string().contains("tag"), "{error}");
    let elsewhere = LoggedModelQuery { experiment_ids: vec![text("9")], ..all() };
    assert!(found(store, &elsewhere).await.is_empty());
}

/// Status and lifecycle change with the time; a deleted model is read and written all the same.
pub async fn finalizing_and_deleting(store: &dyn Store) {
    with_models(store, 2).await;
    let id = model_id(0);
    for (now_ms, status) in [2_000, 2_001, 2_002, 2_003].into_iter().zip(LoggedModelStatus::ALL) {
        ok(store.finalize_logged_model(&id, status, now_ms).await);
        let expected = LoggedModel { status, last_update_time_ms: now_ms, ..model(0) };
        assert_eq!(ok(store.get_logged_model(&id).await), expected);
    }
    ok(store.set_logged_model_lifecycle(&id, Lifecycle::Deleted, 3_000).await);
    ok(store.set_logged_model_tags(&id, vec![tag("a", "1")]).await);
    let deleted = ok(store.get_logged_model(&id).await);
    assert_eq!((deleted.lifecycle, deleted.last_update_time_ms), (Lifecycle::Deleted, 3_000));
    assert_eq!(deleted.tags, [tag("a", "1")]);
    for (lifecycle, expected) in
        [(None, vec![1, 0]), (Some(Lifecycle::Active), vec![1]), (Some(Lifecycle::Deleted), vec![0])]
    {
        assert_eq!(found(store, &LoggedModelQuery { lifecycle, ..all() }).await, expected, "{lifecycle:?}");
    }
    ok(store.set_logged_model_lifecycle(&id, Lifecycle::Active, 4_000).await);
    assert_eq!(ok(store.get_logged_model(&id).await).last_update_time_ms, 4_000);
}

/// The same value again is no error, another is, and nothing of a refused call is written.
pub async fn params_never_change(store: &dyn Store) {
    with_models(store, 1).await;
    let id = model_id(0);
    ok(store.log_model_params(&id, vec![param("p", "1"), param("p", "1")]).await);
    ok(store.log_model_params(&id, vec![param("a", "2"), param("p", "1")]).await);
    for params in [vec![param("b", "1"), param("p", "2")], vec![param("c", "1"), param("c", "2")]] {
        let message = refused(store.log_model_params(&id, params).await, ErrorKind::Conflict).to_string();
        assert!(message.contains("`1`") && message.contains("`2`"), "both values are named: {message}");
    }
    let twice = LoggedModel { params: vec![param("p", "1"), param("p", "2")], ..model(5) };
    refused(store.create_logged_model(twice).await, ErrorKind::Conflict);
    refused(store.get_logged_model(&model_id(5)).await, ErrorKind::NotFound);
    assert_eq!(ok(store.get_logged_model(&id).await).params, [param("a", "2"), param("p", "1")]);
    assert_eq!(ok(store.get_logged_model(&id).await).last_update_time_ms, 1_000, "only its state has a time");
}

/// A later tag value replaces an earlier one; a removed one is gone.
pub async fn tags_are_replaced_and_removed(store: &dyn Store) {
    with_models(store, 1).await;
    let id = model_id(0);
    ok(store.set_logged_model_tags(&id, vec![tag("a", "1"), tag("b", "1"), tag("c", "1"), tag("c", "2")]).await);
    ok(store.set_logged_model_tags(&id, vec![tag("a", "2")]).await);
    ok(store.delete_logged_model_tag(&id, "b").await);
    assert_eq!(ok(store.get_logged_model(&id).await).tags, [tag("a", "2"), tag("c", "2")]);
    refused(store.delete_logged_model_tag(&id, "b").await, ErrorKind::NotFound);
}

/// Measurements are kept once each, whatever run logs them, apart by dataset; they are none of the run's own.
pub async fn metrics_come_with_a_batch(store: &dyn Store) {
    with_models(store, 2).await;
    let first = vec![
        measured(0, "m", 1.0, 1, "train@a"),
        measured(0, "m", 0.5, 0, ""),
        measured(0, "m", 1.0, 1, "test"),
        measured(0, "m", 1.0, 1, "train@b"),
        measured(1, "k", f64::NAN, 0, ""),
        measured(1, "k", f64::INFINITY, -3, ""),
    ];
    ok(store.log_batch(&run_id(0), measurements(first.clone())).await);
    ok(store.log_batch(&run_id(0), measurements([first.clone(), first.clone()].concat())).await);
    ok(store
        .log_batch(&run_id(1), measurements(vec![measured(0, "m", 1.0, 1, "test"), measured(0, "a", 2.0, 9, "")]))
        .await);
    let by = |run: usize, measured: ModelMetric| LoggedMetric { run_id: run_id(run), measured };
    let expected = [
        by(1, measured(0, "a", 2.0, 9, "")),
        by(0, measured(0, "m", 0.5, 0, "")),
        by(0, measured(0, "m", 1.0, 1, "train@a")),
        by(0, measured(0, "m", 1.0, 1, "test")),
        by(0, measured(0, "m", 1.0, 1, "train@b")),
        by(1, measured(0, "m", 1.0, 1, "test")),
    ];
    assert_eq!(ok(store.get_logged_model(&model_id(0)).await).metrics, expected);
    let odd: Vec<f64> = ok(store.get_logged_model(&model_id(1)).await)
        .metrics
        .iter()
        .map(|logged| logged.measured.metric.value)
        .collect();
    assert!(odd.len() == 2 && odd[0] == f64::INFINITY && odd[1].is_nan(), "{odd:?}");
    let run = ok(store.get_run(&run_id(0)).await);
    assert_eq!(run.metrics, [], "a batch says what is the run's own");
    let many = (0..1_000).map(|step| measured(0, "many", 0.5, step, "train@a")).collect();
    ok(store.log_batch(&run_id(0), measurements(many)).await);
    assert_eq!(ok(store.get_logged_model(&model_id(0)).await).metrics.len(), 1_006);
}

/// A batch that measures a model that is not there writes nothing.
pub async fn a_batch_with_an_unknown_model_is_refused(store: &dyn Store) {
    with_models(store, 1).await;
    let batch = LogBatch {
        metrics: vec![metric("m", 1.0, 0)],
        params: vec![param("p", "1")],
        model_metrics: vec![measured(0, "m", 1.0, 0, ""), measured(9, "m", 1.0, 0, "")],
        ..LogBatch::default()
    };
    let message = refused(store.log_batch(&run_id(0), batch).await, ErrorKind::NotFound).to_string();
    assert!(message.contains(&model_id(9)), "{message}");
    let run = ok(store.get_run(&run_id(0)).await);
    assert_eq!((run.metrics.len(), run.params.len()), (0, 0));
    assert_eq!(ok(store.get_logged_model(&model_id(0)).await).metrics, []);
}

/// What models a run used and made is kept by id, once each, with the last step.
pub async fn inputs_and_outputs_of_runs(store: &dyn Store) {
    with_models(store, 2).await;
    let output = |id: &str, step: i64| ModelOutput { model_id: id.to_owned(), step };
    let batch = LogBatch {
        model_inputs: vec![model_id(1), text("m-elsewhere"), model_id(1)],
        model_outputs: vec![output("m-z", 1), output(&model_id(0), i64::MIN), output("m-z", 2)],
        ..LogBatch::default()
    };
    ok(store.log_batch(&run_id(0), batch).await);
    let again = LogBatch {
        model_inputs: vec![model_id(1)],
        model_outputs: vec![output(&model_id(0), i64::MAX)],
        ..LogBatch::default()
    };
    ok(store.log_batch(&run_id(0), again).await);
    let run = ok(store.get_run(&run_id(0)).await);
    assert_eq!(run.model_inputs, [model_id(1), text("m-elsewhere")]);
    assert_eq!(run.model_outputs, [output(&model_id(0), i64::MAX), output("m-z", 2)]);
    let page = ok(store.search_runs(&super::query(10)).await);
    assert_eq!(page.items[1], run);
    assert_eq!((page.items[0].model_inputs.len(), page.items[0].model_outputs.len()), (0, 0));
}

/// Any Unicode is kept to the last byte and found again.
pub async fn odd_texts(store: &dyn Store) {
    with_runs(store, 1).await;
    for (number, odd) in super::odd_texts().iter().enumerate() {
        let written = LoggedModel {
            name: odd.clone(),
            model_type: Some(odd.clone()),
            source_run_id: Some(odd.clone()),
            artifact_location: odd.clone(),
            params: vec![param(odd, odd)],
            tags: vec![tag(odd, odd)],
            ..model(number)
        };
        ok(store.create_logged_model(written.clone()).await);
        let on = ModelMetric {
            dataset_name: Some(odd.clone()),
            dataset_digest: Some(odd.clone()),
            ..measured(number, odd, 1.0, 0, "")
        };
        ok(store.log_batch(&run_id(0), measurements(vec![on.clone()])).await);
        let metrics = vec![LoggedMetric { run_id: run_id(0), measured: on }];
        assert_eq!(ok(store.get_logged_model(&model_id(number)).await), LoggedModel { metrics, ..written });
        let equals = || Comparison::TextEquals(odd.clone());
        let conditions = vec![
            condition(Entity::Attribute, "name", equals()),
            condition(Entity::Param, odd, equals()),
            condition(Entity::Tag, odd, equals()),
            condition(Entity::Metric, odd, Comparison::NumberEquals(1.0)),
        ];
        let datasets = vec![dataset(odd, Some(odd))];
        let order_by =
            vec![LoggedModelOrder { by: order(Entity::Metric, odd, true), dataset: Some(dataset(odd, Some(odd))) }];
        let query = LoggedModelQuery { conditions, datasets, order_by, ..all() };
        assert_eq!(found(store, &query).await, [number], "{odd:?}");
    }
}

/// The character NUL is refused by all, and what came with it is not written.
pub async fn nul_is_refused(store: &dyn Store) {
    with_models(store, 1).await;
    let (id, invalid) = (model_id(0), ErrorKind::InvalidInput);
    super::refused_name(store.get_logged_model("a\0").await);
    for bad in [
        LoggedModel { name: text("\0"), ..model(1) },
        LoggedModel { model_type: Some(text("\0")), ..model(1) },
        LoggedModel { params: vec![param("a", "\0")], ..model(1) },
        LoggedModel { tags: vec![tag("\0", "a")], ..model(1) },
    ] {
        refused(store.create_logged_model(bad).await, invalid);
    }
    refused(store.log_model_params(&id, vec![param("a", "1"), param("b", "\0")]).await, invalid);
    refused(store.set_logged_model_tags(&id, vec![tag("a", "\0")]).await, invalid);
    for bad in [
        measurements(vec![measured(0, "\0", 1.0, 0, "")]),
        measurements(vec![measured(0, "m", 1.0, 0, "\0")]),
        LogBatch { model_inputs: vec![text("\0")], ..params_of(vec![param("p", "1")]) },
        LogBatch { model_outputs: vec![ModelOutput { model_id: text("\0"), step: 0 }], ..LogBatch::default() },
    ] {
        refused(store.log_batch(&run_id(0), bad).await, invalid);
    }
    let query = LoggedModelQuery { datasets: vec![dataset("\0", None)], ..all() };
    refused(store.search_logged_models(&query).await, invalid);
    assert_eq!(ok(store.get_logged_model(&id).await), model(0));
    assert_eq!(ok(store.get_run(&run_id(0)).await).params, []);
}
