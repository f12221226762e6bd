use std::fmt::Write as _;

use proptest::prelude::{Just, prop_assert, prop_oneof, proptest};
use tarsier_types::{Codec, Pts, VideoParameters};

use super::*;
use crate::policy::{Quick, Reconnect};

/// How the other side is for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum World {
    /// Serves pictures: `fps`, a keyframe each second (or each picture).
    Serves(u64),
    /// Pictures and sound, but the sound ends at once when this begins.
    Mute,
    /// Connects, and sends sound alone.
    SoundOnly,
    /// No packet comes back.
    Silent,
    /// The host refuses the port.
    Refused,
    /// The port is open; nobody speaks.
    Dumb,
    /// Answers, and refuses every session.
    Busy,
    /// Answers, and refuses the password.
    Locked,
    /// Pictures whose timestamps stand still.
    Stuck,
    /// Pictures, none of which is a keyframe.
    NoKeyframe,
    /// Pictures; every fourth packet is lost.
    Lossy,
}

use World::{
    Busy, Dumb, Locked, Lossy, Mute, NoKeyframe, Refused, Serves, Silent, SoundOnly, Stuck,
};

/// What was under way when the simulated second began.
#[derive(Clone, Copy, Debug)]
enum Line {
    Idle,
    Opening { began: u64 },
    Session { began: u64 },
}

/// Hands and a camera, simulated by steps of 10 ms.
struct Simulation {
    brain: Connection,
    millis: u64,
    line: Line,
    look_began: Option<u64>,
    pictures: u64,
    log: String,
    attempts: Vec<u64>,
    looks: Vec<u64>,
    drops: Vec<u64>,
    proven: Vec<u64>,
    health: ConnectionHealth,
    kept: Option<ConnectionState>,
    events: Vec<ReconnectionEvent>,
}

const STEP: u64 = 10;
const EPOCH: i64 = 1_700_000_000_000;

fn moment(millis: u64) -> Moment {
    let utc = UtcMs(EPOCH + i64::try_from(millis).unwrap());
    Moment { mono: Mono::from_millis(millis), utc, chance: 0.5 }
}

fn parameters() -> ParameterSets {
    let video = VideoParameters {
        codec: Codec::H264,
        rfc6381: "avc1.64001f".to_owned(),
        width: 160,
        height: 90,
        nominal_millifps: None,
        sample_entry: bytes(),
    };
    ParameterSets { video, audio: None }
}

fn bytes<T: Default>() -> T {
    T::default()
}

impl Simulation {
    fn new(policy: Policy, resume: Option<ConnectionState>, millis: u64) -> Self {
        let protocol = Protocol::Rtsp { transport: tarsier_types::Transport::Tcp };
        let brain = Connection::new(policy, Delivery::Steady, protocol, resume, moment(millis));
        Self {
            brain,
            millis,
            line: Line::Idle,
            look_began: None,
            pictures: 0,
            log: String::new(),
            attempts: Vec::new(),
            looks: Vec::new(),
            drops: Vec::new(),
            proven: Vec::new(),
            health: ConnectionHealth::default(),
            kept: None,
            events: Vec::new(),
        }
    }

    fn say(&mut self, what: &str) {
        let seconds = Duration::from_millis(self.millis).as_secs_f64();
        let _ = writeln!(self.log, "{seconds:>7.2} {what}");
    }

    /// The world is like that for so many seconds.
    fn passes(&mut self, world: World, seconds: f64) -> &mut Self {
        let until =
            self.millis + u64::try_from(Duration::from_secs_f64(seconds).as_millis()).unwrap();
        while self.millis < until {
            self.obey();
            self.step(world);
            self.millis += STEP;
        }
        self.obey();
        self
    }

    fn tell(&mut self, input: Input) {
        self.brain.handle(moment(self.millis), input);
        self.obey();
    }

    fn step(&mut self, world: World) {
        let now = self.millis;
        if self.brain.deadline().is_some_and(|at| Mono::from_millis(now) >= at) {
            self.tell(Input::Time);
            let again = self.brain.deadline();
            assert!(
                again.is_none_or(|at| at > Mono::from_millis(now)),
                "the deadline does not move on at {now} ms: {again:?}"
            );
        }
        match self.line {
            Line::Idle => {}
            Line::Opening { began } => self.opening(world, now - began),
            Line::Session { began } => self.session(world, now - began),
        }
        if let Some(began) = self.look_began {
            let waited = now - began;
            let answer = match world {
                Silent | Dumb => (waited >= 1_500).then_some(false),
                Refused => (waited >= 10).then_some(false),
                _ => (waited >= 20).then_some(true),
            };
            if let Some(answers) = answer {
                self.look_began = None;
                self.tell(Input::Looked { answers });
            }
        }
    }

    fn opening(&mut self, world: World, waited: u64) {
        let failed = |kind, cause: &str| {
            Some(Input::Failed(Failure { kind, cause: cause.to_owned(), error: cause.to_owned() }))
        };
        // What waits in TCP's own retries is answered at 1, 3 and 7 s.
        let is_tcp_try = matches!(waited, 0..=20 | 1_000..=1_020 | 3_000..=3_020 | 7_000..=7_020);
        let input = match world {
            Silent if waited >= 9_000 => failed(FailureKind::HostSilent, "host_unreachable"),
            Refused if is_tcp_try && waited >= 10 => failed(FailureKind::Refused, "port_closed"),
            Dumb if waited >= 10_000 => failed(FailureKind::Mute, "no_pictures"),
            Busy if is_tcp_try && waited >= 20 => failed(FailureKind::Other, "too_many_sessions"),
            Locked if is_tcp_try && waited >= 20 => {
                failed(FailureKind::Credentials, "wrong_credentials")
            }
            Silent | Refused | Dumb | Busy | Locked => None,
            _ if is_tcp_try && waited >= 20 => Some(Input::Connected),
            _ => None,
        };
        if let Some(input) = input {
            self.line = match input {
                Input::Connected => Line::Session { began: self.millis },
                _ => Line::Idle,
            };
            self.pictures = 0;
            let is_connected = matches!(self.line, Line::Session { .. });
            self.tell(input);
            if is_connected {
                self.tell(Input::Parameters(parameters()));
            }
        }
    }

    fn session(&mut self, world: World, age: u64) {
        let (every, sound) = match world {
            Serves(fps) => (1_000_000 / fps, true),
            Mute | Stuck | NoKeyframe | Lossy => (40_000, false),
            SoundOnly => (0, true),
            Refused | Busy | Locked => {
                self.line = Line::Idle;
                let failure = Failure {
                    kind: FailureKind::Other,
                    cause: "disconnected".to_owned(),
                    error: "reset".to_owned(),
                };
                return self.tell(Input::Failed(failure));
            }
            Silent | Dumb => (0, false),
        };
        if sound && age.is_multiple_of(20) {
            self.tell(Input::Media(self.media(Track::Audio, 0, true)));
        }
        // `every` is in microseconds times a thousandth of the rate: pictures per 1000 s may be below one a second.
        if every > 0 && age.is_multiple_of(every / 1_000 / STEP * STEP) {
            self.pictures += 1;
            let pts = if world == Stuck { 0 } else { i64::try_from(age).unwrap() * 90 };
            let is_keyframe = world != NoKeyframe && self.pictures % 25 == 1;
            if world == Lossy && self.pictures.is_multiple_of(4) {
                return self.tell(Input::Lost { packets: 9 });
            }
            if world == NoKeyframe {
                return self.tell(Input::EarlyPicture);
            }
            self.tell(Input::Media(self.media(Track::Video, pts, is_keyframe)));
        }
    }

    fn media(&self, track: Track, pts: i64, is_keyframe: bool) -> Media {
        let arrived = moment(self.millis).utc;
        Media { track, pts: Pts(pts), is_keyframe, arrived, bytes: 9_000, packets: 7 }
    }

    fn obey(&mut self) {
        while let Some(output) = self.brain.poll() {
            match output {
                Output::Connect { attempt } => {
                    self.line = Line::Opening { began: self.millis };
                    self.attempts.push(self.millis);
                    self.say(&format!("connect #{attempt}"));
                }
                Output::Look => {
                    self.look_began = Some(self.millis);
                    self.looks.push(self.millis);
                }
                Output::Drop { reason, error } => {
                    self.line = Line::Idle;
                    self.drops.push(self.millis);
                    self.say(&format!("drop: {}: {error}", reason.name()));
                }
                Output::Waiting { until, failures, is_offline } => {
                    let wait = until.since(Mono::from_millis(self.millis)).as_secs_f64();
                    let offline = if is_offline { " OFFLINE" } else { "" };
                    self.say(&format!("wait {wait:.2} s after {failures}{offline}"));
                }
                Output::Stopped => self.say("stopped"),
                Output::Playing { .. } => {
                    self.proven.push(self.millis);
                    self.say("playing");
                }
                Output::Sound { is_silent } => {
                    self.say(if is_silent { "no sound" } else { "sound again" });
                }
                Output::Event(event) => {
                    let seconds = Duration::from_millis(event.duration_ms).as_secs_f64();
                    let error = event.error.as_deref().map_or(String::new(), |e| format!(" {e}"));
                    self.say(&format!(
                        "  {} #{} {} {seconds:.2} s{error}",
                        event.kind.name(),
                        event.attempt,
                        event.reason.name()
                    ));
                    self.events.push(event);
                }
                Output::Health(health) => self.health = *health,
                Output::State(state) => self.kept = Some(*state),
            }
        }
    }
}

fn run(script: &[(World, f64)]) -> Simulation {
    let mut simulation = Simulation::new(Policy::default(), None, 0);
    for (world, seconds) in script {
        simulation.passes(*world, *seconds);
    }
    simulation
}

#[test]
fn a_camera_that_serves_is_connected_once_and_nothing_is_told() {
    let said = run(&[(Serves(25), 600.0)]);
    insta::assert_snapshot!(said.log, @"
       0.00 connect #1
       0.10 playing
    ");
    assert_eq!(said.events, [], "no reconnection");
    let health = said.health;
    assert!(health.is_connected && health.connection_age_ms > 590_000, "{health:?}");
    assert_eq!((health.errors, health.stalls, health.reconnects), (0, 0, 0));
}

#[test]
fn a_session_that_is_reset_is_made_again_after_a_second() {
    let said = run(&[(Serves(25), 20.0), (Busy, 0.5), (Serves(25), 5.0)]);
    insta::assert_snapshot!(said.log, @"
       0.00 connect #1
       0.10 playing
      20.00   reconnection_started #0 network_error 0.00 s reset
      20.00 wait 1.00 s after 1
      21.00 connect #2
      21.10   reconnection_attempt #2 network_error 0.10 s
      21.10   reconnection_succeeded #2 network_error 1.12 s
      21.10 playing
    ");
}

#[test]
fn a_zombie_is_found_and_rebuilt_although_its_sound_flows() {
    let said = run(&[(Serves(25), 20.0), (SoundOnly, 10.0)]);
    let found = said.drops.first().expect("it is dropped");
    assert!(*found <= 26_000, "eleven stalls of half a second: {}", said.log);
    assert_eq!(
        said.attempts.get(1),
        Some(&(found + 2_000)),
        "stop, wait 2 s, connect: {}",
        said.log
    );
}

#[test]
fn a_connection_without_a_single_picture_has_failed_after_ten_seconds() {
    let said = run(&[(SoundOnly, 11.0)]);
    assert_eq!(said.drops, [10_020], "{}", said.log);
    assert!(said.log.contains("no picture came in time"), "{}", said.log);
}

#[test]
fn a_freeze_of_three_seconds_costs_no_connection() {
    let said = run(&[(Serves(25), 20.0), (Dumb, 3.0), (Serves(25), 20.0)]);
    assert_eq!(said.attempts.len(), 1, "{}", said.log);
    assert_eq!(said.health.stalls, 6, "it is counted, though: six times half a second");
}

#[test]
fn sound_that_ceases_is_told_and_costs_no_connection() {
    let said = run(&[(Serves(25), 20.0), (Mute, 20.0), (Serves(25), 5.0)]);
    assert_eq!(said.attempts.len(), 1, "{}", said.log);
    assert_eq!(
        (said.log.matches("no sound").count(), said.log.matches("sound again").count()),
        (1, 1),
        "{}",
        said.log
    );
}

#[test]
fn timestamps_that_stand_still_are_no_reconnection() {
    let said = run(&[(Serves(25), 20.0), (Busy, 0.5), (Stuck, 12.0)]);
    assert!(said.log.contains("stand still"), "{}", said.log);
    assert_eq!(said.proven.len(), 1, "only the first: {}", said.log);
}

#[test]
fn a_smart_gop_is_waited_for_as_long_as_pictures_come() {
    let said = run(&[(NoKeyframe, 200.0)]);
    assert_eq!((said.attempts.len(), said.drops.len()), (1, 0), "{}", said.log);
}

#[test]
fn wrong_credentials_stop_and_are_not_tried_again() {
    let said = run(&[(Locked, 3_600.0)]);
    insta::assert_snapshot!(said.log, @"
       0.00 connect #1
       0.02   reconnection_started #0 network_error 0.00 s wrong_credentials
       0.02   reconnection_attempt #1 network_error 0.02 s wrong_credentials
       0.02   reconnection_failed #1 network_error 0.02 s wrong_credentials
       0.02 stopped
    ");
    assert!(said.looks.is_empty(), "nor is the camera looked at");
}

#[test]
fn with_reconnect_off_there_is_one_attempt() {
    let policy = Policy { reconnect: Reconnect::Off, ..Policy::default() };
    let mut said = Simulation::new(policy, None, 0);
    said.passes(Serves(25), 20.0).passes(Busy, 1.0).passes(Serves(25), 60.0);
    assert_eq!(said.attempts.len(), 1, "{}", said.log);
    assert!(said.log.ends_with("stopped\n"), "{}", said.log);
}

#[test]
fn a_silent_host_is_offline_at_once_and_one_failure_is_told() {
    let said = run(&[(Silent, 600.0)]);
    let failed = said.events.iter().filter(|event| event.kind == EventKind::Failed).count();
    assert_eq!(failed, 1, "one alert: {}", said.log);
    assert!(said.log.contains("OFFLINE"), "{}", said.log);
    let attempts = said.attempts.len();
    assert!((14..=17).contains(&attempts), "30 s and 9 s of silence each: {attempts}");
    assert!(said.looks.windows(2).all(|pair| pair[1] - pair[0] >= 900), "{:?}", said.looks);
}

#[test]
fn a_reboot_of_a_minute_is_over_within_three_seconds_of_the_cameras_return() {
    // Session broken, nobody there, the port closed while its system starts, busy while its encoder starts.
    let said = run(&[
        (Serves(25), 60.0),
        (Silent, 40.0),
        (Refused, 15.0),
        (Busy, 5.0),
        (Serves(25), 10.0),
    ]);
    let back = said.proven.last().expect("it plays again");
    assert!(*back <= 123_000, "{}", said.log);
    assert_eq!(said.proven.len(), 2, "{}", said.log);
}

#[test]
fn an_attempt_that_waits_in_tcps_own_retries_is_begun_anew_when_the_host_answers() {
    // Full attempts begin at 0, 39 and 78 s. The camera returns 3.1 s after the third began: TCP would ask at 7 s.
    let said = run(&[(Silent, 81.1), (Serves(25), 10.0)]);
    let back = said.proven.last().expect("it plays");
    assert!(*back <= 84_100, "{}", said.log);
}

#[test]
fn loss_is_told_and_costs_no_connection() {
    let said = run(&[(Serves(25), 20.0), (Lossy, 60.0)]);
    assert_eq!(said.attempts.len(), 1, "{}", said.log);
    let degraded: Vec<&str> = said.health.degraded.iter().map(|told| told.reason.name()).collect();
    assert_eq!(degraded, ["packet_loss"]);
}

#[test]
fn quick_retries_of_a_window_end_with_it() {
    let policy = Policy { quick: Quick::Window(Duration::from_secs(60)), ..Policy::rtmp() };
    let mut said = Simulation::new(policy, None, 0);
    said.passes(Busy, 120.0);
    let failed =
        said.events.iter().find(|event| event.kind == EventKind::Failed).expect("it failed");
    assert!((60_000..70_000).contains(&failed.duration_ms), "{}", said.log);
}

#[test]
fn who_was_offline_before_a_restart_goes_on_as_offline_and_is_told_of_once() {
    let mut first = run(&[(Serves(25), 30.0), (Silent, 100.0)]);
    first.tell(Input::Abort);
    let kept = first.kept.clone().expect("it is kept");
    assert_eq!(kept.phase, SavedPhase::Offline);
    assert_eq!(kept.cause.as_deref(), Some("host_unreachable"));
    let mut second = Simulation::new(Policy::default(), Some(kept.clone()), 135_000);
    second.passes(Silent, 60.0).passes(Serves(25), 5.0);
    let kinds: Vec<&str> = second.events.iter().map(|event| event.kind.name()).collect();
    assert!(!kinds.contains(&"reconnection_started"), "{}", second.log);
    assert!(!kinds.contains(&"reconnection_failed"), "no second alert: {}", second.log);
    let succeeded = second.events.last().expect("it came back");
    assert_eq!(succeeded.kind, EventKind::Succeeded);
    assert!(succeeded.duration_ms > 160_000, "the whole outage, from 30 s on: {}", second.log);
    assert!(succeeded.attempt > kept.failures, "attempts go on being counted");
    assert!(second.health.packets > kept.statistics.packets, "so do packets");
}

#[test]
fn a_process_that_dies_without_a_word_leaves_what_it_knew_at_its_last_attempt() {
    let said = run(&[(Serves(25), 20.0), (Busy, 16.5)]);
    let kept = said.kept.expect("it is kept");
    assert_eq!((kept.phase, kept.failures), (SavedPhase::Connecting, 5), "{}", said.log);
    let age = kept.saved.millis_since(kept.since);
    assert!((15_000..15_200).contains(&age), "1, 2, 4 and 8 s after it broke: {age} ms");
}

#[test]
fn who_was_stopped_for_a_password_does_not_try_it_again_after_a_restart() {
    let mut first = run(&[(Locked, 10.0)]);
    first.tell(Input::Abort);
    let kept = first.kept.clone().expect("it is kept");
    let mut second = Simulation::new(Policy::default(), Some(kept.clone()), 20_000);
    second.passes(Serves(25), 60.0);
    assert_eq!(second.log, "  20.00 stopped\n");
    let next_day = 90_000_000;
    let mut late = Simulation::new(Policy::default(), Some(kept), next_day);
    late.passes(Serves(25), 1.0);
    assert_eq!(late.proven.len(), 1, "what is older than its time to live is not believed");
}

#[test]
fn an_abort_while_reconnecting_is_told() {
    let mut said = run(&[(Serves(25), 20.0), (Busy, 10.0)]);
    said.tell(Input::Abort);
    assert_eq!(said.events.last().map(|event| event.kind), Some(EventKind::Aborted));
    let mut calm = run(&[(Serves(25), 20.0)]);
    calm.tell(Input::Abort);
    assert_eq!(calm.events, [], "a healthy connection just ends");
}

fn outage() -> impl proptest::strategy::Strategy<Value = World> {
    prop_oneof![Just(Silent), Just(Refused), Just(Dumb)]
}

proptest! {
    #![proptest_config(proptest::test_runner::Config { cases: 256, ..Default::default() })]

    #[test]
    fn pictures_are_back_within_three_seconds_of_any_return_and_no_camera_is_hammered(
        // Between outages it is up for longer than 3 s to come back and 10 s to be steady: who breaks sooner waits longer.
        outages in proptest::collection::vec((outage(), 100_u32..9_000, 1_400_u32..4_000), 1..4),
    ) {
        let mut said = run(&[(Serves(25), 15.0)]);
        for (world, outage_cs, up_cs) in outages {
            let (attempts, looks) = (said.attempts.len(), said.looks.len());
            let seconds = f64::from(outage_cs) / 100.0;
            said.passes(world, seconds);
            let budget = 3 + usize::try_from(outage_cs / 3_000).unwrap();
            prop_assert!(said.attempts.len() - attempts <= budget + 4, "attempts:\n{}", said.log);
            let most_looks = usize::try_from(outage_cs / 90).unwrap() + 2;
            prop_assert!(said.looks.len() - looks <= most_looks, "looks: {:?}", said.looks);
            let back = said.millis;
            let was_down = !said.health.is_connected;
            said.passes(Serves(25), f64::from(up_cs) / 100.0);
            // An outage that was shorter than the patience with a stall broke nothing.
            if was_down {
                let proven = said.proven.iter().find(|at| **at >= back);
                prop_assert!(
                    // The rest of the 3 s is the camera's own: connecting, and its first keyframe. Two seconds and a
                    // little are TCP's: a return just behind the second SYN is met by the third, 2 s later (RFC 6298).
                    proven.is_some_and(|at| at - back <= 2_200),
                    "back at {back} ms, proven {proven:?}\n{}", said.log
                );
            }
        }
    }

    #[test]
    fn a_camera_of_any_rate_is_connected_once(every_ms in 4_u64..1_500) {
        let mut said = Simulation::new(Policy::default(), None, 0);
        let every_ms = every_ms * 10;
        // `Serves` counts in whole pictures a second; slow cameras are told of by hand.
        said.passes(Serves(25), 0.03);
        let mut millis = 0;
        while millis < 120_000 {
            let arrived = moment(said.millis).utc;
            let media = Media { track: Track::Video, pts: Pts(i64::try_from(millis).unwrap() * 90),
                is_keyframe: true, arrived, bytes: 9_000, packets: 7 };
            said.tell(Input::Media(media));
            // Sound alone between the pictures.
            said.passes(SoundOnly, Duration::from_millis(every_ms).as_secs_f64());
            millis += every_ms;
        }
        let slow = every_ms >= 10_000;
        prop_assert!(slow || said.attempts.len() == 1, "{every_ms} ms apart\n{}", said.log);
    }
}
