//! Brain: pictures to parts, on one unbroken clock.
//!
//! A picture is known only when the next one has come, for it lasts until then: so parts and their media agree to the
//! tick, at the price of one picture's wait. Media time goes on where it was: a picture that lasts longer than a part
//! may (the camera paused, the recorder left pictures out) is shown as long as a part may, and what follows moves up. The
//! date at each segment tells the truth about it.
//!
//! Sound goes into the part that is being made when it comes, with its own time, and nothing waits for it: that of a part's end is
//! mostly in the next part. What has not come after a second is silence, for a player that lacks sound shows no picture. What
//! sounds while a picture is shown shorter than it lasted is left out.
//! What does not belong here: what is listed and kept ([`crate::window`]).

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};
use tarsier_segment::FragmentBuilder;
use tarsier_types::{AccessUnit, Dts, Pts, Ticks, Track, UtcMs};

use crate::pace::{Pace, SHORTEST};
use crate::sound::Sound;

/// Sound that comes later is not heard: as much as our own player bears (ADR 0017).
const LATEST: Ticks = Ticks(Ticks::PER_SECOND);

/// Some pictures: what a player can get at the earliest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) bytes: Bytes,
    pub(crate) duration: Ticks,
    pub(crate) starts_with_keyframe: bool,
}

/// What comes out, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// A segment begins, with a picture of that time.
    Begin(UtcMs),
    /// A part of it.
    Part(Part),
    /// It is over.
    End,
}

/// The brain.
#[derive(Debug)]
pub(crate) struct Cutter {
    pace: Pace,
    builder: FragmentBuilder,
    /// The newest picture, on our clock, and what it takes from the camera's clock to ours.
    held: Option<AccessUnit>,
    shift: Option<Ticks>,
    /// Since when that is so, on the camera's clock.
    shifted_at: Dts,
    /// Sound on the camera's clock, until the picture behind it has come.
    sounds: VecDeque<AccessUnit>,
    sound: Option<Sound>,
    /// Up to there the player has sound, or silence.
    heard_until: Dts,
    silent_until: Dts,
    /// Where our clock has got to.
    reached: Dts,
    part_start: Dts,
    segment: Option<Dts>,
    cuts: Vec<Cut>,
}

impl Cutter {
    /// Its clock begins there.
    pub(crate) fn new(pace: Pace, begins: Dts) -> Self {
        Self {
            pace,
            builder: FragmentBuilder::new(Dts(0), 0),
            held: None,
            shift: None,
            shifted_at: Dts(0),
            sounds: VecDeque::new(),
            sound: None,
            heard_until: begins,
            silent_until: begins,
            reached: begins,
            part_start: begins,
            segment: None,
            cuts: Vec::new(),
        }
    }

    /// What follows has such sound, or none; to be said between runs.
    pub(crate) fn sound(&mut self, sound: Option<Sound>) {
        if self.sound != sound {
            let rate_hz = sound.as_ref().map_or(0, |sound| sound.rate_hz);
            self.builder = FragmentBuilder::new(Dts(0), rate_hz);
            self.sound = sound;
        }
    }

    /// A picture came, or sound; answers what is whole now.
    pub(crate) fn push(&mut self, unit: AccessUnit) -> Vec<Cut> {
        match unit.track {
            Track::Audio if self.sound.is_some() => self.sounds.push_back(unit),
            Track::Audio => {}
            Track::Video => self.picture(unit),
        }
        std::mem::take(&mut self.cuts)
    }

    fn picture(&mut self, unit: AccessUnit) {
        let (came, shift) = (unit.dts, self.shift);
        let unit = self.on_our_clock(unit);
        if let Some(held) = self.held.take() {
            let sounds = self.sounds_before(came, unit.dts, shift);
            self.settle(held, sounds, unit.dts, unit.is_keyframe);
        }
        self.held = Some(unit);
    }

    /// Sound of before the picture that came then, with the times that it gets; the picture is at `end` on our clock.
    fn sounds_before(&mut self, came: Dts, end: Dts, shift: Option<Ticks>) -> Vec<AccessUnit> {
        let Some(shift) = shift else { return Vec::new() };
        let since = self.shifted_at;
        let (before, behind): (VecDeque<_>, _) =
            self.sounds.drain(..).partition(|sound| sound.dts < came);
        self.sounds = behind;
        if self.shift != Some(shift) {
            self.shifted_at = came;
        }
        let is_shown = |sound: &AccessUnit| sound.dts >= since && sound.dts + shift < end;
        let placed = |sound: AccessUnit| AccessUnit {
            pts: sound.pts + shift,
            dts: sound.dts + shift,
            ..sound
        };
        before.into_iter().filter(is_shown).map(placed).collect()
    }

    /// The run is over: the last picture lasts as long as most do. The next one begins a segment.
    pub(crate) fn end_run(&mut self) -> Vec<Cut> {
        if let Some(held) = self.held.take() {
            let end = held.dts + self.pace.picture;
            let sounds = self.sounds_before(Dts(i64::MAX), end, self.shift);
            self.settle(held, sounds, end, false);
            self.end_part(end);
            self.reached = end;
        }
        self.end_segment();
        self.shift = None;
        self.sounds.clear();
        std::mem::take(&mut self.cuts)
    }

    fn on_our_clock(&mut self, mut unit: AccessUnit) -> AccessUnit {
        if self.shift.is_none() {
            self.shifted_at = tarsier_segment::origin_of(&unit);
            (self.heard_until, self.silent_until) = (self.reached, self.reached);
        }
        let shift = self.shift.get_or_insert(self.reached - self.shifted_at);
        let mut dts = unit.dts + *shift;
        if let Some(held) = &self.held {
            let excess = (dts - held.dts - self.pace.part).max(Ticks(0));
            *shift = *shift - excess;
            dts = Dts((dts - excess).0.max(held.dts.0 + 1));
        }
        unit.pts = Pts((unit.pts + *shift).0);
        unit.dts = dts;
        unit
    }

    /// Now it is known how long that picture lasts.
    fn settle(
        &mut self,
        picture: AccessUnit,
        sounds: Vec<AccessUnit>,
        end: Dts,
        keyframe_follows: bool,
    ) {
        if !self.builder.is_empty() && end - self.part_start > self.pace.part {
            self.end_part(picture.dts);
        }
        if self.segment.is_none() {
            self.segment = Some(picture.dts);
            self.cuts.push(Cut::Begin(picture.arrived));
        }
        if self.builder.is_empty() {
            self.part_start = picture.dts;
        }
        self.builder.push(picture);
        for sound in sounds {
            self.hear(sound);
        }
        self.be_silent(end - LATEST);
        let segment = end - self.segment.unwrap_or(end);
        let is_full = segment + self.pace.part > self.pace.longest_segment();
        if (keyframe_follows && segment >= SHORTEST) || is_full {
            self.end_part(end);
            self.end_segment();
        } else if end - self.part_start + self.pace.picture > self.pace.part {
            self.end_part(end);
        }
    }

    fn hear(&mut self, sound: AccessUnit) {
        let middle = sound.dts + Ticks(sound.duration.0 / 2);
        if middle >= self.silent_until {
            self.be_silent(sound.dts);
            self.heard_until = sound.dts + sound.duration;
            self.builder.push(sound);
        }
    }

    /// Where nothing was heard up to then.
    fn be_silent(&mut self, until: Dts) {
        let Some(Sound { silence, .. }) = &self.sound else { return };
        while self.heard_until + silence.span <= until {
            self.builder.push(AccessUnit {
                track: Track::Audio,
                pts: Pts(self.heard_until.0),
                dts: self.heard_until,
                duration: silence.span,
                is_keyframe: true,
                arrived: UtcMs(0),
                data: silence.data.clone(),
            });
            self.heard_until = self.heard_until + silence.span;
            self.silent_until = self.heard_until;
        }
    }

    fn end_part(&mut self, end: Dts) {
        let Some(fragment) = self.builder.take(Some(end)) else { return };
        let head = [&fragment.head];
        let mut bytes =
            BytesMut::with_capacity(usize::try_from(fragment.bytes()).unwrap_or_default());
        for piece in head.into_iter().chain(&fragment.payload) {
            bytes.extend_from_slice(piece);
        }
        self.cuts.push(Cut::Part(Part {
            // A copy: it frees what the recorder sent and the fan-out shares, and its size is what it costs.
            bytes: bytes.freeze(),
            duration: end - self.part_start,
            starts_with_keyframe: fragment.starts_with_keyframe,
        }));
    }

    fn end_segment(&mut self) {
        if self.segment.take().is_some() {
            self.cuts.push(Cut::End);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use tarsier_types::Track;

    use super::*;
    use crate::silence::Silence;

    const PICTURE: i64 = 3600;

    /// `K`/`f` a picture comes, 40 ms after the one before; `1`..`9` so many tenths of a second pass; `x` the run ends.
    /// Answer: segments in brackets, parts in ms with a `K` if a keyframe is first.
    fn cut(script: &str) -> String {
        let times: Vec<Dts> = (0..25).map(|n| Dts(n * PICTURE)).collect();
        let pace = Pace::of(&times, Dts(25 * PICTURE));
        let (mut cutter, mut dts, mut shown) =
            (Cutter::new(pace, Dts(0)), Dts(900_000), String::new());
        for step in script.chars() {
            let cuts = match step {
                'K' | 'f' => {
                    dts = dts + Ticks(PICTURE);
                    cutter.push(unit(dts, step == 'K'))
                }
                'x' => {
                    dts = Dts(7);
                    cutter.end_run()
                }
                digit => {
                    let tenths = i64::from(digit.to_digit(10).expect("a step"));
                    dts = dts + Ticks::from_millis(100 * tenths);
                    Vec::new()
                }
            };
            for cut in cuts {
                match cut {
                    Cut::Begin(_) => shown.push('['),
                    Cut::Part(part) => {
                        assert!(part.duration <= pace.part, "never longer than was said");
                        let key = if part.starts_with_keyframe { "K" } else { "" };
                        write!(shown, "{key}{} ", part.duration.to_millis()).unwrap();
                    }
                    Cut::End => shown.push(']'),
                }
            }
        }
        shown
    }

    fn unit(dts: Dts, is_keyframe: bool) -> AccessUnit {
        AccessUnit {
            track: Track::Video,
            pts: Pts(dts.0),
            dts,
            duration: Ticks(PICTURE),
            is_keyframe,
            arrived: UtcMs(dts.0 / 90),
            data: Bytes::from_static(b"12345"),
        }
    }

    fn gop(pictures: usize) -> String {
        format!("K{}", "f".repeat(pictures - 1))
    }

    #[test]
    fn parts_have_whole_pictures_and_segments_begin_with_keyframes() {
        assert_eq!(cut(&(gop(25) + &gop(25) + "K")), "[K280 280 280 160 ][K280 280 280 160 ]");
        assert_eq!(
            cut(&(gop(10) + &gop(10) + &gop(10) + "K")),
            "[K280 280 280 280 80 ]",
            "frequent keyframes"
        );
    }

    #[test]
    fn a_part_is_there_with_the_picture_that_follows_its_last_one() {
        assert_eq!(cut("Kffffff"), "[");
        assert_eq!(cut("Kfffffff"), "[K280 ");
    }

    #[test]
    fn a_gop_longer_than_a_segment_may_be_is_cut_without_a_keyframe() {
        assert_eq!(cut(&gop(70)), "[K280 280 280 280 280 280 280 160 ][280 280 ");
    }

    #[test]
    fn a_late_picture_ends_the_part_before_it_is_too_long() {
        assert_eq!(cut("Kfff2fff"), "[K120 280 ", "the fourth lasts 240 ms");
    }

    #[test]
    fn a_camera_that_pauses_shows_its_last_picture_as_long_as_a_part_may_be() {
        assert_eq!(cut("Kff9ffffffff"), "[K80 300 280 ");
    }

    #[test]
    fn a_run_that_ends_leaves_a_whole_segment_and_the_next_goes_on_from_there() {
        assert_eq!(cut("Kffx"), "[K120 ]");
        assert_eq!(cut(&format!("Kffx{}", gop(8))), "[K120 ][K280 ");
        assert_eq!(cut("xxKx"), "[K40 ]");
    }

    #[test]
    fn media_time_goes_on_whatever_the_camera_says() {
        let pace = Pace::of(&[Dts(0), Dts(3600)], Dts(7200));
        let begins = Dts(1 << 45);
        let mut cutter = Cutter::new(pace, begins);
        let mut parts = Vec::new();
        for (dts, ends) in
            [(900_000, false), (903_600, true), (5, false), (3605, false), (999_999, true)]
        {
            let mut cuts = cutter.push(unit(Dts(dts), true));
            if ends {
                cuts.extend(cutter.end_run());
            }
            parts.extend(cuts.into_iter().filter_map(|cut| match cut {
                Cut::Part(part) => Some(part),
                _ => None,
            }));
        }
        let mut reached = begins.0;
        for part in &parts {
            let at = part.bytes.windows(4).position(|bytes| bytes == b"tfdt").unwrap() + 8;
            let start = i64::from_be_bytes(part.bytes[at..at + 8].try_into().unwrap());
            assert_eq!(start, reached, "a part begins where the one before ends");
            reached += part.duration.0;
        }
        assert!(parts.len() >= 3);
    }

    /// When the pictures and the sounds of each part begin, in ms of media time. `K`, `f`, `x` as above; `a` 20 ms of sound come,
    /// `h` they do not, `p` 0.9 s pass without a picture.
    fn heard(script: &str) -> Vec<(Vec<u32>, Vec<u32>)> {
        let times: Vec<Dts> = (0..25).map(|n| Dts(n * PICTURE)).collect();
        let mut cutter = Cutter::new(Pace::of(&times, Dts(25 * PICTURE)), Dts(0));
        let silence = Silence { data: Bytes::from_static(b"0"), span: Ticks(1800) };
        cutter.sound(Some(Sound { rate_hz: 8000, silence }));
        let (mut picture, mut sound) = (Dts(900_000 - PICTURE), Dts(900_000));
        let mut parts = Vec::new();
        for step in script.chars() {
            let cuts = match step {
                'K' | 'f' => {
                    picture = picture + Ticks(PICTURE);
                    cutter.push(unit(picture, step == 'K'))
                }
                'a' => {
                    let (track, duration) = (Track::Audio, Ticks(1800));
                    let unit = AccessUnit { track, duration, ..unit(sound, true) };
                    sound = sound + duration;
                    cutter.push(unit)
                }
                'h' => {
                    sound = sound + Ticks(1800);
                    Vec::new()
                }
                'p' => {
                    picture = picture + Ticks::from_millis(900);
                    Vec::new()
                }
                _ => cutter.end_run(),
            };
            parts.extend(cuts.into_iter().filter_map(|cut| match cut {
                Cut::Part(part) => Some(begins(&part.bytes)),
                _ => None,
            }));
        }
        parts
    }

    fn begins(part: &[u8]) -> (Vec<u32>, Vec<u32>) {
        let word = |at: usize| u32::from_be_bytes(part[at..at + 4].try_into().unwrap());
        let all = |kind: &'static [u8]| {
            part.windows(4).enumerate().filter(move |(_, it)| *it == kind).map(|(at, _)| at + 8)
        };
        let (mut pictures, mut sounds) = (Vec::new(), Vec::new());
        for ((track, time), rows) in all(b"tfhd").zip(all(b"tfdt")).zip(all(b"trun")) {
            let (row, per_ms, times) = match word(track) {
                1 => (16, 90, &mut pictures),
                _ => (8, 8, &mut sounds),
            };
            let mut at = word(time + 4);
            for sample in 0..word(rows) {
                times.push(at / per_ms);
                at += word(rows + 8 + row * usize::try_from(sample).unwrap());
            }
        }
        (pictures, sounds)
    }

    fn every(step_ms: usize, from: u32, to: u32) -> Vec<u32> {
        (from..to).step_by(step_ms).collect()
    }

    #[test]
    fn sound_is_in_the_part_of_its_pictures() {
        let parts = heard(&("K".to_owned() + &"aaf".repeat(14)));
        let part = |from, to| (every(40, from, to), every(20, from, to));
        assert_eq!(parts, [part(0, 280), part(280, 560)]);
    }

    #[test]
    fn sound_that_comes_late_is_in_the_next_part_with_its_own_time() {
        let parts = heard(&("Kffff".to_owned() + &"faa".repeat(10)));
        assert_eq!(parts[0], (every(40, 0, 280), every(20, 0, 80)), "no picture waits for it");
        assert_eq!(parts[1], (every(40, 280, 560), every(20, 80, 360)));
    }

    #[test]
    fn sound_that_does_not_come_is_silence_after_a_second_and_not_heard_when_it_comes() {
        let pictures = "f".repeat(48);
        let parts = heard(&("K".to_owned() + &pictures + &"a".repeat(60) + "fx"));
        assert_eq!(parts[0], (every(40, 0, 280), Vec::new()));
        let sounds: Vec<u32> = parts.iter().flat_map(|(_, sounds)| sounds).copied().collect();
        assert_eq!(sounds, every(20, 0, 1200));
        let silent = heard(&("K".to_owned() + &pictures));
        let sounds: Vec<u32> = silent.iter().flat_map(|(_, sounds)| sounds).copied().collect();
        assert_eq!(sounds, every(20, 0, 680), "up to a second before the end of the last part");
    }

    #[test]
    fn a_hole_in_the_sound_is_silence() {
        let parts = heard("KaahhhhfaafaafaafaafaafaafaafaaK");
        assert_eq!(parts[0].1, every(20, 0, 280));
    }

    #[test]
    fn what_sounds_while_a_pause_is_shortened_is_not_heard_and_the_rest_is_in_time() {
        let pause = "a".repeat(45);
        let parts = heard(&("Kaafaafaap".to_owned() + &pause + "faafaafaaf"));
        // Pictures at 0, 40 and 80 ms, and then at 1,020, which is 380 for the player.
        assert_eq!(parts[0], (vec![0, 40], every(20, 0, 80)));
        assert_eq!(parts[1], (vec![80], every(20, 80, 380)));
        let after = heard(&("Kaafaafaap".to_owned() + &pause + &"faa".repeat(9) + "f"));
        assert_eq!(after[2], (every(40, 380, 660), every(20, 380, 660)));
    }

    #[test]
    fn a_run_goes_on_in_sound_as_in_pictures() {
        let mut parts = heard("Kaafaafaax");
        assert_eq!(parts.remove(0), (every(40, 0, 120), every(20, 0, 120)));
        let parts = heard("KaafaafaaxKaafaaxx");
        assert_eq!(parts[1], (vec![120, 160], every(20, 120, 200)));
    }
}
