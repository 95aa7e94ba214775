//! Settings of a forest by name, checked in scikit-learn's words.

use super::random_forest::RandomForestClassifier;
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

const OWNER: &str = "RandomForestClassifier";
const NAMES: [&str; 10] = [
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
];

/// How many features are looked at for each split.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MaxFeatures {
    /// The square root of all.
    #[default]
    Sqrt,
    /// The binary logarithm of all.
    Log2,
    /// All.
    All,
    /// So many.
    Count(usize),
    /// This share of all.
    Fraction(f64),
}

impl MaxFeatures {
    /// The number for `n_features`.
    pub(crate) fn resolve(self, n_features: usize) -> usize {
        let n = n_features as f64;
        let share = match self {
            Self::Sqrt => n.sqrt() as usize,
            Self::Log2 => n.log2() as usize,
            Self::All => n_features,
            Self::Count(count) => count.min(n_features),
            Self::Fraction(fraction) => (fraction * n) as usize,
        };
        share.max(1)
    }

    fn json(self) -> Value {
        match self {
            Self::Sqrt => json!("sqrt"),
            Self::Log2 => json!("log2"),
            Self::All => Value::Null,
            Self::Count(count) => json!(count),
            Self::Fraction(fraction) => json!(fraction),
        }
    }

    fn read(value: &Value) -> Option<Self> {
        match value {
            Value::Null => Some(Self::All),
            Value::String(name) if name == "sqrt" => Some(Self::Sqrt),
            Value::String(name) if name == "log2" => Some(Self::Log2),
            Value::Number(number) => match (number.as_u64(), number.as_f64()) {
                (Some(count), _) if count > 0 => Some(Self::Count(count as usize)),
                (None, Some(share)) if share > 0.0 && share <= 1.0 => Some(Self::Fraction(share)),
                _ => None,
            },
            _ => None,
        }
    }
}

impl RandomForestClassifier {
    /// Every parameter by name, ascending.
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
            _ => json!(self.oob_score),
        };
        let mut params: Vec<(String, Value)> = NAMES.iter().map(|&name| (name.to_owned(), value(name))).collect();
        params.push(("random_state".to_owned(), json!(self.random_state)));
        params
    }

    /// Sets a parameter by its scikit-learn name.
    ///
    /// # Errors
    /// For an unknown name or a value out of range.
    pub fn set_param(&mut self, name: &str, value: &Value) -> Result<()> {
        let refuse = |allowed: &str| Error::Parameter {
            owner: OWNER,
            name: name.to_owned(),
            allowed: allowed.to_owned(),
            got: value.to_string(),
        };
        let count = |least: u64| {
            let range = format!("an int in the range [{least}, inf)");
            value.as_u64().filter(|&n| n >= least).map(|n| n as usize).ok_or_else(|| refuse(&range))
        };
        let float =
            |most: f64, range: &str| value.as_f64().filter(|x| (0.0..=most).contains(x)).ok_or_else(|| refuse(range));
        let flag = || value.as_bool().ok_or_else(|| refuse("a bool"));
        match name {
            "bootstrap" => self.bootstrap = flag()?,
            "oob_score" => self.oob_score = flag()?,
            "n_estimators" => self.n_estimators = count(1)?,
            "min_samples_split" => self.min_samples_split = count(2)?,
            "min_samples_leaf" => self.min_samples_leaf = count(1)?,
            "max_depth" if value.is_null() => self.max_depth = None,
            "max_depth" => {
                self.max_depth = Some(count(1).map_err(|_| refuse("an int in the range [1, inf) or None"))?);
            }
            "max_samples" if value.is_null() => self.max_samples = None,
            "max_samples" => {
                let allowed = "None or a float in the range (0.0, 1.0]";
                self.max_samples = Some(float(1.0, allowed).ok().filter(|x| *x > 0.0).ok_or_else(|| refuse(allowed))?);
            }
            "max_features" => {
                self.max_features = MaxFeatures::read(value).ok_or_else(|| {
                    refuse("an int in the range [1, inf), a float in the range (0.0, 1.0], a str among {'log2', 'sqrt'} or None")
                })?;
            }
            "min_impurity_decrease" => {
                self.min_impurity_decrease = float(f64::MAX, "a float in the range [0.0, inf)")?;
            }
            "min_weight_fraction_leaf" => {
                self.min_weight_fraction_leaf = float(0.5, "a float in the range [0.0, 0.5]")?;
            }
            "random_state" => {
                let seed = value.as_u64().and_then(|n| u32::try_from(n).ok());
                self.random_state = seed.ok_or_else(|| refuse("an int in the range [0, 4294967295]"))?;
            }
            _ => {
                let known = NAMES.into_iter().chain(["random_state"]);
                let nearest = metria_core::names::nearest(name, known.clone()).unwrap_or_default();
                return Err(Error::Data(format!(
                    "Invalid parameter '{name}' for estimator {OWNER}; did you mean '{nearest}'? Valid parameters are: {}.",
                    known.collect::<Vec<_>>().join(", ")
                )));
            }
        }
        Ok(())
    }
}
