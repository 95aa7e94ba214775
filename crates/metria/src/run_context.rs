//! What every run says about where it came from: user, program, commit, environment.

use crate::error::{Error, Result};
use metria_client::{environment, git};
use metria_store::Tag;
use std::path::Path;

/// Where the description of the machine and the files that pin versions go.
pub(crate) const ENVIRONMENT: &str = "environment";

/// Tags that MLflow's pages know: user, program, commit and branch.
pub(crate) fn source_tags(user: &str, source_name: &str, folder: &Path) -> Vec<Tag> {
    let tag = |key: &str, value: &str| Tag { key: key.to_owned(), value: value.to_owned() };
    let mut tags =
        vec![tag("mlflow.user", user), tag("mlflow.source.name", source_name), tag("mlflow.source.type", "LOCAL")];
    tags.extend(git::source_commit(folder).map(|commit| tag("mlflow.source.git.commit", &commit)));
    tags.extend(git::source_branch(folder).map(|branch| tag("mlflow.source.git.branch", &branch)));
    tags
}

/// The environment as files: its description, and the files that pin versions.
pub(crate) fn environment_files(folder: &Path) -> Result<Vec<(String, Vec<u8>)>> {
    let described = serde_json::to_vec_pretty(&environment::describe());
    let described = described.map_err(|error| Error::Invalid(error.to_string()))?;
    let mut files = vec![(format!("{ENVIRONMENT}/environment.json"), described)];
    for path in environment::lock_files(folder) {
        // One that cannot be read is not worth a run.
        if let (Ok(bytes), Some(name)) = (std::fs::read(&path), path.file_name()) {
            files.push((format!("{ENVIRONMENT}/{}", name.to_string_lossy()), bytes));
        }
    }
    Ok(files)
}
