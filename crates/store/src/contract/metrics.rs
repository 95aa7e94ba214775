//! Promises about metrics: what is kept, what is the latest, and in which order.

use super::{metric, metrics_of, ok, run_id, with_runs};
use crate::{LogBatch, Metric, Param, RunKeys, Store, Tag};
use futures_util::future::join_all;

/// The bits of a value as it is kept: every NaN alike, zero without a sign.
fn bits(value: f64) -> u64 {
    if value.is_nan() { f64::NAN.to_bits() } else { value.to_bits() }
}

/// Every finite double is kept to the last bit, and NaN and the infinities are values too.
pub async fn odd_numbers_are_kept(store: &dyn Store) {
    with_runs(store, 1).await;
    let values = [
        f64::NAN,
        f64::INFINITY,
        f64::NEG_INFINITY,
        0.0,
        f64::MIN_POSITIVE,
        f64::MIN_POSITIVE / 4.0,
        5e-324,
        -5e-324,
        f64::MAX,
        f64::MIN,
        f64::EPSILON,
        0.1,
        1.0 / 3.0,
        -1e300,
        9_007_199_254_740_991.0,
        3.0,
        -3.0,
        1e15,
        123_456_789_012_345_680.0,
    ];
    let id = run_id(0);
    let key = |number: usize| format!("k{number:02}");
    let all = values.iter().enumerate().map(|(number, value)| metric(&key(number), *value, 0));
    ok(store.log_batch(&id, metrics_of(all.collect())).await);
    let run = ok(store.get_run(&id).await);
    assert_eq!(run.metrics.len(), values.len());
    for (number, value) in values.into_iter().enumerate() {
        let history = ok(store.metric_history(&id, &key(number)).await);
        assert_eq!(history.len(), 1, "{value}");
        for kept in [&history[0], &run.metrics[number]] {
            assert_eq!(bits(kept.value), bits(value), "{value} came back as {}", kept.value);
        }
    }
    ok(store.log_batch(&id, metrics_of(vec![metric("zero", -0.0, 0), metric("zero", 0.0, 0)])).await);
    let zeros = ok(store.metric_history(&id, "zero").await);
    assert_eq!(zeros.iter().map(|zero| zero.value.to_bits()).collect::<Vec<_>>(), [0], "zero has no sign");
}

/// The latest is the greatest (step, timestamp, value), NaN below every number, whatever the order of writing and
/// whether written at once or one after the other.
pub async fn the_latest_is_the_greatest(store: &dyn Store) {
    with_runs(store, 2).await;
    let at = |step: i64, timestamp_ms: i64, value: f64| Metric { key: "m".to_owned(), value, timestamp_ms, step };
    // The third of each row says whether the new measurement becomes the latest.
    let log = [
        (at(0, 10, f64::NAN), true),
        (at(0, 10, f64::NEG_INFINITY), true),
        (at(0, 10, f64::NAN), false),
        (at(0, 10, -1.0), true),
        (at(0, 10, -2.0), false),
        (at(0, 9, 100.0), false),
        (at(0, 11, -100.0), true),
        (at(1, 1, -1_000.0), true),
        (at(-1, 99, f64::INFINITY), false),
        (at(1, 1, f64::INFINITY), true),
        (at(1, 1, 3.0), false),
        (at(2, 0, f64::NAN), true),
        (at(1, 99, 5.0), false),
    ];
    let same =
        |a: &Metric, b: &Metric| (a.step, a.timestamp_ms, bits(a.value)) == (b.step, b.timestamp_ms, bits(b.value));
    let mut latest = at(i64::MIN, 0, 0.0);
    for (metric, becomes_latest) in &log {
        ok(store.log_batch(&run_id(0), metrics_of(vec![metric.clone()])).await);
        if *becomes_latest {
            latest = metric.clone();
        }
        let run = ok(store.get_run(&run_id(0)).await);
        assert!(same(&run.metrics[0], &latest), "after {metric:?}: {:?} instead of {latest:?}", run.metrics);
    }
    let batch = log.iter().rev().map(|(metric, _)| metric.clone()).collect();
    ok(store.log_batch(&run_id(1), metrics_of(batch)).await);
    let run = ok(store.get_run(&run_id(1)).await);
    assert!(same(&run.metrics[0], &latest), "in one batch: {:?} instead of {latest:?}", run.metrics);
}

/// A history goes by step, then timestamp, then order of writing.
pub async fn histories_are_in_order(store: &dyn Store) {
    with_runs(store, 1).await;
    let id = run_id(0);
    let at = |step: i64, timestamp_ms: i64, value: f64| Metric { key: "m".to_owned(), value, timestamp_ms, step };
    ok(store.log_batch(&id, metrics_of(vec![at(2, 5, 9.0), at(2, 5, 1.0), at(0, 7, 2.0)])).await);
    ok(store.log_batch(&id, metrics_of(vec![at(2, 4, 3.0), at(2, 5, 4.0), at(-3, 0, 5.0)])).await);
    ok(store.log_batch(&id, metrics_of(vec![metric("other", 0.0, 0)])).await);
    let history = ok(store.metric_history(&id, "m").await);
    let expected = [at(-3, 0, 5.0), at(0, 7, 2.0), at(2, 4, 3.0), at(2, 5, 9.0), at(2, 5, 1.0), at(2, 5, 4.0)];
    assert_eq!(history, expected);
}

/// The same step, timestamp and value again is written once, NaN included; a difference in any of them is another.
pub async fn duplicates_are_written_once(store: &dyn Store) {
    with_runs(store, 1).await;
    let id = run_id(0);
    for value in [1.0, f64::NAN, f64::INFINITY] {
        let batch = metrics_of(vec![metric("m", value, 0), metric("m", value, 0)]);
        ok(store.log_batch(&id, batch.clone()).await);
        ok(store.log_batch(&id, batch).await);
    }
    assert_eq!(ok(store.metric_history(&id, "m").await).len(), 3);
    let later = Metric { timestamp_ms: 1_001, ..metric("m", 1.0, 0) };
    ok(store.log_batch(&id, metrics_of(vec![later, metric("m", 1.0, 1), metric("m", 1.5, 0)])).await);
    assert_eq!(ok(store.metric_history(&id, "m").await).len(), 6);
}

/// Many writers at once, to one run and to several, are all answered and all kept.
pub async fn writers_at_once_lose_nothing(store: &dyn Store) {
    with_runs(store, 4).await;
    let writes = (0..200_usize).map(|number| async move {
        let step = i64::try_from(number).expect("a few");
        let metrics = vec![metric("m", 1.0, step), metric(&format!("k{}", number % 5), 2.0, step)];
        ok(store.log_batch(&run_id(number % 4), metrics_of(metrics)).await);
    });
    join_all(writes).await;
    for run in 0..4 {
        let steps: Vec<i64> =
            ok(store.metric_history(&run_id(run), "m").await).iter().map(|metric| metric.step).collect();
        let first = i64::try_from(run).expect("a few");
        assert_eq!(steps, (0..50).map(|number| first + 4 * number).collect::<Vec<_>>());
        let latest = ok(store.get_run(&run_id(run)).await).metrics;
        assert_eq!(latest.last(), Some(&metric("m", 1.0, first + 4 * 49)));
    }
}

/// 100,000 measurements of one metric.
pub async fn a_long_history(store: &dyn Store) {
    with_runs(store, 1).await;
    let id = run_id(0);
    for batch in 0..20_i64 {
        let metrics = (0..5_000).map(|number| metric("m", 0.25, batch * 5_000 + number)).collect();
        ok(store.log_batch(&id, metrics_of(metrics)).await);
    }
    let history = ok(store.metric_history(&id, "m").await);
    assert_eq!(history.len(), 100_000);
    assert!(history.iter().zip(0..).all(|(metric, step)| metric.step == step), "by step");
    assert_eq!(ok(store.get_run(&id).await).metrics, [metric("m", 0.25, 99_999)]);
}

/// Steps and timestamps may be any 64-bit integer.
pub async fn limits_of_steps_and_times(store: &dyn Store) {
    with_runs(store, 1).await;
    let id = run_id(0);
    let at = |step: i64, timestamp_ms: i64| Metric { key: "m".to_owned(), value: 1.0, timestamp_ms, step };
    let all = [at(i64::MIN, i64::MAX), at(0, i64::MIN), at(0, i64::MAX), at(i64::MAX, i64::MIN)];
    ok(store.log_batch(&id, metrics_of(all.iter().rev().cloned().collect())).await);
    assert_eq!(ok(store.metric_history(&id, "m").await), all);
    assert_eq!(ok(store.get_run(&id).await).metrics, [at(i64::MAX, i64::MIN)]);
}

/// A history from a place on is the end of the whole history, up to the limit; the place is included.
pub async fn histories_from_a_place(store: &dyn Store) {
    with_runs(store, 1).await;
    let at = |step: i64, timestamp_ms: i64| Metric { key: "m".to_owned(), value: 0.5, timestamp_ms, step };
    let places = [(-3, 5), (0, 1), (0, 2), (0, 9), (1, 0), (7, 3)];
    // Written backwards, so that the order of writing is not that of the history.
    let metrics = places.iter().rev().map(|(step, timestamp_ms)| at(*step, *timestamp_ms)).collect();
    ok(store.log_batch(&run_id(0), metrics_of(metrics)).await);
    for (from, limit, expected) in [
        ((i64::MIN, i64::MIN), 100, &places[..]),
        ((i64::MIN, 0), 2, &places[..2]),
        ((0, 2), 100, &places[2..]),
        ((0, 3), 100, &places[3..]),
        ((0, 10), 1, &places[4..5]),
        ((7, 3), 100, &places[5..]),
        ((7, 4), 100, &[][..]),
        ((-3, 5), 0, &[][..]),
    ] {
        let found = ok(store.metric_history_from(&run_id(0), "m", from, limit).await);
        let found: Vec<(i64, i64)> = found.iter().map(|metric| (metric.step, metric.timestamp_ms)).collect();
        assert_eq!(found, expected, "from {from:?}, at most {limit}");
    }
    assert!(ok(store.metric_history_from(&run_id(0), "other", (0, 0), 10).await).is_empty());
    assert!(ok(store.metric_history_from("nobody", "m", (0, 0), 10).await).is_empty());
}

/// The keys of an experiment are those of its runs, each once, in order, up to the limit.
pub async fn keys_of_an_experiment(store: &dyn Store) {
    with_runs(store, 3).await;
    let pair = |key: &str| (key.to_owned(), "x".to_owned());
    for (number, keys) in [["b", "a'%"], ["a'%", "c"], ["z", "\u{e9}"]].into_iter().enumerate() {
        let params = keys.iter().map(|key| pair(key)).map(|(key, value)| Param { key, value }).collect();
        let tags = keys[..1].iter().map(|key| pair(key)).map(|(key, value)| Tag { key, value }).collect();
        let metrics = keys.iter().map(|key| metric(key, f64::NAN, 0)).collect();
        ok(store.log_batch(&run_id(number), LogBatch { metrics, params, tags, ..LogBatch::default() }).await);
    }
    let experiment_id = ok(store.get_run(&run_id(0)).await).info.experiment_id;
    let found = ok(store.run_keys(&experiment_id, 100).await);
    assert_eq!(found.metrics, ["a'%", "b", "c", "z", "\u{e9}"]);
    assert_eq!(found.params, found.metrics);
    assert!(["a'%", "b", "z"].iter().all(|key| found.tags.iter().any(|tag| tag == key)), "{:?}", found.tags);
    assert!(found.tags.is_sorted());
    assert_eq!(ok(store.run_keys(&experiment_id, 2).await).metrics, ["a'%", "b"]);
    assert_eq!(ok(store.run_keys("nobody", 100).await), RunKeys::default());
}
