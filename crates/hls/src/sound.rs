//! Words: the sound of a run, and what it is called for players.
//!
//! AAC is for all of them. FLAC (that is what G.711 is stored as) and Opus are taken from fragmented MP4 by Apple's players since
//! iOS 11 and 17, and by hls.js, Shaka, `ExoPlayer` and FFmpeg. `CODECS` wants the sample entry's own type (RFC 6381 section 3.3),
//! `fLaC` and `Opus`; Media Source calls both in small letters.

use tarsier_types::{AudioParameters, Codec, ParameterSets};

use crate::silence::Silence;

/// What is sent of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sound {
    pub(crate) rate_hz: u32,
    /// For what does not come in time.
    pub(crate) silence: Silence,
}

impl Sound {
    /// Of that, if players know such and there is silence for it.
    pub(crate) fn of(audio: Option<&AudioParameters>) -> Option<Self> {
        let audio = audio?;
        Some(Self { rate_hz: audio.sample_rate_hz, silence: Silence::of(audio)? })
    }
}

/// What `CODECS` says of all that is sent.
pub(crate) fn rfc6381(sent: &ParameterSets) -> String {
    let video = &sent.video.rfc6381;
    match &sent.audio {
        None => video.clone(),
        Some(audio) => {
            let name = match audio.codec {
                Codec::Flac => "fLaC",
                Codec::Opus => "Opus",
                _ => &audio.rfc6381,
            };
            format!("{video},{name}")
        }
    }
}
