//! What happened: kept in the index, sent as server-sent events, resumable by `Last-Event-ID`.

use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::ToSchema;

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
pub struct Event {
    /// Rises by one; the `id:` of the server-sent event.
    #[ts(type = "number")]
    pub id: i64,
    /// When.
    #[ts(type = "number")]
    pub utc_ms: i64,
    /// What.
    pub kind: EventKind,
    /// About which camera.
    pub camera_id: Option<String>,
    /// In words: "Garden: no picture since 20:14".
    pub title: String,
    /// What it costs and what to do.
    pub body: String,
}

/// Kinds of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// A camera was added.
    CameraAdded,
    /// A camera's configuration changed.
    CameraChanged,
    /// A camera was deleted.
    CameraDeleted,
    /// No pictures, after every fast attempt.
    CameraOffline,
    /// Pictures again.
    CameraOnline,
    /// Nothing is tried until somebody changes something (credentials).
    CameraStopped,
    /// A recorder ended and is started again.
    RecorderRestarted,
    /// A recorder cannot write.
    DiskNotWritable,
    /// The hub started.
    HubStarted,
    /// Recording was paused.
    RecordingPaused,
    /// Recording was resumed.
    RecordingResumed,
}

impl EventKind {
    /// The name on the wire and in the index.
    pub const fn name(self) -> &'static str {
        match self {
            Self::CameraAdded => "camera_added",
            Self::CameraChanged => "camera_changed",
            Self::CameraDeleted => "camera_deleted",
            Self::CameraOffline => "camera_offline",
            Self::CameraOnline => "camera_online",
            Self::CameraStopped => "camera_stopped",
            Self::RecorderRestarted => "recorder_restarted",
            Self::DiskNotWritable => "disk_not_writable",
            Self::HubStarted => "hub_started",
            Self::RecordingPaused => "recording_paused",
            Self::RecordingResumed => "recording_resumed",
        }
    }
}
