//! Runs.

use crate::error::{Error, Result};
use crate::search::{Subject, parse_expression, parse_order_by, split};
use crate::{Tracking, names};
use metria_core::ids;
use metria_core::names::{check_display_name, check_key};
use metria_core::time::now_ms;
use metria_store::{DatasetUse, Lifecycle, LogBatch, Metric, Page, Run, RunInfo, RunQuery, RunStatus, Tag};

/// Limits of one batch, as MLflow's clients know them.
const MOST_METRICS: usize = 1_000;
const MOST_PARAMS: usize = 100;
const MOST_TAGS: usize = 100;
const PARAM_LENGTH: usize = 6_000;
const TAG_LENGTH: usize = 8_000;
const MOST_RESULTS: usize = 50_000;

/// What a new run is given.
#[derive(Clone, Debug, Default)]
pub struct CreateRun {
    /// The experiment it belongs to.
    pub experiment_id: String,
    /// A name; a random one when not given.
    pub run_name: Option<String>,
    /// Who starts it.
    pub user_id: String,
    /// Its first tags.
    pub tags: Vec<Tag>,
    /// When it started; now when not given.
    pub start_time_ms: Option<i64>,
}

/// A search as people write it.
#[derive(Clone, Debug)]
pub struct SearchRuns {
    /// In these experiments; empty means all.
    pub experiment_ids: Vec<String>,
    /// MLflow's filter language.
    pub filter: String,
    /// Such as `metrics.accuracy DESC`.
    pub order_by: Vec<String>,
    /// Runs on a page.
    pub max_results: usize,
    /// The token of the page before.
    pub page_token: Option<String>,
    /// Of this lifecycle; `None` means both.
    pub lifecycle: Option<Lifecycle>,
}

impl Default for SearchRuns {
    fn default() -> Self {
        Self {
            experiment_ids: Vec::new(),
            filter: String::new(),
            order_by: Vec::new(),
            max_results: 100,
            page_token: None,
            lifecycle: Some(Lifecycle::Active),
        }
    }
}

impl Tracking {
    /// A new, running run.
    ///
    /// # Errors
    /// When a name or tag is refused, or the experiment is not there or deleted.
    pub async fn create_run(&self, run: CreateRun) -> Result<Run> {
        self.create_run_as(ids::new_id(), run).await
    }

    /// A new, running run under an id that its maker chose, so that asking again makes no second one: the run and
    /// whether it is new. One that is there already stays as it is.
    ///
    /// # Errors
    /// As [`Self::create_run`], when the id is not 32 hexadecimal characters, or when it is that of a run of another
    /// experiment.
    pub async fn get_or_create_run(&self, run_id: &str, run: CreateRun) -> Result<(Run, bool)> {
        if !ids::is_id(run_id) {
            return Err(Error::RunId(run_id.to_owned()));
        }
        let experiment_id = run.experiment_id.clone();
        let found = match self.create_run_as(run_id.to_owned(), run).await {
            Err(Error::Store(metria_store::Error::AlreadyExists { .. })) => self.get_run(run_id).await?,
            made => return made.map(|run| (run, true)),
        };
        if found.info.experiment_id == experiment_id {
            return Ok((found, false));
        }
        Err(Error::Conflict(format!(
            "the run {run_id} exists already, in the experiment {}; asked for was {experiment_id}",
            found.info.experiment_id
        )))
    }

    async fn create_run_as(&self, run_id: String, run: CreateRun) -> Result<Run> {
        let run_name = match run.run_name {
            Some(name) => {
                check_display_name("run name", &name)?;
                name
            }
            None => names::run_name(&run_id),
        };
        check_tags(&run.tags)?;
        let experiment = self.store.get_experiment(&run.experiment_id).await?;
        let info = RunInfo {
            artifact_uri: format!("{}/{run_id}/artifacts", experiment.artifact_location.trim_end_matches('/')),
            run_id: run_id.clone(),
            experiment_id: run.experiment_id,
            run_name,
            user_id: run.user_id,
            status: RunStatus::Running,
            start_time_ms: run.start_time_ms.unwrap_or_else(now_ms),
            end_time_ms: None,
            lifecycle: Lifecycle::Active,
        };
        self.store.create_run(info, run.tags).await?;
        self.get_run(&run_id).await
    }

    /// One run with what was logged to it.
    ///
    /// # Errors
    /// When there is none.
    pub async fn get_run(&self, run_id: &str) -> Result<Run> {
        Ok(self.store.get_run(run_id).await?)
    }

    /// Ends a run now.
    ///
    /// # Errors
    /// When there is none or it is deleted.
    pub async fn finish_run(&self, run_id: &str, status: RunStatus) -> Result<RunInfo> {
        self.update_run(run_id, Some(status), Some(now_ms()), None).await
    }

    /// Changes what is `Some`.
    ///
    /// # Errors
    /// When the name is refused, there is no such run, or it is deleted.
    pub async fn update_run(
        &self,
        run_id: &str,
        status: Option<RunStatus>,
        end_time_ms: Option<i64>,
        run_name: Option<String>,
    ) -> Result<RunInfo> {
        if let Some(name) = &run_name {
            check_display_name("run name", name)?;
        }
        let info = self.store.update_run(run_id, status, end_time_ms, run_name).await?;
        self.tell(run_id);
        Ok(info)
    }

    /// Writes metrics, params, tags and inputs together.
    ///
    /// # Errors
    /// When a key or value is refused, a limit is passed, a param would change, or the run is not there or deleted.
    pub async fn log_batch(&self, run_id: &str, batch: LogBatch) -> Result<()> {
        check_count("metrics in one batch", MOST_METRICS, batch.metrics.len())?;
        check_count("params in one batch", MOST_PARAMS, batch.params.len())?;
        check_count("measurements of logged models in one batch", MOST_METRICS, batch.model_metrics.len())?;
        check_tags(&batch.tags)?;
        let of_models = batch.model_metrics.iter().map(|measured| &measured.metric);
        for metric in batch.metrics.iter().chain(of_models) {
            check_key("metric key", &metric.key)?;
        }
        for param in &batch.params {
            check_key("param key", &param.key)?;
            let what = format!("characters in the value of the param `{}`", param.key);
            check_count(&what, PARAM_LENGTH, param.value.chars().count())?;
        }
        self.store.log_batch(run_id, batch).await?;
        self.tell(run_id);
        Ok(())
    }

    /// Every measurement of one metric.
    ///
    /// # Errors
    /// When the run is not there.
    pub async fn metric_history(&self, run_id: &str, key: &str) -> Result<Vec<Metric>> {
        self.store.get_run(run_id).await?;
        Ok(self.store.metric_history(run_id, key).await?)
    }

    /// The datasets that runs of these experiments read, each once; at most `limit`.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn list_dataset_uses(&self, experiment_ids: &[String], limit: usize) -> Result<Vec<DatasetUse>> {
        Ok(self.store.list_dataset_uses(experiment_ids, limit).await?)
    }

    /// One page of runs.
    ///
    /// # Errors
    /// When the filter, an order or the token cannot be read.
    pub async fn search_runs(&self, search: &SearchRuns) -> Result<Page<Run>> {
        check_count("runs on a page", MOST_RESULTS, search.max_results)?;
        let (conditions, expressions) = split(parse_expression(Subject::Runs, &search.filter)?);
        let query = RunQuery {
            experiment_ids: search.experiment_ids.clone(),
            lifecycle: search.lifecycle,
            conditions,
            expressions,
            order_by: search
                .order_by
                .iter()
                .map(|text| parse_order_by(Subject::Runs, text))
                .collect::<std::result::Result<_, _>>()?,
            limit: search.max_results,
            page_token: search.page_token.clone(),
        };
        Ok(self.store.search_runs(&query).await?)
    }

    /// Deletes or restores a run.
    ///
    /// # Errors
    /// When there is none.
    pub async fn set_run_lifecycle(&self, run_id: &str, lifecycle: Lifecycle) -> Result<()> {
        self.store.set_run_lifecycle(run_id, lifecycle, now_ms()).await?;
        self.tell(run_id);
        Ok(())
    }

    /// Removes a tag.
    ///
    /// # Errors
    /// When the run or the tag is not there.
    pub async fn delete_run_tag(&self, run_id: &str, key: &str) -> Result<()> {
        self.store.delete_run_tag(run_id, key).await?;
        self.tell(run_id);
        Ok(())
    }
}

fn check_tags(tags: &[Tag]) -> Result<()> {
    check_count("tags in one request", MOST_TAGS, tags.len())?;
    for tag in tags {
        check_key("tag key", &tag.key)?;
        let what = format!("characters in the value of the tag `{}`", tag.key);
        check_count(&what, TAG_LENGTH, tag.value.chars().count())?;
    }
    Ok(())
}

fn check_count(what: &str, most: usize, got: usize) -> Result<()> {
    if got <= most {
        return Ok(());
    }
    Err(Error::Limit { what: what.to_owned(), most, got })
}
