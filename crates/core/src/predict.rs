//! Values that cross the border of a model: one cell of a raw row, and class labels.

use crate::schema::DataType;
use serde::{Deserialize, Serialize};

/// One raw value of one row, borrowed from wherever the row came from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cell<'a> {
    /// No value.
    Missing,
    /// True or false.
    Boolean(bool),
    /// A number; NaN counts as missing.
    Number(f64),
    /// Text.
    Text(&'a str),
}

impl Cell<'_> {
    /// What the cell holds, for messages.
    #[must_use]
    pub fn describe(&self) -> &'static str {
        match self {
            Self::Missing => "a missing value",
            Self::Boolean(_) => "a boolean",
            Self::Number(_) => "a number",
            Self::Text(_) => "a text",
        }
    }
}

/// Class labels in the type of the target column. The order of the classes of a fitted model is ascending.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "values", rename_all = "lowercase")]
pub enum Labels {
    /// False and true.
    Boolean(Vec<bool>),
    /// Whole numbers.
    Long(Vec<i64>),
    /// Texts.
    String(Vec<String>),
}

impl Labels {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Boolean(values) => values.len(),
            Self::Long(values) => values.len(),
            Self::String(values) => values.len(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The labels at `indices`, in that order.
    ///
    /// # Panics
    /// When an index is out of range.
    #[must_use]
    pub fn take(&self, indices: &[usize]) -> Self {
        match self {
            Self::Boolean(v) => Self::Boolean(indices.iter().map(|&i| v[i]).collect()),
            Self::Long(v) => Self::Long(indices.iter().map(|&i| v[i]).collect()),
            Self::String(v) => Self::String(indices.iter().map(|&i| v[i].clone()).collect()),
        }
    }

    /// The label at `index` as text.
    ///
    /// # Panics
    /// When the index is out of range.
    #[must_use]
    pub fn text(&self, index: usize) -> String {
        match self {
            Self::Boolean(values) => values[index].to_string(),
            Self::Long(values) => values[index].to_string(),
            Self::String(values) => values[index].clone(),
        }
    }

    /// The label at `index` as JSON.
    ///
    /// # Panics
    /// When the index is out of range.
    #[must_use]
    pub fn json(&self, index: usize) -> serde_json::Value {
        match self {
            Self::Boolean(values) => values[index].into(),
            Self::Long(values) => values[index].into(),
            Self::String(values) => values[index].as_str().into(),
        }
    }

    /// The type of the column these labels come from.
    #[must_use]
    pub fn data_type(&self) -> DataType {
        match self {
            Self::Boolean(_) => DataType::Boolean,
            Self::Long(_) => DataType::Long,
            Self::String(_) => DataType::String,
        }
    }

    /// The distinct labels ascending, and for each label its index among them (scikit-learn's `np.unique`).
    #[must_use]
    pub fn encode(&self) -> (Self, Vec<u32>) {
        match self {
            Self::Boolean(values) => {
                let (classes, codes) = unique(values);
                (Self::Boolean(classes), codes)
            }
            Self::Long(values) => {
                let (classes, codes) = unique(values);
                (Self::Long(classes), codes)
            }
            Self::String(values) => {
                let (classes, codes) = unique(values);
                (Self::String(classes), codes)
            }
        }
    }
}

fn unique<T: Ord + Clone>(values: &[T]) -> (Vec<T>, Vec<u32>) {
    let mut classes: Vec<T> = Vec::new();
    for value in values {
        if let Err(place) = classes.binary_search(value) {
            classes.insert(place, value.clone());
        }
    }
    let code = |value| {
        let place = classes.binary_search(value).expect("every value was inserted");
        u32::try_from(place).expect("fewer classes than 2^32")
    };
    let codes = values.iter().map(code).collect();
    (classes, codes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encoding_sorts_the_classes() {
        let labels = Labels::String(["b", "a", "c", "a"].map(str::to_owned).to_vec());
        let (classes, codes) = labels.encode();
        assert_eq!(classes, Labels::String(["a", "b", "c"].map(str::to_owned).to_vec()));
        assert_eq!(codes, [1, 0, 2, 0]);
        assert_eq!(labels.take(&[2, 0]).text(0), "c");
        assert_eq!(Labels::Long(vec![3, 1]).json(0), serde_json::json!(3));
    }
}
