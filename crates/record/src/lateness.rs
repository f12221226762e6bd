//! Brain: how late pictures come, at least, by the line that says when they were taken.
//!
//! The line of a run (`ingest`'s anchor) is led to the truth slowly, so that no file has a jump; two processes that began
//! at different times may be a GOP apart in it for minutes. What has just arrived is the same for both: by it they agree on
//! a keyframe. What does not belong here: the line.

use tarsier_types::UtcMs;

/// A stall that a connection outlives, and the drift of a line.
const MOST_LATE_MS: i64 = 10_000;
const MOST_EARLY_MS: i64 = 2_000;
/// The least of the last one to two of these counts: a network may stall for some seconds.
const WINDOW_MS: i64 = 5_000;

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Lateness {
    begun: Option<UtcMs>,
    least: Option<i64>,
    before: Option<i64>,
}

impl Lateness {
    /// A picture that was taken at `at`, by the line, arrived.
    pub(crate) fn observe(&mut self, at: UtcMs, arrived: UtcMs) {
        let late = arrived.millis_since(at);
        let begun = *self.begun.get_or_insert(arrived);
        if (0..WINDOW_MS).contains(&arrived.millis_since(begun)) {
            self.least = Some(self.least.map_or(late, |least| least.min(late)));
        } else {
            *self = Self { begun: Some(arrived), least: Some(late), before: self.least };
        }
    }

    /// When a picture came that was taken at `at`, by the line; by the clock, where the two are so far apart that the clock
    /// was set and the line does not know it yet. A network that stalls makes pictures late, and nothing makes them early.
    pub(crate) fn came(&self, at: UtcMs, arrived: UtcMs) -> UtcMs {
        let by_line = at.plus_millis(self.millis());
        if (-MOST_LATE_MS..=MOST_EARLY_MS).contains(&by_line.millis_since(arrived)) {
            by_line
        } else {
            arrived
        }
    }

    /// In milliseconds; negative where the line is behind the truth.
    pub(crate) fn millis(&self) -> i64 {
        self.least.into_iter().chain(self.before).min().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pictures arrive once a second, so many milliseconds late.
    fn run(late: &[i64]) -> i64 {
        let mut lateness = Lateness::default();
        for (second, late) in (0_i64..).zip(late) {
            let at = UtcMs(second * 1000);
            lateness.observe(at, at.plus_millis(*late));
        }
        lateness.millis()
    }

    #[test]
    fn the_least_of_the_last_seconds_counts() {
        assert_eq!(run(&[]), 0);
        assert_eq!(run(&[170, 20, 90]), 20);
        assert_eq!(run(&[-300, 0, 0]), -300);
        let mut drifted = vec![-300; 5];
        drifted.extend([10; 12]);
        assert_eq!(run(&drifted), 10, "what was long ago does not");
    }
}
