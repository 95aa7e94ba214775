//! `model-versions/*`.

use super::checks;
use super::convert::{location, public_uri, version};
use super::error::{MlflowError, Result};
use super::input::{Input, flag, required};
use super::prompts;
use super::registered_models::{SearchFields, model_name, removed};
use super::types::{KeyValue, Listed, ModelVersion};
use crate::state::AppState;
use axum::Json;
use axum::extract::State;
use metria_core::{ModelStage, ModelUri};
use metria_store::Tag;
use metria_tracking::{RegisterVersion, is_prompt};
use serde::Deserialize;
use serde_json::{Value, json};

/// Most versions on a page.
const MOST_RESULTS: i64 = 200_000;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Fields {
    name: Option<String>,
    version: Option<String>,
    source: Option<String>,
    run_id: Option<String>,
    model_id: Option<String>,
    description: Option<String>,
    tags: Vec<KeyValue>,
    stage: Option<String>,
    #[serde(deserialize_with = "flag")]
    archive_existing_versions: bool,
    key: Option<String>,
    value: Option<String>,
}

impl Fields {
    fn place(&self) -> Result<(String, u32)> {
        Ok((model_name(self.name.clone())?, number(self.version.clone())?))
    }
}

/// A version's number.
pub(super) fn number(text: Option<String>) -> Result<u32> {
    let text = required("version", text)?;
    let wrong = |_| MlflowError::invalid(format!("Parameter 'version' must be an integer, got '{text}'."));
    let number: i64 = text.parse().map_err(wrong)?;
    u32::try_from(number).map_err(|_| MlflowError::not_found(format!("there is no version {number} of any model")))
}

async fn answer(state: &AppState, found: metria_store::ModelVersion) -> Result<Json<Value>> {
    let model = state.tracking().get_model(&found.name).await?;
    Ok(Json(json!({"model_version": version(found, &model.aliases)})))
}

pub(super) async fn create(State(state): State<AppState>, Input(fields): Input<Fields>) -> Result<Json<Value>> {
    let name = required("name", fields.name)?;
    let source = required("source", fields.source)?;
    let run_id = fields.run_id.filter(|id| !id.is_empty());
    // Versions of names that nobody registered are refused, as upstream has it.
    state.tracking().get_model(&name).await?;
    let tags: Vec<Tag> = fields.tags.into_iter().map(checks::registry_tag).collect::<Result<_>>()?;
    let Origin { storage_location, of_run, of_model } = if is_prompt(&tags) {
        prompts::check_source(&source)?;
        Origin { storage_location: source.clone(), of_run: None, of_model: None }
    } else {
        origin(&state, &source, run_id.as_deref()).await?
    };
    let model_id = fields.model_id.filter(|id| !id.is_empty());
    if let (Some(said), Some(ModelUri::Logged(meant))) = (&model_id, source.parse().ok())
        && *said != meant
    {
        return Err(MlflowError::invalid(format!(
            "Invalid model version source: '{source}'. The model_id request parameter must identify the resource that contains the source."
        )));
    }
    let new = RegisterVersion {
        storage_location,
        name,
        source,
        run_id: run_id.or(of_run),
        model_id: model_id.or(of_model),
        description: fields.description.unwrap_or_default(),
        user_id: String::new(),
        tags,
    };
    let made = state.tracking().register_version(new).await?;
    answer(&state, made).await
}

/// Where a version comes from.
struct Origin {
    /// Where its folder is.
    storage_location: String,
    /// The run that made it, where its source tells.
    of_run: Option<String>,
    /// The logged model that it is, where its source tells.
    of_model: Option<String>,
}

async fn origin(state: &AppState, source: &str, run_id: Option<&str>) -> Result<Origin> {
    let storage_location = match source.parse::<ModelUri>() {
        Ok(ModelUri::Registered { name, selector }) => {
            prompts::check_is_model(state, &name, source).await?;
            let version = state.tracking().resolve(&name, &selector).await?;
            let (of_run, of_model) = (version.run_id, version.model_id);
            return Ok(Origin { storage_location: version.storage_location, of_run, of_model });
        }
        Ok(ModelUri::Logged(model_id)) => {
            let model = state.tracking().get_logged_model(&model_id).await?;
            let storage_location = model.artifact_location;
            return Ok(Origin { storage_location, of_run: model.source_run_id, of_model: Some(model_id) });
        }
        Ok(ModelUri::Run { run_id, path }) => {
            let run = state.tracking().get_run(&run_id).await?;
            format!("{}/{path}", run.info.artifact_uri)
        }
        _ => storage_location(state, source, run_id).await?,
    };
    Ok(Origin { storage_location, of_run: None, of_model: None })
}

/// The location that an address means. A path on this server's disk is taken only where it is the named run's own.
async fn storage_location(state: &AppState, source: &str, run_id: Option<&str>) -> Result<String> {
    if let Some(run_id) = run_id {
        let run = state.tracking().get_run(run_id).await?;
        let own = run.info.artifact_uri;
        if let Some(rest) = source.strip_prefix(own.as_str()).and_then(|rest| rest.strip_prefix('/')) {
            state.workspace.artifacts.accepts(rest)?;
            return Ok(format!("{own}/{}", rest.trim_end_matches('/')));
        }
    }
    location(state, source)
}

pub(super) async fn get(State(state): State<AppState>, Input(fields): Input<Fields>) -> Result<Json<Value>> {
    let (name, number) = fields.place()?;
    let found = state.tracking().get_version(&name, number).await?;
    answer(&state, found).await
}

pub(super) async fn search(
    State(state): State<AppState>,
    Input(fields): Input<SearchFields>,
) -> Result<Json<Listed<ModelVersion>>> {
    let page = state.tracking().search_versions(&fields.search(10_000, MOST_RESULTS)?).await?;
    let items = page.items.into_iter().map(|found| version(found, &[])).collect();
    Ok(Json(Listed { name: "model_versions", items, next_page_token: page.next_page_token }))
}

pub(super) async fn update(State(state): State<AppState>, Input(fields): Input<Fields>) -> Result<Json<Value>> {
    let (name, number) = fields.place()?;
    let description = fields.description.unwrap_or_default();
    let found = state.tracking().describe_version(&name, number, &description).await?;
    answer(&state, found).await
}

pub(super) async fn transition(State(state): State<AppState>, Input(fields): Input<Fields>) -> Result<Json<Value>> {
    let (name, number) = fields.place()?;
    let stage: ModelStage = required("stage", fields.stage)?.parse()?;
    if fields.archive_existing_versions && !matches!(stage, ModelStage::Staging | ModelStage::Production) {
        return Err(MlflowError::invalid(format!(
            "Model version transition cannot archive existing model versions because '{stage}' is not an Active stage. Valid stages are Staging, Production"
        )));
    }
    let moved =
        state.tracking().transition_version(&name, number, stage, fields.archive_existing_versions, "mlflow").await?;
    answer(&state, moved).await
}

pub(super) async fn delete(State(state): State<AppState>, Input(fields): Input<Fields>) -> Result<Json<Value>> {
    let (name, number) = fields.place()?;
    state.tracking().delete_version(&name, number).await?;
    Ok(Json(json!({})))
}

pub(super) async fn download_uri(State(state): State<AppState>, Input(fields): Input<Fields>) -> Result<Json<Value>> {
    let (name, number) = fields.place()?;
    let found = state.tracking().get_version(&name, number).await?;
    Ok(Json(json!({"artifact_uri": public_uri(&state, &found.storage_location)})))
}

pub(super) async fn set_tag(State(state): State<AppState>, Input(fields): Input<Fields>) -> Result<Json<Value>> {
    let (name, number) = fields.place()?;
    let new = KeyValue { key: required("key", fields.key)?, value: fields.value.unwrap_or_default() };
    let tag = checks::registry_tag(new)?;
    state.tracking().set_version_tag(&name, number, tag).await?;
    Ok(Json(json!({})))
}

pub(super) async fn delete_tag(State(state): State<AppState>, Input(fields): Input<Fields>) -> Result<Json<Value>> {
    let (name, number) = fields.place()?;
    state.tracking().get_version(&name, number).await?;
    removed(state.tracking().delete_version_tag(&name, number, &required("key", fields.key)?).await)
}
