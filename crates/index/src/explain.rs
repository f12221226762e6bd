//! Brain: which known reasons explain a hole in the footage, and what stays unexplained.
//!
//! What does not belong here: finding holes, rows, SQL.

use tarsier_types::{Gap, GapReason, UtcRange};

use crate::stretch::JOIN_MS;

/// Divides a hole by the reasons that are known for it, which come in order; of the rest nothing is known. A rest
/// shorter than [`JOIN_MS`] takes its neighbour's reason: what a recorder reports and what its files say differ by a
/// picture or two.
pub fn explain(hole: UtcRange, known: &[Gap]) -> Vec<Gap> {
    let first = known.partition_point(|gap| gap.range.end <= hole.start);
    let mut pieces: Vec<Gap> = Vec::new();
    let mut at = hole.start;
    for gap in known[first..].iter().take_while(|gap| gap.range.start < hole.end) {
        let Some(both) = gap.range.overlap(UtcRange::new(at, hole.end)) else { continue };
        push(&mut pieces, UtcRange::new(at, both.start), GapReason::Unknown);
        push(&mut pieces, both, gap.reason);
        at = both.end;
    }
    push(&mut pieces, UtcRange::new(at, hole.end), GapReason::Unknown);
    absorb(pieces)
}

/// Adds what of `gap` none of the known ones covers. These come in order, and stay as they are.
pub fn fill(known: &mut Vec<Gap>, gap: Gap) {
    let free = free(known, gap.range);
    known.extend(free.into_iter().map(|range| Gap { range, reason: gap.reason }));
    known.sort_by_key(|gap| gap.range.start);
}

/// What of the range none of the known ones covers. These come in order of their start.
pub(crate) fn free(known: &[Gap], range: UtcRange) -> Vec<UtcRange> {
    let mut at = range.start;
    let mut free = Vec::new();
    for gap in known {
        free.push(UtcRange::new(at, gap.range.start.min(range.end)));
        at = at.max(gap.range.end);
    }
    free.push(UtcRange::new(at, range.end));
    free.retain(|range| range.start < range.end);
    free
}

fn push(pieces: &mut Vec<Gap>, range: UtcRange, reason: GapReason) {
    if range.start >= range.end {
        return;
    }
    match pieces.last_mut() {
        Some(last) if last.reason == reason => last.range.end = range.end,
        _ => pieces.push(Gap { range, reason }),
    }
}

fn absorb(pieces: Vec<Gap>) -> Vec<Gap> {
    let mut kept: Vec<Gap> = Vec::with_capacity(pieces.len());
    let mut rest: Option<UtcRange> = None;
    for mut piece in pieces {
        let is_rest = piece.reason == GapReason::Unknown && piece.range.millis() < JOIN_MS;
        match kept.last_mut() {
            Some(last) if is_rest => last.range.end = piece.range.end,
            None if is_rest => rest = Some(piece.range),
            _ => {
                if let Some(before) = rest.take() {
                    piece.range.start = before.start;
                }
                push(&mut kept, piece.range, piece.reason);
            }
        }
    }
    kept.extend(rest.map(|range| Gap { range, reason: GapReason::Unknown }));
    kept
}

#[cfg(test)]
mod tests {
    use tarsier_types::UtcMs;

    use super::*;

    fn gap(from: i64, to: i64, reason: GapReason) -> Gap {
        Gap { range: UtcRange::new(UtcMs(from), UtcMs(to)), reason }
    }

    #[test]
    fn what_is_going_on_fills_only_what_is_not_known_yet() {
        use GapReason::{Camera, Network, Recorder};
        let mut known = vec![gap(10, 20, Network), gap(30, 40, Camera)];
        fill(&mut known, gap(0, 50, Recorder));
        let expect = [
            gap(0, 10, Recorder),
            gap(10, 20, Network),
            gap(20, 30, Recorder),
            gap(30, 40, Camera),
            gap(40, 50, Recorder),
        ];
        assert_eq!(known, expect);
        fill(&mut known, gap(5, 45, Camera));
        assert_eq!(known, expect, "there was nothing left to fill");
        let mut later = vec![gap(100, 200, Network)];
        fill(&mut later, gap(0, 50, Camera));
        assert_eq!(later, [gap(0, 50, Camera), gap(100, 200, Network)]);
    }
}
