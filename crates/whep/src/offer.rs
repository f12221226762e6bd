//! Words: what of an SDP offer (RFC 8866) matters before the library sees it: the ways in which H.264, H.265 and AV1 are
//! taken, and sound.
//!
//! What does not belong here: choosing among them ([`crate::judge`]).

/// A longer offer is none: Chromium's with every codec it has is 8 kB.
pub const MAX_OFFER_BYTES: usize = 64 << 10;

/// A payload type for H.264 (RFC 6184 section 8.1) with whole or split NAL units (`packetization-mode=1`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct H264Payload {
    /// The number in the RTP header.
    pub payload_type: u8,
    /// The payload type of its retransmissions (RFC 4588).
    pub rtx: Option<u8>,
    /// Three bytes: profile, constraints, level.
    pub profile_level_id: u32,
}

impl H264Payload {
    /// `profile_idc` of the sequence parameter set.
    pub const fn profile_idc(self) -> u32 {
        self.profile_level_id >> 16
    }
}

/// A payload type for H.265 (RFC 7798 section 7.1), the whole of it in one RTP stream (`tx-mode=SRST`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct H265Payload {
    /// The number in the RTP header.
    pub payload_type: u8,
    /// The payload type of its retransmissions (RFC 4588).
    pub rtx: Option<u8>,
    /// `general_profile_idc`: 1 is Main, 2 is Main 10.
    pub profile_id: u8,
    /// `general_tier_flag`: 1 is the high one.
    pub tier_flag: u8,
    /// Thirty times the level.
    pub level_id: u8,
}

/// A payload type for AV1 (RTP Payload Format For AV1, section 7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Av1Payload {
    /// The number in the RTP header.
    pub payload_type: u8,
    /// The payload type of its retransmissions (RFC 4588).
    pub rtx: Option<u8>,
    /// `seq_profile`: 0 is Main, 1 High, 2 Professional.
    pub profile: u8,
    /// `seq_level_idx`: 5 is level 3.1.
    pub level_idx: u8,
    /// `seq_tier`: 1 is the high one.
    pub tier: u8,
}

/// The payload types by which a viewer takes pictures, as they are offered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VideoPayloads {
    /// Of H.264.
    pub h264: Vec<H264Payload>,
    /// Of H.265.
    pub h265: Vec<H265Payload>,
    /// Of AV1.
    pub av1: Vec<Av1Payload>,
}

/// What is wrong with an offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OfferError {
    /// No SDP at all.
    #[error("it is no SDP offer")]
    NoSdp,
    /// Nothing to send pictures to.
    #[error("it asks for no video")]
    NoVideo,
}

/// What RFC 6184 section 8.1 says of a payload that names no profile: baseline, level 1. Browsers mean 3.1.
const UNNAMED_PROFILE: u32 = 0x0042_001f;

/// What RFC 7798 section 7.1 says of a payload that does not name them: Main, main tier, level 3.1. Older Safari names
/// none.
const UNNAMED_PTL: [u8; 3] = [1, 0, 93];

/// What section 7.2.1 of the AV1 payload format says of one that does not name them: Main, level 3.1, main tier.
const UNNAMED_AV1: [u8; 3] = [0, 5, 0];

/// The payload types by which a viewer takes sound: Opus (RFC 7587), and G.711 of one channel (RFC 3551).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SoundPayloads {
    /// The number of Opus in the RTP header.
    pub opus: Option<u8>,
    /// Of G.711 mu-law.
    pub mu_law: Option<u8>,
    /// Of G.711 A-law.
    pub a_law: Option<u8>,
}

/// How the first video section that wants to receive takes pictures.
pub fn video_payloads(offer: &str) -> Result<VideoPayloads, OfferError> {
    if !offer.starts_with("v=0") {
        return Err(OfferError::NoSdp);
    }
    let video = Section::first(offer, "m=video ").ok_or(OfferError::NoVideo)?;
    let (maps, formats) = (video.attribute("rtpmap"), video.attribute("fmtp"));
    let format = |of: u8| formats.iter().find(|(number, _)| *number == of).map(|(_, rest)| *rest);
    let rtx_of = |of: u8| {
        let repairs = |number: u8| {
            let apt = parameter(format(number)?, "apt")?;
            (apt.parse() == Ok(of)).then_some(number)
        };
        maps.iter()
            .filter(|(_, codec)| codec.to_ascii_lowercase().starts_with("rtx/"))
            .find_map(|(number, _)| repairs(*number))
    };
    let named = |name: &str| {
        let is_it = |(_, codec): &&(u8, &str)| codec.eq_ignore_ascii_case(name);
        let numbers = maps.iter().filter(is_it);
        let numbers = numbers.map(|(number, _)| (*number, format(*number).unwrap_or_default()));
        numbers.collect::<Vec<_>>()
    };
    let h264 = named("H264/90000").into_iter().filter_map(|(payload_type, parameters)| {
        let profile =
            parameter(parameters, "profile-level-id").map(|value| u32::from_str_radix(value, 16));
        (parameter(parameters, "packetization-mode") == Some("1")).then_some(())?;
        Some(H264Payload {
            payload_type,
            rtx: rtx_of(payload_type),
            profile_level_id: profile.transpose().ok()?.unwrap_or(UNNAMED_PROFILE),
        })
    });
    let h265 = named("H265/90000").into_iter().filter_map(|(payload_type, parameters)| {
        matches!(parameter(parameters, "tx-mode"), None | Some("SRST")).then_some(())?;
        let [profile, tier, level] = UNNAMED_PTL;
        Some(H265Payload {
            payload_type,
            rtx: rtx_of(payload_type),
            profile_id: number(parameters, "profile-id", profile)?,
            tier_flag: number(parameters, "tier-flag", tier)?,
            level_id: number(parameters, "level-id", level)?,
        })
    });
    let av1 = named("AV1/90000").into_iter().filter_map(|(payload_type, parameters)| {
        let [profile, level, tier] = UNNAMED_AV1;
        Some(Av1Payload {
            payload_type,
            rtx: rtx_of(payload_type),
            profile: number(parameters, "profile", profile)?,
            level_idx: number(parameters, "level-idx", level)?,
            tier: number(parameters, "tier", tier)?,
        })
    });
    Ok(VideoPayloads { h264: h264.collect(), h265: h265.collect(), av1: av1.collect() })
}

/// How the first audio section takes sound; none where there is no such section, or it does not want to receive.
pub fn sound_payloads(offer: &str) -> SoundPayloads {
    let Some(audio) = Section::first(offer, "m=audio ") else { return SoundPayloads::default() };
    let maps = audio.attribute("rtpmap");
    let named = |names: &[&str]| {
        let is_named = |codec: &str| names.iter().any(|name| codec.eq_ignore_ascii_case(name));
        maps.iter().find_map(|(number, codec)| is_named(codec).then_some(*number))
    };
    SoundPayloads {
        opus: named(&["opus/48000/2"]),
        mu_law: named(&["PCMU/8000"]),
        a_law: named(&["PCMA/8000"]),
    }
}

/// The lines of a section that wants to receive, its `m=` line first.
struct Section<'a>(Vec<&'a str>);

impl<'a> Section<'a> {
    fn first(offer: &'a str, kind: &str) -> Option<Self> {
        let lines = offer.lines().map(str::trim_end);
        let section: Vec<&str> = lines
            .skip_while(|line| !line.starts_with(kind))
            .enumerate()
            .take_while(|(at, line)| *at == 0 || !line.starts_with("m="))
            .map(|(_, line)| line)
            .collect();
        let is_deaf = section.iter().any(|line| matches!(*line, "a=sendonly" | "a=inactive"));
        (!section.is_empty() && !is_deaf).then_some(Self(section))
    }

    /// What an attribute says of each payload type. Each number counts once: an offer that repeats them by the thousand is
    /// looked through no longer than another.
    fn attribute(&self, name: &str) -> Vec<(u8, &'a str)> {
        let name = format!("a={name}:");
        let mut seen = [false; 256];
        self.0
            .iter()
            .filter_map(|line| line.strip_prefix(name.as_str())?.split_once(' '))
            .filter_map(|(number, rest)| Some((number.parse::<u8>().ok()?, rest)))
            .filter(|(number, _)| !std::mem::replace(&mut seen[usize::from(*number)], true))
            .collect()
    }
}

/// A number among the parameters, what is meant where there is none, or nothing if it is no number.
fn number(parameters: &str, name: &str, unnamed: u8) -> Option<u8> {
    parameter(parameters, name).map_or(Some(unnamed), |value| value.parse().ok())
}

fn parameter<'a>(parameters: &'a str, name: &str) -> Option<&'a str> {
    parameters
        .split(';')
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(key, value)| (key == name).then_some(value))
}

#[cfg(test)]
pub(crate) mod fixtures {
    /// The video section of Chromium 140, receiving, shortened to what is looked at.
    pub(crate) const CHROMIUM: &str = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n\
m=video 9 UDP/TLS/RTP/SAVPF 96 97 103 104 107 108 39 40 109 114\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na=recvonly\r\na=rtcp-mux\r\n\
a=rtpmap:96 VP8/90000\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n\
a=rtpmap:103 H264/90000\r\na=fmtp:103 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f\r\n\
a=rtpmap:104 rtx/90000\r\na=fmtp:104 apt=103\r\n\
a=rtpmap:107 H264/90000\r\na=fmtp:107 level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=42001f\r\n\
a=rtpmap:108 rtx/90000\r\na=fmtp:108 apt=107\r\n\
a=rtpmap:39 H264/90000\r\na=fmtp:39 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=4d001f\r\n\
a=rtpmap:40 rtx/90000\r\na=fmtp:40 apt=39\r\n\
a=rtpmap:109 H264/90000\r\na=fmtp:109 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=64001f\r\n";

    /// The audio section of Chromium 140, receiving, shortened in the same way.
    pub(crate) const CHROMIUM_AUDIO: &str = "m=audio 9 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110\r\nc=IN IP4 0.0.0.0\r\n\
a=mid:1\r\na=recvonly\r\na=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\na=rtcp-fb:111 transport-cc\r\n\
a=fmtp:111 minptime=10;useinbandfec=1\r\na=rtpmap:63 red/48000/2\r\na=fmtp:63 111/111\r\na=rtpmap:9 G722/8000\r\n\
a=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:13 CN/8000\r\na=rtpmap:110 telephone-event/48000\r\n";

    /// What Chrome 136 and newer puts before it where the graphics card decodes H.265, and how it is called in `m=`.
    pub(crate) const CHROME_H265: &str = "a=rtpmap:49 H265/90000\r\na=rtcp-fb:49 nack pli\r\n\
a=fmtp:49 level-id=180;profile-id=1;tier-flag=0;tx-mode=SRST\r\na=rtpmap:50 rtx/90000\r\na=fmtp:50 apt=49\r\n\
a=rtpmap:51 H265/90000\r\na=rtcp-fb:51 nack pli\r\n\
a=fmtp:51 level-id=180;profile-id=2;tier-flag=0;tx-mode=SRST\r\na=rtpmap:52 rtx/90000\r\na=fmtp:52 apt=51\r\n";

    /// What Chromium 156 puts behind H.264.
    pub(crate) const CHROMIUM_AV1: &str = "a=rtpmap:45 AV1/90000\r\na=rtcp-fb:45 nack pli\r\n\
a=fmtp:45 level-idx=5;profile=0;tier=0\r\na=rtpmap:46 rtx/90000\r\na=fmtp:46 apt=45\r\n\
a=rtpmap:47 AV1/90000\r\na=rtcp-fb:47 nack pli\r\n\
a=fmtp:47 level-idx=5;profile=1;tier=0\r\na=rtpmap:48 rtx/90000\r\na=fmtp:48 apt=47\r\n";

    /// An offer with lines of payloads put behind its attributes.
    pub(crate) fn with_payloads(offer: &str, lines: &str) -> String {
        let numbers: String = (lines.lines())
            .filter_map(|line| line.strip_prefix("a=rtpmap:")?.split(' ').next())
            .flat_map(|number| [" ", number])
            .collect();
        let section = offer.find("m=video ").unwrap();
        let end = section + offer[section..].find("\r\n").unwrap();
        let candidates = offer.find("a=candidate").unwrap_or(offer.len());
        [&offer[..end], &numbers, &offer[end..candidates], lines, &offer[candidates..]].concat()
    }

    /// All of a small offer.
    pub(crate) const WHOLE: &str = "v=0\r\no=- 46117317 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n\
a=extmap-allow-mixed\r\nm=video 9 UDP/TLS/RTP/SAVPF 103 104\r\nc=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\n\
a=ice-ufrag:Uf1z\r\na=ice-pwd:0123456789012345678901ab\r\na=ice-options:trickle\r\na=fingerprint:sha-256 \
AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB\r\na=setup:actpass\r\n\
a=mid:0\r\na=extmap:1 urn:ietf:params:rtp-hdrext:toffset\r\na=recvonly\r\na=rtcp-mux\r\na=rtcp-rsize\r\n\
a=rtpmap:103 H264/90000\r\na=rtcp-fb:103 nack pli\r\n\
a=fmtp:103 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f\r\n\
a=rtpmap:104 rtx/90000\r\na=fmtp:104 apt=103\r\na=candidate:1 1 udp 2122260223 192.0.2.1 61764 typ host\r\n";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chromium_takes_three_profiles_in_split_nal_units() {
        let payload = |payload_type, rtx, profile_level_id| H264Payload {
            payload_type,
            rtx,
            profile_level_id,
        };
        assert_eq!(
            video_payloads(fixtures::CHROMIUM),
            Ok(VideoPayloads {
                h264: vec![
                    payload(103, Some(104), 0x0042_001f),
                    payload(39, Some(40), 0x004d_001f),
                    payload(109, None, 0x0064_001f),
                ],
                h265: vec![],
                av1: vec![],
            })
        );
    }

    #[test]
    fn h265_is_taken_as_browsers_and_gstreamer_write_it() {
        let h265 = |lines: &str| {
            let offer =
                format!("v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 49 50 51\r\na=recvonly\r\n{lines}");
            let payloads = video_payloads(&offer).unwrap().h265;
            let tuple = |of: &H265Payload| {
                (of.payload_type, of.rtx, of.profile_id, of.tier_flag, of.level_id)
            };
            payloads.iter().map(tuple).collect::<Vec<_>>()
        };
        let chrome = [(49, Some(50), 1, 0, 180), (51, Some(52), 2, 0, 180)];
        assert_eq!(h265(fixtures::CHROME_H265), chrome);
        // Safari 18, and those before it.
        let map = "a=rtpmap:49 H265/90000\r\n";
        let safari =
            format!("{map}a=fmtp:49 level-id=93;profile-id=1;tier-flag=0;tx-mode=SRST\r\n");
        assert_eq!(h265(&safari), [(49, None, 1, 0, 93)]);
        assert_eq!(h265(map), [(49, None, 1, 0, 93)], "Safari 17 and GStreamer 1.22 name nothing");
        let spaced = format!("{map}a=fmtp:49 profile-id=2; tier-flag=1; level-id=153\r\n");
        assert_eq!(h265(&spaced), [(49, None, 2, 1, 153)]);
        for bad in ["tx-mode=MRST", "tx-mode=MRMT", "profile-id=main", "level-id=999"] {
            assert_eq!(h265(&format!("{map}a=fmtp:49 {bad}\r\n")), [], "{bad}");
        }
        assert_eq!(h265("a=rtpmap:49 H265/180000\r\n"), [], "no clock of pictures");
    }

    #[test]
    fn av1_is_taken_as_browsers_write_it_and_without_a_word() {
        let av1 = |lines: &str| {
            let offer =
                format!("v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 45 46 47 48\r\na=recvonly\r\n{lines}");
            let payloads = video_payloads(&offer).unwrap().av1;
            let tuple =
                |of: &Av1Payload| (of.payload_type, of.rtx, of.profile, of.level_idx, of.tier);
            payloads.iter().map(tuple).collect::<Vec<_>>()
        };
        let chromium = [(45, Some(46), 0, 5, 0), (47, Some(48), 1, 5, 0)];
        assert_eq!(av1(fixtures::CHROMIUM_AV1), chromium);
        let map = "a=rtpmap:45 AV1/90000\r\n";
        assert_eq!(av1(map), [(45, None, 0, 5, 0)], "nothing is named: Main, level 3.1");
        let rich = format!("{map}a=fmtp:45 profile=2; tier=1; level-idx=31\r\n");
        assert_eq!(av1(&rich), [(45, None, 2, 31, 1)]);
        assert_eq!(av1(&format!("{map}a=fmtp:45 profile=main\r\n")), []);
        assert_eq!(av1("a=rtpmap:45 AV1/48000\r\n"), [], "no clock of pictures");
    }

    #[test]
    fn chromium_takes_sound_in_three_ways() {
        let offer = [fixtures::CHROMIUM, fixtures::CHROMIUM_AUDIO].concat();
        let all = SoundPayloads { opus: Some(111), mu_law: Some(0), a_law: Some(8) };
        assert_eq!(sound_payloads(&offer), all);
        assert_eq!(
            video_payloads(&offer),
            video_payloads(fixtures::CHROMIUM),
            "one beside the other"
        );
        assert_eq!(sound_payloads(fixtures::CHROMIUM), SoundPayloads::default());
        let opus = "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 96\r\na=rtpmap:96 OPUS/48000/2\r\n";
        let opus_alone = SoundPayloads { opus: Some(96), ..SoundPayloads::default() };
        assert_eq!(sound_payloads(opus), opus_alone);
        let speaks = offer.replace("a=recvonly", "a=sendonly");
        assert_eq!(sound_payloads(&speaks), SoundPayloads::default(), "it would be heard");
    }

    #[test]
    fn an_offer_without_a_place_for_pictures_is_refused() {
        assert_eq!(video_payloads(""), Err(OfferError::NoSdp));
        assert_eq!(video_payloads("{\"sdp\":\"v=0\"}"), Err(OfferError::NoSdp));
        let audio = "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=recvonly\r\n";
        assert_eq!(video_payloads(audio), Err(OfferError::NoVideo));
        let sends = fixtures::CHROMIUM.replace("a=recvonly", "a=sendonly");
        assert_eq!(video_payloads(&sends), Err(OfferError::NoVideo), "it would publish");
    }

    #[test]
    fn a_payload_that_is_named_a_thousand_times_counts_once() {
        let many = |line: &str| line.repeat(1000);
        let offer = format!(
            "v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 103\r\n{}{}{}a=fmtp:103 packetization-mode=1\r\n",
            many("a=rtpmap:103 H264/90000\r\n"),
            many("a=rtpmap:104 rtx/90000\r\n"),
            many("a=fmtp:9 x\r\n")
        );
        assert_eq!(
            video_payloads(&offer).unwrap().h264.len(),
            1,
            "a thousand times a thousand looks"
        );
    }

    #[test]
    fn what_belongs_to_the_next_section_is_not_the_pictures() {
        let offer = "v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=recvonly\r\na=rtpmap:96 VP8/90000\r\n\
            m=video 9 UDP/TLS/RTP/SAVPF 103\r\na=rtpmap:103 H264/90000\r\na=fmtp:103 packetization-mode=1\r\n";
        assert_eq!(video_payloads(offer), Ok(VideoPayloads::default()));
    }
}
