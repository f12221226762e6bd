//! `mfra`: where the keyframes are, for players that seek without reading the whole file.
//!
//! ```text
//! mfra
//!   tfra  version 1 | track_ID u32 | lengths u32 = 0 (1 byte each) | number_of_entry u32
//!         time u64, moof_offset u64, traf_number u8 = 1, trun_number u8 = 1, sample_number u8 = 1, each
//!   mfro  size of mfra u32: the last four bytes of the file lead to its beginning
//! ```
//! ISO/IEC 14496-12 sections 8.8.9 to 8.8.11. It is written last, so it also says that the file is whole.

use bytes::Bytes;
use tarsier_types::{Part, Ticks, Track};

use super::moof::track_id;
use crate::boxes::{HEADER, Writer};

const TFRA_HEAD: usize = HEADER + 16;
const TFRA_ENTRY: usize = 19;
const MFRO: usize = HEADER + 8;

/// The random access index of the video track. `composition_offset` is that of the file's first picture
/// ([`crate::Fragment::composition_offset`]): the index speaks of showing times, parts speak of decoding times,
/// and an encoder keeps the difference the same at each keyframe.
pub fn mfra(parts: &[Part], composition_offset: Ticks) -> Bytes {
    let keyframes = || parts.iter().filter(|part| part.starts_with_keyframe);
    let count = keyframes().count();
    let size = HEADER + TFRA_HEAD + count * TFRA_ENTRY + MFRO;
    let mut w = Writer::with_capacity(size);
    w.boxed(*b"mfra", |w| {
        w.full(*b"tfra", 1, 0, |w| {
            w.u32(track_id(Track::Video));
            w.u32(0);
            w.u32(u32::try_from(count).unwrap_or(u32::MAX));
            for part in keyframes() {
                w.u64(u64::try_from((part.start + composition_offset).0).unwrap_or(0));
                w.u64(part.offset);
                w.bytes(&[1, 1, 1]);
            }
        });
        w.full(*b"mfro", 0, 0, |w| w.u32(u32::try_from(size).unwrap_or(u32::MAX)));
    });
    debug_assert_eq!(w.len(), size, "mfro tells this size");
    w.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_keyframes_are_listed_and_the_last_bytes_lead_to_the_first() {
        let part = |offset, starts_with_keyframe| Part {
            offset,
            bytes: 100,
            start: Ticks(i64::try_from(offset).unwrap()),
            duration: Ticks(1),
            starts_with_keyframe,
        };
        let bytes = mfra(&[part(1000, true), part(1100, false), part(1200, true)], Ticks(5));
        let size = u32::from_be_bytes(*bytes.last_chunk().unwrap());
        assert_eq!(
            usize::try_from(size).unwrap(),
            bytes.len(),
            "mfro tells the size of the whole box"
        );
        assert_eq!(
            &bytes[28..32],
            [0, 0, 0, 2],
            "a fragment without a keyframe is no place to seek to"
        );
        assert_eq!(
            &bytes[32..48],
            [0, 0, 0, 0, 0, 0, 3, 237, 0, 0, 0, 0, 0, 0, 3, 232],
            "shown at, and moof at"
        );
    }
}
