//! What SQLite does for a page: along which index it goes.

use super::*;
use crate::migrations;
use sqlx::{AssertSqlSafe, Connection, Row, SqliteConnection};

fn query(order_by: &[(Entity, &str)], conditions: Vec<(Entity, Comparison)>) -> RunQuery {
    let order = |(entity, key): &(Entity, &str)| OrderBy { entity: *entity, key: (*key).to_owned(), ascending: false };
    let condition = |(entity, comparison)| Condition { entity, key: "k".to_owned(), comparison };
    RunQuery {
        experiment_ids: vec!["1".to_owned()],
        lifecycle: Some(Lifecycle::Active),
        conditions: conditions.into_iter().map(condition).collect(),
        order_by: order_by.iter().map(order).collect(),
        limit: 100,
        page_token: None,
    }
}

/// What SQLite does for a page, step by step.
async fn plan(query: &RunQuery, segment: Segment, after: Option<&PageToken>) -> Vec<String> {
    let mut connection = SqliteConnection::connect("sqlite::memory:").await.unwrap();
    migrations::migrator(migrations::SQLITE).run(&mut connection).await.unwrap();
    let sql = page(Dialect::Sqlite, query, segment, after, 100);
    let mut explain = sqlx::query(AssertSqlSafe(format!("EXPLAIN QUERY PLAN {}", sql.text)));
    for value in sql.values {
        explain = match value {
            Value::Text(text) => explain.bind(text),
            Value::Number(number) => explain.bind(number),
            Value::Integer(integer) => explain.bind(integer),
        };
    }
    let rows = explain.fetch_all(&mut connection).await.unwrap();
    rows.iter().map(|row| row.get::<String, _>("detail")).collect()
}

/// A page of logged models, of all or of a name, walks an index from the place where it begins, and sorts nothing.
#[tokio::test]
async fn pages_of_logged_models_walk_indexes() {
    let mut connection = SqliteConnection::connect("sqlite::memory:").await.unwrap();
    migrations::migrator(migrations::SQLITE).run(&mut connection).await.unwrap();
    let named = Condition {
        entity: Entity::Attribute,
        key: "name".to_owned(),
        comparison: Comparison::TextEquals("x".to_owned()),
    };
    for (conditions, index) in [(vec![], "logged_models_newest"), (vec![named], "logged_models_named")] {
        let query = metria_store::LoggedModelQuery {
            experiment_ids: vec!["1".to_owned()],
            lifecycle: Some(Lifecycle::Active),
            conditions,
            limit: 100,
            ..Default::default()
        };
        let places = query.places();
        let after = PageToken::new(&places, Vec::new(), 5, "m-1".to_owned());
        let sql = logged_models::page(Dialect::Sqlite, &query, &places, Some(&after), 100);
        let mut explain = sqlx::query(AssertSqlSafe(format!("EXPLAIN QUERY PLAN {}", sql.text)));
        for value in sql.values {
            explain = match value {
                Value::Text(text) => explain.bind(text),
                Value::Number(number) => explain.bind(number),
                Value::Integer(integer) => explain.bind(integer),
            };
        }
        let rows = explain.fetch_all(&mut connection).await.unwrap();
        let steps: Vec<String> = rows.iter().map(|row| row.get::<String, _>("detail")).collect();
        assert!(steps[0].contains(index) && steps[0].contains("creation_time_ms<"), "{steps:?}");
        assert!(!steps.iter().any(|step| step.contains("B-TREE")), "{steps:?}");
    }
}

/// A page walks an index from the place where it begins: it neither reads nor sorts all runs.
#[tokio::test]
async fn pages_walk_indexes() {
    let text = || SortValue::Text("v".to_owned());
    for (order_by, segment, key, index) in [
        (&[][..], Segment::Whole, None, "runs_newest"),
        (&[(Entity::Attribute, "start_time")], Segment::Whole, Some(SortValue::Integer(5)), "runs_newest"),
        (&[(Entity::Metric, "m")], Segment::With, Some(SortValue::Number(0.5)), "latest_metrics_of"),
        (&[(Entity::Param, "p")], Segment::With, Some(text()), "params_of"),
        (&[(Entity::Tag, "t")], Segment::With, Some(text()), "run_tags_of"),
        (&[(Entity::Metric, "m")], Segment::Without, Some(SortValue::Missing), "runs_newest"),
    ] {
        let conditions = vec![(Entity::Param, Comparison::Like("a%".to_owned()))];
        let query = query(order_by, conditions);
        let token = PageToken::new(&query, key.into_iter().collect(), 7, "r".to_owned());
        for after in [None, Some(&token)] {
            let plan = plan(&query, segment, after).await;
            let first = &plan[0];
            assert!(first.contains(index) && first.starts_with("SEARCH"), "{order_by:?} {after:?}: {plan:#?}");
            assert!(plan.iter().all(|step| step != "USE TEMP B-TREE FOR ORDER BY"), "{order_by:?}: {plan:#?}");
            let value_bound = segment == Segment::With && after.is_some();
            assert_eq!(first.contains("value<"), value_bound, "{order_by:?} {after:?}: {plan:#?}");
        }
    }
}

/// A search for what few runs have looks at those only.
#[tokio::test]
async fn few_runs_are_found_by_what_they_have() {
    for (entity, comparison, index) in [
        (Entity::Param, Comparison::TextEquals("v".to_owned()), "params_of"),
        (Entity::Tag, Comparison::In(vec!["v".to_owned(), "w".to_owned()]), "run_tags_of"),
        (Entity::Metric, Comparison::Greater(0.9), "latest_metrics_of"),
        (Entity::Metric, Comparison::IsNotNull, "latest_metrics_of"),
    ] {
        let query = query(&[(Entity::Metric, "m")], vec![(entity, comparison)]);
        assert!(probe(&query, 0).is_some());
        let plan = plan(&query, Segment::Few(0), None).await;
        assert!(plan[0].contains(index), "{plan:#?}");
        assert!(plan.iter().any(|step| step.starts_with("SEARCH r USING PRIMARY KEY")), "{plan:#?}");
    }
    let not_by_index = query(&[], vec![(Entity::Param, Comparison::Like("%a".to_owned()))]);
    assert!(probe(&not_by_index, 0).is_none());
    assert!(is_few(1_000) && !is_few(1_001));
}
