//! Hands: one thread for each tier that is written to. A slow disk stops its thread and nothing else; a disk that hangs
//! or is full keeps its thread, and recording goes on in another tier, if there is one. What it has not taken waits.
//!
//! What does not belong here: what goes into which file (`recording`), writing (`disk`), which tier (the hub's), what is
//! told of a thread (`busy`).

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread::JoinHandle;

use tarsier_segment::Fragment;
use tarsier_types::{Clock as _, Mono, StreamKind};
use tarsier_wire::ToHub;

use crate::busy::{Busy, Stall};
use crate::disk::{Disk, Job, NewFile, Shared};
use crate::tier::Tier;

/// What of a stream may wait for a disk: half a minute of a 16 Mbit/s camera, and no less than its memory holds, which all
/// goes there when a disk is back.
pub(crate) const BACKLOG_BYTES: u64 = 64 << 20;
/// A handle on the disk threads.
#[derive(Debug)]
pub(crate) struct Files {
    shared: Arc<Shared>,
    threads: Mutex<Threads>,
}

#[derive(Debug)]
struct Threads {
    /// Of the tier in which files are begun.
    current: Arc<Worker>,
    /// Where each stream's open file is.
    at: BTreeMap<StreamKind, Arc<Worker>>,
    /// All of them; one whose tier is not used any more is idle.
    all: Vec<Arc<Worker>>,
}

#[derive(Debug)]
struct Worker {
    tier: Tier,
    jobs: mpsc::Sender<Job>,
    backlog: BTreeMap<StreamKind, AtomicU64>,
    busy: Busy,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Threads {
    /// Where the stream's file is, or would be begun.
    fn its(&self, stream: StreamKind) -> &Arc<Worker> {
        self.at.get(&stream).unwrap_or(&self.current)
    }
}

impl Files {
    /// Starts the thread of the first tier.
    pub(crate) fn start(tier: Tier, shared: Arc<Shared>) -> io::Result<Self> {
        let current = Worker::start(tier, &shared)?;
        let all = vec![Arc::clone(&current)];
        Ok(Self { shared, threads: Mutex::new(Threads { current, at: BTreeMap::new(), all }) })
    }

    /// Files are begun in that tier from now on; those that are open end where they are.
    pub(crate) fn tier(&self, tier: Tier) -> io::Result<()> {
        let mut threads = self.threads();
        if threads.current.tier == tier {
            return Ok(());
        }
        let was_told = threads.current.busy.is_told();
        let known = threads.all.iter().find(|worker| worker.tier == tier).cloned();
        threads.current = if let Some(worker) = known {
            worker
        } else {
            let worker = Worker::start(tier, &self.shared)?;
            threads.all.push(Arc::clone(&worker));
            worker
        };
        let idle = |stream: &&StreamKind| was_told && !threads.at.contains_key(stream);
        for stream in self.shared.streams.keys().filter(idle) {
            threads.current.send(Job::Tell(*stream));
        }
        Ok(())
    }

    pub(crate) fn open(&self, stream: StreamKind, file: NewFile) {
        let mut threads = self.threads();
        let worker = Arc::clone(&threads.current);
        worker.busy.tell_again();
        worker.send(Job::Open(stream, Box::new(file)));
        threads.at.insert(stream, worker);
    }

    /// Hands a fragment over; gives it back if too much waits for the disk already.
    pub(crate) fn write(&self, stream: StreamKind, fragment: Fragment) -> Result<(), Fragment> {
        let worker = self.of(stream);
        let bytes = fragment.bytes();
        let backlog = worker.backlog(stream);
        if backlog.load(Ordering::Relaxed) + bytes > BACKLOG_BYTES {
            return Err(fragment);
        }
        backlog.fetch_add(bytes, Ordering::Relaxed);
        worker.send(Job::Write(stream, fragment));
        Ok(())
    }

    pub(crate) fn close(&self, stream: StreamKind) {
        let mut threads = self.threads();
        let worker = Arc::clone(threads.its(stream));
        threads.at.remove(&stream);
        worker.send(Job::Close(stream));
        if worker.busy.is_told() {
            // It is no trouble of this stream any more if files are begun elsewhere.
            threads.current.send(Job::Tell(stream));
        }
    }

    /// Asks whether files can be begun; the stream hears of it.
    pub(crate) fn probe(&self, stream: StreamKind) {
        self.threads().current.send(Job::Probe(stream));
    }

    /// Half of what may wait is free again: a new file may be begun.
    pub(crate) fn has_room(&self, stream: StreamKind) -> bool {
        self.threads().current.backlog(stream).load(Ordering::Relaxed) < BACKLOG_BYTES / 2
    }

    /// The disk of the stream's open file takes nothing now, as was told, and files are begun in another tier.
    pub(crate) fn should_leave(&self, stream: StreamKind) -> bool {
        let threads = self.threads();
        let its = threads.its(stream);
        its.busy.is_told() && !Arc::ptr_eq(its, &threads.current)
    }

    /// The tier in which files are begun.
    pub(crate) fn tier_id(&self) -> String {
        self.threads().current.tier.id.clone()
    }

    /// To be asked once a second: tells the hub of a disk that takes nothing, and when it does again.
    pub(crate) fn look_for_stalls(&self, now: Mono) {
        let threads = self.threads();
        for worker in &threads.all {
            let stall = worker.busy.look(&worker.tier.root.display().to_string(), now);
            if let Stall::Began(problem) = &stall {
                tracing::error!(problem, "the disk takes no footage: it waits in memory");
            }
            for stream in self.shared.streams.keys().copied() {
                let has_file_here =
                    threads.at.get(&stream).is_some_and(|its| Arc::ptr_eq(its, worker));
                match &stall {
                    Stall::Began(problem) if has_file_here => {
                        let (tier_id, problem) = (worker.tier.id.clone(), Some(problem.clone()));
                        self.shared.hub.fact(ToHub::Disk { stream, problem, tier_id });
                    }
                    // What came of it, its thread knows.
                    Stall::Over if Arc::ptr_eq(threads.its(stream), worker) => {
                        worker.send(Job::Tell(stream));
                    }
                    _ => {}
                }
            }
        }
    }

    /// Waits until everything handed over is on disk; not for a disk that hangs.
    pub(crate) fn finish(self) {
        let all = std::mem::take(&mut self.threads().all);
        for worker in &all {
            worker.send(Job::End);
            worker.busy.end();
        }
        for worker in all {
            if worker.busy.hangs() {
                tracing::error!(tier = %worker.tier.root.display(), "the disk hangs; what waits for it is lost");
                continue;
            }
            let thread = worker.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
            let _ = thread.map(JoinHandle::join);
        }
    }

    fn of(&self, stream: StreamKind) -> Arc<Worker> {
        Arc::clone(self.threads().its(stream))
    }

    fn threads(&self) -> MutexGuard<'_, Threads> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Worker {
    fn start(tier: Tier, shared: &Arc<Shared>) -> io::Result<Arc<Self>> {
        // Unbounded in messages, bounded in bytes: see `write`.
        let (jobs, inbox) = mpsc::channel();
        let mut disk = Disk::new(tier.clone(), Arc::clone(shared));
        let worker = Arc::new(Self::new(tier, jobs));
        let (itself, clock) = (Arc::clone(&worker), shared.clock);
        let thread = std::thread::Builder::new().name("disk".to_owned()).spawn(move || {
            while let Ok(job) = inbox.recv() {
                let taken = match &job {
                    Job::Write(stream, fragment) => Some((*stream, fragment.bytes())),
                    Job::End => break,
                    _ => None,
                };
                itself.busy.begin(clock.mono());
                let mut done = disk.work(job);
                while let Err(no_room) = done {
                    done = if itself.busy.wait_for_room(no_room.problem()) {
                        disk.work(no_room.job)
                    } else {
                        disk.give_up(&no_room);
                        Ok(())
                    };
                }
                itself.busy.done();
                if let Some((stream, bytes)) = taken {
                    itself.backlog(stream).fetch_sub(bytes, Ordering::Relaxed);
                }
            }
        })?;
        *worker.thread.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread);
        Ok(worker)
    }

    fn new(tier: Tier, jobs: mpsc::Sender<Job>) -> Self {
        let backlog = StreamKind::ALL.map(|stream| (stream, AtomicU64::new(0))).into();
        Self { tier, jobs, backlog, busy: Busy::default(), thread: Mutex::new(None) }
    }

    fn backlog(&self, stream: StreamKind) -> &AtomicU64 {
        self.backlog.get(&stream).expect("each stream has one")
    }

    fn send(&self, job: Job) {
        // The thread ends only with `finish`.
        let _ = self.jobs.send(job);
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use tarsier_types::{
        CameraId, Codec, ParameterSets, SystemClock, Ticks, UtcMs, VideoParameters,
    };

    use super::*;
    use crate::disk::StreamFiles;
    use crate::link::HubLink;

    fn parameters() -> Arc<ParameterSets> {
        let video = VideoParameters {
            codec: Codec::H264,
            rfc6381: "avc1.64001f".to_owned(),
            width: 160,
            height: 90,
            nominal_millifps: None,
            sample_entry: Bytes::new(),
        };
        Arc::new(ParameterSets { video, audio: None })
    }

    fn fragment(megabytes: usize) -> Fragment {
        Fragment {
            head: Bytes::new(),
            payload: vec![Bytes::from(vec![0; 1 << 20]); megabytes],
            start: Ticks(0),
            duration: Ticks(1),
            starts_with_keyframe: true,
            composition_offset: Ticks(0),
            units: 1,
        }
    }

    /// With a disk that does nothing.
    fn files(hub: HubLink) -> (Files, mpsc::Receiver<Job>) {
        let files_of = |stream| {
            let (news, _) = tokio::sync::mpsc::channel(1);
            (stream, StreamFiles { counters: Arc::default(), news })
        };
        let shared = Shared {
            camera: CameraId::new("garden").unwrap(),
            streams: StreamKind::ALL.map(files_of).into(),
            chains: Mutex::default(),
            hub,
            clock: SystemClock::start(),
        };
        let (jobs, inbox) = mpsc::channel();
        let tier = Tier { root: "/disk".into(), id: "t".to_owned() };
        let current = Arc::new(Worker::new(tier, jobs));
        let all = vec![Arc::clone(&current)];
        let threads = Mutex::new(Threads { current, at: BTreeMap::new(), all });
        (Files { shared: Arc::new(shared), threads }, inbox)
    }

    #[test]
    fn a_stream_that_has_all_of_its_memory_written_leaves_room_for_the_other() {
        let (files, _inbox) = files(HubLink::default());
        let takes = |stream, megabytes| files.write(stream, fragment(megabytes)).is_ok();
        assert!(takes(StreamKind::Main, 60) && !takes(StreamKind::Main, 5));
        assert!(!files.has_room(StreamKind::Main) && files.has_room(StreamKind::Sub));
        assert!(takes(StreamKind::Sub, 60) && !takes(StreamKind::Sub, 5));
    }

    #[test]
    fn a_disk_that_hangs_is_the_trouble_of_those_streams_only_that_have_a_file_there() {
        let hub = HubLink::connected();
        let (files, inbox) = files(hub.clone());
        let new = NewFile {
            start: UtcMs(0),
            path: "garden/main/file.mp4".to_owned(),
            init: Bytes::new(),
            parameters: parameters(),
            continues: false,
        };
        files.open(StreamKind::Main, new);
        files.threads().current.busy.begin(Mono::ZERO);
        files.look_for_stalls(Mono::from_millis(6_000));
        let told: Vec<_> = hub
            .said()
            .into_iter()
            .filter_map(|fact| match fact {
                ToHub::Disk { stream, problem, .. } => Some((stream, problem.is_some())),
                _ => None,
            })
            .collect();
        assert_eq!(told, [(StreamKind::Main, true)]);
        files.close(StreamKind::Main);
        let jobs: Vec<Job> = inbox.try_iter().collect();
        let is_told = |job: &Job| matches!(job, Job::Tell(StreamKind::Main));
        assert!(jobs.last().is_some_and(is_told), "how that ended: {jobs:?}");
    }
}
