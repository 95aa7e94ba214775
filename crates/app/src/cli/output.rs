//! How results, tables, progress and errors are printed, and which exit code they give.

use crate::config::Refused;
use anyhow::Result;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use metria_core::error::io_kind;
use metria_core::model_uri::ModelUriError;
use metria_core::names::NameError;
use metria_core::{ErrorKind, Kinded};
use serde::Serialize;
use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::time::Duration;

/// Prints one line of text, or nothing when the reader has gone.
pub(crate) fn line(text: impl AsRef<str>) {
    // A closed pipe (`metria runs list | head`) is no error of ours.
    let _ = writeln!(std::io::stdout().lock(), "{}", text.as_ref());
}

/// Prints a JSON document.
///
/// # Errors
/// When the value cannot be written as JSON.
pub(crate) fn json(value: &impl Serialize) -> Result<()> {
    line(serde_json::to_string_pretty(value)?);
    Ok(())
}

/// A table with aligned columns: numbers to the right, text to the left.
pub(crate) fn table(header: &[&str], rows: &[Vec<String>]) {
    let mut widths: Vec<usize> = header.iter().map(|name| name.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let numeric: Vec<bool> = (0..header.len())
        .map(|j| !rows.is_empty() && rows.iter().all(|row| row[j].is_empty() || row[j].parse::<f64>().is_ok()))
        .collect();
    let print = |cells: &[String]| {
        let padded: Vec<String> = cells
            .iter()
            .enumerate()
            .map(|(j, cell)| {
                let width = widths[j];
                if numeric[j] { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
            })
            .collect();
        line(padded.join("  ").trim_end());
    };
    print(&header.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
    for row in rows {
        print(row);
    }
}

/// Tells on stderr which columns of a table a model does not use; nothing when it uses all.
pub(crate) fn unused_columns(names: &[String]) {
    if !names.is_empty() {
        let _ = writeln!(std::io::stderr().lock(), "note: the model does not use the columns {}", names.join(", "));
    }
}

/// A number for people: four digits after the point.
pub(crate) fn number(value: f64) -> String {
    format!("{value:.4}")
}

/// A bar with rate and time left on a terminal; plain lines elsewhere; nothing with `--json`.
pub(crate) struct Progress {
    bar: ProgressBar,
    plain: bool,
}

impl Progress {
    /// A bar of `length` steps.
    pub(crate) fn new(length: u64, quiet: bool) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let target = if quiet || !terminal { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        let bar = ProgressBar::with_draw_target(Some(length), target);
        if let Ok(style) = ProgressStyle::with_template("  {msg:<28} [{bar:30}] {pos}/{len} {per_sec} {eta} left") {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.enable_steady_tick(Duration::from_millis(200));
        Self { bar, plain: !quiet && !terminal }
    }

    /// What is being done now.
    pub(crate) fn message(&self, text: &str) {
        self.bar.set_message(text.to_owned());
        if self.plain {
            // Progress is no result: it goes to stderr, as the bar does.
            let _ = writeln!(std::io::stderr().lock(), "  {text}");
        }
    }

    /// One step done.
    pub(crate) fn step(&self) {
        self.bar.inc(1);
    }

    /// So many steps done, of a number that nobody knows.
    pub(crate) fn position(&self, done: u64, text: &str) {
        self.bar.set_length(done);
        self.bar.set_position(done);
        self.bar.set_message(text.to_owned());
    }

    /// Takes the bar away.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

/// A refusal that is a usage error (exit code 2), such as an option that is given twice or misses its value.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Usage(pub(crate) String);

/// A gate's refusal (exit code 3), already shown to the user.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct GateSaidNo(pub(crate) String);

/// A command that ran as a run and failed; its exit code is passed on.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct CommandFailed {
    /// What happened.
    pub(crate) message: String,
    /// Its exit code, as a shell tells it.
    pub(crate) code: u8,
}

/// 0 done, 1 failed, 2 bad usage, 3 a gate said no; that of the command where one was run.
pub(crate) fn exit_code(error: &anyhow::Error) -> ExitCode {
    if let Some(failed) = error.downcast_ref::<CommandFailed>() {
        return ExitCode::from(failed.code);
    }
    if is_usage(error) {
        return ExitCode::from(2);
    }
    if error.is::<GateSaidNo>() || kind(error) == ErrorKind::GateRefused {
        return ExitCode::from(3);
    }
    ExitCode::from(1)
}

/// Whether the command line is to blame: an option, a name, a filter or a model URI that can never work, whatever the
/// data is.
fn is_usage(error: &anyhow::Error) -> bool {
    let of_data = |error: &metria_data::Error| matches!(error, metria_data::Error::Option { .. });
    let of_tracking = |error: &metria_tracking::Error| {
        matches!(error, metria_tracking::Error::Name(_) | metria_tracking::Error::Search(_))
    };
    let of_facade = |error: &metria::Error| match error {
        metria::Error::Data(error) => of_data(error),
        metria::Error::Tracking(error) => of_tracking(error),
        metria::Error::Learn(metria_learn::Error::Parameter { .. }) | metria::Error::Uri(_) => true,
        _ => false,
    };
    error.is::<Usage>()
        || error.is::<NameError>()
        || error.is::<ModelUriError>()
        || error.downcast_ref().is_some_and(Refused::on_command_line)
        || error.downcast_ref().is_some_and(of_facade)
        || error.downcast_ref().is_some_and(of_tracking)
        || error.downcast_ref().is_some_and(of_data)
}

/// The meaning of the first error in the chain that has one.
fn kind(error: &anyhow::Error) -> ErrorKind {
    if is_usage(error) || error.is::<Refused>() {
        return ErrorKind::InvalidInput;
    }
    if error.is::<GateSaidNo>() {
        return ErrorKind::GateRefused;
    }
    error.chain().find_map(kind_of).unwrap_or(ErrorKind::Internal)
}

fn kind_of(cause: &(dyn std::error::Error + 'static)) -> Option<ErrorKind> {
    fn of<E: Kinded + 'static>(cause: &(dyn std::error::Error + 'static)) -> Option<ErrorKind> {
        cause.downcast_ref::<E>().map(Kinded::kind)
    }
    of::<metria::Error>(cause)
        .or_else(|| of::<metria_tracking::Error>(cause))
        .or_else(|| of::<metria_data::Error>(cause))
        .or_else(|| of::<metria_migrate::Error>(cause))
        .or_else(|| of::<metria_runtime::Cancelled>(cause))
        .or_else(|| of::<metria_runtime::telemetry::TelemetryError>(cause))
        .or_else(|| cause.downcast_ref().map(io_kind))
}

/// Prints an error with its causes on stderr.
pub(crate) fn print_error(error: &anyhow::Error, as_json: bool) {
    let mut stderr = std::io::stderr().lock();
    let text = chain(error);
    let _ = if as_json {
        writeln!(stderr, "{}", serde_json::json!({"error": {"kind": kind(error), "message": text}}))
    } else {
        writeln!(stderr, "error: {text}")
    };
}

/// The error and its causes, each text once.
fn chain(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain() {
        let part = cause.to_string();
        if text.is_empty() {
            text = part;
        } else if !text.contains(&part) {
            text = format!("{text}: {part}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_are_printed_once() {
        let error = anyhow::anyhow!("disk full").context("cannot write x: disk full").context("saving");
        assert_eq!(chain(&error), "saving: cannot write x: disk full");
        assert_eq!(exit_code(&error), ExitCode::from(1));
        assert_eq!(exit_code(&Usage("no".into()).into()), ExitCode::from(2));
        assert_eq!(exit_code(&GateSaidNo("no".into()).into()), ExitCode::from(3));
    }
}
