//! The command line: one file a command, all with `--home`, `--config` and `--json`.

mod config;
mod data;
mod demo;
mod evaluate;
mod exec;
mod export;
mod gc;
mod import;
mod models;
mod output;
mod predict;
mod runs;
mod server;
mod sync;
mod train;

use crate::config::{Config, Raw};
use anyhow::Result;
use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

pub(crate) use output::{exit_code, print_error};

/// The machine-learning lifecycle in one program: train, track, register, validate, serve.
#[derive(Debug, Parser)]
#[command(name = "metria", version, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// Options that every command takes.
#[derive(Debug, Args)]
pub(crate) struct Global {
    /// Folder of everything Metria keeps [default: the platform's data folder]
    #[arg(long, global = true, value_name = "FOLDER")]
    home: Option<PathBuf>,
    /// Where artifacts are kept: a folder or s3://BUCKET/PREFIX [default: artifacts in the home]
    #[arg(long, global = true, value_name = "ROOT")]
    artifacts: Option<String>,
    /// Configuration file [default: ./metria.toml when there is one]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print one JSON document instead of text
    #[arg(long, global = true)]
    json: bool,
    /// What is logged to stderr, such as `info` or `metria=debug`
    #[arg(long, global = true, value_name = "FILTER")]
    log: Option<String>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// From a CSV file to a served, validated model in one command (German Credit data)
    Demo(demo::Demo),
    /// Train a model on a table, validate, track and register it
    Train(train::Train),
    /// Measure a model on a table with known answers
    Evaluate(evaluate::Evaluate),
    /// Predict every row of a table into a file
    Predict(predict::Predict),
    /// List, show and compare runs; run a command as one
    #[command(subcommand)]
    Runs(runs::Runs),
    /// List, register, promote, compare and roll back models
    #[command(subcommand)]
    Models(models::Models),
    /// Remove for good what was deleted long ago, and files that no record names
    Gc(gc::Gc),
    /// Look at a table: types, missing values, distributions
    #[command(subcommand)]
    Data(data::Data),
    /// Take over everything that another tracking server or folder holds
    #[command(subcommand)]
    Import(import::Import),
    /// Write everything into a form that others read
    #[command(subcommand)]
    Export(export::Export),
    /// Serve predictions, the API and the web pages
    Server(server::Server),
    /// Show or check the configuration
    #[command(subcommand)]
    Config(config::ConfigCommand),
}

/// A command's surroundings: configuration and way of printing.
pub(crate) struct Context {
    raw: Raw,
    /// Print JSON.
    pub(crate) json: bool,
}

impl Context {
    /// The checked configuration.
    fn config(&self) -> Result<Config> {
        Config::from_raw(&self.raw)
    }

    /// The opened home.
    async fn workspace(&self) -> Result<metria::Workspace> {
        Ok(metria::Workspace::open(self.config()?.workspace()).await?)
    }
}

impl Cli {
    /// Whether errors are printed as JSON.
    pub(crate) fn json(&self) -> bool {
        self.global.json
    }

    /// Runs the command.
    ///
    /// # Errors
    /// Whatever the command met.
    pub(crate) async fn run(self) -> Result<()> {
        let raw = Raw::load(self.global.config.as_deref(), &self.defaults(), &self.flags())?;
        let context = Context { raw, json: self.global.json };
        if let Command::Config(command) = &self.command {
            return command.run(&context);
        }
        let config = context.config()?;
        metria_runtime::telemetry::init(&config.log_filter, config.log_json)?;
        match self.command {
            Command::Demo(command) => command.run(&context).await,
            Command::Train(command) => command.run(&context).await,
            Command::Evaluate(command) => command.run(&context).await,
            Command::Predict(command) => command.run(&context).await,
            Command::Runs(command) => command.run(&context).await,
            Command::Models(command) => command.run(&context).await,
            Command::Gc(command) => command.run(&context).await,
            Command::Data(command) => command.run(&context),
            Command::Import(command) => command.run(&context).await,
            Command::Export(command) => command.run(&context).await,
            Command::Server(command) => command.run(&context).await,
            Command::Config(_) => Ok(()),
        }
    }

    /// What the command changes in the defaults.
    fn defaults(&self) -> Vec<(&'static str, &'static str)> {
        match &self.command {
            // The server tells what it does as it goes, and `config` what a server would do.
            Command::Server(_) | Command::Config(_) => Vec::new(),
            Command::Demo(_) => vec![("log.filter", "warn"), ("home", demo::HOME)],
            // Other commands print their result.
            _ => vec![("log.filter", "warn")],
        }
    }

    /// What the command line says about configuration keys.
    fn flags(&self) -> Vec<(&'static str, String)> {
        let mut flags = Vec::new();
        if let Some(home) = &self.global.home {
            flags.push(("home", home.display().to_string()));
        }
        if let Some(root) = &self.global.artifacts {
            flags.push(("artifacts.root", root.clone()));
        }
        if let Some(filter) = &self.global.log {
            flags.push(("log.filter", filter.clone()));
        }
        match &self.command {
            Command::Demo(demo) => demo.flags(&mut flags),
            Command::Server(server) => server.flags(&mut flags),
            _ => {}
        }
        flags
    }
}
