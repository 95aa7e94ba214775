//! What the reference libraries computed, and what we compute.

#![expect(clippy::panic, reason = "a helper that cannot go on must end its test")]
#![expect(clippy::float_cmp, reason = "golden values are compared exactly before any tolerance")]

mod boosting;
mod column_transformer;
mod column_transformer_properties;
mod common;
mod cross_validation;
mod forests;
mod metrics;
mod pipeline;
mod preprocessing;
mod preprocessing_properties;
mod splits;
