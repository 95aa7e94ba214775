//! PostgreSQL when things break: killed clients, several servers, a restart in the middle, a newer schema.

use crate::open::{Schema, open, postgres_server};
use crate::writes::{WriterProcess, check, prepare, write_run};
use metria_core::{ErrorKind, Kinded};
use metria_store::{Error, ModelVersion, RegisteredModel, Store};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Twenty times: a client writes from several tasks and is killed; every answered write is there, batches are whole.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answered_writes_survive_the_client() {
    let schema = Schema::new(&postgres_server()).await;
    let store = open(&schema.url()).await.expect("an empty schema opens");
    prepare(store.as_ref()).await;
    let mut answered = BTreeMap::new();
    for round in 0..20_usize {
        let time = Duration::from_millis(u64::try_from(1 + round * 37 % 41).expect("a short time"));
        let process = WriterProcess::start(&schema.url(), round);
        let of_one = tokio::task::spawn_blocking(move || process.kill_after(time)).await.expect("it is killed");
        assert!(!of_one.is_empty(), "each process must get answers");
        answered.extend(of_one);
        check(store.as_ref(), &answered).await;
    }
    store.close().await;
    schema.drop().await;
}

/// Several servers write to the same runs and models at once: nothing is lost, and numbers have no gaps.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_servers_share_a_database() {
    let schema = Schema::new(&postgres_server()).await;
    let opened = futures_util::future::join_all((0..3).map(|_| async { open(&schema.url()).await })).await;
    let stores: Vec<Arc<dyn Store>> = opened.into_iter().map(|store| store.expect("each opens")).collect();
    prepare(stores[0].as_ref()).await;
    let model = RegisteredModel {
        name: "m".to_owned(),
        description: String::new(),
        creation_time_ms: 0,
        last_update_time_ms: 0,
        tags: Vec::new(),
        aliases: Vec::new(),
    };
    stores[0].create_model(model).await.expect("the model is new");
    let runs: Vec<String> = (0..8).map(|run| format!("{run:032x}")).collect();
    for run in &runs {
        write_run(stores[0].as_ref(), run, |_, _| ()).await.expect("the run is written");
    }
    let writes = (0..240_usize).map(|number| {
        let store = Arc::clone(&stores[number % 3]);
        // Each server meets the runs in another order.
        let run_id = runs[(number * [1, 3, 5][number % 3]) % runs.len()].clone();
        tokio::spawn(async move {
            let step = i64::try_from(number).expect("a few");
            let metric = metria_store::Metric { key: "shared".to_owned(), value: 1.0, timestamp_ms: 0, step };
            let twice = metria_store::Metric { step: 0, ..metric.clone() };
            let batch = metria_store::LogBatch { metrics: vec![metric, twice], ..Default::default() };
            store.log_batch(&run_id, batch).await.expect("the batch is written");
            let version = ModelVersion {
                name: "m".to_owned(),
                version: 0,
                description: String::new(),
                stage: metria_core::ModelStage::None,
                source: String::new(),
                run_id: None,
                model_id: None,
                storage_location: String::new(),
                user_id: String::new(),
                creation_time_ms: 0,
                last_update_time_ms: 0,
                tags: Vec::new(),
            };
            store.create_version(version).await.expect("the version is written").version
        })
    });
    let mut numbers = Vec::new();
    for write in writes.collect::<Vec<_>>() {
        numbers.push(write.await.expect("the write ends"));
    }
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=240).collect::<Vec<_>>());
    let mut kept = 0;
    for run in &runs {
        let history = stores[1].metric_history(run, "shared").await.expect("the history is read");
        let zeros = history.iter().filter(|metric| metric.step == 0).count();
        assert!(zeros <= 1, "what two servers write alike is there once; run {run} has it {zeros} times");
        kept += history.iter().filter(|metric| metric.step != 0).count();
    }
    assert_eq!(kept, 239);
    for store in stores {
        store.close().await;
    }
    schema.drop().await;
}

/// A database of a newer program is refused with words.
#[tokio::test]
async fn a_newer_schema_is_refused() {
    let schema = Schema::new(&postgres_server()).await;
    open(&schema.url()).await.expect("an empty schema opens").close().await;
    let name = schema.name();
    schema.run(&format!("INSERT INTO {name}._sqlx_migrations VALUES (99, 'future', now(), true, '', 0)")).await;
    let error = open(&schema.url()).await.err().expect("a newer schema must be refused");
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    assert!(error.to_string().contains("newer Metria (schema 99, this program knows 2)"), "{error}");
    schema.drop().await;
}

/// A server that is not there is not available, and its URL is not told to everyone.
#[tokio::test]
async fn a_server_that_is_not_there_is_unavailable() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let url = format!("postgres://me:secret@localhost/metria?host={}", folder.path().display());
    let error = open(&url).await.err().expect("nobody is there");
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    assert!(!error.to_string().contains("secret"), "{error}");
}

/// A cluster of this test's own, which may be restarted.
struct Cluster {
    holder: Child,
    url: String,
    restart: String,
}

impl Cluster {
    fn start() -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/with-postgres");
        // It ends when its standard input does.
        let tell = r#"echo "$METRIA_TEST_POSTGRES"; echo "$METRIA_TEST_POSTGRES_RESTART"; exec cat"#;
        let mut holder = Command::new(script)
            .args(["sh", "-c", tell])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("scripts/with-postgres starts");
        let mut lines = BufReader::new(holder.stdout.take().expect("the output is a pipe")).lines();
        let mut line = || lines.next().expect("the script tells").expect("the script tells");
        let (url, restart) = (line(), line());
        Self { holder, url, restart }
    }

    fn restart(&self) {
        let status = Command::new("sh").args(["-c", &self.restart]).stdout(Stdio::null()).status();
        assert!(status.expect("pg_ctl runs").success(), "pg_ctl restarts the server");
    }

    fn stop(mut self) {
        drop(self.holder.stdin.take());
        self.holder.wait().expect("the script ends");
    }
}

/// The server is restarted as by a crash, twice, while clients write and read: what was answered is there, what failed
/// says that the store is not available, and later calls work again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_loses_nothing_that_was_answered() {
    let cluster = tokio::task::spawn_blocking(Cluster::start).await.expect("the cluster starts");
    let store = open(&cluster.url).await.expect("an empty database opens");
    prepare(store.as_ref()).await;
    let stop = Arc::new(AtomicBool::new(false));
    let writers = (0..4).map(|task| {
        let (store, stop) = (Arc::clone(&store), Arc::clone(&stop));
        tokio::spawn(async move {
            let answered = std::sync::Mutex::new(BTreeMap::new());
            let mut run = 0;
            while !stop.load(Ordering::Relaxed) {
                let tell = |run_id: &str, batches: usize| {
                    answered.lock().expect("one task").insert(run_id.to_owned(), batches);
                };
                let run_id = format!("{task:016x}{run:016x}");
                if let Err(error) = write_run(store.as_ref(), &run_id, tell).await {
                    assert!(matches!(error, Error::Unavailable { .. }), "{error:?}");
                }
                run += 1;
            }
            answered.into_inner().expect("one task")
        })
    });
    let writers: Vec<_> = writers.collect();
    let reader = {
        let (store, stop) = (Arc::clone(&store), Arc::clone(&stop));
        tokio::spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                if let Err(error) = store.get_experiment("1").await {
                    assert!(matches!(error, Error::Unavailable { .. }), "{error:?}");
                }
            }
        })
    };
    let cluster = tokio::task::spawn_blocking(move || {
        for _ in 0..2 {
            std::thread::sleep(Duration::from_millis(300));
            cluster.restart();
        }
        std::thread::sleep(Duration::from_millis(300));
        cluster
    });
    let cluster = cluster.await.expect("the server is restarted");
    // Writing and reading work again, soon.
    let start = Instant::now();
    while let Err(error) = write_run(store.as_ref(), &format!("{:032x}", u64::MAX), |_, _| ()).await {
        assert!(matches!(error, Error::Unavailable { .. }), "{error:?}");
        assert!(start.elapsed() < Duration::from_secs(30), "the store must come back; got {error}");
    }
    store.ping().await.expect("the store answers");
    stop.store(true, Ordering::Relaxed);
    let mut answered = BTreeMap::new();
    for writer in writers {
        let of_one = writer.await.expect("the writer ends");
        assert!(!of_one.is_empty(), "each writer must get answers");
        answered.extend(of_one);
    }
    reader.await.expect("the reader ends");
    check(store.as_ref(), &answered).await;
    store.close().await;
    tokio::task::spawn_blocking(|| cluster.stop()).await.expect("the cluster stops");
}
