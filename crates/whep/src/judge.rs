//! Brain: whether a stream can be shown by a viewer over WebRTC, and by which payload of his.
//!
//! WebRTC has no decoding times, so pictures must be sent in the order in which they are shown. H.264 is taken by every
//! browser, H.265 by those whose hardware decodes it, AV1 by those that bring a decoder. What does not belong here: sentences
//! for people.

use std::cmp::Reverse;

use tarsier_types::{AccessUnit, Codec, VideoParameters};

use crate::offer::{Av1Payload, H264Payload, H265Payload, VideoPayloads};
use crate::picture::NalSets;

/// Why this stream does not go over WebRTC to this viewer; by Media Source Extensions it may.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It is coded in a way that this viewer does not take, or nobody does.
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

/// By what pictures are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Payload {
    H264(H264Payload),
    H265(H265Payload),
    Av1(Av1Payload),
}

impl Payload {
    /// The number in the RTP header.
    pub(crate) const fn payload_type(self) -> u8 {
        match self {
            Self::H264(payload) => payload.payload_type,
            Self::H265(payload) => payload.payload_type,
            Self::Av1(payload) => payload.payload_type,
        }
    }
}

/// What a viewer may be shown in one session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shown {
    /// One stream.
    One,
    /// One after the other, as his connection allows: a camera's two streams need not be coded alike.
    Several,
}

/// The payload to send by.
pub(crate) fn payload(
    video: &VideoParameters,
    offered: &VideoPayloads,
) -> Result<Payload, Refusal> {
    let other = || Refusal::Codec { rfc6381: video.rfc6381.clone() };
    match video.codec {
        Codec::H264 => {
            let sets = NalSets::of(video).ok_or(Refusal::ParameterSets)?;
            let payload = h264(sets.profile_idc(), &offered.h264);
            payload.map(Payload::H264).ok_or(Refusal::NoH264InOffer)
        }
        Codec::Hevc => {
            let wanted = ProfileTierLevel::parse(&video.rfc6381).ok_or_else(other)?;
            let payload = h265(wanted, &offered.h265).ok_or_else(other)?;
            NalSets::of(video).ok_or(Refusal::ParameterSets)?;
            Ok(Payload::H265(payload))
        }
        Codec::Av1 => {
            let wanted = Av1Level::parse(&video.rfc6381).ok_or_else(other)?;
            if wanted.depth > MAX_AV1_DEPTH {
                return Err(other());
            }
            av1(wanted, &offered.av1).map(Payload::Av1).ok_or_else(other)
        }
        _ => Err(other()),
    }
}

/// What the answer names: the payload that was chosen, and one of each other coding where that may be shown later.
pub(crate) fn answered(offered: &VideoPayloads, chosen: Payload, shown: Shown) -> VideoPayloads {
    let mut named = match shown {
        Shown::One => VideoPayloads::default(),
        Shown::Several => VideoPayloads {
            h264: h264(HIGH_PROFILE, &offered.h264).into_iter().collect(),
            h265: h265(ProfileTierLevel::MAIN, &offered.h265).into_iter().collect(),
            av1: av1(Av1Level::MAIN, &offered.av1).into_iter().collect(),
        },
    };
    match chosen {
        Payload::H264(chosen) => named.h264 = vec![chosen],
        Payload::H265(chosen) => named.h265 = vec![chosen],
        Payload::Av1(chosen) => named.av1 = vec![chosen],
    }
    named
}

/// `profile_idc` of H.264 High.
const HIGH_PROFILE: u32 = 100;

/// Decoders go by the parameter sets in the stream and not by the profile that was agreed on, so whatever the camera's
/// profile is called, the nearest offered one will do: the same, else the richest.
fn h264(profile_idc: u32, offered: &[H264Payload]) -> Option<H264Payload> {
    let nearest = |payload: &&H264Payload| {
        let profile = payload.profile_idc();
        (profile == profile_idc, profile)
    };
    offered.iter().max_by_key(nearest).copied()
}

/// Here the profile counts: who decodes Main alone shows nothing of ten bits. Tier and level do not: Safari offers level 3.1
/// and shows 4K, so they only tell which of two is the nearer.
fn h265(wanted: ProfileTierLevel, offered: &[H265Payload]) -> Option<H265Payload> {
    let decodes = |payload: &&H265Payload| {
        let flag = 1_u32.checked_shl(payload.profile_id.into()).unwrap_or(0);
        payload.profile_id == wanted.profile || wanted.compatible & flag != 0
    };
    let nearest = |payload: &&H265Payload| {
        (
            payload.profile_id == wanted.profile,
            payload.tier_flag == wanted.tier,
            payload.level_id >= wanted.level,
            payload.level_id,
        )
    };
    offered.iter().filter(decodes).max_by_key(nearest).copied()
}

/// No offer tells how deep its decoder goes. Main has ten bits too, but what browsers decode WebRTC with has not (Chromium 156).
const MAX_AV1_DEPTH: u8 = 8;

/// A profile's decoders do those below it as well (AV1 specification, annex A.2). Level and tier refuse nobody, as above:
/// browsers offer level 3.1 and show what their machine can.
fn av1(wanted: Av1Level, offered: &[Av1Payload]) -> Option<Av1Payload> {
    let nearest = |payload: &&Av1Payload| {
        (
            Reverse(payload.profile),
            payload.tier == wanted.tier,
            payload.level_idx >= wanted.level_idx,
            payload.level_idx,
        )
    };
    offered.iter().filter(|payload| payload.profile >= wanted.profile).max_by_key(nearest).copied()
}

/// What a decoder of H.265 must be able to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct ProfileTierLevel {
    profile: u8,
    /// Which other profiles' decoders can do it as well: bit n for profile n.
    compatible: u32,
    tier: u8,
    level: u8,
}

impl ProfileTierLevel {
    /// Main, main tier, level 3.1.
    const MAIN: Self = Self { profile: 1, compatible: 0b110, tier: 0, level: 93 };

    /// From `hvc1.1.6.L93.B0` (ISO/IEC 14496-15 annex E.3): profile, compatibility flags backwards, tier and level.
    fn parse(rfc6381: &str) -> Option<Self> {
        let mut parts = rfc6381.split('.').skip(1);
        let profile = parts.next()?.trim_start_matches(['A', 'B', 'C']).parse().ok()?;
        let compatible = u32::from_str_radix(parts.next()?, 16).ok()?;
        let level = parts.next()?;
        let tier = u8::from(level.starts_with('H'));
        let level = level.get(1..)?.parse().ok()?;
        Some(Self { profile, compatible, tier, level })
    }
}

/// What a decoder of AV1 must be able to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Av1Level {
    profile: u8,
    level_idx: u8,
    tier: u8,
    /// Bits of a sample.
    depth: u8,
}

impl Av1Level {
    /// Main, level 3.1, main tier.
    const MAIN: Self = Self { profile: 0, level_idx: 5, tier: 0, depth: 8 };

    /// From `av01.0.08M.08` (AV1 in ISOBMFF section 5): profile, level and tier, depth.
    fn parse(rfc6381: &str) -> Option<Self> {
        let mut parts = rfc6381.split('.').skip(1);
        let profile = parts.next()?.parse().ok()?;
        let level = parts.next()?;
        let tier = u8::from(level.ends_with('H'));
        let level_idx = level.strip_suffix(['M', 'H'])?.parse().ok()?;
        let depth = parts.next()?.parse().ok()?;
        Some(Self { profile, level_idx, tier, depth })
    }
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
    use crate::obus::fixtures::av1;
    use crate::offer::fixtures::{CHROME_H265, CHROMIUM, CHROMIUM_AV1, with_payloads};
    use crate::offer::video_payloads;
    use crate::picture::fixtures::{hevc, video};

    fn chosen(profile: u8) -> u8 {
        let offered = video_payloads(CHROMIUM).unwrap();
        payload(&video(profile), &offered).unwrap().payload_type()
    }

    #[test]
    fn any_profile_of_a_camera_finds_a_payload() {
        assert_eq!(chosen(66), 103, "baseline");
        assert_eq!(chosen(77), 39, "main");
        assert_eq!(chosen(100), 109, "high");
        assert_eq!(chosen(88), 109, "extended is not offered: the richest is");
        let mut only_baseline = video_payloads(CHROMIUM).unwrap();
        only_baseline.h264.truncate(1);
        let main = payload(&video(77), &only_baseline).unwrap();
        assert_eq!(main.payload_type(), 103, "what is offered beats what is named");
    }

    #[test]
    fn h265_goes_to_who_decodes_its_profile() {
        let chrome = video_payloads(&with_payloads(CHROMIUM, CHROME_H265)).unwrap();
        let offer = |lines: &str| {
            let lines = format!("a=rtpmap:49 H265/90000\r\n{lines}");
            video_payloads(&with_payloads(CHROMIUM, &lines)).unwrap()
        };
        let (safari, main_10) = (offer(""), offer("a=fmtp:49 profile-id=2;level-id=180\r\n"));
        let two_levels =
            offer("a=fmtp:49 level-id=93\r\na=rtpmap:51 H265/90000\r\na=fmtp:51 level-id=153\r\n");
        for (rfc6381, offered, wanted, why) in [
            ("hvc1.1.6.L93.B0", &chrome, Some(49), "Main"),
            ("hvc1.2.4.L120.B0", &chrome, Some(51), "Main 10"),
            ("hvc1.1.6.L153.B0", &safari, Some(49), "it shows more than it offers"),
            ("hvc1.1.6.H150.B0", &safari, Some(49), "a tier is a matter of bit rate"),
            ("hvc1.1.6.L120.B0", &two_levels, Some(51), "the level that is enough"),
            ("hvc1.1.6.L93.B0", &main_10, Some(49), "a decoder of Main 10 decodes Main"),
            ("hvc1.2.4.L93.B0", &safari, None, "a decoder of Main does not decode Main 10"),
            ("hvc1.4.10.L93.B0", &chrome, None, "4:2:2"),
            ("hvc1", &chrome, None, "nothing is known of it"),
        ] {
            let told = payload(&hevc(rfc6381), offered);
            let told = told.map(Payload::payload_type).ok();
            assert_eq!(told, wanted, "{rfc6381}: {why}");
        }
    }

    #[test]
    fn av1_goes_to_who_decodes_its_profile() {
        let offer = |lines: &str| video_payloads(&with_payloads(CHROMIUM, lines)).unwrap();
        let map = "a=rtpmap:45 AV1/90000\r\n";
        let (chromium, bare) = (offer(CHROMIUM_AV1), offer(map));
        let rich = offer(&format!("{map}a=fmtp:45 profile=2;level-idx=13\r\n"));
        let two_levels = offer(
            "a=rtpmap:47 AV1/90000\r\na=fmtp:47 level-idx=13\r\na=rtpmap:45 AV1/90000\r\na=fmtp:45 level-idx=5\r\n",
        );
        for (rfc6381, offered, wanted, why) in [
            ("av01.0.04M.08", &chromium, Some(45), "Main"),
            ("av01.0.12H.08", &chromium, Some(45), "neither level nor tier refuses"),
            ("av01.1.04M.08", &chromium, Some(47), "High"),
            ("av01.2.04M.08", &chromium, None, "a decoder of High does not decode 4:2:2"),
            ("av01.0.08M.08", &bare, Some(45), "Main is what is meant by nothing"),
            ("av01.1.08M.08", &bare, None, "4:4:4"),
            ("av01.1.08M.08.0.000", &rich, Some(45), "who decodes everything"),
            ("av01.0.08M.10", &rich, None, "ten bits are not decoded, whatever is offered"),
            ("av01.0.08M.08", &two_levels, Some(47), "the level that is enough"),
            ("av01", &chromium, None, "nothing is known of it"),
        ] {
            let told = payload(&av1(rfc6381, &[]), offered);
            let told = told.map(Payload::payload_type).ok();
            assert_eq!(told, wanted, "{rfc6381}: {why}");
        }
        let none = payload(&av1("av01.0.04M.08", &[]), &video_payloads(CHROMIUM).unwrap());
        assert_eq!(none, Err(Refusal::Codec { rfc6381: "av01.0.04M.08".to_owned() }));
    }

    #[test]
    fn who_is_shown_one_stream_is_answered_by_its_coding_alone() {
        let lines = [CHROME_H265, CHROMIUM_AV1].concat();
        let offered = video_payloads(&with_payloads(CHROMIUM, &lines)).unwrap();
        let numbers = |video: &VideoParameters, shown| {
            let kept = answered(&offered, payload(video, &offered).unwrap(), shown);
            let h264 = kept.h264.iter().map(|payload| payload.payload_type);
            let h265 = kept.h265.iter().map(|payload| payload.payload_type);
            let av1 = kept.av1.iter().map(|payload| payload.payload_type);
            h264.chain(h265).chain(av1).collect::<Vec<_>>()
        };
        let (hevc, av1) = (hevc("hvc1.2.4.L120.B0"), av1("av01.1.04M.08", &[]));
        assert_eq!(numbers(&video(77), Shown::One), [39]);
        assert_eq!(numbers(&hevc, Shown::One), [51]);
        assert_eq!(numbers(&av1, Shown::One), [47]);
        assert_eq!(numbers(&video(77), Shown::Several), [39, 49, 45]);
        assert_eq!(numbers(&hevc, Shown::Several), [109, 51, 45]);
        assert_eq!(numbers(&av1, Shown::Several), [109, 49, 47]);
        let alone = video_payloads(CHROMIUM).unwrap();
        let chosen = payload(&video(77), &alone).unwrap();
        let kept = answered(&alone, chosen, Shown::Several);
        assert!(kept.h265.is_empty() && kept.av1.is_empty(), "what is not offered: {kept:?}");
    }

    #[test]
    fn what_is_not_offered_is_refused_by_name() {
        let offered = video_payloads(CHROMIUM).unwrap();
        let hevc = hevc("hvc1.1.6.L93.B0");
        assert_eq!(
            payload(&hevc, &offered),
            Err(Refusal::Codec { rfc6381: "hvc1.1.6.L93.B0".to_owned() })
        );
        let none = VideoPayloads::default();
        assert_eq!(payload(&video(77), &none), Err(Refusal::NoH264InOffer));
        let bare = VideoParameters { sample_entry: Bytes::new(), ..video(77) };
        assert_eq!(payload(&bare, &offered), Err(Refusal::ParameterSets));
        let mjpeg = VideoParameters { codec: Codec::Mjpeg, ..video(77) };
        assert!(matches!(payload(&mjpeg, &offered), Err(Refusal::Codec { .. })));
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
