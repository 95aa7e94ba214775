//! `metria import`: other people's tracking, taken over.

use super::output::{Progress, Usage};
use super::{Context, output};
use anyhow::{Result, bail};
use clap::Subcommand;
use metria_migrate::{
    Copied, Mirror, MlrunsSource, Problems, RestSource, Source, SqliteSource, StoreSide, Table, Target, check, copy,
};
use std::path::{Path, PathBuf};

#[derive(Debug, Subcommand)]
pub(crate) enum Import {
    /// From MLflow: a server, an mlruns folder or a SQLite store; may be interrupted and repeated
    Mlflow {
        /// http://HOST:PORT, the mlruns folder, or the SQLite file
        source: String,
        /// Folder outside the source where its artifacts may be read; the first is also what mlflow-artifacts: means;
        /// may be repeated
        #[arg(long, value_name = "FOLDER")]
        artifacts: Vec<PathBuf>,
    },
}

impl Import {
    pub(crate) async fn run(self, context: &Context) -> Result<()> {
        let Self::Mlflow { source, artifacts } = self;
        let problems = Problems::default();
        let source = open(&source, &artifacts, &problems).await?;
        let workspace = context.workspace().await?;
        let here = StoreSide::new(workspace.store(), workspace.artifacts.clone());
        let table = carry(context, source.as_ref(), &here, &problems).await;
        workspace.close().await;
        print(context, source.as_ref(), &table?, &problems)
    }
}

async fn open(source: &str, artifacts: &[PathBuf], problems: &Problems) -> Result<Box<dyn Source>> {
    if source.starts_with("http://") || source.starts_with("https://") {
        if !artifacts.is_empty() {
            return Err(Usage("a server gives its artifacts itself; leave --artifacts out".to_owned()).into());
        }
        return Ok(Box::new(RestSource::new(source, problems.clone())?));
    }
    let path = source.strip_prefix("sqlite:///").or_else(|| source.strip_prefix("file://")).unwrap_or(source);
    let path = Path::new(path);
    if path.is_dir() {
        return Ok(Box::new(MlrunsSource::open(path, artifacts, problems.clone())?));
    }
    Ok(Box::new(SqliteSource::open(path, artifacts, problems.clone()).await?))
}

/// Copies, and compares afterwards.
pub(super) async fn carry<T: Target + Mirror>(
    context: &Context,
    source: &dyn Source,
    target: &T,
    problems: &Problems,
) -> Result<Table> {
    let bar = Progress::new(0, context.json);
    bar.message("copying");
    let shown = |progress: metria_migrate::Progress| {
        bar.position(progress.runs as u64, &format!("experiment {}", progress.experiments));
    };
    let copied: Copied = copy(source, target, problems, &shown).await?;
    bar.message("comparing");
    let table = check(source, target, &copied, problems).await?;
    bar.finish();
    Ok(table)
}

/// Prints what a check found; a difference is a failure.
pub(super) fn print(context: &Context, source: &dyn Source, table: &Table, problems: &Problems) -> Result<()> {
    let problems = problems.list();
    if context.json {
        output::json(&serde_json::json!({
            "same": table.is_same() && problems.is_empty(),
            "rows": table.rows,
            "not_taken_over": table.left_out,
            "differences": table.differences,
            "problems": problems,
        }))?;
    } else {
        let rows: Vec<Vec<String>> = table
            .rows
            .iter()
            .map(|row| {
                let verdict = if row.source == row.same { "yes" } else { "NO" };
                vec![row.what.to_owned(), row.source.to_string(), row.same.to_string(), verdict.to_owned()]
            })
            .collect();
        output::table(&["what", "in the source", "alike", "complete"], &rows);
        for row in table.left_out.iter().filter(|row| row.source > 0) {
            output::line(format!("not taken over: {} {}", row.source, row.what));
        }
        for problem in &problems {
            output::line(format!("problem: {problem}"));
        }
        let told = table.differences.iter().map(|difference| &difference.0);
        for difference in told.filter(|difference| !problems.contains(difference)) {
            output::line(format!("different: {difference}"));
        }
    }
    if !table.is_same() || !problems.is_empty() {
        bail!("not everything of {} was taken over; what is missing is named above", source.name());
    }
    Ok(())
}
