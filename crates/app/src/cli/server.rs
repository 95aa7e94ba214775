//! `metria server`: predictions, the API and the web pages on one port.

use super::{Context, output};
use crate::config::Config;
use crate::http::{HttpMetrics, connections};
use crate::jobs::webhooks::{Webhooks, Worker};
use crate::live::Live;
use crate::state::{AppState, Inner};
use anyhow::{Context as _, Result};
use clap::Args;
use metria::Workspace;
use metria_runtime::Shutdown;
use metria_serving::ServerLimits;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpListener;

/// How long requests may take to end after the signal to stop.
const DRAIN_DEADLINE: Duration = Duration::from_secs(30);

#[derive(Debug, Args)]
pub(crate) struct Server {
    /// Address to listen on [default: 127.0.0.1]
    #[arg(long, value_name = "ADDRESS")]
    host: Option<String>,
    /// Port to listen on; 0 takes a free one [default: 5000]
    #[arg(long)]
    port: Option<u16>,
    /// Listen beyond loopback although nobody is asked who they are
    #[arg(long)]
    insecure_no_auth: bool,
    /// A further name that may stand in the Host header; may be repeated
    #[arg(long, value_name = "NAME")]
    allowed_host: Vec<String>,
}

impl Server {
    /// What the options say about configuration keys.
    pub(super) fn flags(&self, flags: &mut Vec<(&'static str, String)>) {
        if let Some(host) = &self.host {
            flags.push(("server.host", host.clone()));
        }
        if let Some(port) = self.port {
            flags.push(("server.port", port.to_string()));
        }
        if self.insecure_no_auth {
            flags.push(("server.insecure_no_auth", "true".to_owned()));
        }
        if !self.allowed_host.is_empty() {
            flags.push(("server.allowed_hosts", self.allowed_host.join(",")));
        }
    }

    pub(crate) async fn run(self, context: &Context) -> Result<()> {
        let config = context.config()?;
        let workspace = context.workspace().await?;
        // Before anybody is told the address, and so may want the server to stop.
        let mut shutdown = Shutdown::watch();
        let serving = Serving::start(&config, &workspace).await?;
        let address = serving.address;
        if context.json {
            output::json(&serde_json::json!({"url": format!("http://{address}"), "home": config.home}))?;
        } else {
            output::line(format!("Metria serves http://{address} from {} (Ctrl-C stops)", config.home.display()));
        }
        serving.until(&mut shutdown).await?;
        workspace.close().await;
        Ok(())
    }
}

/// A running HTTP server.
pub(super) struct Serving {
    /// Where it listens.
    pub(super) address: SocketAddr,
    live: Live,
    worker: Worker,
    stop: tokio::sync::oneshot::Sender<()>,
    task: tokio::task::JoinHandle<()>,
}

impl Serving {
    /// Binds and starts answering.
    pub(super) async fn start(config: &Config, workspace: &Workspace) -> Result<Self> {
        let listener =
            TcpListener::bind(config.bind).await.with_context(|| format!("cannot listen on {}", config.bind))?;
        let address = listener.local_addr()?;
        let limits = ServerLimits { max_instances: config.max_instances, max_in_flight: config.max_in_flight };
        let server = workspace.model_server(limits)?;
        let live = Live::new(&workspace.tracking);
        let webhooks = Webhooks::new(config.webhooks.clone()).context("webhooks cannot be told")?;
        let worker = Worker::start(webhooks.clone(), workspace.tracking.clone());
        let state = AppState::new(Inner {
            webhooks,
            workspace: workspace.clone(),
            metrics: HttpMetrics::new(server.clone()),
            server,
            bind: address,
            allowed_hosts: config.allowed_hosts.clone(),
            live: live.clone(),
            max_body_bytes: config.max_body_bytes,
            request_timeout: config.request_timeout,
        });
        let router = crate::http::router(state);
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let task = tokio::spawn(connections::serve(listener, router, stopped, config.request_timeout));
        Ok(Self { address, live, worker, stop, task })
    }

    /// Serves until the signal, then stops taking connections and lets what is under way end. A second signal ends at
    /// once.
    pub(super) async fn until(mut self, shutdown: &mut Shutdown) -> Result<()> {
        tokio::select! {
            () = shutdown.signal() => {}
            ended = &mut self.task => return Ok(ended?),
        }
        tracing::info!("stopping: no new connections, requests under way may end");
        tokio::select! {
            () = shutdown.signal() => Ok(()),
            stopped = self.stop() => stopped,
        }
    }

    /// Stops taking connections and lets what is under way end, within a deadline.
    pub(super) async fn stop(self) -> Result<()> {
        // Pages that watch a run would wait for ever.
        self.live.stop();
        let _ = self.stop.send(());
        let ended = tokio::time::timeout(DRAIN_DEADLINE, self.task).await;
        self.worker.stop().await;
        match ended {
            Ok(ended) => Ok(ended?),
            Err(_) => {
                tracing::warn!("some requests had not ended after {DRAIN_DEADLINE:?}");
                Ok(())
            }
        }
    }
}
