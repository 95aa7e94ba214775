//! `metria evaluate`: how a model does on a table with known answers.

use super::train::Reading;
use super::{Context, output};
use anyhow::{Context as _, Result};
use clap::Args;
use metria::Evaluation;
use metria_core::ModelUri;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(crate) struct Evaluate {
    /// The model: models:/NAME/VERSION, models:/NAME/STAGE, models:/NAME@ALIAS, runs:/ID/PATH or a folder
    model: String,
    /// The table
    data: PathBuf,
    /// The column with the answers [default: the column the model was trained to predict]
    #[arg(long, value_name = "COLUMN")]
    target: Option<String>,
    #[command(flatten)]
    reading: Reading,
}

impl Evaluate {
    pub(crate) async fn run(self, context: &Context) -> Result<()> {
        let uri: ModelUri = self.model.parse()?;
        let options = self.reading.options()?;
        let workspace = context.workspace().await?;
        let model = workspace.load_model(&uri).await?;
        let table = metria_data::read_table(&self.data, &options).map_err(metria::Error::from)?;
        let target = match &self.target {
            Some(target) => target.clone(),
            None => model.target().to_owned(),
        };
        let (x, answers) = metria_data::split_target(&table.batch, &target)
            .context("the answers are needed to evaluate; --target names their column")?;
        let y = metria_data::labels(&answers, &target)?;
        let unused = metria::unused_columns(&model, &x);
        let evaluation = metria_runtime::run_cpu(move || Evaluation::of(&model, &x, &y)).await??;
        workspace.close().await;
        if context.json {
            return output::json(&evaluation);
        }
        output::unused_columns(&unused);
        output::line(format!("{} on {} rows of {}", self.model, evaluation.n_rows, self.data.display()));
        let rows: Vec<Vec<String>> =
            evaluation.metrics("").into_iter().map(|(name, value)| vec![name, output::number(value)]).collect();
        output::table(&["metric", "value"], &rows);
        output::line("");
        output::line(evaluation.report_text());
        Ok(())
    }
}
