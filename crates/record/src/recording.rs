//! Brain: what goes into which file, and which spans have no footage, and why.
//!
//! In come what a source gives, what is wanted ([`Want`]) and what the disk says; out come files to open, fragments to
//! write, files to close, gaps. What is in no file is in [`Memory`] for a while: a pre-roll, a disk that comes back
//! and a process that takes over begin with it. What does not belong here: the disk, the hub, time.

mod action;
mod refusal;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::Arc;

use tarsier_ingest::SourceEvent;
use tarsier_segment::{Cut, Cutter, FragmentBuilder, origin_of};
use tarsier_types::{AccessUnit, GapReason, ParameterSets, Ticks, Track, UtcMs, UtcRange};
use tarsier_wire::RecordingMode;

pub(crate) use self::action::{Action, Takeover};
use self::refusal::Closed;
use crate::absence::Absence;
use crate::handover::Seen;
use crate::memory::{Gop, Kept, Memory};
use crate::pace::Pace;
use crate::taken::{Change, Step, Taken};
use crate::want::Want;

/// Memory for what is in no file: a minute of a 8 Mbit/s camera.
const MEMORY_BYTES: usize = 64 << 20;

/// A file that is not wanted any more ends with its GOP, so that a pre-roll can go on there; a GOP that does not end
/// within this time is cut.
const TAIL_MS: i64 = 10_000;
/// A pre-roll that lacks less than a picture or two is whole.
const SHORT_MS: i64 = 200;

/// The recording of one stream.
#[derive(Debug)]
pub(crate) struct Recording {
    want: Want,
    cutter: Cutter,
    parameters: Option<Arc<ParameterSets>>,
    taken: Taken,
    /// Counts whatever makes pictures not follow each other, or be decoded differently.
    run: u32,
    open: Option<Open>,
    pace: Pace,
    /// The file before the open one.
    closed: Option<Closed>,
    memory: Memory,
    /// Where footage ended, and whether what comes next goes on there.
    last_end: Option<UtcMs>,
    /// Where footage of an earlier process ends.
    floor: UtcMs,
    is_unbroken: bool,
    /// Why there is none since.
    absence: Absence,
    /// The end of what came last, and the keyframe that it depends on.
    seen: UtcMs,
    keyframe: UtcMs,
    /// Why the source gives nothing.
    source_gone: Option<GapReason>,
    /// The disk failed; nothing is begun until it is said to work again.
    is_barred: bool,
    ending: Ending,
    out: VecDeque<Action>,
}

/// Whether another process goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Open,
    /// From the first keyframe at or after that moment.
    At(UtcMs),
    Over,
}

#[derive(Debug)]
struct Open {
    start: UtcMs,
    run: u32,
    /// Not wanted from then on, as far as is known.
    until: UtcMs,
    parameters: Arc<ParameterSets>,
    builder: FragmentBuilder,
    written: Ticks,
    /// All of it, as it came, until the disk has begun the file: a disk that refuses it costs nothing.
    unbegun: Option<Vec<(AccessUnit, UtcMs)>>,
}

impl Open {
    /// Units of a file that the disk has not begun.
    fn unbegun(&self) -> u32 {
        u32::try_from(self.unbegun.as_ref().map_or(0, Vec::len)).unwrap_or(u32::MAX)
    }
}

impl Recording {
    pub(crate) fn new(want: Want, segment_seconds: u32) -> Self {
        Self {
            want,
            cutter: Cutter::new(segment_seconds),
            parameters: None,
            taken: Taken::default(),
            run: 0,
            open: None,
            pace: Pace::default(),
            closed: None,
            memory: Memory::new(MEMORY_BYTES),
            last_end: None,
            floor: UtcMs(i64::MIN),
            is_unbroken: false,
            absence: Absence::default(),
            seen: UtcMs(0),
            keyframe: UtcMs(0),
            source_gone: None,
            is_barred: false,
            ending: Ending::Open,
            out: VecDeque::new(),
        }
    }

    /// What the source gave.
    pub(crate) fn source(&mut self, event: SourceEvent) {
        match event {
            SourceEvent::Parameters(parameters) => {
                if self.parameters.as_deref() != Some(&parameters) {
                    self.settle();
                    self.end_run(true);
                    self.parameters = Some(Arc::new(parameters));
                }
            }
            SourceEvent::NewRun { zero } => {
                self.settle();
                self.end_run(false);
                self.taken.begin(zero);
            }
            SourceEvent::Unit(unit) => {
                let arrived = unit.arrived;
                match self.taken.hold(unit) {
                    Some(unit) => self.unit(unit),
                    None => self.settle_if_over(arrived),
                }
            }
            SourceEvent::Anomaly(_) => {}
        }
    }

    /// The source ended: what was gathered is written, and until the next picture there is a gap.
    pub(crate) fn ended(&mut self, reason: GapReason) {
        self.settle();
        self.end_run(false);
        self.source_gone.get_or_insert(reason);
        self.explain(self.seen);
    }

    /// The process ends now: what is known of the time without footage is told.
    pub(crate) fn stop(&mut self, now: UtcMs) {
        self.settle();
        if self.ending == Ending::Over {
            return;
        }
        let was_writing = self.open.is_some();
        self.end_run(false);
        self.source_gone.get_or_insert(GapReason::Recorder);
        self.explain(self.seen);
        self.lose_memory();
        if let Some(end) = self.last_end.take().filter(|_| !was_writing) {
            for (range, reason) in self.absence.end(end, now, GapReason::Recorder) {
                self.out.push_back(Action::Gap { range, reason });
            }
        }
    }

    /// Another mode from now on: what is not wanted any more ends at once, what is wanted begins with the GOP that is
    /// in memory, or with the next keyframe.
    pub(crate) fn mode(&mut self, mode: RecordingMode, now: UtcMs) {
        self.settle();
        self.want.mode(mode, now);
        self.wishes_changed(now);
    }

    /// Something happens.
    pub(crate) fn event(&mut self, event: UtcRange, now: UtcMs) {
        self.want.event(event);
        self.wishes_changed(now);
    }

    /// Earlier processes have recorded until then: no file begins before, whatever the clock says now.
    pub(crate) fn recorded_until(&mut self, end: UtcMs) {
        self.floor = self.floor.max(end);
    }

    /// From the next segment on.
    pub(crate) fn segment_seconds(&mut self, seconds: u32) {
        self.cutter.segment_seconds(seconds);
    }

    /// Records from the first keyframe at or after that moment on.
    pub(crate) fn begin_at(&mut self, at: UtcMs, takeover: Takeover, now: UtcMs) {
        if !self.want.is_standby() {
            return;
        }
        let at = at.plus_millis(-self.taken.lateness().millis());
        self.want.begin_at(at);
        let knows_the_keyframe_before =
            self.memory.gops().any(|gop| gop.run == self.run && gop.range(now).start < at);
        self.is_unbroken = takeover == Takeover::Agreed && knows_the_keyframe_before;
        self.wishes_changed(now);
    }

    /// Another process records from the first keyframe at or after that moment on.
    pub(crate) fn end_at(&mut self, at: UtcMs) {
        if self.ending != Ending::Over {
            self.ending = Ending::At(at);
        }
    }

    /// Time has passed: what is wanted may have changed by itself, whether pictures come or not.
    pub(crate) fn tick(&mut self, now: UtcMs) {
        self.settle_if_over(now);
        self.want.clock(now);
        self.explain(now);
    }

    /// The next keyframe begins a file, whatever the clock says: the disk of this one hangs, and there is another.
    pub(crate) fn leave_file(&mut self) {
        self.cutter.parameters_changed();
    }

    /// Nothing is begun until the disk works.
    pub(crate) fn is_barred(&self) -> bool {
        self.is_barred
    }

    /// A run has begun, and it is not known yet when: what comes when matters now.
    pub(crate) fn is_settling(&self) -> bool {
        self.taken.is_settling()
    }

    /// How far back from its newest picture memory reaches, in milliseconds.
    pub(crate) fn memory_ms(&self) -> u32 {
        let span = self.memory.oldest().map_or(0, |oldest| self.seen.millis_since(oldest));
        u32::try_from(span.max(0)).unwrap_or(u32::MAX)
    }

    pub(crate) fn poll(&mut self) -> Option<Action> {
        self.out.pop_front()
    }

    fn settle_if_over(&mut self, now: UtcMs) {
        if self.taken.has_settled(now) {
            self.settle();
        }
    }

    /// What was held until it was known when it was taken goes its way.
    fn settle(&mut self) {
        for unit in self.taken.settle() {
            self.unit(unit);
        }
    }

    fn unit(&mut self, mut unit: AccessUnit) {
        let Some(at) = self.place(&unit) else { return };
        let is_keyframe = unit.track == Track::Video && unit.is_keyframe;
        // The other process has a line of its own: what counts is when pictures come.
        let came = self.taken.lateness().came(at, unit.arrived);
        match self.ending {
            Ending::At(end) if is_keyframe && came >= end => {
                self.pace.shift(&mut unit);
                return self.hand_over(&unit);
            }
            Ending::Over => return,
            Ending::Open | Ending::At(_) => {}
        }
        self.source_gone = None;
        if unit.track == Track::Video {
            self.seen = self.seen.max(at + unit.duration);
        }
        if is_keyframe {
            self.keyframe = at;
        }
        self.end_if_unwanted(at, is_keyframe);
        if self.open.is_some() {
            self.record(unit, at);
        } else {
            self.keep(&unit, at);
            self.explain(at);
            self.catch_up(at);
        }
    }

    /// When the unit was taken. After a step of the wall clock the line begins anew at the next keyframe, and a
    /// new file with it, so that no picture is lost to the step. In standby nothing has been said yet.
    fn place(&mut self, unit: &AccessUnit) -> Option<UtcMs> {
        let (at, change) = self.taken.place(unit, self.want.is_standby())?;
        match change {
            Change::None => {}
            Change::Broken => self.cutter.parameters_changed(),
            Change::Anew => {
                self.cutter.parameters_changed();
                self.run = self.run.wrapping_add(1);
                if let Some(open) = &mut self.open {
                    open.run = self.run;
                }
                self.seen = at;
            }
            Change::Moved { by_ms } => {
                self.memory.shift(self.run, by_ms);
                self.seen = self.seen.plus_millis(by_ms);
            }
        }
        Some(at)
    }

    /// In no file: into memory.
    fn keep(&mut self, unit: &AccessUnit, at: UtcMs) {
        let is_wanted = self.want.is_wanted(at);
        let kept = match &self.parameters {
            Some(parameters) => self.memory.push(unit, at, self.run, parameters),
            None => Kept::No,
        };
        // While the disk fails, all that fits is kept for its return.
        if !(self.is_barred && is_wanted) {
            self.memory.trim(at.plus_millis(-self.want.memory_ms()));
        }
        let let_go = self.memory.let_go();
        if let Some(oldest) = self.memory.oldest() {
            self.want.forget_before(oldest);
        }
        let lost = u32::from(kept == Kept::No) + if self.is_barred { let_go } else { 0 };
        if is_wanted && lost > 0 {
            self.out.push_back(Action::Lost { units: lost });
        }
        if self.want.is_standby() && unit.track == Track::Video && unit.is_keyframe {
            let came = at.plus_millis(self.taken.lateness().millis());
            self.out.push_back(Action::Standby(Seen::Keyframe(came)));
        }
    }

    /// Into the file that is open.
    fn record(&mut self, mut unit: AccessUnit, at: UtcMs) {
        let as_it_came = unit.clone();
        self.pace.follow(&mut unit, at);
        match self.cutter.handle(&unit, at) {
            Cut::Nothing => {}
            Cut::Fragment => self.end_fragment(Some(&unit)),
            Cut::Segment => {
                self.end_fragment(Some(&unit));
                if let Some(ended) = self.close(true) {
                    // Where the one before ended; after a step, where the new line says.
                    let at =
                        self.last_end.filter(|_| self.taken.step() != Step::Done).unwrap_or(at);
                    self.begin(&unit, at, ended.run, ended.until, ended.parameters);
                }
            }
        }
        if let Some(open) = &mut self.open {
            if let Some(unbegun) = &mut open.unbegun {
                unbegun.push((as_it_came, at));
            }
            open.builder.push(unit);
        }
    }

    /// Writes what of memory is wanted, if a file may be begun.
    fn catch_up(&mut self, now: UtcMs) {
        if self.is_barred || self.open.is_some() || self.ending == Ending::Over {
            return;
        }
        let is_wanted = |gop: &Gop| self.want.around(gop.range(now)).is_some();
        let Some(first) = self.memory.gops().position(is_wanted) else { return };
        if first == 0 {
            self.say_if_shortened();
        }
        for gop in self.memory.take() {
            self.replay(gop, now);
        }
        if self.open.as_ref().is_some_and(|open| open.run != self.run) {
            // Its source has ended meanwhile: what comes next does not go on there.
            self.end_file(false);
            self.explain(self.seen);
        }
    }

    fn replay(&mut self, gop: Gop, now: UtcMs) {
        let range = gop.range(now);
        self.end_if_unwanted(range.start, true);
        if self.open.as_ref().is_some_and(|open| open.run != gop.run) {
            self.end_file(false);
        }
        if self.open.is_none() {
            let first = gop.units.first().cloned();
            let (Some(wanted), Some((mut first, at))) = (self.want.around(range), first) else {
                self.memory.put_back(gop);
                return;
            };
            // What lies before it can be in no file any more.
            self.memory.take();
            let as_it_came = first.clone();
            self.pace.shift(&mut first);
            self.begin(&first, at, gop.run, wanted.end, Arc::clone(&gop.parameters));
            // The cutter must hear of the first unit as of any other; with nothing open it says `Segment`.
            let _ = self.cutter.handle(&first, at);
            if let Some(open) = &mut self.open {
                open.unbegun = Some(vec![(as_it_came, at)]);
                open.builder.push(first);
            }
            self.go_on(gop.units.into_iter().skip(1));
        } else {
            self.go_on(gop.units.into_iter());
        }
    }

    fn go_on(&mut self, units: impl Iterator<Item = (AccessUnit, UtcMs)>) {
        for (unit, at) in units {
            self.end_if_unwanted(at, false);
            if self.open.is_none() {
                return;
            }
            self.record(unit, at);
        }
    }

    fn begin(
        &mut self,
        unit: &AccessUnit,
        at: UtcMs,
        run: u32,
        until: UtcMs,
        parameters: Arc<ParameterSets>,
    ) {
        // Two files of a stream never overlap, whatever the clocks did.
        let start = self.last_end.map_or(at, |end| at.max(end)).max(self.floor);
        if let Some(end) = self.last_end {
            let unknown = match self.taken.step() {
                Step::Done => GapReason::Clock,
                Step::No | Step::Pending => GapReason::Camera,
            };
            for (range, reason) in self.absence.end(end, start, unknown) {
                self.out.push_back(Action::Gap { range, reason });
            }
        }
        self.absence.clear();
        self.taken.step_is_told();
        let audio_rate_hz = parameters.audio.as_ref().map_or(0, |audio| audio.sample_rate_hz);
        let continues = std::mem::replace(&mut self.is_unbroken, false);
        let builder = FragmentBuilder::new(origin_of(unit), audio_rate_hz);
        let written = Ticks(0);
        let known = Arc::clone(&parameters);
        if self.last_end != Some(start) {
            self.pace.forget();
        }
        self.pace.begin(unit, start);
        let unbegun = Some(Vec::new());
        self.open = Some(Open { start, run, until, parameters: known, builder, written, unbegun });
        self.out.push_back(Action::Open { start, parameters, continues });
    }

    /// What was wished for has changed.
    fn wishes_changed(&mut self, now: UtcMs) {
        if let Some(open) = &mut self.open {
            let gop = UtcRange::new(self.keyframe.min(now), self.seen.max(now).plus_millis(1));
            match self.want.goes_on(gop) {
                Some(wanted) => open.until = wanted.end,
                None => self.end_file(false),
            }
        }
        self.explain(if self.open.is_none() { now.max(self.seen) } else { now });
        self.catch_up(now);
    }

    fn end_if_unwanted(&mut self, at: UtcMs, is_keyframe: bool) {
        let tail = if is_keyframe { 0 } else { TAIL_MS };
        let is_over = |open: &&mut Open| at.0.saturating_sub(tail) >= open.until.0;
        let Some(open) = self.open.as_mut().filter(is_over) else { return };
        if let Some(wanted) = self.want.goes_on(UtcRange::new(at, at.plus_millis(1))) {
            open.until = wanted.end;
        } else {
            self.end_file(false);
            self.explain(at);
        }
    }

    /// Takes note of why nothing is recorded now, if nothing is.
    fn explain(&mut self, at: UtcMs) {
        if self.open.is_some() {
            return;
        }
        let reason = if self.want.is_wanted(at) {
            if self.is_barred { Some(GapReason::Disk) } else { self.source_gone }
        } else {
            Some(GapReason::Planned)
        };
        if let Some(reason) = reason {
            self.absence.because(at, reason);
        }
    }

    /// An event may ask for more than memory holds: by its bound, or because the camera came only just now.
    fn say_if_shortened(&mut self) {
        let Some(oldest) = self.memory.oldest().filter(|_| self.want.is_on_event()) else { return };
        let Some(wanted) = self.want.around(UtcRange::new(oldest.plus_millis(-1), oldest)) else {
            return;
        };
        let from = self.last_end.map_or(wanted.start, |end| wanted.start.max(end));
        let by_ms = oldest.millis_since(from);
        if by_ms > SHORT_MS {
            self.out.push_back(Action::Shortened { by_ms });
        }
    }

    fn hand_over(&mut self, next: &AccessUnit) {
        self.end_fragment(Some(next));
        self.close(true);
        self.cutter.segment_ended();
        self.lose_memory();
        self.ending = Ending::Over;
        self.out.push_back(Action::HandedOver);
    }

    /// What waited for the disk is lost when the process ends before the disk comes back.
    fn lose_memory(&mut self) {
        let gops = self.memory.take();
        if self.is_barred {
            let units = gops.iter().map(Gop::count).sum();
            self.out.push_back(Action::Lost { units });
        }
    }

    fn end_fragment(&mut self, next: Option<&AccessUnit>) {
        let Some(open) = &mut self.open else { return };
        let next_dts = next.filter(|unit| unit.track == Track::Video).map(|unit| unit.dts);
        if let Some(fragment) = open.builder.take(next_dts) {
            open.written = fragment.start + fragment.duration;
            self.out.push_back(Action::Write { file: open.start, fragment });
        }
    }

    fn close(&mut self, is_unbroken: bool) -> Option<Open> {
        let open = self.open.take()?;
        let end = open.start + open.written;
        self.last_end = Some(end);
        self.closed = Some(Closed { start: open.start, end, unbegun: open.unbegun() });
        self.is_unbroken = is_unbroken;
        self.out.push_back(Action::Close);
        Some(open)
    }

    fn end_file(&mut self, is_unbroken: bool) {
        self.end_fragment(None);
        self.close(is_unbroken);
        self.cutter.segment_ended();
    }

    /// What comes next does not follow what came before, or is decoded differently.
    fn end_run(&mut self, is_unbroken: bool) {
        self.is_unbroken &= is_unbroken;
        self.end_file(is_unbroken);
        self.memory.seal(self.seen);
        if self.want.is_standby() {
            self.out.push_back(Action::Standby(Seen::RunEnded));
        }
        self.run = self.run.wrapping_add(1);
    }
}
