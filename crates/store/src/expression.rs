//! Conditions joined by AND, OR and NOT, and comparisons of numbers that are computed.
//!
//! There is no third truth value: a comparison with a missing value is false, and NOT of it true. A computed number is
//! missing when one of its parts is missing or NaN, by a division by zero, and where the result is no number (the
//! difference of infinities). A result beyond the greatest double is infinite, as IEEE 754 has it.

use crate::error::{Error, Result};
use crate::query::{Condition, Entity};
use crate::text::check_texts;
use serde::{Deserialize, Serialize};

/// How two numbers are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operator {
    /// `=`
    Equals,
    /// `!=`
    NotEquals,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
}

/// How two numbers make a third.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Arithmetic {
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
}

/// A number that is computed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Term {
    /// A number as it stands; NaN is missing.
    Number(#[serde(with = "crate::runs::json_f64")] f64),
    /// A metric, a number about its measurements, or a time.
    Value {
        /// What it looks at.
        entity: Entity,
        /// The key within it.
        key: String,
    },
    /// With the other sign.
    Minus(Box<Term>),
    /// Of two numbers.
    Operation {
        /// The one.
        left: Box<Term>,
        /// What is done.
        operation: Arithmetic,
        /// The other.
        right: Box<Term>,
    },
}

/// What must hold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Expression {
    /// One condition.
    Condition(Condition),
    /// A comparison of computed numbers; false when one is missing.
    Numbers {
        /// The one.
        left: Term,
        /// How they are compared.
        operator: Operator,
        /// The other.
        right: Term,
    },
    /// All of them; true for none.
    All(Vec<Expression>),
    /// At least one of them; false for none.
    Any(Vec<Expression>),
    /// Whatever is not so.
    Not(Box<Expression>),
}

/// A record that is asked.
pub trait Facts {
    /// Whether it fulfils a condition.
    fn fulfils(&self, condition: &Condition) -> bool;

    /// A number that it has.
    fn number(&self, entity: Entity, key: &str) -> Option<f64>;
}

impl Operator {
    /// The one that says the same with the sides changed.
    #[must_use]
    pub fn mirrored(self) -> Self {
        match self {
            Self::Greater => Self::Less,
            Self::GreaterOrEqual => Self::LessOrEqual,
            Self::Less => Self::Greater,
            Self::LessOrEqual => Self::GreaterOrEqual,
            Self::Equals | Self::NotEquals => self,
        }
    }

    /// Whether it holds for two numbers, neither of them NaN.
    #[must_use]
    #[expect(clippy::float_cmp, reason = "a search for a number means that number")]
    pub fn holds(self, left: f64, right: f64) -> bool {
        match self {
            Self::Equals => left == right,
            Self::NotEquals => left != right,
            Self::Greater => left > right,
            Self::GreaterOrEqual => left >= right,
            Self::Less => left < right,
            Self::LessOrEqual => left <= right,
        }
    }
}

impl Arithmetic {
    /// The result, if there is one.
    #[must_use]
    pub fn of(self, left: f64, right: f64) -> Option<f64> {
        let result = match self {
            Self::Add => left + right,
            Self::Subtract => left - right,
            Self::Multiply => left * right,
            Self::Divide if right == 0.0 => f64::NAN,
            Self::Divide => left / right,
        };
        Some(result).filter(|result| !result.is_nan())
    }
}

impl Term {
    /// The number that a record gives.
    #[must_use]
    pub fn value(&self, facts: &impl Facts) -> Option<f64> {
        let number = match self {
            Self::Number(number) => Some(*number),
            Self::Value { entity, key } => facts.number(*entity, key),
            Self::Minus(term) => term.value(facts).map(|number| -number),
            Self::Operation { left, operation, right } => operation.of(left.value(facts)?, right.value(facts)?),
        };
        number.filter(|number| !number.is_nan())
    }

    fn parts(&self) -> usize {
        match self {
            Self::Number(_) | Self::Value { .. } => 1,
            Self::Minus(term) => 1 + term.parts(),
            Self::Operation { left, right, .. } => 1 + left.parts() + right.parts(),
        }
    }

    fn check(&self) -> Result<()> {
        match self {
            Self::Number(_) => Ok(()),
            Self::Value { entity, key } => {
                entity.check_key(key)?;
                check_texts([key])?;
                if entity.is_number(key) {
                    return Ok(());
                }
                Err(Error::Invalid(format!("only numbers can be computed with; `{key}` is a text")))
            }
            Self::Minus(term) => term.check(),
            Self::Operation { left, right, .. } => left.check().and_then(|()| right.check()),
        }
    }
}

impl Expression {
    /// Whether it holds for a record.
    #[must_use]
    pub fn holds(&self, facts: &impl Facts) -> bool {
        match self {
            Self::Condition(condition) => facts.fulfils(condition),
            Self::Numbers { left, operator, right } => match (left.value(facts), right.value(facts)) {
                (Some(left), Some(right)) => operator.holds(left, right),
                _ => false,
            },
            Self::All(all) => all.iter().all(|expression| expression.holds(facts)),
            Self::Any(any) => any.iter().any(|expression| expression.holds(facts)),
            Self::Not(expression) => !expression.holds(facts),
        }
    }

    /// How many comparisons, numbers, operations and joints it is made of.
    #[must_use]
    pub fn parts(&self) -> usize {
        match self {
            Self::Condition(_) => 1,
            Self::Numbers { left, right, .. } => 1 + left.parts() + right.parts(),
            Self::All(inner) | Self::Any(inner) => 1 + inner.iter().map(Self::parts).sum::<usize>(),
            Self::Not(inner) => 1 + inner.parts(),
        }
    }

    pub(crate) fn check(&self) -> Result<()> {
        match self {
            Self::Condition(condition) => condition.check(),
            Self::Numbers { left, right, .. } => left.check().and_then(|()| right.check()),
            Self::All(inner) | Self::Any(inner) => inner.iter().try_for_each(Self::check),
            Self::Not(inner) => inner.check(),
        }
    }
}
