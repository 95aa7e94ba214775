//! `metria export`: everything in a form that others read.

use super::Context;
use super::import::{carry, print};
use super::output::Usage;
use anyhow::Result;
use clap::Subcommand;
use metria_migrate::{MlrunsTarget, Problems, StoreSide};
use std::path::Path;

#[derive(Debug, Subcommand)]
pub(crate) enum Export {
    /// For MLflow: an mlruns folder that its file store reads; may be interrupted and repeated
    Mlflow {
        /// A folder that is empty, new, or written by an export before
        target: String,
    },
}

impl Export {
    pub(crate) async fn run(self, context: &Context) -> Result<()> {
        let Self::Mlflow { target } = self;
        if target.contains("://") {
            let why = "MLflow's servers give runs ids and times of their own, so an export goes into a folder";
            return Err(Usage(format!("{why}; got `{target}`")).into());
        }
        let problems = Problems::default();
        let there = MlrunsTarget::open(Path::new(&target), problems.clone())?;
        let workspace = context.workspace().await?;
        let here = StoreSide::new(workspace.store(), workspace.artifacts.clone());
        let table = carry(context, &here, &there, &problems).await;
        workspace.close().await;
        print(context, &here, &table?, &problems)
    }
}
