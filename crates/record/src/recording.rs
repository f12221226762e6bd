//! Brain: what goes into which file, and which spans have no footage, and why.
//!
//! In come what a source gives and what the disk says; out come files to open, fragments to write, files to
//! close, gaps. What does not belong here: the disk, the hub, time.

use std::collections::VecDeque;

use tarsier_ingest::{Anchor, SourceEvent};
use tarsier_segment::{Cut, Cutter, Fragment, FragmentBuilder, origin_of};
use tarsier_types::{AccessUnit, GapReason, ParameterSets, Pts, Ticks, Track, UtcMs, UtcRange};
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
    /// The wall clock was stepped.
    is_stepped: bool,
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
            is_stepped: false,
            out: VecDeque::new(),
        }
    }

    /// What the source gave.
    pub(crate) fn source(&mut self, event: SourceEvent) {
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
            SourceEvent::Unit(unit) => self.unit(unit),
            SourceEvent::Anomaly(_) => {}
        }
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

    pub(crate) fn poll(&mut self) -> Option<Action> {
        self.out.pop_front()
    }

    fn unit(&mut self, unit: AccessUnit) {
        let Some(at) = self.place(&unit) else { return };
        if self.mode == RecordingMode::Off {
            return;
        }
        if self.is_barred {
            self.out.push_back(Action::Lost { units: 1 });
            return;
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
        match &mut self.open {
            Some(open) => open.builder.push(unit),
            // Before the first keyframe there is nothing that a player could begin with.
            None => self.out.push_back(Action::Lost { units: 1 }),
        }
    }

    /// When the unit was taken. After a step of the wall clock the line begins anew at the next keyframe, and a
    /// new file with it, so that no picture is lost to the step.
    fn place(&mut self, unit: &AccessUnit) -> Option<UtcMs> {
        let anchor = self.anchor.as_mut()?;
        if unit.track == Track::Video {
            if anchor.observe(unit.pts, unit.arrived).is_step() && !self.is_stepped {
                self.is_stepped = true;
                self.missing = Some(GapReason::Unknown);
                self.cutter.parameters_changed();
            }
            if self.is_stepped && unit.is_keyframe {
                self.is_stepped = false;
                *anchor = Anchor::new(unit.arrived.plus_millis(-(unit.pts - Pts(0)).to_millis()));
            }
        }
        Some(anchor.utc_of(unit.pts))
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
        let builder = FragmentBuilder::new(origin_of(unit), audio_rate_hz);
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

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use tarsier_types::{Codec, Dts, VideoParameters};

    use super::*;

    fn parameters(width: u16) -> ParameterSets {
        let video = VideoParameters {
            codec: Codec::H264,
            rfc6381: "avc1.64001f".to_owned(),
            width,
            height: 90,
            nominal_millifps: Some(1000),
            sample_entry: Bytes::from_static(b"\0\0\0\x08avc1"),
        };
        ParameterSets { video, audio: None }
    }

    /// One picture a second, segments of 4 s, the camera's first picture at 10:00:01 (1 s after a multiple).
    /// `K` keyframe, `f` other picture; `n` a new run after 5 s of nothing; `p` new parameter sets; `e` the
    /// source ended (network); `d` the disk failed; `w` it works again; `+` the wall clock was put an hour ahead.
    /// Answers: `[` a file opened at that second (`[+` going on without a break), letters of its fragments,
    /// `]` closed; `!n` n units lost; `{a-b reason}` a gap.
    fn run(script: &str) -> String {
        let mut recording = Recording::new(RecordingMode::Continuous, 4);
        let (mut second, mut run_start, mut width, mut stepped_by) = (1_i64, 1_i64, 160_u16, 0_i64);
        recording.source(SourceEvent::Parameters(parameters(width)));
        recording.source(SourceEvent::NewRun { zero: UtcMs(1000) });
        let mut said = String::new();
        for letter in script.chars() {
            match letter {
                'n' => {
                    second += 5;
                    run_start = second;
                    recording.source(SourceEvent::NewRun { zero: UtcMs(second * 1000) });
                }
                'p' => {
                    width += 160;
                    recording.source(SourceEvent::Parameters(parameters(width)));
                }
                'e' => recording.ended(GapReason::Network),
                'd' => recording.disk_failed(),
                'w' => recording.disk_works(),
                '+' => stepped_by = 3600,
                letter => {
                    let ticks = (second - run_start) * Ticks::PER_SECOND;
                    let unit = AccessUnit {
                        track: Track::Video,
                        pts: Pts(ticks),
                        dts: Dts(ticks),
                        duration: Ticks(Ticks::PER_SECOND),
                        is_keyframe: letter == 'K',
                        arrived: UtcMs((second + stepped_by) * 1000),
                        data: Bytes::from_static(b"\0\0\0\x01\x65"),
                    };
                    second += 1;
                    recording.source(SourceEvent::Unit(unit));
                }
            }
            tell(&mut recording, &mut said);
        }
        recording.ended(GapReason::Recorder);
        tell(&mut recording, &mut said);
        said
    }

    fn tell(recording: &mut Recording, said: &mut String) {
        use std::fmt::Write as _;
        while let Some(action) = recording.poll() {
            let _ = match action {
                Action::Open { start, continues, .. } => {
                    write!(said, "[{}{}:", if continues { "+" } else { "" }, start.0 / 1000)
                }
                Action::Write(fragment) => {
                    let first = if fragment.starts_with_keyframe { "K" } else { "f" };
                    write!(
                        said,
                        "{first}{}",
                        "f".repeat(usize::try_from(fragment.units).expect("few") - 1)
                    )
                }
                Action::Close => write!(said, "]"),
                Action::Lost { units } => write!(said, "!{units}"),
                Action::Gap { range, reason } => {
                    write!(
                        said,
                        "{{{}-{} {}}}",
                        range.start.0 / 1000,
                        range.end.0 / 1000,
                        reason.name()
                    )
                }
            };
        }
    }

    #[test]
    fn files_end_at_the_first_keyframe_behind_a_multiple_and_join_without_a_hole() {
        assert_eq!(run("KfKfKf"), "[1:KfKf][+5:Kf]");
    }

    #[test]
    fn what_comes_before_the_first_keyframe_is_in_no_file() {
        assert_eq!(run("ffKf"), "!1!1[3:Kf]");
    }

    #[test]
    fn an_outage_is_a_gap_with_its_reason() {
        assert_eq!(run("KfenKf"), "[1:Kf]{3-8 network}[8:Kf]");
    }

    #[test]
    fn new_parameter_sets_begin_a_new_file_without_a_gap() {
        assert_eq!(run("KfpKf"), "[1:Kf][+3:Kf]");
    }

    #[test]
    fn a_stepped_wall_clock_begins_a_new_file_at_a_keyframe_and_loses_no_picture() {
        let calm = "KfKfKfKfKfKfKfKfKfKfKfKfKfKfKfKfKfKfKfKfKfKfKfKfKfKfKfKfKfKfKfKfKfKf";
        let units = |said: &str| said.matches(['K', 'f']).count();
        let stepped = run(&format!("Kf+{calm}"));
        assert_eq!(units(&stepped), calm.len() + 2, "every picture is in a file: {stepped}");
        assert!(
            stepped.contains("[+3641:"),
            "what follows the step is where the new clock says: {stepped}"
        );
    }

    #[test]
    fn a_disk_that_fails_leaves_a_gap_and_recording_goes_on_at_the_next_keyframe() {
        assert_eq!(run("KfdffwfKf"), "[1:K!1!1!1!1{2-6 disk}[6:Kf]");
    }
}
