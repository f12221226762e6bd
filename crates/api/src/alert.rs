//! What a person should know of: one alert for each incident, changed in place, resolved by itself when its cause
//! ends.

use serde::{Deserialize, Serialize};
use tarsier_types::Secret;
use ts_rs::TS;
use utoipa::ToSchema;

/// An item of `GET /api/v1/alerts`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
pub struct Alert {
    /// Rises with each alert.
    #[ts(type = "number")]
    pub id: i64,
    /// What.
    pub kind: AlertKind,
    /// How bad.
    pub severity: AlertSeverity,
    /// Which cameras; none if it is about something else, such as a disk.
    pub camera_ids: Vec<String>,
    /// When its cause began.
    #[ts(type = "number")]
    pub since_utc_ms: i64,
    /// When it was raised.
    #[ts(type = "number")]
    pub raised_utc_ms: i64,
    /// When anything of it changed last.
    #[ts(type = "number")]
    pub changed_utc_ms: i64,
    /// When its cause had ended; absent while it goes on.
    #[ts(type = "number | null")]
    pub resolved_utc_ms: Option<i64>,
    /// When a person took note of it.
    #[ts(type = "number | null")]
    pub acknowledged_utc_ms: Option<i64>,
    /// Who, as their token says.
    pub acknowledged_by: Option<String>,
    /// How often its cause came in this one incident.
    pub occurrences: u32,
    /// What happened, since when: "Garden: no picture since 20:14".
    pub title: String,
    /// Why, and what it costs.
    pub body: String,
    /// What to do.
    pub hint: String,
}

/// Kinds of alerts.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, TS, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum AlertKind {
    /// No pictures; tried again and again.
    CameraOffline,
    /// No pictures, and nothing is tried until somebody changes something.
    CameraStopped,
    /// Its recorder fails so often that it was given a pause.
    CameraUnstable,
    /// Its recorder ended for a reason that another start cannot mend.
    RecorderFatal,
    /// Pictures come, and the disk takes none of them.
    DiskNotWritable,
    /// Pictures come, no error is told, and still nothing reaches the disk.
    NothingWritten,
    /// Less is free than there should be.
    DiskLow,
    /// Footage was deleted to make room.
    CleanupDone,
    /// A place for footage is gone: unplugged, unmounted.
    TierMissing,
    /// Footage that was there is lost.
    FootageLost,
}

impl AlertKind {
    /// Every kind.
    pub const ALL: [Self; 10] = [
        Self::CameraOffline,
        Self::CameraStopped,
        Self::CameraUnstable,
        Self::RecorderFatal,
        Self::DiskNotWritable,
        Self::NothingWritten,
        Self::DiskLow,
        Self::CleanupDone,
        Self::TierMissing,
        Self::FootageLost,
    ];

    /// The name on the wire and in the index.
    pub const fn name(self) -> &'static str {
        match self {
            Self::CameraOffline => "camera_offline",
            Self::CameraStopped => "camera_stopped",
            Self::CameraUnstable => "camera_unstable",
            Self::RecorderFatal => "recorder_fatal",
            Self::DiskNotWritable => "disk_not_writable",
            Self::NothingWritten => "nothing_written",
            Self::DiskLow => "disk_low",
            Self::CleanupDone => "cleanup_done",
            Self::TierMissing => "tier_missing",
            Self::FootageLost => "footage_lost",
        }
    }

    /// The kind of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// How bad it is.
    pub const fn severity(self) -> AlertSeverity {
        match self {
            Self::CleanupDone => AlertSeverity::Info,
            Self::CameraUnstable | Self::DiskLow | Self::TierMissing => AlertSeverity::Warning,
            Self::CameraOffline
            | Self::CameraStopped
            | Self::RecorderFatal
            | Self::DiskNotWritable
            | Self::NothingWritten
            | Self::FootageLost => AlertSeverity::Critical,
        }
    }
}

/// How bad it is.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, TS, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum AlertSeverity {
    /// Good to know.
    Info,
    /// Footage may get lost if nothing is done.
    Warning,
    /// Footage is being lost.
    Critical,
}

/// `GET`, `PUT /api/v1/alerts/mute`: nobody is told of alerts until then; they are kept and shown all the same.
/// What is still open then, and not acknowledged, is told at its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AlertMute {
    /// Quiet until then; null: people are told.
    #[ts(type = "number | null")]
    pub until_utc_ms: Option<i64>,
}

/// `GET /api/v1/alerts/settings`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
pub struct AlertSettings {
    /// An outage of a camera that is shorter is no alert.
    pub hold_off_seconds: u32,
    /// Where alerts are posted, if anywhere: `http` or `https`.
    pub webhook_url: Option<String>,
    /// Posts are signed: `x-tarsier-signature: sha256=` and the HMAC of the body in hexadecimal (RFC 2104).
    pub has_webhook_secret: bool,
    /// What became of the last post, since the hub started.
    pub webhook_result: Option<WebhookResult>,
}

/// `PUT /api/v1/alerts/settings`: what is absent stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, TS, ToSchema)]
#[serde(deny_unknown_fields)]
#[ts(optional_fields = nullable)]
pub struct AlertSettingsChange {
    /// 0 to 3600.
    #[serde(default)]
    pub hold_off_seconds: Option<u32>,
    /// Empty: nowhere.
    #[serde(default)]
    pub webhook_url: Option<String>,
    /// Empty: posts are not signed. Never shown again.
    #[serde(default)]
    #[ts(as = "Option<String>")]
    #[schema(value_type = Option<String>)]
    pub webhook_secret: Option<Secret<String>>,
}

/// What became of a post.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
pub struct WebhookResult {
    /// When it ended.
    #[ts(type = "number")]
    pub at_utc_ms: i64,
    /// It was taken.
    pub is_delivered: bool,
    /// In words: "Answered 204." or what went wrong and what to do.
    pub message: String,
}
