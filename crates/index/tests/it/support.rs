//! An index in a folder of its own, and segments to put in.

use std::path::Path;

use bytes::Bytes;
use tarsier_index::{Index, Integrity, NewSegment, SegmentState, Tier, TierKind};
use tarsier_types::{
    CameraId, Codec, ParameterSets, Part, StreamKind, Ticks, UtcMs, UtcRange, VideoParameters,
};

pub(crate) const MAIN: StreamKind = StreamKind::Main;
pub(crate) const MINUTE: i64 = 60_000;
pub(crate) const HOUR: i64 = 60 * MINUTE;
pub(crate) const DAY: i64 = 24 * HOUR;
/// 2026-11-20T00:00:00Z
pub(crate) const MIDNIGHT: i64 = 1_795_132_800_000;

pub(crate) struct Fixture {
    pub(crate) index: Index,
    pub(crate) folder: tempfile::TempDir,
}

impl Fixture {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let index = Index::open(&folder.path().join("tarsier.db")).unwrap();
        let (ssd, hdd) = (folder.path().join("ssd"), folder.path().join("hdd"));
        put_tier(&index, "ssd", &ssd, TierKind::Cache);
        put_tier(&index, "hdd", &hdd, TierKind::Archive);
        Self { index, folder }
    }

    /// The spans in that time as text: `0-180c` are seconds since `MIDNIGHT` and the first letter of the tier.
    pub(crate) fn spans(&self, range: UtcRange, most: usize) -> String {
        let spans = self.index.spans_in(&garden(), MAIN, range, most).unwrap();
        let text: Vec<String> = spans
            .iter()
            .map(|span| {
                let seconds = |at: UtcMs| (at.0 - MIDNIGHT) / 1000;
                format!(
                    "{}-{}{}",
                    seconds(span.range.start),
                    seconds(span.range.end),
                    &span.tier.name()[..1]
                )
            })
            .collect();
        text.join(" ")
    }

    pub(crate) fn store(&self, tier: &str, segment: &NewSegment) {
        self.index.segment_closed(&garden(), MAIN, tier, segment).unwrap();
    }
}

pub(crate) fn put_tier(index: &Index, id: &str, root: &Path, kind: TierKind) {
    index.put_tier(&Tier { id: id.into(), root: root.to_owned(), kind }).unwrap();
}

pub(crate) fn garden() -> CameraId {
    CameraId::new("garden").unwrap()
}

pub(crate) fn range(from: i64, to: i64) -> UtcRange {
    UtcRange::new(UtcMs(from), UtcMs(to))
}

pub(crate) fn parameters(width: u16) -> ParameterSets {
    ParameterSets {
        video: VideoParameters {
            codec: Codec::H264,
            rfc6381: "avc1.640028".into(),
            width,
            height: 1080,
            nominal_millifps: Some(25_000),
            sample_entry: Bytes::from(vec![0, 0, 0, 8, b'a', b'v', b'c', b'1']),
        },
        audio: None,
    }
}

/// One-second fragments, a keyframe every two.
pub(crate) fn segment(start: i64, duration_ms: i64) -> NewSegment {
    let fragments = (0..duration_ms.div_euclid(1000))
        .map(|second| Part {
            offset: 1000 + 50_000 * u64::try_from(second).unwrap(),
            bytes: 50_000,
            start: Ticks::from_millis(second * 1000),
            duration: Ticks::from_millis(1000),
            starts_with_keyframe: second % 2 == 0,
        })
        .collect::<Vec<_>>();
    NewSegment {
        start: UtcMs(start),
        duration: Ticks::from_millis(duration_ms),
        size_bytes: 1000 + 50_000 * u64::try_from(fragments.len()).unwrap(),
        state: SegmentState::Closed,
        integrity: Some(Integrity { hash: [7; 32], chain: [8; 32] }),
        parameters: parameters(1920),
        init_bytes: 1000,
        fragments,
        units: u32::try_from(duration_ms / 40).unwrap(),
        continues: false,
    }
}
