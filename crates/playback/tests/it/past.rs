//! A real index over real files: from an instant to its picture, from a month to its days.

use std::fs;
use std::io::Cursor;
use std::ops::ControlFlow;
use std::sync::Arc;

use jiff::tz::TimeZone;
use tarsier_index::{Index, OpenSegments, Reach, Tier, TierKind};
use tarsier_playback::OpenSegment;
use tarsier_playback::past::{
    Found, Present, TimelineRequest, days_with_footage, find, timeline, vod,
};
use tarsier_playback::read::{ReadGopError, Shifted, gop, shifted};
use tarsier_playback::vod::{Timestamps, VodRequest};
use tarsier_segment::{name, read_units, scan};
use tarsier_types::{Gap, GapReason, Ticks, UtcMs, UtcRange};

use crate::support::{MAIN, START, file, garden, range};

const DAY: i64 = 86_400_000;

struct Disk {
    index: Index,
    folder: tempfile::TempDir,
}

/// Files of 20 s at these times after `START`, in milliseconds.
fn disk(starts: &[i64]) -> Disk {
    let folder = tempfile::tempdir().unwrap();
    let index = Index::open(&folder.path().join("tarsier.db")).unwrap();
    fs::write(folder.path().join("tarsier-tier.json"), r#"{"id":"ssd"}"#).unwrap();
    let tier = Tier { id: "ssd".into(), root: folder.path().to_owned(), kind: TierKind::Cache };
    index.put_tier(&tier).unwrap();
    for start in starts {
        let path = folder.path().join(name::path(&garden(), MAIN, UtcMs(START + start)));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, file(20)).unwrap();
    }
    let all = |_: &_| ControlFlow::Continue(());
    index.reconcile("ssd", folder.path(), Reach::All, &OpenSegments::new(), &mut { all }).unwrap();
    Disk { index, folder }
}

impl Disk {
    /// The number of the picture that is shown at that time, decoded from its keyframe on.
    fn picture(&self, at: i64) -> Result<(u8, usize), Found> {
        let (row, place) =
            match find(&self.index, &garden(), MAIN, UtcMs(START + at), None).unwrap() {
                Found::Stored(row, place) => (row, place),
                other => return Err(other),
            };
        let gop = gop(&row.tier.root.join(name::path(&garden(), MAIN, row.start)), &place).unwrap();
        let bytes = [&gop.init[..], &gop.fragments[..]].concat();
        let scanned = scan(&mut Cursor::new(&bytes)).unwrap();
        let mut pictures = Vec::new();
        for part in &scanned.parts {
            let start = usize::try_from(part.offset).unwrap();
            let units =
                read_units(&scanned, &bytes[start..start + usize::try_from(part.bytes).unwrap()])
                    .unwrap();
            pictures.extend(units);
        }
        assert!(pictures[0].is_keyframe, "decoding starts at a keyframe");
        let before = pictures.iter().take_while(|unit| Ticks(unit.pts.0) <= gop.at).count();
        Ok((pictures[before - 1].data[0], pictures.len()))
    }
}

#[test]
fn every_instant_leads_to_its_picture_and_reads_no_more_than_its_gop() {
    let disk = disk(&[0]);
    for (at, expect) in
        [(0, 0), (199, 0), (200, 1), (1_999, 9), (2_000, 10), (13_450, 67), (19_999, 99)]
    {
        let (picture, read) = disk.picture(at).unwrap();
        assert_eq!(i64::from(picture), expect, "at {at} ms");
        assert!(read <= 10, "{read} pictures were read for one, at {at} ms: a GOP has ten");
    }
    assert_eq!(
        disk.picture(20_500).unwrap().0,
        99,
        "just behind the end the last picture is still to be seen"
    );
}

#[test]
fn where_there_is_no_picture_the_nearest_ones_are_named() {
    let disk = disk(&[0, 60_000]);
    let nothing = |before: Option<i64>, after: Option<i64>| {
        let at = |at: Option<i64>| at.map(|at| UtcMs(START + at));
        Err(Found::Nothing { before: at(before), after: at(after) })
    };
    assert_eq!(disk.picture(-1), nothing(None, Some(0)));
    assert_eq!(disk.picture(40_000), nothing(Some(20_000), Some(60_000)));
    assert_eq!(disk.picture(90_000), nothing(Some(80_000), None));
}

#[test]
fn a_file_that_is_gone_or_cut_is_said_so() {
    let disk = disk(&[0]);
    let Found::Stored(row, place) =
        find(&disk.index, &garden(), MAIN, UtcMs(START + 15_000), None).unwrap()
    else {
        panic!("the picture is there")
    };
    let path = row.tier.root.join(name::path(&garden(), MAIN, row.start));
    fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(5_000).unwrap();
    assert!(matches!(gop(&path, &place), Err(ReadGopError::Changed(_))));
    fs::remove_file(&path).unwrap();
    assert!(matches!(gop(&path, &place), Err(ReadGopError::Gone(_))));
}

#[test]
fn any_range_of_a_shifted_file_is_a_slice_of_the_whole() {
    let disk = disk(&[0]);
    let row = disk.index.segment_at(&garden(), MAIN, UtcMs(START)).unwrap().unwrap();
    let path = disk.folder.path().join(name::path(&garden(), MAIN, row.start));
    let original = fs::read(&path).unwrap();
    let file = Shifted { parts: &row.parts, by: Ticks(900_000), audio_rate_hz: None };
    let whole = shifted(&path, file, 0..row.size_bytes).unwrap();
    let before = scan(&mut Cursor::new(&original)).unwrap();
    let after = scan(&mut Cursor::new(&whole)).unwrap();
    assert_eq!((whole.len(), after.parts.len()), (original.len(), before.parts.len()));
    for (before, after) in before.parts.iter().zip(&after.parts) {
        assert_eq!(
            after.start,
            before.start + Ticks(900_000),
            "every fragment is ten seconds later"
        );
        assert_eq!(after.offset, before.offset, "and where it was");
    }
    let size = row.size_bytes;
    for asked in
        [0..10, 0..2_000, 700..20_000, 5_000..5_001, 20_000..size, size - 3..size, size..size]
    {
        let (from, to) =
            (usize::try_from(asked.start).unwrap(), usize::try_from(asked.end).unwrap());
        assert_eq!(shifted(&path, file, asked.clone()).unwrap(), whole[from..to], "{asked:?}");
    }
    let too_much = shifted(&path, file, 0..size + 1);
    assert!(matches!(too_much, Err(ReadGopError::Changed(_))), "not more than there is");
}

#[test]
fn the_byte_ranges_of_a_playlist_are_whole_fragments() {
    let disk = disk(&[0]);
    let request = VodRequest {
        range: range(0, 20_000),
        now: UtcMs(START + DAY),
        token: None,
        timestamps: Timestamps::PerFile,
    };
    let text = vod(&disk.index, &garden(), MAIN, &request, None).unwrap();
    let bytes =
        fs::read(disk.folder.path().join(name::path(&garden(), MAIN, UtcMs(START)))).unwrap();
    let scanned = scan(&mut Cursor::new(&bytes)).unwrap();
    let ranges: Vec<(u64, u64)> = text
        .lines()
        .filter_map(|line| line.strip_prefix("#EXT-X-BYTERANGE:")?.split_once('@'))
        .map(|(length, offset)| (offset.parse().unwrap(), length.parse().unwrap()))
        .collect();
    assert_eq!(ranges.len(), 5, "20 s with a keyframe every two make five parts of 4 s: {text}");
    for (offset, length) in &ranges {
        let fits = |at: u64| {
            scanned.parts.iter().any(|part| part.offset == at) || at == scanned.whole_end()
        };
        assert!(
            fits(*offset) && fits(offset + length),
            "{offset}+{length} is not made of whole fragments"
        );
    }
}

/// The end of the last fragment: what follows is the file's own index.
trait WholeEnd {
    fn whole_end(&self) -> u64;
}

impl WholeEnd for tarsier_segment::Scan {
    fn whole_end(&self) -> u64 {
        self.parts.last().map_or(0, |part| part.offset + u64::from(part.bytes))
    }
}

#[test]
fn the_open_segment_and_what_goes_on_now_are_in_the_timeline() {
    let disk = disk(&[0]);
    let bytes = file(10);
    let scanned = scan(&mut Cursor::new(&bytes)).unwrap();
    let open = OpenSegment {
        start: UtcMs(START + 60_000),
        parameters: Arc::new(scanned.parameters),
        init_bytes: scanned.init_bytes,
        fragments: scanned.parts,
    };
    disk.index
        .gap(&garden(), MAIN, Gap { range: range(20_000, 60_000), reason: GapReason::Network })
        .unwrap();
    let now = Gap { range: range(70_000, 100_000), reason: GapReason::Camera };
    let present = Present { stream: MAIN, open: Some(open.clone()), gap: Some(now) };
    let request =
        TimelineRequest { range: range(-DAY, DAY), now: UtcMs(START + 100_000), max_spans: 100 };
    let drawn = timeline(&disk.index, &garden(), request, &[present]).unwrap();
    let spans: Vec<UtcRange> = drawn.spans.iter().map(|span| span.range).collect();
    assert_eq!(spans, [range(0, 20_000), range(60_000, 70_000)]);
    let network = Gap { range: range(20_000, 60_000), reason: GapReason::Network };
    assert_eq!(drawn.gaps, [network, now], "the stored reason, and the one that has not ended yet");

    let found = find(&disk.index, &garden(), MAIN, UtcMs(START + 63_000), Some(&open)).unwrap();
    assert!(matches!(found, Found::Open(place) if place.segment == open.start));
}

#[test]
fn no_time_that_somebody_may_ask_for_makes_it_panic() {
    let disk = disk(&[0]);
    for (from, to) in
        [(i64::MIN, i64::MAX), (i64::MAX, i64::MIN), (i64::MIN, i64::MIN), (i64::MAX, i64::MAX)]
    {
        let range = UtcRange::new(UtcMs(from), UtcMs(to));
        let request = TimelineRequest { range, now: UtcMs(START + DAY), max_spans: usize::MAX };
        let drawn = timeline(&disk.index, &garden(), request, &[]).unwrap();
        assert_eq!(drawn.spans.len(), usize::from(from < to), "{range:?}");
        let request =
            VodRequest { range, now: UtcMs(START), token: None, timestamps: Timestamps::PerFile };
        assert!(vod(&disk.index, &garden(), MAIN, &request, None).is_err(), "{range:?}");
        let found = find(&disk.index, &garden(), MAIN, range.start, None).unwrap();
        assert!(matches!(found, Found::Nothing { .. }), "{found:?}");
        days_with_footage(&disk.index, &garden(), MAIN, range, &TimeZone::UTC).unwrap();
    }
}

#[test]
fn days_are_the_viewers_own() {
    // 20:15 UTC is still the 20th in Berlin and already the 21st in Ho Chi Minh City.
    let disk = disk(&[0, 3 * DAY]);
    let check = |zone: &str, expect: &str| {
        let zone = TimeZone::get(zone).unwrap();
        let days =
            days_with_footage(&disk.index, &garden(), MAIN, range(-30 * DAY, 30 * DAY), &zone)
                .unwrap();
        let text: Vec<String> = days.iter().map(|day| day.date.to_string()).collect();
        assert_eq!(text.join(" "), expect);
    };
    check("Europe/Berlin", "2026-11-20 2026-11-23");
    check("Asia/Ho_Chi_Minh", "2026-11-21 2026-11-24");
}
