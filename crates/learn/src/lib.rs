//! Learning, with scikit-learn's names, defaults and results: splits, preprocessing, trees and forests, metrics,
//! and pipelines that take raw table rows.
//!
//! Everything here is synchronous and parallel through rayon. A fitted model is the same to the last bit for one
//! thread and for many: work is cut into fixed units, reductions run in index order, and every tree has a seeded
//! generator of its own.

#![forbid(unsafe_code)]

pub mod ensemble;
pub mod error;
pub mod matrix;
pub mod metrics;
pub mod model_selection;
mod numeric;
pub mod pipeline;
pub mod preprocessing;
pub mod random;
pub mod tree;

pub use error::{Error, Result};
pub use matrix::Matrix;
