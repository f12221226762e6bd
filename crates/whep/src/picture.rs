//! Brain: a stored picture as the library wants it: NAL units behind start codes (Annex B of H.264 and of H.265), with the
//! parameter sets before each keyframe, so that a decoder can begin there; or units of AV1 ([`crate::obus`]).
//!
//! What does not belong here: RTP; the library cuts units into packets.

use tarsier_segment::nal::{h264_type, hevc_type};
use tarsier_segment::sample_entry::parameter_nals;
use tarsier_types::{AccessUnit, Codec, VideoParameters};

use crate::obus::{Sequence, temporal_unit};

const START_CODE: [u8; 4] = [0, 0, 0, 1];
const LENGTH_BYTES: usize = 4;
/// The library leaves out a parameter set of H.265 that is longer than a packet (str0m 0.25).
const MAX_SET_BYTES: usize = 1000;

/// What a decoder must know before the pictures of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Sets {
    Nals(NalSets),
    Obus(Sequence),
}

impl Sets {
    /// None where they cannot be sent.
    pub(crate) fn of(video: &VideoParameters) -> Option<Self> {
        match video.codec {
            Codec::Av1 => Some(Self::Obus(Sequence::of(video))),
            _ => NalSets::of(video).map(Self::Nals),
        }
    }

    /// The picture for the wire, with so many bytes that mean nothing; none if there is nothing whole in it.
    pub(crate) fn wire(&self, unit: &AccessUnit, pad_bytes: usize) -> Option<Vec<u8>> {
        match self {
            Self::Nals(sets) => annex_b(unit, sets, pad_bytes),
            Self::Obus(sequence) => temporal_unit(unit, sequence, pad_bytes),
        }
    }
}

/// The parameter sets of a run of H.264 or H.265.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NalSets {
    coding: Coding,
    /// In the order that a decoder wants.
    nals: Vec<Vec<u8>>,
    profile_idc: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Coding {
    H264,
    H265,
}

impl NalSets {
    /// One of each kind: the library keeps no more (str0m 0.25).
    pub(crate) fn of(video: &VideoParameters) -> Option<Self> {
        let nals = parameter_nals(&video.sample_entry)?;
        let (coding, kinds) = match video.codec {
            Codec::H264 => (Coding::H264, &[Kind::Sps, Kind::Pps][..]),
            Codec::Hevc => (Coding::H265, &[Kind::Vps, Kind::Sps, Kind::Pps][..]),
            _ => return None,
        };
        let only = |wanted: &Kind| {
            let mut found = nals.iter().filter(|nal| coding.kind(nal) == *wanted);
            let nal = found.next().filter(|nal| nal.len() <= MAX_SET_BYTES)?;
            found.next().is_none().then(|| nal.to_vec())
        };
        let nals: Vec<Vec<u8>> = kinds.iter().map(only).collect::<Option<_>>()?;
        let profile_idc = nals.first().filter(|nal| nal.len() > 3)?[1].into();
        Some(Self { coding, nals, profile_idc })
    }

    /// `profile_idc` of H.264.
    pub(crate) const fn profile_idc(&self) -> u32 {
        self.profile_idc
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Vps,
    Sps,
    Pps,
    /// Delimiters and filler: RTP has its own.
    Padding,
    Other,
}

impl Coding {
    fn kind(self, nal: &[u8]) -> Kind {
        match self {
            Self::H264 => match h264_type(nal) {
                Some(7) => Kind::Sps,
                Some(8) => Kind::Pps,
                Some(9 | 12) => Kind::Padding,
                _ => Kind::Other,
            },
            Self::H265 => match hevc_type(nal) {
                Some(32) => Kind::Vps,
                Some(33) => Kind::Sps,
                Some(34) => Kind::Pps,
                Some(35 | 38) => Kind::Padding,
                _ => Kind::Other,
            },
        }
    }

    /// The head of a unit of supplemental enhancement information before a picture.
    const fn sei(self) -> &'static [u8] {
        match self {
            Self::H264 => &[0x06],
            Self::H265 => &[0x4e, 0x01],
        }
    }
}

/// Names what is in a message to nobody: a decoder passes over what it does not know. Made by chance.
pub(crate) const PADDING_ID: [u8; 16] = [
    0x9b, 0x4e, 0x71, 0xd2, 0x5a, 0xc8, 0x43, 0x1f, 0xa6, 0x3d, 0xe7, 0x58, 0x94, 0x2b, 0xf1, 0x6c,
];

/// Supplemental enhancement information of about that length (ITU-T H.264 sections 7.3.2.3.1 and D.1.6, H.265 sections
/// 7.3.5 and D.2.7): filler units would be what it is for, but the library sends none of H.264.
fn padding(coding: Coding, bytes: usize) -> Vec<u8> {
    let size = bytes + PADDING_ID.len();
    let mut nal = [coding.sei(), &[0x05]].concat();
    nal.resize(nal.len() + size / 255, 0xff);
    nal.push(u8::try_from(size % 255).unwrap_or(0));
    nal.extend_from_slice(&PADDING_ID);
    nal.resize(nal.len() + bytes, 0xff);
    nal.push(0x80);
    nal
}

/// None if there is no whole NAL unit in it.
fn annex_b(unit: &AccessUnit, sets: &NalSets, pad_bytes: usize) -> Option<Vec<u8>> {
    let sets_bytes: usize = sets.nals.iter().map(|nal| nal.len() + START_CODE.len()).sum();
    let mut bytes = Vec::with_capacity(unit.data.len() + sets_bytes + pad_bytes + 64);
    let mut put = |nal: &[u8]| {
        bytes.extend_from_slice(&START_CODE);
        bytes.extend_from_slice(nal);
    };
    if unit.is_keyframe {
        sets.nals.iter().for_each(|nal| put(nal));
    }
    if pad_bytes > 0 {
        put(&padding(sets.coding, pad_bytes));
    }
    let mut rest = &unit.data[..];
    let mut is_empty = true;
    while let Some((length, behind)) = rest.split_first_chunk::<LENGTH_BYTES>() {
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        let nal = behind.get(..length)?;
        // Those of the run stand before each keyframe already; in between they would be sent with the wrong picture.
        if sets.coding.kind(nal) == Kind::Other && !nal.is_empty() {
            put(nal);
            is_empty = false;
        }
        rest = &behind[length..];
    }
    (!is_empty).then_some(bytes)
}

#[cfg(test)]
pub(crate) mod fixtures {
    use tarsier_segment::sample_entry::{avc1, hvc1_from_hvcc};
    use tarsier_types::{Codec, VideoParameters};

    pub(crate) const VPS: [u8; 4] = [0x40, 1, 0x0c, 1];
    pub(crate) const HEVC_SPS: [u8; 5] = [0x42, 1, 1, 1, 0x60];
    pub(crate) const HEVC_PPS: [u8; 4] = [0x44, 1, 0xc1, 0x72];

    /// An `HEVCDecoderConfigurationRecord` of these units, each in an array of its own.
    pub(crate) fn hvcc(nals: &[&[u8]]) -> Vec<u8> {
        let mut record = vec![1; 22];
        record.push(u8::try_from(nals.len()).unwrap());
        for nal in nals {
            record.extend_from_slice(&[0x80 | nal[0] >> 1, 0, 1]);
            record.extend_from_slice(&u16::try_from(nal.len()).unwrap().to_be_bytes());
            record.extend_from_slice(nal);
        }
        record
    }

    pub(crate) fn hevc(rfc6381: &str) -> VideoParameters {
        VideoParameters {
            codec: Codec::Hevc,
            rfc6381: rfc6381.to_owned(),
            width: 640,
            height: 360,
            nominal_millifps: Some(25_000),
            sample_entry: hvc1_from_hvcc(&hvcc(&[&VPS, &HEVC_SPS, &HEVC_PPS]), 640, 360),
        }
    }

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

    use tarsier_segment::sample_entry::hvc1_from_hvcc;

    use super::fixtures::{HEVC_PPS, HEVC_SPS, VPS, hevc, hvcc, video};
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
        let sets = NalSets::of(&video(77)).unwrap();
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
    fn h265_has_three_parameter_sets_before_each_keyframe() {
        let sets = NalSets::of(&hevc("hvc1.1.6.L93.B0")).unwrap();
        let keyframe = unit(&[&[0x46, 1, 0x50], &VPS, &HEVC_SPS, &HEVC_PPS, &[0x26, 1, 7]], true);
        let code = &[0, 0, 0, 1][..];
        let whole = [code, &VPS, code, &HEVC_SPS, code, &HEVC_PPS, code, &[0x26, 1, 7]].concat();
        assert_eq!(annex_b(&keyframe, &sets, 0).unwrap(), whole);
        let other = unit(&[&[0x02, 1, 9]], false);
        assert_eq!(annex_b(&other, &sets, 0).unwrap(), [0, 0, 0, 1, 0x02, 1, 9]);
        let padded = annex_b(&other, &sets, 300).unwrap();
        assert!(
            padded.starts_with(&[0, 0, 0, 1, 0x4e, 1, 5, 255, 61]),
            "a prefix SEI of 316 bytes"
        );
        assert!(padded.ends_with(&[0x80, 0, 0, 0, 1, 0x02, 1, 9]));
    }

    #[test]
    fn parameter_sets_that_the_library_would_lose_are_not_taken() {
        let of = |nals: &[&[u8]]| {
            let sample_entry = hvc1_from_hvcc(&hvcc(nals), 640, 360);
            NalSets::of(&VideoParameters { sample_entry, ..hevc("hvc1.1.6.L93.B0") })
        };
        let backwards = of(&[&HEVC_PPS, &[0x4e, 1, 5], &HEVC_SPS, &VPS]);
        assert_eq!(backwards, of(&[&VPS, &HEVC_SPS, &HEVC_PPS]), "in any order, beside an SEI");
        assert!(backwards.is_some());
        assert_eq!(of(&[&VPS, &HEVC_SPS]), None);
        assert_eq!(of(&[&VPS, &HEVC_SPS, &HEVC_PPS, &HEVC_PPS]), None, "it keeps one of each");
        let long = [&HEVC_SPS[..], &[0xff; 1000]].concat();
        assert_eq!(of(&[&VPS, &long, &HEVC_PPS]), None, "longer than a packet");
    }

    #[test]
    fn padding_stands_before_the_picture_and_tells_its_length() {
        let sets = NalSets::of(&video(77)).unwrap();
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
        let sets = NalSets::of(&video(77)).unwrap();
        let mut torn = unit(&[&[0x41, 9, 9, 9]], false);
        torn.data = torn.data.slice(..6);
        assert_eq!(annex_b(&torn, &sets, 0), None);
        assert_eq!(annex_b(&unit(&[&[0x09, 0xf0]], false), &sets, 0), None, "a delimiter alone");
        assert_eq!(annex_b(&unit(&[], true), &sets, 0), None);
    }
}
