//! Brain: when uploads may run: hours of the week in local time, daylight saving included.
//!
//! A window is read off the wall clock: from 02:00 to 03:00 does not come on the night in which that hour is left
//! out, and comes twice on the night in which it is repeated.

use std::fmt;

use jiff::civil::Weekday;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde::{Deserialize, Serialize};
use tarsier_types::UtcMs;

const MINUTES_PER_DAY: u16 = 24 * 60;

/// `from` to `to` on some days, local time. Where `to` is not later, it is the next morning's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// The first minute of it.
    pub from: TimeOfDay,
    /// The first minute after it.
    pub to: TimeOfDay,
    /// The days on which it begins. Empty: every day.
    #[serde(default)]
    pub days: Vec<Day>,
}

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "days need none")]
pub enum Day {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

impl Day {
    const fn of(weekday: Weekday) -> Self {
        match weekday {
            Weekday::Monday => Self::Monday,
            Weekday::Tuesday => Self::Tuesday,
            Weekday::Wednesday => Self::Wednesday,
            Weekday::Thursday => Self::Thursday,
            Weekday::Friday => Self::Friday,
            Weekday::Saturday => Self::Saturday,
            Weekday::Sunday => Self::Sunday,
        }
    }
}

/// A time of day: minutes since midnight, below 1440. Written `22:30`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TimeOfDay(u16);

/// The text is no time of day.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a time of day such as 22:30")]
pub struct TimeOfDayError {
    /// What was given.
    pub text: String,
}

impl TryFrom<String> for TimeOfDay {
    type Error = TimeOfDayError;
    fn try_from(text: String) -> Result<Self, TimeOfDayError> {
        let number = |digits: &str, below: u16| {
            let plain = digits.len() == 2 && digits.bytes().all(|b| b.is_ascii_digit());
            digits.parse().ok().filter(|n: &u16| plain && *n < below)
        };
        let parsed = text.split_once(':').and_then(|(hours, minutes)| {
            Some(Self(number(hours, 24)? * 60 + number(minutes, 60)?))
        });
        parsed.ok_or(TimeOfDayError { text })
    }
}

impl From<TimeOfDay> for String {
    fn from(time: TimeOfDay) -> Self {
        time.to_string()
    }
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

impl Window {
    /// It has minutes at all: a window from 22:00 to 22:00 could mean the whole day or nothing.
    pub fn is_empty(&self) -> bool {
        self.from == self.to
    }

    /// Uploads may run now.
    pub fn is_open(&self, now: UtcMs, zone: &TimeZone) -> bool {
        let Ok(now) = Timestamp::from_millisecond(now.0) else { return false };
        let local = now.to_zoned(zone.clone());
        let minute = u16::try_from(i16::from(local.hour()) * 60 + i16::from(local.minute()));
        let minute = minute.unwrap_or_default();
        let today = local.weekday();
        if self.from < self.to {
            return self.begins_on(today) && (self.from.0..self.to.0).contains(&minute);
        }
        (minute >= self.from.0 && self.begins_on(today))
            || (minute < self.to.0 && self.begins_on(today.previous()))
    }

    /// When it opens next; `now` if it is open.
    pub fn opens(&self, now: UtcMs, zone: &TimeZone) -> Option<UtcMs> {
        if self.is_open(now, zone) {
            return Some(now);
        }
        let today = Timestamp::from_millisecond(now.0).ok()?.to_zoned(zone.clone()).date();
        let (hour, minute) = (self.from.0 / 60, self.from.0 % 60);
        let (hour, minute) = (i8::try_from(hour).ok()?, i8::try_from(minute).ok()?);
        (0..=8).find_map(|days| {
            let date = today.checked_add(days.days()).ok()?;
            let start = date.at(hour, minute, 0, 0).to_zoned(zone.clone()).ok()?;
            let start = UtcMs(start.timestamp().as_millisecond());
            (start > now && self.is_open(start, zone)).then_some(start)
        })
    }

    /// The minutes of an ordinary week in which it is open.
    pub fn minutes_per_week(&self) -> u32 {
        let length = if self.from < self.to {
            self.to.0 - self.from.0
        } else {
            MINUTES_PER_DAY - self.from.0 + self.to.0
        };
        let all = [
            Day::Monday,
            Day::Tuesday,
            Day::Wednesday,
            Day::Thursday,
            Day::Friday,
            Day::Saturday,
            Day::Sunday,
        ];
        let named = all.iter().filter(|day| self.days.is_empty() || self.days.contains(day));
        named.map(|_| u32::from(length)).sum()
    }

    fn begins_on(&self, weekday: Weekday) -> bool {
        self.days.is_empty() || self.days.contains(&Day::of(weekday))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(from: &str, to: &str, days: &[Day]) -> Window {
        let time = |text: &str| TimeOfDay::try_from(text.to_owned()).unwrap();
        Window { from: time(from), to: time(to), days: days.to_vec() }
    }

    fn utc(text: &str) -> UtcMs {
        UtcMs(text.parse::<Timestamp>().unwrap().as_millisecond())
    }

    /// The quarters of an hour after `start` (16 of them) as `#` open, `.` closed, in Berlin.
    fn quarters(window: &Window, start: &str) -> String {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let at = |n: i64| utc(start).plus_millis(n * 15 * 60_000);
        (0..16).map(|n| if window.is_open(at(n), &zone) { '#' } else { '.' }).collect()
    }

    #[test]
    fn a_window_is_read_off_the_local_clock() {
        let night = window("22:00", "06:00", &[]);
        assert_eq!(
            quarters(&night, "2026-11-25T19:00:00Z"),
            "........########",
            "22:00 is 21:00 UTC"
        );
        assert_eq!(quarters(&night, "2026-11-26T03:00:00Z"), "########........");
        let two_to_three = window("02:00", "03:00", &[]);
        let spring = quarters(&two_to_three, "2026-03-29T00:00:00Z");
        assert_eq!(spring, "................", "the hour from 2 to 3 is left out");
        let autumn = quarters(&two_to_three, "2026-10-25T00:00:00Z");
        assert_eq!(autumn, "########........", "the hour from 2 to 3 is repeated");
    }

    #[test]
    fn a_night_belongs_to_the_day_on_which_it_begins() {
        let friday = window("23:00", "01:00", &[Day::Friday]);
        assert_eq!(quarters(&friday, "2026-11-27T21:00:00Z"), "....########....", "Friday night");
        assert_eq!(quarters(&friday, "2026-11-26T21:00:00Z"), "................", "Thursday night");
        assert_eq!(friday.minutes_per_week(), 120);
    }

    #[test]
    fn the_next_opening_is_told_for_the_alarm_clock() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let friday = window("23:00", "01:00", &[Day::Friday]);
        let opens = |now| friday.opens(utc(now), &zone).unwrap();
        assert_eq!(opens("2026-11-25T12:00:00Z"), utc("2026-11-27T22:00:00Z"));
        assert_eq!(opens("2026-11-27T23:30:00Z"), utc("2026-11-27T23:30:00Z"), "it is open");
        assert_eq!(opens("2026-11-28T00:30:00Z"), utc("2026-12-04T22:00:00Z"));
    }

    #[test]
    fn nonsense_is_no_time_of_day() {
        for bad in ["24:00", "7:00", "07:60", "0700", "+7:00", "07:+1", ""] {
            assert!(TimeOfDay::try_from(bad.to_owned()).is_err(), "{bad:?} must be refused");
        }
    }
}
