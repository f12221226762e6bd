//! Segments, spans, gaps and totals, and that they always say the same.

use proptest::prelude::*;
use tarsier_index::{IndexError, SegmentState};
use tarsier_types::{Gap, GapReason, StreamKind, Ticks, UtcMs, UtcRange};

use crate::support::{
    DAY, Fixture, HOUR, MAIN, MIDNIGHT, MINUTE, garden, parameters, range, segment,
};

const ALL: UtcRange = UtcRange::new(UtcMs(0), UtcMs(i64::MAX));

#[test]
fn a_segment_is_read_back_in_playlist_parts() {
    let it = Fixture::new();
    let mut stored = segment(MIDNIGHT, 180_000);
    stored.continues = true;
    it.store("ssd", &stored);
    let rows = it.index.segments_in(&garden(), MAIN, ALL, 10).unwrap();
    let row = &rows[0];
    assert_eq!(rows.len(), 1);
    assert_eq!(
        (row.start, row.duration_ms, row.size_bytes),
        (stored.start, 180_000, stored.size_bytes)
    );
    assert_eq!((row.state, row.continues, row.units), (SegmentState::Closed, true, stored.units));
    assert_eq!((row.integrity, &*row.parameters), (stored.integrity, &stored.parameters));
    assert_eq!((row.tier.id.as_str(), row.init_bytes), ("ssd", 1000));
    assert_eq!(row.parts.len(), 45, "180 fragments of 1 s make 45 parts of 4 s");
    assert!(
        row.parts
            .iter()
            .all(|part| part.starts_with_keyframe && part.duration == Ticks::from_millis(4000))
    );
    let last = row.parts[44];
    assert_eq!(
        last.offset + u64::from(last.bytes),
        stored.size_bytes,
        "the parts cover the file to its end"
    );
}

#[test]
fn a_range_finds_what_reaches_into_it_and_nothing_else() {
    let it = Fixture::new();
    for n in 0..10 {
        it.store("ssd", &segment(MIDNIGHT + n * 180_000, 180_000));
    }
    it.index
        .segment_closed(&garden(), StreamKind::Sub, "ssd", &segment(MIDNIGHT, 900_000))
        .unwrap();
    let starts = |from: i64, to: i64, limit: u32| -> Vec<i64> {
        let rows = it
            .index
            .segments_in(&garden(), MAIN, range(MIDNIGHT + from, MIDNIGHT + to), limit)
            .unwrap();
        rows.iter().map(|row| (row.start.0 - MIDNIGHT) / 180_000).collect()
    };
    assert_eq!(starts(180_000, 360_000, 9), [1], "[start, end)");
    assert_eq!(starts(179_999, 360_001, 9), [0, 1, 2]);
    assert_eq!(starts(200_000, 200_001, 9), [1], "the segment before the range reaches into it");
    assert_eq!(starts(0, DAY, 3), [0, 1, 2], "bounded");
    assert_eq!(starts(10 * 180_000, DAY, 9), [] as [i64; 0]);
    assert_eq!(starts(500, 500, 9), [] as [i64; 0], "an empty range holds nothing");
    let at = |at: i64| {
        it.index
            .segment_at(&garden(), MAIN, UtcMs(MIDNIGHT + at))
            .unwrap()
            .map(|row| row.start.0 - MIDNIGHT)
    };
    assert_eq!(
        (at(-1), at(0), at(180_001), at(DAY)),
        (None, Some(0), Some(180_000), Some(9 * 180_000))
    );
    let after = it.index.segment_after(&garden(), MAIN, UtcMs(MIDNIGHT)).unwrap().unwrap();
    assert_eq!(after.start.0, MIDNIGHT + 180_000);
    assert_eq!(
        it.index.last_segment_end(&garden(), MAIN).unwrap(),
        Some(UtcMs(MIDNIGHT + 10 * 180_000))
    );
    assert!(it.index.known_segment(&garden(), MAIN, UtcMs(MIDNIGHT)).unwrap());
    assert!(!it.index.known_segment(&garden(), MAIN, UtcMs(MIDNIGHT + 1)).unwrap());
}

#[test]
fn no_time_that_somebody_may_ask_for_makes_it_panic() {
    let it = Fixture::new();
    it.store("ssd", &segment(MIDNIGHT, 180_000));
    for from in [i64::MIN, -1, 0, MIDNIGHT, i64::MAX] {
        for to in [i64::MIN, -1, 0, MIDNIGHT, i64::MAX] {
            let asked = range(from, to);
            let holds = from <= MIDNIGHT && MIDNIGHT < to;
            assert_eq!(
                it.index.spans_in(&garden(), MAIN, asked, 9).unwrap().len(),
                usize::from(holds),
                "{asked:?}"
            );
            assert_eq!(
                it.index.segments_in(&garden(), MAIN, asked, 9).unwrap().len(),
                usize::from(holds),
                "{asked:?}"
            );
            assert_eq!(it.index.has_footage(&garden(), MAIN, asked).unwrap(), holds, "{asked:?}");
            assert_eq!(it.index.gaps_in(&garden(), MAIN, asked, 9).unwrap(), []);
        }
        assert_eq!(
            it.index.segment_at(&garden(), MAIN, UtcMs(from)).unwrap().is_some(),
            from >= MIDNIGHT
        );
        assert_eq!(
            it.index.segment_after(&garden(), MAIN, UtcMs(from)).unwrap().is_some(),
            from < MIDNIGHT
        );
    }
}

#[test]
fn spans_join_over_midnight_and_show_holes_and_tiers() {
    let it = Fixture::new();
    for n in -2..3 {
        it.store("ssd", &segment(MIDNIGHT + n * 180_000, 180_000));
    }
    assert_eq!(it.spans(ALL, 9), "-360-540c", "midnight is no hole");
    it.store("ssd", &segment(MIDNIGHT + HOUR, 180_000));
    assert_eq!(it.spans(ALL, 9), "-360-540c 3600-3780c");
    assert_eq!(
        it.spans(range(MIDNIGHT, MIDNIGHT + 3_601_000), 9),
        "0-540c 3600-3601c",
        "cut at the ends of the range"
    );
    assert_eq!(it.spans(ALL, 1), "-360-3780c", "as many spans as can be drawn");
    let moved = it.index.segment_moved(&garden(), MAIN, UtcMs(MIDNIGHT - 360_000), "hdd").unwrap();
    let left = moved.expect("it lived elsewhere");
    assert_eq!((left.tier_id.as_str(), left.start), ("ssd", UtcMs(MIDNIGHT - 360_000)));
    assert_eq!(
        it.index.garbage("ssd", 9).unwrap(),
        [left],
        "the file where it lived is to be deleted"
    );
    assert_eq!(it.spans(ALL, 9), "-360--180a -180-540c 3600-3780c");
    assert!(
        it.index.has_footage(&garden(), MAIN, range(MIDNIGHT + 3_700_000, MIDNIGHT + DAY)).unwrap()
    );
    assert!(
        !it.index.has_footage(&garden(), MAIN, range(MIDNIGHT + 540_000, MIDNIGHT + HOUR)).unwrap()
    );
    let totals = it.index.totals().unwrap();
    let text: Vec<String> =
        totals.iter().map(|t| format!("{} {} {}", t.tier_id, t.segments, t.duration_ms)).collect();
    assert_eq!(text, ["ssd 5 900000", "hdd 1 180000"], "running totals follow a move");
}

#[test]
fn a_torn_segment_is_replaced_when_its_recorder_closes_it_after_all() {
    let it = Fixture::new();
    let torn = tarsier_index::NewSegment {
        state: SegmentState::Torn,
        integrity: None,
        ..segment(MIDNIGHT, 60_000)
    };
    it.store("ssd", &torn);
    it.store("ssd", &segment(MIDNIGHT, 180_000));
    let rows = it.index.segments_in(&garden(), MAIN, ALL, 10).unwrap();
    assert_eq!(
        (rows.len(), rows[0].state, rows[0].duration_ms),
        (1, SegmentState::Closed, 180_000)
    );
    assert_eq!(
        it.index.totals().unwrap()[0].size_bytes,
        segment(0, 180_000).size_bytes,
        "counted once, as it is now"
    );
    assert_eq!(it.spans(ALL, 9), "0-180c");
}

#[test]
fn a_removed_segment_leaves_a_gap_with_its_reason() {
    let it = Fixture::new();
    for n in 0..5 {
        it.store("ssd", &segment(MIDNIGHT + n * 180_000, 180_000));
    }
    let starts = [2, 3, 7].map(|n| UtcMs(MIDNIGHT + n * 180_000));
    assert_eq!(it.index.remove_segments(&garden(), MAIN, &starts, GapReason::Deleted).unwrap(), 2);
    assert_eq!(it.spans(ALL, 9), "0-360c 720-900c");
    let expected =
        Gap { range: range(MIDNIGHT + 360_000, MIDNIGHT + 720_000), reason: GapReason::Deleted };
    assert_eq!(
        it.index.gaps_in(&garden(), MAIN, ALL, 10).unwrap(),
        [expected],
        "two neighbours make one gap"
    );
    let rest = [0, 1].map(|n| UtcMs(MIDNIGHT + n * 180_000));
    it.index.remove_segments(&garden(), MAIN, &rest, GapReason::Deleted).unwrap();
    assert_eq!(
        it.index.gaps_in(&garden(), MAIN, ALL, 10).unwrap(),
        [],
        "retention leaves no pile of gaps behind"
    );
}

#[test]
fn the_first_reason_that_was_given_stays() {
    let it = Fixture::new();
    let put = |from: i64, to: i64, reason| {
        it.index.gap(&garden(), MAIN, Gap { range: range(from, to), reason }).unwrap();
    };
    put(10_000, 20_000, GapReason::Network);
    put(0, 40_000, GapReason::Recorder);
    put(5_000, 5_000, GapReason::Disk);
    put(40_900, 50_000, GapReason::Recorder);
    let text = |from, to| -> Vec<String> {
        let gaps = it.index.gaps_in(&garden(), MAIN, range(from, to), 10).unwrap();
        gaps.iter()
            .map(|g| format!("{}-{} {}", g.range.start.0, g.range.end.0, g.reason.name()))
            .collect()
    };
    assert_eq!(
        text(0, 99_000),
        ["0-10000 recorder", "10000-20000 network", "20000-50000 recorder"]
    );
    assert_eq!(text(30_000, 31_000), ["20000-50000 recorder"], "whole, not cut at the range");
    assert_eq!(it.index.last_gap(&garden(), MAIN).unwrap().unwrap().range, range(20_000, 50_000));
}

#[test]
fn equal_parameter_sets_are_stored_once_and_different_ones_apart() {
    let it = Fixture::new();
    for n in 0..4_u16 {
        let mut row = segment(MIDNIGHT + i64::from(n) * 180_000, 180_000);
        row.parameters = parameters(if n % 2 == 0 { 1920 } else { 1280 });
        it.store("ssd", &row);
    }
    let rows = it.index.segments_in(&garden(), MAIN, ALL, 10).unwrap();
    let widths: Vec<u16> = rows.iter().map(|row| row.parameters.video.width).collect();
    assert_eq!(widths, [1920, 1280, 1920, 1280]);
    let database = rusqlite::Connection::open(it.index.path()).unwrap();
    let stored: i64 =
        database.query_row("select count(*) from parameter_sets", [], |row| row.get(0)).unwrap();
    assert_eq!(stored, 2);
}

#[test]
fn a_tier_that_nobody_made_known_is_refused() {
    let it = Fixture::new();
    let error =
        it.index.segment_closed(&garden(), MAIN, "usb", &segment(MIDNIGHT, 180_000)).unwrap_err();
    assert!(matches!(error, IndexError::UnknownTier { ref id } if id == "usb"), "{error:?}");
    assert_eq!(it.index.first_and_last(&garden(), MAIN).unwrap(), None, "nothing may be stored");
}

#[test]
fn no_question_of_a_timeline_or_a_playlist_walks_a_whole_table() {
    let it = Fixture::new();
    let database = rusqlite::Connection::open(it.index.path()).unwrap();
    for sql in [
        "select start_utc_ms from spans where stream_id = 1 and start_utc_ms >= 2 and start_utc_ms < 3 order by start_utc_ms",
        "select id, parts from segments where id >= 1 and id < 2 and start_utc_ms + duration_ms > 3 order by id limit 4",
        "select max(id) from segments where id >= 1 and id < 2",
        "select * from gaps where stream_id = 1 and start_utc_ms < 3 and end_utc_ms > 2 and start_utc_ms >= coalesce(
             (select max(start_utc_ms) from gaps where stream_id = 1 and start_utc_ms <= 2), 2) order by start_utc_ms",
        "select * from events where camera_id = 'x' and utc_ms >= 1 and utc_ms < 2 order by utc_ms desc, id desc limit 5",
        "select * from events where id > 5 order by id limit 6",
        "select f.id from segments f indexed by segments_by_age where f.tier_id = 1 and f.start_utc_ms >= 2
             order by f.start_utc_ms",
        "select f.id from copies o indexed by copies_by_age join segments f on f.id = o.segment_id
             where o.tier_id = 1 and o.start_utc_ms >= 2 order by o.start_utc_ms",
        "select f.id from segments f where f.id >= 1 and f.id < 2 and +f.tier_id = 3 order by f.id",
        "select segment_id from garbage where tier_id = 1 order by segment_id limit 2",
        "select exists (select 1 from locks where camera_id = 'x' and start_utc_ms < 3 and end_utc_ms > 2)",
    ] {
        let mut plan = database.prepare(&format!("explain query plan {sql}")).unwrap();
        let steps: Vec<String> = plan.query_map([], |row| row.get(3)).unwrap().map(Result::unwrap).collect();
        assert!(
            steps.iter().all(|step| !step.starts_with("SCAN") || step == "SCAN CONSTANT ROW") && steps.iter().all(|s| !s.contains("TEMP B-TREE")),
            "{sql}: {steps:?}"
        );
    }
}

/// What was put in and taken out, in the simplest way.
#[derive(Default)]
struct Model(std::collections::BTreeMap<i64, (i64, &'static str)>);

impl Model {
    fn spans(&self) -> String {
        let mut spans: Vec<(i64, i64, &str)> = Vec::new();
        for (start, (duration, tier)) in &self.0 {
            match spans.last_mut() {
                Some((_, end, last)) if start - *end < 1_500 && last == tier => {
                    *end = start + duration;
                }
                Some((_, end, _)) if start - *end < 1_500 => {
                    *end = *start;
                    spans.push((*start, start + duration, tier));
                }
                _ => spans.push((*start, start + duration, tier)),
            }
        }
        let text: Vec<String> = spans
            .iter()
            .map(|(start, end, tier)| {
                format!("{}-{}{}", (start - MIDNIGHT) / 1000, (end - MIDNIGHT) / 1000, &tier[..1])
            })
            .collect();
        text.join(" ")
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]
    #[test]
    fn spans_and_totals_follow_every_change(
        steps in proptest::collection::vec((0_u8..4, 0_i64..60, 0_i64..3), 1..60),
    ) {
        let it = Fixture::new();
        let mut model = Model::default();
        for (what, place, kind) in steps {
            // Slots of 47 minutes, so that midnight lies within one, each with room for a rounded end.
            let start = MIDNIGHT + (place - 30) * 47 * MINUTE;
            let duration = 47 * MINUTE - [0, 1_400, 5_000][usize::try_from(kind).unwrap()];
            match what {
                0 | 1 => {
                    let tier = ["ssd", "hdd"][usize::from(what)];
                    let row = tarsier_index::NewSegment { fragments: Vec::new(), ..segment(start, duration) };
                    it.store(tier, &row);
                    model.0.insert(start, (duration, ["cache", "archive"][usize::from(what)]));
                }
                2 => {
                    let removed = it.index.remove_segments(&garden(), MAIN, &[UtcMs(start)], GapReason::Deleted).unwrap();
                    prop_assert_eq!(removed == 1, model.0.remove(&start).is_some());
                }
                _ => {
                    let moved = it.index.segment_moved(&garden(), MAIN, UtcMs(start), "hdd").unwrap();
                    let lives = model.0.get(&start).map(|row| row.1);
                    prop_assert_eq!(moved.is_some(), lives.is_some_and(|tier| tier != "archive"));
                    if let Some(row) = model.0.get_mut(&start) {
                        row.1 = "archive";
                    }
                }
            }
            prop_assert_eq!(it.spans(ALL, 1000), model.spans());
        }
        let counted: u64 = it.index.totals().unwrap().iter().map(|total| total.segments).sum();
        prop_assert_eq!(counted, u64::try_from(model.0.len()).unwrap());
    }

    #[test]
    fn stored_gaps_never_overlap(gaps in proptest::collection::vec((0_i64..200_000, 0_i64..50_000, 0_usize..8), 1..40)) {
        let it = Fixture::new();
        for (start, length, reason) in &gaps {
            let gap = Gap { range: range(*start, start + length), reason: GapReason::ALL[*reason] };
            it.index.gap(&garden(), MAIN, gap).unwrap();
        }
        let stored = it.index.gaps_in(&garden(), MAIN, ALL, 1000).unwrap();
        for pair in stored.windows(2) {
            prop_assert!(pair[0].range.end <= pair[1].range.start, "{:?}", pair);
        }
        for (start, length, _) in gaps {
            let asked = range(start, start + length);
            let told: i64 = it.index.gaps_in(&garden(), MAIN, asked, 1000).unwrap().iter()
                .filter_map(|gap| gap.range.overlap(asked)).map(UtcRange::millis).sum();
            prop_assert_eq!(told, length, "every reported moment has a reason");
        }
    }
}
