//! The name of a segment, the same in a folder and in a bucket (CONTRACT section 4):
//! `{camera}/{stream}/2026/11/20/20-15-00.000Z.mp4`, its start in UTC.
//!
//! Names sort as the pictures do, and a day is a folder. What does not belong here: where the tiers are.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use tarsier_types::{CameraId, StreamKind, UtcMs};

/// 0000-01-01T00:00:00.000Z: names have four digits for the year.
const FIRST: UtcMs = UtcMs(-62_167_219_200_000);
/// 9999-12-30T22:00:00.000Z, the last second that jiff knows.
const LAST: UtcMs = UtcMs(253_402_207_200_000);

/// The path does not name a segment.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path:?} is no name of a segment such as garden/main/2026/11/20/20-15-00.000Z.mp4")]
#[non_exhaustive]
pub struct NameError {
    /// What was given.
    pub path: String,
}

/// The relative path of the segment that starts then, with `/` on every system.
pub fn path(camera: &CameraId, stream: StreamKind, start: UtcMs) -> String {
    let at = civil(start);
    format!(
        "{camera}/{stream}/{:04}/{:02}/{:02}/{:02}-{:02}-{:02}.{:03}Z.mp4",
        at.year(),
        at.month(),
        at.day(),
        at.hour(),
        at.minute(),
        at.second(),
        at.millisecond()
    )
}

/// What a path names. Only the one spelling that [`path`] gives is taken, so that two names never mean one segment.
pub fn parse(path: &str) -> Result<(CameraId, StreamKind, UtcMs), NameError> {
    read(path).ok_or_else(|| NameError { path: path.chars().take(200).collect() })
}

fn read(text: &str) -> Option<(CameraId, StreamKind, UtcMs)> {
    let mut parts = text.split('/');
    let camera = CameraId::new(parts.next()?).ok()?;
    let stream = StreamKind::from_name(parts.next()?)?;
    let [year, month, day, time] = [parts.next()?, parts.next()?, parts.next()?, parts.next()?];
    let [hms, millis] =
        time.strip_suffix("Z.mp4")?.split('.').collect::<Vec<_>>().try_into().ok()?;
    let [hour, minute, second] = hms.split('-').collect::<Vec<_>>().try_into().ok()?;
    let nanos = millis.parse::<i32>().ok()?.checked_mul(1_000_000)?;
    let at = DateTime::new(
        year.parse().ok()?,
        month.parse().ok()?,
        day.parse().ok()?,
        hour.parse().ok()?,
        minute.parse().ok()?,
        second.parse().ok()?,
        nanos,
    )
    .ok()?;
    let start = UtcMs(TimeZone::UTC.to_timestamp(at).ok()?.as_millisecond());
    (path(&camera, stream, start) == text).then_some((camera, stream, start))
}

/// `2026-11-20T20:15:00.000Z`.
pub(crate) fn rfc3339(at: UtcMs) -> String {
    let at = civil(at);
    let (date, time) = (at.date(), at.time());
    format!(
        "{date}T{:02}:{:02}:{:02}.{:03}Z",
        time.hour(),
        time.minute(),
        time.second(),
        time.millisecond()
    )
}

/// The UTC date and time; a time that no name can tell is moved to the nearest that one can.
fn civil(at: UtcMs) -> DateTime {
    let millis = at.0.clamp(FIRST.0, LAST.0);
    let timestamp =
        Timestamp::from_millisecond(millis).expect("FIRST and LAST are within jiff's range");
    TimeZone::UTC.to_datetime(timestamp)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn camera(id: &str) -> CameraId {
        CameraId::new(id).unwrap()
    }

    #[test]
    fn a_name_is_the_start_in_utc() {
        let start = UtcMs(1_795_205_700_007);
        assert_eq!(
            path(&camera("garden"), StreamKind::Main, start),
            "garden/main/2026/11/20/20-15-00.007Z.mp4"
        );
        assert_eq!(rfc3339(start), "2026-11-20T20:15:00.007Z");
    }

    #[test]
    fn only_one_spelling_is_a_name() {
        for bad in [
            "",
            "garden/main/2026/11/20/20-15-00.007Z.mp4/",
            "garden/main/2026/11/20/20-15-00.007Z.mp4.tmp",
            "garden/main/2026/11/20/20-15-0.007Z.mp4",
            "garden/main/2026/11/20/20-15-00.7Z.mp4",
            "garden/main/+2026/11/20/20-15-00.007Z.mp4",
            "garden/main/2026/02/30/20-15-00.007Z.mp4",
            "garden/main/2026/11/20/24-00-00.000Z.mp4",
            "garden/main/2026/11/20/23-59-60.000Z.mp4",
            "garden/third/2026/11/20/20-15-00.007Z.mp4",
            "../main/2026/11/20/20-15-00.007Z.mp4",
            "garden\\main\\2026\\11\\20\\20-15-00.007Z.mp4",
        ] {
            assert_eq!(parse(bad).unwrap_err().path, bad, "must not be taken for a segment");
        }
    }

    proptest! {
        #[test]
        fn a_name_is_read_back(id in "[a-z0-9][a-z0-9-]{0,31}", main: bool, start in FIRST.0..=LAST.0) {
            let stream = if main { StreamKind::Main } else { StreamKind::Sub };
            let name = path(&camera(&id), stream, UtcMs(start));
            prop_assert_eq!(parse(&name), Ok((camera(&id), stream, UtcMs(start))));
        }

        #[test]
        fn names_sort_as_time_does(a in FIRST.0..=LAST.0, b in FIRST.0..=LAST.0) {
            let name = |at| path(&camera("x"), StreamKind::Main, UtcMs(at));
            prop_assert_eq!(a.cmp(&b), name(a).cmp(&name(b)));
        }

        #[test]
        fn no_text_and_no_time_makes_it_panic(text in ".{0,80}", start: i64) {
            let _ = parse(&text);
            prop_assert!(parse(&path(&camera("x"), StreamKind::Sub, UtcMs(start))).is_ok());
        }
    }
}
