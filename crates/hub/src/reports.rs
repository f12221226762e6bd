//! Hands: takes what recorders say to whom it concerns: states, viewers, the index.

use std::fs::File;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tarsier_live::{LiveInput, LiveUnit};
use tarsier_playback::OpenSegment;
use tarsier_supervise::Report;
use tarsier_types::{
    AccessUnit, CameraId, Gap, GapReason, ParameterSets, StreamKind, Track, UtcMs,
};
use tarsier_wire::ToHub;
use tokio::sync::mpsc;

use crate::hub::Hub;
use crate::journal::{Job, NewEvent};
use crate::state::{DiskSays, Input, Output};

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
            tracing::info!(%camera, pid, engine = engine.name(), adopted, "recorder is there");
            hub.tell(&camera, Input::Started).await;
        }
        Report::Exited { camera, code, status, will_restart_at } => {
            tracing::info!(%camera, ?code, status, restarts = will_restart_at.is_some(), "recorder ended");
            hub.tell(&camera, Input::Exited { code, restart_at: will_restart_at }).await;
            hub.journal.flush().await;
            if hub.open().abandoned(&camera) {
                hub.journal.write(Job::Reconcile).await;
            }
        }
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
        ToHub::SegmentOpened { stream, start, parameters, init_bytes } => {
            opened(hub, &camera, stream, start, parameters, init_bytes);
        }
        ToHub::FragmentWritten { stream, segment, part } => {
            let is_first = hub.open().written(&camera, stream, segment, part);
            if is_first {
                // What the recorder knows of the time before, it has said by now; the rest is its absence.
                let (not_before, reason) = (UtcMs(i64::MIN), GapReason::Recorder);
                hub.journal
                    .write(Job::Since { camera, stream, not_before, until: segment, reason })
                    .await;
            }
        }
        ToHub::SegmentClosed { stream, segment } => {
            hub.journal.write(Job::Closed(camera, stream, Box::new(segment))).await;
        }
        ToHub::Gap { stream, range, reason } => {
            hub.journal.write(Job::Gap(camera, stream, Gap { range, reason })).await;
        }
        ToHub::LiveParameters { stream, parameters } => {
            hub.live.handle((camera, stream), LiveInput::Parameters(parameters)).await;
        }
        ToHub::LiveUnit {
            stream,
            track: Track::Video,
            pts,
            dts,
            duration,
            is_keyframe,
            arrived_utc_us,
        } => {
            let unit = AccessUnit {
                track: Track::Video,
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
        // Sound is not sent to viewers yet.
        ToHub::Hello { .. } | ToHub::LiveUnit { .. } => {}
        ToHub::Disk { stream, problem } => {
            let says = if problem.is_some() { DiskSays::Refused } else { DiskSays::Fine };
            if let Some(problem) = problem {
                tracing::error!(%camera, %stream, problem, "the disk does not take the recording");
            }
            hub.tell(&camera, Input::Disk(stream, says)).await;
        }
        ToHub::LiveSkipped { stream, units } => {
            hub.live.handle((camera, stream), LiveInput::Skipped(units)).await;
        }
    }
}

fn opened(
    hub: &Arc<Hub>,
    camera: &CameraId,
    stream: StreamKind,
    start: UtcMs,
    parameters: ParameterSets,
    init_bytes: u32,
) {
    let segment =
        OpenSegment { start, parameters: Arc::new(parameters), init_bytes, fragments: Vec::new() };
    hub.open().opened(camera, stream, segment);
    let age = hub.now().millis_since(start);
    if age < 3000 {
        return;
    }
    // An earlier hub heard of its first fragments: they are found in the file.
    let (hub, camera) = (hub.clone(), camera.clone());
    tokio::task::spawn_blocking(move || {
        let path = hub.data.footage().join(tarsier_segment::name::path(&camera, stream, start));
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
    /// Lets a camera's brain know, and does what it wants.
    pub(crate) async fn tell(&self, camera: &CameraId, input: Input) {
        let now = self.now();
        let mut outputs = Vec::new();
        if let Some(brain) = self.brains().get_mut(camera) {
            brain.handle(now, input);
            outputs.extend(std::iter::from_fn(|| brain.poll()));
        }
        for output in outputs {
            match output {
                Output::Event { kind, title, body } => {
                    let camera = Some(camera.clone());
                    self.journal.event(NewEvent { at: now, kind, camera, title, body }).await;
                }
                Output::Notice(stream, notice) => {
                    self.live.handle((camera.clone(), stream), LiveInput::Notice(notice)).await;
                }
            }
        }
    }
}
