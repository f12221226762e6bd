//! Brain: what the disk has not taken. Of a file that it has not begun everything goes back into memory, and into the next
//! file. Of one that fails later, what is safe stays there, and what was on its way is lost: two files never overlap.
//!
//! What does not belong here: when the disk is tried again (`writing`); a disk that is full or hangs, which says nothing
//! until it takes what waits (`files`).

use tarsier_segment::Fragment;
use tarsier_types::{GapReason, UtcMs, UtcRange};

use super::{Action, Recording};

/// A file that was closed; what is on its way to the disk yet may still fail.
#[derive(Debug)]
pub(super) struct Closed {
    pub(super) start: UtcMs,
    pub(super) end: UtcMs,
    /// Units of a file that the disk had not begun when it was closed.
    pub(super) unbegun: u32,
}

impl Recording {
    /// The disk has begun the file.
    pub(crate) fn disk_began(&mut self, file: UtcMs) {
        if let Some(open) = self.open.as_mut().filter(|open| open.start == file) {
            open.unbegun = None;
        }
        if let Some(closed) = self.closed.as_mut().filter(|closed| closed.start == file) {
            closed.unbegun = 0;
        }
    }

    /// The disk has not begun the file: what was to be in it goes back into memory.
    pub(crate) fn disk_refused(&mut self, file: UtcMs) {
        let Some(mut open) = self.open.take_if(|open| open.start == file) else {
            if let Some(closed) = self.closed.as_mut().filter(|closed| closed.start == file) {
                let units = std::mem::take(&mut closed.unbegun);
                self.out.push_back(Action::Lost { units });
            }
            return self.closed_file_failed(file, file);
        };
        let units = open.unbegun.take().unwrap_or_default();
        self.memory.take();
        for (unit, at) in &units {
            let _ = self.memory.push(unit, *at, open.run, &open.parameters);
        }
        let lost = self.memory.let_go();
        if lost > 0 {
            self.out.push_back(Action::Lost { units: lost });
        }
        // Never the same name again, if that is what it refuses.
        self.last_end = Some(file.plus_millis(1));
        self.bar(file);
    }

    /// The disk failed in the file that began at `file`; what is before `durable` is safe.
    pub(crate) fn disk_failed(&mut self, file: UtcMs, durable: UtcMs) {
        match self.open.take_if(|open| open.start == file) {
            Some(open) => {
                self.out.push_back(Action::Lost { units: open.builder.units() });
                self.last_end = Some(durable);
                self.bar(durable);
            }
            None => self.closed_file_failed(file, durable),
        }
    }

    /// So much waits for the disk that this fragment of the file cannot wait as well: it is lost, and whatever was to
    /// follow it in files.
    pub(crate) fn disk_is_behind(&mut self, file: UtcMs, refused: &Fragment) {
        let mut units = refused.units;
        for action in std::mem::take(&mut self.out) {
            match action {
                Action::Write { fragment, .. } => units += fragment.units,
                Action::Open { .. } | Action::Close => {}
                other => self.out.push_back(other),
            }
        }
        let open = self.open.take();
        units += open.as_ref().map_or(0, |open| open.builder.units());
        self.out.push_back(Action::Lost { units });
        let end = file + refused.start;
        // It may have been closed just now, and the next one begun.
        let unbegun = match (&open, &self.closed) {
            (Some(open), _) if open.start == file => open.unbegun(),
            (_, Some(closed)) if closed.start == file => closed.unbegun,
            _ => 0,
        };
        self.closed = Some(Closed { start: file, end, unbegun: unbegun.saturating_sub(units) });
        self.last_end = Some(end);
        self.out.push_back(Action::Close);
        self.bar(end);
    }

    /// Files may be begun again: what is in memory comes first.
    pub(crate) fn disk_works(&mut self, now: UtcMs) {
        self.is_barred = false;
        self.explain(now);
        self.catch_up(now);
    }

    fn bar(&mut self, end: UtcMs) {
        self.cutter.segment_ended();
        self.is_unbroken = false;
        self.is_barred = true;
        self.absence.clear();
        self.absence.because(end, GapReason::Disk);
        self.explain(self.seen.max(end));
    }

    /// A file that was thought to be whole lost its end; the one after it, if there is one, goes on.
    fn closed_file_failed(&mut self, file: UtcMs, durable: UtcMs) {
        let is_it = |closed: &&Closed| closed.start == file && durable < closed.end;
        let Some(end) = self.closed.as_ref().filter(is_it).map(|closed| closed.end) else {
            return;
        };
        if let Some(open) = &self.open {
            let range = UtcRange::new(durable, end.min(open.start));
            self.out.push_back(Action::Gap { range, reason: GapReason::Disk });
        } else {
            self.last_end = Some(durable);
            self.absence.began(durable, GapReason::Disk);
            self.is_unbroken = false;
            self.is_barred = true;
        }
    }
}
