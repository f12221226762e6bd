//! Brain: which bytes of which file lead to the picture of an instant: from a keyframe up to it.
//!
//! The index knows parts of some seconds; [`crate::read`] cuts them down to the one GOP, once their bytes are there.
//!
//! What does not belong here: reading, decoding.

use std::ops::Range;

use tarsier_index::{JOIN_MS, SegmentRow};
use tarsier_types::{Part, Ticks, UtcMs};

use crate::open_segment::OpenSegment;

/// Where the picture is that was shown at an instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file's name.
    pub segment: UtcMs,
    /// `ftyp` and `moov`.
    pub init: Range<u64>,
    /// Whole fragments: from a keyframe to the one that shows the instant.
    pub media: Range<u64>,
    /// The instant, counted from the file's media time 0.
    pub at: Ticks,
}

/// The place of that instant in a stored segment; `None` if it has no picture then.
pub fn in_segment(row: &SegmentRow, at: UtcMs) -> Option<Place> {
    find(row.start, row.init_bytes, &row.parts, at)
}

/// The place of that instant in the segment that is being written; `None` if it is not on disk (yet).
pub fn in_open(open: &OpenSegment, at: UtcMs) -> Option<Place> {
    find(open.start, open.init_bytes, &open.fragments, at)
}

fn find(segment: UtcMs, init_bytes: u32, parts: &[Part], at: UtcMs) -> Option<Place> {
    let asked = Ticks::from_millis(at.millis_since(segment));
    let last = parts.last()?;
    let end = last.start + last.duration;
    // The timeline joins files over such a hole: its last picture is what was to be seen.
    if asked < Ticks(0) || asked >= end + Ticks::from_millis(JOIN_MS) {
        return None;
    }
    let shows = parts.partition_point(|part| part.start <= asked).saturating_sub(1);
    let keyframe = parts[..=shows].iter().rposition(|part| part.starts_with_keyframe)?;
    Some(Place {
        segment,
        init: 0..u64::from(init_bytes),
        media: parts[keyframe].offset..parts[shows].offset + u64::from(parts[shows].bytes),
        at: asked.min(Ticks((end.0 - 1).max(0))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One second and 100 bytes for each letter, behind 1000 bytes of init; `K` begins with a keyframe.
    fn parts(letters: &str) -> Vec<Part> {
        let seconds = 0_u32..;
        let part = |(n, letter): (u32, char)| Part {
            offset: 1000 + 100 * u64::from(n),
            bytes: 100,
            start: Ticks::from_millis(1000 * i64::from(n)),
            duration: Ticks::from_millis(1000),
            starts_with_keyframe: letter == 'K',
        };
        seconds.zip(letters.chars()).map(part).collect()
    }

    fn check(letters: &str, at_ms: i64, expect: Option<(u64, u64, i64)>) {
        let place = find(UtcMs(50_000), 1000, &parts(letters), UtcMs(50_000 + at_ms));
        let found = place.map(|place| {
            assert_eq!((place.segment, place.init), (UtcMs(50_000), 0..1000));
            (place.media.start, place.media.end, place.at.to_millis())
        });
        assert_eq!(found, expect, "{letters} at {at_ms} ms");
    }

    #[test]
    fn from_the_keyframe_to_the_picture() {
        check("KffKff", 0, Some((1000, 1100, 0)));
        check("KffKff", 2_500, Some((1000, 1300, 2_500)));
        check("KffKff", 3_000, Some((1300, 1400, 3_000)));
        check("KffKff", 5_999, Some((1300, 1600, 5_999)));
    }

    #[test]
    fn before_and_long_after_there_is_nothing() {
        check("Kff", -1, None);
        check("Kff", 4_499, Some((1000, 1300, 3_000)));
        check("Kff", 4_500, None);
        check("", 0, None);
        check("fff", 1_000, None);
    }
}
