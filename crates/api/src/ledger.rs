//! The gap ledger: what became of each second.

use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::ToSchema;

use crate::camera::Stream;
use crate::timeline::{GapReason, TimelineGap};

/// `GET /api/v1/cameras/{id}/ledger`. `recorded_ms` and the `ms` of all `gaps` together are exactly
/// `to_utc_ms - from_utc_ms`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS, ToSchema)]
pub struct Ledger {
    /// Whose.
    pub camera_id: String,
    /// Which stream.
    pub stream: Stream,
    /// What was judged begins here: where it was asked for, or with the first that is known of the stream.
    #[ts(type = "number")]
    pub from_utc_ms: i64,
    /// And ends before this: where it was asked for, or now, or with the last that is on disk.
    #[ts(type = "number")]
    pub to_utc_ms: i64,
    /// With footage.
    #[ts(type = "number")]
    pub recorded_ms: i64,
    /// Of what was wanted: planned gaps, and footage that a rule deleted, do not count. Two decimals, rounded down, so
    /// that 100 means all of it; absent if nothing was wanted.
    pub recorded_percent: Option<f64>,
    /// Of all of the time, planned or not; absent if there was none.
    pub recorded_percent_of_all: Option<f64>,
    /// Without footage, by reason.
    pub gaps: Vec<LedgerGaps>,
    /// The longest gap that nobody planned.
    pub longest_gap: Option<TimelineGap>,
    /// Without footage, and nobody knows why: should be 0.
    #[ts(type = "number")]
    pub unknown_ms: i64,
    /// In words: "recorded 99.98 % of the last 24 h; 4 gaps, 3 camera, 1 network".
    pub line: String,
}

/// What is missing for one reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
pub struct LedgerGaps {
    /// Why.
    pub reason: GapReason,
    /// How many gaps have this as their main reason.
    pub count: u32,
    /// How long, of whatever gap.
    #[ts(type = "number")]
    pub ms: i64,
}
