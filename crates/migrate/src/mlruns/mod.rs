//! `mlruns` folders, as MLflow 2 and 3 keep them:
//!
//! ```text
//! EXPERIMENT_ID/meta.yaml, tags/KEY               .trash/ holds deleted experiments
//! EXPERIMENT_ID/RUN_ID/meta.yaml                  a run; lifecycle_stage tells whether it is deleted
//! EXPERIMENT_ID/RUN_ID/{params,tags}/KEY          the value; slashes of keys are folders
//! EXPERIMENT_ID/RUN_ID/metrics/KEY                one line a measurement: time, value, step
//! EXPERIMENT_ID/RUN_ID/inputs/ID/meta.yaml        which of EXPERIMENT_ID/datasets/ID/meta.yaml it read
//! EXPERIMENT_ID/RUN_ID/artifacts/
//! EXPERIMENT_ID/models/m-ID/artifacts/            files of a logged model (MLflow 3)
//! models/NAME/meta.yaml, tags/, aliases/, version-N/meta.yaml, version-N/tags/
//! ```

mod files;
mod read;
mod registry;
mod write;
mod yaml;

pub use read::MlrunsSource;
pub use write::MlrunsTarget;

/// Folders of an experiment that are no runs.
const NO_RUNS: [&str; 5] = ["tags", "datasets", "traces", "models", "issues"];
/// Where deleted experiments are.
const TRASH: &str = ".trash";
/// Where registered models are.
const MODELS: &str = "models";
