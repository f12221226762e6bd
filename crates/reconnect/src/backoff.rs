//! How long to wait before the next attempt.
//!
//! The cap holds after the jitter: a user who reads "at most every 30 s" must never wait 33 s.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How waiting grows from attempt to attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// `initial`, then each time longer by that factor, up to `cap`.
    Exponential {
        /// The first wait.
        initial: Duration,
        /// At least 100; 200 doubles.
        factor_percent: u32,
        /// The longest wait.
        cap: Duration,
    },
    /// `initial`, then each time `step` longer, up to `cap`.
    Linear {
        /// The first wait.
        initial: Duration,
        /// What each failure adds.
        step: Duration,
        /// The longest wait.
        cap: Duration,
    },
    /// Always the same.
    Fixed {
        /// The wait.
        delay: Duration,
    },
}

impl Strategy {
    /// The longest wait that this strategy ever asks for.
    pub const fn cap(&self) -> Duration {
        match self {
            Self::Exponential { cap, .. } | Self::Linear { cap, .. } => *cap,
            Self::Fixed { delay } => *delay,
        }
    }

    /// The wait after `failures` failures in a row (from 1), without jitter.
    fn delay(&self, failures: u32) -> Duration {
        let grown = failures.saturating_sub(1);
        let seconds = match self {
            Self::Exponential { initial, factor_percent, .. } => {
                let factor = f64::from((*factor_percent).max(100)) / 100.0;
                initial.as_secs_f64() * factor.powf(f64::from(grown))
            }
            Self::Linear { initial, step, .. } => {
                initial.as_secs_f64() + step.as_secs_f64() * f64::from(grown)
            }
            Self::Fixed { delay } => delay.as_secs_f64(),
        };
        // Also answers for infinity, which the power reaches after a thousand failures.
        if seconds >= self.cap().as_secs_f64() {
            self.cap()
        } else {
            Duration::from_secs_f64(seconds)
        }
    }
}

impl Strategy {
    /// SPEC section 4, RTMP pull: 1, 2, 4, 8, 10 s.
    pub const fn rtmp() -> Self {
        Self::Exponential {
            initial: Duration::from_secs(1),
            factor_percent: 200,
            cap: Duration::from_secs(10),
        }
    }
}

impl Default for Strategy {
    /// SPEC section 4: 1 s, twice as long each time, 30 s at most.
    fn default() -> Self {
        Self::Exponential {
            initial: Duration::from_secs(1),
            factor_percent: 200,
            cap: Duration::from_secs(30),
        }
    }
}

/// Counts failures in a row and spreads the attempts of many cameras apart.
#[derive(Clone, Debug)]
pub struct Backoff {
    strategy: Strategy,
    /// Share of the wait that chance adds or takes away, 0 to 100.
    jitter_percent: u8,
    failures: u32,
}

impl Backoff {
    /// No failures yet. A jitter of 10 moves each wait by up to 10 % either way.
    pub const fn new(strategy: Strategy, jitter_percent: u8) -> Self {
        Self { strategy, jitter_percent, failures: 0 }
    }

    /// Goes on after so many failures.
    pub const fn resume(&mut self, failures: u32) {
        self.failures = failures;
    }

    /// One more failure: how long to wait now. `chance` is uniform in `[0, 1)`.
    pub fn failed(&mut self, chance: f64) -> Duration {
        self.failures = self.failures.saturating_add(1);
        self.jittered(self.strategy.delay(self.failures), chance)
    }

    /// One more failure, after which waiting is over with growing: the cap at once.
    pub fn failed_at_cap(&mut self, chance: f64) -> Duration {
        self.failures = self.failures.saturating_add(1);
        self.jittered(self.strategy.cap(), chance)
    }

    /// One more failure, after which another attempt is worth while within `most`, whatever the strategy says.
    pub fn failed_within(&mut self, most: Duration, chance: f64) -> Duration {
        self.failures = self.failures.saturating_add(1);
        self.jittered(self.strategy.delay(self.failures).min(most), chance).min(most)
    }

    /// Success: the next failure is the first again.
    pub const fn reset(&mut self) {
        self.failures = 0;
    }

    /// Failures since the last success.
    pub const fn failures(&self) -> u32 {
        self.failures
    }

    fn jittered(&self, delay: Duration, chance: f64) -> Duration {
        jittered(delay, self.jitter_percent, chance).min(self.strategy.cap())
    }
}

/// `delay`, moved by chance (uniform in `[0, 1)`) by up to so many percent either way.
pub(crate) fn jittered(delay: Duration, jitter_percent: u8, chance: f64) -> Duration {
    let chance = if chance.is_finite() { chance.clamp(0.0, 1.0) } else { 0.5 };
    let share = f64::from(jitter_percent.min(100)) / 100.0;
    let moved = delay.as_secs_f64() * (1.0 + share * (2.0 * chance - 1.0));
    Duration::try_from_secs_f64(moved).unwrap_or(delay)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop_assert, proptest};

    use super::*;

    /// Seconds of the first ten waits, chance in the middle (no jitter).
    fn waits(strategy: Strategy) -> String {
        let mut backoff = Backoff::new(strategy, 10);
        let waits: Vec<String> =
            (0..10).map(|_| format!("{}", backoff.failed(0.5).as_secs_f64())).collect();
        waits.join(" ")
    }

    const S: fn(u64) -> Duration = Duration::from_secs;

    #[test]
    fn strategies_grow_as_named() {
        insta::assert_snapshot!(waits(Strategy::default()), @"1 2 4 8 16 30 30 30 30 30");
        let linear = Strategy::Linear { initial: S(1), step: S(5), cap: S(20) };
        insta::assert_snapshot!(waits(linear), @"1 6 11 16 20 20 20 20 20 20");
        insta::assert_snapshot!(waits(Strategy::Fixed { delay: S(3) }), @"3 3 3 3 3 3 3 3 3 3");
        insta::assert_snapshot!(waits(Strategy::rtmp()), @"1 2 4 8 10 10 10 10 10 10");
    }

    #[test]
    fn success_starts_over() {
        let mut backoff = Backoff::new(Strategy::default(), 0);
        for _ in 0..9 {
            backoff.failed(0.5);
        }
        backoff.reset();
        assert_eq!(backoff.failed(0.5), S(1), "after a success the first wait is short again");
    }

    proptest! {
        #[test]
        fn no_wait_is_longer_than_the_cap_nor_far_from_its_strategy(
            failures in 0_u32..5_000,
            chance in 0.0_f64..1.0,
            jitter in 0_u8..=100,
            linear in any::<bool>(),
        ) {
            let strategy = if linear {
                Strategy::Linear { initial: S(1), step: S(2), cap: S(30) }
            } else {
                Strategy::default()
            };
            let mut backoff = Backoff::new(strategy, jitter);
            backoff.failures = failures;
            let plain = strategy.delay(failures + 1).as_secs_f64();
            let wait = backoff.failed(chance).as_secs_f64();
            prop_assert!(wait <= 30.0, "{wait} s is over the cap");
            prop_assert!((wait - plain).abs() <= plain * f64::from(jitter) / 100.0 + 1e-6, "{wait} s is not {plain} s and jitter");
        }
    }
}
