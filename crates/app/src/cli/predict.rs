//! `metria predict`: an answer for every row of a table.

use super::Context;
use super::output::{self, Usage};
use super::train::Reading;
use anyhow::Result;
use clap::Args;
use metria_core::ModelUri;
use metria_data::Format;
use serde_json::json;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(crate) struct Predict {
    /// The model: models:/NAME/VERSION, models:/NAME/STAGE, models:/NAME@ALIAS, runs:/ID/PATH or a folder
    model: String,
    /// The table
    data: PathBuf,
    /// Where the answers go: .parquet, .csv or .jsonl
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    #[command(flatten)]
    reading: Reading,
}

impl Predict {
    pub(crate) async fn run(self, context: &Context) -> Result<()> {
        let uri: ModelUri = self.model.parse()?;
        let options = self.reading.options()?;
        if Format::of_path(&self.output).is_none() {
            return Err(Usage(format!(
                "--output must end in .parquet, .csv, .tsv or .jsonl; got `{}`",
                self.output.display()
            ))
            .into());
        }
        let workspace = context.workspace().await?;
        let model = workspace.load_model(&uri).await?;
        let table = metria_data::read_table(&self.data, &options).map_err(metria::Error::from)?;
        let unused = metria::unused_columns(&model, &table.batch);
        let answers = metria_runtime::run_cpu(move || metria::predict_table(&model, &table.batch)).await??;
        metria_data::write_table(&self.output, &answers)?;
        workspace.close().await;
        let n_rows = answers.num_rows();
        if context.json {
            return output::json(&json!({
                "n_rows": n_rows,
                "output": self.output,
                "columns": metria_data::column_specs(&answers),
                "unused_columns": unused,
            }));
        }
        output::unused_columns(&unused);
        output::line(format!("{n_rows} rows predicted by {} into {}", self.model, self.output.display()));
        Ok(())
    }
}
