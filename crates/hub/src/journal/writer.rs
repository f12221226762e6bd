//! Hands: the thread that writes, in order, what was handed over, and tries again what a disk did not take.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tarsier_api::event::EventKind;
use tarsier_index::{
    Index, IndexError, Integrity, NewSegment, Reach, SEAM_MS, SegmentState, Tier, TierKind,
};
use tarsier_types::{CameraId, Gap, GapReason, StreamKind, UtcMs, UtcRange};
use tarsier_wire::ClosedSegment;
use tokio::sync::watch;

use super::backlog::LeftOut;
use super::{Desk, EventBody, Happened, Job, NewEvent, State, locked};
use crate::open_segments::OpenSegments;
use crate::words;

/// How often a disk that refused is tried again.
const RETRY: Duration = Duration::from_secs(1);
/// A tier that takes longer to look at is gone on without.
const PATIENCE: Duration = Duration::from_secs(10);
/// A file that says that it goes on begins so near to the end of the one before: two processes round differently.
const FOLLOWS_MS: i64 = 1500;
/// A recorder that is told to record again is there within this time, if the camera is.
const CONNECTING_MS: i64 = 10_000;

pub(super) struct Writer {
    index: Index,
    open: Arc<Mutex<OpenSegments>>,
    newest: watch::Sender<i64>,
    desk: Arc<Desk>,
    /// It was logged already that the disk refuses.
    is_refused: bool,
    /// Tiers that are being looked at; one that hangs stays here and is not asked again until it answers.
    looking: Arc<Mutex<BTreeSet<String>>>,
}

impl Writer {
    pub(super) fn new(
        index: Index,
        open: Arc<Mutex<OpenSegments>>,
        newest: watch::Sender<i64>,
        desk: Arc<Desk>,
    ) -> Self {
        Self { index, open, newest, desk, is_refused: false, looking: Arc::default() }
    }

    pub(super) fn run(&mut self) {
        loop {
            let is_over = self.wait();
            self.write_all();
            if is_over {
                // What the disk does not take is found in the files at the next start.
                return;
            }
        }
    }

    /// Until there is something to do. Tells whether it is the last time.
    fn wait(&self) -> bool {
        let mut state = locked(&self.desk.state);
        if self.is_refused {
            // A flush does not wait for the disk.
            let is_quiet = |state: &mut State| !state.is_over && !state.backlog.is_asked();
            let waited = self.desk.laid_down.wait_timeout_while(state, RETRY, is_quiet);
            return waited.unwrap_or_else(PoisonError::into_inner).0.is_over;
        }
        while !state.is_over && state.backlog.is_empty() {
            state = self.desk.laid_down.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.is_over
    }

    /// Writes what waits, until the disk refuses. The desk is free meanwhile.
    fn write_all(&mut self) {
        loop {
            let Some(job) = locked(&self.desk.state).backlog.pop() else { return };
            match job {
                Job::Happened(..) | Job::Flush(_) => self.answer(job),
                job => match self.write(&job) {
                    Err(error) if error.may_pass() => {
                        if !std::mem::replace(&mut self.is_refused, true) {
                            not_written(&error);
                        }
                        let asked = locked(&self.desk.state).backlog.refused(job);
                        for asked in asked {
                            self.answer(asked);
                        }
                        return;
                    }
                    Err(error) => {
                        self.is_refused = false;
                        not_written(&error);
                    }
                    Ok(()) => {
                        self.is_refused = false;
                        self.make_up();
                    }
                },
            }
        }
    }

    /// Who asked does not wait for a disk that refuses.
    fn answer(&self, asked: Job) {
        match asked {
            Job::Flush(done) => drop(done.send(())),
            Job::Happened(event, happened, answer) => match self.event(event, Some(happened)) {
                // Who asked may have gone.
                Ok(id) => drop(answer.send(id)),
                Err(error) => not_written(&error),
            },
            _ => {}
        }
    }

    /// More came than could wait: the files say it, now that the disk takes writes again.
    fn make_up(&self) {
        let left_out = locked(&self.desk.state).backlog.take_left_out();
        let Some(LeftOut { files, events, reasons, until }) = left_out else { return };
        for (camera, stream, start) in files {
            locked(&self.open).closed(&camera, stream, start);
        }
        self.reconcile();
        let Some(at) = until else { return };
        tracing::error!(events, reasons, "more came than could wait for the disk");
        let (title, body) = words::left_out(events, reasons);
        let event = NewEvent { at, kind: EventKind::DiskNotWritable, camera: None, title, body };
        if let Err(error) = self.event(event, None) {
            not_written(&error);
        }
    }

    fn write(&self, job: &Job) -> Result<(), IndexError> {
        match job {
            Job::Event(event) => drop(self.event(event.clone(), None)?),
            Job::Closed(camera, stream, segment) => {
                self.closed(camera, *stream, ClosedSegment::clone(segment))?;
            }
            Job::Gap(camera, stream, gap) => self.index.gap(camera, *stream, *gap)?,
            Job::Since { camera, stream, not_before, until, reason } => {
                let (stream, until, reason) = (*stream, *until, *reason);
                if let Some(last) = self.newest_before(camera, stream, until)? {
                    let range = UtcRange::new(last.max(*not_before), until);
                    self.explain(camera, stream, range, reason)?;
                }
            }
            Job::Because { camera, stream, added, until, reason } => {
                let (stream, until, reason) = (*stream, *until, *reason);
                let mut newest = self.newest_before(camera, stream, until)?;
                if newest.is_none() && reason == GapReason::Planned {
                    // Of a stream that was wanted once, each second has a reason.
                    newest = self.index.last_gap(camera, stream)?.map(|gap| gap.range.end);
                }
                let range = UtcRange::new(newest.unwrap_or(*added), until);
                // Before there was any footage, only what was wanted is missing, and a camera that has just been added
                // is given the time to connect.
                let is_beginning = newest.is_none()
                    && (reason == GapReason::Planned
                        || (reason == GapReason::Recorder && range.millis() < CONNECTING_MS));
                if !is_beginning {
                    self.explain(camera, stream, range, reason)?;
                }
            }
            Job::Connection(row) => self.index.put_connection(row)?,
            Job::Reconcile => self.reconcile(),
            Job::Left(files) => {
                if locked(&self.open).left(files) {
                    self.reconcile();
                }
            }
            // Never wait.
            Job::Happened(..) | Job::Flush(_) => {}
        }
        Ok(())
    }

    fn event(&self, event: NewEvent, happened: Option<Happened>) -> Result<i64, IndexError> {
        let body = EventBody { title: event.title, body: event.body, happened };
        let json = serde_json::to_string(&body).expect("strings and numbers are JSON");
        let (kind, camera) = (event.kind.name(), event.camera.as_ref());
        let id = self.index.append_event(event.at, kind, camera, &json)?;
        self.newest.send_replace(id);
        Ok(id)
    }

    fn explain(
        &self,
        camera: &CameraId,
        stream: StreamKind,
        range: UtcRange,
        reason: GapReason,
    ) -> Result<(), IndexError> {
        if range.millis() <= SEAM_MS {
            return Ok(());
        }
        let reason = self.still(camera, stream, range, reason)?;
        self.index.explain(camera, stream, Gap { range, reason })
    }

    /// The end of the newest footage that begins before that time. A file may still be open, or on its way into the
    /// index, when the next one has begun; and what begins then may be in the index already, found by a look at the
    /// files before its recorder told of it.
    fn newest_before(
        &self,
        camera: &CameraId,
        stream: StreamKind,
        until: UtcMs,
    ) -> Result<Option<UtcMs>, IndexError> {
        let before = UtcMs(until.0.saturating_sub(1));
        let stored = self.index.segment_at(camera, stream, before)?.map(|row| row.range().end);
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let open = open.of(camera, stream).filter(|open| open.start < until);
        Ok(open.map(|open| open.written().end).chain(stored).max())
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
        // A process that took over says that it goes on; that is so only if the one before it came so far.
        let last = self.index.last_segment_end(camera, stream)?;
        let follows = last.is_some_and(|end| start.millis_since(end).abs() < FOLLOWS_MS);
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
            continues: segment.continues && follows,
        };
        let stored = self.index.segment_closed(camera, stream, &segment.tier_id, &new);
        if stored.as_ref().is_err_and(IndexError::may_pass) {
            // It is tried again: until then it plays as an open one does.
            return stored;
        }
        // Behind the write, so that it is always in one of the two.
        self.open.lock().unwrap_or_else(PoisonError::into_inner).closed(camera, stream, start);
        stored
    }

    /// Looks at the newest files of every tier in a folder. One that hangs (a share whose server is gone) is waited for a
    /// while, and not asked again until it answers.
    fn reconcile(&self) {
        let tiers = match self.index.tiers() {
            Ok(tiers) => tiers,
            Err(error) => return not_written(&error),
        };
        for tier in tiers.into_iter().filter(|tier| tier.kind != TierKind::ObjectStore) {
            let looking = Arc::clone(&self.looking);
            if !locked(&looking).insert(tier.id.clone()) {
                continue;
            }
            let (index, open) = (self.index.clone(), Arc::clone(&self.open));
            let (done, looked) = std::sync::mpsc::channel();
            let id = tier.id.clone();
            tokio::task::spawn_blocking(move || {
                compare(&index, &tier, &open);
                locked(&looking).remove(&tier.id);
                // Who waited may have gone on.
                let _ = done.send(());
            });
            if looked.recv_timeout(PATIENCE).is_err() {
                tracing::warn!(tier = id, "the files of this tier are still being looked at");
            }
        }
    }
}

fn compare(index: &Index, tier: &Tier, open: &Mutex<OpenSegments>) {
    let open = locked(open).names().cloned().collect();
    let go_on = &mut |_: &_| ControlFlow::Continue(());
    match index.reconcile(&tier.id, &tier.root, Reach::Newest, &open, go_on) {
        Ok(report) if report.added > 0 || !report.unplayable.is_empty() => tracing::info!(
            tier = tier.id,
            files = report.files,
            added = report.added,
            torn = report.torn,
            unplayable = report.unplayable.len(),
            "found footage that the index did not know"
        ),
        Ok(report) => {
            tracing::debug!(tier = tier.id, files = report.files, "files and index agree");
        }
        Err(error) => tracing::error!(
            tier = tier.id,
            error = &error as &dyn std::error::Error,
            "files and index not compared"
        ),
    }
}

fn not_written(error: &IndexError) {
    tracing::error!(error = error as &dyn std::error::Error, "not written into the index");
}
