//! Experiments.

use crate::Tracking;
use crate::error::Result;
use crate::search::Subject;
use crate::select::{Found, Search, select, tag_value};
use metria_core::names::{check_display_name, check_key};
use metria_core::time::now_ms;
use metria_core::{ErrorKind, Kinded, ids};
use metria_store::{Entity, Experiment, Lifecycle, Page, Tag};

/// The experiment that is always there.
const DEFAULT_ID: &str = "0";
const DEFAULT_NAME: &str = "Default";

/// What a new experiment is given.
#[derive(Clone, Debug, Default)]
pub struct CreateExperiment {
    /// Unique, also among deleted ones.
    pub name: String,
    /// Root of its runs' artifacts; below this server's artifact root when not given.
    pub artifact_location: Option<String>,
    /// Its first tags.
    pub tags: Vec<Tag>,
}

impl CreateExperiment {
    /// A name and nothing else.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }
}

impl Tracking {
    /// Makes the experiment `Default` when it is not there.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn bootstrap(&self) -> Result<()> {
        match self.store.get_experiment(DEFAULT_ID).await {
            Ok(_) => Ok(()),
            Err(metria_store::Error::NotFound { .. }) => {
                match self
                    .store
                    .create_experiment(self.experiment(DEFAULT_ID, CreateExperiment::named(DEFAULT_NAME)))
                    .await
                {
                    // Another process was quicker.
                    Err(metria_store::Error::AlreadyExists { .. }) | Ok(()) => Ok(()),
                    Err(error) => Err(error.into()),
                }
            }
            Err(error) => Err(error.into()),
        }
    }

    fn experiment(&self, experiment_id: &str, new: CreateExperiment) -> Experiment {
        let now = now_ms();
        let root = || format!("{}/{experiment_id}", self.artifact_root);
        Experiment {
            experiment_id: experiment_id.to_owned(),
            name: new.name,
            artifact_location: new.artifact_location.unwrap_or_else(root),
            lifecycle: Lifecycle::Active,
            creation_time_ms: now,
            last_update_time_ms: now,
            tags: new.tags,
        }
    }

    /// A new experiment.
    ///
    /// # Errors
    /// When the name is refused or taken.
    pub async fn create_experiment(&self, new: CreateExperiment) -> Result<Experiment> {
        check_display_name("experiment name", &new.name)?;
        for tag in &new.tags {
            check_key("experiment tag key", &tag.key)?;
        }
        let experiment = self.experiment(&ids::new_experiment_id(), new);
        self.store.create_experiment(experiment.clone()).await?;
        Ok(experiment)
    }

    /// One experiment.
    ///
    /// # Errors
    /// When there is none.
    pub async fn get_experiment(&self, experiment_id: &str) -> Result<Experiment> {
        Ok(self.store.get_experiment(experiment_id).await?)
    }

    /// The experiment of that name.
    ///
    /// # Errors
    /// When there is none.
    pub async fn get_experiment_by_name(&self, name: &str) -> Result<Experiment> {
        let found = self.store.get_experiment_by_name(name).await;
        found.map_err(|error| match error {
            metria_store::Error::NotFound { kind, .. } => {
                metria_store::Error::NotFound { kind, id: name.to_owned() }.into()
            }
            other => other.into(),
        })
    }

    /// The experiment of that name, made when it is not there.
    ///
    /// # Errors
    /// When the name is refused or the experiment is deleted.
    pub async fn get_or_create_experiment(&self, name: &str) -> Result<Experiment> {
        match self.get_experiment_by_name(name).await {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            found => return found,
        }
        match self.create_experiment(CreateExperiment::named(name)).await {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => self.get_experiment_by_name(name).await,
            made => made,
        }
    }

    /// All experiments of a lifecycle (or all), the newest first.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn list_experiments(&self, lifecycle: Option<Lifecycle>) -> Result<Vec<Experiment>> {
        Ok(self.store.list_experiments(lifecycle).await?)
    }

    /// Another name for an experiment.
    ///
    /// # Errors
    /// When the name is refused or taken, or the experiment is deleted.
    pub async fn rename_experiment(&self, experiment_id: &str, name: &str) -> Result<()> {
        check_display_name("experiment name", name)?;
        Ok(self.store.rename_experiment(experiment_id, name, now_ms()).await?)
    }

    /// Deletes or restores an experiment.
    ///
    /// # Errors
    /// When there is none.
    pub async fn set_experiment_lifecycle(&self, experiment_id: &str, lifecycle: Lifecycle) -> Result<()> {
        Ok(self.store.set_experiment_lifecycle(experiment_id, lifecycle, now_ms()).await?)
    }

    /// Removes a tag.
    ///
    /// # Errors
    /// When the experiment or the tag is not there.
    pub async fn delete_experiment_tag(&self, experiment_id: &str, key: &str) -> Result<()> {
        Ok(self.store.delete_experiment_tag(experiment_id, key, now_ms()).await?)
    }

    /// One page of experiments of a lifecycle (or all), the last changed first unless said otherwise.
    ///
    /// # Errors
    /// When the filter, an order or the token cannot be read.
    pub async fn search_experiments(&self, lifecycle: Option<Lifecycle>, search: &Search) -> Result<Page<Experiment>> {
        let value = |experiment: &Experiment, entity: Entity, key: &str| match (entity, key) {
            (Entity::Tag, key) => tag_value(&experiment.tags, key),
            (_, "name") => Some(Found::Text(experiment.name.clone())),
            (_, "creation_time") => Some(Found::Integer(experiment.creation_time_ms)),
            (_, "last_update_time") => Some(Found::Integer(experiment.last_update_time_ms)),
            _ => None,
        };
        select(Subject::Experiments, self.store.list_experiments(lifecycle).await?, search, value)
    }

    /// Writes or replaces a tag.
    ///
    /// # Errors
    /// When the key is refused or there is no such experiment.
    pub async fn set_experiment_tag(&self, experiment_id: &str, tag: Tag) -> Result<()> {
        check_key("experiment tag key", &tag.key)?;
        Ok(self.store.set_experiment_tag(experiment_id, tag, now_ms()).await?)
    }
}
