//! Hands: one thread for each tier that is written to. A slow disk stops its thread and nothing else; a disk that hangs
//! for good keeps its thread, and recording goes on in another tier.
//!
//! What does not belong here: what goes into which file (`recording`), writing (`disk`), which tier (the hub's).

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use tarsier_segment::Fragment;
use tarsier_types::{Clock as _, Mono, StreamKind};
use tarsier_wire::ToHub;

use crate::disk::{Disk, Job, NewFile, Shared};
use crate::tier::Tier;

/// What may wait for a disk: half a minute of a 16 Mbit/s camera.
pub(crate) const BACKLOG_BYTES: u64 = 64 << 20;
/// A single write that takes longer is told to the hub, which has 10 s to tell a person.
const STALL: Duration = Duration::from_secs(5);

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
    backlog: AtomicU64,
    busy: Mutex<Busy>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Busy {
    since: Option<Mono>,
    is_told: bool,
}

/// What the hub should hear of a thread that hangs.
#[derive(Debug, PartialEq, Eq)]
enum Stall {
    AsBefore,
    Began(String),
    Over,
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
        let known = threads.all.iter().find(|worker| worker.tier == tier).cloned();
        threads.current = if let Some(worker) = known {
            worker
        } else {
            let worker = Worker::start(tier, &self.shared)?;
            threads.all.push(Arc::clone(&worker));
            worker
        };
        Ok(())
    }

    pub(crate) fn open(&self, stream: StreamKind, file: NewFile) {
        let mut threads = self.threads();
        let worker = Arc::clone(&threads.current);
        worker.send(Job::Open(stream, Box::new(file)));
        threads.at.insert(stream, worker);
    }

    /// Hands a fragment over; gives it back if too much waits for the disk already.
    pub(crate) fn write(&self, stream: StreamKind, fragment: Fragment) -> Result<(), Fragment> {
        let worker = self.of(stream);
        let bytes = fragment.bytes();
        if worker.backlog.load(Ordering::Relaxed) + bytes > BACKLOG_BYTES {
            return Err(fragment);
        }
        worker.backlog.fetch_add(bytes, Ordering::Relaxed);
        worker.send(Job::Write(stream, fragment));
        Ok(())
    }

    pub(crate) fn close(&self, stream: StreamKind) {
        self.of(stream).send(Job::Close(stream));
    }

    /// Asks whether files can be begun; the stream hears of it.
    pub(crate) fn probe(&self, stream: StreamKind) {
        self.threads().current.send(Job::Probe(stream));
    }

    /// Half of what may wait is free again: a new file may be begun.
    pub(crate) fn has_room(&self) -> bool {
        self.threads().current.backlog.load(Ordering::Relaxed) < BACKLOG_BYTES / 2
    }

    /// The disk of the stream's open file has been at one write for [`STALL`], as was told.
    pub(crate) fn hangs(&self, stream: StreamKind) -> bool {
        self.of(stream).change_busy(|busy| busy.is_told)
    }

    /// The tier in which files are begun.
    pub(crate) fn tier_id(&self) -> String {
        self.threads().current.tier.id.clone()
    }

    /// To be asked once a second: tells the hub of a disk that has been at one write for [`STALL`], and of its end.
    pub(crate) fn look_for_stalls(&self, now: Mono) {
        let threads = self.threads();
        for worker in &threads.all {
            let problem = match worker.stall(now) {
                Stall::AsBefore => continue,
                Stall::Began(problem) => Some(problem),
                Stall::Over => None,
            };
            for stream in self.shared.streams.keys() {
                let its = threads.at.get(stream).unwrap_or(&threads.current);
                if Arc::ptr_eq(its, worker) {
                    let (tier_id, problem) = (worker.tier.id.clone(), problem.clone());
                    self.shared.hub.fact(ToHub::Disk { stream: *stream, problem, tier_id });
                }
            }
        }
    }

    /// Waits until everything handed over is on disk; not for a disk that hangs.
    pub(crate) fn finish(self) {
        let all = std::mem::take(&mut self.threads().all);
        for worker in &all {
            worker.send(Job::End);
        }
        for worker in all {
            if worker.change_busy(|busy| busy.is_told) {
                tracing::error!(tier = %worker.tier.root.display(), "the disk hangs; what waits for it is lost");
                continue;
            }
            let thread = worker.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
            let _ = thread.map(JoinHandle::join);
        }
    }

    fn of(&self, stream: StreamKind) -> Arc<Worker> {
        let threads = self.threads();
        Arc::clone(threads.at.get(&stream).unwrap_or(&threads.current))
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
        let worker = Arc::new(Self {
            tier,
            jobs,
            backlog: AtomicU64::new(0),
            busy: Mutex::default(),
            thread: Mutex::new(None),
        });
        let (itself, clock) = (Arc::clone(&worker), shared.clock);
        let thread = std::thread::Builder::new().name("disk".to_owned()).spawn(move || {
            while let Ok(job) = inbox.recv() {
                let bytes = match &job {
                    Job::Write(_, fragment) => fragment.bytes(),
                    Job::End => break,
                    _ => 0,
                };
                itself.change_busy(|busy| busy.since = Some(clock.mono()));
                disk.work(job);
                itself.change_busy(|busy| busy.since = None);
                itself.backlog.fetch_sub(bytes, Ordering::Relaxed);
            }
        })?;
        *worker.thread.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread);
        Ok(worker)
    }

    fn send(&self, job: Job) {
        // The thread ends only with `finish`.
        let _ = self.jobs.send(job);
    }

    fn change_busy<R>(&self, change: impl FnOnce(&mut Busy) -> R) -> R {
        change(&mut self.busy.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn stall(&self, now: Mono) -> Stall {
        self.change_busy(|busy| {
            let hangs_for = busy.since.map(|since| now.since(since)).filter(|span| *span >= STALL);
            match (hangs_for, busy.is_told) {
                (Some(span), false) => {
                    busy.is_told = true;
                    let (place, seconds) = (self.tier.root.display(), span.as_secs());
                    Stall::Began(format!("{place}: a write has not returned for {seconds} s"))
                }
                (None, true) => {
                    busy.is_told = false;
                    Stall::Over
                }
                _ => Stall::AsBefore,
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_that_hangs_is_told_once_and_its_return_once() {
        let (jobs, _inbox) = mpsc::channel();
        let worker = Worker {
            tier: Tier { root: "/disk".into(), id: "t".to_owned() },
            jobs,
            backlog: AtomicU64::new(0),
            busy: Mutex::default(),
            thread: Mutex::new(None),
        };
        let at = Mono::from_millis;
        assert_eq!(worker.stall(at(0)), Stall::AsBefore);
        worker.change_busy(|busy| busy.since = Some(at(1000)));
        assert_eq!(worker.stall(at(5000)), Stall::AsBefore, "4 s are slow, but no stall");
        let told = Stall::Began("/disk: a write has not returned for 5 s".to_owned());
        assert_eq!(worker.stall(at(6000)), told);
        assert_eq!(worker.stall(at(7000)), Stall::AsBefore, "told once");
        worker.change_busy(|busy| busy.since = Some(at(7500)));
        assert_eq!(worker.stall(at(8000)), Stall::Over, "another write is on its way");
        assert_eq!(worker.stall(at(9000)), Stall::AsBefore);
    }
}
