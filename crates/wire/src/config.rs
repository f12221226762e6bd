//! What a recorder is told at its start.

use serde::{Deserialize, Serialize};
use tarsier_types::{CameraId, CameraUrl, Credentials, Transport};

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

/// When a stream is written to disk. (Schedules and events come with their own variants.)
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordingMode {
    /// Always.
    #[default]
    Continuous,
    /// Never: live only.
    Off,
}

/// One stream of the camera.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamConfig {
    /// Where it is.
    pub url: CameraUrl,
    /// How RTP travels.
    pub transport: Transport,
    /// Whether it is written to disk.
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
    /// Length of a segment in seconds, 60 to 900; cut at wall-clock multiples of it.
    pub segment_seconds: u32,
    /// The folder of the tier that is written to; holds `tarsier-tier.json`.
    pub tier_root: std::path::PathBuf,
    /// Identity of that tier: nothing is written unless `tarsier-tier.json` names it.
    pub tier_id: String,
    /// Path (Unix) or pipe name (Windows) of the hub's socket.
    pub hub_socket: String,
    /// How long to go on recording without any hub, in seconds, before the last segment is closed.
    pub orphan_seconds: u32,
    /// Stands for everything above: a new hub adopts a running recorder only if it is the same.
    pub config_hash: String,
}
