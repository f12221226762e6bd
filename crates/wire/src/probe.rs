//! `tarsier-recorder probe`: what is at the other end of a URL. Request: one line of JSON on standard input;
//! answer: one line of JSON on standard output.

use serde::{Deserialize, Serialize};
use tarsier_types::{CameraUrl, Codec, Credentials, Transport};

use crate::message::Problem;

/// What to look at.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ProbeRequest {
    /// Where.
    pub url: CameraUrl,
    /// How RTP travels.
    pub transport: Transport,
    /// As whom.
    pub credentials: Option<Credentials>,
    /// How long the whole probe may take, in milliseconds.
    pub timeout_ms: u32,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ProbeReport {
    /// Pictures came.
    Found {
        /// Coding of the pictures.
        video: Codec,
        /// `avc1.640028` and the like.
        rfc6381: String,
        /// Width in pixels.
        width: u16,
        /// Height in pixels.
        height: u16,
        /// Pictures in 1000 seconds: announced, else measured.
        millifps: Option<u32>,
        /// Coding of the sound, as the camera sends it.
        audio: Option<Codec>,
        /// `ftyp moov moof mdat` with the first keyframe, base64: what a still is made of.
        keyframe_mp4_base64: String,
    },
    /// No pictures, and why.
    Failed {
        /// What to tell the person.
        problem: Problem,
        /// Details for the log, without credentials.
        detail: String,
    },
    /// This engine cannot read it; ask the other one.
    EngineCannotRead {
        /// Details for the log.
        detail: String,
    },
}
