//! What recorders are judged by.

use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::ToSchema;

/// `GET` and `PUT /api/v1/supervision`: when a recorder is replaced, restarted, left alone. What a `PUT` does not name
/// gets its default.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Supervision {
    /// A recorder with more resident memory is replaced, in MB (10^6 bytes): 32 to 1,000,000; default 1000.
    pub max_rss_mb: u32,
    /// A recorder that uses more of one core for `cpu_seconds` is replaced, in percent: 5 to 100,000; default 80.
    pub max_cpu_percent: u32,
    /// For how long, in seconds: 4 to 86,400; default 60.
    pub cpu_seconds: u32,
    /// A recorder that gives no sign of life for so long is killed and started again, in seconds: 3 to 600; default 10.
    pub heartbeat_seconds: u32,
    /// How long a start may take before the first sign of life, in seconds: 5 to 600; default 20.
    pub start_seconds: u32,
    /// Media written is compared with media that came over so long, in seconds of flowing pictures: 5 to 86,400;
    /// default 600.
    pub media_window_seconds: u32,
    /// A recorder that wrote less of it is replaced, in percent: 0 (never) to 95; default 50.
    pub min_media_percent: u32,
    /// How long to wait after the first end in `restarts_within_seconds`, in milliseconds: 0 to 600,000; default 500.
    pub first_wait_ms: u32,
    /// And after the second; it doubles with each further one, in seconds: 1 to 600; default 5.
    pub wait_seconds: u32,
    /// The longest wait, in seconds: 1 to 3600; default 60.
    pub longest_wait_seconds: u32,
    /// More restarts than this in `restarts_within_seconds` make a camera unstable: 1 to 10,000; default 5.
    pub max_restarts: u32,
    /// In seconds: 10 to 86,400; default 600.
    pub restarts_within_seconds: u32,
    /// How long an unstable camera's recorder is left alone before it is tried again, in seconds: 1 to 86,400; default
    /// 1800.
    pub pause_seconds: u32,
    /// How often a recorder that found its disk not writable is tried again, in seconds: 1 to 3600; default 30.
    pub disk_retry_seconds: u32,
    /// How many recorders may be restarted at once because a rule says so: 1 to 64; default 2.
    pub restarts_at_once: u32,
    /// How long a successor may take to get ready to take over without a lost picture, in seconds: 0 (recorders are
    /// stopped and started instead) to 300; default 30.
    pub handover_seconds: u32,
    /// How long recorders go on without a hub before they end, in seconds: 2 to 86,400; default 60. For recorders that
    /// are started from now on.
    pub orphan_seconds: u32,
}

impl Default for Supervision {
    fn default() -> Self {
        Self {
            max_rss_mb: 1000,
            max_cpu_percent: 80,
            cpu_seconds: 60,
            heartbeat_seconds: 10,
            start_seconds: 20,
            media_window_seconds: 600,
            min_media_percent: 50,
            first_wait_ms: 500,
            wait_seconds: 5,
            longest_wait_seconds: 60,
            max_restarts: 5,
            restarts_within_seconds: 600,
            pause_seconds: 1800,
            disk_retry_seconds: 30,
            restarts_at_once: 2,
            handover_seconds: 30,
            orphan_seconds: 60,
        }
    }
}
