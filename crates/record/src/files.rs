//! Hands: the one thread that writes segments. A slow disk stops this thread and nothing else.
//!
//! Sync policy: each fragment (at most 1 s) is written with one call and synced (`fdatasync`) before it is
//! reported; a file's folder is synced when the file is created, and the whole file again when it is closed. So
//! a power cut costs at most the fragment that was being written.
//!
//! What does not belong here: what goes into which file (`recording`).

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, IoSlice, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;

use bytes::Bytes;
use tarsier_segment::{Fragment, mfra};
use tarsier_types::{Clock as _, Mono, ParameterSets, Part, StreamKind, SystemClock, Ticks, UtcMs};
use tarsier_wire::{ClosedSegment, ToHub};

use crate::counters::Counters;
use crate::link::HubLink;
use crate::platform::preallocate;

/// What may wait for the disk: half a minute of a 16 Mbit/s camera.
pub(crate) const BACKLOG_BYTES: u64 = 64 << 20;
/// Reserved ahead of the writing end at a time.
const RESERVE: u64 = 16 << 20;

/// A file to begin.
#[derive(Debug)]
pub(crate) struct NewFile {
    pub(crate) start: UtcMs,
    /// Below the tier's root.
    pub(crate) path: String,
    pub(crate) init: Bytes,
    pub(crate) parameters: ParameterSets,
    pub(crate) continues: bool,
}

#[derive(Debug)]
enum Job {
    Open(StreamKind, Box<NewFile>),
    Write(StreamKind, Fragment),
    Close(StreamKind),
    End,
}

/// What a stream's task needs of the disk thread.
#[derive(Debug)]
pub(crate) struct StreamFiles {
    pub(crate) counters: Arc<Counters>,
    /// Said when a write failed: everything up to the next `open` is lost.
    pub(crate) failed: tokio::sync::mpsc::Sender<String>,
}

/// A handle on the disk thread.
#[derive(Debug)]
pub(crate) struct Files {
    jobs: mpsc::Sender<Job>,
    backlog: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

impl Files {
    /// Starts the thread.
    pub(crate) fn start(
        root: PathBuf,
        streams: BTreeMap<StreamKind, StreamFiles>,
        hub: HubLink,
        clock: SystemClock,
    ) -> io::Result<Self> {
        // Unbounded in messages, bounded in bytes: see `write`.
        let (jobs, inbox) = mpsc::channel();
        let backlog = Arc::new(AtomicU64::new(0));
        let mut disk =
            Disk { root, streams, open: BTreeMap::new(), chains: BTreeMap::new(), hub, clock };
        let done = Arc::clone(&backlog);
        let thread = std::thread::Builder::new().name("disk".to_owned()).spawn(move || {
            while let Ok(job) = inbox.recv() {
                let bytes = match &job {
                    Job::Write(_, fragment) => fragment.bytes(),
                    Job::End => break,
                    _ => 0,
                };
                disk.work(job);
                done.fetch_sub(bytes, Ordering::Relaxed);
            }
        })?;
        Ok(Self { jobs, backlog, thread: Some(thread) })
    }

    pub(crate) fn open(&self, stream: StreamKind, file: NewFile) {
        let _ = self.jobs.send(Job::Open(stream, Box::new(file)));
    }

    /// Hands a fragment over; gives it back if too much waits for the disk already.
    pub(crate) fn write(&self, stream: StreamKind, fragment: Fragment) -> Result<(), Fragment> {
        let bytes = fragment.bytes();
        if self.backlog.load(Ordering::Relaxed) + bytes > BACKLOG_BYTES {
            return Err(fragment);
        }
        self.backlog.fetch_add(bytes, Ordering::Relaxed);
        let _ = self.jobs.send(Job::Write(stream, fragment));
        Ok(())
    }

    pub(crate) fn close(&self, stream: StreamKind) {
        let _ = self.jobs.send(Job::Close(stream));
    }

    /// Half of what may wait is free again: a new file may be begun.
    pub(crate) fn has_room(&self) -> bool {
        self.backlog.load(Ordering::Relaxed) < BACKLOG_BYTES / 2
    }

    /// Waits until everything handed over is on disk.
    pub(crate) fn finish(mut self) {
        let _ = self.jobs.send(Job::End);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
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

struct Disk {
    root: PathBuf,
    streams: BTreeMap<StreamKind, StreamFiles>,
    open: BTreeMap<StreamKind, OpenFile>,
    chains: BTreeMap<StreamKind, [u8; 32]>,
    hub: HubLink,
    clock: SystemClock,
}

impl Disk {
    fn work(&mut self, job: Job) {
        let (stream, result) = match job {
            Job::Open(stream, new) => (stream, self.begin(stream, *new)),
            Job::Write(stream, fragment) => (stream, self.append(stream, &fragment)),
            Job::Close(stream) => (stream, self.close(stream)),
            Job::End => return,
        };
        if let Err(error) = result {
            let path = self.open.remove(&stream).map(|torn| self.give_up(stream, torn));
            let place = path.as_deref().unwrap_or(&self.root).display().to_string();
            tracing::error!(%stream, %error, place, "cannot write footage");
            if let Some(files) = self.streams.get(&stream) {
                // Full means that the stream knows already.
                let _ = files.failed.try_send(format!("{place}: {error}"));
            }
        }
    }

    fn begin(&mut self, stream: StreamKind, new: NewFile) -> io::Result<()> {
        let path = self.root.join(&new.path);
        let folder = path.parent().unwrap_or(&self.root).to_path_buf();
        fs::create_dir_all(&folder)?;
        let mut file = OpenOptions::new().write(true).create_new(true).open(&path)?;
        // Not every file system can; the file then grows as it is written.
        let reserved = preallocate(&file, 0, RESERVE).map_or(0, |()| RESERVE);
        file.write_all(&new.init)?;
        file.sync_all()?;
        sync_folder(&folder)?;
        let mut hasher = blake3::Hasher::new();
        hasher.update(&new.init);
        let bytes = len64(new.init.len());
        self.hub.fact(ToHub::SegmentOpened {
            stream,
            start: new.start,
            parameters: new.parameters.clone(),
            init_bytes: u32::try_from(new.init.len()).unwrap_or(u32::MAX),
        });
        self.hub.fact(ToHub::Disk { stream, problem: None });
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
        let began = self.clock.mono();
        let Some(open) = self.open.get_mut(&stream) else {
            // The file could not be opened; its fragments are lost with it.
            self.count_lost(stream, fragment.units);
            return Ok(());
        };
        if let Err(error) = open.append(fragment) {
            self.count_lost(stream, fragment.units);
            return Err(error);
        }
        let part = open.parts.last().copied().expect("a part was appended just now");
        let segment = open.new.start;
        self.report_written(stream, fragment.units, part, segment, began);
        Ok(())
    }

    fn report_written(
        &self,
        stream: StreamKind,
        units: u32,
        part: Part,
        segment: UtcMs,
        began: Mono,
    ) {
        if let Some(files) = self.streams.get(&stream) {
            files.counters.written(units, part.duration, self.clock.mono().since(began));
        }
        self.hub.fact(ToHub::FragmentWritten { stream, segment, part });
    }

    fn count_lost(&self, stream: StreamKind, units: u32) {
        if let Some(files) = self.streams.get(&stream) {
            files.counters.lost_queued(units);
        }
    }

    fn close(&mut self, stream: StreamKind) -> io::Result<()> {
        let Some(mut open) = self.open.remove(&stream) else { return Ok(()) };
        let index = mfra(&open.parts, open.composition_offset);
        if let Err(error) = open.seal(&index) {
            self.open.insert(stream, open);
            return Err(error);
        }
        self.report_closed(stream, open);
        Ok(())
    }

    /// After a failed write: keeps what is whole and synced, says so, and leaves the file.
    fn give_up(&mut self, stream: StreamKind, open: OpenFile) -> PathBuf {
        let path = open.path.clone();
        let _ = open.file.set_len(open.bytes);
        if open.parts.is_empty() {
            let _ = fs::remove_file(&path);
        } else {
            self.report_closed(stream, open);
        }
        path
    }

    fn report_closed(&mut self, stream: StreamKind, open: OpenFile) {
        let hash = *open.hasher.finalize().as_bytes();
        let before = self.chains.entry(stream).or_default();
        let mut link = blake3::Hasher::new();
        link.update(before).update(&hash);
        *before = *link.finalize().as_bytes();
        let duration = open.parts.last().map_or(Ticks(0), |part| part.start + part.duration);
        self.hub.fact(ToHub::SegmentClosed {
            stream,
            segment: ClosedSegment {
                start: open.new.start,
                duration,
                bytes: open.bytes,
                hash,
                chain: *before,
                init_bytes: u32::try_from(open.new.init.len()).unwrap_or(u32::MAX),
                parameters: open.new.parameters,
                parts: open.parts,
                units: open.units,
                continues: open.new.continues,
            },
        });
    }
}

impl OpenFile {
    fn append(&mut self, fragment: &Fragment) -> io::Result<()> {
        let bytes = fragment.bytes();
        if self.reserved > 0 && self.bytes + bytes > self.reserved {
            self.reserved = preallocate(&self.file, self.reserved, RESERVE)
                .map_or(0, |()| self.reserved + RESERVE);
        }
        write_all_vectored(&mut self.file, fragment)?;
        self.file.sync_data()?;
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

    fn seal(&mut self, index: &[u8]) -> io::Result<()> {
        self.file.write_all(index)?;
        self.hasher.update(index);
        self.bytes += len64(index.len());
        // Releases what was reserved and not used.
        self.file.set_len(self.bytes)?;
        self.file.sync_all()
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

/// A file's name is on disk only once its folder is synced. Windows has no such call and needs none (NTFS
/// journals names).
fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

fn len64(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}
