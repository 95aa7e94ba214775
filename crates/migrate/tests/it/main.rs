//! There and back again, and sources that are not as they should be.

#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod bad_sources;
mod history;
mod round_trip;
