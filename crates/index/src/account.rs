//! Brain: what became of each second: footage, or a gap with its reason (issue "gap ledger": the sum is the wall
//! clock).
//!
//! Every millisecond of the range is counted exactly once. What does not belong here: rows, words.

use tarsier_types::{Gap, GapReason, UtcMs, UtcRange};

use crate::explain::explain;
use crate::stretch::LONGEST_CONTINUATION_MS;

/// Between two files of one run: the rounding of their milliseconds, not missing footage. As in `record`.
pub const SEAM_MS: i64 = 2;

/// A file's worth of footage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Footage {
    /// From its first picture to the end of its last.
    pub range: UtcRange,
    /// No picture is missing between the file before and this one, says its recorder.
    pub continues: bool,
}

/// What is missing for one reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tally {
    /// Why.
    pub reason: GapReason,
    /// How many gaps have this as their main reason.
    pub gaps: u32,
    /// How long it is missing, of whatever gap.
    pub millis: i64,
}

/// What became of each second.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ledger {
    /// What was judged: from the first that is known until now, or less if less was asked for.
    pub range: UtcRange,
    /// With footage.
    pub recorded_ms: i64,
    /// Without, by reason, in the order of [`GapReason::ALL`]; none with nothing in it.
    pub tallies: Vec<Tally>,
    /// The longest gap that nobody wanted, with its main reason.
    pub longest: Option<Gap>,
}

impl Ledger {
    /// Missing for that reason.
    pub fn missing_ms(&self, reason: GapReason) -> i64 {
        self.tallies.iter().find(|tally| tally.reason == reason).map_or(0, |tally| tally.millis)
    }

    /// Nobody knows why.
    pub fn unknown_ms(&self) -> i64 {
        self.missing_ms(GapReason::Unknown)
    }

    /// What was to be there: all but the planned, and but what was there until a rule deleted it.
    pub fn wanted_ms(&self) -> i64 {
        self.range.millis()
            - self.missing_ms(GapReason::Planned)
            - self.missing_ms(GapReason::Deleted)
    }

    /// How many gaps nobody wanted.
    pub fn gaps(&self) -> u32 {
        self.tallies.iter().filter(|tally| is_fault(tally.reason)).map(|tally| tally.gaps).sum()
    }
}

/// Nobody wanted it.
pub const fn is_fault(reason: GapReason) -> bool {
    !matches!(reason, GapReason::Planned | GapReason::Deleted)
}

/// Counts. Footage comes in order of its start, and with the file before the range, if there is one; reasons come in
/// order and do not overlap. Where there is footage, reasons do not count.
pub fn account(
    range: UtcRange,
    footage: impl IntoIterator<Item = Footage>,
    known: &[Gap],
) -> Ledger {
    let mut counted = Counted::default();
    let mut at = range.start;
    let mut last_end: Option<UtcMs> = None;
    for file in footage {
        if let Some(end) = last_end {
            let hole = file.range.start.millis_since(end);
            let joins = hole <= SEAM_MS || (file.continues && hole < LONGEST_CONTINUATION_MS);
            if joins {
                // The hole is footage as well.
                at = counted.footage(at, UtcRange::new(end, file.range.start), range);
            }
        }
        if file.range.start > at {
            counted.hole(UtcRange::new(at, file.range.start.min(range.end)), range, known);
        }
        at = counted.footage(at, file.range, range);
        last_end = Some(last_end.map_or(file.range.end, |end| end.max(file.range.end)));
        if at >= range.end {
            break;
        }
    }
    counted.hole(UtcRange::new(at, range.end), range, known);
    let tallies = GapReason::ALL.into_iter().zip(counted.tallies);
    let tallies = tallies.filter(|(_, (gaps, millis))| *gaps > 0 || *millis > 0);
    Ledger {
        range,
        recorded_ms: counted.recorded_ms,
        tallies: tallies.map(|(reason, (gaps, millis))| Tally { reason, gaps, millis }).collect(),
        longest: counted.longest,
    }
}

#[derive(Default)]
struct Counted {
    recorded_ms: i64,
    /// Gaps and milliseconds, in the order of [`GapReason::ALL`].
    tallies: [(u32, i64); GapReason::ALL.len()],
    longest: Option<Gap>,
}

impl Counted {
    /// Counts what of the footage lies behind `at` in the range, and tells how far is counted now.
    fn footage(&mut self, at: UtcMs, footage: UtcRange, range: UtcRange) -> UtcMs {
        let behind = UtcRange::new(footage.start.max(at), footage.end.min(range.end));
        self.recorded_ms += behind.millis();
        at.max(behind.end)
    }

    fn hole(&mut self, hole: UtcRange, range: UtcRange, known: &[Gap]) {
        if hole.start >= hole.end {
            return;
        }
        // A seam has footage on one side at least.
        if hole.millis() <= SEAM_MS && hole != range {
            self.recorded_ms += hole.millis();
            return;
        }
        let pieces = explain(hole, known);
        for piece in &pieces {
            self.tallies[place(piece.reason)].1 += piece.range.millis();
            if !is_fault(piece.reason) {
                self.tallies[place(piece.reason)].0 += 1;
            }
        }
        for run in pieces.split(|piece| !is_fault(piece.reason)) {
            let (Some(first), Some(last)) = (run.first(), run.last()) else { continue };
            let range = UtcRange::new(first.range.start, last.range.end);
            let reason = main_reason(run);
            self.tallies[place(reason)].0 += 1;
            if self.longest.is_none_or(|longest| longest.range.millis() < range.millis()) {
                self.longest = Some(Gap { range, reason });
            }
        }
    }
}

/// The one that lasted longest in all; of equals the first in the order of [`GapReason::ALL`].
fn main_reason(run: &[Gap]) -> GapReason {
    let total = |reason| -> i64 {
        run.iter().filter(|gap| gap.reason == reason).map(|gap| gap.range.millis()).sum()
    };
    let mut longest = GapReason::Unknown;
    for reason in GapReason::ALL.into_iter().rev() {
        if total(reason) >= total(longest) {
            longest = reason;
        }
    }
    longest
}

fn place(reason: GapReason) -> usize {
    GapReason::ALL.iter().position(|known| *known == reason).expect("ALL names every reason")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn range(from: i64, to: i64) -> UtcRange {
        UtcRange::new(UtcMs(from), UtcMs(to))
    }

    /// Words: `f0-100` a file, `F…` one that continues, `network:100-150` a reason; milliseconds. The answer:
    /// footage, then each reason with its gaps and length, then the longest gap.
    fn check(asked: UtcRange, script: &str, expect: &str) {
        let (mut files, mut known) = (Vec::new(), Vec::new());
        for word in script.split_whitespace() {
            let of = |text: &str| {
                let (from, to) = text.split_once('-').expect("FROM-TO");
                range(from.parse().expect("a number"), to.parse().expect("a number"))
            };
            if let Some((reason, text)) = word.split_once(':') {
                let reason = GapReason::from_name(reason).expect("a reason");
                known.push(Gap { range: of(text), reason });
            } else {
                files.push(Footage { range: of(&word[1..]), continues: word.starts_with('F') });
            }
        }
        let ledger = account(asked, files, &known);
        let mut said = vec![format!("{}", ledger.recorded_ms)];
        for tally in &ledger.tallies {
            said.push(format!("{}x{}:{}", tally.gaps, tally.reason.name(), tally.millis));
        }
        said.extend(
            ledger.longest.map(|gap| {
                format!("{}-{}:{}", gap.range.start.0, gap.range.end.0, gap.reason.name())
            }),
        );
        assert_eq!(said.join(" "), expect, "{script}");
        let missing: i64 = ledger.tallies.iter().map(|tally| tally.millis).sum();
        assert_eq!(ledger.recorded_ms + missing, asked.millis(), "the sum is the wall clock");
    }

    #[test]
    fn a_gap_counts_for_its_reason() {
        check(
            range(0, 30_000),
            "f0-10000 f20000-30000 network:10000-20000",
            "20000 1xnetwork:10000 10000-20000:network",
        );
    }

    #[test]
    fn what_nobody_explains_is_said_to_be_unknown() {
        check(
            range(0, 30_000),
            "f0-10000 f20000-30000 network:10000-15000",
            "20000 1xnetwork:5000 0xunknown:5000 10000-20000:network",
        );
    }

    #[test]
    fn a_gap_with_two_reasons_is_one_gap_of_its_main_one() {
        check(
            range(0, 30_000),
            "f0-10000 f20000-30000 camera:10000-12000 network:12000-20000",
            "20000 0xcamera:2000 1xnetwork:8000 10000-20000:network",
        );
    }

    #[test]
    fn a_planned_gap_is_none_that_counts_and_divides_those_that_do() {
        check(
            range(0, 50_000),
            "f0-10000 f40000-50000 camera:10000-20000 planned:20000-30000 network:30000-40000",
            "20000 1xcamera:10000 1xnetwork:10000 1xplanned:10000 10000-20000:camera",
        );
    }

    #[test]
    fn a_seam_of_two_milliseconds_is_footage_and_one_of_three_is_a_gap() {
        check(range(0, 2000), "f0-1000 f1002-2000", "2000");
        check(range(0, 2000), "f0-1000 f1003-2000", "1997 1xunknown:3 1000-1003:unknown");
        check(range(0, 2001), "f0-1999", "2001");
        check(range(1001, 2000), "f0-1000 f1002-2000", "999");
    }

    #[test]
    fn a_camera_of_a_picture_in_five_seconds_has_no_gap_between_files() {
        check(range(0, 20_000), "f0-10000 F15000-20000", "20000");
        check(
            range(0, 20_000),
            "f0-10000 f15000-20000",
            "15000 1xunknown:5000 10000-15000:unknown",
        );
    }

    #[test]
    fn footage_wins_over_a_reason() {
        check(range(0, 10_000), "f0-10000 recorder:0-10000", "10000");
        check(range(0, 10_000), "f0-6000 f2000-10000 disk:4000-5000", "10000");
    }

    #[test]
    fn without_footage_all_of_it_is_a_gap() {
        check(range(0, 9000), "network:0-9000", "0 1xnetwork:9000 0-9000:network");
        check(range(0, 9000), "", "0 1xunknown:9000 0-9000:unknown");
        check(range(5, 5), "", "0");
        check(range(5, 7), "network:0-9", "0 1xnetwork:2 5-7:network");
    }

    proptest! {
        #[test]
        fn the_sum_is_the_wall_clock(
            files in proptest::collection::vec((0_i64..20_000, 0_i64..200_000, any::<bool>()), 0..40),
            reasons in proptest::collection::vec((0_i64..60_000, 1_i64..60_000, 0_usize..8), 0..40),
            from in 0_i64..2_000_000, length in 0_i64..4_000_000,
        ) {
            let mut at = 0;
            let files: Vec<Footage> = files.iter().map(|(hole, length, continues)| {
                // Half of the seams are those of two neighbouring files.
                let start = at + if hole % 2 == 0 { hole % 3 } else { *hole };
                at = start + length;
                Footage { range: range(start, at), continues: *continues }
            }).collect();
            let mut told = 0;
            let known: Vec<Gap> = reasons.iter().map(|(hole, length, reason)| {
                let start = told + hole;
                told = start + length;
                Gap { range: range(start, told), reason: GapReason::ALL[*reason] }
            }).collect();
            let asked = range(from, from + length);
            let ledger = account(asked, files.iter().copied(), &known);
            let missing: i64 = ledger.tallies.iter().map(|tally| tally.millis).sum();
            prop_assert_eq!(ledger.recorded_ms + missing, asked.millis());
            let filmed: i64 = files.iter().filter_map(|file| file.range.overlap(asked)).map(UtcRange::millis).sum();
            prop_assert!(ledger.recorded_ms >= filmed, "no footage is forgotten");
            let gaps: u32 = ledger.tallies.iter().map(|tally| tally.gaps).sum();
            prop_assert_eq!(gaps == 0, missing == 0, "{:?}", ledger);
        }

        #[test]
        fn seams_alone_are_no_gap(seams in proptest::collection::vec(0_i64..=2, 1..200)) {
            let mut at = 0;
            let files: Vec<Footage> = seams.iter().map(|seam| {
                let start = at + seam;
                at = start + 180_000;
                Footage { range: range(start, at), continues: false }
            }).collect();
            let ledger = account(range(0, at), files, &[]);
            prop_assert_eq!(ledger.recorded_ms, at);
            prop_assert_eq!(ledger.tallies, vec![]);
        }
    }
}
