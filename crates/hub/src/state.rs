//! Brain: what a camera is doing, told from what its recorder says.
//!
//! The main stream decides: it is the one that is recorded. A camera is offline when there was no picture for
//! [`PATIENCE_MS`], or earlier if its recorder has given up the fast attempts; each incident is told once, and its
//! end once. What does not belong here: processes, the index, who hears of it.

mod shown;
mod stream;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};

use jiff::tz::TimeZone;
use tarsier_api::camera::CameraState;
use tarsier_api::event::EventKind;
use tarsier_api::problem::Problem;
use tarsier_types::{StreamKind, UtcMs};
use tarsier_wire::{ExitCode, LinkState, Problem as Cause, StreamHealth};

use self::stream::{Condition, Stream};
use crate::words::{self, Place};

/// So long without a picture makes a camera offline (SPEC section 4: a zombie is found within 10 s).
const PATIENCE_MS: i64 = 10_000;
/// A recorder that keeps dying is told of once in this time.
const RESTART_TOLD_EVERY_MS: i64 = 600_000;

/// What is configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Facts {
    pub(crate) name: String,
    pub(crate) enabled: bool,
    pub(crate) is_recorded: bool,
    /// Where each configured stream is.
    pub(crate) places: BTreeMap<StreamKind, Place>,
}

/// What happens.
#[derive(Clone, Debug)]
pub(crate) enum Input {
    /// The configuration is new or has changed.
    Configured(Facts),
    /// A process serves the camera.
    Started,
    /// Its process ended.
    Exited { code: Option<ExitCode>, restart_at: Option<UtcMs> },
    /// The connection to the camera.
    Link(StreamKind, LinkState),
    /// Counters.
    Health(StreamKind, StreamHealth),
    /// Whether the disk takes what comes.
    Disk(StreamKind, DiskSays),
    /// Time has passed.
    Tick,
}

/// About a stream's files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DiskSays {
    Fine,
    Refused,
}

/// What is to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Output {
    /// To everybody, and kept.
    Event { kind: EventKind, title: String, body: String },
    /// To who watches that stream live: why there are no pictures, or that nothing is wrong.
    Notice(StreamKind, Option<Problem>),
}

/// One camera.
#[derive(Clone, Debug)]
pub(crate) struct CameraBrain {
    facts: Facts,
    tz: TimeZone,
    streams: BTreeMap<StreamKind, Stream>,
    /// The process ended and is not started again.
    is_dead: bool,
    restart_at: Option<UtcMs>,
    state: CameraState,
    since: UtcMs,
    /// Since when pictures are missing, once it was told.
    incident: Option<UtcMs>,
    is_disk_told: bool,
    restart_told: Option<UtcMs>,
    outputs: VecDeque<Output>,
}

impl CameraBrain {
    pub(crate) fn new(facts: Facts, tz: TimeZone, now: UtcMs) -> Self {
        let state = if facts.enabled { CameraState::Connecting } else { CameraState::Disabled };
        let mut brain = Self {
            facts,
            tz,
            streams: BTreeMap::new(),
            is_dead: false,
            restart_at: None,
            state,
            since: now,
            incident: None,
            is_disk_told: false,
            restart_told: None,
            outputs: VecDeque::new(),
        };
        brain.configure(now);
        brain.judge(now);
        brain
    }

    pub(crate) fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    pub(crate) const fn state(&self) -> CameraState {
        self.state
    }

    pub(crate) const fn since(&self) -> UtcMs {
        self.since
    }

    /// Since when there are no pictures, and why, while that lasts.
    pub(crate) fn outage(&self, stream: StreamKind, now: UtcMs) -> Option<(UtcMs, Option<Cause>)> {
        let stream = self.streams.get(&stream)?;
        match stream.condition(now) {
            Condition::Fresh => {
                stream.unwritten_since.map(|since| (since, Some(Cause::DiskNotWritable)))
            }
            Condition::Waiting { cause, since, .. } => Some((since, cause)),
            Condition::Stopped { cause, since } => Some((since, Some(cause))),
        }
    }

    pub(crate) fn handle(&mut self, now: UtcMs, input: Input) {
        match input {
            Input::Configured(facts) => {
                self.facts = facts;
                self.is_dead = false;
                self.incident = None;
                self.configure(now);
            }
            Input::Started => {
                self.is_dead = false;
                self.restart_at = None;
            }
            Input::Exited { code, restart_at } => self.exited(now, code, restart_at),
            Input::Link(stream, link) => {
                if let Some(stream) = self.streams.get_mut(&stream) {
                    stream.link(now, link);
                }
            }
            Input::Health(stream, health) => {
                if let Some(stream) = self.streams.get_mut(&stream) {
                    stream.health = health;
                    if let (Some(LinkState::Playing { .. }), Some(last)) =
                        (&stream.link, health.last_picture)
                    {
                        stream.no_picture_since = stream.no_picture_since.max(last);
                    }
                }
            }
            Input::Disk(stream, says) => {
                if let Some(stream) = self.streams.get_mut(&stream) {
                    stream.unwritten_since = match says {
                        DiskSays::Fine => None,
                        DiskSays::Refused => stream.unwritten_since.or(Some(now)),
                    };
                }
            }
            Input::Tick => {}
        }
        self.judge(now);
    }

    fn configure(&mut self, now: UtcMs) {
        let places = &self.facts.places;
        self.streams.retain(|stream, _| places.contains_key(stream));
        for stream in places.keys() {
            self.streams.entry(*stream).or_insert_with(|| Stream::new(now));
        }
        if self.facts.enabled && self.state == CameraState::Disabled {
            for stream in self.streams.values_mut() {
                stream.no_picture_since = now;
            }
        }
    }

    fn exited(&mut self, now: UtcMs, code: Option<ExitCode>, restart_at: Option<UtcMs>) {
        self.restart_at = restart_at;
        self.is_dead = restart_at.is_none() && self.facts.enabled && code != Some(ExitCode::Done);
        for stream in self.streams.values_mut() {
            if matches!(stream.link, Some(LinkState::Playing { .. })) {
                stream.no_picture_since = stream.health.last_picture.unwrap_or(now);
            }
            stream.link = None;
            stream.unwritten_since = None;
            stream.health = StreamHealth {
                last_picture: stream.health.last_picture,
                ..StreamHealth::default()
            };
            if code == Some(ExitCode::NotWritable) {
                stream.cause = Some(Cause::DiskNotWritable);
            }
        }
        let unexpected = !matches!(
            code,
            Some(
                ExitCode::Done
                    | ExitCode::EngineCannotRead
                    | ExitCode::NotWritable
                    | ExitCode::Orphaned
            )
        );
        let told_lately =
            self.restart_told.is_some_and(|at| now.millis_since(at) < RESTART_TOLD_EVERY_MS);
        if unexpected && self.facts.enabled && restart_at.is_some() && !told_lately {
            self.restart_told = Some(now);
            self.outputs.push_back(Output::Event {
                kind: EventKind::RecorderRestarted,
                title: format!("{}: the recorder ended unexpectedly", self.facts.name),
                body: "It is started again by itself; up to a second of footage is lost. Details are in the log."
                    .to_owned(),
            });
        }
    }

    /// Draws the conclusions from everything known.
    fn judge(&mut self, now: UtcMs) {
        let (state, problem_since) = self.conclude(now);
        if state != self.state {
            self.since = now;
            self.tell(now, state, problem_since);
            self.state = state;
        }
        self.tell_disk(now);
        for stream in self.streams.keys().copied().collect::<Vec<_>>() {
            let notice = self.notice(stream, now);
            let known = self.streams.get_mut(&stream).expect("its key was just listed");
            if known.notice != notice {
                known.notice.clone_from(&notice);
                self.outputs.push_back(Output::Notice(stream, notice));
            }
        }
    }

    fn conclude(&self, now: UtcMs) -> (CameraState, UtcMs) {
        if !self.facts.enabled {
            return (CameraState::Disabled, now);
        }
        let Some(main) = self.streams.get(&StreamKind::Main) else {
            return (CameraState::Connecting, now);
        };
        match main.condition(now) {
            _ if self.is_dead => (CameraState::Stopped, main.no_picture_since),
            Condition::Fresh if self.facts.is_recorded && main.unwritten_since.is_none() => {
                (CameraState::Recording, now)
            }
            Condition::Fresh => (CameraState::Live, now),
            Condition::Stopped { since, .. } => (CameraState::Stopped, since),
            Condition::Waiting { is_offline: true, since, .. } => (CameraState::Offline, since),
            // A further attempt does not end an incident: only a picture does.
            Condition::Waiting { since, .. } if self.incident.is_some() => {
                (CameraState::Offline, since)
            }
            Condition::Waiting { since, .. } => (CameraState::Connecting, since),
        }
    }

    fn tell(&mut self, now: UtcMs, state: CameraState, since: UtcMs) {
        let name = &self.facts.name;
        match state {
            CameraState::Offline | CameraState::Stopped => {
                let was_told = self.incident.is_some() && state == CameraState::Offline;
                self.incident.get_or_insert(since);
                if was_told {
                    return;
                }
                let kind = if state == CameraState::Offline {
                    EventKind::CameraOffline
                } else {
                    EventKind::CameraStopped
                };
                let title = words::no_picture_title(name, since, now, &self.tz);
                let body = self.problem(now).map_or_else(String::new, |problem| {
                    let what = problem.message.strip_prefix(&title).unwrap_or(&problem.message);
                    format!("{} {}", what.trim_start_matches(". "), problem.hint)
                });
                self.outputs.push_back(Output::Event { kind, title, body });
            }
            CameraState::Recording | CameraState::Live => {
                if let Some(since) = self.incident.take() {
                    let title =
                        format!("{name}: pictures again since {}", words::time(now, now, &self.tz));
                    let body = format!(
                        "There were none for {}, from {} on.",
                        words::span(now.millis_since(since)),
                        words::time(since, now, &self.tz)
                    );
                    self.outputs.push_back(Output::Event {
                        kind: EventKind::CameraOnline,
                        title,
                        body,
                    });
                }
            }
            CameraState::Connecting => {}
            CameraState::Disabled => self.incident = None,
        }
    }

    fn tell_disk(&mut self, now: UtcMs) {
        let is_so = self.facts.enabled
            && self.streams.values().any(|stream| match stream.condition(now) {
                Condition::Waiting { cause, .. } => cause == Some(Cause::DiskNotWritable),
                Condition::Stopped { cause, .. } => cause == Cause::DiskNotWritable,
                Condition::Fresh => stream.unwritten_since.is_some(),
            });
        if is_so && !self.is_disk_told {
            self.outputs.push_back(Output::Event {
                kind: EventKind::DiskNotWritable,
                title: format!("{}: the recording cannot be written", self.facts.name),
                body: "Nothing of this camera is kept until the disk takes it. Check that it is connected and not full."
                    .to_owned(),
            });
        }
        self.is_disk_told = is_so;
    }
}
