//! What the reference libraries computed, and what we compute.

mod common;
mod forests;
mod metrics;
mod pipeline;
mod splits;
