//! Promises of [`TraceStore`](crate::TraceStore) about what is said about traces.

use super::traces::{check, equals, get, info, trace_id, with_traces};
use super::{ok, refused, tag};
use crate::{Assessment, AssessmentKind, Comparison, Store, TraceField, TraceInfo};
use metria_core::ErrorKind;
use serde_json::{Value, json};

pub(super) fn assessment(number: usize, id: &str, name: &str, value: Value) -> Assessment {
    Assessment {
        assessment_id: id.to_owned(),
        trace_id: trace_id(number),
        name: name.to_owned(),
        kind: AssessmentKind::Feedback,
        value,
        error: Some(json!({"error_code": "E"})),
        source_type: "HUMAN".to_owned(),
        source_id: "ada".to_owned(),
        rationale: Some("because".to_owned()),
        metadata: vec![tag("a", "b")],
        span_id: Some("0000000000000001".to_owned()),
        create_time_ms: 100,
        last_update_time_ms: 100,
        overrides: None,
        valid: true,
    }
}

/// Assessments are kept whole, in the order of their times; what takes the place of what is told both ways.
pub async fn what_is_written_is_read(store: &dyn Store) {
    with_traces(store, 1).await;
    let first = assessment(0, "b", "q", json!({"z": 1.5, "a": [null, "é"]}));
    let second = Assessment { create_time_ms: 50, ..assessment(0, "a", "r", json!(2)) };
    ok(store.create_assessment(first.clone()).await);
    ok(store.create_assessment(second.clone()).await);
    assert_eq!(get(store, 0).await.assessments, [second.clone(), first.clone()]);
    refused(store.create_assessment(first.clone()).await, ErrorKind::AlreadyExists);
    let third = Assessment {
        overrides: Some("b".to_owned()),
        error: None,
        rationale: None,
        span_id: None,
        create_time_ms: 200,
        ..assessment(0, "c", "q", Value::Null)
    };
    refused(
        store.create_assessment(Assessment { overrides: Some("nobody".to_owned()), ..third.clone() }).await,
        ErrorKind::NotFound,
    );
    ok(store.create_assessment(third.clone()).await);
    let overridden = Assessment { valid: false, ..first.clone() };
    assert_eq!(get(store, 0).await.assessments, [second.clone(), overridden.clone(), third]);
    let change = Assessment {
        name: "s".to_owned(),
        value: json!("new"),
        rationale: Some("thought again".to_owned()),
        last_update_time_ms: 300,
        // These stay what they are.
        create_time_ms: 999,
        valid: true,
        source_id: "bob".to_owned(),
        ..overridden.clone()
    };
    let changed = Assessment { create_time_ms: 100, valid: false, source_id: "ada".to_owned(), ..change.clone() };
    assert_eq!(ok(store.update_assessment(change).await), changed);
    ok(store.delete_assessment(&trace_id(0), "c").await);
    assert_eq!(get(store, 0).await.assessments, [second.clone(), Assessment { valid: true, ..changed }]);
    let told = TraceInfo { assessments: vec![Assessment { value: json!(3), ..second.clone() }], ..info(0) };
    ok(store.start_trace(told).await);
    assert_eq!(get(store, 0).await.assessments[0].value, json!(3), "a trace that is told brings its assessments");
}

/// Conditions on what is said about traces; what was overridden does not count.
pub async fn filters(store: &dyn Store) {
    with_traces(store, 5).await;
    for (number, value) in [(0, json!(0.9)), (1, json!("yes")), (2, json!(true)), (3, json!({"a": [1]}))] {
        ok(store.create_assessment(assessment(number, "a", "q", value)).await);
    }
    let expected = Assessment { kind: AssessmentKind::Expectation, ..assessment(4, "b", "q", json!(5)) };
    ok(store.create_assessment(expected).await);
    let issue = Assessment { kind: AssessmentKind::Issue, ..assessment(4, "c", "iss-1", Value::Null) };
    ok(store.create_assessment(issue).await);
    let overriding = Assessment { overrides: Some("a".to_owned()), ..assessment(0, "d", "q", json!(0.1)) };
    ok(store.create_assessment(overriding).await);
    check(
        store,
        vec![
            (TraceField::Feedback, "q", Comparison::Greater(0.5), vec![]),
            (TraceField::Feedback, "q", Comparison::Less(0.5), vec![0]),
            (TraceField::Feedback, "q", equals("0.1"), vec![0]),
            (TraceField::Feedback, "q", equals("yes"), vec![1]),
            (TraceField::Feedback, "q", equals("true"), vec![2]),
            (TraceField::Feedback, "q", Comparison::TextNotEquals("yes".to_owned()), vec![3, 2, 0]),
            (TraceField::Feedback, "q", Comparison::Like("%\"a\"%".to_owned()), vec![3]),
            (TraceField::Feedback, "q", Comparison::IsNull, vec![4]),
            (TraceField::Feedback, "q", Comparison::IsNotNull, vec![3, 2, 1, 0]),
            (TraceField::Feedback, "other", Comparison::IsNotNull, vec![]),
            (TraceField::Expectation, "q", Comparison::GreaterOrEqual(5.0), vec![4]),
            (TraceField::Issue, "", equals("iss-1"), vec![4]),
            (TraceField::Issue, "", equals("q"), vec![]),
        ],
    )
    .await;
}
