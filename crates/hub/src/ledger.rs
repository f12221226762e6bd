//! Hands: the gap ledger of a camera with what goes on now, and as a line for people.

use std::sync::Arc;

use tarsier_api::ledger::LedgerGaps;
use tarsier_api::timeline::TimelineGap;
use tarsier_index::{IndexError, Ledger, LedgerNow, is_fault};
use tarsier_playback::OpenSegment;
use tarsier_types::{Clock, Gap, GapReason, StreamKind, UtcMs, UtcRange};
use tarsier_wire::Problem as Cause;

use crate::blame::{Because, Standing};
use crate::config::CameraEntry;
use crate::hub::Hub;
use crate::journal::Job;

/// What a status line is about.
pub(crate) const DAY_MS: i64 = 86_400_000;
/// A fragment and its sync; with less there would be a gap at the end of each ledger.
const ON_ITS_WAY_MS: i64 = 10_000;
/// A ledger that ends so near to now is about "the last" hours.
const NEAR_NOW_MS: i64 = 60_000;

impl Hub {
    /// How a stream is, for [`crate::blame`].
    pub(crate) fn standing(
        &self,
        camera: &CameraEntry,
        stream: StreamKind,
        now: UtcMs,
    ) -> Standing {
        if !self.is_wanted(camera, stream) {
            return Standing::Unwanted;
        }
        let outage = self.brains().get(&camera.id).and_then(|brain| brain.outage(stream, now));
        if let Some((since, cause)) = outage {
            return Standing::Out { since, cause };
        }
        let overdue = self.alerts.durable().overdue_ms(&camera.id, stream, self.clock.mono());
        match overdue {
            // Pictures come, no error is told: a disk that hangs says nothing.
            Some(ms) => Standing::Out {
                since: now.plus_millis(-i64::try_from(ms).unwrap_or(0)),
                cause: Some(Cause::DiskNotWritable),
            },
            None => Standing::Fine,
        }
    }

    /// Stores why there is no footage, where that has changed or has lasted.
    pub(crate) fn blame(&self, camera: &CameraEntry, now: UtcMs) {
        for stream in StreamKind::ALL.into_iter().filter(|stream| camera.has(*stream)) {
            let standing = self.standing(camera, stream, now);
            let because = self.blamed().look(&camera.id, stream, standing, now);
            if let Some(Because { until, reason }) = because {
                let (camera, added) = (camera.id.clone(), camera.created);
                self.journal.write(Job::Because { camera, stream, added, until, reason });
            }
        }
    }

    /// Why there is no footage now, since the camera was added: whoever asks knows where the newest footage ends, and
    /// what is stored already of the time since then.
    pub(crate) fn missing_now(
        &self,
        camera: &CameraEntry,
        stream: StreamKind,
        now: UtcMs,
    ) -> Option<Gap> {
        let reason = match self.standing(camera, stream, now) {
            Standing::Unwanted => GapReason::Planned,
            // Between the return of pictures and the first of them on disk.
            Standing::Fine => self.blamed().now(&camera.id, stream)?,
            Standing::Out { cause, .. } => {
                let known = self.blamed().now(&camera.id, stream);
                let told = cause.map_or(GapReason::Recorder, Cause::gap_reason);
                known.filter(|known| *known != GapReason::Planned).unwrap_or(told)
            }
        };
        Some(Gap { range: UtcRange::new(camera.created, now), reason })
    }

    /// What became of each second of a stream.
    pub(crate) async fn ledger(
        &self,
        camera: &Arc<CameraEntry>,
        stream: StreamKind,
        range: UtcRange,
    ) -> Result<Ledger, IndexError> {
        let now = self.now();
        let open: Vec<UtcRange> =
            self.open().of(&camera.id, stream).map(OpenSegment::written).collect();
        let gap = self.missing_now(camera, stream, now);
        let id = camera.id.clone();
        self.ask_index(move |index| {
            let last = index.last_segment_end(&id, stream)?;
            let last = last.into_iter().chain(open.iter().map(|open| open.end)).max();
            // Nobody asks for a stream that was never wanted.
            let was_wanted = last.is_some() || index.last_gap(&id, stream)?.is_some();
            let gap = gap.filter(|gap| gap.reason != GapReason::Planned || was_wanted);
            let gap = gap.map(|gap| {
                let start = last.unwrap_or(gap.range.start).min(now);
                Gap { range: UtcRange::new(start, now), ..gap }
            });
            let present = LedgerNow { now, open, gap, on_its_way_ms: ON_ITS_WAY_MS };
            index.ledger(&id, stream, range, &present)
        })
        .await
    }
}

/// In the words of the API.
pub(crate) fn to_api(
    camera: &CameraEntry,
    stream: StreamKind,
    ledger: &Ledger,
    now: UtcMs,
) -> tarsier_api::ledger::Ledger {
    let gaps = ledger.tallies.iter().map(|tally| LedgerGaps {
        reason: tally.reason.into(),
        count: tally.gaps,
        ms: tally.millis,
    });
    tarsier_api::ledger::Ledger {
        camera_id: camera.id.to_string(),
        stream: stream.into(),
        from_utc_ms: ledger.range.start.0,
        to_utc_ms: ledger.range.end.0,
        recorded_ms: ledger.recorded_ms,
        recorded_percent: percent(ledger.recorded_ms, ledger.wanted_ms()),
        recorded_percent_of_all: percent(ledger.recorded_ms, ledger.range.millis()),
        gaps: gaps.collect(),
        longest_gap: ledger.longest.map(|gap| TimelineGap {
            start_utc_ms: gap.range.start.0,
            end_utc_ms: gap.range.end.0,
            reason: gap.reason.into(),
        }),
        unknown_ms: ledger.unknown_ms(),
        line: line(ledger, now),
    }
}

/// Two decimals, rounded down: 100 is all of it and nothing less.
fn percent(part: i64, of: i64) -> Option<f64> {
    let hundredths = hundredths(part, of)?;
    Some(f64::from(hundredths) / 100.0)
}

fn hundredths(part: i64, of: i64) -> Option<i32> {
    let of = i128::from(of);
    (of > 0).then(|| i32::try_from(i128::from(part) * 10_000 / of).unwrap_or(10_000).min(10_000))
}

/// "recorded 99.98 % of the last 24 h; 4 gaps, 3 camera, 1 network"
fn line(ledger: &Ledger, now: UtcMs) -> String {
    let length = span(ledger.range.millis());
    if ledger.range.millis() <= 0 {
        return "nothing to record yet".to_owned();
    }
    let is_recent = now.millis_since(ledger.range.end) < NEAR_NOW_MS;
    let time = if is_recent { format!("the last {length}") } else { length };
    let Some(of_wanted) = hundredths(ledger.recorded_ms, ledger.wanted_ms()) else {
        return format!("nothing was to be recorded in {time}");
    };
    let planned = ledger.missing_ms(GapReason::Planned);
    let deleted = ledger.missing_ms(GapReason::Deleted);
    let of_all = hundredths(ledger.recorded_ms, ledger.range.millis()).unwrap_or(0);
    let recorded = if planned + deleted > 0 {
        format!(
            "recorded {} of what was wanted in {time} ({} of all of it)",
            in_percent(of_wanted),
            in_percent(of_all)
        )
    } else {
        format!("recorded {} of {time}", in_percent(of_wanted))
    };
    let mut gaps = vec![match ledger.gaps() {
        0 => "no gaps".to_owned(),
        1 => "1 gap".to_owned(),
        n => format!("{n} gaps"),
    }];
    let mut by_reason: Vec<_> =
        ledger.tallies.iter().filter(|tally| is_fault(tally.reason) && tally.gaps > 0).collect();
    by_reason.sort_by_key(|tally| std::cmp::Reverse(tally.gaps));
    gaps.extend(by_reason.iter().map(|tally| format!("{} {}", tally.gaps, word(tally.reason))));
    let other = [(planned, "not wanted"), (deleted, "deleted to make room")];
    let other = other.iter().filter(|(millis, _)| *millis > 0);
    let other = other.map(|(millis, what)| format!("{} {what}", span(*millis)));
    [recorded, gaps.join(", ")].into_iter().chain(other).collect::<Vec<_>>().join("; ")
}

fn in_percent(hundredths: i32) -> String {
    match hundredths {
        10_000 => "100 %".to_owned(),
        _ => format!("{}.{:02} %", hundredths / 100, hundredths % 100),
    }
}

const fn word(reason: GapReason) -> &'static str {
    match reason {
        GapReason::Camera => "camera",
        GapReason::Network => "network",
        GapReason::Credentials => "password",
        GapReason::Disk => "disk",
        GapReason::Recorder => "Tarsier",
        GapReason::Planned => "planned",
        GapReason::Deleted => "deleted",
        GapReason::Unknown => "unexplained",
        GapReason::Clock => "clock put ahead or machine asleep",
    }
}

/// "40 s", "6 min", "24 h", "2 h 5 min", "30 days"
fn span(millis: i64) -> String {
    // To the nearest: the last 24 h are a second or two less, because of what is on its way.
    let minutes = (millis + 30_000) / 60_000;
    match minutes {
        0 | 1 => format!("{} s", millis.max(0) / 1000),
        2..60 => format!("{minutes} min"),
        60..2880 if minutes % 60 == 0 => format!("{} h", minutes / 60),
        60..2880 => format!("{} h {} min", minutes / 60, minutes % 60),
        _ => format!("{} days", (minutes + 720) / 1440),
    }
}

#[cfg(test)]
mod tests {
    use tarsier_index::{Footage, account};

    use super::*;

    const HOUR: i64 = 3_600_000;

    /// Gaps as `REASON:SECONDS`, each an hour behind the one before, in 24 h until now.
    fn check(gaps: &str, expect: &str) {
        let end = UtcMs(24 * HOUR);
        let (mut files, mut known, mut at) = (Vec::new(), Vec::new(), 0);
        for (n, word) in gaps.split_whitespace().enumerate() {
            let (reason, seconds) = word.split_once(':').expect("REASON:SECONDS");
            let start = i64::try_from(n + 1).expect("few") * HOUR;
            let length = seconds.parse::<i64>().expect("a number") * 1000;
            let reason = GapReason::from_name(reason).expect("a reason");
            files.push(Footage { range: UtcRange::new(UtcMs(at), UtcMs(start)), continues: false });
            at = start + length;
            known.push(Gap { range: UtcRange::new(UtcMs(start), UtcMs(at)), reason });
        }
        files.push(Footage { range: UtcRange::new(UtcMs(at), end), continues: false });
        let ledger = account(UtcRange::new(UtcMs(0), end), files, &known);
        assert_eq!(line(&ledger, end.plus_millis(1500)), expect, "{gaps}");
    }

    #[test]
    fn the_line_says_how_much_is_there_and_why_not_all() {
        check("", "recorded 100 % of the last 24 h; no gaps");
        check(
            "camera:5 network:4 camera:4 camera:4",
            "recorded 99.98 % of the last 24 h; 4 gaps, 3 camera, 1 network",
        );
        check("recorder:1", "recorded 99.99 % of the last 24 h; 1 gap, 1 Tarsier");
    }

    #[test]
    fn a_planned_gap_does_not_count_and_both_are_said() {
        check(
            "planned:3000 disk:864",
            "recorded 98.96 % of what was wanted in the last 24 h (95.52 % of all of it); 1 gap, 1 disk; 50 min not wanted",
        );
    }

    #[test]
    fn a_range_that_is_long_ago_is_not_the_last() {
        let range = UtcRange::new(UtcMs(0), UtcMs(7 * 24 * HOUR));
        let ledger = account(range, [Footage { range, continues: false }], &[]);
        assert_eq!(line(&ledger, UtcMs(40 * 24 * HOUR)), "recorded 100 % of 7 days; no gaps");
        let off = [Gap { range, reason: GapReason::Planned }];
        assert_eq!(
            line(&account(range, [], &off), UtcMs(7 * 24 * HOUR)),
            "nothing was to be recorded in the last 7 days"
        );
        let nothing = account(UtcRange::new(UtcMs(5), UtcMs(5)), [], &[]);
        assert_eq!(line(&nothing, UtcMs(5)), "nothing to record yet");
    }

    #[test]
    fn only_all_of_it_is_a_hundred_percent() {
        assert_eq!(percent(86_399_999, 86_400_000), Some(99.99));
        assert_eq!(percent(86_400_000, 86_400_000), Some(100.0));
        assert_eq!(percent(0, 0), None);
    }
}
