//! Texts as numbers.

use super::categories::{Category, FittedCategories, MinFrequency, check_frequency, infrequent, unknown_categories};
use super::checks::{check_n_features, check_not_empty};
use crate::error::{Error, Result};
use crate::matrix::Matrix;
use serde::{Deserialize, Serialize};

const OWNER: &str = "OrdinalEncoder";

/// What becomes of a text that was not in the fit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HandleUnknownOrdinal {
    /// An error.
    #[default]
    Error,
    /// It is given the `unknown_value`.
    UseEncodedValue,
}

/// Replaces each text by its place among the texts of its column, ascending, from 0.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OrdinalEncoder {
    /// What becomes of a text that was not in the fit (default an error).
    pub handle_unknown: HandleUnknownOrdinal,
    /// The number of such a text: a whole number that no category has, or NaN (default: none).
    pub unknown_value: Option<f64>,
    /// The number of a missing value: a whole number that no category has (default: NaN).
    pub encoded_missing_value: Option<f64>,
    /// Categories that are rarer than this share the last number (default: none).
    pub min_frequency: Option<MinFrequency>,
    /// Most numbers of a column, that of the infrequent categories included, at least 1 (default: no limit).
    pub max_categories: Option<usize>,
}

/// A fitted [`OrdinalEncoder`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FittedOrdinalEncoder {
    /// The categories of each column.
    pub categories: Vec<FittedCategories>,
    unknown_value: Option<f64>,
    encoded_missing_value: f64,
}

impl OrdinalEncoder {
    /// Learns the categories of each column.
    ///
    /// # Errors
    /// Without rows or columns, or for a setting out of range or at odds with the categories.
    pub fn fit(&self, x: &Matrix<Option<&str>>) -> Result<FittedOrdinalEncoder> {
        self.check_unknown_value()?;
        check_frequency(OWNER, self.min_frequency, self.max_categories)?;
        check_not_empty(OWNER, x.n_rows(), x.n_columns())?;
        let categories: Vec<FittedCategories> = (0..x.n_columns()).map(|j| self.fit_column(x.column(j))).collect();
        self.check_free(&categories)?;
        Ok(FittedOrdinalEncoder {
            categories,
            unknown_value: self.unknown_value,
            encoded_missing_value: self.encoded_missing_value.unwrap_or(f64::NAN),
        })
    }

    /// A missing value is never infrequent, since it has a number of its own.
    fn fit_column(&self, column: &[Option<&str>]) -> FittedCategories {
        let (mut categories, counts) = FittedCategories::learn(column.iter().copied());
        let texts = &counts[..categories.texts().len()];
        let mut rare = infrequent(texts, column.len(), self.min_frequency, self.max_categories);
        rare.resize(counts.len(), false);
        categories.group(&rare);
        categories
    }

    fn check_unknown_value(&self) -> Result<()> {
        let whole_or_nan = |value: f64| value.is_nan() || (value.is_finite() && value.fract() == 0.0);
        let got = || self.unknown_value.map_or_else(|| "None".to_owned(), |value| value.to_string());
        if let Some(value) = self.encoded_missing_value.filter(|&value| !whole_or_nan(value)) {
            return Err(Error::Parameter {
                owner: OWNER,
                name: "encoded_missing_value".to_owned(),
                allowed: "an int or nan".to_owned(),
                got: value.to_string(),
            });
        }
        match (self.handle_unknown, self.unknown_value) {
            (HandleUnknownOrdinal::UseEncodedValue, Some(value)) if whole_or_nan(value) => Ok(()),
            (HandleUnknownOrdinal::UseEncodedValue, _) => Err(Error::Data(format!(
                "unknown_value should be an integer or np.nan when handle_unknown is 'use_encoded_value', got {}.",
                got()
            ))),
            (HandleUnknownOrdinal::Error, None) => Ok(()),
            (HandleUnknownOrdinal::Error, Some(_)) => Err(Error::Data(format!(
                "unknown_value should only be set when handle_unknown is 'use_encoded_value', got {}.",
                got()
            ))),
        }
    }

    /// Checks that the numbers for unknown and missing values are not those of categories.
    fn check_free(&self, categories: &[FittedCategories]) -> Result<()> {
        let taken = |value: f64, column: &FittedCategories| value >= 0.0 && value < n_own_codes(column) as f64;
        if let Some(value) = self.unknown_value.filter(|&value| categories.iter().any(|column| taken(value, column))) {
            return Err(Error::Data(format!(
                "The used value for unknown_value {value} is one of the values already used for encoding the seen categories."
            )));
        }
        let value = self.encoded_missing_value.unwrap_or(f64::NAN);
        let clashes = |j: &usize| categories[*j].with_missing() && taken(value, &categories[*j]);
        let columns: Vec<usize> = (0..categories.len()).filter(clashes).collect();
        if columns.is_empty() {
            return Ok(());
        }
        Err(Error::Data(format!(
            "encoded_missing_value ({value}) is already used to encode a known category in features: {columns:?}"
        )))
    }
}

/// Number of texts with a number of their own. That of the infrequent ones may stand for other texts too.
fn n_own_codes(categories: &FittedCategories) -> usize {
    categories.n_groups() - usize::from(categories.with_missing()) - usize::from(categories.has_infrequent())
}

impl FittedOrdinalEncoder {
    /// The number of each text.
    ///
    /// # Errors
    /// When the number of columns differs from that of the fit, or for a value that was not in it, if that is one.
    pub fn transform(&self, x: &Matrix<Option<&str>>) -> Result<Matrix<f64>> {
        check_n_features(OWNER, x.n_columns(), self.categories.len())?;
        for (j, categories) in self.categories.iter().enumerate().filter(|_| self.unknown_value.is_none()) {
            let is_unknown = |value: &Option<&str>| categories.find(*value).is_none();
            let unknown: Vec<Option<&str>> = x.column(j).iter().copied().filter(is_unknown).collect();
            if !unknown.is_empty() {
                return Err(unknown_categories(&unknown, j));
            }
        }
        Ok(x.map_cells(|j, value| self.encoded(j, value).unwrap_or(f64::NAN)))
    }

    /// The number of one value of column `j`; none for one that was not in the fit, where that is an error.
    pub(crate) fn encoded(&self, j: usize, value: Option<&str>) -> Option<f64> {
        match (self.categories[j].find(value), value) {
            (None, _) => self.unknown_value,
            (Some(_), None) => Some(self.encoded_missing_value),
            (Some(category), Some(_)) => Some(self.code(j, category)),
        }
    }

    /// Whether a number can be NaN.
    pub(crate) fn can_miss(&self) -> bool {
        self.unknown_value.is_some_and(f64::is_nan)
            || (self.encoded_missing_value.is_nan() && self.categories.iter().any(FittedCategories::with_missing))
    }

    /// The number of a text's category. The infrequent ones come last among the groups, after a missing value, whose
    /// place nothing else uses.
    fn code(&self, j: usize, category: usize) -> f64 {
        let categories = &self.categories[j];
        let place = categories.place_of(category).unwrap_or(0);
        let behind_missing = categories.with_missing() && categories.infrequent_place() == Some(place);
        (place - usize::from(behind_missing)) as f64
    }

    /// The texts that the numbers stand for: `None` for a missing or unknown value, `infrequent_sklearn` for an
    /// infrequent one.
    ///
    /// # Errors
    /// When the number of columns differs from that of the fit, or a number stands for nothing.
    pub fn inverse_transform(&self, x: &Matrix<f64>) -> Result<Matrix<Option<&str>>> {
        check_n_features(OWNER, x.n_columns(), self.categories.len())?;
        let same = |a: f64, b: f64| a - b == 0.0 || (a.is_nan() && b.is_nan());
        let mut values = Vec::with_capacity(x.n_rows() * x.n_columns());
        for (j, categories) in self.categories.iter().enumerate() {
            let texts: Vec<Category<'_>> = categories.places().filter(|place| *place != Category::Missing).collect();
            for &code in x.column(j) {
                let place = (code >= 0.0 && code.fract() == 0.0).then_some(code as usize);
                let missing = categories.with_missing() && same(code, self.encoded_missing_value);
                let unknown = self.unknown_value.is_some_and(|value| same(code, value));
                values.push(match place.and_then(|place| texts.get(place)) {
                    Some(Category::Infrequent) => Some("infrequent_sklearn"),
                    _ if missing || unknown => None,
                    Some(Category::Text(text)) => Some(*text),
                    Some(Category::Missing) | None => {
                        return Err(Error::Data(format!(
                            "column {j} has the codes 0 to {}; got {code}",
                            texts.len().saturating_sub(1)
                        )));
                    }
                });
            }
        }
        Ok(Matrix::from_columns(x.n_rows(), x.n_columns(), values))
    }
}
