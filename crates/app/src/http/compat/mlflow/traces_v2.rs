//! `traces/*` as clients before 3.0 ask for them: a trace is started, then ended; its spans are a file.

use super::convert::tags;
use super::error::Result;
use super::experiments::page_size;
use super::input::{Input, integer, required, texts};
use super::trace_wire::{state, wire_info_v2};
use super::traces::{MOST_RESULTS, RESULTS, tell};
use super::types::KeyValue;
use super::types::with_token;
use crate::state::AppState;
use axum::Json;
use axum::extract::{Path, State};
use metria_core::time::now_ms;
use metria_store::{TraceInfo, TraceState};
use metria_tracking::SearchTraces;
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Fields {
    experiment_id: Option<String>,
    #[serde(deserialize_with = "integer")]
    timestamp_ms: Option<i64>,
    status: Option<String>,
    request_metadata: Vec<KeyValue>,
    tags: Vec<KeyValue>,
}

pub(super) async fn start(State(state): State<AppState>, Input(fields): Input<Fields>) -> Result<Json<Value>> {
    let info = TraceInfo {
        experiment_id: required("experiment_id", fields.experiment_id)?,
        request_time_ms: fields.timestamp_ms.unwrap_or_else(now_ms),
        state: TraceState::InProgress,
        metadata: tags(fields.request_metadata),
        tags: tags(fields.tags),
        ..TraceInfo::default()
    };
    Ok(Json(json!({"trace_info": wire_info_v2(tell(&state, info, false).await?)})))
}

pub(super) async fn end(
    State(app): State<AppState>,
    Path(trace_id): Path<String>,
    Input(fields): Input<Fields>,
) -> Result<Json<Value>> {
    let there = app.tracking().get_trace_info(&trace_id).await?;
    let end_time_ms = fields.timestamp_ms.unwrap_or_else(now_ms);
    let info = TraceInfo {
        execution_duration_ms: Some(end_time_ms.saturating_sub(there.request_time_ms)),
        state: fields.status.as_deref().map(state).transpose()?.unwrap_or(there.state),
        metadata: tags(fields.request_metadata),
        tags: tags(fields.tags),
        assessments: Vec::new(),
        ..there
    };
    Ok(Json(json!({"trace_info": wire_info_v2(tell(&app, info, false).await?)})))
}

pub(super) async fn info(State(state): State<AppState>, Path(trace_id): Path<String>) -> Result<Json<Value>> {
    let info = state.tracking().get_trace_info(&trace_id).await?;
    Ok(Json(json!({"trace_info": wire_info_v2(info)})))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Search {
    #[serde(deserialize_with = "texts")]
    experiment_ids: Vec<String>,
    filter: Option<String>,
    #[serde(deserialize_with = "integer")]
    max_results: Option<i64>,
    #[serde(deserialize_with = "texts")]
    order_by: Vec<String>,
    page_token: Option<String>,
}

pub(super) async fn search(State(state): State<AppState>, Input(fields): Input<Search>) -> Result<Json<Value>> {
    required("experiment_ids", fields.experiment_ids.first().cloned())?;
    let search = SearchTraces {
        experiment_ids: fields.experiment_ids,
        filter: fields.filter.unwrap_or_default(),
        order_by: fields.order_by,
        max_results: page_size(fields.max_results, RESULTS, MOST_RESULTS)?,
        page_token: fields.page_token.filter(|token| !token.is_empty()),
    };
    let page = state.tracking().search_traces(&search).await?;
    let traces: Vec<Value> = page.items.into_iter().map(wire_info_v2).collect();
    Ok(Json(with_token(json!({"traces": traces}), page.next_page_token)))
}
