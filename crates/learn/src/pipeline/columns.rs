//! What a pipeline knows about one input column, and how values of it become features.

use crate::error::{Error, Result};
use crate::matrix::Matrix;
use crate::preprocessing::{
    Category, FittedCategories, FittedStandardScaler, HandleUnknown, OneHotEncoder, StandardScaler,
};
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{Array, ArrayRef, RecordBatch};
use metria_core::{Cell, ColumnSpec, DataType};
use serde::{Deserialize, Serialize};

/// One fitted input column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct FittedColumn {
    pub(super) spec: ColumnSpec,
    encoding: Encoding,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Encoding {
    /// Standardised; a missing value counts as the mean.
    Number { scaler: FittedStandardScaler },
    /// One column for each category.
    Categories { categories: FittedCategories },
}

/// The category of a missing value, in names of features.
const MISSING_CATEGORY: &str = "missing";

/// The type of an Arrow column, if pipelines take it.
fn data_type(array: &ArrayRef, name: &str) -> Result<DataType> {
    use arrow_schema::DataType as Arrow;
    match array.data_type() {
        Arrow::Boolean => Ok(DataType::Boolean),
        Arrow::Int64 => Ok(DataType::Long),
        Arrow::Float64 => Ok(DataType::Double),
        Arrow::Utf8 => Ok(DataType::String),
        other => Err(Error::Data(format!(
            "column `{name}` must be boolean, 64-bit integer, 64-bit float or text; got {other}"
        ))),
    }
}

/// The numbers of a column; missing ones are NaN. Infinity is refused.
fn numbers(array: &ArrayRef, name: &str) -> Result<Vec<f64>> {
    let values: Vec<f64> = if let Some(integers) = array.as_primitive_opt::<Int64Type>() {
        integers.iter().map(|value| value.map_or(f64::NAN, |value| value as f64)).collect()
    } else if let Some(floats) = array.as_primitive_opt::<Float64Type>() {
        floats.iter().map(|value| value.unwrap_or(f64::NAN)).collect()
    } else if array.null_count() == array.len() {
        vec![f64::NAN; array.len()]
    } else {
        return Err(wrong_type(array, name, "a number"));
    };
    match values.iter().position(|value| value.is_infinite()) {
        Some(row) => Err(Error::Data(format!(
            "column `{name}` is {} in row {row}; a finite number or a missing value is expected",
            values[row]
        ))),
        None => Ok(values),
    }
}

/// The categories of a column, one call a row.
fn each_category(array: &ArrayRef, name: &str, mut tell: impl FnMut(usize, Option<&str>)) -> Result<()> {
    if let Some(texts) = array.as_string_opt::<i32>() {
        texts.iter().enumerate().for_each(|(row, text)| tell(row, text));
    } else if let Some(flags) = array.as_boolean_opt() {
        flags.iter().enumerate().for_each(|(row, flag)| tell(row, flag.map(flag_name)));
    } else if array.null_count() == array.len() {
        (0..array.len()).for_each(|row| tell(row, None));
    } else {
        return Err(wrong_type(array, name, "a text or boolean"));
    }
    Ok(())
}

fn flag_name(flag: bool) -> &'static str {
    if flag { "true" } else { "false" }
}

/// Names the first value that is of the wrong kind.
fn wrong_type(array: &ArrayRef, name: &str, expected: &str) -> Error {
    let row = (0..array.len()).find(|&row| array.is_valid(row)).unwrap_or(0);
    let got = if let Some(texts) = array.as_string_opt::<i32>() {
        format!("the text \"{}\"", texts.value(row))
    } else if let Some(integers) = array.as_primitive_opt::<Int64Type>() {
        format!("the number {}", integers.value(row))
    } else if let Some(floats) = array.as_primitive_opt::<Float64Type>() {
        format!("the number {}", floats.value(row))
    } else if let Some(flags) = array.as_boolean_opt() {
        format!("the boolean {}", flags.value(row))
    } else {
        format!("a value of type {}", array.data_type())
    };
    Error::Data(format!("column `{name}`: {expected} is expected; row {row} has {got}"))
}

impl FittedColumn {
    /// Learns scale or categories of a column.
    pub(super) fn fit(array: &ArrayRef, name: &str) -> Result<Self> {
        let data_type = data_type(array, name)?;
        let spec = ColumnSpec { name: name.to_owned(), data_type, required: array.null_count() == 0 };
        let encoding = if data_type.is_numeric() {
            let column = Matrix::from_columns(array.len(), 1, numbers(array, name)?);
            Encoding::Number { scaler: StandardScaler { ddof: 1, ..StandardScaler::default() }.fit(&column)? }
        } else {
            let mut values: Vec<Option<String>> = Vec::with_capacity(array.len());
            each_category(array, name, |_, text| values.push(text.map(str::to_owned)))?;
            let encoder = OneHotEncoder { handle_unknown: HandleUnknown::Ignore, ..OneHotEncoder::default() };
            Encoding::Categories { categories: encoder.fit_column(values.iter().map(Option::as_deref))? }
        };
        Ok(Self { spec, encoding })
    }

    pub(super) fn is_number(&self) -> bool {
        matches!(self.encoding, Encoding::Number { .. })
    }

    /// Number of features it gives.
    pub(super) fn width(&self) -> usize {
        match &self.encoding {
            Encoding::Number { .. } => 1,
            Encoding::Categories { categories } => categories.width(),
        }
    }

    /// Names of the features it gives.
    pub(super) fn feature_names(&self) -> Vec<String> {
        let name = &self.spec.name;
        match &self.encoding {
            Encoding::Number { .. } => vec![name.clone()],
            Encoding::Categories { categories } => {
                let label = |category| match category {
                    Category::Text(text) => text,
                    Category::Missing => MISSING_CATEGORY,
                    Category::Infrequent => "infrequent",
                };
                categories.places().map(|category| format!("{name}_{}", label(category))).collect()
            }
        }
    }

    /// Checks a column that was read from outside.
    pub(super) fn validate(&self) -> Result<()> {
        match &self.encoding {
            Encoding::Number { scaler } => scaler.validate(1),
            Encoding::Categories { categories } => categories.validate(),
        }
    }

    /// Appends the features of every row, column after column.
    pub(super) fn transform(&self, array: &ArrayRef, out: &mut Vec<f64>) -> Result<()> {
        let name = &self.spec.name;
        match &self.encoding {
            Encoding::Number { scaler } => {
                out.extend(numbers(array, name)?.into_iter().map(|value| standardised(scaler, value)));
            }
            Encoding::Categories { categories } => {
                let (start, n_rows) = (out.len(), array.len());
                out.resize(start + n_rows * categories.width(), 0.0);
                each_category(array, name, |row, text| {
                    if let Some(place) = categories.place(text) {
                        out[start + place * n_rows + row] = 1.0;
                    }
                })?;
            }
        }
        Ok(())
    }

    /// Writes the features of one value; `out` is zero before.
    pub(super) fn transform_cell(&self, cell: Cell<'_>, out: &mut [f32]) -> Result<()> {
        match (&self.encoding, cell) {
            (Encoding::Number { scaler }, Cell::Number(value)) if !value.is_infinite() => {
                out[0] = standardised(scaler, value) as f32;
            }
            (Encoding::Number { .. }, Cell::Missing) => {}
            (Encoding::Categories { categories }, Cell::Missing) => mark(categories.place(None), out),
            (Encoding::Categories { categories }, Cell::Text(text)) if self.spec.data_type == DataType::String => {
                mark(categories.place(Some(text)), out);
            }
            (Encoding::Categories { categories }, Cell::Boolean(flag)) if self.spec.data_type == DataType::Boolean => {
                mark(categories.place(Some(flag_name(flag))), out);
            }
            (_, cell) => return Err(self.refuse(cell)),
        }
        Ok(())
    }

    fn refuse(&self, cell: Cell<'_>) -> Error {
        let expected = match self.spec.data_type {
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
        Error::Data(format!("{}: {expected} is expected; got {got}", self.spec.name))
    }
}

fn mark(place: Option<usize>, out: &mut [f32]) {
    if let Some(place) = place {
        out[place] = 1.0;
    }
}

/// A missing value counts as the mean, which is 0 once standardised.
fn standardised(scaler: &FittedStandardScaler, value: f64) -> f64 {
    if value.is_nan() { 0.0 } else { scaler.scaled(0, value) }
}

/// The columns of a table by name, in the order of the fitted ones.
pub(super) fn find_columns<'a>(columns: &[FittedColumn], batch: &'a RecordBatch) -> Result<Vec<&'a ArrayRef>> {
    let found: Vec<_> = columns.iter().map(|column| batch.column_by_name(&column.spec.name)).collect();
    let absent: Vec<&str> = columns
        .iter()
        .zip(&found)
        .filter(|(_, array)| array.is_none())
        .map(|(column, _)| column.spec.name.as_str())
        .collect();
    if !absent.is_empty() {
        let there: Vec<&str> = batch.schema_ref().fields().iter().map(|field| field.name().as_str()).collect();
        return Err(Error::Data(format!(
            "the model needs the columns {}, which are missing; the table has {}",
            quoted(&absent),
            quoted(&there)
        )));
    }
    Ok(found.into_iter().flatten().collect())
}

/// Names in backticks with commas between.
pub(super) fn quoted(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
