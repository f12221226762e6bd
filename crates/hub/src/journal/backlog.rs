//! Brain: what waits to be written, in order, and what of it is left out when there is more than memory should hold.
//!
//! First goes what something else says as well: a connection's state that a newer one replaces; a reason that a later
//! one of the same stream repeats (each reaches back to the newest footage); closed files, which are found again in
//! their folders. Only then events and reasons go, the oldest first; they are counted, and people are told.
//!
//! What does not belong here: writing, threads.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use tarsier_types::{CameraId, GapReason, StreamKind, UtcMs};

use super::{FileKey, Job};

/// Of 64 cameras with segments of three minutes those of an hour and more, with their gaps and events; a few MB.
const MOST: usize = 5120;
/// What is left after something had to go: so that it is not done for each job.
const ROOM: usize = MOST / 4 * 3;

/// What found no room.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct LeftOut {
    /// Closed, and unknown to the index.
    pub(super) files: BTreeSet<FileKey>,
    pub(super) events: u32,
    /// Why there is no footage somewhere.
    pub(super) reasons: u32,
    /// The newest of them happened then.
    pub(super) until: Option<UtcMs>,
}

/// What waits.
#[derive(Default)]
pub(super) struct Backlog {
    jobs: VecDeque<Job>,
    left_out: Option<LeftOut>,
}

impl Backlog {
    pub(super) fn push(&mut self, job: Job) {
        self.jobs.push_back(job);
        if self.jobs.len() > MOST {
            self.thin();
        }
    }

    pub(super) fn pop(&mut self) -> Option<Job> {
        self.jobs.pop_front()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.jobs.is_empty()
    }

    /// Somebody waits for an answer.
    pub(super) fn is_asked(&self) -> bool {
        self.jobs.iter().any(is_asked)
    }

    /// The disk did not take that one: it is the first again. Answers those that must not wait for the disk.
    pub(super) fn refused(&mut self, job: Job) -> Vec<Job> {
        let (asked, waiting) = std::mem::take(&mut self.jobs).into_iter().partition(is_asked);
        self.jobs = waiting;
        self.jobs.push_front(job);
        asked.into_iter().collect::<VecDeque<_>>().into()
    }

    /// What found no room since this was asked last.
    pub(super) fn take_left_out(&mut self) -> Option<LeftOut> {
        self.left_out.take()
    }

    fn thin(&mut self) {
        self.drop_repeated();
        if self.jobs.len() <= ROOM {
            return;
        }
        let left_out = self.left_out.get_or_insert_default();
        let mut too_many = self.jobs.len() - ROOM;
        let files = &mut left_out.files;
        self.jobs.retain(|job| match job {
            Job::Closed(camera, stream, segment) if too_many > 0 => {
                files.insert((camera.clone(), *stream, segment.start));
                too_many -= 1;
                false
            }
            _ => true,
        });
        self.jobs.retain(|job| {
            let (at, is_event) = match job {
                _ if too_many == 0 => return true,
                Job::Event(event) => (event.at, true),
                Job::Gap(_, _, gap) => (gap.range.end, false),
                Job::Since { until, .. } | Job::Because { until, .. } => (*until, false),
                _ => return true,
            };
            too_many -= 1;
            left_out.until = left_out.until.max(Some(at));
            let count = if is_event { &mut left_out.events } else { &mut left_out.reasons };
            *count = count.saturating_add(1);
            false
        });
    }

    /// From the newest to the oldest: what a newer one says as well.
    fn drop_repeated(&mut self) {
        let mut connections = BTreeSet::new();
        let mut next: BTreeMap<(CameraId, StreamKind), Option<GapReason>> = BTreeMap::new();
        let mut kept = VecDeque::with_capacity(self.jobs.len());
        while let Some(job) = self.jobs.pop_back() {
            let is_needed = match &job {
                Job::Connection(row) => connections.insert((row.camera.clone(), row.stream)),
                Job::Because { camera, stream, reason, .. } => {
                    let after = next.insert((camera.clone(), *stream), Some(*reason));
                    after != Some(Some(*reason))
                }
                Job::Closed(camera, stream, _)
                | Job::Gap(camera, stream, _)
                | Job::Since { camera, stream, .. } => {
                    next.insert((camera.clone(), *stream), None);
                    true
                }
                _ => true,
            };
            if is_needed {
                kept.push_front(job);
            }
        }
        self.jobs = kept;
    }
}

const fn is_asked(job: &Job) -> bool {
    matches!(job, Job::Flush(_) | Job::Happened(..))
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use tarsier_api::event::EventKind;
    use tarsier_types::{Gap, UtcRange};

    use super::*;
    use crate::journal::NewEvent;

    fn because(camera: &str, until: i64, reason: GapReason) -> Job {
        let (camera, stream) = (CameraId::new(camera).unwrap(), StreamKind::Main);
        Job::Because { camera, stream, added: UtcMs(0), until: UtcMs(until), reason }
    }

    fn event(at: i64) -> Job {
        Job::Event(NewEvent {
            at: UtcMs(at),
            kind: EventKind::HubStarted,
            camera: None,
            title: String::new(),
            body: String::new(),
        })
    }

    /// What is left, in order: `CAMERA:UNTIL:REASON`, `gap`, `event`.
    fn left(backlog: &mut Backlog) -> String {
        let mut said = String::new();
        while let Some(job) = backlog.pop() {
            let _ = match job {
                Job::Because { camera, until, reason, .. } => {
                    write!(said, "{camera}:{}:{} ", until.0, reason.name())
                }
                Job::Gap(..) => write!(said, "gap "),
                _ => write!(said, "event "),
            };
        }
        said.trim_end().to_owned()
    }

    #[test]
    fn a_night_without_a_disk_keeps_the_reason_of_each_outage() {
        let mut backlog = Backlog::default();
        backlog.push(because("gate", 1, GapReason::Network));
        // Told every 15 s, all night.
        for n in 0..20_000 {
            backlog.push(because("garden", 10 + n, GapReason::Camera));
        }
        let range = UtcRange::new(UtcMs(1), UtcMs(2));
        let gap = Gap { range, reason: GapReason::Credentials };
        backlog.push(Job::Gap(CameraId::new("garden").unwrap(), StreamKind::Main, gap));
        for n in 0..20_000 {
            backlog.push(because("garden", 30_000 + n, GapReason::Disk));
        }
        backlog.drop_repeated();
        assert_eq!(backlog.take_left_out(), None, "nothing is lost");
        assert_eq!(
            left(&mut backlog),
            "gate:1:network garden:20009:camera gap garden:49999:disk",
            "each reason up to its end"
        );
    }

    #[test]
    fn what_finds_no_room_is_counted_and_the_oldest_go_first() {
        let mut backlog = Backlog::default();
        let most = i64::try_from(MOST).unwrap();
        for at in 0..=most {
            backlog.push(event(at));
        }
        assert_eq!(backlog.jobs.len(), ROOM);
        let out = backlog.take_left_out().unwrap();
        let gone = u32::try_from(MOST + 1 - ROOM).unwrap();
        assert_eq!((out.events, out.reasons), (gone, 0));
        assert_eq!(out.until, Some(UtcMs(i64::from(gone) - 1)));
        assert_eq!(backlog.take_left_out(), None, "told once");
    }

    #[test]
    fn who_asks_is_not_kept_waiting_by_a_disk_that_refuses() {
        let mut backlog = Backlog::default();
        let (done, _written) = tokio::sync::oneshot::channel();
        backlog.push(event(1));
        backlog.push(Job::Flush(done));
        backlog.push(because("gate", 2, GapReason::Network));
        assert!(backlog.is_asked());
        let first = backlog.pop().unwrap();
        assert_eq!(backlog.refused(first).len(), 1);
        assert_eq!(left(&mut backlog), "event gate:2:network", "and the order stays");
    }
}
