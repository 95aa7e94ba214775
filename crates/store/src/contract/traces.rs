//! Promises of [`TraceStore`](crate::TraceStore).

use super::assessments::assessment;
use super::{experiment, ok, refused, run_id, tag};
use crate::traces::{FINALIZED, SOURCE_RUN};
use crate::{
    Comparison, Lifecycle, Span, SpanContent, SpanEvent, SpanLink, SpanStatus, Store, TraceCondition, TraceField,
    TraceInfo, TraceOrder, TraceQuery, TraceSelection, TraceSpans, TraceState,
};
use futures_util::future::join_all;
use metria_core::ErrorKind;
use serde_json::{Value, json};

pub(super) fn trace_id(number: usize) -> String {
    format!("tr-{number:032x}")
}

pub(super) fn info(number: usize) -> TraceInfo {
    TraceInfo {
        trace_id: trace_id(number),
        experiment_id: "1".to_owned(),
        client_request_id: Some(format!("request {number}")),
        request_time_ms: 1_000 + i64::try_from(number).expect("a few traces"),
        execution_duration_ms: Some(10),
        state: TraceState::Ok,
        request_preview: Some("what?".to_owned()),
        response_preview: None,
        metadata: vec![tag("mlflow.user", "ada"), tag("model", "m-1")],
        tags: vec![tag("team", "risk")],
        assessments: Vec::new(),
    }
}

fn span(number: usize, span_number: u64, parent: Option<u64>) -> Span {
    let id = |number: u64| format!("{number:016x}");
    let Value::Object(attributes) = json!({"model": "gpt", "n": 3, "is": true, "list": [1, "b", null], "ü": "é"})
    else {
        unreachable!("an object");
    };
    Span {
        trace_id: trace_id(number),
        span_id: id(span_number),
        parent_span_id: parent.map(id),
        name: format!("span {span_number}"),
        span_type: Some("LLM".to_owned()),
        status: SpanStatus::Ok,
        start_time_ns: 1_000_000_000 + i64::try_from(span_number).expect("a few spans"),
        end_time_ns: Some(1_010_000_000),
        content: SpanContent {
            status_message: "fine".to_owned(),
            kind: 1,
            trace_state: "a=b".to_owned(),
            events: vec![SpanEvent { name: "e".to_owned(), time_ns: 5, attributes: attributes.clone() }],
            links: vec![SpanLink { trace_id: "0".repeat(32), span_id: id(9), attributes: attributes.clone() }],
            attributes,
        },
    }
}

fn spans_of(info: TraceInfo, spans: Vec<Span>) -> TraceSpans {
    TraceSpans { info, spans }
}

pub(super) async fn with_traces(store: &dyn Store, traces: usize) {
    ok(store.create_experiment(experiment("1", "one")).await);
    for number in 0..traces {
        ok(store.start_trace(info(number)).await);
    }
}

pub(super) async fn get(store: &dyn Store, number: usize) -> TraceInfo {
    let mut found = ok(store.get_traces(&[trace_id(number)]).await);
    assert_eq!(found.len(), 1, "trace {number} is there");
    found.remove(0)
}

fn condition(field: TraceField, key: &str, comparison: Comparison) -> TraceCondition {
    TraceCondition { field, key: key.to_owned(), comparison }
}

fn query(conditions: Vec<TraceCondition>) -> TraceQuery {
    TraceQuery { experiment_ids: vec!["1".to_owned()], conditions, limit: 100, ..TraceQuery::default() }
}

pub(super) fn equals(text: &str) -> Comparison {
    Comparison::TextEquals(text.to_owned())
}

/// The numbers of all traces that a query finds, page by page.
async fn found(store: &dyn Store, query: &TraceQuery) -> Vec<usize> {
    let mut query = query.clone();
    let mut numbers = Vec::new();
    loop {
        let page = ok(store.search_traces(&query).await);
        assert!(page.items.len() <= query.limit);
        numbers.extend(
            page.items.iter().map(|info| usize::from_str_radix(&info.trace_id[3..], 16).expect("an id of this suite")),
        );
        if page.next_page_token.is_none() {
            let count = ok(store.count_traces(&query).await);
            assert_eq!(count, numbers.len() as u64, "a count is that of all pages");
            return numbers;
        }
        assert!(numbers.len() < 10_000, "pages must come to an end");
        query.page_token = page.next_page_token;
    }
}

pub(super) async fn check(store: &dyn Store, cases: Vec<(TraceField, &str, Comparison, Vec<usize>)>) {
    for (field, key, comparison, expected) in cases {
        let asked = query(vec![condition(field, key, comparison.clone())]);
        assert_eq!(found(store, &asked).await, expected, "{field:?} `{key}` {comparison:?}");
    }
}

/// What was written comes back whole, traces in the order of their ids, spans with the roots first.
pub async fn what_is_written_is_read(store: &dyn Store) {
    with_traces(store, 2).await;
    assert_eq!(get(store, 0).await, info(0));
    let spans = vec![span(0, 3, Some(2)), span(0, 1, Some(2)), span(0, 2, None)];
    ok(store.log_spans(vec![spans_of(info(0), spans), spans_of(info(1), vec![span(1, 1, None)])]).await);
    let expected = [span(0, 2, None), span(0, 1, Some(2)), span(0, 3, Some(2)), span(1, 1, None)];
    let ids = [trace_id(1), trace_id(0), "nobody".to_owned(), trace_id(1)];
    assert_eq!(ok(store.get_spans(&ids).await), expected);
    let order: Vec<String> = ok(store.get_traces(&ids).await).into_iter().map(|info| info.trace_id).collect();
    assert_eq!(order, [trace_id(1), trace_id(0)]);
    assert_eq!(ok(store.get_traces(&[]).await), []);
    let again = Span { name: "renamed".to_owned(), ..span(0, 1, Some(2)) };
    ok(store.log_spans(vec![spans_of(info(0), vec![span(0, 1, None), again.clone()])]).await);
    assert_eq!(ok(store.get_spans(&[trace_id(0)]).await)[1], again, "the last that came replaces");
}

/// Spans that come in parts make a trace, which they widen; a client's word about it comes on top.
pub async fn spans_make_traces(store: &dyn Store) {
    ok(store.create_experiment(experiment("1", "one")).await);
    ok(store.create_experiment(experiment("2", "two")).await);
    let part = |request_time_ms, duration, state, preview: Option<&str>| TraceInfo {
        request_time_ms,
        execution_duration_ms: duration,
        state,
        request_preview: preview.map(str::to_owned),
        metadata: vec![tag("first", &request_time_ms.to_string())],
        tags: vec![tag("last", &request_time_ms.to_string())],
        client_request_id: None,
        ..info(7)
    };
    ok(store.log_spans(vec![spans_of(part(500, None, TraceState::InProgress, None), vec![span(7, 2, Some(1))])]).await);
    let first = get(store, 7).await;
    assert_eq!((first.state, first.execution_duration_ms), (TraceState::InProgress, None));
    ok(store.log_spans(vec![spans_of(part(600, Some(50), TraceState::InProgress, None), vec![])]).await);
    ok(store.log_spans(vec![spans_of(part(400, Some(20), TraceState::Error, Some("a")), vec![])]).await);
    ok(store.log_spans(vec![spans_of(part(450, Some(20), TraceState::Ok, Some("b")), vec![])]).await);
    let made = get(store, 7).await;
    assert_eq!((made.request_time_ms, made.execution_duration_ms), (400, Some(250)));
    assert_eq!((made.state, made.request_preview.as_deref()), (TraceState::Error, Some("a")));
    assert_eq!((made.metadata, made.tags), (vec![tag("first", "500")], vec![tag("last", "450")]));
    let told =
        ok(store.start_trace(TraceInfo { experiment_id: "2".to_owned(), request_preview: None, ..info(7) }).await);
    assert_eq!(told, get(store, 7).await);
    assert_eq!((told.experiment_id.as_str(), told.state, told.request_time_ms), ("2", TraceState::Ok, 1_007));
    assert_eq!(told.request_preview.as_deref(), Some("a"), "a preview that is not told stays");
    assert_eq!(told.metadata, [tag("first", "500"), tag("mlflow.user", "ada"), tag("model", "m-1")]);
    assert_eq!(told.tags, [tag("last", "450"), tag("team", "risk")]);
    assert_eq!(ok(store.get_spans(&[trace_id(7)]).await).len(), 1);
    let in_two = TraceQuery {
        experiment_ids: vec!["2".to_owned()],
        ..query(vec![condition(TraceField::Tag, "last", equals("450"))])
    };
    assert_eq!(found(store, &in_two).await, [7], "tags move with their trace");
}

/// Spans that come after a client has told times and state change neither.
pub async fn a_told_trace_keeps_its_times(store: &dyn Store) {
    ok(store.create_experiment(experiment("1", "one")).await);
    let told = TraceInfo { metadata: vec![tag(FINALIZED, "true")], state: TraceState::Error, ..info(1) };
    ok(store.start_trace(told.clone()).await);
    let later = TraceInfo { request_time_ms: 1, execution_duration_ms: Some(9_999), metadata: vec![], ..info(1) };
    ok(store.log_spans(vec![spans_of(later, vec![span(1, 1, None)])]).await);
    assert_eq!(get(store, 1).await, told);
}

/// A trace needs its experiment, and needs it active; refused spans write nothing.
pub async fn experiments_must_be_there_and_active(store: &dyn Store) {
    with_traces(store, 1).await;
    let elsewhere = |number| TraceInfo { experiment_id: "404".to_owned(), ..info(number) };
    refused(store.start_trace(elsewhere(1)).await, ErrorKind::NotFound);
    let both = vec![spans_of(info(2), vec![span(2, 1, None)]), spans_of(elsewhere(3), vec![span(3, 1, None)])];
    refused(store.log_spans(both).await, ErrorKind::NotFound);
    assert_eq!(ok(store.get_traces(&[trace_id(1), trace_id(2), trace_id(3)]).await), []);
    ok(store.log_spans(vec![spans_of(elsewhere(0), vec![span(0, 1, None)])]).await);
    assert_eq!(get(store, 0).await.experiment_id, "1", "a trace that is there stays where it is");
    ok(store.set_experiment_lifecycle("1", Lifecycle::Deleted, 5).await);
    refused(store.start_trace(info(4)).await, ErrorKind::Conflict);
    refused(store.log_spans(vec![spans_of(info(4), vec![span(4, 1, None)])]).await, ErrorKind::Conflict);
}

/// Whatever is not there is said not to be there.
pub async fn what_is_missing_is_not_found(store: &dyn Store) {
    with_traces(store, 1).await;
    let missing = ErrorKind::NotFound;
    refused(store.set_trace_tag(&trace_id(9), tag("a", "b")).await, missing);
    refused(store.delete_trace_tag(&trace_id(9), "a").await, missing);
    refused(store.delete_trace_tag(&trace_id(0), "a").await, missing);
    refused(store.link_prompts(&trace_id(9), &["p/1".to_owned()]).await, missing);
    refused(store.create_assessment(assessment(9, "a", "q", json!(1))).await, missing);
    refused(store.update_assessment(assessment(0, "a", "q", json!(1))).await, missing);
    refused(store.update_assessment(assessment(9, "a", "q", json!(1))).await, missing);
    refused(store.delete_assessment(&trace_id(9), "a").await, missing);
    ok(store.delete_assessment(&trace_id(0), "a").await);
    ok(store.link_traces_to_run(&[trace_id(9)], &run_id(1)).await);
    let all = TraceSelection::default();
    assert_eq!(ok(store.delete_traces("404", all).await), Vec::<String>::new());
}

/// Tags are replaced and removed.
pub async fn tags(store: &dyn Store) {
    with_traces(store, 1).await;
    ok(store.set_trace_tag(&trace_id(0), tag("b", "1")).await);
    ok(store.set_trace_tag(&trace_id(0), tag("b", "2")).await);
    assert_eq!(get(store, 0).await.tags, [tag("b", "2"), tag("team", "risk")]);
    ok(store.delete_trace_tag(&trace_id(0), "team").await);
    assert_eq!(get(store, 0).await.tags, [tag("b", "2")]);
}

/// Conditions on attributes, tags and metadata.
pub async fn filters(store: &dyn Store) {
    with_traces(store, 2).await;
    let long = format!("{}é", "x".repeat(150));
    let other = TraceInfo {
        state: TraceState::InProgress,
        client_request_id: None,
        execution_duration_ms: None,
        metadata: vec![tag("model", &long)],
        tags: vec![tag("team", "RISKY"), tag("o'dd \"key\"", "%")],
        ..info(2)
    };
    ok(store.start_trace(other).await);
    let like = |text: &str| Comparison::Like(text.to_owned());
    check(
        store,
        vec![
            (TraceField::Attribute, "state", equals("OK"), vec![1, 0]),
            (TraceField::Attribute, "state", Comparison::TextNotEquals("OK".to_owned()), vec![2]),
            (TraceField::Attribute, "trace_id", Comparison::In(vec![trace_id(2), trace_id(0)]), vec![2, 0]),
            (TraceField::Attribute, "client_request_id", like("request %"), vec![1, 0]),
            (TraceField::Attribute, "client_request_id", Comparison::IsNull, vec![2]),
            (TraceField::Attribute, "experiment_id", equals("1"), vec![2, 1, 0]),
            (TraceField::Attribute, "request_time_ms", Comparison::Greater(1_000.0), vec![2, 1]),
            (TraceField::Attribute, "execution_duration_ms", Comparison::LessOrEqual(10.0), vec![1, 0]),
            (TraceField::Attribute, "end_time_ms", Comparison::NumberEquals(1_002.0), vec![2]),
            (TraceField::Attribute, "end_time_ms", Comparison::GreaterOrEqual(f64::NAN), vec![]),
            (TraceField::Tag, "team", equals("risk"), vec![1, 0]),
            (TraceField::Tag, "team", Comparison::TextNotEquals("risk".to_owned()), vec![2]),
            (TraceField::Tag, "team", like("RISK_"), vec![2]),
            (TraceField::Tag, "team", Comparison::ILike("risk%".to_owned()), vec![2, 1, 0]),
            (TraceField::Tag, "o'dd \"key\"", equals("%"), vec![2]),
            (TraceField::Tag, "o'dd \"key\"", Comparison::IsNull, vec![1, 0]),
            (TraceField::Tag, "o'dd \"key\"", Comparison::IsNotNull, vec![2]),
            (TraceField::Metadata, "model", equals("m-1"), vec![1, 0]),
            (TraceField::Metadata, "model", equals(&long), vec![2]),
            (TraceField::Metadata, "model", equals(&long[..150]), vec![]),
            (TraceField::Metadata, "mlflow.user", Comparison::IsNull, vec![2]),
        ],
    )
    .await;
    let both = vec![
        condition(TraceField::Tag, "team", equals("risk")),
        condition(TraceField::Attribute, "request_time_ms", Comparison::Less(1_001.0)),
    ];
    assert_eq!(found(store, &query(both.clone())).await, [0], "all conditions must hold");
    let everywhere = TraceQuery { experiment_ids: vec![], ..query(both) };
    assert_eq!(found(store, &everywhere).await, [0]);
    let nowhere = TraceQuery { experiment_ids: vec!["2".to_owned(), "3".to_owned()], ..query(vec![]) };
    assert_eq!(found(store, &nowhere).await, Vec::<usize>::new());
    for (field, key, comparison) in [
        (TraceField::Attribute, "colour", equals("x")),
        (TraceField::Attribute, "state", Comparison::Greater(1.0)),
        (TraceField::Attribute, "request_time_ms", equals("1")),
        (TraceField::Tag, "team", Comparison::Less(1.0)),
        (TraceField::Span, "colour", equals("x")),
        (TraceField::Run, "", like("%")),
        (TraceField::SpanText, "", equals("x")),
        (TraceField::Feedback, "q", Comparison::In(vec![])),
        (TraceField::Tag, "a\0", equals("x")),
        (TraceField::Tag, "a", like(&"%".repeat(5_001))),
    ] {
        let refusal = query(vec![condition(field, key, comparison)]);
        refused(store.search_traces(&refusal).await, ErrorKind::InvalidInput);
        refused(store.count_traces(&refusal).await, ErrorKind::InvalidInput);
    }
}

/// Conditions on spans; several must hold for one and the same.
pub async fn filters_on_spans(store: &dyn Store) {
    with_traces(store, 3).await;
    let other = Span { name: "search".to_owned(), span_type: None, status: SpanStatus::Error, ..span(1, 2, Some(1)) };
    ok(store
        .log_spans(vec![spans_of(info(0), vec![span(0, 1, None)]), spans_of(info(1), vec![span(1, 1, None), other])])
        .await);
    let like = |text: &str| Comparison::Like(text.to_owned());
    check(
        store,
        vec![
            (TraceField::Span, "name", equals("search"), vec![1]),
            (TraceField::Span, "name", like("span%"), vec![1, 0]),
            (TraceField::Span, "type", equals("LLM"), vec![1, 0]),
            (TraceField::Span, "type", Comparison::TextNotEquals("LLM".to_owned()), vec![]),
            (TraceField::Span, "status", Comparison::In(vec!["ERROR".to_owned()]), vec![1]),
            (TraceField::SpanAttribute, "model", equals("gpt"), vec![1, 0]),
            (TraceField::SpanAttribute, "model", Comparison::ILike("G%".to_owned()), vec![1, 0]),
            (TraceField::SpanAttribute, "model", equals("\"gpt\""), vec![]),
            (TraceField::SpanAttribute, "n", equals("3"), vec![1, 0]),
            (TraceField::SpanAttribute, "is", equals("true"), vec![1, 0]),
            (TraceField::SpanAttribute, "list", like("%\"b\"%"), vec![1, 0]),
            (TraceField::SpanAttribute, "ü", equals("é"), vec![1, 0]),
            (TraceField::SpanAttribute, "nobody", like("%"), vec![]),
            (TraceField::SpanText, "", like("%search%"), vec![1]),
            (TraceField::SpanText, "", like("%é%"), vec![1, 0]),
            (TraceField::SpanText, "", Comparison::ILike("%GPT%".to_owned()), vec![1, 0]),
        ],
    )
    .await;
    let two = |name: &str| {
        query(vec![
            condition(TraceField::Span, "status", equals("ERROR")),
            condition(TraceField::Span, "name", equals(name)),
        ])
    };
    assert_eq!(found(store, &two("search")).await, [1]);
    assert_eq!(found(store, &two("span 1")).await, Vec::<usize>::new());
}

/// A trace belongs to the run that it was made in, and to those that it was linked to.
pub async fn links(store: &dyn Store) {
    with_traces(store, 3).await;
    let made = TraceInfo { metadata: vec![tag(SOURCE_RUN, &run_id(1))], ..info(3) };
    ok(store.start_trace(made).await);
    for _ in 0..2 {
        ok(store.link_traces_to_run(&[trace_id(0), trace_id(1), "nobody".to_owned()], &run_id(1)).await);
        ok(store.link_prompts(&trace_id(2), &["p/1".to_owned(), "p/2".to_owned()]).await);
    }
    check(
        store,
        vec![
            (TraceField::Run, "", equals(&run_id(1)), vec![3, 1, 0]),
            (TraceField::Run, "", equals(&run_id(2)), vec![]),
            (TraceField::Prompt, "", equals("p/2"), vec![2]),
            (TraceField::Prompt, "", equals("p/3"), vec![]),
        ],
    )
    .await;
}

/// Orders of every kind, with what is missing last, page by page without gap or repeat.
pub async fn orders_and_pages(store: &dyn Store) {
    ok(store.create_experiment(experiment("1", "one")).await);
    for number in 0..12_usize {
        let value = number % 3;
        let trace = TraceInfo {
            request_time_ms: 1_000 + (number as i64 % 4),
            execution_duration_ms: (value > 0).then_some(value as i64),
            state: if number < 6 { TraceState::Ok } else { TraceState::Error },
            tags: if value > 0 { vec![tag("k", &value.to_string())] } else { vec![] },
            metadata: vec![tag("m", &(12 - number).to_string())],
            ..info(number)
        };
        ok(store.start_trace(trace).await);
    }
    let order = |field, key: &str, ascending| TraceOrder { field, key: key.to_owned(), ascending };
    let newest_first = vec![3, 7, 11, 2, 6, 10, 1, 5, 9, 0, 4, 8];
    let cases = [
        (vec![], newest_first.clone()),
        (vec![order(TraceField::Attribute, "request_time_ms", true)], vec![0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11]),
        (vec![order(TraceField::Attribute, "trace_id", false)], (0..12).rev().collect()),
        (vec![order(TraceField::Attribute, "execution_duration_ms", true)], vec![7, 10, 1, 4, 11, 2, 5, 8, 3, 6, 9, 0]),
        (
            vec![order(TraceField::Attribute, "execution_duration_ms", false)],
            vec![11, 2, 5, 8, 7, 10, 1, 4, 3, 6, 9, 0],
        ),
        (vec![order(TraceField::Tag, "k", false)], vec![11, 2, 5, 8, 7, 10, 1, 4, 3, 6, 9, 0]),
        (
            vec![order(TraceField::Attribute, "state", true), order(TraceField::Metadata, "m", true)],
            vec![11, 10, 9, 8, 7, 6, 2, 1, 0, 5, 4, 3],
        ),
        (vec![order(TraceField::Tag, "nobody", true)], newest_first),
    ];
    for (order_by, expected) in cases {
        for limit in [1, 5, 12, 100] {
            let asked = TraceQuery { order_by: order_by.clone(), limit, ..query(vec![]) };
            assert_eq!(found(store, &asked).await, expected, "{order_by:?}, {limit} a page");
        }
    }
    let first = ok(store.search_traces(&TraceQuery { limit: 2, ..query(vec![]) }).await);
    let token = first.next_page_token.expect("there is more");
    ok(store.start_trace(info(99)).await);
    let second =
        ok(store.search_traces(&TraceQuery { limit: 1, page_token: Some(token.clone()), ..query(vec![]) }).await);
    assert_eq!(second.items[0].trace_id, trace_id(11), "traces that come in between shift nothing");
    let by_state = vec![order(TraceField::Attribute, "state", true)];
    for broken in [
        TraceQuery { page_token: Some(token), order_by: by_state, ..query(vec![]) },
        TraceQuery { page_token: Some("zz".to_owned()), ..query(vec![]) },
        TraceQuery { page_token: Some("7b7d".to_owned()), ..query(vec![]) },
        TraceQuery { limit: 0, ..query(vec![]) },
        TraceQuery { order_by: vec![order(TraceField::Span, "name", true)], ..query(vec![]) },
        TraceQuery { order_by: vec![order(TraceField::Attribute, "colour", true)], ..query(vec![]) },
    ] {
        refused(store.search_traces(&broken).await, ErrorKind::InvalidInput);
    }
}

/// Traces go with all that belongs to them, the oldest first.
pub async fn deleting(store: &dyn Store) {
    with_traces(store, 6).await;
    ok(store.create_experiment(experiment("2", "two")).await);
    ok(store.start_trace(TraceInfo { experiment_id: "2".to_owned(), ..info(6) }).await);
    ok(store.log_spans(vec![spans_of(info(0), vec![span(0, 1, None)])]).await);
    ok(store.create_assessment(assessment(0, "a", "q", json!(1))).await);
    ok(store.link_traces_to_run(&[trace_id(0)], &run_id(1)).await);
    let select = |max_request_time_ms, limit, trace_ids: Option<Vec<usize>>| TraceSelection {
        max_request_time_ms,
        limit,
        trace_ids: trace_ids.map(|ids| ids.into_iter().map(trace_id).collect()),
    };
    let ids = |numbers: &[usize]| numbers.iter().copied().map(trace_id).collect::<Vec<_>>();
    assert_eq!(ok(store.delete_traces("1", select(None, None, Some(vec![0, 6, 9]))).await), ids(&[0]));
    assert_eq!(ok(store.get_spans(&[trace_id(0)]).await), []);
    assert_eq!(ok(store.delete_traces("1", select(Some(1_003), Some(2), None)).await), ids(&[1, 2]));
    assert_eq!(ok(store.delete_traces("1", select(Some(1_003), None, None)).await), ids(&[3]));
    assert_eq!(ok(store.delete_traces("1", select(None, None, Some(vec![]))).await), ids(&[]));
    assert_eq!(found(store, &query(vec![])).await, [5, 4]);
    assert_eq!(get(store, 6).await.experiment_id, "2");
    ok(store.start_trace(info(0)).await);
    assert_eq!(get(store, 0).await, info(0), "nothing is left of what had that id");
    assert_eq!(found(store, &query(vec![condition(TraceField::Run, "", equals(&run_id(1)))])).await, [0; 0]);
}

/// Many spans in one write, and many writes at once.
pub async fn many_spans_at_once(store: &dyn Store) {
    ok(store.create_experiment(experiment("1", "one")).await);
    let spans: Vec<Span> = (1..=333).map(|number| span(0, number, (number > 1).then_some(1))).collect();
    ok(store.log_spans(vec![spans_of(info(0), spans.clone())]).await);
    assert_eq!(ok(store.get_spans(&[trace_id(0)]).await), spans);
    let writes = (0..40).map(|number: u64| {
        let trace = usize::try_from(number % 4).expect("small") + 1;
        store.log_spans(vec![spans_of(info(trace), vec![span(trace, number + 1, None)])])
    });
    join_all(writes).await.into_iter().for_each(ok);
    for trace in 1..=4 {
        assert_eq!(ok(store.get_spans(&[trace_id(trace)]).await).len(), 10);
    }
}

/// Any text but NUL is kept as it is, and found.
pub async fn odd_texts(store: &dyn Store) {
    with_traces(store, 0).await;
    for (number, text) in super::odd_texts().into_iter().enumerate() {
        let mut odd = span(number, 1, None);
        odd.name.clone_from(&text);
        odd.content.status_message.clone_from(&text);
        odd.content.attributes.insert(text.clone(), Value::from(text.as_str()));
        let told = TraceInfo {
            client_request_id: Some(text.clone()),
            request_preview: Some(text.clone()),
            tags: vec![tag("odd", &text)],
            metadata: vec![tag(&text, &text)],
            ..info(number)
        };
        ok(store.start_trace(told.clone()).await);
        let quiet = TraceInfo { tags: vec![], metadata: vec![], ..told.clone() };
        ok(store.log_spans(vec![spans_of(quiet, vec![odd.clone()])]).await);
        assert_eq!((get(store, number).await, ok(store.get_spans(&[trace_id(number)]).await)), (told, vec![odd]));
        check(
            store,
            vec![
                (TraceField::Tag, "odd", equals(&text), vec![number]),
                (TraceField::Metadata, &text, equals(&text), vec![number]),
                (TraceField::SpanAttribute, &text, equals(&text), vec![number]),
            ],
        )
        .await;
    }
}

/// NUL is refused wherever it stands.
pub async fn nul_is_refused(store: &dyn Store) {
    with_traces(store, 1).await;
    let bad = ErrorKind::InvalidInput;
    refused(store.start_trace(TraceInfo { request_preview: Some("\0".to_owned()), ..info(1) }).await, bad);
    refused(store.start_trace(TraceInfo { tags: vec![tag("\0", "")], ..info(1) }).await, bad);
    refused(store.set_trace_tag(&trace_id(0), tag("a", "\0")).await, bad);
    refused(store.create_assessment(assessment(0, "a", "q", json!(["\0"]))).await, bad);
    let mut hidden = span(0, 1, None);
    hidden.content.attributes.insert("a".to_owned(), json!({"b": ["\0"]}));
    refused(store.log_spans(vec![spans_of(info(0), vec![hidden])]).await, bad);
    let mut harmless = span(0, 1, None);
    harmless.content.attributes.insert("a".to_owned(), json!("\\u0000"));
    ok(store.log_spans(vec![spans_of(info(0), vec![harmless.clone()])]).await);
    assert_eq!(ok(store.get_spans(&[trace_id(0)]).await), [harmless]);
}
