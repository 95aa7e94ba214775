use super::*;
use metria_store::{LogBatch, MemoryStore, Metric, RunStatus, RunStore, Tag};
use metria_tracking::CreateRun;
use serde_json::Value;
use std::sync::Arc;

async fn opened() -> (Arc<MemoryStore>, Tracking, Live, String) {
    let store = Arc::new(MemoryStore::new());
    let tracking = Tracking::new(store.clone(), "file:///nowhere");
    tracking.bootstrap().await.unwrap();
    let run = CreateRun { experiment_id: "0".to_owned(), ..CreateRun::default() };
    let run_id = tracking.create_run(run).await.unwrap().info.run_id;
    let live = Live::new(&tracking);
    (store, tracking, live, run_id)
}

fn points(range: std::ops::Range<i64>) -> LogBatch {
    let metric =
        |step: i64| Metric { key: "loss".to_owned(), value: 1.0 / (step + 1) as f64, timestamp_ms: step, step };
    LogBatch { metrics: range.map(metric).collect(), ..LogBatch::default() }
}

async fn next(watch: &mut Watch) -> (&'static str, Value) {
    let event = tokio::time::timeout(Duration::from_secs(30), watch.next()).await;
    match event.expect("an event comes soon").expect("the watch goes on") {
        Event::Run(text) => ("run", serde_json::from_str(&text).unwrap()),
        Event::Change(text) => ("change", serde_json::from_str(&text).unwrap()),
    }
}

fn steps(change: &Value) -> Vec<i64> {
    let series = change["series"].as_array().into_iter().flatten();
    series.flat_map(|series| series["steps"].as_array().unwrap().iter().map(|step| step.as_i64().unwrap())).collect()
}

#[tokio::test]
async fn writes_are_told_to_every_watcher_once() {
    let (_store, tracking, live, run_id) = opened().await;
    tracking.log_batch(&run_id, points(0..3)).await.unwrap();
    let mut first = live.watch(&run_id).await.ok().unwrap();
    let (kind, run) = next(&mut first).await;
    assert_eq!((kind, &run["metrics"][0]["step"]), ("run", &Value::from(2)));
    let mut second = live.watch(&run_id).await.ok().unwrap();
    next(&mut second).await;
    assert_eq!(live.0.feeds().len(), 1, "one poller for both");
    tracking.log_batch(&run_id, points(3..5)).await.unwrap();
    for watch in [&mut first, &mut second] {
        let (kind, change) = next(watch).await;
        assert_eq!((kind, steps(&change)), ("change", vec![2, 3, 4]), "{change}");
        assert_eq!(change["metrics"][0]["step"], 4);
        assert!(change.get("info").is_none() && change.get("tags").is_none(), "{change}");
    }
    tracking.finish_run(&run_id, RunStatus::Finished).await.unwrap();
    let (_, change) = next(&mut first).await;
    assert_eq!((&change["info"]["status"], steps(&change)), (&Value::from("FINISHED"), vec![]));
}

#[tokio::test]
async fn what_others_wrote_is_found_by_looking() {
    let (store, _tracking, live, run_id) = opened().await;
    let mut watch = live.watch(&run_id).await.ok().unwrap();
    next(&mut watch).await;
    // Past the services, as another process would.
    store.log_batch(&run_id, points(0..2)).await.unwrap();
    assert_eq!(steps(&next(&mut watch).await.1), [0, 1]);
    let tags = vec![Tag { key: "a".to_owned(), value: "b".to_owned() }];
    store.log_batch(&run_id, LogBatch { tags, ..LogBatch::default() }).await.unwrap();
    assert_eq!(next(&mut watch).await.1["tags"][0]["value"], "b");
}

#[tokio::test]
async fn a_flood_is_read_again_instead_of_told() {
    let (_store, tracking, live, run_id) = opened().await;
    let mut watch = live.watch(&run_id).await.ok().unwrap();
    next(&mut watch).await;
    let mut metrics = Vec::new();
    for part in 0..2 {
        metrics.extend(points(part * 700..(part + 1) * 700).metrics);
    }
    let batch = LogBatch { metrics: metrics.split_off(600), ..LogBatch::default() };
    let rest = LogBatch { metrics, ..LogBatch::default() };
    tracking.log_batch(&run_id, rest).await.unwrap();
    tracking.log_batch(&run_id, batch).await.unwrap();
    let mut told = Vec::new();
    loop {
        let (_, change) = next(&mut watch).await;
        told.extend(steps(&change));
        let reload = change["reload"] == serde_json::json!(["loss"]);
        if reload || told.contains(&1_399) {
            assert!(reload || told.len() >= 1_400);
            break;
        }
    }
}

#[tokio::test]
async fn a_slow_watcher_gets_the_run_again() {
    let (_store, tracking, live, run_id) = opened().await;
    let mut slow = live.watch(&run_id).await.ok().unwrap();
    next(&mut slow).await;
    let feed = live.0.feeds()[&run_id].clone();
    for _ in 0..=MOST_WAITING {
        feed.changes.send("{}".into()).unwrap();
    }
    tracking.log_batch(&run_id, points(0..9)).await.unwrap();
    let (kind, run) = next(&mut slow).await;
    assert_eq!((kind, &run["metrics"][0]["step"]), ("run", &Value::from(8)));
}

#[tokio::test]
async fn a_stop_ends_every_watch_and_feeds_go_with_their_watchers() {
    let (_store, tracking, live, run_id) = opened().await;
    let mut watch = live.watch(&run_id).await.ok().unwrap();
    next(&mut watch).await;
    assert!(live.watch("nobody").await.is_err());
    let second = live.watch(&run_id).await.ok().unwrap();
    drop((watch, second));
    for _ in 0..100 {
        tracking.log_batch(&run_id, LogBatch::default()).await.unwrap();
        if live.0.feeds().is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(live.0.feeds().is_empty(), "the poller goes when nobody watches");
    let mut watch = live.watch(&run_id).await.ok().unwrap();
    next(&mut watch).await;
    live.stop();
    assert!(watch.next().await.is_none());
    assert!(live.watch(&run_id).await.ok().unwrap().next().await.is_some(), "the run itself may still be read");
}
