//! Random forests of classification trees.

use super::forest_params::weighted_rows;
use super::layout::{Layout, mean_importances};
use super::max_features::MaxFeatures;
use crate::error::{Error, Result};
use crate::matrix::Matrix;
use crate::tree::Tree;
use crate::tree::builder::{draw_seed, grow};
use crate::tree::gini_counts::GiniCounts;
use crate::tree::ranks::RankedMatrix;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// A forest of trees, each grown on a bootstrap sample with a few drawn features at each split (Gini impurity).
///
/// For the same `random_state` the trees equal scikit-learn's node for node, whatever the number of threads.
///
/// # References
/// Breiman (2001), *Random Forests*, doi 10.1023/A:1010933404324; scikit-learn `RandomForestClassifier`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RandomForestClassifier {
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
    /// Features looked at for each split (default: the square root of all).
    pub max_features: MaxFeatures,
    /// Least improvement that a split must bring (default 0).
    pub min_impurity_decrease: f64,
    /// Whether each tree sees a bootstrap sample (default) or all rows.
    pub bootstrap: bool,
    /// Share of the rows in a bootstrap sample (default: all).
    pub max_samples: Option<f64>,
    /// Whether the rows that a tree did not see are used to estimate the accuracy (default false).
    pub oob_score: bool,
    /// Seed (default 0).
    pub random_state: u32,
}

impl Default for RandomForestClassifier {
    fn default() -> Self {
        Self {
            n_estimators: 100,
            max_depth: None,
            min_samples_split: 2,
            min_samples_leaf: 1,
            min_weight_fraction_leaf: 0.0,
            max_features: MaxFeatures::Sqrt,
            min_impurity_decrease: 0.0,
            bootstrap: true,
            max_samples: None,
            oob_score: false,
            random_state: 0,
        }
    }
}

impl RandomForestClassifier {
    /// Fits on rows with classes `0..n_classes`.
    ///
    /// # Errors
    /// When shapes differ, a value is not finite, a class is out of range, or a setting is.
    pub fn fit(&self, x: &Matrix<f32>, y: &[u32], n_classes: usize) -> Result<FittedRandomForestClassifier> {
        self.check_params()?;
        check_classes(x.n_rows(), y, n_classes)?;
        let ranked = RankedMatrix::new(x)?;
        let seeds = self.draw_tree_seeds();
        let grown: Vec<(Tree, Vec<u32>)> =
            seeds.par_iter().map(|&seed| self.grow_tree(&ranked, y, n_classes, seed)).collect();
        let oob_score = self.oob_score.then(|| oob_accuracy(x, y, n_classes, &grown));
        let trees = grown.into_iter().map(|(tree, _)| tree).collect();
        Ok(FittedRandomForestClassifier::from_parts(trees, seeds, x.n_columns(), n_classes, oob_score))
    }

    /// One tree with the weight of each row in it.
    fn grow_tree(&self, x: &RankedMatrix, y: &[u32], n_classes: usize, seed: u32) -> (Tree, Vec<u32>) {
        let weights = self.sample_counts(x.n_rows, seed);
        let growth = self.growth(x.columns.len(), &weights);
        let mut criterion = GiniCounts::new(y, &weights, n_classes);
        let tree = grow(x, &mut criterion, &mut weighted_rows(&weights), growth, draw_seed(seed));
        (tree, weights)
    }
}

/// Checks the classes of `n_rows` rows.
pub(super) fn check_classes(n_rows: usize, y: &[u32], n_classes: usize) -> Result<()> {
    if y.len() != n_rows {
        return Err(Error::Shape { what: "one class for each row".to_owned(), expected: n_rows, got: y.len() });
    }
    if n_classes == 0 || n_classes > 65_536 {
        return Err(Error::Data(format!("a classifier tells 1 to 65536 classes apart; got {n_classes}")));
    }
    match y.iter().find(|&&class| class as usize >= n_classes) {
        Some(class) => Err(Error::Data(format!("classes must be below {n_classes}; got {class}"))),
        None => Ok(()),
    }
}

/// Accuracy over the rows, each judged by the trees that did not see it.
fn oob_accuracy(x: &Matrix<f32>, y: &[u32], n_classes: usize, grown: &[(Tree, Vec<u32>)]) -> f64 {
    let right = (0..x.n_rows())
        .into_par_iter()
        .filter(|&row| {
            let mut votes = vec![0.0; n_classes];
            for (tree, weights) in grown {
                if weights[row] == 0 {
                    let leaf = tree.leaf_of(|feature| x.get(row, feature));
                    for (vote, share) in votes.iter_mut().zip(tree.node_value(leaf)) {
                        *vote += share;
                    }
                }
            }
            argmax(&votes) == y[row] as usize
        })
        .count();
    right as f64 / y.len() as f64
}

/// The first of the largest values.
pub(crate) fn argmax(values: &[f64]) -> usize {
    let mut best = 0;
    for (place, value) in values.iter().enumerate() {
        if *value > values[best] {
            best = place;
        }
    }
    best
}

/// A fitted forest.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FittedRandomForestClassifier {
    trees: Vec<Tree>,
    seeds: Vec<u32>,
    n_features: usize,
    n_classes: usize,
    oob_score: Option<f64>,
    #[serde(skip)]
    layout: Layout,
}

impl PartialEq for FittedRandomForestClassifier {
    fn eq(&self, other: &Self) -> bool {
        self.trees == other.trees && self.n_features == other.n_features && self.n_classes == other.n_classes
    }
}

impl FittedRandomForestClassifier {
    fn from_parts(
        trees: Vec<Tree>,
        seeds: Vec<u32>,
        n_features: usize,
        n_classes: usize,
        oob_score: Option<f64>,
    ) -> Self {
        let layout = Layout::new(&trees, n_classes);
        Self { trees, seeds, n_features, n_classes, oob_score, layout }
    }

    /// Checks a forest that was read from outside and makes it ready to predict.
    ///
    /// # Errors
    /// [`Error::Format`] when a walk through a tree could leave its arrays or never end.
    pub fn restored(mut self) -> Result<Self> {
        if self.trees.is_empty() || self.n_classes == 0 || self.n_features == 0 {
            return Err(Error::Format("a forest without trees, classes or features".to_owned()));
        }
        for tree in &self.trees {
            tree.validate(self.n_features, self.n_classes)?;
        }
        self.layout = Layout::new(&self.trees, self.n_classes);
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

    /// Number of classes.
    #[must_use]
    pub fn n_classes(&self) -> usize {
        self.n_classes
    }

    /// Accuracy on rows that the trees did not see, when it was asked for.
    #[must_use]
    pub fn oob_score(&self) -> Option<f64> {
        self.oob_score
    }

    /// How much each feature lowered the impurity: the mean over the trees, as shares of one.
    #[must_use]
    pub fn feature_importances(&self) -> Vec<f64> {
        mean_importances(&self.trees, self.n_features, |tree| tree.feature_importances(self.n_features))
    }

    /// Writes the probability of each class for one row of features; allocates nothing.
    ///
    /// # Panics
    /// When `x` or `out` has another length than features or classes.
    pub fn predict_proba_row(&self, x: &[f32], out: &mut [f64]) {
        assert_eq!(x.len(), self.n_features, "one value for each feature");
        assert_eq!(out.len(), self.n_classes, "one place for each class");
        self.layout.mean_row(x, out);
    }

    /// The probability of each class for every row: `n_rows x n_classes` values, row after row.
    ///
    /// # Errors
    /// When the number of features differs from that of the training.
    pub fn predict_proba(&self, x: &Matrix<f32>) -> Result<Vec<f64>> {
        self.layout.mean_rows(x, self.n_features, self.n_classes)
    }
}
