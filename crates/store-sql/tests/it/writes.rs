//! A process that writes and says what was answered, so that a test can kill it and look.
//!
//! The process is this test program itself, told by the environment to run one test only, which then writes for ever.

use crate::open;
use metria_store::{Experiment, Lifecycle, LogBatch, Metric, Param, Result, RunInfo, RunQuery, RunStatus, Store, Tag};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

const URL: &str = "METRIA_TEST_WRITER_URL";
const NUMBER: &str = "METRIA_TEST_WRITER_NUMBER";
const TASKS: usize = 4;
/// Batches to one run before the next run.
const BATCHES: usize = 5;
/// Metrics in one batch.
const METRICS: usize = 6;

/// A writing process.
pub(crate) struct WriterProcess {
    child: Child,
}

impl WriterProcess {
    /// Starts one that writes to a store; its number keeps its run ids apart from another's.
    pub(crate) fn start(url: &str, number: usize) -> Self {
        let child = Command::new(std::env::current_exe().expect("this program has a path"))
            .args(["--exact", "writes::what_is_answered_is_there", "--nocapture", "--test-threads=1"])
            .env(URL, url)
            .env(NUMBER, number.to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("this program starts again");
        Self { child }
    }

    /// Lets it write for a while after its first answer, kills it, and tells how many batches of which runs were
    /// answered.
    pub(crate) fn kill_after(mut self, time: Duration) -> BTreeMap<String, usize> {
        let stdout = self.child.stdout.take().expect("the output is a pipe");
        let mut lines = BufReader::new(stdout).lines();
        let mut answered = BTreeMap::new();
        let mut note = |line: &str| match line.strip_prefix("answered ").and_then(|rest| rest.split_once(' ')) {
            // A line may be cut off by the kill, and then ends without its full stop.
            Some((run_id, batches)) if batches.ends_with('.') => {
                let batches = batches.trim_end_matches('.').parse().expect("a number of batches");
                answered.insert(run_id.to_owned(), batches);
                true
            }
            _ => false,
        };
        while let Some(Ok(line)) = lines.next() {
            if note(&line) {
                break;
            }
        }
        let killer = std::thread::spawn(move || {
            std::thread::sleep(time);
            self.child.kill().expect("the process is killed");
            self.child.wait().expect("the process ends");
        });
        while let Some(Ok(line)) = lines.next() {
            note(&line);
        }
        killer.join().expect("the killing thread ends");
        answered
    }
}

/// Makes the experiment that writers write to.
pub(crate) async fn prepare(store: &dyn Store) {
    let experiment = Experiment {
        experiment_id: "1".to_owned(),
        name: "one".to_owned(),
        artifact_location: String::new(),
        lifecycle: Lifecycle::Active,
        creation_time_ms: 0,
        last_update_time_ms: 0,
        tags: Vec::new(),
    };
    store.create_experiment(experiment).await.expect("the experiment is new");
}

fn batch(number: usize) -> LogBatch {
    let step = i64::try_from(number).expect("a few");
    let metric = |key| Metric { key: format!("m{key}"), value: 0.5, timestamp_ms: 0, step };
    LogBatch {
        metrics: (0..METRICS).map(metric).collect(),
        params: vec![Param { key: format!("p{number}"), value: "1".to_owned() }],
        tags: vec![Tag { key: "batches".to_owned(), value: (number + 1).to_string() }],
        ..LogBatch::default()
    }
}

/// Writes one run with its batches, telling each answer.
pub(crate) async fn write_run(store: &dyn Store, run_id: &str, tell: impl Fn(&str, usize)) -> Result<()> {
    let info = RunInfo {
        run_id: run_id.to_owned(),
        experiment_id: "1".to_owned(),
        run_name: String::new(),
        user_id: String::new(),
        status: RunStatus::Running,
        start_time_ms: 0,
        end_time_ms: None,
        artifact_uri: String::new(),
        lifecycle: Lifecycle::Active,
    };
    store.create_run(info, Vec::new()).await?;
    tell(run_id, 0);
    for number in 0..BATCHES {
        store.log_batch(run_id, batch(number)).await?;
        tell(run_id, number + 1);
    }
    Ok(())
}

/// Checks that every run holds whole batches only, and at least what was answered. Tells how many runs there are.
pub(crate) async fn check(store: &dyn Store, answered: &BTreeMap<String, usize>) -> usize {
    let mut query = RunQuery { limit: 500, ..RunQuery::default() };
    let mut kept: BTreeMap<String, usize> = BTreeMap::new();
    loop {
        let page = store.search_runs(&query).await.expect("the runs are found");
        for run in page.items {
            let batches = run.params.len();
            let tagged = run.tags.first().map_or(0, |tag| tag.value.parse().expect("a number"));
            assert_eq!(tagged, batches, "run {}: params and tags of whole batches", run.info.run_id);
            let metrics = if batches == 0 { 0 } else { METRICS };
            assert_eq!(run.metrics.len(), metrics, "run {}: metrics of whole batches", run.info.run_id);
            let last = i64::try_from(batches).expect("a few") - 1;
            assert!(run.metrics.iter().all(|metric| metric.step == last), "run {}: {run:?}", run.info.run_id);
            kept.insert(run.info.run_id, batches);
        }
        query.page_token = page.next_page_token;
        if query.page_token.is_none() {
            break;
        }
    }
    for (run_id, batches) in answered {
        let there = kept.get(run_id);
        assert!(there >= Some(batches), "run {run_id}: {batches} batches were answered, {there:?} are there");
    }
    if let Some(run_id) = answered.keys().last() {
        let history = store.metric_history(run_id, "m0").await.expect("the history is read");
        // A server may still finish what a killed client had asked of it.
        assert!(history.len() >= kept[run_id], "the history has every batch");
        assert!(history.iter().zip(0..).all(|(metric, step)| metric.step == step), "{history:?}");
    }
    kept.len()
}

/// What is written is there. As the process of [`WriterProcess`] it writes until it is killed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::disallowed_methods, reason = "a test tells this process by the environment what to write to")]
async fn what_is_answered_is_there() {
    if let Ok(url) = std::env::var(URL) {
        let number: usize = std::env::var(NUMBER).expect("a number").parse().expect("a number");
        return write_until_killed(&url, number).await;
    }
    let opened = open::sqlite().await;
    prepare(opened.store.as_ref()).await;
    let answers = std::sync::Mutex::new(BTreeMap::new());
    for run in 0..3 {
        let tell = |run_id: &str, batches: usize| {
            answers.lock().expect("one thread").insert(run_id.to_owned(), batches);
        };
        write_run(opened.store.as_ref(), &format!("{run:032x}"), tell).await.expect("the run is written");
    }
    let answers = answers.into_inner().expect("one thread");
    assert_eq!(answers.values().copied().collect::<Vec<_>>(), [BATCHES; 3]);
    assert_eq!(check(opened.store.as_ref(), &answers).await, 3);
    opened.close().await;
}

async fn write_until_killed(url: &str, number: usize) {
    let store = open::open(url).await.expect("the store opens");
    let tasks = (0..TASKS).map(|task| {
        let store: Arc<dyn Store> = Arc::clone(&store);
        tokio::spawn(async move {
            for run in 0_usize.. {
                let run_id = format!("{number:08x}{task:08x}{run:016x}");
                let tell = |run_id: &str, batches: usize| {
                    let mut stdout = std::io::stdout().lock();
                    writeln!(stdout, "answered {run_id} {batches}.").expect("the test reads");
                    stdout.flush().expect("the test reads");
                };
                write_run(store.as_ref(), &run_id, tell).await.expect("the run is written");
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.expect("a task writes until it is killed");
    }
}
