//! Brain: what a viewer of `auto` should be shown, by what the library estimates of his line.
//!
//! The library measures by the viewer's reports on each packet (draft-holmer-rmcat-transport-wide-cc-extensions) and sends padding of its
//! own to see what more there is. What does not belong here: going over ([`crate::session`]), the choice
//! itself ([`tarsier_live::auto::choose`]).

use std::time::Duration;

use tarsier_live::auto::choose::{Chooser, Input, Sample};
use tarsier_live::auto::rate::Rate;
use tarsier_live::{LiveStream, LiveUnit};
use tarsier_types::Mono;

/// How often it is looked at.
const EVERY: Duration = Duration::from_millis(100);
/// Of what a stream has, in percent, the least that is no shortage: estimates swing.
const ENOUGH_PERCENT: u64 = 85;
/// More than the stream has is wished for, in percent: its pictures are not all of a size.
const WISHED_PERCENT: u64 = 150;

/// The brain.
#[derive(Debug)]
pub(crate) struct Follow {
    choose: Chooser,
    rate: Rate,
    estimate_bps: Option<u64>,
    short_since: Option<Mono>,
    looked: Option<Mono>,
}

impl Follow {
    pub(crate) fn new(choose: Chooser) -> Self {
        Self { choose, rate: Rate::default(), estimate_bps: None, short_since: None, looked: None }
    }

    /// What the line carries, as estimated.
    pub(crate) const fn carries(&mut self, bps: u64) {
        self.estimate_bps = Some(bps);
    }

    /// A picture of what is shown was sent.
    pub(crate) fn sent(&mut self, live: &LiveUnit) {
        self.rate.came(live);
    }

    /// Pictures of that stream are sent from now on.
    pub(crate) fn went_over(&mut self, now: Mono, stream: LiveStream) {
        self.rate = Rate::default();
        self.short_since = None;
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

    /// Decides anew.
    pub(crate) fn look(&mut self, now: Mono) {
        if self.deadline() > now {
            return;
        }
        self.looked = Some(now);
        // A viewer whose line is not estimated keeps what he has.
        let (Some(capacity_bps), rate_bps) = (self.estimate_bps, self.rate.bps()) else { return };
        let is_short = rate_bps.is_some_and(|rate| capacity_bps < rate * ENOUGH_PERCENT / 100);
        self.short_since = is_short.then(|| self.short_since.unwrap_or(now));
        let lag = self.short_since.map_or(Duration::ZERO, |since| now.since(since));
        self.choose.handle(now, Input::Measured(Sample { lag, capacity_bps, rate_bps }));
    }

    /// What he should be shown; none if there is nothing.
    pub(crate) const fn wanted(&self) -> Option<LiveStream> {
        self.choose.wanted()
    }

    /// Whether that is less than he has.
    pub(crate) fn is_lower(&self, stream: LiveStream) -> bool {
        self.choose.is_lower(stream)
    }

    /// How much the library is to find room for.
    pub(crate) fn wished_bps(&self) -> Option<u64> {
        let shown = self.rate.bps()?;
        let wished = shown.saturating_mul(WISHED_PERCENT) / 100;
        Some(self.choose.probe_bps().map_or(wished, |more| wished.max(shown.saturating_add(more))))
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use tarsier_live::Start;
    use tarsier_live::auto::{Ladder, Line};
    use tarsier_types::StreamKind::{self, Main, Sub};
    use tarsier_types::{AccessUnit, Dts, Pts, Ticks, Track, UtcMs};

    use super::*;

    struct World {
        follow: Follow,
        now: u64,
        on: LiveStream,
    }

    impl World {
        fn new() -> Self {
            let ladder = Ladder::of(&[Main, Sub]);
            let start = Start { ladder, most: Main, line: Line::Unknown, is_told: true };
            let follow = Follow::new(Chooser::new(Mono::ZERO, start));
            let mut world = Self { follow, now: 0, on: Main.into() };
            world.follow.went_over(Mono::ZERO, world.on);
            world
        }

        /// Main has 4 Mbit/s, sub 0.5.
        fn run(&mut self, millis: u64, estimate_bps: u64) {
            for _ in 0..millis / 40 {
                self.now += 40;
                let now = Mono::from_millis(self.now);
                let is_main = self.on == LiveStream::Own(Main);
                self.follow.carries(estimate_bps);
                self.follow.sent(&picture(self.now, if is_main { 20_000 } else { 2500 }));
                self.follow.look(now);
                let wanted = self.follow.wanted().unwrap();
                if wanted != self.on {
                    self.on = wanted;
                    self.follow.went_over(now, wanted);
                }
            }
        }

        fn is_on(&self, kind: StreamKind) -> bool {
            self.on == LiveStream::Own(kind)
        }
    }

    fn picture(millis: u64, bytes: usize) -> LiveUnit {
        let dts = i64::try_from(millis).unwrap() * 90;
        let unit = AccessUnit {
            track: Track::Video,
            pts: Pts(dts),
            dts: Dts(dts),
            duration: Ticks(3600),
            is_keyframe: true,
            arrived: UtcMs(0),
            data: Bytes::from(vec![0; bytes]),
        };
        LiveUnit { unit, arrived_utc_us: 0 }
    }

    #[test]
    fn it_follows_the_estimate_down_and_up() {
        let mut world = World::new();
        world.run(10_000, 6_000_000);
        assert!(world.is_on(Main));
        world.run(1000, 1_000_000);
        assert!(world.is_on(Sub), "within a second");
        world.run(20_000, 1_000_000);
        assert!(world.is_on(Sub));
        assert!(world.follow.wished_bps() < Some(6_000_000));
        world.run(15_000, 6_000_000);
        assert!(world.is_on(Main), "within 15 s");
    }

    #[test]
    fn a_short_swing_of_the_estimate_changes_nothing() {
        let mut world = World::new();
        for _ in 0..20 {
            world.run(2000, 6_000_000);
            world.run(280, 2_000_000);
        }
        assert!(world.is_on(Main));
    }

    #[test]
    fn while_it_probes_the_library_is_told_to_find_room_for_more() {
        let mut world = World::new();
        world.run(5000, 6_000_000);
        world.run(1000, 1_000_000);
        let mut most = 0;
        for _ in 0..100 {
            world.run(100, 1_000_000);
            most = most.max(world.follow.wished_bps().unwrap_or_default());
        }
        assert!(most > 4_000_000, "{most}");
    }
}
