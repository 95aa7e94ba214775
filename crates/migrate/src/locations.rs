//! Where the models of versions are, once they have moved.

use metria_store::ModelVersion;
use std::collections::HashMap;

/// Old and new places of artifacts, as far as versions of models need them.
#[derive(Debug, Default)]
pub(crate) struct Locations {
    /// By run: where its artifacts were and are.
    runs: HashMap<String, (String, String)>,
    /// By logged model: where its files were and are.
    models: HashMap<String, (String, String)>,
}

impl Locations {
    pub(crate) fn add_run(&mut self, run_id: &str, old: &str, new: &str) {
        self.runs.insert(run_id.to_owned(), (old.to_owned(), new.to_owned()));
    }

    pub(crate) fn add_model(&mut self, model_id: &str, old: &str, new: &str) {
        self.models.insert(model_id.to_owned(), (old.to_owned(), new.to_owned()));
    }

    /// The new place of a version's model; none when it was in none of the folders that moved.
    pub(crate) fn of(&self, version: &ModelVersion, others: &[ModelVersion]) -> Option<String> {
        let told = [version.storage_location.as_str(), version.source.as_str()];
        told.into_iter().find_map(|place| self.find(place, others))
    }

    fn find(&self, place: &str, others: &[ModelVersion]) -> Option<String> {
        if let Some(rest) = place.strip_prefix("runs:/") {
            let (run_id, path) = rest.trim_start_matches('/').split_once('/')?;
            return Some(format!("{}/{path}", self.runs.get(run_id)?.1));
        }
        if let Some(rest) = place.strip_prefix("models:/") {
            if let Some((_, new)) = self.models.get(rest) {
                return Some(new.clone());
            }
            let (name, number) = rest.rsplit_once('/')?;
            let number: u32 = number.parse().ok()?;
            // Another version of the same model, which comes before it.
            let other = others.iter().find(|other| other.name == name && other.version == number)?;
            return Some(other.storage_location.clone());
        }
        let below = |(old, new): &(String, String)| {
            let rest = bare(place).strip_prefix(bare(old))?;
            let rest = rest.trim_end_matches('/');
            (rest.is_empty() || rest.starts_with('/')).then(|| format!("{new}{rest}"))
        };
        self.runs.values().chain(self.models.values()).find_map(below)
    }
}

/// A path without the scheme that some sources write and some do not.
fn bare(place: &str) -> &str {
    place.strip_prefix("file://").unwrap_or(place).trim_end_matches('/')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records;
    use metria_core::ModelStage;

    #[test]
    fn models_are_found_where_their_run_went() {
        let mut locations = Locations::default();
        locations.add_run("r1", "file:///old/0/r1/artifacts", "new:/0/r1/artifacts");
        locations.add_model("m-1", "/old/0/models/m-1/artifacts", "new:/0/models/m-1/artifacts");
        let version = |source: &str, storage: &str| ModelVersion {
            source: source.to_owned(),
            storage_location: storage.to_owned(),
            ..records::version("m", 2, ModelStage::None)
        };
        let of = |source: &str, storage: &str| locations.of(&version(source, storage), &[]);
        assert_eq!(of("runs:/r1/model", "runs:/r1/model").as_deref(), Some("new:/0/r1/artifacts/model"));
        assert_eq!(of("/old/0/r1/artifacts/model", "").as_deref(), Some("new:/0/r1/artifacts/model"));
        assert_eq!(of("models:/m-1", "").as_deref(), Some("new:/0/models/m-1/artifacts"));
        assert_eq!(of("x", "file:///old/0/models/m-1/artifacts").as_deref(), Some("new:/0/models/m-1/artifacts"));
        assert_eq!(of("/old/0/r11/artifacts/model", "/elsewhere"), None);
        let first =
            ModelVersion { storage_location: "new:/x".to_owned(), ..records::version("m", 1, ModelStage::None) };
        assert_eq!(locations.of(&version("models:/m/1", ""), &[first]).as_deref(), Some("new:/x"));
    }
}
