//! Runs grouped by what they have in common, with the mean of their metrics.
//!
//! The interval of 95 % about a mean of n values with standard deviation s (n - 1 below the line) is
//! mean ± t · s / √n, where Student's t distribution with n - 1 degrees of freedom exceeds t in absolute value with
//! probability 0.05. It supposes that the values of a group are independent and about normally distributed, as those of
//! runs that differ by their seed are.

use crate::Tracking;
use crate::error::{Error, Result};
use crate::runs::SearchRuns;
use crate::search::{Subject, parse_key};
use crate::student_t::two_sided_quantile;
use metria_store::{Entity, Lifecycle, Run};
use serde::Serialize;
use std::collections::BTreeMap;

/// Runs that are read at once.
const PAGE: usize = 1_000;
/// Most groups of one answer.
const MOST_GROUPS: usize = 10_000;
/// Most metrics of one answer.
const MOST_METRICS: usize = 100;
const ALPHA: f64 = 0.05;

/// Which runs are grouped, by what, and which metrics are summed up.
#[derive(Clone, Debug, Default)]
pub struct GroupRuns {
    /// In these experiments; empty means all.
    pub experiment_ids: Vec<String>,
    /// Only runs that fulfil this filter.
    pub filter: String,
    /// What runs of a group have in common: `params.depth`, `tags.team`, `status` …
    pub by: String,
    /// Names of metrics, with or without `metrics.` in front.
    pub metrics: Vec<String>,
}

/// One metric in one group, over the runs that have it as a finite number.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct GroupedMetric {
    /// Its name.
    pub key: String,
    /// How many runs have it.
    pub count: u64,
    /// Their mean; none without runs.
    pub mean: Option<f64>,
    /// Their standard deviation, with n - 1 below the line; none with less than two runs.
    pub std: Option<f64>,
    /// Lower end of the interval of 95 % about the mean; none with less than two runs.
    pub low: Option<f64>,
    /// Upper end of it.
    pub high: Option<f64>,
    /// The least.
    pub min: Option<f64>,
    /// The greatest.
    pub max: Option<f64>,
}

/// Runs that have the same value.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RunGroup {
    /// What they have in common; none for the runs that have no such value.
    pub value: Option<String>,
    /// How many runs.
    pub runs: u64,
    /// The metrics, in the order that was asked for.
    pub metrics: Vec<GroupedMetric>,
}

/// All groups: by value, numbers by size and before texts; the runs without a value last.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RunGroups {
    /// What the runs were grouped by.
    pub by: String,
    /// How many runs.
    pub runs: u64,
    /// The groups.
    pub groups: Vec<RunGroup>,
}

/// Count, mean and squares of differences from it, kept up to date value by value (Welford 1962).
#[derive(Clone, Debug, Default)]
struct Moments {
    count: u64,
    mean: f64,
    squares: f64,
    min: f64,
    max: f64,
}

impl Moments {
    #[expect(clippy::cast_precision_loss, reason = "nobody has 2^53 runs")]
    fn add(&mut self, value: f64) {
        if !value.is_finite() {
            return;
        }
        (self.min, self.max) =
            if self.count == 0 { (value, value) } else { (self.min.min(value), self.max.max(value)) };
        self.count += 1;
        let difference = value - self.mean;
        self.mean += difference / self.count as f64;
        self.squares += difference * (value - self.mean);
    }

    #[expect(clippy::cast_precision_loss, reason = "nobody has 2^53 runs")]
    fn summary(&self, key: &str) -> GroupedMetric {
        let some = |value: f64| (self.count > 0).then_some(value);
        let count = self.count as f64;
        let std = (self.count > 1).then(|| (self.squares / (count - 1.0)).sqrt());
        let half = std.map(|std| two_sided_quantile(ALPHA, count - 1.0) * std / count.sqrt());
        GroupedMetric {
            key: key.to_owned(),
            count: self.count,
            mean: some(self.mean),
            std,
            low: half.map(|half| self.mean - half),
            high: half.map(|half| self.mean + half),
            min: some(self.min),
            max: some(self.max),
        }
    }
}

/// The order of groups: numbers by size, then texts, then what has no value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Number(u64),
    Text,
    Missing,
}

impl Place {
    fn of(value: Option<&str>) -> Self {
        match value.map(str::parse::<f64>) {
            None => Self::Missing,
            Some(Ok(number)) if !number.is_nan() => {
                // The bits of doubles, negative ones turned over, are in the order of the numbers.
                let bits = (number + 0.0).to_bits();
                Self::Number(if bits >> 63 == 1 { !bits } else { bits | 1 << 63 })
            }
            Some(_) => Self::Text,
        }
    }
}

fn value<'a>(run: &'a Run, entity: Entity, key: &str) -> Option<&'a str> {
    match entity {
        Entity::Param => run.params.iter().find(|param| param.key == key).map(|param| param.value.as_str()),
        Entity::Tag => run.tags.iter().find(|tag| tag.key == key).map(|tag| tag.value.as_str()),
        _ => match key {
            "run_name" => Some(&run.info.run_name),
            "status" => Some(run.info.status.as_str()),
            "user_id" => Some(&run.info.user_id),
            "artifact_uri" => Some(&run.info.artifact_uri),
            _ => Some(&run.info.run_id),
        },
    }
}

impl Tracking {
    /// Runs grouped by a param, tag or text attribute, with count, mean, standard deviation and interval of 95 % of
    /// metrics. Runs are read page by page, so runs that change meanwhile may or may not be counted; what is kept in
    /// memory grows with the groups only.
    ///
    /// # Errors
    /// When the filter or the key cannot be read, or there are more than 10,000 groups or 100 metrics.
    pub async fn group_runs(&self, group: &GroupRuns) -> Result<RunGroups> {
        let (entity, key) = parse_key(Subject::Runs, &group.by)?;
        if entity.is_number(&key) || entity == Entity::Dataset {
            return Err(Error::Invalid(format!(
                "runs are grouped by a param, a tag or an attribute that is a text; got `{}`",
                group.by
            )));
        }
        if group.metrics.len() > MOST_METRICS {
            return Err(Error::Limit { what: "metrics".to_owned(), most: MOST_METRICS, got: group.metrics.len() });
        }
        let names: Vec<&str> = group.metrics.iter().map(|name| name.strip_prefix("metrics.").unwrap_or(name)).collect();
        let mut groups: BTreeMap<(Place, Option<String>), (u64, Vec<Moments>)> = BTreeMap::new();
        let mut search = SearchRuns {
            experiment_ids: group.experiment_ids.clone(),
            filter: group.filter.clone(),
            max_results: PAGE,
            lifecycle: Some(Lifecycle::Active),
            ..SearchRuns::default()
        };
        let mut runs = 0;
        loop {
            let page = self.search_runs(&search).await?;
            for run in &page.items {
                let value = value(run, entity, &key);
                let place = (Place::of(value), value.map(str::to_owned));
                let (count, moments) =
                    groups.entry(place).or_insert_with(|| (0, vec![Moments::default(); names.len()]));
                *count += 1;
                for (name, moments) in names.iter().zip(moments) {
                    if let Some(metric) = run.metrics.iter().find(|metric| metric.key == *name) {
                        moments.add(metric.value);
                    }
                }
            }
            runs += page.items.len() as u64;
            if groups.len() > MOST_GROUPS {
                let what = format!("groups by `{}`", group.by);
                return Err(Error::Limit { what, most: MOST_GROUPS, got: groups.len() });
            }
            search.page_token = page.next_page_token;
            if search.page_token.is_none() {
                break;
            }
        }
        let groups = groups.into_iter().map(|((_, value), (runs, moments))| RunGroup {
            value,
            runs,
            metrics: names.iter().zip(moments).map(|(name, moments)| moments.summary(name)).collect(),
        });
        Ok(RunGroups { by: group.by.clone(), runs, groups: groups.collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CreateExperiment, CreateRun};
    use metria_store::{LogBatch, MemoryStore, Metric, Param};
    use std::sync::Arc;

    /// Numbers of NumPy's `std(values, ddof=1)` and SciPy 1.17.1's `stats.t.interval(0.95, n - 1, mean, s / sqrt(n))`.
    #[test]
    fn intervals_are_those_of_the_formula() {
        let mut moments = Moments::default();
        for value in [0.81, 0.79, 0.84, f64::NAN, 0.8, 0.77, f64::INFINITY] {
            moments.add(value);
        }
        let summary = moments.summary("accuracy");
        let close =
            |got: Option<f64>, expected: f64| assert!((got.expect("a number") - expected).abs() < 1e-9, "{got:?}");
        assert_eq!(summary.count, 5);
        close(summary.mean, 0.802);
        close(summary.std, 0.025_884_358_211_089_576);
        close(summary.low, 0.769_860_324_292_68);
        close(summary.high, 0.834_139_675_707_32);
        assert_eq!((summary.min, summary.max), (Some(0.77), Some(0.84)));
        let mut one = Moments::default();
        assert_eq!(one.summary("m").mean, None);
        one.add(2.0);
        assert_eq!((one.summary("m").mean, one.summary("m").std, one.summary("m").low), (Some(2.0), None, None));
    }

    #[tokio::test]
    async fn groups_are_in_order_and_bounded() {
        let tracking = Tracking::new(Arc::new(MemoryStore::new()), "file:///a");
        let experiment = tracking.create_experiment(CreateExperiment::named("e")).await.unwrap();
        for (number, depth) in
            [Some("10"), Some("9"), Some("x"), None, Some("10"), Some("-1.5")].into_iter().enumerate()
        {
            let new = CreateRun { experiment_id: experiment.experiment_id.clone(), ..CreateRun::default() };
            let run = tracking.create_run(new).await.unwrap();
            let params = depth.map(|value| Param { key: "depth".to_owned(), value: value.to_owned() });
            let value = f64::from(u8::try_from(number).unwrap());
            let metric = Metric { key: "m".to_owned(), value, timestamp_ms: 0, step: 0 };
            let batch = LogBatch { params: params.into_iter().collect(), metrics: vec![metric], ..LogBatch::default() };
            tracking.log_batch(&run.info.run_id, batch).await.unwrap();
        }
        let by =
            |by: &str| GroupRuns { by: by.to_owned(), metrics: vec!["metrics.m".to_owned()], ..GroupRuns::default() };
        let groups = tracking.group_runs(&by("params.depth")).await.unwrap();
        let got: Vec<_> = groups.groups.iter().map(|g| (g.value.as_deref(), g.runs, g.metrics[0].mean)).collect();
        let expected = [
            (Some("-1.5"), 1, Some(5.0)),
            (Some("9"), 1, Some(1.0)),
            (Some("10"), 2, Some(2.0)),
            (Some("x"), 1, Some(2.0)),
            (None, 1, Some(3.0)),
        ];
        assert_eq!((groups.runs, got), (6, expected.to_vec()));
        let filtered = GroupRuns { filter: "metrics.m >= 4 OR params.depth IS NULL".to_owned(), ..by("status") };
        let filtered = tracking.group_runs(&filtered).await.unwrap();
        assert_eq!((filtered.runs, filtered.groups[0].value.as_deref()), (3, Some("RUNNING")));
        for refused in ["metrics.m", "start_time", "datasets.name", "params.depth DESC", "", "colour"] {
            assert!(tracking.group_runs(&by(refused)).await.is_err(), "{refused}");
        }
    }
}
