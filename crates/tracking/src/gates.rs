//! The validation gate before Production.

use crate::Tracking;
use crate::error::Result;
use metria_core::time::now_ms;
use metria_core::{ModelStage, ids};
use metria_store::{GateCheck, GateDecision};
use std::collections::BTreeMap;

/// What a version must show. The default: a greater ROC AUC than the version in Production.
#[derive(Clone, Debug, PartialEq)]
pub struct GatePolicy {
    /// The metric that is compared with the version in Production; more is better.
    pub metric: String,
    /// The candidate must be better by more than this.
    pub min_improvement: f64,
    /// The least that metrics must reach, whatever is in Production.
    pub minimums: BTreeMap<String, f64>,
}

impl Default for GatePolicy {
    fn default() -> Self {
        Self { metric: "roc_auc".to_owned(), min_improvement: 0.0, minimums: BTreeMap::new() }
    }
}

impl GatePolicy {
    /// Asks every question about a candidate and the version in Production, if there is one.
    fn checks(
        &self,
        candidate: &BTreeMap<String, f64>,
        champion: Option<&(u32, BTreeMap<String, f64>)>,
    ) -> Vec<GateCheck> {
        let value = |metrics: &BTreeMap<String, f64>, key: &str| metrics.get(key).copied().unwrap_or(f64::NAN);
        let mut checks: Vec<GateCheck> = self
            .minimums
            .iter()
            .map(|(metric, least)| {
                let got = value(candidate, metric);
                GateCheck {
                    rule: format!("{metric} {} >= {}", shown(got), shown(*least)),
                    metric: metric.clone(),
                    value: got,
                    threshold: *least,
                    // NaN reaches nothing.
                    passed: got >= *least,
                }
            })
            .collect();
        if let Some((version, metrics)) = champion {
            // Models with several metrics in common may lack the primary one; accuracy is always there.
            let metric = if candidate.contains_key(&self.metric) { self.metric.as_str() } else { "accuracy" };
            let (got, to_beat) = (value(candidate, metric), value(metrics, metric) + self.min_improvement);
            checks.push(GateCheck {
                rule: format!("{metric} {} > {} of version {version}", shown(got), shown(to_beat)),
                metric: metric.to_owned(),
                value: got,
                threshold: to_beat,
                passed: got > to_beat,
            });
        }
        checks
    }
}

fn shown(value: f64) -> String {
    format!("{value:.4}")
}

fn reason(checks: &[GateCheck], champion: Option<u32>) -> String {
    let failed: Vec<&str> = checks.iter().filter(|check| !check.passed).map(|check| check.rule.as_str()).collect();
    match (failed.is_empty(), champion) {
        (true, Some(version)) => format!("better than version {version} in Production, and every minimum is reached"),
        (true, None) => "the first version for Production, and every minimum is reached".to_owned(),
        (false, _) => format!("not met: {}", failed.join("; ")),
    }
}

impl Tracking {
    /// Decides about a version with the given metrics and writes the decision.
    ///
    /// # Errors
    /// When the version is not there or the store fails.
    pub async fn evaluate_gate(
        &self,
        name: &str,
        version: u32,
        candidate: &BTreeMap<String, f64>,
        champion: Option<(u32, BTreeMap<String, f64>)>,
        policy: &GatePolicy,
    ) -> Result<GateDecision> {
        let checks = policy.checks(candidate, champion.as_ref());
        let compared_with = champion.map(|(version, _)| version);
        let decision = GateDecision {
            decision_id: ids::new_id(),
            name: name.to_owned(),
            version,
            compared_with,
            passed: checks.iter().all(|check| check.passed),
            reason: reason(&checks, compared_with),
            checks,
            time_ms: now_ms(),
        };
        self.store.record_decision(decision.clone()).await?;
        Ok(decision)
    }

    /// Decides about a version with the metrics of its run against those of the Production version's run.
    ///
    /// # Errors
    /// As [`Self::evaluate_gate`].
    pub async fn ask_gate(&self, name: &str, version: u32, policy: &GatePolicy) -> Result<GateDecision> {
        let candidate = self.version_side(name, version).await?.metrics;
        let champion = match self.latest_in_stage(name, ModelStage::Production).await? {
            Some(found) if found.version != version => {
                Some((found.version, self.version_side(name, found.version).await?.metrics))
            }
            _ => None,
        };
        self.evaluate_gate(name, version, &candidate, champion, policy).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metrics(roc_auc: f64) -> BTreeMap<String, f64> {
        BTreeMap::from([("roc_auc".to_owned(), roc_auc), ("accuracy".to_owned(), 0.75)])
    }

    fn passes(policy: &GatePolicy, candidate: f64, champion: Option<f64>) -> bool {
        let champion = champion.map(|value| (1, metrics(value)));
        policy.checks(&metrics(candidate), champion.as_ref()).iter().all(|check| check.passed)
    }

    #[test]
    fn a_challenger_must_be_better() {
        let policy = GatePolicy::default();
        assert!(passes(&policy, 0.5, None), "the first");
        assert!(passes(&policy, 0.81, Some(0.8)));
        assert!(!passes(&policy, 0.8, Some(0.8)), "as good is not better");
        assert!(!passes(&policy, f64::NAN, Some(0.8)) && !passes(&policy, 0.9, Some(f64::NAN)));
        let demanding = GatePolicy { min_improvement: 0.05, ..GatePolicy::default() };
        assert!(!passes(&demanding, 0.84, Some(0.8)) && passes(&demanding, 0.86, Some(0.8)));
    }

    #[test]
    fn minimums_hold_for_the_first_too() {
        let mut policy = GatePolicy::default();
        policy.minimums.insert("roc_auc".to_owned(), 0.7);
        policy.minimums.insert("recall".to_owned(), 0.1);
        let checks = policy.checks(&metrics(0.9), None);
        let failed: Vec<&str> = checks.iter().filter(|c| !c.passed).map(|c| c.metric.as_str()).collect();
        assert_eq!(failed, ["recall"], "a metric that is missing reaches nothing");
        assert!(reason(&checks, None).contains("recall NaN >= 0.1000"));
    }
}
