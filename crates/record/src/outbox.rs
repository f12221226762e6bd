//! Brain: what waits for the hub, and what is left out when the hub is slow or away.
//!
//! Recording never waits for the hub. Facts about files are kept until they are said (and those about the open
//! file are said again to a new hub); live access units are dropped down to the next keyframe once more than
//! [`LIVE_BYTES`] wait. What does not belong here: the socket.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use tarsier_reconnect::EventKind;
use tarsier_types::{StreamKind, UtcMs};
use tarsier_wire::{LinkState, ToHub};

/// Live units that may wait: about 8 s of a 8 Mbit/s camera, far more than a hub is ever behind.
const LIVE_BYTES: usize = 8 << 20;
/// Facts that may wait for a hub that is away: closed segments of more than a day.
const FACTS: usize = 2048;

#[derive(Debug, Default)]
struct Standing {
    link: Option<LinkState>,
    /// The newest file, while it is open. A disk that was left because it hangs or is full may say what it does in the one
    /// before at any time.
    opened: Option<ToHub>,
    parts: Vec<ToHub>,
    /// The problem, while there is one: the message as it was said.
    disk: Option<ToHub>,
    connection: Option<ToHub>,
}

impl Standing {
    /// When the file began that is open.
    fn open_since(&self) -> Option<UtcMs> {
        match &self.opened {
            Some(ToHub::SegmentOpened { start, .. }) => Some(*start),
            _ => None,
        }
    }
}

/// What happened while no hub was there is told to the next one; the rest is of no use later.
fn outlives_hub(fact: &ToHub) -> bool {
    match fact {
        ToHub::SegmentClosed { .. } | ToHub::Gap { .. } => true,
        // Attempts are counted, not kept.
        ToHub::Reconnection { event, .. } => event.kind != EventKind::Attempt,
        _ => false,
    }
}

/// A message and its payload.
pub(crate) type Outgoing = (ToHub, Bytes);

#[derive(Debug, Default)]
pub(crate) struct Outbox {
    is_connected: bool,
    facts: VecDeque<ToHub>,
    live: VecDeque<Outgoing>,
    live_bytes: usize,
    skipping: BTreeMap<StreamKind, u32>,
    standing: BTreeMap<StreamKind, Standing>,
}

impl Outbox {
    /// A hub answered: everything that it must know comes first, in the order in which it happened.
    pub(crate) fn connected(&mut self, hello: ToHub) {
        self.is_connected = true;
        self.forget_live();
        let kept = std::mem::take(&mut self.facts);
        self.facts.push_back(hello);
        self.facts.extend(kept);
        for (stream, standing) in &self.standing {
            let link = standing.link.clone().map(|state| ToHub::Link { stream: *stream, state });
            self.facts.extend(link.into_iter().chain(standing.disk.clone()));
            self.facts.extend(standing.connection.clone());
            self.facts.extend(standing.opened.iter().chain(&standing.parts).cloned());
        }
    }

    /// The hub is gone: what is about files waits, the rest is of no use later.
    pub(crate) fn disconnected(&mut self) {
        self.is_connected = false;
        self.forget_live();
        self.facts.retain(outlives_hub);
    }

    fn forget_live(&mut self) {
        self.live.clear();
        self.live_bytes = 0;
        self.skipping.clear();
    }

    /// Something that happened.
    pub(crate) fn fact(&mut self, fact: ToHub) {
        self.remember(&fact);
        if self.is_said_already(&fact) {
            return;
        }
        if !self.is_connected && !outlives_hub(&fact) {
            return;
        }
        if self.facts.len() >= FACTS {
            // The hub finds closed files on the disk by itself; the oldest fact is the one that it misses least.
            self.facts.pop_front();
        }
        self.facts.push_back(fact);
    }

    /// A disk that is full is tried every 2 s: a hub that is slow need not hear the same each time.
    fn is_said_already(&self, fact: &ToHub) -> bool {
        let ToHub::Disk { stream: of, .. } = fact else { return false };
        let is_its_disk =
            |known: &&ToHub| matches!(known, ToHub::Disk { stream, .. } if stream == of);
        self.facts.iter().rev().find(is_its_disk) == Some(fact)
    }

    fn remember(&mut self, fact: &ToHub) {
        match fact {
            ToHub::Link { stream, state } => {
                self.standing.entry(*stream).or_default().link = Some(state.clone());
            }
            ToHub::Disk { stream, problem, .. } => {
                self.standing.entry(*stream).or_default().disk =
                    problem.is_some().then(|| fact.clone());
            }
            ToHub::ConnectionState { stream, .. } => {
                self.standing.entry(*stream).or_default().connection = Some(fact.clone());
            }
            ToHub::SegmentOpened { stream, start, .. } => {
                let standing = self.standing.entry(*stream).or_default();
                if standing.open_since().is_none_or(|open| open <= *start) {
                    standing.opened = Some(fact.clone());
                    standing.parts.clear();
                }
            }
            ToHub::FragmentWritten { stream, segment, .. } => {
                let standing = self.standing.entry(*stream).or_default();
                if standing.open_since() == Some(*segment) {
                    standing.parts.push(fact.clone());
                }
            }
            ToHub::SegmentClosed { stream, segment } => {
                let standing = self.standing.entry(*stream).or_default();
                if standing.open_since() == Some(segment.start) {
                    standing.opened = None;
                    standing.parts.clear();
                }
            }
            _ => {}
        }
    }

    /// Parameters or an access unit for those who watch.
    pub(crate) fn live(&mut self, stream: StreamKind, message: ToHub, payload: Bytes) {
        if !self.is_connected {
            return;
        }
        let is_keyframe = matches!(message, ToHub::LiveUnit { is_keyframe: true, track, .. }
            if track == tarsier_types::Track::Video);
        let is_parameters = matches!(message, ToHub::LiveParameters { .. });
        let is_full = self.live_bytes + payload.len() > LIVE_BYTES;
        if let Some(units) = self.skipping.get_mut(&stream) {
            if !is_parameters && (!is_keyframe || is_full) {
                *units += 1;
                return;
            }
            if is_keyframe {
                let units = *units;
                self.skipping.remove(&stream);
                self.live.push_back((ToHub::LiveSkipped { stream, units }, Bytes::new()));
            }
        } else if is_full && !is_parameters {
            self.skipping.insert(stream, 1);
            return;
        }
        self.live_bytes += payload.len();
        self.live.push_back((message, payload));
    }

    /// What to send next: facts before pictures.
    pub(crate) fn pop(&mut self) -> Option<Outgoing> {
        if !self.is_connected {
            return None;
        }
        if let Some(fact) = self.facts.pop_front() {
            return Some((fact, Bytes::new()));
        }
        let (message, payload) = self.live.pop_front()?;
        self.live_bytes -= payload.len();
        Some((message, payload))
    }

    /// Everything was sent.
    pub(crate) fn is_empty(&self) -> bool {
        self.facts.is_empty() && self.live.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use tarsier_reconnect::{FailureReason, ReconnectionEvent};
    use tarsier_types::{
        Codec, Dts, GapReason, ParameterSets, Part, Pts, Ticks, Track, UtcRange, VideoParameters,
    };
    use tarsier_wire::ClosedSegment;

    use super::*;

    fn unit(is_keyframe: bool, bytes: usize) -> (ToHub, Bytes) {
        let message = ToHub::LiveUnit {
            stream: StreamKind::Main,
            track: Track::Video,
            pts: Pts(0),
            dts: Dts(0),
            duration: Ticks(3600),
            is_keyframe,
            arrived_utc_us: 0,
        };
        (message, Bytes::from(vec![0; bytes]))
    }

    fn gap() -> ToHub {
        let range = UtcRange::new(UtcMs(1), UtcMs(2));
        ToHub::Gap { stream: StreamKind::Main, range, reason: GapReason::Camera }
    }

    fn beat() -> ToHub {
        ToHub::Heartbeat { streams: Vec::new() }
    }

    /// `K` keyframe and `f` other picture of a quarter of the limit; `.` sends one message.
    fn run(script: &str) -> String {
        use std::fmt::Write as _;
        let mut outbox = Outbox::default();
        outbox.connected(beat());
        outbox.pop();
        let mut sent = String::new();
        for letter in script.chars() {
            match letter {
                '.' => match outbox.pop() {
                    Some((ToHub::LiveUnit { is_keyframe: true, .. }, _)) => sent.push('K'),
                    Some((ToHub::LiveUnit { .. }, _)) => sent.push('f'),
                    Some((ToHub::LiveSkipped { units, .. }, _)) => {
                        let _ = write!(sent, "[-{units}]");
                    }
                    Some(_) => sent.push('?'),
                    None => sent.push('_'),
                },
                letter => {
                    let (message, payload) = unit(letter == 'K', LIVE_BYTES / 4);
                    outbox.live(StreamKind::Main, message, payload);
                }
            }
        }
        sent
    }

    #[test]
    fn a_slow_hub_loses_down_to_the_next_keyframe_and_no_part_of_a_gop_after_that() {
        assert_eq!(run("Kfff...."), "Kfff", "nothing is lost below the limit");
        assert_eq!(
            run("Kffffff..ffKf......"),
            "Kfff[-5]Kf_",
            "what follows a loss begins with a keyframe"
        );
        assert_eq!(
            run("KffffKK.....K..."),
            "Kfff_[-3]K_",
            "a keyframe that finds no room is left out as well"
        );
    }

    #[test]
    fn facts_about_files_wait_for_the_next_hub_and_heartbeats_do_not() {
        let mut outbox = Outbox::default();
        outbox.fact(gap());
        outbox.fact(beat());
        assert_eq!(outbox.pop(), None, "nothing can be sent without a hub");
        outbox.connected(beat());
        assert_eq!(outbox.pop().map(|(m, _)| m), Some(beat()), "hello first");
        assert_eq!(outbox.pop().map(|(m, _)| m), Some(gap()), "the gap was kept");
        assert!(outbox.is_empty(), "the old heartbeat is of no use");
    }

    #[test]
    fn a_disk_that_stays_full_is_said_once_to_a_slow_hub_and_its_changes_all() {
        let disk = |problem: Option<&str>| ToHub::Disk {
            stream: StreamKind::Main,
            problem: problem.map(str::to_owned),
            tier_id: "t".to_owned(),
        };
        let mut outbox = Outbox::default();
        outbox.connected(beat());
        for problem in [Some("full"), Some("full"), None, Some("full"), Some("full")] {
            outbox.fact(disk(problem));
        }
        let said: Vec<ToHub> =
            std::iter::from_fn(|| outbox.pop()).skip(1).map(|(fact, _)| fact).collect();
        assert_eq!(said, [disk(Some("full")), disk(None), disk(Some("full"))]);
    }

    #[test]
    fn a_new_hub_hears_about_the_open_file_again() {
        let mut outbox = Outbox::default();
        let state = LinkState::Connecting { attempt: 1 };
        let link = ToHub::Link { stream: StreamKind::Main, state };
        outbox.connected(beat());
        outbox.fact(link.clone());
        while outbox.pop().is_some() {}
        outbox.disconnected();
        outbox.connected(beat());
        outbox.pop();
        assert_eq!(outbox.pop().map(|(m, _)| m), Some(link));
    }

    fn parameters() -> ParameterSets {
        let video = VideoParameters {
            codec: Codec::H264,
            rfc6381: "avc1.64001f".to_owned(),
            width: 160,
            height: 90,
            nominal_millifps: None,
            sample_entry: Bytes::new(),
        };
        ParameterSets { video, audio: None }
    }

    /// `[n` a file is begun at that second, `fn` a fragment is written to it, `]n` it is closed.
    fn file(word: &str) -> ToHub {
        let (stream, parameters) = (StreamKind::Main, parameters());
        let tier_id = "t".to_owned();
        let (letter, second) = word.split_at(1);
        let start = UtcMs(second.parse::<i64>().unwrap() * 1000);
        let part = Part {
            offset: 0,
            bytes: 1,
            start: Ticks(0),
            duration: Ticks(1),
            starts_with_keyframe: true,
        };
        match letter {
            "[" => ToHub::SegmentOpened { stream, start, parameters, init_bytes: 0, tier_id },
            "f" => ToHub::FragmentWritten { stream, segment: start, part },
            _ => {
                let segment = ClosedSegment {
                    start,
                    duration: Ticks(1),
                    bytes: 1,
                    hash: [0; 32],
                    chain: [0; 32],
                    init_bytes: 0,
                    parameters,
                    parts: Vec::new(),
                    units: 1,
                    continues: false,
                    tier_id,
                };
                ToHub::SegmentClosed { stream, segment }
            }
        }
    }

    #[test]
    fn a_new_hub_hears_of_the_newest_file_whatever_a_disk_that_was_left_says_meanwhile() {
        let told = |script: &str, expect: &str| {
            let mut outbox = Outbox::default();
            outbox.connected(beat());
            script.split(' ').for_each(|word| outbox.fact(file(word)));
            while outbox.pop().is_some() {}
            outbox.disconnected();
            outbox.connected(beat());
            outbox.pop();
            let said: Vec<ToHub> = std::iter::from_fn(|| outbox.pop()).map(|(it, _)| it).collect();
            let expect: Vec<ToHub> = expect.split_whitespace().map(file).collect();
            assert_eq!(said, expect, "{script}");
        };
        told("[1 f1 ]1 [2 f2", "[2 f2");
        told("[1 f1 [2 f2 ]1", "[2 f2");
        told("[2 f2 [1 f1 f2 ]1", "[2 f2 f2");
        told("[1 f1 ]1", "");
    }

    #[test]
    fn incidents_of_the_time_without_a_hub_are_told_to_the_next_and_attempts_are_not() {
        let event = |kind| ToHub::Reconnection {
            stream: StreamKind::Main,
            event: ReconnectionEvent {
                kind,
                at: UtcMs(0),
                attempt: 1,
                reason: FailureReason::Timeout,
                error: None,
                duration_ms: 0,
            },
        };
        let mut outbox = Outbox::default();
        for kind in [EventKind::Started, EventKind::Attempt, EventKind::Succeeded] {
            outbox.fact(event(kind));
        }
        outbox.connected(beat());
        outbox.pop();
        let said: Vec<ToHub> = std::iter::from_fn(|| outbox.pop()).map(|(said, _)| said).collect();
        assert_eq!(said, [event(EventKind::Started), event(EventKind::Succeeded)]);
    }
}
