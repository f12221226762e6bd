//! Brain: a stored picture as the library wants it: NAL units behind start codes (H.264 Annex B), with the parameter
//! sets before each keyframe, so that a decoder can begin there.
//!
//! What does not belong here: RTP; the library cuts NAL units into packets.

use tarsier_segment::sample_entry::parameter_nals;
use tarsier_types::{AccessUnit, VideoParameters};

const START_CODE: [u8; 4] = [0, 0, 0, 1];
const LENGTH_BYTES: usize = 4;

/// The parameter sets of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sets {
    sps: Vec<u8>,
    pps: Vec<u8>,
}

impl Sets {
    /// One of each: the library keeps no more (str0m 0.25).
    pub(crate) fn of(video: &VideoParameters) -> Option<Self> {
        let nals = parameter_nals(&video.sample_entry)?;
        match nals.as_slice() {
            [sps, pps] if kind(sps) == Kind::Sps && kind(pps) == Kind::Pps && sps.len() > 3 => {
                Some(Self { sps: sps.to_vec(), pps: pps.to_vec() })
            }
            _ => None,
        }
    }

    /// `profile_idc`.
    pub(crate) fn profile_idc(&self) -> u32 {
        u32::from(self.sps[1])
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Sps,
    Pps,
    /// Delimiters and filler: RTP has its own.
    Padding,
    Other,
}

fn kind(nal: &[u8]) -> Kind {
    match nal.first().map(|head| head & 0x1f) {
        Some(7) => Kind::Sps,
        Some(8) => Kind::Pps,
        Some(9 | 12) => Kind::Padding,
        _ => Kind::Other,
    }
}

/// Names what is in a message to nobody: a decoder passes over what it does not know. Made by chance.
const PADDING_ID: [u8; 16] = [
    0x9b, 0x4e, 0x71, 0xd2, 0x5a, 0xc8, 0x43, 0x1f, 0xa6, 0x3d, 0xe7, 0x58, 0x94, 0x2b, 0xf1, 0x6c,
];

/// Supplemental enhancement information of about that length (ITU-T H.264 sections 7.3.2.3.1 and D.1.6): filler units
/// would be what it is for, but the library sends none.
fn padding(bytes: usize) -> Vec<u8> {
    let size = bytes + PADDING_ID.len();
    let mut nal = vec![0x06, 0x05];
    nal.resize(nal.len() + size / 255, 0xff);
    nal.push(u8::try_from(size % 255).unwrap_or(0));
    nal.extend_from_slice(&PADDING_ID);
    nal.resize(nal.len() + bytes, 0xff);
    nal.push(0x80);
    nal
}

/// The picture for the wire, with so many bytes that mean nothing; none if there is no whole NAL unit in it.
pub(crate) fn annex_b(unit: &AccessUnit, sets: &Sets, pad_bytes: usize) -> Option<Vec<u8>> {
    let sets_bytes = sets.sps.len() + sets.pps.len();
    let mut bytes = Vec::with_capacity(unit.data.len() + sets_bytes + pad_bytes + 64);
    let mut put = |nal: &[u8]| {
        bytes.extend_from_slice(&START_CODE);
        bytes.extend_from_slice(nal);
    };
    if unit.is_keyframe {
        put(&sets.sps);
        put(&sets.pps);
    }
    if pad_bytes > 0 {
        put(&padding(pad_bytes));
    }
    let mut rest = &unit.data[..];
    let mut is_empty = true;
    while let Some((length, behind)) = rest.split_first_chunk::<LENGTH_BYTES>() {
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        let nal = behind.get(..length)?;
        // Those of the run stand before each keyframe already; in between they would be sent with the wrong picture.
        if kind(nal) == Kind::Other && !nal.is_empty() {
            put(nal);
            is_empty = false;
        }
        rest = &behind[length..];
    }
    (!is_empty).then_some(bytes)
}

#[cfg(test)]
pub(crate) mod fixtures {
    use tarsier_segment::sample_entry::avc1;
    use tarsier_types::{Codec, VideoParameters};

    pub(crate) fn video(profile: u8) -> VideoParameters {
        VideoParameters {
            codec: Codec::H264,
            rfc6381: format!("avc1.{profile:02x}001f"),
            width: 640,
            height: 360,
            nominal_millifps: Some(25_000),
            sample_entry: avc1(&[0x67, profile, 0, 31, 0xac], &[0x68, 0xee], 640, 360),
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use tarsier_types::{Dts, Pts, Ticks, Track, UtcMs};

    use super::fixtures::video;
    use super::*;

    fn unit(nals: &[&[u8]], is_keyframe: bool) -> AccessUnit {
        let mut data = Vec::new();
        for nal in nals {
            data.extend_from_slice(&u32::try_from(nal.len()).unwrap().to_be_bytes());
            data.extend_from_slice(nal);
        }
        AccessUnit {
            track: Track::Video,
            pts: Pts(0),
            dts: Dts(0),
            duration: Ticks(3600),
            is_keyframe,
            arrived: UtcMs(0),
            data: Bytes::from(data),
        }
    }

    #[test]
    fn parameter_sets_stand_before_each_keyframe_and_nowhere_else() {
        let sets = Sets::of(&video(77)).unwrap();
        let keyframe = unit(&[&[0x09, 0xf0], &[0x67, 1], &[0x68, 1], &[0x65, 7, 7]], true);
        assert_eq!(
            annex_b(&keyframe, &sets, 0).unwrap(),
            [
                &[0, 0, 0, 1, 0x67, 77, 0, 31, 0xac][..],
                &[0, 0, 0, 1, 0x68, 0xee],
                &[0, 0, 0, 1, 0x65, 7, 7],
            ]
            .concat(),
            "those of the run, not those in the picture"
        );
        let other = unit(&[&[0x41, 9], &[0x41, 8]], false);
        assert_eq!(annex_b(&other, &sets, 0).unwrap(), [0, 0, 0, 1, 0x41, 9, 0, 0, 0, 1, 0x41, 8]);
    }

    #[test]
    fn padding_stands_before_the_picture_and_tells_its_length() {
        let sets = Sets::of(&video(77)).unwrap();
        for pad_bytes in [1, 238, 239, 240, 5000] {
            let padded = annex_b(&unit(&[&[0x41, 9]], false), &sets, pad_bytes).unwrap();
            let nal = padded.strip_prefix(&[0, 0, 0, 1]).unwrap();
            let nal = nal.strip_suffix(&[0, 0, 0, 1, 0x41, 9]).unwrap();
            let body = nal.strip_prefix(&[0x06, 0x05]).unwrap();
            let ones = body.iter().take_while(|byte| **byte == 0xff).count();
            let size = ones * 255 + usize::from(body[ones]);
            assert_eq!(size, 16 + pad_bytes);
            assert_eq!(body.len(), ones + 1 + size + 1, "and the bits at the end");
        }
    }

    #[test]
    fn a_torn_picture_is_not_sent() {
        let sets = Sets::of(&video(77)).unwrap();
        let mut torn = unit(&[&[0x41, 9, 9, 9]], false);
        torn.data = torn.data.slice(..6);
        assert_eq!(annex_b(&torn, &sets, 0), None);
        assert_eq!(annex_b(&unit(&[&[0x09, 0xf0]], false), &sets, 0), None, "a delimiter alone");
        assert_eq!(annex_b(&unit(&[], true), &sets, 0), None);
    }
}
