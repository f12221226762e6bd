//! Brain: fragments become the parts of a playlist, and these a few bytes per part.
//!
//! A segment has a fragment a second; players want pieces of some seconds that begin with a keyframe. Only those
//! are kept: 45 parts in 250 bytes for 180 s, instead of a kilobyte. Seeking within a part looks at the file.
//!
//! ```text
//! part    = head length
//! head    = LEB128(duration in ticks of 1/90000 s * 2 + 1 if it begins with a keyframe)
//! length  = LEB128(bytes)
//! ```
//! The first part lies right behind `ftyp moov`, each other one right behind the one before, in bytes as in time.

use tarsier_types::{Part, Ticks};

/// No part is cut before it is this long: at usual GOPs of 1 to 4 s that makes 4 to 7 s, what players expect.
pub const SHORTEST_PART: Ticks = Ticks(4 * Ticks::PER_SECOND);

/// No part of several fragments is longer than this. Only cameras whose keyframes are further apart reach it; their
/// next part then begins without a keyframe, and says so.
pub const LONGEST_PART: Ticks = Ticks(12 * Ticks::PER_SECOND);

/// Joins fragments, in the order of the file, to parts. What is joined depends on nothing that comes after the next
/// part's first fragment, so the parts of a growing file stay as they are, but for the last one.
pub fn group(fragments: &[Part]) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    for fragment in fragments {
        match parts.last_mut() {
            Some(part) if !begins_part(part, fragment) => {
                part.duration = fragment.start + fragment.duration - part.start;
                // `begins_part` has seen that it fits.
                part.bytes = joined_bytes(part, fragment).unwrap_or(part.bytes);
            }
            Some(part) => {
                part.duration = (fragment.start - part.start).max(Ticks(0));
                parts.push(*fragment);
            }
            None => parts.push(*fragment),
        }
    }
    parts
}

fn begins_part(part: &Part, fragment: &Part) -> bool {
    let at_keyframe = fragment.starts_with_keyframe
        && (part.duration >= SHORTEST_PART || !part.starts_with_keyframe);
    let too_long = fragment.start + fragment.duration - part.start > LONGEST_PART;
    at_keyframe || too_long || joined_bytes(part, fragment).is_none()
}

fn joined_bytes(part: &Part, fragment: &Part) -> Option<u32> {
    let end = fragment.offset.checked_add(u64::from(fragment.bytes))?;
    u32::try_from(end.checked_sub(part.offset)?).ok()
}

/// The bytes that are stored.
pub(crate) fn encode(parts: &[Part], init_bytes: u32) -> Vec<u8> {
    let mut blob = Vec::with_capacity(parts.len() * 7);
    let (mut at, mut time) = (u64::from(init_bytes), Ticks(0));
    for (index, part) in parts.iter().enumerate() {
        let next = parts.get(index + 1);
        let end =
            next.map_or(part.offset.saturating_add(u64::from(part.bytes)), |next| next.offset);
        let until = next.map_or(part.start + part.duration, |next| next.start);
        let duration = u64::try_from((until - time).0).unwrap_or(0);
        put(&mut blob, duration << 1 | u64::from(part.starts_with_keyframe));
        put(&mut blob, end.saturating_sub(at));
        at = at.max(end);
        time = time.max(until);
    }
    blob
}

/// The parts in those bytes; `None` if these are damaged.
pub(crate) fn decode(blob: &[u8], init_bytes: u32) -> Option<Vec<Part>> {
    let mut rest = blob;
    let mut parts = Vec::with_capacity(blob.len() / 6 + 1);
    let (mut offset, mut start) = (u64::from(init_bytes), Ticks(0));
    while !rest.is_empty() {
        let head = take(&mut rest)?;
        let bytes = u32::try_from(take(&mut rest)?).ok()?;
        let duration = Ticks(i64::try_from(head >> 1).ok()?);
        parts.push(Part { offset, bytes, start, duration, starts_with_keyframe: head & 1 == 1 });
        offset = offset.checked_add(u64::from(bytes))?;
        start = Ticks(start.0.checked_add(duration.0)?);
    }
    Some(parts)
}

fn put(blob: &mut Vec<u8>, mut value: u64) {
    loop {
        let low = u8::try_from(value & 0x7F).expect("seven bits fit in a byte");
        value >>= 7;
        if value == 0 {
            blob.push(low);
            return;
        }
        blob.push(low | 0x80);
    }
}

fn take(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (first, tail) = rest.split_first()?;
        *rest = tail;
        let bits = u64::from(first & 0x7F);
        if bits.leading_zeros() < shift {
            return None;
        }
        value |= bits << shift;
        if first & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// `K` begins with a keyframe, `f` does not; each letter is a fragment of `millis` and 100 bytes.
    fn fragments(letters: &str, millis: i64) -> Vec<Part> {
        let place = |index: usize| u32::try_from(index).unwrap();
        letters
            .chars()
            .enumerate()
            .map(|(index, letter)| Part {
                offset: 1000 + 100 * u64::from(place(index)),
                bytes: 100,
                start: Ticks::from_millis(millis * i64::from(place(index))),
                duration: Ticks::from_millis(millis),
                starts_with_keyframe: letter == 'K',
            })
            .collect()
    }

    fn check(letters: &str, millis: i64, expect: &str) {
        let parts = group(&fragments(letters, millis));
        let text: Vec<String> = parts
            .iter()
            .map(|p| {
                format!(
                    "{}{}ms/{}",
                    if p.starts_with_keyframe { "K" } else { "f" },
                    p.duration.to_millis(),
                    p.bytes
                )
            })
            .collect();
        assert_eq!(text.join(" "), expect, "{letters}");
        assert_eq!(
            decode(&encode(&parts, 1000), 1000),
            Some(parts),
            "{letters} must be read back as it was"
        );
    }

    #[test]
    fn a_part_begins_with_a_keyframe_and_lasts_four_seconds() {
        check("", 1000, "");
        check("KfKfKfKfK", 1000, "K4000ms/400 K4000ms/400 K1000ms/100");
        check("KffKffKff", 1000, "K6000ms/600 K3000ms/300");
        check("KKKKK", 2000, "K4000ms/200 K4000ms/200 K2000ms/100");
    }

    #[test]
    fn a_camera_without_keyframes_for_minutes_still_has_parts() {
        check("KfffffffffffffffKf", 1000, "K12000ms/1200 f4000ms/400 K2000ms/200");
        check("K", 60_000, "K60000ms/100");
    }

    #[test]
    fn damaged_bytes_are_refused() {
        for bad in
            [&[0x80][..], &[1], &[1, 0x80], &[0xFF; 20], &[1, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01]]
        {
            assert_eq!(decode(bad, 0), None, "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn what_was_grouped_stays_when_the_file_grows(letters in "K[Kf]{0,60}", more in "[Kf]{0,20}", millis in 1_i64..3000) {
            let before = group(&fragments(&letters, millis));
            let after = group(&fragments(&format!("{letters}{more}"), millis));
            let fixed = before.len() - 1;
            prop_assert_eq!(&before[..fixed], &after[..fixed]);
            prop_assert_eq!(decode(&encode(&after, 1000), 1000), Some(after));
        }

        #[test]
        fn no_bytes_make_it_panic(blob: Vec<u8>, init_bytes: u32) {
            let _ = decode(&blob, init_bytes);
        }
    }
}
