//! Columns of a table into features, each by the transformer that is declared for it.

use super::fitted_column::FittedColumn;
use super::numbers::{Imputer, Numbers, Scaler};
use super::transformer::{ColumnSelector, Remainder, Transformer};
use super::values::{data_type, quoted};
use super::{Categories, FittedColumnTransformer};
use crate::error::{Error, Result};
use crate::preprocessing::{HandleUnknown, HandleUnknownOrdinal, OneHotEncoder, OrdinalEncoder};
use arrow_array::{Array, ArrayRef, RecordBatch};
use metria_core::{ColumnSpec, DataType};
use serde::{Deserialize, Serialize};

const OWNER: &str = "ColumnTransformer";

/// The name of the remainder among the transformers.
const REMAINDER: &str = "remainder";

/// Which columns of a table become features, and how: a list of transformers, each with a name and the columns it takes.
///
/// The features come in the order of the list, within a transformer in the order of its columns, and the remainder
/// last. Two transformers may take the same column. The columns of the fit must have different names and, unless a
/// [`Transformer::Drop`] takes them, be Boolean, Int64, Float64 or Utf8.
///
/// By default numbers are filled with their mean and standardised (sample deviation), then texts and booleans become
/// one column for each category; a category that was not in the fit gives zeros.
///
/// # Names
/// A column gives a feature of its own name, with [`Transformer::OneHot`] one for each category: `home_own`, and
/// `home_missing` and `home_infrequent` for missing and infrequent values. With `verbose_feature_names_out` the name of
/// the transformer comes before it: `categories__home_own`, and `remainder__amount` for the remainder.
///
/// # References
/// scikit-learn `ColumnTransformer`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ColumnTransformer {
    /// Name, transformer and columns. Names differ from each other and are without `__`.
    pub transformers: Vec<(String, Transformer, ColumnSelector)>,
    /// What becomes of the columns that none of them takes (default: they are left out).
    pub remainder: Remainder,
    /// Whether the names of features begin with the name of the transformer (default false).
    pub verbose_feature_names_out: bool,
}

impl Default for ColumnTransformer {
    fn default() -> Self {
        Self::for_categories(Categories::OneHot)
    }
}

impl ColumnTransformer {
    /// The usual treatment of numbers and of texts and booleans, in that order.
    ///
    /// With [`Categories::OneHot`] the default. With [`Categories::Ordinal`], which suits trees only, categories become
    /// their place among the sorted ones, missing values and those that were not in the fit -1; numbers are filled with
    /// their mean and not scaled, since a tree asks for their order alone.
    #[must_use]
    pub fn for_categories(categories: Categories) -> Self {
        let (numbers, categories) = match categories {
            Categories::OneHot => {
                let encoder = OneHotEncoder { handle_unknown: HandleUnknown::Ignore, ..OneHotEncoder::default() };
                (Numbers::default(), Transformer::OneHot(encoder))
            }
            Categories::Ordinal => {
                let encoder = OrdinalEncoder {
                    handle_unknown: HandleUnknownOrdinal::UseEncodedValue,
                    unknown_value: Some(-1.0),
                    encoded_missing_value: Some(-1.0),
                    ..OrdinalEncoder::default()
                };
                let numbers = Numbers { imputer: Imputer::Mean, scaler: Scaler::None, scale_on_filled: false };
                (numbers, Transformer::Ordinal(encoder))
            }
        };
        Self {
            transformers: vec![
                ("numbers".to_owned(), Transformer::Numbers(numbers), ColumnSelector::Numeric),
                ("categories".to_owned(), categories, ColumnSelector::Categorical),
            ],
            remainder: Remainder::Drop,
            verbose_feature_names_out: false,
        }
    }

    /// Learns from the columns of a table.
    ///
    /// # Errors
    /// For settings that are out of range or at odds with each other, for a table without rows or columns, or with two
    /// columns of one name, and when a named column is missing or a column cannot be used; the message names it.
    pub fn fit(&self, x: &RecordBatch) -> Result<FittedColumnTransformer> {
        self.check_names()?;
        if x.num_columns() == 0 || x.num_rows() == 0 {
            return Err(Error::Data(format!(
                "a pipeline is fitted on at least one column and one row; got {} columns and {} rows",
                x.num_columns(),
                x.num_rows()
            )));
        }
        let table = Table::new(x)?;
        let chosen = self.choose(&table)?;
        let inputs = table.inputs(&chosen)?;
        let mut columns = Vec::new();
        for (name, transformer, places) in &chosen {
            for place in places.iter().filter(|_| !matches!(transformer, Transformer::Drop)) {
                let input = inputs.partition_point(|(other, _)| other < place);
                let (_, spec) = &inputs[input];
                columns.push(FittedColumn::fit((name, transformer), spec, input, &table.arrays[*place])?);
            }
        }
        if columns.is_empty() {
            return Err(Error::Data(format!(
                "no transformer takes a column of the table, which has {}",
                quoted(table.names.iter().copied())
            )));
        }
        let inputs = inputs.into_iter().map(|(_, spec)| spec).collect();
        let fitted = FittedColumnTransformer::new(inputs, columns, self.verbose_feature_names_out);
        fitted.check_feature_names()?;
        Ok(fitted)
    }

    fn check_names(&self) -> Result<()> {
        let names = || self.transformers.iter().map(|(name, ..)| name.as_str());
        let twice = |(place, name): (usize, &str)| names().take(place).any(|other| other == name);
        match names().enumerate().find(|&(place, name)| name.contains("__") || twice((place, name))) {
            Some((_, name)) => Err(Error::Parameter {
                owner: OWNER,
                name: "transformers".to_owned(),
                allowed: "a list of different names without `__`".to_owned(),
                got: format!("the name `{name}` among {}", quoted(names())),
            }),
            None => Ok(()),
        }
    }

    /// Each transformer with the places of its columns in the table, the remainder last.
    fn choose(&self, table: &Table<'_>) -> Result<Vec<(&str, &Transformer, Vec<usize>)>> {
        let mut chosen = Vec::with_capacity(self.transformers.len() + 1);
        for (name, transformer, selector) in &self.transformers {
            chosen.push((name.as_str(), transformer, table.select(selector, name)?));
        }
        if self.remainder == Remainder::Passthrough {
            let taken = |place: &usize| chosen.iter().any(|(.., places)| places.contains(place));
            let rest = (0..table.names.len()).filter(|place| !taken(place)).collect();
            chosen.push((REMAINDER, &Transformer::Passthrough, rest));
        }
        Ok(chosen)
    }
}

/// The columns of a table to fit on.
struct Table<'a> {
    names: Vec<&'a str>,
    arrays: &'a [ArrayRef],
}

impl<'a> Table<'a> {
    fn new(x: &'a RecordBatch) -> Result<Self> {
        let names: Vec<&str> = x.schema_ref().fields().iter().map(|field| field.name().as_str()).collect();
        let mut sorted = names.clone();
        sorted.sort_unstable();
        match sorted.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(Error::Data(format!("the table has more than one column `{}`", pair[0]))),
            None => Ok(Self { names, arrays: x.columns() }),
        }
    }

    fn data_type(&self, place: usize) -> Result<DataType> {
        data_type(&self.arrays[place], self.names[place])
    }

    fn select(&self, selector: &ColumnSelector, transformer: &str) -> Result<Vec<usize>> {
        let ColumnSelector::Names(names) = selector else {
            let of_class = |&place: &usize| self.data_type(place).is_ok_and(|data_type| selector.takes_type(data_type));
            return Ok((0..self.names.len()).filter(of_class).collect());
        };
        let find = |name: &String| self.names.iter().position(|other| other == name);
        let absent: Vec<&str> = names.iter().filter(|name| find(name).is_none()).map(|name| name.as_str()).collect();
        if absent.is_empty() {
            return Ok(names.iter().filter_map(find).collect());
        }
        Err(Error::Data(format!(
            "the transformer `{transformer}` takes the columns {}, which are missing; the table has {}",
            quoted(absent),
            quoted(self.names.iter().copied())
        )))
    }

    /// The columns that give features, with their places, in the order of the table. Every column must be of a known
    /// type unless it is dropped by intention.
    fn inputs(&self, chosen: &[(&str, &Transformer, Vec<usize>)]) -> Result<Vec<(usize, ColumnSpec)>> {
        let taken = |place: usize, dropped: bool| {
            chosen.iter().any(|(_, transformer, places)| {
                matches!(transformer, Transformer::Drop) == dropped && places.contains(&place)
            })
        };
        let mut inputs = Vec::new();
        for (place, name) in self.names.iter().enumerate() {
            let used = taken(place, false);
            if !used && taken(place, true) {
                continue;
            }
            let data_type = self.data_type(place)?;
            if used {
                let required = self.arrays[place].null_count() == 0;
                inputs.push((place, ColumnSpec { name: (*name).to_owned(), data_type, required }));
            }
        }
        Ok(inputs)
    }
}
