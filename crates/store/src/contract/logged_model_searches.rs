//! Promises about searches for logged models.

use super::logged_models::{
    all, condition, dataset, found, measured, measurements, model, model_id, text, with_models,
};
use super::{experiment, ok, order, param, refused, run_id, tag, with_runs};
use crate::{
    Comparison, DatasetSelector, Entity, Lifecycle, LoggedModel, LoggedModelOrder, LoggedModelQuery, LoggedModelStatus,
    Store,
};
use metria_core::ErrorKind;

/// Conditions on attributes, params and tags; all must hold.
pub async fn conditions(store: &dyn Store) {
    with_runs(store, 1).await;
    ok(store.create_experiment(experiment("2", "two")).await);
    for number in 0..4 {
        let made = LoggedModel {
            experiment_id: text(if number == 3 { "2" } else { "1" }),
            model_type: (number == 1).then(|| text("Forest")),
            source_run_id: (number < 2).then(|| run_id(0)),
            params: vec![param("depth", &number.to_string())],
            tags: if number == 2 { Vec::new() } else { vec![tag("team", "a%b")] },
            ..model(number)
        };
        ok(store.create_logged_model(made).await);
    }
    ok(store.finalize_logged_model(&model_id(2), LoggedModelStatus::Ready, 5_000).await);
    let equals = |value: &str| Comparison::TextEquals(text(value));
    let (attribute, param, tag) = (Entity::Attribute, Entity::Param, Entity::Tag);
    for (conditions, expected) in [
        (vec![(attribute, "name", equals("model-1"))], vec![1]),
        (vec![(attribute, "name", Comparison::ILike(text("MODEL-%")))], vec![3, 2, 1, 0]),
        (vec![(attribute, "model_id", Comparison::In(vec![model_id(0), model_id(3)]))], vec![3, 0]),
        (vec![(attribute, "model_type", Comparison::Like(text("F%")))], vec![1]),
        (vec![(attribute, "model_type", Comparison::TextNotEquals(text("x")))], vec![1]),
        (vec![(attribute, "model_type", Comparison::IsNull)], vec![3, 2, 0]),
        (vec![(attribute, "status", equals("READY"))], vec![2]),
        (vec![(attribute, "source_run_id", equals(&run_id(0)))], vec![1, 0]),
        (vec![(attribute, "experiment_id", equals("2"))], vec![3]),
        (vec![(attribute, "creation_time", Comparison::Greater(1_001.0))], vec![3, 2]),
        (vec![(attribute, "last_update_time", Comparison::NumberEquals(5_000.0))], vec![2]),
        (vec![(param, "depth", equals("2"))], vec![2]),
        (vec![(param, "depth", Comparison::NotIn(vec![text("2"), text("3")]))], vec![1, 0]),
        (vec![(tag, "team", equals("a%b"))], vec![3, 1, 0]),
        (vec![(tag, "team", Comparison::IsNull)], vec![2]),
        (vec![(tag, "team", Comparison::IsNotNull), (param, "depth", equals("0"))], vec![0]),
        (vec![(tag, "team", Comparison::IsNull), (param, "depth", equals("0"))], vec![]),
    ] {
        let conditions = conditions.into_iter().map(|(entity, key, comparison)| condition(entity, key, comparison));
        let query = LoggedModelQuery { conditions: conditions.collect(), ..all() };
        assert_eq!(found(store, &query).await, expected, "{query:?}");
    }
    for (ids, expected) in [(&["1"][..], vec![2, 1, 0]), (&["2"], vec![3]), (&["2", "1"], vec![3, 2, 1, 0])] {
        let experiment_ids = ids.iter().map(|id| text(id)).collect();
        assert_eq!(found(store, &LoggedModelQuery { experiment_ids, ..all() }).await, expected);
    }
}

/// A condition on a metric holds when any measurement, on the datasets that are asked for, fulfils it.
pub async fn conditions_on_metrics_and_datasets(store: &dyn Store) {
    with_models(store, 4).await;
    let batch = vec![
        measured(0, "m", 1.0, 0, "train@a"),
        measured(0, "m", 9.0, 1, "test@t"),
        measured(1, "m", 9.0, 0, "train@b"),
        measured(2, "m", f64::NAN, 0, "train@a"),
        measured(2, "k", 9.0, 0, "test@t"),
        measured(3, "k", 1.0, 0, ""),
    ];
    ok(store.log_batch(&run_id(0), measurements(batch)).await);
    let (greater, less) = (Comparison::Greater(5.0), Comparison::Less(5.0));
    let (train, train_a, test) = (dataset("train", None), dataset("train", Some("a")), dataset("test", None));
    for (comparison, datasets, expected) in [
        (Some(greater.clone()), vec![], vec![1, 0]),
        (Some(less.clone()), vec![], vec![0]),
        (Some(greater.clone()), vec![train.clone()], vec![1]),
        (Some(greater.clone()), vec![train_a.clone()], vec![]),
        (Some(greater.clone()), vec![train_a.clone(), test.clone()], vec![0]),
        (Some(Comparison::NumberNotEquals(7.0)), vec![], vec![1, 0]),
        (Some(Comparison::IsNotNull), vec![train_a.clone()], vec![2, 0]),
        (Some(Comparison::IsNull), vec![train_a.clone()], vec![3, 1]),
        (None, vec![train_a.clone()], vec![2, 0]),
        (None, vec![test.clone()], vec![2, 0]),
        (None, vec![train, test], vec![2, 1, 0]),
        (None, vec![dataset("nobody", None)], vec![]),
        (None, vec![], vec![3, 2, 1, 0]),
    ] {
        let conditions = comparison.into_iter().map(|comparison| condition(Entity::Metric, "m", comparison)).collect();
        let query = LoggedModelQuery { conditions, datasets, ..all() };
        assert_eq!(found(store, &query).await, expected, "{query:?}");
    }
}

/// Orders by attributes and by the last measurement of a metric; what has none comes last, the newest first.
pub async fn orders(store: &dyn Store) {
    with_models(store, 5).await;
    let batch = vec![
        measured(0, "m", 5.0, 1, "train@a"),
        measured(0, "m", 1.0, 9, "test"),
        measured(1, "m", 3.0, 1, "train@a"),
        measured(1, "m", 4.0, 0, "train@b"),
        measured(2, "m", 2.0, 0, "train@a"),
        measured(3, "m", f64::NAN, 0, "train@a"),
    ];
    ok(store.log_batch(&run_id(1), measurements(batch)).await);
    // Of one time and step: that of the first run counts, and of one run the greatest.
    ok(store.log_batch(&run_id(0), measurements(vec![measured(2, "m", 2.5, 0, "train@a")])).await);
    ok(store.log_batch(&run_id(0), measurements(vec![measured(2, "m", 2.25, 0, "train@b")])).await);
    ok(store.set_logged_model_lifecycle(&model_id(4), Lifecycle::Active, 9_000).await);
    let by = |entity: Entity, key: &str, ascending: bool, dataset: Option<DatasetSelector>| LoggedModelOrder {
        by: order(entity, key, ascending),
        dataset,
    };
    let (m, attribute) = (Entity::Metric, Entity::Attribute);
    for (order_by, expected) in [
        (vec![], vec![4, 3, 2, 1, 0]),
        (vec![by(m, "m", true, None)], vec![0, 2, 1, 4, 3]),
        (vec![by(m, "m", false, None)], vec![1, 2, 0, 4, 3]),
        (vec![by(m, "m", true, Some(dataset("train", None)))], vec![2, 1, 0, 4, 3]),
        (vec![by(m, "m", false, Some(dataset("train", Some("b"))))], vec![1, 2, 4, 3, 0]),
        (vec![by(m, "m", true, Some(dataset("test", None)))], vec![0, 4, 3, 2, 1]),
        (vec![by(m, "other", true, None)], vec![4, 3, 2, 1, 0]),
        (vec![by(attribute, "creation_time", true, None)], vec![0, 1, 2, 3, 4]),
        (vec![by(attribute, "name", false, None)], vec![4, 3, 2, 1, 0]),
        (vec![by(attribute, "last_update_time", false, None)], vec![4, 3, 2, 1, 0]),
        (vec![by(attribute, "model_type", true, None), by(attribute, "model_id", true, None)], vec![0, 1, 2, 3, 4]),
    ] {
        for limit in [1, 2, 100] {
            let query = LoggedModelQuery { order_by: order_by.clone(), limit, ..all() };
            assert_eq!(found(store, &query).await, expected, "{query:?}");
        }
    }
}

/// Pages join without gap or repeat, also when models come and go in between; broken tokens are refused.
pub async fn pages_join_without_gap_or_repeat(store: &dyn Store) {
    with_models(store, 7).await;
    for limit in 1..9 {
        assert_eq!(found(store, &LoggedModelQuery { limit, ..all() }).await, [6, 5, 4, 3, 2, 1, 0]);
    }
    let order_by = vec![LoggedModelOrder { by: order(Entity::Attribute, "name", true), dataset: None }];
    let mut query = LoggedModelQuery { limit: 3, order_by, ..all() };
    let first = ok(store.search_logged_models(&query).await);
    ok(store.create_logged_model(LoggedModel { name: text("a"), ..model(50) }).await);
    query.page_token = first.next_page_token.clone();
    assert_eq!(found(store, &query).await, [3, 4, 5, 6]);
    query.order_by.clear();
    refused(store.search_logged_models(&query).await, ErrorKind::InvalidInput);
    for token in ["", "zz", "7b7d"] {
        let query = LoggedModelQuery { page_token: Some(text(token)), ..all() };
        refused(store.search_logged_models(&query).await, ErrorKind::InvalidInput);
    }
}

/// A search that no backend can answer is refused by all.
pub async fn what_cannot_be_answered_is_refused(store: &dyn Store) {
    with_models(store, 1).await;
    let equals = || Comparison::TextEquals(text("x"));
    let by = |entity: Entity, key: &str| LoggedModelOrder { by: order(entity, key, true), dataset: None };
    for query in [
        LoggedModelQuery { limit: 0, ..all() },
        LoggedModelQuery { conditions: vec![condition(Entity::Attribute, "colour", equals())], ..all() },
        LoggedModelQuery { conditions: vec![condition(Entity::Dataset, "name", equals())], ..all() },
        LoggedModelQuery { conditions: vec![condition(Entity::Metric, "m", equals())], ..all() },
        LoggedModelQuery { conditions: vec![condition(Entity::Attribute, "creation_time", equals())], ..all() },
        LoggedModelQuery { conditions: vec![condition(Entity::Param, "p", Comparison::Greater(1.0))], ..all() },
        LoggedModelQuery { order_by: vec![by(Entity::Attribute, "colour")], ..all() },
        LoggedModelQuery { order_by: vec![by(Entity::Param, "p")], ..all() },
        LoggedModelQuery { order_by: vec![by(Entity::Dataset, "name")], ..all() },
    ] {
        refused(store.search_logged_models(&query).await, ErrorKind::InvalidInput);
    }
}
