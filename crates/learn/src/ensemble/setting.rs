//! One setting by name, checked in scikit-learn's words.

use super::max_features::MaxFeatures;
use crate::error::{Error, Result};
use serde_json::Value;

/// A value that is to become a setting.
#[derive(Clone, Copy)]
pub(super) struct Setting<'a> {
    pub(super) owner: &'static str,
    pub(super) name: &'a str,
    pub(super) value: &'a Value,
}

impl Setting<'_> {
    /// The error that tells what is allowed.
    pub(super) fn refuse(self, allowed: &str) -> Error {
        let (name, got) = (self.name.to_owned(), self.value.to_string());
        Error::Parameter { owner: self.owner, name, allowed: allowed.to_owned(), got }
    }

    /// A whole number, at least `least`.
    pub(super) fn count(self, least: u64) -> Result<usize> {
        let count = self.value.as_u64().filter(|&n| n >= least);
        count.map(|n| n as usize).ok_or_else(|| self.refuse(&format!("an int in the range [{least}, inf)")))
    }

    /// A whole number of at least 1, or none.
    pub(super) fn optional_count(self) -> Result<Option<usize>> {
        if self.value.is_null() {
            return Ok(None);
        }
        self.count(1).map(Some).map_err(|_| self.refuse("an int in the range [1, inf) or None"))
    }

    /// A number for which `fits` holds.
    pub(super) fn float(self, fits: impl Fn(f64) -> bool, allowed: &str) -> Result<f64> {
        self.value.as_f64().filter(|&x| x.is_finite() && fits(x)).ok_or_else(|| self.refuse(allowed))
    }

    pub(super) fn flag(self) -> Result<bool> {
        self.value.as_bool().ok_or_else(|| self.refuse("a bool"))
    }

    pub(super) fn seed(self) -> Result<u32> {
        let seed = self.value.as_u64().and_then(|n| u32::try_from(n).ok());
        seed.ok_or_else(|| self.refuse("an int in the range [0, 4294967295]"))
    }

    pub(super) fn max_features(self) -> Result<MaxFeatures> {
        MaxFeatures::read(self.value).ok_or_else(|| {
            self.refuse(
                "an int in the range [1, inf), a float in the range (0.0, 1.0], a str among {'log2', 'sqrt'} or None",
            )
        })
    }

    pub(super) fn min_impurity_decrease(self) -> Result<f64> {
        self.float(|x| x >= 0.0, "a float in the range [0.0, inf)")
    }

    pub(super) fn min_weight_fraction_leaf(self) -> Result<f64> {
        self.float(|x| (0.0..=0.5).contains(&x), "a float in the range [0.0, 0.5]")
    }

    /// The error for a name that the estimator does not have.
    pub(super) fn unknown(self, names: &[&'static str]) -> Error {
        let (name, owner) = (self.name, self.owner);
        let nearest = metria_core::names::nearest(name, names.iter().copied()).unwrap_or_default();
        Error::Data(format!(
            "Invalid parameter '{name}' for estimator {owner}; did you mean '{nearest}'? Valid parameters are: {}.",
            names.join(", ")
        ))
    }
}
