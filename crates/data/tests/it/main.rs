//! Reading, writing and describing tables, through the public interface.

#![expect(clippy::panic, reason = "a helper that cannot go on must end its test")]

mod bad_input;
mod blocks;
mod chunks;
mod columns;
mod csv;
mod digest;
mod json_lines;
mod parquet;
mod profile;
mod round_trip;
mod tables;
