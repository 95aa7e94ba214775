//! Fitting a pipeline on a table.

use super::column_transformer::ColumnTransformer;
use super::estimator::Estimator;
use super::fitted::FittedPipeline;
use crate::error::{Error, Result};
use arrow_array::RecordBatch;
use metria_core::Labels;
use serde::{Deserialize, Serialize};

/// Most classes that a classifier is fitted on; more is taken for a target that was meant for regression.
const MAX_CLASSES: usize = 1_000;

/// Preprocessing and an estimator, not fitted yet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pipeline {
    /// What becomes of the columns.
    pub columns: ColumnTransformer,
    /// The estimator at its end.
    pub estimator: Estimator,
    /// Name of the target column, kept with the model.
    pub target: String,
}

impl Pipeline {
    /// A pipeline that ends in the given estimator, with the default treatment of the columns.
    #[must_use]
    pub fn default_for(estimator: Estimator, target: &str) -> Self {
        Self { columns: ColumnTransformer::default(), estimator, target: target.to_owned() }
    }

    /// Learns columns and model from a table without its target.
    ///
    /// # Errors
    /// When a column or the target cannot be used; the message names it.
    pub fn fit(&self, x: &RecordBatch, y: &Labels) -> Result<FittedPipeline> {
        if x.num_rows() != y.len() {
            return Err(Error::Shape {
                what: "one label for each row".to_owned(),
                expected: x.num_rows(),
                got: y.len(),
            });
        }
        if x.column_by_name(&self.target).is_some() {
            return Err(Error::Data(format!("the target `{}` must not be among the features", self.target)));
        }
        let (classes, codes) = y.encode();
        self.check_classes(&classes, y.len())?;
        let columns = self.columns.fit(x)?;
        if columns.n_features_out() == 0 {
            return Err(Error::Data(format!("no feature is left to learn `{}` from", self.target)));
        }
        let features = FittedPipeline::features_of(&columns, x)?;
        let estimator = self.estimator.fit(&features, &codes, classes.len())?;
        Ok(FittedPipeline::new(columns, estimator, classes, self.target.clone()))
    }

    fn check_classes(&self, classes: &Labels, n_rows: usize) -> Result<()> {
        let target = &self.target;
        match classes.len() {
            0 => Err(Error::Data(format!("the target `{target}` has no rows"))),
            1 => Err(Error::Data(format!(
                "the target `{target}` is always {}; a classifier needs at least two classes",
                classes.text(0)
            ))),
            n if n == n_rows && n > 2 => Err(Error::Data(format!(
                "the target `{target}` is different in all {n} rows; a classifier needs classes that repeat"
            ))),
            n if n > MAX_CLASSES => {
                Err(Error::Data(format!("the target `{target}` has {n} classes; at most {MAX_CLASSES} are allowed")))
            }
            _ => Ok(()),
        }
    }
}

/// The features of one table as a table: standardised numbers (sample deviation), then a column of zeros and ones for
/// each category of the texts and booleans, sorted, none dropped.
///
/// # Errors
/// When a column cannot be used.
pub fn engineer_features(df: &RecordBatch) -> Result<RecordBatch> {
    ColumnTransformer::default().fit(df)?.transform_to_table(df)
}
