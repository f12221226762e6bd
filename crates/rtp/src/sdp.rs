//! How a track is coded, as lines of SDP (RFC 6184 section 8.2, RFC 7798 section 7.2, RFC 3640 section 4.1, RFC 3551, RTP
//! Payload Format For AV1 section 7).
//!
//! What does not belong here: the rest of a description, which every server writes for itself.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::av1::Av1Format;
use crate::nal::{NalCodec, NalFormat, kind};

/// Pictures of H.264 or H.265, with their parameter sets.
pub fn nals(format: &NalFormat, payload_type: u8) -> String {
    let sets = &format.parameter_sets;
    match format.codec {
        NalCodec::Avc => {
            let encoded: Vec<String> = sets.iter().map(|nal| STANDARD.encode(nal)).collect();
            let sps = sets.iter().find(|nal| nal.len() > 3 && kind(format.codec, nal) == 7);
            let level = sps.map_or(String::new(), |sps| {
                format!("profile-level-id={:02X}{:02X}{:02X};", sps[1], sps[2], sps[3])
            });
            format!(
                "a=rtpmap:{payload_type} H264/90000\r\na=fmtp:{payload_type} packetization-mode=1;{level}\
                 sprop-parameter-sets={}\r\n",
                encoded.join(",")
            )
        }
        NalCodec::Hevc => {
            let of = |wanted: u8| {
                let nals =
                    sets.iter().filter(|nal| !nal.is_empty() && kind(format.codec, nal) == wanted);
                nals.map(|nal| STANDARD.encode(nal)).collect::<Vec<_>>().join(",")
            };
            format!(
                "a=rtpmap:{payload_type} H265/90000\r\na=fmtp:{payload_type} sprop-vps={};sprop-sps={};sprop-pps={}\r\n",
                of(32),
                of(33),
                of(34)
            )
        }
    }
}

/// Pictures of AV1; their sequence header is in the stream alone.
pub fn av1(format: &Av1Format, payload_type: u8) -> String {
    let (profile, level_idx, tier) = (format.profile(), format.level_idx(), format.tier());
    format!(
        "a=rtpmap:{payload_type} AV1/90000\r\n\
         a=fmtp:{payload_type} profile={profile};level-idx={level_idx};tier={tier}\r\n"
    )
}

/// AAC, with its `AudioSpecificConfig`.
pub fn aac(config: &[u8], rate_hz: u32, channels: u16, payload_type: u8) -> String {
    let mut hex = String::new();
    for byte in config {
        let _ = write!(hex, "{byte:02X}");
    }
    format!(
        "a=rtpmap:{payload_type} mpeg4-generic/{rate_hz}/{channels}\r\na=fmtp:{payload_type} streamtype=5;\
         profile-level-id=1;mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3;config={hex}\r\n"
    )
}

/// Samples of the encoding with that name: `PCMU`, `PCMA`, `L16`.
pub fn pcm(name: &str, rate_hz: u32, channels: u16, payload_type: u8) -> String {
    format!("a=rtpmap:{payload_type} {name}/{rate_hz}/{channels}\r\n")
}
