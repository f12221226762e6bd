//! Brain: pictures to parts, on one unbroken clock.
//!
//! A picture is known only when the next one has come, for it lasts until then: so parts and their media agree to the
//! tick, at the price of one picture's wait. Media time goes on where it was: a picture that lasts longer than a part
//! may (the camera paused, the recorder left pictures out) is shown as long as a part may, and what follows moves up. The
//! date at each segment tells the truth about it.
//! What does not belong here: what is listed and kept ([`crate::window`]).

use bytes::{Bytes, BytesMut};
use tarsier_segment::FragmentBuilder;
use tarsier_types::{AccessUnit, Dts, Pts, Ticks, UtcMs};

use crate::pace::{Pace, SHORTEST};

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
    /// Where our clock has got to.
    reached: Dts,
    part_start: Dts,
    segment: Option<Dts>,
    cuts: Vec<Cut>,
}

impl Cutter {
    pub(crate) fn new(pace: Pace) -> Self {
        Self {
            pace,
            builder: FragmentBuilder::new(Dts(0), 0),
            held: None,
            shift: None,
            reached: Dts(0),
            part_start: Dts(0),
            segment: None,
            cuts: Vec::new(),
        }
    }

    /// A picture came; answers what is whole now.
    pub(crate) fn push(&mut self, unit: AccessUnit) -> Vec<Cut> {
        let unit = self.on_our_clock(unit);
        if let Some(held) = self.held.take() {
            self.settle(held, unit.dts, unit.is_keyframe);
        }
        self.held = Some(unit);
        std::mem::take(&mut self.cuts)
    }

    /// The run is over: the last picture lasts as long as most do. The next one begins a segment.
    pub(crate) fn end_run(&mut self) -> Vec<Cut> {
        if let Some(held) = self.held.take() {
            let end = held.dts + self.pace.picture;
            self.settle(held, end, false);
            self.end_part(end);
            self.reached = end;
        }
        self.end_segment();
        self.shift = None;
        std::mem::take(&mut self.cuts)
    }

    fn on_our_clock(&mut self, mut unit: AccessUnit) -> AccessUnit {
        let origin = tarsier_segment::origin_of(&unit);
        let shift = self.shift.get_or_insert(self.reached - origin);
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
    fn settle(&mut self, picture: AccessUnit, end: Dts, keyframe_follows: bool) {
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
        let segment = end - self.segment.unwrap_or(end);
        let is_full = segment + self.pace.part > self.pace.longest_segment();
        if (keyframe_follows && segment >= SHORTEST) || is_full {
            self.end_part(end);
            self.end_segment();
        } else if end - self.part_start + self.pace.picture > self.pace.part {
            self.end_part(end);
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

    const PICTURE: i64 = 3600;

    /// `K`/`f` a picture comes, 40 ms after the one before; `1`..`9` so many tenths of a second pass; `x` the run ends.
    /// Answer: segments in brackets, parts in ms with a `K` if a keyframe is first.
    fn cut(script: &str) -> String {
        let times: Vec<Dts> = (0..25).map(|n| Dts(n * PICTURE)).collect();
        let pace = Pace::of(&times, Dts(25 * PICTURE));
        let (mut cutter, mut dts, mut shown) = (Cutter::new(pace), Dts(900_000), String::new());
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
        let mut cutter = Cutter::new(pace);
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
        let mut reached = 0;
        for part in &parts {
            let at = part.bytes.windows(4).position(|bytes| bytes == b"tfdt").unwrap() + 8;
            let start = i64::from_be_bytes(part.bytes[at..at + 8].try_into().unwrap());
            assert_eq!(start, reached, "a part begins where the one before ends");
            reached += part.duration.0;
        }
        assert!(parts.len() >= 3);
    }
}
