//! The `metria` program.

#![forbid(unsafe_code)]

mod cli;
mod config;
mod http;
mod jobs;
mod live;
mod state;
mod ui;

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    let as_json = cli.json();
    let done = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(anyhow::Error::from)
        .and_then(|runtime| runtime.block_on(cli.run()));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            cli::print_error(&error, as_json);
            cli::exit_code(&error)
        }
    }
}
