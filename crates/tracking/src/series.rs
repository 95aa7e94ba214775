//! Metrics as lines of a chart: thinned out so that extremes stay.

use crate::Tracking;
use crate::error::Result;
use metria_store::{Metric, RunKeys};
use serde::{Serialize, Serializer};

/// Points of a line that nobody said otherwise about.
pub const USUAL_POINTS: usize = 1_000;
/// Fewest and most points that may be asked for.
const FEWEST_POINTS: usize = 10;
const MOST_POINTS: usize = 20_000;
/// Most keys of each kind that are listed.
const MOST_KEYS: usize = 2_000;

/// One metric of one run as columns, in the order of its history.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Series {
    /// The run.
    pub run_id: String,
    /// The metric.
    pub key: String,
    /// How many measurements there are; the columns hold them all, or those that show its shape.
    pub n_points: usize,
    /// The steps.
    pub steps: Vec<i64>,
    /// When each was measured.
    pub timestamps_ms: Vec<i64>,
    /// The values; `NaN`, `Infinity` and `-Infinity` as texts.
    #[serde(serialize_with = "numbers")]
    pub values: Vec<f64>,
}

/// A number as the API writes it.
#[derive(Serialize)]
struct Number(#[serde(with = "metria_store::runs::json_f64")] f64);

fn numbers<S: Serializer>(values: &[f64], serializer: S) -> std::result::Result<S::Ok, S::Error> {
    serializer.collect_seq(values.iter().map(|value| Number(*value)))
}

impl Series {
    /// The columns of some measurements; `n_points` is how many there are in all.
    #[must_use]
    pub fn new<'a>(
        run_id: &str,
        key: &str,
        n_points: usize,
        metrics: impl IntoIterator<Item = &'a Metric> + Clone,
    ) -> Self {
        Self {
            run_id: run_id.to_owned(),
            key: key.to_owned(),
            n_points,
            steps: metrics.clone().into_iter().map(|metric| metric.step).collect(),
            timestamps_ms: metrics.clone().into_iter().map(|metric| metric.timestamp_ms).collect(),
            values: metrics.into_iter().map(|metric| metric.value).collect(),
        }
    }
}

impl Tracking {
    /// One metric as a line of at most `max_points` (10 to 20,000): the first, the last, and of each stretch between
    /// them the smallest, the greatest and the first that is no finite number.
    ///
    /// # Errors
    /// When the run is not there or so many points are not allowed.
    pub async fn metric_series(&self, run_id: &str, key: &str, max_points: usize) -> Result<Series> {
        if !(FEWEST_POINTS..=MOST_POINTS).contains(&max_points) {
            let message = format!("max_points must be {FEWEST_POINTS} to {MOST_POINTS}; got {max_points}");
            return Err(metria_store::Error::Invalid(message).into());
        }
        let history = self.metric_history(run_id, key).await?;
        let kept = thinned(&history, max_points);
        Ok(Series::new(run_id, key, history.len(), kept.iter().map(|place| &history[*place])))
    }

    /// The measurements of one metric from a step and timestamp on, at most `limit`.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn metric_history_from(
        &self,
        run_id: &str,
        key: &str,
        from: (i64, i64),
        limit: usize,
    ) -> Result<Vec<Metric>> {
        Ok(self.store.metric_history_from(run_id, key, from, limit).await?)
    }

    /// The keys that the runs of an experiment have, the first 2,000 of each kind.
    ///
    /// # Errors
    /// When there is no such experiment.
    pub async fn run_keys(&self, experiment_id: &str) -> Result<RunKeys> {
        self.store.get_experiment(experiment_id).await?;
        Ok(self.store.run_keys(experiment_id, MOST_KEYS).await?)
    }
}

/// The places that are kept of a history, ascending.
fn thinned(history: &[Metric], most: usize) -> Vec<usize> {
    let n = history.len();
    if n <= most {
        return (0..n).collect();
    }
    let is_odd = |place: &usize| !history[*place].value.is_finite();
    let per_stretch = if (0..n).any(|place| is_odd(&place)) { 3 } else { 2 };
    let n_stretches = (most - 2) / per_stretch;
    let inner = n - 2;
    let mut kept = vec![0];
    for stretch in 0..n_stretches {
        let places = 1 + stretch * inner / n_stretches..1 + (stretch + 1) * inner / n_stretches;
        let by_value = |a: &usize, b: &usize| history[*a].value.total_cmp(&history[*b].value);
        let finite = || places.clone().filter(|place| !is_odd(place));
        let mut of_stretch: Vec<usize> = [finite().min_by(by_value), finite().max_by(by_value)]
            .into_iter()
            .chain([places.clone().find(is_odd)])
            .flatten()
            .collect();
        of_stretch.sort_unstable();
        of_stretch.dedup();
        kept.extend(of_stretch);
    }
    kept.push(n - 1);
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(values: impl IntoIterator<Item = f64>) -> Vec<Metric> {
        let metric = |(step, value)| Metric { key: "m".to_owned(), value, timestamp_ms: 0, step };
        (0..).zip(values).map(metric).collect()
    }

    #[test]
    fn short_histories_stay_whole() {
        for n in [0, 1, 2, 10] {
            assert_eq!(thinned(&history(vec![1.0; n]), 10), (0..n).collect::<Vec<_>>());
        }
    }

    #[test]
    fn every_extreme_stays() {
        let mut values: Vec<f64> = (0..100_000).map(|step| (f64::from(step) / 900.0).sin()).collect();
        for (place, value) in [(1, 50.0), (33_333, -7.0), (33_334, 7.0), (70_001, -90.0), (99_998, 60.0)] {
            values[place] = value;
        }
        let found = history(values.clone());
        let kept = thinned(&found, 1_000);
        assert!((900..=1_000).contains(&kept.len()), "{}", kept.len());
        assert!(kept.windows(2).all(|pair| pair[0] < pair[1]));
        for place in [0, 1, 33_333, 33_334, 70_001, 99_998, 99_999] {
            assert!(kept.contains(&place), "{place}");
        }
        // Of any stretch of 1,000 steps the line shows the span, but for what its two ends cut off.
        for start in (0..100_000).step_by(1_000) {
            let span = |places: &mut dyn Iterator<Item = usize>| {
                places
                    .fold((f64::MAX, f64::MIN), |(low, high), place| (low.min(values[place]), high.max(values[place])))
            };
            let inside = |place: &usize| (start..start + 1_000).contains(place);
            let (low, high) = span(&mut kept.iter().copied().filter(inside));
            let (least, most) = span(&mut (start + 202..start + 798));
            assert!(low <= least && high >= most, "{start}: {low}..{high} of {least}..{most}");
        }
    }

    #[test]
    fn what_is_no_number_stays_as_a_gap() {
        let mut values = vec![0.0; 10_000];
        values[5_000] = f64::NAN;
        values[7_000] = f64::INFINITY;
        values[7_001] = 3.0;
        let kept = thinned(&history(values), 100);
        assert!(
            kept.len() <= 100 && [0, 5_000, 7_000, 7_001, 9_999].iter().all(|place| kept.contains(place)),
            "{kept:?}"
        );
        assert!(thinned(&history(vec![f64::NAN; 10_000]), 100).len() <= 100);
    }
}
