//! Promises of [`ModelStore`](crate::ModelStore) but for stages and decisions.

use super::{model, ok, refused, tag, version, with_versions};
use crate::{GateDecision, ModelVersion, RegisteredModel, StageTransition, Store};
use futures_util::future::join_all;
use metria_core::{ErrorKind, ModelStage};

/// A model and a version are read back as they were written, tags by key; the store gives the number.
pub async fn what_is_written_is_read(store: &dyn Store) {
    let tags = vec![tag("b", "2"), tag("a", "1")];
    ok(store.create_model(RegisteredModel { tags: tags.clone(), ..model("m") }).await);
    let written = ModelVersion { version: 77, tags, ..version("m") };
    let created = ok(store.create_version(written.clone()).await);
    let sorted = vec![tag("a", "1"), tag("b", "2")];
    assert_eq!(created, ModelVersion { version: 1, tags: sorted.clone(), ..written });
    assert_eq!(ok(store.get_version("m", 1).await), created);
    assert_eq!(ok(store.list_versions("m").await), [created]);
    let expected = RegisteredModel { tags: sorted, last_update_time_ms: 200, ..model("m") };
    assert_eq!(ok(store.get_model("m").await), expected);
    assert_eq!(ok(store.list_models().await), [expected]);
    let bare = ModelVersion { run_id: None, stage: ModelStage::Archived, ..version("m") };
    let created = ok(store.create_version(bare).await);
    assert_eq!((created.version, created.run_id, created.stage), (2, None, ModelStage::Archived));
}

/// A taken name is refused.
pub async fn names_are_taken_once(store: &dyn Store) {
    ok(store.create_model(model("m")).await);
    let other = RegisteredModel { description: "other".to_owned(), tags: vec![tag("a", "1")], ..model("m") };
    refused(store.create_model(other).await, ErrorKind::AlreadyExists);
    assert_eq!(ok(store.get_model("m").await), model("m"));
    ok(store.create_model(model("M")).await);
    refused(store.rename_model("m", "M", 200).await, ErrorKind::AlreadyExists);
    assert_eq!(ok(store.get_model("m").await), model("m"), "a refused write changes nothing");
}

/// Every call on a model, version or alias that is not there says so.
pub async fn what_is_missing_is_not_found(store: &dyn Store) {
    let gone = ErrorKind::NotFound;
    let transition = |name: &str, version: u32| StageTransition {
        name: name.to_owned(),
        version,
        from_stage: ModelStage::None,
        to_stage: ModelStage::Staging,
        user_id: String::new(),
        description: String::new(),
        time_ms: 1,
    };
    let decision = |name: &str, version: u32| GateDecision {
        decision_id: super::run_id(1),
        name: name.to_owned(),
        version,
        compared_with: None,
        passed: true,
        reason: String::new(),
        checks: Vec::new(),
        time_ms: 1,
    };
    refused(store.get_model("m").await, gone);
    refused(store.rename_model("m", "n", 1).await, gone);
    refused(store.describe_model("m", "", 1).await, gone);
    refused(store.delete_model("m").await, gone);
    refused(store.set_model_tag("m", tag("a", "1"), 1).await, gone);
    refused(store.create_version(version("m")).await, gone);
    refused(store.list_versions("m").await, gone);
    refused(store.delete_alias("m", "a", 1).await, gone);
    assert_eq!(ok(store.list_transitions("m").await), []);
    assert_eq!(ok(store.list_decisions("m").await), []);
    for versions in 0..2 {
        if versions == 1 {
            with_versions(store, "m", 1).await;
        }
        for number in [0, 2, u32::MAX] {
            refused(store.get_version("m", number).await, gone);
            refused(store.describe_version("m", number, "", 1).await, gone);
            refused(store.set_version_tag("m", number, tag("a", "1"), 1).await, gone);
            refused(store.delete_version("m", number, 1).await, gone);
            refused(store.transition_stage(transition("m", number), true).await, gone);
            refused(store.set_alias("m", "a", number, 1).await, gone);
            refused(store.record_decision(decision("m", number)).await, gone);
        }
    }
    refused(store.delete_alias("m", "a", 1).await, gone);
    let untouched = RegisteredModel { last_update_time_ms: 200, ..model("m") };
    assert_eq!(ok(store.get_model("m").await), untouched, "a refused write changes nothing");
}

/// Models by name (its bytes) ascending, versions the newest first.
pub async fn lists_are_in_order(store: &dyn Store) {
    for name in ["b", "ä", "a", "B", "a b"] {
        with_versions(store, name, 2).await;
    }
    let names: Vec<String> = ok(store.list_models().await).into_iter().map(|model| model.name).collect();
    assert_eq!(names, ["B", "a", "a b", "b", "ä"]);
    with_versions(store, "many", 12).await;
    let numbers: Vec<u32> = ok(store.list_versions("many").await).iter().map(|version| version.version).collect();
    assert_eq!(numbers, (1..=12).rev().collect::<Vec<_>>());
}

/// Numbers are 1, 2, 3 … in each model.
pub async fn versions_are_numbered(store: &dyn Store) {
    for name in ["a", "b"] {
        ok(store.create_model(model(name)).await);
        for number in 1..=3 {
            assert_eq!(ok(store.create_version(version(name)).await).version, number);
        }
    }
}

/// A number is never used twice, even after the deletion of the newest version.
pub async fn numbers_are_never_reused(store: &dyn Store) {
    with_versions(store, "m", 2).await;
    ok(store.delete_version("m", 2, 300).await);
    assert_eq!(ok(store.create_version(version("m")).await).version, 3);
    let numbers: Vec<u32> = ok(store.list_versions("m").await).iter().map(|version| version.version).collect();
    assert_eq!(numbers, [3, 1]);
    assert_eq!(ok(store.get_model("m").await).last_update_time_ms, 200);
}

/// 50 creators at once get 50 numbers without a gap, whatever else is refused at the same time.
pub async fn many_creators_leave_no_gap(store: &dyn Store) {
    ok(store.create_model(model("m")).await);
    let creators = (0..50).map(|number: u32| async move {
        let name = if number % 5 == 4 { "no such model" } else { "m" };
        let source = number.to_string();
        store.create_version(ModelVersion { source, ..version(name) }).await
    });
    let created = join_all(creators).await;
    let more =
        (0..10).map(|number: u32| store.create_version(ModelVersion { source: number.to_string(), ..version("m") }));
    let mut numbers: Vec<u32> = join_all(more).await.into_iter().map(|version| ok(version).version).collect();
    for (creator, version) in created.into_iter().enumerate() {
        if creator % 5 == 4 {
            refused(version, ErrorKind::NotFound);
        } else {
            let version = ok(version);
            assert_eq!(version.source, creator.to_string(), "each creator is answered with its own version");
            numbers.push(version.version);
        }
    }
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=50).collect::<Vec<_>>());
}

/// A new name takes versions, tags, aliases, transitions and decisions with it.
pub async fn renaming_takes_everything(store: &dyn Store) {
    with_versions(store, "old", 2).await;
    ok(store.set_model_tag("old", tag("a", "1"), 300).await);
    ok(store.set_version_tag("old", 2, tag("b", "2"), 300).await);
    ok(store.set_alias("old", "champion", 2, 300).await);
    super::stages::transition(store, "old", 2, ModelStage::Production, true, 300).await;
    super::stages::decide(store, "old", 2, 1, 300).await;
    ok(store.rename_model("old", "new", 400).await);
    refused(store.get_model("old").await, ErrorKind::NotFound);
    refused(store.get_version("old", 2).await, ErrorKind::NotFound);
    assert_eq!(ok(store.list_transitions("old").await), []);
    assert_eq!(ok(store.list_decisions("old").await), []);
    let renamed = ok(store.get_model("new").await);
    assert_eq!((renamed.name.as_str(), renamed.last_update_time_ms), ("new", 400));
    assert_eq!((renamed.tags, renamed.aliases), (vec![tag("a", "1")], vec![("champion".to_owned(), 2)]));
    let versions = ok(store.list_versions("new").await);
    assert_eq!(versions.len(), 2);
    assert!(versions.iter().all(|version| version.name == "new"));
    assert_eq!((versions[0].tags.clone(), versions[0].stage), (vec![tag("b", "2")], ModelStage::Production));
    let transitions = ok(store.list_transitions("new").await);
    assert_eq!((transitions.len(), transitions[0].name.as_str()), (1, "new"));
    let decisions = ok(store.list_decisions("new").await);
    assert_eq!((decisions.len(), decisions[0].name.as_str()), (1, "new"));
    assert_eq!(ok(store.create_version(version("new")).await).version, 3, "the numbers go on");
    ok(store.create_model(model("old")).await);
    assert_eq!(ok(store.list_versions("old").await), []);
    ok(store.rename_model("new", "new", 500).await);
    assert_eq!(ok(store.list_versions("new").await).len(), 3);
}

/// An alias points at one version, moves, is removed, and goes with its version; a version may have several.
pub async fn aliases(store: &dyn Store) {
    with_versions(store, "m", 3).await;
    with_versions(store, "other", 1).await;
    let pair = |alias: &str, version: u32| (alias.to_owned(), version);
    ok(store.set_alias("m", "b", 1, 300).await);
    ok(store.set_alias("m", "a", 1, 310).await);
    ok(store.set_alias("other", "a", 1, 320).await);
    let found = ok(store.get_model("m").await);
    assert_eq!((found.aliases, found.last_update_time_ms), (vec![pair("a", 1), pair("b", 1)], 310));
    ok(store.set_alias("m", "b", 3, 330).await);
    ok(store.set_alias("m", "b", 3, 340).await);
    assert_eq!(ok(store.get_model("m").await).aliases, [pair("a", 1), pair("b", 3)]);
    ok(store.delete_version("m", 3, 350).await);
    assert_eq!(ok(store.get_model("m").await).aliases, [pair("a", 1)]);
    ok(store.delete_alias("m", "a", 360).await);
    refused(store.delete_alias("m", "a", 370).await, ErrorKind::NotFound);
    let found = ok(store.get_model("m").await);
    assert_eq!((found.aliases, found.last_update_time_ms), (vec![], 360));
    assert_eq!(ok(store.get_model("other").await).aliases, [pair("a", 1)]);
}

/// Tags and descriptions are replaced, and each change is the last update of what it belongs to.
pub async fn tags_and_descriptions(store: &dyn Store) {
    with_versions(store, "m", 2).await;
    ok(store.set_model_tag("m", tag("a", "1"), 300).await);
    ok(store.set_model_tag("m", tag("a", "2"), 310).await);
    ok(store.describe_model("m", "new words", 320).await);
    let found = ok(store.get_model("m").await);
    assert_eq!((found.tags, found.description.as_str()), (vec![tag("a", "2")], "new words"));
    assert_eq!(found.last_update_time_ms, 320);
    ok(store.set_version_tag("m", 1, tag("b", "1"), 330).await);
    ok(store.set_version_tag("m", 1, tag("b", "2"), 340).await);
    ok(store.describe_version("m", 1, "newer words", 350).await);
    let changed = ok(store.get_version("m", 1).await);
    assert_eq!((changed.tags, changed.description.as_str()), (vec![tag("b", "2")], "newer words"));
    assert_eq!(changed.last_update_time_ms, 350);
    assert_eq!(ok(store.get_model("m").await).last_update_time_ms, 350);
    assert_eq!(ok(store.get_version("m", 2).await), ModelVersion { version: 2, ..version("m") });
    ok(store.delete_model_tag("m", "a", 360).await);
    assert_eq!(
        (ok(store.get_model("m").await).tags, ok(store.get_model("m").await).last_update_time_ms),
        (vec![], 360)
    );
    ok(store.delete_version_tag("m", 1, "b", 370).await);
    let bare = ok(store.get_version("m", 1).await);
    assert_eq!((bare.tags, bare.last_update_time_ms), (vec![], 370));
    refused(store.delete_model_tag("m", "a", 380).await, ErrorKind::NotFound);
    refused(store.delete_version_tag("m", 1, "b", 380).await, ErrorKind::NotFound);
    refused(store.delete_version_tag("m", 9, "b", 380).await, ErrorKind::NotFound);
    assert_eq!(ok(store.get_model("m").await).last_update_time_ms, 370, "what is refused changes nothing");
}

/// A deleted version or model is gone with everything of it, and nothing else.
pub async fn deleting(store: &dyn Store) {
    with_versions(store, "m", 2).await;
    with_versions(store, "other", 1).await;
    ok(store.set_version_tag("m", 2, tag("a", "1"), 300).await);
    super::stages::transition(store, "m", 2, ModelStage::Staging, false, 300).await;
    super::stages::transition(store, "m", 2, ModelStage::Archived, false, 310).await;
    super::stages::decide(store, "m", 2, 1, 300).await;
    ok(store.delete_version("m", 2, 400).await);
    refused(store.get_version("m", 2).await, ErrorKind::NotFound);
    assert_eq!(ok(store.get_model("m").await).last_update_time_ms, 400);
    assert_eq!(ok(store.list_transitions("m").await).len(), 2, "what happened stays known");
    assert_eq!(ok(store.list_decisions("m").await).len(), 1, "what was decided stays known");
    ok(store.delete_model("m").await);
    refused(store.get_model("m").await, ErrorKind::NotFound);
    assert_eq!(ok(store.list_transitions("m").await), []);
    assert_eq!(ok(store.list_decisions("m").await), []);
    assert_eq!(ok(store.list_versions("other").await).len(), 1);
    ok(store.create_model(model("m")).await);
    assert_eq!(ok(store.list_versions("m").await), []);
    assert_eq!(ok(store.get_model("m").await), model("m"));
}

/// Any Unicode is kept to the last byte.
pub async fn odd_texts(store: &dyn Store) {
    let texts = super::odd_texts();
    for text in &texts {
        let written = RegisteredModel { description: text.clone(), tags: vec![tag(text, text)], ..model(text) };
        ok(store.create_model(written.clone()).await);
        assert_eq!(ok(store.get_model(text).await), written);
        let written = ModelVersion {
            description: text.clone(),
            source: text.clone(),
            run_id: Some(text.clone()),
            storage_location: text.clone(),
            user_id: text.clone(),
            tags: vec![tag(text, text)],
            ..version(text)
        };
        let created = ok(store.create_version(written.clone()).await);
        assert_eq!(created, ModelVersion { version: 1, ..written });
        ok(store.set_alias(text, text, 1, 200).await);
        assert_eq!(ok(store.get_model(text).await).aliases, [(text.clone(), 1)]);
    }
    assert_eq!(ok(store.list_models().await).len(), texts.len());
}

/// The character NUL, which not every backend can keep, is refused by all.
pub async fn nul_is_refused(store: &dyn Store) {
    let invalid = ErrorKind::InvalidInput;
    refused(store.create_model(model("\0")).await, invalid);
    super::refused_name(store.get_model("\0").await);
    with_versions(store, "m", 1).await;
    refused(store.rename_model("m", "n\0", 1).await, invalid);
    refused(store.describe_model("m", "\0", 1).await, invalid);
    refused(store.set_model_tag("m", tag("\0", ""), 1).await, invalid);
    refused(store.create_version(ModelVersion { source: "\0".to_owned(), ..version("m") }).await, invalid);
    refused(store.create_version(ModelVersion { run_id: Some("\0".to_owned()), ..version("m") }).await, invalid);
    refused(store.describe_version("m", 1, "\0", 1).await, invalid);
    refused(store.set_version_tag("m", 1, tag("a", "\0"), 1).await, invalid);
    refused(store.set_alias("m", "\0", 1, 1).await, invalid);
    assert_eq!(ok(store.list_versions("m").await).len(), 1);
}
