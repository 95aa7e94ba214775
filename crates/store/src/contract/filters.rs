//! Promises about the conditions of a search: every comparison on everything that can be compared.

use super::{experiment, found, input, metric, metrics_of, ok, param, params_of, query, refused, run_id, run_info};
use super::{tag, with_runs};
use crate::{Comparison, Condition, Entity, Lifecycle, LogBatch, OrderBy, RunInfo, RunQuery, RunStatus, Store};
use metria_core::ErrorKind;

/// The numbers of the runs for which the conditions hold, ascending.
async fn matching(store: &dyn Store, conditions: &[(Entity, &str, Comparison)]) -> Vec<usize> {
    let conditions = conditions.iter().map(|(entity, key, comparison)| Condition {
        entity: *entity,
        key: (*key).to_owned(),
        comparison: comparison.clone(),
    });
    let everywhere = RunQuery { conditions: conditions.collect(), ..query(100) };
    let within = RunQuery { experiment_ids: vec!["1".to_owned()], ..everywhere.clone() };
    let mut numbers = found(store, &everywhere).await;
    assert_eq!(found(store, &within).await, numbers, "in the experiment as everywhere: {within:?}");
    numbers.sort_unstable();
    numbers
}

/// Checks which runs each comparison finds.
async fn check(store: &dyn Store, entity: Entity, key: &str, expected: Vec<(Comparison, Vec<usize>)>) {
    for (comparison, numbers) in expected {
        let got = matching(store, &[(entity, key, comparison.clone())]).await;
        assert_eq!(got, numbers, "{entity:?} {key} {comparison:?}");
    }
}

fn text(text: &str) -> String {
    text.to_owned()
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

/// A search looks into the experiments and lifecycles that were asked for; the runs of a deleted experiment are deleted.
pub async fn experiments_and_lifecycles(store: &dyn Store) {
    for id in ["1", "2", "3"] {
        ok(store.create_experiment(experiment(id, id)).await);
    }
    for (number, experiment_id) in ["1", "2", "3", "1", "2"].into_iter().enumerate() {
        let info = RunInfo { experiment_id: text(experiment_id), ..run_info(number) };
        ok(store.create_run(info, Vec::new()).await);
    }
    ok(store.set_run_lifecycle(&run_id(0), Lifecycle::Deleted, 2_000).await);
    ok(store.set_experiment_lifecycle("3", Lifecycle::Deleted, 2_000).await);
    for (experiment_ids, lifecycle, expected) in [
        (&[][..], None, vec![0, 1, 2, 3, 4]),
        (&[], Some(Lifecycle::Active), vec![1, 3, 4]),
        (&[], Some(Lifecycle::Deleted), vec![0, 2]),
        (&["1"], None, vec![0, 3]),
        (&["1"], Some(Lifecycle::Active), vec![3]),
        (&["3", "2"], Some(Lifecycle::Active), vec![1, 4]),
        (&["3", "2"], Some(Lifecycle::Deleted), vec![2]),
        (&["9"], None, vec![]),
    ] {
        let query = RunQuery { experiment_ids: texts(experiment_ids), lifecycle, ..query(100) };
        assert_eq!(found(store, &query).await, expected, "{experiment_ids:?} {lifecycle:?}");
    }
}

/// Metrics are compared by their latest value; a run without the metric fulfils no comparison.
pub async fn numbers_of_metrics(store: &dyn Store) {
    with_runs(store, 6).await;
    for (number, value) in [1.0, 2.0, 2.5, f64::INFINITY, f64::NEG_INFINITY].into_iter().enumerate() {
        let batch = metrics_of(vec![metric("m", 99.0, 0), metric("m", value, 1)]);
        ok(store.log_batch(&run_id(number), batch).await);
    }
    ok(store.log_batch(&run_id(5), metrics_of(vec![metric("other", 2.0, 0)])).await);
    let expected = vec![
        (Comparison::NumberEquals(2.0), vec![1]),
        (Comparison::NumberEquals(99.0), vec![]),
        (Comparison::NumberEquals(f64::INFINITY), vec![3]),
        (Comparison::NumberNotEquals(2.0), vec![0, 2, 3, 4]),
        (Comparison::Greater(2.0), vec![2, 3]),
        (Comparison::GreaterOrEqual(2.0), vec![1, 2, 3]),
        (Comparison::Less(2.0), vec![0, 4]),
        (Comparison::LessOrEqual(2.0), vec![0, 1, 4]),
        (Comparison::Less(f64::INFINITY), vec![0, 1, 2, 4]),
        (Comparison::Greater(f64::NEG_INFINITY), vec![0, 1, 2, 3]),
        (Comparison::GreaterOrEqual(f64::INFINITY), vec![3]),
        (Comparison::LessOrEqual(f64::NEG_INFINITY), vec![4]),
        (Comparison::IsNull, vec![5]),
        (Comparison::IsNotNull, vec![0, 1, 2, 3, 4]),
    ];
    check(store, Entity::Metric, "m", expected).await;
}

/// A metric that is NaN is there, but fulfils no comparison; and nothing compares with NaN.
pub async fn nan_fulfils_no_comparison_of_numbers(store: &dyn Store) {
    with_runs(store, 2).await;
    ok(store.log_batch(&run_id(0), metrics_of(vec![metric("m", f64::NAN, 0)])).await);
    ok(store.log_batch(&run_id(1), metrics_of(vec![metric("m", 0.0, 0)])).await);
    let mut expected = vec![
        (Comparison::IsNull, vec![]),
        (Comparison::IsNotNull, vec![0, 1]),
        (Comparison::NumberEquals(-0.0), vec![1]),
        (Comparison::NumberNotEquals(5.0), vec![1]),
        (Comparison::GreaterOrEqual(f64::NEG_INFINITY), vec![1]),
        (Comparison::LessOrEqual(f64::INFINITY), vec![1]),
    ];
    let numbers: [fn(f64) -> Comparison; 6] = [
        Comparison::NumberEquals,
        Comparison::NumberNotEquals,
        Comparison::Greater,
        Comparison::GreaterOrEqual,
        Comparison::Less,
        Comparison::LessOrEqual,
    ];
    expected.extend(numbers.map(|comparison| (comparison(f64::NAN), vec![])));
    check(store, Entity::Metric, "m", expected).await;
}

/// What each comparison finds when the runs 0 to 3 have the texts `a`, `B`, the empty text and `ä`, and run 4 none.
fn comparisons_of_texts() -> Vec<(Comparison, Vec<usize>)> {
    vec![
        (Comparison::TextEquals(text("a")), vec![0]),
        (Comparison::TextEquals(text("A")), vec![]),
        (Comparison::TextEquals(text("")), vec![2]),
        (Comparison::TextEquals(text("a ")), vec![]),
        (Comparison::TextNotEquals(text("a")), vec![1, 2, 3]),
        (Comparison::In(texts(&["a", "ä", "x"])), vec![0, 3]),
        (Comparison::In(texts(&["A"])), vec![]),
        (Comparison::In(Vec::new()), vec![]),
        (Comparison::NotIn(texts(&["a", "ä", "x"])), vec![1, 2]),
        (Comparison::NotIn(Vec::new()), vec![0, 1, 2, 3]),
        (Comparison::Like(text("a")), vec![0]),
        (Comparison::Like(text("%")), vec![0, 1, 2, 3]),
        (Comparison::Like(text("_")), vec![0, 1, 3]),
        (Comparison::ILike(text("A")), vec![0]),
        (Comparison::ILike(text("b")), vec![1]),
        (Comparison::ILike(text("Ä")), vec![]),
        (Comparison::IsNull, vec![4]),
        (Comparison::IsNotNull, vec![0, 1, 2, 3]),
    ]
}

const TEXTS: [&str; 4] = ["a", "B", "", "ä"];

/// Params are compared as text.
pub async fn texts_of_params(store: &dyn Store) {
    with_runs(store, 5).await;
    for (number, value) in TEXTS.into_iter().enumerate() {
        ok(store.log_batch(&run_id(number), params_of(vec![param("k", value), param("a", "x")])).await);
    }
    check(store, Entity::Param, "k", comparisons_of_texts()).await;
}

/// Tags are compared as text.
pub async fn texts_of_tags(store: &dyn Store) {
    with_runs(store, 5).await;
    for (number, value) in TEXTS.into_iter().enumerate() {
        let tags = vec![tag("k", value), tag("a", "x")];
        ok(store.log_batch(&run_id(number), LogBatch { tags, ..LogBatch::default() }).await);
    }
    check(store, Entity::Tag, "k", comparisons_of_texts()).await;
}

/// A removed tag is not there, and keys differ by case.
pub async fn presence(store: &dyn Store) {
    with_runs(store, 2).await;
    let tags = vec![tag("k", "1")];
    ok(store.log_batch(&run_id(0), LogBatch { tags, ..LogBatch::default() }).await);
    check(store, Entity::Tag, "k", vec![(Comparison::IsNotNull, vec![0]), (Comparison::IsNull, vec![1])]).await;
    check(store, Entity::Tag, "K", vec![(Comparison::IsNotNull, vec![]), (Comparison::IsNull, vec![0, 1])]).await;
    ok(store.delete_run_tag(&run_id(0), "k").await);
    check(store, Entity::Tag, "k", vec![(Comparison::IsNotNull, vec![]), (Comparison::IsNull, vec![0, 1])]).await;
}

/// `%` is any text, `_` any one character (not byte), and `ILike` takes ASCII letters in either case.
pub async fn patterns(store: &dyn Store) {
    let values = ["forest", "Forest-10", "gradient boosting", "日本語", "line\nbreak", "ÉCOLE"];
    with_runs(store, values.len()).await;
    for (number, value) in values.into_iter().enumerate() {
        ok(store.log_batch(&run_id(number), params_of(vec![param("k", value)])).await);
    }
    let like = |pattern: &str, numbers: &[usize]| (Comparison::Like(text(pattern)), numbers.to_vec());
    let ilike = |pattern: &str, numbers: &[usize]| (Comparison::ILike(text(pattern)), numbers.to_vec());
    let expected = vec![
        like("forest", &[0]),
        like("%orest%", &[0, 1]),
        like("f%t", &[0]),
        like("%t%t%", &[2]),
        like("_orest___", &[1]),
        like("___", &[3]),
        like("日_語", &[3]),
        like("line_break", &[4]),
        like("line%", &[4]),
        like("", &[]),
        ilike("FOREST%", &[0, 1]),
        ilike("%BOOST%", &[2]),
        ilike("École", &[5]),
        ilike("école", &[]),
        ilike("_c%", &[5]),
    ];
    check(store, Entity::Param, "k", expected).await;
}

/// No other character of a pattern means anything: no sets, no `*`, no `?`, no escape.
pub async fn patterns_are_literal_but_for_percent_and_underscore(store: &dyn Store) {
    let values = ["a*c", "abc", "a?c", "[abc]", "b", "a\\c", "a]c", "a[c", "a^c", "-", "a%c", "'x'"];
    with_runs(store, values.len()).await;
    for (number, value) in values.into_iter().enumerate() {
        ok(store.log_batch(&run_id(number), params_of(vec![param("k", value)])).await);
    }
    for make in [Comparison::Like as fn(String) -> Comparison, Comparison::ILike] {
        let expected = [
            ("a*c", vec![0]),
            ("a?c", vec![2]),
            ("[abc]", vec![3]),
            ("[a-c]", vec![]),
            ("a\\c", vec![5]),
            ("a\\%", vec![5]),
            ("a]c", vec![6]),
            ("a[c", vec![7]),
            ("a^c", vec![8]),
            ("[^x]", vec![]),
            ("%[%", vec![3, 7]),
            ("%]", vec![3]),
            ("%\\%", vec![5]),
            ("'%'", vec![11]),
            ("a_c", vec![0, 1, 2, 5, 6, 7, 8, 10]),
        ];
        let expected = expected.into_iter().map(|(pattern, numbers)| (make(text(pattern)), numbers));
        check(store, Entity::Param, "k", expected.collect()).await;
    }
}

/// Every attribute that is a text takes every comparison of texts.
pub async fn attributes(store: &dyn Store) {
    ok(store.create_experiment(experiment("1", "one")).await);
    for (number, name) in ["a", "B", "", "ä"].into_iter().enumerate() {
        let info = RunInfo {
            run_name: text(name),
            user_id: text(name),
            artifact_uri: text(name),
            status: RunStatus::ALL[number],
            ..run_info(number)
        };
        ok(store.create_run(info, Vec::new()).await);
    }
    for key in ["run_name", "user_id", "artifact_uri"] {
        let present = comparisons_of_texts().into_iter().filter(|(comparison, _)| *comparison != Comparison::IsNull);
        check(store, Entity::Attribute, key, present.collect()).await;
    }
    let expected = vec![
        (Comparison::TextEquals(text("FINISHED")), vec![2]),
        (Comparison::TextNotEquals(text("FINISHED")), vec![0, 1, 3]),
        (Comparison::In(texts(&["RUNNING", "FAILED", "?"])), vec![0, 3]),
        (Comparison::Like(text("%ED")), vec![1, 2, 3]),
        (Comparison::ILike(text("run%")), vec![0]),
        (Comparison::IsNull, vec![]),
    ];
    check(store, Entity::Attribute, "status", expected).await;
    let expected = vec![
        (Comparison::TextEquals(run_id(2)), vec![2]),
        (Comparison::NotIn(vec![run_id(2), run_id(0)]), vec![1, 3]),
        (Comparison::Like(text("%1")), vec![1]),
        (Comparison::IsNotNull, vec![0, 1, 2, 3]),
    ];
    check(store, Entity::Attribute, "run_id", expected).await;
}

/// Times are compared as numbers; a run that has not ended has no end.
pub async fn times(store: &dyn Store) {
    with_runs(store, 4).await;
    for (number, end_time_ms) in [(0, 5_000), (1, 0), (2, 1_800_000_000_000)] {
        ok(store.update_run(&run_id(number), None, Some(end_time_ms), None).await);
    }
    let expected = vec![
        (Comparison::NumberEquals(1_001.0), vec![1]),
        (Comparison::NumberNotEquals(1_001.0), vec![0, 2, 3]),
        (Comparison::Greater(1_001.5), vec![2, 3]),
        (Comparison::LessOrEqual(1_001.0), vec![0, 1]),
        (Comparison::Less(f64::INFINITY), vec![0, 1, 2, 3]),
        (Comparison::Less(f64::NAN), vec![]),
        (Comparison::IsNull, vec![]),
    ];
    check(store, Entity::Attribute, "start_time", expected).await;
    let expected = vec![
        (Comparison::NumberEquals(0.0), vec![1]),
        (Comparison::NumberNotEquals(0.0), vec![0, 2]),
        (Comparison::GreaterOrEqual(5_000.0), vec![0, 2]),
        (Comparison::Greater(1_799_999_999_999.5), vec![2]),
        (Comparison::Less(1e300), vec![0, 1, 2]),
        (Comparison::IsNull, vec![3]),
        (Comparison::IsNotNull, vec![0, 1, 2]),
    ];
    check(store, Entity::Attribute, "end_time", expected).await;
}

/// A condition on datasets holds when one of the run's datasets fulfils it.
pub async fn datasets(store: &dyn Store) {
    with_runs(store, 4).await;
    for (number, inputs) in [
        (0, vec![input("train", "d1", Some("training")), input("eval", "d2", Some("evaluation"))]),
        (1, vec![input("train", "d3", None)]),
        (2, vec![input("Train", "d1", Some("training"))]),
    ] {
        ok(store.log_batch(&run_id(number), LogBatch { inputs, ..LogBatch::default() }).await);
    }
    let expected = vec![
        (Comparison::TextEquals(text("train")), vec![0, 1]),
        (Comparison::TextNotEquals(text("train")), vec![0, 2]),
        (Comparison::Like(text("%train")), vec![0, 1]),
        (Comparison::ILike(text("TRAIN")), vec![0, 1, 2]),
        (Comparison::In(texts(&["eval", "x"])), vec![0]),
        (Comparison::NotIn(texts(&["train", "eval"])), vec![2]),
        (Comparison::IsNull, vec![3]),
        (Comparison::IsNotNull, vec![0, 1, 2]),
    ];
    check(store, Entity::Dataset, "name", expected).await;
    let expected = vec![(Comparison::TextEquals(text("d1")), vec![0, 2]), (Comparison::IsNull, vec![3])];
    check(store, Entity::Dataset, "digest", expected).await;
    let expected = vec![
        (Comparison::TextEquals(text("training")), vec![0, 2]),
        (Comparison::TextNotEquals(text("training")), vec![0]),
        (Comparison::IsNull, vec![1, 3]),
        (Comparison::IsNotNull, vec![0, 2]),
    ];
    check(store, Entity::Dataset, "context", expected).await;
}

/// All conditions must hold, several on one key included.
pub async fn all_conditions_must_hold(store: &dyn Store) {
    with_runs(store, 10).await;
    for (number, value) in (0..10_u8).map(f64::from).enumerate() {
        let batch = LogBatch {
            metrics: vec![metric("m", value, 0)],
            params: vec![param("p", if number % 2 == 0 { "even" } else { "odd" })],
            ..LogBatch::default()
        };
        ok(store.log_batch(&run_id(number), batch).await);
    }
    let conditions = [
        (Entity::Metric, "m", Comparison::Greater(2.0)),
        (Entity::Metric, "m", Comparison::LessOrEqual(8.0)),
        (Entity::Param, "p", Comparison::TextEquals(text("even"))),
        (Entity::Tag, "t", Comparison::IsNull),
        (Entity::Attribute, "start_time", Comparison::NumberNotEquals(1_006.0)),
    ];
    assert_eq!(matching(store, &conditions).await, [4, 8]);
}

/// Unknown attributes and fields, numbers as text and text as numbers, orders by datasets and empty pages are refused.
pub async fn what_cannot_be_answered_is_refused(store: &dyn Store) {
    with_runs(store, 1).await;
    let number = || Comparison::Greater(1.0);
    let words = || Comparison::TextEquals(text("a"));
    for (entity, key, comparison) in [
        (Entity::Attribute, "run_id; DROP TABLE runs", words()),
        (Entity::Attribute, "lifecycle", words()),
        (Entity::Dataset, "source", words()),
        (Entity::Param, "p", number()),
        (Entity::Tag, "t", number()),
        (Entity::Attribute, "status", number()),
        (Entity::Attribute, "start_time", words()),
        (Entity::Dataset, "name", number()),
        (Entity::Metric, "m", words()),
        (Entity::Metric, "m", Comparison::Like(text("1%"))),
        (Entity::Param, "p", Comparison::TextEquals(text("\0"))),
        (Entity::Param, "p", Comparison::Like("x".repeat(5_001))),
    ] {
        let condition = Condition { entity, key: text(key), comparison };
        let query = RunQuery { conditions: vec![condition], ..query(10) };
        refused(store.search_runs(&query).await, ErrorKind::InvalidInput);
    }
    for (entity, key) in [(Entity::Dataset, "name"), (Entity::Attribute, "1; --"), (Entity::Attribute, "lifecycle")] {
        let order_by = vec![OrderBy { entity, key: text(key), ascending: true }];
        refused(store.search_runs(&RunQuery { order_by, ..query(10) }).await, ErrorKind::InvalidInput);
    }
    refused(store.search_runs(&query(0)).await, ErrorKind::InvalidInput);
    assert_eq!(matching(store, &[]).await, [0]);
}

/// Keys and values are data, whatever they look like.
pub async fn quotes_in_keys_and_values(store: &dyn Store) {
    let odd = super::odd_texts();
    with_runs(store, odd.len()).await;
    for (number, odd) in odd.iter().enumerate() {
        let batch = LogBatch {
            metrics: vec![metric(odd, 1.0, 0)],
            params: vec![param(odd, odd)],
            tags: vec![tag(odd, odd)],
            ..LogBatch::default()
        };
        ok(store.log_batch(&run_id(number), batch).await);
    }
    for (number, odd) in odd.iter().enumerate() {
        for conditions in [
            (Entity::Metric, odd.as_str(), Comparison::NumberEquals(1.0)),
            (Entity::Param, odd.as_str(), Comparison::TextEquals(odd.clone())),
            (Entity::Tag, odd.as_str(), Comparison::In(vec![odd.clone()])),
        ] {
            assert_eq!(matching(store, &[conditions]).await, [number], "{odd:?}");
        }
    }
}
