//! `metria runs sync`: what trainings could not send.

use super::{Context, output};
use anyhow::{Result, bail};
use clap::Args;
use metria::{ExperimentTracker, SpoolOutcome, SpoolReport, TrackerOptions};
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(crate) struct Sync {
    /// Folder of spools [default: `spool` in the home and `metria-spool` in the working folder]
    folder: Option<PathBuf>,
    /// Server that gets them, such as http://127.0.0.1:5000 [default: the home]
    #[arg(long, env = "METRIA_TRACKING_URI", value_name = "URI")]
    tracking_uri: Option<String>,
}

impl Sync {
    pub(super) async fn run(self, context: &Context) -> Result<()> {
        let config = context.config()?;
        let folders = match self.folder {
            Some(folder) => vec![folder],
            None => vec![config.home.join("spool"), PathBuf::from("metria-spool")],
        };
        let mut reports = Vec::new();
        if let Some(uri) = &self.tracking_uri {
            let options = TrackerOptions { home: Some(config.home.clone()), ..TrackerOptions::at(uri) };
            for folder in &folders {
                reports.extend(ExperimentTracker::sync_folder(folder, &options).await?);
            }
        } else {
            let workspace = context.workspace().await?;
            for folder in &folders {
                reports.extend(workspace.sync_spools(folder).await?);
            }
            workspace.close().await;
        }
        print(context, &reports)?;
        let left = reports.iter().filter(|report| matches!(report.outcome, SpoolOutcome::Left { .. })).count();
        if left > 0 {
            bail!("{left} of {} spools could not be sent", reports.len());
        }
        Ok(())
    }
}

fn print(context: &Context, reports: &[SpoolReport]) -> Result<()> {
    if context.json {
        return output::json(&reports);
    }
    if reports.is_empty() {
        output::line("nothing was left behind");
        return Ok(());
    }
    let told = |outcome: &SpoolOutcome| match outcome {
        SpoolOutcome::Running => "its process is running and sends by itself".to_owned(),
        SpoolOutcome::Sent { marked_failed, refused } => {
            let end = if *marked_failed { "sent; its process had died, so it is FAILED" } else { "sent" };
            if *refused == 0 { end.to_owned() } else { format!("{end}; {refused} events were refused and are kept") }
        }
        SpoolOutcome::Left { reason } => format!("left: {reason}"),
    };
    let rows: Vec<Vec<String>> =
        reports.iter().map(|report| vec![report.run_id.clone(), told(&report.outcome)]).collect();
    output::table(&["run", "outcome"], &rows);
    Ok(())
}
