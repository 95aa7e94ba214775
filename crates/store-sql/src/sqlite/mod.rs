//! The SQLite backend.
//!
//! Readers use a pool of their own and never wait for the writer (write-ahead log). All writes go through
//! [`Writer`]. Two processes may share a file: each commit takes the file's write lock and waits for the other.

mod errors;
#[path = "../shared/experiments.rs"]
mod experiments;
mod log;
#[path = "../shared/logged_models.rs"]
mod logged_models;
#[path = "../shared/models.rs"]
mod models;
#[path = "../shared/rows.rs"]
mod rows;
#[path = "../shared/runs.rs"]
mod runs;
#[path = "../shared/stages.rs"]
mod stages;

use crate::migrations::{self, SQLITE};
use crate::options::{Durability, StoreOptions};
use crate::sql::Dialect;
use crate::writer::{Link, Writer};
use errors::{backend, unavailable};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use metria_store::{Error, Result, Store};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Connection as _, SqliteConnection, SqlitePool};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long a commit waits for another process.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// How long opening rests before it tries again.
const RETRY: Duration = Duration::from_millis(10);
const READERS: u32 = 8;

// What the shared files are compiled with.
type Database = sqlx::Sqlite;
type Connection = SqliteConnection;
type Row = sqlx::sqlite::SqliteRow;
type SqlStore = SqliteStore;
const DIALECT: Dialect = Dialect::Sqlite;
/// A prepared search keeps its plan, which SQLite makes without looking at the values.
const KEEPS_PLANS: bool = true;
/// Selects the ids of [`id_list`], of runs or others.
const OF_RUNS: &str = "IN (SELECT value FROM json_each($1))";

/// Ids as one value.
fn id_list<'a>(ids: impl Iterator<Item = &'a str>) -> String {
    serde_json::Value::from(ids.collect::<Vec<_>>()).to_string()
}

/// Records in one SQLite file.
pub(crate) struct SqliteStore {
    readers: SqlitePool,
    writer: Writer<SqliteLink>,
}

impl SqliteStore {
    /// Opens a file, making it when it is not there. `page_limit` is how many pages it may grow to.
    pub(crate) async fn open(path: &Path, page_limit: Option<u32>, options: StoreOptions) -> Result<Self> {
        let started = Instant::now();
        loop {
            match Self::open_once(path, page_limit, options).await {
                // Turning a new file to the write-ahead log fails at once while another process does the same.
                Err(Error::Unavailable { .. }) if started.elapsed() < BUSY_TIMEOUT => tokio::time::sleep(RETRY).await,
                opened => return opened,
            }
        }
    }

    async fn open_once(path: &Path, page_limit: Option<u32>, options: StoreOptions) -> Result<Self> {
        let mut settings = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(match options.durability {
                Durability::Process => SqliteSynchronous::Normal,
                Durability::PowerLoss => SqliteSynchronous::Full,
            })
            .foreign_keys(true)
            .busy_timeout(BUSY_TIMEOUT);
        let reader_settings = settings.clone().read_only(true).create_if_missing(false);
        if let Some(pages) = page_limit {
            settings = settings.pragma("max_page_count", pages.to_string());
        }
        let mut connection = SqliteConnection::connect_with(&settings).await.map_err(backend)?;
        migrate(&mut connection, path).await?;
        let readers =
            SqlitePoolOptions::new().max_connections(READERS).connect_with(reader_settings).await.map_err(backend)?;
        // A file that has gone is not made anew.
        let link = SqliteLink { settings: settings.create_if_missing(false) };
        Ok(Self { readers, writer: Writer::start(link, connection) })
    }

    /// A reader that sees one state of the file.
    async fn snapshot(&self) -> Result<sqlx::Transaction<'static, Database>> {
        self.readers.begin().await.map_err(backend)
    }
}

/// How the writer uses SQLite.
struct SqliteLink {
    settings: SqliteConnectOptions,
}

impl Link for SqliteLink {
    type Connection = SqliteConnection;
    const BACKEND: &'static str = "sqlite";
    /// IMMEDIATE takes the write lock now, so that waiting for another process happens here and nowhere else.
    const BEGIN: &'static str = "BEGIN IMMEDIATE";

    fn open(&self) -> BoxFuture<'_, Result<SqliteConnection>> {
        SqliteConnection::connect_with(&self.settings).map(|opened| opened.map_err(backend)).boxed()
    }

    fn run<'c>(connection: &'c mut SqliteConnection, statement: &'static str) -> BoxFuture<'c, Result<()>> {
        Box::pin(async move { sqlx::query(statement).execute(connection).await.map(|_| ()).map_err(backend) })
    }

    fn close(connection: SqliteConnection) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            if let Err(error) = connection.close().await {
                tracing::warn!(%error, "the SQLite connection did not close cleanly");
            }
        })
    }

    fn is_lost(_error: &metria_store::Error) -> bool {
        false
    }
}

/// Brings the schema up to date. A file that has a schema already is copied beside itself first.
async fn migrate(connection: &mut SqliteConnection, path: &Path) -> Result<()> {
    let newest = migrations::newest(SQLITE);
    let applied = applied_version(connection).await?;
    if 0 < applied && applied < newest {
        copy_before(connection, path, newest).await?;
    }
    // Another process may be doing the same: the lock first, then a second look.
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await.map_err(backend)?;
    migrations::check_not_newer(applied_version(&mut transaction).await?, newest)?;
    migrations::migrator(SQLITE).run(&mut *transaction).await.map_err(|error| migrations::meaning(error, backend))?;
    transaction.commit().await.map_err(backend)
}

/// Copies the file to `PATH.before-schema-N`, whole or not at all.
async fn copy_before(connection: &mut SqliteConnection, path: &Path, newest: i64) -> Result<()> {
    let beside = |end: &str| PathBuf::from(format!("{}.before-schema-{newest}{end}", path.display()));
    let part = beside(&format!(".{}.part", std::process::id()));
    let target = part.display().to_string();
    let remove = |path: &Path| std::fs::remove_file(path);
    let _ = remove(&part);
    sqlx::query("VACUUM INTO ?").bind(target).execute(&mut *connection).await.map_err(backend)?;
    std::fs::rename(&part, beside(""))
        .map_err(|error| unavailable(format!("its copy {} cannot be kept: {error}", beside("").display())))
}

async fn applied_version(connection: &mut SqliteConnection) -> Result<i64> {
    let there: i64 = sqlx::query_scalar("SELECT count(*) FROM sqlite_master WHERE name = '_sqlx_migrations'")
        .fetch_one(&mut *connection)
        .await
        .map_err(backend)?;
    if there == 0 {
        return Ok(0);
    }
    sqlx::query_scalar("SELECT coalesce(max(version), 0) FROM _sqlx_migrations")
        .fetch_one(connection)
        .await
        .map_err(backend)
}

#[async_trait::async_trait]
impl Store for SqliteStore {
    async fn ping(&self) -> Result<()> {
        sqlx::query("SELECT 1").execute(&self.readers).await.map_err(backend)?;
        Ok(())
    }

    async fn close(&self) {
        // The writer last: what closes a file last moves its write-ahead log into it, which readers may not.
        self.readers.close().await;
        self.writer.close().await;
    }

    fn backend(&self) -> &'static str {
        "sqlite"
    }
}
