//! How many features a split looks at.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// How many features are looked at for each split.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MaxFeatures {
    /// The square root of all.
    #[default]
    Sqrt,
    /// The binary logarithm of all.
    Log2,
    /// All.
    All,
    /// So many.
    Count(usize),
    /// This share of all.
    Fraction(f64),
}

impl MaxFeatures {
    /// The number for `n_features`.
    pub(crate) fn resolve(self, n_features: usize) -> usize {
        let n = n_features as f64;
        let share = match self {
            Self::Sqrt => n.sqrt() as usize,
            Self::Log2 => n.log2() as usize,
            Self::All => n_features,
            Self::Count(count) => count.min(n_features),
            Self::Fraction(fraction) => (fraction * n) as usize,
        };
        share.max(1)
    }

    /// As scikit-learn writes it.
    pub(super) fn json(self) -> Value {
        match self {
            Self::Sqrt => json!("sqrt"),
            Self::Log2 => json!("log2"),
            Self::All => Value::Null,
            Self::Count(count) => json!(count),
            Self::Fraction(fraction) if fraction.is_finite() => json!(fraction),
            Self::Fraction(fraction) => json!(fraction.to_string()),
        }
    }

    /// From scikit-learn's notation; nothing when it is out of range.
    pub(super) fn read(value: &Value) -> Option<Self> {
        match value {
            Value::Null => Some(Self::All),
            Value::String(name) if name == "sqrt" => Some(Self::Sqrt),
            Value::String(name) if name == "log2" => Some(Self::Log2),
            Value::Number(number) => match (number.as_u64(), number.as_f64()) {
                (Some(count), _) if count > 0 => Some(Self::Count(count as usize)),
                (None, Some(share)) if share > 0.0 && share <= 1.0 => Some(Self::Fraction(share)),
                _ => None,
            },
            _ => None,
        }
    }
}
