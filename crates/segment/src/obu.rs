//! Open bitstream units of AV1 (AV1 Bitstream & Decoding Process Specification, section 5.3), each with its size inside it: the
//! low-overhead format, which is how access units and files hold them (AV1 in ISOBMFF section 2.4).
//!
//! What does not belong here: what is inside a sequence header, RTP.

use bytes::{BufMut as _, BytesMut};

/// A sequence header: what everything after it is decoded with (`obu_type`, section 6.2.2).
pub const SEQUENCE_HEADER: u8 = 1;
/// Begins a temporal unit. Neither access units nor files nor RTP packets hold any.
pub const TEMPORAL_DELIMITER: u8 = 2;
/// The header of a picture whose tiles follow as units of their own.
pub const FRAME_HEADER: u8 = 3;
/// Tells about pictures: light levels, time codes.
pub const METADATA: u8 = 5;
/// The header of a picture, and its tiles.
pub const FRAME: u8 = 6;
/// Tiles out of several pictures: neither files nor RTP carry any.
pub const TILE_LIST: u8 = 8;

const HAS_EXTENSION: u8 = 0x04;
const HAS_SIZE: u8 = 0x02;
/// A `leb128` has at most eight bytes (section 4.10.5).
const MAX_LEB128: usize = 8;

/// One unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Obu<'a> {
    first: u8,
    extension: Option<u8>,
    /// What comes after header and size.
    pub payload: &'a [u8],
}

impl<'a> Obu<'a> {
    /// `obu_type`.
    pub const fn kind(&self) -> u8 {
        (self.first >> 3) & 0x0f
    }

    /// Which layer it belongs to (`temporal_id`, `spatial_id`), where it says so.
    pub const fn layer(&self) -> Option<u8> {
        self.extension
    }

    /// A unit that stands alone and may have no size in it, as RTP carries them: then it is as long as `data`.
    pub fn alone(data: &'a [u8]) -> Option<Self> {
        let (unit, rest) = read(data, Some)?;
        rest.is_empty().then_some(unit)
    }

    /// The unit without its size: how RTP carries it (RTP Payload Format For AV1, section 4.5).
    pub fn put_without_size(&self, out: &mut BytesMut) {
        out.put_u8(self.first & !HAS_SIZE);
        out.extend(self.extension);
        out.put_slice(self.payload);
    }

    /// The unit with its size in it.
    pub fn put(&self, out: &mut BytesMut) {
        out.put_u8(self.first | HAS_SIZE);
        out.extend(self.extension);
        put_leb128(out, self.payload.len());
        out.put_slice(self.payload);
    }
}

/// The units of a temporal unit; ends at the first that is not whole, or has no size in it.
pub fn units(data: &[u8]) -> impl Iterator<Item = Obu<'_>> {
    let mut rest = data;
    std::iter::from_fn(move || {
        let (unit, after) = read(rest, |_| None)?;
        rest = after;
        Some(unit)
    })
}

/// The units of a temporal unit; none if one of them is not whole.
pub fn whole(data: &[u8]) -> Option<Vec<Obu<'_>>> {
    let mut rest = data;
    let mut units = Vec::new();
    while !rest.is_empty() {
        let (unit, after) = read(rest, |_| None)?;
        units.push(unit);
        rest = after;
    }
    Some(units)
}

/// The sequence header in an `AV1CodecConfigurationRecord` (AV1 in ISOBMFF section 2.3): its units stand behind four bytes.
/// It need not hold any.
pub fn sequence_header_of(av1c: &[u8]) -> Option<Obu<'_>> {
    units(av1c.get(4..)?).find(|unit| unit.kind() == SEQUENCE_HEADER)
}

/// The first unit, and what comes after it. `sizeless` says how long one is that does not say so itself, of how much is left.
fn read(data: &[u8], sizeless: impl Fn(usize) -> Option<usize>) -> Option<(Obu<'_>, &[u8])> {
    let (first, mut rest) = data.split_first()?;
    // `obu_forbidden_bit`.
    if first & 0x80 != 0 {
        return None;
    }
    let mut extension = None;
    if first & HAS_EXTENSION != 0 {
        let (byte, after) = rest.split_first()?;
        (extension, rest) = (Some(*byte), after);
    }
    let length;
    if first & HAS_SIZE == 0 {
        length = sizeless(rest.len())?;
    } else {
        (length, rest) = leb128(rest)?;
    }
    let (payload, after) = rest.split_at_checked(length)?;
    Some((Obu { first: *first, extension, payload }, after))
}

/// A number of seven bits a byte, the lowest first (section 4.10.5), and what comes after it. None above 32 bits.
pub fn leb128(data: &[u8]) -> Option<(usize, &[u8])> {
    let mut value = 0_u64;
    for (at, byte) in data.iter().take(MAX_LEB128).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            let value = u32::try_from(value).ok()?;
            return Some((usize::try_from(value).ok()?, &data[at + 1..]));
        }
    }
    None
}

/// Writes a number as [`leb128`] reads it.
pub fn put_leb128(out: &mut BytesMut, mut value: usize) {
    loop {
        let low = u8::try_from(value & 0x7f).unwrap_or_default();
        value >>= 7;
        if value == 0 {
            return out.put_u8(low);
        }
        out.put_u8(low | 0x80);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_temporal_unit_is_its_units() {
        // Temporal delimiter, sequence header of two bytes, a frame with an extension.
        let data = [0x12, 0, 0x0a, 2, 7, 8, 0x36, 0x08, 3, 1, 2, 3];
        let found: Vec<_> = units(&data).map(|unit| (unit.kind(), unit.payload)).collect();
        assert_eq!(
            found,
            [(TEMPORAL_DELIMITER, &[][..]), (SEQUENCE_HEADER, &[7, 8]), (FRAME, &[1, 2, 3])]
        );
    }

    #[test]
    fn what_is_torn_or_forbidden_ends_it() {
        assert_eq!(units(&[0x0a, 3, 7, 8]).count(), 0, "shorter than it says");
        assert_eq!(units(&[0x8a, 0]).count(), 0, "the forbidden bit");
        assert_eq!(units(&[0x08, 1]).count(), 0, "no size");
        assert_eq!(
            units(&[0x0a, 0xff, 0xff, 0xff, 0xff, 0xff]).count(),
            0,
            "a size without an end"
        );
    }

    #[test]
    fn what_is_not_whole_is_nothing() {
        assert_eq!(whole(&[0x12, 0, 0x0a, 2, 7, 8]).map(|units| units.len()), Some(2));
        assert_eq!(whole(&[0x12, 0, 0x0a, 3, 7, 8]), None);
        assert_eq!(whole(&[]), Some(Vec::new()));
    }

    #[test]
    fn a_configuration_may_hold_the_sequence_header() {
        let record = [0x81, 4, 0x0c, 0, 0x2a, 1, 9, 0x0a, 2, 7, 8];
        assert_eq!(sequence_header_of(&record).unwrap().payload, [7, 8]);
        assert_eq!(sequence_header_of(&record[..4]), None);
        assert_eq!(sequence_header_of(&[]), None);
    }

    #[test]
    fn rtp_carries_it_without_its_size() {
        let frame = units(&[0x36, 0x08, 3, 1, 2, 3]).next().unwrap();
        let mut bare = BytesMut::new();
        frame.put_without_size(&mut bare);
        assert_eq!(bare[..], [0x34, 0x08, 1, 2, 3]);
        let alone = Obu::alone(&bare).unwrap();
        let mut whole = BytesMut::new();
        alone.put(&mut whole);
        assert_eq!(whole[..], [0x36, 0x08, 3, 1, 2, 3]);
    }

    proptest! {
        #[test]
        fn a_number_survives(value in 0_usize..=0xffff_ffff) {
            let mut out = BytesMut::new();
            put_leb128(&mut out, value);
            prop_assert_eq!(leb128(&out), Some((value, &[][..])));
        }

        #[test]
        fn no_bytes_make_it_panic(data in prop::collection::vec(any::<u8>(), 0..200)) {
            for unit in units(&data).chain(Obu::alone(&data)) {
                prop_assert!(unit.payload.len() <= data.len());
            }
        }
    }
}
