//! Work that goes on beside the requests.

pub(crate) mod webhooks;
