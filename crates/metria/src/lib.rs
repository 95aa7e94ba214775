//! Metria's facade: the whole life of a model in a few types.
//!
//! [`ExperimentTracker`] writes down what any training does, with or without a server in reach; [`ModelRegistry`] takes
//! models from stage to stage. [`Workspace`] opens everything that a home folder holds, [`MLPipeline`] trains, tracks and validates a model on a
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
mod experiment_config;
mod experiment_tracker;
mod garbage;
mod logged_artifact;
mod ml_pipeline;
mod model_performance;
mod model_registry;
mod models;
mod plots;
mod prediction;
mod registry_source;
mod run_artifacts;
mod run_context;
mod tracking_target;
mod training;
mod workspace;

pub use error::{Error, Result};
pub use evaluation::{Evaluation, RocCurve};
pub use experiment_config::ExperimentConfig;
pub use experiment_tracker::{ExperimentTracker, TrackerOptions};
pub use garbage::{Collected, Collection, Kept, Removed};
pub use logged_artifact::LoggedArtifact;
pub use metria_client::console::{ConsoleLog, Tee};
pub use metria_client::environment::python_packages;
pub use metria_client::{Delivered, RecorderOptions, SpoolOutcome, SpoolReport};
pub use metria_core::ModelStage;
pub use metria_learn::pipeline::Categories;
pub use metria_store_sql::Durability;
pub use ml_pipeline::{MLPipeline, ValidationScores};
pub use model_performance::ModelPerformance;
pub use model_registry::ModelRegistry;
pub use models::{GateOutcome, Registration};
pub use prediction::{predict_table, unused_columns};
pub use training::{CrossValidation, ModelSettings, TrainedModel, Training, TrainingEvent};
pub use workspace::{Workspace, WorkspaceOptions};
