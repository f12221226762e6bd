//! `ftyp moov`: what a player needs before the first fragment.
//!
//! ```text
//! ftyp  iso6, compatible with iso6 iso5 mp41
//! moov
//!   mvhd  version 1: the file's start in seconds since 1904, timescale 90000, no duration (it is not known yet)
//!   trak  1, video: tkhd, mdia(mdhd timescale 90000, hdlr vide, minf(vmhd, dinf, stbl))
//!   trak  2, audio: tkhd, mdia(mdhd timescale = sample rate, hdlr soun, minf(smhd, dinf, stbl))
//!   mvex  trex for each track
//!   uuid, udta  as in `meta.rs`; absent for live
//! ```
//! ISO/IEC 14496-12 sections 4.3, 8.2, 8.3, 8.4, 8.5, 8.7, 8.8.1 to 8.8.3. `iso6` is what signed composition
//! offsets (section 8.6.1.3, version 1) and default-base-is-moof ask for.

use bytes::Bytes;
use tarsier_types::{ParameterSets, Ticks, Track};

use super::moof::{FLAGS_DEPENDS, FLAGS_SYNC, track_id};
use crate::boxes::Writer;
use crate::meta::{SegmentMeta, write_udta, write_uuid};

/// Seconds from 1904 (the format's epoch) to 1970.
const MP4_TO_UNIX_SECONDS: i64 = 2_082_844_800;
/// `und`, in three times five bits (ISO 639-2/T).
const UNDETERMINED: u16 = 0x55c4;
/// The identity, in 16.16 and 2.30 bits.
const MATRIX: [u32; 9] = [0x1_0000, 0, 0, 0, 0x1_0000, 0, 0, 0, 0x4000_0000];

/// The head of a file. `meta` is what the file says about itself; none for live.
pub fn init_segment(parameters: &ParameterSets, meta: Option<&SegmentMeta>) -> Bytes {
    let mut w = Writer::with_capacity(2048);
    w.boxed(*b"ftyp", |w| {
        w.bytes(b"iso6");
        w.u32(0);
        w.bytes(b"iso6iso5mp41");
    });
    w.boxed(*b"moov", |w| {
        mvhd(w, meta);
        let video = &parameters.video;
        trak(w, Track::Video, ticks_per_second(), (video.width, video.height), &video.sample_entry);
        if let Some(audio) = &parameters.audio {
            trak(w, Track::Audio, audio.sample_rate_hz.max(1), (0, 0), &audio.sample_entry);
        }
        w.boxed(*b"mvex", |w| {
            trex(w, Track::Video, FLAGS_DEPENDS);
            if parameters.audio.is_some() {
                trex(w, Track::Audio, FLAGS_SYNC);
            }
        });
        if let Some(meta) = meta {
            write_uuid(w, meta, video.nominal_millifps);
            write_udta(w, meta);
        }
    });
    w.into_bytes()
}

fn ticks_per_second() -> u32 {
    u32::try_from(Ticks::PER_SECOND).expect("90000 is a small number")
}

fn mvhd(w: &mut Writer, meta: Option<&SegmentMeta>) {
    let created =
        meta.map_or(0, |meta| meta.start.0.div_euclid(1000).saturating_add(MP4_TO_UNIX_SECONDS));
    let created = u64::try_from(created).unwrap_or(0);
    w.full(*b"mvhd", 1, 0, |w| {
        w.u64(created);
        w.u64(created);
        w.u32(ticks_per_second());
        w.u64(0);
        w.u32(0x1_0000); // rate 1.0
        w.u16(0x0100); // volume 1.0
        w.zeros(10);
        matrix(w);
        w.zeros(24);
        w.u32(track_id(Track::Audio) + 1); // next_track_ID
    });
}

fn matrix(w: &mut Writer) {
    for value in MATRIX {
        w.u32(value);
    }
}

fn trak(
    w: &mut Writer,
    track: Track,
    timescale: u32,
    (width, height): (u16, u16),
    sample_entry: &[u8],
) {
    let is_audio = track == Track::Audio;
    w.boxed(*b"trak", |w| {
        w.full(*b"tkhd", 0, 3, |w| {
            w.zeros(8); // creation, modification: mvhd tells
            w.u32(track_id(track));
            w.zeros(16); // reserved, duration, reserved
            w.u16(0); // layer
            w.u16(u16::from(is_audio)); // alternate_group
            w.u16(if is_audio { 0x0100 } else { 0 }); // volume
            w.u16(0);
            matrix(w);
            w.u32(u32::from(width) << 16);
            w.u32(u32::from(height) << 16);
        });
        w.boxed(*b"mdia", |w| {
            w.full(*b"mdhd", 0, 0, |w| {
                w.zeros(8);
                w.u32(timescale);
                w.u32(0);
                w.u16(UNDETERMINED);
                w.u16(0);
            });
            w.full(*b"hdlr", 0, 0, |w| {
                w.u32(0);
                w.bytes(if is_audio { b"soun" } else { b"vide" });
                w.zeros(12);
                w.bytes(if is_audio { b"Sound\0" } else { b"Video\0" });
            });
            w.boxed(*b"minf", |w| {
                if is_audio {
                    w.full(*b"smhd", 0, 0, |w| w.zeros(4));
                } else {
                    w.full(*b"vmhd", 0, 1, |w| w.zeros(8));
                }
                w.boxed(*b"dinf", |w| {
                    w.full(*b"dref", 0, 0, |w| {
                        w.u32(1);
                        w.full(*b"url ", 0, 1, |_| ()); // flags 1: the media is in this file
                    });
                });
                w.boxed(*b"stbl", |w| {
                    w.full(*b"stsd", 0, 0, |w| {
                        w.u32(1);
                        w.bytes(sample_entry);
                    });
                    w.full(*b"stts", 0, 0, |w| w.u32(0));
                    w.full(*b"stsc", 0, 0, |w| w.u32(0));
                    w.full(*b"stsz", 0, 0, |w| w.zeros(8));
                    w.full(*b"stco", 0, 0, |w| w.u32(0));
                });
            });
        });
    });
}

fn trex(w: &mut Writer, track: Track, default_flags: u32) {
    w.full(*b"trex", 0, 0, |w| {
        w.u32(track_id(track));
        w.u32(1); // default_sample_description_index
        w.zeros(8); // default duration and size: each fragment tells
        w.u32(default_flags);
    });
}
