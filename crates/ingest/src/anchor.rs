//! The wall clock of a run: when was the picture at media time `pts` taken?
//!
//! A run is anchored by the arrival of its first pictures (`settling` of `record` says how), because few cameras know the
//! time. From there the camera's clock counts, and it is a cheap quartz: 50 ppm are 4 s a day. So the line is led back to
//! the lower envelope of arrival (delay is one-sided), at no more than 500 ppm, which nobody sees and no player stumbles over. If line and
//! arrival stay apart by more than 2 s, one of the two clocks was set: that is a step, and a new run must begin.
//!
//! What does not belong here: repairing timestamps (`timeline`), reading a clock.

use tarsier_types::{Pts, Ticks, UtcMs};

/// Span over which the least delay is looked for.
const WINDOW: Ticks = Ticks(10 * Ticks::PER_SECOND);
/// The fastest correction, in millionths.
const MAX_PPM: i64 = 500;
/// Apart by more than this is no drift.
const STEP_US: i64 = 2_000_000;
/// So many windows in a row: a network may stall for one, and a camera may deliver one from its buffer.
const STEP_WINDOWS: u32 = 3;

/// What an observation tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drift {
    /// The line holds, perhaps a little corrected.
    Steady,
    /// The line is lost: begin a new run.
    Step,
}

impl Drift {
    /// A new run must begin.
    pub const fn is_step(self) -> bool {
        matches!(self, Self::Step)
    }
}

/// The line from media time to wall-clock time.
#[derive(Clone, Debug)]
pub struct Anchor {
    zero: UtcMs,
    /// Correction at the beginning of the window, in microseconds.
    base_us: i64,
    /// Correction per microsecond of the window, in millionths.
    ppm: i64,
    begun: Pts,
    least_us: Option<i64>,
    apart: u32,
}

impl Anchor {
    /// A run whose picture at time 0 was taken then.
    pub const fn new(zero: UtcMs) -> Self {
        Self { zero, base_us: 0, ppm: 0, begun: Pts(0), least_us: None, apart: 0 }
    }

    /// When the picture of that time was taken. Within a run, later pictures never get earlier times.
    pub fn utc_of(&self, pts: Pts) -> UtcMs {
        let micros = (pts - Pts(0)).to_micros() + self.correction_us(pts);
        self.zero.plus_millis((micros + 500).div_euclid(1_000))
    }

    /// A picture of that time arrived then.
    pub fn observe(&mut self, pts: Pts, arrived: UtcMs) -> Drift {
        let line_us = (pts - Pts(0)).to_micros() + self.correction_us(pts);
        let delay_us =
            arrived.millis_since(self.zero).saturating_mul(1_000).saturating_sub(line_us);
        let least = self.least_us.map_or(delay_us, |least| least.min(delay_us));
        self.least_us = Some(least);
        if pts - self.begun < WINDOW {
            return Drift::Steady;
        }
        let passed_us = (pts - self.begun).to_micros();
        self.base_us = self.correction_us(pts);
        self.begun = pts;
        self.ppm = (least.saturating_mul(1_000_000) / passed_us.max(1)).clamp(-MAX_PPM, MAX_PPM);
        self.least_us = None;
        self.apart = if least.saturating_abs() > STEP_US { self.apart + 1 } else { 0 };
        if self.apart >= STEP_WINDOWS { Drift::Step } else { Drift::Steady }
    }

    /// Also right for a B-frame that is shown a little before the window began.
    fn correction_us(&self, pts: Pts) -> i64 {
        let passed_us = (pts - self.begun).to_micros();
        // A window that stays open (no picture for long) must not be corrected for ever.
        let within = passed_us.clamp(-WINDOW.to_micros(), 2 * WINDOW.to_micros());
        self.base_us + within * self.ppm / 1_000_000
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ZERO: UtcMs = UtcMs(1_700_000_000_000);

    /// A camera at 25 a second whose clock is off by `ppm`, for `seconds`; the delay of each picture by its number.
    /// Gives the error at the end in milliseconds, and when a step was called.
    fn run(seconds: i64, ppm: i64, delay_ms: impl Fn(i64) -> i64) -> (i64, Option<i64>) {
        let mut anchor = Anchor::new(ZERO);
        let mut step = None;
        let mut last = UtcMs(0);
        for n in 0..seconds * 25 {
            let real_ms = n * 40;
            let pts = Pts(real_ms * 90 + real_ms * 90 * ppm / 1_000_000);
            let drift = anchor.observe(pts, ZERO.plus_millis(real_ms + delay_ms(n)));
            if drift.is_step() && step.is_none() {
                step = Some(real_ms / 1_000);
            }
            let utc = anchor.utc_of(pts);
            assert!(utc > last, "time must not go backwards at {real_ms} ms");
            last = utc;
        }
        (last.millis_since(ZERO) - (seconds * 25 - 1) * 40, step)
    }

    #[test]
    fn a_quartz_that_is_off_by_100_ppm_stays_within_milliseconds_for_a_day() {
        for ppm in [-100, 100] {
            let (error, step) = run(86_400, ppm, |n| n * 7 % 30);
            assert!(error.abs() <= 5, "{error} ms after a day at {ppm} ppm");
            assert_eq!(step, None, "drift is no step");
        }
    }

    #[test]
    fn jitter_alone_moves_nothing() {
        let (error, step) = run(3_600, 0, |n| if n % 10 == 0 { 0 } else { 150 });
        assert_eq!((error, step), (0, None), "arrival is only ever late");
    }

    #[test]
    fn a_first_keyframe_that_was_late_is_corrected_slowly() {
        let (after_a_minute, _) = run(60, 0, |n| if n == 0 { 0 } else { -200 });
        let (after_an_hour, step) = run(3_600, 0, |n| if n == 0 { 0 } else { -200 });
        assert!((-30..=-15).contains(&after_a_minute), "{after_a_minute} ms: 500 ppm at most");
        assert_eq!((after_an_hour, step), (-200, None));
    }

    #[test]
    fn a_clock_that_was_set_is_a_step_after_half_a_minute() {
        let (_, step) = run(120, 0, |n| if n < 25 * 30 { 0 } else { 3_600_000 });
        assert_eq!(
            step,
            Some(60),
            "the camera's clock stopped for an hour, or ours was set forward"
        );
        let (_, step) = run(120, 0, |n| if n < 25 * 30 { 0 } else { -5_000 });
        assert_eq!(step, Some(50), "ours was set back; early arrival shows at once");
    }

    #[test]
    fn a_stall_of_the_network_is_none() {
        let (error, step) =
            run(120, 0, |n| if (500..875).contains(&n) { (875 - n) * 40 } else { 0 });
        assert_eq!(step, None, "15 s late, then everything at once");
        assert!(error.abs() < 15, "{error} ms");
    }

    proptest! {
        #[test]
        fn nothing_panics(observations in proptest::collection::vec((any::<i32>(), any::<i64>()), 0..50)) {
            let mut anchor = Anchor::new(ZERO);
            for (pts, arrived) in observations {
                let _ = anchor.observe(Pts(pts.into()), UtcMs(arrived / 4));
                let _ = anchor.utc_of(Pts(pts.into()));
            }
        }
    }
}
