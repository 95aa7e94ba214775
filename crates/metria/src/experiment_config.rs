//! What an experiment is about, before it runs.

use metria_store::Param;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Longest value of a param; a longer one is cut, and whole in the artifact `config.json`.
const PARAM_LENGTH: usize = 6_000;

/// The model, data and settings of an experiment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ExperimentConfig {
    /// Such as `random_forest`.
    pub model_type: String,
    /// Name, path or digest of the data.
    pub dataset: String,
    /// The columns that are learnt from.
    pub features: Vec<String>,
    /// Settings of the model; values may be nested.
    pub hyperparameters: Map<String, Value>,
    /// Steps before the model, with their settings.
    pub preprocessing: Map<String, Value>,
    /// Such as `stratified`.
    pub validation_strategy: String,
}

impl ExperimentConfig {
    /// The config as a JSON object.
    #[must_use]
    pub fn to_dict(&self) -> Map<String, Value> {
        let mut dict = Map::new();
        dict.insert("model_type".to_owned(), self.model_type.clone().into());
        dict.insert("dataset".to_owned(), self.dataset.clone().into());
        dict.insert("features".to_owned(), self.features.clone().into());
        dict.insert("hyperparameters".to_owned(), self.hyperparameters.clone().into());
        dict.insert("preprocessing".to_owned(), self.preprocessing.clone().into());
        dict.insert("validation_strategy".to_owned(), self.validation_strategy.clone().into());
        dict
    }

    /// The config as params: nested objects by dotted keys, texts bare, everything else as JSON.
    #[must_use]
    pub fn to_params(&self) -> Vec<Param> {
        let mut params = Vec::new();
        flatten("", &self.to_dict(), &mut params);
        params
    }
}

fn flatten(prefix: &str, object: &Map<String, Value>, params: &mut Vec<Param>) {
    for (key, value) in object {
        let key = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
        let text = match value {
            Value::Object(inner) if !inner.is_empty() => {
                flatten(&key, inner, params);
                continue;
            }
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let value = if text.chars().count() > PARAM_LENGTH {
            const CUT: &str = "... (whole in the artifact config.json)";
            text.chars().take(PARAM_LENGTH - CUT.len()).chain(CUT.chars()).collect()
        } else {
            text
        };
        params.push(Param { key, value });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn nested_values_have_dotted_keys() {
        let config = ExperimentConfig {
            model_type: "forest".into(),
            features: vec!["age".into(), "x\"y".into()],
            hyperparameters: json!({"trees": 100, "tree": {"max_depth": null, "split": {"min": 0.5}}, "none": {}})
                .as_object()
                .unwrap()
                .clone(),
            ..ExperimentConfig::default()
        };
        let params = config.to_params();
        let of = |key: &str| params.iter().find(|param| param.key == key).map(|param| param.value.as_str());
        assert_eq!(of("model_type"), Some("forest"));
        assert_eq!(of("features"), Some(r#"["age","x\"y"]"#));
        assert_eq!(of("hyperparameters.trees"), Some("100"));
        assert_eq!(of("hyperparameters.tree.max_depth"), Some("null"));
        assert_eq!(of("hyperparameters.tree.split.min"), Some("0.5"));
        assert_eq!((of("hyperparameters.none"), of("preprocessing")), (Some("{}"), Some("{}")));
        let dict = Value::Object(config.to_dict());
        assert_eq!(serde_json::from_value::<ExperimentConfig>(dict).unwrap(), config);
    }

    #[test]
    fn a_long_value_is_cut() {
        let config = ExperimentConfig { dataset: "é".repeat(7_000), ..ExperimentConfig::default() };
        let params = config.to_params();
        let dataset = params.iter().find(|param| param.key == "dataset").unwrap();
        assert_eq!(dataset.value.chars().count(), PARAM_LENGTH);
        assert!(dataset.value.ends_with("config.json)"));
    }
}
