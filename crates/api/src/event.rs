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
    /// Its end, if it lasted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional, type = "number")]
    pub until_utc_ms: Option<i64>,
}

/// `POST /api/v1/cameras/{id}/events`: something happened that a sensor, a program or a person saw.
#[derive(Clone, Debug, Deserialize, TS, ToSchema)]
#[serde(deny_unknown_fields)]
#[ts(optional_fields = nullable)]
pub struct NewCameraEvent {
    /// What, in a word: `motion`, `doorbell`; small letters, digits, `_` and `-`, at most 40.
    pub kind: String,
    /// More about it, at most 500 characters.
    #[serde(default)]
    pub note: Option<String>,
    /// When it began; now, if absent.
    #[serde(default)]
    #[ts(type = "number | null")]
    pub from_utc_ms: Option<i64>,
    /// When it ends, at most a day after it began; a moment, if absent. What still goes on is told again later.
    #[serde(default)]
    #[ts(type = "number | null")]
    pub until_utc_ms: Option<i64>,
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
    /// A stream's connection broke and has not been mended for some seconds.
    ReconnectionStarted,
    /// It is mended.
    ReconnectionSucceeded,
    /// The quick attempts are used up, or it was stopped.
    ReconnectionFailed,
    /// It ended because nobody wants it any more.
    ReconnectionAborted,
    /// A connection that works is worse than it should be.
    ConnectionDegraded,
    /// It is as it should be again.
    ConnectionRecovered,
    /// An alert was raised: `GET /api/v1/alerts` has it.
    AlertRaised,
    /// The cause of an alert has ended.
    AlertResolved,
    /// A disk was nearly full and old footage was deleted, or it has room again.
    CleanupDone,
    /// A disk is nearly full and nothing more can be deleted, or deleting does not help.
    DiskLow,
    /// A place for footage cannot be used: unplugged, unmounted, exchanged, read-only.
    TierMissing,
    /// It can be used again.
    TierBack,
    /// Files are gone or damaged that no rule deleted.
    FootageLost,
    /// A recorder was restarted too often and is left alone for a while.
    CameraUnstable,
    /// A recorder ended for a reason that another start alone cannot mend.
    RecorderFatal,
    /// Something happened before a camera: told by `POST /api/v1/cameras/{id}/events`.
    CameraEvent,
    /// The clock of the machine was put ahead or back, or the machine slept.
    ClockChanged,
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
            Self::ReconnectionStarted => "reconnection_started",
            Self::ReconnectionSucceeded => "reconnection_succeeded",
            Self::ReconnectionFailed => "reconnection_failed",
            Self::ReconnectionAborted => "reconnection_aborted",
            Self::ConnectionDegraded => "connection_degraded",
            Self::ConnectionRecovered => "connection_recovered",
            Self::AlertRaised => "alert_raised",
            Self::AlertResolved => "alert_resolved",
            Self::CleanupDone => "cleanup_done",
            Self::DiskLow => "disk_low",
            Self::TierMissing => "tier_missing",
            Self::TierBack => "tier_back",
            Self::FootageLost => "footage_lost",
            Self::CameraUnstable => "camera_unstable",
            Self::RecorderFatal => "recorder_fatal",
            Self::CameraEvent => "camera_event",
            Self::ClockChanged => "clock_changed",
        }
    }
}
