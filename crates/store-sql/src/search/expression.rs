//! Expressions as SQL: every part is true or false, never NULL, so that NOT means what it says.

use super::{Search, attribute, column, table};
use crate::sql::{Dialect, Value};
use metria_store::query::NO_MEAN_FROM;
use metria_store::{Arithmetic, Entity, Expression, Operator, Statistic, Term};

impl Search<'_> {
    pub(super) fn expression(&mut self, expression: &Expression) {
        match expression {
            Expression::Condition(condition) => {
                self.sql.push("((");
                self.condition(condition);
                self.sql.push(") IS TRUE)");
            }
            Expression::Numbers { left, operator, right } => {
                let (left, right) = (self.term(left), self.term(right));
                self.sql.push(format!("(({left} {} {right}) IS TRUE)", symbol(*operator)));
            }
            Expression::All(inner) => self.joined(inner, " AND ", "(1 = 1)"),
            Expression::Any(inner) => self.joined(inner, " OR ", "(1 = 0)"),
            Expression::Not(inner) => {
                self.sql.push("(NOT ");
                self.expression(inner);
                self.sql.push(")");
            }
        }
    }

    fn joined(&mut self, inner: &[Expression], join: &str, of_none: &str) {
        if inner.is_empty() {
            self.sql.push(of_none);
            return;
        }
        for (at, expression) in inner.iter().enumerate() {
            self.sql.push(if at == 0 { "(" } else { join });
            self.expression(expression);
        }
        self.sql.push(")");
    }

    /// A computed number, NULL when it is missing.
    fn term(&mut self, term: &Term) -> String {
        match term {
            Term::Number(number) if number.is_nan() => "CAST(NULL AS DOUBLE PRECISION)".to_owned(),
            Term::Number(number) => self.sql.place(Value::Number(*number)),
            Term::Value { entity: Entity::Series(statistic), key } => self.statistic(*statistic, key),
            Term::Value { entity: Entity::Metric, key } => self.of_metric(Entity::Metric, key),
            Term::Value { key, .. } => format!("CAST({} AS DOUBLE PRECISION)", attribute(key)),
            Term::Minus(term) => format!("(- {})", self.term(term)),
            Term::Operation { left, operation, right } => {
                let (left, right) = (self.term(left), self.term(right));
                self.operation(&left, *operation, &right)
            }
        }
    }

    fn operation(&self, left: &str, operation: Arithmetic, right: &str) -> String {
        let symbol = match operation {
            Arithmetic::Add => '+',
            Arithmetic::Subtract => '-',
            Arithmetic::Multiply => '*',
            Arithmetic::Divide => '/',
        };
        match self.dialect {
            // By IEEE 754; no number, and a division by zero, are NULL.
            Dialect::Sqlite => format!("({left} {symbol} {right})"),
            // Which refuses what is too great or too small for a double; its function does not.
            Dialect::Postgres => format!("metria_arithmetic({left}, '{symbol}', {right})"),
        }
    }

    fn of_metric(&mut self, entity: Entity, key: &str) -> String {
        let (table, column) = (table(entity).unwrap_or("latest_metrics"), column(entity));
        let key = self.sql.place(Value::Text(key.to_owned()));
        format!("(SELECT v.{column} FROM {table} v WHERE v.run_id = r.run_id AND v.key = {key})")
    }

    /// A number about all measurements of a metric, NULL without any.
    pub(super) fn statistic(&mut self, statistic: Statistic, key: &str) -> String {
        if matches!(statistic, Statistic::Min | Statistic::Max) {
            return self.of_metric(Entity::Series(statistic), key);
        }
        let key = self.sql.place(Value::Text(key.to_owned()));
        let of = format!("FROM metrics v WHERE v.run_id = r.run_id AND v.key = {key}");
        match statistic {
            Statistic::First => {
                format!("(SELECT v.value {of} ORDER BY v.step, v.timestamp_ms, v.value NULLS FIRST LIMIT 1)")
            }
            Statistic::Count => format!("(SELECT CAST(nullif(count(*), 0) AS DOUBLE PRECISION) {of})"),
            _ => {
                let beyond = format!("abs(v.value) >= {NO_MEAN_FROM:e}");
                let sum = format!("sum(v.value) FILTER (WHERE NOT {beyond})");
                let mean = self.operation(&sum, Arithmetic::Divide, "CAST(count(v.value) AS DOUBLE PRECISION)");
                format!("(SELECT CASE WHEN count(*) FILTER (WHERE {beyond}) = 0 THEN {mean} END {of})")
            }
        }
    }
}

fn symbol(operator: Operator) -> &'static str {
    match operator {
        Operator::Equals => "=",
        Operator::NotEquals => "<>",
        Operator::Greater => ">",
        Operator::GreaterOrEqual => ">=",
        Operator::Less => "<",
        Operator::LessOrEqual => "<=",
    }
}
