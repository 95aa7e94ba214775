//! SQLite when things break: killed writers, two processes, a full disk, foreign and damaged files.

use crate::open::{open, sqlite_url};
use crate::writes::{WriterProcess, check, prepare, write_run};
use metria_core::{ErrorKind, Kinded};
use metria_store::{Error, LogBatch, Metric, RegisteredModel, Store};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, Connection, SqliteConnection};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

async fn raw(path: &Path) -> SqliteConnection {
    SqliteConnection::connect_with(&SqliteConnectOptions::new().filename(path)).await.expect("the file opens")
}

async fn run(path: &Path, statement: &str) {
    let mut connection = raw(path).await;
    sqlx::query(AssertSqlSafe(statement.to_owned())).execute(&mut connection).await.expect(statement);
    connection.close().await.expect("the connection closes");
}

async fn check_integrity(path: &Path) {
    let mut connection = raw(path).await;
    for pragma in ["PRAGMA integrity_check", "PRAGMA foreign_key_check"] {
        let found: Vec<String> = sqlx::query_scalar(pragma).fetch_all(&mut connection).await.expect(pragma);
        assert!(found.iter().all(|line| line == "ok"), "{pragma}: {found:?}");
    }
    connection.close().await.expect("the connection closes");
}

async fn refused(url: &str, kind: ErrorKind, words: &str) {
    let error = open(url).await.err().expect("the store must be refused");
    assert_eq!(error.kind(), kind, "{error}");
    assert!(error.to_string().contains(words), "`{error}` must say `{words}`");
}

/// One hundred times: a process writes from several tasks and is killed; every answered write is there, batches are
/// whole, the file is sound.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answered_writes_survive_kill_9() {
    let mut answers = 0;
    for file in 0..10 {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("records.db");
        let store = open(&sqlite_url(&path)).await.expect("a new file opens");
        prepare(store.as_ref()).await;
        store.close().await;
        let mut answered = BTreeMap::new();
        for round in 0..10 {
            let time = Duration::from_millis(u64::try_from(1 + (file * 10 + round) * 37 % 41).expect("a short time"));
            let process = WriterProcess::start(&sqlite_url(&path), round);
            answered.extend(tokio::task::spawn_blocking(move || process.kill_after(time)).await.expect("it is killed"));
            let store = open(&sqlite_url(&path)).await.expect("the file opens after a kill");
            check(store.as_ref(), &answered).await;
            store.close().await;
            check_integrity(&path).await;
        }
        answers += answered.len();
    }
    assert!(answers > 100, "each process must have had answers; {answers} runs were answered");
}

/// Two processes write to one file at once; both get answers, and nothing is lost when both are killed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_share_a_file() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("records.db");
    let store = open(&sqlite_url(&path)).await.expect("a new file opens");
    prepare(store.as_ref()).await;
    let writers = [1, 2].map(|number| {
        let process = WriterProcess::start(&sqlite_url(&path), number);
        tokio::task::spawn_blocking(move || process.kill_after(Duration::from_millis(700)))
    });
    // And this process is a third.
    for run in 0..20 {
        write_run(store.as_ref(), &format!("{run:032x}"), |_, _| ()).await.expect("the third writes too");
    }
    let mut answered = BTreeMap::new();
    for writer in writers {
        let of_one = writer.await.expect("it is killed");
        assert!(!of_one.is_empty(), "each process must get answers");
        answered.extend(of_one);
    }
    assert!(check(store.as_ref(), &answered).await >= answered.len() + 20);
    store.close().await;
    check_integrity(&path).await;
}

/// Two processes may open a new file at once; one of them makes the schema.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_file_is_opened_by_several() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let url = sqlite_url(&folder.path().join("records.db"));
    let stores = futures_util::future::join_all((0..6).map(|_| open(&url))).await;
    for store in stores {
        let store = store.expect("each opens");
        store.ping().await.expect("each answers");
        store.close().await;
    }
}

fn big_metrics(round: i64) -> LogBatch {
    let metric = |number: i64| Metric { key: "m".repeat(200), value: 0.1, timestamp_ms: number, step: round };
    LogBatch { metrics: (0..100).map(metric).collect(), ..LogBatch::default() }
}

/// Writes until the store is full, frees room, and writes on. What was answered is there all the time.
async fn fill_and_recover(store: &dyn Store, make_room: impl AsyncFnOnce()) {
    prepare(store).await;
    let run_id = "1".repeat(32);
    write_run(store, &run_id, |_, _| ()).await.expect("there is room at first");
    let mut written = 0;
    let error = loop {
        match store.log_batch(&run_id, big_metrics(written)).await {
            Ok(()) => written += 1,
            Err(error) => break error,
        }
        assert!(written < 100_000, "the store must be full some day");
    };
    assert!(written > 0, "there is room at first");
    assert!(matches!(error, Error::Full { .. }), "{error:?}");
    assert_eq!(error.kind(), ErrorKind::StorageFull);
    assert!(error.to_string().contains("is full; free some space"), "{error}");
    let is_whole = async |written: i64| {
        let history = store.metric_history(&run_id, &"m".repeat(200)).await.expect("a full store can be read");
        assert_eq!(history.len(), usize::try_from(written).expect("a few") * 100);
    };
    is_whole(written).await;
    // Full is said again, to everyone who asks at once.
    for answer in futures_util::future::join_all((0..5).map(|_| store.log_batch(&run_id, big_metrics(written)))).await {
        assert_eq!(answer.expect_err("there is no room").kind(), ErrorKind::StorageFull);
    }
    make_room().await;
    store.log_batch(&run_id, big_metrics(written)).await.expect("there is room again");
    is_whole(written + 1).await;
}

/// A file that may not grow says so; once pages are free, writing goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_at_its_limit_says_so_and_recovers() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("records.db");
    let store = open(&format!("{}?max_pages=400", sqlite_url(&path))).await.expect("a new file opens");
    let ballast = RegisteredModel {
        name: "ballast".to_owned(),
        description: "x".repeat(400_000),
        creation_time_ms: 0,
        last_update_time_ms: 0,
        tags: Vec::new(),
        aliases: Vec::new(),
    };
    store.create_model(ballast).await.expect("there is room at first");
    fill_and_recover(store.as_ref(), async || store.delete_model("ballast").await.expect("deleting needs no room"))
        .await;
    store.close().await;
    check_integrity(&path).await;
}

const FULL_DISK: &str = "METRIA_TEST_FULL_DISK";

/// A full disk says so; once something else on it is deleted, writing goes on. The disk is one of 2 MiB in a mount
/// namespace of its own, where the system lets us have one; elsewhere, a file that may not grow stands in for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::disallowed_methods, reason = "the test tells itself by the environment that it has the small disk")]
async fn a_full_disk_says_so_and_recovers() {
    if let Ok(disk) = std::env::var(FULL_DISK) {
        return on_the_small_disk(&PathBuf::from(disk)).await;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let disk = folder.path().display().to_string();
    let mount = format!("mount -t tmpfs -o size=2m none '{disk}'");
    let namespaces: [&[&str]; 2] = [&["-m"], &["-m", "-r"]];
    let can_mount = |flags: &&&[&str]| {
        let tried = Command::new("unshare").args(**flags).args(["sh", "-c", &mount]).output();
        tried.is_ok_and(|output| output.status.success())
    };
    let Some(flags) = namespaces.iter().find(can_mount) else {
        let url = format!("{}?max_pages=100", sqlite_url(&folder.path().join("records.db")));
        let store = open(&url).await.expect("a new file opens");
        let full = store.create_model(RegisteredModel {
            name: "too big".to_owned(),
            description: "x".repeat(1_000_000),
            creation_time_ms: 0,
            last_update_time_ms: 0,
            tags: Vec::new(),
            aliases: Vec::new(),
        });
        assert_eq!(full.await.expect_err("there is no room").kind(), ErrorKind::StorageFull);
        prepare(store.as_ref()).await;
        return store.close().await;
    };
    let this = std::env::current_exe().expect("this program has a path");
    let test = format!("{mount} && exec '{}' --exact sqlite_faults::a_full_disk_says_so_and_recovers", this.display());
    let output =
        Command::new("unshare").args(*flags).args(["sh", "-c", &test]).env(FULL_DISK, &disk).output().expect("it runs");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("1 passed"), "the test ran on the small disk: {said}");
}

async fn on_the_small_disk(disk: &Path) {
    let ballast = disk.join("ballast");
    std::fs::write(&ballast, vec![1; 700_000]).expect("there is room at first");
    let path = disk.join("records.db");
    let store = open(&sqlite_url(&path)).await.expect("a new file opens");
    let make_room = async || std::fs::remove_file(&ballast).expect("the ballast is deleted");
    fill_and_recover(store.as_ref(), make_room).await;
    store.close().await;
    check_integrity(&path).await;
}

/// A file of a newer program is refused with words and left as it is.
#[tokio::test]
async fn a_newer_schema_is_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("records.db");
    open(&sqlite_url(&path)).await.expect("a new file opens").close().await;
    run(&path, "INSERT INTO _sqlx_migrations VALUES (99, 'future', 0, 1, x'00', 0)").await;
    let before = std::fs::read(&path).expect("the file is read");
    refused(&sqlite_url(&path), ErrorKind::Unsupported, "newer Metria (schema 99, this program knows 3)").await;
    assert!(std::fs::read(&path).expect("the file is read") == before, "a refused file is left as it is");
}

/// What is no database, or a damaged one, is said to be damaged.
#[tokio::test]
async fn damaged_files_are_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("noise.db");
    let noise: Vec<u8> = (0..50_000_u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    std::fs::write(&path, noise).expect("the file is written");
    refused(&sqlite_url(&path), ErrorKind::DataLoss, "file is not a database").await;
    let path = folder.path().join("records.db");
    let store = open(&sqlite_url(&path)).await.expect("a new file opens");
    prepare(store.as_ref()).await;
    write_run(store.as_ref(), &"1".repeat(32), |_, _| ()).await.expect("the run is written");
    store.close().await;
    let mut bytes = std::fs::read(&path).expect("the file is read");
    // The first page says what there is; everything after it is noise.
    bytes[4_096..].iter_mut().for_each(|byte| *byte ^= 0x5a);
    std::fs::write(&path, bytes).expect("the file is written");
    let damaged = match open(&sqlite_url(&path)).await {
        Err(error) => error,
        Ok(store) => store.get_run(&"1".repeat(32)).await.expect_err("the run cannot be read"),
    };
    assert_eq!(damaged.kind(), ErrorKind::DataLoss, "{damaged}");
}

/// What cannot be opened is not available, and says why.
#[tokio::test]
async fn places_that_cannot_be_are_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    refused(&sqlite_url(&folder.path().join("no/such/folder/records.db")), ErrorKind::Unavailable, "open").await;
    refused("sqlite:", ErrorKind::InvalidInput, "sqlite:PATH").await;
    refused("mysql://user:secret@host/db", ErrorKind::InvalidInput, "got `mysql:…`").await;
    refused("sqlite:x?max_pages=many", ErrorKind::InvalidInput, "max_pages").await;
}

/// `memory:` is a store as well.
#[tokio::test]
async fn memory_opens_by_url() {
    let store = open("memory:").await.expect("memory opens");
    assert_eq!(store.backend(), "memory");
    prepare(store.as_ref()).await;
}
