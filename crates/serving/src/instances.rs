//! The body of a prediction request, checked field by field.

use crate::body::{self, Body, BodyLimits, Rows};
use crate::error::{Error, Result};
use metria_core::Cell;
use metria_learn::pipeline::{FittedPipeline, RowPrediction};
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// Fields of a row that the model need not know: beyond these a row is refused, so that a body cannot take more memory
/// than its rows are worth.
const SPARE_FIELDS: usize = 1_000;

/// The rows of a request, and what was odd about them without being wrong.
pub(crate) struct Instances {
    pub(crate) rows: Vec<Value>,
}

impl Instances {
    /// Reads `{"instances": [...]}` for a model.
    pub(crate) fn parse(body: &[u8], most: usize, model: &FittedPipeline) -> Result<Self> {
        let limits = BodyLimits { rows: most, fields: model.input_columns().len() + SPARE_FIELDS };
        let (instances, others) = match body::read(body, limits)? {
            Body::Object { instances, others } => (instances, others),
            Body::Other(got) => {
                let message = format!("the body must be an object {{\"instances\": [...]}}; got {got}");
                return Err(Error::Request(message));
            }
        };
        let rows = match instances {
            Some(Rows::List(rows)) => rows,
            Some(Rows::Other(got)) => {
                return Err(Error::Request(format!("instances: a list of rows is expected; got {got}")));
            }
            None => {
                let keys: Vec<String> = others.iter().map(|key| format!("`{key}`")).collect();
                return Err(Error::Request(format!(
                    "instances: this field is required; the body has {}",
                    if keys.is_empty() { "no fields".to_owned() } else { keys.join(", ") }
                )));
            }
        };
        if rows.is_empty() {
            return Err(Error::Request("instances: at least one row is expected; got an empty list".to_owned()));
        }
        check_forms(&rows)?;
        Ok(Self { rows })
    }

    /// Fields that the model does not know, in any row.
    pub(crate) fn unknown_fields(&self, model: &FittedPipeline) -> Vec<String> {
        let known = |name: &str| model.input_columns().iter().any(|column| column.name == name);
        let objects = self.rows.iter().filter_map(Value::as_object);
        let unknown: BTreeSet<&String> = objects.flat_map(Map::keys).filter(|name| !known(name)).collect();
        unknown.into_iter().cloned().collect()
    }

    /// The answer for row `index`.
    pub(crate) fn predict(&self, model: &FittedPipeline, index: usize) -> Result<RowPrediction> {
        let cells = match &self.rows[index] {
            Value::Object(fields) => object_cells(model, fields, index)?,
            Value::Array(values) => array_cells(model, values, index)?,
            other => {
                return Err(Error::Request(format!(
                    "instances[{index}]: an object or a list is expected; got {}",
                    describe(other)
                )));
            }
        };
        model.predict_row(&cells).map_err(|error| Error::Request(format!("instances[{index}].{error}")))
    }
}

/// Rows are objects or lists, all of one form.
fn check_forms(rows: &[Value]) -> Result<()> {
    for (index, row) in rows.iter().enumerate() {
        if !row.is_object() && !row.is_array() {
            return Err(Error::Request(format!(
                "instances[{index}]: an object or a list is expected; got {}",
                describe(row)
            )));
        }
        if row.is_object() != rows[0].is_object() {
            return Err(Error::Request(format!(
                "instances[{index}]: all rows must have one form; this one is {}, instances[0] is {}",
                describe(row),
                describe(&rows[0])
            )));
        }
    }
    Ok(())
}

fn object_cells<'a>(model: &FittedPipeline, fields: &'a Map<String, Value>, index: usize) -> Result<Vec<Cell<'a>>> {
    let mut cells = Vec::with_capacity(model.input_columns().len());
    for column in model.input_columns() {
        let Some(value) = fields.get(&column.name) else {
            return Err(missing_fields(model, fields, index));
        };
        cells.push(cell(value, index, &column.name)?);
    }
    Ok(cells)
}

fn missing_fields(model: &FittedPipeline, fields: &Map<String, Value>, index: usize) -> Error {
    let absent: Vec<&str> = model
        .input_columns()
        .iter()
        .map(|column| column.name.as_str())
        .filter(|name| !fields.contains_key(*name))
        .collect();
    let quoted: Vec<String> = absent.iter().map(|name| format!("`{name}`")).collect();
    // A field that is spelled nearly like an absent one is most likely what was meant.
    let unknown = fields.keys().find(|name| !model.input_columns().iter().any(|column| column.name == **name));
    let hint = unknown.and_then(|name| {
        let near = metria_core::names::nearest(name, absent.iter().copied())?;
        Some(format!("; is `{name}` meant to be `{near}`?"))
    });
    Error::Request(format!(
        "instances[{index}]: the fields {} are missing (null stands for a missing value){}",
        quoted.join(", "),
        hint.unwrap_or_default()
    ))
}

fn array_cells<'a>(model: &FittedPipeline, values: &'a [Value], index: usize) -> Result<Vec<Cell<'a>>> {
    let columns = model.input_columns();
    if values.len() != columns.len() {
        let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
        return Err(Error::Request(format!(
            "instances[{index}]: a list must have {} values ({}); got {}",
            columns.len(),
            names.join(", "),
            values.len()
        )));
    }
    values.iter().zip(columns).map(|(value, column)| cell(value, index, &column.name)).collect()
}

fn cell<'a>(value: &'a Value, index: usize, name: &str) -> Result<Cell<'a>> {
    match value {
        Value::Null => Ok(Cell::Missing),
        Value::Bool(flag) => Ok(Cell::Boolean(*flag)),
        Value::String(text) => Ok(Cell::Text(text)),
        Value::Number(number) => Ok(Cell::Number(number.as_f64().unwrap_or(f64::NAN))),
        other => Err(Error::Request(format!(
            "instances[{index}].{name}: a number, text, boolean or null is expected; got {}",
            describe(other)
        ))),
    }
}

fn describe(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
