//! What the reference libraries computed, and what we compute.

mod common;
mod forests;
mod splits;
