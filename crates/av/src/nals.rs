//! Brain: what the NAL units of H.264 and H.265 are to us, and the parameter sets among them.
//!
//! What does not belong here: which picture a NAL unit belongs to (`pictures`).

use bytes::Bytes;
use tarsier_segment::{nal, sample_entry, sps};
use tarsier_types::VideoParameters;

/// The two codings that are made of NAL units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NalCoding {
    H264,
    Hevc,
}

/// What a NAL unit is to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NalKind {
    Vps,
    Sps,
    Pps,
    /// Says nothing that a file needs: access unit delimiter, filler data.
    Padding,
    /// A slice.
    Slice {
        /// The first one of its picture.
        first: bool,
        /// Decoding can start with its picture: IDR, or H.265 random access point.
        random_access: bool,
    },
    /// SEI and the like: stays with the picture that follows.
    Other,
}

impl NalCoding {
    /// Tables 7-1 of ITU-T H.264 and of ITU-T H.265. The first bit of a slice's header says whether it is the
    /// picture's first: `first_mb_in_slice` 0 is coded as `1`, and `first_slice_segment_in_pic_flag` is that bit.
    pub(crate) fn kind(self, unit: &[u8]) -> NalKind {
        match self {
            Self::H264 => match nal::h264_type(unit) {
                Some(kind @ (1 | 2 | 5)) => {
                    NalKind::Slice { first: first_bit(unit.get(1)), random_access: kind == 5 }
                }
                Some(7) => NalKind::Sps,
                Some(8) => NalKind::Pps,
                Some(9 | 12) => NalKind::Padding,
                _ => NalKind::Other,
            },
            Self::Hevc => match nal::hevc_type(unit) {
                Some(kind @ 0..=31) => NalKind::Slice {
                    first: first_bit(unit.get(2)),
                    random_access: (16..=23).contains(&kind),
                },
                Some(32) => NalKind::Vps,
                Some(33) => NalKind::Sps,
                Some(34) => NalKind::Pps,
                Some(35 | 38) => NalKind::Padding,
                _ => NalKind::Other,
            },
        }
    }
}

fn first_bit(byte: Option<&u8>) -> bool {
    byte.is_some_and(|byte| byte & 0x80 != 0)
}

/// How NAL units are told apart in the packets of a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// Start codes: RTSP, MPEG-TS.
    AnnexB,
    /// Each after its length in so many bytes: FLV, MP4.
    Lengths(usize),
}

impl Framing {
    /// The NAL units of a packet, as handles to its bytes.
    pub(crate) fn units(self, data: &Bytes) -> Vec<Bytes> {
        match self {
            Self::AnnexB => nal::annex_b_units(data).map(|unit| data.slice_ref(unit)).collect(),
            Self::Lengths(bytes) => {
                let (mut rest, mut units) = (data.clone(), Vec::new());
                while rest.len() > bytes {
                    let length = rest
                        .split_to(bytes)
                        .iter()
                        .fold(0_usize, |length, byte| (length << 8) | usize::from(*byte));
                    if length > rest.len() {
                        break;
                    }
                    units.push(rest.split_to(length));
                }
                units.retain(|unit| !unit.is_empty());
                units
            }
        }
    }
}

/// Parameter sets as NAL units, in the order in which they came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sets {
    pub(crate) vps: Vec<Bytes>,
    pub(crate) sps: Vec<Bytes>,
    pub(crate) pps: Vec<Bytes>,
}

impl Sets {
    /// What a container says ahead of the packets, and how its packets are framed.
    pub(crate) fn from_extradata(coding: NalCoding, extradata: &Bytes) -> (Self, Framing) {
        // Both records begin with version 1, which no start code does.
        let is_record = extradata.first() == Some(&1);
        let entry = match coding {
            NalCoding::H264 => sample_entry::avc1_from_avcc(extradata, 0, 0),
            NalCoding::Hevc => sample_entry::hvc1_from_hvcc(extradata, 0, 0),
        };
        let length_byte = match coding {
            NalCoding::H264 => extradata.get(4),
            NalCoding::Hevc => extradata.get(21),
        };
        let (units, framing) = match length_byte {
            Some(byte) if is_record => {
                let units = sample_entry::parameter_nals(&entry).unwrap_or_default();
                let units = units.into_iter().map(Bytes::copy_from_slice).collect();
                (units, Framing::Lengths(usize::from(byte & 3) + 1))
            }
            _ => (Framing::AnnexB.units(extradata), Framing::AnnexB),
        };
        let mut sets = Self::default();
        for unit in units {
            sets.add(coding.kind(&unit), unit);
        }
        (sets, framing)
    }

    /// Takes a NAL unit in if it is a parameter set.
    pub(crate) fn add(&mut self, kind: NalKind, unit: Bytes) {
        let list = match kind {
            NalKind::Vps => &mut self.vps,
            NalKind::Sps => &mut self.sps,
            NalKind::Pps => &mut self.pps,
            _ => return,
        };
        if !list.contains(&unit) {
            list.push(unit);
        }
    }

    /// Those that do not fit into the sample entry, which holds one of each: they stay in the stream.
    pub(crate) fn beyond_first(&self) -> impl Iterator<Item = &Bytes> {
        self.lists().flat_map(|list| list.iter().skip(1))
    }

    /// Is this unit the one of its kind that the sample entry holds?
    pub(crate) fn is_first(&self, unit: &Bytes) -> bool {
        self.lists().any(|list| list.first() == Some(unit))
    }

    /// These, and where a kind is missing, the older ones.
    pub(crate) fn or(mut self, older: &Self) -> Self {
        for (list, older) in
            [(&mut self.vps, &older.vps), (&mut self.sps, &older.sps), (&mut self.pps, &older.pps)]
        {
            if list.is_empty() {
                list.clone_from(older);
            }
        }
        self
    }

    fn lists(&self) -> impl Iterator<Item = &Vec<Bytes>> {
        [&self.vps, &self.sps, &self.pps].into_iter()
    }

    /// What a decoder must know; none while a set is missing or cannot be read.
    pub(crate) fn parameters(
        &self,
        coding: NalCoding,
        millifps: Option<u32>,
    ) -> Option<VideoParameters> {
        let (sequence, picture) = (self.sps.first()?, self.pps.first()?);
        let (entry, told) = match coding {
            NalCoding::H264 => {
                let told = sps::h264(sequence)?;
                (sample_entry::avc1(sequence, picture, told.width, told.height), told)
            }
            NalCoding::Hevc => {
                let told = sps::hevc(sequence)?;
                let record = sample_entry::hvcc(self.vps.first()?, sequence, picture);
                (sample_entry::hvc1_from_hvcc(&record, told.width, told.height), told)
            }
        };
        sample_entry::video_parameters(entry, millifps.or(told.nominal_millifps))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slice_tells_whether_it_begins_a_picture() {
        let h264 = |bytes: &[u8]| NalCoding::H264.kind(bytes);
        assert_eq!(h264(&[0x65, 0x88]), NalKind::Slice { first: true, random_access: true });
        assert_eq!(
            h264(&[0x65, 0x04]),
            NalKind::Slice { first: false, random_access: true },
            "second slice of an IDR"
        );
        assert_eq!(h264(&[0x41, 0x9a]), NalKind::Slice { first: true, random_access: false });
        assert_eq!(h264(&[0x09, 0x10]), NalKind::Padding);
        assert_eq!(h264(&[0x06]), NalKind::Other);
        let hevc = |bytes: &[u8]| NalCoding::Hevc.kind(bytes);
        assert_eq!(
            hevc(&[0x26, 0x01, 0xaf]),
            NalKind::Slice { first: true, random_access: true },
            "IDR_W_RADL"
        );
        assert_eq!(
            hevc(&[0x02, 0x01, 0x50]),
            NalKind::Slice { first: false, random_access: false }
        );
        assert_eq!(hevc(&[0x40, 0x01]), NalKind::Vps);
        assert_eq!(hevc(&[0x26]), NalKind::Other, "a header cut short");
    }

    #[test]
    fn lengths_of_any_size_are_read_and_a_wrong_one_ends_the_packet() {
        let units =
            |size, data: &'static [u8]| Framing::Lengths(size).units(&Bytes::from_static(data));
        assert_eq!(units(2, &[0, 2, 1, 2, 0, 1, 3]), [&[1, 2][..], &[3]]);
        assert_eq!(units(1, &[1, 9, 200, 1, 2]), [&[9][..]], "200 bytes are not there");
        assert_eq!(units(4, &[0, 0, 0, 0, 0, 0, 0, 1, 7]), [&[7][..]], "an empty unit is none");
        assert!(units(4, &[0, 0]).is_empty());
    }

    #[test]
    fn a_set_that_is_missing_is_taken_from_before() {
        let old = Sets {
            vps: vec![],
            sps: vec![Bytes::from_static(b"s")],
            pps: vec![Bytes::from_static(b"p")],
        };
        let new = Sets { sps: vec![Bytes::from_static(b"S")], ..Sets::default() };
        let merged = new.or(&old);
        assert_eq!((&merged.sps[0][..], &merged.pps[0][..]), (&b"S"[..], &b"p"[..]));
        assert!(
            merged.parameters(NalCoding::H264, None).is_none(),
            "no readable SPS, no parameters"
        );
    }
}
