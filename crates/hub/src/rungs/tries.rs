//! Brain: when a transcoder that ended by itself is started again.

use std::time::Duration;

/// Who ran for so long is not ill: what ended it comes seldom.
const HEALTHY: Duration = Duration::from_secs(60);
const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(30);

/// After so many ends in a row the driver of a graphics card may be what is ill.
const HARDWARE_TRIES: u32 = 2;

/// Which encoders a transcoder may use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Encoders {
    /// Hardware where it works.
    #[default]
    Any,
    /// None that needs a driver.
    Software,
}

impl Encoders {
    /// What both allow.
    pub(super) fn and(self, other: Self) -> Self {
        if self == Self::Any { other } else { self }
    }
}

/// FFmpeg names encoders on the processor after the libraries that they are in.
pub(crate) fn is_hardware(encoder: &str) -> bool {
    !encoder.starts_with("lib")
}

/// Ends in a row.
#[derive(Debug, Default)]
pub(super) struct Tries {
    ends: u32,
    last: Option<Duration>,
}

impl Tries {
    /// It ended after so long: how long to wait before the next one.
    pub(super) fn ended(&mut self, ran: Duration) -> Duration {
        let wait = match self.last {
            Some(last) if ran < HEALTHY => (last * 2).min(LONGEST),
            _ => FIRST,
        };
        self.ends = if ran < HEALTHY { self.ends + 1 } else { 1 };
        self.last = Some(wait);
        wait
    }

    /// What the next one may use.
    pub(super) fn encoders(&self) -> Encoders {
        if self.ends < HARDWARE_TRIES { Encoders::Any } else { Encoders::Software }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_keeps_failing_is_tried_less_and_less_until_it_was_well_for_a_minute() {
        let mut tries = Tries::default();
        let waits =
            [0, 3, 3, 3, 3, 3, 3, 60, 1].map(|ran| tries.ended(Duration::from_secs(ran)).as_secs());
        assert_eq!(waits, [1, 2, 4, 8, 16, 30, 30, 1, 2]);
    }

    #[test]
    fn hardware_is_used_where_everybody_allows_it() {
        use Encoders::{Any, Software};
        assert_eq!([Any.and(Any), Any.and(Software), Software.and(Any)], [Any, Software, Software]);
        let names = ["h264_nvenc", "h264_vaapi", "h264_mf", "libx264", "libopenh264"];
        assert_eq!(names.map(is_hardware), [true, true, true, false, false]);
    }

    #[test]
    fn a_driver_that_crashes_is_left_alone() {
        let mut tries = Tries::default();
        let allowed = [1, 1, 1, 60].map(|ran| {
            tries.ended(Duration::from_secs(ran));
            tries.encoders()
        });
        assert_eq!(allowed, [Encoders::Any, Encoders::Software, Encoders::Software, Encoders::Any]);
    }
}
