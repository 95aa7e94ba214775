//! Registered models, and one with its versions, stages and the gate's reasons.

use super::format::{Moment, Number, segment};
use super::page::{PageResult, render};
use crate::http::Path;
use crate::state::AppState;
use askama::Template;
use axum::extract::State;
use metria_core::ModelStage;
use metria_store::{GateDecision, ModelVersion, StageTransition};
use metria_tracking::ModelDetails;

#[derive(Template)]
#[template(path = "models.html")]
struct ModelsPage {
    rows: Vec<ModelRow>,
}

struct ModelRow {
    name: String,
    url: String,
    versions: usize,
    production: Option<u32>,
    changed: Moment,
}

/// `GET /models`.
pub(super) async fn list(State(state): State<AppState>) -> PageResult {
    let mut rows = Vec::new();
    for model in state.tracking().list_models().await? {
        let versions = state.tracking().list_versions(&model.name).await?;
        let production = versions.iter().find(|version| version.stage == ModelStage::Production);
        rows.push(ModelRow {
            url: format!("/models/{}", segment(&model.name)),
            versions: versions.len(),
            production: production.map(|version| version.version),
            changed: Moment::new(model.last_update_time_ms),
            name: model.name,
        });
    }
    render(&ModelsPage { rows })
}

#[derive(Template)]
#[template(path = "model.html")]
struct ModelPage {
    name: String,
    description: String,
    versions: Vec<VersionRow>,
    decisions: Vec<Decision>,
    transitions: Vec<Transition>,
}

struct VersionRow {
    version: ModelVersion,
    aliases: String,
    registered: Moment,
}

struct Decision {
    decision: GateDecision,
    time: Moment,
    checks: Vec<Check>,
}

struct Check {
    rule: String,
    value: Number,
    threshold: Number,
    passed: bool,
}

struct Transition {
    transition: StageTransition,
    time: Moment,
}

impl ModelPage {
    fn new(details: ModelDetails) -> Self {
        let aliases = &details.model.aliases;
        let version = |version: ModelVersion| {
            let names = aliases.iter().filter(|(_, to)| *to == version.version).map(|(alias, _)| alias.as_str());
            VersionRow {
                aliases: names.collect::<Vec<_>>().join(", "),
                registered: Moment::new(version.creation_time_ms),
                version,
            }
        };
        let decision = |decision: GateDecision| Decision {
            time: Moment::new(decision.time_ms),
            checks: decision
                .checks
                .iter()
                .map(|check| Check {
                    rule: check.rule.clone(),
                    value: Number(check.value),
                    threshold: Number(check.threshold),
                    passed: check.passed,
                })
                .collect(),
            decision,
        };
        Self {
            versions: details.versions.into_iter().map(version).collect(),
            decisions: details.decisions.into_iter().map(decision).collect(),
            transitions: details
                .transitions
                .into_iter()
                .map(|transition| Transition { time: Moment::new(transition.time_ms), transition })
                .collect(),
            name: details.model.name,
            description: details.model.description,
        }
    }
}

/// `GET /models/{name}`.
pub(super) async fn page(State(state): State<AppState>, Path(name): Path<String>) -> PageResult {
    render(&ModelPage::new(state.tracking().model_details(&name).await?))
}
