//! On a real file system: what is on disk, and what the hub and the stream hear.

use tarsier_segment::{FragmentBuilder, init_segment, name, origin_of, sample_entry};
use tarsier_types::{AccessUnit, Codec, Dts, Pts, Track, VideoParameters};

use super::*;

struct Bench {
    dir: tempfile::TempDir,
    disk: Disk,
    news: mpsc::Receiver<DiskNews>,
    counters: Arc<Counters>,
    hub: HubLink,
    builder: FragmentBuilder,
    pictures: i64,
}

fn parameters() -> Arc<ParameterSets> {
    let video = VideoParameters {
        codec: Codec::Mjpeg,
        rfc6381: "mp4v.6C".to_owned(),
        width: 160,
        height: 90,
        nominal_millifps: Some(1000),
        sample_entry: sample_entry::mjpeg(160, 90),
    };
    Arc::new(ParameterSets { video, audio: None })
}

fn camera() -> CameraId {
    CameraId::new("garden").unwrap()
}

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("disk");
        fs::create_dir(&root).unwrap();
        fs::write(root.join("tarsier-tier.json"), r#"{"id":"ours"}"#).unwrap();
        let (sender, news) = mpsc::channel(16);
        let counters = Arc::new(Counters::default());
        let files = StreamFiles { counters: Arc::clone(&counters), news: sender };
        let hub = HubLink::connected();
        let shared = Shared {
            camera: camera(),
            streams: [(StreamKind::Main, files)].into(),
            chains: Mutex::default(),
            hub: hub.clone(),
            clock: SystemClock::start(),
        };
        let disk = Disk::new(Tier { root, id: "ours".to_owned() }, Arc::new(shared));
        let builder = FragmentBuilder::new(Dts(0), 0);
        Self { dir, disk, news, counters, hub, builder, pictures: 0 }
    }

    fn root(&self) -> PathBuf {
        self.dir.path().join("disk")
    }

    fn path(&self, second: i64) -> PathBuf {
        self.root().join(name::path(&camera(), StreamKind::Main, UtcMs(second * 1000)))
    }

    fn open(&mut self, second: i64, continues: bool) {
        let (start, parameters) = (UtcMs(second * 1000), parameters());
        let init = init_segment(&parameters, None);
        let path = name::path(&camera(), StreamKind::Main, start);
        let file = NewFile { start, path, init, parameters, continues };
        (self.builder, self.pictures) = (FragmentBuilder::new(origin_of(&picture(0)), 0), 0);
        self.work(Job::Open(StreamKind::Main, Box::new(file)));
    }

    fn work(&mut self, job: Job) {
        self.disk.work(job).expect("there is room");
    }

    /// One picture of a second.
    fn write(&mut self) {
        let fragment = self.fragment();
        self.work(Job::Write(StreamKind::Main, fragment));
    }

    fn fragment(&mut self) -> Fragment {
        self.builder.push(picture(self.pictures));
        self.pictures += 1;
        let fragment = self.builder.take(Some(picture(self.pictures).dts)).unwrap();
        self.counters.queued(fragment.units);
        fragment
    }

    fn close(&mut self) {
        self.work(Job::Close(StreamKind::Main));
    }

    fn probe(&mut self) -> DiskNews {
        self.work(Job::Probe(StreamKind::Main));
        self.news().expect("a probe is answered")
    }

    /// What the stream hears, but for files that are begun.
    fn news(&mut self) -> Option<DiskNews> {
        std::iter::from_fn(|| self.news.try_recv().ok())
            .find(|news| !matches!(news, DiskNews::Began { .. }))
    }

    /// `ok`, or what the hub was told last of the disk.
    fn problem(&self) -> String {
        let disk = self.hub.said().into_iter().rev().find_map(|fact| match fact {
            ToHub::Disk { problem, tier_id, .. } => Some((problem, tier_id)),
            _ => None,
        });
        let (problem, tier_id) = disk.expect("the hub was told of the disk");
        assert_eq!(tier_id, "ours", "and of which");
        problem.unwrap_or_else(|| "ok".to_owned())
    }
}

fn picture(number: i64) -> AccessUnit {
    AccessUnit {
        track: Track::Video,
        pts: Pts(number * Ticks::PER_SECOND),
        dts: Dts(number * Ticks::PER_SECOND),
        duration: Ticks(Ticks::PER_SECOND),
        is_keyframe: true,
        arrived: UtcMs(0),
        data: Bytes::from_static(b"\0\0\0\x01\x65"),
    }
}

fn failed(file: i64, durable: i64) -> DiskNews {
    DiskNews::Failed { file: UtcMs(file * 1000), durable: UtcMs(durable * 1000) }
}

fn refused(file: i64) -> DiskNews {
    DiskNews::Refused { file: UtcMs(file * 1000) }
}

#[test]
fn each_file_bears_its_tier_and_the_chain_goes_on() {
    let mut bench = Bench::new();
    for (second, continues) in [(0, false), (2, true)] {
        bench.open(second, continues);
        bench.write();
        bench.write();
        bench.close();
    }
    let closed: Vec<ClosedSegment> = bench
        .hub
        .said()
        .into_iter()
        .filter_map(|fact| match fact {
            ToHub::SegmentClosed { segment, .. } => Some(segment),
            _ => None,
        })
        .collect();
    let [first, second] = &closed[..] else { panic!("two files: {closed:?}") };
    assert!(!first.continues && second.continues);
    assert_eq!((first.tier_id.as_str(), second.tier_id.as_str()), ("ours", "ours"));
    let chain =
        *blake3::Hasher::new().update(&first.chain).update(&second.hash).finalize().as_bytes();
    assert_eq!(second.chain, chain);
    let bytes = fs::read(bench.path(2)).unwrap();
    assert_eq!(*blake3::hash(&bytes).as_bytes(), second.hash, "the hash is the file's");
}

#[test]
fn a_disk_that_was_taken_away_is_not_written_to_and_is_told_at_the_next_file() {
    let mut bench = Bench::new();
    bench.open(0, false);
    bench.write();
    bench.close();
    let aside = bench.dir.path().join("aside");
    fs::rename(bench.root(), &aside).unwrap();
    // What an unmounted disk leaves behind.
    fs::create_dir(bench.root()).unwrap();
    bench.open(1, true);
    bench.write();
    assert_eq!(bench.news().unwrap(), refused(1));
    let health = bench.counters.heartbeat(Mono::ZERO, UtcMs(0));
    assert_eq!((health.units_lost, health.units_queued), (0, 0), "whoever handed it over has it");
    assert!(bench.problem().contains("is not the disk that was set up"));
    assert_eq!(fs::read_dir(bench.root()).unwrap().count(), 0, "not a byte went there");
    assert_eq!(bench.probe(), DiskNews::StillRefuses);
    assert_eq!(bench.hub.said(), [], "the same is not told again");
    fs::remove_dir(bench.root()).unwrap();
    fs::rename(&aside, bench.root()).unwrap();
    assert_eq!(bench.probe(), DiskNews::Works);
    assert_eq!(bench.problem(), "ok");
    bench.open(4, true);
    bench.write();
    bench.close();
    let continues = bench.hub.said().into_iter().find_map(|fact| match fact {
        ToHub::SegmentClosed { segment, .. } => Some(segment.continues),
        _ => None,
    });
    assert_eq!(continues, Some(false), "what was lost lies between");
    let found = scan(&mut File::open(bench.path(0)).unwrap()).unwrap();
    assert_eq!(found.parts.len(), 1, "what was there before is as it was");
}

#[test]
fn a_disk_that_is_taken_away_while_a_file_is_written_is_noticed_in_it() {
    let mut bench = Bench::new();
    bench.open(0, false);
    bench.write();
    fs::remove_file(bench.root().join("tarsier-tier.json")).unwrap();
    bench.write();
    assert!(bench.news().is_none(), "it is not looked at for each fragment");
    bench.disk.check_at = Mono::ZERO;
    bench.write();
    assert_eq!(bench.news().unwrap(), failed(0, 3), "what was written is footage");
    bench.write();
    let health = bench.counters.heartbeat(Mono::ZERO, UtcMs(0));
    assert_eq!((health.units_on_disk, health.units_lost, health.units_queued), (3, 1, 0));
}

#[test]
fn a_folder_that_takes_no_files_costs_what_was_to_go_there_and_nothing_older() {
    let mut bench = Bench::new();
    bench.open(0, false);
    bench.write();
    bench.close();
    let before = fs::read(bench.path(0)).unwrap();
    // A file where a folder must be: refused to everybody, root included.
    let day = bench.path(0).parent().unwrap().to_owned();
    let aside = day.with_extension("aside");
    fs::rename(&day, &aside).unwrap();
    fs::write(&day, "no folder").unwrap();
    bench.open(1, true);
    bench.write();
    bench.close();
    assert_eq!(bench.news().unwrap(), refused(1));
    let health = bench.counters.heartbeat(Mono::ZERO, UtcMs(0));
    assert_eq!((health.units_lost, health.units_queued), (0, 0), "whoever handed it over has it");
    assert!(bench.problem().starts_with(&bench.root().display().to_string()), "it says where");
    fs::remove_file(&day).unwrap();
    fs::rename(&aside, &day).unwrap();
    assert_eq!(fs::read(bench.path(0)).unwrap(), before);
}

#[test]
fn a_disk_that_hung_before_it_refused_is_not_said_to_work() {
    let mut bench = Bench::new();
    bench.work(Job::Tell(StreamKind::Main));
    assert_eq!(bench.problem(), "ok", "it hung, and took what came");
    let identity = bench.root().join("tarsier-tier.json");
    let aside = identity.with_extension("aside");
    fs::rename(&identity, &aside).unwrap();
    bench.open(0, false);
    assert!(bench.problem() != "ok");
    bench.work(Job::Tell(StreamKind::Main));
    assert!(bench.problem() != "ok", "it refused");
    fs::rename(&aside, &identity).unwrap();
    bench.open(1, false);
    bench.work(Job::Tell(StreamKind::Main));
    assert_eq!(bench.problem(), "ok");
}

#[test]
fn a_file_without_a_picture_makes_way_and_one_with_pictures_does_not() {
    let mut bench = Bench::new();
    fs::create_dir_all(bench.path(0).parent().unwrap()).unwrap();
    fs::write(bench.path(0), init_segment(&parameters(), None)).unwrap();
    bench.open(0, false);
    bench.write();
    bench.close();
    assert!(bench.news().is_none(), "left over from a failed attempt");
    bench.open(0, false);
    assert_eq!(bench.news().unwrap(), refused(0), "footage is never overwritten");
    let found = scan(&mut File::open(bench.path(0)).unwrap()).unwrap();
    assert_eq!(found.parts.len(), 1);
}

/// Writes nothing, and says that it is full.
#[cfg(target_os = "linux")]
fn full() -> File {
    OpenOptions::new().write(true).open("/dev/full").unwrap()
}

#[cfg(target_os = "linux")]
impl Bench {
    /// The disk of the open file is full, or what was taken for it is the file again.
    fn swap(&mut self, file: File) -> File {
        std::mem::replace(&mut self.disk.open.get_mut(&StreamKind::Main).unwrap().file, file)
    }
}

#[cfg(target_os = "linux")]
#[test]
fn what_a_full_disk_has_not_taken_is_written_once_there_is_room() {
    let mut bench = Bench::new();
    bench.open(0, false);
    bench.write();
    let file = bench.swap(full());
    let fragment = bench.fragment();
    let mut refused = bench.disk.work(Job::Write(StreamKind::Main, fragment)).unwrap_err();
    assert!(refused.problem().starts_with(&bench.root().display().to_string()), "it says where");
    refused = bench.disk.work(refused.job).unwrap_err();
    bench.swap(file);
    bench.work(refused.job);
    bench.write();
    let file = bench.swap(full());
    let refused = bench.disk.work(Job::Close(StreamKind::Main)).unwrap_err();
    bench.swap(file);
    bench.work(refused.job);
    assert!(bench.news().is_none(), "the stream goes on as if nothing had happened");
    let health = bench.counters.heartbeat(Mono::ZERO, UtcMs(0));
    assert_eq!((health.units_on_disk, health.units_lost, health.units_queued), (3, 0, 0));
    let found = scan(&mut File::open(bench.path(0)).unwrap()).unwrap();
    assert_eq!((found.parts.len(), found.is_closed), (3, true));
    let closed = bench.hub.said().into_iter().find_map(|fact| match fact {
        ToHub::SegmentClosed { segment, .. } => Some(segment.hash),
        _ => None,
    });
    let bytes = fs::read(bench.path(0)).unwrap();
    assert_eq!(closed, Some(*blake3::hash(&bytes).as_bytes()), "it is as whole as any other");
}

#[cfg(target_os = "linux")]
#[test]
fn a_disk_that_is_full_until_the_process_ends_costs_what_it_has_not_taken() {
    let mut bench = Bench::new();
    bench.open(0, false);
    bench.write();
    let file = bench.swap(full());
    let fragment = bench.fragment();
    let refused = bench.disk.work(Job::Write(StreamKind::Main, fragment)).unwrap_err();
    bench.swap(file);
    bench.disk.give_up(&refused);
    assert_eq!(bench.news().unwrap(), failed(0, 1));
    bench.write();
    let health = bench.counters.heartbeat(Mono::ZERO, UtcMs(0));
    assert_eq!((health.units_on_disk, health.units_lost, health.units_queued), (1, 2, 0));
    let found = scan(&mut File::open(bench.path(0)).unwrap()).unwrap();
    assert_eq!(found.parts.len(), 1, "what is before it is safe");
}
