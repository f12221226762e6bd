//! The index from the files alone: real segment files, some torn, some foreign, some gone.

use std::fs;
use std::io::Cursor;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use tarsier_index::{
    Index, OpenSegments, Reach, ReconcileError, ReconcileReport, SegmentRef, SegmentState, TierKind,
};
use tarsier_segment::{FragmentBuilder, SegmentMeta, init_segment, mfra, name, sample_entry, scan};
use tarsier_types::{
    AccessUnit, Dts, Gap, GapReason, ParameterSets, Pts, Ticks, Track, UtcMs, UtcRange,
};

use crate::support::{DAY, Fixture, MAIN, MIDNIGHT, garden, put_tier, range};

const ALL: UtcRange = UtcRange::new(UtcMs(0), UtcMs(i64::MAX));

/// A closed file of `seconds` fragments, five pictures a second, every fragment begins with a keyframe.
fn file(start: UtcMs, seconds: i64) -> Vec<u8> {
    let entry = sample_entry::mjpeg(640, 360);
    let video = sample_entry::video_parameters(entry, Some(5_000)).unwrap();
    let parameters = ParameterSets { video, audio: None };
    let meta = SegmentMeta { camera: garden(), stream: MAIN, start, software: "test".into() };
    let mut bytes = init_segment(&parameters, Some(&meta)).to_vec();
    let mut builder = FragmentBuilder::new(Dts(0), 0);
    for picture in 0..seconds * 5 {
        let at = picture * Ticks::PER_SECOND / 5;
        if picture % 5 == 0 {
            append(&mut bytes, &mut builder, Some(Dts(at)));
        }
        builder.push(AccessUnit {
            track: Track::Video,
            pts: Pts(at),
            dts: Dts(at),
            duration: Ticks(Ticks::PER_SECOND / 5),
            is_keyframe: picture % 5 == 0,
            arrived: start,
            data: Bytes::from(vec![0xAB; 700]),
        });
    }
    append(&mut bytes, &mut builder, None);
    let parts = scan(&mut Cursor::new(&bytes)).unwrap().parts;
    bytes.extend_from_slice(&mfra(&parts, Ticks(0)));
    bytes
}

fn append(bytes: &mut Vec<u8>, builder: &mut FragmentBuilder, end: Option<Dts>) {
    if let Some(fragment) = builder.take(end) {
        bytes.extend_from_slice(&fragment.head);
        fragment.payload.iter().for_each(|piece| bytes.extend_from_slice(piece));
    }
}

struct Disk {
    it: Fixture,
    root: PathBuf,
}

impl Disk {
    fn new() -> Self {
        let it = Fixture::new();
        let root = it.folder.path().join("ssd");
        fs::create_dir(&root).unwrap();
        fs::write(root.join("tarsier-tier.json"), r#"{"id":"ssd","kind":"cache"}"#).unwrap();
        Self { it, root }
    }

    fn path(&self, start: UtcMs) -> PathBuf {
        self.root.join(name::path(&garden(), MAIN, start))
    }

    fn write(&self, start: UtcMs, bytes: &[u8]) {
        let path = self.path(start);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    fn reconcile(&self, reach: Reach) -> ReconcileReport {
        reconcile(&self.it.index, &self.root, reach, &OpenSegments::new()).unwrap()
    }
}

fn reconcile(
    index: &Index,
    root: &Path,
    reach: Reach,
    open: &OpenSegments,
) -> Result<ReconcileReport, ReconcileError> {
    index.reconcile("ssd", root, reach, open, &mut |_| ControlFlow::Continue(()))
}

#[test]
fn an_empty_index_finds_every_file_again() {
    let disk = Disk::new();
    for n in 0..6 {
        let start = UtcMs(MIDNIGHT - DAY + n * 12 * 3_600_000);
        disk.write(start, &file(start, 10));
    }
    let report = disk.reconcile(Reach::All);
    assert_eq!((report.files, report.added, report.torn, report.missing), (6, 6, 0, 0));
    let rows = disk.it.index.segments_in(&garden(), MAIN, ALL, 10).unwrap();
    assert_eq!(rows.len(), 6);
    assert_eq!(
        (rows[0].duration_ms, rows[0].units, rows[0].state),
        (10_000, 50, SegmentState::Closed)
    );
    assert_eq!(
        (rows[0].parameters.video.width, rows[0].parameters.video.nominal_millifps),
        (640, Some(5_000))
    );
    assert_eq!(rows[0].size_bytes, fs::metadata(disk.path(rows[0].start)).unwrap().len());
    assert_eq!(disk.reconcile(Reach::All).added, 0, "a second look finds nothing new");
}

#[test]
fn a_file_torn_by_a_power_cut_plays_up_to_its_last_whole_fragment() {
    let disk = Disk::new();
    let start = UtcMs(MIDNIGHT);
    let whole = file(start, 10);
    let scanned = scan(&mut Cursor::new(&whole)).unwrap();
    let torn_at = usize::try_from(scanned.parts[7].offset).unwrap() + 300;
    disk.write(start, &whole[..torn_at]);
    let report = disk.reconcile(Reach::Newest);
    assert_eq!((report.added, report.torn), (1, 1));
    let row = disk.it.index.segment_at(&garden(), MAIN, start).unwrap().unwrap();
    assert_eq!(
        (row.state, row.duration_ms),
        (SegmentState::Torn, 7_000),
        "seven whole fragments of ten"
    );
    let last = row.parts.last().unwrap();
    assert_eq!(
        last.offset + u64::from(last.bytes),
        scanned.parts[7].offset,
        "no byte of the torn fragment is played"
    );

    disk.write(start, &whole);
    let report = disk.reconcile(Reach::Newest);
    assert_eq!(
        (report.added, report.torn),
        (1, 0),
        "it was not torn but being written: looked at again"
    );
    let row = disk.it.index.segment_at(&garden(), MAIN, start).unwrap().unwrap();
    assert_eq!((row.state, row.duration_ms), (SegmentState::Closed, 10_000));
}

#[test]
fn a_restart_looks_at_the_newest_days_only() {
    let disk = Disk::new();
    for day in 0..5 {
        let start = UtcMs(MIDNIGHT + day * DAY);
        disk.write(start, &file(start, 2));
    }
    assert_eq!(disk.reconcile(Reach::Newest).files, 2, "nothing known: the newest two days");
    assert_eq!(disk.reconcile(Reach::All).added, 3);
    let start = UtcMs(MIDNIGHT + 5 * DAY);
    disk.write(start, &file(start, 2));
    let report = disk.reconcile(Reach::Newest);
    assert_eq!(
        (report.files, report.added),
        (3, 1),
        "the day before the newest known, that day, and what came after"
    );
}

#[test]
fn what_is_no_segment_is_left_alone_and_said() {
    let disk = Disk::new();
    let start = UtcMs(MIDNIGHT);
    disk.write(start, b"no mp4 at all");
    let folder = disk.path(start).parent().unwrap().to_owned();
    fs::write(folder.join("notes.txt"), b"mine").unwrap();
    fs::write(folder.join("00-10-00.000Z.mp4.tmp"), b"").unwrap();
    let before_time = UtcMs(-DAY);
    disk.write(before_time, &file(before_time, 2));
    let good = UtcMs(MIDNIGHT + DAY);
    disk.write(good, &file(good, 2));
    let report = disk.reconcile(Reach::All);
    assert_eq!(
        (report.files, report.added),
        (3, 1),
        "one bad file keeps no other from being found"
    );
    assert_eq!(report.unplayable, [disk.path(before_time), disk.path(start)]);
    assert!(disk.path(start).exists(), "the index deletes no file");
}

#[test]
fn a_segment_that_is_being_written_is_left_to_its_recorder() {
    let disk = Disk::new();
    let start = UtcMs(MIDNIGHT);
    disk.write(start, &file(start, 3));
    let open = OpenSegments::from([(garden(), MAIN, start)]);
    let report = reconcile(&disk.it.index, &disk.root, Reach::All, &open).unwrap();
    assert_eq!((report.files, report.added), (1, 0));
}

#[test]
fn a_file_deleted_by_hand_leaves_the_index_as_a_gap() {
    let disk = Disk::new();
    let starts: Vec<UtcMs> = (0..4).map(|n| UtcMs(MIDNIGHT + n * 10_000)).collect();
    for start in &starts {
        disk.write(*start, &file(*start, 10));
    }
    disk.reconcile(Reach::All);
    fs::remove_file(disk.path(starts[1])).unwrap();
    assert_eq!(disk.reconcile(Reach::Newest).missing, 0, "only the full look forgets");
    assert_eq!(disk.reconcile(Reach::All).missing, 1);
    assert_eq!(disk.it.spans(ALL, 9), "0-10c 20-40c");
    let gap =
        Gap { range: range(MIDNIGHT + 10_000, MIDNIGHT + 20_000), reason: GapReason::Deleted };
    assert_eq!(disk.it.index.gaps_in(&garden(), MAIN, ALL, 9).unwrap(), [gap]);
}

#[test]
fn a_disk_that_lost_most_of_its_files_at_once_is_not_believed() {
    let disk = Disk::new();
    let starts: Vec<UtcMs> = (0..30).map(|n| UtcMs(MIDNIGHT + n * 2_000)).collect();
    for start in &starts {
        disk.write(*start, &file(*start, 2));
    }
    disk.reconcile(Reach::All);
    fs::remove_dir_all(disk.root.join("garden")).unwrap();
    let report = disk.reconcile(Reach::All);
    assert_eq!((report.missing, report.refused_to_forget), (30, true));
    assert_eq!(disk.it.spans(ALL, 9), "0-60c", "nothing is forgotten");
}

#[test]
fn a_folder_without_the_identity_of_the_tier_is_not_touched() {
    let disk = Disk::new();
    let start = UtcMs(MIDNIGHT);
    disk.write(start, &file(start, 2));
    for identity in [Some(r#"{"id":"another"}"#), None] {
        let path = disk.root.join("tarsier-tier.json");
        identity.map_or_else(
            || fs::remove_file(&path).unwrap(),
            |text| fs::write(&path, text).unwrap(),
        );
        let error =
            reconcile(&disk.it.index, &disk.root, Reach::All, &OpenSegments::new()).unwrap_err();
        assert!(matches!(error, ReconcileError::NotTheTier { .. }), "{error:?}");
    }
}

#[test]
fn nothing_is_forgotten_of_a_disk_that_is_pulled_out_while_it_is_looked_at() {
    let disk = Disk::new();
    for day in 0..2 {
        let start = UtcMs(MIDNIGHT + day * DAY);
        disk.write(start, &file(start, 2));
    }
    disk.reconcile(Reach::All);
    let whole = disk.it.index.segments_in(&garden(), MAIN, ALL, 9).unwrap();
    let aside = disk.root.with_extension("aside");
    let mut pull_out = |_: &ReconcileReport| {
        if !aside.exists() {
            fs::rename(&disk.root, &aside).unwrap();
            fs::create_dir(&disk.root).unwrap();
        }
        ControlFlow::Continue(())
    };
    let open = OpenSegments::new();
    let error = disk.it.index.reconcile("ssd", &disk.root, Reach::All, &open, &mut pull_out);
    assert!(matches!(error, Err(ReconcileError::NotTheTier { .. })), "{error:?}");
    assert_eq!(disk.it.index.segments_in(&garden(), MAIN, ALL, 9).unwrap(), whole);
}

#[test]
fn the_caller_can_end_it_and_keeps_what_was_done() {
    let disk = Disk::new();
    for day in 0..4 {
        let start = UtcMs(MIDNIGHT + day * DAY);
        disk.write(start, &file(start, 2));
    }
    let mut told = 0;
    let report =
        disk.it.index.reconcile("ssd", &disk.root, Reach::All, &OpenSegments::new(), &mut |_| {
            told += 1;
            if told == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
    let report = report.unwrap();
    assert!(report.interrupted);
    assert_eq!(disk.it.index.segments_in(&garden(), MAIN, ALL, 9).unwrap().len(), 2);
}

#[test]
fn files_of_a_camera_that_nobody_knows_any_more_are_found() {
    let disk = Disk::new();
    put_tier(&disk.it.index, "ssd", &disk.root, TierKind::Cache);
    let start = UtcMs(MIDNIGHT);
    disk.write(start, &file(start, 2));
    disk.reconcile(Reach::All);
    assert_eq!(disk.it.index.cameras().unwrap(), [], "no camera is invented");
    assert_eq!(disk.it.index.totals().unwrap()[0].camera, garden(), "but its footage is there");
}

#[test]
fn a_file_that_waits_for_its_deletion_is_not_found_again() {
    let disk = Disk::new();
    let starts: Vec<UtcMs> = (0..3).map(|n| UtcMs(MIDNIGHT + n * 10_000)).collect();
    for start in &starts {
        disk.write(*start, &file(*start, 10));
    }
    disk.reconcile(Reach::All);
    let condemned =
        SegmentRef { tier_id: "ssd".into(), camera: garden(), stream: MAIN, start: starts[1] };
    disk.it.index.condemn(&[condemned]).unwrap();
    let report = disk.reconcile(Reach::All);
    assert_eq!((report.files, report.added, report.missing), (3, 0, 0));
    assert_eq!(disk.it.spans(ALL, 9), "0-10c 20-30c", "the power went before it was deleted");
}

#[test]
fn a_second_file_of_a_segment_is_told_of_and_changes_nothing() {
    let disk = Disk::new();
    let start = UtcMs(MIDNIGHT);
    disk.write(start, &file(start, 10));
    disk.reconcile(Reach::All);
    disk.it.index.segment_moved(&garden(), MAIN, start, "hdd").unwrap();
    let left = disk.it.index.garbage("ssd", 9).unwrap();
    // A disk comes back with a file on it that was deleted while it was away.
    disk.it.index.buried(&left).unwrap();
    let report = disk.reconcile(Reach::All);
    assert_eq!((report.added, report.missing), (0, 0));
    let double = SegmentRef { tier_id: "ssd".into(), camera: garden(), stream: MAIN, start };
    assert_eq!(report.doubles, [double]);
    assert_eq!(disk.it.spans(ALL, 9), "0-10a", "the one that counts stays where it is");
}

#[test]
fn a_rebuild_that_ends_at_any_step_goes_on_where_it_was() {
    let starts: Vec<UtcMs> = (0..5).map(|n| UtcMs(MIDNIGHT + n * DAY)).collect();
    let disk = Disk::new();
    for start in &starts {
        disk.write(*start, &file(*start, 2));
    }
    disk.reconcile(Reach::All);
    let whole = disk.it.index.segments_in(&garden(), MAIN, ALL, 9).unwrap();
    assert_eq!(whole.len(), starts.len());
    for ends_after in 1..=starts.len() {
        let index = Index::open(&disk.it.folder.path().join(format!("{ends_after}.db"))).unwrap();
        put_tier(&index, "ssd", &disk.root, TierKind::Cache);
        let mut steps = 0;
        let mut progress = |_: &ReconcileReport| {
            steps += 1;
            if steps == ends_after { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let open = OpenSegments::new();
        index.reconcile("ssd", &disk.root, Reach::All, &open, &mut progress).unwrap();
        let again = reconcile(&index, &disk.root, Reach::All, &open).unwrap();
        assert_eq!(
            usize::try_from(again.added).unwrap(),
            starts.len() - ends_after,
            "nothing twice"
        );
        let rows = index.segments_in(&garden(), MAIN, ALL, 9).unwrap();
        assert_eq!(rows, whole, "nothing lost, after step {ends_after}");
    }
}

#[test]
fn a_file_that_was_begun_during_a_comparison_is_not_taken_for_torn() {
    let disk = Disk::new();
    for n in 0..2 {
        let start = UtcMs(MIDNIGHT + n * 10_000);
        disk.write(start, &file(start, 3));
    }
    let report = disk.reconcile(Reach::AllBefore(UtcMs(MIDNIGHT + 10_000)));
    assert_eq!((report.files, report.added), (2, 1));
    assert_eq!(disk.it.spans(ALL, 9), "0-3c");
    fs::remove_file(disk.path(UtcMs(MIDNIGHT))).unwrap();
    assert_eq!(disk.reconcile(Reach::AllBefore(UtcMs(0))).missing, 1, "what is gone is gone");
}
