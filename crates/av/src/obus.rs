//! Brain: temporal units of AV1 as files and decoders want them (AV1 in ISOBMFF section 2.4).
//!
//! What does not belong here: pictures of other codings ([`crate::nals`]).

use bytes::{Bytes, BytesMut};
use tarsier_segment::obu::{self, SEQUENCE_HEADER, TEMPORAL_DELIMITER};

/// Without delimiters; a keyframe with the sequence header before it. Containers may keep that to themselves (Matroska says
/// they should), and decoders go by what is in the stream.
pub(crate) fn temporal_unit(data: &Bytes, is_keyframe: bool, av1c: &[u8]) -> Bytes {
    let has = |kind| obu::units(data).any(|unit| unit.kind() == kind);
    let lacking =
        if is_keyframe && !has(SEQUENCE_HEADER) { obu::sequence_header_of(av1c) } else { None };
    if lacking.is_none() && !has(TEMPORAL_DELIMITER) {
        return data.clone();
    }
    let kept = obu::units(data).filter(|unit| unit.kind() != TEMPORAL_DELIMITER);
    let mut out = BytesMut::with_capacity(data.len() + av1c.len());
    for unit in lacking.into_iter().chain(kept) {
        unit.put(&mut out);
    }
    out.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    const AV1C: &[u8] = &[0x81, 4, 0x0c, 0, 0x0a, 2, 7, 8];
    const DELIMITER: &[u8] = &[0x12, 0];
    const HEADER: &[u8] = &[0x0a, 2, 7, 8];
    const PICTURE: &[u8] = &[0x32, 3, 1, 2, 3];

    #[test]
    fn who_begins_at_a_keyframe_needs_no_container() {
        let of = |units: &[&[u8]], is_keyframe| {
            temporal_unit(&Bytes::from(units.concat()), is_keyframe, AV1C)
        };
        let begins = [HEADER, PICTURE].concat();
        assert_eq!(of(&[PICTURE], true), begins);
        assert_eq!(of(&[HEADER, PICTURE], true), begins, "once");
        assert_eq!(of(&[DELIMITER, PICTURE], true), begins);
        assert_eq!(of(&[DELIMITER, PICTURE], false), PICTURE);
        assert_eq!(of(&[PICTURE], false), PICTURE);
        let bare = temporal_unit(&Bytes::from_static(PICTURE), true, &AV1C[..4]);
        assert_eq!(bare, PICTURE, "nobody knows it");
    }
}
