//! Promises of [`Store`] as a whole.

use super::{experiment, metric, metrics_of, model, ok, query, refused, run_id, run_info, with_runs};
use crate::Store;
use futures_util::future::{join, join_all};
use metria_core::ErrorKind;

/// After closing, every call says that the store is not available; closing again changes nothing.
pub async fn a_closed_store_is_unavailable(store: &dyn Store) {
    ok(store.ping().await);
    with_runs(store, 1).await;
    store.close().await;
    store.close().await;
    let gone = ErrorKind::Unavailable;
    refused(store.ping().await, gone);
    refused(store.get_run(&run_id(0)).await, gone);
    refused(store.search_runs(&query(1)).await, gone);
    refused(store.metric_history(&run_id(0), "m").await, gone);
    refused(store.create_experiment(experiment("2", "two")).await, gone);
    refused(store.list_experiments(None).await, gone);
    refused(store.create_run(run_info(1), Vec::new()).await, gone);
    refused(store.log_batch(&run_id(0), metrics_of(vec![metric("m", 1.0, 0)])).await, gone);
    refused(store.create_model(model("m")).await, gone);
    refused(store.list_models().await, gone);
    refused(store.list_datasets(&[]).await, gone);
    refused(store.delete_dataset("d").await, gone);
    refused(store.subscribers(&["prompt.created"]).await, gone);
    refused(store.take_delivery(0, 1, &[]).await, gone);
    refused(store.get_traces(&["tr-1".to_owned()]).await, gone);
    refused(store.log_spans(Vec::new()).await, gone);
}

/// What was asked before closing is either written and answered, or refused as not available.
pub async fn closing_waits_for_what_was_asked(store: &dyn Store) {
    with_runs(store, 1).await;
    let id = run_id(0);
    let writes = (0..50_i64).map(|step| store.log_batch(&id, metrics_of(vec![metric("m", 1.0, step)])));
    let (answers, ()) = join(join_all(writes), store.close()).await;
    for answer in answers {
        if answer.is_err() {
            refused(answer, ErrorKind::Unavailable);
        }
    }
}
