//! The categories of one column, each with its place among the output columns or codes.

use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::Display;

/// Which categories count as infrequent.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum MinFrequency {
    /// Those with fewer rows, at least 1.
    Count(usize),
    /// Those with a smaller share of the rows, between 0 and 1.
    Share(f64),
}

/// The categories of one column: texts, ascending, and last a missing value, if there was one in the fit. Rare ones may
/// share one place, which comes last, and one place may be dropped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FittedCategories {
    categories: Vec<String>,
    with_missing: bool,
    /// Absent when every category has a place of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    grouping: Option<Grouping>,
}

/// Groups of categories; the places are the groups without the dropped one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Grouping {
    /// The group of each category.
    groups: Vec<usize>,
    n_groups: usize,
    /// The group that the infrequent categories share.
    infrequent: Option<usize>,
    dropped: Option<usize>,
}

impl Grouping {
    fn place(&self, group: usize) -> Option<usize> {
        match self.dropped {
            Some(dropped) if group == dropped => None,
            Some(dropped) if group > dropped => Some(group - 1),
            _ => Some(group),
        }
    }
}

/// What stands at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Category<'a> {
    /// A text.
    Text(&'a str),
    /// A missing value.
    Missing,
    /// The infrequent categories together.
    Infrequent,
}

impl FittedCategories {
    /// Learns the categories, and how many rows each has.
    pub(super) fn learn<'a>(values: impl IntoIterator<Item = Option<&'a str>>) -> (Self, Vec<usize>) {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        let mut n_missing = 0;
        for value in values {
            match value {
                Some(text) => *counts.entry(text).or_default() += 1,
                None => n_missing += 1,
            }
        }
        let categories = counts.keys().map(|&text| text.to_owned()).collect();
        let with_missing = n_missing > 0;
        let counts = counts.into_values().chain(with_missing.then_some(n_missing)).collect();
        (Self { categories, with_missing, grouping: None }, counts)
    }

    /// Puts the infrequent categories into one group, the last.
    pub(super) fn group(&mut self, infrequent: &[bool]) {
        if !infrequent.contains(&true) {
            return;
        }
        let n_frequent = infrequent.iter().filter(|infrequent| !**infrequent).count();
        let mut next = 0;
        let group = |&infrequent: &bool| {
            next += usize::from(!infrequent);
            if infrequent { n_frequent } else { next - 1 }
        };
        let groups = infrequent.iter().map(group).collect();
        let n_groups = n_frequent + 1;
        self.grouping = Some(Grouping { groups, n_groups, infrequent: Some(n_frequent), dropped: None });
    }

    /// Takes the first place away.
    pub(super) fn drop_first(&mut self) {
        let n_groups = self.len();
        let every_one = || Grouping { groups: (0..n_groups).collect(), n_groups, infrequent: None, dropped: None };
        self.grouping.get_or_insert_with(every_one).dropped = Some(0);
    }

    /// Number of categories, a missing value among them.
    #[must_use]
    pub fn len(&self) -> usize {
        self.categories.len() + usize::from(self.with_missing)
    }

    /// Whether there is no category.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The texts among them, ascending.
    #[must_use]
    pub fn texts(&self) -> &[String] {
        &self.categories
    }

    /// Whether a missing value is among them.
    #[must_use]
    pub fn with_missing(&self) -> bool {
        self.with_missing
    }

    /// Which of the categories a value is.
    pub(super) fn find(&self, value: Option<&str>) -> Option<usize> {
        match value {
            Some(text) => self.categories.binary_search_by(|category| category.as_str().cmp(text)).ok(),
            None => self.with_missing.then_some(self.categories.len()),
        }
    }

    /// The place of a category, unless it is dropped.
    pub(super) fn place_of(&self, category: usize) -> Option<usize> {
        match &self.grouping {
            None => Some(category),
            Some(grouping) => grouping.place(grouping.groups[category]),
        }
    }

    /// The place of a value; none if it is dropped or not a category.
    #[must_use]
    pub fn place(&self, value: Option<&str>) -> Option<usize> {
        self.place_of(self.find(value)?)
    }

    /// The place that the infrequent categories share.
    pub(super) fn infrequent_place(&self) -> Option<usize> {
        let grouping = self.grouping.as_ref()?;
        grouping.place(grouping.infrequent?)
    }

    /// Whether some categories are infrequent.
    pub(super) fn has_infrequent(&self) -> bool {
        self.grouping.as_ref().is_some_and(|grouping| grouping.infrequent.is_some())
    }

    /// Number of groups, the dropped one among them.
    pub(super) fn n_groups(&self) -> usize {
        self.grouping.as_ref().map_or(self.len(), |grouping| grouping.n_groups)
    }

    /// Number of places.
    #[must_use]
    pub fn width(&self) -> usize {
        self.n_groups() - usize::from(self.grouping.as_ref().is_some_and(|grouping| grouping.dropped.is_some()))
    }

    /// What stands at each place.
    pub fn places(&self) -> impl Iterator<Item = Category<'_>> {
        (0..self.n_groups()).filter(|&group| Some(group) != self.dropped_group()).map(|group| self.in_group(group))
    }

    /// What has no place of its own because it is dropped.
    pub(super) fn dropped(&self) -> Option<Category<'_>> {
        self.dropped_group().map(|group| self.in_group(group))
    }

    fn dropped_group(&self) -> Option<usize> {
        self.grouping.as_ref().and_then(|grouping| grouping.dropped)
    }

    fn in_group(&self, group: usize) -> Category<'_> {
        let category = match &self.grouping {
            Some(grouping) if grouping.infrequent == Some(group) => return Category::Infrequent,
            Some(grouping) => grouping.groups.iter().position(|&of| of == group).unwrap_or(usize::MAX),
            None => group,
        };
        self.categories.get(category).map_or(Category::Missing, |text| Category::Text(text))
    }

    /// Checks what was read from outside.
    ///
    /// # Errors
    /// [`Error::Format`] when a category could be given a place that does not exist.
    pub(crate) fn validate(&self) -> Result<()> {
        let Some(grouping) = &self.grouping else { return Ok(()) };
        let within = |group: &usize| *group < grouping.n_groups;
        let sound = grouping.groups.len() == self.len()
            && grouping.groups.iter().all(within)
            && grouping.infrequent.iter().all(within)
            && grouping.dropped.iter().all(within);
        if sound { Ok(()) } else { Err(Error::Format("categories that do not fit their groups".to_owned())) }
    }
}

/// Which categories are infrequent: those below the least frequency, and the rarest beyond the most categories (the
/// later ones of equally rare stay).
pub(super) fn infrequent(
    counts: &[usize],
    n_rows: usize,
    min_frequency: Option<MinFrequency>,
    max_categories: Option<usize>,
) -> Vec<bool> {
    let below = |&count: &usize| match min_frequency {
        Some(MinFrequency::Count(least)) => count < least,
        Some(MinFrequency::Share(share)) => (count as f64) < n_rows as f64 * share,
        None => false,
    };
    let mut infrequent: Vec<bool> = counts.iter().map(below).collect();
    let n_with_group = infrequent.iter().filter(|infrequent| !**infrequent).count() + 1;
    if let Some(most) = max_categories.filter(|&most| most < n_with_group) {
        let mut ascending: Vec<usize> = (0..counts.len()).collect();
        ascending.sort_by_key(|&category| counts[category]);
        let n_rare = counts.len().saturating_sub(most - 1);
        ascending[..n_rare].iter().for_each(|&category| infrequent[category] = true);
    }
    infrequent
}

/// Checks the two settings that make categories infrequent.
pub(super) fn check_frequency(
    owner: &'static str,
    min_frequency: Option<MinFrequency>,
    max_categories: Option<usize>,
) -> Result<()> {
    let refuse = |name: &str, allowed: &str, got: String| {
        Err(Error::Parameter { owner, name: name.to_owned(), allowed: allowed.to_owned(), got })
    };
    let allowed = "an int in the range [1, inf), a float in the range (0.0, 1.0) or None";
    match min_frequency {
        Some(MinFrequency::Count(0)) => refuse("min_frequency", allowed, "0".to_owned()),
        Some(MinFrequency::Share(share)) if !(share > 0.0 && share < 1.0) => {
            refuse("min_frequency", allowed, share.to_string())
        }
        _ if max_categories == Some(0) => {
            refuse("max_categories", "an int in the range [1, inf) or None", "0".to_owned())
        }
        _ => Ok(()),
    }
}

/// The error for values that are not among the categories.
pub(crate) fn unknown_categories(unknown: &[Option<&str>], column: impl Display) -> Error {
    let mut unknown = unknown.to_vec();
    // Texts first, ascending; a missing value last.
    unknown.sort_unstable_by_key(|text| (text.is_none(), *text));
    unknown.dedup();
    let quoted: Vec<String> =
        unknown.iter().map(|text| text.map_or_else(|| "None".to_owned(), |text| format!("'{text}'"))).collect();
    Error::Data(format!("Found unknown categories [{}] in column {column} during transform", quoted.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unseen_and_missing_values() {
        let (whole, counts) = FittedCategories::learn([Some("b"), Some("a"), Some("b")]);
        assert_eq!(counts, [1, 2]);
        assert!(whole.places().eq([Category::Text("a"), Category::Text("b")]));
        assert_eq!((whole.place(Some("b")), whole.place(Some("c")), whole.place(None)), (Some(1), None, None));
        let (gappy, counts) = FittedCategories::learn([Some("b"), None]);
        assert_eq!(counts, [1, 1]);
        assert_eq!((gappy.width(), gappy.place(None)), (2, Some(1)));
        assert_eq!(gappy.places().last(), Some(Category::Missing));
    }

    #[test]
    fn groups_and_dropped_places() {
        let (mut categories, counts) =
            FittedCategories::learn("aabbbcdde".split("").filter(|t| !t.is_empty()).map(Some));
        assert_eq!(counts, [2, 3, 1, 2, 1]);
        categories.group(&infrequent(&counts, 9, Some(MinFrequency::Count(2)), None));
        let places = |categories: &FittedCategories| ["a", "b", "c", "d", "e"].map(|text| categories.place(Some(text)));
        assert_eq!(places(&categories), [Some(0), Some(1), Some(3), Some(2), Some(3)]);
        assert_eq!(categories.places().last(), Some(Category::Infrequent));
        categories.drop_first();
        assert_eq!(places(&categories), [None, Some(0), Some(2), Some(1), Some(2)]);
        assert_eq!((categories.width(), categories.dropped()), (3, Some(Category::Text("a"))));
        categories.validate().unwrap();
        categories.grouping.as_mut().unwrap().groups[0] = 9;
        assert!(categories.validate().is_err());
    }

    #[test]
    fn the_rarest_beyond_the_most() {
        let rare = |most| infrequent(&[3, 1, 2, 3], 9, None, Some(most));
        assert_eq!(rare(5), [false; 4]);
        assert_eq!(rare(3), [false, true, true, false]);
        assert_eq!(rare(2), [true, true, true, false], "the later of the two most frequent stays");
        assert_eq!(rare(1), [true; 4]);
    }
}
