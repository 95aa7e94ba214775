//! One comparison as SQL, in the spelling of each database.

use super::glob;
use crate::sql::{Dialect, Sql, Value};
use metria_store::Comparison;

/// Adds a comparison of an expression.
pub(crate) fn compare(sql: &mut Sql, dialect: Dialect, expression: &str, comparison: &Comparison) {
    let mut number = |operator: &str, value: f64| {
        if value.is_nan() {
            // Nothing compares with NaN; PostgreSQL would have it above every number.
            sql.push("1 = 0");
        } else {
            sql.push(expression).push(operator).value(Value::Number(value));
        }
    };
    match comparison {
        Comparison::NumberEquals(value) => return number(" = ", *value),
        Comparison::NumberNotEquals(value) => return number(" <> ", *value),
        Comparison::Greater(value) => return number(" > ", *value),
        Comparison::GreaterOrEqual(value) => return number(" >= ", *value),
        Comparison::Less(value) => return number(" < ", *value),
        Comparison::LessOrEqual(value) => return number(" <= ", *value),
        _ => {}
    }
    sql.push(expression);
    match (comparison, dialect) {
        (Comparison::TextEquals(text), _) => sql.push(" = ").words(text),
        (Comparison::TextNotEquals(text), _) => sql.push(" <> ").words(text),
        (Comparison::In(texts), _) => sql.push(" IN ").list(texts),
        (Comparison::NotIn(texts), _) => sql.push(" NOT IN ").list(texts),
        // GLOB tells upper and lower case apart, which SQLite's LIKE does not.
        (Comparison::Like(pattern), Dialect::Sqlite) => sql.push(" GLOB ").words(glob(pattern)),
        (Comparison::ILike(pattern), Dialect::Sqlite) => sql.push(" LIKE ").words(pattern),
        (Comparison::Like(pattern), Dialect::Postgres) => sql.push(" LIKE ").words(pattern).push(" ESCAPE ''"),
        // Under the collation C only ASCII letters have two cases.
        (Comparison::ILike(pattern), Dialect::Postgres) => sql.push(" ILIKE ").words(pattern).push(" ESCAPE ''"),
        (Comparison::IsNotNull, _) => sql.push(" IS NOT NULL"),
        _ => sql.push(" IS NULL"),
    };
}
