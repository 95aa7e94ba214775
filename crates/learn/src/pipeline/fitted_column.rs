//! How the values of one input column become features.

use super::numbers::{FittedNumbers, Numbers};
use super::transformer::Transformer;
use super::values::{categories, flag_name, flag_value, flags, numbers};
use crate::error::{Error, Result};
use crate::matrix::Matrix;
use crate::preprocessing::{
    Category, FittedCategories, FittedOneHotEncoder, FittedOrdinalEncoder, FittedStandardScaler, HandleUnknown,
    unknown_categories,
};
use arrow_array::ArrayRef;
use metria_core::{Cell, ColumnSpec, DataType};
use serde::{Deserialize, Serialize};

/// One input column as one transformer takes it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct FittedColumn {
    /// Its place among the input columns.
    pub(super) input: usize,
    /// The name of the transformer.
    pub(super) transformer: String,
    encoding: Encoding,
}

/// Everything here is of one column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Encoding {
    Numbers(FittedNumbers),
    /// Booleans as 0 and 1, missing ones as NaN.
    Flags,
    OneHot(FittedOneHotEncoder),
    Ordinal(FittedOrdinalEncoder),
}

/// The category of a missing value, in names of features.
const MISSING_CATEGORY: &str = "missing";

/// The category of the infrequent values, in names of features.
const INFREQUENT_CATEGORY: &str = "infrequent";

impl FittedColumn {
    /// Learns one column, which is not to be dropped.
    pub(super) fn fit(
        (name, transformer): (&str, &Transformer),
        spec: &ColumnSpec,
        input: usize,
        array: &ArrayRef,
    ) -> Result<Self> {
        let column = &spec.name;
        let texts = || Ok(Matrix::from_columns(array.len(), 1, categories(array, column)?));
        let encoding = match (transformer, spec.data_type) {
            (Transformer::Numbers(settings), _) => {
                let values = numbers(array, column)?;
                Encoding::Numbers(settings.fit(values).map_err(|error| in_column(column, error))?)
            }
            (Transformer::OneHot(encoder), _) => {
                Encoding::OneHot(encoder.fit(&texts()?).map_err(|error| in_column(column, error))?)
            }
            (Transformer::Ordinal(encoder), _) => {
                Encoding::Ordinal(encoder.fit(&texts()?).map_err(|error| in_column(column, error))?)
            }
            (Transformer::Passthrough | Transformer::Drop, DataType::Boolean) => Encoding::Flags,
            (Transformer::Passthrough | Transformer::Drop, _) => {
                Encoding::Numbers(Numbers::untouched().fit(numbers(array, column)?)?)
            }
        };
        Ok(Self { input, transformer: name.to_owned(), encoding })
    }

    /// A column of numbers as format version 1 had it.
    pub(super) fn standardised(input: usize, transformer: &str, scaler: FittedStandardScaler) -> Self {
        let encoding = Encoding::Numbers(FittedNumbers::standardised(scaler));
        Self { input, transformer: transformer.to_owned(), encoding }
    }

    /// A column of categories as format version 1 had it.
    pub(super) fn one_hot(input: usize, transformer: &str, categories: FittedCategories) -> Self {
        let encoding = Encoding::OneHot(FittedOneHotEncoder::new(vec![categories], HandleUnknown::Ignore));
        Self { input, transformer: transformer.to_owned(), encoding }
    }

    /// Number of features it gives.
    pub(super) fn width(&self) -> usize {
        match &self.encoding {
            Encoding::Numbers(_) | Encoding::Flags | Encoding::Ordinal(_) => 1,
            Encoding::OneHot(encoder) => encoder.categories[0].width(),
        }
    }

    /// Whether a feature of it can be missing (NaN).
    pub(super) fn can_miss(&self) -> bool {
        match &self.encoding {
            Encoding::Numbers(numbers) => numbers.missing().is_nan(),
            Encoding::Flags => true,
            Encoding::OneHot(_) => false,
            Encoding::Ordinal(encoder) => encoder.can_miss(),
        }
    }

    /// Names of the features it gives, after the name of the column.
    pub(super) fn feature_names(&self, name: &str) -> Vec<String> {
        let Encoding::OneHot(encoder) = &self.encoding else { return vec![name.to_owned()] };
        let label = |category| match category {
            Category::Text(text) => text,
            Category::Missing => MISSING_CATEGORY,
            Category::Infrequent => INFREQUENT_CATEGORY,
        };
        encoder.categories[0].places().map(|category| format!("{name}_{}", label(category))).collect()
    }

    /// Checks a column that was read from outside.
    pub(super) fn validate(&self) -> Result<()> {
        let one = |categories: &[FittedCategories]| match categories {
            [categories] => categories.validate(),
            _ => Err(Error::Format(format!("an encoder of {} columns for one column", categories.len()))),
        };
        match &self.encoding {
            Encoding::Numbers(numbers) => numbers.validate(),
            Encoding::Flags => Ok(()),
            Encoding::OneHot(encoder) => one(&encoder.categories),
            Encoding::Ordinal(encoder) => one(&encoder.categories),
        }
    }

    /// Appends the features of every row, column after column.
    pub(super) fn transform(&self, spec: &ColumnSpec, array: &ArrayRef, out: &mut Vec<f64>) -> Result<()> {
        let name = &spec.name;
        match &self.encoding {
            Encoding::Numbers(column) => {
                out.extend(numbers(array, name)?.into_iter().map(|value| column.feature(value)));
            }
            Encoding::Flags => out.extend(flags(array, name)?),
            Encoding::OneHot(encoder) => {
                let (start, n_rows) = (out.len(), array.len());
                out.resize(start + n_rows * self.width(), 0.0);
                let mut unknown = Vec::new();
                for (row, text) in categories(array, name)?.into_iter().enumerate() {
                    match encoder.place(0, text) {
                        Ok(Some(place)) => out[start + place * n_rows + row] = 1.0,
                        Ok(None) => {}
                        Err(_) => unknown.push(text),
                    }
                }
                check_known(&unknown, name)?;
            }
            Encoding::Ordinal(encoder) => {
                let mut unknown = Vec::new();
                out.extend(categories(array, name)?.into_iter().map(|text| {
                    encoder.encoded(0, text).unwrap_or_else(|| {
                        unknown.push(text);
                        f64::NAN
                    })
                }));
                check_known(&unknown, name)?;
            }
        }
        Ok(())
    }

    /// Writes the features of one value by way of `cast`; `out` is zero before.
    pub(super) fn transform_cell<T>(
        &self,
        spec: &ColumnSpec,
        cell: Cell<'_>,
        out: &mut [T],
        cast: impl Fn(f64) -> T,
    ) -> Result<()> {
        let category = |cell| match cell {
            Cell::Missing => Ok(None),
            Cell::Text(text) if spec.data_type == DataType::String => Ok(Some(text)),
            Cell::Boolean(flag) if spec.data_type == DataType::Boolean => Ok(Some(flag_name(flag))),
            _ => Err(refuse(spec, cell)),
        };
        match (&self.encoding, cell) {
            (Encoding::Numbers(column), Cell::Number(value)) if !value.is_infinite() => {
                out[0] = cast(column.feature(value));
            }
            (Encoding::Numbers(column), Cell::Missing) => out[0] = cast(column.missing()),
            (Encoding::Flags, Cell::Boolean(flag)) => out[0] = cast(flag_value(flag)),
            (Encoding::Flags, Cell::Missing) => out[0] = cast(f64::NAN),
            (Encoding::OneHot(encoder), cell) => {
                let category = category(cell)?;
                match encoder.place(0, category) {
                    Ok(Some(place)) => out[place] = cast(1.0),
                    Ok(None) => {}
                    Err(_) => check_known(&[category], &spec.name)?,
                }
            }
            (Encoding::Ordinal(encoder), cell) => {
                let category = category(cell)?;
                match encoder.encoded(0, category) {
                    Some(code) => out[0] = cast(code),
                    None => check_known(&[category], &spec.name)?,
                }
            }
            (Encoding::Numbers(_) | Encoding::Flags, cell) => return Err(refuse(spec, cell)),
        }
        Ok(())
    }
}

/// Says in which column something that can be mended went wrong.
fn in_column(name: &str, error: Error) -> Error {
    match error {
        Error::Data(message) => Error::Data(format!("column `{name}`: {message}")),
        other => other,
    }
}

fn check_known(unknown: &[Option<&str>], name: &str) -> Result<()> {
    if unknown.is_empty() { Ok(()) } else { Err(unknown_categories(unknown, format!("`{name}`"))) }
}

fn refuse(spec: &ColumnSpec, cell: Cell<'_>) -> Error {
    let expected = match spec.data_type {
        DataType::Boolean => "a boolean",
        DataType::Long | DataType::Double => "a finite number",
        DataType::String => "a text",
    };
    let got = match cell {
        Cell::Text(text) => format!("the text \"{}\"", text.chars().take(60).collect::<String>()),
        Cell::Number(value) => format!("the number {value}"),
        Cell::Boolean(flag) => format!("the boolean {flag}"),
        Cell::Missing => "a missing value".to_owned(),
    };
    Error::Data(format!("{}: {expected} is expected; got {got}", spec.name))
}
