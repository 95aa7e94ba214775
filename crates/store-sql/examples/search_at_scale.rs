//! How long searches take over very many runs.
//!
//! `cargo run --release -p metria-store-sql --example search_at_scale -- sqlite:/tmp/scale.db 1000000` fills an empty
//! store with so many runs of one experiment (two metrics, two params, one tag each, and one run with 100,000
//! measurements), then prints one line per search: the median of eleven. A filled store is searched as it is.

#![expect(clippy::print_stdout, reason = "an example that reports on its standard output")]

use futures_util::future::try_join_all;
use metria_store::{
    Arithmetic, Comparison, Condition, Entity, Error, Experiment, Expression, Lifecycle, LogBatch, Metric, Operator,
    OrderBy, Param, Result, RunInfo, RunQuery, RunStatus, Statistic, Store, Tag, Term,
};
use std::time::Instant;

/// Runs that are written at the same time.
const AT_ONCE: usize = 500;

#[tokio::main]
async fn main() -> Result<()> {
    let usage = || Error::Invalid("usage: search_at_scale URL RUNS".to_owned());
    let url = std::env::args().nth(1).ok_or_else(usage)?;
    let runs = std::env::args().nth(2).and_then(|runs| runs.parse().ok()).ok_or_else(usage)?;
    let store = metria_store_sql::open(&url, &metria_store_sql::StoreOptions::default()).await?;
    if store.list_experiments(None).await?.is_empty() {
        let start = Instant::now();
        fill(store.as_ref(), runs).await?;
        println!("{runs} runs written in {:.1} s", start.elapsed().as_secs_f64());
    }
    search(store.as_ref()).await?;
    store.close().await;
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "small numbers")]
fn metric(key: &str, value: usize, step: usize) -> Metric {
    Metric { key: key.to_owned(), value: value as f64, timestamp_ms: 0, step: i64::try_from(step).unwrap_or(i64::MAX) }
}

async fn fill(store: &dyn Store, runs: usize) -> Result<()> {
    let experiment = Experiment {
        experiment_id: "1".to_owned(),
        name: "scale".to_owned(),
        artifact_location: String::new(),
        lifecycle: Lifecycle::Active,
        creation_time_ms: 0,
        last_update_time_ms: 0,
        tags: Vec::new(),
    };
    store.create_experiment(experiment).await?;
    for first in (0..runs).step_by(AT_ONCE) {
        try_join_all((first..runs.min(first + AT_ONCE)).map(|run| write(store, run, runs))).await?;
    }
    for first in (0..100_000).step_by(1_000) {
        let metrics = (first..first + 1_000).map(|step| metric("long", step * 7_919 % 100_000, step)).collect();
        store.log_batch(&format!("{:032x}", 0), LogBatch { metrics, ..LogBatch::default() }).await?;
    }
    Ok(())
}

async fn write(store: &dyn Store, run: usize, runs: usize) -> Result<()> {
    let run_id = format!("{run:032x}");
    let start_time_ms = i64::try_from(run).unwrap_or(0);
    let info = RunInfo {
        experiment_id: "1".to_owned(),
        run_name: format!("run {run}"),
        run_id: run_id.clone(),
        user_id: "bench".to_owned(),
        status: RunStatus::Finished,
        start_time_ms,
        end_time_ms: Some(start_time_ms + 1_000),
        artifact_uri: String::new(),
        lifecycle: Lifecycle::Active,
    };
    store.create_run(info, Vec::new()).await?;
    let param = |key: &str, value: usize| Param { key: key.to_owned(), value: value.to_string() };
    let batch = LogBatch {
        metrics: vec![
            metric("accuracy", run * 7_919 % runs, 0),
            metric("loss", run * 31 % 1_000, 0),
            metric("loss", run * 17 % 1_000, 1),
        ],
        params: vec![param("depth", run % 7), param("seed", run)],
        tags: vec![Tag { key: "team".to_owned(), value: (run % 10).to_string() }],
        ..LogBatch::default()
    };
    store.log_batch(&run_id, batch).await
}

fn condition(entity: Entity, key: &str, comparison: Comparison) -> Condition {
    Condition { entity, key: key.to_owned(), comparison }
}

fn text(text: &str) -> Comparison {
    Comparison::TextEquals(text.to_owned())
}

async fn search(store: &dyn Store) -> Result<()> {
    let by = |entity, key: &str| vec![OrderBy { entity, key: key.to_owned(), ascending: false }];
    let newest = RunQuery {
        experiment_ids: vec!["1".to_owned()],
        lifecycle: Some(Lifecycle::Active),
        limit: 100,
        ..RunQuery::default()
    };
    let best = RunQuery { order_by: by(Entity::Metric, "accuracy"), ..newest.clone() };
    let depth = condition(Entity::Param, "depth", text("3"));
    let above = condition(Entity::Metric, "accuracy", Comparison::Greater(10.0));
    let value = |entity, key: &str| Term::Value { entity, key: key.to_owned() };
    let gap = Expression::Numbers {
        left: Term::Operation {
            left: value(Entity::Metric, "accuracy").into(),
            operation: Arithmetic::Subtract,
            right: value(Entity::Metric, "loss").into(),
        },
        operator: Operator::Greater,
        right: Term::Number(100.0),
    };
    let either = Expression::Any(vec![
        Expression::Condition(depth.clone()),
        Expression::Not(Box::new(Expression::Condition(condition(Entity::Tag, "team", text("4"))))),
    ]);
    let nowhere = Expression::Any(vec![
        Expression::Condition(condition(Entity::Param, "depth", text("8"))),
        Expression::Condition(condition(Entity::Param, "depth", Comparison::Like("9%".to_owned()))),
    ]);
    let series = |statistic, key: &str, comparison| condition(Entity::Series(statistic), key, comparison);
    let least = series(Statistic::Min, "loss", Comparison::Less(5.0));
    let most = series(Statistic::Count, "loss", Comparison::GreaterOrEqual(2.0));
    let long = series(Statistic::Mean, "long", Comparison::Greater(1.0));
    for (what, query) in [
        ("newest first", newest.clone()),
        (
            "metric > x and param = y, by the metric",
            RunQuery { conditions: vec![above.clone(), depth.clone()], ..best.clone() },
        ),
        (
            "metric - metric > x and param = y, by a metric",
            RunQuery { conditions: vec![depth.clone()], expressions: vec![gap], ..best.clone() },
        ),
        ("param = y OR NOT tag = z, by a metric", RunQuery { expressions: vec![either], ..best.clone() }),
        (
            "param = y OR param LIKE z of no run, newest first",
            RunQuery { expressions: vec![nowhere], ..newest.clone() },
        ),
        ("min(metric) < x, by another metric", RunQuery { conditions: vec![least.clone()], ..best.clone() }),
        ("min(metric) < x, newest first", RunQuery { conditions: vec![least], ..newest.clone() }),
        ("by min(metric)", RunQuery { order_by: by(Entity::Series(Statistic::Min), "loss"), ..newest.clone() }),
        ("by mean(metric)", RunQuery { order_by: by(Entity::Series(Statistic::Mean), "loss"), ..newest.clone() }),
        ("count(metric) >= 2, by another metric", RunQuery { conditions: vec![most], ..best.clone() }),
        (
            "mean of 100,000 measurements > x, by a param of few",
            RunQuery { conditions: vec![condition(Entity::Param, "seed", text("0")), long], ..best },
        ),
    ] {
        time_search(store, &query, what).await?;
    }
    Ok(())
}

async fn time_search(store: &dyn Store, query: &RunQuery, what: &str) -> Result<()> {
    let mut times = Vec::new();
    let mut found = 0;
    while times.len() < 11 {
        let start = Instant::now();
        found = store.search_runs(query).await?.items.len();
        times.push(start.elapsed());
        // What takes long is not measured for long.
        if start.elapsed().as_secs() > 2 {
            break;
        }
    }
    times.sort();
    println!("{what}: {:.2} ms ({found} found)", times[times.len() / 2].as_secs_f64() * 1e3);
    Ok(())
}
