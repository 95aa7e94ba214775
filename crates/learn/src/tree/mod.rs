//! Decision trees, grown as scikit-learn grows them: the same draws, the same splits, the same nodes.
//!
//! [`builder`] walks the nodes depth first and draws features; a [`criterion`] finds the best place to cut one feature.
//! Features are replaced by their ranks first ([`ranks`]), so that sorting a node is sorting small integers.

pub(crate) mod builder;
pub(crate) mod criterion;
mod gini_bins;
pub(crate) mod gini_counts;
mod nodes;
mod rank_sort;
pub(crate) mod ranks;
pub(crate) mod squared_error;

pub use nodes::Tree;

/// Values this close are one value (scikit-learn's `FEATURE_THRESHOLD`).
pub(crate) const FEATURE_THRESHOLD: f32 = 1e-7;
