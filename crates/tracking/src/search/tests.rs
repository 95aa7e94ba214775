//! The language, form by form.

use super::*;
use metria_store::{Arithmetic, Comparison, Operator, Statistic, Term};

fn one(text: &str) -> (Entity, String, Comparison) {
    let mut conditions = parse_filter(Subject::Runs, text).expect(text);
    assert_eq!(conditions.len(), 1, "{text}");
    let condition = conditions.remove(0);
    (condition.entity, condition.key, condition.comparison)
}

#[test]
fn every_form() {
    let text = |t: &str| t.to_owned();
    for (filter, expected) in [
        ("metrics.accuracy >= 0.9", (Entity::Metric, text("accuracy"), Comparison::GreaterOrEqual(0.9))),
        ("metric.`a b` < -1e-3", (Entity::Metric, text("a b"), Comparison::Less(-1e-3))),
        ("params.\"max depth\" = '10'", (Entity::Param, text("max depth"), Comparison::TextEquals(text("10")))),
        ("tag.mlflow.user != \"x\"", (Entity::Tag, text("mlflow.user"), Comparison::TextNotEquals(text("x")))),
        ("tags.team ilike 'A%'", (Entity::Tag, text("team"), Comparison::ILike(text("A%")))),
        ("params.x IS NOT NULL", (Entity::Param, text("x"), Comparison::IsNotNull)),
        ("run_id IN ('a', 'b')", (Entity::Attribute, text("run_id"), Comparison::In(vec![text("a"), text("b")]))),
        ("attributes.Created > 5", (Entity::Attribute, text("start_time"), Comparison::Greater(5.0))),
        ("datasets.digest NOT IN ('d')", (Entity::Dataset, text("digest"), Comparison::NotIn(vec![text("d")]))),
    ] {
        assert_eq!(one(filter), expected, "{filter}");
    }
    assert_eq!(parse_filter(Subject::Runs, "  ").unwrap(), []);
    assert_eq!(parse_filter(Subject::Runs, "metrics.a > 1 and params.b = 'c' AND tags.d IS NULL").unwrap().len(), 3);
}

#[test]
fn logged_models() {
    let conditions = parse_filter(
        Subject::LoggedModels,
        "creation_timestamp > 5 AND params.depth = 3.50 AND metrics.`a b` <= 1 AND name = 'x' AND tags.t IN ('a', 7)",
    )
    .unwrap();
    let expected = [
        (Entity::Attribute, "creation_time", Comparison::Greater(5.0)),
        (Entity::Param, "depth", Comparison::TextEquals("3.50".to_owned())),
        (Entity::Metric, "a b", Comparison::LessOrEqual(1.0)),
        (Entity::Attribute, "name", Comparison::TextEquals("x".to_owned())),
        (Entity::Tag, "t", Comparison::In(vec!["a".to_owned(), "7".to_owned()])),
    ];
    for (got, (entity, key, comparison)) in conditions.into_iter().zip(expected) {
        assert_eq!((got.entity, got.key.as_str(), got.comparison), (entity, key, comparison));
    }
    for (filter, expected) in
        [("datasets.name = 'x'", "metrics, params"), ("run_name = 'x'", "model_id"), ("metrics.a > 'x'", "a number")]
    {
        let error = parse_filter(Subject::LoggedModels, filter).expect_err(filter);
        assert!(error.expected.contains(expected), "{error}");
    }
}

#[test]
fn errors_tell_the_place() {
    for (filter, position, expected) in [
        ("metrics.a > '1'", 12, "without quotes"),
        ("params.a = 1", 11, "in quotes"),
        ("metrics.a > 1 OR metrics.b > 2", 14, "AND"),
        ("cosmos.a = 'x'", 0, "metrics, params"),
        ("colour = 'x'", 0, "run_id"),
        ("tags.a = 'x", 9, "closing"),
        ("metrics.ü ! 3", 10, "a key, a comparison"),
        ("params.a IN ()", 13, "in quotes"),
        ("metrics.a >", 11, "a number"),
    ] {
        let error = parse_filter(Subject::Runs, filter).expect_err(filter);
        assert_eq!(error.position, position, "{error}");
        assert!(error.expected.contains(expected), "{error}");
    }
}

#[test]
fn orders() {
    let order = parse_order_by(Subject::Runs, "metrics.accuracy DESC").unwrap();
    assert_eq!((order.entity, order.ascending), (Entity::Metric, false));
    assert!(parse_order_by(Subject::Runs, "start_time").unwrap().ascending);
    assert!(parse_order_by(Subject::Runs, "metrics.a DOWN").is_err());
    assert!(parse_order_by(Subject::Runs, "").is_err());
}

#[test]
fn no_text_is_too_odd() {
    let pieces =
        ["metrics", ".", "a", " ", "'", "\"", "`", ">=", "(", ",", "ü", "1e", "-", "IN", "NOT", "IS", "\0", "AND"];
    let mut state = 1_u32;
    for _ in 0..20_000 {
        let mut text = String::new();
        for _ in 0..8 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            text.push_str(pieces[(state >> 16) as usize % pieces.len()]);
        }
        // Only a panic would be wrong.
        let _ = (parse_filter(Subject::Runs, &text), parse_order_by(Subject::Runs, &text));
        let _ = parse_expression(Subject::Runs, &text);
    }
}

/// A whole filter, written so that each joint can be seen.
fn shown(expression: &Expression) -> String {
    let all = |inner: &[Expression], join: &str| inner.iter().map(shown).collect::<Vec<_>>().join(join);
    match expression {
        Expression::Condition(condition) => format!("{}:{:?}", condition.key, condition.comparison),
        Expression::Numbers { left, operator, right } => format!("{} {operator:?} {}", term(left), term(right)),
        Expression::All(inner) => format!("({})", all(inner, " & ")),
        Expression::Any(inner) => format!("({})", all(inner, " | ")),
        Expression::Not(inner) => format!("!{}", shown(inner)),
    }
}

fn term(of: &Term) -> String {
    match of {
        Term::Number(number) => number.to_string(),
        Term::Value { entity: Entity::Series(statistic), key } => format!("{statistic:?} {key}"),
        Term::Value { key, .. } => key.clone(),
        Term::Minus(inner) => format!("-{}", term(inner)),
        Term::Operation { left, operation, right } => {
            let symbol = match operation {
                Arithmetic::Add => '+',
                Arithmetic::Subtract => '-',
                Arithmetic::Multiply => '*',
                Arithmetic::Divide => '/',
            };
            format!("[{}{symbol}{}]", term(left), term(right))
        }
    }
}

#[test]
fn joints_bind_as_in_sql() {
    for (filter, expected) in [
        (
            "params.a = 'x' OR params.b = 'y' AND params.c = 'z'",
            "(a:TextEquals(\"x\") | (b:TextEquals(\"y\") & c:TextEquals(\"z\")))",
        ),
        ("not params.a IS NULL or params.b IS NULL", "(!a:IsNull | b:IsNull)"),
        ("NOT (params.a IS NULL or NOT NOT params.b IS NULL)", "!(a:IsNull | !!b:IsNull)"),
        ("((params.a IS NULL))", "a:IsNull"),
        ("params.a = 'x' OR params.a IN ('y', 'z') OR params.a = 'w'", "a:In([\"x\", \"y\", \"z\", \"w\"])"),
        ("params.a = 'x' OR tags.a = 'y'", "(a:TextEquals(\"x\") | a:TextEquals(\"y\"))"),
        ("(params.a IS NULL OR params.b IS NULL) OR params.c IS NULL", "(a:IsNull | b:IsNull | c:IsNull)"),
        ("metrics.a - metrics.b > 0.1", "[a-b] Greater 0.1"),
        ("metrics.a + metrics.b * 2 <= -metrics.c / 3 - 1", "[a+[b*2]] LessOrEqual [[-c/3]-1]"),
        ("(metrics.a + metrics.b) * 2 != metrics.c", "[[a+b]*2] NotEquals c"),
        ("((metrics.a) > (1))", "a:Greater(1.0)"),
        ("2 * 3 + 1 > metrics.a", "a:Less(7.0)"),
        ("metrics.a >= 1 / 0", "a:GreaterOrEqual(NaN)"),
        ("metrics.a > - - 1", "a:Greater(1.0)"),
        ("metrics.a -1 > +1e+3", "[a-1] Greater 1000"),
        ("metrics.a-b > 1 AND metrics.a/b > 2", "(a-b:Greater(1.0) & a/b:Greater(2.0))"),
        ("metrics.a < -inf", "a:Less(-inf)"),
        ("metrics.a IS NOT NULL", "a:IsNotNull"),
        ("MIN(metrics.`a b`) < 0.5", "a b:Less(0.5)"),
        ("max(metrics.a) - last(metric.a) > mean(metrics.a) / count(metrics.a)", "[Max a-a] Greater [Mean a/Count a]"),
        ("attributes.end_time - start_time > 60000", "[end_time-start_time] Greater 60000"),
    ] {
        let all = parse_expression(Subject::Runs, filter).expect(filter);
        let got = if all.len() == 1 { shown(&all[0]) } else { shown(&Expression::All(all)) };
        assert_eq!(got, expected, "{filter}");
    }
    let statistic = |filter: &str| match &parse_expression(Subject::Runs, filter).unwrap()[..] {
        [Expression::Condition(condition)] => condition.entity,
        other => panic!("{other:?}"),
    };
    assert_eq!(statistic("first(metrics.a) = 1"), Entity::Series(Statistic::First));
    assert_eq!(statistic("last(metrics.a) = 1"), Entity::Metric);
    assert!(parse_expression(Subject::Models, "NOT (name = 'a' OR tags.b = 'c')").is_ok());
    assert!(parse_expression(Subject::Experiments, "last_update_time - creation_time > 5").is_ok());
    assert_eq!(Operator::Less.mirrored(), Operator::Greater);
}

#[test]
fn what_is_not_of_the_language_tells_the_place() {
    for (filter, position, expected) in [
        ("(params.a = 'x'", 15, "`)`"),
        ("params.a = 'x')", 14, "AND, OR or the end"),
        ("params.a = 'x' XOR params.b = 'y'", 15, "AND, OR or the end"),
        ("NOT", 3, "a key"),
        ("params.a = 'x' OR", 17, "a key"),
        ("1 < 2", 0, "the key of a number"),
        ("metrics.a + > 1", 12, "a number"),
        ("metrics.a + params.b > 1", 12, "a number"),
        ("params.a + 1 > 1", 9, "one of =, !="),
        ("(metrics.a + 1) AND metrics.b > 1", 14, "one of ="),
        ("median(metrics.a) > 1", 0, "min, max, first"),
        ("min(params.a) > 1", 4, "a metric"),
        ("min(metrics.a > 1", 14, "`)`"),
        ("min(metrics.a) LIKE 'a'", 15, "one of ="),
        ("metrics.a % 2 > 1", 10, "a key, a comparison"),
    ] {
        let error = parse_expression(Subject::Runs, filter).expect_err(filter);
        assert_eq!((error.position, error.expected.contains(expected)), (position, true), "{error}");
    }
    assert!(parse_order_by(Subject::Runs, "min(metrics.loss) DESC").is_ok_and(|order| !order.ascending));
    assert!(parse_order_by(Subject::Runs, "median(metrics.loss)").is_err());
    assert!(parse_order_by(Subject::Models, "min(metrics.loss)").is_err());
}

#[test]
fn depth_and_length_are_bounded() {
    let nested = |levels: usize| format!("{}metrics.a > 1{}", "(".repeat(levels), ")".repeat(levels));
    let parse = |text: &str| parse_expression(Subject::Runs, text);
    assert!(parse(&nested(50)).is_ok());
    for deep in [nested(51), nested(100_000), format!("{}metrics.a > 1", "NOT ".repeat(100_000))] {
        let error = parse(&deep).expect_err("too deep");
        assert!(error.to_string().contains("at most 50 levels") && error.to_string().len() < 2_000, "{error}");
    }
    let minus = format!("metrics.a > {}metrics.b", "- ".repeat(100_000));
    assert!(parse(&minus).expect_err("too deep").expected.contains("at most 50 levels"));
    let long = |parts: usize| vec!["metrics.a > 1"; parts].join(" OR ");
    assert!(parse(&long(400)).is_ok());
    assert!(parse(&long(501)).expect_err("too long").expected.contains("at most 500 comparisons"));
    let sum = format!("metrics.a > {}", vec!["metrics.b"; 50_000].join(" + "));
    assert!(parse(&sum).expect_err("too long").expected.contains("at most 500 comparisons"));
    assert!(parse(&"x".repeat(1_000_001)).expect_err("too long").expected.contains("bytes"));
}
