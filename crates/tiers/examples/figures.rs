//! Measures what storage must be fast enough for: the index rebuilt from files, a verified move, and what a move costs a
//! recorder that writes to the same disk.
//!
//! ```text
//! cargo run --release -p tarsier-tiers --example figures -- FOLDER [FILES] [MEGABYTES]
//! ```
//! Prints one line of JSON for each figure. The peer of the move is `cp` followed by `sync` of the copy, in the same run.

#![expect(clippy::print_stdout, reason = "the figures are what it is for")]
#![expect(clippy::unwrap_used, reason = "a measurement that cannot go on has failed")]

use std::fs::{self, File};
use std::io::{Cursor, Write as _};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tarsier_index::{Index, OpenSegments, Reach, ReconcileReport, Tier, TierKind};
use tarsier_segment::{FragmentBuilder, SegmentMeta, init_segment, mfra, name, sample_entry, scan};
use tarsier_tiers::copy::Hands;
use tarsier_tiers::delete;
use tarsier_tiers::mover::{self, Root};
use tarsier_tiers::pace::Pace;
use tarsier_tiers::wait::Stop;
use tarsier_tiers::{TierId, volume};
use tarsier_types::{
    AccessUnit, CameraId, Clock, Dts, ParameterSets, Pts, StreamKind, SystemClock, Ticks, Track,
    UtcMs,
};

const MAIN: StreamKind = StreamKind::Main;
/// 2026-01-01T00:00:00Z
const BEGIN: i64 = 1_767_225_600_000;
const CAMERAS: i64 = 16;
/// A fragment of a camera of 4 Mbit/s.
const FRAGMENT: usize = 500_000;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let folder = PathBuf::from(arguments.next().expect("a folder on the disk to be measured"));
    let files: i64 = arguments.next().map_or(20_000, |text| text.parse().unwrap());
    let megabytes: usize = arguments.next().map_or(512, |text| text.parse().unwrap());
    let folder = tempfile::tempdir_in(folder).unwrap();
    let clock = SystemClock::start();
    rebuild(folder.path(), files, &clock);
    moves(folder.path(), megabytes, &clock);
}

fn id(text: &str) -> TierId {
    TierId::new(text).unwrap()
}

/// An empty index finds every file of a tier.
fn rebuild(folder: &Path, files: i64, clock: &SystemClock) {
    let root = folder.join("many");
    fs::create_dir(&root).unwrap();
    volume::adopt(&root, &id("many"), UtcMs(0)).unwrap();
    for n in 0..files {
        let camera = CameraId::new(format!("camera-{:02}", n % CAMERAS)).unwrap();
        let start = UtcMs(BEGIN + n / CAMERAS * 180_000);
        let path = root.join(name::path(&camera, MAIN, start));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, segment(&camera, start)).unwrap();
    }
    let index = Index::open(&folder.join("rebuild.db")).unwrap();
    index
        .put_tier(&Tier { id: "many".into(), root: root.clone(), kind: TierKind::Archive })
        .unwrap();
    let began = clock.mono();
    let go_on = &mut |_: &ReconcileReport| ControlFlow::Continue(());
    let report = index.reconcile("many", &root, Reach::All, &OpenSegments::new(), go_on).unwrap();
    let took = clock.mono().since(began).as_secs_f64();
    assert_eq!(report.added, u64::try_from(files).unwrap());
    let speed = f64::from(u32::try_from(files).unwrap()) / took;
    println!(
        r#"{{"metric":"rebuild","files":{files},"seconds":{took:.2},"files_per_second":{speed:.0}}}"#
    );
    fs::remove_dir_all(&root).unwrap();
}

/// A small whole segment: 36 fragments of five seconds, one picture each.
fn segment(camera: &CameraId, start: UtcMs) -> Vec<u8> {
    let video = sample_entry::video_parameters(sample_entry::mjpeg(640, 360), Some(200)).unwrap();
    let parameters = ParameterSets { video, audio: None };
    let meta =
        SegmentMeta { camera: camera.clone(), stream: MAIN, start, software: "figures".into() };
    let mut bytes = init_segment(&parameters, Some(&meta)).to_vec();
    let mut builder = FragmentBuilder::new(Dts(0), 0);
    for picture in 0..=36 {
        let at = picture * 5 * Ticks::PER_SECOND;
        if let Some(fragment) = builder.take(Some(Dts(at))) {
            bytes.extend_from_slice(&fragment.head);
            fragment.payload.iter().for_each(|piece| bytes.extend_from_slice(piece));
        }
        builder.push(AccessUnit {
            track: Track::Video,
            pts: Pts(at),
            dts: Dts(at),
            duration: Ticks(5 * Ticks::PER_SECOND),
            is_keyframe: true,
            arrived: start,
            data: Bytes::from_static(&[0xAB; 64]),
        });
    }
    let parts = scan(&mut Cursor::new(&bytes)).unwrap().parts;
    bytes.extend_from_slice(&mfra(&parts, Ticks(0)));
    bytes
}

/// A large file by `cp` and `sync`, by a move, and by a move while somebody writes as a recorder does.
fn moves(folder: &Path, megabytes: usize, clock: &SystemClock) {
    let (ssd, hdd) = (folder.join("ssd"), folder.join("hdd"));
    let index = Index::open(&folder.join("moves.db")).unwrap();
    for (root, tier, kind) in [(&ssd, "ssd", TierKind::Cache), (&hdd, "hdd", TierKind::Archive)] {
        fs::create_dir(root).unwrap();
        volume::adopt(root, &id(tier), UtcMs(0)).unwrap();
        index.put_tier(&Tier { id: tier.into(), root: root.clone(), kind }).unwrap();
    }
    let camera = CameraId::new("camera").unwrap();
    let bytes = u64::try_from(megabytes).unwrap() * 1_000_000;
    let speed = |took: Duration| f64::from(u32::try_from(megabytes).unwrap()) / took.as_secs_f64();
    for round in 0..3 {
        let start = UtcMs(BEGIN + round * 180_000);
        let path = ssd.join(name::path(&camera, MAIN, start));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut content = segment(&camera, start);
        content.resize(usize::try_from(bytes).unwrap(), 0x5A);
        write_synced(&path, &content);
        drop(content);

        let copy = hdd.join("peer");
        forget_caches(&path);
        let began = clock.mono();
        assert!(Command::new("cp").arg(&path).arg(&copy).status().unwrap().success());
        assert!(Command::new("sync").arg(&copy).status().unwrap().success());
        let peer = clock.mono().since(began);
        fs::remove_file(&copy).unwrap();

        let go_on = &mut |_: &ReconcileReport| ControlFlow::Continue(());
        index.reconcile("ssd", &ssd, Reach::All, &OpenSegments::new(), go_on).unwrap();
        let hash = *blake3::hash(&fs::read(&path).unwrap()).as_bytes();
        let row = index.file(&camera, MAIN, start).unwrap().unwrap();
        index.put_hash(&row.segment(), &hash).unwrap();
        let row = index.file(&camera, MAIN, start).unwrap().unwrap();
        forget_caches(&path);
        let is_loaded = round == 2;
        let idle = if is_loaded { Vec::new() } else { recorder(folder, clock, &|| {}) };
        let (mut took, mut busy) = (Duration::ZERO, Vec::new());
        let stop = Stop::default();
        let mut go = || {
            let (from, to) = (id("ssd"), id("hdd"));
            let roots = (Root { tier: &from, path: &ssd }, Root { tier: &to, path: &hdd });
            let mut pace = Pace::new(None);
            let mut hands = Hands { pace: &mut pace, clock, stop: &stop };
            let began = clock.mono();
            let at = &mut |_| ControlFlow::Continue(());
            mover::move_file(&index, &row, roots, start, &mut hands, at).unwrap();
            took = clock.mono().since(began);
        };
        if is_loaded {
            let went = std::sync::Mutex::new(&mut go);
            busy = recorder(folder, clock, &|| went.lock().unwrap()());
        } else {
            go();
        }
        let of_peer = peer.as_secs_f64() / took.as_secs_f64() * 100.0;
        println!(
            r#"{{"metric":"move","megabytes":{megabytes},"mb_per_second":{:.0},"cp_and_sync_mb_per_second":{:.0},"percent_of_peer":{of_peer:.0},"while_recording":{is_loaded}}}"#,
            speed(took),
            speed(peer),
        );
        for (metric, waits) in [("write_alone", &idle), ("write_during_move", &busy)] {
            told(metric, waits);
        }
        delete::finish(&index, &id("hdd"), &hdd, start, &mut |_| ControlFlow::Continue(()))
            .unwrap();
    }
}

/// Writes and syncs a fragment ten times a second on another thread, as recorders do, while `job` runs (or for two
/// seconds). Tells how long each took.
fn recorder(folder: &Path, clock: &SystemClock, job: &dyn Fn()) -> Vec<Duration> {
    let is_over = AtomicBool::new(false);
    let pause = Stop::default();
    std::thread::scope(|scope| {
        let writing = scope.spawn(|| {
            let mut file = File::create(folder.join("recorder.mp4")).unwrap();
            let fragment = vec![0x33; FRAGMENT];
            let mut waits = Vec::new();
            while waits.len() < 20 || !is_over.load(Ordering::SeqCst) {
                let began = clock.mono();
                file.write_all(&fragment).unwrap();
                file.sync_data().unwrap();
                waits.push(clock.mono().since(began));
                pause.pause(Duration::from_millis(100)).unwrap();
            }
            waits
        });
        job();
        is_over.store(true, Ordering::SeqCst);
        writing.join().unwrap()
    })
}

fn told(metric: &str, waits: &[Duration]) {
    let mut sorted = waits.to_vec();
    sorted.sort();
    let (Some(middle), Some(worst)) = (sorted.get(sorted.len() / 2), sorted.last()) else { return };
    println!(
        r#"{{"metric":"{metric}","p50_ms":{:.1},"max_ms":{:.1},"writes":{}}}"#,
        middle.as_secs_f64() * 1000.0,
        worst.as_secs_f64() * 1000.0,
        sorted.len()
    );
}

fn write_synced(path: &Path, content: &[u8]) {
    let mut file = File::create(path).unwrap();
    file.write_all(content).unwrap();
    file.sync_all().unwrap();
}

/// Both copies begin with a cold source.
#[cfg(target_os = "linux")]
fn forget_caches(path: &Path) {
    let file = File::open(path).unwrap();
    rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed).unwrap();
}

#[cfg(not(target_os = "linux"))]
fn forget_caches(_path: &Path) {}
