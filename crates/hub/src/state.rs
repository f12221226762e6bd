//! Brain: what a camera is doing, told from what its recorder says.
//!
//! The main stream decides: it is the one that is recorded. A camera is offline when there was no picture for
//! [`PATIENCE`], or earlier if its recorder has given up the fast attempts; each incident is told once, and its
//! end once. What does not belong here: processes, the index, who hears of it.

use std::collections::{BTreeMap, VecDeque};

use jiff::tz::TimeZone;
use tarsier_api::camera::{AudioFacts, CameraState, StreamStatus, VideoFacts};
use tarsier_api::event::EventKind;
use tarsier_api::problem::{Problem, ProblemCode};
use tarsier_types::{ParameterSets, StreamKind, UtcMs};
use tarsier_wire::{ExitCode, LinkState, Problem as Cause, StreamHealth};

use crate::words::{self, Place, Retry};

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

#[derive(Clone, Debug)]
struct Stream {
    link: Option<LinkState>,
    health: StreamHealth,
    no_picture_since: UtcMs,
    cause: Option<Cause>,
    /// From one attempt to the next, as the recorder last said.
    pace_ms: Option<i64>,
    parameters: Option<ParameterSets>,
    notice: Option<Problem>,
    /// Pictures come, and the disk takes none of them.
    unwritten_since: Option<UtcMs>,
}

/// How a stream is.
enum Condition {
    Fresh,
    Waiting { is_offline: bool, cause: Option<Cause>, since: UtcMs, retry: Retry },
    Stopped { cause: Cause, since: UtcMs },
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
            self.streams.entry(*stream).or_insert_with(|| Stream {
                link: None,
                health: StreamHealth::default(),
                no_picture_since: now,
                cause: None,
                pace_ms: None,
                parameters: None,
                notice: None,
                unwritten_since: None,
            });
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

    /// What is wrong with the camera, if anything.
    pub(crate) fn problem(&self, now: UtcMs) -> Option<Problem> {
        self.stream_problem(StreamKind::Main, now)
    }

    /// When the next attempt comes.
    pub(crate) fn retry_at(&self) -> Option<UtcMs> {
        match self.streams.get(&StreamKind::Main)?.link {
            Some(LinkState::Waiting { retry_at, .. }) => Some(retry_at),
            _ => self.restart_at,
        }
    }

    fn stream_problem(&self, kind: StreamKind, now: UtcMs) -> Option<Problem> {
        let (stream, place) = (self.streams.get(&kind)?, self.facts.places.get(&kind)?);
        let say = |cause: Problem, since, retry| {
            words::no_picture(&self.facts.name, since, cause, &self.tz, now, retry)
        };
        if !self.facts.enabled {
            return Some(words::problem(
                ProblemCode::Offline,
                format!("{} is switched off.", self.facts.name),
                "Switch it on in its settings to connect it again.",
            ));
        }
        if self.is_dead {
            let cause = words::problem(
                ProblemCode::Internal,
                "Its recorder cannot be started.",
                "Save its settings once more; if that does not help, report what is in the log.",
            );
            return Some(say(cause, stream.no_picture_since, Retry::Never));
        }
        match stream.condition(now) {
            Condition::Fresh if stream.unwritten_since.is_some() => {
                let disk = words::cause(Cause::DiskNotWritable, place);
                Some(Problem { message: format!("{}: {}", self.facts.name, disk.message), ..disk })
            }
            Condition::Stopped { cause, since } => {
                Some(say(words::cause(cause, place), since, Retry::Never))
            }
            Condition::Waiting { cause: Some(cause), since, retry, .. } => {
                Some(say(words::cause(cause, place), since, retry))
            }
            Condition::Waiting { is_offline: true, since, .. } => {
                Some(say(words::cause(Cause::NoPictures, place), since, Retry::ByItself))
            }
            Condition::Fresh | Condition::Waiting { .. } => None,
        }
    }

    /// What a viewer is told who gets no pictures.
    fn notice(&self, kind: StreamKind, now: UtcMs) -> Option<Problem> {
        let condition = self.streams.get(&kind)?.condition(now);
        if self.facts.enabled && matches!(condition, Condition::Fresh) {
            return None;
        }
        let connecting = || {
            words::problem(
                ProblemCode::Offline,
                format!("{} is being connected.", self.facts.name),
                "Pictures come by themselves, mostly within some seconds.",
            )
        };
        Some(self.stream_problem(kind, now).unwrap_or_else(connecting))
    }

    /// One entry for each configured stream; who watches is known to others.
    pub(crate) fn stream_statuses(&self, now: UtcMs) -> Vec<StreamStatus> {
        self.streams
            .iter()
            .map(|(kind, stream)| StreamStatus {
                stream: (*kind).into(),
                is_playing: matches!(stream.condition(now), Condition::Fresh) && self.facts.enabled,
                problem: self.stream_problem(*kind, now),
                video: stream.parameters.as_ref().map(video_facts),
                audio: stream.parameters.as_ref().and_then(audio_facts),
                bitrate_bps: stream.health.bitrate_bps,
                fps: f64::from(stream.health.millifps) / 1000.0,
                last_picture_utc_ms: stream.health.last_picture.map(|at| at.0),
                units_in: stream.health.video_units + stream.health.audio_units,
                units_on_disk: stream.health.units_on_disk,
                units_lost: stream.health.units_lost,
                packets_lost: stream.health.packets_lost,
                reconnects: stream.health.reconnects,
                viewers: 0,
            })
            .collect()
    }
}

impl Stream {
    fn condition(&self, now: UtcMs) -> Condition {
        let since = self.no_picture_since;
        let is_late = now.millis_since(since) > PATIENCE_MS;
        match &self.link {
            Some(LinkState::Playing { .. }) if !is_late => Condition::Fresh,
            Some(LinkState::Playing { .. }) => Condition::Waiting {
                is_offline: true,
                cause: Some(Cause::NoPictures),
                since,
                retry: Retry::ByItself,
            },
            Some(LinkState::Stopped { problem, since }) => {
                Condition::Stopped { cause: *problem, since: *since }
            }
            Some(LinkState::Waiting { problem, offline, .. }) => Condition::Waiting {
                is_offline: *offline || is_late,
                cause: Some(*problem),
                since,
                retry: match self.pace_ms {
                    Some(pace) if *offline => Retry::Every((pace + 500) / 1000),
                    _ => Retry::ByItself,
                },
            },
            Some(LinkState::Connecting { .. }) | None => Condition::Waiting {
                is_offline: is_late,
                cause: self.cause,
                since,
                retry: Retry::ByItself,
            },
        }
    }

    fn link(&mut self, now: UtcMs, link: LinkState) {
        match &link {
            LinkState::Playing { parameters, since } => {
                self.parameters = Some(parameters.clone());
                self.cause = None;
                self.no_picture_since =
                    self.health.last_picture.map_or(*since, |last| last.max(*since)).min(now);
            }
            LinkState::Waiting { problem, retry_at, since, .. } => {
                self.cause = Some(*problem);
                self.pace_ms = Some(retry_at.millis_since(now).max(1000));
                self.no_picture_since = *since;
            }
            LinkState::Stopped { problem, since } => {
                self.cause = Some(*problem);
                self.no_picture_since = *since;
            }
            LinkState::Connecting { .. } => {}
        }
        self.link = Some(link);
    }
}

/// About pictures.
pub(crate) fn video_facts(parameters: &ParameterSets) -> VideoFacts {
    let video = &parameters.video;
    VideoFacts {
        codec: video.codec.name().to_owned(),
        rfc6381: video.rfc6381.clone(),
        width: video.width,
        height: video.height,
        fps: video.nominal_millifps.map(|fps| f64::from(fps) / 1000.0),
    }
}

fn audio_facts(parameters: &ParameterSets) -> Option<AudioFacts> {
    let audio = parameters.audio.as_ref()?;
    Some(AudioFacts {
        codec: audio.codec.name().to_owned(),
        sample_rate_hz: Some(audio.sample_rate_hz),
        channels: Some(audio.channels),
    })
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use tarsier_types::{Codec, VideoParameters};

    use super::*;

    const START: UtcMs = UtcMs(1_795_205_640_000); // 2026-11-20T20:14:00Z

    fn facts(enabled: bool, is_recorded: bool) -> Facts {
        let place = Place { host: "192.0.2.7".into(), port: 554 };
        Facts {
            name: "Garden".into(),
            enabled,
            is_recorded,
            places: [(StreamKind::Main, place)].into(),
        }
    }

    fn parameters() -> ParameterSets {
        ParameterSets {
            video: VideoParameters {
                codec: Codec::H264,
                rfc6381: "avc1.64001f".into(),
                width: 640,
                height: 360,
                nominal_millifps: None,
                sample_entry: Bytes::new(),
            },
            audio: None,
        }
    }

    /// Words: a number: seconds pass, with a tick each; `p` plays; `h` a heartbeat with a new picture; `c`
    /// connecting; `w` waiting, `W` waiting and given up; `s` wrong password; `x` the recorder died; `n` the disk
    /// takes nothing; `off`, `on`, `live`: configured so. Answer: states as they change, and events.
    fn run(script: &str) -> String {
        let mut now = START;
        let mut brain = CameraBrain::new(facts(true, true), TimeZone::UTC, now);
        let mut shown = vec![format!("{:?}", brain.state())];
        let mut gone = now;
        for word in script.split_whitespace() {
            let main = StreamKind::Main;
            let waiting = |problem, offline| LinkState::Waiting {
                problem,
                retry_at: now.plus_millis(30_000),
                attempts: 1,
                since: gone,
                offline,
            };
            let input = match word {
                "p" => {
                    Input::Link(main, LinkState::Playing { parameters: parameters(), since: now })
                }
                "h" => {
                    gone = now;
                    Input::Health(
                        main,
                        StreamHealth { last_picture: Some(now), ..StreamHealth::default() },
                    )
                }
                "c" => Input::Link(main, LinkState::Connecting { attempt: 1 }),
                "w" => Input::Link(main, waiting(Cause::Disconnected, false)),
                "W" => Input::Link(main, waiting(Cause::HostUnreachable, true)),
                "s" => Input::Link(
                    main,
                    LinkState::Stopped { problem: Cause::WrongCredentials, since: now },
                ),
                "x" => Input::Exited { code: None, restart_at: Some(now.plus_millis(500)) },
                "d" => Input::Disk(main, DiskSays::Refused),
                "D" => Input::Disk(main, DiskSays::Fine),
                "n" => Input::Exited {
                    code: Some(ExitCode::NotWritable),
                    restart_at: Some(now.plus_millis(500)),
                },
                "off" => Input::Configured(facts(false, true)),
                "on" => Input::Configured(facts(true, true)),
                "live" => Input::Configured(facts(true, false)),
                seconds => {
                    for _ in 0..seconds.parse::<u32>().expect("a number of seconds") {
                        now = now.plus_millis(1000);
                        step(&mut brain, now, Input::Tick, &mut shown);
                    }
                    continue;
                }
            };
            step(&mut brain, now, input, &mut shown);
        }
        shown.join(" ")
    }

    fn step(brain: &mut CameraBrain, now: UtcMs, input: Input, shown: &mut Vec<String>) {
        let before = brain.state();
        brain.handle(now, input);
        if brain.state() != before {
            shown.push(format!("{:?}", brain.state()));
        }
        while let Some(output) = brain.poll() {
            if let Output::Event { kind, .. } = output {
                shown.push(format!("<{}>", kind.name()));
            }
        }
    }

    #[test]
    fn pictures_make_it_recording_or_live() {
        assert_eq!(run("c 1 p h"), "Connecting Recording");
        assert_eq!(run("c 1 p h live"), "Connecting Recording Live");
    }

    #[test]
    fn an_incident_is_told_once_and_so_is_its_end() {
        assert_eq!(
            run("p h w 5 c 1 w 10 c 1 W 60 c 1 W 60 c p h"),
            "Connecting Recording Connecting Offline <camera_offline> Recording <camera_online>",
            "attempts in between are no news"
        );
    }

    #[test]
    fn a_short_break_is_no_incident() {
        assert_eq!(run("p h w 3 c p h"), "Connecting Recording Connecting Recording");
    }

    #[test]
    fn a_host_that_is_gone_is_offline_at_once() {
        assert_eq!(run("p h W"), "Connecting Recording Offline <camera_offline>");
    }

    #[test]
    fn a_connection_without_pictures_is_found_within_10_seconds() {
        assert_eq!(run("p h 10"), "Connecting Recording");
        assert_eq!(run("p h 11"), "Connecting Recording Offline <camera_offline>");
        assert_eq!(
            run("p h 11 h"),
            "Connecting Recording Offline <camera_offline> Recording <camera_online>"
        );
    }

    #[test]
    fn a_camera_that_never_answers_is_offline_after_10_seconds() {
        assert_eq!(run("c 11"), "Connecting Offline <camera_offline>");
    }

    #[test]
    fn a_wrong_password_stops_everything_and_says_so_once() {
        assert_eq!(run("p h w s 100"), "Connecting Recording Connecting Stopped <camera_stopped>");
        assert_eq!(
            run("c 11 s"),
            "Connecting Offline <camera_offline> Stopped <camera_stopped>",
            "that nothing is tried any more is news, even in an incident"
        );
    }

    #[test]
    fn a_recorder_that_keeps_dying_is_told_of_once_in_a_while() {
        assert_eq!(run("p h x 1 x 1 x"), "Connecting Recording Connecting <recorder_restarted>");
    }

    #[test]
    fn a_full_disk_is_told_once() {
        assert_eq!(run("p h n 1 n 1 n"), "Connecting Recording Connecting <disk_not_writable>");
    }

    #[test]
    fn pictures_that_are_not_written_are_live_only() {
        assert_eq!(run("p h d d 1 h D"), "Connecting Recording Live <disk_not_writable> Recording");
    }

    #[test]
    fn switched_off_is_no_incident() {
        assert_eq!(run("p h off 100 on 1"), "Connecting Recording Disabled Recording");
    }

    #[test]
    fn the_sentence_says_what_since_when_and_what_to_do() {
        let mut brain = CameraBrain::new(facts(true, true), TimeZone::UTC, START);
        let link = LinkState::Waiting {
            problem: Cause::HostUnreachable,
            retry_at: START.plus_millis(90_000),
            attempts: 6,
            since: START,
            offline: true,
        };
        let now = START.plus_millis(60_000);
        brain.handle(now, Input::Link(StreamKind::Main, link));
        let problem = brain.problem(now).unwrap();
        assert_eq!(
            problem.message,
            "Garden: no picture since 20:14. The camera does not answer at 192.0.2.7."
        );
        assert_eq!(problem.hint, "Check its power and network. We try again every 30 s.");
        let event = std::iter::from_fn(|| brain.poll())
            .find_map(|output| match output {
                Output::Event { title, body, .. } => Some((title, body)),
                Output::Notice(..) => None,
            })
            .unwrap();
        assert_eq!(event.0, "Garden: no picture since 20:14");
        assert_eq!(
            event.1,
            "The camera does not answer at 192.0.2.7. Check its power and network. We try again every 30 s."
        );
    }
}
