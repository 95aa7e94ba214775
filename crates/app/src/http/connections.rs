//! Connections: accepted, given a limit on their patience, and let end on the way out.

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use std::io::ErrorKind;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{oneshot, watch};

/// How long accepting rests when the system has no room for another connection.
const REST: Duration = Duration::from_millis(200);

/// Answers connections until `stop` is sent or dropped, then takes no more and returns once those there have ended.
/// A client has `patience` to send the head of a request, and as long between two requests.
pub(crate) async fn serve(listener: TcpListener, router: Router, stop: oneshot::Receiver<()>, patience: Duration) {
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(patience);
    builder.http2().timer(TokioTimer::new()).keep_alive_interval(patience).keep_alive_timeout(patience);
    let open = GracefulShutdown::new();
    let (stopping, stopped) = watch::channel(());
    let mut stop = stop;
    loop {
        let stream = tokio::select! {
            stream = accept(&listener) => stream,
            // A dropped sender is a signal too.
            _ = &mut stop => break,
        };
        let (builder, watcher, mut stopped) = (builder.clone(), open.watcher(), stopped.clone());
        let service = TowerToHyperService::new(router.clone());
        tokio::spawn(async move {
            // One that never says anything must not be waited for.
            let mut first = [0];
            tokio::select! {
                seen = tokio::time::timeout(patience, stream.peek(&mut first)) => if !matches!(seen, Ok(Ok(1))) { return },
                _ = stopped.changed() => return,
            }
            let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), service).into_owned();
            if let Err(error) = watcher.watch(connection).await {
                tracing::debug!(error, "a connection broke");
            }
        });
    }
    drop(listener);
    drop(stopping);
    open.shutdown().await;
}

/// The next connection. What a client broke is its own matter; a lack of file handles passes.
async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // Answers are small and whole: waiting to fill a packet only makes them late.
                let _ = stream.set_nodelay(true);
                return stream;
            }
            Err(error) => match error.kind() {
                ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset | ErrorKind::ConnectionRefused => {}
                _ => {
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(REST).await;
                }
            },
        }
    }
}
