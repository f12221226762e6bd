//! What streams wrote day by day.

use tarsier_index::DayWritten;
use tarsier_types::{Gap, GapReason, UtcMs};

use crate::support::{DAY, Fixture, HOUR, MAIN, MIDNIGHT, MINUTE, garden, range, segment};

#[test]
fn days_are_counted_back_from_now_with_events_and_planned_gaps() {
    let it = Fixture::new();
    let now = MIDNIGHT + 10 * DAY;
    for start in [now - HOUR, now - 2 * HOUR, now - DAY - HOUR, now - 20 * DAY] {
        it.store("ssd", &segment(start, MINUTE));
    }
    let event = range(now - 2 * HOUR + 5_000, now - 2 * HOUR + 6_000);
    it.index.put_event_span(&garden(), event).unwrap();
    let planned =
        Gap { range: range(now - 3 * DAY, now - DAY - 6 * HOUR), reason: GapReason::Planned };
    it.index.gap(&garden(), MAIN, planned).unwrap();
    let broken = Gap { range: range(now - 30 * MINUTE, now), reason: GapReason::Network };
    it.index.gap(&garden(), MAIN, broken).unwrap();
    let told: Vec<String> = it
        .index
        .days_written(UtcMs(now), 14)
        .unwrap()
        .iter()
        .map(|day: &DayWritten| {
            let files = segment(0, MINUTE).size_bytes;
            let (bytes, events) = (day.size_bytes / files, day.event_bytes / files);
            let minutes = |ms: u64| ms / 60_000;
            let (recorded, planned) = (minutes(day.duration_ms), minutes(day.planned_ms));
            format!(
                "{}: {bytes} files, {events} events, {recorded} min, {planned} planned",
                day.days_back
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            "0: 2 files, 1 events, 2 min, 0 planned",
            "1: 1 files, 0 events, 1 min, 1080 planned",
            "2: 0 files, 0 events, 0 min, 1440 planned",
        ],
        "what is older than 14 days, and what was nobody's plan, is left out"
    );
}
