//! The model registry in memory.

use super::{MemoryStore, Records, StoredModel, delete_tag, set_tag};
use crate::error::{Error, Result};
use crate::models::{GateDecision, ModelStore, ModelVersion, RegisteredModel, StageTransition, is_in_use};
use crate::runs::Tag;
use crate::text::{check_tags, check_texts};
use metria_core::ModelStage;
use std::collections::BTreeMap;

impl Records {
    fn model(&mut self, name: &str) -> Result<&mut StoredModel> {
        self.models.get_mut(name).ok_or_else(|| Error::NotFound { kind: "registered model", id: name.to_owned() })
    }

    /// A model and version that are there.
    fn model_with(&mut self, name: &str, version: u32) -> Result<&mut StoredModel> {
        let model = self.model(name)?;
        model.version(version)?;
        Ok(model)
    }
}

impl StoredModel {
    fn version(&mut self, version: u32) -> Result<&mut ModelVersion> {
        let id = || format!("{}/{version}", self.model.name);
        self.versions.get_mut(&version).ok_or_else(|| Error::NotFound { kind: "model version", id: id() })
    }

    /// Changes a version, and the times of both.
    fn change(&mut self, version: u32, now_ms: i64, change: impl FnOnce(&mut ModelVersion)) -> Result<()> {
        let found = self.version(version)?;
        change(found);
        found.last_update_time_ms = now_ms;
        self.model.last_update_time_ms = now_ms;
        Ok(())
    }

    fn check_unused(&self, version: &ModelVersion) -> Result<()> {
        if is_in_use(version.stage) { Err(Error::version_in_use(&self.model.name, version.version)) } else { Ok(()) }
    }

    fn move_to(&mut self, transition: StageTransition) -> Result<()> {
        let from_stage = self.version(transition.version)?.stage;
        let to_stage = transition.to_stage;
        self.change(transition.version, transition.time_ms, |version| version.stage = to_stage)?;
        self.transitions.push(StageTransition { from_stage, ..transition });
        Ok(())
    }
}

#[async_trait::async_trait]
impl ModelStore for MemoryStore {
    async fn create_model(&self, mut model: RegisteredModel) -> Result<()> {
        model.check()?;
        self.with(|records| {
            if records.models.contains_key(&model.name) {
                return Err(Error::AlreadyExists { kind: "registered model", id: model.name });
            }
            for tag in std::mem::take(&mut model.tags) {
                set_tag(&mut model.tags, tag);
            }
            model.aliases.clear();
            let stored = StoredModel {
                next_version: 1,
                versions: BTreeMap::new(),
                transitions: Vec::new(),
                decisions: Vec::new(),
                model,
            };
            records.models.insert(stored.model.name.clone(), stored);
            Ok(())
        })
    }

    async fn get_model(&self, name: &str) -> Result<RegisteredModel> {
        self.with(|records| Ok(records.model(name)?.model.clone()))
    }

    async fn list_models(&self) -> Result<Vec<RegisteredModel>> {
        self.with(|records| Ok(records.models.values().map(|stored| stored.model.clone()).collect()))
    }

    async fn rename_model(&self, name: &str, new_name: &str, now_ms: i64) -> Result<()> {
        check_texts([new_name])?;
        self.with(|records| {
            records.model(name)?;
            if name != new_name && records.models.contains_key(new_name) {
                return Err(Error::AlreadyExists { kind: "registered model", id: new_name.to_owned() });
            }
            let Some(mut stored) = records.models.remove(name) else { return Ok(()) };
            stored.model.last_update_time_ms = now_ms;
            let names = std::iter::once(&mut stored.model.name)
                .chain(stored.versions.values_mut().map(|version| &mut version.name))
                .chain(stored.transitions.iter_mut().map(|transition| &mut transition.name))
                .chain(stored.decisions.iter_mut().map(|decision| &mut decision.name));
            names.for_each(|name| new_name.clone_into(name));
            records.models.insert(new_name.to_owned(), stored);
            Ok(())
        })
    }

    async fn describe_model(&self, name: &str, description: &str, now_ms: i64) -> Result<()> {
        check_texts([description])?;
        self.with(|records| {
            let model = &mut records.model(name)?.model;
            description.clone_into(&mut model.description);
            model.last_update_time_ms = now_ms;
            Ok(())
        })
    }

    async fn delete_model(&self, name: &str) -> Result<()> {
        self.with(|records| {
            let stored = records.model(name)?;
            stored.versions.values().try_for_each(|version| stored.check_unused(version))?;
            records.models.remove(name);
            Ok(())
        })
    }

    async fn set_model_tag(&self, name: &str, tag: Tag, now_ms: i64) -> Result<()> {
        check_tags([&tag])?;
        self.with(|records| {
            let model = &mut records.model(name)?.model;
            set_tag(&mut model.tags, tag);
            model.last_update_time_ms = now_ms;
            Ok(())
        })
    }

    async fn delete_model_tag(&self, name: &str, key: &str, now_ms: i64) -> Result<()> {
        self.with(|records| {
            let model = &mut records.model(name)?.model;
            delete_tag(&mut model.tags, key)?;
            model.last_update_time_ms = now_ms;
            Ok(())
        })
    }

    async fn create_version(&self, mut version: ModelVersion) -> Result<ModelVersion> {
        version.check()?;
        self.with(|records| {
            let stored = records.model(&version.name)?;
            version.version = stored.next_version;
            for tag in std::mem::take(&mut version.tags) {
                set_tag(&mut version.tags, tag);
            }
            stored.next_version += 1;
            stored.model.last_update_time_ms = version.creation_time_ms;
            stored.versions.insert(version.version, version.clone());
            Ok(version)
        })
    }

    async fn get_version(&self, name: &str, version: u32) -> Result<ModelVersion> {
        let missing = || Error::NotFound { kind: "model version", id: format!("{name}/{version}") };
        self.with(|records| {
            let model = records.models.get(name);
            model.and_then(|model| model.versions.get(&version)).cloned().ok_or_else(missing)
        })
    }

    async fn list_versions(&self, name: &str) -> Result<Vec<ModelVersion>> {
        self.with(|records| Ok(records.model(name)?.versions.values().rev().cloned().collect()))
    }

    async fn describe_version(&self, name: &str, version: u32, description: &str, now_ms: i64) -> Result<()> {
        check_texts([description])?;
        self.with(|records| {
            let stored = records.model(name)?;
            stored.change(version, now_ms, |version| description.clone_into(&mut version.description))
        })
    }

    async fn set_version_tag(&self, name: &str, version: u32, tag: Tag, now_ms: i64) -> Result<()> {
        check_tags([&tag])?;
        self.with(|records| records.model(name)?.change(version, now_ms, |version| set_tag(&mut version.tags, tag)))
    }

    async fn delete_version_tag(&self, name: &str, version: u32, key: &str, now_ms: i64) -> Result<()> {
        self.with(|records| {
            let stored = records.model(name)?;
            delete_tag(&mut stored.version(version)?.tags, key)?;
            stored.change(version, now_ms, |_| {})
        })
    }

    async fn delete_version(&self, name: &str, version: u32, now_ms: i64) -> Result<()> {
        self.with(|records| {
            let stored = records.model(name)?;
            let found = stored.version(version)?.clone();
            stored.check_unused(&found)?;
            stored.versions.remove(&version);
            stored.model.aliases.retain(|(_, of)| *of != version);
            stored.model.last_update_time_ms = now_ms;
            Ok(())
        })
    }

    async fn transition_stage(&self, transition: StageTransition, archive_existing: bool) -> Result<ModelVersion> {
        transition.check()?;
        self.with(|records| {
            let stored = records.model_with(&transition.name, transition.version)?;
            if archive_existing && is_in_use(transition.to_stage) {
                let in_stage = |version: &&ModelVersion| {
                    version.stage == transition.to_stage && version.version != transition.version
                };
                let others: Vec<u32> = stored.versions.values().filter(in_stage).map(|v| v.version).collect();
                for version in others {
                    stored.move_to(transition.archiving(version))?;
                }
            }
            let version = transition.version;
            stored.move_to(StageTransition { from_stage: ModelStage::None, ..transition })?;
            stored.version(version).cloned()
        })
    }

    async fn list_transitions(&self, name: &str) -> Result<Vec<StageTransition>> {
        self.with(|records| {
            let stored = records.models.get(name);
            Ok(stored.map(|stored| stored.transitions.iter().rev().cloned().collect()).unwrap_or_default())
        })
    }

    async fn set_alias(&self, name: &str, alias: &str, version: u32, now_ms: i64) -> Result<()> {
        check_texts([alias])?;
        self.with(|records| {
            let stored = records.model(name)?;
            stored.change(version, now_ms, |_| ())?;
            let aliases = &mut stored.model.aliases;
            match aliases.binary_search_by(|(there, _)| there.as_str().cmp(alias)) {
                Ok(at) => aliases[at].1 = version,
                Err(at) => aliases.insert(at, (alias.to_owned(), version)),
            }
            Ok(())
        })
    }

    async fn delete_alias(&self, name: &str, alias: &str, now_ms: i64) -> Result<()> {
        self.with(|records| {
            let model = &mut records.model(name)?.model;
            let before = model.aliases.len();
            model.aliases.retain(|(there, _)| there != alias);
            if model.aliases.len() == before {
                return Err(Error::NotFound { kind: "alias", id: alias.to_owned() });
            }
            model.last_update_time_ms = now_ms;
            Ok(())
        })
    }

    async fn record_decision(&self, decision: GateDecision) -> Result<()> {
        decision.check()?;
        self.with(|records| {
            let stored = records.models.get_mut(&decision.name);
            if stored.is_none_or(|stored| !stored.versions.contains_key(&decision.version)) {
                let id = format!("{}/{}", decision.name, decision.version);
                return Err(Error::NotFound { kind: "model version", id });
            }
            let mut all = records.models.values().flat_map(|stored| &stored.decisions);
            if all.any(|there| there.decision_id == decision.decision_id) {
                return Err(Error::AlreadyExists { kind: "gate decision", id: decision.decision_id });
            }
            records.model(&decision.name)?.decisions.push(decision);
            Ok(())
        })
    }

    async fn list_decisions(&self, name: &str) -> Result<Vec<GateDecision>> {
        self.with(|records| {
            let stored = records.models.get(name);
            let mut decisions = stored.map(|stored| stored.decisions.clone()).unwrap_or_default();
            decisions.sort_by(|a, b| (b.time_ms, &b.decision_id).cmp(&(a.time_ms, &a.decision_id)));
            Ok(decisions)
        })
    }
}
