//! Brain: what goes into which file, and which spans have no footage, and why.
//!
//! In come what a source gives and what the disk says; out come files to open, fragments to write, files to
//! close, gaps. What does not belong here: the disk, the hub, time.

use std::collections::VecDeque;

use tarsier_ingest::{Anchor, SourceEvent};
use tarsier_segment::{Cut, Cutter, Fragment, FragmentBuilder};
use tarsier_types::{AccessUnit, GapReason, ParameterSets, Ticks, Track, UtcMs, UtcRange};
use tarsier_wire::RecordingMode;

/// A hole shorter than this between two files is the rounding of their milliseconds, not missing footage.
const SEAM_MS: i64 = 2;

/// What to do next.
#[derive(Debug)]
pub(crate) enum Action {
    Open {
        start: UtcMs,
        parameters: ParameterSets,
        continues: bool,
    },
    Write(Fragment),
    Close,
    Gap {
        range: UtcRange,
        reason: GapReason,
    },
    /// So many units could not be kept.
    Lost {
        units: u32,
    },
}

/// The recording of one stream.
#[derive(Debug)]
pub(crate) struct Recording {
    mode: RecordingMode,
    cutter: Cutter,
    parameters: Option<ParameterSets>,
    anchor: Option<Anchor>,
    open: Option<Open>,
    /// Where footage ended, and whether what comes next goes on there.
    last_end: Option<UtcMs>,
    is_unbroken: bool,
    missing: Option<GapReason>,
    /// The disk failed; nothing is begun until it is said to work again.
    is_barred: bool,
    out: VecDeque<Action>,
}

#[derive(Debug)]
struct Open {
    start: UtcMs,
    builder: FragmentBuilder,
    written: Ticks,
}

impl Recording {
    pub(crate) fn new(mode: RecordingMode, segment_seconds: u32) -> Self {
        Self {
            mode,
            cutter: Cutter::new(segment_seconds),
            parameters: None,
            anchor: None,
            open: None,
            last_end: None,
            is_unbroken: false,
            missing: None,
            is_barred: false,
            out: VecDeque::new(),
        }
    }

    /// What the source gave. True: the wall clock was stepped, so the source must be built anew.
    pub(crate) fn source(&mut self, event: SourceEvent) -> Clockwork {
        match event {
            SourceEvent::Parameters(parameters) => {
                if self.parameters.as_ref() != Some(&parameters) {
                    self.end_file(true);
                }
                self.parameters = Some(parameters);
            }
            SourceEvent::NewRun { zero } => {
                self.end_file(false);
                self.anchor = Some(Anchor::new(zero));
            }
            SourceEvent::Unit(unit) => return self.unit(unit),
            SourceEvent::Anomaly(_) => {}
        }
        Clockwork::Runs
    }

    /// The source ended: what was gathered is written, and until the next picture there is a gap.
    pub(crate) fn ended(&mut self, reason: GapReason) {
        self.end_file(false);
        self.missing.get_or_insert(reason);
    }

    /// The disk failed: what is gathered is lost, and nothing is begun until [`Self::disk_works`].
    pub(crate) fn disk_failed(&mut self) {
        if let Some(open) = self.open.take() {
            self.last_end = Some(open.start + open.written);
            self.out.push_back(Action::Lost { units: open.builder.units() });
        }
        self.cutter.segment_ended();
        self.is_unbroken = false;
        self.is_barred = true;
        self.missing = Some(GapReason::Disk);
    }

    /// Files may be begun again.
    pub(crate) fn disk_works(&mut self) {
        self.is_barred = false;
    }

    pub(crate) fn is_barred(&self) -> bool {
        self.is_barred
    }

    pub(crate) fn poll(&mut self) -> Option<Action> {
        self.out.pop_front()
    }

    fn unit(&mut self, unit: AccessUnit) -> Clockwork {
        let Some(anchor) = self.anchor.as_mut() else { return Clockwork::Runs };
        let mut clockwork = Clockwork::Runs;
        if unit.track == Track::Video && anchor.observe(unit.pts, unit.arrived).is_step() {
            clockwork = Clockwork::Stepped;
        }
        let at = anchor.utc_of(unit.pts);
        if self.mode == RecordingMode::Off {
            return clockwork;
        }
        if self.is_barred {
            self.out.push_back(Action::Lost { units: 1 });
            return clockwork;
        }
        match self.cutter.handle(&unit, at) {
            Cut::Nothing => {}
            Cut::Fragment => self.end_fragment(Some(&unit)),
            Cut::Segment => {
                self.end_fragment(Some(&unit));
                self.close(true);
                self.begin(&unit, at);
            }
        }
        // Before the first keyframe there is nothing that a player could begin with.
        if let Some(open) = &mut self.open {
            open.builder.push(unit);
        }
        clockwork
    }

    fn begin(&mut self, unit: &AccessUnit, at: UtcMs) {
        let Some(parameters) = self.parameters.clone() else { return };
        // Two files of a stream never overlap, whatever the clocks did.
        let start = self.last_end.map_or(at, |end| at.max(end));
        if let Some(end) = self.last_end
            && start.millis_since(end) > SEAM_MS
        {
            let reason = self.missing.take().unwrap_or(GapReason::Camera);
            self.out.push_back(Action::Gap { range: UtcRange::new(end, start), reason });
        }
        self.missing = None;
        let audio_rate_hz = parameters.audio.as_ref().map_or(0, |audio| audio.sample_rate_hz);
        let continues = std::mem::replace(&mut self.is_unbroken, false);
        let builder = FragmentBuilder::new(unit.dts, audio_rate_hz);
        self.open = Some(Open { start, builder, written: Ticks(0) });
        self.out.push_back(Action::Open { start, parameters, continues });
    }

    fn end_fragment(&mut self, next: Option<&AccessUnit>) {
        let Some(open) = &mut self.open else { return };
        let next_dts = next.filter(|unit| unit.track == Track::Video).map(|unit| unit.dts);
        if let Some(fragment) = open.builder.take(next_dts) {
            open.written = fragment.start + fragment.duration;
            self.out.push_back(Action::Write(fragment));
        }
    }

    fn close(&mut self, is_unbroken: bool) {
        if let Some(open) = self.open.take() {
            self.last_end = Some(open.start + open.written);
            self.is_unbroken = is_unbroken;
            self.out.push_back(Action::Close);
        }
    }

    fn end_file(&mut self, is_unbroken: bool) {
        self.end_fragment(None);
        self.close(is_unbroken);
        self.cutter.segment_ended();
    }
}

/// What a unit says about the wall clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Clockwork {
    /// Nothing new.
    Runs,
    /// It was stepped: a new run must begin.
    Stepped,
}
