//! Promises of [`RunStore`](crate::RunStore) but for metrics and searches.

use super::{experiment, input, metric, metrics_of, ok, param, params_of, refused, run_id, run_info, tag, with_runs};
use crate::{DatasetUse, Lifecycle, LogBatch, RunInfo, RunStatus, Store};
use futures_util::future::join;
use metria_core::ErrorKind;

/// A run is read back as it was written: params and tags by key, latest metrics by key, inputs by name and digest.
pub async fn what_is_written_is_read(store: &dyn Store) {
    ok(store.create_experiment(experiment("1", "one")).await);
    let info = RunInfo { end_time_ms: Some(-5), status: RunStatus::Scheduled, ..run_info(1) };
    ok(store.create_run(info.clone(), vec![tag("b", "1"), tag("a", "2")]).await);
    let batch = LogBatch {
        metrics: vec![metric("z", 1.5, 0), metric("y", -2.5, 3), metric("z", 2.5, 1)],
        params: vec![param("q", "1"), param("p", "")],
        tags: vec![tag("c", "3"), tag("b", "4")],
        inputs: vec![input("train", "2", Some("training")), input("train", "1", None), input("eval", "9", None)],
        ..LogBatch::default()
    };
    ok(store.log_batch(&info.run_id, batch).await);
    let run = ok(store.get_run(&info.run_id).await);
    assert_eq!(run.info, info);
    assert_eq!(run.params, [param("p", ""), param("q", "1")]);
    assert_eq!(run.metrics, [metric("y", -2.5, 3), metric("z", 2.5, 1)]);
    assert_eq!(run.tags, [tag("a", "2"), tag("b", "4"), tag("c", "3")]);
    let inputs = [input("eval", "9", None), input("train", "1", None), input("train", "2", Some("training"))];
    assert_eq!(run.inputs, inputs, "JSON is kept as text");
    assert_eq!(ok(store.search_runs(&super::query(5)).await).items, [run]);
}

/// A taken run id is refused.
pub async fn an_id_is_taken_once(store: &dyn Store) {
    with_runs(store, 1).await;
    let again = RunInfo { run_name: "again".to_owned(), ..run_info(0) };
    refused(store.create_run(again, vec![tag("a", "1")]).await, ErrorKind::AlreadyExists);
    let run = ok(store.get_run(&run_id(0)).await);
    assert_eq!((run.info.run_name.as_str(), run.tags.len()), ("run-0", 0));
}

/// A run needs an experiment that is there and not deleted.
pub async fn experiments_must_be_there_and_active(store: &dyn Store) {
    refused(store.create_run(run_info(1), Vec::new()).await, ErrorKind::NotFound);
    ok(store.create_experiment(experiment("1", "one")).await);
    ok(store.set_experiment_lifecycle("1", Lifecycle::Deleted, 200).await);
    refused(store.create_run(run_info(1), Vec::new()).await, ErrorKind::Conflict);
    ok(store.set_experiment_lifecycle("1", Lifecycle::Active, 300).await);
    ok(store.create_run(run_info(1), Vec::new()).await);
}

/// Every call on a run or tag that is not there says so; an unknown history is empty.
pub async fn what_is_missing_is_not_found(store: &dyn Store) {
    with_runs(store, 1).await;
    let missing = run_id(99);
    refused(store.get_run(&missing).await, ErrorKind::NotFound);
    refused(store.update_run(&missing, None, None, None).await, ErrorKind::NotFound);
    refused(store.set_run_lifecycle(&missing, Lifecycle::Deleted, 1).await, ErrorKind::NotFound);
    refused(store.log_batch(&missing, LogBatch::default()).await, ErrorKind::NotFound);
    refused(store.delete_run_tag(&missing, "a").await, ErrorKind::NotFound);
    refused(store.delete_run_tag(&run_id(0), "a").await, ErrorKind::NotFound);
    assert_eq!(ok(store.metric_history(&missing, "m").await), []);
    assert_eq!(ok(store.metric_history(&run_id(0), "m").await), []);
}

/// Only what is given changes.
pub async fn updating_changes_what_is_given(store: &dyn Store) {
    with_runs(store, 1).await;
    let id = run_id(0);
    let before = ok(store.get_run(&id).await).info;
    assert_eq!(ok(store.update_run(&id, None, None, None).await), before);
    let ended = ok(store.update_run(&id, Some(RunStatus::Finished), Some(9_000), None).await);
    assert_eq!(ended, RunInfo { status: RunStatus::Finished, end_time_ms: Some(9_000), ..before });
    let named = ok(store.update_run(&id, None, None, Some("new".to_owned())).await);
    assert_eq!(named, RunInfo { run_name: "new".to_owned(), ..ended });
    for status in RunStatus::ALL {
        ok(store.update_run(&id, Some(status), None, None).await);
        assert_eq!(ok(store.get_run(&id).await).info, RunInfo { status, ..named.clone() });
    }
}

/// A deleted run can be read and restored, but not written to.
pub async fn deleted_runs_are_read_only(store: &dyn Store) {
    with_runs(store, 1).await;
    let id = run_id(0);
    ok(store.log_batch(&id, LogBatch { tags: vec![tag("a", "1")], ..LogBatch::default() }).await);
    ok(store.set_run_lifecycle(&id, Lifecycle::Deleted, 5_000).await);
    ok(store.set_run_lifecycle(&id, Lifecycle::Deleted, 6_000).await);
    refused(store.log_batch(&id, metrics_of(vec![metric("m", 1.0, 0)])).await, ErrorKind::Conflict);
    refused(store.update_run(&id, Some(RunStatus::Failed), None, None).await, ErrorKind::Conflict);
    refused(store.delete_run_tag(&id, "a").await, ErrorKind::Conflict);
    let deleted = ok(store.get_run(&id).await);
    assert_eq!(deleted.info.lifecycle, Lifecycle::Deleted);
    assert_eq!((deleted.metrics.len(), deleted.tags.len()), (0, 1));
    ok(store.set_run_lifecycle(&id, Lifecycle::Active, 7_000).await);
    ok(store.log_batch(&id, metrics_of(vec![metric("m", 1.0, 0)])).await);
}

/// One bad part of a batch takes the whole batch back, and nothing of what was there before.
pub async fn a_batch_is_all_or_nothing(store: &dyn Store) {
    with_runs(store, 2).await;
    let id = run_id(0);
    let first = LogBatch {
        metrics: vec![metric("m", 1.0, 0)],
        params: vec![param("p", "1")],
        tags: vec![tag("t", "1")],
        inputs: vec![input("d", "1", None)],
        ..LogBatch::default()
    };
    ok(store.log_batch(&id, first).await);
    let before = ok(store.get_run(&id).await);
    let bad = LogBatch {
        metrics: vec![metric("m", 2.0, 1), metric("n", 2.0, 1)],
        params: vec![param("a", "new"), param("p", "2"), param("z", "new")],
        tags: vec![tag("t", "2"), tag("u", "2")],
        inputs: vec![input("d", "1", Some("changed")), input("e", "1", None)],
        ..LogBatch::default()
    };
    // At the same time another request, which must not be taken back with it.
    let good = metrics_of(vec![metric("m", 5.0, 0)]);
    let other = run_id(1);
    let (refusal, good) = join(store.log_batch(&id, bad), store.log_batch(&other, good)).await;
    let message = refused(refusal, ErrorKind::Conflict).to_string();
    ok(good);
    for part in ["`p`", "`1`", "`2`"] {
        assert!(message.contains(part), "the message names the param and both values: {message}");
    }
    assert_eq!(ok(store.get_run(&id).await), before);
    assert_eq!(ok(store.metric_history(&id, "m").await).len(), 1);
    assert_eq!(ok(store.metric_history(&id, "n").await), []);
    assert_eq!(ok(store.get_run(&other).await).metrics, [metric("m", 5.0, 0)]);
}

/// The same value again is no error, another is.
pub async fn params_never_change(store: &dyn Store) {
    with_runs(store, 1).await;
    let id = run_id(0);
    ok(store.log_batch(&id, params_of(vec![param("p", "1"), param("q", "1")])).await);
    ok(store.log_batch(&id, params_of(vec![param("p", "1"), param("r", "1"), param("q", "1")])).await);
    refused(store.log_batch(&id, params_of(vec![param("p", "1 ")])).await, ErrorKind::Conflict);
    refused(store.log_batch(&id, params_of(vec![param("p", "")])).await, ErrorKind::Conflict);
    ok(store.log_batch(&id, params_of(vec![param("P", "2")])).await);
    let params = ok(store.get_run(&id).await).params;
    assert_eq!(params, [param("P", "2"), param("p", "1"), param("q", "1"), param("r", "1")]);
}

/// Within one batch, too, a param has one value; the same pair twice is one param, and of tags the last counts.
pub async fn a_batch_that_contradicts_itself_is_refused(store: &dyn Store) {
    with_runs(store, 1).await;
    let id = run_id(0);
    refused(store.log_batch(&id, params_of(vec![param("p", "1"), param("p", "2")])).await, ErrorKind::Conflict);
    assert_eq!(ok(store.get_run(&id).await).params, []);
    let batch = LogBatch {
        params: vec![param("p", "1"), param("p", "1")],
        tags: vec![tag("t", "1"), tag("t", "2")],
        inputs: vec![input("d", "1", Some("a")), input("d", "1", Some("b"))],
        ..LogBatch::default()
    };
    ok(store.log_batch(&id, batch).await);
    let run = ok(store.get_run(&id).await);
    assert_eq!((run.params, run.tags), (vec![param("p", "1")], vec![tag("t", "2")]));
    assert_eq!(run.inputs, [input("d", "1", Some("b"))]);
}

/// A later tag value replaces an earlier one; a removed one is gone.
pub async fn tags_are_replaced_and_removed(store: &dyn Store) {
    with_runs(store, 1).await;
    let id = run_id(0);
    let tags_of = |tags| LogBatch { tags, ..LogBatch::default() };
    ok(store.log_batch(&id, tags_of(vec![tag("a", "1"), tag("b", "1")])).await);
    ok(store.log_batch(&id, tags_of(vec![tag("a", "2")])).await);
    ok(store.delete_run_tag(&id, "b").await);
    assert_eq!(ok(store.get_run(&id).await).tags, [tag("a", "2")]);
    refused(store.delete_run_tag(&id, "b").await, ErrorKind::NotFound);
}

/// The same name and digest again replaces everything else about the input.
pub async fn inputs_are_replaced(store: &dyn Store) {
    with_runs(store, 1).await;
    let id = run_id(0);
    let inputs_of = |inputs| LogBatch { inputs, ..LogBatch::default() };
    ok(store.log_batch(&id, inputs_of(vec![input("d", "1", Some("training"))])).await);
    let mut replaced = input("d", "1", None);
    replaced.profile = Some("{}".to_owned());
    replaced.schema = None;
    ok(store.log_batch(&id, inputs_of(vec![replaced.clone()])).await);
    assert_eq!(ok(store.get_run(&id).await).inputs, [replaced]);
}

/// The datasets of experiments are listed once, however many runs read them, in order and up to a limit.
pub async fn datasets_of_experiments(store: &dyn Store) {
    ok(store.create_experiment(experiment("1", "one")).await);
    ok(store.create_experiment(experiment("2", "two")).await);
    for (number, experiment_id, inputs) in [
        (0, "1", vec![input("b", "d1", Some("training")), input("a", "d2", None)]),
        (1, "1", vec![input("b", "d1", Some("training")), input("a", "d2", Some("x"))]),
        (2, "2", vec![input("b", "d1", Some("training"))]),
        (3, "2", Vec::new()),
    ] {
        ok(store.create_run(RunInfo { experiment_id: experiment_id.to_owned(), ..run_info(number) }, Vec::new()).await);
        ok(store.log_batch(&run_info(number).run_id, LogBatch { inputs, ..LogBatch::default() }).await);
    }
    let used = |experiment_id: &str, name: &str, digest: &str, context: Option<&str>| DatasetUse {
        experiment_id: experiment_id.to_owned(),
        name: name.to_owned(),
        digest: digest.to_owned(),
        context: context.map(str::to_owned),
    };
    let one = [used("1", "a", "d2", None), used("1", "a", "d2", Some("x")), used("1", "b", "d1", Some("training"))];
    let ids = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>();
    assert_eq!(ok(store.list_dataset_uses(&ids(&["1"]), 100).await), one);
    assert_eq!(ok(store.list_dataset_uses(&ids(&["1"]), 2).await), one[..2]);
    let both = [&one[..], &[used("2", "b", "d1", Some("training"))]].concat();
    assert_eq!(ok(store.list_dataset_uses(&ids(&["2", "1", "it's"]), 100).await), both);
    assert_eq!(ok(store.list_dataset_uses(&[], 100).await), []);
}

/// A reader sees a batch whole or not at all, in one run as in a page of runs.
pub async fn readers_see_whole_batches(store: &dyn Store) {
    with_runs(store, 1).await;
    let id = run_id(0);
    let writing = async {
        for step in 0..200_i64 {
            let value = step.to_string();
            let batch = LogBatch {
                metrics: vec![metric("m", 0.0, step), metric("n", 0.0, step)],
                params: vec![param(&format!("p{step}"), &value)],
                tags: vec![tag("t", &value)],
                ..LogBatch::default()
            };
            ok(store.log_batch(&id, batch).await);
        }
    };
    let reading = async {
        loop {
            let run = ok(store.get_run(&id).await);
            let page = ok(store.search_runs(&super::query(1)).await);
            for run in [&run, &page.items[0]] {
                let steps: Vec<i64> = run.metrics.iter().map(|metric| metric.step).collect();
                let tags: Vec<i64> = run.tags.iter().map(|tag| tag.value.parse().expect("a step")).collect();
                let params = i64::try_from(run.params.len()).expect("a few");
                let whole = match (steps.as_slice(), tags.as_slice()) {
                    ([], []) => params == 0,
                    ([m, n], [t]) => m == n && m == t && *m == params - 1,
                    _ => false,
                };
                assert!(whole, "a batch was seen in part: steps {steps:?}, tags {tags:?}, {params} params");
            }
            if run.params.len() == 200 {
                return;
            }
        }
    };
    join(writing, reading).await;
}

/// As much as a client may send at once.
pub async fn big_batches(store: &dyn Store) {
    with_runs(store, 1).await;
    let id = run_id(0);
    let key = |kind: &str, number: usize| format!("{kind}{number:04}");
    let batch = LogBatch {
        metrics: (0..1_000).map(|number| metric(&key("m", number), 0.5, 7)).collect(),
        params: (0..1_000).map(|number| param(&key("p", number), &"v".repeat(6_000))).collect(),
        tags: (0..1_000).map(|number| tag(&key("t", number), &"w".repeat(5_000))).collect(),
        inputs: (0..100).map(|number| input(&key("d", number), "1", None)).collect(),
        ..LogBatch::default()
    };
    ok(store.log_batch(&id, batch.clone()).await);
    let run = ok(store.get_run(&id).await);
    assert_eq!((run.metrics, run.params), (batch.metrics, batch.params));
    assert_eq!((run.tags, run.inputs), (batch.tags, batch.inputs));
}

/// Any Unicode is kept to the last byte, in every text of a run.
pub async fn odd_texts(store: &dyn Store) {
    ok(store.create_experiment(experiment("1", "one")).await);
    for (number, text) in super::odd_texts().iter().enumerate() {
        let info =
            RunInfo { run_name: text.clone(), user_id: text.clone(), artifact_uri: text.clone(), ..run_info(number) };
        ok(store.create_run(info.clone(), vec![tag(text, text)]).await);
        let batch = LogBatch {
            metrics: vec![metric(text, 1.0, 0)],
            params: vec![param(text, text)],
            tags: Vec::new(),
            inputs: vec![input(text, text, Some(text))],
            ..LogBatch::default()
        };
        ok(store.log_batch(&info.run_id, batch.clone()).await);
        let run = ok(store.get_run(&info.run_id).await);
        assert_eq!((run.info, run.tags), (info.clone(), vec![tag(text, text)]));
        assert_eq!((run.metrics, run.params, run.inputs), (batch.metrics, batch.params, batch.inputs));
        assert_eq!(ok(store.metric_history(&info.run_id, text).await).len(), 1);
        ok(store.delete_run_tag(&info.run_id, text).await);
    }
}

/// The character NUL, which not every backend can keep, is refused by all, and what came with it is not written.
pub async fn nul_is_refused(store: &dyn Store) {
    with_runs(store, 1).await;
    let id = run_id(0);
    super::refused_name(store.get_run("a\0").await);
    let info = RunInfo { run_name: "\0".to_owned(), ..run_info(1) };
    refused(store.create_run(info, Vec::new()).await, ErrorKind::InvalidInput);
    refused(store.create_run(run_info(1), vec![tag("a", "\0")]).await, ErrorKind::InvalidInput);
    refused(store.update_run(&id, None, None, Some("a\0".to_owned())).await, ErrorKind::InvalidInput);
    for batch in [
        metrics_of(vec![metric("good", 1.0, 0), metric("a\0", 1.0, 0)]),
        params_of(vec![param("good", "1"), param("a", "b\0c")]),
        LogBatch { tags: vec![tag("a", "\0")], ..LogBatch::default() },
        LogBatch { inputs: vec![input("\0", "1", None)], ..LogBatch::default() },
        LogBatch { inputs: vec![input("d", "1", Some("\0"))], ..LogBatch::default() },
    ] {
        refused(store.log_batch(&id, batch).await, ErrorKind::InvalidInput);
    }
    let run = ok(store.get_run(&id).await);
    assert_eq!((run.metrics.len(), run.params.len(), run.tags.len(), run.inputs.len()), (0, 0, 0, 0));
}
