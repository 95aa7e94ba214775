//! Growing the trees, stage after stage.

use super::boosted::{Boosted, BoostingScores};
use super::loss::Loss;
use crate::ensemble::MaxFeatures;
use crate::error::Result;
use crate::matrix::Matrix;
use crate::random::RandomState;
use crate::tree::Tree;
use crate::tree::builder::{Growth, draw_seed_from, grow};
use crate::tree::criterion::Limits;
use crate::tree::ranks::RankedMatrix;
use crate::tree::squared_error::SquaredError;
use rayon::prelude::*;

/// The settings that both estimators share.
pub(super) struct Settings {
    pub(super) learning_rate: f64,
    pub(super) n_estimators: usize,
    pub(super) subsample: f64,
    pub(super) min_samples_split: usize,
    pub(super) min_samples_leaf: usize,
    pub(super) min_weight_fraction_leaf: f64,
    pub(super) max_depth: Option<usize>,
    pub(super) min_impurity_decrease: f64,
    pub(super) max_features: MaxFeatures,
    pub(super) random_state: u32,
}

impl Settings {
    fn growth(&self, n_features: usize, n_rows: usize) -> Growth {
        Growth {
            max_depth: self.max_depth.unwrap_or(usize::MAX),
            min_samples_split: self.min_samples_split.max(2 * self.min_samples_leaf),
            limits: Limits {
                min_samples_leaf: self.min_samples_leaf,
                min_weight_leaf: self.min_weight_fraction_leaf * n_rows as f64,
            },
            min_impurity_decrease: self.min_impurity_decrease,
            max_features: self.max_features.resolve(n_features),
        }
    }
}

/// What is known of the rows while boosting.
struct Rows<'a> {
    x: &'a Matrix<f32>,
    ranked: RankedMatrix,
    y: &'a [f64],
    /// Whether the stage at hand sees the row: 1 or 0.
    seen: Vec<u32>,
    /// Raw predictions, row after row.
    raw: Vec<f64>,
}

impl Rows<'_> {
    /// The mean loss over the rows that the stage sees, or over the others.
    fn mean_loss<L: Loss>(&self, loss: &L, seen: u32) -> f64 {
        let rows = self.y.iter().zip(self.raw.chunks(loss.n_raw())).zip(&self.seen);
        loss.mean_loss(rows.filter(|(_, row)| **row == seen).map(|((&y, raw), _)| (y, raw)))
    }

    /// Negative gradients: those of each raw prediction together.
    fn negative_gradients<L: Loss>(&self, loss: &L) -> Vec<Vec<f64>> {
        let n_raw = loss.n_raw();
        let mut gradients = vec![0.0; self.raw.len()];
        let rows = gradients.par_chunks_mut(n_raw).zip(self.raw.par_chunks(n_raw)).zip(self.y);
        rows.for_each(|((out, raw), &y)| loss.negative_gradient(y, raw, out));
        (0..n_raw).map(|k| gradients.iter().skip(k).step_by(n_raw).copied().collect()).collect()
    }

    /// One tree along the negative gradient, and the leaf of every row.
    fn grow_tree<L: Loss>(&self, loss: &L, k: usize, gradient: &[f64], growth: Growth, seed: u32) -> (Tree, Vec<u32>) {
        let mut samples = crate::ensemble::forest_params::weighted_rows(&self.seen);
        let mut criterion = SquaredError::new(gradient, &self.seen);
        let mut tree = grow(&self.ranked, &mut criterion, &mut samples, growth, seed);
        let leaf_of = |row: usize| tree.leaf_of(|feature| self.x.get(row, feature)) as u32;
        let leaves: Vec<u32> = (0..self.y.len()).into_par_iter().map(leaf_of).collect();
        let mut rows_of: Vec<Vec<(f64, f64)>> = vec![Vec::new(); tree.node_count()];
        for (row, &leaf) in leaves.iter().enumerate().filter(|(row, _)| self.seen[*row] == 1) {
            rows_of[leaf as usize].push((self.y[row], gradient[row]));
        }
        for (leaf, rows) in rows_of.iter().enumerate().filter(|(_, rows)| !rows.is_empty()) {
            if let Some(value) = loss.leaf_value(k, rows) {
                tree.value[leaf] = value;
            }
        }
        (tree, leaves)
    }
}

/// Boosts with a loss. The draws follow scikit-learn's: a stage's sample first, then one seed for each tree.
pub(super) fn boost<L: Loss>(settings: &Settings, loss: &L, x: &Matrix<f32>, y: &[f64]) -> Result<Boosted> {
    let ranked = RankedMatrix::new(x)?;
    let (n_rows, n_raw) = (y.len(), loss.n_raw());
    let start = loss.start(y);
    let mut rows = Rows { x, ranked, y, seen: vec![1; n_rows], raw: start.repeat(n_rows) };
    let n_seen = ((settings.subsample * n_rows as f64) as usize).max(1);
    let subsampled = settings.subsample < 1.0;
    let mut generator = RandomState::new(settings.random_state);
    let mut trees = Vec::with_capacity(settings.n_estimators * n_raw);
    let mut scores = BoostingScores::default();
    let mut last_oob = f64::NAN;
    for stage in 0..settings.n_estimators {
        if subsampled {
            rows.seen = draw_rows(&mut generator, n_rows, n_seen);
            if stage == 0 {
                last_oob = rows.mean_loss(loss, 0);
            }
        }
        let growth = settings.growth(x.n_columns(), n_seen.min(n_rows));
        let seeds: Vec<u32> = (0..n_raw).map(|_| draw_seed_from(&mut generator)).collect();
        let gradients = rows.negative_gradients(loss);
        let grown: Vec<(Tree, Vec<u32>)> = (gradients.par_iter().zip(&seeds).enumerate())
            .map(|(k, (gradient, &seed))| rows.grow_tree(loss, k, gradient, growth, seed))
            .collect();
        for (k, (tree, leaves)) in grown.into_iter().enumerate() {
            for (raw, leaf) in rows.raw.iter_mut().skip(k).step_by(n_raw).zip(leaves) {
                *raw += settings.learning_rate * tree.value[leaf as usize];
            }
            trees.push(tree);
        }
        scores.train_score.push(rows.mean_loss(loss, 1));
        if subsampled {
            let oob = rows.mean_loss(loss, 0);
            scores.oob_improvement.push(last_oob - oob);
            scores.oob_scores.push(oob);
            last_oob = oob;
        }
    }
    Ok(Boosted::new(trees, start, settings.learning_rate, x.n_columns(), scores))
}

/// Draws `n_seen` of the rows: 1 for each that is drawn.
fn draw_rows(generator: &mut RandomState, n_rows: usize, n_seen: usize) -> Vec<u32> {
    let draws: Vec<f64> = (0..n_rows).map(|_| generator.random_sample()).collect();
    let mut n_drawn = 0;
    let rows = draws.into_iter().enumerate().map(|(row, draw)| {
        let drawn = draw * ((n_rows - row) as f64) < (n_seen - n_drawn) as f64;
        n_drawn += usize::from(drawn);
        u32::from(drawn)
    });
    rows.collect()
}
