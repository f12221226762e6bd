//! Brain: local days, which have 23, 24 or 25 hours, do not always begin at midnight, and are sometimes missing.
//!
//! What does not belong here: the time zone itself; it is the viewer's, not the hub's, and comes in as an argument.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use tarsier_types::{UtcMs, UtcRange};

/// A day as people there count it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocalDay {
    /// Its date.
    pub date: Date,
    /// From its first moment to that of the next day.
    pub range: UtcRange,
}

/// So many days at most: ten years of calendar.
pub const MOST_DAYS: usize = 3_660;

/// The first [`MOST_DAYS`] local days that the range touches, each whole.
pub fn local_days(range: UtcRange, zone: &TimeZone) -> Vec<LocalDay> {
    let mut days = Vec::new();
    let Some(mut date) = date_of(range.start, zone) else { return days };
    while days.len() < MOST_DAYS {
        let Some(start) =
            start_of(date, zone).filter(|start| *start < range.end && range.start < range.end)
        else {
            return days;
        };
        let Some(next) = date.tomorrow().ok() else { return days };
        let Some(end) = start_of(next, zone) else { return days };
        // Where a day was skipped (Apia, 30 December 2011) its beginning is that of the next one.
        if start < end && range.start < end {
            days.push(LocalDay { date, range: UtcRange::new(start, end) });
        }
        date = next;
    }
    days
}

fn date_of(at: UtcMs, zone: &TimeZone) -> Option<Date> {
    Some(zone.to_datetime(Timestamp::from_millisecond(at.0).ok()?).date())
}

/// The first moment of a date: midnight, or when the clocks went over midnight, the moment after.
fn start_of(date: Date, zone: &TimeZone) -> Option<UtcMs> {
    let zoned = date.to_zoned(zone.clone()).ok()?;
    Some(UtcMs(zoned.timestamp().as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(zone: &str, from: &str, to: &str, expect: &str) {
        let zone = TimeZone::get(zone).unwrap();
        let utc = |text: &str| UtcMs(text.parse::<Timestamp>().unwrap().as_millisecond());
        let days = local_days(UtcRange::new(utc(from), utc(to)), &zone);
        let text: Vec<String> = days
            .iter()
            .map(|day| format!("{} {}h", day.date, day.range.millis() / 3_600_000))
            .collect();
        assert_eq!(text.join(", "), expect, "{from} to {to}");
        for pair in days.windows(2) {
            assert_eq!(pair[0].range.end, pair[1].range.start, "days leave no hour between them");
        }
    }

    #[test]
    fn days_are_as_long_as_people_there_live_them() {
        check(
            "Europe/Berlin",
            "2026-03-28T12:00:00Z",
            "2026-03-30T12:00:00Z",
            "2026-03-28 24h, 2026-03-29 23h, 2026-03-30 24h",
        );
        check("Europe/Berlin", "2026-10-25T00:00:00Z", "2026-10-25T12:00:00Z", "2026-10-25 25h");
        check("Asia/Ho_Chi_Minh", "2026-11-20T17:00:00Z", "2026-11-21T17:00:00Z", "2026-11-21 24h");
    }

    #[test]
    fn a_day_that_begins_at_one_in_the_morning_and_one_that_never_was() {
        check("Africa/Cairo", "2024-04-26T00:00:00Z", "2024-04-26T01:00:00Z", "2024-04-26 23h");
        check(
            "Pacific/Apia",
            "2011-12-29T12:00:00Z",
            "2011-12-31T00:00:00Z",
            "2011-12-29 24h, 2011-12-31 24h",
        );
    }

    #[test]
    fn an_empty_range_has_no_days_and_a_long_one_is_bounded() {
        check("UTC", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z", "");
        let ages = UtcRange::new(UtcMs(0), UtcMs(i64::MAX));
        assert_eq!(local_days(ages, &TimeZone::UTC).len(), MOST_DAYS);
    }
}
