//! Registered models, and one with its versions, stages and the gate's reasons.

use super::format::{Moment, Number, segment};
use super::markdown;
use super::page::{PageResult, render};
use crate::http::Path;
use crate::state::AppState;
use askama::Template;
use axum::extract::State;
use metria_core::ModelStage;
use metria_store::{GateDecision, ModelVersion, StageTransition, Tag};
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
    /// Where the API has it.
    api: String,
    url: String,
    note: Option<markdown::Rendered>,
    description: String,
    note_api: String,
    tags: Vec<Tag>,
    can_go_back: bool,
    versions: Vec<VersionRow>,
    decisions: Vec<Decision>,
    transitions: Vec<Transition>,
}

struct VersionRow {
    version: ModelVersion,
    aliases: Vec<Alias>,
    registered: Moment,
    note: Option<markdown::Rendered>,
}

struct Alias {
    name: String,
    /// Where the API has it.
    api: String,
}

impl VersionRow {
    /// The stages it can go to.
    fn others(&self) -> impl Iterator<Item = &'static str> {
        let stages = [ModelStage::Staging, ModelStage::Production, ModelStage::Archived, ModelStage::None];
        let stage = self.version.stage;
        stages.into_iter().filter(move |other| *other != stage).map(ModelStage::as_str)
    }
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
        let api = format!("/api/v1/models/{}", segment(&details.model.name));
        let production = |stage: &ModelStage| *stage == ModelStage::Production;
        let present = details.versions.iter().find(|version| production(&version.stage)).map(|version| version.version);
        let before =
            |transition: &StageTransition| production(&transition.to_stage) && Some(transition.version) != present;
        let version = |version: ModelVersion| {
            let names = aliases.iter().filter(|(_, to)| *to == version.version).map(|(name, _)| name);
            let alias = |name: &String| Alias { name: name.clone(), api: format!("{api}/aliases/{}", segment(name)) };
            VersionRow {
                aliases: names.map(alias).collect(),
                note: shown(&version.description),
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
        let can_go_back = details.transitions.iter().any(before);
        Self {
            versions: details.versions.into_iter().map(version).collect(),
            decisions: details.decisions.into_iter().map(decision).collect(),
            transitions: details
                .transitions
                .into_iter()
                .map(|transition| Transition { time: Moment::new(transition.time_ms), transition })
                .collect(),
            can_go_back,
            note: shown(&details.model.description),
            tags: details.model.tags,
            url: format!("/models/{}", segment(&details.model.name)),
            note_api: format!("PATCH {api}"),
            api: api.clone(),
            name: details.model.name,
            description: details.model.description,
        }
    }
}

/// A description as Markdown; nothing when there is none.
fn shown(description: &str) -> Option<markdown::Rendered> {
    (!description.trim().is_empty()).then(|| markdown::render(description))
}

/// `GET /models/{name}`.
pub(super) async fn page(State(state): State<AppState>, Path(name): Path<String>) -> PageResult {
    render(&ModelPage::new(state.tracking().model_details(&name).await?))
}
