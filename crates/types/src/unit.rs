//! Access units and what describes them.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::time::{Dts, Pts, Ticks, UtcMs};

/// How an elementary stream is coded. Names as FFmpeg writes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Codec {
    /// ITU-T H.264, AVC.
    H264,
    /// ITU-T H.265. Written `hevc` by FFmpeg.
    Hevc,
    /// AV1 of the Alliance for Open Media.
    Av1,
    /// Motion JPEG.
    Mjpeg,
    /// MPEG-4 AAC, raw access units (no ADTS).
    Aac,
    /// Opus, RFC 6716.
    Opus,
    /// FLAC, RFC 9639: what G.711 becomes in our files, without loss.
    Flac,
    /// G.711 A-law.
    PcmAlaw,
    /// G.711 mu-law.
    PcmMulaw,
}

impl Codec {
    /// The name as FFmpeg writes it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::H264 => "h264",
            Self::Hevc => "hevc",
            Self::Av1 => "av1",
            Self::Mjpeg => "mjpeg",
            Self::Aac => "aac",
            Self::Opus => "opus",
            Self::Flac => "flac",
            Self::PcmAlaw => "pcm_alaw",
            Self::PcmMulaw => "pcm_mulaw",
        }
    }
}

/// The two tracks that a stream can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Track {
    /// Pictures; track 1 of every file.
    Video,
    /// Sound; track 2 of a file that has any.
    Audio,
}

/// What a decoder must know before the first picture.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VideoParameters {
    /// The coding of the pictures.
    pub codec: Codec,
    /// `avc1.640028`, `hvc1.1.6.L93.B0`: RFC 6381, as browsers take it.
    pub rfc6381: String,
    /// Width of the shown picture in pixels.
    pub width: u16,
    /// Height of the shown picture in pixels.
    pub height: u16,
    /// Pictures in 1000 seconds, where the camera says so; 25 fps = 25 000.
    pub nominal_millifps: Option<u32>,
    /// The whole sample entry box (`avc1` with `avcC`, `hvc1` with `hvcC`), ISO/IEC 14496-15.
    pub sample_entry: Bytes,
}

/// What a decoder must know before the first sound.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AudioParameters {
    /// The coding of the sound as it is stored (never G.711: that becomes FLAC on the way in).
    pub codec: Codec,
    /// `mp4a.40.2`, `flac`, `opus`: RFC 6381.
    pub rfc6381: String,
    /// Samples in a second.
    pub sample_rate_hz: u32,
    /// Number of channels.
    pub channels: u16,
    /// The whole sample entry box (`mp4a` with `esds`, `fLaC` with `dfLa`, `Opus` with `dOps`).
    pub sample_entry: Bytes,
}

/// All that makes one run of a stream decodable. A change of these starts a new segment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParameterSets {
    /// The video track: every stream has one.
    pub video: VideoParameters,
    /// The audio track, if there is sound.
    pub audio: Option<AudioParameters>,
}

impl ParameterSets {
    /// `video/mp4; codecs="avc1.640028,mp4a.40.2"`, for Media Source Extensions.
    pub fn mime(&self) -> String {
        match &self.audio {
            Some(audio) => {
                format!("video/mp4; codecs=\"{},{}\"", self.video.rfc6381, audio.rfc6381)
            }
            None => format!("video/mp4; codecs=\"{}\"", self.video.rfc6381),
        }
    }
}

/// One coded picture, or one audio frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessUnit {
    /// Which track it belongs to.
    pub track: Track,
    /// When it is shown, unwrapped, since the run began.
    pub pts: Pts,
    /// When it is decoded, unwrapped, since the run began; never goes backwards within a track.
    pub dts: Dts,
    /// Nominal length: what the next unit is expected to confirm.
    pub duration: Ticks,
    /// Decoding can start here. Always true for audio.
    pub is_keyframe: bool,
    /// When its last byte reached us, on the local wall clock.
    pub arrived: UtcMs,
    /// H.264 and H.265: NAL units, each after its length in 4 bytes, big-endian. Others: raw.
    pub data: Bytes,
}
