//! What a table holds, in numbers.

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::DataType as ArrowType;
use metria_core::DataType;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fmt;

/// How many of the most frequent values a profile lists.
const TOP_VALUES: usize = 5;

/// Facts about a table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Profile {
    /// Number of rows.
    pub n_rows: usize,
    /// Number of columns.
    pub n_columns: usize,
    /// Facts about each column.
    pub columns: Vec<ColumnProfile>,
}

/// Facts about a column. Missing values are left out of everything but their count; the numbers from `min` to `q75`
/// exist only for number columns.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ColumnProfile {
    /// The column's name.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub data_type: DataType,
    /// How many rows have no value.
    pub missing: usize,
    /// How many different values there are.
    pub unique: usize,
    /// The smallest value.
    pub min: Option<f64>,
    /// The largest value.
    pub max: Option<f64>,
    /// The mean; none when a value is infinite.
    pub mean: Option<f64>,
    /// The standard deviation with n - 1 in the denominator; none for fewer than two values or an infinite one.
    pub std: Option<f64>,
    /// The first quartile, interpolated linearly between the neighbours.
    pub q25: Option<f64>,
    /// The median.
    pub median: Option<f64>,
    /// The third quartile.
    pub q75: Option<f64>,
    /// The most frequent values, most frequent first and equally frequent ones ascending.
    pub top: Vec<TopValue>,
}

/// A value and how often it occurs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopValue {
    /// The value as text.
    pub value: String,
    /// How many rows have it.
    pub count: usize,
}

/// Describes every column of a table.
#[must_use]
pub fn profile(batch: &RecordBatch) -> Profile {
    let schema = batch.schema();
    let columns = schema.fields().par_iter().zip(batch.columns());
    Profile {
        n_rows: batch.num_rows(),
        n_columns: batch.num_columns(),
        columns: columns.map(|(field, column)| describe(field.name(), column)).collect(),
    }
}

fn describe(name: &str, column: &ArrayRef) -> ColumnProfile {
    let mut profile = ColumnProfile {
        name: name.to_owned(),
        data_type: DataType::String,
        missing: column.null_count(),
        unique: 0,
        min: None,
        max: None,
        mean: None,
        std: None,
        q25: None,
        median: None,
        q75: None,
        top: Vec::new(),
    };
    match column.data_type() {
        ArrowType::Boolean => {
            profile.data_type = DataType::Boolean;
            count_values(&mut profile, column.as_boolean().iter().flatten());
        }
        ArrowType::Int64 => {
            profile.data_type = DataType::Long;
            let mut values: Vec<i64> = column.as_primitive::<Int64Type>().iter().flatten().collect();
            values.sort_unstable();
            count_runs(&mut profile, &values, |a, b| a == b, i64::to_string);
            #[expect(clippy::cast_precision_loss, reason = "statistics are in floats")]
            let values: Vec<f64> = values.into_iter().map(|value| value as f64).collect();
            measure(&mut profile, &values);
        }
        ArrowType::Float64 => {
            profile.data_type = DataType::Double;
            let values = column.as_primitive::<Float64Type>().iter().flatten();
            let mut values: Vec<f64> = values.filter(|value| !value.is_nan()).collect();
            profile.missing = column.len() - values.len();
            values.sort_unstable_by(f64::total_cmp);
            #[expect(clippy::float_cmp, reason = "equal values are counted, so that 0.0 and -0.0 are one")]
            count_runs(&mut profile, &values, |a, b| a == b, f64::to_string);
            measure(&mut profile, &values);
        }
        ArrowType::Utf8 => count_values(&mut profile, column.as_string::<i32>().iter().flatten()),
        _ => {}
    }
    profile
}

/// Unique and most frequent values of anything that can be hashed.
fn count_values<T: std::hash::Hash + Eq + Ord + ToString>(
    profile: &mut ColumnProfile,
    values: impl Iterator<Item = T>,
) {
    let mut counts: HashMap<T, usize> = HashMap::new();
    for value in values {
        *counts.entry(value).or_default() += 1;
    }
    profile.unique = counts.len();
    let mut counts: Vec<(T, usize)> = counts.into_iter().collect();
    let order = |a: &(T, usize), b: &(T, usize)| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0));
    if counts.len() > TOP_VALUES {
        counts.select_nth_unstable_by(TOP_VALUES, order);
        counts.truncate(TOP_VALUES);
    }
    counts.sort_unstable_by(order);
    let top = |(value, count): (T, usize)| TopValue { value: value.to_string(), count };
    profile.top = counts.into_iter().map(top).collect();
}

/// Unique and most frequent values of sorted ones.
fn count_runs<T>(
    profile: &mut ColumnProfile,
    sorted: &[T],
    same: impl Fn(&T, &T) -> bool,
    text: impl Fn(&T) -> String,
) {
    let mut top: Vec<(&T, usize)> = Vec::with_capacity(TOP_VALUES + 1);
    for run in sorted.chunk_by(same) {
        profile.unique += 1;
        let place = top.partition_point(|(_, count)| *count >= run.len());
        if place < TOP_VALUES {
            top.insert(place, (&run[0], run.len()));
            top.truncate(TOP_VALUES);
        }
    }
    let value = |(value, count): (&T, usize)| TopValue { value: text(value), count };
    profile.top = top.into_iter().map(value).collect();
}

/// The statistics of sorted numbers.
fn measure(profile: &mut ColumnProfile, sorted: &[f64]) {
    let finite = |value: f64| value.is_finite().then_some(value);
    profile.min = sorted.first().copied();
    profile.max = sorted.last().copied();
    #[expect(clippy::cast_precision_loss, reason = "statistics are in floats")]
    let n = sorted.len() as f64;
    if !sorted.is_empty() {
        let mean = sorted.iter().sum::<f64>() / n;
        profile.mean = finite(mean);
        if sorted.len() > 1 {
            let squares: f64 = sorted.iter().map(|value| (value - mean) * (value - mean)).sum();
            profile.std = finite((squares / (n - 1.0)).sqrt());
        }
        profile.q25 = finite(quantile(sorted, 0.25));
        profile.median = finite(quantile(sorted, 0.5));
        profile.q75 = finite(quantile(sorted, 0.75));
    }
}

/// NumPy's default, linear between the two neighbours.
fn quantile(sorted: &[f64], q: f64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "statistics are in floats")]
    let place = q * (sorted.len() - 1) as f64;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and the last index")]
    let below = place.floor() as usize;
    let (low, high) = (sorted[below], sorted[(below + 1).min(sorted.len() - 1)]);
    let share = place - place.floor();
    if share > 0.0 { low + (high - low) * share } else { low }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let header = ["column", "type", "missing", "unique", "min", "median", "mean", "max", "std", "most frequent"];
        let mut rows = vec![header.map(str::to_owned)];
        rows.extend(self.columns.iter().map(|column| column.cells(self.n_rows)));
        let width = |place: usize| rows.iter().map(|row| row[place].chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..header.len()).map(width).collect();
        writeln!(f, "{} rows, {} columns", self.n_rows, self.n_columns)?;
        for row in &rows {
            let mut line = String::new();
            for (place, (cell, width)) in row.iter().zip(&widths).enumerate() {
                let gap = " ".repeat(width - cell.chars().count());
                // Texts stand to the left, numbers to the right.
                line += &if matches!(place, 0 | 1 | 9) { format!("{cell}{gap}  ") } else { format!("{gap}{cell}  ") };
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

impl ColumnProfile {
    fn cells(&self, n_rows: usize) -> [String; 10] {
        let number = |value: Option<f64>| value.map(short).unwrap_or_default();
        [
            clip(&self.name, 32),
            self.data_type.to_string(),
            self.missing.to_string(),
            self.unique.to_string(),
            number(self.min),
            number(self.median),
            number(self.mean),
            number(self.max),
            number(self.std),
            self.most_frequent(n_rows),
        ]
    }

    /// The three most frequent values with their shares; nothing when every value is different.
    fn most_frequent(&self, n_rows: usize) -> String {
        let share = |top: &TopValue| {
            #[expect(clippy::cast_precision_loss, reason = "a share is shown in per cent")]
            let share = 100.0 * top.count as f64 / n_rows.max(1) as f64;
            format!("{} {share:.0} %", clip(&top.value, 20))
        };
        let repeated = self.top.iter().filter(|top| top.count > 1).take(3);
        repeated.map(share).collect::<Vec<_>>().join(", ")
    }
}

/// A number of about five digits.
fn short(value: f64) -> String {
    let size = value.abs();
    if value.is_infinite() || (size < 1e9 && value.fract() == 0.0) {
        return value.to_string();
    }
    match size {
        _ if !(1e-4..1e9).contains(&size) => format!("{value:.3e}"),
        _ if size >= 1000.0 => format!("{value:.1}"),
        _ if size >= 1.0 => format!("{value:.3}"),
        _ => format!("{value:.5}"),
    }
}

/// The text on one line, with an ellipsis where it is too long.
fn clip(text: &str, width: usize) -> String {
    let plain: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if plain.chars().count() <= width {
        return plain;
    }
    plain.chars().take(width - 1).chain(['…']).collect()
}
