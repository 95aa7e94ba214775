//! The promises of the store traits as tests, one function a promise. A backend's test file is one line:
//!
//! ```text
//! metria_store::contract_tests!(crate::open);
//! ```
//!
//! where `async fn open() -> metria_store::contract::Opened` makes an empty store. Each function panics with a message
//! when the promise is broken.

pub mod assessments;
pub mod bin;
pub mod datasets;
pub mod experiments;
pub mod expressions;
pub mod filters;
pub mod logged_model_searches;
pub mod logged_models;
pub mod metrics;
pub mod models;
pub mod paging;
pub mod runs;
pub mod stages;
pub mod traces;
pub mod webhooks;
pub mod whole;

use crate::{
    DatasetInput, Entity, Error, Experiment, Lifecycle, LogBatch, Metric, ModelVersion, OrderBy, Param,
    RegisteredModel, Result, RunInfo, RunQuery, RunStatus, Store, Tag,
};
use metria_core::{ErrorKind, Kinded, ModelStage};
use std::pin::Pin;
use std::sync::Arc;

/// An empty store of one test, and what is to be done once the test is over.
pub struct Opened {
    /// The store.
    pub store: Arc<dyn Store>,
    /// Removes what the store was kept in; runs after the store was closed.
    pub remove: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl Opened {
    /// Closes the store and removes it.
    pub async fn close(self) {
        self.store.close().await;
        self.remove.await;
    }
}

/// Makes one test per promise, in one module per entity, for the backend that an `async fn() -> Opened` opens.
#[macro_export]
macro_rules! contract_tests {
    ($open:path) => {
        $crate::contract_tests!(@entity $open, experiments:
            what_is_written_is_read, ids_and_names_are_taken_once, what_is_missing_is_not_found,
            the_newest_come_first, renaming, deleting_and_restoring, tags, odd_texts, nul_is_refused,
        );
        $crate::contract_tests!(@entity $open, bin:
            the_bin_is_listed, runs_are_removed_for_good, runs_of_versions_stay, experiments_are_removed_for_good,
            logged_models_outlive_their_run, experiments_take_their_traces_and_models,
        );
        $crate::contract_tests!(@entity $open, runs:
            what_is_written_is_read, an_id_is_taken_once, experiments_must_be_there_and_active,
            what_is_missing_is_not_found, updating_changes_what_is_given, deleted_runs_are_read_only,
            a_batch_is_all_or_nothing, params_never_change, a_batch_that_contradicts_itself_is_refused,
            tags_are_replaced_and_removed, inputs_are_replaced, datasets_of_experiments, readers_see_whole_batches, big_batches, odd_texts,
            nul_is_refused,
        );
        $crate::contract_tests!(@entity $open, metrics:
            odd_numbers_are_kept, the_latest_is_the_greatest, histories_are_in_order, histories_from_a_place, keys_of_an_experiment,
            duplicates_are_written_once,
            writers_at_once_lose_nothing, a_long_history, limits_of_steps_and_times,
        );
        $crate::contract_tests!(@entity $open, filters:
            experiments_and_lifecycles, numbers_of_metrics, nan_fulfils_no_comparison_of_numbers, texts_of_params,
            texts_of_tags, presence, patterns, patterns_are_literal_but_for_percent_and_underscore,
            attributes, times, datasets, all_conditions_must_hold, what_cannot_be_answered_is_refused,
            quotes_in_keys_and_values,
        );
        $crate::contract_tests!(@entity $open, expressions:
            numbers_about_all_measurements, orders_of_numbers_about_all_measurements, arithmetic_has_no_surprises,
            what_cannot_be_answered_is_refused, generated_expressions_find_what_memory_finds,
        );
        $crate::contract_tests!(@entity $open, paging:
            the_default_order, orders_of_every_entity, missing_keys_come_last, nan_is_missing_in_an_order,
            several_orders, pages_join_without_gap_or_repeat, full_pages_end_the_search,
            runs_between_pages_shift_nothing, broken_tokens_are_refused, tokens_of_another_order_are_refused,
            long_and_odd_texts_in_orders,
        );
        $crate::contract_tests!(@entity $open, models:
            what_is_written_is_read, names_are_taken_once, what_is_missing_is_not_found, lists_are_in_order,
            versions_are_numbered, numbers_are_never_reused, many_creators_leave_no_gap, renaming_takes_everything,
            aliases, tags_and_descriptions, deleting, odd_texts, nul_is_refused,
        );
        $crate::contract_tests!(@entity $open, logged_models:
            what_is_written_is_read, an_id_is_taken_once, experiments_must_be_there_and_active,
            what_is_missing_is_not_found, finalizing_and_deleting, params_never_change, tags_are_replaced_and_removed,
            metrics_come_with_a_batch, a_batch_with_an_unknown_model_is_refused, inputs_and_outputs_of_runs, odd_texts,
            nul_is_refused,
        );
        $crate::contract_tests!(@entity $open, logged_model_searches:
            conditions, conditions_on_metrics_and_datasets, orders, pages_join_without_gap_or_repeat,
            what_cannot_be_answered_is_refused,
        );
        $crate::contract_tests!(@entity $open, stages:
            moving_writes_a_transition, others_are_archived, only_places_of_use_are_cleared, versions_in_use_stay,
            one_champion_under_concurrency, decisions,
        );
        $crate::contract_tests!(@entity $open, datasets:
            what_is_written_is_read, what_is_missing_is_not_found, the_newest_come_first, tags,
            inputs_identify_records, pages_of_records, many_records, writers_at_once, deleting,
        );
        $crate::contract_tests!(@entity $open, webhooks:
            what_is_written_is_read, what_is_missing_is_not_found, changing, subscribers, deliveries_in_order,
            waiting_is_bounded, takers_at_once,
        );
        $crate::contract_tests!(@entity $open, traces:
            what_is_written_is_read, spans_make_traces, a_told_trace_keeps_its_times, experiments_must_be_there_and_active,
            what_is_missing_is_not_found, tags, filters, filters_on_spans, links,
            orders_and_pages, deleting, many_spans_at_once, odd_texts, nul_is_refused,
        );
        $crate::contract_tests!(@entity $open, assessments: what_is_written_is_read, filters);
        $crate::contract_tests!(@entity $open, whole:
            a_closed_store_is_unavailable, closing_waits_for_what_was_asked,
        );
    };
    (@entity $open:path, $entity:ident: $($promise:ident),+ $(,)?) => {
        mod $entity {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $promise() {
                    let opened = $open().await;
                    $crate::contract::$entity::$promise(opened.store.as_ref()).await;
                    opened.close().await;
                }
            )+
        }
    };
}

/// Texts that break careless SQL, encodings and patterns; no NUL.
pub(crate) fn odd_texts() -> Vec<String> {
    let mut texts: Vec<String> = [
        "'",
        "\"",
        "`",
        "\\",
        "%",
        "_",
        "--",
        ";DROP TABLE runs;",
        "?",
        "$1",
        ":a",
        "{}",
        "\n\r\t",
        " ",
        "  x  ",
        "é",
        "e\u{301}",
        "中文",
        "🦀",
        "\u{feff}",
        "\u{10ffff}",
        "\u{1}",
        "null",
        "NaN",
        "0",
        "a/b",
        "..",
    ]
    .map(str::to_owned)
    .to_vec();
    texts.push("x".repeat(500));
    texts.push("🦀".repeat(250));
    texts
}

/// The value of a call that must work.
pub(crate) fn ok<T>(result: Result<T>) -> T {
    result.expect("the call must work")
}

/// Checks that a call was refused with an error of that meaning.
pub(crate) fn refused<T>(result: Result<T>, kind: ErrorKind) -> Error {
    match result {
        Ok(_) => unreachable!("the call must be refused with {kind:?}; it worked"),
        Err(error) => {
            assert_eq!(error.kind(), kind, "{error}");
            error
        }
    }
}

/// Checks that a thing whose name holds the character NUL is said not to be there, or the name not to be possible.
pub(crate) fn refused_name<T>(result: Result<T>) {
    let kind = result.err().map(|error| error.kind());
    assert!(matches!(kind, Some(ErrorKind::NotFound | ErrorKind::InvalidInput)), "got {kind:?}");
}

pub(crate) fn tag(key: &str, value: &str) -> Tag {
    Tag { key: key.to_owned(), value: value.to_owned() }
}

pub(crate) fn param(key: &str, value: &str) -> Param {
    Param { key: key.to_owned(), value: value.to_owned() }
}

pub(crate) fn metric(key: &str, value: f64, step: i64) -> Metric {
    Metric { key: key.to_owned(), value, timestamp_ms: 1_000, step }
}

pub(crate) fn input(name: &str, digest: &str, context: Option<&str>) -> DatasetInput {
    DatasetInput {
        name: name.to_owned(),
        digest: digest.to_owned(),
        source_type: "local".to_owned(),
        source: format!("data/{name}.csv"),
        schema: Some(r#"{"z": 1, "a": [1.50, null]}"#.to_owned()),
        profile: None,
        context: context.map(str::to_owned),
    }
}

pub(crate) fn experiment(id: &str, name: &str) -> Experiment {
    Experiment {
        experiment_id: id.to_owned(),
        name: name.to_owned(),
        artifact_location: format!("artifacts/{id}"),
        lifecycle: Lifecycle::Active,
        creation_time_ms: 100,
        last_update_time_ms: 100,
        tags: Vec::new(),
    }
}

pub(crate) fn run_id(number: usize) -> String {
    format!("{number:032x}")
}

pub(crate) fn run_info(number: usize) -> RunInfo {
    RunInfo {
        run_id: run_id(number),
        experiment_id: "1".to_owned(),
        run_name: format!("run-{number}"),
        user_id: "ada".to_owned(),
        status: RunStatus::Running,
        start_time_ms: 1_000,
        end_time_ms: None,
        artifact_uri: format!("artifacts/1/{number}"),
        lifecycle: Lifecycle::Active,
    }
}

pub(crate) fn metrics_of(metrics: Vec<Metric>) -> LogBatch {
    LogBatch { metrics, ..LogBatch::default() }
}

pub(crate) fn params_of(params: Vec<Param>) -> LogBatch {
    LogBatch { params, ..LogBatch::default() }
}

/// Writes the experiment `1` and so many runs, which start one after the other.
pub(crate) async fn with_runs(store: &dyn Store, runs: usize) {
    ok(store.create_experiment(experiment("1", "one")).await);
    for number in 0..runs {
        let start_time_ms = 1_000 + i64::try_from(number).expect("a few runs");
        ok(store.create_run(RunInfo { start_time_ms, ..run_info(number) }, Vec::new()).await);
    }
}

pub(crate) fn model(name: &str) -> RegisteredModel {
    RegisteredModel {
        name: name.to_owned(),
        description: "a model".to_owned(),
        creation_time_ms: 100,
        last_update_time_ms: 100,
        tags: Vec::new(),
        aliases: Vec::new(),
    }
}

pub(crate) fn version(name: &str) -> ModelVersion {
    ModelVersion {
        name: name.to_owned(),
        version: 0,
        description: "a version".to_owned(),
        stage: ModelStage::None,
        source: "runs:/1/model".to_owned(),
        run_id: Some(run_id(1)),
        model_id: None,
        storage_location: "artifacts/model".to_owned(),
        user_id: "ada".to_owned(),
        creation_time_ms: 200,
        last_update_time_ms: 200,
        tags: Vec::new(),
    }
}

/// Writes a model with so many versions.
pub(crate) async fn with_versions(store: &dyn Store, name: &str, versions: u32) {
    ok(store.create_model(model(name)).await);
    for _ in 0..versions {
        ok(store.create_version(version(name)).await);
    }
}

pub(crate) fn query(limit: usize) -> RunQuery {
    RunQuery { limit, ..RunQuery::default() }
}

pub(crate) fn order(entity: Entity, key: &str, ascending: bool) -> OrderBy {
    OrderBy { entity, key: key.to_owned(), ascending }
}

/// The numbers of all runs that a query finds, page by page.
pub(crate) async fn found(store: &dyn Store, query: &RunQuery) -> Vec<usize> {
    let mut query = query.clone();
    let mut numbers = Vec::new();
    loop {
        let page = ok(store.search_runs(&query).await);
        let last = page.next_page_token.is_none();
        assert!(page.items.len() <= query.limit, "a page has at most {} runs", query.limit);
        assert!(last || page.items.len() == query.limit, "only the last page may have room left");
        numbers.extend(
            page.items
                .iter()
                .map(|run| usize::from_str_radix(&run.info.run_id, 16).expect("the id of a run of this suite")),
        );
        if last {
            return numbers;
        }
        assert!(numbers.len() < 10_000, "pages must come to an end");
        query.page_token = page.next_page_token;
    }
}
