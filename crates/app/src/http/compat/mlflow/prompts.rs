//! Prompts: registered models and versions with a tag that tells them apart.

use super::error::{MlflowError, Result};
use crate::state::AppState;
use metria_core::{ErrorKind, Kinded};
use metria_store::Tag;
use metria_tracking::is_prompt;

/// What clients give as the source of a prompt's version, which has none.
const PLACEHOLDERS: [&str; 2] = ["dummy-source", "prompt-template"];

/// Refuses a prompt's version that claims to be somewhere.
pub(super) fn check_source(source: &str) -> Result<()> {
    if PLACEHOLDERS.contains(&source) {
        return Ok(());
    }
    Err(MlflowError::invalid(format!(
        "Invalid prompt source: '{source}'. Prompt sources must use an MLflow placeholder."
    )))
}

/// Refuses a prompt as what a model's version is made from.
pub(super) async fn check_is_model(state: &AppState, name: &str, source: &str) -> Result<()> {
    if !is_prompt(&state.tracking().get_model(name).await?.tags) {
        return Ok(());
    }
    Err(MlflowError::invalid(format!(
        "Invalid model version source: '{source}'. Prompt versions cannot be used as model version sources."
    )))
}

/// Why a name could not be registered: the words tell models from prompts where it is taken.
pub(super) async fn not_created(
    state: &AppState,
    name: &str,
    tags: &[Tag],
    error: metria_tracking::Error,
) -> MlflowError {
    if error.kind() != ErrorKind::AlreadyExists {
        return error.into();
    }
    let Ok(there) = state.tracking().get_model(name).await else { return error.into() };
    let word = |is_prompt: bool| if is_prompt { "Prompt" } else { "Registered Model" };
    let (new, old) = (word(is_prompt(tags)), word(is_prompt(&there.tags)));
    MlflowError::already_exists(if new == old {
        format!("{new} (name={name}) already exists.")
    } else {
        format!(
            "Tried to create a {} with name '{name}', but the name is already taken by a {}. MLflow does not allow creating a model and a prompt with the same name.",
            new.to_lowercase(),
            old.to_lowercase()
        )
    })
}
