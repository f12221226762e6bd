//! What the hub and a live transcoder say to each other, on its standard input and output, in [`crate::framing`].
//! postcard numbers the variants: append only, never reorder.

use serde::{Deserialize, Serialize};
use tarsier_types::{AudioParameters, Dts, Pts, Ticks, VideoParameters};

/// To the transcoder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToTranscoder {
    /// A run begins: what follows is decodable with these, and begins with a keyframe.
    Parameters(VideoParameters),
    /// One picture. Payload: its data, as in [`tarsier_types::AccessUnit::data`].
    Picture(CodedPicture),
    /// A run of sound begins.
    SoundParameters(AudioParameters),
    /// One frame of sound. Payload: its data.
    Sound(CodedSound),
}

/// From the transcoder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FromTranscoder {
    /// The first message, and again when another one takes over: what it encodes with, as FFmpeg names it.
    Encoder(String),
    /// A run begins.
    Parameters(VideoParameters),
    /// One picture, H.264. Payload as above. Decoded in the order in which they are shown.
    Picture(CodedPicture),
    /// One packet of Opus. Payload: its data.
    Sound(CodedSound),
    /// Hardware that hung or failed at work, as FFmpeg names its encoder: it should be left alone from now on.
    EncoderFailed(String),
}

/// All about a picture but its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodedPicture {
    /// Shown at.
    pub pts: Pts,
    /// Decoded at.
    pub dts: Dts,
    /// Nominal length.
    pub duration: Ticks,
    /// Decoding can start here.
    pub is_keyframe: bool,
    /// When the last byte of the camera's picture reached the recorder, microseconds since 1970: kept by whoever
    /// codes it anew.
    pub arrived_utc_us: i64,
}

/// All about a frame of sound but its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodedSound {
    /// Heard at.
    pub pts: Pts,
    /// Nominal length.
    pub duration: Ticks,
    /// When the last byte of the camera's sound reached the recorder, as with pictures.
    pub arrived_utc_us: i64,
}
