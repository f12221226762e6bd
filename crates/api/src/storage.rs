//! How long footage is kept and where, what that means, and what is never deleted.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::ToSchema;

use crate::camera::Stream;

/// `GET`, `PUT /api/v1/storage/policy`. Tiers and streams that it does not name follow the defaults; the empty policy
/// records until the minimum of a disk is reached and then lets the oldest make room.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct StoragePolicy {
    /// Rules of single tiers. Among tiers of one kind the order here is the order of the footage's way.
    #[ts(as = "Option<Vec<TierRules>>", optional)]
    pub tiers: Vec<TierRules>,
    /// How long every stream is kept that `streams` does not name.
    #[ts(as = "Option<Keep>", optional)]
    pub keep: Keep,
    /// Other rules for some cameras or streams. The one that names most wins, whole.
    #[ts(as = "Option<Vec<StreamRules>>", optional)]
    pub streams: Vec<StreamRules>,
}

/// Rules of one tier.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TierRules {
    /// Which tier.
    pub tier: String,
    /// Disks: what stays free. 100 GB if absent, or 5 % of a disk on which that is less.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(type = "number", optional)]
    pub min_free_bytes: Option<u64>,
    /// The most that footage may take in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(type = "number", optional)]
    pub max_bytes: Option<u64>,
    /// Disks with another one behind them: footage this old moves on; 60 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub move_after_minutes: Option<u32>,
    /// Disks with another one behind them: the oldest moves on while more than this share is filled, 10 to 95; 80 if
    /// absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub move_above_percent: Option<u8>,
    /// Buckets: what is copied there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub bucket: Option<BucketRules>,
}

/// What is copied to a bucket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct BucketRules {
    /// What; `events` if absent.
    #[ts(as = "Option<Copied>", optional)]
    pub copy: Copied,
    /// Only footage at least this old.
    #[ts(as = "Option<u32>", optional)]
    pub older_than_days: u32,
    /// How long the bucket keeps it: 30 if absent; `null`: as long as the stream's own rules say.
    #[ts(type = "number | null", optional)]
    pub keep_days: Option<u32>,
    /// When copying may run; at any time if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub window: Option<UploadWindow>,
    /// The most that copying may send.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(type = "number", optional)]
    pub max_bits_per_second: Option<u64>,
}

impl Default for BucketRules {
    fn default() -> Self {
        Self {
            copy: Copied::Events,
            older_than_days: 0,
            keep_days: Some(30),
            window: None,
            max_bits_per_second: None,
        }
    }
}

/// Which footage goes to a bucket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Copied {
    /// Everything.
    All,
    /// What an event touches.
    #[default]
    Events,
}

/// Hours of the week, in the machine's local time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UploadWindow {
    /// `22:00`
    pub from: String,
    /// `06:00`: not later than `from`, so of the next morning.
    pub to: String,
    /// Days on which it begins (`monday` …); every day if empty or absent.
    #[serde(default)]
    #[ts(as = "Option<Vec<String>>", optional)]
    pub days: Vec<String>,
}

/// How long footage is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Keep {
    /// Older footage is deleted. Absent: it is kept until its place is needed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub max_age_days: Option<u32>,
    /// The most that one stream may take on all disks together.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(type = "number", optional)]
    pub max_bytes: Option<u64>,
    /// Younger footage is deleted to make room in an emergency only.
    #[ts(as = "Option<u32>", optional)]
    pub min_days: u32,
    /// What an event touches is kept so long.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub events_days: Option<u32>,
}

/// Other rules for some streams.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StreamRules {
    /// Of this camera; of every camera if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub camera: Option<String>,
    /// This stream; both if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub stream: Option<Stream>,
    /// How long they are kept.
    pub keep: Keep,
}

/// `POST /api/v1/storage/forecast`: what a policy means, saved or not, once recording and deleting balance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS, ToSchema)]
pub struct StorageForecast {
    /// Every stream that is recorded or has footage.
    pub streams: Vec<StreamForecast>,
    /// By the id of the tier.
    pub tiers: BTreeMap<String, TierForecast>,
    /// What goes next, the soonest first.
    pub next: Vec<NextStep>,
    /// What will not be as the policy says, or as one would expect.
    pub warnings: Vec<StorageWarning>,
}

/// How long a stream is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS, ToSchema)]
pub struct StreamForecast {
    /// Whose.
    pub camera_id: String,
    /// Which.
    pub stream: Stream,
    /// What it writes in a day; absent: nothing is recorded, or nothing was measured yet.
    #[ts(type = "number | null")]
    pub bytes_per_day: Option<u64>,
    /// That stands on less than a day of footage.
    pub is_rough: bool,
    /// Days on disks; absent: nothing deletes it.
    pub days: Option<f64>,
    /// Days on disks of what an event touches; absent: nothing deletes it.
    pub event_days: Option<f64>,
    /// What ends it on the disks.
    pub limit: ForecastLimit,
    /// The longest that a bucket keeps what is copied of it; absent: nothing is copied, or nothing deletes it.
    pub bucket_days: Option<f64>,
}

/// What ends a stream's time on the disks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ForecastLimit {
    /// Its greatest age.
    Age,
    /// Its size.
    StreamSize,
    /// The last disk is full.
    Space,
    /// Nothing that can be seen.
    Nothing,
}

/// What a tier will hold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS, ToSchema)]
pub struct TierForecast {
    /// Footage in it now.
    #[ts(type = "number")]
    pub footage_bytes: u64,
    /// What footage may take in it; absent: a bucket without a limit of its own.
    #[ts(type = "number | null")]
    pub usable_bytes: Option<u64>,
    /// Footage in it in the end.
    #[ts(type = "number")]
    pub settles_at_bytes: u64,
    /// What comes in within a day.
    #[ts(type = "number")]
    pub bytes_per_day: u64,
    /// Days until it is as full as it may be; 0: it is; absent: it never will be.
    pub full_in_days: Option<f64>,
}

/// What goes next from a tier.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
pub struct NextStep {
    /// From where.
    pub tier: String,
    /// Whose footage.
    pub camera_id: String,
    /// Which stream.
    pub stream: Stream,
    /// From this moment on.
    #[ts(type = "number")]
    pub start_utc_ms: i64,
    /// When, as well as can be said.
    #[ts(type = "number")]
    pub when_utc_ms: i64,
    /// What happens to it.
    pub what: NextWhat,
}

/// What happens to footage next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum NextWhat {
    /// It is deleted.
    Delete {
        /// By which rule.
        why: DeletedBecause,
    },
    /// It moves on.
    Move {
        /// To which tier.
        to: String,
    },
}

/// By which rule footage is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeletedBecause {
    /// It is older than it is kept.
    Age,
    /// Its stream takes more than it may.
    StreamSize,
    /// Its tier holds more than it may.
    TierSize,
    /// Its disk is nearly full.
    TierFull,
    /// The disk had less than the minimum free.
    Emergency,
}

/// What will not be as the policy says, or as one would expect.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum StorageWarning {
    /// The disks are too small for what must be kept.
    MinimumNotKept {
        /// Whose.
        camera_id: String,
        /// Which stream.
        stream: Stream,
        /// Days that it, or its events, must be kept.
        min_days: u32,
        /// Days that it will be.
        days: f64,
    },
    /// A tier is not there.
    TierAway {
        /// Which.
        tier: String,
    },
    /// Most of what is taken on that disk is not footage.
    FilledByOthers {
        /// Which.
        tier: String,
        /// How much.
        #[ts(type = "number")]
        foreign_bytes: u64,
    },
    /// More is to be copied in a day than window and rate let through.
    UploadTooSlow {
        /// Which bucket.
        tier: String,
        /// What is to be copied in a day.
        #[ts(type = "number")]
        bytes_per_day: u64,
        /// What can be.
        #[ts(type = "number")]
        possible_bytes_per_day: u64,
    },
    /// Footage is deleted from the disks before it is old enough to be copied.
    DeletedBeforeCopied {
        /// Which bucket.
        tier: String,
        /// Whose.
        camera_id: String,
        /// Which stream.
        stream: Stream,
        /// Days after which it would be copied.
        older_than_days: u32,
        /// Days that it is on a disk.
        days: f64,
    },
}

/// `POST /api/v1/cameras/{id}/locks`: no rule deletes this, on any tier, until the lock is lifted. Both streams.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(deny_unknown_fields)]
#[ts(optional_fields = nullable)]
pub struct NewFootageLock {
    /// From here on.
    #[ts(type = "number")]
    pub from_utc_ms: i64,
    /// Up to here.
    #[ts(type = "number")]
    pub to_utc_ms: i64,
    /// Why; at most 500 characters.
    #[serde(default)]
    pub note: Option<String>,
}

/// Footage that no rule deletes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
pub struct FootageLock {
    /// Its name.
    pub id: String,
    /// From here on.
    #[ts(type = "number")]
    pub from_utc_ms: i64,
    /// Up to here.
    #[ts(type = "number")]
    pub to_utc_ms: i64,
    /// Why.
    pub note: String,
    /// Since when.
    #[ts(type = "number")]
    pub created_utc_ms: i64,
}
