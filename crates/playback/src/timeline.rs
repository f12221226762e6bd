//! Brain: where there is footage, where there is none, and why.
//!
//! Spans and gaps of the camera's recorded stream divide the time from its first footage (or the beginning of the
//! range) until now (or the end of the range) without rest and without overlap. What is being written counts as
//! footage; the second or two that are on their way to the disk are neither span nor gap yet.
//!
//! What does not belong here: rows (see [`crate::past`]), local time, drawing.

use tarsier_index::{JOIN_MS, Span, TierKind, explain};
use tarsier_types::{Gap, GapReason, StreamKind, UtcMs, UtcRange};

/// Pictures reach the disk a fragment (one second) after they were taken, and its sync may take its time: while a
/// segment is open, less than this before now is no gap (guess).
const ON_ITS_WAY_MS: i64 = 10_000;

/// What is known of one stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamPast {
    /// Which stream.
    pub stream: StreamKind,
    /// Stored footage in the range, in order, as `Index::spans_in` gives it.
    pub spans: Vec<Span>,
    /// Stored reasons that touch the range, in order; the hub adds the one that is going on.
    pub gaps: Vec<Gap>,
    /// From the first picture that is stored to the last, in the range or not.
    pub stored: Option<UtcRange>,
    /// What of the open segment is on disk.
    pub open: Option<UtcRange>,
}

/// Footage without a break.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimelineSpan {
    /// From its first picture to the end of its last.
    pub range: UtcRange,
    /// Which stream.
    pub stream: StreamKind,
    /// Where it lives.
    pub tier: TierKind,
}

/// What a timeline shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Timeline {
    /// Footage, ordered and not overlapping within a stream, main before sub.
    pub spans: Vec<TimelineSpan>,
    /// No footage: of main where it was ever recorded, else of sub. Ordered, not overlapping.
    pub gaps: Vec<Gap>,
}

/// How many spans to ask for of each stream so that [`draw`] gives at most `max_spans` together.
pub const fn share(max_spans: usize, streams: usize) -> usize {
    let streams = if streams == 0 { 1 } else { streams };
    let each = (max_spans / streams).saturating_sub(1);
    if each == 0 { 1 } else { each }
}

/// The timeline of `range` as it is known at `now`. Gaps are at most two for each span, or one between two spans.
pub fn draw(range: UtcRange, now: UtcMs, streams: &[StreamPast]) -> Timeline {
    let mut timeline = Timeline::default();
    let mut gaps_drawn = false;
    for kind in StreamKind::ALL {
        let Some(past) = streams.iter().find(|past| past.stream == kind) else { continue };
        let covered = covered(range, past);
        if !gaps_drawn && let Some(bounds) = bounds(range, now, past, &covered) {
            timeline.gaps = gaps(bounds, &covered, &past.gaps);
            gaps_drawn = true;
        }
        let span = |span: &Span| TimelineSpan { range: span.range, stream: kind, tier: span.tier };
        timeline.spans.extend(covered.iter().map(span));
    }
    timeline
}

/// Stored footage and the open segment, cut at the range, in order.
fn covered(range: UtcRange, past: &StreamPast) -> Vec<Span> {
    let mut spans: Vec<Span> = past
        .spans
        .iter()
        .filter_map(|span| Some(Span { range: span.range.overlap(range)?, ..*span }))
        .collect();
    let Some(open) = past.open.and_then(|open| open.overlap(range)) else { return spans };
    // The index may know the open file already, as one that was found torn.
    let last = spans.last().map_or(open.start, |last| last.range.end);
    let open = UtcRange::new(
        if open.start.millis_since(last) < JOIN_MS { last } else { open.start },
        open.end,
    );
    match spans.last_mut() {
        _ if open.start >= open.end => {}
        Some(last) if last.tier == TierKind::Cache && last.range.end == open.start => {
            last.range.end = open.end;
        }
        _ => spans.push(Span { range: open, tier: TierKind::Cache }),
    }
    spans
}

/// From the first footage until now; `None` if there never was any, or not yet.
fn bounds(range: UtcRange, now: UtcMs, past: &StreamPast, covered: &[Span]) -> Option<UtcRange> {
    let first = [past.stored, past.open].into_iter().flatten().map(|known| known.start).min()?;
    let mut end = range.end.min(now);
    if past.open.is_some()
        && let Some(last) = covered.last()
        && end.millis_since(last.range.end) < ON_ITS_WAY_MS
    {
        end = last.range.end;
    }
    Some(UtcRange::new(range.start.max(first), end))
}

fn gaps(bounds: UtcRange, covered: &[Span], known: &[Gap]) -> Vec<Gap> {
    let mut holes = Vec::new();
    let mut at = bounds.start;
    for span in covered {
        holes.push(UtcRange::new(at, span.range.start));
        at = at.max(span.range.end);
    }
    holes.push(UtcRange::new(at, bounds.end));
    holes.retain(|hole| hole.start < hole.end);
    let pieces: Vec<Vec<Gap>> = holes.iter().map(|hole| explain(*hole, known)).collect();
    // Zoomed out over years of trouble: the main reason of each hole is all that can be seen.
    let too_many = pieces.iter().map(Vec::len).sum::<usize>() > 2 * (covered.len() + 1);
    if too_many {
        pieces.iter().filter_map(|pieces| main_reason(pieces)).collect()
    } else {
        pieces.concat()
    }
}

fn main_reason(pieces: &[Gap]) -> Option<Gap> {
    let (first, last) = (pieces.first()?, pieces.last()?);
    let total = |reason| {
        pieces
            .iter()
            .filter(|piece| piece.reason == reason)
            .map(|piece| piece.range.millis())
            .sum::<i64>()
    };
    let reason = GapReason::ALL.into_iter().max_by_key(|reason| total(*reason))?;
    Some(Gap { range: UtcRange::new(first.range.start, last.range.end), reason })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn range(from: i64, to: i64) -> UtcRange {
        UtcRange::new(UtcMs(from * 1000), UtcMs(to * 1000))
    }

    fn spans(list: &[(i64, i64)]) -> Vec<Span> {
        list.iter()
            .map(|(from, to)| Span { range: range(*from, *to), tier: TierKind::Cache })
            .collect()
    }

    fn gap(from: i64, to: i64, reason: GapReason) -> Gap {
        Gap { range: range(from, to), reason }
    }

    fn main(list: &[(i64, i64)], gaps: Vec<Gap>) -> StreamPast {
        let stored = list.first().zip(list.last()).map(|((from, _), (_, to))| range(*from, *to));
        StreamPast { stream: StreamKind::Main, spans: spans(list), gaps, stored, open: None }
    }

    /// Seconds; a gap with the first letters of its reason.
    fn check(asked: UtcRange, now: i64, streams: &[StreamPast], expect: &str) {
        let timeline = draw(asked, UtcMs(now * 1000), streams);
        let tenths = |at: UtcMs| format!("{}", at.0 / 1000);
        let spans = timeline.spans.iter().map(|s| {
            (
                s.range.start,
                format!(
                    "{}{}-{}",
                    &s.stream.name()[..1],
                    tenths(s.range.start),
                    tenths(s.range.end)
                ),
            )
        });
        let gaps = timeline.gaps.iter().map(|g| {
            (
                g.range.start,
                format!(
                    "{}:{}-{}",
                    &g.reason.name()[..4],
                    tenths(g.range.start),
                    tenths(g.range.end)
                ),
            )
        });
        let mut all: Vec<_> = spans.chain(gaps).collect();
        all.sort_by_key(|(start, _)| *start);
        assert_eq!(all.into_iter().map(|(_, text)| text).collect::<Vec<_>>().join(" "), expect);
    }

    #[test]
    fn a_hole_is_a_gap_with_its_reason() {
        let known = vec![gap(100, 150, GapReason::Network), gap(150, 180, GapReason::Recorder)];
        let past = main(&[(0, 100), (200, 300)], known);
        check(
            range(0, 300),
            300,
            &[past],
            "m0-100 netw:100-150 reco:150-180 unkn:180-200 m200-300",
        );
    }

    #[test]
    fn nothing_before_the_first_footage_and_nothing_after_now() {
        let past = main(&[(100, 200)], vec![gap(0, 100, GapReason::Network)]);
        check(range(0, 10_000), 250, std::slice::from_ref(&past), "m100-200 unkn:200-250");
        check(range(0, 50), 250, &[StreamPast { spans: vec![], ..past }], "");
        check(range(0, 300), 300, &[main(&[], vec![gap(0, 300, GapReason::Network)])], "");
    }

    #[test]
    fn what_is_being_written_is_footage_and_what_is_on_its_way_no_gap() {
        let open = |from, to| Some(range(from, to));
        let past = StreamPast { open: open(100, 130), ..main(&[(0, 100)], vec![]) };
        check(range(0, 300), 132, &[past], "m0-130");
        let first = StreamPast { open: open(100, 130), ..main(&[], vec![]) };
        check(range(0, 300), 132, &[first], "m100-130");
        let found_torn = StreamPast { open: open(100, 130), ..main(&[(0, 120)], vec![]) };
        check(range(0, 300), 132, &[found_torn], "m0-130");
        let stuck = StreamPast {
            open: open(100, 130),
            ..main(&[(0, 100)], vec![gap(131, 160, GapReason::Camera)])
        };
        check(range(0, 300), 160, &[stuck], "m0-130 came:130-160");
        let after_a_gap = StreamPast { open: open(100, 130), ..main(&[(0, 50)], vec![]) };
        check(range(0, 300), 130, &[after_a_gap], "m0-50 unkn:50-100 m100-130");
    }

    #[test]
    fn a_picture_more_or_less_is_no_gap_of_its_own() {
        let known =
            Gap { range: UtcRange::new(UtcMs(100_400), UtcMs(199_200)), reason: GapReason::Camera };
        check(
            range(0, 300),
            300,
            &[main(&[(0, 100), (200, 300)], vec![known])],
            "m0-100 came:100-200 m200-300",
        );
    }

    #[test]
    fn gaps_are_those_of_main_unless_only_sub_was_ever_recorded() {
        let sub =
            |list: &[(i64, i64)]| StreamPast { stream: StreamKind::Sub, ..main(list, vec![]) };
        check(
            range(0, 300),
            300,
            &[sub(&[(0, 250)]), main(&[(0, 200)], vec![])],
            "m0-200 s0-250 unkn:200-300",
        );
        check(range(0, 300), 300, &[sub(&[(0, 250)]), main(&[], vec![])], "s0-250 unkn:250-300");
    }

    #[test]
    fn with_too_many_reasons_a_hole_shows_its_main_one() {
        let known = vec![
            gap(100, 110, GapReason::Network),
            gap(110, 120, GapReason::Camera),
            gap(120, 160, GapReason::Network),
            gap(160, 200, GapReason::Credentials),
            gap(200, 210, GapReason::Camera),
            gap(210, 230, GapReason::Disk),
            gap(230, 250, GapReason::Network),
        ];
        check(
            range(0, 300),
            300,
            &[main(&[(0, 100), (250, 300)], known)],
            "m0-100 netw:100-250 m250-300",
        );
    }

    #[test]
    fn no_more_spans_than_can_be_drawn() {
        for (max, streams) in [(1, 1), (2, 1), (10, 2), (500, 2), (0, 0)] {
            let drawn = share(max, streams) * streams + streams;
            assert!(
                drawn <= max.max(2 * streams),
                "{max} spans of {streams} streams became {drawn}"
            );
        }
    }

    proptest! {
        #[test]
        fn spans_and_gaps_divide_the_range_without_rest(
            steps in proptest::collection::vec((1_600_i64..90_000, 1_i64..90_000), 0..20),
            reasons in proptest::collection::vec((0_i64..60_000, 1_i64..60_000, 0_usize..8), 0..30),
            from in 0_i64..1_000_000, length in 0_i64..2_000_000, now in 0_i64..3_000_000,
            open in proptest::option::of((0_i64..5_000, 0_i64..60_000)),
        ) {
            let mut at = 0;
            let all: Vec<UtcRange> = steps.iter().map(|(hole, length)| {
                let start = at + hole;
                at = start + length;
                UtcRange::new(UtcMs(start), UtcMs(at))
            }).collect();
            let mut told = 0;
            let known = reasons.iter().map(|(hole, length, reason)| {
                let start = told + hole;
                told = start + length;
                Gap { range: UtcRange::new(UtcMs(start), UtcMs(told)), reason: GapReason::ALL[*reason] }
            }).collect();
            let asked = UtcRange::new(UtcMs(from), UtcMs(from + length));
            let open = open.map(|(hole, length)| UtcRange::new(UtcMs(at + hole), UtcMs(at + hole + length)));
            let now = UtcMs(now.max(at).max(open.map_or(0, |open| open.end.0)));
            let past = StreamPast {
                stream: StreamKind::Main,
                spans: all.iter().filter_map(|span| span.overlap(asked))
                    .map(|range| Span { range, tier: TierKind::Cache }).collect(),
                gaps: known,
                stored: all.first().zip(all.last()).map(|(first, last)| UtcRange::new(first.start, last.end)),
                open,
            };
            let timeline = draw(asked, now, std::slice::from_ref(&past));
            let mut pieces: Vec<UtcRange> = timeline.spans.iter().map(|span| span.range)
                .chain(timeline.gaps.iter().map(|gap| gap.range)).collect();
            pieces.sort_by_key(|piece| piece.start);
            for pair in pieces.windows(2) {
                prop_assert_eq!(pair[0].end, pair[1].start, "spans and gaps touch");
            }
            let Some(first) = all.first().map(|span| span.start).or(open.map(|open| open.start)) else {
                prop_assert!(pieces.is_empty());
                return Ok(());
            };
            let bounds = UtcRange::new(asked.start.max(first), asked.end.min(now));
            let sum: i64 = pieces.iter().map(|piece| piece.millis()).sum();
            let rest = bounds.millis() - sum;
            let allowed = if open.is_some() { ON_ITS_WAY_MS } else { 1 };
            prop_assert!((0..allowed).contains(&rest), "{} ms of {:?} are neither span nor gap: {:?}", rest, bounds, pieces);
            if let Some(piece) = pieces.first() {
                prop_assert_eq!(piece.start, bounds.start);
            }
        }
    }
}
