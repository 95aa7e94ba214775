//! What every transformer asks of its input.

use crate::error::{Error, Result};
use crate::matrix::Matrix;

/// Whether missing values (NaN) are allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Missing {
    Allowed,
    Refused,
}

/// Checks a matrix to fit on: at least one row and column, no infinity, and NaN only where it is allowed.
pub(super) fn check_fit(owner: &str, x: &Matrix<f64>, missing: Missing) -> Result<()> {
    check_not_empty(owner, x.n_rows(), x.n_columns())?;
    check_values(owner, x, missing)
}

pub(super) fn check_not_empty(owner: &str, n_rows: usize, n_columns: usize) -> Result<()> {
    for (what, n) in [("sample", n_rows), ("feature", n_columns)] {
        if n == 0 {
            return Err(Error::Data(format!(
                "Found array with 0 {what}(s) (shape=({n_rows}, {n_columns})) while a minimum of 1 is required by {owner}."
            )));
        }
    }
    Ok(())
}

/// Checks a matrix to transform: as many columns as in the fit, and values as there.
pub(super) fn check_transform(owner: &str, x: &Matrix<f64>, n_features: usize, missing: Missing) -> Result<()> {
    check_n_features(owner, x.n_columns(), n_features)?;
    check_values(owner, x, missing)
}

pub(super) fn check_n_features(owner: &str, got: usize, expected: usize) -> Result<()> {
    if got == expected {
        Ok(())
    } else {
        Err(Error::Shape { what: format!("features that {owner} takes"), expected, got })
    }
}

fn check_values(owner: &str, x: &Matrix<f64>, missing: Missing) -> Result<()> {
    let refused = |value: &f64| value.is_infinite() || (value.is_nan() && missing == Missing::Refused);
    for j in 0..x.n_columns() {
        if let Some(row) = x.column(j).iter().position(refused) {
            let allowed = if missing == Missing::Allowed { "finite or missing (NaN)" } else { "finite" };
            return Err(Error::Data(format!(
                "Input X contains {} in row {row}, feature {j}; every value that {owner} takes must be {allowed}",
                x.get(row, j)
            )));
        }
    }
    Ok(())
}

/// The given names of the input features, or `x0`, `x1` and so on.
pub(super) fn input_names(n_features: usize, given: Option<&[&str]>) -> Result<Vec<String>> {
    match given {
        None => Ok((0..n_features).map(|j| format!("x{j}")).collect()),
        Some(names) if names.len() == n_features => Ok(names.iter().map(|&name| name.to_owned()).collect()),
        Some(names) => {
            Err(Error::Shape { what: "input feature names".to_owned(), expected: n_features, got: names.len() })
        }
    }
}

/// Checks that what was read from outside has one value for each column.
pub(super) fn check_lengths(parts: &[&[f64]], n_columns: usize) -> Result<()> {
    match parts.iter().find(|part| part.len() != n_columns) {
        Some(part) => Err(Error::Format(format!("a scale of {} values for {n_columns} columns", part.len()))),
        None => Ok(()),
    }
}

/// What a scale of about zero is replaced by, so that a constant column can be divided.
pub(super) fn never_zero(scale: f64) -> f64 {
    if scale < 10.0 * f64::EPSILON { 1.0 } else { scale }
}
