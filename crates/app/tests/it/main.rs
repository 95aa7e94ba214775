//! The `metria` program, used as its users use it: real files, real processes, real sockets.

#![forbid(unsafe_code)]
#![expect(clippy::panic, clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod api;
mod artifact_safety;
mod bad_tables;
mod config;
mod damage;
mod demo;
mod garbage;
mod hosts;
mod kill_loop;
mod kills;
mod large_files;
mod live;
mod mlflow;
mod models;
mod predict;
mod processes;
mod reload;
mod requests;
mod runs;
mod s3;
mod search;
mod shutdown;
mod slow_clients;
mod support;
mod traces;
mod tracking;
mod train;
