//! Settings of the forests by name, and what growing a tree takes from them.

use super::random_forest::RandomForestClassifier;
use super::random_forest_regressor::RandomForestRegressor;
use super::setting::Setting;
use crate::error::Result;
use crate::random::RandomState;
use crate::tree::builder::Growth;
use crate::tree::criterion::Limits;
use serde_json::{Value, json};

const NAMES: [&str; 11] = [
    "bootstrap",
    "max_depth",
    "max_features",
    "max_samples",
    "min_impurity_decrease",
    "min_samples_leaf",
    "min_samples_split",
    "min_weight_fraction_leaf",
    "n_estimators",
    "oob_score",
    "random_state",
];

/// Both forests have the same settings; only the default of `max_features` differs.
macro_rules! forest_settings {
    ($forest:ident) => {
        impl $forest {
            /// Every parameter by name, ascending, the seed last.
            #[must_use]
            pub fn params(&self) -> Vec<(String, Value)> {
                let value = |name: &str| match name {
                    "bootstrap" => json!(self.bootstrap),
                    "max_depth" => json!(self.max_depth),
                    "max_features" => self.max_features.json(),
                    "max_samples" => json!(self.max_samples),
                    "min_impurity_decrease" => json!(self.min_impurity_decrease),
                    "min_samples_leaf" => json!(self.min_samples_leaf),
                    "min_samples_split" => json!(self.min_samples_split),
                    "min_weight_fraction_leaf" => json!(self.min_weight_fraction_leaf),
                    "n_estimators" => json!(self.n_estimators),
                    "oob_score" => json!(self.oob_score),
                    _ => json!(self.random_state),
                };
                NAMES.iter().map(|&name| (name.to_owned(), value(name))).collect()
            }

            /// Sets a parameter by its scikit-learn name.
            ///
            /// # Errors
            /// For an unknown name or a value out of range.
            pub fn set_param(&mut self, name: &str, value: &Value) -> Result<()> {
                let setting = Setting { owner: stringify!($forest), name, value };
                match name {
                    "bootstrap" => self.bootstrap = setting.flag()?,
                    "max_depth" => self.max_depth = setting.optional_count()?,
                    "max_features" => self.max_features = setting.max_features()?,
                    "max_samples" if value.is_null() => self.max_samples = None,
                    "max_samples" => {
                        // A whole number would be a number of rows in scikit-learn, not a share.
                        let share = |x: f64| x > 0.0 && x <= 1.0 && !value.is_u64();
                        self.max_samples = Some(setting.float(share, "None or a float in the range (0.0, 1.0]")?);
                    }
                    "min_impurity_decrease" => self.min_impurity_decrease = setting.min_impurity_decrease()?,
                    "min_samples_leaf" => self.min_samples_leaf = setting.count(1)?,
                    "min_samples_split" => self.min_samples_split = setting.count(2)?,
                    "min_weight_fraction_leaf" => self.min_weight_fraction_leaf = setting.min_weight_fraction_leaf()?,
                    "n_estimators" => self.n_estimators = setting.count(1)?,
                    "oob_score" => self.oob_score = setting.flag()?,
                    "random_state" => self.random_state = setting.seed()?,
                    _ => return Err(setting.unknown(&NAMES)),
                }
                Ok(())
            }

            /// Checks every setting.
            pub(super) fn check_params(&self) -> Result<()> {
                let mut probe = self.clone();
                self.params().iter().try_for_each(|(name, value)| probe.set_param(name, value))
            }

            /// The seed of each tree.
            pub(super) fn draw_tree_seeds(&self) -> Vec<u32> {
                let mut generator = RandomState::new(self.random_state);
                let seed = |_| u32::try_from(generator.randint(0, 0x7fff_ffff)).expect("below 2^31");
                (0..self.n_estimators).map(seed).collect()
            }

            /// How often each row is in the sample of the tree with this seed.
            pub(super) fn sample_counts(&self, n_rows: usize, seed: u32) -> Vec<u32> {
                if !self.bootstrap {
                    return vec![1; n_rows];
                }
                let n_drawn = self.max_samples.map_or(n_rows, |share| ((n_rows as f64 * share) as usize).max(1));
                bootstrap_counts(n_rows, n_drawn, seed)
            }

            /// What stops the growth of a tree over rows with these weights.
            pub(super) fn growth(&self, n_features: usize, weights: &[u32]) -> Growth {
                let total_weight: f64 = weights.iter().map(|&weight| f64::from(weight)).sum();
                Growth {
                    max_depth: self.max_depth.unwrap_or(usize::MAX),
                    min_samples_split: self.min_samples_split.max(2 * self.min_samples_leaf),
                    limits: Limits {
                        min_samples_leaf: self.min_samples_leaf,
                        min_weight_leaf: self.min_weight_fraction_leaf * total_weight,
                    },
                    min_impurity_decrease: self.min_impurity_decrease,
                    max_features: self.max_features.resolve(n_features),
                }
            }
        }
    };
}

forest_settings!(RandomForestClassifier);
forest_settings!(RandomForestRegressor);

/// How often each row is drawn when `n_drawn` are, with replacement.
fn bootstrap_counts(n_rows: usize, n_drawn: usize, seed: u32) -> Vec<u32> {
    let mut counts = vec![0; n_rows];
    let mut generator = RandomState::new(seed);
    let max = (n_rows - 1) as u32;
    for _ in 0..n_drawn {
        counts[generator.interval(max) as usize] += 1;
    }
    counts
}

/// The rows with a weight.
pub(super) fn weighted_rows(weights: &[u32]) -> Vec<u32> {
    (0..weights.len() as u32).filter(|&row| weights[row as usize] > 0).collect()
}
