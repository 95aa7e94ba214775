//! Whole tracking histories from one place to another: out of MLflow's `mlruns` folders, SQLite stores and servers, and
//! into an `mlruns` folder that MLflow reads.
//!
//! A [`Source`] gives experiments, runs, histories, artifacts and models out; a [`Target`] takes them. [`copy`] goes from
//! one to the other, and may be interrupted and repeated: what is there already is compared, completed, never doubled.
//! [`check`] then reads both sides again and compares them. Whatever cannot be taken over is named in [`Problems`], and
//! the rest goes on.
//!
//! Traces, evaluation datasets, prompts and the records of logged models are counted and reported, not taken over; the
//! files of logged models are.

#![forbid(unsafe_code)]

mod check;
mod copy;
mod error;
mod local;
mod locations;
mod mlruns;
mod names;
mod records;
mod rest;
mod side;
mod sqlite;
mod store;

pub use check::{Difference, Table, TableRow, check};
pub use copy::{Copied, Progress, copy};
pub use error::{Error, Result};
pub use mlruns::{MlrunsSource, MlrunsTarget};
pub use rest::RestSource;
pub use side::{LoggedModelFiles, Mirror, Place, Problems, Source, SourceModel, SourceRun, Target};
pub use sqlite::SqliteSource;
pub use store::StoreSide;
