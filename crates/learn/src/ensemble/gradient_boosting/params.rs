//! Settings of gradient boosting by name.

use super::classifier::GradientBoostingClassifier;
use super::regressor::GradientBoostingRegressor;
use super::stages::Settings;
use crate::ensemble::MaxFeatures;
use crate::ensemble::setting::Setting;
use crate::error::Result;
use serde_json::{Value, json};

const NAMES: [&str; 10] = [
    "learning_rate",
    "max_depth",
    "max_features",
    "min_impurity_decrease",
    "min_samples_leaf",
    "min_samples_split",
    "min_weight_fraction_leaf",
    "n_estimators",
    "random_state",
    "subsample",
];

/// Classifier and regressor have the same settings.
macro_rules! boosting_settings {
    ($estimator:ident) => {
        impl Default for $estimator {
            fn default() -> Self {
                Self {
                    learning_rate: 0.1,
                    n_estimators: 100,
                    subsample: 1.0,
                    min_samples_split: 2,
                    min_samples_leaf: 1,
                    min_weight_fraction_leaf: 0.0,
                    max_depth: Some(3),
                    min_impurity_decrease: 0.0,
                    max_features: MaxFeatures::All,
                    random_state: 0,
                }
            }
        }

        impl $estimator {
            /// Every parameter by name, ascending.
            #[must_use]
            pub fn params(&self) -> Vec<(String, Value)> {
                let value = |name: &str| match name {
                    "learning_rate" => json!(self.learning_rate),
                    "max_depth" => json!(self.max_depth),
                    "max_features" => self.max_features.json(),
                    "min_impurity_decrease" => json!(self.min_impurity_decrease),
                    "min_samples_leaf" => json!(self.min_samples_leaf),
                    "min_samples_split" => json!(self.min_samples_split),
                    "min_weight_fraction_leaf" => json!(self.min_weight_fraction_leaf),
                    "n_estimators" => json!(self.n_estimators),
                    "random_state" => json!(self.random_state),
                    _ => json!(self.subsample),
                };
                NAMES.iter().map(|&name| (name.to_owned(), value(name))).collect()
            }

            /// Sets a parameter by its scikit-learn name.
            ///
            /// # Errors
            /// For an unknown name or a value out of range.
            pub fn set_param(&mut self, name: &str, value: &Value) -> Result<()> {
                let setting = Setting { owner: stringify!($estimator), name, value };
                match name {
                    "learning_rate" => {
                        self.learning_rate = setting.float(|x| x >= 0.0, "a float in the range [0.0, inf)")?;
                    }
                    "max_depth" => self.max_depth = setting.optional_count()?,
                    "max_features" => self.max_features = setting.max_features()?,
                    "min_impurity_decrease" => self.min_impurity_decrease = setting.min_impurity_decrease()?,
                    "min_samples_leaf" => self.min_samples_leaf = setting.count(1)?,
                    "min_samples_split" => self.min_samples_split = setting.count(2)?,
                    "min_weight_fraction_leaf" => self.min_weight_fraction_leaf = setting.min_weight_fraction_leaf()?,
                    "n_estimators" => self.n_estimators = setting.count(1)?,
                    "random_state" => self.random_state = setting.seed()?,
                    "subsample" => {
                        let share = |x: f64| x > 0.0 && x <= 1.0;
                        self.subsample = setting.float(share, "a float in the range (0.0, 1.0]")?;
                    }
                    _ => return Err(setting.unknown(&NAMES)),
                }
                Ok(())
            }

            /// The settings, each of them checked.
            pub(super) fn checked(&self) -> Result<Settings> {
                let mut probe = self.clone();
                self.params().iter().try_for_each(|(name, value)| probe.set_param(name, value))?;
                Ok(Settings {
                    learning_rate: self.learning_rate,
                    n_estimators: self.n_estimators,
                    subsample: self.subsample,
                    min_samples_split: self.min_samples_split,
                    min_samples_leaf: self.min_samples_leaf,
                    min_weight_fraction_leaf: self.min_weight_fraction_leaf,
                    max_depth: self.max_depth,
                    min_impurity_decrease: self.min_impurity_decrease,
                    max_features: self.max_features,
                    random_state: self.random_state,
                })
            }
        }
    };
}

boosting_settings!(GradientBoostingClassifier);
boosting_settings!(GradientBoostingRegressor);
