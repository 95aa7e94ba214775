//! Reading, writing and describing tables, through the public interface.

mod bad_input;
mod chunks;
mod columns;
mod csv;
mod digest;
mod json_lines;
mod parquet;
mod profile;
mod round_trip;
mod tables;
