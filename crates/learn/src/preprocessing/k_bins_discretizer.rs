//! Numbers as intervals.

use super::checks::{Missing, check_fit, check_n_features, check_transform, input_names};
use super::k_means_1d::k_means_1d;
use crate::error::{Error, Result};
use crate::matrix::Matrix;
use crate::numeric::linspace;
use crate::numeric::quantile::{QuantileMethod, quantile, sorted_present};
use crate::random::RandomState;
use serde::{Deserialize, Serialize};

const OWNER: &str = "KBinsDiscretizer";

/// Bins that are narrower than this are joined with their neighbour.
const LEAST_WIDTH: f64 = 1e-8;

/// How the bins are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum BinEncoding {
    /// One column of zeros and ones for each bin.
    #[default]
    #[serde(rename = "onehot")]
    OneHot,
    /// The number of the bin.
    #[serde(rename = "ordinal")]
    Ordinal,
}

/// Where the edges of the bins are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BinWidths {
    /// Bins of the same width.
    Uniform,
    /// Bins with the same number of rows.
    #[default]
    Quantile,
    /// Values belong to the nearest of one-dimensional k-means centres.
    KMeans,
}

/// Replaces each value by the interval that it falls into; a constant column has one bin. Missing values are refused.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KBinsDiscretizer {
    /// Number of bins, at least 2 (default 5).
    pub n_bins: usize,
    /// How the bins are written (default one-hot).
    pub encode: BinEncoding,
    /// Where their edges are (default by quantiles).
    pub strategy: BinWidths,
    /// How quantiles are told (default averaged inverted distribution).
    pub quantile_method: QuantileMethod,
    /// Most rows that the edges are learned from; if there are more, so many are drawn (default 200,000; none for all).
    pub subsample: Option<usize>,
    /// Seed of that draw (default 0).
    pub random_state: u32,
}

impl Default for KBinsDiscretizer {
    fn default() -> Self {
        Self {
            n_bins: 5,
            encode: BinEncoding::OneHot,
            strategy: BinWidths::Quantile,
            quantile_method: QuantileMethod::AveragedInvertedCdf,
            subsample: Some(200_000),
            random_state: 0,
        }
    }
}

/// A fitted [`KBinsDiscretizer`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FittedKBinsDiscretizer {
    /// Edges of each column, ascending, one more than bins; both infinite for a constant column.
    pub bin_edges: Vec<Vec<f64>>,
    /// How the bins are written.
    pub encode: BinEncoding,
}

impl KBinsDiscretizer {
    /// Learns the edges of each column.
    ///
    /// # Errors
    /// Without rows or columns, for a value that is not finite, or for a setting out of range.
    pub fn fit(&self, x: &Matrix<f64>) -> Result<FittedKBinsDiscretizer> {
        let refuse = |name: &str, allowed: &str, got: usize| Error::Parameter {
            owner: OWNER,
            name: name.to_owned(),
            allowed: allowed.to_owned(),
            got: got.to_string(),
        };
        if self.n_bins < 2 {
            return Err(refuse("n_bins", "an int in the range [2, inf)", self.n_bins));
        }
        if self.subsample == Some(0) {
            return Err(refuse("subsample", "an int in the range [1, inf) or None", 0));
        }
        check_fit(OWNER, x, Missing::Refused)?;
        let sample = match self.subsample {
            Some(n) if n < x.n_rows() => {
                let mut generator = RandomState::new(self.random_state);
                let n_rows = x.n_rows() as i64;
                Some(x.take_rows(&(0..n).map(|_| generator.randint(0, n_rows) as usize).collect::<Vec<_>>()))
            }
            _ => None,
        };
        let x = sample.as_ref().unwrap_or(x);
        let bin_edges = (0..x.n_columns()).map(|j| self.edges(x.column(j))).collect();
        Ok(FittedKBinsDiscretizer { bin_edges, encode: self.encode })
    }

    fn edges(&self, column: &[f64]) -> Vec<f64> {
        let sorted = sorted_present(column);
        let (low, high) = (sorted[0], sorted[sorted.len() - 1]);
        if low == high {
            return vec![f64::NEG_INFINITY, f64::INFINITY];
        }
        let even = || linspace(low, high, self.n_bins + 1);
        let edges = match self.strategy {
            BinWidths::Uniform => return even(),
            BinWidths::Quantile => {
                let percents = linspace(0.0, 100.0, self.n_bins + 1);
                percents.iter().map(|percent| quantile(&sorted, percent / 100.0, self.quantile_method)).collect()
            }
            BinWidths::KMeans => {
                let starts: Vec<f64> = even().windows(2).map(|edge| (edge[1] + edge[0]) * 0.5).collect();
                let centres = k_means_1d(column, &starts);
                let between = centres.windows(2).map(|pair| (pair[1] + pair[0]) * 0.5);
                [low].into_iter().chain(between).chain([high]).collect::<Vec<f64>>()
            }
        };
        let wide = |i: &usize| *i == 0 || edges[*i] - edges[*i - 1] > LEAST_WIDTH;
        (0..edges.len()).filter(wide).map(|i| edges[i]).collect()
    }
}

impl FittedKBinsDiscretizer {
    /// Number of bins of each column.
    #[must_use]
    pub fn n_bins(&self) -> Vec<usize> {
        self.bin_edges.iter().map(|edges| edges.len() - 1).collect()
    }

    /// The bin of a value of column `j`; a value beyond the fit belongs to the outermost bin.
    #[must_use]
    pub fn bin(&self, j: usize, value: f64) -> usize {
        let edges = &self.bin_edges[j];
        edges[1..edges.len() - 1].partition_point(|edge| *edge <= value)
    }

    /// The bins, by number or one column a bin.
    ///
    /// # Errors
    /// When the number of columns differs from that of the fit, or a value is not finite.
    pub fn transform(&self, x: &Matrix<f64>) -> Result<Matrix<f64>> {
        check_transform(OWNER, x, self.bin_edges.len(), Missing::Refused)?;
        let bins = x.map_cells(|j, value| self.bin(j, value));
        if self.encode == BinEncoding::Ordinal {
            return Ok(bins.map(|bin| bin as f64));
        }
        let n_bins = self.n_bins();
        let mut values = Vec::with_capacity(x.n_rows() * n_bins.iter().sum::<usize>());
        for (j, &n_bins) in n_bins.iter().enumerate() {
            for bin in 0..n_bins {
                values.extend(bins.column(j).iter().map(|&of| f64::from(u8::from(of == bin))));
            }
        }
        Ok(Matrix::from_columns(x.n_rows(), n_bins.iter().sum(), values))
    }

    /// The middle of each bin.
    ///
    /// # Errors
    /// When the number of columns differs from that of the output, or a value is not a bin.
    pub fn inverse_transform(&self, x: &Matrix<f64>) -> Result<Matrix<f64>> {
        let n_bins = self.n_bins();
        let bins = match self.encode {
            BinEncoding::Ordinal => {
                check_n_features(OWNER, x.n_columns(), n_bins.len())?;
                x.clone()
            }
            BinEncoding::OneHot => {
                check_n_features(OWNER, x.n_columns(), n_bins.iter().sum())?;
                largest_of_groups(x, &n_bins)
            }
        };
        for (j, &n_bins) in n_bins.iter().enumerate() {
            let is_bin = |value: &&f64| **value >= 0.0 && **value < n_bins as f64;
            if let Some(value) = bins.column(j).iter().find(|value| !is_bin(value)) {
                return Err(Error::Data(format!("feature {j} has the bins 0 to {}; got {value}", n_bins - 1)));
            }
        }
        Ok(bins.map_cells(|j, bin| {
            let edges = &self.bin_edges[j];
            (edges[bin as usize + 1] + edges[bin as usize]) * 0.5
        }))
    }

    /// Names of the output columns.
    ///
    /// # Errors
    /// When there are not as many input names as input columns.
    pub fn feature_names_out(&self, input_features: Option<&[&str]>) -> Result<Vec<String>> {
        let names = input_names(self.bin_edges.len(), input_features)?;
        if self.encode == BinEncoding::Ordinal {
            return Ok(names);
        }
        let each =
            |(name, n_bins): (&String, usize)| (0..n_bins).map(|bin| format!("{name}_{bin}.0")).collect::<Vec<_>>();
        Ok(names.iter().zip(self.n_bins()).flat_map(each).collect())
    }
}

/// The place of the largest value in each group of neighbouring columns.
fn largest_of_groups(x: &Matrix<f64>, widths: &[usize]) -> Matrix<f64> {
    let mut values = Vec::with_capacity(x.n_rows() * widths.len());
    let mut first = 0;
    for &width in widths {
        values.extend((0..x.n_rows()).map(|row| {
            let group: Vec<f64> = (first..first + width).map(|j| x.get(row, j)).collect();
            crate::ensemble::argmax(&group) as f64
        }));
        first += width;
    }
    Matrix::from_columns(x.n_rows(), widths.len(), values)
}
