//! The SQL backends keep every promise, and nothing answered is lost, whatever breaks.

mod golden;
mod open;
mod postgres;
mod postgres_faults;
mod sqlite;
mod sqlite_faults;
mod writes;
