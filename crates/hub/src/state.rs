//! Brain: what a camera is doing, told from what its recorder says.
//!
//! The main stream decides: it is the one that is recorded. A camera is offline when there was no picture for
//! [`PATIENCE_MS`], or earlier if its recorder has given up the fast attempts; each incident is told once, and its
//! end once. What does not belong here: processes, the index, who hears of it.

mod shown;
mod stream;
#[cfg(test)]
mod tests;
mod told;

use std::collections::{BTreeMap, VecDeque};

use jiff::tz::TimeZone;
use tarsier_api::camera::CameraState;
use tarsier_api::event::EventKind;
use tarsier_api::problem::Problem;
use tarsier_supervise::{Breach, Manner};
use tarsier_types::{StreamKind, UtcMs};
use tarsier_wire::{ExitCode, LinkState, Problem as Cause, StreamHealth};

use self::stream::{Condition, Stream};
use crate::words::{self, Place};

/// So long without a picture makes a camera offline (SPEC section 4: a zombie is found within 10 s).
pub(crate) const PATIENCE_MS: i64 = 10_000;
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
    /// Another process serves the camera now, and recording went on.
    TookOver,
    /// A living process broke a rule and was replaced.
    Replaced(Breach, Manner),
    /// Restarted too often: left alone until then.
    Unstable { until: UtcMs, restarts: u32, is_alive: bool },
    /// Another start alone cannot mend it.
    Fatal { code: ExitCode, is_alive: bool },
    /// The connection to the camera.
    Link(StreamKind, LinkState),
    /// Counters.
    Health(StreamKind, StreamHealth),
    /// Whether the disk takes what comes.
    Disk(StreamKind, DiskSays),
    /// Time has passed.
    Tick,
    /// Whether pictures are wanted on the disk, by the schedule or because something happens.
    Recorded(bool),
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
    /// It ended too often: until then nothing is tried.
    unstable_until: Option<UtcMs>,
    state: CameraState,
    since: UtcMs,
    /// Since when pictures are missing, once it was told.
    incident: Option<UtcMs>,
    /// That nothing is tried any more was told in this incident.
    is_stop_told: bool,
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
            unstable_until: None,
            state,
            since: now,
            incident: None,
            is_stop_told: false,
            is_disk_told: false,
            restart_told: None,
            outputs: VecDeque::new(),
        };
        brain.configure(now);
        brain.judge(now);
        brain
    }

    /// An earlier hub told of an outage, and not of its end: it is not told again, and its end is.
    pub(crate) fn resume(&mut self, now: UtcMs, since: UtcMs, told: EventKind) {
        if self.facts.enabled {
            self.incident = Some(since);
            self.is_stop_told = told == EventKind::CameraStopped;
            if let Some(main) = self.streams.get_mut(&StreamKind::Main) {
                main.no_picture_since = main.no_picture_since.min(since);
            }
            self.judge(now);
            self.since = since;
        }
    }

    /// The wall clock was put ahead by so many milliseconds (below 0: back): whatever lasts, lasts as long as it did.
    pub(crate) fn clock_changed(&mut self, by_ms: i64) {
        let moved = |at: &mut UtcMs| *at = at.plus_millis(by_ms);
        moved(&mut self.since);
        let points = [
            &mut self.incident,
            &mut self.restart_at,
            &mut self.unstable_until,
            &mut self.restart_told,
        ];
        points.into_iter().flatten().for_each(moved);
        for stream in self.streams.values_mut() {
            stream.clock_changed(by_ms);
        }
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
                // An outage goes on under another name or at another address, and its end is told; that a new password
                // is wrong as well is news.
                self.is_stop_told = false;
                // A name or a schedule ends no pause: a process that is started does.
                self.unstable_until.take_if(|_| !self.facts.enabled);
                self.configure(now);
            }
            Input::Started => self.started(),
            Input::TookOver => {
                self.started();
                // If its disk fails as well, it says so.
                for stream in self.streams.values_mut() {
                    stream.unwritten_since = None;
                }
            }
            Input::Replaced(breach, manner) => {
                let (title, body) = words::replaced(&self.facts.name, breach, manner);
                self.event(EventKind::RecorderRestarted, title, body);
            }
            Input::Unstable { until, restarts, is_alive } => {
                self.unstable_until = (!is_alive).then_some(until);
                let unstable = words::Unstable { until, restarts, is_alive };
                let (title, body) = words::unstable(&self.facts.name, unstable, now, &self.tz);
                self.event(EventKind::CameraUnstable, title, body);
            }
            Input::Fatal { code, is_alive } => {
                // A disk that is not writable is told of as such, once for all recorders of the camera.
                if code != ExitCode::NotWritable {
                    let (title, body) = words::fatal(&self.facts.name, is_alive);
                    self.event(EventKind::RecorderFatal, title, body);
                }
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
                        // It may have been said before the clock was put back.
                        stream.no_picture_since = stream.no_picture_since.max(last.min(now));
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
            Input::Recorded(is_recorded) => self.facts.is_recorded = is_recorded,
        }
        self.judge(now);
    }

    fn started(&mut self) {
        self.is_dead = false;
        self.restart_at = None;
        self.unstable_until = None;
    }

    fn event(&mut self, kind: EventKind, title: String, body: String) {
        self.outputs.push_back(Output::Event { kind, title, body });
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
}
