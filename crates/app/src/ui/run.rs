//! One run: what it was given, what it measured, what it left behind; live while it goes on.

use super::format::{Moment, Number, duration, segment, segments, size};
use super::markdown;
use super::page::{PageResult, render};
use super::tags::{ERROR, NOTE, editable, note};
use crate::http::{HttpError, Path};
use crate::state::AppState;
use askama::Template;
use axum::extract::State;
use metria_store::{DatasetInput, Lifecycle, Param, Run, RunStatus, Tag};

/// Most files that are listed.
const MOST_FILES: usize = 500;
/// Metrics of the machine begin so, by MLflow's name.
const SYSTEM: &str = "system/";

#[derive(Template)]
#[template(path = "run.html")]
struct RunPage {
    experiment: String,
    started: Moment,
    ended: Option<Moment>,
    duration: String,
    live: bool,
    deleted: bool,
    failure: Option<String>,
    note: Option<markdown::Rendered>,
    note_text: String,
    note_api: String,
    tags: Vec<Tag>,
    metrics: Vec<MetricRow>,
    pictures: Vec<Picture>,
    lines: Vec<String>,
    system_lines: Vec<String>,
    files: Vec<FileRow>,
    more_files: bool,
    run: Run,
}

struct MetricRow {
    key: String,
    value: Number,
    step: i64,
}

/// A chart of the evaluation, drawn by a script from a file of the run.
struct Picture {
    kind: &'static str,
    title: &'static str,
    source: String,
    /// A picture for those without scripts.
    picture: Option<String>,
}

struct FileRow {
    path: String,
    /// Where its content is.
    url: String,
    /// The page that shows it.
    page: String,
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
    let deleted = run.info.lifecycle == Lifecycle::Deleted;
    let lines = run.metrics.iter().filter(|metric| metric.step != 0).map(|metric| metric.key.clone());
    let (system_lines, lines) = lines.partition(|key| key.starts_with(SYSTEM));
    render(&RunPage {
        experiment,
        started: Moment::new(run.info.start_time_ms),
        ended: run.info.end_time_ms.map(Moment::new),
        duration: duration(&run.info),
        live: !deleted && matches!(run.info.status, RunStatus::Running | RunStatus::Scheduled),
        deleted,
        failure: run.tags.iter().find(|tag| tag.key == ERROR).map(|tag| tag.value.clone()),
        note: note(&run.tags).map(markdown::render),
        note_text: note(&run.tags).unwrap_or_default().to_owned(),
        note_api: format!("POST /api/v1/runs/{}/log", segment(&run_id)),
        tags: editable(&run.tags),
        metrics: run
            .metrics
            .iter()
            .map(|metric| MetricRow { key: metric.key.clone(), value: Number(metric.value), step: metric.step })
            .collect(),
        pictures: pictures(&files),
        lines,
        system_lines,
        files,
        more_files,
        run,
    })
}

/// The evaluation's pictures.
fn pictures(files: &[FileRow]) -> Vec<Picture> {
    let url = |path: &str| files.iter().find(|file| file.path == path).map(|file| file.url.clone());
    let evaluation = [
        ("roc", "ROC curve", "evaluation/roc_curve.json", "evaluation/roc_curve.svg"),
        ("confusion", "Confusion matrix", "evaluation/confusion_matrix.json", "evaluation/confusion_matrix.svg"),
    ];
    let pictures = evaluation.into_iter().filter_map(|(kind, title, data, picture)| {
        Some(Picture { kind, title, source: url(data)?, picture: url(picture) })
    });
    pictures.collect()
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
                files.push(FileRow {
                    url: format!("/api/v1/runs/{}/artifacts/{}", segment(run_id), segments(&entry.path)),
                    page: format!("/runs/{}/files/{}", segment(run_id), segments(&entry.path)),
                    size: size(entry.size_bytes),
                    path: entry.path,
                });
            }
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok((files, false))
}
