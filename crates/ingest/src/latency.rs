//! The least delay of a track lately: the one thing that jitter does not touch.
//!
//! Delay is one-sided, so the minimum over some seconds is close to the delay of an idle network, while the mean is
//! not. Two windows are kept, so that the answer always covers at least one whole window of the past.

use tarsier_types::Ticks;

/// Length of a window. A few GOPs: large keyframes take longer to arrive than what follows them.
const WINDOW: i64 = 10 * Ticks::PER_SECOND;

/// The lower envelope of arrival minus media time.
#[derive(Clone, Debug)]
pub(crate) struct LatencyFloor {
    begun: i64,
    now: i64,
    before: i64,
    whole_windows: u32,
}

impl LatencyFloor {
    pub(crate) const fn new(latency: i64) -> Self {
        Self { begun: 0, now: latency, before: latency, whole_windows: 0 }
    }

    /// A unit of that media time came that late.
    pub(crate) fn observe(&mut self, media: i64, latency: i64) {
        if media - self.begun >= WINDOW || media < self.begun - WINDOW {
            self.begun = media;
            self.before = self.now;
            self.now = latency;
            self.whole_windows = self.whole_windows.saturating_add(1);
        }
        self.now = self.now.min(latency);
    }

    pub(crate) fn ticks(&self) -> i64 {
        self.now.min(self.before)
    }

    /// Windows that are complete.
    pub(crate) const fn whole_windows(&self) -> u32 {
        self.whole_windows
    }

    /// The minimum of the last complete window.
    pub(crate) const fn last_window(&self) -> i64 {
        self.before
    }
}
