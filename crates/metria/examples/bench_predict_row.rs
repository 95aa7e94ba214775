//! Fits a forest pipeline on a table and measures predictions of one raw row at a time; `bench/` compares it with
//! others.
//!
//! Usage: `bench_predict_row TABLE TARGET SETTINGS TIMES`: every row is asked for `TIMES` times, one row after the other.
//! Prints a line of JSON with the median and the 99th percentile of the time of one prediction, and the probability of the last class for every row.

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{Array, ArrayRef};
use metria_core::Cell;
use metria_data::{ReadOptions, labels, read_batch, split_target};
use metria_learn::pipeline::{Estimator, Pipeline};
use serde_json::{Map, Value, json};
use std::error::Error;
use std::hint::black_box;
use std::io::Write;
use std::path::Path;
use std::time::Instant;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [path, target, settings, times] = arguments.as_slice() else {
        return Err("usage: bench_predict_row TABLE TARGET SETTINGS TIMES".into());
    };
    let mut forest = Estimator::by_name("random_forest")?;
    for (name, value) in &serde_json::from_str::<Map<String, Value>>(settings)? {
        forest.set_param(name, value)?;
    }
    let times: usize = times.parse()?;
    let (x, y) = split_target(&read_batch(Path::new(path), &ReadOptions::default())?, target)?;
    let y = labels(&y, target)?;
    let model = Pipeline::default_for(forest, target).fit(&x, &y)?;
    let rows: Vec<Vec<Cell<'_>>> =
        (0..x.num_rows()).map(|row| x.columns().iter().map(|column| cell(column, row)).collect()).collect();
    let proba = rows
        .iter()
        .map(|row| Ok(model.predict_row(row)?.proba.last().copied()))
        .collect::<Result<Vec<_>, metria_learn::Error>>()?;

    let mut seconds = Vec::with_capacity(times * rows.len());
    for row in rows.iter().cycle().take(times * rows.len()) {
        let start = Instant::now();
        black_box(model.predict_row(black_box(row))?);
        seconds.push(start.elapsed().as_secs_f64());
    }
    seconds.sort_by(f64::total_cmp);
    let at = |share: f64| seconds.get(((seconds.len() as f64 - 1.0) * share) as usize).map(|seconds| seconds * 1e6);
    let result = json!({"predict_us": at(0.5), "p99_us": at(0.99), "proba": proba});
    writeln!(std::io::stdout(), "{result}")?;
    Ok(())
}

/// One cell of a table.
fn cell(column: &ArrayRef, row: usize) -> Cell<'_> {
    if column.is_null(row) {
        return Cell::Missing;
    }
    if let Some(texts) = column.as_string_opt::<i32>() {
        Cell::Text(texts.value(row))
    } else if let Some(integers) = column.as_primitive_opt::<Int64Type>() {
        Cell::Number(integers.value(row) as f64)
    } else if let Some(floats) = column.as_primitive_opt::<Float64Type>() {
        Cell::Number(floats.value(row))
    } else {
        Cell::Boolean(column.as_boolean().value(row))
    }
}
