//! The estimators that a pipeline can end in, by name.

use crate::ensemble::{
    FittedGradientBoostingClassifier, FittedRandomForestClassifier, GradientBoostingClassifier, RandomForestClassifier,
};
use crate::error::{Error, Result};
use crate::matrix::Matrix;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Every name that [`Estimator::by_name`] knows.
const NAMES: [&str; 2] = ["random_forest", "gradient_boosting"];

/// An estimator with its settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Estimator {
    /// A random forest.
    RandomForest(RandomForestClassifier),
    /// Gradient boosting.
    GradientBoosting(GradientBoostingClassifier),
}

impl Estimator {
    /// The estimator of that name, with its defaults.
    ///
    /// # Errors
    /// For an unknown name; the message lists the known ones.
    pub fn by_name(name: &str) -> Result<Self> {
        match name {
            "random_forest" => Ok(Self::RandomForest(RandomForestClassifier::default())),
            "gradient_boosting" => Ok(Self::GradientBoosting(GradientBoostingClassifier::default())),
            _ => Err(Error::Data(format!("the model must be one of {}; got `{name}`", NAMES.join(", ")))),
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::RandomForest(_) => "random_forest",
            Self::GradientBoosting(_) => "gradient_boosting",
        }
    }

    /// Sets a parameter by its scikit-learn name.
    ///
    /// # Errors
    /// For an unknown name or a value out of range.
    pub fn set_param(&mut self, name: &str, value: &Value) -> Result<()> {
        match self {
            Self::RandomForest(forest) => forest.set_param(name, value),
            Self::GradientBoosting(boosting) => boosting.set_param(name, value),
        }
    }

    /// Every parameter by name.
    #[must_use]
    pub fn params(&self) -> Vec<(String, Value)> {
        match self {
            Self::RandomForest(forest) => forest.params(),
            Self::GradientBoosting(boosting) => boosting.params(),
        }
    }

    pub(super) fn fit(&self, x: &Matrix<f32>, y: &[u32], n_classes: usize) -> Result<FittedEstimator> {
        match self {
            Self::RandomForest(forest) => Ok(FittedEstimator::RandomForest(forest.fit(x, y, n_classes)?)),
            Self::GradientBoosting(boosting) => Ok(FittedEstimator::GradientBoosting(boosting.fit(x, y, n_classes)?)),
        }
    }
}

/// A fitted estimator.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FittedEstimator {
    /// A random forest.
    RandomForest(FittedRandomForestClassifier),
    /// Gradient boosting.
    GradientBoosting(FittedGradientBoostingClassifier),
}

impl FittedEstimator {
    /// Checks what was read from outside and makes it ready to predict.
    pub(super) fn restored(self) -> Result<Self> {
        match self {
            Self::RandomForest(forest) => Ok(Self::RandomForest(forest.restored()?)),
            Self::GradientBoosting(boosting) => Ok(Self::GradientBoosting(boosting.restored()?)),
        }
    }

    pub(super) fn n_features(&self) -> usize {
        match self {
            Self::RandomForest(forest) => forest.n_features(),
            Self::GradientBoosting(boosting) => boosting.n_features(),
        }
    }

    pub(super) fn n_classes(&self) -> usize {
        match self {
            Self::RandomForest(forest) => forest.n_classes(),
            Self::GradientBoosting(boosting) => boosting.n_classes(),
        }
    }

    pub(super) fn predict_proba(&self, x: &Matrix<f32>) -> Result<Vec<f64>> {
        match self {
            Self::RandomForest(forest) => forest.predict_proba(x),
            Self::GradientBoosting(boosting) => boosting.predict_proba(x),
        }
    }

    pub(super) fn predict_proba_row(&self, x: &[f32], out: &mut [f64]) {
        match self {
            Self::RandomForest(forest) => forest.predict_proba_row(x, out),
            Self::GradientBoosting(boosting) => boosting.predict_proba_row(x, out),
        }
    }

    /// How much each feature mattered in training, as shares of one.
    #[must_use]
    pub fn feature_importances(&self) -> Vec<f64> {
        match self {
            Self::RandomForest(forest) => forest.feature_importances(),
            Self::GradientBoosting(boosting) => boosting.feature_importances(),
        }
    }
}
