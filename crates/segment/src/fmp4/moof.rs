//! `moof` and the header of its `mdat`, ISO/IEC 14496-12 sections 8.8.4 to 8.8.12.
//!
//! ```text
//! moof
//!   mfhd  sequence_number u32                                              16 bytes
//!   traf                                                                    8
//!     tfhd  flags 020000 default-base-is-moof | track_ID u32               16
//!     tfdt  version 1 | baseMediaDecodeTime u64                            20
//!     trun  version 1 | sample_count u32 | data_offset i32                 20
//!           video, flags 000f01: duration u32, size u32, flags u32, composition offset i32, each
//!           audio, flags 000301: duration u32, size u32, each
//! mdat  video units, then audio units
//! ```
//! What does not belong here: which times samples get.

use tarsier_types::Track;

use crate::boxes::{HEADER, Writer};

/// `sample_depends_on` = 2: needs no other picture (section 8.8.3.1).
pub(crate) const FLAGS_SYNC: u32 = 0x0200_0000;
/// `sample_depends_on` = 1, `sample_is_non_sync_sample`.
pub(crate) const FLAGS_DEPENDS: u32 = 0x0101_0000;

const MOOF_AND_MFHD: usize = HEADER + 16;
const TRAF: usize = HEADER + 16 + 20 + 20;
const VIDEO_SAMPLE: usize = 16;
const AUDIO_SAMPLE: usize = 8;

/// The number of a track in every file of ours.
pub(crate) const fn track_id(track: Track) -> u32 {
    match track {
        Track::Video => 1,
        Track::Audio => 2,
    }
}

/// One row of a `trun`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sample {
    pub(crate) duration: u32,
    pub(crate) size: u32,
    pub(crate) is_keyframe: bool,
    pub(crate) composition_offset: i32,
}

/// What the head must hold, known before its first byte is written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) sequence: u32,
    pub(crate) video_units: usize,
    pub(crate) audio_units: usize,
    pub(crate) video_bytes: u64,
    pub(crate) audio_bytes: u64,
}

impl Shape {
    /// Bytes of `moof` alone.
    pub(crate) fn moof_bytes(&self) -> usize {
        let track = |units: usize, each: usize| if units == 0 { 0 } else { TRAF + units * each };
        MOOF_AND_MFHD
            + track(self.video_units, VIDEO_SAMPLE)
            + track(self.audio_units, AUDIO_SAMPLE)
    }

    /// Bytes of `moof` and the header of `mdat`.
    pub(crate) fn head_bytes(&self) -> usize {
        self.moof_bytes() + HEADER
    }

    /// Writes all before the payload. Each track gives its decoding time and as many samples as its shape says.
    pub(crate) fn write(
        &self,
        w: &mut Writer,
        video: (u64, impl Iterator<Item = Sample>),
        audio: (u64, impl Iterator<Item = Sample>),
    ) {
        let before = w.len();
        let payload_at = u64_of(self.head_bytes());
        w.boxed(*b"moof", |w| {
            w.full(*b"mfhd", 0, 0, |w| w.u32(self.sequence));
            if self.video_units > 0 {
                traf(w, Track::Video, self.video_units, payload_at, video);
            }
            if self.audio_units > 0 {
                traf(w, Track::Audio, self.audio_units, payload_at + self.video_bytes, audio);
            }
        });
        debug_assert_eq!(
            w.len() - before,
            self.moof_bytes(),
            "data offsets are computed from this"
        );
        w.u32(
            u32::try_from(self.video_bytes + self.audio_bytes + u64_of(HEADER)).unwrap_or(u32::MAX),
        );
        w.bytes(b"mdat");
    }
}

fn traf(
    w: &mut Writer,
    track: Track,
    units: usize,
    data_offset: u64,
    (decode_time, samples): (u64, impl Iterator<Item = Sample>),
) {
    w.boxed(*b"traf", |w| {
        w.full(*b"tfhd", 0, 0x02_0000, |w| w.u32(track_id(track)));
        w.full(*b"tfdt", 1, 0, |w| w.u64(decode_time));
        let flags = match track {
            Track::Video => 0x0f01,
            Track::Audio => 0x0301,
        };
        w.full(*b"trun", 1, flags, |w| {
            w.u32(u32::try_from(units).unwrap_or(u32::MAX));
            w.i32(i32::try_from(data_offset).unwrap_or(i32::MAX));
            for sample in samples {
                w.u32(sample.duration);
                w.u32(sample.size);
                if track == Track::Video {
                    w.u32(if sample.is_keyframe { FLAGS_SYNC } else { FLAGS_DEPENDS });
                    w.i32(sample.composition_offset);
                }
            }
        });
    });
}

pub(crate) fn u64_of(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
