//! What a text may hold: any Unicode but the character NUL, which PostgreSQL cannot keep. Every backend refuses it, so
//! that records move between backends unchanged.

use crate::error::{Error, Result};
use crate::experiments::Experiment;
use crate::logged_models::LoggedModel;
use crate::models::{GateDecision, ModelVersion, RegisteredModel, StageTransition};
use crate::runs::{LogBatch, RunInfo, Tag};

/// Refuses a text with the character NUL.
///
/// # Errors
/// [`Error::Invalid`] that shows the text.
pub fn check_texts<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> Result<()> {
    for text in texts {
        let text = text.as_ref();
        if text.contains('\0') {
            return Err(Error::Invalid(format!("texts must not contain the character NUL; got {text:?}")));
        }
    }
    Ok(())
}

/// Refuses tags with the character NUL.
///
/// # Errors
/// [`Error::Invalid`] that shows the text.
pub fn check_tags<'a>(tags: impl IntoIterator<Item = &'a Tag>) -> Result<()> {
    tags.into_iter().try_for_each(|tag| check_texts([&tag.key, &tag.value]))
}

impl Experiment {
    /// Refuses what no backend keeps.
    ///
    /// # Errors
    /// [`Error::Invalid`] when a text holds the character NUL.
    pub fn check(&self) -> Result<()> {
        check_texts([&self.experiment_id, &self.name, &self.artifact_location])?;
        check_tags(&self.tags)
    }
}

impl RunInfo {
    /// Refuses what no backend keeps.
    ///
    /// # Errors
    /// [`Error::Invalid`] when a text holds the character NUL.
    pub fn check(&self) -> Result<()> {
        check_texts([&self.run_id, &self.experiment_id, &self.run_name, &self.user_id, &self.artifact_uri])
    }
}

impl LogBatch {
    /// Refuses what no backend keeps.
    ///
    /// # Errors
    /// [`Error::Invalid`] when a text holds the character NUL.
    pub fn check(&self) -> Result<()> {
        check_texts(self.metrics.iter().map(|metric| &metric.key))?;
        check_texts(self.params.iter().flat_map(|param| [&param.key, &param.value]))?;
        check_tags(&self.tags)?;
        for input in &self.inputs {
            check_texts([&input.name, &input.digest, &input.source_type, &input.source])?;
            check_texts([&input.schema, &input.profile, &input.context].into_iter().flatten())?;
        }
        check_texts(&self.model_inputs)?;
        check_texts(self.model_outputs.iter().map(|output| &output.model_id))?;
        for measured in &self.model_metrics {
            check_texts([&measured.model_id, &measured.metric.key])?;
            check_texts([&measured.dataset_name, &measured.dataset_digest].into_iter().flatten())?;
        }
        Ok(())
    }
}

impl LoggedModel {
    /// Refuses what no backend keeps.
    ///
    /// # Errors
    /// [`Error::Invalid`] when a text holds the character NUL.
    pub fn check(&self) -> Result<()> {
        check_texts([&self.model_id, &self.experiment_id, &self.name, &self.artifact_location])?;
        check_texts([&self.model_type, &self.source_run_id].into_iter().flatten())?;
        check_texts(self.params.iter().flat_map(|param| [&param.key, &param.value]))?;
        check_tags(&self.tags)
    }
}

impl RegisteredModel {
    /// Refuses what no backend keeps.
    ///
    /// # Errors
    /// [`Error::Invalid`] when a text holds the character NUL.
    pub fn check(&self) -> Result<()> {
        check_texts([&self.name, &self.description])?;
        check_tags(&self.tags)
    }
}

impl ModelVersion {
    /// Refuses what no backend keeps.
    ///
    /// # Errors
    /// [`Error::Invalid`] when a text holds the character NUL.
    pub fn check(&self) -> Result<()> {
        check_texts([&self.name, &self.description, &self.source, &self.storage_location, &self.user_id])?;
        check_texts([&self.run_id, &self.model_id].into_iter().flatten())?;
        check_tags(&self.tags)
    }
}

impl StageTransition {
    /// Refuses what no backend keeps.
    ///
    /// # Errors
    /// [`Error::Invalid`] when a text holds the character NUL.
    pub fn check(&self) -> Result<()> {
        check_texts([&self.name, &self.user_id, &self.description])
    }
}

impl GateDecision {
    /// Refuses what no backend keeps.
    ///
    /// # Errors
    /// [`Error::Invalid`] when a text holds the character NUL.
    pub fn check(&self) -> Result<()> {
        check_texts([&self.decision_id, &self.name, &self.reason])?;
        check_texts(self.checks.iter().flat_map(|check| [&check.rule, &check.metric]))
    }
}
