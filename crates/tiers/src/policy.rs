//! Words: what the user wants to keep, where, and for how long (SPEC section 6).
//!
//! Every field has a default that is right for nearly everybody. The empty policy, on one disk, means: record until
//! less than the minimum is free, then let the oldest make room for the newest. What a policy must not say is in
//! [`refuse`](crate::refuse).

use serde::{Deserialize, Serialize};
use tarsier_types::{CameraId, StreamKind, UtcMs};

use crate::window::Window;
use crate::words::{Piece, StreamName, TierId, Volume};

/// The default minimum of free space: 100 GB, or 5 % of a disk on which that is less.
pub const MIN_FREE_BYTES: u64 = 100_000_000_000;
/// 5 % is one part in twenty.
const MIN_FREE_PART: u64 = 20;

pub(crate) const MS_PER_DAY: i64 = 86_400_000;
const MS_PER_MINUTE: i64 = 60_000;

/// What the user wants. Tiers and streams that it does not name follow the defaults.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Policy {
    /// Rules of single tiers. Among tiers of one kind the order here is the order of the footage's way.
    pub tiers: Vec<TierRules>,
    /// How long every stream is kept that `streams` does not name.
    pub keep: Keep,
    /// Other rules for some cameras or streams. The one that names most wins, whole.
    pub streams: Vec<StreamRules>,
}

/// Rules of one tier.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TierRules {
    /// Which tier.
    pub tier: TierId,
    /// Disks: what stays free. Absent: [`MIN_FREE_BYTES`], or 5 % of a disk on which that is less.
    #[serde(default)]
    pub min_free_bytes: Option<u64>,
    /// The most that footage may take in it. Absent: what is there.
    #[serde(default)]
    pub max_bytes: Option<u64>,
    /// Disks with another one behind them: footage this old moves on.
    #[serde(default = "move_after_minutes")]
    pub move_after_minutes: u32,
    /// Disks with another one behind them: the oldest moves on, however new, while more than this share of what
    /// footage may take is taken.
    #[serde(default = "move_above_percent")]
    pub move_above_percent: u8,
    /// Buckets: what is copied there. Absent: the default of each field.
    #[serde(default)]
    pub bucket: Option<BucketRules>,
}

const fn move_after_minutes() -> u32 {
    60
}

const fn move_above_percent() -> u8 {
    80
}

impl TierRules {
    /// The defaults, for that tier.
    pub const fn of(tier: TierId) -> Self {
        Self {
            tier,
            min_free_bytes: None,
            max_bytes: None,
            move_after_minutes: move_after_minutes(),
            move_above_percent: move_above_percent(),
            bucket: None,
        }
    }

    /// The bucket's part, filled up with the defaults.
    pub fn bucket(&self) -> BucketRules {
        self.bucket.clone().unwrap_or_default()
    }
}

/// What is copied to a bucket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BucketRules {
    /// What.
    pub copy: Copied,
    /// Only footage at least this old.
    pub older_than_days: u32,
    /// How long the bucket keeps it. `null`: as long as the stream's own rules say.
    pub keep_days: Option<u32>,
    /// When copying may run, local time. Absent: at any time.
    pub window: Option<Window>,
    /// The most that copying may send. Absent: what the line gives.
    pub max_bits_per_second: Option<u64>,
}

impl Default for BucketRules {
    /// Events, at once, kept 30 days: against theft and fire, at a bearable price.
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Copied {
    /// Everything.
    All,
    /// What an event touches.
    #[default]
    Events,
}

/// How long footage is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Keep {
    /// Older footage is deleted. Absent: it is kept until its place is needed.
    pub max_age_days: Option<u32>,
    /// The most that one stream may take on all disks together. Absent: no limit.
    pub max_bytes: Option<u64>,
    /// Younger footage is deleted to make room in an emergency only.
    pub min_days: u32,
    /// What an event touches is kept so long: past `max_age_days`, and before that as `min_days` keeps the rest.
    pub events_days: Option<u32>,
}

/// Other rules for some streams.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StreamRules {
    /// Of this camera. Absent: of every camera.
    #[serde(default)]
    pub camera: Option<CameraId>,
    /// This stream. Absent: both.
    #[serde(default)]
    pub stream: Option<StreamKind>,
    /// How long they are kept.
    pub keep: Keep,
}

impl StreamRules {
    /// How exactly this names the stream; `None`: it does not.
    fn match_rank(&self, of: &StreamName) -> Option<u8> {
        let camera = self.camera.as_ref();
        if camera.is_some_and(|c| *c != of.camera) || self.stream.is_some_and(|s| s != of.stream) {
            return None;
        }
        Some(2 * u8::from(camera.is_some()) + u8::from(self.stream.is_some()))
    }
}

impl Policy {
    /// How long that stream is kept.
    pub fn keep(&self, of: &StreamName) -> Keep {
        let ranked = self.streams.iter().filter_map(|r| Some((r.match_rank(of)?, r.keep)));
        ranked.max_by_key(|(rank, _)| *rank).map_or(self.keep, |(_, keep)| keep)
    }

    /// The rules of that tier.
    pub fn tier(&self, tier: &TierId) -> TierRules {
        let own = self.tiers.iter().find(|rules| rules.tier == *tier);
        own.cloned().unwrap_or_else(|| TierRules::of(tier.clone()))
    }

    /// What must stay free on that disk.
    pub fn min_free_bytes(&self, disk: &Volume) -> u64 {
        let default = MIN_FREE_BYTES.min(disk.total_bytes / MIN_FREE_PART);
        self.tier(&disk.tier).min_free_bytes.unwrap_or(default)
    }

    /// Below so much free space the oldest makes room, so that the minimum is reached by surprise only: a tenth
    /// more than the minimum (guess: minutes of recording on any disk).
    pub fn comfortable_bytes(&self, disk: &Volume) -> u64 {
        let min = self.min_free_bytes(disk);
        min.saturating_add(min / 10)
    }

    /// What footage may take in that tier in all, others' data being what it is now.
    pub fn usable_bytes(&self, volume: &Volume) -> u64 {
        let max = self.tier(&volume.tier).max_bytes.unwrap_or(u64::MAX);
        if !volume.kind.is_local() {
            return max;
        }
        let there = volume.ours_bytes.saturating_add(volume.available_bytes);
        max.min(there.saturating_sub(self.comfortable_bytes(volume)))
    }

    /// So much of a disk is filled before footage moves on.
    pub(crate) fn fill_line_bytes(&self, disk: &Volume) -> u64 {
        let percent = u128::from(self.tier(&disk.tier).move_above_percent.min(100));
        let line = u128::from(self.usable_bytes(disk)) * percent / 100;
        u64::try_from(line).unwrap_or(u64::MAX)
    }

    /// Footage moves on at this age.
    pub(crate) fn move_after_ms(&self, tier: &TierId) -> i64 {
        i64::from(self.tier(tier).move_after_minutes) * MS_PER_MINUTE
    }

    /// The disks in the order of the footage's way: cache before archive, and as the policy lists them.
    pub fn disks<'v>(&self, volumes: &'v [Volume]) -> Vec<&'v Volume> {
        let place =
            |v: &Volume| self.tiers.iter().position(|r| r.tier == v.tier).unwrap_or(usize::MAX);
        let mut disks: Vec<&Volume> = volumes.iter().filter(|v| v.kind.is_local()).collect();
        disks.sort_by_key(|v| (v.kind, place(v), v.tier.clone()));
        disks
    }

    /// From when on age deletes that piece from its disk.
    pub(crate) fn expires(&self, piece: &Piece) -> Option<UtcMs> {
        let keep = self.keep(&piece.of);
        let events = keep.events_days.filter(|_| piece.is_event).unwrap_or(0);
        Some(days_after(piece.range.end, keep.max_age_days?.max(events)))
    }

    /// From when on age deletes that piece from that bucket.
    pub(crate) fn expires_in_bucket(&self, piece: &Piece, bucket: &TierId) -> Option<UtcMs> {
        match self.tier(bucket).bucket().keep_days {
            Some(days) => Some(days_after(piece.range.end, days)),
            None => self.expires(piece),
        }
    }

    /// Until when making room must pass over that piece, unless another copy is left.
    pub fn protected_until(&self, piece: &Piece) -> UtcMs {
        let keep = self.keep(&piece.of);
        let events = keep.events_days.filter(|_| piece.is_event).unwrap_or(0);
        days_after(piece.range.end, keep.min_days.max(events))
    }
}

/// `days` after that.
pub(crate) fn days_after(point: UtcMs, days: u32) -> UtcMs {
    UtcMs(point.0.saturating_add(i64::from(days) * MS_PER_DAY))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::{DiskId, TierKind, VolumeState};

    const GB: u64 = 1_000_000_000;

    fn disk(total: u64) -> Volume {
        Volume {
            tier: TierId::new("disk").unwrap(),
            kind: TierKind::Cache,
            state: VolumeState::Writable,
            disk: DiskId("1".to_owned()),
            total_bytes: total,
            available_bytes: total / 2,
            ours_bytes: total / 4,
        }
    }

    #[test]
    fn the_default_minimum_is_100_gb_or_5_percent_of_a_smaller_disk() {
        let policy = Policy::default();
        assert_eq!(policy.min_free_bytes(&disk(8_000 * GB)), 100 * GB);
        assert_eq!(policy.min_free_bytes(&disk(500 * GB)), 25 * GB);
    }

    #[test]
    fn others_data_on_the_disk_is_not_ours_to_use() {
        // 1000 GB: 500 free, 250 ours, 250 others'; 50 must stay free and 5 more for comfort.
        assert_eq!(Policy::default().usable_bytes(&disk(1_000 * GB)), 695 * GB);
    }

    #[test]
    fn the_rule_that_names_most_wins_whole() {
        let policy: Policy = serde_json::from_str(
            r#"{"keep":{"max_age_days":30},"streams":[
                {"stream":"sub","keep":{"max_age_days":90}},
                {"camera":"door","keep":{"max_age_days":7,"min_days":2}},
                {"camera":"door","stream":"sub","keep":{}}]}"#,
        )
        .unwrap();
        let days = |camera: &str, stream| {
            let keep = policy.keep(&StreamName { camera: CameraId::new(camera).unwrap(), stream });
            (keep.max_age_days, keep.min_days)
        };
        assert_eq!(days("yard", StreamKind::Main), (Some(30), 0));
        assert_eq!(days("yard", StreamKind::Sub), (Some(90), 0));
        assert_eq!(days("door", StreamKind::Main), (Some(7), 2));
        assert_eq!(days("door", StreamKind::Sub), (None, 0), "nothing is inherited by halves");
    }

    #[test]
    fn a_misspelt_rule_is_not_silently_no_rule() {
        for bad in [
            r#"{"kept":{}}"#,
            r#"{"keep":{"max_age":3}}"#,
            r#"{"tiers":[{"tier":"a","min_free":1}]}"#,
            r#"{"tiers":[{"tier":"a","bucket":{"keep":1}}]}"#,
            r#"{"streams":[{"camera":"door","kep":{}}]}"#,
        ] {
            assert!(serde_json::from_str::<Policy>(bad).is_err(), "{bad} must be refused");
        }
    }

    #[test]
    fn a_policy_survives_being_written_and_read() {
        let text = r#"{"tiers":[{"tier":"s3","bucket":{"copy":"all","keep_days":null,
            "window":{"from":"22:00","to":"06:00"},"max_bits_per_second":8000000}}],
            "keep":{"max_bytes":5,"events_days":9}}"#;
        let policy: Policy = serde_json::from_str(text).unwrap();
        assert_eq!(policy.tiers[0].bucket().keep_days, None, "null asks for no limit of its own");
        let again = serde_json::from_str(&serde_json::to_string(&policy).unwrap()).unwrap();
        assert_eq!(policy, again);
    }
}
