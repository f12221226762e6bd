//! The gap ledger on real rows: the sum is the wall clock, and no second is left without a reason.

use proptest::prelude::*;
use tarsier_index::{Ledger, LedgerNow};
use tarsier_types::{Gap, GapReason, UtcMs, UtcRange};

use crate::support::{DAY, Fixture, HOUR, MAIN, MIDNIGHT, MINUTE, garden, range, segment};

const NOON: i64 = MIDNIGHT + 12 * HOUR;

fn gap(from: i64, to: i64, reason: GapReason) -> Gap {
    Gap { range: range(from, to), reason }
}

fn ask(it: &Fixture, asked: UtcRange, now: &LedgerNow) -> Ledger {
    let ledger = it.index.ledger(&garden(), MAIN, asked, now).unwrap();
    let missing: i64 = ledger.tallies.iter().map(|tally| tally.millis).sum();
    assert_eq!(ledger.recorded_ms + missing, ledger.range.millis(), "{ledger:?}");
    ledger
}

fn at(now: i64) -> LedgerNow {
    LedgerNow { now: UtcMs(now), on_its_way_ms: 10_000, ..LedgerNow::default() }
}

#[test]
fn a_stream_of_which_nothing_is_known_has_an_empty_ledger() {
    let it = Fixture::new();
    let ledger = ask(&it, range(MIDNIGHT, NOON), &at(NOON));
    assert_eq!((ledger.range.millis(), ledger.recorded_ms), (0, 0));
}

#[test]
fn a_camera_that_was_never_connected_has_a_ledger_from_its_first_reason_on() {
    let it = Fixture::new();
    it.index
        .explain(&garden(), MAIN, gap(MIDNIGHT + HOUR, MIDNIGHT + 2 * HOUR, GapReason::Network))
        .unwrap();
    let current = gap(MIDNIGHT + HOUR, MIDNIGHT + 3 * HOUR, GapReason::Credentials);
    let now = LedgerNow { gap: Some(current), ..at(MIDNIGHT + 3 * HOUR) };
    let ledger = ask(&it, range(MIDNIGHT, NOON), &now);
    assert_eq!(ledger.range, range(MIDNIGHT + HOUR, MIDNIGHT + 3 * HOUR));
    assert_eq!(ledger.missing_ms(GapReason::Network), HOUR, "what is stored stays");
    assert_eq!(ledger.missing_ms(GapReason::Credentials), HOUR, "what goes on fills the rest");
    assert_eq!(ledger.unknown_ms(), 0);
}

#[test]
fn the_open_file_and_the_open_gap_count() {
    let it = Fixture::new();
    it.store("ssd", &segment(MIDNIGHT, 180_000));
    let open = vec![range(MIDNIGHT + 180_001, MIDNIGHT + 240_000)];
    let writing = LedgerNow { open: open.clone(), ..at(MIDNIGHT + 241_500) };
    let ledger = ask(&it, range(MIDNIGHT, NOON), &writing);
    assert_eq!(ledger.range.end, UtcMs(MIDNIGHT + 240_000), "what is on its way is not judged");
    assert_eq!((ledger.recorded_ms, ledger.gaps()), (240_000, 0));
    let current = Some(gap(MIDNIGHT + 239_900, MIDNIGHT + 300_000, GapReason::Network));
    let lost = LedgerNow { open, gap: current, ..at(MIDNIGHT + 300_000) };
    let ledger = ask(&it, range(MIDNIGHT, NOON), &lost);
    assert_eq!((ledger.recorded_ms, ledger.missing_ms(GapReason::Network)), (240_000, 60_000));
    assert_eq!((ledger.gaps(), ledger.longest.unwrap().range.millis()), (1, 60_000));
}

#[test]
fn a_stream_that_should_be_written_and_is_not_is_no_longer_on_its_way_after_ten_seconds() {
    let it = Fixture::new();
    it.store("ssd", &segment(MIDNIGHT, 180_000));
    let ledger = ask(&it, range(MIDNIGHT, NOON), &at(MIDNIGHT + 195_000));
    assert_eq!(ledger.unknown_ms(), 15_000, "nothing is hidden");
}

#[test]
fn retention_does_not_leave_unexplained_time_behind() {
    let it = Fixture::new();
    for n in 0..10 {
        it.store("ssd", &segment(MIDNIGHT + n * 180_000, 180_000));
    }
    let first: Vec<UtcMs> = (0..4).map(|n| UtcMs(MIDNIGHT + n * 180_000)).collect();
    it.index.remove_segments(&garden(), MAIN, &first, GapReason::Deleted).unwrap();
    let middle = [UtcMs(MIDNIGHT + 6 * 180_000)];
    it.index.remove_segments(&garden(), MAIN, &middle, GapReason::Deleted).unwrap();
    let ledger = ask(&it, range(MIDNIGHT, NOON), &at(MIDNIGHT + 1_800_000));
    assert_eq!(ledger.range.start, UtcMs(MIDNIGHT + 4 * 180_000), "from what is kept on");
    assert_eq!(ledger.missing_ms(GapReason::Deleted), 180_000);
    assert_eq!((ledger.unknown_ms(), ledger.gaps()), (0, 0));
    assert_eq!(ledger.wanted_ms(), 5 * 180_000, "what a rule deleted was recorded once");
}

#[test]
fn an_explanation_fills_what_neither_footage_nor_a_reason_covers() {
    let it = Fixture::new();
    it.store("ssd", &segment(MIDNIGHT + MINUTE, 60_000));
    it.index
        .gap(&garden(), MAIN, gap(MIDNIGHT + 150_000, MIDNIGHT + 180_000, GapReason::Camera))
        .unwrap();
    it.index
        .explain(&garden(), MAIN, gap(MIDNIGHT, MIDNIGHT + 240_000, GapReason::Recorder))
        .unwrap();
    let stored = it.index.gaps_in(&garden(), MAIN, range(MIDNIGHT, NOON), 10).unwrap();
    let expect = [
        gap(MIDNIGHT, MIDNIGHT + MINUTE, GapReason::Recorder),
        gap(MIDNIGHT + 120_000, MIDNIGHT + 150_000, GapReason::Recorder),
        gap(MIDNIGHT + 150_000, MIDNIGHT + 180_000, GapReason::Camera),
        gap(MIDNIGHT + 180_000, MIDNIGHT + 240_000, GapReason::Recorder),
    ];
    assert_eq!(stored, expect);
    it.index
        .explain(&garden(), MAIN, gap(MIDNIGHT, MIDNIGHT + 300_000, GapReason::Recorder))
        .unwrap();
    let stored = it.index.gaps_in(&garden(), MAIN, range(MIDNIGHT, NOON), 10).unwrap();
    assert_eq!(stored.len(), expect.len(), "one that goes on grows in place: {stored:?}");
}

#[test]
fn seams_get_no_reason() {
    let it = Fixture::new();
    it.store("ssd", &segment(MIDNIGHT, 60_000));
    it.store("ssd", &segment(MIDNIGHT + 60_002, 60_000));
    it.index
        .explain(&garden(), MAIN, gap(MIDNIGHT, MIDNIGHT + 120_002, GapReason::Recorder))
        .unwrap();
    assert_eq!(it.index.gaps_in(&garden(), MAIN, range(MIDNIGHT, NOON), 10).unwrap(), []);
    let ledger = ask(&it, range(MIDNIGHT, NOON), &at(MIDNIGHT + 120_002));
    assert_eq!((ledger.recorded_ms, ledger.gaps()), (120_002, 0));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    /// Days of files and holes; whoever looks afterwards explains each hole. Whatever is asked for adds up, and
    /// nothing in it is unknown.
    #[test]
    fn no_second_is_left_without_a_reason(
        steps in proptest::collection::vec((0_i64..4, 0_i64..900_000, 1_i64..900_000, 0_usize..7), 1..25),
        from in 0_i64..2 * DAY, length in 1_i64..DAY,
    ) {
        let it = Fixture::new();
        let mut at_ms = MIDNIGHT;
        for (kind, hole, length, reason) in steps {
            let hole = if kind == 0 { hole % 3 } else { hole };
            let start = at_ms + hole;
            it.index.explain(&garden(), MAIN, gap(at_ms, start, GapReason::ALL[reason])).unwrap();
            it.store("ssd", &segment(start, length));
            at_ms = start + length;
        }
        let asked = range(MIDNIGHT + from, MIDNIGHT + from + length);
        let ledger = ask(&it, asked, &at(at_ms));
        prop_assert_eq!(ledger.unknown_ms(), 0);
        if let Some(longest) = ledger.longest {
            prop_assert!(longest.range.millis() <= ledger.range.millis() - ledger.recorded_ms);
        }
    }
}

#[test]
fn every_reason_can_be_stored_and_is_counted_as_itself() {
    for reason in GapReason::ALL {
        let it = Fixture::new();
        let hole = gap(MIDNIGHT + HOUR, MIDNIGHT + 2 * HOUR, reason);
        it.index.gap(&garden(), MAIN, hole).unwrap();
        let known = it.index.last_gap(&garden(), MAIN).unwrap();
        assert_eq!(known, Some(hole), "{}", reason.name());
    }
}
