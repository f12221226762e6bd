//! Hands: one stream of the camera, for the life of the process. Connects, reads, does what the brains say
//! (`reconnect`: when to try again; `recording`: what goes where), and hands live units to the hub.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tarsier_ingest::{Anomaly, Source as _, SourceError, SourceEvent};
use tarsier_reconnect::{Decision, FailureKind, Policy, Reconnector};
use tarsier_segment::{GopRing, SegmentMeta, init_segment, name};
use tarsier_types::{
    AccessUnit, CameraId, Clock as _, Credentials, ParameterSets, StreamKind, SystemClock, UtcMs,
};
use tarsier_wire::{LinkState, Problem, StreamConfig, ToHub};
use tokio::sync::mpsc;

use crate::counters::Counters;
use crate::files::{Files, NewFile};
use crate::gate::{Gate, Held};
use crate::link::HubLink;
use crate::open::OpenSource;
use crate::recording::{Action, Recording};

/// The last GOP in memory; a GOP of 10 s of a 16 Mbit/s camera fits.
const RING_BYTES: usize = 24 << 20;
/// After a failed write, how long until a file is begun again.
const DISK_RETRY: Duration = Duration::from_secs(2);

/// Said to a stream by the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StreamCommand {
    Watch(bool),
    Stop,
}

/// Why the stream's task is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StreamEnd {
    Stopped,
    /// Only another engine can read it.
    EngineCannotRead,
}

/// All that the task of a stream needs.
pub(crate) struct StreamTask<O: OpenSource> {
    pub(crate) camera: CameraId,
    pub(crate) kind: StreamKind,
    pub(crate) config: StreamConfig,
    pub(crate) credentials: Option<Credentials>,
    pub(crate) opener: Arc<O>,
    pub(crate) clock: SystemClock,
    pub(crate) hub: HubLink,
    pub(crate) gate: Gate,
    pub(crate) files: Arc<Files>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) commands: mpsc::Receiver<StreamCommand>,
    pub(crate) disk_failed: mpsc::Receiver<String>,
    pub(crate) recording: Recording,
    pub(crate) state: StreamState,
}

/// What the task remembers between two units.
#[derive(Debug)]
pub(crate) struct StreamState {
    ring: GopRing,
    parameters: Option<ParameterSets>,
    is_watched: bool,
    /// Somebody needs the pictures at once.
    hurry: Option<Held>,
    disk_retry_at: Option<tarsier_types::Mono>,
    pictures_since: Option<UtcMs>,
    no_pictures_since: UtcMs,
}

impl StreamState {
    pub(crate) fn new(now: UtcMs) -> Self {
        Self {
            ring: GopRing::new(RING_BYTES),
            parameters: None,
            is_watched: false,
            hurry: None,
            disk_retry_at: None,
            pictures_since: None,
            no_pictures_since: now,
        }
    }
}

enum Played {
    Stop,
    Failed(SourceError),
}

impl<O: OpenSource> StreamTask<O> {
    /// Runs until it is told to stop.
    pub(crate) async fn run(mut self) -> StreamEnd {
        let mut reconnector = Reconnector::new(Policy::default());
        loop {
            self.link(LinkState::Connecting { attempt: reconnector.attempt() });
            let error = match self.connect_and_play(&mut reconnector).await {
                Played::Stop => break,
                Played::Failed(error) => error,
            };
            tracing::warn!(stream = %self.kind, problem = ?error.problem, detail = error.detail, "no pictures");
            if error.other_engine {
                self.finish();
                return StreamEnd::EngineCannotRead;
            }
            self.recording.ended(error.problem.gap_reason());
            self.act();
            let decision = reconnector.failed(
                self.clock.mono(),
                kind_of(error.problem),
                rand::random::<f64>(),
            );
            if !self.wait(error.problem, decision, &reconnector).await {
                break;
            }
        }
        self.finish();
        StreamEnd::Stopped
    }

    async fn connect_and_play(&mut self, reconnector: &mut Reconnector) -> Played {
        self.hurry_if_needed();
        let opener = Arc::clone(&self.opener);
        let opened = {
            let opening = opener.open(&self.config, self.credentials.as_ref(), self.clock);
            tokio::pin!(opening);
            loop {
                tokio::select! {
                    opened = &mut opening => break opened,
                    command = self.commands.recv() => match command {
                        Some(StreamCommand::Watch(on)) => self.state.is_watched = on,
                        Some(StreamCommand::Stop) | None => return Played::Stop,
                    },
                }
            }
        };
        let mut source = match opened {
            Ok(source) => source,
            Err(error) => return Played::Failed(error),
        };
        let played = self.play(&mut source, reconnector).await;
        source.close().await;
        if self.state.pictures_since.take().is_some() {
            self.counters.reconnected();
        }
        self.state.ring.clear();
        self.state.parameters = None;
        played
    }

    async fn play(&mut self, source: &mut O::Source, reconnector: &mut Reconnector) -> Played {
        loop {
            tokio::select! {
                biased;
                command = self.commands.recv() => match command {
                    Some(StreamCommand::Watch(on)) => self.watch(on),
                    Some(StreamCommand::Stop) | None => return Played::Stop,
                },
                Some(problem) = self.disk_failed.recv() => {
                    self.disk_failure(problem);
                    self.act();
                }
                event = source.next() => match event {
                    Ok(event) => self.take(event, reconnector),
                    Err(error) => return Played::Failed(error),
                },
            }
        }
    }

    fn take(&mut self, event: SourceEvent, reconnector: &mut Reconnector) {
        match &event {
            SourceEvent::Parameters(parameters) => {
                self.state.parameters = Some(parameters.clone());
                self.state.ring.clear();
                self.live_parameters();
                if self.state.pictures_since.is_some() {
                    self.playing();
                }
            }
            SourceEvent::Unit(unit) => {
                self.counters.unit(unit, self.clock.mono());
                if self.state.pictures_since.is_none() && unit.is_keyframe {
                    self.state.pictures_since = Some(unit.arrived);
                    self.hurry_if_needed();
                    reconnector.playing(self.clock.mono());
                    self.playing();
                }
                self.state.no_pictures_since = unit.arrived;
                self.state.ring.push(unit);
                if self.state.is_watched {
                    self.live_unit(unit);
                }
                self.try_disk_again();
            }
            SourceEvent::Anomaly(Anomaly::PacketsLost(packets)) => {
                self.counters.packets_lost(*packets);
            }
            SourceEvent::Anomaly(anomaly) => {
                tracing::debug!(stream = %self.kind, ?anomaly, "the camera misbehaves");
            }
            SourceEvent::NewRun { .. } => {}
        }
        self.recording.source(event);
        self.act();
    }

    /// Does what the recording brain says.
    fn act(&mut self) {
        while let Some(action) = self.recording.poll() {
            match action {
                Action::Open { start, parameters, continues } => {
                    let meta = SegmentMeta {
                        camera: self.camera.clone(),
                        stream: self.kind,
                        start,
                        software: concat!("Tarsier ", env!("CARGO_PKG_VERSION")).to_owned(),
                    };
                    let init = init_segment(&parameters, Some(&meta));
                    let path = name::path(&self.camera, self.kind, start);
                    self.files
                        .open(self.kind, NewFile { start, path, init, parameters, continues });
                }
                Action::Write(fragment) => {
                    let units = fragment.units;
                    if self.files.write(self.kind, fragment).is_ok() {
                        self.counters.queued(units);
                    } else {
                        self.counters.lost(units);
                        self.files.close(self.kind);
                        self.disk_failure(
                            "the disk is too slow: 64 MiB of footage wait for it".to_owned(),
                        );
                    }
                }
                Action::Close => self.files.close(self.kind),
                Action::Gap { range, reason } => {
                    self.hub.fact(ToHub::Gap { stream: self.kind, range, reason });
                }
                Action::Lost { units } => self.counters.lost(units),
            }
        }
    }

    fn disk_failure(&mut self, problem: String) {
        self.recording.disk_failed();
        self.state.disk_retry_at = Some(self.clock.mono() + DISK_RETRY);
        self.hub.fact(ToHub::Disk { stream: self.kind, problem: Some(problem) });
    }

    fn try_disk_again(&mut self) {
        if self.state.disk_retry_at.is_some_and(|at| self.clock.mono() >= at)
            && self.files.has_room()
        {
            self.state.disk_retry_at = None;
            self.recording.disk_works();
        }
    }

    /// Holds the gate open until pictures flow, and while somebody watches.
    fn hurry_if_needed(&mut self) {
        let is_needed = self.state.is_watched || self.state.pictures_since.is_none();
        if is_needed != self.state.hurry.is_some() {
            self.state.hurry = is_needed.then(|| self.gate.hold());
        }
    }

    /// Somebody watches from now on (the last GOP goes first), or nobody does.
    fn watch(&mut self, on: bool) {
        self.state.is_watched = on;
        self.hurry_if_needed();
        if on {
            self.live_parameters();
            let gop: Vec<AccessUnit> = self.state.ring.units().cloned().collect();
            for unit in &gop {
                self.live_unit(unit);
            }
        }
    }

    fn live_parameters(&self) {
        if let (true, Some(parameters)) = (self.state.is_watched, self.state.parameters.clone()) {
            self.hub.live(
                self.kind,
                ToHub::LiveParameters { stream: self.kind, parameters },
                Bytes::new(),
            );
        }
    }

    fn live_unit(&self, unit: &AccessUnit) {
        let message = ToHub::LiveUnit {
            stream: self.kind,
            track: unit.track,
            pts: unit.pts,
            dts: unit.dts,
            duration: unit.duration,
            is_keyframe: unit.is_keyframe,
            arrived_utc_us: unit.arrived.0 * 1000,
        };
        self.hub.live(self.kind, message, unit.data.clone());
    }

    fn link(&self, state: LinkState) {
        self.hub.fact(ToHub::Link { stream: self.kind, state });
    }

    fn playing(&self) {
        if let (Some(parameters), Some(since)) =
            (self.state.parameters.clone(), self.state.pictures_since)
        {
            self.link(LinkState::Playing { parameters, since });
        }
    }

    /// Waits for the next attempt. False: stop.
    async fn wait(
        &mut self,
        problem: Problem,
        decision: Decision,
        reconnector: &Reconnector,
    ) -> bool {
        let since = self.state.no_pictures_since;
        let retry_at = match decision {
            Decision::Stop => {
                self.link(LinkState::Stopped { problem, since });
                None
            }
            Decision::RetryAt(at) => {
                let delay = at.since(self.clock.mono());
                let millis = i64::try_from(delay.as_millis()).unwrap_or(i64::MAX);
                self.link(LinkState::Waiting {
                    problem,
                    retry_at: self.clock.utc().plus_millis(millis),
                    attempts: reconnector.failures(),
                    since,
                    offline: reconnector.is_offline(),
                });
                Some(delay)
            }
        };
        let sleep = async {
            match retry_at {
                Some(delay) => tokio::time::sleep(delay).await,
                None => std::future::pending().await,
            }
        };
        tokio::pin!(sleep);
        loop {
            tokio::select! {
                () = &mut sleep => return true,
                command = self.commands.recv() => match command {
                    Some(StreamCommand::Watch(on)) => self.state.is_watched = on,
                    Some(StreamCommand::Stop) | None => return false,
                },
                Some(problem) = self.disk_failed.recv() => {
                    self.disk_failure(problem);
                    self.act();
                }
            }
        }
    }

    fn finish(&mut self) {
        self.recording.ended(tarsier_types::GapReason::Recorder);
        self.act();
    }
}

fn kind_of(problem: Problem) -> FailureKind {
    match problem {
        Problem::WrongCredentials | Problem::CredentialsNeeded => FailureKind::Credentials,
        Problem::HostUnknown | Problem::HostUnreachable => FailureKind::HostSilent,
        Problem::PortClosed => FailureKind::Refused,
        _ => FailureKind::Other,
    }
}
