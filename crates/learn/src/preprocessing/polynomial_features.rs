//! Products of features.

use super::checks::{Missing, check_fit, check_transform, input_names};
use crate::error::{Error, Result};
use crate::matrix::Matrix;
use serde::{Deserialize, Serialize};

const OWNER: &str = "PolynomialFeatures";

/// Most products that are made of one row.
const MOST_FEATURES: usize = 10_000_000;

/// The degrees of the products.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Degree {
    /// Up to this.
    Max(usize),
    /// From the first to the second.
    Range(usize, usize),
}

/// All products of the features up to a degree. Missing values are refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PolynomialFeatures {
    /// The degrees of the products (default up to 2).
    pub degree: Degree,
    /// Whether a feature comes at most once in a product (default false).
    pub interaction_only: bool,
    /// Whether a column of ones comes first (default true).
    pub include_bias: bool,
}

impl Default for PolynomialFeatures {
    fn default() -> Self {
        Self { degree: Degree::Max(2), interaction_only: false, include_bias: true }
    }
}

/// A fitted [`PolynomialFeatures`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FittedPolynomialFeatures {
    n_features: usize,
    /// The features that each output column multiplies, ascending.
    products: Vec<Vec<usize>>,
}

impl PolynomialFeatures {
    /// Lists the products for as many features as the matrix has columns.
    ///
    /// # Errors
    /// Without rows or columns, for a value that is not finite, or when no product or too many would come out.
    pub fn fit(&self, x: &Matrix<f64>) -> Result<FittedPolynomialFeatures> {
        let (low, high) = match self.degree {
            Degree::Max(high) => (0, high),
            Degree::Range(low, high) => (low, high),
        };
        if low > high {
            return Err(Error::Data(format!(
                "degree=(min_degree, max_degree) must be non-negative integers that fulfil min_degree <= max_degree, got ({low}, {high})."
            )));
        }
        if high == 0 && !self.include_bias {
            let zero = match self.degree {
                Degree::Max(_) => "degree to zero and include_bias",
                Degree::Range(..) => "both min_degree and max_degree to zero and include_bias",
            };
            return Err(Error::Data(format!("Setting {zero} to False would result in an empty output array.")));
        }
        check_fit(OWNER, x, Missing::Refused)?;
        let n_features = x.n_columns();
        let mut products: Vec<Vec<usize>> = Vec::new();
        if self.include_bias {
            products.push(Vec::new());
        }
        let mut degree: Vec<Vec<usize>> = vec![Vec::new()];
        for at in 1..=high {
            degree = self.longer_by_one(&degree, n_features)?;
            if at >= low {
                products.extend(degree.iter().cloned());
            }
            if products.len() > MOST_FEATURES {
                return Err(too_many());
            }
        }
        Ok(FittedPolynomialFeatures { n_features, products })
    }

    /// The products with one more factor, in lexical order.
    fn longer_by_one(&self, products: &[Vec<usize>], n_features: usize) -> Result<Vec<Vec<usize>>> {
        let mut longer = Vec::new();
        for product in products {
            let first = product.last().map_or(0, |last| last + usize::from(self.interaction_only));
            for feature in first..n_features {
                longer.push(product.iter().copied().chain([feature]).collect());
            }
            if longer.len() > MOST_FEATURES {
                return Err(too_many());
            }
        }
        Ok(longer)
    }
}

fn too_many() -> Error {
    Error::Data(format!(
        "The output that would result from the current configuration would have more than {MOST_FEATURES} features; choose a lower degree or interaction_only"
    ))
}

impl FittedPolynomialFeatures {
    /// How often each input feature comes in each output column.
    #[must_use]
    pub fn powers(&self) -> Vec<Vec<usize>> {
        let powers = |product: &Vec<usize>| {
            let mut powers = vec![0; self.n_features];
            product.iter().for_each(|&feature| powers[feature] += 1);
            powers
        };
        self.products.iter().map(powers).collect()
    }

    /// The products of every row.
    ///
    /// # Errors
    /// When the number of columns differs from that of the fit, or a value is not finite.
    pub fn transform(&self, x: &Matrix<f64>) -> Result<Matrix<f64>> {
        check_transform(OWNER, x, self.n_features, Missing::Refused)?;
        let mut values = Vec::with_capacity(x.n_rows() * self.products.len());
        for product in &self.products {
            let of_row = |row: usize| product.iter().rev().fold(1.0, |value, &feature| value * x.get(row, feature));
            values.extend((0..x.n_rows()).map(of_row));
        }
        Ok(Matrix::from_columns(x.n_rows(), self.products.len(), values))
    }

    /// Names of the output columns: `1`, `x0`, `x0^2`, `x0 x1`.
    ///
    /// # Errors
    /// When there are not as many input names as input columns.
    pub fn feature_names_out(&self, input_features: Option<&[&str]>) -> Result<Vec<String>> {
        let names = input_names(self.n_features, input_features)?;
        let name_of = |product: &Vec<usize>| {
            if product.is_empty() {
                return "1".to_owned();
            }
            let factor = |run: &[usize]| match run.len() {
                1 => names[run[0]].clone(),
                power => format!("{}^{power}", names[run[0]]),
            };
            product.chunk_by(|a, b| a == b).map(factor).collect::<Vec<_>>().join(" ")
        };
        Ok(self.products.iter().map(name_of).collect())
    }
}
