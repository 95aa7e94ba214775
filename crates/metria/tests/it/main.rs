//! The facade's systems, on a home of their own.

#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod registry;
mod tracker;
