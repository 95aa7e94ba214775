//! Fills a store with runs for `bench/`, faster than any client could send them.
//!
//! `fill_runs URL RUNS` makes the experiment `1` with that many runs. Run number `i` is named `run-i` and has the metrics
//! `m` = `i * 7,919 mod RUNS` and `loss` = `i`, the params `p` = `x`, `y` or `z` and `depth`, and the tag `team`.

use futures_util::future::try_join_all;
use metria_store::{Error, Experiment, Lifecycle, LogBatch, Metric, Param, Result, RunInfo, RunStatus, Store, Tag};

/// Runs that are written at once: so many share a commit.
const AT_ONCE: u32 = 500;
const START_MS: i64 = 1_700_000_000_000;

#[tokio::main]
async fn main() -> Result<()> {
    let wrong = || Error::Invalid("usage: fill_runs URL RUNS".to_owned());
    let mut arguments = std::env::args().skip(1);
    let url = arguments.next().ok_or_else(wrong)?;
    let runs: u32 = arguments.next().and_then(|text| text.parse().ok()).ok_or_else(wrong)?;
    let store = metria_store_sql::open(&url, &metria_store_sql::StoreOptions::default()).await?;
    let experiment = Experiment {
        experiment_id: "1".to_owned(),
        name: "filled".to_owned(),
        artifact_location: "artifacts/1".to_owned(),
        lifecycle: Lifecycle::Active,
        creation_time_ms: START_MS,
        last_update_time_ms: START_MS,
        tags: Vec::new(),
    };
    store.create_experiment(experiment).await?;
    for first in (0..runs).step_by(AT_ONCE as usize) {
        try_join_all((first..runs.min(first + AT_ONCE)).map(|number| write(store.as_ref(), number, runs))).await?;
    }
    store.close().await;
    Ok(())
}

async fn write(store: &dyn Store, number: u32, runs: u32) -> Result<()> {
    let run_id = format!("{number:032x}");
    let run_name = format!("run-{number}");
    let info = RunInfo {
        experiment_id: "1".to_owned(),
        artifact_uri: format!("artifacts/1/{run_id}/artifacts"),
        run_id: run_id.clone(),
        run_name: run_name.clone(),
        user_id: "bench".to_owned(),
        status: RunStatus::Finished,
        start_time_ms: START_MS + i64::from(number),
        end_time_ms: Some(START_MS + i64::from(number) + 1_000),
        lifecycle: Lifecycle::Active,
    };
    let tag = |key: &str, value: &str| Tag { key: key.to_owned(), value: value.to_owned() };
    let tags = vec![tag("mlflow.runName", &run_name), tag("team", if number.is_multiple_of(5) { "b" } else { "a" })];
    store.create_run(info, tags).await?;
    let metric = |key: &str, value: u64| {
        // Whole numbers this small are exact.
        let value = u32::try_from(value).map_or(f64::NAN, f64::from);
        Metric { key: key.to_owned(), value, timestamp_ms: START_MS + i64::from(number), step: 0 }
    };
    let param = |key: &str, value: String| Param { key: key.to_owned(), value };
    let batch = LogBatch {
        metrics: vec![metric("m", u64::from(number) * 7_919 % u64::from(runs)), metric("loss", number.into())],
        params: vec![
            param("p", ["x", "y", "z"][number as usize % 3].to_owned()),
            param("depth", (number % 7).to_string()),
        ],
        ..LogBatch::default()
    };
    store.log_batch(&run_id, batch).await
}
