//! Hands: what the thread of one tier does: writes segments and syncs them, and says what became of it.
//!
//! Sync policy: each fragment (at most 1 s) is written with one call and synced (`fdatasync`) before it is
//! reported; a file's folder, and those above that are new, are synced when the file is created, and the whole file again
//! when it is closed. So a power cut costs at most the fragment that was being written. The tier's identity is checked before
//! each file is created, and every [`CHECK_EVERY`] while one is written: a disk that was unmounted under us takes writes for
//! ever. A full disk is left as it was and costs nothing as long as what comes can wait: [`NoRoom`]. Any other failed write
//! ends its file.
//!
//! What does not belong here: what goes into which file (`recording`), which tier (`files`).

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io::{self, IoSlice, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tarsier_segment::{Fragment, mfra, scan};
use tarsier_types::{
    CameraId, Clock as _, Mono, ParameterSets, Part, StreamKind, SystemClock, Ticks, UtcMs,
};
use tarsier_wire::{ClosedSegment, ToHub};
use tokio::sync::mpsc;

use crate::counters::Counters;
use crate::folders;
use crate::link::HubLink;
use crate::platform::preallocate;
use crate::tier::Tier;

/// Reserved ahead of the writing end at a time.
const RESERVE: u64 = 16 << 20;
/// The hub is told of a disk that vanished within 10 s.
const CHECK_EVERY: Duration = Duration::from_secs(5);

/// A file to begin.
#[derive(Clone, Debug)]
pub(crate) struct NewFile {
    pub(crate) start: UtcMs,
    /// Below the tier's root.
    pub(crate) path: String,
    pub(crate) init: Bytes,
    pub(crate) parameters: Arc<ParameterSets>,
    pub(crate) continues: bool,
}

/// What is to be done.
#[derive(Debug)]
pub(crate) enum Job {
    Open(StreamKind, Box<NewFile>),
    Write(StreamKind, Fragment),
    Close(StreamKind),
    /// Whether files can be begun: answered by [`DiskNews::Works`] or [`DiskNews::StillRefuses`].
    Probe(StreamKind),
    /// The hub is to hear once more how it is.
    Tell(StreamKind),
    End,
}

/// There is no room for it now: a file is where it was before, and the job can be tried again.
#[derive(Debug)]
pub(crate) struct NoRoom {
    pub(crate) job: Job,
    place: PathBuf,
    error: io::Error,
}

impl NoRoom {
    /// For a person.
    pub(crate) fn problem(&self) -> String {
        problem(&self.place, &self.error)
    }
}

/// What a stream's task must know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DiskNews {
    /// The file that begins at `file` is there.
    Began { file: UtcMs },
    /// It is not: everything up to the next `Open` is in no file.
    Refused { file: UtcMs },
    /// The file that began at `file` ended at `durable`; everything up to the next `Open` is lost.
    Failed { file: UtcMs, durable: UtcMs },
    /// Answer to a probe.
    Works,
    /// Answer to a probe.
    StillRefuses,
}

/// What the disk thread needs of a stream.
#[derive(Debug)]
pub(crate) struct StreamFiles {
    pub(crate) counters: Arc<Counters>,
    pub(crate) news: mpsc::Sender<DiskNews>,
}

/// What the threads of all tiers share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) camera: CameraId,
    pub(crate) streams: BTreeMap<StreamKind, StreamFiles>,
    /// The chain value of each stream's last closed segment, in whatever tier.
    pub(crate) chains: Mutex<BTreeMap<StreamKind, [u8; 32]>>,
    pub(crate) hub: HubLink,
    pub(crate) clock: SystemClock,
}

struct OpenFile {
    file: File,
    path: PathBuf,
    new: NewFile,
    hasher: blake3::Hasher,
    bytes: u64,
    reserved: u64,
    parts: Vec<Part>,
    units: u32,
    /// Of the first picture: from decoding to showing.
    composition_offset: Ticks,
}

pub(crate) struct Disk {
    tier: Tier,
    shared: Arc<Shared>,
    open: BTreeMap<StreamKind, OpenFile>,
    /// Streams whose last file lacks its end: the next one does not go on there.
    broken: BTreeSet<StreamKind>,
    /// Streams whose last file was not begun: who handed over what was to be in it has it still.
    unbegun: BTreeSet<StreamKind>,
    /// What the hub was told last of each stream, while it is refused.
    refused: BTreeMap<StreamKind, String>,
    /// When the tier's identity is looked at again.
    check_at: Mono,
}

impl Disk {
    pub(crate) fn new(tier: Tier, shared: Arc<Shared>) -> Self {
        let check_at = shared.clock.mono() + CHECK_EVERY;
        let (open, refused) = (BTreeMap::new(), BTreeMap::new());
        let (broken, unbegun) = (BTreeSet::new(), BTreeSet::new());
        Self { tier, shared, open, broken, unbegun, refused, check_at }
    }

    pub(crate) fn work(&mut self, job: Job) -> Result<(), Box<NoRoom>> {
        match self.attempt(&job) {
            Err(error) if is_for_want_of_room(&error) => {
                Err(Box::new(NoRoom { job, place: self.tier.root.clone(), error }))
            }
            Err(error) => {
                self.failed(&job, &error);
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    /// No room was found for it until the process ends, and nobody has it any more.
    pub(crate) fn give_up(&mut self, no_room: &NoRoom) {
        self.failed(&no_room.job, &no_room.error);
        self.unbegun.clear();
    }

    fn attempt(&mut self, job: &Job) -> io::Result<()> {
        match job {
            Job::Open(stream, new) => self.begin(*stream, NewFile::clone(new)),
            Job::Write(stream, fragment) => {
                self.append(*stream, fragment)?;
                self.check_if_due(*stream);
                Ok(())
            }
            Job::Close(stream) => self.close(*stream),
            Job::Probe(stream) => {
                self.probe(*stream);
                Ok(())
            }
            Job::Tell(stream) => {
                self.say_again(*stream);
                Ok(())
            }
            Job::End => Ok(()),
        }
    }

    /// What the job was to write is lost, and with it the end of its file.
    fn failed(&mut self, job: &Job, error: &io::Error) {
        match job {
            Job::Open(stream, new) => {
                self.unbegun.insert(*stream);
                self.refuse(*stream, DiskNews::Refused { file: new.start }, error);
            }
            Job::Write(stream, fragment) => {
                self.count(*stream, |counters| counters.lost_queued(fragment.units));
                self.leave(*stream, error);
            }
            Job::Close(stream) => self.leave(*stream, error),
            Job::Probe(_) | Job::Tell(_) | Job::End => {}
        }
    }

    fn begin(&mut self, stream: StreamKind, mut new: NewFile) -> io::Result<()> {
        self.tier.check()?;
        self.check_at = self.shared.clock.mono() + CHECK_EVERY;
        let path = self.tier.root.join(&new.path);
        let folder = path.parent().unwrap_or(&self.tier.root).to_path_buf();
        folders::make(&self.tier.root, &folder)?;
        let mut file = create(&path)?;
        // Not every file system can; the file then grows as it is written.
        let reserved = preallocate(&file, 0, RESERVE).map_or(0, |()| RESERVE);
        let written = file
            .write_all(&new.init)
            .and_then(|()| file.sync_all())
            .and_then(|()| folders::sync(&folder));
        if let Err(error) = written {
            let _ = fs::remove_file(&path);
            return Err(error);
        }
        let mut hasher = blake3::Hasher::new();
        hasher.update(&new.init);
        let bytes = len64(new.init.len());
        new.continues &= !self.broken.remove(&stream);
        self.shared.hub.fact(ToHub::SegmentOpened {
            stream,
            start: new.start,
            parameters: ParameterSets::clone(&new.parameters),
            init_bytes: u32::try_from(new.init.len()).unwrap_or(u32::MAX),
            tier_id: self.tier.id.clone(),
        });
        self.fine(stream);
        self.unbegun.remove(&stream);
        self.tell(stream, DiskNews::Began { file: new.start });
        let open = OpenFile {
            file,
            path,
            new,
            hasher,
            bytes,
            reserved,
            parts: Vec::new(),
            units: 0,
            composition_offset: Ticks(0),
        };
        self.open.insert(stream, open);
        Ok(())
    }

    fn append(&mut self, stream: StreamKind, fragment: &Fragment) -> io::Result<()> {
        let began = self.shared.clock.mono();
        let Some(open) = self.open.get_mut(&stream) else {
            if self.unbegun.contains(&stream) {
                self.count(stream, |counters| counters.given_back(fragment.units));
            } else {
                // The file failed; its fragments are lost with it.
                self.count(stream, |counters| counters.lost_queued(fragment.units));
            }
            return Ok(());
        };
        open.append(fragment)?;
        let part = open.parts.last().copied().expect("a part was appended just now");
        let segment = open.new.start;
        let now = self.shared.clock.mono();
        self.count(stream, |counters| {
            counters.written(fragment.units, part.duration, now.since(began));
        });
        self.shared.hub.fact(ToHub::FragmentWritten { stream, segment, part });
        Ok(())
    }

    fn check_if_due(&mut self, stream: StreamKind) {
        let now = self.shared.clock.mono();
        if now < self.check_at {
            return;
        }
        self.check_at = now + CHECK_EVERY;
        if let Err(error) = self.tier.check() {
            self.leave(stream, &error);
        }
    }

    fn close(&mut self, stream: StreamKind) -> io::Result<()> {
        let Some(mut open) = self.open.remove(&stream) else { return Ok(()) };
        if open.parts.is_empty() {
            // All that it was begun for was lost on the way: a file without a picture is worth nothing.
            let _ = fs::remove_file(&open.path);
            return Ok(());
        }
        let index = mfra(&open.parts, open.composition_offset);
        if let Err(error) = open.seal(&index) {
            self.open.insert(stream, open);
            return Err(error);
        }
        self.report_closed(stream, open);
        Ok(())
    }

    fn probe(&mut self, stream: StreamKind) {
        let news = match self.tier.probe(self.shared.camera.as_str()) {
            Ok(()) => {
                self.fine(stream);
                DiskNews::Works
            }
            Err(error) => {
                self.say_refused(stream, &error);
                DiskNews::StillRefuses
            }
        };
        self.tell(stream, news);
    }

    /// Leaves a file that cannot go on, with what of it is whole and synced.
    fn leave(&mut self, stream: StreamKind, error: &io::Error) {
        let Some(open) = self.open.remove(&stream) else { return };
        let (file, durable) = (open.new.start, open.new.start + open.written());
        let _ = open.file.set_len(open.bytes);
        if open.parts.is_empty() {
            let _ = fs::remove_file(&open.path);
        } else {
            self.report_closed(stream, open);
        }
        self.refuse(stream, DiskNews::Failed { file, durable }, error);
    }

    fn refuse(&mut self, stream: StreamKind, news: DiskNews, error: &io::Error) {
        self.broken.insert(stream);
        self.say_refused(stream, error);
        self.tell(stream, news);
    }

    fn say_refused(&mut self, stream: StreamKind, error: &io::Error) {
        let problem = problem(&self.tier.root, error);
        // A disk that is away for a day is tried every 2 s; it is told once.
        if self.refused.insert(stream, problem.clone()).as_ref() == Some(&problem) {
            return;
        }
        tracing::error!(%stream, problem, "cannot write footage");
        let tier_id = self.tier.id.clone();
        self.shared.hub.fact(ToHub::Disk { stream, problem: Some(problem), tier_id });
    }

    /// After a stall of which the hub was told: it may have ended in a refusal, which the hub knows already.
    fn say_again(&mut self, stream: StreamKind) {
        let tier_id = self.tier.id.clone();
        let problem = self.refused.get(&stream).cloned();
        self.shared.hub.fact(ToHub::Disk { stream, problem, tier_id });
    }

    fn fine(&mut self, stream: StreamKind) {
        self.refused.remove(&stream);
        let tier_id = self.tier.id.clone();
        self.shared.hub.fact(ToHub::Disk { stream, problem: None, tier_id });
    }

    fn tell(&self, stream: StreamKind, news: DiskNews) {
        if let Some(files) = self.shared.streams.get(&stream) {
            // A file is begun and fails once, and a probe is asked for only when the last one is answered: sixteen are
            // never reached by a stream that reads its news.
            let _ = files.news.try_send(news);
        }
    }

    fn count(&self, stream: StreamKind, change: impl FnOnce(&Counters)) {
        if let Some(files) = self.shared.streams.get(&stream) {
            change(&files.counters);
        }
    }

    fn report_closed(&self, stream: StreamKind, open: OpenFile) {
        let hash = *open.hasher.finalize().as_bytes();
        let chain = {
            let mut chains = self.shared.chains.lock().unwrap_or_else(PoisonError::into_inner);
            let before = chains.entry(stream).or_default();
            let mut link = blake3::Hasher::new();
            link.update(before).update(&hash);
            *before = *link.finalize().as_bytes();
            *before
        };
        self.shared.hub.fact(ToHub::SegmentClosed {
            stream,
            segment: ClosedSegment {
                start: open.new.start,
                duration: open.written(),
                bytes: open.bytes,
                hash,
                chain,
                init_bytes: u32::try_from(open.new.init.len()).unwrap_or(u32::MAX),
                parameters: Arc::unwrap_or_clone(open.new.parameters),
                parts: open.parts,
                units: open.units,
                continues: open.new.continues,
                tier_id: self.tier.id.clone(),
            },
        });
    }
}

impl OpenFile {
    /// Length of what is on disk.
    fn written(&self) -> Ticks {
        self.parts.last().map_or(Ticks(0), |part| part.start + part.duration)
    }

    fn append(&mut self, fragment: &Fragment) -> io::Result<()> {
        let bytes = fragment.bytes();
        if self.reserved > 0 && self.bytes + bytes > self.reserved {
            self.reserved = preallocate(&self.file, self.reserved, RESERVE)
                .map_or(0, |()| self.reserved + RESERVE);
        }
        write_all_vectored(&mut self.file, fragment)
            .and_then(|()| self.file.sync_data())
            .or_else(|error| self.take_back(error))?;
        if self.parts.is_empty() {
            self.composition_offset = fragment.composition_offset;
        }
        self.hasher.update(&fragment.head);
        for piece in &fragment.payload {
            self.hasher.update(piece);
        }
        self.parts.push(Part {
            offset: self.bytes,
            bytes: u32::try_from(bytes).unwrap_or(u32::MAX),
            start: fragment.start,
            duration: fragment.duration,
            starts_with_keyframe: fragment.starts_with_keyframe,
        });
        self.bytes += bytes;
        self.units += fragment.units;
        Ok(())
    }

    /// After a write that failed: what comes next is written where that was to begin.
    fn take_back(&mut self, error: io::Error) -> io::Result<()> {
        // Where what of it fitted cannot be given back, it is written over.
        let _ = self.file.set_len(self.bytes);
        self.reserved = 0;
        self.file.seek(SeekFrom::Start(self.bytes))?;
        Err(error)
    }

    fn seal(&mut self, index: &[u8]) -> io::Result<()> {
        self.file
            .write_all(index)
            // Releases what was reserved and not used.
            .and_then(|()| self.file.set_len(self.bytes + len64(index.len())))
            .and_then(|()| self.file.sync_all())
            .or_else(|error| self.take_back(error))?;
        self.hasher.update(index);
        self.bytes += len64(index.len());
        Ok(())
    }
}

/// The disk is full, or what this user may have of it.
fn is_for_want_of_room(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// For a person: it names the place.
fn problem(place: &Path, error: &io::Error) -> String {
    let (place, text) = (place.display().to_string(), error.to_string());
    if text.contains(&place) { text } else { format!("{place}: {text}") }
}

/// A new file. One of that name in which there is no picture (an earlier attempt failed at it) makes way.
fn create(path: &Path) -> io::Result<File> {
    let new = || OpenOptions::new().write(true).create_new(true).open(path);
    match new() {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let is_empty = match scan(&mut File::open(path)?) {
                Ok(found) => found.parts.is_empty(),
                Err(_) => fs::metadata(path)?.len() == 0,
            };
            if !is_empty {
                return Err(error);
            }
            fs::remove_file(path)?;
            new()
        }
        opened => opened,
    }
}

fn write_all_vectored(file: &mut File, fragment: &Fragment) -> io::Result<()> {
    let pieces: Vec<&[u8]> = std::iter::once(&fragment.head[..])
        .chain(fragment.payload.iter().map(|piece| &piece[..]))
        .collect();
    // Linux takes at most 1024 slices at a time (IOV_MAX).
    for some in pieces.chunks(1024) {
        let mut slices: Vec<IoSlice<'_>> = some.iter().map(|piece| IoSlice::new(piece)).collect();
        let mut rest = &mut slices[..];
        while !rest.is_empty() {
            match file.write_vectored(rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => IoSlice::advance_slices(&mut rest, written),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(())
}

fn len64(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}
