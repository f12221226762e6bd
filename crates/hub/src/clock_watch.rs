//! Brain: was the wall clock put ahead or back? The monotonic clock tells: both go on by the same span, or one was set.
//!
//! A machine that slept looks the same as a clock that was put ahead, because the monotonic clock of Linux stands still
//! meanwhile (that of macOS too; on Windows it goes on, so that sleep is no change there; neither was tried). What does
//! not belong here: reading clocks, and what follows from it ([`crate::state`], [`crate::blame`]).

use tarsier_types::{Mono, UtcMs};

/// Less is the slow correction of a clock, or the time between reading the two.
const CHANGE_MS: i64 = 2_000;

/// The two clocks when they were last looked at.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ClockWatch {
    last: Option<(Mono, UtcMs)>,
}

impl ClockWatch {
    /// Both clocks now. Answers by how many milliseconds the wall clock was put ahead (below 0: back) since the last
    /// look, if it was. To be called before anything is judged by the wall clock.
    pub(crate) fn look(&mut self, mono: Mono, utc: UtcMs) -> Option<i64> {
        let (last_mono, last_utc) = self.last.replace((mono, utc))?;
        let passed = i64::try_from(mono.since(last_mono).as_millis()).unwrap_or(i64::MAX);
        let change = utc.millis_since(last_utc).saturating_sub(passed);
        (change.saturating_abs() > CHANGE_MS).then_some(change)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Looks as `MONO:UTC` in milliseconds; what was said at each.
    fn run(script: &str) -> Vec<Option<i64>> {
        let mut watch = ClockWatch::default();
        let look = |word: &str| {
            let (mono, utc) = word.split_once(':').unwrap();
            watch.look(Mono::from_millis(mono.parse().unwrap()), UtcMs(utc.parse().unwrap()))
        };
        script.split_whitespace().map(look).collect()
    }

    #[test]
    fn a_clock_that_is_set_is_told_once_and_by_how_much() {
        assert_eq!(run("0:50000 1000:51000 9000:59000"), [None; 3]);
        assert_eq!(run("0:50000 1000:3651000 2000:3652000"), [None, Some(3_600_000), None]);
        assert_eq!(run("0:50000 1000:41000 2000:42000"), [None, Some(-10_000), None]);
    }

    #[test]
    fn a_clock_that_is_led_back_slowly_is_not_set() {
        let day: Vec<String> =
            (0..86_400_i64).step_by(10).map(|s| format!("{}:{}", s * 1000, s * 1001)).collect();
        assert!(run(&day.join(" ")).iter().all(Option::is_none), "a millisecond in each second");
    }
}
