//! How fast a store writes and searches.
//!
//! `cargo run --release -p metria-store-sql --example throughput -- sqlite:/tmp/throughput.db` (or the URL of an empty
//! PostgreSQL database) prints one line per measurement: 100 writers with one metric each, a batch of 1,000 metrics, and
//! pages of 10,000 runs (or of the number after the URL): the first by a metric, one in the middle, and what few have.
//! PostgreSQL plans well once it has statistics, which its autovacuum makes within a minute of the writes.

#![expect(clippy::print_stdout, reason = "an example that reports on its standard output")]

use futures_util::future::try_join_all;
use metria_store::{
    Comparison, Condition, Entity, Lifecycle, LogBatch, Metric, OrderBy, Param, Result, RunInfo, RunQuery, RunStatus,
    Store,
};
use metria_store::{Error, Experiment, Tag};
use std::sync::Arc;
use std::time::Instant;

const WRITERS: usize = 100;
const WRITES: usize = 50;

#[tokio::main]
async fn main() -> Result<()> {
    let url = std::env::args().nth(1).ok_or_else(|| Error::Invalid("usage: throughput URL".to_owned()))?;
    let store = metria_store_sql::open(&url, &metria_store_sql::StoreOptions::default()).await?;
    create_experiments(store.as_ref()).await?;
    concurrent_writers(&store).await?;
    big_batch(store.as_ref()).await?;
    let runs = std::env::args().nth(2).and_then(|runs| runs.parse().ok()).unwrap_or(10_000);
    write_runs(store.as_ref(), runs).await?;
    search(store.as_ref(), runs).await?;
    store.close().await;
    Ok(())
}

fn run_info(experiment_id: &str, run_id: String, start_time_ms: i64) -> RunInfo {
    RunInfo {
        experiment_id: experiment_id.to_owned(),
        run_name: format!("run {run_id}"),
        run_id,
        user_id: "bench".to_owned(),
        status: RunStatus::Running,
        start_time_ms,
        end_time_ms: None,
        artifact_uri: String::new(),
        lifecycle: Lifecycle::Active,
    }
}

fn metric(key: &str, value: usize, step: usize) -> Metric {
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    let value = value as f64;
    Metric { key: key.to_owned(), value, timestamp_ms: 0, step: i64::try_from(step).unwrap_or(i64::MAX) }
}

async fn create_experiments(store: &dyn Store) -> Result<()> {
    for id in ["1", "2"] {
        let experiment = Experiment {
            experiment_id: id.to_owned(),
            name: format!("experiment {id}"),
            artifact_location: String::new(),
            lifecycle: Lifecycle::Active,
            creation_time_ms: 0,
            last_update_time_ms: 0,
            tags: Vec::new(),
        };
        store.create_experiment(experiment).await?;
    }
    Ok(())
}

async fn concurrent_writers(store: &Arc<dyn Store>) -> Result<()> {
    for writer in 0..WRITERS {
        store.create_run(run_info("1", format!("{writer:032x}"), 0), Vec::new()).await?;
    }
    let start = Instant::now();
    let tasks = (0..WRITERS).map(|writer| {
        let store = Arc::clone(store);
        async move {
            let task = tokio::spawn(async move {
                for step in 0..WRITES {
                    let batch = LogBatch { metrics: vec![metric("loss", step, step)], ..LogBatch::default() };
                    store.log_batch(&format!("{writer:032x}"), batch).await?;
                }
                Ok(())
            });
            task.await.unwrap_or_else(|error| Err(Error::Invalid(error.to_string())))
        }
    });
    try_join_all(tasks).await?;
    let seconds = start.elapsed().as_secs_f64();
    let writes = u32::try_from(WRITERS * WRITES).map_or(f64::NAN, f64::from);
    println!("{WRITERS} writers, one metric each: {:.0} writes per second", writes / seconds);
    Ok(())
}

async fn big_batch(store: &dyn Store) -> Result<()> {
    let mut times = Vec::new();
    for round in 0..11 {
        let metrics = (0..1_000).map(|at| metric(&format!("m{}", at % 10), at, round * 100 + at / 10)).collect();
        let start = Instant::now();
        store.log_batch(&format!("{round:032x}"), LogBatch { metrics, ..LogBatch::default() }).await?;
        times.push(start.elapsed());
    }
    times.sort();
    println!("one batch of 1,000 metrics: {:.2} ms (median of 11)", times[5].as_secs_f64() * 1e3);
    Ok(())
}

async fn write_runs(store: &dyn Store, runs: usize) -> Result<()> {
    for first in (0..runs).step_by(200) {
        let writes = (first..runs.min(first + 200)).map(|run| async move {
            let run_id = format!("{:032x}", 1_000_000 + run);
            let start_time_ms = i64::try_from(run).unwrap_or(0);
            store.create_run(run_info("2", run_id.clone(), start_time_ms), Vec::new()).await?;
            let param = |key: &str| Param { key: key.to_owned(), value: (run % 7).to_string() };
            let batch = LogBatch {
                metrics: vec![metric("accuracy", run * 7_919 % runs, 0), metric("loss", run, 0)],
                params: vec![param("depth"), param("trees")],
                tags: vec![Tag { key: "team".to_owned(), value: if run % 5_000 == 0 { "b" } else { "a" }.to_owned() }],
                ..LogBatch::default()
            };
            store.log_batch(&run_id, batch).await
        });
        try_join_all(writes).await?;
    }
    Ok(())
}

async fn search(store: &dyn Store, runs: usize) -> Result<()> {
    let order = OrderBy { entity: Entity::Metric, key: "accuracy".to_owned(), ascending: false };
    let query = RunQuery {
        experiment_ids: vec!["2".to_owned()],
        lifecycle: Some(Lifecycle::Active),
        order_by: vec![order],
        limit: 100,
        ..RunQuery::default()
    };
    time_search(store, &query, &format!("first 100 of {runs} runs by a metric")).await?;
    let mut middle = query.clone();
    for _ in 0..runs / 200 {
        middle.page_token = store.search_runs(&middle).await?.next_page_token;
    }
    time_search(store, &middle, &format!("100 in the middle of {runs} runs by a metric")).await?;
    let comparison = Comparison::TextEquals("b".to_owned());
    let condition = Condition { entity: Entity::Tag, key: "team".to_owned(), comparison };
    let few = RunQuery { conditions: vec![condition], ..query };
    time_search(store, &few, &format!("the few of {runs} runs that have a tag")).await
}

async fn time_search(store: &dyn Store, query: &RunQuery, what: &str) -> Result<()> {
    let mut times = Vec::new();
    for _ in 0..11 {
        let start = Instant::now();
        let page = store.search_runs(query).await?;
        assert!(!page.items.is_empty(), "something is found");
        times.push(start.elapsed());
    }
    times.sort();
    println!("{what}: {:.2} ms (median of 11)", times[5].as_secs_f64() * 1e3);
    Ok(())
}
