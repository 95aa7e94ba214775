//! Reads one file and prints, as a line of JSON, what was read and how long it took; `bench/` compares it with others.
//!
//! Usage: `read_csv PATH [TIMES]`; with `TIMES` the quickest of that many readings is given.

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::DataType;
use metria_data::{ReadOptions, read_batch};
use serde_json::{Map, Value, json};
use std::error::Error;
use std::io::Write;
use std::path::PathBuf;
use std::time::Instant;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1);
    let path = PathBuf::from(arguments.next().ok_or("usage: read_csv PATH [TIMES]")?);
    let times: usize = match arguments.next() {
        Some(text) => text.to_str().ok_or("TIMES must be a number")?.parse()?,
        None => 1,
    };
    let mut best: Option<(f64, f64, RecordBatch)> = None;
    for _ in 0..times.max(1) {
        let (cpu, start) = (cpu_seconds(), Instant::now());
        let batch = read_batch(&path, &ReadOptions::default())?;
        let (wall, cpu) = (start.elapsed().as_secs_f64(), cpu_seconds() - cpu);
        if best.as_ref().is_none_or(|(quickest, ..)| wall < *quickest) {
            best = Some((wall, cpu, batch));
        }
    }
    let (wall_s, cpu_s, batch) = best.ok_or("nothing was read")?;
    let result = json!({
        "rows": batch.num_rows(),
        "columns": batch.num_columns(),
        "wall_s": wall_s,
        "cpu_s": cpu_s,
        "sums": sums(&batch),
    });
    writeln!(std::io::stdout(), "{result}")?;
    Ok(())
}

/// The sum of every number column, and the bytes of every text column.
fn sums(batch: &RecordBatch) -> Map<String, Value> {
    let schema = batch.schema();
    let sum = |column: &ArrayRef| match column.data_type() {
        DataType::Int64 => {
            json!(column.as_primitive::<Int64Type>().iter().flatten().map(i128::from).sum::<i128>() as f64)
        }
        DataType::Float64 => json!(column.as_primitive::<Float64Type>().iter().flatten().sum::<f64>()),
        DataType::Boolean => json!(column.as_boolean().iter().flatten().filter(|&value| value).count()),
        _ => json!(column.as_string::<i32>().iter().flatten().map(str::len).sum::<usize>()),
    };
    schema.fields().iter().zip(batch.columns()).map(|(field, column)| (field.name().clone(), sum(column))).collect()
}

/// Processor time of all threads so far, from the kernel's accounts; zero where there are none.
fn cpu_seconds() -> f64 {
    let Ok(threads) = std::fs::read_dir("/proc/self/task") else {
        return 0.0;
    };
    let nanoseconds = |thread: std::fs::DirEntry| {
        let text = std::fs::read_to_string(thread.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse::<u64>().ok()
    };
    let total: u64 = threads.flatten().filter_map(nanoseconds).sum();
    total as f64 / 1e9
}
