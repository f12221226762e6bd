//! Brain: a week of recording, by the clock on the wall.
//!
//! What is kept at a moment follows from the local day and minute alone. So a day on which clocks are put forward is
//! an hour shorter, and the hour that comes twice in autumn is treated twice alike, as people expect who read the
//! schedule off the wall. What does not belong here: who is told, the clock.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{AmbiguousOffset, TimeZone};
use tarsier_api::recording::{Day, ScheduleSpan, ScheduledMode};
use tarsier_types::UtcMs;

const DAY_MINUTES: u32 = 24 * 60;
/// A week, and the days on which spans begin that reach into it, or end behind it.
const LOOK_AHEAD_DAYS: u32 = 9;

/// What a person has to mend.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ScheduleError {
    #[error("span {0} names no day")]
    NoDay(usize),
    #[error("span {0} has the time {1:?}, which is not such as 07:30")]
    BadTime(usize, String),
    #[error("span {0} begins and ends at the same minute")]
    Empty(usize),
}

/// The spans, in the order of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Weekly {
    spans: Vec<Span>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Span {
    days: Vec<Day>,
    /// Minutes since midnight.
    from: u32,
    /// The same; from 1440 on it is on the next day.
    to: u32,
    mode: ScheduledMode,
}

impl Weekly {
    /// Spans are counted from 1 in errors.
    pub(crate) fn read(spans: &[ScheduleSpan]) -> Result<Self, ScheduleError> {
        let read = |(number, span): (usize, &ScheduleSpan)| {
            let minutes = |text: &str| {
                minutes(text).ok_or_else(|| ScheduleError::BadTime(number, text.to_owned()))
            };
            let (from, to) = (minutes(&span.from)?, minutes(&span.to)?);
            if span.days.is_empty() {
                return Err(ScheduleError::NoDay(number));
            }
            if from == DAY_MINUTES {
                return Err(ScheduleError::BadTime(number, span.from.clone()));
            }
            if from == to {
                return Err(ScheduleError::Empty(number));
            }
            let to = if to < from { to + DAY_MINUTES } else { to };
            Ok(Span { days: span.days.clone(), from, to, mode: span.mode })
        };
        Ok(Self { spans: (1..).zip(spans).map(read).collect::<Result<_, _>>()? })
    }

    /// What is kept then.
    pub(crate) fn mode_at(&self, now: UtcMs, tz: &TimeZone) -> ScheduledMode {
        let local = tz.to_datetime(timestamp(now));
        let (today, minute) = (day(local.date()), minute_of(local.time()));
        let holds = |span: &&Span| {
            let begins_on = |day| span.days.contains(&day);
            (begins_on(today) && (span.from..span.to).contains(&minute))
                || (begins_on(before(today))
                    && (span.from..span.to).contains(&(minute + DAY_MINUTES)))
        };
        self.spans.iter().rev().find(holds).map_or(ScheduledMode::Off, |span| span.mode)
    }

    /// The first moment after `now` at which something else is kept; none if that never comes.
    pub(crate) fn next_change(&self, now: UtcMs, tz: &TimeZone) -> Option<UtcMs> {
        let mode = self.mode_at(now, tz);
        let mut moments = self.moments(now, tz);
        moments.sort_unstable();
        moments.into_iter().find(|at| *at > now && self.mode_at(*at, tz) != mode)
    }

    /// All moments about that time at which something else may be kept: the ends of spans, and changes of the clocks.
    fn moments(&self, now: UtcMs, tz: &TimeZone) -> Vec<UtcMs> {
        let (from, horizon) =
            (timestamp(now), timestamp(now.plus_millis(i64::from(LOOK_AHEAD_DAYS) * 86_400_000)));
        let mut moments: Vec<UtcMs> = tz
            .following(from)
            .map(|change| change.timestamp())
            .take_while(|at| *at < horizon)
            .map(|at| UtcMs(at.as_millisecond()))
            .collect();
        let mut date = tz.to_datetime(from).date();
        // A span of yesterday may end today.
        date = date.yesterday().unwrap_or(date);
        for _ in 0..LOOK_AHEAD_DAYS {
            for span in self.spans.iter().filter(|span| span.days.contains(&day(date))) {
                for minutes in [span.from, span.to] {
                    moments.extend(instants(date, minutes, tz));
                }
            }
            let Ok(tomorrow) = date.tomorrow() else { break };
            date = tomorrow;
        }
        moments
    }
}

/// When the wall shows so many minutes since that day's midnight: never (clocks are put forward over it), once, twice.
fn instants(date: Date, minutes: u32, tz: &TimeZone) -> Vec<UtcMs> {
    let date = if minutes < DAY_MINUTES { Ok(date) } else { date.tomorrow() };
    let (Ok(date), Some(time)) = (date, time_of(minutes % DAY_MINUTES)) else { return Vec::new() };
    let wall = DateTime::from_parts(date, time);
    let offsets = match tz.to_ambiguous_timestamp(wall).offset() {
        AmbiguousOffset::Unambiguous { offset } => vec![offset],
        // The change itself is among the moments.
        AmbiguousOffset::Gap { .. } => Vec::new(),
        AmbiguousOffset::Fold { before, after } => vec![before, after],
    };
    let instants = offsets.into_iter().filter_map(|offset| offset.to_timestamp(wall).ok());
    instants.map(|at| UtcMs(at.as_millisecond())).collect()
}

fn timestamp(at: UtcMs) -> Timestamp {
    Timestamp::from_millisecond(at.0).unwrap_or(Timestamp::UNIX_EPOCH)
}

fn time_of(minutes: u32) -> Option<Time> {
    let (hour, minute) = (i8::try_from(minutes / 60).ok()?, i8::try_from(minutes % 60).ok()?);
    Time::new(hour, minute, 0, 0).ok()
}

fn minute_of(time: Time) -> u32 {
    u32::from(time.hour().unsigned_abs()) * 60 + u32::from(time.minute().unsigned_abs())
}

fn day(date: Date) -> Day {
    const DAYS: [Day; 7] = [
        Day::Monday,
        Day::Tuesday,
        Day::Wednesday,
        Day::Thursday,
        Day::Friday,
        Day::Saturday,
        Day::Sunday,
    ];
    let number = usize::try_from(date.weekday().to_monday_zero_offset()).unwrap_or_default();
    DAYS[number % DAYS.len()]
}

fn before(day: Day) -> Day {
    match day {
        Day::Monday => Day::Sunday,
        Day::Tuesday => Day::Monday,
        Day::Wednesday => Day::Tuesday,
        Day::Thursday => Day::Wednesday,
        Day::Friday => Day::Thursday,
        Day::Saturday => Day::Friday,
        Day::Sunday => Day::Saturday,
    }
}

/// `07:30` and nothing like it.
fn minutes(text: &str) -> Option<u32> {
    let (hours, minutes) = text.split_once(':')?;
    let number = |part: &str| {
        let is_right = part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
        is_right.then(|| part.parse::<u32>().ok()).flatten()
    };
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    let total = hours * 60 + minutes;
    (minutes < 60 && total <= DAY_MINUTES).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `mon,tue 08:00-18:00 c`; `c` continuous, `e` on event, `o` off; `all` is every day. Spans are parted by `;`.
    fn weekly(text: &str) -> Weekly {
        let spans: Vec<ScheduleSpan> = text
            .split(';')
            .filter(|t| !t.trim().is_empty())
            .map(|span| {
                let words: Vec<&str> = span.split_whitespace().collect();
                let names = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
                let all = [
                    Day::Monday,
                    Day::Tuesday,
                    Day::Wednesday,
                    Day::Thursday,
                    Day::Friday,
                    Day::Saturday,
                    Day::Sunday,
                ];
                let is_meant =
                    |name: &str| words[0] == "all" || words[0].split(',').any(|day| day == name);
                let days =
                    names.iter().zip(all).filter(|(name, _)| is_meant(name)).map(|(_, day)| day);
                let (from, to) = words[1].split_once('-').unwrap();
                let mode = match words[2] {
                    "c" => ScheduledMode::Continuous,
                    "e" => ScheduledMode::OnEvent,
                    _ => ScheduledMode::Off,
                };
                ScheduleSpan { days: days.collect(), from: from.into(), to: to.into(), mode }
            })
            .collect();
        Weekly::read(&spans).unwrap()
    }

    fn at(text: &str) -> UtcMs {
        UtcMs(text.parse::<Timestamp>().unwrap().as_millisecond())
    }

    /// From that moment on, the next changes in local time: `c Fri 08:00 +01`.
    fn changes(schedule: &str, zone: &str, from: &str, count: usize) -> String {
        let (weekly, tz) = (weekly(schedule), TimeZone::get(zone).unwrap());
        let mut now = at(from);
        let letter = |mode| match mode {
            ScheduledMode::Continuous => "c",
            ScheduledMode::OnEvent => "e",
            ScheduledMode::Off => "o",
        };
        let mut said = vec![letter(weekly.mode_at(now, &tz)).to_owned()];
        for _ in 0..count {
            let Some(next) = weekly.next_change(now, &tz) else {
                said.push("for ever".to_owned());
                break;
            };
            assert!(next > now, "time goes on");
            now = next;
            let local = timestamp(now).to_zoned(tz.clone());
            let mode = letter(weekly.mode_at(now, &tz));
            said.push(format!("{mode} {}", local.strftime("%a %H:%M %:::z")));
        }
        said.join(", ")
    }

    #[test]
    fn a_week_goes_round() {
        // 2026-11-20 is a Friday.
        assert_eq!(
            changes("mon,fri 08:00-18:00 c", "UTC", "2026-11-20T07:00:00Z", 4),
            "o, c Fri 08:00 +00, o Fri 18:00 +00, c Mon 08:00 +00, o Mon 18:00 +00"
        );
        assert_eq!(changes("", "UTC", "2026-11-20T07:00:00Z", 4), "o, for ever");
        assert_eq!(changes("all 00:00-24:00 e", "UTC", "2026-11-20T07:00:00Z", 4), "e, for ever");
    }

    #[test]
    fn a_span_over_midnight_ends_on_the_next_day_and_the_later_span_counts() {
        assert_eq!(
            changes("sun 22:00-06:00 c", "UTC", "2026-11-22T23:00:00Z", 2),
            "c, o Mon 06:00 +00, c Sun 22:00 +00"
        );
        assert_eq!(
            changes("all 00:00-24:00 e; fri 08:00-18:00 c", "UTC", "2026-11-20T07:00:00Z", 2),
            "e, c Fri 08:00 +00, e Fri 18:00 +00"
        );
    }

    #[test]
    fn when_clocks_are_put_forward_the_wall_counts() {
        // Berlin, 2026-03-29: 02:00 is 03:00.
        let sunday = "2026-03-28T23:30:00Z";
        assert_eq!(
            changes("sun 01:00-04:00 c", "Europe/Berlin", sunday, 2),
            "o, c Sun 01:00 +01, o Sun 04:00 +02",
            "two hours long"
        );
        assert_eq!(
            changes("sun 02:15-03:30 c", "Europe/Berlin", sunday, 2),
            "o, c Sun 03:00 +02, o Sun 03:30 +02",
            "it begins where the wall jumps into it"
        );
        assert_eq!(
            changes("sun 02:15-02:45 c", "Europe/Berlin", sunday, 1),
            "o, c Sun 02:15 +02",
            "a time that the wall does not show is left out: a week later it is there"
        );
    }

    #[test]
    fn when_clocks_are_put_back_the_hour_that_comes_twice_is_kept_twice() {
        // Berlin, 2026-10-25: 03:00 is 02:00 again.
        let sunday = "2026-10-24T22:30:00Z";
        assert_eq!(
            changes("sun 01:00-04:00 c", "Europe/Berlin", sunday, 2),
            "o, c Sun 01:00 +02, o Sun 04:00 +01",
            "four hours long"
        );
        assert_eq!(
            changes("sun 02:15-02:45 c", "Europe/Berlin", sunday, 4),
            "o, c Sun 02:15 +02, o Sun 02:45 +02, c Sun 02:15 +01, o Sun 02:45 +01"
        );
        assert_eq!(
            changes("sun 01:30-02:30 c", "Europe/Berlin", sunday, 4),
            "o, c Sun 01:30 +02, o Sun 02:30 +02, c Sun 02:00 +01, o Sun 02:30 +01"
        );
    }

    #[test]
    fn years_end_and_days_that_begin_at_one() {
        assert_eq!(
            changes("thu 23:00-01:00 c", "Pacific/Auckland", "2026-12-31T09:00:00Z", 2),
            "o, c Thu 23:00 +13, o Fri 01:00 +13"
        );
        // Cairo, 2026-04-24: midnight is 01:00.
        assert_eq!(
            changes("fri 00:00-02:00 c", "Africa/Cairo", "2026-04-23T20:00:00Z", 2),
            "o, c Fri 01:00 +03, o Fri 02:00 +03"
        );
    }

    #[test]
    fn every_minute_between_two_changes_is_the_same() {
        let tz = TimeZone::get("Europe/Berlin").unwrap();
        let weekly = weekly("all 22:00-02:30 e; sat,sun 01:45-03:15 c; sun 02:00-02:20 o");
        for start in ["2026-03-27T00:00:00Z", "2026-10-23T00:00:00Z"] {
            let (mut now, end) = (at(start), at(start).plus_millis(4 * 86_400_000));
            while now < end {
                let mode = weekly.mode_at(now, &tz);
                let next = weekly.next_change(now, &tz).unwrap();
                let mut minute = now;
                while minute < next {
                    assert_eq!(weekly.mode_at(minute, &tz), mode, "{minute:?}");
                    minute = minute.plus_millis(60_000);
                }
                assert_ne!(weekly.mode_at(next, &tz), mode);
                now = next;
            }
        }
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        let span = |from: &str, to: &str| ScheduleSpan {
            days: vec![Day::Monday],
            from: from.into(),
            to: to.into(),
            mode: ScheduledMode::Continuous,
        };
        let read = |span| Weekly::read(&[span]).map(drop);
        for (from, to) in
            [("8:00", "09:00"), ("24:00", "01:00"), ("08:60", "09:00"), ("+8:00", "09:00")]
        {
            assert_eq!(read(span(from, to)), Err(ScheduleError::BadTime(1, from.to_owned())));
        }
        assert_eq!(read(span("08:00", "24:01")), Err(ScheduleError::BadTime(1, "24:01".into())));
        assert_eq!(read(span("08:00", "08:00")), Err(ScheduleError::Empty(1)));
        assert_eq!(
            read(ScheduleSpan { days: Vec::new(), ..span("08:00", "09:00") }),
            Err(ScheduleError::NoDay(1))
        );
        assert_eq!(read(span("00:00", "24:00")), Ok(()));
    }
}
