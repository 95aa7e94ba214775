//! One run: what it was given, what it measured, what it left behind.

use super::format::{Moment, Number, duration, segment, segments, size};
use super::page::{PageResult, render};
use crate::http::{HttpError, Path};
use crate::state::AppState;
use askama::Template;
use axum::extract::State;
use metria_store::{DatasetInput, Param, Run, Tag};

/// Most files that are listed.
const MOST_FILES: usize = 500;

#[derive(Template)]
#[template(path = "run.html")]
struct RunPage {
    run: Run,
    experiment: String,
    started: Moment,
    ended: Option<Moment>,
    duration: String,
    failure: Option<String>,
    facts: Vec<Tag>,
    metrics: Vec<MetricRow>,
    charts: Vec<Chart>,
    files: Vec<FileRow>,
    more_files: bool,
}

struct MetricRow {
    key: String,
    value: Number,
    step: i64,
}

/// A chart that a script draws from data of the API.
struct Chart {
    kind: &'static str,
    title: String,
    source: String,
    /// A picture for those without scripts.
    picture: Option<String>,
}

struct FileRow {
    path: String,
    url: String,
    size: String,
}

impl RunPage {
    fn params(&self) -> &[Param] {
        &self.run.params
    }

    fn inputs(&self) -> &[DatasetInput] {
        &self.run.inputs
    }
}

/// `GET /runs/{run_id}`.
pub(super) async fn page(State(state): State<AppState>, Path(run_id): Path<String>) -> PageResult {
    let run = state.tracking().get_run(&run_id).await?;
    let experiment = state.tracking().get_experiment(&run.info.experiment_id).await?.name;
    let (files, more_files) = files(&state, &run_id).await?;
    let (failures, facts) = run.tags.iter().cloned().partition::<Vec<_>, _>(|tag| tag.key == "metria.error");
    render(&RunPage {
        experiment,
        started: Moment::new(run.info.start_time_ms),
        ended: run.info.end_time_ms.map(Moment::new),
        duration: duration(&run.info),
        failure: failures.into_iter().next().map(|tag| tag.value),
        facts,
        metrics: run
            .metrics
            .iter()
            .map(|metric| MetricRow { key: metric.key.clone(), value: Number(metric.value), step: metric.step })
            .collect(),
        charts: charts(&run, &files),
        files,
        more_files,
        run,
    })
}

/// The evaluation's pictures, then a line for each metric that has more than one step.
fn charts(run: &Run, files: &[FileRow]) -> Vec<Chart> {
    let url = |path: &str| files.iter().find(|file| file.path == path).map(|file| file.url.clone());
    let evaluation = [
        ("roc", "ROC curve", "evaluation/roc_curve.json", "evaluation/roc_curve.svg"),
        ("confusion", "Confusion matrix", "evaluation/confusion_matrix.json", "evaluation/confusion_matrix.svg"),
    ];
    let pictures = evaluation.into_iter().filter_map(|(kind, title, data, picture)| {
        Some(Chart { kind, title: title.to_owned(), source: url(data)?, picture: url(picture) })
    });
    let lines = run.metrics.iter().filter(|metric| metric.step != 0).map(|metric| Chart {
        kind: "history",
        title: metric.key.clone(),
        source: format!("/api/v1/runs/{}/metrics/{}", run.info.run_id, segment(&metric.key)),
        picture: None,
    });
    pictures.chain(lines).collect()
}

/// Every file, folder by folder, up to a limit; and whether there are more.
async fn files(state: &AppState, run_id: &str) -> Result<(Vec<FileRow>, bool), HttpError> {
    let mut folders = vec![String::new()];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in state.workspace.list_run_artifacts(run_id, &folder).await? {
            if entry.is_dir {
                folders.push(entry.path);
            } else if files.len() == MOST_FILES {
                return Ok((files, true));
            } else {
                let url = format!("/api/v1/runs/{run_id}/artifacts/{}", segments(&entry.path));
                files.push(FileRow { url, size: size(entry.size_bytes), path: entry.path });
            }
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok((files, false))
}
