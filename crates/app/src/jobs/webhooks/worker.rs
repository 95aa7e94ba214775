//! The worker: takes what waits, tells it, and puts off what did not arrive.
//!
//! What waits is in the store and outlives the process. A delivery is taken for longer than a try can last; if the
//! process dies meanwhile, it is due again after that, here or in another server on the same store. So each arrives at
//! least once, under the same id.

use super::send::{Answer, SendError, Webhooks};
use metria_core::time::now_ms;
use metria_core::{ErrorKind, Kinded};
use metria_store::{Delivery, Webhook};
use metria_tracking::Tracking;
use ring::rand::{SecureRandom, SystemRandom};
use std::collections::HashMap;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};

/// Deliveries under way at once, and those of one webhook: a receiver that is slow does not hold up the others.
const MOST_AT_ONCE: usize = 10;
const MOST_OF_ONE: usize = 3;
/// How long a delivery is taken for beyond the time that a try may last.
const MARGIN: Duration = Duration::from_secs(10);
/// How often the store is asked for what other processes let wait.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// How long what is under way may take once the server stops.
const DRAIN: Duration = Duration::from_secs(5);
/// Longest waits: between tries, and those that a receiver asks for.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
const LONGEST_ASKED: Duration = Duration::from_secs(600);

/// The running worker.
pub(crate) struct Worker {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Worker {
    /// Starts it.
    pub(crate) fn start(webhooks: Webhooks, tracking: Tracking) -> Self {
        let (stop, stopped) = oneshot::channel();
        let courier = Courier { webhooks, tracking };
        Self { stop, task: tokio::spawn(run(courier, stopped)) }
    }

    /// Lets what is under way end, within a deadline. What is left waits in the store.
    pub(crate) async fn stop(self) {
        let _ = self.stop.send(());
        let _ = self.task.await;
    }
}

/// What a try needs.
#[derive(Clone)]
struct Courier {
    webhooks: Webhooks,
    tracking: Tracking,
}

/// What becomes of a delivery after a try.
#[derive(Debug, PartialEq)]
enum Verdict {
    Arrived,
    Again(Duration),
    GivenUp(String),
}

/// The webhooks of the deliveries under way.
#[derive(Default)]
struct UnderWay {
    tasks: JoinSet<String>,
    of: HashMap<String, usize>,
}

impl UnderWay {
    fn start(&mut self, courier: Courier, delivery: Delivery) {
        let webhook_id = delivery.webhook_id.clone();
        *self.of.entry(webhook_id.clone()).or_default() += 1;
        self.tasks.spawn(async move {
            courier.tell(delivery).await;
            webhook_id
        });
    }

    fn ended(&mut self, webhook_id: &str) {
        if let Some(count) = self.of.get_mut(webhook_id) {
            *count -= 1;
        }
        self.of.retain(|_, count| *count > 0);
    }

    /// Webhooks that have to wait for their own deliveries.
    fn busy(&self) -> Vec<String> {
        self.of.iter().filter(|(_, count)| **count >= MOST_OF_ONE).map(|(id, _)| id.clone()).collect()
    }
}

async fn run(courier: Courier, mut stopped: oneshot::Receiver<()>) {
    let mut under_way = UnderWay::default();
    loop {
        let wait = match courier.take_all(&mut under_way).await {
            Ok(wait) => wait,
            Err(error) => {
                tracing::warn!(%error, "the store does not tell what webhooks are to be told; trying again");
                LOOK_EVERY
            }
        };
        tokio::select! {
            _ = &mut stopped => break,
            Some(ended) = under_way.tasks.join_next() => match ended {
                Ok(webhook_id) => under_way.ended(&webhook_id),
                // Its place is not known, so all counts begin anew once nothing is under way.
                Err(_) if under_way.tasks.is_empty() => under_way.of.clear(),
                Err(_) => {}
            },
            () = courier.tracking.delivery_queued() => {}
            () = tokio::time::sleep(wait) => {}
        }
    }
    let drained = async { while under_way.tasks.join_next().await.is_some() {} };
    if tokio::time::timeout(DRAIN, drained).await.is_err() {
        tracing::info!("some webhooks did not answer in time; they are told again after the next start");
        under_way.tasks.shutdown().await;
    }
}

impl Courier {
    /// Starts what is due, and tells how long to wait for more.
    async fn take_all(&self, under_way: &mut UnderWay) -> metria_tracking::Result<Duration> {
        while under_way.tasks.len() < MOST_AT_ONCE {
            let busy = under_way.busy();
            // Looking is cheaper than taking, which is a write.
            let due_ms = self.tracking.next_delivery_ms(&busy).await?;
            let now = now_ms();
            match due_ms {
                Some(due_ms) if due_ms <= now => {}
                Some(due_ms) => {
                    let wait = u64::try_from(due_ms - now).unwrap_or(0);
                    return Ok(Duration::from_millis(wait).min(LOOK_EVERY));
                }
                None => return Ok(LOOK_EVERY),
            }
            let taken_for = self.webhooks.options().timeout + MARGIN;
            match self.tracking.take_delivery(now + millis(taken_for), &busy).await? {
                Some(delivery) => under_way.start(self.clone(), delivery),
                // Another process was quicker.
                None => tokio::task::yield_now().await,
            }
        }
        Ok(LOOK_EVERY)
    }

    async fn tell(&self, delivery: Delivery) {
        let webhook = match self.tracking.get_webhook(&delivery.webhook_id).await {
            Ok(webhook) if webhook.is_active => webhook,
            Err(error) if error.kind() != ErrorKind::NotFound => {
                // It stays taken for a while, then comes again.
                tracing::warn!(%error, delivery = delivery.delivery_id, "a webhook could not be read");
                return;
            }
            // Gone, or told nothing any more.
            _ => return self.settle(&delivery, Verdict::Arrived).await,
        };
        let told = self.webhooks.send(&webhook, &delivery.delivery_id, &delivery.body).await;
        let verdict = verdict(&told, delivery.attempts, self.webhooks.options().max_retries);
        log(&webhook, &delivery, &verdict);
        self.settle(&delivery, verdict).await;
    }

    async fn settle(&self, delivery: &Delivery, verdict: Verdict) {
        let id = &delivery.delivery_id;
        let settled = match verdict {
            Verdict::Arrived | Verdict::GivenUp(_) => self.tracking.remove_delivery(id).await,
            Verdict::Again(wait) => self.tracking.postpone_delivery(id, now_ms() + millis(wait)).await,
        };
        if let Err(error) = settled {
            tracing::warn!(%error, delivery = id, "how a webhook was told could not be noted; it may be told again");
        }
    }
}

/// Answers below 300 are arrivals; no answer, 429 and 5xx are worth another try.
fn verdict(told: &Result<Answer, SendError>, attempts: u32, max_retries: u32) -> Verdict {
    let (reason, asked, is_passing) = match told {
        Ok(answer) if answer.status.is_success() => return Verdict::Arrived,
        Ok(answer) => {
            let is_passing = matches!(answer.status.as_u16(), 429 | 500 | 502 | 503 | 504);
            (format!("it answered {}", answer.status), answer.retry_after, is_passing)
        }
        Err(error @ SendError::Http(_)) => (error.to_string(), None, true),
        // A name may be resolved later; an address that is refused, or a secret that cannot be opened, stays so.
        Err(error @ SendError::Address(super::AddressRefused::Unresolved { .. })) => (error.to_string(), None, true),
        Err(error @ (SendError::Address(_) | SendError::Secret(_))) => (error.to_string(), None, false),
    };
    if !is_passing || attempts > max_retries {
        return Verdict::GivenUp(reason);
    }
    let doubled = Duration::from_secs(1 << attempts.saturating_sub(1).min(6)).min(LONGEST_WAIT);
    Verdict::Again(asked.map_or_else(|| doubled + jitter(), |asked| asked.min(LONGEST_ASKED)))
}

/// Up to a second, so that those who failed together do not come back together.
fn jitter() -> Duration {
    let mut bytes = [0_u8; 2];
    // Without random numbers they do.
    let _ = SystemRandom::new().fill(&mut bytes);
    Duration::from_millis(u64::from(u16::from_le_bytes(bytes)) * 1_000 / 65_536)
}

/// The address may hold a secret, so only who is told is named.
fn log(webhook: &Webhook, delivery: &Delivery, verdict: &Verdict) {
    let (id, event, attempt) = (webhook.webhook_id.as_str(), delivery.event.as_str(), delivery.attempts);
    match verdict {
        Verdict::Arrived => tracing::debug!(webhook = id, event, attempt, "a webhook was told"),
        Verdict::Again(wait) => tracing::info!(webhook = id, event, attempt, "a webhook is told again in {wait:?}"),
        Verdict::GivenUp(reason) => {
            tracing::error!(webhook = id, event, attempt, reason, "a webhook was not told, and is not told any more");
        }
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::StatusCode;

    fn answered(status: u16, retry_after: Option<u64>) -> Result<Answer, SendError> {
        let status = StatusCode::from_u16(status).unwrap();
        Ok(Answer { status, body: String::new(), retry_after: retry_after.map(Duration::from_secs) })
    }

    #[test]
    fn verdicts() {
        for status in [200, 201, 204] {
            assert_eq!(verdict(&answered(status, None), 1, 3), Verdict::Arrived, "{status}");
        }
        for status in [301, 307, 400, 401, 404, 410, 501] {
            assert!(matches!(verdict(&answered(status, None), 1, 3), Verdict::GivenUp(_)), "{status}");
        }
        for status in [429, 500, 502, 503, 504] {
            assert!(matches!(verdict(&answered(status, None), 3, 3), Verdict::Again(_)), "{status}");
            assert!(matches!(verdict(&answered(status, None), 4, 3), Verdict::GivenUp(_)), "{status}");
        }
        assert_eq!(verdict(&answered(503, Some(7)), 1, 3), Verdict::Again(Duration::from_secs(7)));
        assert_eq!(verdict(&answered(503, Some(99_999)), 1, 3), Verdict::Again(LONGEST_ASKED));
        assert!(matches!(verdict(&Err(SendError::Http("refused".to_owned())), 1, 3), Verdict::Again(_)));
    }

    #[test]
    fn waits_double() {
        for (attempts, seconds) in [(1, 1), (2, 2), (3, 4), (6, 32), (7, 60), (40, 60)] {
            let Verdict::Again(wait) = verdict(&answered(500, None), attempts, 100) else {
                unreachable!("it is tried")
            };
            let range = Duration::from_secs(seconds)..Duration::from_secs(seconds + 1);
            assert!(range.contains(&wait), "{attempts}: {wait:?}");
        }
    }
}
