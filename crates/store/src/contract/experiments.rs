//! Promises of [`ExperimentStore`](crate::ExperimentStore).

use super::{experiment, ok, refused, run_info, tag};
use crate::{Experiment, Lifecycle, RunInfo, Store};
use metria_core::ErrorKind;

/// An experiment is read back as it was written, by id and by name, its tags by key.
pub async fn what_is_written_is_read(store: &dyn Store) {
    let tags = vec![tag("b", "2"), tag("a", "1")];
    ok(store.create_experiment(Experiment { tags, ..experiment("7", "seven") }).await);
    let expected = Experiment { tags: vec![tag("a", "1"), tag("b", "2")], ..experiment("7", "seven") };
    assert_eq!(ok(store.get_experiment("7").await), expected);
    assert_eq!(ok(store.get_experiment_by_name("seven").await), expected);
    assert_eq!(ok(store.list_experiments(None).await), [expected]);
}

/// A taken id or name is refused, that of a deleted experiment included, and nothing is written.
pub async fn ids_and_names_are_taken_once(store: &dyn Store) {
    ok(store.create_experiment(experiment("1", "one")).await);
    refused(store.create_experiment(experiment("1", "other")).await, ErrorKind::AlreadyExists);
    refused(store.create_experiment(experiment("2", "one")).await, ErrorKind::AlreadyExists);
    ok(store.set_experiment_lifecycle("1", Lifecycle::Deleted, 200).await);
    refused(store.create_experiment(experiment("2", "one")).await, ErrorKind::AlreadyExists);
    assert_eq!(ok(store.list_experiments(None).await).len(), 1);
}

/// Every call on an experiment or tag that is not there says so.
pub async fn what_is_missing_is_not_found(store: &dyn Store) {
    refused(store.get_experiment("9").await, ErrorKind::NotFound);
    refused(store.get_experiment_by_name("nine").await, ErrorKind::NotFound);
    refused(store.rename_experiment("9", "x", 1).await, ErrorKind::NotFound);
    refused(store.set_experiment_lifecycle("9", Lifecycle::Deleted, 1).await, ErrorKind::NotFound);
    refused(store.set_experiment_tag("9", tag("a", "1"), 1).await, ErrorKind::NotFound);
    refused(store.delete_experiment_tag("9", "a", 1).await, ErrorKind::NotFound);
    ok(store.create_experiment(experiment("1", "one")).await);
    refused(store.delete_experiment_tag("1", "a", 200).await, ErrorKind::NotFound);
    assert_eq!(ok(store.get_experiment("1").await).last_update_time_ms, 100, "a refused write changes nothing");
    assert_eq!(ok(store.list_experiments(Some(Lifecycle::Deleted)).await), []);
}

/// Lists go by creation time, then id, both descending, and can be restricted to a lifecycle.
pub async fn the_newest_come_first(store: &dyn Store) {
    for (id, creation_time_ms) in [("1", 30), ("2", 10), ("3", 30), ("4", 20)] {
        ok(store.create_experiment(Experiment { creation_time_ms, ..experiment(id, id) }).await);
    }
    ok(store.set_experiment_lifecycle("4", Lifecycle::Deleted, 40).await);
    let ids = |experiments: Vec<Experiment>| -> Vec<String> {
        experiments.into_iter().map(|experiment| experiment.experiment_id).collect()
    };
    assert_eq!(ids(ok(store.list_experiments(None).await)), ["3", "1", "4", "2"]);
    assert_eq!(ids(ok(store.list_experiments(Some(Lifecycle::Active)).await)), ["3", "1", "2"]);
    assert_eq!(ids(ok(store.list_experiments(Some(Lifecycle::Deleted)).await)), ["4"]);
}

/// A name can be changed to a free one, or to itself, while the experiment is active.
pub async fn renaming(store: &dyn Store) {
    ok(store.create_experiment(experiment("1", "one")).await);
    ok(store.create_experiment(experiment("2", "two")).await);
    ok(store.rename_experiment("1", "uno", 200).await);
    let renamed = ok(store.get_experiment("1").await);
    assert_eq!((renamed.name.as_str(), renamed.last_update_time_ms), ("uno", 200));
    refused(store.get_experiment_by_name("one").await, ErrorKind::NotFound);
    refused(store.rename_experiment("1", "two", 300).await, ErrorKind::AlreadyExists);
    ok(store.rename_experiment("1", "uno", 400).await);
    ok(store.set_experiment_lifecycle("1", Lifecycle::Deleted, 500).await);
    refused(store.rename_experiment("1", "eins", 600).await, ErrorKind::Conflict);
    assert_eq!(ok(store.get_experiment("1").await).name, "uno");
}

/// Deleting and restoring changes the lifecycle once, and that of the experiment's runs with it; others keep theirs.
pub async fn deleting_and_restoring(store: &dyn Store) {
    ok(store.create_experiment(experiment("1", "one")).await);
    ok(store.create_experiment(experiment("2", "two")).await);
    ok(store.create_run(run_info(1), Vec::new()).await);
    ok(store.create_run(run_info(2), Vec::new()).await);
    ok(store.create_run(RunInfo { experiment_id: "2".to_owned(), ..run_info(3) }, Vec::new()).await);
    ok(store.set_run_lifecycle(&run_info(2).run_id, Lifecycle::Deleted, 120).await);
    let of_run = async |number| ok(store.get_run(&run_info(number).run_id).await).info.lifecycle;
    for (lifecycle, now_ms, updated_ms) in [
        (Lifecycle::Active, 150, 100),
        (Lifecycle::Deleted, 200, 200),
        (Lifecycle::Deleted, 250, 200),
        (Lifecycle::Active, 300, 300),
    ] {
        ok(store.set_experiment_lifecycle("1", lifecycle, now_ms).await);
        let experiment = ok(store.get_experiment("1").await);
        assert_eq!((experiment.lifecycle, experiment.last_update_time_ms), (lifecycle, updated_ms));
        assert_eq!((of_run(1).await, of_run(3).await), (lifecycle, Lifecycle::Active));
        let own = if updated_ms == 100 { Lifecycle::Deleted } else { lifecycle };
        assert_eq!(of_run(2).await, own, "a run that was deleted by itself comes back with its experiment");
    }
}

/// Tags are written, replaced and removed, and each change is the last update.
pub async fn tags(store: &dyn Store) {
    ok(store.create_experiment(experiment("1", "one")).await);
    ok(store.set_experiment_tag("1", tag("b", "1"), 200).await);
    ok(store.set_experiment_tag("1", tag("a", "2"), 300).await);
    ok(store.set_experiment_tag("1", tag("b", "3"), 400).await);
    let tagged = ok(store.get_experiment("1").await);
    assert_eq!(tagged.tags, [tag("a", "2"), tag("b", "3")]);
    assert_eq!(tagged.last_update_time_ms, 400);
    ok(store.delete_experiment_tag("1", "b", 500).await);
    let tagged = ok(store.get_experiment("1").await);
    assert_eq!((tagged.tags, tagged.last_update_time_ms), (vec![tag("a", "2")], 500));
}

/// Any Unicode is kept to the last byte.
pub async fn odd_texts(store: &dyn Store) {
    for (number, text) in super::odd_texts().iter().enumerate() {
        let id = number.to_string();
        let tags = vec![tag(text, text)];
        let written = Experiment { tags, artifact_location: text.clone(), ..experiment(&id, text) };
        ok(store.create_experiment(written.clone()).await);
        assert_eq!(ok(store.get_experiment_by_name(text).await), written);
        ok(store.delete_experiment_tag(&id, text, 100).await);
    }
    assert_eq!(ok(store.list_experiments(None).await).len(), super::odd_texts().len());
}

/// The character NUL, which not every backend can keep, is refused by all.
pub async fn nul_is_refused(store: &dyn Store) {
    refused(store.create_experiment(experiment("1", "a\0b")).await, ErrorKind::InvalidInput);
    ok(store.create_experiment(experiment("1", "one")).await);
    refused(store.rename_experiment("1", "\0", 1).await, ErrorKind::InvalidInput);
    refused(store.set_experiment_tag("1", tag("a", "\0"), 1).await, ErrorKind::InvalidInput);
    refused(store.set_experiment_tag("1", tag("\0", "a"), 1).await, ErrorKind::InvalidInput);
    super::refused_name(store.get_experiment_by_name("a\0b").await);
}
