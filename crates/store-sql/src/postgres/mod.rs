//! The PostgreSQL backend: several servers may share one database.
//!
//! Readers use a pool and see one state each. The writes of a process go through [`Writer`]; writers of different
//! processes wait for each other at the row of the run, model or experiment that they write to.

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

use crate::migrations::{self, POSTGRES};
use crate::sql::Dialect;
use crate::writer::{Link, Writer};
use errors::{backend, unavailable};
use futures_util::future::BoxFuture;
use metria_store::{Error, Result, Store};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection as _, PgConnection, PgPool};
use std::str::FromStr;
use std::time::Duration;

const READERS: u32 = 8;
/// How long opening a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The advisory lock of migrations: `metria` in ASCII.
const MIGRATION_LOCK: i64 = 0x6d65_7472_6961;

// What the shared files are compiled with.
type Database = sqlx::Postgres;
type Connection = PgConnection;
type Row = sqlx::postgres::PgRow;
type SqlStore = PostgresStore;
const DIALECT: Dialect = Dialect::Postgres;
/// A search is planned with its values, so that the statistics of the experiment and key count.
const KEEPS_PLANS: bool = false;
/// Selects the ids of [`id_list`], of runs or others.
const OF_RUNS: &str = "= ANY($1)";

/// Ids as one value.
fn id_list<'a>(ids: impl Iterator<Item = &'a str>) -> Vec<String> {
    ids.map(str::to_owned).collect()
}

/// Records in one PostgreSQL database.
pub(crate) struct PostgresStore {
    readers: PgPool,
    writer: Writer<PostgresLink>,
}

impl PostgresStore {
    /// Opens a database that is there.
    pub(crate) async fn open(url: &str) -> Result<Self> {
        let settings = PgConnectOptions::from_str(url).map_err(backend)?.application_name("metria");
        let link = PostgresLink { settings: settings.clone() };
        let mut connection = link.open().await?;
        migrate(&mut connection).await?;
        let readers =
            PgPoolOptions::new().max_connections(READERS).acquire_timeout(CONNECT_TIMEOUT).connect_lazy_with(settings);
        Ok(Self { readers, writer: Writer::start(link, connection) })
    }

    /// A reader that sees one state of the database.
    async fn snapshot(&self) -> Result<sqlx::Transaction<'static, Database>> {
        self.readers.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await.map_err(backend)
    }
}

/// How the writer uses PostgreSQL.
struct PostgresLink {
    settings: PgConnectOptions,
}

impl Link for PostgresLink {
    type Connection = PgConnection;
    const BACKEND: &'static str = "postgres";
    const BEGIN: &'static str = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE";

    fn open(&self) -> BoxFuture<'_, Result<PgConnection>> {
        Box::pin(async move {
            let opening = PgConnection::connect_with(&self.settings);
            match tokio::time::timeout(CONNECT_TIMEOUT, opening).await {
                Ok(opened) => opened.map_err(backend),
                Err(_) => Err(unavailable(format!("it did not answer within {} s", CONNECT_TIMEOUT.as_secs()))),
            }
        })
    }

    fn run<'c>(connection: &'c mut PgConnection, statement: &'static str) -> BoxFuture<'c, Result<()>> {
        Box::pin(async move { sqlx::query(statement).execute(connection).await.map(|_| ()).map_err(backend) })
    }

    fn close(connection: PgConnection) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            if let Err(error) = connection.close().await {
                tracing::warn!(%error, "the PostgreSQL connection did not close cleanly");
            }
        })
    }

    fn is_lost(error: &Error) -> bool {
        matches!(error, Error::Unavailable { .. })
    }
}

/// Brings the schema up to date; one process at a time.
async fn migrate(connection: &mut PgConnection) -> Result<()> {
    let mut transaction = connection.begin().await.map_err(backend)?;
    sqlx::query("SELECT pg_advisory_xact_lock($1)")
        .bind(MIGRATION_LOCK)
        .execute(&mut *transaction)
        .await
        .map_err(backend)?;
    migrations::check_not_newer(applied_version(&mut transaction).await?, migrations::newest(POSTGRES))?;
    migrations::migrator(POSTGRES).run(&mut *transaction).await.map_err(|error| migrations::meaning(error, backend))?;
    transaction.commit().await.map_err(backend)
}

async fn applied_version(connection: &mut PgConnection) -> Result<i64> {
    let there: bool = sqlx::query_scalar("SELECT to_regclass('_sqlx_migrations') IS NOT NULL")
        .fetch_one(&mut *connection)
        .await
        .map_err(backend)?;
    if !there {
        return Ok(0);
    }
    sqlx::query_scalar("SELECT coalesce(max(version), 0) FROM _sqlx_migrations")
        .fetch_one(connection)
        .await
        .map_err(backend)
}

#[async_trait::async_trait]
impl Store for PostgresStore {
    async fn ping(&self) -> Result<()> {
        sqlx::query("SELECT 1").execute(&self.readers).await.map_err(backend)?;
        Ok(())
    }

    async fn close(&self) {
        self.writer.close().await;
        self.readers.close().await;
    }

    fn backend(&self) -> &'static str {
        "postgres"
    }
}
