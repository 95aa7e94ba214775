//! The signal to stop.

/// Waiting for Ctrl-C or SIGTERM.
#[derive(Debug, Clone, Copy)]
pub struct Shutdown;

impl Shutdown {
    /// Ends at the first SIGINT or SIGTERM. Where signals cannot be watched, it never ends.
    pub async fn signal() {
        let interrupt = async {
            if tokio::signal::ctrl_c().await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            () = interrupt => {}
            () = terminate() => {}
        }
    }
}

#[cfg(unix)]
async fn terminate() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut stream) => {
            stream.recv().await;
        }
        Err(_) => std::future::pending().await,
    }
}

#[cfg(not(unix))]
async fn terminate() {
    std::future::pending().await
}
