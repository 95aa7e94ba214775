//! What every running part needs: a bridge from async to CPU work, a signal to stop, and logs.

#![forbid(unsafe_code)]

mod cpu;
pub mod shutdown;
pub mod telemetry;

pub use cpu::{Cancelled, run_cpu};
pub use shutdown::Shutdown;
