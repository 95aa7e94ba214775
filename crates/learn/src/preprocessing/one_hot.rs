//! One column of texts as one column of zeros and ones for each category.

use serde::{Deserialize, Serialize};

/// The category that stands for a missing value, in names of output columns.
pub const MISSING_CATEGORY: &str = "missing";

/// The categories of one column. An unseen category gives zeros only, and so does a missing value, unless some were
/// missing in training: then "missing" is a category of its own, the last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FittedOneHotColumn {
    categories: Vec<String>,
    with_missing: bool,
}

impl FittedOneHotColumn {
    /// Learns the categories, ascending.
    pub fn fit<'a>(values: impl IntoIterator<Item = Option<&'a str>>) -> Self {
        let mut distinct = std::collections::BTreeSet::new();
        let mut with_missing = false;
        for value in values {
            match value {
                Some(text) => {
                    if !distinct.contains(text) {
                        distinct.insert(text.to_owned());
                    }
                }
                None => with_missing = true,
            }
        }
        Self { categories: distinct.into_iter().collect(), with_missing }
    }

    /// The place of the one for a value, if it has one.
    #[must_use]
    pub fn place(&self, value: Option<&str>) -> Option<usize> {
        match value {
            Some(text) => self.categories.binary_search_by(|category| category.as_str().cmp(text)).ok(),
            None => self.with_missing.then_some(self.categories.len()),
        }
    }

    /// Number of output columns.
    #[must_use]
    pub fn width(&self) -> usize {
        self.categories.len() + usize::from(self.with_missing)
    }

    /// The categories, in the order of the output columns.
    pub fn categories(&self) -> impl Iterator<Item = &str> {
        let missing = self.with_missing.then_some(MISSING_CATEGORY);
        self.categories.iter().map(String::as_str).chain(missing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unseen_and_missing_values() {
        let whole = FittedOneHotColumn::fit([Some("b"), Some("a"), Some("b")]);
        assert_eq!(whole.categories().collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!((whole.place(Some("b")), whole.place(Some("c")), whole.place(None)), (Some(1), None, None));
        let gappy = FittedOneHotColumn::fit([Some("b"), None]);
        assert_eq!((gappy.width(), gappy.place(None)), (2, Some(1)));
        assert_eq!(gappy.categories().last(), Some(MISSING_CATEGORY));
    }
}
