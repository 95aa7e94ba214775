//! What became new about a run since somebody looked.

use metria_store::{DatasetInput, Metric, Param, Run, RunInfo, Tag};
use metria_tracking::{Result, Series, Tracking};
use serde::Serialize;
use utoipa::ToSchema;

/// Metrics whose points are told in one change, and points of each; what has more is to be read again.
const MOST_SERIES: usize = 64;
const MOST_POINTS: usize = 1_000;

/// The data of the event `change`: what is new since the event before. Fields without news are left out.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(crate) struct Change {
    /// Status, name, times and lifecycle.
    #[serde(skip_serializing_if = "Option::is_none")]
    info: Option<RunInfo>,
    /// The latest of each metric that was logged.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    metrics: Vec<Metric>,
    /// New points, the last known one among them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    series: Vec<Series>,
    /// Metrics that have more new points than a change holds: their series is to be read again.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reload: Vec<String>,
    /// Every param, when one was added.
    #[serde(skip_serializing_if = "Option::is_none")]
    params: Option<Vec<Param>>,
    /// Every tag, when one changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    tags: Option<Vec<Tag>>,
    /// Every input, when one was added.
    #[serde(skip_serializing_if = "Option::is_none")]
    inputs: Option<Vec<DatasetInput>>,
}

/// What a poller knows of its run.
pub(super) struct Known {
    run: Run,
}

/// A run as JSON.
pub(super) fn whole(run: &Run) -> String {
    json(run)
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("records are always JSON")
}

impl Known {
    pub(super) fn new(run: &Run) -> Self {
        Self { run: run.clone() }
    }

    pub(super) fn run_id(&self) -> &str {
        &self.run.info.run_id
    }

    /// What changed since the last look, as JSON; nothing when nothing did.
    pub(super) async fn look(&mut self, tracking: &Tracking) -> Result<Option<String>> {
        let run = tracking.get_run(self.run_id()).await?;
        let known = |key: &str| {
            let place = self.run.metrics.binary_search_by(|metric| metric.key.as_str().cmp(key)).ok()?;
            Some(&self.run.metrics[place])
        };
        let metrics: Vec<Metric> = run
            .metrics
            .iter()
            .filter(|metric| known(&metric.key).is_none_or(|old| !same(old, metric)))
            .cloned()
            .collect();
        let mut change = Change {
            info: (run.info != self.run.info).then(|| run.info.clone()),
            params: (run.params != self.run.params).then(|| run.params.clone()),
            tags: (run.tags != self.run.tags).then(|| run.tags.clone()),
            inputs: (run.inputs != self.run.inputs).then(|| run.inputs.clone()),
            ..Change::default()
        };
        for (place, metric) in metrics.iter().enumerate() {
            if place >= MOST_SERIES {
                change.reload.push(metric.key.clone());
                continue;
            }
            let from = known(&metric.key).map_or((i64::MIN, i64::MIN), |old| (old.step, old.timestamp_ms));
            let points = tracking.metric_history_from(self.run_id(), &metric.key, from, MOST_POINTS + 1).await?;
            if points.len() > MOST_POINTS {
                change.reload.push(metric.key.clone());
            } else {
                change.series.push(Series::new(self.run_id(), &metric.key, points.len(), &points));
            }
        }
        change.metrics = metrics;
        self.run = run;
        Ok(change.has_news().then(|| json(&change)))
    }
}

impl Change {
    fn has_news(&self) -> bool {
        self.info.is_some()
            || !self.metrics.is_empty()
            || self.params.is_some()
            || self.tags.is_some()
            || self.inputs.is_some()
    }
}

/// Whether two measurements are one; NaN is like NaN.
fn same(a: &Metric, b: &Metric) -> bool {
    (a.step, a.timestamp_ms, a.value.to_bits()) == (b.step, b.timestamp_ms, b.value.to_bits())
}
