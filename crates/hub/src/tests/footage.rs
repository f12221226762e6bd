//! Footage that the index knows, without files.

use tarsier_index::{NewSegment, SegmentState};
use tarsier_types::{Codec, ParameterSets, Ticks, VideoParameters};

use super::*;

impl Running {
    /// The garden's main stream was recorded for that time.
    pub(super) fn film(&self, segment: &NewSegment) {
        let tier = self.hub.data.tier_id();
        self.hub.index.segment_closed(&garden(), MAIN, tier, segment).unwrap();
    }
}

/// Pictures without sound.
pub(crate) fn parameters() -> ParameterSets {
    let video = VideoParameters {
        codec: Codec::H264,
        rfc6381: "avc1.64001f".into(),
        width: 640,
        height: 360,
        nominal_millifps: None,
        sample_entry: bytes::Bytes::new(),
    };
    ParameterSets { video, audio: None }
}

pub(crate) fn segment(start: UtcMs, millis: i64) -> NewSegment {
    NewSegment {
        start,
        duration: Ticks::from_millis(millis),
        size_bytes: 1000,
        state: SegmentState::Closed,
        integrity: None,
        parameters: parameters(),
        init_bytes: 700,
        fragments: Vec::new(),
        units: 100,
        continues: false,
    }
}
