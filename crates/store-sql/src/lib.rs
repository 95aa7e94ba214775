//! Records on SQLite: one file, many readers, one writer that commits in groups.

#![forbid(unsafe_code)]

mod options;
mod sqlite;

pub use options::{Durability, StoreOptions, open};
