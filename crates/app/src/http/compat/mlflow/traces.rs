//! `traces/*`, as clients from 3.0 on ask for them; what both protocols share stands here, too.

use super::convert::{location, public_uri};
use super::error::{MlflowError, Result};
use super::experiments::page_size;
use super::input::{Input, flag, integer, required, texts};
use super::trace_wire::{Location, TraceInfoFields, trace_file, wire_info, wire_trace};
use super::types::with_token;
use crate::http::files;
use crate::state::AppState;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, patch, post};
use axum::{Json, Router};
use metria_core::names::check_artifact_path;
use metria_store::{Tag, TraceInfo, TraceSelection};
use metria_tracking::{Correlation, SearchTraces};
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Duration;

/// Most traces on a page, and their number when nothing is said.
pub(super) const MOST_RESULTS: i64 = 500;
pub(super) const RESULTS: i64 = 100;
/// How long `get` waits for spans that are still on their way, and how often it looks.
const PATIENCE: u32 = 15;
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// The tags that tell where spans are, which clients must not change.
const IMMUTABLE: [&str; 2] = ["mlflow.trace.spansLocation", "mlflow.trace.archiveLocation"];
const ARTIFACT_LOCATION: &str = "mlflow.artifactLocation";
const TRACE_FILE: &str = "traces.json";

/// The routes below `/2.0/mlflow`.
pub(super) fn routes_v2() -> Router<AppState> {
    use super::traces_v2 as v2;
    Router::new()
        .route("/traces", get(v2::search).post(v2::start))
        .route("/traces/{trace_id}", patch(v2::end))
        .route("/traces/{trace_id}/info", get(v2::info))
        .route("/traces/{trace_id}/tags", patch(set_tag).delete(delete_tag))
        .route("/traces/link-to-run", post(link_to_run))
        .route("/traces/link-prompts", post(link_prompts))
        .route("/traces/delete-traces", post(delete))
        .route("/traces/metrics", any(super::server_info::not_here))
        .route("/get-trace-artifact", get(artifact))
}

/// The routes below `/3.0/mlflow`.
pub(super) fn routes_v3() -> Router<AppState> {
    use super::assessments;
    Router::new()
        .route("/traces", post(start))
        .route("/traces/get", get(whole))
        .route("/traces/batchGet", get(whole_batch))
        .route("/traces/batchGetInfos", post(info_batch).get(info_batch))
        .route("/traces/search", post(search))
        .route("/traces/delete-traces", post(delete))
        .route("/traces/calculate-filter-correlation", post(correlate))
        .route("/traces/metrics", any(super::server_info::not_here))
        .route("/traces/{trace_id}", get(info))
        .route("/traces/{trace_id}/tags", patch(set_tag).delete(delete_tag))
        .route("/traces/{trace_id}/assessments", post(assessments::create))
        .route(
            "/traces/{trace_id}/assessments/{assessment_id}",
            get(assessments::get).patch(assessments::update).delete(assessments::delete),
        )
        .route("/get-trace-artifact", get(artifact))
}

/// Writes what a client tells about a trace.
pub(super) async fn tell(state: &AppState, info: TraceInfo, is_final: bool) -> Result<TraceInfo> {
    let experiment = state.tracking().get_experiment(&info.experiment_id).await?;
    let location = public_uri(state, &experiment.artifact_location);
    Ok(state.tracking().start_trace(info, &location, is_final).await?)
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Start {
    trace: Option<StartedTrace>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct StartedTrace {
    trace_info: Option<TraceInfoFields>,
}

async fn start(State(state): State<AppState>, Input(fields): Input<Start>) -> Result<Json<Value>> {
    let Some(told) = fields.trace.and_then(|trace| trace.trace_info) else {
        return Err(MlflowError::invalid("Missing value for required parameter 'trace'."));
    };
    let info = tell(&state, told.info()?, true).await?;
    Ok(Json(json!({"trace": {"trace_info": wire_info(&info)}})))
}

async fn info(State(state): State<AppState>, Path(trace_id): Path<String>) -> Result<Json<Value>> {
    let info = state.tracking().get_trace_info(&trace_id).await?;
    Ok(Json(json!({"trace": {"trace_info": wire_info(&info)}})))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Wanted {
    trace_id: Option<String>,
    #[serde(deserialize_with = "flag")]
    allow_partial: bool,
    #[serde(deserialize_with = "texts")]
    trace_ids: Vec<String>,
    #[serde(deserialize_with = "texts")]
    experiment_ids: Vec<String>,
}

/// One trace with its spans; waits a while for those that are still on their way.
async fn whole(State(state): State<AppState>, Input(fields): Input<Wanted>) -> Result<Json<Value>> {
    let trace_id = required("trace_id", fields.trace_id)?;
    for _ in 0..PATIENCE {
        let trace = state.tracking().get_trace(&trace_id).await?;
        if fields.allow_partial || trace.is_complete() {
            return Ok(Json(json!({"trace": wire_trace(&trace)})));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Err(MlflowError::not_found(format!("Trace with ID {trace_id} is not fully exported yet, please try again later.")))
}

impl Wanted {
    /// The ids, and whether a trace is in one of the experiments, if any are named.
    fn ids(&self) -> Result<&[String]> {
        if self.trace_ids.is_empty() {
            return Err(MlflowError::invalid(
                "Missing value for required parameter 'trace_ids'. See the API docs for more information about request parameters.",
            ));
        }
        if self.trace_ids.len() > MOST_RESULTS as usize {
            return Err(MlflowError::invalid(format!(
                "at most {MOST_RESULTS} traces are given out at once; got {}",
                self.trace_ids.len()
            )));
        }
        Ok(&self.trace_ids)
    }

    fn allows(&self, info: &TraceInfo) -> bool {
        self.experiment_ids.is_empty() || self.experiment_ids.contains(&info.experiment_id)
    }
}

async fn whole_batch(State(state): State<AppState>, Input(fields): Input<Wanted>) -> Result<Json<Value>> {
    let traces = state.tracking().get_traces(fields.ids()?).await?;
    let complete = traces.iter().filter(|trace| fields.allows(&trace.info) && trace.is_complete());
    Ok(Json(json!({"traces": complete.map(wire_trace).collect::<Vec<_>>()})))
}

async fn info_batch(State(state): State<AppState>, Input(fields): Input<Wanted>) -> Result<Json<Value>> {
    let infos = state.tracking().get_trace_infos(fields.ids()?).await?;
    let infos: Vec<Value> = infos.iter().filter(|info| fields.allows(info)).map(wire_info).collect();
    Ok(Json(json!({"trace_infos": infos})))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Search {
    locations: Vec<Location>,
    filter: Option<String>,
    #[serde(deserialize_with = "integer")]
    max_results: Option<i64>,
    #[serde(deserialize_with = "texts")]
    order_by: Vec<String>,
    page_token: Option<String>,
}

async fn search(State(state): State<AppState>, Input(fields): Input<Search>) -> Result<Json<Value>> {
    let experiment_ids: Vec<String> = fields.locations.into_iter().filter_map(Location::experiment_id).collect();
    if experiment_ids.is_empty() {
        return Err(MlflowError::invalid("`locations` must name at least one experiment"));
    }
    let search = SearchTraces {
        experiment_ids,
        filter: fields.filter.unwrap_or_default(),
        order_by: fields.order_by,
        max_results: page_size(fields.max_results, RESULTS, MOST_RESULTS)?,
        page_token: fields.page_token.filter(|token| !token.is_empty()),
    };
    let page = state.tracking().search_traces(&search).await?;
    let traces: Vec<Value> = page.items.iter().map(wire_info).collect();
    Ok(Json(with_token(json!({"traces": traces}), page.next_page_token)))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct TagFields {
    key: Option<String>,
    value: Option<String>,
}

impl TagFields {
    fn key(&mut self, done: &str) -> Result<String> {
        let key = required("key", self.key.take())?;
        if IMMUTABLE.contains(&key.as_str()) {
            return Err(MlflowError::invalid(format!("Tag '{key}' is immutable and cannot be {done} on a trace.")));
        }
        Ok(key)
    }
}

async fn set_tag(
    State(state): State<AppState>,
    Path(trace_id): Path<String>,
    Input(mut fields): Input<TagFields>,
) -> Result<Json<Value>> {
    let tag = Tag { key: fields.key("set")?, value: fields.value.unwrap_or_default() };
    state.tracking().set_trace_tag(&trace_id, tag).await?;
    Ok(Json(json!({})))
}

async fn delete_tag(
    State(state): State<AppState>,
    Path(trace_id): Path<String>,
    Input(mut fields): Input<TagFields>,
) -> Result<Json<Value>> {
    state.tracking().delete_trace_tag(&trace_id, &fields.key("deleted")?).await?;
    Ok(Json(json!({})))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Delete {
    experiment_id: Option<String>,
    #[serde(deserialize_with = "integer")]
    max_timestamp_millis: Option<i64>,
    #[serde(deserialize_with = "integer")]
    max_traces: Option<i64>,
    #[serde(deserialize_with = "texts")]
    request_ids: Vec<String>,
}

async fn delete(State(state): State<AppState>, Input(fields): Input<Delete>) -> Result<Json<Value>> {
    let experiment_id = required("experiment_id", fields.experiment_id)?;
    let by_ids = !fields.request_ids.is_empty();
    let limit = match (fields.max_timestamp_millis, by_ids, fields.max_traces) {
        (None, false, _) => {
            return Err(MlflowError::invalid("Either `max_timestamp_millis` or `trace_ids` must be specified."));
        }
        (Some(_), true, _) => {
            return Err(MlflowError::invalid("Only one of `max_timestamp_millis` and `trace_ids` can be specified."));
        }
        (_, true, Some(_)) => {
            return Err(MlflowError::invalid("`max_traces` can't be specified if `trace_ids` is specified."));
        }
        (_, _, Some(most)) => Some(usize::try_from(most).ok().filter(|most| *most > 0).ok_or_else(|| {
            MlflowError::invalid(format!("`max_traces` must be a positive integer, received {most}."))
        })?),
        (_, _, None) => None,
    };
    let which = TraceSelection {
        max_request_time_ms: fields.max_timestamp_millis,
        limit,
        trace_ids: by_ids.then_some(fields.request_ids),
    };
    let deleted = state.tracking().delete_traces(&experiment_id, which).await?;
    if !deleted.is_empty() {
        delete_files(&state, &experiment_id, &deleted).await?;
    }
    Ok(Json(json!({"traces_deleted": deleted.len()})))
}

/// Removes what clients uploaded for traces, where it lies with this server.
async fn delete_files(state: &AppState, experiment_id: &str, trace_ids: &[String]) -> Result<()> {
    let experiment = state.tracking().get_experiment(experiment_id).await?;
    let Ok(root) = state.workspace.artifact_path(&experiment.artifact_location) else { return Ok(()) };
    for trace_id in trace_ids {
        // Most traces have no files.
        if let Err(error) = state.workspace.artifacts.delete_all(&format!("{root}/traces/{trace_id}")).await {
            tracing::debug!(%error, "no files of the trace {trace_id} were removed");
        }
    }
    Ok(())
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Links {
    #[serde(deserialize_with = "texts")]
    trace_ids: Vec<String>,
    run_id: Option<String>,
    trace_id: Option<String>,
    prompt_versions: Vec<PromptVersion>,
}

#[derive(Debug, Deserialize)]
struct PromptVersion {
    name: String,
    version: Value,
}

async fn link_to_run(State(state): State<AppState>, Input(fields): Input<Links>) -> Result<Json<Value>> {
    let run_id = required("run_id", fields.run_id)?;
    state.tracking().link_traces_to_run(&fields.trace_ids, &run_id).await?;
    Ok(Json(json!({})))
}

async fn link_prompts(State(state): State<AppState>, Input(fields): Input<Links>) -> Result<Json<Value>> {
    let trace_id = required("trace_id", fields.trace_id)?;
    let prompt = |prompt: PromptVersion| match prompt.version {
        Value::String(version) => format!("{}/{version}", prompt.name),
        version => format!("{}/{version}", prompt.name),
    };
    let prompts: Vec<String> = fields.prompt_versions.into_iter().map(prompt).collect();
    state.tracking().link_prompts(&trace_id, &prompts).await?;
    Ok(Json(json!({})))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Correlate {
    #[serde(deserialize_with = "texts")]
    experiment_ids: Vec<String>,
    filter_string1: Option<String>,
    filter_string2: Option<String>,
    base_filter: Option<String>,
}

async fn correlate(State(state): State<AppState>, Input(fields): Input<Correlate>) -> Result<Json<Value>> {
    let first = required("filter_string1", fields.filter_string1)?;
    let second = required("filter_string2", fields.filter_string2)?;
    let base = fields.base_filter.unwrap_or_default();
    if fields.experiment_ids.is_empty() {
        return Err(MlflowError::invalid("`experiment_ids` must name at least one experiment"));
    }
    let counts = state.tracking().correlate_traces(&fields.experiment_ids, &first, &second, &base).await?;
    let mut answer = json!({
        "filter1_count": counts.first,
        "filter2_count": counts.second,
        "joint_count": counts.both,
        "total_count": counts.total,
    });
    // Upstream: -1 where they never meet, and Jeffreys' prior to smooth.
    let plain = if counts.both == 0 { Some(-1.0) } else { npmi(counts, 0.0) };
    for (name, value) in [("npmi", plain), ("npmi_smoothed", npmi(counts, 0.5))] {
        if let Some(value) = value.filter(|_| counts.first > 0 && counts.second > 0) {
            answer[name] = Value::from(value);
        }
    }
    Ok(Json(answer))
}

/// Normalised pointwise mutual information of two conditions, -1 to 1, with so much added to each of the four cells;
/// nothing where it is not defined (Bouma 2009, "Normalized (pointwise) mutual information in collocation extraction").
fn npmi(counts: Correlation, added: f64) -> Option<f64> {
    let count = |number: u64| number as f64;
    let both = count(counts.both) + added;
    let first = count(counts.first) + 2.0 * added;
    let second = count(counts.second) + 2.0 * added;
    let total = count(counts.total) + 4.0 * added;
    if both <= 0.0 || first <= 0.0 || second <= 0.0 {
        return None;
    }
    if counts.both == counts.total {
        return Some(1.0);
    }
    let pmi = (both * total / (first * second)).ln();
    Some((pmi / -(both / total).ln()).clamp(-1.0, 1.0))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ArtifactFields {
    request_id: Option<String>,
    path: Option<String>,
}

/// `get-trace-artifact`: the spans of a trace as the file that clients know, or an attachment.
async fn artifact(
    State(state): State<AppState>,
    headers: HeaderMap,
    Input(fields): Input<ArtifactFields>,
) -> Result<Response> {
    let trace_id = required("request_id", fields.request_id)?;
    let trace = state.tracking().get_trace(&trace_id).await?;
    let file = match fields.path.filter(|path| !path.is_empty()) {
        Some(path) => format!("attachments/{}", check_artifact_path(&path).map_err(metria_artifacts::Error::Path)?),
        None if !trace.spans.is_empty() => {
            let disposition = format!("attachment; filename=\"{TRACE_FILE}\"");
            let headers = [(header::CONTENT_DISPOSITION, disposition)];
            return Ok((headers, Json(trace_file(&trace))).into_response());
        }
        None => TRACE_FILE.to_owned(),
    };
    let folder = trace.info.tags.iter().find(|tag| tag.key == ARTIFACT_LOCATION).map(|tag| tag.value.as_str());
    let folder = folder.ok_or_else(|| MlflowError::not_found(format!("the trace {trace_id} has no files")))?;
    let folder = location(&state, folder)?;
    let root = state.workspace.artifact_path(&folder)?;
    Ok(files::send(&state, &format!("{root}/{file}"), &headers).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn correlations() {
        let counts = |total, first, second, both| Correlation { total, first, second, both };
        let value = npmi(counts(100, 20, 15, 10), 0.0).unwrap();
        assert!((value - 0.522_878_745).abs() < 1e-6, "{value}");
        assert_eq!(npmi(counts(10, 10, 10, 10), 0.0), Some(1.0));
        assert_eq!(npmi(counts(10, 5, 5, 0), 0.0), None);
        let independent = npmi(counts(100, 50, 50, 25), 0.0).unwrap();
        assert!(independent.abs() < 1e-12, "{independent}");
        assert!(npmi(counts(10, 5, 5, 0), 0.5).unwrap() < 0.0);
    }
}
