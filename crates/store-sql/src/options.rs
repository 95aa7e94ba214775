//! Opening a store by URL.

use crate::postgres::PostgresStore;
use crate::sqlite::SqliteStore;
use metria_store::{Error, MemoryStore, Result, Store};
use std::path::Path;
use std::sync::Arc;

/// What an answered write survives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// The end of the process, `kill -9` included.
    #[default]
    Process,
    /// Also the loss of power: every commit is synced to the disk. PostgreSQL decides by its own settings
    /// (`synchronous_commit`), whatever is asked for here.
    PowerLoss,
}

/// Settings of a store.
#[derive(Clone, Copy, Debug, Default)]
pub struct StoreOptions {
    /// What an answered write survives.
    pub durability: Durability,
}

/// Opens the store that a URL names, making it when it is not there and bringing its schema up to date:
///
/// - `sqlite:PATH`, one file. With `?max_pages=N` at the end it grows to so many pages of 4 KiB only.
/// - `postgres://USER:PASSWORD@HOST:PORT/DATABASE` (or `postgresql://`), a database that is there.
/// - `memory:`, gone with the process.
///
/// # Errors
/// When the URL is of another kind, or the store cannot be opened, was written by a newer program or is damaged.
pub async fn open(url: &str, options: &StoreOptions) -> Result<Arc<dyn Store>> {
    if url == "memory:" {
        return Ok(Arc::new(MemoryStore::new()));
    }
    if url.starts_with("postgres://") || url.starts_with("postgresql://") {
        return Ok(Arc::new(PostgresStore::open(url).await?));
    }
    match url.strip_prefix("sqlite:") {
        Some(path) if !path.is_empty() => {
            let path = path.strip_prefix("//").unwrap_or(path);
            let (path, pages) = page_limit(path)?;
            Ok(Arc::new(SqliteStore::open(Path::new(path), pages, *options).await?))
        }
        // What came may hold a password, so only its kind is shown.
        _ => Err(Error::Invalid(format!(
            "the store must be sqlite:PATH, postgres://… or memory:; got `{}:…`",
            url.split(':').next().unwrap_or_default()
        ))),
    }
}

fn page_limit(path: &str) -> Result<(&str, Option<u32>)> {
    let Some((path, pages)) = path.rsplit_once("?max_pages=") else { return Ok((path, None)) };
    match pages.parse() {
        Ok(pages) => Ok((path, Some(pages))),
        Err(_) => Err(Error::Invalid(format!("max_pages must be a whole number of pages; got `{pages}`"))),
    }
}
