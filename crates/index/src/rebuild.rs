//! Hands: makes the index say what the files of a tier say. Finds what a killed recorder or hub left behind, what
//! was added or removed by hand, and, with an empty index, everything.
//!
//! What does not belong here: repairing or deleting files; what is whole in one is `tarsier_segment::scan`'s to say.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Seek};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use rusqlite::params;
use tarsier_segment::{ScanError, name, scan};
use tarsier_types::{CameraId, GapReason, StreamKind, UtcMs};

use crate::cameras::camera_id;
use crate::error::IndexError;
use crate::found::FoundAs;
use crate::garbage::SegmentRef;
use crate::index::Index;
use crate::segments::{NewSegment, SegmentState};
use crate::stream_ids::StreamNo;
use crate::stretch::DAY_MS;
use crate::totals::{count, stream};

/// How far back to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// From the day of the newest known segment of each stream on (or the newest two days, if none is known): what
    /// a restart needs, in milliseconds.
    Newest,
    /// Every day; also forgets segments whose files are gone.
    All,
    /// As `All`, but files that begin at that time or later are not added: while recorders write, a file may be begun
    /// behind the back of who said which ones are open.
    AllBefore(UtcMs),
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReconcileReport {
    /// Segment files seen.
    pub files: u64,
    /// Segments that the index did not know (or knew as torn and shorter), and knows now.
    pub added: u64,
    /// How many of these were never closed.
    pub torn: u64,
    /// Files that are left out: damaged, unreadable, or without a single whole fragment; at most [`MOST_NAMED`] are named.
    pub unplayable: Vec<PathBuf>,
    /// Files of segments that live in another tier: what a move or a disk that came back left over. At most
    /// [`MOST_NAMED`] are named.
    pub doubles: Vec<SegmentRef>,
    /// Segments of which the index knew and the file is gone.
    pub missing: u64,
    /// So many files are missing that this looks like a wrong or half-mounted disk: none was forgotten.
    pub refused_to_forget: bool,
    /// The caller ended it early.
    pub interrupted: bool,
}

/// How many files a report names.
pub const MOST_NAMED: usize = 100;

/// More than this part of a tier missing at once is no cleaning up by hand (guess).
const MOST_MISSING: u64 = 2;

/// Stored in one transaction: short enough that no recorder's report waits noticeably.
const BATCH: usize = 200;

/// Why files and index could not be compared.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReconcileError {
    /// The folder does not carry the identity of that tier: another disk, or none, is mounted there.
    #[error("{} is not the tier {tier_id:?}: its tarsier-tier.json is missing or names another", root.display())]
    NotTheTier {
        /// The folder.
        root: PathBuf,
        /// Which tier was expected.
        tier_id: String,
    },
    /// A folder could not be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// Folder or file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The index failed.
    #[error(transparent)]
    Index(#[from] IndexError),
}

/// Segments that are being written now, by their recorders' word: they are left alone.
pub type OpenSegments = HashSet<(CameraId, StreamKind, UtcMs)>;

impl Index {
    /// Compares the files below `root` with the index and corrects the index. `progress` is told now and then how far
    /// it has come, and may end it; what was done stays done.
    pub fn reconcile(
        &self,
        tier_id: &str,
        root: &Path,
        reach: Reach,
        open: &OpenSegments,
        progress: &mut dyn FnMut(&ReconcileReport) -> ControlFlow<()>,
    ) -> Result<ReconcileReport, ReconcileError> {
        check_identity(tier_id, root)?;
        let mut pass = Pass {
            index: self,
            tier_id,
            root,
            open,
            progress,
            found: Vec::new(),
            report: ReconcileReport::default(),
        };
        let mut seen = HashMap::new();
        for camera in folders(root)?.into_iter().filter_map(|name| CameraId::new(name).ok()) {
            for stream in StreamKind::ALL {
                let starts = pass.stream(&camera, stream, reach)?;
                seen.insert((camera.clone(), stream), starts);
                if pass.report.interrupted {
                    return Ok(pass.report);
                }
            }
        }
        if reach != Reach::Newest {
            pass.forget_missing(&seen)?;
        }
        Ok(pass.report)
    }

    /// Every segment of a stream from that time on that lives in that tier: start, size, whether it is torn.
    fn known_files(
        &self,
        tier_id: &str,
        camera: &CameraId,
        stream: StreamKind,
        from: UtcMs,
    ) -> Result<HashMap<UtcMs, (u64, bool)>, IndexError> {
        self.read("list known segments", |db| {
            let Some(stream) = StreamNo::find(db, camera, stream)? else {
                return Ok(HashMap::new());
            };
            let ids = stream.segments(from, UtcMs(i64::MAX));
            db.prepare_cached(
                "select id, size_bytes, state = 'torn' from segments where id >= ?1 and id < ?2
                 and +tier_id = (select n from tiers where id = ?3)",
            )?
            .query_map(params![ids.start, ids.end, tier_id], |row| {
                Ok((StreamNo::start_of(row.get(0)?), (count(row.get(1)?)?, row.get(2)?)))
            })?
            .collect()
        })
    }

    fn segments_of_tier(
        &self,
        tier_id: &str,
    ) -> Result<Vec<(CameraId, StreamKind, Vec<UtcMs>)>, IndexError> {
        self.read("list the segments of a tier", |db| {
            let streams = db
                .prepare_cached("select camera_id, stream from streams order by id")?
                .query_map([], |row| Ok((camera_id(row, 0)?, stream(row.get_ref(1)?.as_str()?)?)))?
                .collect::<Result<Vec<_>, _>>()?;
            let mut all = Vec::with_capacity(streams.len());
            for (camera, stream) in streams {
                let Some(number) = StreamNo::find(db, &camera, stream)? else { continue };
                let ids = number.segments(UtcMs(0), UtcMs(i64::MAX));
                let starts = db
                    .prepare_cached(
                        "select id from segments where id >= ?1 and id < ?2
                         and +tier_id = (select n from tiers where id = ?3) order by id",
                    )?
                    .query_map(params![ids.start, ids.end, tier_id], |row| {
                        row.get(0).map(StreamNo::start_of)
                    })?
                    .collect::<Result<Vec<_>, _>>()?;
                all.push((camera, stream, starts));
            }
            Ok(all)
        })
    }
}

/// One comparison.
struct Pass<'a> {
    index: &'a Index,
    tier_id: &'a str,
    root: &'a Path,
    open: &'a OpenSegments,
    progress: &'a mut dyn FnMut(&ReconcileReport) -> ControlFlow<()>,
    found: Vec<(CameraId, StreamKind, NewSegment)>,
    report: ReconcileReport,
}

impl Pass<'_> {
    /// Returns the starts of all files seen.
    fn stream(
        &mut self,
        camera: &CameraId,
        stream: StreamKind,
        reach: Reach,
    ) -> Result<HashSet<UtcMs>, ReconcileError> {
        let mut days = days(&self.root.join(camera.as_str()).join(stream.name()))?;
        if reach == Reach::Newest {
            match self.index.first_and_last(camera, stream)? {
                Some(known) => {
                    // Names sort as time does: `{camera}/{stream}/2026/11/20/…`.
                    let newest = name::path(camera, stream, known.end);
                    let day = newest
                        .splitn(3, '/')
                        .nth(2)
                        .unwrap_or_default()
                        .get(..10)
                        .unwrap_or_default()
                        .to_owned();
                    // The file before midnight may be the one that was torn.
                    let first = days.partition_point(|name| *name < day).saturating_sub(1);
                    days.drain(..first);
                }
                None => drop(days.drain(..days.len().saturating_sub(2))),
            }
        }
        let known = match days.first().and_then(|day| start_of_day(camera, stream, day)) {
            Some(from) => self.index.known_files(self.tier_id, camera, stream, from)?,
            None => HashMap::new(),
        };
        let mut seen = HashSet::new();
        for day in days {
            let folder = self.root.join(camera.as_str()).join(stream.name()).join(&day);
            for file in names(&folder)? {
                let Ok((_, _, start)) = name::parse(&format!("{camera}/{stream}/{day}/{file}"))
                else {
                    continue;
                };
                seen.insert(start);
                self.report.files += 1;
                let is_too_new = matches!(reach, Reach::AllBefore(end) if start >= end);
                if is_too_new || self.open.contains(&(camera.clone(), stream, start)) {
                    continue;
                }
                self.file(camera, stream, start, known.get(&start).copied(), &folder.join(&file))?;
            }
            if (self.progress)(&self.report).is_break() {
                self.report.interrupted = true;
                break;
            }
        }
        self.store()?;
        Ok(seen)
    }

    fn file(
        &mut self,
        camera: &CameraId,
        stream: StreamKind,
        start: UtcMs,
        known: Option<(u64, bool)>,
        path: &Path,
    ) -> Result<(), ReconcileError> {
        if let Some((size, was_torn)) = known {
            // A torn file that grew was not torn but being written, when it was last looked at.
            let grew = || fs::metadata(path).is_ok_and(|now| now.len() != size);
            if !(was_torn && grew()) {
                return Ok(());
            }
        }
        match look(start, path) {
            Ok(segment) => self.found.push((camera.clone(), stream, segment)),
            // It was deleted or moved since its folder was read.
            Err(ReadSegmentError::Read(error)) if error.kind() == ErrorKind::NotFound => {}
            // One bad file, or one bad sector, must not keep all the others from being found.
            Err(error) => {
                tracing::warn!(path = %path.display(), error = &error as &dyn std::error::Error, "a segment file is left out");
                if self.report.unplayable.len() < MOST_NAMED {
                    self.report.unplayable.push(path.to_owned());
                }
            }
        }
        if self.found.len() >= BATCH { self.store() } else { Ok(()) }
    }

    fn store(&mut self) -> Result<(), ReconcileError> {
        let found = std::mem::take(&mut self.found);
        if found.is_empty() {
            return Ok(());
        }
        let root = self.root;
        let is_there = |camera: &CameraId, stream: StreamKind, start: UtcMs| {
            !is_gone(&root.join(name::path(camera, stream, start)))
        };
        let stored = self.index.store_found(self.tier_id, &found, &is_there)?;
        for ((camera, stream, segment), found_as) in found.into_iter().zip(stored) {
            match found_as {
                FoundAs::Stored => {
                    self.report.added += 1;
                    self.report.torn += u64::from(segment.state == SegmentState::Torn);
                }
                FoundAs::Double if self.report.doubles.len() < MOST_NAMED => {
                    let tier_id = self.tier_id.to_owned();
                    let start = segment.start;
                    self.report.doubles.push(SegmentRef { tier_id, camera, stream, start });
                }
                FoundAs::Double | FoundAs::Gone => {}
            }
        }
        Ok(())
    }

    fn forget_missing(
        &mut self,
        seen: &HashMap<(CameraId, StreamKind), HashSet<UtcMs>>,
    ) -> Result<(), ReconcileError> {
        let known = self.index.segments_of_tier(self.tier_id)?;
        let total: usize = known.iter().map(|(_, _, starts)| starts.len()).sum();
        let mut missing = Vec::new();
        for (camera, stream, starts) in known {
            let files = seen.get(&(camera.clone(), stream));
            let gone: Vec<UtcMs> = starts
                .into_iter()
                .filter(|start| files.is_none_or(|files| !files.contains(start)))
                // It may have been written since its folder was read; and only "there is no such file" counts.
                .filter(|start| is_gone(&self.root.join(name::path(&camera, stream, *start))))
                .collect();
            self.report.missing += u64::try_from(gone.len()).unwrap_or(u64::MAX);
            missing.push((camera, stream, gone));
        }
        let total = u64::try_from(total).unwrap_or(u64::MAX);
        if self.report.missing > 20 && self.report.missing > total / MOST_MISSING {
            self.report.refused_to_forget = true;
            return Ok(());
        }
        if self.report.missing > 0 {
            // A disk that was pulled out meanwhile has left an empty folder behind.
            check_identity(self.tier_id, self.root)?;
        }
        for (camera, stream, gone) in missing {
            for batch in gone.chunks(BATCH) {
                self.index.remove_segments(&camera, stream, batch, GapReason::Deleted)?;
            }
        }
        Ok(())
    }
}

/// Why the bytes of a file are no segment that could be stored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadSegmentError {
    /// It plays nothing.
    #[error("there is no whole fragment in it")]
    NoPicture,
    /// A parser that was led astray.
    #[error("its pictures last {duration_ms} ms, which no segment does")]
    BadDuration {
        /// As the file says.
        duration_ms: i64,
    },
    /// No row can name it.
    #[error("its name is a time before 1970 or after 2527")]
    BadStart,
    /// The disk, not the file.
    #[error("it cannot be read")]
    Read(#[from] io::Error),
    /// Something else bears the name of a segment.
    #[error("it is no segment")]
    Scan(#[source] ScanError),
}

impl NewSegment {
    /// What a file holds of which nothing is known but its name and its length.
    pub fn read(
        start: UtcMs,
        size_bytes: u64,
        file: &mut (impl Read + Seek),
    ) -> Result<Self, ReadSegmentError> {
        if !StreamNo::can_hold(start) {
            return Err(ReadSegmentError::BadStart);
        }
        let found = scan(file).map_err(|error| match error {
            ScanError::Read(error) => ReadSegmentError::Read(error),
            other => ReadSegmentError::Scan(other),
        })?;
        if found.parts.is_empty() {
            return Err(ReadSegmentError::NoPicture);
        }
        let duration_ms = found.duration.to_millis();
        if !(0..=DAY_MS).contains(&duration_ms) {
            return Err(ReadSegmentError::BadDuration { duration_ms });
        }
        Ok(Self {
            start,
            duration: found.duration,
            size_bytes,
            state: if found.is_closed { SegmentState::Closed } else { SegmentState::Torn },
            integrity: None,
            parameters: found.parameters,
            init_bytes: found.init_bytes,
            fragments: found.parts,
            units: found.units,
            continues: false,
        })
    }
}

fn look(start: UtcMs, path: &Path) -> Result<NewSegment, ReadSegmentError> {
    let mut file = File::open(path)?;
    let size_bytes = file.metadata()?.len();
    NewSegment::read(start, size_bytes, &mut file)
}

fn check_identity(tier_id: &str, root: &Path) -> Result<(), ReconcileError> {
    let identity = fs::read_to_string(root.join("tarsier-tier.json")).unwrap_or_default();
    let identity: serde_json::Value = serde_json::from_str(&identity).unwrap_or_default();
    if identity.get("id").and_then(serde_json::Value::as_str) == Some(tier_id) {
        return Ok(());
    }
    Err(ReconcileError::NotTheTier { root: root.to_owned(), tier_id: tier_id.to_owned() })
}

fn is_gone(path: &Path) -> bool {
    matches!(fs::symlink_metadata(path), Err(error) if error.kind() == ErrorKind::NotFound)
}

/// `2026/11/20`, in order.
fn days(stream: &Path) -> Result<Vec<String>, ReconcileError> {
    let mut days = Vec::new();
    for year in folders(stream)? {
        for month in folders(&stream.join(&year))? {
            for day in folders(&stream.join(&year).join(&month))? {
                days.push(format!("{year}/{month}/{day}"));
            }
        }
    }
    days.sort();
    Ok(days)
}

fn start_of_day(camera: &CameraId, stream: StreamKind, day: &str) -> Option<UtcMs> {
    let (_, _, start) = name::parse(&format!("{camera}/{stream}/{day}/00-00-00.000Z.mp4")).ok()?;
    Some(start)
}

fn folders(path: &Path) -> Result<Vec<String>, ReconcileError> {
    list(path, |kind| kind.is_dir())
}

fn names(path: &Path) -> Result<Vec<String>, ReconcileError> {
    list(path, |kind| kind.is_file())
}

/// The names in a folder, sorted; none if there is no such folder. A symbolic link is neither file nor folder.
fn list(path: &Path, wanted: impl Fn(fs::FileType) -> bool) -> Result<Vec<String>, ReconcileError> {
    let failed = |source| ReconcileError::Read { path: path.to_owned(), source };
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(failed)?;
        // Vanished since: as if it had not been listed.
        let Ok(kind) = entry.file_type() else { continue };
        if wanted(kind)
            && let Ok(name) = entry.file_name().into_string()
        {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}
