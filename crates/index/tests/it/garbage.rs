//! Deletion: the index forgets a file before it is deleted, and remembers that it has to be until it is gone.

use tarsier_index::{Condemned, FileLook, FileRow, Lock, SegmentRef, TierKind, WhichFiles};
use tarsier_types::{Gap, GapReason, UtcMs, UtcRange};

use crate::support::{Fixture, MAIN, MIDNIGHT, garden, put_tier, range, segment};

const ALL: UtcRange = UtcRange::new(UtcMs(0), UtcMs(i64::MAX));

/// Ten segments of 180 s in the archive tier.
fn ten() -> Fixture {
    let it = Fixture::new();
    put_tier(&it.index, "bucket", "s3://footage".as_ref(), TierKind::ObjectStore);
    for n in 0..10 {
        it.store("hdd", &segment(start(n).0, 180_000));
    }
    it
}

fn start(n: i64) -> UtcMs {
    UtcMs(MIDNIGHT + n * 180_000)
}

fn of(tier: &str, n: i64) -> SegmentRef {
    SegmentRef { tier_id: tier.into(), camera: garden(), stream: MAIN, start: start(n) }
}

fn condemn(it: &Fixture, numbers: &[i64]) -> Condemned {
    let segments: Vec<SegmentRef> = numbers.iter().map(|n| of("hdd", *n)).collect();
    it.index.condemn(&segments).unwrap()
}

/// Numbers of the segments whose files wait for deletion in a tier.
fn garbage(it: &Fixture, tier: &str) -> Vec<i64> {
    let garbage = it.index.garbage(tier, 100).unwrap();
    garbage.iter().map(|file| (file.start.0 - MIDNIGHT) / 180_000).collect()
}

#[test]
fn a_deleted_segment_is_not_played_and_its_file_is_remembered_until_it_is_gone() {
    let it = ten();
    let done = condemn(&it, &[3, 4]);
    assert_eq!((done.lost, done.live_on, done.spared), (2, 0, 0));
    assert_eq!(it.spans(ALL, 9), "0-540a 900-1800a");
    assert_eq!(garbage(&it, "hdd"), [3, 4]);
    let gap = Gap { range: range(start(3).0, start(5).0), reason: GapReason::Deleted };
    assert_eq!(it.index.gaps_in(&garden(), MAIN, ALL, 9).unwrap(), [gap]);

    it.index.buried(&done.garbage[..1]).unwrap();
    assert_eq!(garbage(&it, "hdd"), [4]);
    it.index.buried(&done.garbage).unwrap();
    assert_eq!(garbage(&it, "hdd"), [] as [i64; 0]);
}

#[test]
fn the_oldest_footage_leaves_no_gap_behind() {
    let it = ten();
    condemn(&it, &[0, 1]);
    assert_eq!(it.index.gaps_in(&garden(), MAIN, ALL, 9).unwrap(), [], "nothing older is kept");
    condemn(&it, &[2, 3, 5, 6, 7, 8, 9]);
    condemn(&it, &[4]);
    assert_eq!(it.index.gaps_in(&garden(), MAIN, ALL, 9).unwrap(), [], "nothing is kept at all");
    assert_eq!(it.index.totals().unwrap(), []);
}

#[test]
fn what_was_locked_or_moved_since_it_was_looked_at_is_spared() {
    let it = ten();
    let lock = Lock {
        id: "l1".into(),
        camera: garden(),
        range: range(start(2).0 + 1, start(2).0 + 2),
        note: "the parcel".into(),
        created: UtcMs(0),
    };
    it.index.put_locks(&[lock]).unwrap();
    it.index.segment_moved(&garden(), MAIN, start(5), "ssd").unwrap();
    let done = condemn(&it, &[1, 2, 5, 77]);
    assert_eq!((done.lost, done.spared), (1, 3));
    assert_eq!(garbage(&it, "hdd"), [1, 5], "the source of the move, and what was deleted");
    assert!(it.index.known_segment(&garden(), MAIN, start(2)).unwrap(), "locked is locked");
}

#[test]
fn a_segment_with_a_copy_lives_on_there() {
    let it = ten();
    assert!(it.index.put_copy(&of("hdd", 0), "bucket", UtcMs(1)).unwrap());
    assert!(it.index.put_copy(&of("hdd", 1), "bucket", UtcMs(1)).unwrap());
    let done = condemn(&it, &[0]);
    assert_eq!((done.lost, done.live_on), (0, 1));
    assert_eq!(it.spans(ALL, 9), "0-180o 180-1800a");
    assert_eq!((garbage(&it, "hdd"), garbage(&it, "bucket")), (vec![0], vec![]));

    let done = it.index.condemn(&[of("bucket", 1), of("bucket", 5)]).unwrap();
    assert_eq!((done.lost, done.live_on, done.spared), (0, 1, 1), "the copy goes, the file stays");
    assert_eq!((garbage(&it, "hdd"), garbage(&it, "bucket")), (vec![0], vec![1]));
    let done = it.index.condemn(&[of("bucket", 0)]).unwrap();
    assert_eq!(done.lost, 1, "it was the last file of it");
}

#[test]
fn nothing_is_put_where_a_file_still_waits_for_its_deletion() {
    let it = ten();
    let left = it.index.segment_moved(&garden(), MAIN, start(0), "ssd").unwrap().unwrap();
    assert_eq!(
        it.index.segment_moved(&garden(), MAIN, start(0), "hdd").unwrap(),
        None,
        "the deletion that is still to come would take it"
    );
    it.index.buried(&[left]).unwrap();
    assert!(it.index.segment_moved(&garden(), MAIN, start(0), "hdd").unwrap().is_some());
}

#[test]
fn a_second_file_is_deleted_and_the_one_that_counts_is_not() {
    let it = ten();
    assert_eq!(it.index.condemn_double(&of("hdd", 0), 5).unwrap(), None, "that one counts");
    let double = it.index.condemn_double(&of("ssd", 0), 5).unwrap().unwrap();
    assert_eq!((double.tier_id.as_str(), double.size_bytes), ("ssd", 5));
    assert_eq!((garbage(&it, "ssd"), garbage(&it, "hdd")), (vec![0], vec![]));
}

#[test]
fn files_are_listed_oldest_first_across_cameras_and_the_list_goes_on() {
    let it = ten();
    let gate = tarsier_types::CameraId::new("gate").unwrap();
    for n in 0..10 {
        it.index.segment_closed(&gate, MAIN, "hdd", &segment(start(n).0, 180_000)).unwrap();
    }
    it.store("ssd", &segment(start(-5).0, 180_000));
    it.index.put_event_span(&gate, range(start(1).0 - 10, start(1).0 + 10)).unwrap();
    it.index.put_copy(&of("hdd", 1), "bucket", UtcMs(1)).unwrap();
    it.index.put_copy(&of("ssd", -5), "bucket", UtcMs(1)).unwrap();
    let lock = Lock {
        id: "l".into(),
        camera: gate.clone(),
        range: range(start(3).0, start(5).0),
        note: String::new(),
        created: UtcMs(0),
    };
    it.index.put_locks(&[lock]).unwrap();
    let list = |tier_id: &str, which: WhichFiles<'_>, of, most: usize| {
        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let look = FileLook { tier_id, of, which, after, most };
            let files = it.index.files(&look, &|file| file.range.start == start(9)).unwrap();
            assert!(files.len() <= most);
            let Some(last) = files.last() else { break };
            after = Some(last.name());
            seen.extend(files);
        }
        let text: Vec<String> = seen.iter().map(shown).collect();
        text.join(" ")
    };
    let garden = garden();
    for most in [1, 3, 100] {
        assert_eq!(
            list("hdd", WhichFiles::All, None, most),
            "ga0 gt0e ga1c gt1e ga2 gt2 ga3 gt3l ga4 gt4l ga5 gt5 ga6 gt6 ga7 gt7 ga8 gt8"
        );
        assert_eq!(
            list("hdd", WhichFiles::Unlocked, Some((&gate, MAIN)), most),
            "gt0e gt1e gt2 gt5 gt6 gt7 gt8"
        );
        assert_eq!(list("hdd", WhichFiles::Copied, None, most), "ga1c");
        assert_eq!(list("bucket", WhichFiles::Unlocked, None, most), "ga-5c ga1c");
        assert_eq!(list("bucket", WhichFiles::All, Some((&garden, MAIN)), most), "ga-5c ga1c");
        assert_eq!(
            list("hdd", WhichFiles::NotIn("bucket"), Some((&garden, MAIN)), most),
            "ga0 ga2 ga3 ga4 ga5 ga6 ga7 ga8"
        );
    }
    assert_eq!(list("hdd", WhichFiles::EventNotIn("bucket"), None, 9), "gt0e gt1e");
    let locked = it.index.locked().unwrap();
    assert_eq!((locked.len(), locked[0].tier_id.as_str()), (1, "hdd"));
    assert_eq!(locked[0].size_bytes, 2 * segment(0, 180_000).size_bytes, "3 and 4 of the gate");
    let first = it.index.file(&garden, MAIN, start(0)).unwrap().unwrap();
    assert_eq!((first.hash, first.tier.id.as_str()), (Some([7; 32]), "hdd"));
    let holdings = it.index.holdings().unwrap();
    let text: Vec<String> = holdings
        .iter()
        .map(|of| {
            let oldest = (of.oldest.0 - MIDNIGHT) / 180_000;
            format!("{} {} {} from {oldest}", of.camera, of.tier_id, of.files)
        })
        .collect();
    let expect = [
        "garden ssd 1 from -5",
        "garden hdd 10 from 0",
        "garden bucket 2 from -5",
        "gate hdd 10 from 0",
    ];
    assert_eq!(text, expect);
}

/// `ga0e`: first and last letter but one of the camera, number, then marks: event, copy, locked.
fn shown(file: &FileRow) -> String {
    let n = (file.range.start.0 - MIDNIGHT) / 180_000;
    let marks = [(file.is_event, "e"), (!file.copies.is_empty(), "c"), (file.is_locked, "l")];
    let marks: String = marks.iter().filter(|mark| mark.0).map(|mark| mark.1).collect();
    let camera = if file.camera == garden() { "ga" } else { "gt" };
    format!("{camera}{n}{marks}")
}
