//! Telling webhooks what happens in the registry: where they may be, their secrets, one delivery, and the worker.

mod address;
mod secret;
mod send;
mod worker;

pub(crate) use address::AddressRefused;
pub(crate) use send::Webhooks;
pub(crate) use worker::Worker;

use std::path::PathBuf;
use std::time::Duration;

/// How webhooks are told.
#[derive(Clone, Debug)]
pub(crate) struct WebhookOptions {
    /// Whether they may be at addresses that are not public.
    pub(crate) allow_private: bool,
    /// The schemes that their addresses may have.
    pub(crate) schemes: Vec<String>,
    /// The file of the key that their secrets are encrypted with; made when it is not there.
    pub(crate) key_file: PathBuf,
    /// How long one try may take.
    pub(crate) timeout: Duration,
    /// Tries after the first.
    pub(crate) max_retries: u32,
}
