//! One access unit as a fragment of its own, for players that must not wait for a second of pictures.
//!
//! ```text
//! prft  version 1, flags 24 | reference_track_ID u32 | ntp_timestamp u64 | media_time u64     32 bytes
//! moof  as in `moof.rs`, one unit
//! mdat
//! ```
//! What does not belong here: which viewer gets what (`live`).

use bytes::Bytes;
use tarsier_types::{AccessUnit, Dts, Ticks, Track};

use super::fragment::{Timescale, clamp_i32};
use super::moof::{Sample, Shape, track_id, u64_of};
use crate::boxes::Writer;

/// Seconds from 1900 (NTP, RFC 5905 section 6) to 1970.
const NTP_TO_UNIX_SECONDS: i64 = 2_208_988_800;
const PRFT_BYTES: usize = 32;
/// ISO/IEC 14496-12 section 8.16.5: the clock's relation to the media is arbitrary, and stays the same.
const PRFT_FLAGS: u32 = 24;

/// `[prft] moof mdat` with one access unit, in one piece. `origin` is media time 0 of the player; a unit before it
/// is decoded at 0. `ntp` is when the unit reached us, in microseconds since 1970: the player's own clock tells it
/// from that how late it is. Sound is timed in `audio_rate_hz`.
pub fn unit_fragment(
    sequence: u32,
    unit: &AccessUnit,
    origin: Dts,
    ntp: Option<i64>,
    audio_rate_hz: u32,
) -> Bytes {
    write(sequence, unit, origin, ntp, audio_rate_hz, Payload::Copied)
}

/// The same without the payload, which follows as it is ([`AccessUnit::data`]): for sockets that write from two buffers.
pub fn unit_fragment_head(
    sequence: u32,
    unit: &AccessUnit,
    origin: Dts,
    ntp: Option<i64>,
    audio_rate_hz: u32,
) -> Bytes {
    write(sequence, unit, origin, ntp, audio_rate_hz, Payload::Follows)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Payload {
    Copied,
    Follows,
}

fn write(
    sequence: u32,
    unit: &AccessUnit,
    origin: Dts,
    ntp: Option<i64>,
    audio_rate_hz: u32,
    payload: Payload,
) -> Bytes {
    let bytes = u64_of(unit.data.len());
    let (per_second, shape) = match unit.track {
        Track::Video => (
            Ticks::PER_SECOND,
            Shape { sequence, video_units: 1, audio_units: 0, video_bytes: bytes, audio_bytes: 0 },
        ),
        Track::Audio => (
            i64::from(audio_rate_hz.max(1)),
            Shape { sequence, video_units: 0, audio_units: 1, video_bytes: 0, audio_bytes: bytes },
        ),
    };
    let scale = Timescale { origin, per_second };
    let position = scale.position(unit.dts).max(0);
    let shown = scale.position(Dts(unit.pts.0));
    let sample = Sample {
        duration: u32::try_from(scale.units(unit.duration).max(1)).unwrap_or(u32::MAX),
        size: u32::try_from(unit.data.len()).unwrap_or(u32::MAX),
        is_keyframe: unit.is_keyframe,
        composition_offset: clamp_i32(shown.saturating_sub(position)),
    };
    let copied = if payload == Payload::Copied { unit.data.len() } else { 0 };
    let mut w = Writer::with_capacity(PRFT_BYTES + shape.head_bytes() + copied);
    if let Some(arrived_us) = ntp {
        w.full(*b"prft", 1, PRFT_FLAGS, |w| {
            w.u32(track_id(unit.track));
            w.u64(ntp_timestamp(arrived_us));
            w.u64(u64::try_from(shown.max(0)).unwrap_or(0));
        });
    }
    let decode_time = u64::try_from(position).unwrap_or(0);
    let (video, audio) = (std::iter::once(sample), std::iter::once(sample));
    shape.write(&mut w, (decode_time, video), (decode_time, audio));
    if payload == Payload::Copied {
        w.bytes(&unit.data);
    }
    w.into_bytes()
}

/// Microseconds since 1970 as seconds since 1900 in 32.32 bits. Wraps in 2036, as NTP does.
fn ntp_timestamp(unix_us: i64) -> u64 {
    let seconds =
        unix_us.div_euclid(1_000_000).wrapping_add(NTP_TO_UNIX_SECONDS).rem_euclid(1 << 32);
    let fraction = (unix_us.rem_euclid(1_000_000) << 32) / 1_000_000;
    u64::try_from((i128::from(seconds) << 32) | i128::from(fraction)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use tarsier_types::{Pts, UtcMs};

    use super::*;
    use crate::boxes::{Reader, child, children, descend};

    fn unit(track: Track, dts: i64, pts: i64) -> AccessUnit {
        let data = Bytes::from_static(b"\0\0\0\x02ab");
        let (pts, dts, duration) = (Pts(pts), Dts(dts), Ticks(3600));
        AccessUnit { track, pts, dts, duration, is_keyframe: true, arrived: UtcMs(0), data }
    }

    fn decode_time(fragment: &[u8]) -> u64 {
        Reader::new(&descend(fragment, &[*b"moof", *b"traf", *b"tfdt"]).unwrap()[4..])
            .u64()
            .unwrap()
    }

    #[test]
    fn one_unit_is_one_fragment_with_its_arrival() {
        let bytes =
            unit_fragment(7, &unit(Track::Video, 93_600, 97_200), Dts(90_000), Some(1_500_000), 0);
        let kinds: Vec<_> = children(&bytes).map(|(kind, _)| kind).collect();
        assert_eq!(kinds, [*b"prft", *b"moof", *b"mdat"], "in this order, and nothing behind");
        assert_eq!(child(&bytes, *b"mdat"), Some(b"\0\0\0\x02ab".as_slice()));
        assert_eq!(decode_time(&bytes), 3600);
        let mut prft = Reader::new(child(&bytes, *b"prft").unwrap());
        assert_eq!(prft.version_and_flags(), Some((1, 24)));
        assert_eq!(prft.u32(), Some(1), "the track that it speaks of");
        assert_eq!(prft.u64(), Some((2_208_988_801 << 32) | (1 << 31)), "1.5 s after 1970");
        assert_eq!(prft.u64(), Some(7200), "when the picture is shown");
    }

    #[test]
    fn a_unit_before_the_origin_is_decoded_at_it() {
        let video = unit_fragment(1, &unit(Track::Video, 0, 3600), Dts(1800), None, 0);
        assert_eq!(decode_time(&video), 0, "a decoding time has no sign");
        assert_eq!(
            &video[video.len() - 18..video.len() - 14],
            1800_u32.to_be_bytes(),
            "shown when it should be"
        );
        let audio = unit_fragment(1, &unit(Track::Audio, 90_000, 90_000), Dts(0), None, 16_000);
        assert_eq!(decode_time(&audio), 16_000, "sound counts in its own rate");
    }

    #[test]
    fn the_head_alone_is_the_same_without_the_payload() {
        let unit = unit(Track::Audio, 5, 5);
        let whole = unit_fragment(3, &unit, Dts(0), Some(0), 8000);
        let head = unit_fragment_head(3, &unit, Dts(0), Some(0), 8000);
        assert_eq!([&head[..], &unit.data[..]].concat(), whole);
    }
}
