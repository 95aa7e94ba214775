//! `metria runs`: what was tried, and how it went.

use super::output::Usage;
use super::{Context, output};
use anyhow::Result;
use clap::{Args, Subcommand};
use metria_core::time::iso8601;
use metria_store::{Metric, Run};
use metria_tracking::{GroupRuns, RunGroups, SearchRuns, Tracking};
use serde::Serialize;
use std::collections::BTreeMap;

#[derive(Debug, Subcommand)]
pub(crate) enum Runs {
    /// The newest runs, or the best
    List(List),
    /// One run with everything that was logged to it
    Show {
        /// The run
        run_id: String,
    },
    /// Run a command as a run: its output, its load on the machine and its exit code are kept
    Exec(super::exec::Exec),
    /// Send what trainings left behind that could not reach their server or were killed
    Sync(super::sync::Sync),
    /// Runs by what they have in common, with the mean of their metrics and how sure it is
    Group(Group),
    /// Params and metrics of several runs side by side
    Compare {
        /// Two or more runs
        #[arg(required = true, num_args = 2..)]
        run_ids: Vec<String>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// Only this experiment
    #[arg(long, value_name = "NAME")]
    experiment: Option<String>,
    /// MLflow's filter language and more, such as "metrics.accuracy > 0.7 and not params.max_depth = '10'"
    #[arg(long, default_value = "", value_name = "TEXT")]
    filter: String,
    /// Such as "metrics.accuracy DESC" or "min(metrics.loss)"; may be repeated
    #[arg(long, value_name = "TEXT")]
    order_by: Vec<String>,
    /// Most runs shown
    #[arg(long, default_value_t = 20)]
    limit: usize,
}

#[derive(Debug, Args)]
pub(crate) struct Group {
    /// What runs of a group have in common: params.depth, tags.team, status …
    #[arg(long, value_name = "KEY")]
    by: String,
    /// The metrics to sum up
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    metrics: Vec<String>,
    /// Only this experiment
    #[arg(long, value_name = "NAME")]
    experiment: Option<String>,
    /// Only runs that fulfil this
    #[arg(long, default_value = "", value_name = "TEXT")]
    filter: String,
}

impl Runs {
    pub(crate) async fn run(self, context: &Context) -> Result<()> {
        match self {
            Self::Exec(exec) => exec.run(context).await,
            Self::Sync(sync) => sync.run(context).await,
            other => other.look(context).await,
        }
    }

    async fn look(self, context: &Context) -> Result<()> {
        let workspace = context.workspace().await?;
        let tracking = &workspace.tracking;
        match self {
            Self::List(list) => {
                let experiment_ids = experiment_ids(tracking, list.experiment.as_deref()).await?;
                let search = SearchRuns {
                    experiment_ids,
                    filter: list.filter,
                    order_by: list.order_by,
                    max_results: list.limit,
                    ..SearchRuns::default()
                };
                print_list(context, &tracking.search_runs(&search).await?.items)?;
            }
            Self::Group(group) => {
                let group = GroupRuns {
                    experiment_ids: experiment_ids(tracking, group.experiment.as_deref()).await?,
                    filter: group.filter,
                    by: group.by,
                    metrics: group.metrics,
                };
                print_groups(context, &tracking.group_runs(&group).await?)?;
            }
            Self::Show { run_id } => {
                let run = tracking.get_run(&run_id).await?;
                let mut metric_history = BTreeMap::new();
                for metric in &run.metrics {
                    metric_history.insert(metric.key.clone(), tracking.metric_history(&run_id, &metric.key).await?);
                }
                print_run(context, &ShownRun { run, metric_history })?;
            }
            Self::Compare { run_ids } => {
                if run_ids.len() > 100 {
                    return Err(Usage(format!("at most 100 runs are compared; got {}", run_ids.len())).into());
                }
                let comparison = tracking.compare_runs(&run_ids).await?;
                print_comparison(context, &comparison)?;
            }
            Self::Exec(_) | Self::Sync(_) => {}
        }
        workspace.close().await;
        Ok(())
    }
}

async fn experiment_ids(tracking: &Tracking, name: Option<&str>) -> Result<Vec<String>> {
    Ok(match name {
        Some(name) => vec![tracking.get_experiment_by_name(name).await?.experiment_id],
        None => Vec::new(),
    })
}

fn print_groups(context: &Context, groups: &RunGroups) -> Result<()> {
    if context.json {
        return output::json(groups);
    }
    let number = |value: Option<f64>| value.map_or_else(String::new, output::number);
    let mut header = vec![groups.by.as_str(), "runs"];
    if groups.groups.iter().any(|group| !group.metrics.is_empty()) {
        header.extend(["metric", "n", "mean", "std", "95 % from", "to"]);
    }
    let mut rows = Vec::new();
    for group in &groups.groups {
        let value = group.value.clone().unwrap_or_else(|| "(none)".to_owned());
        let first = [value, group.runs.to_string()];
        if group.metrics.is_empty() {
            rows.push(first.to_vec());
        }
        for metric in &group.metrics {
            let cells = [metric.key.clone(), metric.count.to_string()].into_iter();
            let numbers = [metric.mean, metric.std, metric.low, metric.high].map(number);
            rows.push(first.iter().cloned().chain(cells).chain(numbers).collect());
        }
    }
    output::table(&header, &rows);
    Ok(())
}

fn print_list(context: &Context, runs: &[Run]) -> Result<()> {
    if context.json {
        return output::json(&runs);
    }
    if runs.is_empty() {
        output::line("no runs; make one with `metria train DATA.csv --target COLUMN`");
        return Ok(());
    }
    let metric = |run: &Run, key: &str| {
        let found = run.metrics.iter().find(|metric| metric.key == key);
        found.map_or_else(String::new, |metric| output::number(metric.value))
    };
    let rows: Vec<Vec<String>> = runs
        .iter()
        .map(|run| {
            vec![
                run.info.run_id.clone(),
                run.info.run_name.clone(),
                run.info.status.as_str().to_owned(),
                iso8601(run.info.start_time_ms),
                metric(run, "accuracy"),
                metric(run, "roc_auc"),
            ]
        })
        .collect();
    output::table(&["run", "name", "status", "started", "accuracy", "roc_auc"], &rows);
    Ok(())
}

/// A run with every measurement, not only the latest of each metric.
#[derive(Serialize)]
struct ShownRun {
    #[serde(flatten)]
    run: Run,
    metric_history: BTreeMap<String, Vec<Metric>>,
}

impl ShownRun {
    /// The latest value, or all of them where there are steps.
    fn values(&self, metric: &Metric) -> String {
        match self.metric_history.get(&metric.key) {
            Some(history) if history.len() > 1 => {
                history.iter().map(|metric| output::number(metric.value)).collect::<Vec<_>>().join("  ")
            }
            _ => metric.value.to_string(),
        }
    }
}

fn print_run(context: &Context, shown: &ShownRun) -> Result<()> {
    if context.json {
        return output::json(shown);
    }
    let run = &shown.run;
    let mut rows = vec![
        vec!["run".to_owned(), run.info.run_id.clone()],
        vec!["name".to_owned(), run.info.run_name.clone()],
        vec!["experiment".to_owned(), run.info.experiment_id.clone()],
        vec!["status".to_owned(), run.info.status.as_str().to_owned()],
        vec!["started".to_owned(), iso8601(run.info.start_time_ms)],
        vec!["ended".to_owned(), run.info.end_time_ms.map_or_else(String::new, iso8601)],
        vec!["artifacts".to_owned(), run.info.artifact_uri.clone()],
    ];
    rows.extend(run.params.iter().map(|param| vec![format!("params.{}", param.key), param.value.clone()]));
    rows.extend(run.metrics.iter().map(|metric| vec![format!("metrics.{}", metric.key), shown.values(metric)]));
    rows.extend(run.tags.iter().map(|tag| vec![format!("tags.{}", tag.key), tag.value.clone()]));
    rows.extend(run.inputs.iter().map(|input| vec![format!("dataset.{}", input.name), input.digest.clone()]));
    output::table(&["what", "value"], &rows);
    Ok(())
}

fn print_comparison(context: &Context, comparison: &metria_tracking::RunComparison) -> Result<()> {
    if context.json {
        return output::json(comparison);
    }
    let names: Vec<&str> = comparison.runs.iter().map(|run| run.run_name.as_str()).collect();
    let header: Vec<&str> = std::iter::once("").chain(names).collect();
    let mut rows = Vec::new();
    for row in &comparison.metrics {
        let cells = row.values.iter().map(|value| value.map_or_else(String::new, output::number));
        rows.push(std::iter::once(format!("metrics.{}", row.key)).chain(cells).collect());
    }
    for row in &comparison.params {
        let cells = row.values.iter().map(|value| value.clone().unwrap_or_default());
        rows.push(std::iter::once(format!("params.{}", row.key)).chain(cells).collect());
    }
    output::table(&header, &rows);
    Ok(())
}
