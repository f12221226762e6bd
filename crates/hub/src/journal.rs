//! What is handed to the one thread that writes footage, gaps and events into the index, in the order in which they came
//! (`writer`).
//!
//! Nobody who reports waits, whatever the disk does: one that hangs would else keep all cameras from being watched. What
//! it does not take waits in memory, in order (`backlog`), and is tried again; what is more than can wait is in the
//! files all the same, and is found when the disk takes writes again.

mod backlog;
mod writer;

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use tarsier_api::event::EventKind;
use tarsier_index::{ConnectionRow, Index, IndexError};
use tarsier_types::{CameraId, Gap, GapReason, StreamKind, UtcMs};
use tarsier_wire::ClosedSegment;
use tokio::sync::{oneshot, watch};

use self::backlog::Backlog;
use self::writer::Writer;
use crate::open_segments::OpenSegments;

/// An event to be kept.
#[derive(Clone, Debug)]
pub(crate) struct NewEvent {
    pub(crate) at: UtcMs,
    pub(crate) kind: EventKind,
    pub(crate) camera: Option<CameraId>,
    pub(crate) title: String,
    pub(crate) body: String,
}

/// What the index keeps of an event's words.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct EventBody {
    pub(crate) title: String,
    pub(crate) body: String,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub(crate) happened: Option<Happened>,
}

/// What happened before a camera, besides its words.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Happened {
    pub(crate) what: String,
    /// Its end; it began at the event's own time. [`tarsier_index::Index::event_spans`] looks for this name.
    pub(crate) until_utc_ms: i64,
}

/// Names an open file.
pub(crate) type FileKey = (CameraId, StreamKind, UtcMs);

/// What is written.
pub(crate) enum Job {
    Event(NewEvent),
    Closed(CameraId, StreamKind, Box<ClosedSegment>),
    Gap(CameraId, StreamKind, Gap),
    /// Nothing is known of the time since the newest footage (or since `not_before`) up to `until`: this is why.
    Since {
        camera: CameraId,
        stream: StreamKind,
        not_before: UtcMs,
        until: UtcMs,
        reason: GapReason,
    },
    /// Kept for the next start of its recorder.
    Connection(ConnectionRow),
    /// The same from the newest footage on, or, where there never was any, since the camera was added.
    Because {
        camera: CameraId,
        stream: StreamKind,
        added: UtcMs,
        until: UtcMs,
        reason: GapReason,
    },
    /// Files may be there that the index does not know.
    Reconcile,
    /// Their recorder is gone: those of them that are not closed by now stay as they are.
    Left(Vec<FileKey>),
    /// Something happened before a camera; answered with the event's id once it is kept.
    Happened(NewEvent, Happened, oneshot::Sender<i64>),
    /// Everything before this is written.
    Flush(oneshot::Sender<()>),
}

/// The handle.
#[derive(Clone)]
pub(crate) struct Journal {
    desk: Arc<Desk>,
    newest_event: watch::Receiver<i64>,
    /// The thread ends with the last handle.
    _end: Arc<End>,
}

/// Where jobs are laid down and taken up.
#[derive(Default)]
struct Desk {
    state: Mutex<State>,
    laid_down: Condvar,
}

#[derive(Default)]
struct State {
    backlog: Backlog,
    is_over: bool,
}

struct End(Arc<Desk>);

impl Drop for End {
    fn drop(&mut self) {
        locked(&self.0.state).is_over = true;
        self.0.laid_down.notify_all();
    }
}

impl Journal {
    /// Starts the thread.
    pub(crate) fn start(index: Index, open: Arc<Mutex<OpenSegments>>) -> Result<Self, IndexError> {
        let (newest, newest_event) = watch::channel(index.last_event_id()?);
        let desk = Arc::<Desk>::default();
        let mut writer = Writer::new(index, open, newest, Arc::clone(&desk));
        tokio::task::spawn_blocking(move || writer.run());
        let end = Arc::new(End(Arc::clone(&desk)));
        Ok(Self { desk, newest_event, _end: end })
    }

    /// Hands over a job; does not wait.
    pub(crate) fn write(&self, job: Job) {
        locked(&self.desk.state).backlog.push(job);
        self.desk.laid_down.notify_one();
    }

    /// Keeps an event; does not wait.
    pub(crate) fn event(&self, event: NewEvent) {
        tracing::info!(
            kind = event.kind.name(),
            camera = event.camera.as_ref().map(CameraId::as_str),
            "{}",
            event.title
        );
        self.write(Job::Event(event));
    }

    /// Waits until everything handed over before was tried to be written.
    pub(crate) async fn flush(&self) {
        let (done, written) = oneshot::channel();
        self.write(Job::Flush(done));
        let _ = written.await;
    }

    /// Changes with each event that is kept: its id.
    pub(crate) fn newest_event(&self) -> watch::Receiver<i64> {
        self.newest_event.clone()
    }
}

fn locked<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
