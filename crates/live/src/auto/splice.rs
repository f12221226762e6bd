//! Brain: when a viewer goes over to another stream, and what times he gets there.
//!
//! He goes over at a keyframe. On the way up there is no hurry: a keyframe that is newer than what he has seen. On the way
//! down his picture stands still: the last GOP from memory, whose beginning he has seen already, in the other stream. Those
//! pictures are there to be decoded and not to be looked at again, so they get next to no time:
//!
//! ```text
//! camera's time   K  f  f  f  f  f  f        shown before: up to |
//!                            |
//! media time      Kffff      f  f  f         all the rest keeps its pace
//! ```
//! What does not belong here: which stream ([`super::choose`]), fragments (`crates/segment`).

use tarsier_types::{AccessUnit, Dts, Pts, Ticks};

use crate::feed::LiveUnit;

/// Streams of a camera reach the recorder by different ways: a keyframe that is older by so little counts as new (guess).
const SKEW_US: i64 = 250_000;
/// What was seen is run through so many times faster.
const SQUEEZE: i64 = 40;
/// Labels that are farther apart are not of one clock.
const LONGEST_US: i64 = 30_000_000;

/// Which way he goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// To pictures as soon as possible.
    AtOnce,
    /// When it costs nothing.
    InOrder,
}

/// Whether he may go over at this keyframe, having been sent pictures up to `shown_until_utc_us`.
pub fn may_go_over(way: Way, keyframe: &LiveUnit, shown_until_utc_us: Option<i64>) -> bool {
    way == Way::AtOnce
        || shown_until_utc_us.is_none_or(|until| keyframe.arrived_utc_us >= until - SKEW_US)
}

/// The times of one run.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    origin: Dts,
    seen_until: Dts,
    sequence: u32,
}

impl Run {
    /// Begins with that keyframe, after pictures of another stream up to `shown_until_utc_us`.
    pub fn begin(first: &LiveUnit, shown_until_utc_us: Option<i64>) -> Self {
        let origin = tarsier_segment::origin_of(&first.unit);
        let seen_us = shown_until_utc_us.map_or(0, |until| until - first.arrived_utc_us);
        let seen_us = if seen_us > LONGEST_US { 0 } else { seen_us.max(0) };
        let seen_until = origin + Ticks(seen_us * 9 / 100);
        Self { origin, seen_until, sequence: 0 }
    }

    /// Media time 0.
    pub const fn origin(&self) -> Dts {
        self.origin
    }

    /// The unit with its number in the run and the time that it gets; nothing for sound of pictures that he does not look at.
    pub fn place(&mut self, live: &LiveUnit) -> Option<(u32, AccessUnit)> {
        let unit = &live.unit;
        if !live.is_picture() && unit.dts < self.seen_until.max(self.origin) {
            return None;
        }
        self.sequence = self.sequence.wrapping_add(1);
        let dts = self.time(unit.dts.0);
        let end = self.time((unit.dts + unit.duration).0);
        let placed = AccessUnit {
            dts: Dts(dts),
            pts: Pts(self.time(unit.pts.0)),
            duration: Ticks((end - dts).max(1)),
            ..unit.clone()
        };
        Some((self.sequence, placed))
    }

    /// Goes on and never back, so that the order of decoding and the one of showing stay.
    fn time(&self, at: i64) -> i64 {
        let (origin, seen_until) = (self.origin.0, self.seen_until.0);
        let squeezed = |at: i64| origin + (at - origin).div_euclid(SQUEEZE);
        if at < seen_until { squeezed(at) } else { at - seen_until + squeezed(seen_until) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::viewer::fixtures::{sound, unit};

    #[test]
    fn up_he_goes_at_a_new_keyframe_and_down_at_any() {
        let keyframe = unit(900_000, true, 10);
        let seen = keyframe.arrived_utc_us + 1_000_000;
        assert!(!may_go_over(Way::InOrder, &keyframe, Some(seen)));
        assert!(may_go_over(Way::InOrder, &keyframe, Some(seen - 900_000)));
        assert!(may_go_over(Way::AtOnce, &keyframe, Some(seen)));
        assert!(may_go_over(Way::InOrder, &keyframe, None));
    }

    #[test]
    fn what_was_seen_passes_in_a_flash_and_the_rest_keeps_its_pace() {
        let first = unit(900_000, true, 10);
        // 80 ms of 160 ms were seen.
        let mut run = Run::begin(&first, Some(first.arrived_utc_us + 80_000));
        let times: Vec<_> = (0..4)
            .map(|n| {
                let (number, placed) = run.place(&unit(900_000 + n * 3600, n == 0, 10)).unwrap();
                assert_eq!(i64::from(number), n + 1);
                (placed.dts - run.origin()).0
            })
            .collect();
        assert_eq!(times, [0, 90, 180, 3780]);
        assert!(run.place(&sound(900_000)).is_none(), "sound that was heard");
        assert!(run.place(&sound(907_200)).is_some());
    }

    #[test]
    fn the_first_stream_keeps_its_times() {
        let first = unit(900_000, true, 10);
        for shown in [None, Some(0), Some(first.arrived_utc_us + 40_000_000)] {
            let mut run = Run::begin(&first, shown);
            let (_, placed) = run.place(&unit(903_600, false, 10)).unwrap();
            assert_eq!((placed.dts - run.origin(), placed.duration), (Ticks(3600), Ticks(3600)));
        }
    }

    proptest! {
        #[test]
        fn time_goes_on_whatever_was_seen(seen_us in -5_000_000_i64..20_000_000, steps in proptest::collection::vec(40_i64..9000, 1..200)) {
            let mut dts = 900_000;
            let first = unit(dts, true, 10);
            let mut run = Run::begin(&first, Some(first.arrived_utc_us + seen_us));
            let mut last = run.place(&first).unwrap().1;
            for step in steps {
                dts += step;
                let next = run.place(&unit(dts, false, 10)).unwrap().1;
                prop_assert!(next.dts > last.dts && next.pts >= last.pts, "{last:?} {next:?}");
                last = next;
            }
        }
    }
}
