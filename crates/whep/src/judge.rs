//! Brain: whether a stream can be shown by a viewer over WebRTC, and by which payload of his.
//!
//! WebRTC has no decoding times, so pictures must be sent in the order in which they are shown. H.264 alone is what
//! browsers and cameras have in common. What does not belong here: sentences for people.

use tarsier_types::{AccessUnit, Codec, VideoParameters};

use crate::offer::H264Payload;
use crate::picture::Sets;

/// Why this stream does not go over WebRTC to this viewer; by Media Source Extensions it may.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It is coded in another way than H.264.
    Codec {
        /// `hvc1.1.6.L93.B0`
        rfc6381: String,
    },
    /// The viewer takes no H.264.
    NoH264InOffer,
    /// Its pictures are shown in another order than they are sent: B-frames.
    Reordered,
    /// It has more parameter sets than the library sends, or none.
    ParameterSets,
}

/// The payload to send by.
pub fn payload(video: &VideoParameters, offered: &[H264Payload]) -> Result<H264Payload, Refusal> {
    if video.codec != Codec::H264 {
        return Err(Refusal::Codec { rfc6381: video.rfc6381.clone() });
    }
    let sets = Sets::of(video).ok_or(Refusal::ParameterSets)?;
    // Decoders go by the parameter sets in the stream and not by the profile that was agreed on, so whatever the
    // camera's profile is called, the nearest offered one will do: the same, else the richest.
    let nearest = |payload: &&H264Payload| {
        let profile = payload.profile_idc();
        (profile == sets.profile_idc(), profile)
    };
    offered.iter().max_by_key(nearest).copied().ok_or(Refusal::NoH264InOffer)
}

/// Notices pictures that are not shown in the order in which they come.
#[derive(Debug, Default)]
pub(crate) struct Order {
    last_pts: Option<i64>,
}

impl Order {
    /// A run begins.
    pub(crate) const fn restart(&mut self) {
        self.last_pts = None;
    }

    /// Whether the picture keeps the order.
    pub(crate) fn keeps(&mut self, unit: &AccessUnit) -> bool {
        let is_later = self.last_pts.is_none_or(|last| unit.pts.0 > last);
        self.last_pts = Some(unit.pts.0);
        is_later && unit.pts.0 <= unit.dts.0
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use tarsier_types::{Dts, Pts, Ticks, Track, UtcMs};

    use super::*;
    use crate::offer::fixtures::CHROMIUM;
    use crate::offer::h264_payloads;
    use crate::picture::fixtures::video;

    fn chosen(profile: u8) -> u8 {
        payload(&video(profile), &h264_payloads(CHROMIUM).unwrap()).unwrap().payload_type
    }

    #[test]
    fn any_profile_of_a_camera_finds_a_payload() {
        assert_eq!(chosen(66), 103, "baseline");
        assert_eq!(chosen(77), 39, "main");
        assert_eq!(chosen(100), 109, "high");
        assert_eq!(chosen(88), 109, "extended is not offered: the richest is");
        let only_baseline = &h264_payloads(CHROMIUM).unwrap()[..1];
        let main = payload(&video(77), only_baseline).unwrap();
        assert_eq!(main.payload_type, 103, "what is offered beats what is named");
    }

    #[test]
    fn another_codec_is_refused_by_name() {
        let hevc = VideoParameters {
            codec: Codec::Hevc,
            rfc6381: "hvc1.1.6.L93.B0".to_owned(),
            ..video(77)
        };
        let offered = h264_payloads(CHROMIUM).unwrap();
        assert_eq!(
            payload(&hevc, &offered),
            Err(Refusal::Codec { rfc6381: "hvc1.1.6.L93.B0".to_owned() })
        );
        assert_eq!(payload(&video(77), &[]), Err(Refusal::NoH264InOffer));
        let bare = VideoParameters { sample_entry: Bytes::new(), ..video(77) };
        assert_eq!(payload(&bare, &offered), Err(Refusal::ParameterSets));
    }

    /// The presentation times of pictures in sending order; whether each keeps the order.
    fn kept(times: &[(i64, i64)]) -> Vec<bool> {
        let mut order = Order::default();
        let unit = |pts, dts| AccessUnit {
            track: Track::Video,
            pts: Pts(pts),
            dts: Dts(dts),
            duration: Ticks(3600),
            is_keyframe: false,
            arrived: UtcMs(0),
            data: Bytes::new(),
        };
        times.iter().map(|(pts, dts)| order.keeps(&unit(*pts, *dts))).collect()
    }

    #[test]
    fn b_frames_are_noticed_by_the_order_or_by_a_delay() {
        assert_eq!(kept(&[(0, 0), (3600, 3600), (7200, 7200)]), [true; 3]);
        assert_eq!(kept(&[(0, 0), (10_800, 3600), (3600, 3601)]), [true, false, false]);
        assert_eq!(kept(&[(7200, 0)]), [false], "a source that knows its depth tells at once");
    }
}
