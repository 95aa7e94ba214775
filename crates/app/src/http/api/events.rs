//! A run as it goes on, as server-sent events.

use crate::http::error::{ErrorBody, HttpError};
use crate::http::extract::Path;
use crate::live::{Change, Event};
use crate::state::AppState;
use axum::extract::State;
use axum::response::sse::{self, KeepAlive, Sse};
use futures_util::stream::{Stream, unfold};
use std::convert::Infallible;
use std::time::Duration;

/// How often a silent stream shows that it is alive.
const SIGN_OF_LIFE: Duration = Duration::from_secs(15);

/// What happens to a run, as server-sent events: first `run` with the run as it is, then a `change` with what is new, at
/// most four a second. Who cannot keep up gets `run` again. The stream goes on until the client ends it or the server
/// stops; up to 4,096 may be open, beyond that the answer is `unavailable`.
#[utoipa::path(get, path = "/runs/{run_id}/events", tag = "runs", operation_id = "watch_run", params(("run_id" = String, Path)),
    responses((status = 200, content_type = "text/event-stream", body = Change), (status = "4XX", body = ErrorBody)))]
pub(super) async fn watch(
    State(state): State<AppState>,
    Path(run_id): Path<String>,
) -> Result<Sse<impl Stream<Item = Result<sse::Event, Infallible>>>, HttpError> {
    let watch = state.live.watch(&run_id).await?;
    let events = unfold(watch, |mut watch| async {
        let event = match watch.next().await? {
            Event::Run(run) => sse::Event::default().event("run").data(run),
            Event::Change(change) => sse::Event::default().event("change").data(&*change),
        };
        Some((Ok(event), watch))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(SIGN_OF_LIFE)))
}
