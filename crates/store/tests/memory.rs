//! The memory backend keeps every promise.

use metria_store::MemoryStore;
use metria_store::contract::Opened;
use std::sync::Arc;

#[expect(clippy::unused_async, reason = "the suite opens every backend by an async function")]
async fn open() -> Opened {
    Opened { store: Arc::new(MemoryStore::new()), remove: Box::pin(async {}) }
}

metria_store::contract_tests!(crate::open);
