//! Brain: how much a stream writes in a day, measured on its own past.
//!
//! A day in which the camera was away says little about the next; a day in which nothing was to be recorded says much.
//! So bytes are divided by the time in which footage was wanted and could have been: all but the gaps that nobody
//! planned. The quietest and the busiest day are left out once there is a week of them.
//!
//! What does not belong here: the rate at which an upload may send ([`policy`](crate::policy)).

/// Days that are looked back.
pub const DAYS_BACK: usize = 14;
/// Length of each of them, whatever the local clock does.
pub const MS_PER_DAY: u64 = 86_400_000;
/// With so many days, the first and the last by rate are left out.
const ENOUGH_DAYS: usize = 7;
/// A day with less than this of its time says nothing.
const LEAST_MS: u64 = 10 * 60 * 1000;
/// A rate that stands on less is rough: a night is not a day.
const ROUGH_MS: u64 = MS_PER_DAY;

/// 24 hours of one stream's past, counted back from now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Day {
    /// Sizes of the pieces that began in it.
    pub bytes: u64,
    /// Sizes of those of them that an event touches.
    pub event_bytes: u64,
    /// Time in it without footage against anybody's will: every gap but planned ones (a camera away, a disk full, what
    /// was deleted since), and the time before the first footage. Milliseconds.
    pub missing_ms: u64,
}

/// What a stream writes in a day on which nothing goes wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rate {
    /// In all.
    pub bytes_per_day: u64,
    /// Of that, pieces that an event touches.
    pub event_bytes_per_day: u64,
    /// On how much time that stands, milliseconds.
    pub measured_ms: u64,
}

impl Rate {
    /// It stands on less than a day.
    pub const fn is_rough(&self) -> bool {
        self.measured_ms < ROUGH_MS
    }

    /// The rate of a stream with that past; `None`: there is too little to say anything.
    pub fn of(days: &[Day]) -> Option<Self> {
        let mut days: Vec<(Day, u64)> = days
            .iter()
            .take(DAYS_BACK)
            .map(|day| (*day, MS_PER_DAY.saturating_sub(day.missing_ms)))
            .filter(|(_, wanted)| *wanted >= LEAST_MS)
            .collect();
        days.sort_by(|(a, a_ms), (b, b_ms)| {
            (u128::from(a.bytes) * u128::from(*b_ms))
                .cmp(&(u128::from(b.bytes) * u128::from(*a_ms)))
        });
        if days.len() >= ENOUGH_DAYS {
            days.pop();
            days.remove(0);
        }
        let measured_ms: u64 = days.iter().map(|(_, wanted)| wanted).sum();
        let in_a_day = |of: fn(&Day) -> u64| {
            let sum: u128 = days.iter().map(|(day, _)| u128::from(of(day))).sum();
            let scaled = sum * u128::from(MS_PER_DAY) / u128::from(measured_ms.max(1));
            u64::try_from(scaled).unwrap_or(u64::MAX)
        };
        (measured_ms > 0).then(|| Self {
            bytes_per_day: in_a_day(|day| day.bytes),
            event_bytes_per_day: in_a_day(|day| day.event_bytes),
            measured_ms,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Days as `100/6`: 100 bytes, 6 hours missing. Tells bytes per day and hours measured.
    fn check(days: &str) -> String {
        let day = |word: &str| {
            let (bytes, hours) = word.split_once('/').unwrap_or((word, "0"));
            let missing_ms = hours.parse::<u64>().unwrap() * 3_600_000;
            Day { bytes: bytes.parse().unwrap(), event_bytes: 0, missing_ms }
        };
        let days: Vec<Day> = days.split_whitespace().map(day).collect();
        Rate::of(&days).map_or("unknown".to_owned(), |rate| {
            let rough = if rate.is_rough() { " rough" } else { "" };
            format!("{} in {} h{rough}", rate.bytes_per_day, rate.measured_ms / 3_600_000)
        })
    }

    #[test]
    fn a_camera_that_was_away_writes_no_less_when_it_is_back() {
        assert_eq!(check("100 50/12 0/24 100"), "100 in 60 h");
    }

    #[test]
    fn a_day_on_which_nothing_was_wanted_counts() {
        assert_eq!(check("100 0 100 0"), "50 in 96 h", "a schedule of every other day");
    }

    #[test]
    fn one_odd_day_in_a_week_is_left_out() {
        assert_eq!(check("100 100 100 9000 100 100 100"), "100 in 120 h");
    }

    #[test]
    fn little_is_rough_and_nothing_is_unknown() {
        assert_eq!(check("25/18"), "100 in 6 h rough");
        assert_eq!(check(""), "unknown");
        assert_eq!(check("0/24"), "unknown");
    }
}
