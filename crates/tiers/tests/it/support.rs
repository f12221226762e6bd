//! Two tiers in folders, an index, and segment files that it knows.

use std::fs;
use std::io::Cursor;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use tarsier_index::{FileRow, Index, OpenSegments, Reach, ReconcileReport, Tier, TierKind};
use tarsier_segment::{FragmentBuilder, SegmentMeta, init_segment, mfra, name, sample_entry, scan};
use tarsier_tiers::copy::Hands;
use tarsier_tiers::mover::Root;
use tarsier_tiers::pace::Pace;
use tarsier_tiers::wait::Stop;
use tarsier_tiers::{TierId, volume};
use tarsier_types::{
    AccessUnit, CameraId, Dts, ParameterSets, Pts, StreamKind, SystemClock, Ticks, Track, UtcMs,
    UtcRange,
};

pub(crate) const MAIN: StreamKind = StreamKind::Main;
/// 2026-11-20T00:00:00Z
pub(crate) const MIDNIGHT: i64 = 1_795_132_800_000;
pub(crate) const DAY: i64 = 86_400_000;
/// Long after all of it.
pub(crate) const NOW: UtcMs = UtcMs(MIDNIGHT + 400 * DAY);
pub(crate) const ALL: UtcRange = UtcRange::new(UtcMs(0), UtcMs(i64::MAX));

pub(crate) struct Disks {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) index: Index,
    pub(crate) ssd: PathBuf,
    pub(crate) hdd: PathBuf,
}

impl Disks {
    /// `count` files of ten seconds each on the SSD.
    pub(crate) fn new(count: i64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (ssd, hdd) = (folder.path().join("ssd"), folder.path().join("hdd"));
        for (root, tier) in [(&ssd, "ssd"), (&hdd, "hdd")] {
            fs::create_dir(root).unwrap();
            volume::adopt(root, &id(tier), UtcMs(0)).unwrap();
        }
        for n in 0..count {
            let path = ssd.join(name::path(&garden(), MAIN, start(n)));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, file(start(n), 10)).unwrap();
        }
        let index = index_of(&folder.path().join("tarsier.db"), &ssd, &hdd);
        let disks = Self { folder, index, ssd, hdd };
        disks.reconcile("ssd");
        disks
    }

    /// As after a crash: what was on disk, and nothing else.
    pub(crate) fn restarted(self) -> Self {
        let Self { folder, index, ssd, hdd } = self;
        drop(index);
        let index = index_of(&folder.path().join("tarsier.db"), &ssd, &hdd);
        Self { folder, index, ssd, hdd }
    }

    pub(crate) fn root(&self, tier: &str) -> &Path {
        if tier == "ssd" { &self.ssd } else { &self.hdd }
    }

    pub(crate) fn reconcile(&self, tier: &str) -> ReconcileReport {
        self.reconcile_into(&self.index, tier)
    }

    pub(crate) fn reconcile_into(&self, index: &Index, tier: &str) -> ReconcileReport {
        let go_on = &mut |_: &ReconcileReport| ControlFlow::Continue(());
        let root = self.root(tier);
        index.reconcile(tier, root, Reach::All, &OpenSegments::new(), go_on).unwrap()
    }

    pub(crate) fn row(&self, n: i64) -> Option<FileRow> {
        self.index.file(&garden(), MAIN, start(n)).unwrap()
    }

    pub(crate) fn path(&self, tier: &str, n: i64) -> PathBuf {
        self.root(tier).join(name::path(&garden(), MAIN, start(n)))
    }

    /// Where each segment is: by its row, then by its files. `s:s` is on the SSD and known to be there.
    pub(crate) fn places(&self, count: i64) -> String {
        let place = |n| {
            let row = self.row(n).map_or_else(|| "-".to_owned(), |row| row.tier.id[..1].to_owned());
            let on =
                |tier: &str| if self.path(tier, n).exists() { &tier[..1] } else { "" }.to_owned();
            format!("{row}:{}{}", on("ssd"), on("hdd"))
        };
        (0..count).map(place).collect::<Vec<_>>().join(" ")
    }

    /// Other files than segments and identities, anywhere.
    pub(crate) fn litter(&self) -> Vec<PathBuf> {
        let mut litter = Vec::new();
        for tier in ["ssd", "hdd"] {
            let mut folders = vec![self.root(tier).to_owned()];
            while let Some(folder) = folders.pop() {
                for entry in fs::read_dir(folder).unwrap() {
                    let path = entry.unwrap().path();
                    let below =
                        path.strip_prefix(self.root(tier)).unwrap().to_string_lossy().into_owned();
                    if path.is_dir() {
                        folders.push(path);
                    } else if below != volume::IDENTITY_FILE && name::parse(&below).is_err() {
                        litter.push(path);
                    }
                }
            }
        }
        litter
    }
}

fn index_of(path: &Path, ssd: &Path, hdd: &Path) -> Index {
    let index = Index::open(path).unwrap();
    for (tier, root, kind) in [("ssd", ssd, TierKind::Cache), ("hdd", hdd, TierKind::Archive)] {
        index.put_tier(&Tier { id: tier.into(), root: root.to_owned(), kind }).unwrap();
    }
    index
}

pub(crate) fn id(text: &str) -> TierId {
    TierId::new(text).unwrap()
}

pub(crate) fn root<'a>(tier: &'a TierId, path: &'a Path) -> Root<'a> {
    Root { tier, path }
}

pub(crate) fn garden() -> CameraId {
    CameraId::new("garden").unwrap()
}

pub(crate) fn start(n: i64) -> UtcMs {
    UtcMs(MIDNIGHT + n * 10_000)
}

/// Runs `job` with a pace of its own.
pub(crate) fn with_hands<T>(job: impl FnOnce(&mut Hands<'_>) -> T) -> T {
    let (clock, stop) = (SystemClock::start(), Stop::default());
    job(&mut Hands { pace: &mut Pace::new(None), clock: &clock, stop: &stop })
}

/// A closed file of `seconds` fragments, five pictures a second, every fragment begins with a keyframe.
pub(crate) fn file(start: UtcMs, seconds: i64) -> Vec<u8> {
    let entry = sample_entry::mjpeg(640, 360);
    let video = sample_entry::video_parameters(entry, Some(5_000)).unwrap();
    let parameters = ParameterSets { video, audio: None };
    let meta = SegmentMeta { camera: garden(), stream: MAIN, start, software: "test".into() };
    let mut bytes = init_segment(&parameters, Some(&meta)).to_vec();
    let mut builder = FragmentBuilder::new(Dts(0), 0);
    let mut append = |builder: &mut FragmentBuilder, end| {
        if let Some(fragment) = builder.take(end) {
            bytes.extend_from_slice(&fragment.head);
            fragment.payload.iter().for_each(|piece| bytes.extend_from_slice(piece));
        }
    };
    for picture in 0..seconds * 5 {
        let at = picture * Ticks::PER_SECOND / 5;
        if picture % 5 == 0 {
            append(&mut builder, Some(Dts(at)));
        }
        builder.push(AccessUnit {
            track: Track::Video,
            pts: Pts(at),
            dts: Dts(at),
            duration: Ticks(Ticks::PER_SECOND / 5),
            is_keyframe: picture % 5 == 0,
            arrived: start,
            data: Bytes::from(vec![u8::try_from(start.0 / 10_000 % 251).unwrap(); 700]),
        });
    }
    append(&mut builder, None);
    let parts = scan(&mut Cursor::new(&bytes)).unwrap().parts;
    bytes.extend_from_slice(&mfra(&parts, Ticks(0)));
    bytes
}

pub(crate) fn range(from: UtcMs, to: UtcMs) -> UtcRange {
    UtcRange::new(from, to)
}
