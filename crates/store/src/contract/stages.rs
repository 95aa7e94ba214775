//! Promises of [`ModelStore`](crate::ModelStore) about stages, transitions and the gates' decisions.

use super::{ok, refused, run_id, with_versions};
use crate::{GateCheck, GateDecision, ModelVersion, StageTransition, Store};
use futures_util::future::join_all;
use metria_core::{ErrorKind, ModelStage};

fn to(name: &str, version: u32, to_stage: ModelStage, time_ms: i64) -> StageTransition {
    StageTransition {
        name: name.to_owned(),
        version,
        // The store writes what it found instead.
        from_stage: ModelStage::Archived,
        to_stage,
        user_id: "ada".to_owned(),
        description: "because".to_owned(),
        time_ms,
    }
}

pub(super) async fn transition(
    store: &dyn Store,
    name: &str,
    version: u32,
    stage: ModelStage,
    archive_existing: bool,
    time_ms: i64,
) -> ModelVersion {
    ok(store.transition_stage(to(name, version, stage, time_ms), archive_existing).await)
}

fn decision(name: &str, version: u32, number: usize, time_ms: i64) -> GateDecision {
    let check = |value: f64, threshold: f64| GateCheck {
        rule: "roc_auc \"is\" >= 0.7 — é".to_owned(),
        metric: "roc_auc".to_owned(),
        value,
        threshold,
        passed: value >= threshold,
    };
    GateDecision {
        decision_id: run_id(number),
        name: name.to_owned(),
        version,
        compared_with: number.is_multiple_of(2).then_some(1),
        passed: !number.is_multiple_of(2),
        reason: format!("reason {number}"),
        checks: vec![check(0.1, 1.0 / 3.0), check(f64::INFINITY, f64::NEG_INFINITY)],
        time_ms,
    }
}

pub(super) async fn decide(store: &dyn Store, name: &str, version: u32, number: usize, time_ms: i64) {
    ok(store.record_decision(decision(name, version, number, time_ms)).await);
}

/// A move changes stage and times, and is written with the stage that was found; the last written comes first.
pub async fn moving_writes_a_transition(store: &dyn Store) {
    with_versions(store, "m", 2).await;
    let moved = transition(store, "m", 2, ModelStage::Staging, false, 500).await;
    assert_eq!((moved.stage, moved.last_update_time_ms, moved.version), (ModelStage::Staging, 500, 2));
    assert_eq!(ok(store.get_version("m", 2).await), moved);
    assert_eq!(ok(store.get_model("m").await).last_update_time_ms, 500);
    // An earlier time later on: the order is that of writing.
    transition(store, "m", 2, ModelStage::Production, false, 400).await;
    transition(store, "m", 2, ModelStage::Production, false, 400).await;
    let expected: Vec<StageTransition> = [
        (ModelStage::Production, ModelStage::Production, 400),
        (ModelStage::Staging, ModelStage::Production, 400),
        (ModelStage::None, ModelStage::Staging, 500),
    ]
    .into_iter()
    .map(|(from_stage, to_stage, time_ms)| StageTransition { from_stage, ..to("m", 2, to_stage, time_ms) })
    .collect();
    assert_eq!(ok(store.list_transitions("m").await), expected);
    assert_eq!(ok(store.get_version("m", 1).await).stage, ModelStage::None);
}

/// With `archive_existing` the others leave the stage in the same write, each with a transition; without, they stay.
pub async fn others_are_archived(store: &dyn Store) {
    with_versions(store, "m", 4).await;
    with_versions(store, "other", 1).await;
    for name_version in [("m", 1), ("m", 2), ("other", 1)] {
        transition(store, name_version.0, name_version.1, ModelStage::Production, false, 300).await;
    }
    transition(store, "m", 3, ModelStage::Staging, false, 300).await;
    let champion = transition(store, "m", 4, ModelStage::Production, true, 400).await;
    assert_eq!((champion.version, champion.stage), (4, ModelStage::Production));
    let stages: Vec<(u32, ModelStage)> =
        ok(store.list_versions("m").await).iter().map(|version| (version.version, version.stage)).collect();
    let expected =
        [(4, ModelStage::Production), (3, ModelStage::Staging), (2, ModelStage::Archived), (1, ModelStage::Archived)];
    assert_eq!(stages, expected);
    assert_eq!(ok(store.get_version("other", 1).await).stage, ModelStage::Production);
    let moves: Vec<(u32, ModelStage, ModelStage, i64)> = ok(store.list_transitions("m").await)
        .iter()
        .take(3)
        .map(|transition| (transition.version, transition.from_stage, transition.to_stage, transition.time_ms))
        .collect();
    let expected = [
        (4, ModelStage::None, ModelStage::Production, 400),
        (2, ModelStage::Production, ModelStage::Archived, 400),
        (1, ModelStage::Production, ModelStage::Archived, 400),
    ];
    assert_eq!(moves, expected);
    transition(store, "m", 4, ModelStage::Production, true, 500).await;
    assert_eq!(ok(store.get_version("m", 4).await).stage, ModelStage::Production, "it does not archive itself");
    refused(store.transition_stage(to("m", 9, ModelStage::Production, 600), true).await, ErrorKind::NotFound);
    assert_eq!(ok(store.get_version("m", 4).await).stage, ModelStage::Production, "a refused move archives nothing");
}

/// Only Staging and Production are cleared by `archive_existing`.
pub async fn only_places_of_use_are_cleared(store: &dyn Store) {
    with_versions(store, "m", 3).await;
    transition(store, "m", 1, ModelStage::Archived, true, 300).await;
    transition(store, "m", 2, ModelStage::Archived, true, 400).await;
    transition(store, "m", 2, ModelStage::None, true, 500).await;
    assert_eq!(ok(store.get_version("m", 3).await).stage, ModelStage::None);
    assert_eq!(ok(store.list_transitions("m").await).len(), 3);
    transition(store, "m", 1, ModelStage::Staging, true, 600).await;
    transition(store, "m", 2, ModelStage::Staging, true, 700).await;
    assert_eq!(ok(store.get_version("m", 1).await).stage, ModelStage::Archived);
}

/// A version in Staging or Production cannot be deleted, nor can its model; one that is not, can.
pub async fn versions_in_use_stay(store: &dyn Store) {
    with_versions(store, "m", 2).await;
    for stage in [ModelStage::Staging, ModelStage::Production] {
        transition(store, "m", 1, stage, false, 300).await;
        let message = refused(store.delete_version("m", 1, 400).await, ErrorKind::Conflict).to_string();
        assert!(message.contains("version 1 of m"), "{message}");
        refused(store.delete_model("m").await, ErrorKind::Conflict);
        assert_eq!(ok(store.list_versions("m").await).len(), 2);
        assert_eq!(ok(store.get_model("m").await).last_update_time_ms, 300, "a refused write changes nothing");
    }
    ok(store.delete_version("m", 2, 500).await);
    transition(store, "m", 1, ModelStage::Archived, false, 600).await;
    ok(store.delete_model("m").await);
}

/// However many go to Production at once, one is there in the end, and the transitions tell a story without holes.
pub async fn one_champion_under_concurrency(store: &dyn Store) {
    with_versions(store, "m", 8).await;
    let moves = (1..=8).map(|version| {
        let time_ms = 300 + i64::from(version);
        store.transition_stage(to("m", version, ModelStage::Production, time_ms), true)
    });
    for moved in join_all(moves).await {
        assert_eq!(ok(moved).stage, ModelStage::Production);
    }
    let versions = ok(store.list_versions("m").await);
    let in_stage = |stage: ModelStage| versions.iter().filter(|version| version.stage == stage).count();
    assert_eq!((in_stage(ModelStage::Production), in_stage(ModelStage::Archived)), (1, 7));
    let mut stages = std::collections::BTreeMap::new();
    for transition in ok(store.list_transitions("m").await).iter().rev() {
        let stage = stages.entry(transition.version).or_insert(ModelStage::None);
        assert_eq!(*stage, transition.from_stage, "version {}", transition.version);
        *stage = transition.to_stage;
        let champions = stages.values().filter(|stage| **stage == ModelStage::Production).count();
        assert!(champions <= 1, "never two at a time");
    }
}

/// Decisions are kept whole, the newest first, and an id is taken once.
pub async fn decisions(store: &dyn Store) {
    with_versions(store, "m", 2).await;
    with_versions(store, "other", 1).await;
    for (number, time_ms) in [(1, 300), (2, 500), (4, 400), (3, 400)] {
        decide(store, "m", 2, number, time_ms).await;
    }
    decide(store, "other", 1, 9, 999).await;
    let expected: Vec<GateDecision> = [(2, 500), (4, 400), (3, 400), (1, 300)]
        .into_iter()
        .map(|(number, time_ms)| decision("m", 2, number, time_ms))
        .collect();
    assert_eq!(ok(store.list_decisions("m").await), expected);
    refused(store.record_decision(decision("m", 1, 2, 600)).await, ErrorKind::AlreadyExists);
    refused(store.record_decision(decision("m", 1, 9, 600)).await, ErrorKind::AlreadyExists);
    assert_eq!(ok(store.list_decisions("m").await).len(), 4);
    // NaN is not equal to itself, so its check is looked at by hand.
    let mut odd = decision("other", 1, 10, 1_000);
    odd.checks[0].value = f64::NAN;
    ok(store.record_decision(odd).await);
    assert!(ok(store.list_decisions("other").await)[0].checks[0].value.is_nan());
}
