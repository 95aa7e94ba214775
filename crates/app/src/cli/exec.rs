//! `metria runs exec`: any command as a run.

use super::output::CommandFailed;
use super::server::Serving;
use super::train::user;
use super::{Context, output};
use anyhow::{Context as _, Result};
use clap::Args;
use metria::{Delivered, ExperimentConfig, ExperimentTracker, Tee, TrackerOptions, python_packages};
use metria_runtime::Shutdown;
use metria_store::RunStatus;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tokio::process::{Child, Command};

/// How long the run may take to be known to the server before the command starts.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long the command may take to end after a signal.
const END: Duration = Duration::from_secs(10);

#[derive(Debug, Args)]
pub(crate) struct Exec {
    /// Experiment that the run goes to; made when it is not there
    #[arg(long, default_value = "Default", value_name = "NAME")]
    experiment: String,
    /// Name of the run [default: exp_ and the time]
    #[arg(long, value_name = "NAME")]
    run_name: Option<String>,
    /// Server that keeps the run, such as http://127.0.0.1:5000 [default: the home, on a port of its own]
    #[arg(long, env = "METRIA_TRACKING_URI", value_name = "URI")]
    tracking_uri: Option<String>,
    /// Seconds between two samples of the machine's load; 0 takes none
    #[arg(long, default_value_t = 10, value_name = "SECONDS")]
    system_metrics: u64,
    /// The command with its arguments, after `--`
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<String>,
}

impl Exec {
    pub(super) async fn run(self, context: &Context) -> Result<()> {
        let mut config = context.config()?;
        let mut shutdown = Shutdown::watch();
        let own = match &self.tracking_uri {
            Some(_) => None,
            None => {
                // MLflow's client in the command needs a server to speak to.
                config.bind = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
                let workspace = context.workspace().await?;
                Some((Serving::start(&config, &workspace).await?, workspace))
            }
        };
        let uri = match (&self.tracking_uri, &own) {
            (Some(uri), _) => uri.clone(),
            (None, Some((serving, _))) => format!("http://{}", serving.address),
            (None, None) => String::new(),
        };
        let spool = std::path::absolute(config.home.join("spool"))?;
        let options = TrackerOptions {
            home: Some(config.home.clone()),
            spool: Some(spool.clone()),
            user: user(),
            system_metrics: (self.system_metrics > 0).then(|| Duration::from_secs(self.system_metrics)),
            ..TrackerOptions::at(&uri)
        };
        let tracker = Arc::new(ExperimentTracker::with(&self.experiment, None, options)?);
        let run_id = tracker.start_experiment(&ExperimentConfig::default(), self.run_name.as_deref())?;
        let told: String = self.command.join(" ").chars().take(8_000).collect();
        tracker.set_tags([("metria.command", told)])?;
        let ended = self.supervise(&tracker, &run_id, &uri, &spool, &mut shutdown).await;
        let (status, failed) = match ended {
            Ok(status) => outcome(&self.command[0], status),
            Err(error) => {
                let message = format!("{error:#}");
                (RunStatus::Failed, Some(CommandFailed { message, code: 127 }))
            }
        };
        let reason = failed.as_ref().map(|failed| failed.message.clone());
        let done = blocking(&tracker, move |tracker| {
            let reason: Option<String> = reason.map(|reason| reason.chars().take(2_000).collect());
            tracker.set_tags(reason.map(|reason| ("metria.error", reason)))?;
            tracker.end_experiment(status)
        })
        .await?;
        if let Some((serving, workspace)) = own {
            serving.stop().await?;
            workspace.close().await;
        }
        report(context, &run_id, status, &done)?;
        failed.map_or(Ok(()), |failed| Err(failed.into()))
    }

    /// Runs the command to its end, its output going where it would go, and into the run.
    async fn supervise(
        &self,
        tracker: &Arc<ExperimentTracker>,
        run_id: &str,
        uri: &str,
        spool: &Path,
        shutdown: &mut Shutdown,
    ) -> Result<ExitStatus> {
        let known = blocking(tracker, |tracker| tracker.flush(PATIENCE)).await?;
        if !known {
            note(&format!("the server at {uri} cannot be reached; the run is kept in {}", spool.display()));
        }
        let console = tracker.console()?;
        let mut command = Command::new(&self.command[0]);
        command.args(&self.command[1..]).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.env("METRIA_RUN_ID", run_id).env("METRIA_TRACKING_URI", uri).env("METRIA_SPOOL", spool);
        // What Python prints is seen as it is printed.
        command.env("PYTHONUNBUFFERED", "1");
        if uri.starts_with("http") {
            command.env("MLFLOW_RUN_ID", run_id).env("MLFLOW_TRACKING_URI", uri);
        }
        let mut child = command.spawn().with_context(|| format!("cannot run `{}`", self.command[0]))?;
        let stdout = child.stdout.take().map(|pipe| pipe.into_owned_fd()).transpose()?;
        let stderr = child.stderr.take().map(|pipe| pipe.into_owned_fd()).transpose()?;
        let pumps = [
            stdout.map(|pipe| pump(pipe.into(), console.tee(std::io::stdout()))),
            stderr.map(|pipe| pump(pipe.into(), console.tee(std::io::stderr()))),
        ];
        let python = Path::new(&self.command[0]);
        if python.file_name().is_some_and(|name| name.to_string_lossy().starts_with("python")) {
            let (tracker, python) = (tracker.clone(), python.to_path_buf());
            tokio::task::spawn_blocking(move || {
                if let Some(packages) = python_packages(&python) {
                    // A run that has ended by then does not need it.
                    let _ = tracker.log_bytes(&packages, "environment/pip-freeze.txt");
                }
            });
        }
        let status = wait(&mut child, shutdown).await?;
        for pump in pumps.into_iter().flatten() {
            // What it leaves running may keep the pipe open.
            let _ = tokio::time::timeout(Duration::from_secs(1), pump).await;
        }
        Ok(status)
    }
}

/// Waits for the command. A signal from the terminal reaches it too; when it does not end of that, it is killed.
async fn wait(child: &mut Child, shutdown: &mut Shutdown) -> Result<ExitStatus> {
    tokio::select! {
        status = child.wait() => return Ok(status?),
        () = shutdown.signal() => {}
    }
    tokio::select! {
        status = child.wait() => return Ok(status?),
        () = shutdown.signal() => {}
        () = tokio::time::sleep(END) => {}
    }
    child.kill().await?;
    Ok(child.wait().await?)
}

/// Gives on what comes out of a pipe.
fn pump<W: Write + Send + 'static>(mut pipe: std::fs::File, mut to: Tee<W>) -> tokio::task::JoinHandle<()> {
    tokio::task::spawn_blocking(move || {
        let mut piece = vec![0; 1 << 16];
        while let Ok(read) = pipe.read(&mut piece) {
            if read == 0 || to.write_all(&piece[..read]).and_then(|()| to.flush()).is_err() {
                return;
            }
        }
    })
}

/// A call of the tracker that may wait.
async fn blocking<T: Send + 'static>(
    tracker: &Arc<ExperimentTracker>,
    call: impl FnOnce(&ExperimentTracker) -> metria::Result<T> + Send + 'static,
) -> Result<T> {
    let tracker = tracker.clone();
    Ok(tokio::task::spawn_blocking(move || call(&tracker)).await??)
}

/// The run's status, and the failure that is passed on.
fn outcome(command: &str, status: ExitStatus) -> (RunStatus, Option<CommandFailed>) {
    let failed = |message: String, code: u8| Some(CommandFailed { message, code });
    match status.code() {
        Some(0) => (RunStatus::Finished, None),
        Some(code) => {
            let message = format!("`{command}` ended with exit code {code}");
            (RunStatus::Failed, failed(message, u8::try_from(code).unwrap_or(1)))
        }
        None => {
            let signal = std::os::unix::process::ExitStatusExt::signal(&status).unwrap_or(0);
            let code = u8::try_from(128 + signal).unwrap_or(1);
            (RunStatus::Killed, failed(format!("`{command}` was ended by signal {signal}"), code))
        }
    }
}

/// Stdout belongs to the command; what is told about the run goes to stderr, and with `--json` behind the output.
fn report(context: &Context, run_id: &str, status: RunStatus, done: &Delivered) -> Result<()> {
    if context.json {
        let left = done.spool.as_ref().map(|spool| spool.display().to_string());
        return output::json(&serde_json::json!({
            "run_id": run_id, "status": status, "delivered": done.all, "refused": done.refused, "spool": left,
        }));
    }
    note(&format!("run {run_id} {}", status.as_str()));
    if let Some(spool) = &done.spool {
        let why = done.trouble.as_deref().unwrap_or("some events were refused");
        note(&format!("not everything has arrived ({why}); the rest is in {}", spool.display()));
        note("`metria runs sync` sends it once the server is there");
    }
    Ok(())
}

fn note(text: &str) {
    // A closed stderr is no reason to fail.
    let _ = writeln!(std::io::stderr().lock(), "metria: {text}");
}
