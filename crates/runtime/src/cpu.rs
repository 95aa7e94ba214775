//! CPU work from async code: the only bridge between tokio and rayon.

use metria_core::{ErrorKind, Kinded};
use tokio::sync::oneshot;
use tracing::Span;

/// The work panicked; the panic itself is on stderr.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the computation ended before it had a result")]
pub struct Cancelled;

impl Kinded for Cancelled {
    fn kind(&self) -> ErrorKind {
        ErrorKind::Internal
    }
}

/// Runs `work` on the rayon pool, inside the caller's span. Work whose caller has gone before it began is skipped.
///
/// # Errors
/// [`Cancelled`] when the work panicked.
pub async fn run_cpu<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Cancelled> {
    let (send, receive) = oneshot::channel();
    let span = Span::current();
    rayon::spawn(move || {
        if send.is_closed() {
            return;
        }
        let _entered = span.entered();
        // A panic must not take the process down with the pool: the dropped sender tells the caller.
        if let Ok(result) = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)) {
            // The caller may have gone meanwhile.
            let _ = send.send(result);
        }
    });
    receive.await.map_err(|_| Cancelled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn results_and_panics_come_back() {
        assert_eq!(run_cpu(|| 6 * 7).await, Ok(42));
        assert_eq!(run_cpu(|| -> i32 { panic!("on purpose") }).await, Err(Cancelled));
        assert_eq!(run_cpu(|| 1).await, Ok(1), "the pool lives on");
    }
}
