//! Records on SQLite (one file, one machine) and PostgreSQL (many servers): many readers, and one writer a process that
//! commits in groups.
//!
//! The SQL is the same for both databases but for a few spellings, so the files in `shared/` are compiled twice, once
//! into each backend with its types; `log.rs` of each has what they do differently.

#![forbid(unsafe_code)]

mod batch;
mod migrations;
mod options;
mod postgres;
mod search;
mod sql;
mod sqlite;
mod writer;

pub use options::{Durability, StoreOptions, open};
