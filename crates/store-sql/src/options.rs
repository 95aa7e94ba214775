//! Opening a store by URL.

use crate::sqlite::SqliteStore;
use metria_store::{Error, Result, Store};
use std::path::Path;
use std::sync::Arc;

/// What an answered write survives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// The end of the process, `kill -9` included.
    #[default]
    Process,
    /// Also the loss of power: every commit is synced to the disk.
    PowerLoss,
}

/// Settings of a store.
#[derive(Clone, Copy, Debug, Default)]
pub struct StoreOptions {
    /// What an answered write survives.
    pub durability: Durability,
}

/// Opens the store that a URL names (`sqlite:PATH`), making it when it is not there and bringing its schema up to date.
///
/// # Errors
/// When the URL is of another kind, or the file cannot be opened, was written by a newer program or is damaged.
pub async fn open(url: &str, options: &StoreOptions) -> Result<Arc<dyn Store>> {
    match url.strip_prefix("sqlite:") {
        Some(path) if !path.is_empty() => {
            let path = path.strip_prefix("//").unwrap_or(path);
            Ok(Arc::new(SqliteStore::open(Path::new(path), *options).await?))
        }
        _ => Err(Error::Invalid(format!("the store must be `sqlite:PATH`; got `{url}`"))),
    }
}
