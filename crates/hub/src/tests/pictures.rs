//! Pictures as a recorder hands them on while somebody watches, without a recorder.

use tarsier_live::{LiveInput, LiveUnit};
use tarsier_types::{AccessUnit, Dts, Pts, Ticks, Track};

use super::footage::parameters;
use super::*;

/// At 25 a second.
const PICTURE: Ticks = Ticks(Ticks::PER_SECOND / 25);

/// Counted in pictures.
pub(super) struct Picture {
    pub(super) decoded: i64,
    pub(super) shown: i64,
    pub(super) is_keyframe: bool,
}

impl Running {
    /// The garden's recorder knows the stream; no pictures yet.
    pub(super) async fn stream_begins(&self) {
        let mut parameters = parameters();
        parameters.video.rfc6381 = "avc1.4d001f".into();
        parameters.video.sample_entry =
            tarsier_segment::sample_entry::avc1(&[0x67, 77, 0, 31, 0xac], &[0x68, 0xee], 640, 360);
        for input in [LiveInput::Notice(None), LiveInput::Parameters(parameters)] {
            self.hub.live.handle((garden(), MAIN), input).await;
        }
    }

    /// The garden's camera sends a picture.
    pub(super) async fn picture(&self, picture: Picture) {
        let now = self.hub.now();
        let unit = AccessUnit {
            track: Track::Video,
            pts: Pts(picture.shown * PICTURE.0),
            dts: Dts(picture.decoded * PICTURE.0),
            duration: PICTURE,
            is_keyframe: picture.is_keyframe,
            arrived: now,
            data: bytes::Bytes::from_static(&[0, 0, 0, 2, 0x65, 7]),
        };
        let unit = LiveUnit { unit, arrived_utc_us: now.0 * 1000 };
        self.hub.live.handle((garden(), MAIN), LiveInput::Unit(unit)).await;
    }

    /// One picture a letter, the first of them number `from`; `K` is a keyframe.
    pub(super) async fn pictures(&self, from: i64, script: &str) {
        for (n, step) in (from..).zip(script.chars()) {
            self.picture(Picture { decoded: n, shown: n, is_keyframe: step == 'K' }).await;
        }
    }
}
