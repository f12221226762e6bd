//! NAL units of H.264 and H.265: with start codes (Annex B of either), or each after its length in 4 bytes
//! (ISO/IEC 14496-15), which is how access units and files hold them.
//!
//! What does not belong here: what is inside a NAL unit (`sps`), RTP.

use bytes::{BufMut, Bytes, BytesMut};

/// H.264 `nal_unit_type` (ITU-T H.264 table 7-1).
pub const fn h264_type(nal: &[u8]) -> Option<u8> {
    match nal {
        [first, ..] => Some(*first & 0x1f),
        [] => None,
    }
}

/// H.265 `nal_unit_type` (ITU-T H.265 section 7.3.1.2).
pub const fn hevc_type(nal: &[u8]) -> Option<u8> {
    match nal {
        [first, _, ..] => Some((*first >> 1) & 0x3f),
        _ => None,
    }
}

/// The NAL units between start codes, without trailing zeros. What stands before the first start code is not one.
pub fn annex_b_units(data: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = next_start_code(data).map(|(_, after)| &data[after..]);
    std::iter::from_fn(move || {
        let bytes = rest?;
        let (nal, after) = match next_start_code(bytes) {
            Some((before, after)) => (&bytes[..before], Some(&bytes[after..])),
            None => (bytes, None),
        };
        rest = after;
        Some(without_trailing_zeros(nal))
    })
    .filter(|nal| !nal.is_empty())
}

/// Where the next `00 00 01` begins and ends.
fn next_start_code(data: &[u8]) -> Option<(usize, usize)> {
    data.windows(3).position(|three| three == [0, 0, 1]).map(|at| (at, at + 3))
}

/// A NAL unit never ends with a zero byte: those belong to the next start code.
fn without_trailing_zeros(nal: &[u8]) -> &[u8] {
    let length = nal.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    &nal[..length]
}

/// The NAL units of an access unit, each after its length in 4 bytes; ends at the first that is not whole.
pub fn length_units(data: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = data;
    std::iter::from_fn(move || {
        let (length, after) = rest.split_first_chunk::<4>()?;
        let (nal, after) =
            after.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
        rest = after;
        Some(nal)
    })
}

/// Start codes become lengths.
pub fn annex_b_to_lengths(data: &[u8]) -> Bytes {
    units_to_lengths(annex_b_units(data))
}

/// Each NAL unit after its length in 4 bytes.
pub fn units_to_lengths<'a>(nals: impl Iterator<Item = &'a [u8]>) -> Bytes {
    let mut out = BytesMut::new();
    for nal in nals {
        // A NAL unit of 4 GiB cannot come: every way in bounds an access unit to some MiB.
        out.put_u32(u32::try_from(nal.len()).unwrap_or(u32::MAX));
        out.put_slice(nal);
    }
    out.freeze()
}

/// Lengths become start codes of 4 bytes.
pub fn lengths_to_annex_b(data: &[u8]) -> Bytes {
    let mut out = BytesMut::with_capacity(data.len());
    for nal in length_units(data) {
        out.put_u32(1);
        out.put_slice(nal);
    }
    out.freeze()
}

/// The bytes of a NAL unit without emulation prevention (`00 00 03` becomes `00 00`, section 7.3.1 of either).
pub(crate) fn unescape(nal: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(nal.len());
    let mut zeros = 0;
    for byte in nal {
        if zeros >= 2 && *byte == 3 {
            zeros = 0;
            continue;
        }
        zeros = if *byte == 0 { zeros + 1 } else { 0 };
        out.push(*byte);
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn start_codes_of_three_and_four_bytes_are_found() {
        let data =
            [9, 0, 0, 1, 0x67, 1, 0, 0, 0, 1, 0x68, 0, 0, 3, 2, 0, 0, 0, 0, 1, 0, 0, 1, 0x65];
        let nals: Vec<_> = annex_b_units(&data).collect();
        assert_eq!(
            nals,
            [&[0x67, 1][..], &[0x68, 0, 0, 3, 2], &[0x65]],
            "no zeros of the next start code, no empty unit"
        );
        assert_eq!(h264_type(nals[2]), Some(5));
        assert_eq!(hevc_type(&[0x42, 1]), Some(33));
    }

    #[test]
    fn emulation_prevention_is_taken_out() {
        assert_eq!(unescape(&[0, 0, 3, 1, 0, 0, 3, 0, 0, 3, 3]), [0, 0, 1, 0, 0, 0, 0, 3]);
    }

    proptest! {
        #[test]
        fn units_survive_both_ways(nals in prop::collection::vec(prop::collection::vec(1_u8..=255, 1..20), 0..9)) {
            let lengths = units_to_lengths(nals.iter().map(Vec::as_slice));
            let annex_b = lengths_to_annex_b(&lengths);
            prop_assert_eq!(annex_b_to_lengths(&annex_b), lengths.clone());
            prop_assert_eq!(length_units(&lengths).count(), nals.len());
        }

        #[test]
        fn no_bytes_make_it_panic(data in prop::collection::vec(any::<u8>(), 0..200)) {
            for nal in annex_b_units(&data).chain(length_units(&data)) {
                prop_assert!(nal.len() <= data.len());
            }
        }
    }
}
