//! A recorder with a place for its runs that is away, forgets to answer, or refuses.

#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod place;
mod recording;
mod syncing;
