//! The signal to stop.

/// Ctrl-C and SIGTERM, watched from the moment this is made: one that comes before anybody waits is kept.
#[derive(Debug)]
pub struct Shutdown {
    #[cfg(unix)]
    signals: Option<[tokio::signal::unix::Signal; 2]>,
}

impl Shutdown {
    /// Begins to watch. To be called within a tokio runtime.
    #[must_use]
    pub fn watch() -> Self {
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            let interrupt = signal(SignalKind::interrupt());
            let terminate = signal(SignalKind::terminate());
            Self { signals: interrupt.ok().zip(terminate.ok()).map(|(interrupt, terminate)| [interrupt, terminate]) }
        }
        #[cfg(not(unix))]
        Self {}
    }

    /// Ends at the next SIGINT or SIGTERM. Where signals cannot be watched, it never ends.
    #[cfg(unix)]
    pub async fn signal(&mut self) {
        match &mut self.signals {
            Some([interrupt, terminate]) => {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
            }
            None => std::future::pending().await,
        }
    }

    /// Ends at the next Ctrl-C. Where it cannot be watched, it never ends.
    #[cfg(not(unix))]
    pub async fn signal(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
