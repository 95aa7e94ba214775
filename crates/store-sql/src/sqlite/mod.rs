//! The SQLite backend.
//!
//! Readers use a pool of their own and never wait for the writer (write-ahead log). All writes go through
//! [`writer::Writer`]. Two processes may share a file: each commit takes the file's write lock and waits for the other.

mod errors;
mod experiments;
mod models;
mod runs;
mod search;
mod writer;

use crate::options::{Durability, StoreOptions};
use errors::{backend, unavailable};
use metria_store::{Error, Result, Store};
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Connection, SqliteConnection, SqlitePool};
use std::path::Path;
use std::time::Duration;
use writer::Writer;

/// How long a commit waits for another process.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
const READERS: u32 = 8;

/// Records in one SQLite file.
pub(crate) struct SqliteStore {
    readers: SqlitePool,
    writer: Writer,
}

impl SqliteStore {
    /// Opens a file, making it when it is not there.
    pub(crate) async fn open(path: &Path, options: StoreOptions) -> Result<Self> {
        let settings = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(match options.durability {
                Durability::Process => SqliteSynchronous::Normal,
                Durability::PowerLoss => SqliteSynchronous::Full,
            })
            .foreign_keys(true)
            .busy_timeout(BUSY_TIMEOUT);
        let mut connection = SqliteConnection::connect_with(&settings).await.map_err(backend)?;
        migrate(&mut connection, path).await?;
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            .connect_with(settings.read_only(true).create_if_missing(false))
            .await
            .map_err(backend)?;
        Ok(Self { readers, writer: Writer::start(connection) })
    }
}

/// Brings the schema up to date. A file that has a schema already is copied beside itself first.
async fn migrate(connection: &mut SqliteConnection, path: &Path) -> Result<()> {
    let migrator: Migrator = sqlx::migrate::Migrator::with_migrations(migrations());
    let applied = applied_version(connection).await?;
    let newest = migrator.iter().map(|migration| migration.version).max().unwrap_or(0);
    if applied > newest {
        return Err(Error::NewerSchema { found: applied, known: newest });
    }
    if 0 < applied && applied < newest {
        let copy = format!("{}.before-schema-{newest}", path.display());
        sqlx::query("VACUUM INTO ?").bind(copy).execute(&mut *connection).await.map_err(backend)?;
    }
    migrator.run(connection).await.map_err(|error| match error {
        MigrateError::Execute(error) => backend(error),
        other => unavailable(other.to_string()),
    })
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

fn migrations() -> Vec<sqlx::migrate::Migration> {
    use sqlx::migrate::{Migration, MigrationType};
    let text = include_str!("../../migrations/sqlite/0001_records.sql");
    vec![Migration::new(1, "records".into(), MigrationType::Simple, sqlx::SqlStr::from_static(text), false)]
}

#[async_trait::async_trait]
impl Store for SqliteStore {
    async fn ping(&self) -> Result<()> {
        sqlx::query("SELECT 1").execute(&self.readers).await.map_err(backend)?;
        Ok(())
    }

    async fn close(&self) {
        self.writer.close().await;
        self.readers.close().await;
    }

    fn backend(&self) -> &'static str {
        "sqlite"
    }
}
