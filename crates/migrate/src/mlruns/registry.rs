//! Registered models in an `mlruns` folder.

use super::files;
use super::read::folders;
use super::yaml::{self, ModelMeta, VersionMeta};
use crate::error::{Error, Result};
use crate::records::{self, DELETED_STAGE};
use crate::side::{Problems, SourceModel};
use metria_core::ModelStage;
use metria_core::names::check_model_name;
use metria_store::{ModelVersion, RegisteredModel};
use std::path::Path;

/// All models below a folder; none without it.
pub(super) fn read(folder: &Path, problems: &Problems) -> Result<Vec<SourceModel>> {
    let mut models = Vec::new();
    if !folder.is_dir() {
        return Ok(models);
    }
    for path in folders(folder, problems)? {
        match read_model(&path, problems) {
            Ok(model) => models.push(model),
            Err(error) if error.is_of_one_record() => {
                problems.add(format!("{error}; the registered model is left out"));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(models)
}

fn read_model(folder: &Path, problems: &Problems) -> Result<SourceModel> {
    let meta: ModelMeta = yaml::read(&folder.join("meta.yaml"))?;
    let tags = files::pairs(&folder.join("tags"), problems)?;
    let mut aliases = Vec::new();
    for (alias, version) in files::pairs(&folder.join("aliases"), problems)? {
        match version.trim().parse() {
            Ok(number) => aliases.push((alias, number)),
            Err(_) => problems.add(format!("{}: the alias `{alias}` names no version; left out", folder.display())),
        }
    }
    let creation = meta.creation_timestamp.unwrap_or(0);
    let changed = meta.last_updated_timestamp.unwrap_or(creation);
    let model = RegisteredModel {
        tags: tags.into_iter().map(records::tag).collect(),
        aliases,
        ..records::model(&meta.name, meta.description.unwrap_or_default(), creation, changed)
    };
    let mut versions = Vec::new();
    for path in folders(folder, problems)? {
        let is_version = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("version-"));
        if !is_version {
            continue;
        }
        match read_version(&path, &meta.name, problems) {
            Ok(version) => versions.extend(version),
            Err(error) => problems.add(format!("{error}; the version is left out")),
        }
    }
    versions.sort_by_key(|version| version.version);
    Ok(SourceModel { model, versions })
}

/// A version; none when it is deleted.
fn read_version(folder: &Path, name: &str, problems: &Problems) -> Result<Option<ModelVersion>> {
    let meta: VersionMeta = yaml::read(&folder.join("meta.yaml"))?;
    let stage = meta.current_stage.as_deref().unwrap_or("None");
    if stage == DELETED_STAGE {
        return Ok(None);
    }
    let stage: ModelStage = stage.parse().map_err(|error| Error::Record(format!("{}: {error}", folder.display())))?;
    let tags = files::pairs(&folder.join("tags"), problems)?;
    let source = meta.source.unwrap_or_default();
    let creation = meta.creation_timestamp.unwrap_or(0);
    Ok(Some(ModelVersion {
        description: meta.description.unwrap_or_default(),
        storage_location: meta.storage_location.unwrap_or_else(|| source.clone()),
        source,
        run_id: meta.run_id.filter(|run_id| !run_id.is_empty()),
        user_id: meta.user_id.unwrap_or_default(),
        creation_time_ms: creation,
        last_update_time_ms: meta.last_updated_timestamp.unwrap_or(creation),
        tags: tags.into_iter().map(records::tag).collect(),
        ..records::version(name, meta.version, stage)
    }))
}

/// Writes a model with its versions.
pub(super) fn write(folder: &Path, model: &SourceModel, problems: &Problems) -> Result<()> {
    let found = &model.model;
    check_model_name(&found.name).map_err(|error| Error::Record(error.to_string()))?;
    let folder = folder.join(&found.name);
    for version in &model.versions {
        let path = folder.join(format!("version-{}", version.version));
        let pairs = version.tags.iter().map(|tag| (tag.key.as_str(), tag.value.as_str()));
        files::write_pairs(&path.join("tags"), "tag", pairs, problems)?;
        files::write(&path.join("meta.yaml"), yaml::text(&version_meta(version))?.as_bytes())?;
    }
    let pairs = found.tags.iter().map(|tag| (tag.key.as_str(), tag.value.as_str()));
    files::write_pairs(&folder.join("tags"), "tag", pairs, problems)?;
    let aliases: Vec<(String, String)> =
        found.aliases.iter().map(|(alias, version)| (alias.clone(), version.to_string())).collect();
    let pairs = aliases.iter().map(|(alias, version)| (alias.as_str(), version.as_str()));
    files::write_pairs(&folder.join("aliases"), "alias", pairs, problems)?;
    let meta = ModelMeta {
        creation_timestamp: Some(found.creation_time_ms),
        description: Some(found.description.clone()),
        last_updated_timestamp: Some(found.last_update_time_ms),
        name: found.name.clone(),
    };
    files::write(&folder.join("meta.yaml"), yaml::text(&meta)?.as_bytes())
}

fn version_meta(version: &ModelVersion) -> VersionMeta {
    VersionMeta {
        creation_timestamp: Some(version.creation_time_ms),
        current_stage: Some(version.stage.as_str().to_owned()),
        description: Some(version.description.clone()),
        last_updated_timestamp: Some(version.last_update_time_ms),
        name: version.name.clone(),
        run_id: version.run_id.clone(),
        run_link: None,
        source: Some(version.source.clone()),
        status: Some("READY".to_owned()),
        status_message: None,
        storage_location: Some(version.storage_location.clone()),
        user_id: Some(version.user_id.clone()),
        version: version.version,
    }
}
