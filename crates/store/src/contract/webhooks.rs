//! Promises of [`WebhookStore`](crate::WebhookStore).

use super::{odd_texts, ok, refused, refused_name};
use crate::{Delivery, Store, Webhook, WebhookChange};
use futures_util::future::join_all;
use metria_core::ErrorKind;
use std::collections::BTreeSet;

fn webhook(id: &str, events: &[&str]) -> Webhook {
    Webhook {
        webhook_id: id.to_owned(),
        name: format!("webhook {id}"),
        url: "https://example.com/hook".to_owned(),
        description: String::new(),
        events: events.iter().map(|event| (*event).to_owned()).collect(),
        sealed_secret: None,
        is_active: true,
        creation_time_ms: 100,
        last_update_time_ms: 100,
    }
}

fn delivery(id: &str, webhook_id: &str, next_attempt_ms: i64) -> Delivery {
    Delivery {
        delivery_id: id.to_owned(),
        webhook_id: webhook_id.to_owned(),
        event: "prompt.created".to_owned(),
        body: format!(r#"{{"id": "{id}"}}"#),
        attempts: 0,
        creation_time_ms: 100,
        next_attempt_ms,
    }
}

/// A webhook is read back as it was written, its events in their order.
pub async fn what_is_written_is_read(store: &dyn Store) {
    let sealed_secret = Some("sealed".to_owned());
    let written = Webhook { sealed_secret, ..webhook("a", &["prompt.created", "model_version.created"]) };
    ok(store.create_webhook(written.clone()).await);
    assert_eq!(ok(store.get_webhook("a").await), written);
    refused(store.create_webhook(webhook("a", &[])).await, ErrorKind::AlreadyExists);
    ok(store.create_webhook(Webhook { creation_time_ms: 50, ..webhook("b", &[]) }).await);
    ok(store.create_webhook(webhook("c", &[])).await);
    let listed: Vec<String> = ok(store.list_webhooks().await).into_iter().map(|webhook| webhook.webhook_id).collect();
    assert_eq!(listed, ["c", "a", "b"], "the newest first");
    for (number, text) in odd_texts().into_iter().enumerate() {
        let odd = Webhook { name: text.clone(), description: text, ..webhook(&format!("odd {number}"), &[]) };
        ok(store.create_webhook(odd.clone()).await);
        assert_eq!(ok(store.get_webhook(&odd.webhook_id).await), odd);
    }
}

/// Every call on a webhook that is not there says so, and a text with NUL is refused.
pub async fn what_is_missing_is_not_found(store: &dyn Store) {
    refused(store.get_webhook("a").await, ErrorKind::NotFound);
    refused(store.update_webhook("a", WebhookChange::default(), 1).await, ErrorKind::NotFound);
    refused(store.delete_webhook("a").await, ErrorKind::NotFound);
    refused_name(store.get_webhook("\0").await);
    refused(
        store.create_webhook(Webhook { name: "\0".to_owned(), ..webhook("a", &[]) }).await,
        ErrorKind::InvalidInput,
    );
    ok(store.create_webhook(webhook("a", &[])).await);
    let change = WebhookChange { url: Some("\0".to_owned()), ..WebhookChange::default() };
    refused(store.update_webhook("a", change, 1).await, ErrorKind::InvalidInput);
    assert_eq!(ok(store.take_delivery(i64::MAX, i64::MAX, &[]).await), None);
    assert_eq!(ok(store.next_delivery_ms(&[]).await), None);
    ok(store.postpone_delivery("none", 1).await);
    ok(store.remove_delivery("none").await);
}

/// A change replaces what it names and leaves the rest.
pub async fn changing(store: &dyn Store) {
    let sealed_secret = Some("sealed".to_owned());
    ok(store.create_webhook(Webhook { sealed_secret, ..webhook("a", &["prompt.created"]) }).await);
    let same = ok(store.update_webhook("a", WebhookChange::default(), 200).await);
    assert_eq!((same.sealed_secret.as_deref(), same.last_update_time_ms), (Some("sealed"), 200));
    let change = WebhookChange {
        name: Some("other".to_owned()),
        events: Some(vec!["prompt_alias.created".to_owned(), "prompt.created".to_owned()]),
        sealed_secret: Some(None),
        is_active: Some(false),
        ..WebhookChange::default()
    };
    let changed = ok(store.update_webhook("a", change, 300).await);
    let expected = Webhook {
        name: "other".to_owned(),
        is_active: false,
        last_update_time_ms: 300,
        ..webhook("a", &["prompt_alias.created", "prompt.created"])
    };
    assert_eq!(changed, expected);
    assert_eq!(ok(store.get_webhook("a").await), expected);
}

/// Those who are told an event are the active webhooks that asked for it.
pub async fn subscribers(store: &dyn Store) {
    ok(store.create_webhook(webhook("a", &["prompt.created", "model_version.created"])).await);
    ok(store.create_webhook(webhook("b", &["prompt.created"])).await);
    ok(store.create_webhook(Webhook { is_active: false, ..webhook("c", &["prompt.created"]) }).await);
    let pair = |id: &str, event: &str| (id.to_owned(), event.to_owned());
    assert_eq!(
        ok(store.subscribers(&["prompt.created"]).await),
        [pair("a", "prompt.created"), pair("b", "prompt.created")]
    );
    let both = ok(store.subscribers(&["prompt.created", "model_version.created"]).await);
    assert_eq!(both, [pair("a", "model_version.created"), pair("a", "prompt.created"), pair("b", "prompt.created")]);
    assert_eq!(ok(store.subscribers(&["prompt_tag.set"]).await), []);
    assert_eq!(ok(store.subscribers(&[]).await), []);
}

/// What waits longest is taken first, its attempt counted and its next one put off; it goes when it is removed.
pub async fn deliveries_in_order(store: &dyn Store) {
    ok(store.create_webhook(webhook("a", &[])).await);
    ok(store.create_webhook(webhook("b", &[])).await);
    let waiting =
        vec![delivery("1", "a", 300), delivery("2", "b", 200), delivery("3", "a", 200), delivery("4", "gone", 1)];
    assert_eq!(ok(store.queue_deliveries(waiting, 10).await), 3, "nobody is there to be told the fourth");
    assert_eq!(ok(store.next_delivery_ms(&[]).await), Some(200));
    assert_eq!(ok(store.take_delivery(199, 1_000, &[]).await), None, "nothing is due yet");
    let taken = ok(store.take_delivery(500, 1_000, &[]).await);
    assert_eq!(taken, Some(Delivery { attempts: 1, next_attempt_ms: 1_000, ..delivery("2", "b", 0) }));
    let only_b = ["a".to_owned()];
    assert_eq!(ok(store.take_delivery(500, 1_000, &only_b).await), None);
    assert_eq!(ok(store.next_delivery_ms(&only_b).await), Some(1_000));
    let ids = async |now_ms: i64| {
        let mut ids = Vec::new();
        while let Some(taken) = ok(store.take_delivery(now_ms, 2_000, &[]).await) {
            ids.push(taken.delivery_id);
        }
        ids
    };
    assert_eq!(ids(500).await, ["3", "1"]);
    ok(store.postpone_delivery("1", 700).await);
    ok(store.remove_delivery("2").await);
    assert_eq!(ids(1_500).await, ["1"], "the third is put off, the second gone");
    let again = ok(store.take_delivery(2_000, 3_000, &[]).await);
    assert_eq!(again.map(|taken| (taken.delivery_id, taken.attempts)), Some(("1".to_owned(), 3)));
    ok(store.delete_webhook("a").await);
    assert_eq!(ok(store.next_delivery_ms(&[]).await), None, "they go with their webhook");
}

/// No more than so many wait for one webhook.
pub async fn waiting_is_bounded(store: &dyn Store) {
    ok(store.create_webhook(webhook("a", &[])).await);
    ok(store.create_webhook(webhook("b", &[])).await);
    let many = |of: &str| (0..5).map(|number| delivery(&format!("{of}{number}"), of, 1)).collect::<Vec<_>>();
    assert_eq!(ok(store.queue_deliveries(many("a"), 3).await), 3);
    assert_eq!(ok(store.queue_deliveries(vec![delivery("more", "a", 1)], 3).await), 0);
    assert_eq!(ok(store.queue_deliveries(many("b"), 3).await), 3, "others have room of their own");
}

/// Each delivery is taken once, however many take at the same time.
pub async fn takers_at_once(store: &dyn Store) {
    ok(store.create_webhook(webhook("a", &[])).await);
    let waiting = (0..20).map(|number| delivery(&format!("{number:02}"), "a", number)).collect();
    ok(store.queue_deliveries(waiting, 100).await);
    let takers = (0..40).map(|_| store.take_delivery(100, 1_000, &[]));
    let taken: Vec<String> =
        join_all(takers).await.into_iter().filter_map(|taken| ok(taken).map(|taken| taken.delivery_id)).collect();
    assert_eq!(taken.len(), 20);
    assert_eq!(taken.iter().collect::<BTreeSet<_>>().len(), 20);
}
