//! The description of a stream (RFC 4566, with the formats of RFC 6184, 7798, 3640 and 3551, and AV1).

use std::fmt::Write as _;

use tarsier_rtp::nal::{NalCodec, NalFormat};
use tarsier_rtp::sdp::{aac, av1, nals, pcm};

use crate::film::{Film, Sound, VIDEO_PAYLOAD_TYPE};
use crate::mp4::{AudioFormat, Law, VideoFormat};
use crate::playout::FilmTrack;
use crate::quirks::{ParameterSetsIn, Quirks, Tracks};

/// The SDP of a film, as the camera at `host` gives it.
pub(super) fn describe(film: &Film, host: &str, quirks: &Quirks) -> String {
    let family = if host.contains(':') { "IP6" } else { "IP4" };
    let mut sdp = format!(
        "v=0\r\no=- 0 0 IN {family} {host}\r\ns=Tarsier demo camera\r\nc=IN {family} {}\r\nt=0 0\r\n\
         a=control:*\r\na=range:npt=now-\r\n",
        if family == "IP6" { "::" } else { "0.0.0.0" }
    );
    if quirks.tracks == Tracks::All {
        video(&mut sdp, film, quirks.parameter_sets);
    }
    if let Some(sound) = &film.sound {
        let pt = sound.payload_type();
        let _ = write!(sdp, "m=audio 0 RTP/AVP {pt}\r\n");
        sdp.push_str(&audio_format(sound, pt));
        let _ = write!(sdp, "a=control:{}\r\n", FilmTrack::Audio.control());
    }
    sdp
}

fn video(sdp: &mut String, film: &Film, sets: ParameterSetsIn) {
    let pt = VIDEO_PAYLOAD_TYPE;
    let _ = write!(sdp, "m=video 0 RTP/AVP {pt}\r\n");
    sdp.push_str(&match &film.pictures.format {
        VideoFormat::Nal(format) if sets == ParameterSetsIn::Band => without_sets(format, pt),
        VideoFormat::Nal(format) => nals(format, pt),
        VideoFormat::Av1(format) => av1(format, pt),
    });
    let pictures = i64::try_from(film.pictures.units.len()).unwrap_or(i64::MAX);
    let millifps = 1000 * pictures * i64::from(film.pictures.timescale) / film.pictures.length;
    let _ = write!(sdp, "a=framerate:{}.{:03}\r\n", millifps / 1000, millifps % 1000);
    let _ = write!(sdp, "a=control:{}\r\n", FilmTrack::Video.control());
}

fn without_sets(format: &NalFormat, pt: u8) -> String {
    let name = match format.codec {
        NalCodec::Avc => "H264",
        NalCodec::Hevc => "H265",
    };
    format!("a=rtpmap:{pt} {name}/90000\r\na=fmtp:{pt} packetization-mode=1\r\n")
}

fn audio_format(sound: &Sound, pt: u8) -> String {
    let (rate, channels) = (sound.sample_rate_hz, u16::from(sound.channels));
    match &sound.format {
        AudioFormat::Aac { config } => aac(config, rate, channels, pt),
        AudioFormat::G711 { law: Law::Mu } => pcm("PCMU", rate, channels, pt),
        AudioFormat::G711 { law: Law::A } => pcm("PCMA", rate, channels, pt),
    }
}
