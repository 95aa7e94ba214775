//! Rules about which runs stay; the others go to the bin.

use crate::Tracking;
use crate::error::{Error, Result};
use crate::runs::SearchRuns;
use metria_core::time::now_ms;
use metria_store::{Lifecycle, RunInfo, RunStatus};
use std::collections::{BTreeSet, HashSet};

/// Runs that are read at once.
const PAGE: usize = 1_000;

/// Which runs of an experiment stay: those that at least one rule keeps. Runs that go on, and runs that a model version
/// comes from, always stay.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Retention {
    /// The experiment.
    pub experiment_id: String,
    /// Only runs that fulfil this filter are looked at; all others stay.
    pub filter: String,
    /// The newest so many stay.
    pub keep_newest: Option<usize>,
    /// The first so many in an order such as `metrics.accuracy DESC` stay; runs without a value do not count.
    pub keep_best: Option<(usize, String)>,
    /// Runs that started after this time stay.
    pub keep_since_ms: Option<i64>,
}

impl Tracking {
    /// The runs that go to the bin under a rule, the newest first.
    ///
    /// # Errors
    /// When nothing is kept by any rule, or the filter or order cannot be read.
    pub async fn outside_retention(&self, rule: &Retention) -> Result<Vec<RunInfo>> {
        if rule.keep_newest.is_none() && rule.keep_best.is_none() && rule.keep_since_ms.is_none() {
            return Err(Error::Invalid("say which runs stay: the newest, the best or those since a time".to_owned()));
        }
        let best = self.best(rule).await?;
        let registered = self.registered_runs().await?;
        let mut search = rule.search();
        let mut newer = 0_usize;
        let mut outside = Vec::new();
        loop {
            let page = self.search_runs(&search).await?;
            for run in page.items {
                let info = run.info;
                let kept = rule.keep_newest.is_some_and(|most| newer < most)
                    || rule.keep_since_ms.is_some_and(|since| info.start_time_ms >= since)
                    || best.contains(&info.run_id)
                    || matches!(info.status, RunStatus::Running | RunStatus::Scheduled)
                    || registered.contains(&info.run_id);
                newer += 1;
                if !kept {
                    outside.push(info);
                }
            }
            search.page_token = page.next_page_token;
            if search.page_token.is_none() {
                return Ok(outside);
            }
        }
    }

    /// Puts the runs outside a rule into the bin, and returns them.
    ///
    /// # Errors
    /// As [`Self::outside_retention`].
    pub async fn apply_retention(&self, rule: &Retention) -> Result<Vec<RunInfo>> {
        let outside = self.outside_retention(rule).await?;
        for run in &outside {
            self.store.set_run_lifecycle(&run.run_id, Lifecycle::Deleted, now_ms()).await?;
        }
        Ok(outside)
    }

    async fn best(&self, rule: &Retention) -> Result<BTreeSet<String>> {
        let Some((most, order)) = &rule.keep_best else { return Ok(BTreeSet::new()) };
        let key = order.trim();
        let key = ["ASC", "DESC"].iter().find_map(|word| strip_word(key, word)).unwrap_or(key);
        let present = format!("{key} IS NOT NULL");
        let filter = if rule.filter.trim().is_empty() { present } else { format!("({}) AND {present}", rule.filter) };
        let mut best = BTreeSet::new();
        let mut search = SearchRuns { order_by: vec![order.clone()], filter, ..rule.search() };
        while best.len() < *most {
            search.max_results = PAGE.min(most - best.len());
            let page = self.search_runs(&search).await?;
            best.extend(page.items.into_iter().map(|run| run.info.run_id));
            search.page_token = page.next_page_token;
            if search.page_token.is_none() {
                break;
            }
        }
        Ok(best)
    }

    /// The ids of the runs that model versions come from, among the other parts of the texts that name them.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn registered_runs(&self) -> Result<HashSet<String>> {
        let mut parts = HashSet::new();
        for model in self.list_models().await? {
            for version in self.list_versions(&model.name).await? {
                for text in [&version.source, &version.storage_location].into_iter().chain(&version.run_id) {
                    parts.extend(text.split(|c: char| !c.is_ascii_alphanumeric()).map(str::to_owned));
                }
            }
        }
        Ok(parts)
    }

    /// Whether a model version is kept below a location.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn is_registered_below(&self, location: &str) -> Result<bool> {
        let below = format!("{location}/");
        for model in self.list_models().await? {
            let versions = self.list_versions(&model.name).await?;
            if versions.iter().any(|version| version.storage_location.starts_with(&below)) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl Retention {
    fn search(&self) -> SearchRuns {
        SearchRuns {
            experiment_ids: vec![self.experiment_id.clone()],
            filter: self.filter.clone(),
            max_results: PAGE,
            ..SearchRuns::default()
        }
    }
}

fn strip_word<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    let start = text.len().checked_sub(word.len())?;
    let (front, back) = text.split_at_checked(start)?;
    (back.eq_ignore_ascii_case(word) && front.ends_with(char::is_whitespace)).then(|| front.trim_end())
}
