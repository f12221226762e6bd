//! The brains together on a line that is drawn by a script, in simulated time.

use std::collections::VecDeque;
use std::fmt::Write;

use proptest::prelude::*;
use tarsier_types::StreamKind::{Main, Sub};

use super::super::flight::{Flight, Tells};
use super::*;

const STEP_MS: u64 = 10;
const UNIT_MS: u64 = 40;
const UNITS_A_GOP: u64 = 50;
const RTT_MS: u64 = 20;
const MAIN_BPS: u64 = 4_000_000;
const SUB_BPS: u64 = 500_000;

fn at(millis: u64) -> Mono {
    Mono::from_millis(millis)
}

fn rate_of(stream: LiveStream) -> u64 {
    if stream == Main.into() { MAIN_BPS } else { SUB_BPS }
}

/// A keyframe is as large as six others. One that is under way cannot be taken back: of ten others' size it alone takes 1.4 s
/// on a line of a quarter, and the worst case is 2.5 s.
fn bytes_of(stream: LiveStream, number: u64) -> u64 {
    let gop = rate_of(stream) / 8 * UNIT_MS * UNITS_A_GOP / 1000;
    let part = gop / (UNITS_A_GOP + 5);
    if number.is_multiple_of(UNITS_A_GOP) { part * 6 } else { part }
}

struct Packet {
    number: u32,
    bits: u64,
    picture: Option<LiveStream>,
}

/// A viewer, his line and the hub's end of it.
struct World {
    now: u64,
    line_bps: u64,
    choose: Chooser,
    flight: Flight,
    /// What waits in his queue: since when, which picture of which stream.
    queue: VecDeque<(u64, u64, LiveStream)>,
    line: VecDeque<Packet>,
    budget: u64,
    sent: u32,
    /// Arrived, and by when it is heard.
    heard: VecDeque<(u64, u32)>,
    /// When pictures arrived, and of which stream.
    seen: Vec<(u64, LiveStream)>,
    switches: Vec<(u64, LiveStream)>,
}

impl World {
    fn new(line_bps: u64) -> Self {
        Self::of(line_bps, Line::Unknown)
    }

    fn of(line_bps: u64, line: Line) -> Self {
        let start = Start { ladder: Ladder::of(&[Main, Sub]), most: Main, line, is_told: true };
        Self {
            now: 0,
            line_bps,
            choose: Chooser::new(at(0), start),
            flight: Flight::new(at(0), Tells::Received),
            queue: VecDeque::new(),
            line: VecDeque::new(),
            budget: 0,
            sent: 0,
            heard: VecDeque::new(),
            seen: Vec::new(),
            switches: Vec::new(),
        }
    }

    fn on(&self) -> Option<LiveStream> {
        self.switches.last().map(|(_, stream)| *stream)
    }

    fn run(&mut self, seconds: u64, line_bps: u64) {
        self.line_bps = line_bps;
        for _ in 0..seconds * 1000 / STEP_MS {
            self.step();
        }
    }

    fn step(&mut self) {
        self.now += STEP_MS;
        if self.now.is_multiple_of(UNIT_MS) {
            self.unit(self.now / UNIT_MS);
        }
        while self.flight.may_send(at(self.now))
            && let Some((_, number, stream)) = self.queue.pop_front()
        {
            self.send(bytes_of(stream, number), Some(stream));
        }
        if self.now.is_multiple_of(100) {
            self.measure();
        }
        self.arrive();
        while let Some((when, count)) = self.heard.front().copied()
            && when <= self.now
        {
            self.heard.pop_front();
            self.flight.received(at(self.now), count);
        }
    }

    /// Every stream has a picture of that number now.
    fn unit(&mut self, number: u64) {
        let is_keyframe = number.is_multiple_of(UNITS_A_GOP);
        let wanted = self.choose.wanted().expect("there is something to show");
        if Some(wanted) != self.on() {
            let is_at_once = self.on().is_none() || self.choose.is_lower(wanted);
            if is_keyframe || is_at_once {
                self.queue.clear();
                let first = number - number % UNITS_A_GOP;
                self.queue.extend((first..=number).map(|number| (self.now, number, wanted)));
                self.switches.push((self.now, wanted));
                self.choose.handle(at(self.now), Input::WentOver(wanted));
                return;
            }
        }
        let Some(on) = self.on() else { return };
        // As the viewer's queue does: the oldest whole GOPs go.
        let oldest = self.queue.front().map_or(self.now, |(since, ..)| *since);
        let newest_keyframe =
            self.queue.iter().rposition(|(_, number, _)| number.is_multiple_of(UNITS_A_GOP));
        if self.now - oldest > 2000
            && let Some(keyframe) = newest_keyframe
        {
            self.queue.drain(..keyframe);
        }
        self.queue.push_back((self.now, number, on));
    }

    fn send(&mut self, bytes: u64, picture: Option<LiveStream>) {
        self.sent += 1;
        let now = at(self.now);
        self.flight.sent(now, now, usize::try_from(bytes).unwrap());
        self.line.push_back(Packet { number: self.sent, bits: bytes * 8, picture });
    }

    fn measure(&mut self) {
        let Some(on) = self.on() else { return };
        let now = at(self.now);
        let waited = self.queue.front().map_or(0, |(since, ..)| self.now - since);
        let sample = Sample {
            lag: self.flight.lag(now).max(Duration::from_millis(waited)),
            capacity_bps: self.flight.capacity_bps(now),
            rate_bps: Some(rate_of(on)),
        };
        self.choose.handle(now, Input::Measured(sample));
        if let Some(bps) = self.choose.probe_bps()
            && self.flight.may_send(at(self.now))
        {
            self.send(bps / 80, None);
        }
    }

    fn arrive(&mut self) {
        self.budget += self.line_bps * STEP_MS / 1000;
        let mut newest = None;
        while let Some(packet) = self.line.front_mut() {
            let taken = packet.bits.min(self.budget);
            packet.bits -= taken;
            self.budget -= taken;
            if packet.bits > 0 {
                break;
            }
            newest = Some(packet.number);
            self.seen.extend(packet.picture.map(|stream| (self.now, stream)));
            self.line.pop_front();
        }
        if self.line.is_empty() {
            self.budget = 0;
        }
        // He reports what he got, at once.
        if let Some(count) = newest {
            self.heard.push_back((self.now + RTT_MS, count));
        }
    }

    /// The longest time without a new picture since then.
    fn longest_still_since(&self, since: u64) -> u64 {
        let times = self.seen.iter().map(|(at, _)| *at).filter(|at| *at >= since);
        let mut last = since;
        let stills = times.map(|at| at - std::mem::replace(&mut last, at));
        stills.max().unwrap_or(self.now - since).max(self.now - last)
    }

    /// From then on until pictures of that stream arrived.
    fn until_seen(&self, since: u64, wanted: LiveStream) -> Option<u64> {
        let found = self.seen.iter().find(|(at, stream)| *at >= since && *stream == wanted);
        found.map(|(at, _)| at - since)
    }

    fn told(&self) -> String {
        self.switches.iter().fold(String::new(), |mut told, (at, stream)| {
            write!(
                told,
                "{}@{:.1} ",
                stream.name(),
                f64::from(u32::try_from(*at).unwrap()) / 1000.0
            )
            .unwrap();
            told
        })
    }
}

#[test]
fn bandwidth_cut_to_a_quarter_and_back() {
    // Whatever the moment within a GOP: the cut comes at another place of it each time.
    for offset in 0..20 {
        for spare in [110, 150, 300] {
            let line = MAIN_BPS * spare / 100;
            let mut world = World::new(line);
            world.run(20, line);
            (0..offset * 10).for_each(|_| world.step());
            let cut = world.now;
            assert_eq!(world.on(), Some(Main.into()), "{}", world.told());
            world.run(30, MAIN_BPS / 4);
            let down = world.until_seen(cut, Sub.into()).expect("it went down");
            let back = world.now;
            world.run(30, line);
            let up = world.until_seen(back, Main.into()).expect("it went up");
            assert!(down <= 2000, "{down} ms at {offset}, {spare}: {}", world.told());
            assert!(up <= 15_000, "{up} ms at {offset}, {spare}: {}", world.told());
            let still = world.longest_still_since(cut);
            assert!(still <= 1500, "the picture stood still for {still} ms: {}", world.told());
            assert_eq!(world.switches.len(), 3, "no flapping: {}", world.told());
        }
    }
}

#[test]
fn a_line_that_is_too_narrow_for_the_best_stream_is_left_alone() {
    let mut world = World::new(MAIN_BPS / 2);
    world.run(600, MAIN_BPS / 2);
    assert_eq!(world.switches.len(), 2, "probes cost no picture: {}", world.told());
    let still = world.longest_still_since(10_000);
    assert!(still <= 700, "{still} ms");
}

#[test]
fn a_line_that_lies_to_probes_is_tried_ever_more_rarely() {
    let mut world = World::new(MAIN_BPS * 2);
    let mut tries = Vec::new();
    for _ in 0..60 {
        // Good as long as the small stream is on it.
        for _ in 0..1000 {
            let is_main = world.on() == Some(Main.into());
            world.line_bps = if is_main { MAIN_BPS / 2 } else { MAIN_BPS * 2 };
            world.step();
        }
        tries.push(world.switches.len());
    }
    let (first, last) = (tries[5], tries[59] - tries[29]);
    assert!(first >= 4 && last <= 8, "{tries:?}: {}", world.told());
}

#[test]
fn a_good_line_is_never_left() {
    for spare in [115, 200, 1000] {
        let line = MAIN_BPS * spare / 100;
        let mut world = World::new(line);
        world.run(120, line);
        assert_eq!(world.switches.len(), 1, "{spare}: {}", world.told());
    }
}

#[test]
fn a_hiccup_is_no_reason_to_go() {
    let mut world = World::new(MAIN_BPS * 3);
    world.run(10, MAIN_BPS * 3);
    for _ in 0..20 {
        world.line_bps = 0;
        (0..30).for_each(|_| world.step());
        world.run(4, MAIN_BPS * 3);
    }
    assert_eq!(world.switches.len(), 1, "{}", world.told());
}

#[test]
fn a_small_picture_gets_the_small_stream_until_it_is_made_large() {
    let mut world = World::new(MAIN_BPS * 3);
    world.choose.handle(at(0), Input::Best(Sub));
    world.run(20, MAIN_BPS * 3);
    assert_eq!(world.on(), Some(Sub.into()));
    assert!(world.choose.is_best(Sub.into()), "the large one is of no use");
    world.choose.handle(at(world.now), Input::Best(Main));
    assert_eq!(world.choose.wanted(), Some(Main.into()), "at once");
    assert!(world.choose.is_waited_for(), "and not at the next keyframe");
    assert!(!world.choose.is_best(Sub.into()));
    world.run(5, MAIN_BPS * 3);
    assert_eq!(world.on(), Some(Main.into()));
    assert!(!world.choose.is_waited_for());
    world.choose.handle(at(world.now), Input::Best(Sub));
    world.run(60, MAIN_BPS * 3);
    assert_eq!(world.switches.len(), 3, "{}", world.told());
}

#[test]
fn on_a_line_that_proved_narrow_less_comes_first_and_more_when_it_is_wide_again() {
    for (line, end) in [(MAIN_BPS / 4, Sub), (MAIN_BPS * 2, Main)] {
        let mut world = World::of(line, Line::Narrow);
        world.run(15, line);
        assert_eq!(world.switches[0].1, Sub.into());
        assert_eq!(world.on(), Some(end.into()), "{}", world.told());
    }
    let ladder = Ladder::of(&[Sub]);
    let start = Start { ladder, most: Main, line: Line::Narrow, is_told: true };
    let nothing_less = Chooser::new(at(0), start);
    assert_eq!(nothing_less.wanted(), Some(Sub.into()));
}

#[test]
fn what_cannot_be_played_or_is_gone_is_never_wanted_again() {
    let mut world = World::new(MAIN_BPS * 3);
    let choose = &mut world.choose;
    choose.handle(at(0), Input::CannotPlay(Main.into()));
    assert_eq!(choose.wanted(), Some(crate::Rung::P720.into()), "what is made of it");
    choose.handle(at(0), Input::IsGone(crate::Rung::P720.into()));
    assert_eq!(choose.wanted(), Some(Sub.into()));
    choose.handle(at(0), Input::WentOver(Sub.into()));
    choose.handle(at(5), Input::IsGone(Sub.into()));
    for rung in [crate::Rung::P480, crate::Rung::P360] {
        assert_eq!(choose.wanted(), Some(rung.into()));
        choose.handle(at(5), Input::IsGone(rung.into()));
    }
    assert_eq!(choose.wanted(), None);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    /// Whatever the line does, there are no more than so many changes, and a good line has the best stream at last.
    #[test]
    fn it_neither_flaps_nor_stays_below(lines in proptest::collection::vec((1_u64..12, 200_000_u64..12_000_000), 1..20)) {
        let mut world = World::new(MAIN_BPS * 2);
        let mut seconds = 0;
        for (span, line) in lines {
            seconds += span;
            world.run(span, line);
        }
        let most = 2 + usize::try_from(seconds / 3).unwrap();
        prop_assert!(world.switches.len() <= most, "{}", world.told());
        world.run(150, MAIN_BPS * 2);
        prop_assert_eq!(world.on(), Some(Main.into()), "{}", world.told());
    }
}
