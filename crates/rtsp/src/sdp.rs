//! Words: the description of a stream (RFC 4566, RFC 2326 appendix C).

use std::fmt::Write as _;
use std::net::IpAddr;

use tarsier_rtp::sdp::{aac, av1, nals, pcm};
use tarsier_types::Track;

use crate::description::{Description, Format};
use crate::target::control;

/// The SDP, as the server at `host` gives it.
pub(crate) fn describe(description: &Description, host: IpAddr) -> String {
    let (family, any) = if host.is_ipv6() { ("IP6", "::") } else { ("IP4", "0.0.0.0") };
    let mut sdp = format!(
        "v=0\r\no=- 0 0 IN {family} {host}\r\ns=Tarsier\r\nc=IN {family} {any}\r\nt=0 0\r\n\
         a=control:*\r\na=range:npt=now-\r\n"
    );
    for (index, (track, format)) in description.tracks.iter().enumerate() {
        let kind = if *track == Track::Video { "video" } else { "audio" };
        let payload_type = format.payload_type();
        let _ = write!(sdp, "m={kind} 0 RTP/AVP {payload_type}\r\n");
        sdp.push_str(&match format {
            Format::Nal(format) => nals(format, payload_type),
            Format::Av1(format) => av1(format, payload_type),
            Format::Aac { config, rate_hz, channels } => {
                aac(config, *rate_hz, *channels, payload_type)
            }
            Format::L16 { rate_hz, channels } => pcm("L16", *rate_hz, *channels, payload_type),
        });
        if let (Track::Video, Some(millifps)) = (track, description.millifps) {
            let _ = write!(sdp, "a=framerate:{}.{:03}\r\n", millifps / 1000, millifps % 1000);
        }
        let _ = write!(sdp, "a=control:{}\r\n", control(index));
    }
    sdp
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::description::fixtures::{self, aac, description, g711};

    #[test]
    fn pictures_and_sound_are_told_in_full() {
        let described = |audio| describe(&description(&audio), IpAddr::from([192, 0, 2, 7]));
        assert_eq!(
            described(aac()),
            "v=0\r\no=- 0 0 IN IP4 192.0.2.7\r\ns=Tarsier\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\na=control:*\r\n\
             a=range:npt=now-\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n\
             a=fmtp:96 packetization-mode=1;profile-level-id=4D001F;sprop-parameter-sets=Z00AH6w=,aO4B\r\n\
             a=framerate:25.000\r\na=control:track1\r\nm=audio 0 RTP/AVP 97\r\n\
             a=rtpmap:97 mpeg4-generic/16000/1\r\na=fmtp:97 streamtype=5;profile-level-id=1;mode=AAC-hbr;\
             sizelength=13;indexlength=3;indexdeltalength=3;config=1408\r\na=control:track2\r\n"
        );
        assert!(described(g711()).contains("a=rtpmap:97 L16/8000/1\r\n"));
        let av1 = Description::of(&fixtures::av1(), None).unwrap();
        let told = "m=video 0 RTP/AVP 96\r\na=rtpmap:96 AV1/90000\r\na=fmtp:96 profile=0;level-idx=8;tier=1\r\n";
        assert!(describe(&av1, IpAddr::from([192, 0, 2, 7])).contains(told));
    }
}
