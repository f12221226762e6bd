//! Brain: how many bits a second a stream has, by its own time: however fast it is sent.

use std::collections::VecDeque;

use tarsier_types::{Dts, Ticks};

use crate::feed::LiveUnit;

/// So much of it is measured (guess: most GOPs are no longer).
const MEASURED: Ticks = Ticks(4 * Ticks::PER_SECOND);
/// From so much on it is said.
const LEAST: Ticks = Ticks(Ticks::PER_SECOND);

/// The brain.
#[derive(Debug, Default)]
pub struct Rate {
    units: VecDeque<(Dts, u64)>,
    bytes: u64,
}

impl Rate {
    /// A picture or sound.
    pub fn came(&mut self, live: &LiveUnit) {
        let (dts, bytes) = (live.unit.dts, u64::try_from(live.unit.data.len()).unwrap_or(0));
        self.units.push_back((dts, bytes));
        self.bytes += bytes;
        while let Some((first, bytes)) = self.units.front().copied()
            && dts - first > MEASURED
        {
            self.units.pop_front();
            self.bytes -= bytes;
        }
    }

    /// Nothing is known while too little has come.
    pub fn bps(&self) -> Option<u64> {
        let span = self.units.back()?.0 - self.units.front()?.0;
        let ticks = u64::try_from(span.0).ok().filter(|_| span >= LEAST)?;
        Some(self.bytes.saturating_mul(8 * 90_000) / ticks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::viewer::fixtures::unit;

    #[test]
    fn a_rate_is_known_after_a_second_and_follows() {
        let mut rate = Rate::default();
        for n in 0..25 {
            rate.came(&unit(n * 3600, n == 0, 5000));
        }
        assert_eq!(rate.bps(), None);
        rate.came(&unit(25 * 3600, false, 5000));
        assert_eq!(rate.bps(), Some(1_040_000));
        for n in 26..200 {
            rate.came(&unit(n * 3600, false, 500));
        }
        assert_eq!(rate.bps(), Some(101_000));
    }
}
