//! Promises about orders and pages of a search.

use super::{found, metric, metrics_of, ok, order, param, params_of, query, refused, run_id, run_info, tag, with_runs};
use crate::{Comparison, Condition, Entity, LogBatch, Metric, RunInfo, RunQuery, RunStatus, Store};
use metria_core::ErrorKind;

/// Without an order: start time descending, then run id ascending.
pub async fn the_default_order(store: &dyn Store) {
    ok(store.create_experiment(super::experiment("1", "one")).await);
    for (number, start_time_ms) in [(3, 10), (1, 10), (2, 30), (0, 20), (4, 10), (5, -5)] {
        ok(store.create_run(RunInfo { start_time_ms, ..run_info(number) }, Vec::new()).await);
    }
    for limit in [1, 2, 3, 6, 100] {
        assert_eq!(found(store, &query(limit)).await, [2, 0, 1, 3, 4, 5], "pages of {limit}");
        let query = RunQuery { experiment_ids: vec!["1".to_owned()], ..query(limit) };
        assert_eq!(found(store, &query).await, [2, 0, 1, 3, 4, 5], "pages of {limit}");
    }
}

/// Metrics by number, texts by bytes, times by time, in both directions and pages of every size.
pub async fn orders_of_every_entity(store: &dyn Store) {
    ok(store.create_experiment(super::experiment("1", "one")).await);
    // By bytes: "" < "10" < "9" < "B" < "a" < "ä" < "🦀".
    let texts = ["a", "B", "", "🦀", "ä", "9", "10"];
    let ascending = [2, 6, 5, 1, 0, 4, 3];
    let numbers = [3.0, -1.0, f64::NEG_INFINITY, f64::INFINITY, 1e300, 2.5, 0.0];
    let numbers_ascending = [2, 1, 6, 5, 0, 4, 3];
    for number in 0..texts.len() {
        let word = texts[number];
        let info = RunInfo {
            run_name: word.to_owned(),
            user_id: word.to_owned(),
            artifact_uri: word.to_owned(),
            start_time_ms: 1_000 - i64::try_from(ascending[number]).expect("a few"),
            end_time_ms: Some(i64::try_from(ascending[number]).expect("a few")),
            ..run_info(number)
        };
        ok(store.create_run(info, vec![tag("k", word)]).await);
        let batch = LogBatch {
            metrics: vec![metric("k", numbers[number], 0)],
            params: vec![param("k", word)],
            ..LogBatch::default()
        };
        ok(store.log_batch(&run_id(number), batch).await);
    }
    let mut by_end = [0; 7];
    for (number, end) in ascending.into_iter().enumerate() {
        by_end[end] = number;
    }
    let mut by_start = by_end;
    by_start.reverse();
    for (entity, key, ascending) in [
        (Entity::Metric, "k", numbers_ascending),
        (Entity::Param, "k", ascending),
        (Entity::Tag, "k", ascending),
        (Entity::Attribute, "run_name", ascending),
        (Entity::Attribute, "user_id", ascending),
        (Entity::Attribute, "artifact_uri", ascending),
        (Entity::Attribute, "run_id", [0, 1, 2, 3, 4, 5, 6]),
        (Entity::Attribute, "start_time", by_start),
        (Entity::Attribute, "end_time", by_end),
    ] {
        let mut descending = ascending;
        descending.reverse();
        for (is_ascending, expected) in [(true, ascending), (false, descending)] {
            for limit in [1, 2, 3, 7, 100] {
                for experiment_ids in [Vec::new(), vec!["1".to_owned()]] {
                    let order_by = vec![order(entity, key, is_ascending)];
                    let query = RunQuery { order_by, experiment_ids, ..query(limit) };
                    assert_eq!(found(store, &query).await, expected, "{query:?}");
                }
            }
        }
    }
}

/// Runs without the key come last in both directions, themselves in the default order.
pub async fn missing_keys_come_last(store: &dyn Store) {
    with_runs(store, 6).await;
    for (number, value, word) in [(1, 2.0, "b"), (3, 1.0, "a"), (4, 3.0, "c")] {
        let batch = LogBatch {
            metrics: vec![metric("k", value, 0)],
            params: vec![param("k", word)],
            tags: vec![tag("k", word)],
            ..LogBatch::default()
        };
        ok(store.log_batch(&run_id(number), batch).await);
        let end_time_ms = word.bytes().next().map(i64::from);
        ok(store.update_run(&run_id(number), None, end_time_ms, None).await);
    }
    for (entity, key) in
        [(Entity::Metric, "k"), (Entity::Param, "k"), (Entity::Tag, "k"), (Entity::Attribute, "end_time")]
    {
        for (ascending, expected) in [(true, [3, 1, 4, 5, 2, 0]), (false, [4, 1, 3, 5, 2, 0])] {
            for limit in 1..=6 {
                let query = RunQuery { order_by: vec![order(entity, key, ascending)], ..query(limit) };
                assert_eq!(found(store, &query).await, expected, "{query:?}");
            }
        }
    }
    let nobody_has_it = RunQuery { order_by: vec![order(Entity::Metric, "none", true)], ..query(4) };
    assert_eq!(found(store, &nobody_has_it).await, [5, 4, 3, 2, 1, 0]);
}

/// In an order, a metric that is NaN counts as none.
pub async fn nan_is_missing_in_an_order(store: &dyn Store) {
    with_runs(store, 4).await;
    for (number, value) in [(0, 1.0), (1, f64::NAN), (3, 2.0)] {
        ok(store.log_batch(&run_id(number), metrics_of(vec![metric("k", value, 0)])).await);
    }
    for (ascending, expected) in [(true, [0, 3, 2, 1]), (false, [3, 0, 2, 1])] {
        for limit in 1..=4 {
            let query = RunQuery { order_by: vec![order(Entity::Metric, "k", ascending)], ..query(limit) };
            assert_eq!(found(store, &query).await, expected, "{query:?}");
        }
    }
}

/// Twenty-four runs with many ties: a metric that some lack, a param that some lack, a status.
async fn with_ties(store: &dyn Store) -> Vec<(usize, Option<u8>, Option<&'static str>, RunStatus)> {
    with_runs(store, 24).await;
    let mut runs = Vec::new();
    for number in 0..24 {
        let value = [Some(0), Some(1), None, Some(0)][number % 4];
        let word = [Some("a"), None, Some("b")][number % 3];
        let status = RunStatus::ALL[number / 12];
        let batch = LogBatch {
            metrics: value.map(|value| metric("m", f64::from(value), 0)).into_iter().collect(),
            params: word.map(|word| param("p", word)).into_iter().collect(),
            ..LogBatch::default()
        };
        ok(store.log_batch(&run_id(number), batch).await);
        ok(store.update_run(&run_id(number), Some(status), None, None).await);
        runs.push((number, value, word, status));
    }
    runs
}

/// A later order decides where an earlier one ties, whatever is missing in either.
pub async fn several_orders(store: &dyn Store) {
    let runs = with_ties(store).await;
    for (up_m, up_p, up_s) in [(true, true, true), (true, false, true), (false, true, false), (false, false, false)] {
        let mut expected = runs.clone();
        // Last what is missing; then in the direction asked for; at last the newest first.
        let place = |value: Option<i64>, ascending: bool| match value {
            None => (1, 0),
            Some(value) => (0, if ascending { value } else { -value }),
        };
        expected.sort_by_key(|(number, value, word, status)| {
            let word = word.map(|word| i64::from(word.as_bytes()[0]));
            let status = i64::from(*status == RunStatus::Scheduled);
            let m = place(value.map(i64::from), up_m);
            (m, place(word, up_p), place(Some(status), up_s), usize::MAX - number)
        });
        let expected: Vec<usize> = expected.into_iter().map(|(number, ..)| number).collect();
        let order_by = vec![
            order(Entity::Metric, "m", up_m),
            order(Entity::Param, "p", up_p),
            order(Entity::Attribute, "status", up_s),
        ];
        for limit in [1, 2, 3, 5, 7, 8, 12, 23, 24, 25] {
            let query = RunQuery { order_by: order_by.clone(), ..query(limit) };
            assert_eq!(found(store, &query).await, expected, "{query:?}");
        }
    }
}

/// Pages of any size join to the same list, with conditions too.
pub async fn pages_join_without_gap_or_repeat(store: &dyn Store) {
    with_ties(store).await;
    let condition = Condition { entity: Entity::Metric, key: "m".to_owned(), comparison: Comparison::LessOrEqual(1.0) };
    for order_by in [
        vec![],
        vec![order(Entity::Metric, "m", false)],
        vec![order(Entity::Param, "p", true)],
        vec![order(Entity::Attribute, "end_time", true), order(Entity::Metric, "m", true)],
        vec![order(Entity::Attribute, "run_name", false)],
        vec![order(Entity::Attribute, "status", true), order(Entity::Param, "p", false)],
    ] {
        let whole = RunQuery { order_by, conditions: vec![condition.clone()], ..query(1_000) };
        let expected = found(store, &whole).await;
        assert_eq!(expected.len(), 18);
        for limit in 1..=19 {
            let query = RunQuery { limit, ..whole.clone() };
            assert_eq!(found(store, &query).await, expected, "{query:?}");
        }
    }
}

/// A page that is exactly full and the last has no next page.
pub async fn full_pages_end_the_search(store: &dyn Store) {
    with_runs(store, 6).await;
    for (limit, pages) in [(6, 1), (3, 2), (2, 3), (1, 6), (7, 1), (4, 2)] {
        let mut query = query(limit);
        let mut count = 0;
        loop {
            let page = ok(store.search_runs(&query).await);
            assert!(!page.items.is_empty(), "no page is empty");
            count += 1;
            assert!(count <= pages, "there are {pages} pages of {limit}");
            query.page_token = page.next_page_token;
            if query.page_token.is_none() {
                break;
            }
        }
        assert_eq!(count, pages, "pages of {limit}");
    }
    ok(store.create_experiment(super::experiment("2", "two")).await);
    let empty = RunQuery { experiment_ids: vec!["2".to_owned()], ..query(3) };
    let page = ok(store.search_runs(&empty).await);
    assert_eq!((page.items.len(), page.next_page_token), (0, None));
}

/// Runs that come, go or move before the place of a page do not shift the pages after it.
pub async fn runs_between_pages_shift_nothing(store: &dyn Store) {
    with_runs(store, 8).await;
    for number in 0..8 {
        let value = f64::from(u8::try_from(number).expect("a few"));
        ok(store.log_batch(&run_id(number), metrics_of(vec![metric("k", value, 0)])).await);
    }
    for order_by in [vec![], vec![order(Entity::Metric, "k", false)]] {
        let mut query = RunQuery { order_by, lifecycle: Some(crate::Lifecycle::Active), ..query(3) };
        let first = ok(store.search_runs(&query).await);
        let numbers = |page: &crate::Page<crate::Run>| -> Vec<String> {
            page.items.iter().map(|run| run.info.run_name.clone()).collect()
        };
        assert_eq!(numbers(&first), ["run-7", "run-6", "run-5"]);
        // New runs in front, and the last run of the page itself goes.
        let more = 100 + query.order_by.len();
        ok(store.create_run(RunInfo { start_time_ms: 9_000, ..run_info(more) }, Vec::new()).await);
        ok(store.log_batch(&run_id(more), metrics_of(vec![metric("k", 99.0, 0)])).await);
        ok(store.set_run_lifecycle(&run_id(5), crate::Lifecycle::Deleted, 9_000).await);
        query.page_token = first.next_page_token;
        let second = ok(store.search_runs(&query).await);
        assert_eq!(numbers(&second), ["run-4", "run-3", "run-2"]);
        query.page_token = second.next_page_token;
        assert_eq!(numbers(&ok(store.search_runs(&query).await)), ["run-1", "run-0"]);
        ok(store.set_run_lifecycle(&run_id(5), crate::Lifecycle::Active, 9_000).await);
        ok(store.set_run_lifecycle(&run_id(more), crate::Lifecycle::Deleted, 9_000).await);
    }
}

/// A token that no store made is refused.
pub async fn broken_tokens_are_refused(store: &dyn Store) {
    with_runs(store, 3).await;
    let good = ok(store.search_runs(&query(1)).await).next_page_token.expect("three runs make three pages");
    let cut = good[..good.len() - 1].to_owned();
    let shorter = good[..good.len() / 2 / 2 * 2].to_owned();
    for token in ["", "x", "o5", "é", "0", "00", "7b7d", "-1", "'; --", &cut, &shorter, &format!("{good}00")] {
        let query = RunQuery { page_token: Some(token.to_owned()), ..query(1) };
        refused(store.search_runs(&query).await, ErrorKind::InvalidInput);
    }
    assert_eq!(ok(store.search_runs(&RunQuery { page_token: Some(good), ..query(1) }).await).items.len(), 1);
}

/// A token belongs to the order it was made under.
pub async fn tokens_of_another_order_are_refused(store: &dyn Store) {
    with_runs(store, 3).await;
    let orders = [
        vec![],
        vec![order(Entity::Metric, "k", true)],
        vec![order(Entity::Metric, "k", false)],
        vec![order(Entity::Param, "k", true)],
        vec![order(Entity::Attribute, "end_time", true)],
        vec![order(Entity::Metric, "k", true), order(Entity::Param, "k", true)],
    ];
    for made in &orders {
        let page = ok(store.search_runs(&RunQuery { order_by: made.clone(), ..query(1) }).await);
        for used in orders.iter().filter(|used| *used != made) {
            let page_token = page.next_page_token.clone();
            let query = RunQuery { order_by: used.clone(), page_token, ..query(1) };
            refused(store.search_runs(&query).await, ErrorKind::InvalidInput);
        }
    }
}

/// Texts that agree for hundreds of characters, and odd ones, keep their order over pages.
pub async fn long_and_odd_texts_in_orders(store: &dyn Store) {
    let mut texts = super::odd_texts();
    texts.extend(["a", "b", ""].map(|end| format!("{}{end}", "x".repeat(5_900))));
    texts.extend(["a", "b", ""].map(|end| format!("{}{end}", "é".repeat(2_900))));
    texts.sort();
    texts.dedup();
    with_runs(store, texts.len()).await;
    // Written in an order that is not theirs.
    let run_of = |at: usize| (at * 11) % texts.len();
    assert_ne!(texts.len() % 11, 0, "11 must reach every run");
    for (at, text) in texts.iter().enumerate() {
        let batch = LogBatch { params: vec![param("k", text)], tags: vec![tag("k", text)], ..LogBatch::default() };
        ok(store.log_batch(&run_id(run_of(at)), batch).await);
    }
    let mut expected: Vec<usize> = (0..texts.len()).map(run_of).collect();
    for ascending in [true, false] {
        for (entity, limit) in [(Entity::Param, 1), (Entity::Param, 4), (Entity::Tag, 3), (Entity::Tag, 100)] {
            let query = RunQuery { order_by: vec![order(entity, "k", ascending)], ..query(limit) };
            assert_eq!(found(store, &query).await, expected, "{query:?}");
        }
        expected.reverse();
    }
    let other = Metric { timestamp_ms: 0, ..metric("m", 1.0, 0) };
    ok(store.log_batch(&run_id(0), metrics_of(vec![other])).await);
    ok(store.log_batch(&run_id(0), params_of(vec![param("other", "1")])).await);
    let first = RunQuery { order_by: vec![order(Entity::Param, "other", false)], ..query(1) };
    assert_eq!(ok(store.search_runs(&first).await).items[0].info.run_id, run_id(0));
}
