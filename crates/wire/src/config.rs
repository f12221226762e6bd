//! What a recorder is told at its start.

use serde::{Deserialize, Serialize};
use tarsier_reconnect::{ConnectionState, Policy};
use tarsier_types::{CameraId, CameraUrl, Credentials, StreamKind, Transport, UtcMs};

/// The program that reads the camera.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Engine {
    /// retina, in pure Rust: RTSP with H.264, H.265, AAC, G.711.
    Rust,
    /// libav: everything else.
    Libav,
}

impl Engine {
    /// The name in the API and the database.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rust => "rust",
            Self::Libav => "libav",
        }
    }
}

/// When a stream is written to disk. A weekly schedule is the hub's: it changes the mode when it is time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordingMode {
    /// Always.
    #[default]
    Continuous,
    /// Never: live only.
    Off,
    /// While something happens ([`crate::ToRecorder::Event`]), a little before it and a little after it.
    OnEvent {
        /// Kept from before an event, in milliseconds: taken from memory, as whole GOPs.
        pre_roll_ms: u32,
        /// Kept from after an event, in milliseconds.
        post_roll_ms: u32,
    },
}

/// One stream of the camera.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamConfig {
    /// Where it is.
    pub url: CameraUrl,
    /// How RTP travels.
    pub transport: Transport,
    /// When it is written to disk, at the start; [`crate::ToRecorder::Mode`] changes it later.
    pub mode: RecordingMode,
}

/// All that a recorder needs. It holds a password: it is sent over a private pipe and never printed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecorderConfig {
    /// Whose streams these are.
    pub camera: CameraId,
    /// The full-quality stream.
    pub main: StreamConfig,
    /// The small stream, if the camera has one.
    pub sub: Option<StreamConfig>,
    /// User name and password for both.
    pub credentials: Option<Credentials>,
    /// Length of a segment in seconds, 60 to 900; cut at wall-clock multiples of it. At the start, as is the tier:
    /// [`crate::ToRecorder::SegmentSeconds`] and [`crate::ToRecorder::Tier`] change them later.
    pub segment_seconds: u32,
    /// The folder of the tier that is written to; holds `tarsier-tier.json`.
    pub tier_root: std::path::PathBuf,
    /// Identity of that tier: nothing is written unless `tarsier-tier.json` names it.
    pub tier_id: String,
    /// Path (Unix) or pipe name (Windows) of the hub's socket.
    pub hub_socket: String,
    /// How long to go on recording without any hub, in seconds, before the last segment is closed.
    pub orphan_seconds: u32,
    /// Stands for everything above that a running recorder cannot change: a new hub adopts it only if it is the same.
    pub config_hash: String,
    /// When to try again, and what counts as failing; for each stream.
    #[serde(default)]
    pub reconnect: Policy,
    /// Changes when address or credentials do: said again with each state, so that a state of another is told apart.
    #[serde(default)]
    pub epoch: i64,
    /// Where an earlier process of this camera was. No part of `config_hash`: a change does not replace a recorder.
    #[serde(default)]
    pub resume: Vec<(StreamKind, ConnectionState)>,
    /// Connect and keep what comes in memory, but write nothing before [`crate::ToRecorder::BeginAt`]: another process
    /// still records this camera. Not part of the hash.
    #[serde(default)]
    pub standby: bool,
    /// Where the footage of earlier processes ends, for each stream: no file begins before, so that nothing overlaps
    /// when the clock was put back meanwhile. Not part of the hash.
    #[serde(default)]
    pub recorded_until: Vec<(StreamKind, UtcMs)>,
}
