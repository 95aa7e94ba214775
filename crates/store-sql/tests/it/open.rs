//! Stores for tests.

use metria_store::contract::Opened;
use metria_store::{Result, Store};
use metria_store_sql::StoreOptions;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// The URL of a SQLite file.
pub(crate) fn sqlite_url(path: &Path) -> String {
    format!("sqlite:{}", path.display())
}

/// Opens a store with the usual settings.
pub(crate) async fn open(url: &str) -> Result<Arc<dyn Store>> {
    metria_store_sql::open(url, &StoreOptions::default()).await
}

/// An empty SQLite store.
pub(crate) async fn sqlite() -> Opened {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = open(&sqlite_url(&folder.path().join("records.db"))).await.expect("a new file opens");
    Opened { store, remove: Box::pin(async move { drop(folder) }) }
}

/// The URL of the PostgreSQL that `scripts/with-postgres` started.
#[expect(clippy::disallowed_methods, reason = "the script tells the tests its server by the environment")]
pub(crate) fn postgres_server() -> String {
    std::env::var("METRIA_TEST_POSTGRES").unwrap_or_else(|_| {
        panic!("this test needs PostgreSQL: run `make test`, or `scripts/with-postgres cargo test -p metria-store-sql`")
    })
}

/// A schema of a test's own, so that tests run side by side.
pub(crate) struct Schema {
    server: String,
    name: String,
}

impl Schema {
    /// An empty one on that server.
    pub(crate) async fn new(server: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("test_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let schema = Self { server: server.to_owned(), name };
        schema.run(&format!("CREATE SCHEMA {}", schema.name)).await;
        schema
    }

    /// The URL of the store in it.
    pub(crate) fn url(&self) -> String {
        let join = if self.server.contains('?') { '&' } else { '?' };
        format!("{}{join}options=-c%20search_path%3D{}", self.server, self.name)
    }

    /// Runs a statement on the server, outside the store.
    pub(crate) async fn run(&self, statement: &str) {
        let mut connection = PgConnection::connect(&self.server).await.expect("the server answers");
        sqlx::query(AssertSqlSafe(statement.to_owned())).execute(&mut connection).await.expect(statement);
        connection.close().await.expect("the connection closes");
    }

    /// The name, for statements.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Drops it with everything in it.
    pub(crate) async fn drop(self) {
        self.run(&format!("DROP SCHEMA {} CASCADE", self.name)).await;
    }
}

/// An empty PostgreSQL store.
pub(crate) async fn postgres() -> Opened {
    let schema = Schema::new(&postgres_server()).await;
    let store = open(&schema.url()).await.expect("an empty schema opens");
    Opened { store, remove: Box::pin(schema.drop()) }
}
