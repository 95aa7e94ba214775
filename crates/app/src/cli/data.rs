//! `metria data`: a look at a table before anything is trained on it.

use super::train::Reading;
use super::{Context, output};
use anyhow::Result;
use clap::{Args, Subcommand};
use serde_json::json;
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(crate) enum Data {
    /// Rows, types, missing values and distributions of every column
    Profile(OneTable),
    /// Whether the table can be read; exit code 1 and the place when it cannot
    Check(OneTable),
}

/// A table and how it is read.
#[derive(Debug, Args)]
pub(crate) struct OneTable {
    /// The table: CSV, JSON lines or Parquet
    data: PathBuf,
    #[command(flatten)]
    reading: Reading,
}

impl Data {
    pub(crate) fn run(&self, context: &Context) -> Result<()> {
        let (Self::Profile(which) | Self::Check(which)) = self;
        let table = metria_data::read_table(&which.data, &which.reading.options()?)?;
        let profile = metria_data::profile(&table.batch);
        match (self, context.json) {
            (Self::Profile(_), true) => output::json(&profile),
            (Self::Profile(_), false) => {
                output::line(profile.to_string().trim_end());
                Ok(())
            }
            (Self::Check(_), true) => output::json(&json!({
                "ok": true, "n_rows": profile.n_rows, "n_columns": profile.n_columns, "digest": table.digest,
            })),
            (Self::Check(_), false) => {
                output::line(format!(
                    "{} is sound: {} rows, {} columns, digest {}",
                    table.source, profile.n_rows, profile.n_columns, table.digest
                ));
                Ok(())
            }
        }
    }
}
