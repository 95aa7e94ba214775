//! Random forests of regression trees.

use super::forest_params::weighted_rows;
use super::layout::{Layout, mean_importances};
use super::max_features::MaxFeatures;
use crate::error::{Error, Result};
use crate::matrix::Matrix;
use crate::metrics::RegressionScores;
use crate::tree::Tree;
use crate::tree::builder::{draw_seed, grow};
use crate::tree::ranks::RankedMatrix;
use crate::tree::squared_error::SquaredError;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// A forest of trees, each grown on a bootstrap sample to lower the squared error.
///
/// For the same `random_state` the trees equal scikit-learn's node for node, whatever the number of threads.
///
/// # References
/// Breiman (2001), *Random Forests*, doi 10.1023/A:1010933404324; scikit-learn `RandomForestRegressor`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RandomForestRegressor {
    /// Number of trees, at least 1 (default 100).
    pub n_estimators: usize,
    /// Deepest level of a tree (default: no limit).
    pub max_depth: Option<usize>,
    /// Fewest rows in a node that is split, at least 2 (default 2).
    pub min_samples_split: usize,
    /// Fewest rows in a leaf, at least 1 (default 1).
    pub min_samples_leaf: usize,
    /// Least share of the total weight in a leaf, 0 to 0.5 (default 0).
    pub min_weight_fraction_leaf: f64,
    /// Features looked at for each split (default: all).
    pub max_features: MaxFeatures,
    /// Least improvement that a split must bring (default 0).
    pub min_impurity_decrease: f64,
    /// Whether each tree sees a bootstrap sample (default) or all rows.
    pub bootstrap: bool,
    /// Share of the rows in a bootstrap sample (default: all).
    pub max_samples: Option<f64>,
    /// Whether the rows that a tree did not see are used to estimate R² (default false).
    pub oob_score: bool,
    /// Seed (default 0).
    pub random_state: u32,
}

impl Default for RandomForestRegressor {
    fn default() -> Self {
        Self {
            n_estimators: 100,
            max_depth: None,
            min_samples_split: 2,
            min_samples_leaf: 1,
            min_weight_fraction_leaf: 0.0,
            max_features: MaxFeatures::All,
            min_impurity_decrease: 0.0,
            bootstrap: true,
            max_samples: None,
            oob_score: false,
            random_state: 0,
        }
    }
}

impl RandomForestRegressor {
    /// Fits on rows with a number each.
    ///
    /// # Errors
    /// When shapes differ, a value is not finite, or a setting is out of range.
    pub fn fit(&self, x: &Matrix<f32>, y: &[f64]) -> Result<FittedRandomForestRegressor> {
        self.check_params()?;
        check_target(x.n_rows(), y)?;
        let ranked = RankedMatrix::new(x)?;
        let seeds = self.draw_tree_seeds();
        let grown: Vec<(Tree, Vec<u32>)> = seeds.par_iter().map(|&seed| self.grow_tree(&ranked, y, seed)).collect();
        let oob_score = if self.oob_score { Some(oob_r2(x, y, &grown)?) } else { None };
        let trees: Vec<Tree> = grown.into_iter().map(|(tree, _)| tree).collect();
        let layout = Layout::new(&trees, 1);
        Ok(FittedRandomForestRegressor { trees, seeds, n_features: x.n_columns(), oob_score, layout })
    }

    /// One tree with the weight of each row in it.
    fn grow_tree(&self, x: &RankedMatrix, y: &[f64], seed: u32) -> (Tree, Vec<u32>) {
        let weights = self.sample_counts(x.n_rows, seed);
        let growth = self.growth(x.columns.len(), &weights);
        let mut criterion = SquaredError::new(y, &weights);
        let tree = grow(x, &mut criterion, &mut weighted_rows(&weights), growth, draw_seed(seed));
        (tree, weights)
    }
}

/// Checks a target of numbers.
pub(super) fn check_target(n_rows: usize, y: &[f64]) -> Result<()> {
    if y.len() != n_rows {
        return Err(Error::Shape { what: "one target for each row".to_owned(), expected: n_rows, got: y.len() });
    }
    match y.iter().position(|value| !value.is_finite()) {
        Some(row) => Err(Error::Data(format!("the target is {} in row {row}; it must be finite", y[row]))),
        None => Ok(()),
    }
}

/// R² over the rows, each judged by the trees that did not see it; a row that all trees saw counts as predicted 0.
fn oob_r2(x: &Matrix<f32>, y: &[f64], grown: &[(Tree, Vec<u32>)]) -> Result<f64> {
    let predict = |row: usize| {
        let judges = grown.iter().filter(|(_, weights)| weights[row] == 0);
        let leaf_value = |tree: &Tree| tree.node_value(tree.leaf_of(|feature| x.get(row, feature)))[0];
        let (sum, n) = judges.fold((0.0, 0.0), |(sum, n), (tree, _)| (sum + leaf_value(tree), n + 1.0));
        sum / f64::max(n, 1.0)
    };
    let predicted: Vec<f64> = (0..x.n_rows()).into_par_iter().map(predict).collect();
    Ok(RegressionScores::new(y, &predicted, None)?.r2_score())
}

/// A fitted forest.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FittedRandomForestRegressor {
    trees: Vec<Tree>,
    seeds: Vec<u32>,
    n_features: usize,
    oob_score: Option<f64>,
    #[serde(skip)]
    layout: Layout,
}

impl PartialEq for FittedRandomForestRegressor {
    fn eq(&self, other: &Self) -> bool {
        self.trees == other.trees && self.n_features == other.n_features
    }
}

impl FittedRandomForestRegressor {
    /// Checks a forest that was read from outside and makes it ready to predict.
    ///
    /// # Errors
    /// [`Error::Format`] when a walk through a tree could leave its arrays or never end.
    pub fn restored(mut self) -> Result<Self> {
        if self.trees.is_empty() || self.n_features == 0 {
            return Err(Error::Format("a forest without trees or features".to_owned()));
        }
        self.trees.iter().try_for_each(|tree| tree.validate(self.n_features, 1))?;
        self.layout = Layout::new(&self.trees, 1);
        Ok(self)
    }

    /// The trees.
    #[must_use]
    pub fn trees(&self) -> &[Tree] {
        &self.trees
    }

    /// The seed of each tree.
    #[must_use]
    pub fn tree_seeds(&self) -> &[u32] {
        &self.seeds
    }

    /// Number of features it was fitted on.
    #[must_use]
    pub fn n_features(&self) -> usize {
        self.n_features
    }

    /// R² on rows that the trees did not see, when it was asked for.
    #[must_use]
    pub fn oob_score(&self) -> Option<f64> {
        self.oob_score
    }

    /// How much each feature lowered the squared error: the mean over the trees, as shares of one.
    #[must_use]
    pub fn feature_importances(&self) -> Vec<f64> {
        mean_importances(&self.trees, self.n_features, |tree| tree.feature_importances(self.n_features))
    }

    /// Predicts one row of features; allocates nothing.
    ///
    /// # Panics
    /// When `x` has another length than features.
    #[must_use]
    pub fn predict_row(&self, x: &[f32]) -> f64 {
        assert_eq!(x.len(), self.n_features, "one value for each feature");
        let mut out = [0.0];
        self.layout.mean_row(x, &mut out);
        out[0]
    }

    /// Predicts every row.
    ///
    /// # Errors
    /// When the number of features differs from that of the training.
    pub fn predict(&self, x: &Matrix<f32>) -> Result<Vec<f64>> {
        self.layout.mean_rows(x, self.n_features, 1)
    }
}
