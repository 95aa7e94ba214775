//! What nobody needs any more: runs and experiments that were deleted long ago, and files that no record names.
//!
//! **Records go first, then files.** A process that is killed in between leaves files without a record, which the next
//! collection finds; the other way round it would leave a run in the bin that someone restores without its files. A run
//! is removed in one write that looks once more whether it is still deleted and in no version, so a server may run and
//! users may restore meanwhile. Of files without a record, only a run's own folder is removed, `EXPERIMENT/RUN_ID` below
//! the artifact root, and only when the folder was seen before its record was looked for: a run has its record before
//! it has files.

use crate::error::Result;
use crate::workspace::Workspace;
use metria_artifacts::Usage;
use metria_core::{ErrorKind, Kinded};
use metria_store::{Lifecycle, RunInfo};
use metria_tracking::{Retention, SearchRuns};
use serde::Serialize;
use std::collections::{BTreeSet, HashSet};

/// Runs that are listed at once.
const PAGE: usize = 500;

/// What is collected.
#[derive(Clone, Debug, Default)]
pub struct Collection {
    /// Rules that put runs into the bin first.
    pub retention: Vec<Retention>,
    /// What was deleted before this time is removed for good, and files without a record that are older.
    pub before_ms: i64,
    /// Only say what would be done.
    pub dry_run: bool,
}

/// A run or folder that was removed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Removed {
    /// The run's id; for files without a record their folder.
    pub id: String,
    /// The experiment.
    pub experiment_id: String,
    /// Its files.
    pub files: u64,
    /// Their size together.
    pub size_bytes: u64,
}

/// Something that stays, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Kept {
    /// The run or experiment, or where files are that are not ours.
    pub id: String,
    /// Why it stays.
    pub reason: String,
}

/// What a collection did, or would do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Collected {
    /// Whether nothing was changed.
    pub dry_run: bool,
    /// Runs that the rules put into the bin.
    pub binned: Vec<String>,
    /// Runs that are gone for good.
    pub runs: Vec<Removed>,
    /// Experiments that are gone for good.
    pub experiments: Vec<String>,
    /// Folders that no record named.
    pub folders: Vec<Removed>,
    /// What was deleted but stays.
    pub kept: Vec<Kept>,
    /// Files removed.
    pub files: u64,
    /// Their size together.
    pub size_bytes: u64,
}

impl Collected {
    fn add(&mut self, usage: Usage) {
        self.files += usage.files;
        self.size_bytes += usage.size_bytes;
    }
}

fn removed(id: &str, experiment_id: &str, usage: Usage) -> Removed {
    Removed {
        id: id.to_owned(),
        experiment_id: experiment_id.to_owned(),
        files: usage.files,
        size_bytes: usage.size_bytes,
    }
}

impl Workspace {
    /// Collects what nobody needs any more. Killed at any moment, it leaves nothing that the next collection does not
    /// find, and no run without its files.
    ///
    /// # Errors
    /// When a rule cannot be read, or records or files fail.
    pub async fn collect_garbage(&self, collection: &Collection) -> Result<Collected> {
        let mut collected = Collected { dry_run: collection.dry_run, ..Collected::default() };
        for rule in &collection.retention {
            let runs = match collection.dry_run {
                true => self.tracking.outside_retention(rule).await?,
                false => self.tracking.apply_retention(rule).await?,
            };
            collected.binned.extend(runs.into_iter().map(|run| run.run_id));
        }
        let registered = self.tracking.registered_runs().await?;
        self.empty_bin(collection, &registered, &mut collected).await?;
        self.remove_experiments(collection, &registered, &mut collected).await?;
        self.remove_folders(collection, &mut collected).await?;
        Ok(collected)
    }

    async fn empty_bin(
        &self,
        collection: &Collection,
        registered: &HashSet<String>,
        collected: &mut Collected,
    ) -> Result<()> {
        let mut after = String::new();
        loop {
            let page = self.store().deleted_runs(collection.before_ms, &after, PAGE).await?;
            for run in &page {
                self.remove_run(run, collection.dry_run, registered, collected).await?;
            }
            match page.into_iter().next_back() {
                Some(last) => after = last.run_id,
                None => return Ok(()),
            }
        }
    }

    /// Removes a run; whether it is gone, or would be.
    async fn remove_run(
        &self,
        run: &RunInfo,
        dry_run: bool,
        registered: &HashSet<String>,
        collected: &mut Collected,
    ) -> Result<bool> {
        let id = &run.run_id;
        let folder = self.artifact_path(&run.artifact_uri).ok().filter(|path| path.contains(id.as_str()));
        let usage = match folder {
            Some(folder) => self.artifacts.usage(folder).await?,
            None => Usage::default(),
        };
        let refusal = match dry_run {
            true => registered
                .iter()
                .any(|text| text.contains(id.as_str()))
                .then(|| "a model version comes from it".to_owned()),
            false => match self.store().delete_run_for_good(id).await {
                Ok(()) => None,
                // Someone else was quicker.
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(true),
                Err(error) if error.kind() == ErrorKind::Conflict => Some(error.to_string()),
                Err(error) => return Err(error.into()),
            },
        };
        if let Some(reason) = refusal {
            collected.kept.push(Kept { id: id.clone(), reason });
            return Ok(false);
        }
        match folder {
            Some(folder) if !dry_run => self.artifacts.delete_all(folder).await?,
            Some(_) => {}
            None => {
                let reason = format!("the files of run {id} are outside the artifact root");
                collected.kept.push(Kept { id: run.artifact_uri.clone(), reason });
            }
        }
        collected.add(usage);
        collected.runs.push(removed(id, &run.experiment_id, usage));
        Ok(true)
    }

    async fn remove_experiments(
        &self,
        collection: &Collection,
        registered: &HashSet<String>,
        collected: &mut Collected,
    ) -> Result<()> {
        for experiment in self.tracking.list_experiments(Some(Lifecycle::Deleted)).await? {
            if experiment.last_update_time_ms >= collection.before_ms {
                continue;
            }
            let id = experiment.experiment_id.clone();
            let known: BTreeSet<String> = collected.runs.iter().map(|run| run.id.clone()).collect();
            let mut empty = true;
            let mut search = SearchRuns {
                experiment_ids: vec![id.clone()],
                lifecycle: None,
                max_results: PAGE,
                ..SearchRuns::default()
            };
            loop {
                let page = self.tracking.search_runs(&search).await?;
                for run in page.items.iter().filter(|run| !known.contains(&run.info.run_id)) {
                    empty &= self.remove_run(&run.info, collection.dry_run, registered, collected).await?;
                }
                search.page_token = page.next_page_token;
                if search.page_token.is_none() {
                    break;
                }
            }
            if !empty {
                let reason = "some of its runs stay".to_owned();
                collected.kept.push(Kept { id, reason });
                continue;
            }
            if collection.dry_run && self.tracking.is_registered_below(&experiment.artifact_location).await? {
                collected.kept.push(Kept { id, reason: "a model version comes from it".to_owned() });
                continue;
            }
            if !collection.dry_run {
                match self.store().delete_experiment_for_good(&id).await {
                    Err(error) if error.kind() == ErrorKind::NotFound => {}
                    Err(error) if error.kind() == ErrorKind::Conflict => {
                        collected.kept.push(Kept { id, reason: error.to_string() });
                        continue;
                    }
                    done => done?,
                }
            }
            let folder = self.artifact_path(&experiment.artifact_location).ok();
            // A location of several experiments, which somebody chose, is nobody's alone.
            if let Some(folder) = folder.filter(|path| *path == id) {
                let mut usage = self.artifacts.usage(folder).await?;
                if collection.dry_run {
                    for run in collected.runs.iter().filter(|run| run.experiment_id == id) {
                        usage.files = usage.files.saturating_sub(run.files);
                        usage.size_bytes = usage.size_bytes.saturating_sub(run.size_bytes);
                    }
                } else {
                    self.artifacts.delete_all(folder).await?;
                }
                collected.add(usage);
            }
            collected.experiments.push(id);
        }
        Ok(())
    }

    /// Removes the folders of runs of which there is no record.
    async fn remove_folders(&self, collection: &Collection, collected: &mut Collected) -> Result<()> {
        let is_id = |name: &str| name.len() == 32 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
        for experiment in self.artifacts.folders("").await? {
            if !experiment.bytes().all(|byte| byte.is_ascii_digit()) {
                continue;
            }
            for run_id in self.artifacts.folders(&experiment).await? {
                if !is_id(&run_id) {
                    continue;
                }
                match self.tracking.get_run(&run_id).await {
                    Ok(_) => continue,
                    Err(error) if error.kind() == ErrorKind::NotFound => {}
                    Err(error) => return Err(error.into()),
                }
                let folder = format!("{experiment}/{run_id}");
                let usage = self.artifacts.usage(&folder).await?;
                let is_old = usage.newest_ms.is_some_and(|newest_ms| newest_ms < collection.before_ms);
                if !is_old {
                    continue;
                }
                if !collection.dry_run {
                    self.artifacts.delete_all(&folder).await?;
                }
                collected.add(usage);
                collected.folders.push(removed(&folder, &experiment, usage));
            }
        }
        Ok(())
    }
}
