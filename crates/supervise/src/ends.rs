//! Words: how far footage of each stream reaches, as recorders say it. A process that is started is told, so that it
//! overlaps nothing although the clock was put back meanwhile.
//!
//! Kept here and not asked of the recorder's own folder: footage may lie in several tiers, and a disk that hangs must
//! not hold up a start. What does not belong here: the index, which knows what was before this hub.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tarsier_types::{CameraId, StreamKind, UtcMs};
use tarsier_wire::ToHub;

/// Footage that reaches further ahead of the clock than this was recorded before the clock was put back.
const AHEAD_MS: i64 = 2_000;
/// From the agreed moment to the end of the file of the one before: a fragment that was not told yet, and a GOP.
const ENDS_WITHIN_MS: i64 = 4_000;

/// Who takes over at that moment begins no file before the answer. Only where footage lies ahead of the clock: else
/// the moment itself tells the two processes apart, to the picture.
pub(crate) fn at_takeover(end: UtcMs, at: UtcMs, now: UtcMs) -> Option<UtcMs> {
    let is_ahead = end.millis_since(now) > AHEAD_MS;
    is_ahead.then(|| end.plus_millis(at.millis_since(now).max(0) + ENDS_WITHIN_MS))
}

/// Shared by the connections, which hear of footage, and the actor, which starts recorders. A camera that was deleted
/// stays: its footage may be there still when one of its name comes back.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ends(Arc<Mutex<BTreeMap<CameraId, BTreeMap<StreamKind, UtcMs>>>>);

impl Ends {
    /// What a recorder said: of fragments and files the end counts.
    pub(crate) fn hear(&self, camera: &CameraId, message: &ToHub) {
        match message {
            ToHub::FragmentWritten { stream, segment, part } => {
                self.reached(camera, *stream, *segment + part.start + part.duration);
            }
            ToHub::SegmentClosed { stream, segment } => {
                self.reached(camera, *stream, segment.start + segment.duration);
            }
            _ => {}
        }
    }

    /// There is footage up to then.
    pub(crate) fn reached(&self, camera: &CameraId, stream: StreamKind, end: UtcMs) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // No new key for each fragment.
        if let Some(of) = known.get_mut(camera) {
            let last = of.entry(stream).or_insert(end);
            *last = end.max(*last);
        } else {
            known.insert(camera.clone(), BTreeMap::from([(stream, end)]));
        }
    }

    /// Where each stream of the camera ends.
    pub(crate) fn of(&self, camera: &CameraId) -> Vec<(StreamKind, UtcMs)> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(camera).into_iter().flatten().map(|(stream, end)| (*stream, *end)).collect()
    }
}

#[cfg(test)]
mod tests {
    use tarsier_types::{Part, Ticks};

    use super::*;

    #[test]
    fn who_takes_over_ahead_of_the_clock_begins_behind_the_other() {
        let now = UtcMs(1_000_000);
        assert_eq!(at_takeover(UtcMs(999_500), UtcMs(1_003_000), now), None, "the clock is right");
        let hour_ahead = UtcMs(4_599_500);
        assert_eq!(at_takeover(hour_ahead, UtcMs(1_003_000), now), Some(UtcMs(4_606_500)));
        assert_eq!(at_takeover(hour_ahead, UtcMs(998_000), now), Some(UtcMs(4_603_500)), "alone");
    }

    #[test]
    fn the_furthest_end_counts_whatever_comes_last() {
        let (ends, garden) = (Ends::default(), CameraId::new("garden").unwrap());
        let fragment = |segment: i64, start: i64| ToHub::FragmentWritten {
            stream: StreamKind::Main,
            segment: UtcMs(segment * 1000),
            part: Part {
                offset: 0,
                bytes: 1,
                start: Ticks::from_millis(start * 1000),
                duration: Ticks::from_millis(1000),
                starts_with_keyframe: true,
            },
        };
        ends.hear(&garden, &fragment(100, 7));
        ends.hear(&garden, &fragment(50, 0));
        assert_eq!(ends.of(&garden), [(StreamKind::Main, UtcMs(108_000))]);
        ends.reached(&garden, StreamKind::Main, UtcMs(120_000));
        assert_eq!(ends.of(&garden), [(StreamKind::Main, UtcMs(120_000))]);
    }
}
