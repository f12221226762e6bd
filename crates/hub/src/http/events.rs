//! `/api/v1/events`: what happens, as server-sent events.
//!
//! The index is the only source: a stream that was interrupted goes on behind the last id that it has seen, and a
//! slow reader loses nothing.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Sse;
use axum::response::sse::{self, KeepAlive};
use futures::Stream;
use serde::Deserialize;
use tarsier_api::event::{Event, EventKind};
use tarsier_api::problem::Problem;
use tarsier_index::EventRow;
use tokio::sync::watch;
use utoipa::IntoParams;

use crate::http::answer::{Failure, Params};
use crate::http::rights::{Caller, refused};
use crate::hub::{Hub, index_failed};
use crate::journal::EventBody;
use crate::sessions::{Permit, Wanted};

const AT_ONCE: u32 = 100;

/// Where to begin.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct EventsParams {
    /// The id of the last event that is known; without it (and without `Last-Event-ID`) only new ones are sent.
    after: Option<i64>,
}

/// What happens, as server-sent events; `data` is an `Event`.
#[utoipa::path(get, path = "/api/v1/events", params(EventsParams,
    ("Last-Event-ID" = Option<i64>, Header, description = "As `after`; wins over it")), responses(
    (status = 200, content_type = "text/event-stream", body = Event, description = "Ends with the token"),
    (status = 401, body = Problem, description = "No token, or not a good one")))]
pub(crate) async fn stream(
    State(hub): State<Arc<Hub>>,
    caller: Caller,
    headers: HeaderMap,
    Params(params): Params<EventsParams>,
) -> Result<Sse<impl Stream<Item = Result<sse::Event, Infallible>>>, Failure> {
    let permit = hub.sessions.admit(&caller.claims, Wanted::Events).map_err(refused)?;
    let resumed =
        headers.get("last-event-id").and_then(|id| id.to_str().ok()).and_then(|id| id.parse().ok());
    let newest = hub.journal.newest_event();
    let known = resumed.or(params.after);
    let last = known.unwrap_or_else(|| *newest.borrow());
    let stopping = hub.stopping.subscribe();
    let reader = Reader { hub, caller, permit, newest, stopping, last, ready: Vec::new() };
    let events = futures::stream::unfold(reader, |mut reader| async {
        let event = reader.next().await?;
        Some((Ok(event), reader))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(Duration::from_secs(15))))
}

struct Reader {
    hub: Arc<Hub>,
    caller: Caller,
    permit: Permit,
    newest: watch::Receiver<i64>,
    stopping: watch::Receiver<bool>,
    last: i64,
    /// Read and not sent yet, newest first.
    ready: Vec<Event>,
}

impl Reader {
    /// The next event that this caller may see; ends with the token and with the hub.
    async fn next(&mut self) -> Option<sse::Event> {
        loop {
            if self.permit.has_ended() {
                return None;
            }
            if let Some(event) = self.ready.pop() {
                let json = serde_json::to_string(&event).expect("an event is plain JSON");
                return Some(
                    sse::Event::default()
                        .id(event.id.to_string())
                        .event(event.kind.name())
                        .data(json),
                );
            }
            self.newest.borrow_and_update();
            let after = self.last;
            let rows = self.hub.ask_index(move |index| index.events_since(after, AT_ONCE)).await;
            let rows = rows.map_err(|error| index_failed(&error)).ok()?;
            if let Some(newest) = rows.last() {
                self.last = newest.id;
                let may_see = |event: &Event| match &event.camera_id {
                    Some(camera) => self.caller.may_see(camera),
                    None => true,
                };
                self.ready = rows.into_iter().rev().filter_map(event).filter(may_see).collect();
                continue;
            }
            tokio::select! {
                changed = self.newest.changed() => changed.ok()?,
                _ = self.stopping.wait_for(|stopping| *stopping) => return None,
                _ = self.permit.ended() => return None,
            }
        }
    }
}

/// An event in the words of the API; `None` for a kind that only a newer version knows.
pub(crate) fn event(row: EventRow) -> Option<Event> {
    let kind: EventKind = serde_json::from_value(serde_json::Value::String(row.kind)).ok()?;
    let words: EventBody = serde_json::from_str(&row.body_json).ok()?;
    Some(Event {
        id: row.id,
        utc_ms: row.at.0,
        kind,
        camera_id: row.camera.map(|camera| camera.to_string()),
        title: words.title,
        body: words.body,
        until_utc_ms: words.happened.map(|happened| happened.until_utc_ms),
    })
}
