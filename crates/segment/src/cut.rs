//! Where fragments and segments end. One question for each access unit: what must end before it?
//!
//! A **segment** ends before the first video keyframe
//! - at or after the next multiple of its length on the wall clock (multiples of Unix time, so a day begins one), or
//! - after the parameter sets changed, or
//! - after twice its length of media time: the wall clock may have been set back meanwhile.
//!
//! It never ends before anything else. A camera that sends no keyframe for minutes ("smart" GOPs) makes a segment
//! that is too long, because a file that begins with an undecodable picture would be worth nothing.
//! Sound never ends a segment: what comes before the keyframe belongs to the segment before it.
//!
//! A **fragment** ends before a video keyframe, and before a unit that would make it longer than 0.75 s or
//! larger than 8 MiB. Pictures are measured by pictures; sound, which runs a little ahead or behind, counts only
//! where pictures fail to come. In a stream that is all keyframes a fragment holds 0.75 s of them: one for each
//! picture would be one disk sync for each picture.
//!
//! What does not belong here: bytes, files, and what to do with units that come before the first keyframe.

use tarsier_types::{AccessUnit, Dts, Ticks, Track, UtcMs};

/// The longest that a fragment may be. A power cut or a kill may cost a second of footage (SPEC section 3): this, and what
/// is on its way meanwhile (the reader's pause of 170 ms, the fragment's own write and sync).
pub const MAX_FRAGMENT_SPAN: Ticks = Ticks(Ticks::PER_SECOND * 3 / 4);
/// The most payload of a fragment (unless one access unit is larger): it waits in memory.
pub const MAX_FRAGMENT_BYTES: u64 = 8 << 20;
/// The most access units of a fragment: a stream whose timestamps stand still must not fill the memory.
pub const MAX_FRAGMENT_UNITS: u32 = 4096;
/// How much more sound than pictures may be with the pictures of one fragment before it ends the fragment itself.
/// Sound and pictures of a camera are interleaved more closely than that (guess).
const AUDIO_SLACK: Ticks = Ticks(Ticks::PER_SECOND / 4);

/// What must end before the unit that was asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// Nothing: it goes where the unit before it went.
    Nothing,
    /// The fragment. The unit is the first of a new one in the same file.
    Fragment,
    /// The fragment and the segment, if there is one. The unit is the first of a new file.
    Segment,
}

/// Decides for one stream. Units that come while [`Self::is_open`] is false cannot be stored: nothing decodes them.
#[derive(Debug)]
pub struct Cutter {
    segment_ms: i64,
    open: Option<Open>,
}

/// The segment that is being written.
#[derive(Debug)]
struct Open {
    ends_after: UtcMs,
    started: Dts,
    parameters_changed: bool,
    fragment: Gathered,
}

/// What is in the fragment so far.
#[derive(Debug, Default)]
struct Gathered {
    video_start: Option<Dts>,
    audio_start: Option<Dts>,
    audio_span: Ticks,
    has_dependent_pictures: bool,
    bytes: u64,
    units: u32,
}

impl Cutter {
    /// For segments of that length (60 to 900 by SPEC section 3; at least 1).
    pub fn new(segment_seconds: u32) -> Self {
        Self { segment_ms: i64::from(segment_seconds.max(1)) * 1000, open: None }
    }

    /// Segments that begin from now on are that long.
    pub fn segment_seconds(&mut self, segment_seconds: u32) {
        self.segment_ms = i64::from(segment_seconds.max(1)) * 1000;
    }

    /// What must end before `unit`, which was taken at `at`. Must be asked once for each unit, in order.
    pub fn handle(&mut self, unit: &AccessUnit, at: UtcMs) -> Cut {
        let is_video_keyframe = unit.track == Track::Video && unit.is_keyframe;
        let cut = match &mut self.open {
            None if !is_video_keyframe => return Cut::Nothing,
            None => Cut::Segment,
            Some(open) if is_video_keyframe && open.is_over(unit.dts, at, self.segment_ms) => {
                Cut::Segment
            }
            Some(open) if open.fragment.must_end_before(unit, is_video_keyframe) => {
                open.fragment = Gathered::default();
                Cut::Fragment
            }
            Some(_) => Cut::Nothing,
        };
        if cut == Cut::Segment {
            self.open = Some(Open::begin(unit.dts, at, self.segment_ms));
        }
        if let Some(open) = &mut self.open {
            open.fragment.add(unit);
        }
        cut
    }

    /// From now on units need other parameter sets: the next video keyframe begins a segment.
    /// To be told before that keyframe is asked about.
    pub fn parameters_changed(&mut self) {
        if let Some(open) = &mut self.open {
            open.parameters_changed = true;
        }
    }

    /// The caller ended the fragment itself (nothing had come for a while): the next unit begins another.
    pub fn fragment_ended(&mut self) {
        if let Some(open) = &mut self.open {
            open.fragment = Gathered::default();
        }
    }

    /// The caller ended the segment itself (the run ended, recording stopped): nothing is open until the next keyframe.
    pub fn segment_ended(&mut self) {
        self.open = None;
    }

    /// A segment has begun, and units belong to it.
    pub fn is_open(&self) -> bool {
        self.open.is_some()
    }
}

impl Open {
    fn begin(dts: Dts, at: UtcMs, segment_ms: i64) -> Self {
        let ends_after =
            UtcMs(at.0.div_euclid(segment_ms).saturating_add(1).saturating_mul(segment_ms));
        Self { ends_after, started: dts, parameters_changed: false, fragment: Gathered::default() }
    }

    /// May end before a keyframe that is decoded at `dts` and was taken at `at`.
    fn is_over(&self, dts: Dts, at: UtcMs, segment_ms: i64) -> bool {
        let length = Ticks::from_millis(segment_ms);
        self.parameters_changed
            || at >= self.ends_after
            || dts.0.saturating_sub(self.started.0) >= 2 * length.0
    }
}

impl Gathered {
    fn must_end_before(&self, unit: &AccessUnit, is_video_keyframe: bool) -> bool {
        let end = unit.dts.0.saturating_add(unit.duration.0);
        let over = |start: Option<Dts>, most: Ticks| {
            start.is_some_and(|start| end.saturating_sub(start.0) > most.0)
        };
        // Each track on its own clock: sound may be stamped far from the pictures that it came with.
        let is_too_long = match (unit.track, self.video_start) {
            (Track::Video, Some(_)) => over(self.video_start, MAX_FRAGMENT_SPAN),
            (Track::Audio, Some(_)) => over(self.audio_start, MAX_FRAGMENT_SPAN + AUDIO_SLACK),
            (Track::Audio, None) => over(self.audio_start, MAX_FRAGMENT_SPAN),
            // Pictures come back after a pause that sound has filled.
            (Track::Video, None) => self.audio_span > AUDIO_SLACK,
        };
        let bytes = self.bytes.saturating_add(u64::try_from(unit.data.len()).unwrap_or(u64::MAX));
        self.units > 0
            && (is_too_long
                || bytes > MAX_FRAGMENT_BYTES
                || self.units >= MAX_FRAGMENT_UNITS
                || (is_video_keyframe && self.has_dependent_pictures))
    }

    fn add(&mut self, unit: &AccessUnit) {
        match unit.track {
            Track::Video => {
                self.video_start.get_or_insert(unit.dts);
                self.has_dependent_pictures |= !unit.is_keyframe;
            }
            Track::Audio => {
                let start = *self.audio_start.get_or_insert(unit.dts);
                self.audio_span =
                    Ticks(unit.dts.0.saturating_add(unit.duration.0).saturating_sub(start.0));
            }
        }
        self.bytes = self.bytes.saturating_add(u64::try_from(unit.data.len()).unwrap_or(u64::MAX));
        self.units = self.units.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use tarsier_types::Pts;

    use super::*;

    /// Plays a script to a cutter for segments of 3 s. Wall clock and media time begin at 0; a picture takes `step_ms`.
    ///
    /// `K` keyframe, `f` other picture, `B` other picture of 5 MiB, `a` sound of a step's length (takes no time), `A` the same with a stamp that is 10 s behind,
    /// `.` a step without a picture, `P` the parameters change, `<` and `>` the wall clock is set by 7.5 s,
    /// `!` the caller ends the fragment, `x` the caller ends the segment.
    /// The answer: `[segment|fragments]`; what stands outside of brackets could not be stored.
    fn run(step_ms: i64, script: &str) -> String {
        let mut cutter = Cutter::new(3);
        let (mut media, mut set_by, mut shown) = (Dts(900_000), 0, String::new());
        let step = Ticks::from_millis(step_ms);
        for letter in script.chars() {
            match letter {
                '.' => media = media + step,
                'P' => cutter.parameters_changed(),
                '!' => {
                    cutter.fragment_ended();
                    shown.push('!');
                }
                'x' => {
                    cutter.segment_ended();
                    shown.push(']');
                }
                '<' => set_by -= 7500,
                '>' => set_by += 7500,
                _ => {
                    let unit = AccessUnit {
                        track: if letter.eq_ignore_ascii_case(&'a') {
                            Track::Audio
                        } else {
                            Track::Video
                        },
                        pts: Pts(media.0),
                        dts: if letter == 'A' { media - Ticks::from_millis(10_000) } else { media },
                        duration: step,
                        is_keyframe: matches!(letter, 'K' | 'a' | 'A'),
                        arrived: UtcMs(0),
                        data: if letter == 'B' {
                            vec![0; 5 << 20].into()
                        } else {
                            Bytes::from_static(b"x")
                        },
                    };
                    let at = UtcMs((media - Dts(900_000)).to_millis() + set_by);
                    let was_open = cutter.is_open();
                    shown.push_str(match (cutter.handle(&unit, at), was_open) {
                        (Cut::Nothing, _) => "",
                        (Cut::Fragment, _) => "|",
                        (Cut::Segment, true) => "][",
                        (Cut::Segment, false) => "[",
                    });
                    shown.push(letter);
                    if !letter.eq_ignore_ascii_case(&'a') {
                        media = media + step;
                    }
                }
            }
        }
        shown
    }

    #[test]
    fn a_segment_begins_with_the_first_keyframe_at_or_after_a_multiple() {
        insta::assert_snapshot!(run(750, "KfKfKfKf"), @"[K|f|K|f][K|f|K|f");
        insta::assert_snapshot!(run(375, "KfKfKfKfKfKf"), @"[Kf|Kf|Kf|Kf][Kf|Kf");
        insta::assert_snapshot!(run(750, "..KfKfKfKf"), @"[K|f][K|f|K|f][K|f");
        insta::assert_snapshot!(run(750, "KffKfffffffKf"), @"[K|f|f|K|f|f|f|f|f|f|f][K|f");
    }

    #[test]
    fn nothing_is_stored_before_the_first_keyframe() {
        insta::assert_snapshot!(run(750, "affKa"), @"aff[Ka");
        insta::assert_snapshot!(run(750, "KfxafKf"), @"[K|f]af[K|f");
    }

    #[test]
    fn sound_belongs_to_the_segment_before_the_keyframe() {
        insta::assert_snapshot!(run(375, "KafafafafafafafaaKaf"), @"[Kafa|fafa|fafa|fafaa][Kaf");
    }

    #[test]
    fn a_fragment_has_three_quarters_of_a_second_of_pictures() {
        insta::assert_snapshot!(run(187, "KfffffffffffKfff"), @"[Kfff|ffff|ffff|Kfff");
        insta::assert_snapshot!(run(300, "KfffKf"), @"[Kf|ff|Kf");
        insta::assert_snapshot!(run(1125, "KffK"), @"[K|f|f][K");
    }

    #[test]
    fn a_stream_of_keyframes_has_no_fragment_for_each_picture() {
        insta::assert_snapshot!(run(187, "KKKKKKKKfKK"), @"[KKKK|KKKK|f|KK");
    }

    #[test]
    fn where_pictures_fail_to_come_sound_ends_the_fragment() {
        insta::assert_snapshot!(run(187, "KafafafKaf"), @"[Kafafaf|Kaf");
        insta::assert_snapshot!(run(187, "Kafa.a.a.a.a.a.a.a.a.a.a.aK"), @"[Kafaaaa|aaaa|aaaa|K");
    }

    #[test]
    fn sound_that_is_stamped_far_from_its_pictures_cuts_nothing() {
        insta::assert_snapshot!(run(187, "KAfAfAfAfAfAfAfAKA"), @"[KAfAfAfA|fAfAfAfA|KA");
    }

    #[test]
    fn a_fragment_that_waits_in_memory_is_bounded() {
        insta::assert_snapshot!(run(10, "KfBfBBf"), @"[KfBf|B|Bf");
        let still = "K".to_owned() + &"f".repeat(5000);
        let first = run(0, &still).find('|');
        assert_eq!(
            first,
            Some(1 + 4096),
            "a stream that stands still is cut by the number of its units"
        );
    }

    #[test]
    fn changed_parameters_begin_a_segment_at_the_keyframe() {
        insta::assert_snapshot!(run(375, "KfKfPKfKf"), @"[Kf|Kf][Kf|Kf");
        insta::assert_snapshot!(run(375, "KfPfKfKf"), @"[Kf|f][Kf|Kf");
    }

    #[test]
    fn a_clock_that_is_set_back_cannot_make_a_segment_longer_than_twice_its_length() {
        insta::assert_snapshot!(run(750, "Kf<KfKfKfKfKfKf"), @"[K|f|K|f|K|f|K|f][K|f][K|f|K|f");
        insta::assert_snapshot!(run(750, "Kf>KfKfKf"), @"[K|f][K|f|K|f][K|f");
    }

    #[test]
    fn a_fragment_that_the_caller_ended_is_not_ended_again() {
        insta::assert_snapshot!(run(187, "Kff!ffffff!Kf"), @"[Kff!ffff|ff!Kf");
    }
}
