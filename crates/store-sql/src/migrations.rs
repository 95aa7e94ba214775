//! Schemas and how they change. Migrations run forward only, all that are due in one transaction.

use metria_store::{Error, Result};
use sqlx::SqlStr;
use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};

/// Version, name and text of each migration, in order.
type Migrations = &'static [(i64, &'static str, &'static str)];

/// SQLite's.
pub(crate) const SQLITE: Migrations = &[
    (1, "records", include_str!("../migrations/sqlite/0001_records.sql")),
    (2, "indexes by experiment", include_str!("../migrations/sqlite/0002_indexes_by_experiment.sql")),
    (3, "logged models", include_str!("../migrations/sqlite/0003_logged_models.sql")),
];

/// PostgreSQL's.
pub(crate) const POSTGRES: Migrations = &[
    (1, "records", include_str!("../migrations/postgres/0001_records.sql")),
    (2, "logged models", include_str!("../migrations/postgres/0002_logged_models.sql")),
];

/// The newest version that this program knows.
pub(crate) fn newest(migrations: Migrations) -> i64 {
    migrations.iter().map(|(version, ..)| *version).max().unwrap_or(0)
}

/// Refuses a schema of a newer program.
pub(crate) fn check_not_newer(found: i64, known: i64) -> Result<()> {
    if found > known { Err(Error::NewerSchema { found, known }) } else { Ok(()) }
}

/// What runs them.
pub(crate) fn migrator(migrations: Migrations) -> Migrator {
    let migration = |(version, name, text): &(i64, &'static str, &'static str)| {
        Migration::new(*version, (*name).into(), MigrationType::Simple, SqlStr::from_static(text), false)
    };
    Migrator::with_migrations(migrations.iter().map(migration).collect())
}

/// The meaning of a migration's error.
pub(crate) fn meaning(error: MigrateError, backend: fn(sqlx::Error) -> Error) -> Error {
    match error {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => backend(error),
        other => Error::Conflict(format!("the store's schema is not one that Metria made: {other}")),
    }
}
