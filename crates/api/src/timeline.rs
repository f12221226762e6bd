//! The past of a camera.

use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::ToSchema;

use crate::camera::Stream;
use crate::event::Event;

/// `GET /api/v1/cameras/{id}/timeline`.
#[derive(Clone, Debug, Serialize, Deserialize, TS, ToSchema)]
pub struct Timeline {
    /// Where there is footage, ordered, not overlapping within a stream.
    pub spans: Vec<TimelineSpan>,
    /// Where there is none although there was some before, ordered.
    pub gaps: Vec<TimelineGap>,
    /// What happened.
    pub events: Vec<Event>,
}

/// `[start, end)` with footage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
pub struct TimelineSpan {
    /// First millisecond.
    #[ts(type = "number")]
    pub start_utc_ms: i64,
    /// First millisecond after it.
    #[ts(type = "number")]
    pub end_utc_ms: i64,
    /// Which stream.
    pub stream: Stream,
    /// Where it lives: `cache`, `archive`, `object_store`.
    pub tier: TierKind,
    /// Deleted by no rule.
    pub locked: bool,
}

/// Kinds of places for segments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TierKind {
    /// Written live.
    Cache,
    /// Long term.
    Archive,
    /// S3 and the like.
    ObjectStore,
}

/// `[start, end)` without footage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
pub struct TimelineGap {
    /// First millisecond.
    #[ts(type = "number")]
    pub start_utc_ms: i64,
    /// First millisecond after it.
    #[ts(type = "number")]
    pub end_utc_ms: i64,
    /// Why.
    pub reason: GapReason,
}

/// Why there is no footage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum GapReason {
    /// The camera sent no pictures.
    Camera,
    /// The camera could not be reached.
    Network,
    /// The camera refused the password.
    Credentials,
    /// The disk was full, missing or too slow.
    Disk,
    /// Tarsier was not running.
    Recorder,
    /// Recording was off or paused.
    Planned,
    /// Deleted by a rule.
    Deleted,
    /// Nothing is known.
    Unknown,
    /// The clock of the machine was put ahead, or the machine slept.
    Clock,
}

impl From<tarsier_types::GapReason> for GapReason {
    fn from(reason: tarsier_types::GapReason) -> Self {
        use tarsier_types::GapReason as R;
        match reason {
            R::Camera => Self::Camera,
            R::Network => Self::Network,
            R::Credentials => Self::Credentials,
            R::Disk => Self::Disk,
            R::Recorder => Self::Recorder,
            R::Planned => Self::Planned,
            R::Deleted => Self::Deleted,
            R::Unknown => Self::Unknown,
            R::Clock => Self::Clock,
        }
    }
}

/// One file: an item of `GET /api/v1/cameras/{id}/{stream}/segments`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
pub struct SegmentItem {
    /// Its name; `…/segments/{start_utc_ms}.mp4` is the file.
    #[ts(type = "number")]
    pub start_utc_ms: i64,
    /// Its length.
    #[ts(type = "number")]
    pub duration_ms: i64,
    /// Its size.
    #[ts(type = "number")]
    pub size_bytes: u64,
    /// `video/mp4; codecs="…"`
    pub mime: String,
    /// It is still being written.
    pub is_open: bool,
    /// BLAKE3 of the file, in hexadecimal, once it is closed.
    pub hash: Option<String>,
    /// Path below the tier's root.
    pub path: String,
}
