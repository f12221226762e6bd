//! Points and spans of time, each its own type.
//!
//! Point − point = span and point + span = point; point + point does not compile. Media time is
//! counted in ticks of 1/90 000 s for every track (RFC 3551 section 4.5 uses 90 kHz for video; audio
//! is converted at the border of `ingest`).
//!
//! This file holds the one door to the system's clocks. Brains never come here for the time: it is
//! handed to them.

use std::ops::{Add, AddAssign, Sub};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// A point on the monotonic clock: nanoseconds since the process (or the test) began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mono(u64);

impl Mono {
    /// The beginning of this clock.
    pub const ZERO: Self = Self(0);

    /// A point `nanos` nanoseconds after the beginning.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// A point `millis` milliseconds after the beginning.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis * 1_000_000)
    }

    /// Time since the beginning.
    pub const fn since_zero(self) -> Duration {
        Duration::from_nanos(self.0)
    }

    /// The span from `earlier` to this point; nothing if `earlier` is later.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Mono {
    type Output = Self;
    fn add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)))
    }
}

/// A point on the wall clock: milliseconds since 1970-01-01T00:00:00Z.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct UtcMs(pub i64);

impl UtcMs {
    /// The signed span from `earlier` to this point, in milliseconds.
    pub const fn millis_since(self, earlier: Self) -> i64 {
        self.0 - earlier.0
    }

    /// This point moved by a signed number of milliseconds.
    pub const fn plus_millis(self, millis: i64) -> Self {
        Self(self.0 + millis)
    }
}

impl Add<Ticks> for UtcMs {
    type Output = Self;
    fn add(self, span: Ticks) -> Self {
        Self(self.0 + span.to_millis())
    }
}

/// A span of media time in ticks of 1/90 000 s. May be negative.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Ticks(pub i64);

impl Ticks {
    /// Ticks in a second.
    pub const PER_SECOND: i64 = 90_000;

    /// A span of whole milliseconds.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis * 90)
    }

    /// This span in milliseconds, rounded to the nearest.
    pub const fn to_millis(self) -> i64 {
        (self.0 + 45).div_euclid(90)
    }

    /// This span in microseconds, rounded to the nearest.
    pub const fn to_micros(self) -> i64 {
        (self.0 * 100 + 4).div_euclid(9)
    }
}

impl Add for Ticks {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl Sub for Ticks {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0 - other.0)
    }
}

impl AddAssign for Ticks {
    fn add_assign(&mut self, other: Self) {
        self.0 += other.0;
    }
}

macro_rules! media_point {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl Add<Ticks> for $name {
            type Output = Self;
            fn add(self, span: Ticks) -> Self {
                Self(self.0 + span.0)
            }
        }

        impl Sub<Ticks> for $name {
            type Output = Self;
            fn sub(self, span: Ticks) -> Self {
                Self(self.0 - span.0)
            }
        }

        impl Sub for $name {
            type Output = Ticks;
            fn sub(self, earlier: Self) -> Ticks {
                Ticks(self.0 - earlier.0)
            }
        }
    };
}

media_point! {
    /// When an access unit is shown: ticks of 1/90 000 s since the run's own beginning, unwrapped.
    Pts
}
media_point! {
    /// When an access unit is decoded: ticks of 1/90 000 s since the run's own beginning, unwrapped.
    Dts
}

impl Pts {
    /// The composition offset of ISO/IEC 14496-12 section 8.6.1.3: from decoding to showing. May be negative.
    pub const fn offset_from(self, dts: Dts) -> Ticks {
        Ticks(self.0 - dts.0)
    }
}

/// Where hands read the time that they hand to brains.
pub trait Clock: Send + Sync {
    /// Now on the monotonic clock.
    fn mono(&self) -> Mono;
    /// Now on the wall clock.
    fn utc(&self) -> UtcMs;
}

/// The clocks of the operating system.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock {
    zero: Instant,
}

impl SystemClock {
    /// A clock whose [`Mono::ZERO`] is now.
    #[expect(clippy::disallowed_methods, reason = "the one door to the system's clocks")]
    pub fn start() -> Self {
        Self { zero: Instant::now() }
    }
}

impl Clock for SystemClock {
    fn mono(&self) -> Mono {
        Mono(u64::try_from(self.zero.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }

    #[expect(clippy::disallowed_methods, reason = "the one door to the system's clocks")]
    fn utc(&self) -> UtcMs {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        UtcMs(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_round_to_the_nearest_millisecond() {
        assert_eq!(Ticks(44).to_millis(), 0);
        assert_eq!(Ticks(45).to_millis(), 1);
        assert_eq!(
            Ticks(-3600).to_millis(),
            -40,
            "negative spans must not round towards zero twice"
        );
        assert_eq!(Ticks(3600).to_micros(), 40_000);
    }

    #[test]
    fn the_monotonic_clock_never_gives_a_negative_span() {
        assert_eq!(Mono::from_millis(1).since(Mono::from_millis(5)), Duration::ZERO);
    }
}
