//! Brain: how long parts and segments are, decided once from the pictures of the first segment.
//!
//! Both are said in the playlist and may not change while it lives: a player that learns of another part target breaks
//! off for good. So the first pictures are held back until it is known how they follow each other.

use std::time::Duration;

use tarsier_types::{Dts, Ticks};

/// What a part aims at: short enough that three of them, by which players stay behind, are below a second.
const PART: Ticks = Ticks::from_millis(300);
/// Without a keyframe so long, the first segment ends all the same ("smart" GOPs last minutes).
pub(crate) const LONGEST_FIRST: Ticks = Ticks(6 * Ticks::PER_SECOND);
/// Segments are not shorter, however often keyframes come; a second that jitters is still one.
pub(crate) const SHORTEST: Ticks = Ticks::from_millis(900);

/// The lengths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pace {
    /// From one picture to the next, as most of them come.
    pub(crate) picture: Ticks,
    /// No part is longer; whole milliseconds, so that the playlist says it exactly.
    pub(crate) part: Ticks,
    /// No segment is longer, rounded to whole seconds.
    pub(crate) target_seconds: u32,
}

impl Pace {
    /// From the decoding times of the first segment and where it ends.
    pub(crate) fn of(times: &[Dts], end: Dts) -> Self {
        let mut intervals: Vec<i64> = times.windows(2).map(|pair| (pair[1] - pair[0]).0).collect();
        let (first, last) = (times.first().copied(), times.last().copied());
        intervals.extend(last.map(|last| (end - last).0));
        intervals.sort_unstable();
        let picture = intervals.get(intervals.len() / 2).copied().unwrap_or(PART.0).max(1);
        let pictures = (PART.0 / picture).max(1);
        let exact = pictures * picture;
        // Room for pictures that come a little late. Not more, because no part may be shorter than 85 % of this.
        let room = (picture / 2).min(exact * 15 / 100);
        let whole = first.map_or(Ticks(0), |first| end - first);
        let second = Ticks::PER_SECOND;
        let target = (whole.0 + second / 2 + second - 1).div_euclid(second).max(2);
        let part = Ticks::from_millis((exact + room + 89).div_euclid(90));
        // A segment has room for a part at least.
        let target = target.max((part.0 + second - 1).div_euclid(second));
        Self {
            picture: Ticks(picture),
            part,
            target_seconds: u32::try_from(target).unwrap_or(u32::MAX),
        }
    }

    pub(crate) const fn target(self) -> Duration {
        Duration::from_secs(self.target_seconds as u64)
    }

    /// What a segment may last at most: players round to the nearest second.
    pub(crate) fn longest_segment(self) -> Ticks {
        Ticks(i64::from(self.target_seconds) * Ticks::PER_SECOND + Ticks::PER_SECOND * 2 / 5)
    }

    /// How many parts ahead of the last one may be asked for (section 6.2.5.2, "Advance Part Limit").
    pub(crate) fn parts_ahead(self) -> u32 {
        let three = 3 * Ticks::PER_SECOND;
        let parts = (three + self.part.0 - 1) / self.part.0;
        u32::try_from(parts).unwrap_or(u32::MAX).max(3)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pace(picture_ms: i64, seconds_ms: i64) -> String {
        let times: Vec<Dts> =
            (0..seconds_ms / picture_ms).map(|n| Dts(n * picture_ms * 90)).collect();
        let pace = Pace::of(&times, Dts(seconds_ms * 90));
        let shortest = (PART.0 / pace.picture.0).max(1) * pace.picture.0;
        assert!(shortest * 100 >= pace.part.0 * 85, "{picture_ms} ms: a whole part is long enough");
        assert!(shortest <= pace.part.0, "{picture_ms} ms: a whole part is not too long");
        format!("{} ms, {} s", pace.part.to_millis(), pace.target_seconds)
    }

    #[test]
    fn parts_hold_whole_pictures_and_segments_a_gop() {
        assert_eq!(pace(40, 1000), "300 ms, 2 s");
        assert_eq!(pace(40, 2000), "300 ms, 3 s");
        assert_eq!(pace(33, 4000), "314 ms, 5 s");
        assert_eq!(pace(67, 2000), "302 ms, 3 s");
        assert_eq!(pace(200, 2000), "230 ms, 3 s", "5 pictures a second");
        assert_eq!(pace(1000, 4000), "1150 ms, 5 s", "one a second");
        assert_eq!(pace(3000, 3000), "3450 ms, 4 s");
    }

    #[test]
    fn one_late_picture_is_not_the_pace() {
        let times = [0, 40, 80, 500, 540, 580, 620].map(|ms| Dts(ms * 90));
        assert_eq!(Pace::of(&times, Dts(660 * 90)).picture, Ticks::from_millis(40));
    }

    #[test]
    fn who_asks_for_3_seconds_ahead_is_told_that_it_is_too_far() {
        let times: Vec<Dts> = (0..25).map(|n| Dts(n * 3600)).collect();
        assert_eq!(Pace::of(&times, Dts(90_000)).parts_ahead(), 10);
    }
}
