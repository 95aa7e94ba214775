//! Checks of the repository that the compiler does not make: `cargo xtask tidy` and `cargo xtask licences`.
//!
//! Exit codes: 0 nothing found, 1 something found, 2 bad usage or the check itself failed.

mod licences;
mod rust_source;
mod tidy;
mod tree;

use anyhow::Result;
use std::io::Write;
use std::process::ExitCode;
use tree::{Finding, Tree};

const USAGE: &str = "usage: cargo xtask COMMAND

  tidy      crate levels, forbidden imports, file sizes, documentation links, leftovers
  licences  licences, banned crates, second copies and sources of everything in Cargo.lock, by deny.toml
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let names: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let found = match names.as_slice() {
        ["tidy"] => Tree::tracked().map(|tree| tidy::run(&tree)),
        ["licences"] => licences::run(),
        _ => return tell(USAGE, 2),
    };
    match found.and_then(|found| report(names[0], &found)) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::from(1),
        Err(error) => tell(&format!("cargo xtask {}: {error:#}\n", names[0]), 2),
    }
}

fn tell(text: &str, code: u8) -> ExitCode {
    // When standard error is gone, the exit code still says it.
    let _ = std::io::stderr().write_all(text.as_bytes());
    ExitCode::from(code)
}

/// Prints what was found, one line each; returns how much.
fn report(command: &str, found: &[Finding]) -> Result<usize> {
    let mut out = std::io::stdout().lock();
    for finding in found {
        writeln!(out, "{finding}")?;
    }
    match found.len() {
        0 => writeln!(out, "{command}: ok")?,
        n => writeln!(out, "{command}: {n} to put right")?,
    }
    Ok(found.len())
}
