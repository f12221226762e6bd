//! Brain: how much a move writes before it lets others go first.
//!
//! A recorder's write waits behind what we have handed to the disk. So little is handed over at a time, and how little is
//! learnt from how long the disk takes for it: a window that takes longer than [`LONGEST`] is halved, a quick one grows.
//! On top comes a limit in bytes a second, if somebody set one. What does not belong here: writing, waiting.

use std::time::Duration;

use tarsier_types::Mono;

/// So long the disk may be busy with us at a time: half of what a recorder's write may be delayed.
pub const LONGEST: Duration = Duration::from_millis(25);
/// Below this the disk could do more at a time.
const SHORT: Duration = Duration::from_millis(8);
/// Smaller ones are all overhead.
const SMALLEST: u64 = 512 << 10;
const LARGEST: u64 = 8 << 20;
const FIRST: u64 = 2 << 20;

/// The pace of one disk.
#[derive(Clone, Debug)]
pub struct Pace {
    window: u64,
    limit: Option<u64>,
    begun: Option<Mono>,
    sent: u64,
}

impl Pace {
    /// At most `limit` bytes a second; `None`: as fast as the disk likes.
    pub const fn new(limit: Option<u64>) -> Self {
        Self { window: FIRST, limit, begun: None, sent: 0 }
    }

    /// How much to hand over before the disk is waited for.
    pub const fn window(&self) -> u64 {
        self.window
    }

    /// `bytes` were handed over and on disk after `took`. Tells how long to pause.
    pub fn written(&mut self, now: Mono, bytes: u64, took: Duration) -> Duration {
        if took > LONGEST {
            self.window = (self.window / 2).max(SMALLEST);
        } else if took < SHORT {
            self.window = (self.window * 2).min(LARGEST);
        }
        // The disk was slow: whoever waited gets as long as we had.
        let breath =
            if took > LONGEST { took.min(Duration::from_millis(200)) } else { Duration::ZERO };
        breath.max(self.owed(now, bytes))
    }

    /// What the limit asks for.
    fn owed(&mut self, now: Mono, bytes: u64) -> Duration {
        let Some(limit) = self.limit.filter(|limit| *limit > 0) else { return Duration::ZERO };
        let begun = *self.begun.get_or_insert(now);
        self.sent = self.sent.saturating_add(bytes);
        let due = Duration::from_micros(self.sent.saturating_mul(1_000_000) / limit);
        let spent = now.since(begun);
        if spent > due + Duration::from_secs(1) {
            // An idle hour is not saved up.
            (self.begun, self.sent) = (Some(now), 0);
        }
        due.saturating_sub(spent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_slow_disk_gets_small_windows_and_pauses() {
        let mut pace = Pace::new(None);
        let pause = pace.written(Mono::ZERO, pace.window(), 60 * MS);
        assert_eq!((pause, pace.window()), (60 * MS, 1 << 20));
        for _ in 0..9 {
            pace.written(Mono::ZERO, pace.window(), 500 * MS);
        }
        assert_eq!(pace.window(), SMALLEST);
    }

    #[test]
    fn a_fast_disk_gets_large_windows_and_no_pause() {
        let mut pace = Pace::new(None);
        for _ in 0..9 {
            assert_eq!(pace.written(Mono::ZERO, pace.window(), 2 * MS), Duration::ZERO);
        }
        assert_eq!(pace.window(), LARGEST);
        pace.written(Mono::ZERO, LARGEST, 15 * MS);
        assert_eq!(pace.window(), LARGEST, "between the two it stays");
    }

    #[test]
    fn a_limit_holds_and_an_idle_hour_is_not_saved_up() {
        let mut pace = Pace::new(Some(1_000_000));
        let mut now = Mono::ZERO;
        for _ in 0..20 {
            now = now + pace.written(now, 500_000, MS);
        }
        assert_eq!(now.since_zero(), Duration::from_secs(10), "10 MB at 1 MB/s");
        now = now + Duration::from_secs(3600);
        pace.written(now, 500_000, MS);
        let pause = pace.written(now, 3_000_000, MS);
        assert!(pause >= Duration::from_secs(3), "{pause:?}");
    }
}
