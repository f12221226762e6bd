//! Fills an index with a million segments of 16 cameras and measures what a timeline and a playlist ask of it.
//!
//! ```text
//! cargo run --release -p tarsier-index --example fill -- [SEGMENTS] [FILE]
//! ```
//! Prints one line of JSON for each figure: `{"metric":…,"p50_ms":…,"p95_ms":…,"max_ms":…,"times":…}`.

#![expect(clippy::print_stdout, reason = "the figures are what it is for")]
#![expect(clippy::unwrap_used, reason = "a measurement that cannot go on has failed")]

use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use tarsier_index::{CameraRow, Index, Integrity, NewSegment, SegmentState, Tier, TierKind};
use tarsier_types::{
    CameraId, Clock, Codec, Gap, GapReason, ParameterSets, Part, StreamKind, SystemClock, Ticks,
    UtcMs, UtcRange, VideoParameters,
};

const CAMERAS: u32 = 16;
const SEGMENT_MS: i64 = 180_000;
const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;
/// 2026-01-01T00:00:00Z
const BEGIN: i64 = 1_767_225_600_000;
const MAIN: StreamKind = StreamKind::Main;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let segments: i64 = arguments.next().map_or(1_000_000, |text| text.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let path = arguments.next().map_or_else(|| folder.path().join("tarsier.db"), PathBuf::from);
    let clock = SystemClock::start();
    let mut chance = Chance(0x9E37_79B9_7F4A_7C15);

    let days = segments / i64::from(CAMERAS) / (DAY / SEGMENT_MS) + 1;
    fill(&path, &clock, days, &mut chance);

    measure("open", 20, &clock, |_| drop(Index::open(&path).unwrap()));
    let index = Index::open(&path).unwrap();
    let stored: u64 = index.totals().unwrap().iter().map(|total| total.segments).sum();
    println!(
        r#"{{"metric":"segments","value":{stored},"days":{days},"cameras":{CAMERAS},"begin_utc_ms":{BEGIN}}}"#
    );

    let mut at = |length: i64| {
        let start = BEGIN + chance.below(days * DAY - length);
        (
            camera(chance.below(i64::from(CAMERAS))),
            UtcRange::new(UtcMs(start), UtcMs(start + length)),
        )
    };
    let timeline = |camera: &CameraId, range: UtcRange| {
        for stream in StreamKind::ALL {
            index.first_and_last(camera, stream).unwrap();
            index.gaps_in(camera, stream, range, 10_000).unwrap();
            index.spans_in(camera, stream, range, 1_000).unwrap();
        }
    };
    let whole = days * DAY - 1;
    for (metric, length) in [
        ("timeline_hour", HOUR),
        ("timeline_day", DAY),
        ("timeline_30_days", 30 * DAY.min(whole / 30)),
        ("timeline_all", whole),
    ] {
        measure(metric, 2_000, &clock, |_| {
            let (camera, range) = at(length);
            timeline(&camera, range);
        });
    }
    for (metric, length) in [("playlist_hour", HOUR), ("playlist_day", DAY)] {
        measure(metric, 1_000, &clock, |_| {
            let (camera, range) = at(length);
            index.segments_in(&camera, MAIN, range, 2_000).unwrap();
        });
    }
    measure("seek", 5_000, &clock, |_| {
        let (camera, range) = at(1);
        index.segment_at(&camera, MAIN, range.start).unwrap();
    });
    measure("calendar_31_days", 500, &clock, |_| {
        let (camera, range) = at(31 * DAY.min(whole / 31));
        for day in 0..31 {
            let start = range.start.plus_millis(day * DAY);
            index.has_footage(&camera, MAIN, UtcRange::new(start, start.plus_millis(DAY))).unwrap();
        }
    });
    measure("totals", 500, &clock, |_| drop(index.totals().unwrap()));
    let mut next = BEGIN + days * DAY;
    measure("segment_closed", 2_000, &clock, |n| {
        let start = next;
        if n % usize::try_from(CAMERAS).unwrap() == 0 {
            next += SEGMENT_MS;
        }
        let new = segment(start, 0, &mut Chance(7));
        index
            .segment_closed(
                &camera(i64::try_from(n).unwrap() % i64::from(CAMERAS)),
                MAIN,
                "ssd",
                &new,
            )
            .unwrap();
    });
    measure("check", 1, &clock, |_| assert_eq!(index.check().unwrap(), Vec::<String>::new()));
}

fn fill(path: &Path, clock: &SystemClock, days: i64, chance: &mut Chance) {
    let index = Index::open(path).unwrap();
    for (id, kind) in [("ssd", TierKind::Cache), ("hdd", TierKind::Archive)] {
        index.put_tier(&Tier { id: id.into(), root: PathBuf::from(id), kind }).unwrap();
    }
    // Switched off, so that a hub answers for them and connects to nothing.
    for number in 0..CAMERAS {
        let id = camera(i64::from(number));
        let row = CameraRow {
            name: id.to_string(),
            id,
            created: UtcMs(BEGIN),
            enabled: false,
            config_json: r#"{"main":{"url":"rtsp://127.0.0.1/main"}}"#.to_owned(),
            has_secret: false,
        };
        index.add_camera(&row, None).unwrap();
    }
    let begun = clock.mono();
    for day in 0..days {
        for number in 0..CAMERAS {
            let camera = camera(i64::from(number));
            let mut rows = Vec::new();
            for slot in 0..DAY / SEGMENT_MS {
                let start = BEGIN + day * DAY + slot * SEGMENT_MS;
                // One segment in a hundred is cut short by a camera that goes away for a minute.
                let lost = if chance.below(100) == 0 { 60_000 } else { 0 };
                rows.push(segment(start, lost, chance));
                if lost > 0 {
                    let range =
                        UtcRange::new(UtcMs(start + SEGMENT_MS - lost), UtcMs(start + SEGMENT_MS));
                    index.gap(&camera, MAIN, Gap { range, reason: GapReason::Camera }).unwrap();
                }
            }
            let rows: Vec<_> = rows.iter().map(|row| (&camera, MAIN, row)).collect();
            let tier = if day + 2 < days { "hdd" } else { "ssd" };
            index.store_segments(tier, &rows).unwrap();
        }
    }
    let took = clock.mono().since(begun);
    drop(index);
    let bytes = std::fs::metadata(path).unwrap().len();
    println!(r#"{{"metric":"fill","seconds":{:.1},"size_bytes":{bytes}}}"#, took.as_secs_f64());
}

fn camera(number: i64) -> CameraId {
    CameraId::new(format!("camera-{number:02}")).unwrap()
}

/// 4 Mbit/s, fragments of a second, a keyframe every two.
fn segment(start: i64, lost_ms: i64, chance: &mut Chance) -> NewSegment {
    let mut offset = 1_200;
    let seconds = (SEGMENT_MS - lost_ms) / 1000;
    let fragments: Vec<Part> = (0..seconds)
        .map(|second| {
            let bytes = u32::try_from(450_000 + chance.below(100_000)).unwrap();
            let part = Part {
                offset,
                bytes,
                start: Ticks::from_millis(second * 1000),
                duration: Ticks::from_millis(1000),
                starts_with_keyframe: second % 2 == 0,
            };
            offset += u64::from(bytes);
            part
        })
        .collect();
    NewSegment {
        start: UtcMs(start),
        duration: Ticks::from_millis(SEGMENT_MS - lost_ms),
        size_bytes: offset + 900,
        state: SegmentState::Closed,
        integrity: Some(Integrity { hash: chance.bytes(), chain: chance.bytes() }),
        parameters: ParameterSets {
            video: VideoParameters {
                codec: Codec::H264,
                rfc6381: "avc1.640028".into(),
                width: 2560,
                height: 1440,
                nominal_millifps: Some(25_000),
                sample_entry: Bytes::from_static(&[0x5A; 140]),
            },
            audio: None,
        },
        init_bytes: 1_200,
        fragments,
        units: u32::try_from(seconds * 25).unwrap(),
        continues: lost_ms == 0,
    }
}

fn measure(metric: &str, times: usize, clock: &SystemClock, mut job: impl FnMut(usize)) {
    let mut took: Vec<Duration> = (0..times)
        .map(|n| {
            let begun = clock.mono();
            job(n);
            clock.mono().since(begun)
        })
        .collect();
    took.sort();
    let at = |percent: usize| took[(times * percent / 100).min(times - 1)].as_secs_f64() * 1000.0;
    println!(
        r#"{{"metric":"{metric}","p50_ms":{:.3},"p95_ms":{:.3},"max_ms":{:.3},"times":{times}}}"#,
        at(50),
        at(95),
        at(100)
    );
}

/// xorshift64: the same figures at each run.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: i64) -> i64 {
        i64::try_from(self.next() % u64::try_from(bound.max(1)).unwrap()).unwrap()
    }

    fn bytes(&mut self) -> [u8; 32] {
        let mut bytes = [0; 32];
        for eight in bytes.chunks_mut(8) {
            eight.copy_from_slice(&self.next().to_le_bytes());
        }
        bytes
    }
}
