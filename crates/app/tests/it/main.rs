//! The `metria` program, used as its users use it: real files, real processes, real sockets.

#![forbid(unsafe_code)]
#![expect(clippy::panic, clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod api;
mod bad_tables;
mod config;
mod damage;
mod demo;
mod hosts;
mod kills;
mod models;
mod predict;
mod processes;
mod reload;
mod requests;
mod runs;
mod shutdown;
mod slow_clients;
mod support;
mod tracking;
mod train;
