//! Hands: takes what recorders say to whom it concerns: states, viewers, the index.

use std::fs::File;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tarsier_api::event::EventKind;
use tarsier_live::{LiveInput, LiveUnit};
use tarsier_playback::OpenSegment;
use tarsier_supervise::Report;
use tarsier_types::{AccessUnit, CameraId, Clock, Gap, GapReason, StreamKind, UtcMs};
use tarsier_wire::ToHub;
use tokio::sync::mpsc;

use crate::config::CameraEntry;
use crate::hub::Hub;
use crate::journal::{Job, NewEvent};
use crate::state::{DiskSays, Input, Output};
use crate::storage::Nudge;
use crate::words;

/// What only time can tell (no picture for 10 s) is looked for this often.
const TICK: Duration = Duration::from_secs(1);

/// Runs until the supervisor is gone.
pub(crate) async fn run(hub: Arc<Hub>, mut reports: mpsc::Receiver<Report>) {
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            report = reports.recv() => match report {
                Some(report) => take(&hub, report).await,
                None => return,
            },
            _ = ticks.tick() => {
                hub.connections_tick();
                let cameras: Vec<CameraId> = hub.brains().keys().cloned().collect();
                for camera in cameras {
                    hub.tell(&camera, Input::Tick).await;
                }
            }
        }
    }
}

async fn take(hub: &Arc<Hub>, report: Report) {
    match report {
        Report::Message { camera, message, payload } => {
            message_of(hub, camera, message, payload).await;
        }
        Report::Started { camera, pid, engine, adopted } => {
            if adopted {
                hub.blamed().lived_on(&camera);
            }
            tracing::info!(%camera, pid, engine = engine.name(), adopted, "recorder is there");
            hub.tell(&camera, Input::Started).await;
        }
        Report::Exited { camera, code, status, will_restart_at } => {
            tracing::info!(%camera, ?code, status, restarts = will_restart_at.is_some(), "recorder ended");
            hub.connections.ended(&camera);
            hub.tell(&camera, Input::Exited { code, restart_at: will_restart_at }).await;
            let left = hub.open().begun_before(&camera, UtcMs(i64::MAX));
            if !left.is_empty() {
                hub.journal.write(Job::Left(left));
            }
        }
        Report::TookOver { camera, pid, engine, from } => {
            tracing::info!(%camera, pid, engine = engine.name(), "another recorder took over");
            took_over(hub, &camera, from).await;
        }
        Report::RestartedByRule { camera, breach, manner } => {
            hub.tell(&camera, Input::Replaced(breach, manner)).await;
        }
        Report::Unstable { camera, until, restarts, is_alive } => {
            hub.tell(&camera, Input::Unstable { until, restarts, is_alive }).await;
        }
        Report::Fatal { camera, code, is_alive } => {
            hub.tell(&camera, Input::Fatal { code, is_alive }).await;
        }
    }
}

/// The files of the one before are all closed, or torn; where it left a hole, that is known now.
async fn took_over(hub: &Arc<Hub>, camera: &CameraId, from: UtcMs) {
    hub.tell(camera, Input::TookOver).await;
    let left = hub.open().begun_before(camera, from);
    if !left.is_empty() {
        hub.journal.write(Job::Left(left));
    }
    for stream in StreamKind::ALL {
        let begun = {
            let open = hub.open();
            open.of(camera, stream).map(|segment| segment.start).find(|start| *start >= from)
        };
        let Some(until) = begun else { continue };
        let is_on_event = hub.modes.is_on_event(camera, stream);
        let reason = if is_on_event { GapReason::Planned } else { GapReason::Recorder };
        let added = hub.camera(camera).map_or(until, |camera| camera.created);
        let camera = camera.clone();
        hub.journal.write(Job::Because { camera, stream, added, until, reason });
    }
}

async fn message_of(hub: &Arc<Hub>, camera: CameraId, message: ToHub, payload: Bytes) {
    match message {
        ToHub::Heartbeat { streams } => {
            for (stream, health) in streams {
                hub.tell(&camera, Input::Health(stream, health)).await;
            }
        }
        ToHub::Link { stream, state } => hub.tell(&camera, Input::Link(stream, state)).await,
        ToHub::SegmentOpened { stream, start, parameters, init_bytes, tier_id } => {
            let segment = OpenSegment {
                start,
                parameters: Arc::new(parameters),
                init_bytes,
                fragments: Vec::new(),
            };
            opened(hub, &camera, stream, tier_id, segment);
            hub.storage.nudge(Nudge::Segment);
        }
        ToHub::FragmentWritten { stream, segment, part } => {
            hub.alerts.durable().written(&camera, stream, hub.clock.mono());
            let is_first = {
                let mut open = hub.open();
                // While another recorder's file is open the index does not know yet how far footage reaches.
                open.written(&camera, stream, segment, part)
                    && !open.is_earlier_open(&camera, stream, segment)
            };
            if is_first {
                // What the recorder knows of the time before, it has said by now; the rest is what was seen meanwhile, or
                // a time in which nothing happened.
                let seen = hub.blamed().begun(&camera, stream);
                let is_on_event = hub.modes.is_on_event(&camera, stream);
                let reason = if is_on_event { GapReason::Planned } else { seen };
                let added = hub.camera(&camera).map_or(segment, |camera| camera.created);
                let until = segment;
                hub.journal.write(Job::Because { camera, stream, added, until, reason });
            } else {
                hub.blamed().went_on(&camera, stream);
            }
        }
        ToHub::SegmentClosed { stream, segment } => {
            hub.journal.write(Job::Closed(camera, stream, Box::new(segment)));
            hub.storage.nudge(Nudge::Segment);
        }
        ToHub::Gap { stream, range, reason } => {
            let reason = hub.blamed().better(&camera, stream, reason);
            hub.journal.write(Job::Gap(camera, stream, Gap { range, reason }));
        }
        ToHub::LiveParameters { stream, parameters } => {
            hub.live.handle((camera, stream), LiveInput::Parameters(parameters)).await;
        }
        ToHub::LiveUnit { stream, track, pts, dts, duration, is_keyframe, arrived_utc_us } => {
            let unit = AccessUnit {
                track,
                pts,
                dts,
                duration,
                is_keyframe,
                arrived: UtcMs(arrived_utc_us.div_euclid(1000)),
                data: payload,
            };
            hub.live
                .handle((camera, stream), LiveInput::Unit(LiveUnit { unit, arrived_utc_us }))
                .await;
        }
        // Who takes over from whom is the supervisor's.
        ToHub::Hello { .. } | ToHub::ReadyToTakeOver { .. } => {}
        ToHub::Disk { stream, problem, tier_id } => {
            let says = if problem.is_some() { DiskSays::Refused } else { DiskSays::Fine };
            if let Some(problem) = problem {
                tracing::error!(%camera, %stream, tier_id, problem, "the disk does not take the recording");
                // Another disk may take it.
                hub.storage.refused(&tier_id);
            } else {
                hub.supervisor.tier_changed();
                // None need any more: measured at once.
                hub.storage.nudge(Nudge::Disk);
            }
            hub.tell(&camera, Input::Disk(stream, says)).await;
        }
        ToHub::LiveSkipped { stream, units } => {
            hub.live.handle((camera, stream), LiveInput::Skipped(units)).await;
        }
        ToHub::Reconnection { stream, event } => hub.reconnection(&camera, stream, event),
        ToHub::ConnectionHealth { stream, health } => {
            hub.connection_health(&camera, stream, *health);
        }
        ToHub::ConnectionState { stream, epoch, state } => {
            hub.connection_state(&camera, stream, epoch, *state);
        }
    }
}

fn opened(
    hub: &Arc<Hub>,
    camera: &CameraId,
    stream: StreamKind,
    tier_id: String,
    segment: OpenSegment,
) {
    let start = segment.start;
    hub.open().opened(camera, stream, tier_id, segment);
    let age = hub.now().millis_since(start);
    if age < 3000 {
        return;
    }
    // An earlier hub heard of its first fragments: they are found in the file.
    let (hub, camera) = (hub.clone(), camera.clone());
    tokio::task::spawn_blocking(move || {
        let path = hub
            .root_of_open(&camera, stream, start)
            .join(tarsier_segment::name::path(&camera, stream, start));
        let scanned = File::open(&path)
            .map_err(Into::into)
            .and_then(|mut file| tarsier_segment::scan(&mut file));
        match scanned {
            Ok(scan) => hub.open().found(&camera, stream, start, &scan.parts),
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "its beginning is shown when it is closed");
            }
        }
    });
}

impl Hub {
    /// Was the wall clock set? Then nothing lasts longer or shorter for it, and where it went ahead that is why there
    /// is no footage.
    fn follow_clock(&self) {
        let now = self.now();
        let change = {
            let mut watch = self.clock_watch.lock().unwrap_or_else(PoisonError::into_inner);
            watch.look(self.clock.mono(), now)
        };
        let Some(by_ms) = change else { return };
        let seen: Vec<_> = self.all_cameras().iter().flat_map(|camera| self.seen(camera)).collect();
        self.blamed().clock_changed(by_ms);
        for brain in self.brains().values_mut() {
            brain.clock_changed(by_ms);
        }
        let (title, body) = words::clock_changed(by_ms);
        let kind = EventKind::ClockChanged;
        self.journal.event(NewEvent { at: now, kind, camera: None, title, body });
        if by_ms < 0 {
            return;
        }
        let before = now.plus_millis(-by_ms);
        for (camera, stream, seen) in seen {
            // What was wrong before it, was; of the time that was passed over nobody knows.
            if let Some(reason) = seen {
                self.because(&camera, stream, before, reason);
            }
            if seen != Some(GapReason::Planned) {
                self.because(&camera, stream, now, GapReason::Clock);
            }
        }
    }

    /// Why each of a camera's streams has no footage just now, if it has none.
    fn seen(
        &self,
        camera: &Arc<CameraEntry>,
    ) -> Vec<(Arc<CameraEntry>, StreamKind, Option<GapReason>)> {
        let streams = StreamKind::ALL.into_iter().filter(|stream| camera.has(*stream));
        let seen = |stream| {
            if self.is_wanted(camera, stream) {
                self.blamed().now(&camera.id, stream)
            } else {
                Some(GapReason::Planned)
            }
        };
        streams.map(|stream| (Arc::clone(camera), stream, seen(stream))).collect()
    }

    fn because(&self, camera: &CameraEntry, stream: StreamKind, until: UtcMs, reason: GapReason) {
        let (camera, added) = (camera.id.clone(), camera.created);
        self.journal.write(Job::Because { camera, stream, added, until, reason });
    }

    /// Lets a camera's brain know, and does what it wants.
    pub(crate) async fn tell(&self, camera: &CameraId, input: Input) {
        self.follow_clock();
        let now = self.now();
        let mut outputs = Vec::new();
        if let Some(brain) = self.brains().get_mut(camera) {
            brain.handle(now, input);
            outputs.extend(std::iter::from_fn(|| brain.poll()));
        }
        if let Some(entry) = self.camera(camera) {
            self.blame(&entry, now);
        }
        for output in outputs {
            match output {
                Output::Event { kind, title, body } => {
                    let camera = Some(camera.clone());
                    self.journal.event(NewEvent { at: now, kind, camera, title, body });
                }
                Output::Notice(stream, notice) => {
                    self.live.handle((camera.clone(), stream), LiveInput::Notice(notice)).await;
                }
            }
        }
    }
}
