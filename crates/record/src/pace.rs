//! Brain: which media times go into files, so that labels follow the line of the run.
//!
//! A file has one label, its beginning, and from there on media time counts. The line (`ingest`'s anchor) says when a
//! picture was taken; labels part from it where a file may not begin when it should (footage is there already: a clock
//! was put back, a camera sent again what it had sent to the process before) and where a camera's quartz is off. They
//! are led back by at most 500 ppm of media time, in both tracks alike, which nobody sees and no player stumbles over.
//!
//! What does not belong here: where a file begins (`recording`), what the truth is (the anchor).

use tarsier_types::{AccessUnit, Dts, Pts, Ticks, Track, UtcMs};

/// The fastest correction: 500 ppm.
const DIVISOR: i64 = 2_000;
/// Below this a label is true (a third of a picture): the line itself moves by milliseconds.
const DEADBAND: Ticks = Ticks(15 * Ticks::PER_SECOND / 1_000);
/// A pause of the camera does not count for more.
const MOST_PASSED: Ticks = Ticks(2 * Ticks::PER_SECOND);

/// The media time of files.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pace {
    /// Label and media time of the open file's first picture.
    from: Option<(UtcMs, Pts)>,
    /// Added to the times of the run.
    shift: Ticks,
    /// What is still to be corrected.
    error: Ticks,
    credit: i64,
    last: Option<Dts>,
}

impl Pace {
    /// A file begins with that picture, its times being the file's.
    pub(crate) fn begin(&mut self, first: &AccessUnit, start: UtcMs) {
        self.from = Some((start, first.pts));
    }

    /// The next file does not go on where the one before ended: what was to be corrected is no more.
    pub(crate) fn forget(&mut self) {
        self.error = Ticks(0);
    }

    /// A unit that was taken at `at` gets the times of the file.
    pub(crate) fn follow(&mut self, unit: &mut AccessUnit, at: UtcMs) {
        if unit.track == Track::Video {
            let passed = self.last.replace(unit.dts).map_or(Ticks(0), |last| unit.dts - last);
            self.credit += passed.0.clamp(0, MOST_PASSED.0);
            // Two pictures never come to be decoded at one time.
            let most = (self.credit / DIVISOR).min((passed.0 - 1).max(0));
            self.credit %= DIVISOR;
            if unit.is_keyframe {
                self.error = self.error_at(unit.pts, at);
            }
            let step = Ticks(self.error.0.clamp(-most, most));
            self.shift += step;
            self.error = self.error - step;
        }
        self.shift(unit);
    }

    /// The same where nothing is to be learnt: the unit begins a file, or none.
    pub(crate) fn shift(&self, unit: &mut AccessUnit) {
        unit.pts = unit.pts + self.shift;
        unit.dts = unit.dts + self.shift;
    }

    fn error_at(&self, pts: Pts, at: UtcMs) -> Ticks {
        let Some((start, first)) = self.from else { return Ticks(0) };
        let wanted = at.millis_since(start).saturating_mul(Ticks::PER_SECOND / 1_000);
        let error = Ticks(wanted) - (pts + self.shift - first);
        if error.0.saturating_abs() > DEADBAND.0 { error } else { Ticks(0) }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    /// 25 pictures a second with sound, a keyframe each 2 s, for `seconds`, in a file whose label is `ahead_ms` ahead.
    /// Answers how far the label of the last picture is ahead.
    fn run(seconds: i64, ahead_ms: i64) -> i64 {
        let (mut pace, start) = (Pace::default(), UtcMs(ahead_ms));
        let mut ahead = Ticks(0);
        let mut last = [Dts(-1), Dts(-1)];
        for n in 0..seconds * 25 {
            for track in [Track::Video, Track::Audio] {
                let mut unit = AccessUnit {
                    track,
                    pts: Pts(n * 3_600),
                    dts: Dts(n * 3_600),
                    duration: Ticks(3_600),
                    is_keyframe: n % 50 == 0,
                    arrived: UtcMs(0),
                    data: Bytes::new(),
                };
                pace.follow(&mut unit, UtcMs(n * 40));
                if n == 0 && track == Track::Video {
                    pace.begin(&unit, start);
                }
                let last = &mut last[usize::from(track == Track::Audio)];
                let step = unit.dts - *last;
                assert!(n == 0 || (3_598..=3_602).contains(&step.0), "{step:?}: nobody sees that");
                assert_eq!(unit.pts.0, unit.dts.0, "both alike");
                *last = unit.dts;
                ahead = Ticks(unit.pts.0 - n * 3_600) + Ticks::from_millis(ahead_ms);
            }
        }
        ahead.to_millis()
    }

    #[test]
    fn what_is_true_is_left_alone() {
        assert_eq!(run(600, 0), 0);
        assert_eq!(run(600, 15), 15, "to the millisecond");
    }

    #[test]
    fn labels_that_are_ahead_are_led_back_within_the_hour_and_not_beyond() {
        assert!((1_690..=1_710).contains(&run(600, 2_000)), "300 ms in ten minutes");
        assert!((0..=15).contains(&run(4_200, 2_000)));
        assert!((-15..=0).contains(&run(4_200, -2_000)), "and those that are behind");
    }

    #[test]
    fn decoding_times_that_are_a_tick_apart_stay_apart() {
        let mut pace = Pace::default();
        let mut last = Dts(-1);
        for n in 0..10_000 {
            let mut unit = AccessUnit {
                track: Track::Video,
                pts: Pts(n),
                dts: Dts(n),
                duration: Ticks(1),
                is_keyframe: true,
                arrived: UtcMs(0),
                data: Bytes::new(),
            };
            pace.follow(&mut unit, UtcMs(0));
            if n == 0 {
                pace.begin(&unit, UtcMs(5_000));
            }
            assert!(unit.dts > last, "at {n}");
            last = unit.dts;
        }
    }

    #[test]
    fn a_pause_of_the_camera_is_no_leave_to_jump() {
        let mut pace = Pace::default();
        let mut last = Pts(0);
        for (n, seconds) in (0..).zip([0, 2, 602, 604]) {
            let ticks = seconds * Ticks::PER_SECOND;
            let mut unit = AccessUnit {
                track: Track::Video,
                pts: Pts(ticks),
                dts: Dts(ticks),
                duration: Ticks(3_600),
                is_keyframe: true,
                arrived: UtcMs(0),
                data: Bytes::new(),
            };
            let at = UtcMs(seconds * 1_000 + if n == 0 { 0 } else { 5_000 });
            pace.follow(&mut unit, at);
            if n == 0 {
                pace.begin(&unit, UtcMs(0));
            }
            let shift = unit.pts - Pts(ticks);
            assert!((shift - (last - Pts(0))).0 <= 91, "{shift:?} after {seconds} s");
            last = Pts(shift.0);
        }
        assert!(last.0 > 200, "it goes on behind it: {last:?}");
    }
}
