//! Small numeric tools, computed as NumPy and SciPy compute them.

pub(crate) mod minimize;
pub(crate) mod normal;
pub(crate) mod quantile;
mod sums;

pub(crate) use sums::{linspace, mean, pairwise_sum};
