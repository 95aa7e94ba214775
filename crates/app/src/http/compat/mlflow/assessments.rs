//! `traces/{trace_id}/assessments`: feedback, expectations and references to issues.

use super::error::{MlflowError, Result};
use super::input::Input;
use super::trace_wire::{AssessmentFields, wire_assessment};
use crate::state::AppState;
use axum::Json;
use axum::extract::{Path, State};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Fields {
    assessment: Option<AssessmentFields>,
    update_mask: Option<Mask>,
}

/// Names of fields: as Protocol Buffers' JSON writes them, in one text, or as a message.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Mask {
    Text(String),
    Paths { paths: Vec<String> },
}

impl Fields {
    fn assessment(&mut self) -> Result<AssessmentFields> {
        let missing = || MlflowError::invalid("Missing value for required parameter 'assessment'.");
        self.assessment.take().ok_or_else(missing)
    }
}

pub(super) async fn create(
    State(state): State<AppState>,
    Path(trace_id): Path<String>,
    Input(mut fields): Input<Fields>,
) -> Result<Json<Value>> {
    let mut assessment = fields.assessment()?.assessment()?;
    assessment.trace_id = trace_id;
    let made = state.tracking().create_assessment(assessment).await?;
    Ok(Json(json!({"assessment": wire_assessment(&made)})))
}

pub(super) async fn get(
    State(state): State<AppState>,
    Path((trace_id, assessment_id)): Path<(String, String)>,
) -> Result<Json<Value>> {
    let found = state.tracking().get_assessment(&trace_id, &assessment_id).await?;
    Ok(Json(json!({"assessment": wire_assessment(&found)})))
}

pub(super) async fn update(
    State(state): State<AppState>,
    Path((trace_id, assessment_id)): Path<(String, String)>,
    Input(mut fields): Input<Fields>,
) -> Result<Json<Value>> {
    let change = fields.assessment()?;
    let mask: Vec<String> = match fields.update_mask {
        Some(Mask::Text(text)) => text.split(',').map(|path| path.trim().to_owned()).collect(),
        Some(Mask::Paths { paths }) => paths,
        None => return Err(MlflowError::invalid("Missing value for required parameter 'update_mask'.")),
    };
    let mut assessment = state.tracking().get_assessment(&trace_id, &assessment_id).await?;
    change.apply(&mask, &mut assessment)?;
    let updated = state.tracking().update_assessment(assessment).await?;
    Ok(Json(json!({"assessment": wire_assessment(&updated)})))
}

pub(super) async fn delete(
    State(state): State<AppState>,
    Path((trace_id, assessment_id)): Path<(String, String)>,
) -> Result<Json<Value>> {
    state.tracking().delete_assessment(&trace_id, &assessment_id).await?;
    Ok(Json(json!({})))
}
