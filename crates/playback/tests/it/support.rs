//! Rows, and real segment files.

use std::io::Cursor;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use tarsier_index::{SegmentRow, SegmentState, Tier, TierKind, group};
use tarsier_segment::{FragmentBuilder, init_segment, mfra, sample_entry, scan};
use tarsier_types::{
    AccessUnit, AudioParameters, CameraId, Codec, Dts, ParameterSets, Part, Pts, StreamKind, Ticks,
    Track, UtcMs, UtcRange, VideoParameters,
};

pub(crate) const MAIN: StreamKind = StreamKind::Main;
/// 2026-11-20T20:15:00Z
pub(crate) const START: i64 = 1_795_205_700_000;

pub(crate) fn garden() -> CameraId {
    CameraId::new("garden").unwrap()
}

pub(crate) fn range(from: i64, to: i64) -> UtcRange {
    UtcRange::new(UtcMs(START + from), UtcMs(START + to))
}

pub(crate) fn h264(sound: bool) -> ParameterSets {
    ParameterSets {
        video: VideoParameters {
            codec: Codec::H264,
            rfc6381: "avc1.640028".into(),
            width: 1920,
            height: 1080,
            nominal_millifps: None,
            sample_entry: Bytes::from_static(b"avc1"),
        },
        audio: sound.then(|| AudioParameters {
            codec: Codec::Aac,
            rfc6381: "mp4a.40.2".into(),
            sample_rate_hz: 16_000,
            channels: 1,
            sample_entry: Bytes::from_static(b"mp4a"),
        }),
    }
}

/// A second and 100 bytes for each letter, behind 1000 bytes of init; `K` begins with a keyframe.
pub(crate) fn fragments(letters: &str) -> Vec<Part> {
    let part = |(n, letter): (u32, char)| Part {
        offset: 1000 + 100 * u64::from(n),
        bytes: 100,
        start: Ticks::from_millis(1000 * i64::from(n)),
        duration: Ticks::from_millis(1000),
        starts_with_keyframe: letter == 'K',
    };
    (0..).zip(letters.chars()).map(part).collect()
}

pub(crate) fn row(start: i64, letters: &str, parameters: ParameterSets) -> SegmentRow {
    let fragments = fragments(letters);
    SegmentRow {
        start: UtcMs(START + start),
        duration_ms: 1000 * i64::try_from(fragments.len()).unwrap(),
        size_bytes: 1000 + 100 * u64::try_from(fragments.len()).unwrap(),
        tier: Arc::new(Tier {
            id: "ssd".into(),
            root: PathBuf::from("ssd"),
            kind: TierKind::Cache,
        }),
        state: SegmentState::Closed,
        integrity: None,
        parameters: Arc::new(parameters),
        init_bytes: 1000,
        parts: group(&fragments),
        units: 1,
        continues: false,
    }
}

/// A closed file of one-second fragments, five pictures a second, a keyframe every two seconds. Picture `n` consists of
/// the byte `n`.
pub(crate) fn file(seconds: i64) -> Vec<u8> {
    let video = sample_entry::video_parameters(sample_entry::mjpeg(640, 360), Some(5_000)).unwrap();
    let mut bytes = init_segment(&ParameterSets { video, audio: None }, None).to_vec();
    let mut builder = FragmentBuilder::new(Dts(0), 0);
    for picture in 0..seconds * 5 {
        let at = picture * Ticks::PER_SECOND / 5;
        if picture % 5 == 0 {
            append(&mut bytes, &mut builder, Some(Dts(at)));
        }
        builder.push(AccessUnit {
            track: Track::Video,
            pts: Pts(at),
            dts: Dts(at),
            duration: Ticks(Ticks::PER_SECOND / 5),
            is_keyframe: picture % 10 == 0,
            arrived: UtcMs(START),
            data: Bytes::from(vec![u8::try_from(picture % 256).unwrap(); 700]),
        });
    }
    append(&mut bytes, &mut builder, None);
    let parts = scan(&mut Cursor::new(&bytes)).unwrap().parts;
    bytes.extend_from_slice(&mfra(&parts, Ticks(0)));
    bytes
}

fn append(bytes: &mut Vec<u8>, builder: &mut FragmentBuilder, end: Option<Dts>) {
    if let Some(fragment) = builder.take(end) {
        bytes.extend_from_slice(&fragment.head);
        for piece in &fragment.payload {
            bytes.extend_from_slice(piece);
        }
    }
}
