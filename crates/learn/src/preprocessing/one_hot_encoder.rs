//! Texts as columns of zeros and ones.

use super::categories::{Category, FittedCategories, MinFrequency, check_frequency, infrequent, unknown_categories};
use super::checks::{check_n_features, check_not_empty, input_names};
use crate::ensemble::argmax;
use crate::error::{Error, Result};
use crate::matrix::Matrix;
use serde::{Deserialize, Serialize};

const OWNER: &str = "OneHotEncoder";

/// What becomes of a value that was not in the fit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HandleUnknown {
    /// An error.
    #[default]
    Error,
    /// Zeros only.
    Ignore,
    /// It counts as infrequent, or gives zeros only where no category is infrequent.
    InfrequentIfExist,
}

/// Which category of a column has no output column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Drop {
    /// The first.
    First,
    /// The first, where there are two.
    IfBinary,
}

/// One output column for each category of each input column: 1 where a value is that category. A missing value (`None`)
/// is a category of its own, the last.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OneHotEncoder {
    /// What becomes of a value that was not in the fit (default an error).
    pub handle_unknown: HandleUnknown,
    /// Which category has no output column (default: all have one).
    pub drop: Option<Drop>,
    /// Categories that are rarer than this share one output column (default: none).
    pub min_frequency: Option<MinFrequency>,
    /// Most output columns of an input column, that of the infrequent categories included, at least 1 (default: no limit).
    pub max_categories: Option<usize>,
}

/// A fitted [`OneHotEncoder`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FittedOneHotEncoder {
    /// The categories of each input column.
    pub categories: Vec<FittedCategories>,
    handle_unknown: HandleUnknown,
}

impl OneHotEncoder {
    /// Learns the categories of each column.
    ///
    /// # Errors
    /// Without rows or columns, or for a setting out of range.
    pub fn fit(&self, x: &Matrix<Option<&str>>) -> Result<FittedOneHotEncoder> {
        check_not_empty(OWNER, x.n_rows(), x.n_columns())?;
        let categories = (0..x.n_columns()).map(|j| self.fit_column(x.column(j).iter().copied()));
        Ok(FittedOneHotEncoder { categories: categories.collect::<Result<_>>()?, handle_unknown: self.handle_unknown })
    }

    fn fit_column<'a>(&self, values: impl IntoIterator<Item = Option<&'a str>>) -> Result<FittedCategories> {
        check_frequency(OWNER, self.min_frequency, self.max_categories)?;
        let (mut categories, counts) = FittedCategories::learn(values);
        let n_rows = counts.iter().sum();
        categories.group(&infrequent(&counts, n_rows, self.min_frequency, self.max_categories));
        match self.drop {
            Some(Drop::First) if !categories.is_empty() => categories.drop_first(),
            Some(Drop::IfBinary) if categories.n_groups() == 2 => categories.drop_first(),
            _ => {}
        }
        Ok(categories)
    }
}

/// A value that was not in the fit, where that is an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unknown;

impl FittedOneHotEncoder {
    /// An encoder of categories that are known already.
    pub(crate) fn new(categories: Vec<FittedCategories>, handle_unknown: HandleUnknown) -> Self {
        Self { categories, handle_unknown }
    }

    /// Which output column of input column `j` is 1 for a value; none where all are 0.
    pub(crate) fn place(&self, j: usize, value: Option<&str>) -> std::result::Result<Option<usize>, Unknown> {
        let categories = &self.categories[j];
        match (categories.find(value), self.handle_unknown) {
            (Some(category), _) => Ok(categories.place_of(category)),
            (None, HandleUnknown::Ignore) => Ok(None),
            (None, HandleUnknown::InfrequentIfExist) => Ok(categories.infrequent_place()),
            (None, HandleUnknown::Error) => Err(Unknown),
        }
    }

    /// Number of output columns.
    #[must_use]
    pub fn width(&self) -> usize {
        self.categories.iter().map(FittedCategories::width).sum()
    }

    /// Zeros and ones for each row.
    ///
    /// # Errors
    /// When the number of columns differs from that of the fit, or for a value that was not in it, if that is one.
    pub fn transform(&self, x: &Matrix<Option<&str>>) -> Result<Matrix<f64>> {
        check_n_features(OWNER, x.n_columns(), self.categories.len())?;
        let mut out = Matrix::from_columns(x.n_rows(), self.width(), vec![0.0; x.n_rows() * self.width()]);
        let mut first = 0;
        for (j, categories) in self.categories.iter().enumerate() {
            let mut unknown = Vec::new();
            for (row, &value) in x.column(j).iter().enumerate() {
                match self.place(j, value) {
                    Ok(Some(place)) => out.column_mut(first + place)[row] = 1.0,
                    Ok(None) => {}
                    Err(Unknown) => unknown.push(value),
                }
            }
            if !unknown.is_empty() {
                return Err(unknown_categories(&unknown, j));
            }
            first += categories.width();
        }
        Ok(out)
    }

    /// The categories that the columns stand for: `None` for a missing or unknown value, `infrequent_sklearn` for an
    /// infrequent one.
    ///
    /// # Errors
    /// When the number of columns differs from that of the output, or a row has zeros only where that cannot be.
    pub fn inverse_transform(&self, x: &Matrix<f64>) -> Result<Matrix<Option<&str>>> {
        check_n_features(OWNER, x.n_columns(), self.width())?;
        let mut values = Vec::with_capacity(x.n_rows() * self.categories.len());
        let mut first = 0;
        for categories in &self.categories {
            let places: Vec<Category<'_>> = categories.places().collect();
            for row in 0..x.n_rows() {
                let group: Vec<f64> = (first..first + places.len()).map(|j| x.get(row, j)).collect();
                let zeros = group.iter().sum::<f64>() == 0.0;
                let category = match (zeros, categories.dropped()) {
                    (false, _) => places[argmax(&group)],
                    (true, Some(dropped)) => dropped,
                    (true, None) if self.zeros_are_unknown(categories) => Category::Missing,
                    (true, None) => {
                        return Err(Error::Data(format!(
                            "Sample {row} can not be inverted when drop=None and handle_unknown='error' because it contains all zeros"
                        )));
                    }
                };
                values.push(text_of(category));
            }
            first += places.len();
        }
        Ok(Matrix::from_columns(x.n_rows(), self.categories.len(), values))
    }

    /// Whether a value that was not in the fit gives zeros only.
    fn zeros_are_unknown(&self, categories: &FittedCategories) -> bool {
        match self.handle_unknown {
            HandleUnknown::Error => false,
            HandleUnknown::Ignore => true,
            HandleUnknown::InfrequentIfExist => !categories.has_infrequent(),
        }
    }

    /// Names of the output columns: input name and category, `x0_None` for missing values and `x0_infrequent_sklearn`
    /// for infrequent ones.
    ///
    /// # Errors
    /// When there are not as many input names as input columns.
    pub fn feature_names_out(&self, input_features: Option<&[&str]>) -> Result<Vec<String>> {
        let names = input_names(self.categories.len(), input_features)?;
        let columns = names.iter().zip(&self.categories);
        let each = columns.flat_map(|(name, categories)| {
            categories.places().map(move |category| format!("{name}_{}", text_of(category).unwrap_or("None")))
        });
        Ok(each.collect())
    }
}

fn text_of(category: Category<'_>) -> Option<&str> {
    match category {
        Category::Text(text) => Some(text),
        Category::Missing => None,
        Category::Infrequent => Some("infrequent_sklearn"),
    }
}
