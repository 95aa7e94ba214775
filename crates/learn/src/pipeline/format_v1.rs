//! Pipelines of format version 1: standardised numbers, then a column for each category, and nothing else.

use super::estimator::FittedEstimator;
use super::fitted::FittedPipeline;
use super::fitted_column::FittedColumn;
use super::fitted_column_transformer::FittedColumnTransformer;
use crate::error::Result;
use crate::preprocessing::{FittedCategories, FittedStandardScaler};
use metria_core::{ColumnSpec, Labels};
use serde::Deserialize;

/// The payload.
#[derive(Deserialize)]
pub(super) struct PipelineV1 {
    columns: Vec<ColumnV1>,
    estimator: FittedEstimator,
    classes: Labels,
    target: String,
}

#[derive(Deserialize)]
struct ColumnV1 {
    spec: ColumnSpec,
    encoding: EncodingV1,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum EncodingV1 {
    Number { scaler: FittedStandardScaler },
    Categories { categories: FittedCategories },
}

impl PipelineV1 {
    /// The same pipeline in today's form; the transformers are named as they are by default.
    pub(super) fn upgraded(self) -> Result<FittedPipeline> {
        let (mut inputs, mut numbers, mut categories) = (Vec::new(), Vec::new(), Vec::new());
        for (input, ColumnV1 { spec, encoding }) in self.columns.into_iter().enumerate() {
            inputs.push(spec);
            match encoding {
                EncodingV1::Number { scaler } => {
                    numbers.push(FittedColumn::standardised(input, "numbers", scaler));
                }
                EncodingV1::Categories { categories: known } => {
                    categories.push(FittedColumn::one_hot(input, "categories", known));
                }
            }
        }
        numbers.append(&mut categories);
        numbers.iter().try_for_each(FittedColumn::validate)?;
        let columns = FittedColumnTransformer::new(inputs, numbers, false);
        Ok(FittedPipeline::new(columns, self.estimator, self.classes, self.target))
    }
}
