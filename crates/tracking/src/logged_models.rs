//! Logged models.

use crate::error::{Error, Result};
use crate::search::{Subject, parse_filter};
use crate::{Tracking, names};
use metria_core::ids;
use metria_core::names::{check_display_name, check_key};
use metria_core::time::now_ms;
use metria_store::{
    DatasetSelector, Entity, Lifecycle, LoggedModel, LoggedModelOrder, LoggedModelQuery, LoggedModelStatus,
    ModelVersion, OrderBy, Page, Param, Tag,
};
use serde_json::{Value, json};

/// Longest value of a param or tag.
const VALUE_LENGTH: usize = 100_000;
const MOST_RESULTS: usize = 1_000;
/// Characters that a logged model's name must not have, as MLflow's clients know them.
const REFUSED_IN_NAMES: [char; 6] = ['/', ':', '.', '%', '"', '\''];
/// The tag of a logged model that lists the versions registered from it.
const VERSIONS_TAG: &str = "mlflow.modelVersions";

/// What a new logged model is given.
#[derive(Clone, Debug, Default)]
pub struct CreateLoggedModel {
    /// The experiment it belongs to.
    pub experiment_id: String,
    /// A name; a random one when not given.
    pub name: Option<String>,
    /// What kind of model it is.
    pub model_type: Option<String>,
    /// The run that makes it.
    pub source_run_id: Option<String>,
    /// Its first params.
    pub params: Vec<Param>,
    /// Its first tags.
    pub tags: Vec<Tag>,
}

/// One order of a search.
#[derive(Clone, Debug)]
pub struct OrderLoggedModels {
    /// An attribute such as `creation_time`, or `metrics.` and a key.
    pub field: String,
    /// Smallest first.
    pub ascending: bool,
    /// Only measurements on this dataset count.
    pub dataset: Option<DatasetSelector>,
}

/// A search as people write it.
#[derive(Clone, Debug)]
pub struct SearchLoggedModels {
    /// In these experiments; empty means all.
    pub experiment_ids: Vec<String>,
    /// MLflow's filter language.
    pub filter: String,
    /// Measured on one of these; empty means any.
    pub datasets: Vec<DatasetSelector>,
    /// First order first.
    pub order_by: Vec<OrderLoggedModels>,
    /// Models on a page.
    pub max_results: usize,
    /// The token of the page before.
    pub page_token: Option<String>,
    /// Of this lifecycle; `None` means both.
    pub lifecycle: Option<Lifecycle>,
}

impl Default for SearchLoggedModels {
    fn default() -> Self {
        Self {
            experiment_ids: Vec::new(),
            filter: String::new(),
            datasets: Vec::new(),
            order_by: Vec::new(),
            max_results: 100,
            page_token: None,
            lifecycle: Some(Lifecycle::Active),
        }
    }
}

impl Tracking {
    /// A new, pending logged model; its files belong below the experiment's artifacts.
    ///
    /// # Errors
    /// When the name, a param or a tag is refused, or the experiment is not there or deleted.
    pub async fn create_logged_model(&self, new: CreateLoggedModel) -> Result<LoggedModel> {
        let id = ids::new_id();
        let name = match new.name {
            Some(name) => {
                check_name(&name)?;
                name
            }
            None => names::run_name(&id),
        };
        check_pairs("param", new.params.iter().map(|param| (&param.key, &param.value)))?;
        check_pairs("tag", new.tags.iter().map(|tag| (&tag.key, &tag.value)))?;
        let experiment = self.store.get_experiment(&new.experiment_id).await?;
        let model_id = format!("m-{id}");
        let now = now_ms();
        let model = LoggedModel {
            artifact_location: format!(
                "{}/models/{model_id}/artifacts",
                experiment.artifact_location.trim_end_matches('/')
            ),
            model_id: model_id.clone(),
            experiment_id: new.experiment_id,
            name,
            model_type: new.model_type,
            source_run_id: new.source_run_id,
            status: LoggedModelStatus::Pending,
            creation_time_ms: now,
            last_update_time_ms: now,
            lifecycle: Lifecycle::Active,
            params: new.params,
            tags: new.tags,
            metrics: Vec::new(),
        };
        self.store.create_logged_model(model).await?;
        Ok(self.store.get_logged_model(&model_id).await?)
    }

    /// One logged model that is not deleted.
    ///
    /// # Errors
    /// When there is none.
    pub async fn get_logged_model(&self, model_id: &str) -> Result<LoggedModel> {
        let found = self.store.get_logged_model(model_id).await?;
        match found.lifecycle {
            Lifecycle::Active => Ok(found),
            Lifecycle::Deleted => Err(metria_store::Error::logged_model_not_found(model_id).into()),
        }
    }

    /// One logged model, deleted or not.
    ///
    /// # Errors
    /// When there is none.
    pub async fn get_any_logged_model(&self, model_id: &str) -> Result<LoggedModel> {
        Ok(self.store.get_logged_model(model_id).await?)
    }

    /// Says how far a logged model is.
    ///
    /// # Errors
    /// When there is none.
    pub async fn finalize_logged_model(&self, model_id: &str, status: LoggedModelStatus) -> Result<LoggedModel> {
        self.store.finalize_logged_model(model_id, status, now_ms()).await?;
        self.get_any_logged_model(model_id).await
    }

    /// Deletes or restores a logged model. Its files stay.
    ///
    /// # Errors
    /// When there is none.
    pub async fn set_logged_model_lifecycle(&self, model_id: &str, lifecycle: Lifecycle) -> Result<()> {
        Ok(self.store.set_logged_model_lifecycle(model_id, lifecycle, now_ms()).await?)
    }

    /// Writes params, all of them or none.
    ///
    /// # Errors
    /// When a key or value is refused, a param would change, or there is no such model.
    pub async fn log_model_params(&self, model_id: &str, params: Vec<Param>) -> Result<()> {
        check_pairs("param", params.iter().map(|param| (&param.key, &param.value)))?;
        Ok(self.store.log_model_params(model_id, params).await?)
    }

    /// Writes or replaces tags.
    ///
    /// # Errors
    /// When a key or value is refused, or there is no such model.
    pub async fn set_logged_model_tags(&self, model_id: &str, tags: Vec<Tag>) -> Result<()> {
        check_pairs("tag", tags.iter().map(|tag| (&tag.key, &tag.value)))?;
        Ok(self.store.set_logged_model_tags(model_id, tags).await?)
    }

    /// Removes a tag.
    ///
    /// # Errors
    /// When the model or the tag is not there.
    pub async fn delete_logged_model_tag(&self, model_id: &str, key: &str) -> Result<()> {
        Ok(self.store.delete_logged_model_tag(model_id, key).await?)
    }

    /// One page of logged models, the newest first unless said otherwise.
    ///
    /// # Errors
    /// When the filter, an order or the token cannot be read.
    pub async fn search_logged_models(&self, search: &SearchLoggedModels) -> Result<Page<LoggedModel>> {
        if search.max_results > MOST_RESULTS {
            let what = "logged models on a page".to_owned();
            return Err(Error::Limit { what, most: MOST_RESULTS, got: search.max_results });
        }
        let query = LoggedModelQuery {
            experiment_ids: search.experiment_ids.clone(),
            lifecycle: search.lifecycle,
            conditions: parse_filter(Subject::LoggedModels, &search.filter)?,
            datasets: search.datasets.clone(),
            order_by: search.order_by.iter().map(order).collect(),
            limit: search.max_results,
            page_token: search.page_token.clone(),
        };
        Ok(self.store.search_logged_models(&query).await?)
    }

    /// Notes on a logged model that a version was registered from it.
    pub(crate) async fn note_version(&self, model: &LoggedModel, version: &ModelVersion) -> Result<()> {
        let known = model.tags.iter().find(|tag| tag.key == VERSIONS_TAG);
        let mut versions: Vec<Value> = known.and_then(|tag| serde_json::from_str(&tag.value).ok()).unwrap_or_default();
        versions.push(json!({"name": version.name, "version": version.version}));
        let tag = Tag { key: VERSIONS_TAG.to_owned(), value: Value::from(versions).to_string() };
        Ok(self.store.set_logged_model_tags(&model.model_id, vec![tag]).await?)
    }
}

fn order(order: &OrderLoggedModels) -> LoggedModelOrder {
    let OrderLoggedModels { field, ascending, dataset } = order;
    let by = |entity: Entity, key: &str| OrderBy { entity, key: key.to_owned(), ascending: *ascending };
    let by = match field.strip_prefix("metrics.") {
        Some(key) => by(Entity::Metric, key),
        None => {
            let name = field.strip_prefix("attributes.").unwrap_or(field);
            // What is not known is refused with the names that are.
            by(Entity::Attribute, Subject::LoggedModels.attribute(name).unwrap_or(name))
        }
    };
    LoggedModelOrder { by, dataset: dataset.clone() }
}

fn check_name(name: &str) -> Result<()> {
    check_display_name("logged model's name", name)?;
    match name.chars().find(|c| REFUSED_IN_NAMES.contains(c)) {
        Some(found) => Err(Error::Name(metria_core::names::NameError::Character {
            what: "logged model's name",
            found: found.to_string(),
            name: name.to_owned(),
        })),
        None => Ok(()),
    }
}

fn check_pairs<'a>(what: &'static str, pairs: impl Iterator<Item = (&'a String, &'a String)>) -> Result<()> {
    for (key, value) in pairs {
        check_key(if what == "param" { "param key" } else { "tag key" }, key)?;
        let got = value.chars().count();
        if got > VALUE_LENGTH {
            let what = format!("characters in the value of the {what} `{key}`");
            return Err(Error::Limit { what, most: VALUE_LENGTH, got });
        }
    }
    Ok(())
}
