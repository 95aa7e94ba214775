//! The body of a prediction request, checked field by field.

use crate::error::{Error, Result};
use metria_core::Cell;
use metria_learn::pipeline::{FittedPipeline, RowPrediction};
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// The rows of a request, and what was odd about them without being wrong.
pub(crate) struct Instances {
    pub(crate) rows: Vec<Value>,
}

impl Instances {
    /// Reads `{"instances": [...]}`.
    pub(crate) fn parse(body: &[u8], most: usize) -> Result<Self> {
        let value: Value =
            serde_json::from_slice(body).map_err(|error| Error::Request(format!("the body must be JSON: {error}")))?;
        let Value::Object(mut object) = value else {
            return Err(Error::Request(format!(
                "the body must be an object {{\"instances\": [...]}}; got {}",
                describe(&value)
            )));
        };
        let rows = match object.remove("instances") {
            Some(Value::Array(rows)) => rows,
            Some(other) => {
                return Err(Error::Request(format!("instances: a list of rows is expected; got {}", describe(&other))));
            }
            None => {
                let keys: Vec<String> = object.keys().map(|key| format!("`{key}`")).collect();
                return Err(Error::Request(format!(
                    "instances: this field is required; the body has {}",
                    if keys.is_empty() { "no fields".to_owned() } else { keys.join(", ") }
                )));
            }
        };
        if rows.is_empty() {
            return Err(Error::Request("instances: at least one row is expected; got an empty list".to_owned()));
        }
        if rows.len() > most {
            return Err(Error::TooLarge(format!("instances: at most {most} rows are allowed; got {}", rows.len())));
        }
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
