//! Brain: bends one session's timestamps, as [`Quirks`] say. What does not belong here: what is sent when (`playout`).

use std::time::Duration;

use crate::playout::FilmTrack;
use crate::quirks::Timestamps;
use crate::schedule::FilmTime;

const SECOND: i128 = 1_000_000_000;

/// How the timestamps of one session are bent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bend {
    pub(crate) timestamps: Timestamps,
    pub(crate) began: FilmTime,
}

impl Bend {
    /// What is sent instead of the timestamp of a unit that is due at `at`; the clock of its track ticks at `rate_hz`.
    pub(crate) fn timestamp(
        self,
        track: FilmTrack,
        at: FilmTime,
        timestamp: u32,
        rate_hz: u32,
    ) -> u32 {
        let since = i128::from(at.0) - i128::from(self.began.0);
        match self.timestamps {
            Timestamps::JumpAfter(after, millis) if since >= nanos(after) => {
                moved(timestamp, i128::from(millis) * SECOND / 1000, rate_hz)
            }
            Timestamps::StandStillAfter(after, lasting)
                if track == FilmTrack::Video
                    && since >= nanos(after)
                    && since < nanos(after) + nanos(lasting) =>
            {
                moved(timestamp, nanos(after) - since, rate_hz)
            }
            _ => timestamp,
        }
    }

    /// The origin of a track whose first unit has that timestamp if its origin is `origin`.
    pub(crate) fn origin(self, origin: u32, first: u32, rate_hz: u32) -> u32 {
        match self.timestamps {
            // The first unit gets the timestamp 0 - after.
            Timestamps::WrapAfter(after) => {
                moved(0, -nanos(after), rate_hz).wrapping_sub(first.wrapping_sub(origin))
            }
            _ => origin,
        }
    }
}

fn nanos(duration: Duration) -> i128 {
    i128::try_from(duration.as_nanos()).unwrap_or(i128::MAX)
}

fn moved(timestamp: u32, by_nanos: i128, rate_hz: u32) -> u32 {
    let ticks = (by_nanos * i128::from(rate_hz) + SECOND / 2).div_euclid(SECOND);
    let ticks = u32::try_from(ticks.rem_euclid(1 << 32)).expect("a remainder below 2^32");
    timestamp.wrapping_add(ticks)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The timestamps, in seconds, of eight pictures that are a second apart.
    fn check(timestamps: Timestamps, expect: &str) {
        let bend = Bend { timestamps, began: FilmTime(5_000_000_000) };
        let origin = bend.origin(0, 0, 90_000);
        let said: Vec<String> = (0..8_u64)
            .map(|second| {
                let at = FilmTime((5 + second) * 1_000_000_000);
                let due = origin.wrapping_add(90_000 * u32::try_from(second).unwrap());
                let sent = bend.timestamp(FilmTrack::Video, at, due, 90_000).cast_signed();
                (sent / 90_000).to_string()
            })
            .collect();
        assert_eq!(said.join(" "), expect);
    }

    #[test]
    fn timestamps_are_bent_as_they_are_told_to() {
        let s = Duration::from_secs;
        check(Timestamps::True, "0 1 2 3 4 5 6 7");
        check(Timestamps::JumpAfter(s(3), 60_000), "0 1 2 63 64 65 66 67");
        check(Timestamps::JumpAfter(s(3), -60_000), "0 1 2 -57 -56 -55 -54 -53");
        check(Timestamps::WrapAfter(s(4)), "-4 -3 -2 -1 0 1 2 3");
        check(Timestamps::StandStillAfter(s(2), s(3)), "0 1 2 2 2 5 6 7");
    }

    #[test]
    fn the_sound_goes_on_while_pictures_stand_still() {
        let second = Duration::from_secs(1);
        let timestamps = Timestamps::StandStillAfter(second, second);
        let bend = Bend { timestamps, began: FilmTime(0) };
        let at = FilmTime(1_500_000_000);
        assert_eq!(bend.timestamp(FilmTrack::Audio, at, 24_000, 16_000), 24_000);
        assert_eq!(bend.timestamp(FilmTrack::Video, at, 135_000, 90_000), 90_000);
    }
}
