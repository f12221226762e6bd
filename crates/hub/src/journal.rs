//! Hands: the one thread that writes footage, gaps and events into the index, in the order in which they came.
//!
//! Whoever reports waits only when [`CAPACITY`] jobs are ahead of it (a disk that hangs); recorders do not
//! notice even then, for they never wait for the hub. What cannot be written is in the files all the same, and is
//! found at the next start.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use tarsier_api::event::EventKind;
use tarsier_index::{Index, IndexError, Integrity, NewSegment, Reach, SegmentState};
use tarsier_types::{CameraId, Gap, GapReason, StreamKind, UtcMs, UtcRange};
use tarsier_wire::ClosedSegment;
use tokio::sync::{mpsc, oneshot, watch};

use crate::open_segments::OpenSegments;

const CAPACITY: usize = 1024;
/// What is shorter is no gap: the nominal length of a picture, and rounding.
const SHORTEST_GAP_MS: i64 = 1500;

/// A recorder that is told to record again is there within this time, if the camera is.
const CONNECTING_MS: i64 = 10_000;

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
}

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
    /// Files may be there that the index does not know.
    Reconcile,
    /// Everything before this is written.
    Flush(oneshot::Sender<()>),
}

/// The handle.
#[derive(Clone)]
pub(crate) struct Journal {
    jobs: mpsc::Sender<Job>,
    newest_event: watch::Receiver<i64>,
}

impl Journal {
    /// Starts the thread; it ends with the last handle.
    pub(crate) fn start(
        index: Index,
        tier_id: String,
        tier_root: PathBuf,
        open: Arc<Mutex<OpenSegments>>,
    ) -> Result<Self, IndexError> {
        let (newest, newest_event) = watch::channel(index.last_event_id()?);
        let (sender, mut jobs) = mpsc::channel(CAPACITY);
        let writer = Writer { index, tier_id, tier_root, open, newest };
        tokio::task::spawn_blocking(move || {
            while let Some(job) = jobs.blocking_recv() {
                if let Err(error) = writer.write(job) {
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        "not written into the index"
                    );
                }
            }
        });
        Ok(Self { jobs: sender, newest_event })
    }

    /// Hands over a job.
    pub(crate) async fn write(&self, job: Job) {
        // The thread ends only with the last handle.
        let _ = self.jobs.send(job).await;
    }

    /// Keeps an event.
    pub(crate) async fn event(&self, event: NewEvent) {
        tracing::info!(
            kind = event.kind.name(),
            camera = event.camera.as_ref().map(CameraId::as_str),
            "{}",
            event.title
        );
        self.write(Job::Event(event)).await;
    }

    /// Waits until everything handed over before is written.
    pub(crate) async fn flush(&self) {
        let (done, written) = oneshot::channel();
        self.write(Job::Flush(done)).await;
        let _ = written.await;
    }

    /// Changes with each event that is kept: its id.
    pub(crate) fn newest_event(&self) -> watch::Receiver<i64> {
        self.newest_event.clone()
    }
}

struct Writer {
    index: Index,
    tier_id: String,
    tier_root: PathBuf,
    open: Arc<Mutex<OpenSegments>>,
    newest: watch::Sender<i64>,
}

impl Writer {
    fn write(&self, job: Job) -> Result<(), IndexError> {
        match job {
            Job::Event(event) => {
                let body = EventBody { title: event.title, body: event.body };
                let json = serde_json::to_string(&body).expect("two strings are JSON");
                let id = self.index.append_event(
                    event.at,
                    event.kind.name(),
                    event.camera.as_ref(),
                    &json,
                )?;
                self.newest.send_replace(id);
            }
            Job::Closed(camera, stream, segment) => self.closed(&camera, stream, *segment)?,
            Job::Gap(camera, stream, gap) => self.index.gap(&camera, stream, gap)?,
            Job::Since { camera, stream, not_before, until, reason } => {
                let Some(last) = self.index.last_segment_end(&camera, stream)? else {
                    return Ok(());
                };
                let range = UtcRange::new(last.max(not_before), until);
                if range.millis() >= SHORTEST_GAP_MS {
                    let reason = self.still(&camera, stream, range, reason)?;
                    self.index.gap(&camera, stream, Gap { range, reason })?;
                }
            }
            Job::Reconcile => self.reconcile(),
            Job::Flush(done) => drop(done.send(())),
        }
        Ok(())
    }

    /// The first seconds after a pause, until pictures come, belong to the pause.
    fn still(
        &self,
        camera: &CameraId,
        stream: StreamKind,
        range: UtcRange,
        reason: GapReason,
    ) -> Result<GapReason, IndexError> {
        let last = self.index.last_gap(camera, stream)?;
        let is_its_end = last.is_some_and(|last| {
            last.reason == GapReason::Planned
                && last.range.end > range.start
                && range.end.millis_since(last.range.end) < CONNECTING_MS
        });
        Ok(if is_its_end { GapReason::Planned } else { reason })
    }

    fn closed(
        &self,
        camera: &CameraId,
        stream: StreamKind,
        segment: ClosedSegment,
    ) -> Result<(), IndexError> {
        let start = segment.start;
        let new = NewSegment {
            start,
            duration: segment.duration,
            size_bytes: segment.bytes,
            state: SegmentState::Closed,
            integrity: Some(Integrity { hash: segment.hash, chain: segment.chain }),
            parameters: segment.parameters,
            init_bytes: segment.init_bytes,
            fragments: segment.parts,
            units: segment.units,
            continues: segment.continues,
        };
        let stored = self.index.segment_closed(camera, stream, &self.tier_id, &new);
        // Behind the write, so that it is always in one of the two.
        self.open.lock().unwrap_or_else(PoisonError::into_inner).closed(camera, stream, start);
        stored
    }

    fn reconcile(&self) {
        let open =
            self.open.lock().unwrap_or_else(PoisonError::into_inner).names().cloned().collect();
        let go_on = &mut |_: &_| ControlFlow::Continue(());
        match self.index.reconcile(&self.tier_id, &self.tier_root, Reach::Newest, &open, go_on) {
            Ok(report) if report.added > 0 || !report.unplayable.is_empty() => tracing::info!(
                files = report.files,
                added = report.added,
                torn = report.torn,
                unplayable = report.unplayable.len(),
                "found footage that the index did not know"
            ),
            Ok(report) => tracing::debug!(files = report.files, "files and index agree"),
            Err(error) => tracing::error!(
                error = &error as &dyn std::error::Error,
                "files and index not compared"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn events_are_kept_in_order_and_counted() {
        let dir = tempfile::tempdir().unwrap();
        let index = Index::open(&dir.path().join("tarsier.db")).unwrap();
        let journal =
            Journal::start(index.clone(), "t".into(), dir.path().into(), Arc::default()).unwrap();
        for n in 0..3 {
            let title = format!("event {n}");
            let event = NewEvent {
                at: UtcMs(n),
                kind: EventKind::HubStarted,
                camera: None,
                title,
                body: String::new(),
            };
            journal.event(event).await;
        }
        journal.flush().await;
        let kept = index.events_since(0, 10).unwrap();
        assert_eq!(kept.iter().map(|event| event.at.0).collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!(*journal.newest_event().borrow(), kept[2].id, "who waits for events is woken");
    }
}
