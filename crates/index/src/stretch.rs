//! Brain: when two pieces of footage are one, and which breaks to leave out where there are too many to draw.
//!
//! What does not belong here: rows, SQL. `T` is whatever names a tier.

use tarsier_types::{UtcMs, UtcRange};

/// Footage that ends less than this before the next begins is one span: a file's end is rounded, and its
/// neighbour starts with a picture of its own, at worst one slow frame interval later.
pub const JOIN_MS: i64 = 1_500;

/// A segment that goes on where the one before ended is joined over at most this: a camera that sends a picture
/// every few seconds loses nothing between them, but if the file before was deleted, something is missing.
pub const LONGEST_CONTINUATION_MS: i64 = 10_000;

/// Footage without a break, in one tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stretch<T> {
    pub(crate) range: UtcRange,
    pub(crate) tier: T,
    /// Its first picture follows the last one before it, says the recorder.
    pub(crate) continues: bool,
}

/// Joins pieces that come in order of their start. The result is ordered and does not overlap.
pub(crate) fn coalesce<T: Copy + PartialEq>(
    pieces: impl IntoIterator<Item = Stretch<T>>,
) -> Vec<Stretch<T>> {
    let mut joined: Vec<Stretch<T>> = Vec::new();
    for mut next in pieces {
        let Some(last) = joined.last_mut() else {
            joined.push(next);
            continue;
        };
        let hole = next.range.start.millis_since(last.range.end);
        let joins = hole < JOIN_MS || (next.continues && hole < LONGEST_CONTINUATION_MS);
        if joins && last.tier == next.tier {
            last.range.end = last.range.end.max(next.range.end);
            continue;
        }
        if joins {
            // Only the tier changes: they touch, and neither covers the other.
            next.range.end = next.range.end.max(last.range.end);
            last.range.end = next.range.start;
        }
        joined.push(next);
    }
    joined.retain(|stretch| stretch.range.start < stretch.range.end);
    joined
}

/// Closes the smallest breaks until at most `most` stretches are left. Where tiers differ, the longer part names it.
pub(crate) fn thin<T: Copy + PartialEq>(
    stretches: Vec<Stretch<T>>,
    most: usize,
) -> Vec<Stretch<T>> {
    let most = most.max(1);
    if stretches.len() <= most {
        return stretches;
    }
    let mut breaks: Vec<(i64, usize)> = stretches
        .windows(2)
        .enumerate()
        .map(|(before, pair)| (pair[1].range.start.millis_since(pair[0].range.end), before + 1))
        .collect();
    let close = stretches.len() - most;
    breaks.select_nth_unstable(close - 1);
    let mut closed = vec![false; stretches.len()];
    for (_, after) in &breaks[..close] {
        closed[*after] = true;
    }
    let mut thinned: Vec<Stretch<T>> = Vec::with_capacity(most);
    let mut longest = 0;
    for (stretch, closed) in stretches.into_iter().zip(closed) {
        match thinned.last_mut() {
            Some(last) if closed => {
                last.range.end = stretch.range.end;
                if stretch.range.millis() > longest {
                    longest = stretch.range.millis();
                    last.tier = stretch.tier;
                }
            }
            _ => {
                longest = stretch.range.millis();
                thinned.push(stretch);
            }
        }
    }
    thinned
}

/// What of the stretches lies in `range`.
pub(crate) fn clip<T: Copy>(stretches: Vec<Stretch<T>>, range: UtcRange) -> Vec<Stretch<T>> {
    stretches
        .into_iter()
        .filter_map(|stretch| {
            stretch.range.overlap(range).map(|range| Stretch { range, ..stretch })
        })
        .collect()
}

/// The UTC day, counted from 1970, in which a piece is filed: that of its start.
pub(crate) const fn day_of(start: UtcMs) -> i64 {
    start.0.div_euclid(DAY_MS)
}

/// A day of UTC.
pub(crate) const DAY_MS: i64 = 86_400_000;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn piece(start: i64, end: i64, tier: char) -> Stretch<char> {
        Stretch { range: UtcRange::new(UtcMs(start), UtcMs(end)), tier, continues: false }
    }

    fn check(pieces: &[Stretch<char>], most: usize, expect: &str) {
        let spans = thin(coalesce(pieces.iter().copied()), most);
        let text: Vec<String> = spans
            .iter()
            .map(|s| format!("{}-{}{}", s.range.start.0, s.range.end.0, s.tier))
            .collect();
        assert_eq!(text.join(" "), expect);
    }

    #[test]
    fn neighbours_are_one_span_and_a_hole_is_a_hole() {
        check(&[piece(0, 1000, 'c'), piece(2499, 3000, 'c')], 9, "0-3000c");
        check(&[piece(0, 1000, 'c'), piece(2500, 3000, 'c')], 9, "0-1000c 2500-3000c");
        let follows = Stretch { continues: true, ..piece(8000, 9000, 'c') };
        check(&[piece(0, 1000, 'c'), follows], 9, "0-9000c");
        let after_a_deleted_file = Stretch { continues: true, ..piece(180_000, 181_000, 'c') };
        check(&[piece(0, 1000, 'c'), after_a_deleted_file], 9, "0-1000c 180000-181000c");
    }

    #[test]
    fn where_the_tier_changes_spans_touch() {
        check(&[piece(0, 1000, 'a'), piece(1100, 2000, 'c')], 9, "0-1100a 1100-2000c");
        check(&[piece(0, 5000, 'a'), piece(1000, 2000, 'c')], 9, "0-1000a 1000-5000c");
    }

    #[test]
    fn the_smallest_breaks_are_closed_first() {
        let pieces = [
            piece(0, 9000, 'a'),
            piece(20_000, 30_000, 'c'),
            piece(32_000, 40_000, 'c'),
            piece(90_000, 91_000, 'c'),
        ];
        check(&pieces, 3, "0-9000a 20000-40000c 90000-91000c");
        check(&pieces, 2, "0-40000c 90000-91000c");
        check(&pieces, 0, "0-91000c");
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_order_holds(
            steps in proptest::collection::vec((0_i64..400_000, 0_i64..200_000, 0_u8..3, any::<bool>()), 0..60),
            most in 1_usize..20,
        ) {
            let mut at = 0;
            let mut pieces = Vec::new();
            for (step, length, tier, continues) in steps {
                at += step / 2;
                pieces.push(Stretch { range: UtcRange::new(UtcMs(at), UtcMs(at + length)), tier, continues });
            }
            let whole = coalesce(pieces.iter().copied());
            for piece in &pieces {
                let mut left = piece.range.millis();
                for stretch in &whole {
                    left -= stretch.range.overlap(piece.range).map_or(0, UtcRange::millis);
                }
                prop_assert_eq!(left, 0, "{:?} is not covered exactly once by {:?}", piece, whole);
            }
            let thinned = thin(whole.clone(), most);
            prop_assert!(thinned.len() <= most);
            for pair in thinned.windows(2) {
                prop_assert!(pair[0].range.end <= pair[1].range.start, "{:?} overlap", pair);
            }
            for stretch in &whole {
                prop_assert!(
                    thinned.iter().any(|t| t.range.start <= stretch.range.start && stretch.range.end <= t.range.end),
                    "{:?} was lost by thinning", stretch
                );
            }
        }
    }
}
