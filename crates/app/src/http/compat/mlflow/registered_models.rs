//! `registered-models/*`.

use super::checks;
use super::convert::{model, newest_of_each_stage, version};
use super::error::{MlflowError, Result};
use super::experiments::page_size;
use super::input::{Input, integer, required, texts};
use super::types::{KeyValue, Listed, ModelVersion, RegisteredModel};
use crate::state::AppState;
use axum::Json;
use axum::extract::State;
use metria_core::{ErrorKind, Kinded, ModelStage};
use metria_store::Tag;
use metria_tracking::Search;
use serde::Deserialize;
use serde_json::{Value, json};

/// Most models on a page.
const MOST_RESULTS: i64 = 1_000;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Fields {
    name: Option<String>,
    new_name: Option<String>,
    description: Option<String>,
    tags: Vec<KeyValue>,
    key: Option<String>,
    value: Option<String>,
    alias: Option<String>,
    version: Option<String>,
    #[serde(deserialize_with = "texts")]
    stages: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct SearchFields {
    pub(super) filter: Option<String>,
    #[serde(deserialize_with = "texts")]
    pub(super) order_by: Vec<String>,
    #[serde(deserialize_with = "integer")]
    pub(super) max_results: Option<i64>,
    pub(super) page_token: Option<String>,
}

impl SearchFields {
    pub(super) fn search(self, default: i64, most: i64) -> Result<Search> {
        Ok(Search {
            filter: self.filter.unwrap_or_default(),
            order_by: self.order_by,
            max_results: page_size(self.max_results, default, most)?,
            page_token: self.page_token,
        })
    }
}

/// The name in a request about a model.
pub(super) fn model_name(name: Option<String>) -> Result<String> {
    checks::model_name(required("name", name)?)
}

/// A model with what it shows of its versions.
async fn whole(state: &AppState, found: metria_store::RegisteredModel) -> Result<RegisteredModel> {
    let versions = state.tracking().list_versions(&found.name).await?;
    Ok(model(found, versions))
}

async fn answer(state: &AppState, found: metria_store::RegisteredModel) -> Result<Json<Value>> {
    Ok(Json(json!({"registered_model": whole(state, found).await?})))
}

pub(super) async fn create(State(state): State<AppState>, Input(fields): Input<Fields>) -> Result<Json<Value>> {
    let name = required("name", fields.name)?;
    let description = fields.description.unwrap_or_default();
    let tags: Vec<Tag> = fields.tags.into_iter().map(checks::registry_tag).collect::<Result<_>>()?;
    match state.tracking().create_model(&name, &description, tags.clone()).await {
        Ok(made) => answer(&state, made).await,
        Err(error) => Err(super::prompts::not_created(&state, &name, &tags, error).await),
    }
}

pub(super) async fn get(State(state): State<AppState>, Input(fields): Input<Fields>) -> Result<Json<Value>> {
    let found = state.tracking().get_model(&model_name(fields.name)?).await?;
    answer(&state, found).await
}

pub(super) async fn search(
    State(state): State<AppState>,
    Input(fields): Input<SearchFields>,
) -> Result<Json<Listed<RegisteredModel>>> {
    let page = state.tracking().search_models(&fields.search(100, MOST_RESULTS)?).await?;
    let mut items = Vec::with_capacity(page.items.len());
    for found in page.items {
        items.push(whole(&state, found).await?);
    }
    Ok(Json(Listed { name: "registered_models", items, next_page_token: page.next_page_token }))
}

pub(super) async fn update(State(state): State<AppState>, Input(fields): Input<Fields>) -> Result<Json<Value>> {
    let name = model_name(fields.name)?;
    let found = state.tracking().describe_model(&name, &fields.description.unwrap_or_default()).await?;
    answer(&state, found).await
}

pub(super) async fn rename(State(state): State<AppState>, Input(fields): Input<Fields>) -> Result<Json<Value>> {
    let (name, new_name) = (model_name(fields.name)?, required("new_name", fields.new_name)?);
    let found = state.tracking().rename_model(&name, &new_name).await?;
    answer(&state, found).await
}

pub(super) async fn delete(State(state): State<AppState>, Input(fields): Input<Fields>) -> Result<Json<Value>> {
    state.tracking().delete_model(&model_name(fields.name)?).await?;
    Ok(Json(json!({})))
}

/// The newest version of each stage, or of the stages that are asked for.
pub(super) async fn latest_versions(
    State(state): State<AppState>,
    Input(fields): Input<Fields>,
) -> Result<Json<Listed<ModelVersion>>> {
    let name = model_name(fields.name)?;
    let stages =
        fields.stages.iter().map(|stage| stage.parse()).collect::<std::result::Result<Vec<ModelStage>, _>>()?;
    let found = state.tracking().get_model(&name).await?;
    let newest = newest_of_each_stage(state.tracking().list_versions(&name).await?);
    let versions = newest
        .into_iter()
        .filter(|version| stages.is_empty() || stages.contains(&version.stage))
        .map(|newest| version(newest, &found.aliases))
        .collect();
    Ok(Json(Listed::whole("model_versions", versions)))
}

pub(super) async fn set_tag(State(state): State<AppState>, Input(fields): Input<Fields>) -> Result<Json<Value>> {
    let name = model_name(fields.name)?;
    let new = KeyValue { key: required("key", fields.key)?, value: fields.value.unwrap_or_default() };
    let tag = checks::registry_tag(new)?;
    state.tracking().set_model_tag(&name, tag).await?;
    Ok(Json(json!({})))
}

pub(super) async fn delete_tag(State(state): State<AppState>, Input(fields): Input<Fields>) -> Result<Json<Value>> {
    let name = model_name(fields.name)?;
    state.tracking().get_model(&name).await?;
    removed(state.tracking().delete_model_tag(&name, &required("key", fields.key)?).await)
}

/// Removing what is not there changes nothing, as upstream has it in the registry.
pub(super) fn removed(result: metria_tracking::Result<()>) -> Result<Json<Value>> {
    match result {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error.into()),
        _ => Ok(Json(json!({}))),
    }
}

pub(super) async fn get_by_alias(State(state): State<AppState>, Input(fields): Input<Fields>) -> Result<Json<Value>> {
    let (name, alias) = (model_name(fields.name)?, required("alias", fields.alias)?);
    let found = state.tracking().get_model(&name).await?;
    if alias.eq_ignore_ascii_case("latest") {
        let newest = state.tracking().list_versions(&name).await?.into_iter().next();
        let newest =
            newest.ok_or_else(|| MlflowError::not_found(format!("Latest version not found for model {name}.")))?;
        return Ok(Json(json!({"model_version": version(newest, &found.aliases)})));
    }
    let Some(number) = found.aliases.iter().find(|(known, _)| *known == alias).map(|(_, version)| *version) else {
        // Clients look for these words.
        return Err(MlflowError::invalid(format!("Registered model alias {alias} not found.")));
    };
    let aliased = state.tracking().get_version(&name, number).await?;
    Ok(Json(json!({"model_version": version(aliased, &found.aliases)})))
}

pub(super) async fn set_alias(State(state): State<AppState>, Input(fields): Input<Fields>) -> Result<Json<Value>> {
    let (name, alias) = (model_name(fields.name)?, required("alias", fields.alias)?);
    state.tracking().set_alias(&name, &alias, super::model_versions::number(fields.version)?).await?;
    Ok(Json(json!({})))
}

/// Removing an alias that is not there changes nothing, as upstream has it.
pub(super) async fn delete_alias(State(state): State<AppState>, Input(fields): Input<Fields>) -> Result<Json<Value>> {
    let (name, alias) = (model_name(fields.name)?, required("alias", fields.alias)?);
    state.tracking().get_model(&name).await?;
    removed(state.tracking().delete_alias(&name, &alias).await)
}
