//! `metria gc`: removes what nobody needs any more.

use super::output::Usage;
use super::{Context, output};
use anyhow::Result;
use clap::Args;
use metria::{Collected, Collection, Workspace};
use metria_core::time::now_ms;
use metria_tracking::Retention;

/// Remove for good what was deleted long ago, and files that no record names.
#[derive(Debug, Args)]
pub(crate) struct Gc {
    /// What was deleted longer ago than this: 30d, 12h, 45m or 0d
    #[arg(long, default_value = "30d", value_name = "TIME")]
    older_than: String,
    /// Only say what would be removed
    #[arg(long)]
    dry_run: bool,
    /// First put runs of this experiment into the bin, but for those that a --keep option keeps; may be repeated
    #[arg(long, value_name = "NAME")]
    experiment: Vec<String>,
    /// Keep so many of the newest runs
    #[arg(long, value_name = "N", requires = "experiment")]
    keep_newest: Option<usize>,
    /// Keep so many of the first runs in the order of --by
    #[arg(long, value_name = "N", requires_all = ["experiment", "by"])]
    keep_best: Option<usize>,
    /// The order of --keep-best, such as "metrics.accuracy DESC" or "min(metrics.loss)"
    #[arg(long, value_name = "ORDER", requires = "keep_best")]
    by: Option<String>,
    /// Keep runs that started within this time
    #[arg(long, value_name = "TIME", requires = "experiment")]
    keep_younger: Option<String>,
    /// Look only at runs that fulfil this; all others are kept
    #[arg(long, default_value = "", value_name = "TEXT", requires = "experiment")]
    filter: String,
}

impl Gc {
    pub(crate) async fn run(self, context: &Context) -> Result<()> {
        let before_ms = ago(&self.older_than)?;
        let workspace = context.workspace().await?;
        let done = async {
            let retention = self.retention(&workspace).await?;
            let collection = Collection { retention, before_ms, dry_run: self.dry_run };
            Ok(workspace.collect_garbage(&collection).await?)
        };
        let done: Result<Collected> = done.await;
        workspace.close().await;
        print(context, &done?)
    }

    async fn retention(&self, workspace: &Workspace) -> Result<Vec<Retention>> {
        let keep_since_ms = self.keep_younger.as_deref().map(ago).transpose()?;
        let mut rules = Vec::with_capacity(self.experiment.len());
        for name in &self.experiment {
            rules.push(Retention {
                experiment_id: workspace.tracking.get_experiment_by_name(name).await?.experiment_id,
                filter: self.filter.clone(),
                keep_newest: self.keep_newest,
                keep_best: self.keep_best.zip(self.by.clone()),
                keep_since_ms,
            });
        }
        Ok(rules)
    }
}

/// The time so long ago.
fn ago(text: &str) -> Result<i64> {
    let refused = || Usage(format!("a time is a whole number with d, h or m behind it, such as 30d; got `{text}`"));
    let unit_ms: i64 = match text.chars().last() {
        Some('d') => 86_400_000,
        Some('h') => 3_600_000,
        Some('m') => 60_000,
        _ => return Err(refused().into()),
    };
    let number: u32 = text[..text.len() - 1].parse().map_err(|_| refused())?;
    Ok(now_ms().saturating_sub(i64::from(number).saturating_mul(unit_ms)))
}

fn print(context: &Context, collected: &Collected) -> Result<()> {
    if context.json {
        return output::json(collected);
    }
    let (bin, remove) = match collected.dry_run {
        true => ("would go to the bin", "would be removed"),
        false => ("is in the bin now", "removed"),
    };
    for run in &collected.binned {
        output::line(format!("run {run}: {bin}"));
    }
    for run in &collected.runs {
        output::line(format!(
            "run {} of experiment {}: {remove}, {}",
            run.id,
            run.experiment_id,
            size(run.files, run.size_bytes)
        ));
    }
    for experiment in &collected.experiments {
        output::line(format!("experiment {experiment}: {remove}"));
    }
    for folder in &collected.folders {
        output::line(format!(
            "folder {}: no record names it, {remove}, {}",
            folder.id,
            size(folder.files, folder.size_bytes)
        ));
    }
    for kept in &collected.kept {
        output::line(format!("{}: stays, {}", kept.id, kept.reason));
    }
    output::line(format!(
        "{remove}: {} runs, {} experiments, {} folders without a record; {}",
        collected.runs.len(),
        collected.experiments.len(),
        collected.folders.len(),
        size(collected.files, collected.size_bytes)
    ));
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "shown with one digit")]
fn size(files: u64, bytes: u64) -> String {
    let shown = match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.1} GB", bytes as f64 / 1e9),
    };
    format!("{files} files, {shown}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_sizes() {
        let now = now_ms();
        for (text, ms) in [("0d", 0), ("2d", 172_800_000), ("3h", 10_800_000), ("5m", 300_000)] {
            let got = ago(text).unwrap();
            assert!((now - ms..now - ms + 5_000).contains(&got), "{text}: {got}");
        }
        for refused in ["", "d", "5", "-1d", "1.5d", "1w", "é", "99999999999d"] {
            assert!(ago(refused).is_err(), "{refused}");
        }
        assert_eq!((size(1, 999), size(2, 1_500)), ("1 files, 999 B".into(), "2 files, 1.5 kB".into()));
    }
}
