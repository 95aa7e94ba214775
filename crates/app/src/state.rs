//! What every request handler and page can reach.

use crate::http::HttpMetrics;
use crate::jobs::webhooks::Webhooks;
use crate::live::Live;
use metria::Workspace;
use metria_serving::ModelServer;
use metria_tracking::Tracking;
use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

/// The services behind the HTTP server; cheap to clone.
#[derive(Clone)]
pub(crate) struct AppState(Arc<Inner>);

/// The fields of [`AppState`].
pub(crate) struct Inner {
    /// The opened home.
    pub(crate) workspace: Workspace,
    /// Models in use.
    pub(crate) server: ModelServer,
    /// What tells webhooks.
    pub(crate) webhooks: Webhooks,
    /// The address the server listens on.
    pub(crate) bind: SocketAddr,
    /// Host names that may be in the `Host` header besides the loopback ones.
    pub(crate) allowed_hosts: Vec<String>,
    /// Largest request body in bytes.
    pub(crate) max_body_bytes: usize,
    /// What requests did, for Prometheus.
    pub(crate) metrics: HttpMetrics,
    /// Who watches runs as they go on.
    pub(crate) live: Live,
    /// How long a client may take to send a request.
    pub(crate) request_timeout: Duration,
}

impl AppState {
    /// State over the given services.
    pub(crate) fn new(inner: Inner) -> Self {
        Self(Arc::new(inner))
    }

    /// Experiments, runs and the model registry.
    pub(crate) fn tracking(&self) -> &Tracking {
        &self.workspace.tracking
    }
}

impl Deref for AppState {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}
