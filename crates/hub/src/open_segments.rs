//! Brain: the files that are being written now, by their recorders' word. The index knows closed files only.
//!
//! What does not belong here: files, the index.

use std::collections::BTreeMap;

use tarsier_playback::OpenSegment;
use tarsier_types::{CameraId, Part, StreamKind, UtcMs};

/// All of them. A stream may have two for a moment: the next one is begun before the last one is closed.
#[derive(Clone, Debug, Default)]
pub(crate) struct OpenSegments {
    segments: BTreeMap<(CameraId, StreamKind, UtcMs), OpenSegment>,
}

impl OpenSegments {
    /// A file was begun, or a recorder of an earlier hub says which one it is writing.
    pub(crate) fn opened(&mut self, camera: &CameraId, stream: StreamKind, segment: OpenSegment) {
        self.segments.entry((camera.clone(), stream, segment.start)).or_insert(segment);
    }

    /// A fragment is on disk. Tells whether it is the first that is known of this file.
    pub(crate) fn written(
        &mut self,
        camera: &CameraId,
        stream: StreamKind,
        start: UtcMs,
        part: Part,
    ) -> bool {
        let Some(segment) = self.segments.get_mut(&(camera.clone(), stream, start)) else {
            return false;
        };
        let is_first = segment.fragments.is_empty();
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
    }

    /// The recorder is gone: what it left open stays as it is. Tells whether there was anything.
    pub(crate) fn abandoned(&mut self, camera: &CameraId) -> bool {
        let before = self.segments.len();
        self.segments.retain(|(of, ..), _| of != camera);
        self.segments.len() != before
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

    use bytes::Bytes;
    use tarsier_types::{Codec, ParameterSets, Ticks, VideoParameters};

    use super::*;

    fn segment(start: i64) -> OpenSegment {
        let video = VideoParameters {
            codec: Codec::H264,
            rfc6381: "avc1.64001f".into(),
            width: 640,
            height: 360,
            nominal_millifps: None,
            sample_entry: Bytes::new(),
        };
        let parameters = Arc::new(ParameterSets { video, audio: None });
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
        open.opened(&garden, StreamKind::Main, segment(0));
        assert!(open.written(&garden, StreamKind::Main, UtcMs(0), part(3)));
        open.found(&garden, StreamKind::Main, UtcMs(0), &(0..3).map(part).collect::<Vec<_>>());
        assert!(!open.written(&garden, StreamKind::Main, UtcMs(0), part(4)));
        open.opened(&garden, StreamKind::Main, segment(0));
        let parts = &open.of(&garden, StreamKind::Main).next().unwrap().fragments;
        assert_eq!(
            *parts,
            (0..5).map(part).collect::<Vec<_>>(),
            "each once, in order, and none forgotten"
        );
    }

    #[test]
    fn streams_and_cameras_are_apart() {
        let (garden, gate) = (CameraId::new("garden").unwrap(), CameraId::new("gate").unwrap());
        let mut open = OpenSegments::default();
        open.opened(&garden, StreamKind::Main, segment(0));
        open.opened(&garden, StreamKind::Main, segment(180_000));
        open.opened(&gate, StreamKind::Main, segment(0));
        open.closed(&garden, StreamKind::Main, UtcMs(0));
        let starts =
            |camera| open.of(camera, StreamKind::Main).map(|s| s.start.0).collect::<Vec<_>>();
        assert_eq!((starts(&garden), starts(&gate)), (vec![180_000], vec![0]));
        assert!(open.abandoned(&gate) && !open.abandoned(&gate));
        assert!(!open.is_empty());
    }
}
