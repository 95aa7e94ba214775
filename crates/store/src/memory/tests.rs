//! The memory backend keeps every promise.

use crate::MemoryStore;
use crate::contract::Opened;
use std::sync::Arc;

#[expect(clippy::unused_async, reason = "the suite opens every backend by an async function")]
async fn open() -> Opened {
    Opened { store: Arc::new(MemoryStore::new()), remove: Box::pin(async {}) }
}

crate::contract_tests!(crate::memory::tests::open);
