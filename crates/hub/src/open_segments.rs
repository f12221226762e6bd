//! Brain: the files that are being written now, by their recorders' word. The index knows closed files only.
//!
//! What does not belong here: files, the index.

use std::collections::{BTreeMap, BTreeSet};

use tarsier_playback::OpenSegment;
use tarsier_types::{CameraId, Part, StreamKind, UtcMs};

/// All of them. A stream may have two for a moment: the next one is begun before the last one is closed.
#[derive(Clone, Debug, Default)]
pub(crate) struct OpenSegments {
    segments: BTreeMap<(CameraId, StreamKind, UtcMs), OpenSegment>,
    /// Identity of the tier in which each of them lies, by its recorder's word.
    tiers: BTreeMap<(CameraId, StreamKind, UtcMs), String>,
    /// Of which a recorder has told a fragment: what is found in a file is no news of it.
    heard: BTreeSet<(CameraId, StreamKind, UtcMs)>,
}

impl OpenSegments {
    /// A file was begun, or a recorder of an earlier hub says which one it is writing. One that was begun before it and
    /// got no fragment never will: the disk refused it.
    pub(crate) fn opened(
        &mut self,
        camera: &CameraId,
        stream: StreamKind,
        tier_id: String,
        segment: OpenSegment,
    ) {
        self.tiers.insert((camera.clone(), stream, segment.start), tier_id);
        self.segments.retain(|(of, kind, start), known| {
            (of, *kind) != (camera, stream)
                || *start >= segment.start
                || !known.fragments.is_empty()
        });
        self.segments.entry((camera.clone(), stream, segment.start)).or_insert(segment);
        self.forget_tiers();
    }

    fn forget_tiers(&mut self) {
        let segments = &self.segments;
        self.tiers.retain(|key, _| segments.contains_key(key));
    }

    /// A fragment is on disk. Tells whether it is the first that is told of this file.
    pub(crate) fn written(
        &mut self,
        camera: &CameraId,
        stream: StreamKind,
        start: UtcMs,
        part: Part,
    ) -> bool {
        let key = (camera.clone(), stream, start);
        let Some(segment) = self.segments.get_mut(&key) else {
            return false;
        };
        let is_first = self.heard.insert(key);
        if segment.fragments.last().is_none_or(|last| last.offset < part.offset) {
            segment.fragments.push(part);
        }
        is_first
    }

    /// Fragments that were written before the hub listened, found in the file itself.
    pub(crate) fn found(
        &mut self,
        camera: &CameraId,
        stream: StreamKind,
        start: UtcMs,
        parts: &[Part],
    ) {
        if let Some(segment) = self.segments.get_mut(&(camera.clone(), stream, start)) {
            let end = parts.last().map_or(0, |part| part.offset);
            let later = segment.fragments.iter().filter(|part| part.offset > end).copied();
            segment.fragments = parts.iter().copied().chain(later.collect::<Vec<_>>()).collect();
        }
    }

    /// The index knows it now.
    pub(crate) fn closed(&mut self, camera: &CameraId, stream: StreamKind, start: UtcMs) {
        self.segments.remove(&(camera.clone(), stream, start));
        self.tiers.remove(&(camera.clone(), stream, start));
        self.heard.remove(&(camera.clone(), stream, start));
    }

    /// The camera's files that were begun before that time.
    pub(crate) fn begun_before(
        &self,
        camera: &CameraId,
        from: UtcMs,
    ) -> Vec<(CameraId, StreamKind, UtcMs)> {
        let is_such = |key: &&(CameraId, StreamKind, UtcMs)| key.0 == *camera && key.2 < from;
        self.segments.keys().filter(is_such).cloned().collect()
    }

    /// Their recorder is gone: those of them that are open still stay as they are. Tells whether there were any.
    pub(crate) fn left(&mut self, files: &[(CameraId, StreamKind, UtcMs)]) -> bool {
        let before = self.segments.len();
        for key in files {
            self.segments.remove(key);
            self.heard.remove(key);
        }
        self.forget_tiers();
        self.segments.len() != before
    }

    /// Another file of the stream was begun before that one and is not closed yet.
    pub(crate) fn is_earlier_open(
        &self,
        camera: &CameraId,
        stream: StreamKind,
        start: UtcMs,
    ) -> bool {
        self.of(camera, stream).next().is_some_and(|first| first.start < start)
    }

    /// Of one stream, in order.
    pub(crate) fn of(
        &self,
        camera: &CameraId,
        stream: StreamKind,
    ) -> impl DoubleEndedIterator<Item = &OpenSegment> {
        let from = (camera.clone(), stream, UtcMs(i64::MIN));
        let to = (camera.clone(), stream, UtcMs(i64::MAX));
        self.segments.range(from..=to).map(|(_, segment)| segment)
    }

    /// The tier in which that one lies.
    pub(crate) fn tier(&self, camera: &CameraId, stream: StreamKind, start: UtcMs) -> Option<&str> {
        self.tiers.get(&(camera.clone(), stream, start)).map(String::as_str)
    }

    /// Whether one of them lies in that tier.
    pub(crate) fn is_in(&self, tier_id: &str) -> bool {
        self.tiers.values().any(|tier| tier == tier_id)
    }

    /// Which they are.
    pub(crate) fn names(&self) -> impl Iterator<Item = &(CameraId, StreamKind, UtcMs)> {
        self.segments.keys()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.segments.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tarsier_types::Ticks;

    use super::*;
    use crate::tests::footage::parameters;

    fn segment(start: i64) -> OpenSegment {
        let parameters = Arc::new(parameters());
        OpenSegment { start: UtcMs(start), parameters, init_bytes: 800, fragments: Vec::new() }
    }

    fn part(n: u64) -> Part {
        let start = Ticks(90_000 * i64::try_from(n).unwrap());
        Part {
            offset: 800 + n * 100,
            bytes: 100,
            start,
            duration: Ticks(90_000),
            starts_with_keyframe: true,
        }
    }

    #[test]
    fn what_an_earlier_hub_did_not_see_is_filled_in() {
        let garden = CameraId::new("garden").unwrap();
        let mut open = OpenSegments::default();
        open.opened(&garden, StreamKind::Main, "t".into(), segment(0));
        assert!(open.written(&garden, StreamKind::Main, UtcMs(0), part(3)));
        open.found(&garden, StreamKind::Main, UtcMs(0), &(0..3).map(part).collect::<Vec<_>>());
        assert!(!open.written(&garden, StreamKind::Main, UtcMs(0), part(4)));
        open.opened(&garden, StreamKind::Main, "t".into(), segment(0));
        let parts = &open.of(&garden, StreamKind::Main).next().unwrap().fragments;
        assert_eq!(
            *parts,
            (0..5).map(part).collect::<Vec<_>>(),
            "each once, in order, and none forgotten"
        );
    }

    #[test]
    fn a_file_that_the_disk_refused_is_not_thought_to_be_written_for_ever() {
        let garden = CameraId::new("garden").unwrap();
        let mut open = OpenSegments::default();
        for start in [0, 2000, 4000] {
            open.opened(&garden, StreamKind::Main, "t".into(), segment(start));
        }
        open.written(&garden, StreamKind::Main, UtcMs(4000), part(0));
        open.opened(&garden, StreamKind::Main, "t".into(), segment(180_000));
        let starts: Vec<_> = open.of(&garden, StreamKind::Main).map(|s| s.start.0).collect();
        assert_eq!(starts, [4000, 180_000], "what has footage stays until it is closed");
    }

    #[test]
    fn a_file_that_was_looked_into_first_still_ends_the_gap_before_it() {
        let garden = CameraId::new("garden").unwrap();
        let mut open = OpenSegments::default();
        open.opened(&garden, StreamKind::Main, "t".into(), segment(0));
        open.found(&garden, StreamKind::Main, UtcMs(0), &[part(0), part(1)]);
        assert!(
            open.written(&garden, StreamKind::Main, UtcMs(0), part(1)),
            "on a slow machine the hub reads the file before it hears of its fragments"
        );
        assert!(!open.written(&garden, StreamKind::Main, UtcMs(0), part(2)));
        open.closed(&garden, StreamKind::Main, UtcMs(0));
        assert!(!open.written(&garden, StreamKind::Main, UtcMs(0), part(3)), "it is closed");
    }

    #[test]
    fn streams_and_cameras_are_apart() {
        let (garden, gate) = (CameraId::new("garden").unwrap(), CameraId::new("gate").unwrap());
        let mut open = OpenSegments::default();
        open.opened(&garden, StreamKind::Main, "t".into(), segment(0));
        open.written(&garden, StreamKind::Main, UtcMs(0), part(0));
        open.opened(&garden, StreamKind::Main, "t".into(), segment(180_000));
        open.opened(&gate, StreamKind::Main, "t".into(), segment(0));
        open.closed(&garden, StreamKind::Main, UtcMs(0));
        let starts =
            |camera| open.of(camera, StreamKind::Main).map(|s| s.start.0).collect::<Vec<_>>();
        assert_eq!((starts(&garden), starts(&gate)), (vec![180_000], vec![0]));
        let left = open.begun_before(&gate, UtcMs(i64::MAX));
        assert!(open.left(&left) && !open.left(&left));
        assert!(!open.is_empty());
    }

    #[test]
    fn one_that_takes_over_keeps_its_own_files() {
        let garden = CameraId::new("garden").unwrap();
        let mut open = OpenSegments::default();
        open.opened(&garden, StreamKind::Main, "t".into(), segment(0));
        open.written(&garden, StreamKind::Main, UtcMs(0), part(0));
        open.opened(&garden, StreamKind::Main, "t".into(), segment(90_000));
        assert!(open.is_earlier_open(&garden, StreamKind::Main, UtcMs(90_000)));
        let left = open.begun_before(&garden, UtcMs(89_500));
        assert!(open.left(&left), "the other one left a file open");
        assert!(!open.is_earlier_open(&garden, StreamKind::Main, UtcMs(90_000)));
        assert!(!open.left(&left) && !open.is_empty());
    }

    #[test]
    fn a_file_that_is_begun_late_on_a_disk_that_was_left_is_not_the_newest() {
        let garden = CameraId::new("garden").unwrap();
        let mut open = OpenSegments::default();
        for start in [180_000, 90_000] {
            open.opened(&garden, StreamKind::Main, "t".into(), segment(start));
        }
        assert!(open.written(&garden, StreamKind::Main, UtcMs(180_000), part(0)));
        assert!(open.written(&garden, StreamKind::Main, UtcMs(90_000), part(0)));
    }

    #[test]
    fn each_file_is_looked_for_in_its_own_tier() {
        let garden = CameraId::new("garden").unwrap();
        let mut open = OpenSegments::default();
        open.opened(&garden, StreamKind::Main, "cache".into(), segment(0));
        open.written(&garden, StreamKind::Main, UtcMs(0), part(0));
        open.opened(&garden, StreamKind::Main, "archive".into(), segment(180_000));
        let tier = |open: &OpenSegments, start| {
            open.tier(&garden, StreamKind::Main, UtcMs(start)).map(str::to_owned)
        };
        assert_eq!(tier(&open, 0).as_deref(), Some("cache"));
        assert_eq!(tier(&open, 180_000).as_deref(), Some("archive"));
        open.closed(&garden, StreamKind::Main, UtcMs(0));
        assert_eq!(
            (tier(&open, 0), open.is_in("cache"), open.is_in("archive")),
            (None, false, true)
        );
        let left = open.begun_before(&garden, UtcMs(i64::MAX));
        open.left(&left);
        assert!(!open.is_in("archive"), "what is not open is in no tier");
    }
}
