//! Tables: reading CSV, JSON lines and Parquet into one Arrow record batch, and writing it back.
//!
//! A table has only four column types: Boolean, Int64, Float64 and Utf8, each with nulls. Whatever a file holds is
//! brought to these four by the rules written at [`ReadOptions`]; what does not fit is refused with the place and the
//! value. [`read_table`] and [`write_table`] are the ways in and out, [`profile`] and [`digest`] describe a table,
//! [`split_target`] and [`labels`] prepare it for learning.
//!
//! Everything here is synchronous; rayon spreads the work over the threads of the pool it is called in, and the result
//! does not depend on how many there are.

#![forbid(unsafe_code)]

mod columns;
mod convert;
mod csv;
mod digest;
mod encoding;
mod error;
mod json_lines;
mod options;
mod parquet_file;
mod profile;
mod read;
mod value;
mod write;

pub use columns::{column_specs, concat, drop_column, json_value, labels, select_columns, split_target, take_rows};
pub use digest::digest;
pub use error::{Error, Problem, Result};
pub use options::{Compression, Format, ReadOptions, WriteOptions, default_missing_values};
pub use profile::{ColumnProfile, Profile, TopValue, profile};
pub use read::{Table, read_batch, read_bytes, read_table};
pub use write::{write_table, write_table_with};
