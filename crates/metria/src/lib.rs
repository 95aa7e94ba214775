//! Metria's facade: the whole life of a model in a few types.
//!
//! [`Workspace`] opens everything that a home folder holds, [`MLPipeline`] trains, tracks and validates a model on a
//! table, and [`Workspace::register_and_gate`] takes it on into the registry, through the gate, to Production. The
//! crates below do the work; here they are wired.
//!
//! ```no_run
//! # async fn example() -> metria::Result<()> {
//! use metria::{MLPipeline, Workspace, WorkspaceOptions};
//! use std::path::Path;
//!
//! let workspace = Workspace::open(WorkspaceOptions::at("./home")).await?;
//! let mut pipeline = MLPipeline::new(&workspace, "credit").await?;
//! let (x, y) = pipeline.load_and_prepare_data(Path::new("german_credit.csv"), "risk")?;
//! let model = pipeline.train_model(&x, &y, None).await?;
//! let scores = pipeline.validate_model(&model, &x, &y)?;
//! println!("{} {:?}", scores.val_accuracy, pipeline.last_model_uri);
//! # Ok(()) }
//! ```

#![forbid(unsafe_code)]

#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;

mod error;
mod evaluation;
mod garbage;
mod ml_pipeline;
mod models;
mod plots;
mod prediction;
mod registry_source;
mod run_artifacts;
mod source_commit;
mod training;
mod workspace;

pub use error::{Error, Result};
pub use evaluation::{Evaluation, RocCurve};
pub use garbage::{Collected, Collection, Kept, Removed};
pub use metria_learn::pipeline::Categories;
pub use metria_store_sql::Durability;
pub use ml_pipeline::{MLPipeline, ValidationScores};
pub use models::{GateOutcome, Registration};
pub use prediction::{predict_table, unused_columns};
pub use training::{CrossValidation, ModelSettings, TrainedModel, Training, TrainingEvent};
pub use workspace::{Workspace, WorkspaceOptions};
