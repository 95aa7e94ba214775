//! Features as ranks: each value is replaced by its place among the distinct values of its column.

use crate::error::{Error, Result};
use crate::matrix::Matrix;
use rayon::prelude::*;

/// One column as ranks.
pub(crate) struct RankedColumn {
    /// The distinct values, ascending.
    pub(crate) values: Vec<f32>,
    /// The rank of each row.
    pub(crate) ranks: Vec<u32>,
    /// Whether neighbouring values are always further apart than the threshold that makes them one.
    pub(crate) apart: bool,
}

impl RankedColumn {
    fn new(column: &[f32]) -> Self {
        // The sign-corrected bits of a float order like the float itself; +0 and -0 are one value.
        let key = |value: f32| {
            let bits = (value + 0.0).to_bits();
            if bits >> 31 == 1 { !bits } else { bits | 1 << 31 }
        };
        let mut order: Vec<u64> =
            column.iter().enumerate().map(|(row, &value)| u64::from(key(value)) << 32 | row as u64).collect();
        order.sort_unstable();
        let mut values: Vec<f32> = Vec::new();
        let mut ranks = vec![0; column.len()];
        let mut last = None;
        for entry in order {
            let row = (entry & 0xffff_ffff) as usize;
            if last != Some(entry >> 32) {
                last = Some(entry >> 32);
                values.push(column[row]);
            }
            ranks[row] = (values.len() - 1) as u32;
        }
        let apart = values.windows(2).all(|pair| pair[1] > pair[0] + super::FEATURE_THRESHOLD);
        Self { values, ranks, apart }
    }
}

/// A matrix as ranks.
pub(crate) struct RankedMatrix {
    pub(crate) columns: Vec<RankedColumn>,
    pub(crate) n_rows: usize,
}

impl RankedMatrix {
    /// Ranks every column.
    ///
    /// # Errors
    /// When a value is not finite, or there are no rows or columns, or 2^32 rows or more.
    pub(crate) fn new(x: &Matrix<f32>) -> Result<Self> {
        if x.n_rows() == 0 || x.n_columns() == 0 {
            return Err(Error::Data(format!(
                "a model is fitted on at least one row and one feature; got {} rows and {} features",
                x.n_rows(),
                x.n_columns()
            )));
        }
        if u32::try_from(x.n_rows()).is_err() {
            return Err(Error::Data(format!("a tree takes fewer than 2^32 rows; got {}", x.n_rows())));
        }
        for j in 0..x.n_columns() {
            if let Some(row) = x.column(j).iter().position(|value| !value.is_finite()) {
                return Err(Error::Data(format!(
                    "feature {j} is {} in row {row}; trees take finite values only, so impute missing values first",
                    x.get(row, j)
                )));
            }
        }
        let columns = (0..x.n_columns()).into_par_iter().map(|j| RankedColumn::new(x.column(j))).collect();
        Ok(Self { columns, n_rows: x.n_rows() })
    }
}
