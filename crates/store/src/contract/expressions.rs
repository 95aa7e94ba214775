//! Promises about what goes beyond conditions joined by AND: OR, NOT, arithmetic, and numbers about all measurements.

use super::{
    experiment, found, metric, metrics_of, ok, order, param, query, refused, run_id, run_info, tag, with_runs,
};
use crate::memory::MemoryStore;
use crate::{
    Arithmetic, Comparison, Condition, Entity, Expression, LogBatch, Metric, Operator, RunInfo, RunQuery, Statistic,
    Store, Term,
};
use metria_core::ErrorKind;

const STATISTICS: [Statistic; 5] =
    [Statistic::Min, Statistic::Max, Statistic::First, Statistic::Count, Statistic::Mean];

fn condition(entity: Entity, key: &str, comparison: Comparison) -> Expression {
    Expression::Condition(Condition { entity, key: key.to_owned(), comparison })
}

fn value(entity: Entity, key: &str) -> Term {
    Term::Value { entity, key: key.to_owned() }
}

fn operation(left: Term, operation: Arithmetic, right: Term) -> Term {
    Term::Operation { left: left.into(), operation, right: right.into() }
}

fn not(expression: Expression) -> Expression {
    Expression::Not(Box::new(expression))
}

/// The runs for which an expression holds, ascending.
async fn matching(store: &dyn Store, expression: Expression) -> Vec<usize> {
    let mut numbers = found(store, &RunQuery { expressions: vec![expression], ..query(100) }).await;
    numbers.sort_unstable();
    numbers
}

/// Least, greatest, first, count and mean follow every write, in whatever order and however often it comes.
pub async fn numbers_about_all_measurements(store: &dyn Store) {
    with_runs(store, 4).await;
    for batch in [
        vec![metric("m", 3.0, 5), metric("m", -1.0, 7), metric("m", 4.0, 6)],
        vec![metric("m", 2.0, 1)],
        vec![metric("m", 2.0, 1), metric("m", f64::NAN, 9)],
    ] {
        ok(store.log_batch(&run_id(0), metrics_of(batch)).await);
    }
    ok(store.log_batch(&run_id(1), metrics_of(vec![metric("m", f64::NAN, 0)])).await);
    ok(store.log_batch(&run_id(2), metrics_of(vec![metric("m", 1e300, 0), metric("m", f64::INFINITY, 1)])).await);
    let numbers = |statistic| Entity::Series(statistic);
    for (statistic, wanted, runs) in [
        (Statistic::Min, -1.0, &[0][..]),
        (Statistic::Max, 4.0, &[0]),
        (Statistic::First, 2.0, &[0]),
        (Statistic::Count, 5.0, &[0]),
        (Statistic::Mean, 2.0, &[0]),
        (Statistic::Count, 1.0, &[1]),
        (Statistic::Min, 1e300, &[2]),
        (Statistic::Max, f64::INFINITY, &[2]),
        (Statistic::Count, 0.0, &[]),
    ] {
        let equals = condition(numbers(statistic), "m", Comparison::NumberEquals(wanted));
        assert_eq!(matching(store, equals.clone()).await, runs, "{statistic:?} = {wanted}");
        let others: Vec<usize> = (0..4).filter(|run| !runs.contains(run)).collect();
        assert_eq!(matching(store, not(equals)).await, others, "NOT {statistic:?} = {wanted}");
    }
    let any_mean = condition(numbers(Statistic::Mean), "m", Comparison::LessOrEqual(f64::INFINITY));
    assert_eq!(matching(store, any_mean).await, [0], "infinite and huge numbers have no mean, NaN alone neither");
    for statistic in STATISTICS {
        let there = condition(numbers(statistic), "m", Comparison::IsNotNull);
        assert_eq!(matching(store, there).await, [0, 1, 2], "{statistic:?}");
        let missing = condition(numbers(statistic), "m", Comparison::IsNull);
        assert_eq!(matching(store, missing).await, [3], "{statistic:?}");
    }
}

/// Runs are ordered by numbers about all measurements, the missing last, in pages of every size.
pub async fn orders_of_numbers_about_all_measurements(store: &dyn Store) {
    with_runs(store, 5).await;
    for (number, values) in [(0, &[3.0, 1.0][..]), (1, &[2.0, 9.0, 2.5]), (3, &[-4.0]), (4, &[f64::NAN])] {
        let metrics = values.iter().zip(0..).map(|(value, step)| metric("m", *value, step)).collect();
        ok(store.log_batch(&run_id(number), metrics_of(metrics)).await);
    }
    for (statistic, ascending, descending) in [
        (Statistic::Min, [3, 0, 1, 4, 2], [1, 0, 3, 4, 2]),
        (Statistic::Max, [3, 0, 1, 4, 2], [1, 0, 3, 4, 2]),
        (Statistic::First, [3, 1, 0, 4, 2], [0, 1, 3, 4, 2]),
        (Statistic::Count, [4, 3, 0, 1, 2], [1, 0, 4, 3, 2]),
        (Statistic::Mean, [3, 0, 1, 4, 2], [1, 0, 3, 4, 2]),
    ] {
        for (is_ascending, expected) in [(true, ascending), (false, descending)] {
            for (limit, experiment_ids) in [(1, vec![]), (2, vec!["1".to_owned()]), (3, vec![]), (100, vec![])] {
                let order_by = vec![order(Entity::Series(statistic), "m", is_ascending)];
                let query = RunQuery { order_by, experiment_ids, ..query(limit) };
                assert_eq!(found(store, &query).await, expected, "{query:?}");
            }
        }
    }
}

/// What is missing, no number or divided by zero makes a comparison false and its NOT true; a result too great is
/// infinite, and one too small is zero.
pub async fn arithmetic_has_no_surprises(store: &dyn Store) {
    with_runs(store, 2).await;
    let logged = [
        ("zero", 0.0),
        ("one", 1.0),
        ("huge", f64::MAX),
        ("tiny", 5e-324),
        ("inf", f64::INFINITY),
        ("nan", f64::NAN),
        ("negative", -2.5),
    ];
    let metrics = logged.iter().map(|(key, value)| metric(key, *value, 0)).collect();
    ok(store.log_batch(&run_id(0), metrics_of(metrics)).await);
    let keys: Vec<&str> = logged.iter().map(|(key, _)| *key).chain(["missing"]).collect();
    let of = |key: &str| logged.iter().find(|(known, _)| *known == key).map(|(_, value)| *value);
    for (left, right) in keys.iter().flat_map(|left| keys.iter().map(move |right| (*left, *right))) {
        for arithmetic in [Arithmetic::Add, Arithmetic::Subtract, Arithmetic::Multiply, Arithmetic::Divide] {
            let result = of(left).zip(of(right)).and_then(|(left, right)| arithmetic.of(left, right));
            let term = operation(value(Entity::Metric, left), arithmetic, value(Entity::Metric, right));
            let what = format!("{left} {arithmetic:?} {right} is {result:?}");
            for (operator, number) in [
                (Operator::Equals, result.unwrap_or(0.0)),
                (Operator::GreaterOrEqual, f64::NEG_INFINITY),
                (Operator::LessOrEqual, f64::INFINITY),
            ] {
                let compared = Expression::Numbers { left: term.clone(), operator, right: Term::Number(number) };
                let expected: &[usize] = if result.is_some() { &[0] } else { &[] };
                assert_eq!(matching(store, compared.clone()).await, expected, "{what}, {operator:?} {number}");
                let others: &[usize] = if result.is_some() { &[1] } else { &[0, 1] };
                assert_eq!(matching(store, not(compared)).await, others, "NOT: {what}, {operator:?} {number}");
            }
        }
    }
}

/// Text is not computed with, attributes must be known, and a search has its limits.
pub async fn what_cannot_be_answered_is_refused(store: &dyn Store) {
    with_runs(store, 1).await;
    let greater = |left: Term| Expression::Numbers { left, operator: Operator::Greater, right: Term::Number(0.0) };
    let lasting = operation(value(Entity::Attribute, "end_time"), Arithmetic::Subtract, Term::Number(1.0));
    for expression in [
        greater(value(Entity::Param, "p")),
        greater(value(Entity::Attribute, "status")),
        greater(value(Entity::Attribute, "1; --")),
        greater(value(Entity::Metric, "\0")),
        not(condition(Entity::Param, "p", Comparison::Greater(1.0))),
        condition(Entity::Series(Statistic::Min), "m", Comparison::TextEquals("a".to_owned())),
        Expression::Any(vec![greater(lasting.clone()); 200]),
    ] {
        let query = RunQuery { expressions: vec![expression], ..query(10) };
        refused(store.search_runs(&query).await, ErrorKind::InvalidInput);
    }
    let order_by = vec![order(Entity::Metric, "m", true); 31];
    refused(store.search_runs(&RunQuery { order_by, ..query(10) }).await, ErrorKind::InvalidInput);
    let order_by = vec![order(Entity::Series(Statistic::Mean), "m", true); 30];
    ok(store.search_runs(&RunQuery { order_by, ..query(10) }).await);
    // The most that is allowed can be answered, in its deepest forms.
    let is_null = || condition(Entity::Tag, "t", Comparison::IsNull);
    let sum = (0..248).fold(value(Entity::Metric, "m"), |sum, _| operation(sum, Arithmetic::Add, Term::Number(1.0)));
    for expression in [
        (0..499).fold(is_null(), |inner, _| not(inner)),
        (0..249).fold(is_null(), |inner, _| Expression::Any(vec![inner, is_null()])),
        (0..249).fold(is_null(), |inner, _| Expression::All(vec![is_null(), inner])),
        Expression::Any((0..499).map(|_| is_null()).collect()),
        greater(sum),
        greater((0..497).fold(value(Entity::Metric, "m"), |term, _| Term::Minus(term.into()))),
    ] {
        let parts = expression.parts();
        assert!(parts > 490, "{parts}");
        ok(store.search_runs(&RunQuery { expressions: vec![expression], ..query(10) }).await);
    }
}

/// A generator of numbers that is the same everywhere.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        // Knuth's MMIX generator; the upper bits are the good ones.
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).expect("31 bits") % end
    }

    fn one_of<T: Clone>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())].clone()
    }

    fn number(&mut self) -> f64 {
        self.one_of(&[0.0, 1.0, 2.0, -1.0, 0.5, 3.25, 1e308, -1e308, 1e-300, f64::INFINITY, f64::NEG_INFINITY])
    }

    fn condition(&mut self) -> Condition {
        let entity = self.one_of(&[Entity::Metric, Entity::Param, Entity::Tag, Entity::Attribute, Entity::Dataset]);
        let key = match entity {
            Entity::Attribute => self.one_of(&["start_time", "end_time", "status", "run_name"]),
            Entity::Dataset => self.one_of(&["name", "digest", "context"]),
            _ => self.one_of(&["a", "b", "never"]),
        };
        let entity = match entity {
            Entity::Metric if self.below(2) == 0 => Entity::Series(self.one_of(&STATISTICS[..4])),
            other => other,
        };
        let number = if entity == Entity::Attribute { 1_010.0 + self.number() } else { self.number() };
        let text = self.one_of(&["x", "y", "X", "", "run-7", "RUNNING"]).to_owned();
        let comparison = match (entity.is_number(key), self.below(8)) {
            (_, 0) => Comparison::IsNull,
            (_, 1) => Comparison::IsNotNull,
            (true, 2) => Comparison::NumberEquals(number),
            (true, 3) => Comparison::NumberNotEquals(number),
            (true, 4) => Comparison::Greater(number),
            (true, 5) => Comparison::GreaterOrEqual(number),
            (true, 6) => Comparison::Less(number),
            (true, _) => Comparison::LessOrEqual(number),
            (false, 2) => Comparison::TextEquals(text),
            (false, 3) => Comparison::TextNotEquals(text),
            (false, 4) => Comparison::Like(format!("{text}%")),
            (false, 5) => Comparison::ILike(format!("%{text}")),
            (false, 6) => Comparison::In(vec![text, "y".to_owned()]),
            (false, _) => Comparison::NotIn(vec![text, "y".to_owned()]),
        };
        Condition { entity, key: key.to_owned(), comparison }
    }

    fn term(&mut self, depth: usize) -> Term {
        let arithmetic = [Arithmetic::Add, Arithmetic::Subtract, Arithmetic::Multiply, Arithmetic::Divide];
        match self.below(if depth == 0 { 4 } else { 8 }) {
            0 => Term::Number(self.number()),
            1 => value(Entity::Attribute, self.one_of(&["start_time", "end_time"])),
            2 => value(Entity::Metric, self.one_of(&["a", "b", "never"])),
            // The sums of the metric `b` are exact, in whatever order they are made.
            3 if self.below(2) == 0 => value(Entity::Series(Statistic::Mean), "b"),
            3 => value(Entity::Series(self.one_of(&STATISTICS[..4])), self.one_of(&["a", "b", "never"])),
            4 => Term::Minus(self.term(depth - 1).into()),
            _ => {
                let left = self.term(depth - 1);
                operation(left, self.one_of(&arithmetic), self.term(depth - 1))
            }
        }
    }

    fn expression(&mut self, depth: usize) -> Expression {
        match self.below(if depth == 0 { 3 } else { 7 }) {
            0 | 1 => Expression::Condition(self.condition()),
            2 => {
                let operators = [
                    Operator::Equals,
                    Operator::NotEquals,
                    Operator::Greater,
                    Operator::GreaterOrEqual,
                    Operator::Less,
                    Operator::LessOrEqual,
                ];
                let left = self.term(2);
                Expression::Numbers { left, operator: self.one_of(&operators), right: self.term(2) }
            }
            3 => not(self.expression(depth - 1)),
            joint => {
                let inner = (0..=self.below(3)).map(|_| self.expression(depth - 1)).collect();
                if joint == 4 { Expression::All(inner) } else { Expression::Any(inner) }
            }
        }
    }

    fn batch(&mut self) -> LogBatch {
        let mut batch = LogBatch::default();
        for key in ["a", "b"].into_iter().filter(|_| self.below(4) > 0).collect::<Vec<_>>() {
            for _ in 0..=self.below(4) {
                let small = self.one_of(&[0.0, 1.0, 2.0, -1.0, 0.5, 3.25, f64::NAN]);
                let value = if key == "b" || self.below(2) == 0 { small } else { self.number() };
                let step = i64::try_from(self.below(5)).expect("small");
                batch.metrics.push(Metric { key: key.to_owned(), value, timestamp_ms: 0, step });
            }
        }
        for key in ["a", "b"] {
            if self.below(3) > 0 {
                batch.tags.push(tag(key, self.one_of(&["x", "y", "X", ""])));
            }
        }
        if self.below(3) == 0 {
            let context = self.one_of(&[None, Some("x"), Some("y")]);
            batch.inputs.push(super::input(self.one_of(&["x", "y"]), "X", context));
        }
        batch
    }
}

/// Whatever is asked, the answer is the one of the plain evaluation in memory, order and pages included.
pub async fn generated_expressions_find_what_memory_finds(store: &dyn Store) {
    let memory = MemoryStore::new();
    let mut numbers = Numbers(20_261);
    let stores: [&dyn Store; 2] = [store, &memory];
    for store in stores {
        ok(store.create_experiment(experiment("1", "one")).await);
    }
    for number in 0..40 {
        let start_time_ms = 1_000 + i64::try_from(numbers.below(20)).expect("small");
        let info = RunInfo { start_time_ms, ..run_info(number) };
        let ends = (numbers.below(3) > 0).then(|| start_time_ms + i64::try_from(numbers.below(5)).expect("small"));
        let word = numbers.one_of(&["x", "y", "X", ""]);
        let params = ["a", "b"].into_iter().filter(|_| numbers.below(3) > 0).map(|key| param(key, word)).collect();
        let batches = [LogBatch { params, ..numbers.batch() }, numbers.batch()];
        for store in stores {
            ok(store.create_run(info.clone(), Vec::new()).await);
            for batch in &batches {
                ok(store.log_batch(&info.run_id, batch.clone()).await);
            }
            if ends.is_some() {
                ok(store.update_run(&info.run_id, None, ends, None).await);
            }
        }
    }
    let mut interesting = 0;
    for round in 0..600 {
        let orders = [Entity::Metric, Entity::Series(numbers.one_of(&STATISTICS[..4])), Entity::Param];
        let order_by = (0..numbers.below(3)).map(|_| order(numbers.one_of(&orders), "a", numbers.below(2) == 0));
        let query = RunQuery {
            order_by: order_by.collect(),
            conditions: (0..numbers.below(4) / 2).map(|_| numbers.condition()).collect(),
            expressions: (0..=numbers.below(2)).map(|_| numbers.expression(3)).collect(),
            experiment_ids: numbers.one_of(&[Vec::new(), vec!["1".to_owned()]]),
            ..query(numbers.one_of(&[7, 100]))
        };
        let expected = found(&memory, &query).await;
        interesting += usize::from(!expected.is_empty() && expected.len() < 40);
        assert_eq!(found(store, &query).await, expected, "round {round}: {query:#?}");
    }
    assert!(interesting > 200, "only {interesting} of 600 searches told runs apart");
}
