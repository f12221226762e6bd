//! Brain: what a viewer of `auto` should be shown, by what his line carries ([`crate::line`]), and what is sent beside the
//! pictures to see whether it carries more.
//!
//! What does not belong here: going over ([`crate::session`]), the choice itself ([`tarsier_live::auto::choose`]).

use std::time::Duration;

use tarsier_live::auto::choose::{Chooser, Input, Sample};
use tarsier_live::auto::rate::Rate;
use tarsier_live::{LiveStream, LiveUnit};
use tarsier_types::{Mono, Ticks};

use crate::line::Line;

/// How often it is looked at.
const EVERY: Duration = Duration::from_millis(100);
/// No picture gets more padding: more of it at once would be a lag by itself (guess).
const MOST_PADDING: u64 = 64 << 10;
/// Padding grows for so long, slowly at first, to all that is asked for: a line that is full after a little of it loses no
/// picture.
const RAMP: Duration = Duration::from_millis(1200);
/// So much waits on a line that padding has filled (guess: less than any router keeps, more than Wi-Fi trembles).
const FILLED: Duration = Duration::from_millis(80);
/// A lag that ends the padding ([`tarsier_live::auto::choose`] says from which one on).
const STRAINED: Duration = Duration::from_millis(300);

/// The brain.
#[derive(Debug)]
pub(crate) struct Follow {
    choose: Chooser,
    rate: Rate,
    line: Line,
    padding_since: Option<Mono>,
    looked: Option<Mono>,
}

impl Follow {
    pub(crate) fn new(choose: Chooser) -> Self {
        let (rate, line) = (Rate::default(), Line::default());
        Self { choose, rate, line, padding_since: None, looked: None }
    }

    /// A packet goes out.
    pub(crate) fn sent(&mut self, now: Mono, number: u64, bytes: usize) {
        self.line.sent(now, number, bytes);
    }

    /// The viewer reports which packets have reached him.
    pub(crate) fn reported(&mut self, now: Mono, arrived: impl IntoIterator<Item = u64>) {
        self.line.reported(now, arrived);
    }

    /// A picture of what is shown is to be sent: with how many bytes of padding.
    pub(crate) fn picture(&mut self, now: Mono, live: &LiveUnit) -> usize {
        self.rate.came(live);
        let (Some(bps), Some(since)) = (self.choose.probe_bps(), self.padding_since) else {
            return 0;
        };
        if live.is_keyframe() {
            return 0;
        }
        let millis = |of: Duration| u64::try_from(of.as_millis()).unwrap_or(u64::MAX);
        let (grown, whole) = (millis(now.since(since).min(RAMP)), millis(RAMP));
        let bps = bps.saturating_mul(grown * grown) / (whole * whole);
        let ticks = u64::try_from(live.unit.duration.0).unwrap_or(0);
        let per_second = u64::try_from(Ticks::PER_SECOND).unwrap_or(1);
        let bytes = (bps / 8).saturating_mul(ticks) / per_second;
        usize::try_from(bytes.min(MOST_PADDING)).unwrap_or(0)
    }

    /// Whether pictures may be sent now, or wait.
    pub(crate) fn may_send(&self, now: Mono) -> bool {
        self.line.may_send(now)
    }

    /// Pictures of that stream are sent from now on.
    pub(crate) fn went_over(&mut self, now: Mono, stream: LiveStream) {
        self.rate = Rate::default();
        self.choose.handle(now, Input::WentOver(stream));
    }

    /// It does not go over WebRTC to this viewer, or is gone.
    pub(crate) fn without(&mut self, now: Mono, stream: LiveStream) {
        self.choose.handle(now, Input::IsGone(stream));
    }

    /// When [`Self::look`] is to be called again.
    pub(crate) fn deadline(&self) -> Mono {
        self.looked.map_or(Mono::ZERO, |looked| looked + EVERY)
    }

    /// Decides anew; `waited`: how long the oldest picture waits to be sent.
    pub(crate) fn look(&mut self, now: Mono, waited: Duration) {
        if self.deadline() > now {
            return;
        }
        self.looked = Some(now);
        self.line.look(now);
        // A viewer who reports nothing keeps what he has.
        let Some(capacity_bps) = self.line.capacity_bps(now) else { return };
        let (mut lag, rate_bps) = (self.line.lag(now).max(waited), self.rate.bps());
        if self.padding_since.is_some() && self.line.queueing(now) >= FILLED {
            lag = lag.max(STRAINED);
        }
        self.choose.handle(now, Input::Measured(Sample { lag, capacity_bps, rate_bps }));
        let is_padded = self.choose.probe_bps().is_some();
        self.padding_since = is_padded.then(|| self.padding_since.unwrap_or(now));
    }

    /// What he should be shown; none if there is nothing.
    pub(crate) const fn wanted(&self) -> Option<LiveStream> {
        self.choose.wanted()
    }

    /// Whether that is less than he has.
    pub(crate) fn is_lower(&self, stream: LiveStream) -> bool {
        self.choose.is_lower(stream)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use bytes::Bytes;
    use tarsier_live::Start;
    use tarsier_live::auto::{Ladder, Line};
    use tarsier_types::StreamKind::{self, Main, Sub};
    use tarsier_types::{AccessUnit, Dts, Pts, Track, UtcMs};

    use super::*;

    const PACKET: usize = 1200;
    /// A router keeps so much, and throws away the rest.
    const ROUTER_MS: f64 = 400.0;
    /// There and back.
    const ROUND_TRIP_MS: f64 = 30.0;

    /// A viewer behind a line, in simulated time: 25 pictures a second, a keyframe of six pictures' size each second. Main
    /// has 4 Mbit/s, sub 0.5.
    struct World {
        follow: Follow,
        now: u64,
        on: StreamKind,
        bps: f64,
        /// When the router will have sent what it has.
        free_ms: f64,
        numbers: u64,
        /// When each packet arrives that does.
        arrives: VecDeque<(f64, u64)>,
        waiting: VecDeque<(u64, LiveUnit)>,
        lost: u32,
    }

    impl World {
        fn new(bps: f64) -> Self {
            let ladder = Ladder::of(&[Main, Sub]);
            let start = Start { ladder, most: Main, line: Line::Unknown, is_told: true };
            let mut follow = Follow::new(Chooser::new(Mono::ZERO, start));
            follow.went_over(Mono::ZERO, Main.into());
            Self {
                follow,
                now: 0,
                on: Main,
                bps,
                free_ms: 0.0,
                numbers: 0,
                arrives: VecDeque::new(),
                waiting: VecDeque::new(),
                lost: 0,
            }
        }

        /// Runs until he is on that stream; after how many milliseconds, if he is so within 60 s.
        fn until(&mut self, on: StreamKind) -> Option<u64> {
            let began = self.now;
            while self.on != on {
                if self.now - began > 60_000 {
                    return None;
                }
                self.step();
            }
            Some(self.now - began)
        }

        fn run(&mut self, millis: u64) {
            let until = self.now + millis;
            while self.now < until {
                self.step();
            }
        }

        /// 10 ms.
        fn step(&mut self) {
            self.now += 10;
            let now = Mono::from_millis(self.now);
            if self.now.is_multiple_of(100) {
                self.report(now);
            }
            if self.now.is_multiple_of(40) {
                let picture = picture(self.now, self.on);
                self.waiting.push_back((self.now, picture));
            }
            while self.follow.may_send(now)
                && let Some((_, picture)) = self.waiting.pop_front()
            {
                let bytes = picture.unit.data.len() + self.follow.picture(now, &picture);
                self.send(now, bytes);
            }
            let waited = self.waiting.front().map_or(0, |(since, _)| self.now - since);
            self.follow.look(now, Duration::from_millis(waited));
            let wanted = self.follow.wanted().unwrap();
            // He goes over at a keyframe: at once at the last one of the small stream, up at the next one.
            if wanted != self.on.into() && (wanted == Sub.into() || self.now.is_multiple_of(1000)) {
                self.on = if wanted == Sub.into() { Sub } else { Main };
                self.follow.went_over(now, wanted);
                self.waiting.clear();
            }
        }

        fn send(&mut self, now: Mono, bytes: usize) {
            let now_ms = f64::from(u32::try_from(self.now).unwrap());
            for at in (0..bytes).step_by(PACKET) {
                let length = PACKET.min(bytes - at);
                self.numbers += 1;
                self.follow.sent(now, self.numbers, length);
                self.free_ms = self.free_ms.max(now_ms);
                if self.free_ms - now_ms > ROUTER_MS {
                    self.lost += 1;
                    continue;
                }
                let bits = f64::from(u32::try_from(length).unwrap()) * 8.0;
                self.free_ms += bits * 1000.0 / self.bps;
                self.arrives.push_back((self.free_ms + ROUND_TRIP_MS, self.numbers));
            }
        }

        fn report(&mut self, now: Mono) {
            let now_ms = f64::from(u32::try_from(self.now).unwrap());
            let mut arrived = Vec::new();
            while self.arrives.front().is_some_and(|(at, _)| *at <= now_ms) {
                arrived.extend(self.arrives.pop_front().map(|(_, number)| number));
            }
            self.follow.reported(now, arrived);
        }
    }

    fn picture(millis: u64, of: StreamKind) -> LiveUnit {
        let is_keyframe = millis.is_multiple_of(1000);
        let size = if of == Main { 16_666 } else { 2083 };
        let dts = i64::try_from(millis).unwrap() * 90;
        let unit = AccessUnit {
            track: Track::Video,
            pts: Pts(dts),
            dts: Dts(dts),
            duration: Ticks(3600),
            is_keyframe,
            arrived: UtcMs(0),
            data: Bytes::from(vec![0; if is_keyframe { size * 6 } else { size }]),
        };
        LiveUnit { unit, arrived_utc_us: 0 }
    }

    #[test]
    fn he_goes_down_with_his_line_within_two_seconds_and_up_again_within_fifteen() {
        let (mut downs, mut ups) = (Vec::new(), Vec::new());
        for moment in 0..20 {
            let mut world = World::new(8e6);
            world.run(10_000 + moment * 70);
            assert_eq!(world.on, Main);
            world.bps = 1e6;
            downs.push(world.until(Sub).expect("he must go down"));
            world.run(20_000);
            assert_eq!(world.on, Sub, "the line is still narrow");
            world.bps = 8e6;
            ups.push(world.until(Main).expect("he must go up"));
        }
        assert!(downs.iter().all(|down| *down <= 2000), "{downs:?}");
        assert!(ups.iter().all(|up| *up <= 15_000), "{ups:?}");
    }

    #[test]
    fn on_a_line_that_is_wide_enough_nothing_changes() {
        let mut world = World::new(6e6);
        for _ in 0..6000 {
            world.step();
            assert_eq!(world.on, Main, "after {} ms", world.now);
        }
    }

    #[test]
    fn the_viewer_of_a_narrow_line_is_not_disturbed_for_ever() {
        let mut world = World::new(1e6);
        world.until(Sub).expect("he must go down");
        world.run(3000);
        world.lost = 0;
        for _ in 0..12_000 {
            world.step();
            assert_eq!(world.on, Sub, "after {} ms", world.now);
        }
        assert!(world.lost < 30, "padding ends before much is lost: {}", world.lost);
    }
}
