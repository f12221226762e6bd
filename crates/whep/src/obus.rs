//! Brain: a stored picture of AV1 as the library wants it: units with their sizes in them, the sequence header before each
//! keyframe and nowhere else, as packets call a keyframe whatever begins with one.
//!
//! What does not belong here: RTP; the library cuts units into packets.

use bytes::{BufMut as _, BytesMut};
use tarsier_segment::obu::{self, METADATA, SEQUENCE_HEADER, TEMPORAL_DELIMITER};
use tarsier_segment::sample_entry::av1c_of;
use tarsier_types::{AccessUnit, VideoParameters};

use crate::picture::PADDING_ID;

/// What ITU-T T.35 tells (`metadata_type` 4, section 6.7.2) in a country that there is not. Types that are nobody's would be
/// what it is for, but FFmpeg refuses a stream with them.
const TO_NOBODY: [u8; 3] = [4, 0xff, 0xff];

/// The sequence header of a run, for keyframes that bring none: a container may keep it to itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sequence(Vec<u8>);

impl Sequence {
    pub(crate) fn of(video: &VideoParameters) -> Self {
        let mut header = BytesMut::new();
        if let Some(unit) = av1c_of(&video.sample_entry).and_then(obu::sequence_header_of) {
            unit.put(&mut header);
        }
        Self(header.into())
    }
}

/// None if it is not whole, or a keyframe with which no decoder can begin.
pub(crate) fn temporal_unit(
    picture: &AccessUnit,
    sequence: &Sequence,
    pad_bytes: usize,
) -> Option<Vec<u8>> {
    let units = obu::whole(&picture.data)?;
    let most = picture.data.len() + sequence.0.len() + pad_bytes + 64;
    let mut bytes = BytesMut::with_capacity(most);
    if picture.is_keyframe {
        match units.iter().find(|unit| unit.kind() == SEQUENCE_HEADER) {
            Some(brought) => brought.put(&mut bytes),
            None => bytes.put_slice(&sequence.0),
        }
        if bytes.is_empty() {
            return None;
        }
    }
    if pad_bytes > 0 {
        put_padding(&mut bytes, pad_bytes);
    }
    let before = bytes.len();
    for unit in &units {
        if !matches!(unit.kind(), SEQUENCE_HEADER | TEMPORAL_DELIMITER) {
            unit.put(&mut bytes);
        }
    }
    (bytes.len() > before).then(|| bytes.into())
}

/// Metadata of about that length (sections 5.8 and 6.7.1): units of padding would be what it is for, but the library sends
/// none.
fn put_padding(out: &mut BytesMut, bytes: usize) {
    // obu_has_size_field is the second bit.
    out.put_u8(METADATA << 3 | 0x02);
    obu::put_leb128(out, TO_NOBODY.len() + PADDING_ID.len() + bytes + 1);
    out.put_slice(&TO_NOBODY);
    out.put_slice(&PADDING_ID);
    out.put_bytes(0xff, bytes);
    out.put_u8(0x80);
}

#[cfg(test)]
pub(crate) mod fixtures {
    use tarsier_segment::sample_entry::av01_from_av1c;
    use tarsier_types::{Codec, VideoParameters};

    /// With those units in its configuration.
    pub(crate) fn av1(rfc6381: &str, units: &[u8]) -> VideoParameters {
        VideoParameters {
            codec: Codec::Av1,
            rfc6381: rfc6381.to_owned(),
            width: 640,
            height: 360,
            nominal_millifps: Some(25_000),
            sample_entry: av01_from_av1c(&[&[0x81, 4, 0x0c, 0], units].concat(), 640, 360),
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use tarsier_segment::obu::FRAME;
    use tarsier_types::{Dts, Pts, Ticks, Track, UtcMs};

    use super::fixtures::av1;
    use super::*;

    const DELIMITER: &[u8] = &[0x12, 0];
    const HEADER: &[u8] = &[0x0a, 2, 7, 8];
    const OTHER_HEADER: &[u8] = &[0x0a, 2, 7, 9];
    const PICTURE: &[u8] = &[0x32, 3, 1, 2, 3];

    fn unit(units: &[&[u8]], is_keyframe: bool) -> AccessUnit {
        AccessUnit {
            track: Track::Video,
            pts: Pts(0),
            dts: Dts(0),
            duration: Ticks(3600),
            is_keyframe,
            arrived: UtcMs(0),
            data: Bytes::from(units.concat()),
        }
    }

    fn sequence(units: &[u8]) -> Sequence {
        Sequence::of(&av1("av01.0.04M.08", units))
    }

    #[test]
    fn the_sequence_header_stands_before_each_keyframe_and_nowhere_else() {
        let (run, bare) = (sequence(HEADER), sequence(&[]));
        let sent = |units: &[&[u8]], is_keyframe, run| {
            temporal_unit(&unit(units, is_keyframe), run, 0).unwrap()
        };
        let begins = [HEADER, PICTURE].concat();
        assert_eq!(sent(&[PICTURE], true, &run), begins, "it was in the container alone");
        assert_eq!(sent(&[DELIMITER, HEADER, PICTURE], true, &bare), begins, "in the stream alone");
        let brought = sent(&[OTHER_HEADER, PICTURE], true, &run);
        assert_eq!(brought, [OTHER_HEADER, PICTURE].concat(), "what is newer counts");
        assert_eq!(
            sent(&[HEADER, PICTURE], false, &run),
            PICTURE,
            "no keyframe must look like one"
        );
        assert_eq!(temporal_unit(&unit(&[PICTURE], true), &bare, 0), None, "nobody can begin");
    }

    #[test]
    fn padding_stands_before_the_picture_and_tells_its_length() {
        let run = sequence(HEADER);
        for pad_bytes in [1, 107, 108, 5000] {
            let padded = temporal_unit(&unit(&[PICTURE], false), &run, pad_bytes).unwrap();
            let units = obu::whole(&padded).unwrap();
            let kinds: Vec<_> = units.iter().map(obu::Obu::kind).collect();
            assert_eq!(kinds, [METADATA, FRAME]);
            assert_eq!(units[0].payload.len(), 3 + 16 + pad_bytes + 1);
            assert!(padded.ends_with(PICTURE));
        }
    }

    #[test]
    fn a_torn_picture_is_not_sent() {
        let run = sequence(HEADER);
        for units in [&[&PICTURE[..4]][..], &[DELIMITER], &[HEADER], &[]] {
            assert_eq!(temporal_unit(&unit(units, true), &run, 0), None, "{units:?}");
        }
    }
}
