//! Gathers the access units of one fragment and makes its head. The payload stays where it is.
//!
//! Positions are computed from the file's origin for every unit, never added up, so rounding to the audio
//! timescale does not grow. Two things that real streams do are put right here, because a file cannot hold them:
//! a unit before the origin (sound that came late) moves to it, and a unit that does not move on moves one tick.
//! A picture keeps its true showing time in both cases: the composition offset takes the difference.
//!
//! What does not belong here: when a fragment ends (`cut`).

use bytes::Bytes;
use tarsier_types::{AccessUnit, Dts, Ticks, Track};

use super::moof::{Sample, Shape, u64_of};
use crate::boxes::Writer;

/// One fragment, ready to be written: the head, then each payload in order.
#[derive(Clone, Debug)]
pub struct Fragment {
    /// `moof`, and the header of `mdat`.
    pub head: Bytes,
    /// What `mdat` holds, in its order: the handles that came with the access units.
    pub payload: Vec<Bytes>,
    /// From the origin to its first picture. Without a picture: to its first sound, or the end of the fragment before.
    pub start: Ticks,
    /// Length of its pictures (of its sound, if there is no picture).
    pub duration: Ticks,
    /// Its first picture can be decoded without another.
    pub starts_with_keyframe: bool,
    /// From decoding to showing of its first picture; what [`crate::mfra`] wants to know of the file's first one.
    pub composition_offset: Ticks,
    /// Access units in it, of both tracks.
    pub units: u32,
}

impl Fragment {
    /// Bytes of `moof` and `mdat`.
    pub fn bytes(&self) -> u64 {
        u64_of(self.head.len()) + self.payload.iter().map(|bytes| u64_of(bytes.len())).sum::<u64>()
    }
}

/// Gathers access units until [`Self::take`]. One for each file.
#[derive(Debug)]
pub struct FragmentBuilder {
    sequence: u32,
    /// The end of the fragments so far.
    reached: Ticks,
    video: Lane,
    audio: Lane,
}

impl FragmentBuilder {
    /// For a file whose media time 0 is `origin` (see [`crate::origin_of`]). Without sound the rate does not matter.
    pub fn new(origin: Dts, audio_rate_hz: u32) -> Self {
        Self {
            sequence: 0,
            reached: Ticks(0),
            video: Lane::new(Timescale { origin, per_second: Ticks::PER_SECOND }),
            audio: Lane::new(Timescale { origin, per_second: i64::from(audio_rate_hz.max(1)) }),
        }
    }

    /// Takes one more access unit in.
    pub fn push(&mut self, unit: AccessUnit) {
        match unit.track {
            Track::Video => self.video.push(unit),
            Track::Audio => self.audio.push(unit),
        }
    }

    /// Nothing has been pushed since the last [`Self::take`].
    pub fn is_empty(&self) -> bool {
        self.video.units.is_empty() && self.audio.units.is_empty()
    }

    /// Access units since the last [`Self::take`].
    pub fn units(&self) -> u32 {
        u32::try_from(self.video.units.len() + self.audio.units.len()).unwrap_or(u32::MAX)
    }

    /// From the decoding of the first picture to the nominal end of the last one.
    pub fn video_span(&self) -> Ticks {
        match (self.video.units.first(), self.video.units.last()) {
            (Some(first), Some(last)) => last.dts + last.duration - first.dts,
            _ => Ticks(0),
        }
    }

    /// Bytes of payload since the last [`Self::take`].
    pub fn payload_bytes(&self) -> u64 {
        self.video.bytes + self.audio.bytes
    }

    /// Ends the fragment. `end` is the decoding time of the next video unit, if it is known: the last picture
    /// lasts until then, else as long as its nominal duration. None if there is nothing to end.
    pub fn take(&mut self, end: Option<Dts>) -> Option<Fragment> {
        if self.is_empty() {
            return None;
        }
        self.sequence = self.sequence.wrapping_add(1);
        let shape = Shape {
            sequence: self.sequence,
            video_units: self.video.units.len(),
            audio_units: self.audio.units.len(),
            video_bytes: self.video.bytes,
            audio_bytes: self.audio.bytes,
        };
        let (video, audio) = (self.video.span(end), self.audio.span(None));
        let mut w = Writer::with_capacity(shape.head_bytes());
        shape.write(
            &mut w,
            (u64::try_from(video.start).unwrap_or(0), self.video.samples(&video)),
            (u64::try_from(audio.start).unwrap_or(0), self.audio.samples(&audio)),
        );
        let first_picture = self.video.units.first();
        let (lane, span) =
            if first_picture.is_some() { (&self.video, &video) } else { (&self.audio, &audio) };
        let (start, end) = (lane.scale.ticks(span.start), lane.scale.ticks(span.end));
        let (start, end) = extent(first_picture.is_some(), start, end, self.reached);
        self.reached = self.reached.max(end);
        let fragment = Fragment {
            head: w.into_bytes(),
            start,
            duration: end - start,
            starts_with_keyframe: first_picture.is_some_and(|unit| unit.is_keyframe),
            composition_offset: first_picture.map_or(Ticks(0), |unit| {
                Ticks(i64::from(self.video.composition_offset(unit, video.start)))
            }),
            units: self.units(),
            payload: self
                .video
                .units
                .iter()
                .chain(&self.audio.units)
                .map(|unit| unit.data.clone())
                .collect(),
        };
        self.video.clear(&video);
        self.audio.clear(&audio);
        Some(fragment)
    }
}

/// From where to where a fragment goes in its file: as its pictures do. Sound alone fills what pictures left empty,
/// whatever its stamps say, so that fragments are in order and a time is found by bisection.
pub(crate) fn extent(
    has_pictures: bool,
    start: Ticks,
    end: Ticks,
    reached: Ticks,
) -> (Ticks, Ticks) {
    let start = if has_pictures { start } else { start.max(reached) };
    (start, end.max(start))
}

/// A track's own clock, counted from the file's origin.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timescale {
    pub(super) origin: Dts,
    pub(super) per_second: i64,
}

impl Timescale {
    /// Where in the file that time is, rounded to the nearest; may be before its beginning.
    pub(super) fn position(self, dts: Dts) -> i64 {
        let ticks = dts.0.saturating_sub(self.origin.0);
        self.units(Ticks(ticks))
    }

    /// A span in units of this clock, rounded to the nearest.
    pub(super) fn units(self, span: Ticks) -> i64 {
        rescale(span.0, self.per_second, Ticks::PER_SECOND)
    }

    fn ticks(self, units: i64) -> Ticks {
        Ticks(rescale(units, Ticks::PER_SECOND, self.per_second))
    }
}

/// `value * to / from`, rounded to the nearest.
pub(crate) fn rescale(value: i64, to: i64, from: i64) -> i64 {
    if to == from {
        return value;
    }
    let (value, to, from) = (i128::from(value), i128::from(to), i128::from(from));
    let scaled = (value * to * 2 + from).div_euclid(from * 2);
    i64::try_from(scaled).unwrap_or(if scaled < 0 { i64::MIN } else { i64::MAX })
}

/// The units of one track, and where the last one of the fragment before stood.
#[derive(Debug)]
struct Lane {
    scale: Timescale,
    units: Vec<AccessUnit>,
    bytes: u64,
    /// The first position that a unit can still take.
    floor: i64,
}

/// Positions of a lane's units: the first, the last, and the end of the last.
struct Span {
    start: i64,
    last: i64,
    end: i64,
}

impl Lane {
    fn new(scale: Timescale) -> Self {
        Self { scale, units: Vec::new(), bytes: 0, floor: 0 }
    }

    fn push(&mut self, unit: AccessUnit) {
        self.bytes += u64_of(unit.data.len());
        self.units.push(unit);
    }

    /// The position of each unit: its own, but after the one before it.
    fn positions(&self) -> impl Iterator<Item = i64> {
        let mut floor = self.floor;
        self.units.iter().map(move |unit| {
            let position = self.scale.position(unit.dts).max(floor);
            floor = position.saturating_add(1);
            position
        })
    }

    fn span(&self, end: Option<Dts>) -> Span {
        let start = self.positions().next().unwrap_or(self.floor);
        let last = self.positions().last().unwrap_or(self.floor);
        let nominal = self.units.last().map_or(0, |unit| self.scale.units(unit.duration));
        let end = end.map_or(last.saturating_add(nominal), |end| self.scale.position(end));
        Span { start, last, end: end.max(last.saturating_add(1)) }
    }

    /// A `trun` row for each unit; it lasts until the next.
    fn samples(&self, span: &Span) -> impl Iterator<Item = Sample> {
        let ends = self.positions().skip(1).chain([span.end]);
        self.units.iter().zip(self.positions()).zip(ends).map(|((unit, position), end)| Sample {
            duration: u32::try_from(end.saturating_sub(position)).unwrap_or(u32::MAX),
            size: u32::try_from(unit.data.len()).unwrap_or(u32::MAX),
            is_keyframe: unit.is_keyframe,
            composition_offset: self.composition_offset(unit, position),
        })
    }

    fn composition_offset(&self, unit: &AccessUnit, position: i64) -> i32 {
        clamp_i32(self.scale.position(Dts(unit.pts.0)).saturating_sub(position))
    }

    fn clear(&mut self, span: &Span) {
        if !self.units.is_empty() {
            self.floor = span.last.saturating_add(1);
        }
        self.units.clear();
        self.bytes = 0;
    }
}

pub(super) fn clamp_i32(value: i64) -> i32 {
    i32::try_from(value).unwrap_or(if value < 0 { i32::MIN } else { i32::MAX })
}

#[cfg(test)]
mod tests {
    use tarsier_types::{Pts, UtcMs};

    use super::super::moof::FLAGS_SYNC;
    use super::*;
    use crate::boxes::{Reader, children, descend};

    fn unit(track: Track, dts: i64, pts: i64, duration: i64, is_keyframe: bool) -> AccessUnit {
        AccessUnit {
            track,
            pts: Pts(pts),
            dts: Dts(dts),
            duration: Ticks(duration),
            is_keyframe,
            arrived: UtcMs(0),
            data: Bytes::from_static(b"12345"),
        }
    }

    /// `track@tfdt+data_offset: duration/offset…`, a keyframe's duration with a `K`.
    fn show(fragment: &Fragment) -> String {
        let mut lines = Vec::new();
        for (_, traf) in children(descend(&fragment.head, &[*b"moof"]).unwrap())
            .filter(|(kind, _)| kind == b"traf")
        {
            let id = Reader::new(&descend(traf, &[*b"tfhd"]).unwrap()[4..]).u32().unwrap();
            let tfdt = Reader::new(&descend(traf, &[*b"tfdt"]).unwrap()[4..]).u64().unwrap();
            let mut trun = Reader::new(descend(traf, &[*b"trun"]).unwrap());
            trun.version_and_flags().unwrap();
            let (count, offset) = (trun.u32().unwrap(), trun.i32().unwrap());
            let mut rows = Vec::new();
            for _ in 0..count {
                let (duration, size) = (trun.u32().unwrap(), trun.u32().unwrap());
                assert_eq!(size, 5, "each row has its own unit's size");
                if id == 1 {
                    let key = if trun.u32().unwrap() == FLAGS_SYNC { "K" } else { "" };
                    rows.push(format!("{key}{duration}/{}", trun.i32().unwrap()));
                } else {
                    rows.push(duration.to_string());
                }
            }
            lines.push(format!("{id}@{tfdt}+{offset}: {}", rows.join(" ")));
        }
        format!(
            "{} [{}..{}]",
            lines.join(" | "),
            fragment.start.0,
            (fragment.start + fragment.duration).0
        )
    }

    #[test]
    fn a_picture_lasts_until_the_next_one_even_over_the_fragments_end() {
        let mut builder = FragmentBuilder::new(Dts(9000), 0);
        builder.push(unit(Track::Video, 9000, 9000, 3600, true));
        builder.push(unit(Track::Video, 12_500, 12_500, 3600, false));
        insta::assert_snapshot!(show(&builder.take(Some(Dts(16_300))).unwrap()), @"1@0+128: K3500/0 3800/0 [0..7300]");
        builder.push(unit(Track::Video, 16_300, 16_300, 3600, false));
        insta::assert_snapshot!(show(&builder.take(None).unwrap()), @"1@7300+112: 3600/0 [7300..10900]");
        assert!(builder.take(None).is_none(), "nothing is left");
    }

    #[test]
    fn b_frames_keep_their_showing_time_with_signed_offsets() {
        let mut builder = FragmentBuilder::new(Dts(0), 0);
        for (dts, pts) in [(0, 0), (3000, 9000), (6000, 3000), (9000, 6000)] {
            builder.push(unit(Track::Video, dts, pts, 3000, dts == 0));
        }
        insta::assert_snapshot!(show(&builder.take(None).unwrap()), @"1@0+160: K3000/0 3000/6000 3000/-3000 3000/-3000 [0..12000]");
    }

    #[test]
    fn a_timestamp_that_stands_still_moves_one_tick_and_is_shown_in_time() {
        let mut builder = FragmentBuilder::new(Dts(0), 0);
        for dts in [0, 3000, 3000, 2999, 6000] {
            builder.push(unit(Track::Video, dts, dts, 3000, dts == 0));
        }
        insta::assert_snapshot!(show(&builder.take(None).unwrap()), @"1@0+176: K3000/0 1/0 1/-1 2998/-3 3000/0 [0..9000]");
    }

    #[test]
    fn sound_before_the_origin_is_kept_in_order_at_the_origin() {
        let mut builder = FragmentBuilder::new(Dts(90_000), 8000);
        builder.push(unit(Track::Video, 90_000, 90_000, 3600, true));
        for dts in [81_000, 84_600, 88_200, 91_800] {
            builder.push(unit(Track::Audio, dts, dts, 3600, true));
        }
        insta::assert_snapshot!(show(&builder.take(None).unwrap()), @"1@0+208: K3600/0 | 2@0+213: 1 1 158 320 [0..3600]");
    }

    #[test]
    fn rounding_to_the_audio_timescale_never_grows() {
        let mut builder = FragmentBuilder::new(Dts(0), 44_100);
        let mut at = 0_i64;
        for _ in 0..1000 {
            for _ in 0..43 {
                let dts = rescale(at * 1024, 90_000, 44_100);
                builder.push(unit(Track::Audio, dts, dts, 2090, true));
                at += 1;
            }
            let shown = show(&builder.take(None).unwrap());
            let tfdt = format!("2@{}+", (at - 43) * 1024);
            assert!(
                shown.starts_with(&tfdt),
                "{shown} must start at {tfdt}: each frame has 1024 samples"
            );
            assert_eq!(
                shown.matches(" 1024").count(),
                43,
                "each frame lasts 1024 samples: {shown}"
            );
        }
    }

    #[test]
    fn payload_is_handed_on_and_not_copied() {
        let mut builder = FragmentBuilder::new(Dts(0), 8000);
        let (audio, video) =
            (unit(Track::Audio, 0, 0, 3600, true), unit(Track::Video, 0, 0, 3600, true));
        let data = Bytes::from(vec![7; 1000]);
        builder.push(AccessUnit { data: data.clone(), ..audio });
        builder.push(AccessUnit { data: data.clone(), ..video });
        let fragment = builder.take(None).unwrap();
        assert!(
            fragment.payload.iter().all(|bytes| bytes.as_ptr() == data.as_ptr()),
            "the same bytes, not equal ones"
        );
        assert_eq!(fragment.bytes(), u64_of(fragment.head.len()) + 2000);
    }
}
