//! Hands: one stream of the camera, for the life of the process. Tells the brains what happens and does what they say
//! (`reconnect`: when to connect and what is dead; `recording`: what goes where, done in `writing`), and hands live units
//! to the hub.

use std::sync::Arc;

use bytes::Bytes;
use tarsier_ingest::{Anomaly, SourceError, SourceEvent};
use tarsier_reconnect::{
    Connection, ConnectionState, Delivery, Failure, FailureKind, Input, Media, Moment, Output,
    Policy, Protocol, SavedPhase, health,
};
use tarsier_segment::GopRing;
use tarsier_types::{
    AccessUnit, CameraId, Clock as _, Credentials, ParameterSets, StreamKind, SystemClock, Track,
    UtcMs,
};
use tarsier_wire::{LinkState, Problem, StreamConfig, ToHub};
use tokio::sync::mpsc;

use crate::counters::Counters;
use crate::disk::DiskNews;
use crate::files::Files;
use crate::gate::{Gate, Held};
use crate::handover::Seen;
use crate::line::{Happened, Line};
use crate::link::HubLink;
use crate::look;
use crate::open::OpenSource;
use crate::recording::Recording;
use crate::writing::{DiskRetry, Order};

/// The last GOP in memory; a GOP of 10 s of a 16 Mbit/s camera fits.
const RING_BYTES: usize = 24 << 20;

/// Said to a stream by the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StreamCommand {
    Watch(bool),
    Record(Order),
    Stop,
}

/// Why the stream's task is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StreamEnd {
    Stopped,
    /// Only another engine can read it.
    EngineCannotRead,
    /// Another process goes on where this one ended its file.
    HandedOver,
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
    pub(crate) disk_news: mpsc::Receiver<DiskNews>,
    /// What came into the memory of a process in standby.
    pub(crate) standby: mpsc::Sender<(StreamKind, Seen)>,
    pub(crate) recording: Recording,
    pub(crate) policy: Policy,
    pub(crate) epoch: i64,
    /// Where an earlier process was.
    pub(crate) resume: Option<ConnectionState>,
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
    pub(crate) disk_retry: DiskRetry,
    /// Another process records this stream.
    pub(crate) is_over: bool,
    /// The first keyframe of this session, once it is proven that pictures flow.
    pictures_since: Option<UtcMs>,
    no_pictures_since: UtcMs,
    /// Why there are none.
    problem: Problem,
}

impl StreamState {
    pub(crate) fn new(now: UtcMs) -> Self {
        Self {
            ring: GopRing::new(RING_BYTES),
            parameters: None,
            is_watched: false,
            hurry: None,
            disk_retry: DiskRetry::default(),
            is_over: false,
            pictures_since: None,
            no_pictures_since: now,
            problem: Problem::NoPictures,
        }
    }
}

impl<O: OpenSource> StreamTask<O> {
    /// Runs until it is told to stop.
    pub(crate) async fn run(mut self) -> StreamEnd {
        let (opener, config) = (Arc::clone(&self.opener), self.config.clone());
        let mut line = Line::new(opener, config, self.credentials.clone(), self.clock);
        let mut brain = self.brain();
        let end = loop {
            self.follow_all(&mut brain, &mut line).await;
            tokio::select! {
                biased;
                command = self.commands.recv() => match command {
                    Some(StreamCommand::Watch(on)) => self.watch(on),
                    Some(StreamCommand::Record(order)) => self.obey(order),
                    Some(StreamCommand::Stop) | None => break StreamEnd::Stopped,
                },
                Some(news) = self.disk_news.recv() => self.disk_says(news),
                happened = line.next(brain.deadline()) => {
                    if let Some(end) = self.happened(happened, &mut brain, &mut line).await {
                        break end;
                    }
                }
            }
            if self.state.is_over {
                break StreamEnd::HandedOver;
            }
        };
        // Who hands over says nothing more: the connection of the camera is another process's now.
        if end != StreamEnd::HandedOver {
            brain.handle(self.moment(), Input::Abort);
            self.follow_all(&mut brain, &mut line).await;
            self.finish();
        }
        line.end().await;
        end
    }

    fn brain(&mut self) -> Connection {
        let mut policy = self.policy.clone();
        if !look::can_tell(self.config.url.scheme()) {
            policy.looking = None;
        }
        let is_in_pieces = self.config.url.as_str().contains(".m3u8");
        let delivery = if is_in_pieces { Delivery::InPieces } else { Delivery::Steady };
        let protocol = Protocol::of(&self.config.url, self.config.transport);
        let resume = self.resume.take();
        let now = self.clock.utc();
        if let Some(state) = &resume
            && state.phase != SavedPhase::Playing
            && state.is_fresh(now, policy.state_ttl)
        {
            self.state.no_pictures_since = state.since.min(now);
        }
        let cause = resume.as_ref().and_then(|state| state.cause.as_deref());
        self.state.problem = cause.and_then(Problem::from_name).unwrap_or(Problem::NoPictures);
        Connection::new(policy, delivery, protocol, resume, self.moment())
    }

    fn moment(&self) -> Moment {
        Moment { mono: self.clock.mono(), utc: self.clock.utc(), chance: rand::random::<f64>() }
    }

    /// Tells the brain.
    async fn happened(
        &mut self,
        happened: Happened,
        brain: &mut Connection,
        line: &mut Line<O>,
    ) -> Option<StreamEnd> {
        match happened {
            Happened::Came(event) => self.take(event, brain),
            Happened::Opened => brain.handle(self.moment(), Input::Connected),
            Happened::Failed(error) if error.other_engine => {
                tracing::warn!(stream = %self.kind, detail = error.detail, "another engine may read it");
                return Some(StreamEnd::EngineCannotRead);
            }
            Happened::Failed(SourceError { problem, detail, .. }) => {
                self.broke(problem, &detail);
                line.end().await;
                let (kind, cause) = (kind_of(problem), problem.name().to_owned());
                let failure = Failure { kind, cause, error: detail };
                brain.handle(self.moment(), Input::Failed(failure));
            }
            Happened::Looked { answers } => brain.handle(self.moment(), Input::Looked { answers }),
            Happened::Due => brain.handle(self.moment(), Input::Time),
        }
        None
    }

    async fn follow_all(&mut self, brain: &mut Connection, line: &mut Line<O>) {
        while let Some(output) = brain.poll() {
            self.follow(output, line).await;
        }
    }

    /// Does what the brain of the connection says.
    async fn follow(&mut self, output: Output, line: &mut Line<O>) {
        let (stream, since) = (self.kind, self.state.no_pictures_since);
        match output {
            Output::Connect { attempt } => {
                self.hurry_if_needed();
                line.connect();
                self.link(LinkState::Connecting { attempt });
            }
            Output::Look => line.look(),
            Output::Drop { error, .. } => {
                self.broke(Problem::NoPictures, &error);
                line.end().await;
            }
            Output::Waiting { until, failures, is_offline } => {
                let wait = until.since(self.clock.mono()).as_millis();
                self.link(LinkState::Waiting {
                    problem: self.state.problem,
                    retry_at: self.clock.utc().plus_millis(i64::try_from(wait).unwrap_or(i64::MAX)),
                    attempts: failures,
                    since,
                    offline: is_offline,
                });
            }
            Output::Stopped => {
                self.link(LinkState::Stopped { problem: self.state.problem, since });
            }
            Output::Playing { since } => {
                self.state.pictures_since = Some(since);
                self.hurry_if_needed();
                self.playing();
            }
            Output::Sound { is_silent: true } => {
                tracing::warn!(%stream, "pictures come, and the sound that came with them does not any more");
            }
            Output::Sound { is_silent: false } => tracing::info!(%stream, "sound again"),
            Output::Event(event) => self.hub.fact(ToHub::Reconnection { stream, event }),
            Output::Health(health) => self.hub.fact(ToHub::ConnectionHealth { stream, health }),
            Output::State(state) => {
                self.hub.fact(ToHub::ConnectionState { stream, epoch: self.epoch, state });
            }
        }
    }

    /// The session or the attempt is over: until the next picture there is a gap.
    fn broke(&mut self, problem: Problem, detail: &str) {
        tracing::warn!(stream = %self.kind, ?problem, detail, "no pictures");
        self.state.problem = problem;
        self.recording.ended(problem.gap_reason());
        self.act();
        if self.state.pictures_since.take().is_some() {
            self.counters.reconnected();
        }
        self.state.ring.clear();
        self.state.parameters = None;
        self.hurry_if_needed();
    }

    fn take(&mut self, event: SourceEvent, brain: &mut Connection) {
        match &event {
            SourceEvent::Parameters(parameters) => {
                brain.handle(self.moment(), Input::Parameters(parameters.clone()));
                self.state.parameters = Some(parameters.clone());
                self.state.ring.clear();
                self.live_parameters();
                if self.state.pictures_since.is_some() {
                    self.playing();
                }
            }
            SourceEvent::Unit(unit) => {
                self.counters.unit(unit, self.clock.mono());
                brain.handle(self.moment(), Input::Media(media_of(unit)));
                if unit.track == Track::Video {
                    self.state.no_pictures_since = unit.arrived;
                }
                self.state.ring.push(unit);
                if self.state.is_watched {
                    self.live_unit(unit);
                }
            }
            SourceEvent::Anomaly(Anomaly::BeforeKeyframe) => {
                brain.handle(self.moment(), Input::EarlyPicture);
            }
            SourceEvent::Anomaly(Anomaly::PacketsLost(packets)) => {
                self.counters.packets_lost(*packets);
                brain.handle(self.moment(), Input::Lost { packets: *packets });
            }
            SourceEvent::Anomaly(anomaly) => {
                brain.handle(self.moment(), Input::Anomaly);
                tracing::debug!(stream = %self.kind, ?anomaly, "the camera misbehaves");
            }
            SourceEvent::NewRun { .. } => {}
        }
        self.recording.source(event);
        self.act();
        self.hurry_if_needed();
    }

    /// Holds the gate open until pictures flow and it is known when they were taken, and while somebody watches.
    fn hurry_if_needed(&mut self) {
        let is_needed = self.state.is_watched
            || self.state.pictures_since.is_none()
            || self.recording.is_settling();
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

    fn finish(&mut self) {
        self.recording.stop(self.clock.utc());
        self.act();
    }
}

fn kind_of(problem: Problem) -> FailureKind {
    match problem {
        Problem::WrongCredentials | Problem::CredentialsNeeded => FailureKind::Credentials,
        Problem::HostUnknown | Problem::HostUnreachable => FailureKind::HostSilent,
        Problem::PortClosed => FailureKind::Refused,
        // A source that has no pictures after all its patience was not answered: silence of a session is the brain's.
        Problem::NoPictures => FailureKind::Mute,
        _ => FailureKind::Other,
    }
}

fn media_of(unit: &AccessUnit) -> Media {
    Media {
        track: unit.track,
        pts: unit.pts,
        is_keyframe: unit.is_keyframe,
        arrived: unit.arrived,
        bytes: u64::try_from(unit.data.len()).unwrap_or(u64::MAX),
        packets: health::packets_of(unit.data.len()),
    }
}

#[cfg(test)]
mod tests;
